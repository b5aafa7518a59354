/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/http.h"
#include "node-agent/probe/options.h"
#include "node-agent/probe/reply.h"

/* Asks a server a few questions, one after the other, all within one deadline. */

#define ASK_TIMEOUT  (10 * USEC_PER_SEC)
#define ASK_BASE_MAX 96

typedef struct Server {
        char base[ASK_BASE_MAX]; /* "http://10.0.0.11:5050" */
        usec_t since;            /* boot time */
        usec_t deadline;
        const char *ca_file; /* of these NULL: none */
        const char *cert_file;
        const char *key_file;
        const char *authorization; /* "token=..." */
        const char *secret;        /* of it: in no answer is that left as it is */
} Server;

typedef struct Question {
        const char *path; /* with query */
        const char *name; /* for messages: without query */
        const char *post; /* NULL: GET */
        uint64_t body_max;
        const char *accept; /* type of the answer that is wanted; NULL: any */
} Question;

typedef struct Asked {
        HttpResponse response;
        Error error;
        Reply reply; /* borrows from this struct: it must not be moved */
} Asked;

/* Fills asked[i] for questions[i]; the caller ends with asked_done(). When the server cannot be
 * reached, or is silent, the rest is not asked and has failed for the same reason. */
void ask_in_turn(const Server *server, const Question questions[], Asked asked[], size_t count);

/* Makes the reply of one that was asked by other means: `r` is how that went. What came back may
 * become evidence, so it repeats nothing of the `secret` that was sent; NULL: there was none. */
void asked_answer(Asked *asked, const char *question, const char *secret, int r);

/* A number for whoever gave us the token: "login_refused", 401, when it was refused. */
void asked_note_refusal(const Asked asked[], size_t count, Sample *sample);

void asked_done(Asked asked[], size_t count);

/* --- options that the checks share --- */

/* "10.0.0.11"; IPv4 or IPv6. */
int parse_address(const char *text, Error *error);
int parse_masters(const char *text, uint64_t *ret, Error *error); /* 0: not known */
/* NULL: `standard`. */
int parse_timeout(const char *text, usec_t standard, usec_t *ret, Error *error);

/* What a question to one of the masters, about all of them, is told. Borrows from the arguments. */
typedef struct MasterOrder {
        const char *address;
        const char *root; /* "": as it is */
        uint64_t masters;
        usec_t timeout;
} MasterOrder;

/* --address IP --masters N [--timeout SECONDS] [--root DIR] */
int parse_master_order(char *const arguments[], MasterOrder *ret, Error *error);

/* "SCHEME://ADDRESS:PORT" and the deadline, from now. */
void server_init(
                Server *server,
                const char *scheme,
                const char *address,
                unsigned port,
                usec_t timeout);

usec_t server_elapsed(const Server *server);
