/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "coordinator/state-enrol.h"

/* Each kind of event has a check, which changes nothing and may refuse, and an apply, which changes
 * the state and cannot refuse. The shell checks before it commits; after that nothing but a lack of
 * memory can keep memory from following the log. */

static int unknown_node(const char *name, Error *error) {
        return error_setf(
                        error, ERROR_INVALID, "speaks of node '%s', which no event before it names",
                        name);
}

/* --- checks --------------------------------------------------------------------------------------
 */

static int check_nothing(const State *state, const Event *event, Error *error) {
        (void) state;
        (void) event;
        (void) error;
        return 0;
}

static int check_epoch(const State *state, const Event *event, Error *error) {
        if (event->epoch.epoch <= state->epoch) {
                return error_setf(
                                error, ERROR_INVALID,
                                "epoch is %" PRIu64 ", want more than %" PRIu64, event->epoch.epoch,
                                state->epoch);
        }

        return 0;
}

static int check_known_node(const State *state, const Event *event, Error *error) {
        const char *name = event_node(event);

        return state_find_node_const(state, name) ? 0 : unknown_node(name, error);
}

static int check_deposed(const State *state, const Event *event, Error *error) {
        int r;

        r = check_known_node(state, event, error);
        return r < 0 ? r : check_epoch(state, event, error);
}

static int check_claimed(const State *state, const Event *event, Error *error) {
        if (event->claimed.epoch != state->epoch) {
                return error_setf(
                                error, ERROR_INVALID,
                                "acknowledges epoch %" PRIu64 ", want %" PRIu64,
                                event->claimed.epoch, state->epoch);
        }

        return check_known_node(state, event, error);
}

static int check_run_made(const State *state, const Event *event, Error *error) {
        const EventRunMade *made = &event->run_made;

        if (state->run.made.number > 0 && run_state_is_open(state->run.state)) {
                return error_setf(
                                error, ERROR_INVALID,
                                "makes run %" PRIu64 " while run %" PRIu64 " is open", made->number,
                                state->run.made.number);
        }
        if (made->number <= state->run.made.number) {
                return error_setf(
                                error, ERROR_INVALID,
                                "run number is %" PRIu64 ", want more than %" PRIu64, made->number,
                                state->run.made.number);
        }

        /* A new run forgets the steps of the old one, so nothing may be left of them (promise 1).
         */
        for (size_t i = 0; i < state->node_count; i++) {
                if (step_is_unresolved(&state->nodes[i].step)) {
                        return error_setf(
                                        error, ERROR_UNSAFE,
                                        "makes run %" PRIu64 " while step %s is unresolved",
                                        made->number, state->nodes[i].step.id);
                }
        }

        return 0;
}

static int check_run_node(const State *state, const Event *event, Error *error) {
        const Node *node = state_find_node_const(state, event->run_node.node);

        if (!node)
                return unknown_node(event->run_node.node, error);
        if (state->run.made.number == 0 || state->run.state != RUN_DRAFT || node->step.id[0]) {
                return error_setf(
                                error, ERROR_INVALID,
                                "adds '%s' to a run that is no draft, or twice", node->name);
        }
        if (node->role != event->run_node.role) {
                return error_setf(
                                error, ERROR_INVALID, "adds '%s' as %s, it is %s", node->name,
                                enum_name(&role_names, event->run_node.role),
                                enum_name(&role_names, node->role));
        }

        return 0;
}

static int check_run(const State *state, const Event *event, Error *error) {
        if (state->run.made.number == 0 || !run_next(state->run.state, event->run.event)) {
                return error_setf(
                                error, ERROR_INVALID, "run cannot be '%s' while it is '%s'",
                                enum_name(&run_event_names, event->run.event),
                                state->run.made.number == 0
                                                ? "not there"
                                                : enum_name(&run_state_names, state->run.state));
        }

        for (size_t i = 0; event->run.event == RUN_EVENT_FINISHED && i < state->node_count; i++) {
                if (step_is_unresolved(&state->nodes[i].step)) {
                        return error_setf(
                                        error, ERROR_INVALID,
                                        "run cannot be 'finished' while step %s is unresolved",
                                        state->nodes[i].step.id);
                }
        }

        return 0;
}

