/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "coordinator/answers.h"
#include "coordinator/operator-request.h"

#define REKEY_WINDOW USEC_PER_HOUR
#define IMPORT_MAX   1000

/* --- reading --- */

static EnrolRules get_rules(const Request *request) {
        const DaemonConfig *config = coordinator_get_config(request->coordinator);

        return (EnrolRules) { config->masters, config->master_count };
}

static int get_optional_reason(Request *request, char reason[static REASON_MAX]) {
        reason[0] = '\0';
        return json_find(request->arguments, "reason") ? request_reason(request, reason) : 0;
}

static int get_fingerprint(Request *request, char ret[static KEY_FINGERPRINT_MAX]) {
        char text[64];
        int r;

        r = json_get_string(request->arguments, "fingerprint", text, sizeof(text), request->error);
        if (r < 0 || key_fingerprint_parse(text, ret) >= 0)
                return r;

        return error_setf(
                        request->error, ERROR_INVALID,
                        "'%s' is no fingerprint, want one like K4VZ-2AQD-7NXE-LM3Q-WB5T; rollpatch nodes shows them",
                        text);
}

static const NodeKey *find_by_fingerprint(const Enrol *enrol, const char *fingerprint) {
        for (size_t i = 0; i < enrol->key_count; i++) {
                char own[KEY_FINGERPRINT_MAX];
                uint8_t key[KEY_SIZE];

                if (key_parse(enrol->keys[i].key, key) < 0)
                        continue;

                key_fingerprint(key, own);
                if (strcmp(own, fingerprint) == 0)
                        return &enrol->keys[i];
        }

        return NULL;
}

/* What a person has the fingerprint of: a key that was ruled on, or one that asks. */
typedef struct Candidate {
        EnrolRequest request;
        const NodeKey *known; /* NULL: it only asks */
} Candidate;

static bool find_candidate(const Request *request, const char *fingerprint, Candidate *ret) {
        const Waiting *waiting = coordinator_get_waiting(request->coordinator);
        const NodeKey *known = find_by_fingerprint(&request->state->enrol, fingerprint);
        const WaitingEntry *entry = waiting_find(waiting, fingerprint);
        Candidate candidate = { .known = known };

        if (!known && !entry)
                return false;

        if (entry)
                candidate.request = entry->request;
        if (known) {
                candidate.request.role = known->role;
                (void) text_copy(candidate.request.key, KEY_TEXT_MAX, known->key);
                (void) text_copy(candidate.request.name, NAME_TEXT_MAX, known->node);
        }

        *ret = candidate;
        return true;
}

static int refuse_unknown(Request *request, const char *fingerprint) {
        return refuse(request, ERROR_NOT_FOUND,
                      "no node with the key %s has asked to be let in lately; rollpatch nodes shows those that have; is rollpatch-agent running there?",
                      fingerprint);
}

static int deny(Request *request, Denial denial, const EnrolRequest *of) {
        DenialText text;

        denial_describe(&request->state->enrol, denial, of, &text);
        return refuse(request,
                      denial == DENIAL_MASTER_UNLISTED || denial == DENIAL_MASTER_LISTED
                                      ? ERROR_UNSAFE
                                      : ERROR_BLOCKED,
                      "%s (%s); try: %s", text.text, enum_name(&denial_names, denial), text.advice);
}

static Event key_event(
                const Request *request,
                KeyChange change,
                const char *node,
                const char *key,
                Role role,
                const char *reason) {
        Event event = { .kind = EVENT_KEY, .key = { .change = change, .role = role } };

        (void) text_copy(event.key.node, sizeof(event.key.node), node);
        (void) text_copy(event.key.key, sizeof(event.key.key), key);
        (void) text_copy(event.key.user, sizeof(event.key.user), request->peer->user);
        (void) text_copy(event.key.reason, sizeof(event.key.reason), reason);
        return event;
}

/* --- one key --- */

