/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/checks.h"

#include <string.h>

#include "common/text.h"
#include "coordinator/excuse.h"
#include "coordinator/health.h"

/* Standard periods (design 8). */
#define FAST_MASTER    (1 * USEC_PER_SEC)
#define FAST_AGENT     (5 * USEC_PER_SEC)
#define SLOW           (10 * USEC_PER_SEC)
#define FASTEST_COSTLY (2 * USEC_PER_SEC)
#define FASTEST        (100 * USEC_PER_MSEC)
#define SHORT_DWELL    (10 * USEC_PER_SEC)
#define OUTSIDE_RUN    (30 * USEC_PER_SEC) /* masters, when no run is open */
#define QUIET          (5 * USEC_PER_MINUTE)

static bool is_of_cluster(const CheckRow *row) {
        return row->asker == ASKER_LEADER;
}

/* How many samples are to fit into a dwell. A program costs far more than a look. */
static unsigned samples_in(usec_t dwell, CheckReader reader) {
        return dwell < SHORT_DWELL && !reader_needs_program(reader) ? 8 : 4;
}

usec_t check_period(const CheckRow *row, Role role, usec_t dwell) {
        usec_t period = role == ROLE_MASTER ? FAST_MASTER : FAST_AGENT;

        if (row->pace == PACE_COSTLY) {
                period = MIN(SLOW, dwell);
                return MAX(period, FASTEST_COSTLY);
        }
        if (row->pace == PACE_SLOW)
                period = SLOW;
        if (is_of_cluster(row))
                period = FAST_MASTER;

        dwell = check_dwell(row, dwell);
        period = MIN(period, dwell / samples_in(dwell, row->reader));
        return MAX(period, FASTEST);
}

usec_t check_newest_max(const CheckRow *row, Role role, bool at_work) {
        if (!at_work)
                return 3 * (row->id == CHECK_MARATHON ? QUIET : OUTSIDE_RUN);
        if (row->pace != PACE_FAST)
                return 15 * USEC_PER_SEC;
        if (is_of_cluster(row) || role == ROLE_MASTER)
                return 2 * USEC_PER_SEC;

        return 15 * USEC_PER_SEC;
}

usec_t check_dwell(const CheckRow *row, usec_t dwell) {
        if (row->pace == PACE_COSTLY)
                return 0;

        return row->pace == PACE_SLOW ? dwell / 2 : dwell;
}

const char *check_advise(const CheckRow *row, const Node *node, char advice[static REASON_MAX]) {
        (void) text_format(advice, REASON_MAX, "%s (on %s)", row->advice, node->name);
        return advice;
}

/* --- who is to ask what --- */

/* NULL: there is no room. */
static WatchItem *add_item(Watch *watch, const CheckRow *row, const char *subject, usec_t period) {
        WatchItem *item;

        if (watch->item_count == WATCH_MAX)
                return NULL;

        item = &watch->items[watch->item_count++];
        item->period = period;
        (void) text_copy(item->check, sizeof(item->check), row->name);
        (void) text_copy(item->subject, sizeof(item->subject), subject);
        return item;
}

/* Its answers grow with the site, so Marathon is left alone while they open no gate. */
static usec_t own_period(const State *state, const Node *node, const CheckRow *row) {
        const RunNumbers *numbers = &state->run.made.numbers;
        usec_t dwell = node->role == ROLE_MASTER ? numbers->dwell_master : numbers->dwell_agent;
        bool at_work = state_is_at_work(state);

        if (row->id == CHECK_MARATHON && !(at_work && master_steps_are_level(state)))
                return QUIET;

        return at_work ? check_period(row, node->role, dwell) : OUTSIDE_RUN;
}

static void watch_node(const State *state, const Node *node, Watch *watch) {
        for (size_t i = 0; i < CHECK_COUNT; i++) {
                const CheckRow *row = &check_rows[i];

                if (row->asker == ASKER_SELF && (row->roles & IN(node->role))) {
                        (void) add_item(watch, row, "", own_period(state, node, row));
                }
        }
}

