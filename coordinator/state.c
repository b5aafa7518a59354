/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "coordinator/state-enrol.h"

State *state_new(void) {
        return calloc(1, sizeof(State));
}

void state_free(State *state) {
        if (!state)
                return;

        name_index_done(&state->names);
        free(state->masters);
        free(state->nodes);
        free(state->runs);
        enrol_done(&state->enrol);
        free(state);
}

size_t state_find_place(const State *state, const char *name) {
        size_t cursor = name_index_begin(&state->names, name);
        size_t place;

        do {
                place = name_index_next(&state->names, name, &cursor);
        } while (place != SIZE_MAX && strcmp(state->nodes[place].name, name) != 0);

        return place;
}

Node *state_find_node(State *state, const char *name) {
        size_t place = state_find_place(state, name);

        return place == SIZE_MAX ? NULL : &state->nodes[place];
}

const Node *state_find_node_const(const State *state, const char *name) {
        size_t place = state_find_place(state, name);

        return place == SIZE_MAX ? NULL : &state->nodes[place];
}

uint64_t state_master_count(const State *state, const char **ret_reason) {
        const char *reason = "no master has reported its master_count yet";
        uint64_t count = 0;

        for (size_t i = 0; i < state->master_count; i++) {
                const Node *node = &state->nodes[state->masters[i]];

                if (node->master_count == 0)
                        continue;

                if (count != 0 && node->master_count != count) {
                        count = 0;
                        reason = "the masters disagree on master_count";
                        break;
                }

                count = node->master_count;
        }

        if (ret_reason)
                *ret_reason = count == 0 ? reason : NULL;

        return count;
}

/* How many masters have acknowledged the present epoch; and the first that has not, unless
 * something else is waited for already. */
static uint64_t count_claimed(const State *state, const char **waiting) {
        uint64_t count = 0;

        for (size_t i = 0; i < state->master_count; i++) {
                const Node *node = &state->nodes[state->masters[i]];

                if (state->epoch != 0 && node->epoch == state->epoch) {
                        count++;
                } else if (!*waiting) {
                        *waiting = node->name;
                }
        }

        return count;
}

bool state_claim_is_complete(const State *state, const char **ret_waiting_for) {
        const char *waiting = NULL;
        uint64_t want = state_master_count(state, &waiting);
        uint64_t have = count_claimed(state, &waiting);

        if (!waiting && have < want)
                waiting = "a master that has never reported here";
        if (!waiting && have > want)
                waiting = "more masters have reported than master_count says";

        if (ret_waiting_for)
                *ret_waiting_for = waiting;

        return !waiting;
}

uint64_t state_next_epoch(const State *state) {
        return MAX(state->epoch, state->deposed_by) + 1;
}

const Node *state_find_master_with_slot(const State *state, const Node *node) {
        for (size_t i = 0; i < state->master_count; i++) {
                const Node *other = &state->nodes[state->masters[i]];

                if (other != node && other->step.slot)
                        return other;
        }

        return NULL;
}

bool state_has_open_run(const State *state) {
        return state->run.made.number > 0 && run_state_is_open(state->run.state);
}

bool state_is_at_work(const State *state) {
        return state_has_open_run(state) || state->slots > 0;
}

size_t state_count_bad(const State *state) {
        size_t count = 0;

        for (StepState i = 0; i < STEP_STATE_COUNT; i++)
                count += step_state_is_bad(i) ? state->steps[i] : 0;

        return count;
}

const Node *state_find_unsettled(const State *state) {
        for (size_t i = 0; state_count_bad(state) > 0 && i < state->node_count; i++) {
                if (step_is_unsettled(&state->nodes[i].step))
                        return &state->nodes[i];
        }

        return NULL;
}

bool step_is_unsettled(const Step *step) {
        return step_state_is_bad(step->state) && !step->released;
}

bool step_is_unresolved(const Step *step) {
        return step->slot || step_is_unsettled(step);
}

bool node_is_unresolved(const Node *node) {
        return node->journal_lost || node->foreign_count > 0 || step_is_unresolved(&node->step);
}

bool node_is_in_open_run(const State *state, const Node *node) {
        return node->step.id[0] && state->run.made.number > 0 &&
               run_state_is_open(state->run.state);
}

/* "r7-1a2b3c4d-" of a run: what the ids of its steps begin with. */
static bool step_is_of_run(const char *step, uint64_t number, const char *id) {
        char prefix[64];

        (void) text_format(prefix, sizeof(prefix), "r%" PRIu64 "-%.8s-", number, id);
        return text_starts_with(step, prefix);
}

static bool is_settled(const Node *node, const char *id) {
        for (size_t i = 0; i < MIN(node->settled_count, (uint64_t) FOREIGN_MAX); i++) {
                if (strcmp(node->settled[i], id) == 0)
                        return true;
        }

        return false;
}

/* Of the newest run: one of the attempts that were given. */
static bool is_attempt(const Run *run, const Node *node, const char *id) {
        char known[STEP_ID_MAX];

        for (uint64_t attempt = 1; attempt <= node->step.attempt; attempt++) {
                if (step_id_format(known, run->made.number, run->made.id, node->name, attempt) &&
                    strcmp(known, id) == 0)
                        return true;
        }

        return false;
}

bool state_knows_step(const State *state, const Node *node, const char *id) {
        const Run *run = &state->run;

        if (is_settled(node, id))
                return true;
        if (run->made.number > 0 && step_is_of_run(id, run->made.number, run->made.id))
                return is_attempt(run, node, id);

        for (size_t i = 0; i < state->run_count; i++) {
                if (step_is_of_run(id, state->runs[i].number, state->runs[i].id))
                        return true;
        }

        return false;
}

void state_next_step_id(const State *state, const Node *node, char buffer[static STEP_ID_MAX]) {
        (void) step_id_format(
                        buffer, state->run.made.number, state->run.made.id, node->name,
                        node->step.attempt + 1);
}

bool brief_is_in_hand(const StepBrief *brief) {
        return brief->state == NODE_STEP_LOOKING || brief->state == NODE_STEP_INTENT ||
               brief->state == NODE_STEP_RUNNING;
}

bool brief_is_unresolved(const StepBrief *brief) {
        return brief_is_in_hand(brief) || brief->state == NODE_STEP_INTERRUPTED;
}