static bool begins_anew(const EventStep *said) {
        return said->event == STEP_EVENT_RETRIED || said->event == STEP_EVENT_UNQUARANTINED;
}

/* Which step it may speak of: the present one, or, to begin anew, the one that comes after it. */
static int check_step_id(
                const State *state, const Node *node, const EventStep *said, Error *error) {
        char wanted[STEP_ID_MAX] = "";

        if (begins_anew(said) && node_is_in_open_run(state, node)) {
                state_next_step_id(state, node, wanted);
        } else if (!begins_anew(said)) {
                (void) text_copy(wanted, sizeof(wanted), node->step.id);
        }

        if (!wanted[0] || strcmp(wanted, said->step) != 0) {
                return error_setf(
                                error, ERROR_INVALID,
                                "speaks of step '%s' of %s, whose step is '%s'", said->step,
                                node->name, node->step.id);
        }

        return 0;
}

/* What only we decide: the slot is given once, under a fence of its own, by a coordinator that all
 * masters obey, and to no master while another has it. The gate asks more than this; less can be no
 * event. */
static int check_slot(const State *state, const Node *node, const EventStep *said, Error *error) {
        const Node *other =
                        node->role == ROLE_MASTER ? state_find_master_with_slot(state, node) : NULL;
        const char *waiting;

        if (other) {
                return error_setf(
                                error, ERROR_UNSAFE,
                                "gives the slot to master %s while master %s has it (%s)",
                                node->name, other->name,
                                enum_name(&step_state_names, other->step.state));
        }
        if (said->event != STEP_EVENT_SLOTTED)
                return 0;
        if (state->run.state != RUN_RUNNING || said->fence <= state->fence) {
                return error_setf(
                                error, ERROR_INVALID,
                                "gives the slot under fence %" PRIu64 " in a run that is '%s'",
                                said->fence, enum_name(&run_state_names, state->run.state));
        }
        if (state->deposed_by || !state_claim_is_complete(state, &waiting)) {
                return error_setf(
                                error, ERROR_UNSAFE, "gives the slot before the claim is complete");
        }

        return 0;
}

/* What we decide; what a node says has happened takes it too, unasked. */
static bool takes_slot(const Step *step, StepEvent event) {
        return event == STEP_EVENT_SLOTTED || (event == STEP_EVENT_RECHECKED && !step->slot);
}

static int check_step(const State *state, const Event *event, Error *error) {
        const EventStep *said = &event->step;
        const Node *node = state_find_node_const(state, said->node);
        int r;

        if (!node)
                return unknown_node(said->node, error);

        r = check_step_id(state, node, said, error);
        if (r < 0)
                return r;

        if (!step_next(node->step.state, said->event)) {
                return error_setf(
                                error, ERROR_INVALID, "step %s cannot be '%s' while it is '%s'",
                                node->step.id, enum_name(&step_event_names, said->event),
                                enum_name(&step_state_names, node->step.state));
        }
        if (said->event == STEP_EVENT_QUARANTINED && node->role == ROLE_MASTER)
                return error_setf(error, ERROR_UNSAFE, "sets master %s aside", node->name);
        if (takes_slot(&node->step, said->event))
                return check_slot(state, node, said, error);

        return 0;
}

static int check_ordered(const State *state, const Event *event, Error *error) {
        const EventOrdered *said = &event->ordered;
        const Node *node = state_find_node_const(state, said->node);

        if (!node)
                return unknown_node(said->node, error);
        if (state->run.state != RUN_RUNNING || node->step.state != STEP_SLOTTED ||
            !node->step.slot || strcmp(node->step.id, said->step) != 0 ||
            node->step.fence != said->fence) {
                return error_setf(
                                error, ERROR_INVALID,
                                "orders step '%s' under fence %" PRIu64 ", which has no such slot",
                                said->step, said->fence);
        }

        return 0;
}

/* --- applying ------------------------------------------------------------------------------------
 */