/* What the leading master says of a Mesos agent. */
static WatchItem *add_agent(Watch *watch, const CheckRow *row, const State *state, size_t index) {
        const Node *node = &state->nodes[index];
        usec_t period = OUTSIDE_RUN;

        if (state_is_at_work(state))
                period = check_period(row, node->role, state->run.made.numbers.dwell_agent);

        return node->address[0] ? add_item(watch, row, node->address, period) : NULL;
}

static void add_member(Watch *watch, const State *state, size_t index) {
        (void) add_agent(watch, &check_rows[CHECK_MEMBER], state, index);
}

/* Some agents, those that are first in the plan's order. */
typedef struct Ahead {
        size_t nodes[TASKS_COMPARED_MAX];
        size_t count;
} Ahead;

static_assert(TASKS_COMPARED_MAX >= 2 * LOOK_AHEAD, "those of two roles are looked at ahead");

static bool goes_first(const State *state, size_t index, size_t other) {
        return state->nodes[index].step.order < state->nodes[other].step.order;
}

/* When it is full, the last one has to go. */
static void add_ahead(Ahead *ahead, const State *state, size_t index) {
        size_t place = ahead->count;

        for (; place > 0 && goes_first(state, index, ahead->nodes[place - 1]); place--) {
                if (place < ELEMENTSOF(ahead->nodes))
                        ahead->nodes[place] = ahead->nodes[place - 1];
        }

        if (place < ELEMENTSOF(ahead->nodes))
                ahead->nodes[place] = index;
        ahead->count = MIN(ahead->count + 1, ELEMENTSOF(ahead->nodes));
}

/* A configuration makes a cluster strict node by node, so the agent says by its own files how it is
 * to be asked. Until it has, it is not: the token is not for one that wants none. */
static bool says_how_to_ask(const Facts *facts, size_t index, uint64_t *ret_strict) {
        const Health *health = health_of(facts, index);

        return health &&
               kept_number(&health->windows[CHECK_MESOS_AGENT].sample, "strict", ret_strict);
}

static void add_tasks(Watch *watch, const State *state, const Facts *facts, size_t index) {
        WatchItem *item = add_agent(watch, &check_rows[CHECK_TASKS], state, index);
        uint64_t strict;

        if (item)
                item->tls = says_how_to_ask(facts, index, &strict) && strict;
}

/* Of those that are being proven. Where they are too many, those that are first: it takes one good
 * answer, and who is done makes room. */
static void watch_tasks(const State *state, const Facts *facts, Watch *watch) {
        Ahead first = {};
        uint64_t strict;

        for (size_t i = 0; state->steps[STEP_VERIFYING] > 0 && i < state->node_count; i++) {
                const Node *node = &state->nodes[i];

                if (node->role != ROLE_MASTER && node->step.state == STEP_VERIFYING &&
                    says_how_to_ask(facts, i, &strict))
                        add_ahead(&first, state, i);
        }

        for (size_t i = 0; i < first.count; i++)
                add_tasks(watch, state, facts, first.nodes[i]);
}

/* Set aside: how many agents are missing depends on whether it is one of them. */
static bool is_set_aside(const Node *node) {
        return node->role != ROLE_MASTER && node->step.state == STEP_QUARANTINED &&
               !node->step.slot;
}

/* Those with a slot, for all of whom there is room (AGENT_SLOTS_MAX). Then those that are set
 * aside, and those that are next, the next of all first: of a large batch fewer are looked at
 * ahead. */
static void watch_members(const State *state, Watch *watch) {
        Ahead ahead = {};

        for (size_t i = 0; i < state->node_count; i++) {
                if (!agent_is_looked_at(state, i))
                        continue;
                if (state->nodes[i].step.slot) {
                        add_member(watch, state, i);
                } else {
                        add_ahead(&ahead, state, i);
                }
        }

        for (size_t i = 0; i < state->node_count; i++) {
                if (is_set_aside(&state->nodes[i]))
                        add_member(watch, state, i);
        }

        for (size_t i = 0; i < ahead.count; i++)
                add_member(watch, state, ahead.nodes[i]);
}