int operator_node_approve(Request *request) {
        EnrolRules rules = get_rules(request);
        char fingerprint[KEY_FINGERPRINT_MAX];
        char outcome[REASON_MAX];
        char reason[REASON_MAX];
        Candidate candidate;
        Denial denial;
        Event event;

        if (get_fingerprint(request, fingerprint) < 0 || get_optional_reason(request, reason) < 0)
                return EXIT_USAGE;
        if (!find_candidate(request, fingerprint, &candidate))
                return refuse_unknown(request, fingerprint);
        if (candidate.known && candidate.known->state == ENROLMENT_ENROLLED) {
                return answer_text(
                                request, "%s is enrolled already: nothing changed",
                                candidate.known->node);
        }

        denial = enrol_judge_entry(
                        &request->state->enrol, &rules, candidate.request.key,
                        candidate.request.name, candidate.request.role,
                        candidate.request.cluster_id);
        if (denial != DENIAL_NONE)
                return deny(request, denial, &candidate.request);

        event =
                        key_event(request, KEY_APPROVED, candidate.request.name,
                                  candidate.request.key, candidate.request.role, reason);
        (void) text_copy(event.key.cluster_id, CLUSTER_ID_MAX, candidate.request.cluster_id);
        (void) text_format(
                        outcome, sizeof(outcome), "%s is enrolled as %s, key %s", event.key.node,
                        enum_name(&role_names, event.key.role), fingerprint);
        return act(request, event.key.node, reason, outcome, &event);
}

int operator_node_reject(Request *request) {
        char fingerprint[KEY_FINGERPRINT_MAX];
        char outcome[REASON_MAX];
        char reason[REASON_MAX];
        Candidate candidate;
        Event event;

        if (get_fingerprint(request, fingerprint) < 0 || request_reason(request, reason) < 0)
                return EXIT_USAGE;
        if (!find_candidate(request, fingerprint, &candidate))
                return refuse_unknown(request, fingerprint);
        if (candidate.known && candidate.known->state == ENROLMENT_ENROLLED) {
                return refuse(request, ERROR_BLOCKED,
                              "%s is enrolled with that key; try: rollpatch node revoke %s --reason TEXT",
                              candidate.known->node, candidate.known->node);
        }
        if (candidate.known) {
                return answer_text(
                                request, "key %s is %s already: nothing changed", fingerprint,
                                enum_name(&enrolment_names, candidate.known->state));
        }
        if (!name_is_valid(candidate.request.name))
                return deny(request, DENIAL_NAME_INVALID, &candidate.request);

        event =
                        key_event(request, KEY_REJECTED, candidate.request.name,
                                  candidate.request.key, candidate.request.role, reason);
        (void) text_format(
                        outcome, sizeof(outcome), "key %s, which calls itself %s, is rejected",
                        fingerprint, event.key.node);
        return act(request, event.key.node, reason, outcome, &event);
}

/* --- one node --- */

static int get_node_name(Request *request, char ret[static NAME_TEXT_MAX]) {
        int r;

        r = json_get_string(request->arguments, "node", ret, NAME_TEXT_MAX, request->error);
        if (r < 0 || name_is_valid(ret))
                return r;

        return error_setf(request->error, ERROR_INVALID, "'%s' is no name of a node", ret);
}

static int refuse_stranger(Request *request, const char *name) {
        return refuse(request, ERROR_NOT_FOUND,
                      "no node '%s' is enrolled; rollpatch nodes shows those that are", name);
}

static bool was_revoked(const Enrol *enrol, const char *node) {
        for (size_t i = 0; i < enrol->key_count; i++) {
                if (strcmp(enrol->keys[i].node, node) == 0 &&
                    enrol->keys[i].state == ENROLMENT_REVOKED)
                        return true;
        }

        return false;
}

int operator_node_revoke(Request *request) {
        char name[NAME_TEXT_MAX];
        char outcome[REASON_MAX];
        char reason[REASON_MAX];
        const NodeKey *key;
        const Node *node;
        Event event;

        if (get_node_name(request, name) < 0 || request_reason(request, reason) < 0)
                return EXIT_USAGE;

        key = enrol_find_node(&request->state->enrol, name);
        if (!key && was_revoked(&request->state->enrol, name))
                return answer_text(request, "%s is revoked already: nothing changed", name);
        if (!key)
                return refuse_stranger(request, name);

        node = state_find_node_const(request->state, name);
        event = key_event(request, KEY_REVOKED, name, key->key, key->role, reason);
        (void) text_format(
                        outcome, sizeof(outcome),
                        "%s is revoked: nothing it says is heard from now on%s", name,
                        node && node->step.slot ? "; it keeps its slot, and its step goes on unseen"
                                                : "");
        return act(request, name, reason, outcome, &event);
}

