/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/span.h"
#include "coordinator/control.h"

/* The client's half of the control socket (coordinator/control.h): one request, one answer, and in
 * any case an end before the deadline. */

typedef struct Client {
        const char *path;
        usec_t deadline; /* for the whole exchange */
        int interrupt;   /* gives up when this becomes readable; negative: nothing does */
} Client;

typedef struct Reply {
        char *text; /* the document as it came */
        Json *document;
        const Json *answer; /* in the document; NULL: it has an error instead */
        int status;         /* exit status, as rollpatchd says */
        Error error;        /* of the document */
} Reply;

void reply_free(Reply *reply);
DEFINE_AUTO(Reply, reply_free)

/* Takes `arguments`, an object; NULL: none. Fails with -ECANCELED when interrupted, otherwise with
 * an error that names the path and what to try. */
int client_ask(const Client *client, const char *verb, Json *arguments, Reply **ret, Error *error);
