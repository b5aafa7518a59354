/* SPDX-License-Identifier: Apache-2.0 */

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/parse.h"
#include "common/text.h"
#include "coordinator/node-link.h"
#include "tests/unit/core-lab.h"

/* Random walks: nodes that say anything at any time, operators that type anything, restarts,
 * backups that are restored, clocks that run. Nothing of it makes sense, and that is the point:
 * whatever is heard, a slot or a start order is given only when everything that can be asked says
 * that it may be. Each walk is its seed; a failure names it, and SEED=N runs that one alone. */

#define WALKS 100
#define STEPS 250

static const char *const names[] = { "m1", "m2", "m3", "a1" };

static uint64_t random_state;

/* splitmix64 */
static uint64_t draw(uint64_t limit) {
        uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return (z ^ z >> 31) % limit;
}

/* --- the invariant, asked of every event before it is applied --- */

static uint64_t highest_fence;
static unsigned slots_seen;
static unsigned orders_seen;
static unsigned finished_seen;
static uint64_t walking;

/* Its slot was taken by a person while nobody knew what its step did: it has said so itself since.
 */
static bool has_accounted(const Node *node, const NodeFacts *facts) {
        return node->step.state != STEP_UNKNOWN ||
               (facts->reported_at != 0 && facts->reported != NODE_STEP_LOOKING &&
                facts->reported != NODE_STEP_INTENT && facts->reported != NODE_STEP_RUNNING);
}

static bool is_good(const Lab *lab, size_t i) {
        const Node *node = &lab->state->nodes[i];
        const NodeFacts *facts = &lab->facts.nodes[i];

        return node->epoch == lab->state->epoch && facts->heard != 0 &&
               lab->now - facts->heard <= 3 * USEC_PER_SEC && facts->healthy && !node->step.slot &&
               !node->journal_lost && node->foreign_count == 0 && has_accounted(node, facts) &&
               (node->step.released ||
                (node->step.state != STEP_FAILED && node->step.state != STEP_INTERRUPTED &&
                 node->step.state != STEP_UNKNOWN));
}

static void check_others(const Lab *lab, const char *name) {
        unsigned masters = 0;

        for (size_t i = 0; i < lab->state->node_count; i++) {
                const Node *node = &lab->state->nodes[i];
                bool candidate = strcmp(node->name, name) == 0;

                if (candidate)
                        assert_int_equal(node->epoch, lab->state->epoch);
                if (node->role != ROLE_MASTER)
                        continue;

                masters++;
                assert_true(node->master_count == 3 ||
                            node->master_count == 0); /* 0: could not read it */
                if (!candidate && !is_good(lab, i))
                        fail_msg("%s is not good when %s goes down", node->name, name);
        }

        assert_int_equal(masters, 3);
}

static void watch(const Lab *lab, const Event *event) {
        const Node *node;

        if (event->kind == EVENT_STEP && event->step.event == STEP_EVENT_SLOTTED) {
                assert_int_equal(lab->state->run.state, RUN_RUNNING);
                assert_int_equal(lab->state->deposed_by, 0);
                assert_true(event->step.fence > highest_fence);
                check_others(lab, event->step.node);
                slots_seen++;
        }
        if (event->kind == EVENT_ORDERED) {
                node = lab_node(lab, event->ordered.node);
                assert_int_equal(lab->state->run.state, RUN_RUNNING);
                assert_int_equal(lab->state->deposed_by, 0);
                assert_int_equal(node->step.state, STEP_SLOTTED);
                assert_true(node->step.slot);
                assert_int_equal(event->ordered.fence, node->step.fence);
                check_others(lab, event->ordered.node);
                orders_seen++;
        }
        if (event->kind == EVENT_RUN && event->run.event == RUN_EVENT_FINISHED)
                finished_seen++;
        if (event->kind == EVENT_STEP && event->step.fence > highest_fence)
                highest_fence = event->step.fence;
}

/* --- what may happen --- */

/* A walk is mostly sane or mostly mad; in a sane one a run comes to its end. */
static uint64_t madness;

static bool is_mad(void) {
        return draw(100) < madness;
}

static const char *some_node(void) {
        return names[draw(ELEMENTSOF(names))];
}

static void some_step(const Lab *lab, const char *name, char step[static STEP_ID_MAX]) {
        static const char *const strangers[] = { "r9-x-m1-1", "r1-1a2b3c4d-m1-1",
                                                 "r1-1a2b3c4d-m2-2" };

        if (draw(4) > 0) {
                (void) text_copy(step, STEP_ID_MAX, lab_node(lab, name)->step.id);
        } else {
                (void) text_copy(step, STEP_ID_MAX, strangers[draw(ELEMENTSOF(strangers))]);
        }
}

