/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/diagnoses.h"

#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "coordinator/node-link.h"
#include "proto/failures.h"

/* For the node: enough for a check runner that hangs. Nothing waits for it, and where nothing hangs
 * it is over in seconds. */
#define LIMIT     DIAGNOSE_LIMIT_MAX
#define PATIENCE  (LIMIT + 10 * USEC_PER_SEC) /* for the answer */
#define REPEAT    (10 * USEC_PER_SEC)         /* a node agent may have been restarted */
#define TRIES_MAX 2

/* --- who --- */

/* Whether any node can owe one: nobody looks at 10 000 nodes for nothing. */
static bool may_owe(const State *state) {
        return state->run.state == RUN_HALTED ||
               state->steps[STEP_FAILED] + state->steps[STEP_INTERRUPTED] +
                                               state->steps[STEP_UNKNOWN] +
                                               state->steps[STEP_STARTED] >
                               0;
}

/* The script runs longer than the plan allows. Nobody ends it; but why does it? */
static bool is_overdue(const State *state, const Step *step, usec_t wall) {
        return step->state == STEP_STARTED &&
               span_sub(wall, step->since) > state->run.made.numbers.timeout_script;
}

static bool halts_unexplained(const State *state, const Node *node) {
        const Run *run = &state->run;

        return run->state == RUN_HALTED && !run->diagnosed && strcmp(run->cause, node->name) == 0;
}

static bool owes_diagnosis(const State *state, const Node *node) {
        const Step *step = &node->step;
        bool went_wrong = step_is_unsettled(step) || is_overdue(state, step, clock_wall());

        return (went_wrong && !step->diagnosed) || halts_unexplained(state, node);
}

static DiagnosisAsked *find_asked(Diagnoses *diagnoses, size_t node) {
        for (size_t i = 0; i < DIAGNOSES_AT_ONCE; i++) {
                if (diagnoses->asked[i].request && diagnoses->asked[i].node == node)
                        return &diagnoses->asked[i];
        }

        return NULL;
}

static DiagnosisAsked *take_free(Diagnoses *diagnoses, size_t node) {
        for (size_t i = 0; i < DIAGNOSES_AT_ONCE; i++) {
                if (diagnoses->asked[i].request == 0) {
                        diagnoses->asked[i].node = node;
                        return &diagnoses->asked[i];
                }
        }

        return NULL;
}

/* --- the log --- */

/* What is grave first; a note is no cause of anything. */
static void fill_cause(const Diagnosis *diagnosis, char cause[static CAUSE_MAX]) {
        const Symptom *first = &diagnosis->symptoms[0];
        char text[CAUSE_MAX];

        cause[0] = '\0';
        if (diagnosis->symptom_count == 0 || first->class == FAILURE_NOTE)
                return;

        (void) text_format(
                        text, sizeof(text), "%s%s (%s): %s", first->id,
                        first->class == FAILURE_WAITS ? ", which waits" : "", first->place,
                        first->evidence);
        text_ellipsize(cause, CAUSE_MAX, text);
}

/* Not written means asked again. */
static void commit(Coordinator *coordinator, const Node *node, const Diagnosis *diagnosis) {
        Event events[SYMPTOMS_MAX + 1] = {};
        EventDiagnosed *said = &events[diagnosis->symptom_count].diagnosed;
        Error error = {};

        for (size_t i = 0; i < diagnosis->symptom_count; i++) {
                events[i] = (Event) { .kind = EVENT_FOUND,
                                      .found.symptom = diagnosis->symptoms[i] };
                (void) text_copy(events[i].found.node, NAME_TEXT_MAX, node->name);
                (void) text_copy(events[i].found.step, STEP_ID_MAX, node->step.id);
        }

        events[diagnosis->symptom_count].kind = EVENT_DIAGNOSED;
        said->found = diagnosis->found;
        (void) text_copy(said->node, sizeof(said->node), node->name);
        (void) text_copy(said->step, sizeof(said->step), node->step.id);
        (void) text_copy(said->missing, sizeof(said->missing), diagnosis->missing);
        fill_cause(diagnosis, said->cause);
        if (coordinator_commit(coordinator, events, diagnosis->symptom_count + 1, &error) < 0)
                log_debug("%s: its diagnosis is not written: %s", node->name, error.text);
}

/* --- asking --- */

static void give_up(Coordinator *coordinator, const Node *node, DiagnosisAsked *asked) {
        Diagnosis nothing = {};
        char span[SPAN_TEXT_MAX];

        (void) text_format(
                        nothing.missing, sizeof(nothing.missing),
                        "asked %" PRIu64
                        " times, the node did not answer within %s; one possibility is that "
                        "its rollpatch-agent is older than this rollpatchd",
                        asked->tries, span_format(PATIENCE, span));
        *asked = (DiagnosisAsked) {};
        commit(coordinator, node, &nothing);
}

Message diagnosis_order(const State *state, const Node *node, uint64_t request, usec_t limit) {
        uint64_t masters = state_master_count(state, NULL);
        Message message = {
                .kind = MESSAGE_DIAGNOSE,
                .diagnose = { .request = request, .masters = masters, .limit = limit },
        };

        if (masters > MASTERS_MAX)
                message.diagnose.masters = 0;
        (void) text_copy(message.diagnose.step, sizeof(message.diagnose.step), node->step.id);
        return message;
}

