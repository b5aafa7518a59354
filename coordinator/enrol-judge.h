/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/enrol.h"

/* Who is let in, as what, and what those are told who are not. Pure. */

/* From rollpatchd.yaml. */
typedef struct EnrolRules {
        const char (*masters)[NAME_TEXT_MAX];
        size_t master_count;
} EnrolRules;

bool enrol_is_listed(const EnrolRules *rules, const char *name);

/* The first message of a node. When it came with a token, `psk_matched` says whether it could be
 * opened with that token's psk; if not, nobody has proven anything and the rest is not looked at.
 */
typedef struct EnrolRequest {
        char key[KEY_TEXT_MAX];
        char token[TOKEN_ID_TEXT_MAX]; /* empty: none */
        bool psk_matched;
        char name[NAME_TEXT_MAX];
        Role role;
        char cluster_id[CLUSTER_ID_MAX]; /* empty: it cannot read it */
} EnrolRequest;

typedef enum Denial {
        DENIAL_NONE,
        DENIAL_TOKEN_UNKNOWN,
        DENIAL_TOKEN_WRONG,
        DENIAL_NAME_INVALID,
        DENIAL_KEY_REJECTED,
        DENIAL_KEY_REVOKED,
        DENIAL_NAME_CHANGED,
        DENIAL_ROLE_CHANGED,
        DENIAL_TOKEN_REVOKED,
        DENIAL_TOKEN_EXPIRED,
        DENIAL_TOKEN_USED_UP,
        DENIAL_TOKEN_ROLE,
        DENIAL_TOKEN_NAME,
        DENIAL_MASTER_UNLISTED,
        DENIAL_MASTER_LISTED,
        DENIAL_NAME_CONFLICT,
        DENIAL_CLUSTER_MIXED,
        DENIAL_JOURNAL_IMPLAUSIBLE, /* not by enrol_judge(): see admission.c */
        DENIAL_KEY_PENDING,
} Denial;
#define DENIAL_COUNT (DENIAL_KEY_PENDING + 1)
extern const EnumNames denial_names; /* "token.expired", ...: the ids */

typedef struct EnrolVerdict {
        Denial denial;            /* NONE: it is let in as `node` */
        char node[NAME_TEXT_MAX]; /* whose key it is; empty when it is refused */
        bool has_event;
        Event event; /* to be committed before the node hears that it is let in */
} EnrolVerdict;

/* `wall` is now, wall clock. */
void enrol_judge(
                const Enrol *enrol,
                const EnrolRules *rules,
                usec_t wall,
                const EnrolRequest *request,
                EnrolVerdict *ret);

/* Whether a person may let in this key under this name: DENIAL_NONE, or why not. */
Denial enrol_judge_entry(
                const Enrol *enrol,
                const EnrolRules *rules,
                const char *key,
                const char *name,
                Role role,
                const char *cluster_id);

/* `key` is announced by `node` inside its session. 1: `ret` is to be committed; 0: it is known
 * already, answer the same; ERROR_DENIED: not now, or not this one. */
int enrol_judge_rekey(
                const Enrol *enrol,
                usec_t wall,
                const char *node,
                const char *key,
                Event *ret,
                Error *error);

/* --- what is said --- */

/* Of a refusal: what the operator reads and what he can do about it; and what the node is told,
 * which says no more than its own side knows. */
typedef struct DenialText {
        char text[REASON_MAX];
        char advice[REASON_MAX];
        char node[REASON_MAX];
} DenialText;

void denial_describe(
                const Enrol *enrol, Denial denial, const EnrolRequest *request, DenialText *ret);