static int apply_nothing(State *state, const Event *event) {
        (void) state;
        (void) event;
        return 0;
}

static int apply_epoch(State *state, const Event *event) {
        state->epoch = event->epoch.epoch;
        state->claim_held = false;
        state->deposed_by = 0;
        state->deposed_node[0] = '\0';
        return 0;
}

static int apply_deposed(State *state, const Event *event) {
        state->deposed_by = event->epoch.epoch;
        (void) text_copy(state->deposed_node, sizeof(state->deposed_node), event->epoch.node);
        return 0;
}

static Node *add_node(State *state, const char *name) {
        Node *node;

        if (state->node_count == state->node_space) {
                size_t space = state->node_space ? 2 * state->node_space : 16;
                Node *nodes = reallocarray(state->nodes, space, sizeof(Node));

                if (!nodes)
                        return NULL;

                state->nodes = nodes;
                state->node_space = space;
        }

        if (name_index_add(&state->names, name, state->node_count) < 0)
                return NULL;

        node = &state->nodes[state->node_count++];
        *node = (Node) {};
        (void) text_copy(node->name, sizeof(node->name), name);
        return node;
}

/* Whoever shows another role than before: state->masters follows, in the order of the nodes. */
static int set_role(State *state, Node *node, Role role) {
        size_t place = (size_t) (node - state->nodes);
        size_t *masters = reallocarray(state->masters, state->master_count + 1, sizeof(size_t));
        size_t count = 0;

        if (!masters)
                return -ENOMEM;

        node->role = role;
        state->masters = masters;
        while (count < state->master_count && masters[count] < place)
                count++;

        if (count < state->master_count && masters[count] == place) {
                memmove(&masters[count], &masters[count + 1],
                        (--state->master_count - count) * sizeof(size_t));
        }
        if (role == ROLE_MASTER) {
                memmove(&masters[count + 1], &masters[count],
                        (state->master_count++ - count) * sizeof(size_t));
                masters[count] = place;
        }

        return 0;
}

static int apply_node(State *state, const Event *event) {
        const EventNode *said = &event->node;
        Node *node = state_find_node(state, said->node);

        if (!node)
                node = add_node(state, said->node);
        if (!node || set_role(state, node, said->role) < 0)
                return -ENOMEM;

        if (said->unclaimed)
                node->epoch = 0;

        node->master_count = said->master_count;
        if (node->boot_id[0] && strcmp(node->boot_id, said->boot_id) != 0)
                node->booted_at = event->at;
        (void) text_copy(node->boot_id, sizeof(node->boot_id), said->boot_id);
        (void) text_copy(node->address, sizeof(node->address), said->address);
        (void) text_copy(node->dcos_version, sizeof(node->dcos_version), said->dcos_version);
        (void) text_copy(node->software, sizeof(node->software), said->software);
        return 0;
}

static int apply_claimed(State *state, const Event *event) {
        const EventClaimed *said = &event->claimed;
        Node *node = state_find_node(state, said->node);

        if (node->journal_id[0] && strcmp(node->journal_id, said->journal_id) != 0)
                node->journal_lost = true;

        node->epoch = said->epoch;
        (void) text_copy(node->journal_id, sizeof(node->journal_id), said->journal_id);
        return 0;
}

static size_t find_foreign(const Node *node, const char *step) {
        size_t at = 0;

        while (at < node->foreign_count && strcmp(node->foreign[at].step, step) != 0)
                at++;

        return at;
}

static void drop_foreign(Node *node, const char *step) {
        size_t at = find_foreign(node, step);

        if (at < node->foreign_count)
                node->foreign[at] = node->foreign[--node->foreign_count];
}

static int apply_foreign(State *state, const Event *event) {
        const StepBrief *brief = &event->foreign.brief;
        Node *node = state_find_node(state, event->foreign.node);
        size_t at = find_foreign(node, brief->step);

        if (!brief_is_unresolved(brief)) {
                drop_foreign(node, brief->step);
        } else if (at == FOREIGN_MAX) {
                node->journal_lost =
                                true; /* more than can be kept: nobody can say what it has done */
        } else {
                node->foreign[at] = *brief;
                node->foreign_count = MAX(node->foreign_count, at + 1);
        }

        return 0;
}

