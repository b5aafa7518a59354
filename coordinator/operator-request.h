/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/control.h"
#include "coordinator/coordinator.h"

/* Shared by operator*.c and nobody else: one request of an operator, and how verbs read it and
 * refuse it. operator.c acts on the run, operator-node.c on one node in it, operator-enrol.c and
 * operator-token.c on who may join; operator-look.c only looks. */

typedef struct Request {
        Coordinator *coordinator;
        const State *state;
        const Json *arguments;
        const ControlPeer *peer;
        const char *verb;
        Json **answer;
        Error *error;
} Request;

/* The exit status that goes with a refusal. */
int request_exit(ErrorCode code);
int refuse(Request *request, ErrorCode code, const char *format, ...) PRINTF(3, 4);

/* Nothing was done, or what was done: one sentence. */
int answer_text(Request *request, const char *format, ...) PRINTF(2, 3);

Event audit_event(
                const Request *request, const char *node, const char *reason, const char *outcome);

/* Commits the audit entry and what was done (NULL: nothing), in that order and together; then the
 * core goes on. The answer is `outcome`. */
int act(Request *request,
        const char *node,
        const char *reason,
        const char *outcome,
        const Event *done);

/* Why, for the audit; never empty. */
int request_reason(Request *request, char reason[static REASON_MAX]);

/* A member that may be absent: then `ret` stays as it is. */
int request_number(
                const Request *request, const char *key, uint64_t min, uint64_t max, uint64_t *ret);
bool request_flag(const Request *request, const char *key); /* absent: false */

/* operator-node.c */
int operator_quarantine(Request *request);
int operator_release(Request *request);
int operator_retry(Request *request);
int operator_unquarantine(Request *request);

/* operator-look.c */
int operator_audit(Request *request);
int operator_diagnose(Request *request);
int operator_logs(Request *request);
int operator_nodes(Request *request);
int operator_report(Request *request);
int operator_runs(Request *request);
int operator_status(Request *request);

/* operator-enrol.c, operator-token.c */
int operator_node_approve(Request *request);
int operator_node_import(Request *request);
int operator_node_reject(Request *request);
int operator_node_rekey(Request *request);
int operator_node_revoke(Request *request);
int operator_node_show(Request *request);
int operator_token_create(Request *request);
int operator_token_list(Request *request);
int operator_token_revoke(Request *request);
