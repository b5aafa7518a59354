/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/cli/cli.h"
#include "coordinator/cli/client.h"

/* Asks rollpatchd for a verb, and deals with everything but a good answer to a person: errors go to
 * stderr, with --json the document goes to stdout as it came (an error that never came from
 * rollpatchd as one made here, of the same shape). Returns the exit status; `*ret` stays NULL when
 * there is nothing left to show. Takes `arguments`; NULL: none. */
int ask(const CliOptions *options, const char *words, Json *arguments, Reply **ret);

/* For verbs that nodes must answer: how long rollpatchd is to wait for them, somewhat less than we
 * wait for rollpatchd. False: out of memory. */
bool ask_add_wait(const CliOptions *options, Json *arguments);

/* As `ask` does it, for those who ask with client_ask() themselves. */
Client ask_client(const CliOptions *options);
void ask_print_json(const CliOptions *options, const Reply *reply);
int ask_failed(const CliOptions *options, const char *verb, int status, const Error *error);

/* For verbs that do their work without rollpatchd: tells it, for its audit. If that cannot be, says
 * so. */
void ask_for_audit(const CliOptions *options, const char *verb, Json *arguments);

/* For verbs that ask nobody, or many: prints `answer`, which it takes, in the same shape. The exit
 * status. */
int ask_print_answer(const CliOptions *options, const char *verb, int status, Json *answer);
