/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/error.h"
#include "proto/keys.h"
#include "proto/message.h"

/* Who this node is, read from its own files below `root` ("/" but in tests). */

/* "ROOT/NAME". False: too long for `buffer` (PATH_MAX bytes). */
bool identity_path(char *buffer, const char *root, const char *name);

/* From exactly one marker in /etc/mesosphere/roles; none or several is an error that says what was
 * seen. */
int identity_read_role(const char *root, Role *ret, Error *error);

/* This node's channel key, in its state directory; made there when there is none. */
int identity_load_key(const char *state_dir, KeyPair **ret, Error *error);

/* Whose node this is, for config management, which drops a join token where it is nobody's:
 * ENROLLED_FILE in the state directory holds the coordinator's public key. NULL: nobody's. What
 * cannot be written is logged, and changes nothing here. */
#define ENROLLED_FILE "enrolled"
void identity_note_enrolled(const char *state_dir, const char *coordinator_key);

/* The host name in lower case; it must be fit as a node name. */
int identity_read_name(char ret[static NAME_TEXT_MAX], Error *error);

/* What they read is absent while DC/OS is being activated: empty, or 0, then. */
void identity_read_version(const char *root, char ret[static VERSION_MAX]);
uint64_t identity_read_master_count(const char *root);
void identity_read_cluster_id(const char *root, char ret[static CLUSTER_ID_MAX]);

/* What `detect_ip` has printed: one literal IPv4 or IPv6 address and a line end. */
#define DETECT_IP "opt/mesosphere/bin/detect_ip"
int identity_parse_address(const char *output, char ret[static ADDRESS_TEXT_MAX], Error *error);

/* Agents: DC/OS' advice is to remove this leftover before the script. 1: removed, 0: not there. */
#define LEFTOVER_LIBRARY "opt/mesosphere/lib/libltdl.so.7"
int identity_remove_leftover(const char *root, Error *error);