int operator_node_rekey(Request *request) {
        char name[NAME_TEXT_MAX];
        char outcome[REASON_MAX];
        char reason[REASON_MAX];
        const NodeKey *key;
        Event event;

        if (get_node_name(request, name) < 0 || get_optional_reason(request, reason) < 0)
                return EXIT_USAGE;

        key = enrol_find_node(&request->state->enrol, name);
        if (!key)
                return refuse_stranger(request, name);

        event = key_event(request, KEY_OFFERED, name, key->key, key->role, reason);
        event.key.until = clock_wall() + REKEY_WINDOW;
        (void) text_format(
                        outcome, sizeof(outcome),
                        "%s may announce another key within 1h; both count until the new one is used",
                        name);
        return act(request, name, reason, outcome, &event);
}

int operator_node_show(Request *request) {
        char name[NAME_TEXT_MAX];

        if (get_node_name(request, name) < 0)
                return EXIT_USAGE;

        *request->answer = answer_enrolment(request->coordinator, name);
        if (!*request->answer)
                return refuse_stranger(request, name);

        return EXIT_OK;
}

/* --- a list --- */

typedef struct Row {
        char name[NAME_TEXT_MAX];
        char key[KEY_TEXT_MAX];
        Role role;
} Row;

// clang-format off
static const Field row_fields[] = {
        F_NAME(Row, name),
        F_ENUM(Row, role, role_names),
        F_ID(Row, key),
        F_END,
};
// clang-format on

/* 1: `ret` is to be committed; 0: it is so already; EXIT_... as a negative number: refused. */
static int import_row(Request *request, const Json *item, size_t number, Event *ret) {
        EnrolRules rules = get_rules(request);
        const NodeKey *holder;
        EnrolRequest of = {};
        Denial denial;
        Row row;

        if (fields_decode(row_fields, item, NULL, &row, sizeof(row), request->error) < 0) {
                (void) error_prefixf(request->error, "node %zu of the list", number);
                return -EXIT_USAGE;
        }

        holder = enrol_find_node(&request->state->enrol, row.name);
        if (holder && strcmp(holder->key, row.key) == 0 && holder->role == row.role)
                return 0;

        denial = enrol_judge_entry(&request->state->enrol, &rules, row.key, row.name, row.role, "");
        if (denial != DENIAL_NONE) {
                of.role = row.role;
                (void) text_copy(of.name, sizeof(of.name), row.name);
                (void) text_copy(of.key, sizeof(of.key), row.key);
                return -deny(request, denial, &of);
        }

        *ret = key_event(request, KEY_IMPORTED, row.name, row.key, row.role, "");
        return 1;
}

/* All or none. The first of `events` is the audit entry. */
static int import_all(Request *request, const Json *list, Event *events) {
        size_t all = json_size(list);
        char outcome[REASON_MAX];
        size_t count = 1;
        size_t number = 0;

        for (const Json *item = json_first(list); item; item = json_next(item)) {
                int r = import_row(request, item, ++number, &events[count]);

                if (r < 0)
                        return -r;

                count += (size_t) r;
        }

        (void) text_format(
                        outcome, sizeof(outcome), "%zu nodes imported, %zu were enrolled already",
                        count - 1, all - (count - 1));
        if (count == 1)
                return answer_text(request, "%s: nothing changed", outcome);

        events[0] = audit_event(request, "", "", outcome);
        if (coordinator_commit(request->coordinator, events, count, request->error) < 0)
                return request_exit(request->error->code);

        return answer_text(request, "%s", outcome);
}

int operator_node_import(Request *request) {
        const Json *list = json_find(request->arguments, "nodes");
        size_t count = list && json_is_array(list) ? json_size(list) : 0;
        auto_free Event *events = NULL;

        if (count == 0 || count > IMPORT_MAX) {
                return refuse(request, ERROR_INVALID,
                              "the list has %zu nodes, want 1 to %d at once", count, IMPORT_MAX);
        }

        events = calloc(count + 1, sizeof(Event));
        if (!events)
                return refuse(request, ERROR_MEMORY, "out of memory");

        return import_all(request, list, events);
}
