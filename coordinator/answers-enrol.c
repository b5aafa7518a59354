/* SPDX-License-Identifier: Apache-2.0 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "coordinator/answers.h"

static void add_fingerprint(Json *row, const char *key) {
        char fingerprint[KEY_FINGERPRINT_MAX];
        uint8_t bytes[KEY_SIZE];

        if (key_parse(key, bytes) < 0)
                return;

        key_fingerprint(bytes, fingerprint);
        (void) json_add_string(row, "fingerprint", fingerprint);
        (void) json_add_string(row, "key", key);
}

static void add_key(Json *row, const NodeKey *key) {
        (void) json_add_string(row, "enrolment", enum_name(&enrolment_names, key->state));
        add_fingerprint(row, key->key);
}

static void add_request(Json *row, const WaitingEntry *entry, const Enrol *enrol) {
        DenialText text;

        denial_describe(enrol, entry->denial, &entry->request, &text);
        (void) json_add_string(
                        row, "enrolment", enum_name(&enrolment_names, waiting_state(entry, enrol)));
        add_fingerprint(row, entry->request.key);
        (void) json_add_string(row, "refused", enum_name(&denial_names, entry->denial));
        (void) json_add_string(row, "message", text.text);
        (void) json_add_string(row, "try", text.advice);
        (void) json_add_u64(row, "first", entry->first);
        (void) json_add_u64(row, "seen", entry->last);
}

static Json *new_row(const char *name, Role role) {
        Json *row = json_new_object();

        (void) json_add_string(row, "name", name);
        (void) json_add_string(row, "role", enum_name(&role_names, role));
        return row;
}

/* --- nodes --- */

static bool is_selected(const char *selector, const char *name, Role role, const char *enrolment) {
        if (!selector[0]) {
                return strcmp(enrolment, "rejected") != 0 && strcmp(enrolment, "revoked") != 0;
        }

        return strcmp(selector, enrolment) == 0 ||
               strcmp(selector, enum_name(&role_names, role)) == 0 ||
               fnmatch(selector, name, 0) == 0;
}

/* The key that a node uses, or else the newest that it has had. */
static const NodeKey *key_of(const Enrol *enrol, const char *name) {
        const NodeKey *key = enrol_find_node(enrol, name);

        for (size_t i = enrol->key_count; !key && i-- > 0;) {
                if (strcmp(enrol->keys[i].node, name) == 0)
                        key = &enrol->keys[i];
        }

        return key;
}

static void add_nodes(const Coordinator *coordinator, const char *selector, Json *list) {
        const State *state = coordinator_get_state(coordinator);
        const auto_free Node **nodes = sorted_nodes(state);

        for (size_t i = 0; nodes && i < state->node_count; i++) {
                const NodeKey *key = key_of(&state->enrol, nodes[i]->name);
                const char *enrolment = key ? enum_name(&enrolment_names, key->state) : "";
                Json *row;

                /* It has reported, so it is listed, whatever became of its key. */
                if (!is_selected(selector, nodes[i]->name, nodes[i]->role,
                                 selector[0] ? enrolment : ""))
                        continue;

                row = answer_node(coordinator, nodes[i]);
                if (key)
                        add_key(row, key);
                (void) json_append(list, row);
        }
}

/* Let in, and not heard of yet; or keys that were turned away for good, when they are asked for. */
static void add_silent(const State *state, const char *selector, Json *list) {
        for (size_t i = 0; i < state->enrol.key_count; i++) {
                const NodeKey *key = &state->enrol.keys[i];
                Json *row;

                if (key->unused || state_find_node_const(state, key->node) ||
                    !is_selected(selector, key->node, key->role,
                                 enum_name(&enrolment_names, key->state)))
                        continue;

                row = new_row(key->node, key->role);
                (void) json_add_string(row, "link", "never");
                add_key(row, key);
                (void) json_append(list, row);
        }
}

