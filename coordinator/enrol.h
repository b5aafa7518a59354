/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/cleanup.h"
#include "coordinator/event.h"
#include "coordinator/name-index.h"

/* Who is a node of this cluster (design 6). A node *is* its channel key; a name in a message is
 * only compared with the name that the key is bound to. Pure. */

typedef enum Enrolment {
        ENROLMENT_PENDING, /* asks to be let in; a person has to compare fingerprints */
        ENROLMENT_ENROLLED,
        ENROLMENT_REJECTED,
        ENROLMENT_REVOKED,
        ENROLMENT_CONFLICT, /* asks to be let in under a name that has another key */
} Enrolment;
#define ENROLMENT_COUNT (ENROLMENT_CONFLICT + 1)
extern const EnumNames enrolment_names;

typedef struct JoinToken {
        EventTokenMade made;
        usec_t made_at; /* wall clock */
        uint64_t used;
        bool revoked;
} JoinToken;

/* A key that was let in, or that a person has ruled on. Of two keys of a node one is `unused`. */
typedef struct NodeKey {
        char key[KEY_TEXT_MAX];
        char node[NAME_TEXT_MAX];
        Role role;
        char cluster_id[CLUSTER_ID_MAX]; /* empty: not known */
        Enrolment state;                 /* ENROLLED, REJECTED or REVOKED */
        KeyChange change;                /* what brought it there */
        char token[TOKEN_ID_TEXT_MAX];
        char user[USER_MAX];
        usec_t since;       /* wall clock */
        usec_t rekey_until; /* its node may announce another key; 0: it may not */
        bool unused;        /* announced, and not used yet */
} NodeKey;

/* Neither tokens nor keys are ever taken out: a key that was revoked stays known as such. What
 * strangers ask for is not in here but in waiting.h, so that they cannot make it grow. */
typedef struct Enrol {
        JoinToken *tokens;
        size_t token_count;
        NodeKey *keys;
        size_t key_count;
        size_t key_space;
        NameIndex by_key;
        NameIndex by_node;
} Enrol;

const JoinToken *enrol_find_token(const Enrol *enrol, const char *id);
const NodeKey *enrol_find_key(const Enrol *enrol, const char *key);

/* The enrolled key that `node` uses; and the one it has announced and not used yet. NULL: none. */
const NodeKey *enrol_find_node(const Enrol *enrol, const char *node);
const NodeKey *enrol_find_successor(const Enrol *enrol, const char *node);

/* The cluster's /var/lib/dcos/cluster-id: what the first of the enrolled masters says. ""; none of
 * them has said it yet. */
const char *enrol_cluster_id(const Enrol *enrol);

typedef enum TokenState {
        TOKEN_GOOD,
        TOKEN_EXPIRED,
        TOKEN_USED_UP,
        TOKEN_REVOKED,
} TokenState;
#define TOKEN_STATE_COUNT (TOKEN_REVOKED + 1)
extern const EnumNames token_state_names;

TokenState token_state(const JoinToken *token, usec_t wall);

/* Patterns of tokens: a name with '*' and '?' in it. */
bool pattern_is_valid(const char *pattern);