/* Remembered, because the node's journal goes on naming these steps at every claim. */
static int apply_cleared(State *state, const Event *event) {
        Node *node = state_find_node(state, event->cleared.node);

        for (size_t i = 0; i < node->foreign_count; i++) {
                (void) text_copy(
                                node->settled[node->settled_count++ % FOREIGN_MAX], STEP_ID_MAX,
                                node->foreign[i].step);
        }

        node->journal_lost = false;
        node->foreign_count = 0;
        return 0;
}

static int apply_waived(State *state, const Event *event) {
        (void) text_copy(state->waiver, sizeof(state->waiver), event->waived.reason);
        return 0;
}

static int apply_run_made(State *state, const Event *event) {
        RunName *runs = reallocarray(state->runs, state->run_count + 1, sizeof(RunName));

        if (!runs)
                return -ENOMEM;

        state->runs = runs;
        runs[state->run_count] = (RunName) { .number = event->run_made.number };
        (void) text_copy(runs[state->run_count++].id, ID_TEXT_MAX, event->run_made.id);

        state->waiver[0] = '\0'; /* good for one run */
        state->run = (Run) {
                .made = event->run_made,
                .state = RUN_DRAFT,
                .made_at = event->at,
                .since = event->at,
        };
        state->slots = 0;
        memset(state->steps, 0, sizeof(state->steps));
        for (size_t i = 0; i < state->node_count; i++)
                state->nodes[i].step = (Step) {};

        return 0;
}

static int apply_run_node(State *state, const Event *event) {
        Node *node = state_find_node(state, event->run_node.node);

        node->step = (Step) { .state = STEP_WAITING,
                              .order = ++state->run.nodes,
                              .since = event->at };
        state_next_step_id(state, node, node->step.id);
        node->step.attempt = 1;
        state->steps[STEP_WAITING]++;
        return 0;
}

static int apply_run(State *state, const Event *event) {
        const EventRun *said = &event->run;

        state->run.state = run_next(state->run.state, said->event)->to;
        state->run.since = event->at;
        state->run.holds |= said->hold;
        state->run.until = said->until;
        (void) text_copy(state->run.reason, sizeof(state->run.reason), said->reason);
        (void) text_copy(state->run.cause, sizeof(state->run.cause), said->node);
        state->run.diagnosed = false;
        return 0;
}

/* The reason stays readable as it was; where there is no room for both, its end goes. */
static void add_cause(char reason[static REASON_MAX], const EventDiagnosed *said) {
        char before[REASON_MAX];

        if (!said->cause[0])
                return;

        (void) text_copy(before, sizeof(before) - sizeof(said->cause) - 16, reason);
        (void) text_format(
                        reason, REASON_MAX, "%s%scause: %s", before, before[0] ? "; " : "",
                        said->cause);
}

/* Whose diagnosis tells why a run stands: the node that halted it, or, where no single one did, the
 * first of those that went wrong. */
static bool explains_halt(const State *state, const Node *node) {
        const Run *run = &state->run;

        if (run->state != RUN_HALTED || run->diagnosed)
                return false;

        return run->cause[0] ? strcmp(run->cause, node->name) == 0 : step_is_unsettled(&node->step);
}

static int apply_diagnosed(State *state, const Event *event) {
        const EventDiagnosed *said = &event->diagnosed;
        Node *node = state_find_node(state, said->node);
        Step *step = &node->step;

        if (explains_halt(state, node)) {
                state->run.diagnosed = true;
                add_cause(state->run.reason, said);
        }
        if (strcmp(step->id, said->step) == 0 && !step->diagnosed) {
                step->diagnosed = true;
                add_cause(step->reason, said);
        }

        return 0;
}

/* Once in a run: what is said in the middle of the trouble, at a retry or by the next master, is
 * not what was before. */
