/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/state-enrol.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

/* --- checks --- */

int check_token_made(const State *state, const Event *event, Error *error) {
        if (enrol_find_token(&state->enrol, event->token_made.id)) {
                return error_setf(
                                error, ERROR_INVALID, "makes join token %s twice",
                                event->token_made.id);
        }

        return 0;
}

int check_token_revoked(const State *state, const Event *event, Error *error) {
        const JoinToken *token = enrol_find_token(&state->enrol, event->token_revoked.id);

        if (!token || token->revoked) {
                return error_setf(
                                error, ERROR_INVALID, "revokes join token %s, which is %s",
                                event->token_revoked.id, token ? "revoked already" : "not known");
        }

        return 0;
}

static int refuse_key(const EventKey *said, const char *why, Error *error) {
        return error_setf(
                        error, ERROR_INVALID, "key of %s cannot be '%s': %s", said->node,
                        enum_name(&key_change_names, said->change), why);
}

/* A name belongs to one key, and a token lets in as many as it says: whoever judged it, and
 * however many were judged at the same moment. */
static int check_entry(
                const Enrol *enrol, const NodeKey *known, const EventKey *said, Error *error) {
        const JoinToken *token = enrol_find_token(enrol, said->token);

        if (known && (known->state != ENROLMENT_REJECTED || said->change == KEY_JOINED))
                return refuse_key(said, enum_name(&enrolment_names, known->state), error);
        if (enrol_find_node(enrol, said->node))
                return refuse_key(said, "the name has another key", error);
        if (said->change != KEY_JOINED)
                return 0;
        if (!token || token->revoked)
                return refuse_key(said, "there is no such join token", error);
        if (token->used >= token->made.uses)
                return refuse_key(said, "the join token is used up", error);
        if (token->made.role != said->role)
                return refuse_key(said, "the join token is for another role", error);

        return 0;
}

static int check_announced(
                const Enrol *enrol, const NodeKey *known, const EventKey *said, Error *error) {
        const NodeKey *own = enrol_find_node(enrol, said->node);

        if (known)
                return refuse_key(said, "it is known already", error);
        if (!own || own->rekey_until == 0 || own->role != said->role)
                return refuse_key(said, "nobody has asked for it", error);

        return 0;
}

/* What changes a key that is enrolled. */
static int check_enrolled(const NodeKey *known, const EventKey *said, Error *error) {
        bool unused = said->change == KEY_REPLACED;

        if (!known || known->state != ENROLMENT_ENROLLED || strcmp(known->node, said->node) != 0)
                return refuse_key(said, "it is not the node's", error);
        if (said->change != KEY_REVOKED && known->unused != unused)
                return refuse_key(said, unused ? "it is in use" : "it is not in use yet", error);
        if (said->change == KEY_PLACED && (known->cluster_id[0] || !said->cluster_id[0]))
                return refuse_key(said, "a node has one cluster for good", error);

        return 0;
}

int check_key(const State *state, const Event *event, Error *error) {
        const EventKey *said = &event->key;
        const NodeKey *known = enrol_find_key(&state->enrol, said->key);

        switch (said->change) {
        case KEY_JOINED:
        case KEY_APPROVED:
        case KEY_IMPORTED:
                return check_entry(&state->enrol, known, said, error);
        case KEY_REJECTED:
                return known ? refuse_key(said, enum_name(&enrolment_names, known->state), error)
                             : 0;
        case KEY_ANNOUNCED:
                return check_announced(&state->enrol, known, said, error);
        case KEY_REVOKED:
        case KEY_OFFERED:
        case KEY_REPLACED:
        case KEY_PLACED:
                return check_enrolled(known, said, error);
        }

        return 0;
}

/* --- applying --- */

int apply_token_made(State *state, const Event *event) {
        Enrol *enrol = &state->enrol;
        JoinToken *tokens = reallocarray(enrol->tokens, enrol->token_count + 1, sizeof(JoinToken));

        if (!tokens)
                return -ENOMEM;

        enrol->tokens = tokens;
        tokens[enrol->token_count++] =
                        (JoinToken) { .made = event->token_made, .made_at = event->at };
        return 0;
}

static JoinToken *find_token(Enrol *enrol, const char *id) {
        const JoinToken *token = enrol_find_token(enrol, id);

        return token ? &enrol->tokens[token - enrol->tokens] : NULL;
}

int apply_token_revoked(State *state, const Event *event) {
        find_token(&state->enrol, event->token_revoked.id)->revoked = true;
        return 0;
}

static NodeKey *find_or_add_key(Enrol *enrol, const char *key) {
        const NodeKey *known = enrol_find_key(enrol, key);

        if (known)
                return &enrol->keys[known - enrol->keys];

        if (enrol->key_count == enrol->key_space) {
                size_t space = enrol->key_space ? 2 * enrol->key_space : 16;
                NodeKey *keys = reallocarray(enrol->keys, space, sizeof(NodeKey));

                if (!keys)
                        return NULL;

                enrol->keys = keys;
                enrol->key_space = space;
        }

        if (name_index_add(&enrol->by_key, key, enrol->key_count) < 0)
                return NULL;

        enrol->keys[enrol->key_count] = (NodeKey) {};
        (void) text_copy(enrol->keys[enrol->key_count].key, KEY_TEXT_MAX, key);
        return &enrol->keys[enrol->key_count++];
}

