/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/endpoint.h"
#include "coordinator/iam.h"
#include "proto/keys.h"

/* What the core leaves out of a message is put in just before it is sent: the cluster and our
 * signature of what a node is to run, and the token of a login. All borrowed. */
typedef struct Outgoing {
        Endpoint *endpoint;
        const char *cluster;
        const KeyPair *signing;
        const Iam *iam;
} Outgoing;

/* Best effort, like endpoint_send(): what was not sent is repeated. */
void outgoing_send(const Outgoing *outgoing, const char *node, const Message *order);
