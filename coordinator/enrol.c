/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/enrol.h"

#include <string.h>

// clang-format off
static const char *const state_names[] = {
        [ENROLMENT_PENDING]  = "pending",
        [ENROLMENT_ENROLLED] = "enrolled",
        [ENROLMENT_REJECTED] = "rejected",
        [ENROLMENT_REVOKED]  = "revoked",
        [ENROLMENT_CONFLICT] = "conflict",
};

static const char *const token_names[] = {
        [TOKEN_GOOD]    = "good",
        [TOKEN_EXPIRED] = "expired",
        [TOKEN_USED_UP] = "used-up",
        [TOKEN_REVOKED] = "revoked",
};
// clang-format on
DEFINE_ENUM_NAMES(enrolment, state_names, ENROLMENT_COUNT);
DEFINE_ENUM_NAMES(token_state, token_names, TOKEN_STATE_COUNT);

const JoinToken *enrol_find_token(const Enrol *enrol, const char *id) {
        for (size_t i = 0; i < enrol->token_count; i++) {
                if (strcmp(enrol->tokens[i].made.id, id) == 0)
                        return &enrol->tokens[i];
        }

        return NULL;
}

const NodeKey *enrol_find_key(const Enrol *enrol, const char *key) {
        size_t cursor = name_index_begin(&enrol->by_key, key);
        size_t place;

        do {
                place = name_index_next(&enrol->by_key, key, &cursor);
        } while (place != SIZE_MAX && strcmp(enrol->keys[place].key, key) != 0);

        return place == SIZE_MAX ? NULL : &enrol->keys[place];
}

static const NodeKey *find_enrolled(const Enrol *enrol, const char *node, bool unused) {
        size_t cursor = name_index_begin(&enrol->by_node, node);
        size_t place;

        while ((place = name_index_next(&enrol->by_node, node, &cursor)) != SIZE_MAX) {
                const NodeKey *key = &enrol->keys[place];

                if (key->state == ENROLMENT_ENROLLED && key->unused == unused &&
                    strcmp(key->node, node) == 0)
                        return key;
        }

        return NULL;
}

const NodeKey *enrol_find_node(const Enrol *enrol, const char *node) {
        return find_enrolled(enrol, node, false);
}

const NodeKey *enrol_find_successor(const Enrol *enrol, const char *node) {
        return find_enrolled(enrol, node, true);
}

const char *enrol_cluster_id(const Enrol *enrol) {
        for (size_t i = 0; i < enrol->key_count; i++) {
                const NodeKey *key = &enrol->keys[i];

                if (key->state == ENROLMENT_ENROLLED && key->role == ROLE_MASTER &&
                    key->cluster_id[0])
                        return key->cluster_id;
        }

        return "";
}

TokenState token_state(const JoinToken *token, usec_t wall) {
        if (token->revoked)
                return TOKEN_REVOKED;
        if (wall >= token->made.expires)
                return TOKEN_EXPIRED;

        return token->used >= token->made.uses ? TOKEN_USED_UP : TOKEN_GOOD;
}

bool pattern_is_valid(const char *pattern) {
        size_t length = strspn(pattern, "abcdefghijklmnopqrstuvwxyz0123456789.-*?");

        return length > 0 && length < NAME_TEXT_MAX && pattern[length] == '\0';
}
