/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <limits.h>

#include "common/cleanup.h"
#include "node-agent/probe/ask.h"
#include "node-agent/probe/parse-login.h"

/* How this node's Mesos is to be asked: over http, or in a strict cluster over https with a token.
 * That is told by this node's own files, because a patch may change it node by node. A token is
 * read from stdin, is sent over https alone, and is in no argument, environment or file. */

typedef struct Access {
        bool strict;
        char ca[PATH_MAX];                                          /* of a strict cluster */
        char authorization[sizeof("token=") - 1 + LOGIN_TOKEN_MAX]; /* "token=..."; or empty */
} Access;

/* `root`: where DC/OS is, NULL: /. `token`: "-", it is on stdin; NULL: there is none. Until it is
 * known how to ask, it is not: an error. */
int access_open(const char *root, const char *token, Access **ret, Error *error);

void access_free(Access *access);
DEFINE_AUTO(Access, access_free)

/* A server of this node's Mesos. `access` is borrowed for as long as it is asked. */
void access_init_server(
                const Access *access,
                Server *server,
                const char *address,
                unsigned port,
                usec_t timeout);

/* One of another node's, of which it is known whether it is a strict one. */
void access_init_other(
                const Access *access,
                bool strict,
                Server *server,
                const char *address,
                unsigned port,
                usec_t timeout);

/* From now on this process leaves no core, and, where it may, no page of it is swapped. */
void access_hide_process(void);