/* One asker of the leader: the node agent on the leading master itself. */
static void watch_leader(const State *state, const Facts *facts, Watch *watch) {
        const RunNumbers *numbers = &state->run.made.numbers;
        bool at_work = state_is_at_work(state);

        (void) add_item(watch, &check_rows[CHECK_MESOS_LEADER], "",
                        at_work ? check_period(&check_rows[CHECK_MESOS_LEADER], ROLE_MASTER,
                                               numbers->dwell_master)
                                : OUTSIDE_RUN);

        if (at_work) {
                watch_tasks(state, facts, watch);
                watch_members(state, watch);
        }

        for (size_t i = 0; facts->wished > 0 && i < state->node_count; i++) {
                if (watch->item_count == WATCH_MAX)
                        return;
                if (!agent_is_looked_at(state, i) && !(at_work && is_set_aside(&state->nodes[i])) &&
                    agent_is_wished_for(state, facts, i))
                        add_member(watch, state, i);
        }
}

/* An agent whose step has ended badly is asked what it has, so that a retry can look first. */
static bool is_asked(const State *state, const Facts *facts, size_t index) {
        const Node *node = &state->nodes[index];

        return node->role == ROLE_MASTER || agent_is_looked_at(state, index) ||
               agent_is_wished_for(state, facts, index) ||
               (state_is_at_work(state) && step_state_is_bad(node->step.state));
}

/* What the checks look from is what this node has run, or may have: of a failed step a restored log
 * knows the fence alone. */
static bool may_have_run(const Step *step) {
        return step->started_at || step->state == STEP_VERIFYING || step->state == STEP_DONE ||
               (step_state_is_bad(step->state) && step->fence > 0);
}

/* FNV-1a, of a number or of a text with its end. */
static uint64_t add_bytes(uint64_t hash, const void *bytes, size_t size) {
        for (size_t i = 0; i < size; i++)
                hash = (hash ^ ((const unsigned char *) bytes)[i]) * UINT64_C(0x100000001b3);

        return hash;
}

static uint64_t add_number(uint64_t hash, uint64_t number) {
        return add_bytes(hash, &number, sizeof(number));
}

static uint64_t add_text(uint64_t hash, const char *text) {
        return add_bytes(hash, text, strlen(text) + 1);
}

/* Over all that is said; 53 bits, as whole numbers in JSON are. */
static uint64_t serial_of(const Watch *watch) {
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        hash = add_number(hash, watch->epoch);
        hash = add_number(hash, watch->masters);
        hash = add_number(hash, watch->refresh);
        hash = add_text(hash, watch->step);
        hash = add_text(hash, watch->version);
        for (size_t i = 0; i < watch->item_count; i++) {
                hash = add_text(hash, watch->items[i].check);
                hash = add_text(hash, watch->items[i].subject);
                hash = add_number(hash, watch->items[i].period);
                hash = add_number(hash, watch->items[i].tls);
        }

        return (hash & JSON_NUMBER_MAX) | 1;
}

/* Before its turn, where the version stays the same: only the packages can tell whether it has what
 * its script would make of it. */
static bool may_have_it(const State *state, const Step *step) {
        const EventRunMade *made = &state->run.made;

        return step->state == STEP_STAGED && strcmp(made->from, made->to) == 0;
}

const char *watched_step(const State *state, const Node *node) {
        return may_have_run(&node->step) || may_have_it(state, &node->step) ? node->step.id : "";
}

void checks_watch(const State *state, const Facts *facts, size_t index, usec_t now, Watch *ret) {
        const Node *node = &state->nodes[index];
        Watch watch = {};

        watch.epoch = state->epoch;
        watch.masters = state_master_count(state, NULL);
        if (watch.masters > MASTERS_MAX)
                watch.masters = 0;

        watch.refresh = facts->nodes[index].refresh;

        if (is_asked(state, facts, index))
                watch_node(state, node, &watch);
        if (node->role == ROLE_MASTER && health_leader(state, facts, now) == index)
                watch_leader(state, facts, &watch);

        (void) text_copy(watch.step, sizeof(watch.step), watched_step(state, node));
        if (may_have_run(&node->step))
                (void) text_copy(watch.version, sizeof(watch.version), state->run.made.to);

        watch.serial = serial_of(&watch);
        *ret = watch;
}
