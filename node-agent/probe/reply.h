/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/error.h"
#include "common/json.h"
#include "node-agent/probe/sample.h"

/* What came back from one HTTP request, however bad: the input of all readers. Pure. */

/* Of answers that have a fixed form. */
#define REPLY_BYTES_MAX ((size_t) 1024 * 1024)

/* Of answers that grow with the cluster: 10,000 agents at 1.2 kB each are 12 MB. */
#define REPLY_LIST_BYTES_MAX ((size_t) 32 * 1024 * 1024)

typedef struct Reply {
        const char *question; /* "/metrics/snapshot", for messages */
        const char *failure;  /* why nothing usable came back; NULL: something did */
        unsigned status;
        const char *type;     /* "text/html"; NULL or empty: not said */
        const char *location; /* of a redirect; NULL or empty: none */
        const char *body;     /* not necessarily terminated */
        size_t size;
        bool with_token; /* it was asked with one */
} Reply;

/* Errors name the question, and what came instead. */
int reply_expect(const Reply *reply, unsigned status, Error *error);

/* Only of a 200 of at most `max` bytes; and whether that is an object or a list is checked too. */
int reply_object(const Reply *reply, size_t max, Json **ret, Error *error);
int reply_list(const Reply *reply, size_t max, Json **ret, Error *error);

/* A 401 to somebody who showed a token: that one is of no use any more. */
bool reply_refuses_token(const Reply *reply);

/* Exactly this status, and this text as the whole body (trailing white space aside). */
bool reply_says(const Reply *reply, unsigned status, const char *text);

/* The beginning of the body, for evidence. */
void reply_quote(const Reply *reply, Sample *sample);