static void fill_brief(const Lab *lab, const char *name, StepBrief *brief) {
        some_step(lab, name, brief->step);
        brief->state = (NodeStep) draw(NODE_STEP_COUNT);
        brief->fence = draw(lab->state->fence + 2);
        brief->exit_status = draw(4) == 0;
}

static void do_report(Lab *lab, const char *name) {
        Message message = { .kind = MESSAGE_REPORT };
        StepBrief brief = {};

        fill_brief(lab, name, &brief);
        message.report.state = brief.state;
        message.report.fence = brief.fence;
        message.report.exit_status = brief.exit_status;
        (void) text_copy(message.report.step, STEP_ID_MAX, brief.step);
        if (draw(2))
                (void) text_copy(message.report.dcos_version, VERSION_MAX, LAB_TO);
        (void) lab_hear(lab, name, &message);
}

static void do_hello(Lab *lab, const char *name) {
        Hello hello = lab_hello_of(name, name[0] == 'm' ? ROLE_MASTER : ROLE_AGENT, 3);

        hello.epoch = draw(8) ? lab_node(lab, name)->epoch : draw(lab->state->epoch + 2);
        hello.fence = draw(lab->state->fence + 2);
        if (draw(20) == 0)
                hello.master_count = draw(5);
        if (draw(20) == 0)
                hello.journal_id[0] = 'd';
        if (draw(20) == 0)
                hello.address[0] = '\0';
        lab_hello(lab, &hello);
}

static void do_claim(Lab *lab, const char *name) {
        StepBrief briefs[3] = {};
        size_t count = draw(4);

        for (size_t i = 0; i < count; i++)
                fill_brief(lab, name, &briefs[i]);

        lab_claim_journal(lab, name, draw(20) ? 'a' : 'd', briefs, count);
}

static void do_heartbeat(Lab *lab, const char *name) {
        Message message = { .kind = MESSAGE_HEARTBEAT };

        if (is_mad()) {
                some_step(lab, name, message.heartbeat.step);
                message.heartbeat.state = (NodeStep) draw(NODE_STEP_COUNT);
        }
        (void) lab_hear(lab, name, &message);
}

static void do_refuse(Lab *lab, const char *name) {
        Message message = { .kind = MESSAGE_REFUSED };

        message.refused.refusal = (Refusal) draw(REFUSAL_COUNT);
        message.refused.fence = draw(lab->state->fence + 2);
        message.refused.epoch = draw(30) ? 0 : lab->state->epoch + draw(3);
        (void) lab_hear(lab, name, &message);
}

/* What a node would say whose journal is as far as our log. */
static void do_answer_claim(Lab *lab, const char *name) {
        static const NodeStep as[] = {
                [STEP_WAITING] = NODE_STEP_STAGED,
                [STEP_STAGING] = NODE_STEP_STAGED,
                [STEP_STAGED] = NODE_STEP_STAGED,
                [STEP_SLOTTED] = NODE_STEP_STAGED,
                [STEP_STARTED] = NODE_STEP_RUNNING,
                [STEP_VERIFYING] = NODE_STEP_ENDED,
                [STEP_DONE] = NODE_STEP_ENDED,
                [STEP_FAILED] = NODE_STEP_ENDED,
                [STEP_INTERRUPTED] = NODE_STEP_INTERRUPTED,
                [STEP_UNKNOWN] = NODE_STEP_RUNNING,
                [STEP_QUARANTINED] = NODE_STEP_STAGED,
        };
        const Step *step = &lab_node(lab, name)->step;
        StepBrief brief = { .state = as[step->state], .fence = step->fence };

        (void) text_copy(brief.step, STEP_ID_MAX, step->id);
        lab_claim(lab, name, &brief, step->id[0] != '\0');
}

static void do_order(Lab *lab, const char *name) {
        Message order;

        if (!lab_order(lab, name, &order))
                return;

        /* Mostly nodes do as they are told. */
        if (order.kind == MESSAGE_CLAIM)
                do_answer_claim(lab, name);
        if (order.kind == MESSAGE_STAGE)
                (void) lab_report(lab, name, NODE_STEP_STAGED, 0, 0);
        if (order.kind == MESSAGE_SLOT)
                lab_ready(lab, name, "0123456789abcdef"[draw(16)]);
        if (order.kind == MESSAGE_START || order.kind == MESSAGE_ASK) {
                (void) lab_report(
                                lab, name, draw(2) ? NODE_STEP_RUNNING : NODE_STEP_ENDED,
                                lab_node(lab, name)->step.fence, is_mad());
        }
        if (order.kind == MESSAGE_ASK)
                (void) lab_version(lab, name, LAB_TO);
}