static void add_waiting(const Coordinator *coordinator, const char *selector, Json *list) {
        const Waiting *waiting = coordinator_get_waiting(coordinator);
        const Enrol *enrol = &coordinator_get_state(coordinator)->enrol;

        for (size_t i = 0; i < waiting->count; i++) {
                const WaitingEntry *entry = &waiting->entries[i];
                const EnrolRequest *request = &entry->request;
                Json *row;

                if (!waiting_is_open(entry, enrol) ||
                    !is_selected(selector, request->name, request->role,
                                 enum_name(&enrolment_names, waiting_state(entry, enrol))))
                        continue;

                row = new_row(request->name, request->role);
                (void) json_add_string(row, "link", "never");
                add_request(row, entry, enrol);
                (void) json_append(list, row);
        }
}

Json *answer_nodes(const Coordinator *coordinator, const char *selector) {
        Json *json = json_new_object();
        Json *list = json_new_array();

        (void) json_add_u64(json, "now", clock_wall());
        add_nodes(coordinator, selector, list);
        add_silent(coordinator_get_state(coordinator), selector, list);
        add_waiting(coordinator, selector, list);
        (void) json_add(json, "nodes", list);
        return json;
}

/* --- one node --- */

static Json *describe_key(const NodeKey *key) {
        Json *row = new_row(key->node, key->role);

        add_key(row, key);
        (void) json_add_string(row, "how", enum_name(&key_change_names, key->change));
        (void) json_add_string(row, "by", key->user);
        (void) json_add_string(row, "token", key->token);
        (void) json_add_string(row, "cluster_id", key->cluster_id);
        (void) json_add_u64(row, "since", key->since);
        (void) json_add_bool(row, "unused", key->unused);
        if (key->rekey_until)
                (void) json_add_u64(row, "rekey_until", key->rekey_until);
        return row;
}

Json *answer_enrolment(const Coordinator *coordinator, const char *name) {
        const Waiting *waiting = coordinator_get_waiting(coordinator);
        const Enrol *enrol = &coordinator_get_state(coordinator)->enrol;
        Json *json = json_new_object();
        Json *keys = json_new_array();

        for (size_t i = 0; i < enrol->key_count; i++) {
                if (strcmp(enrol->keys[i].node, name) == 0)
                        (void) json_append(keys, describe_key(&enrol->keys[i]));
        }

        for (size_t i = 0; i < waiting->count; i++) {
                const WaitingEntry *entry = &waiting->entries[i];
                Json *row;

                if (!waiting_is_open(entry, enrol) || strcmp(entry->request.name, name) != 0)
                        continue;

                row = new_row(name, entry->request.role);
                add_request(row, entry, enrol);
                (void) json_append(keys, row);
        }

        (void) json_add_u64(json, "now", clock_wall());
        (void) json_add_string(json, "name", name);
        if (json_size(keys) == 0) {
                json_free(keys);
                json_free(json);
                return NULL;
        }

        (void) json_add(json, "keys", keys);
        return json;
}

/* --- tokens --- */

Json *answer_tokens(const Coordinator *coordinator) {
        const Enrol *enrol = &coordinator_get_state(coordinator)->enrol;
        Json *json = json_new_object();
        Json *list = json_new_array();
        usec_t now = clock_wall();

        for (size_t i = 0; i < enrol->token_count; i++) {
                const JoinToken *token = &enrol->tokens[i];
                Json *row = json_new_object();

                (void) json_add_string(row, "id", token->made.id);
                (void) json_add_string(row, "role", enum_name(&role_names, token->made.role));
                (void) json_add_string(row, "name", token->made.name);
                (void) json_add_u64(row, "uses", token->made.uses);
                (void) json_add_u64(row, "used", token->used);
                (void) json_add_u64(row, "made", token->made_at);
                (void) json_add_u64(row, "expires", token->made.expires);
                (void) json_add_string(row, "by", token->made.user);
                (void) json_add_string(
                                row, "state",
                                enum_name(&token_state_names, token_state(token, now)));
                (void) json_append(list, row);
        }

        (void) json_add_u64(json, "now", now);
        (void) json_add(json, "tokens", list);
        return json;
}