/* The key of the event, added when it is new, and found by the node that the event names. NULL: out
 * of memory. */
static NodeKey *get_key(Enrol *enrol, const EventKey *said) {
        NodeKey *key = find_or_add_key(enrol, said->key);

        if (!key || strcmp(key->node, said->node) == 0)
                return key;

        return name_index_add(&enrol->by_node, said->node, (size_t) (key - enrol->keys)) < 0 ? NULL
                                                                                             : key;
}

static void set_state(NodeKey *key, Enrolment state, const Event *event) {
        key->state = state;
        key->change = event->key.change;
        key->since = event->at;
        key->rekey_until = 0;
        key->unused = event->key.change == KEY_ANNOUNCED;
        (void) text_copy(key->user, sizeof(key->user), event->key.user);
}

/* Nothing of what it was before, rejected say, is kept. */
static void enter(NodeKey *key, Enrolment state, const Event *event) {
        const EventKey *said = &event->key;

        set_state(key, state, event);
        key->role = said->role;
        (void) text_copy(key->node, sizeof(key->node), said->node);
        (void) text_copy(key->token, sizeof(key->token), said->token);
        (void) text_copy(key->cluster_id, sizeof(key->cluster_id), said->cluster_id);
}

/* The enrolled keys of that node but one: those that are not used yet, or the one in use. */
static void retire_others(Enrol *enrol, const NodeKey *kept, const Event *event, bool unused) {
        for (size_t i = 0; i < enrol->key_count; i++) {
                NodeKey *key = &enrol->keys[i];

                if (key != kept && key->state == ENROLMENT_ENROLLED && key->unused == unused &&
                    strcmp(key->node, event->key.node) == 0)
                        set_state(key, ENROLMENT_REVOKED, event);
        }
}

static void announce(Enrol *enrol, NodeKey *key, const Event *event) {
        const NodeKey *own = enrol_find_node(enrol, event->key.node);

        /* One key for each offer. */
        enrol->keys[own - enrol->keys].rekey_until = 0;
        enter(key, ENROLMENT_ENROLLED, event);
        retire_others(enrol, key, event, true);
}

static void use(Enrol *enrol, NodeKey *key, const Event *event) {
        set_state(key, ENROLMENT_ENROLLED, event);
        retire_others(enrol, key, event, false);
}

/* The key in use takes the one that was to follow it along. */
static void revoke_key(Enrol *enrol, NodeKey *key, const Event *event) {
        if (!key->unused)
                retire_others(enrol, key, event, true);

        set_state(key, ENROLMENT_REVOKED, event);
}

/* Where the gates look. A key that is only rejected never was the node's. */
static void note_revoked(State *state, const EventKey *said) {
        Node *node = state_find_node(state, said->node);

        if (node && said->change != KEY_REJECTED)
                node->revoked = !enrol_find_node(&state->enrol, said->node);
}

int apply_key(State *state, const Event *event) {
        const EventKey *said = &event->key;
        NodeKey *key = get_key(&state->enrol, said);

        if (!key)
                return -ENOMEM;

        switch (said->change) {
        case KEY_JOINED:
                find_token(&state->enrol, said->token)->used++;
                enter(key, ENROLMENT_ENROLLED, event);
                break;
        case KEY_APPROVED:
        case KEY_IMPORTED:
                enter(key, ENROLMENT_ENROLLED, event);
                break;
        case KEY_REJECTED:
                enter(key, ENROLMENT_REJECTED, event);
                break;
        case KEY_REVOKED:
                revoke_key(&state->enrol, key, event);
                break;
        case KEY_OFFERED:
                key->rekey_until = said->until;
                break;
        case KEY_ANNOUNCED:
                announce(&state->enrol, key, event);
                break;
        case KEY_REPLACED:
                use(&state->enrol, key, event);
                break;
        case KEY_PLACED:
                (void) text_copy(key->cluster_id, sizeof(key->cluster_id), said->cluster_id);
                break;
        }

        note_revoked(state, said);
        return 0;
}

int enrol_copy(const Enrol *enrol, Enrol *ret) {
        Enrol copy = *enrol;
        int r;

        copy.tokens = calloc(enrol->token_count + 1, sizeof(JoinToken));
        copy.keys = calloc(MAX(enrol->key_space, (size_t) 1), sizeof(NodeKey));
        r = name_index_copy(&enrol->by_key, &copy.by_key);
        if (name_index_copy(&enrol->by_node, &copy.by_node) < 0 || r < 0 || !copy.tokens ||
            !copy.keys) {
                enrol_done(&copy);
                *ret = (Enrol) {};
                return -ENOMEM;
        }

        if (enrol->token_count > 0)
                memcpy(copy.tokens, enrol->tokens, enrol->token_count * sizeof(JoinToken));
        if (enrol->key_count > 0)
                memcpy(copy.keys, enrol->keys, enrol->key_count * sizeof(NodeKey));

        *ret = copy;
        return 0;
}

void enrol_done(Enrol *enrol) {
        name_index_done(&enrol->by_key);
        name_index_done(&enrol->by_node);
        free(enrol->tokens);
        free(enrol->keys);
}