static void do_operate(Lab *lab) {
        const char *name = some_node();
        Event event = {};

        if (draw(2)) {
                event = (Event) { .kind = EVENT_RUN,
                                  .run = { .event = (RunEvent) draw(RUN_EVENT_COUNT) } };
                if (event.run.event == RUN_EVENT_FINISHED ||
                    (event.run.event == RUN_EVENT_ABORTED && draw(4)))
                        event.run.event = RUN_EVENT_RESUMED;
                if (event.run.event == RUN_EVENT_PAUSED && draw(2))
                        event.run.until = lab->wall + draw(20) * USEC_PER_SEC;
        } else if (draw(4) == 0) {
                event = (Event) { .kind = EVENT_CLEARED, .cleared = { .reason = "x" } };
                (void) text_copy(event.cleared.node, NAME_TEXT_MAX, name);
        } else {
                static const StepEvent persons[] = { STEP_EVENT_RELEASED, STEP_EVENT_RETRIED,
                                                     STEP_EVENT_RECHECKED, STEP_EVENT_QUARANTINED,
                                                     STEP_EVENT_UNQUARANTINED };

                event = lab_step_event(lab, name, persons[draw(ELEMENTSOF(persons))]);
        }

        (void) lab_try(lab, &event);
        (void) lab_turn(lab);
}

static void do_run(Lab *lab) {
        Event made = lab_run_made(lab->state->run.made.number + 1);

        made.run_made.id[0] = '0';
        made.run_made.id[1] = (char) ('0' + made.run_made.number % 10);
        if (!lab_try(lab, &made))
                return;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                Event event = { .kind = EVENT_RUN_NODE };

                event.run_node.role = lab_node(lab, names[i])->role;
                (void) text_copy(event.run_node.node, NAME_TEXT_MAX, names[i]);
                lab_commit(lab, &event);
        }
        lab_operate(lab, RUN_EVENT_STARTED);
}

static void do_something_mad(Lab *lab) {
        const char *name = some_node();

        switch (draw(9)) {
        case 0:
                do_report(lab, name);
                break;
        case 1:
                do_hello(lab, name);
                break;
        case 2:
                do_claim(lab, name);
                break;
        case 3:
                do_refuse(lab, name);
                break;
        case 4:
                lab_pass_silent(lab, LINK_LOST + draw(10));
                break;
        case 5:
                lab_restart(lab);
                break;
        case 6:
                lab_ready(lab, name, 'e');
                break;
        case 7:
                lab_facts(lab, name)->healthy = false;
                break;
        default:
                do_operate(lab);
                break;
        }
}

/* Somebody looks after the cluster. */
static void do_something_sane(Lab *lab) {
        Hello hello;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                if (lab_facts(lab, names[i])->greeted == 0) {
                        hello = lab_hello_of(names[i], lab_node(lab, names[i])->role, 3);
                        hello.role = names[i][0] == 'm' ? ROLE_MASTER : ROLE_AGENT;
                        hello.epoch = lab_node(lab, names[i])->epoch;
                        lab_hello(lab, &hello);
                }
                do_heartbeat(lab, names[i]);
                do_order(lab, names[i]);
        }
        if (draw(3) == 0)
                lab_healthy(lab, true);
        if (draw(3) == 0)
                do_operate(lab);
        if (draw(3) == 0)
                do_run(lab);
        lab_pass_silent(lab, draw(1500) * USEC_PER_MSEC);
}

static void walk(uint64_t seed) {
        AUTO(Lab) *lab = lab_new();

        random_state = seed;
        highest_fence = 0;
        madness = seed % 20;
        lab_join_masters(lab, 3);
        lab_join(lab, "a1", ROLE_AGENT, 0);
        lab->watch = watch;
        for (unsigned i = 0; i < STEPS; i++) {
                if (is_mad()) {
                        do_something_mad(lab);
                } else {
                        do_something_sane(lab);
                }
        }

        /* And what was written down can be read again. */
        lab_restart(lab);
}

static void test_no_walk_gives_a_slot_or_a_start_order_while_another_master_is_not_good(
                void **state) {
        uint64_t only = 0;

        if (getenv("SEED"))
                assert_int_equal(parse_u64(getenv("SEED"), 1, UINT64_MAX, &only), 0);

        for (uint64_t seed = only ? only : 1; seed <= (only ? only : WALKS); seed++) {
                walking = seed;
                walk(seed);
        }

        walking = 0;

        /* The walks do go somewhere. */
        print_message("# %u slots, %u start orders, %u runs finished\n", slots_seen, orders_seen,
                      finished_seen);
        if (!only) {
                assert_in_range(slots_seen, WALKS, UINT_MAX);
                assert_in_range(orders_seen, WALKS, UINT_MAX);
                assert_in_range(finished_seen, WALKS / 10, UINT_MAX);
        }
}

static int tell_seed(void **state) {
        if (walking > 0)
                print_message("# the walk that failed: SEED=%llu\n", (unsigned long long) walking);

        return 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(
                                test_no_walk_gives_a_slot_or_a_start_order_while_another_master_is_not_good,
                                tell_seed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
