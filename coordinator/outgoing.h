/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/iam.h"
#include "proto/keys.h"

/* What the core leaves out of a message, and is put in just before it is sent: the cluster and our
 * signature of what a node is to run, and the token of a login. */

bool outgoing_is_incomplete(MessageKind kind);

/* The caller ends with message_wipe(), also on failure. */
int outgoing_complete(
                const char *cluster,
                const KeyPair *signing,
                const Iam *iam,
                Message *message,
                Error *error);