static void note_before_run(Run *run, const EventStep *said) {
        if (run->master_slotted)
                return;

        run->master_slotted = true;
        run->frameworks_before = said->frameworks_before;
        run->frameworks_away_before = said->frameworks_away_before;
}

static void note_result(Step *step, const EventStep *said, usec_t at) {
        if (said->event == STEP_EVENT_SLOTTED) {
                step->slotted_at = at;
                step->registered_before = said->registered_before;
                step->tasks_before = said->tasks_before;
                step->agents_before = MAX(step->agents_before, said->agents_before);
                (void) text_copy(step->agent_id, sizeof(step->agent_id), said->agent_id);
                (void) text_copy(
                                step->losses_before, sizeof(step->losses_before),
                                said->losses_before);
                step->started_at = step->ended_at = 0;
        }
        if (said->event == STEP_EVENT_GAVE_UP)
                step->docker_failed = said->docker_start;
        if (said->event == STEP_EVENT_DECLINED)
                step->declines++;
        if (said->started_at)
                step->started_at = said->started_at;
        if (said->ended_at)
                step->ended_at = said->ended_at;
        if (said->event == STEP_EVENT_SUCCEEDED || said->event == STEP_EVENT_SCRIPT_FAILED) {
                step->exit_status = said->exit_status;
                step->exit_signal = said->exit_signal;
                step->exit_unknown = false;
        }
        if (said->event == STEP_EVENT_INTERRUPTED)
                step->exit_unknown = true;
        if (said->unit[0])
                (void) text_copy(step->unit, sizeof(step->unit), said->unit);
}

/* Its gate is asked anew, or at once. */
static void note_recheck(Step *step, const EventStep *said) {
        step->as_found = step->as_found || step->state == STEP_STAGED;
        step->exit_unknown = step->exit_unknown || step->state == STEP_UNKNOWN;
        if (said->docker_start > 0)
                step->docker_accepted = said->docker_start;
}

static int apply_step(State *state, const Event *event) {
        const EventStep *said = &event->step;
        Node *node = state_find_node(state, said->node);
        Step *step = &node->step;
        const StepTransition *row = step_next(step->state, said->event);
        StepState had_state = step->state;
        bool had_slot = step->slot;

        if (begins_anew(said)) {
                *step = (Step) {
                        .order = step->order,
                        .attempt = step->attempt + 1,
                        .fence = step->fence,
                        .slot = step->slot,
                        .agents_before = step->agents_before, /* an earlier attempt may have lost
                                                                 some */
                };
                (void) text_copy(step->id, sizeof(step->id), said->step);
        } else if (said->event != STEP_EVENT_STAGE_ORDERED) {
                /* Kept as foreign by a log that had not got this far: what it does is known from
                 * here on. */
                drop_foreign(node, step->id);
        }

        if (said->event == STEP_EVENT_RECHECKED)
                note_recheck(step, said);

        state->run.begun = state->run.begun || step_state_is_begun(row->to);
        state->steps[had_state]--;
        state->steps[row->to]++;
        step->state = row->to;
        step->since = event->at;
        step->diagnosed = false;
        step->slot = row->slot == SLOT_TAKE || (row->slot == SLOT_KEEP && step->slot);
        state->slots = state->slots + step->slot - had_slot;
        step->released = said->event == STEP_EVENT_RELEASED;
        step->fence = MAX(step->fence, said->fence);
        state->fence = MAX(state->fence, said->fence);
        (void) text_copy(step->reason, sizeof(step->reason), said->reason);
        note_result(step, said, event->at);
        if (node->role == ROLE_MASTER && said->event == STEP_EVENT_SLOTTED)
                note_before_run(&state->run, said);
        return 0;
}