static void send(Coordinator *coordinator, const Node *node, DiagnosisAsked *asked, usec_t now) {
        Message message = diagnosis_order(
                        coordinator_get_state(coordinator), node, asked->request, LIMIT);

        asked->sent_at = now;
        coordinator_send(coordinator, asked->node, &message);
}

/* The node answers a request once, however often it hears it meanwhile. */
static void wait_on(Coordinator *coordinator, const Node *node, DiagnosisAsked *asked, usec_t now) {
        if (span_sub(now, asked->sent_at) >= REPEAT)
                send(coordinator, node, asked, now);
}

static void ask(Diagnoses *diagnoses,
                Coordinator *coordinator,
                size_t index,
                usec_t now,
                uint64_t *requests) {
        const State *state = coordinator_get_state(coordinator);
        const Node *node = &state->nodes[index];
        DiagnosisAsked *asked = find_asked(diagnoses, index);

        if (node_link(state, coordinator_get_facts(coordinator), index, now) != LINK_FRESH)
                return;
        if (asked && span_sub(now, asked->asked_at) < PATIENCE) {
                wait_on(coordinator, node, asked, now);
                return;
        }
        if (asked && asked->tries >= TRIES_MAX) {
                give_up(coordinator, node, asked);
                return;
        }
        if (!asked)
                asked = take_free(diagnoses, index);
        if (!asked)
                return;

        asked->request = ++*requests;
        asked->asked_at = now;
        asked->tries++;
        send(coordinator, node, asked, now);
}

/* Who was settled meanwhile is not asked any more; who fell silent is asked anew once it is heard,
 * and does not keep the others from being asked. */
static void drop_vain(Diagnoses *diagnoses, const Coordinator *coordinator, usec_t now) {
        const State *state = coordinator_get_state(coordinator);
        const Facts *facts = coordinator_get_facts(coordinator);

        for (size_t i = 0; i < DIAGNOSES_AT_ONCE; i++) {
                DiagnosisAsked *asked = &diagnoses->asked[i];

                if (asked->request && (!owes_diagnosis(state, &state->nodes[asked->node]) ||
                                       node_link(state, facts, asked->node, now) != LINK_FRESH))
                        *asked = (DiagnosisAsked) {};
        }
}

void diagnoses_turn(
                Diagnoses *diagnoses, Coordinator *coordinator, usec_t now, uint64_t *requests) {
        const State *state = coordinator_get_state(coordinator);

        drop_vain(diagnoses, coordinator, now);
        if (!may_owe(state))
                return;

        for (size_t i = 0; i < state->node_count; i++) {
                if (owes_diagnosis(state, &state->nodes[i]))
                        ask(diagnoses, coordinator, i, now, requests);
        }
}

bool diagnoses_hear(
                Diagnoses *diagnoses,
                Coordinator *coordinator,
                size_t node,
                const Diagnosis *diagnosis) {
        const State *state = coordinator_get_state(coordinator);
        DiagnosisAsked *asked = find_asked(diagnoses, node);

        if (!asked || asked->request != diagnosis->request)
                return false;

        *asked = (DiagnosisAsked) {};
        if (owes_diagnosis(state, &state->nodes[node]))
                commit(coordinator, &state->nodes[node], diagnosis);

        return true;
}

/* --- words --- */

/* A node agent of another version may know failures that we do not. */
Json *symptom_describe(const Symptom *symptom) {
        const Failure *failure = failure_find(symptom->id);
        Json *json = json_new_object();

        (void) json_add_string(json, "id", symptom->id);
        (void) json_add_string(json, "class", enum_name(&failure_class_names, symptom->class));
        (void) json_add_string(json, "where", symptom->where);
        (void) json_add_string(json, "place", symptom->place);
        (void) json_add_string(json, "cursor", symptom->cursor);
        (void) json_add_u64(json, "offset", symptom->offset);
        (void) json_add_u64(json, "at", symptom->at);
        (void) json_add_u64(json, "count", symptom->count);
        (void) json_add_string(json, "evidence", symptom->evidence);
        (void) json_add_string(json, "cause", failure ? failure->cause : "");
        (void) json_add_string(json, "advice", failure ? failure->advice : "");
        return json;
}

Json *diagnosis_describe(const Node *node, const Diagnosis *diagnosis) {
        Json *json = json_new_object();
        Json *findings = json_new_array();

        for (size_t i = 0; i < diagnosis->symptom_count; i++)
                (void) json_append(findings, symptom_describe(&diagnosis->symptoms[i]));

        (void) json_add_string(json, "node", node->name);
        (void) json_add_string(json, "step", diagnosis->step);
        (void) json_add_u64(json, "since", diagnosis->since);
        (void) json_add_u64(json, "found", diagnosis->found);
        (void) json_add(json, "findings", findings);
        (void) json_add_string(json, "missing", diagnosis->missing);
        return json;
}