// clang-format off
static const struct {
        int (*check)(const State *state, const Event *event, Error *error);
        int (*apply)(State *state, const Event *event);
} kinds[] = {
        [EVENT_STARTED]  = { check_epoch,      apply_epoch    },
        [EVENT_EPOCH]    = { check_epoch,      apply_epoch    },
        [EVENT_DEPOSED]  = { check_deposed,    apply_deposed  },
        [EVENT_NODE]     = { check_nothing,    apply_node     },
        [EVENT_CLAIMED]  = { check_claimed,    apply_claimed  },
        [EVENT_FOREIGN]  = { check_known_node, apply_foreign  },
        [EVENT_CLEARED]  = { check_known_node, apply_cleared  },
        [EVENT_WAIVED]   = { check_nothing,    apply_waived   },
        [EVENT_RUN_MADE] = { check_run_made,   apply_run_made },
        [EVENT_RUN_NODE] = { check_run_node,   apply_run_node },
        [EVENT_RUN]      = { check_run,        apply_run      },
        [EVENT_STEP]     = { check_step,       apply_step     },
        [EVENT_CHECK]    = { check_nothing,    apply_nothing  }, /* a record: windows live in memory */
        [EVENT_ORDERED]  = { check_ordered,    apply_nothing  }, /* a record: START is bound to a nonce in memory */
        [EVENT_OPERATOR] = { check_nothing,    apply_nothing  }, /* the audit: its effects are events too */
        [EVENT_TOKEN_MADE]    = { check_token_made,    apply_token_made    },
        [EVENT_TOKEN_REVOKED] = { check_token_revoked, apply_token_revoked },
        [EVENT_KEY]           = { check_key,           apply_key           },
        [EVENT_TURNED_AWAY]   = { check_nothing,       apply_nothing       }, /* the audit */
        [EVENT_FOUND]         = { check_known_node,    apply_nothing       }, /* a record */
        [EVENT_DIAGNOSED]     = { check_known_node,    apply_diagnosed     },
};
// clang-format on
static_assert(ELEMENTSOF(kinds) == EVENT_KIND_COUNT, "a kind of event is not applied");

int state_check(const State *state, const Event *event, Error *error) {
        return kinds[event->kind].check(state, event, error);
}

int state_apply(State *state, const Event *event, Error *error) {
        int r;

        if (event->seq != state->seq + 1) {
                return error_setf(
                                error, ERROR_INVALID, "event %" PRIu64 " follows event %" PRIu64,
                                event->seq, state->seq);
        }

        r = state_check(state, event, error);
        if (r < 0)
                return error_prefixf(error, "event %" PRIu64, event->seq);

        r = kinds[event->kind].apply(state, event);
        if (r < 0) {
                return error_setf(
                                error, ERROR_MEMORY, "event %" PRIu64 ": out of memory",
                                event->seq);
        }

        state->seq = event->seq;
        if (event->kind == EVENT_NODE || event->kind == EVENT_CLAIMED)
                state->claim_held = state->claim_held || state_claim_is_complete(state, NULL);

        return 0;
}

static State *state_copy(const State *state) {
        AUTO(State) *copy = state_new();
        int r;

        if (!copy)
                return NULL;

        *copy = *state;
        copy->nodes = calloc(MAX(state->node_space, (size_t) 1), sizeof(Node));
        copy->runs = calloc(state->run_count + 1, sizeof(RunName));
        copy->masters = calloc(state->master_count + 1, sizeof(size_t));
        r = enrol_copy(&state->enrol, &copy->enrol);
        if (name_index_copy(&state->names, &copy->names) < 0 || r < 0 || !copy->nodes ||
            !copy->runs || !copy->masters)
                return NULL;

        if (state->node_count > 0)
                memcpy(copy->nodes, state->nodes, state->node_count * sizeof(Node));
        if (state->master_count > 0)
                memcpy(copy->masters, state->masters, state->master_count * sizeof(size_t));
        if (state->run_count > 0)
                memcpy(copy->runs, state->runs, state->run_count * sizeof(RunName));

        return TAKE(copy);
}

int state_check_all(const State *state, const Event *events, size_t count, Error *error) {
        AUTO(State) *trial = NULL;
        int r;

        if (count == 1)
                return state_check(state, events, error);

        trial = state_copy(state);
        if (!trial)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        for (size_t i = 0; i < count; i++) {
                Event event = events[i];

                event.seq = trial->seq + 1;
                r = state_apply(trial, &event, error);
                if (r < 0)
                        return r;
        }

        return 0;
}
