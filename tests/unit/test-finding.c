/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/finding.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/text.h"

#define HERE  "0123456789abcdef0123456789abcdef"
#define THERE "fedcba9876543210fedcba9876543210"

/* The promises, one by one, instead of the order of questions that job_judge() has. */
static bool is_open(const StepFacts *facts) {
        return !facts->started_fence && facts->intent_fence > facts->declined_fence;
}

static bool may_start(const StepFacts *facts, UnitState unit) {
        return is_open(facts) && strcmp(facts->intent_boot, HERE) == 0 && unit != UNIT_GONE;
}

static bool may_run(const StepFacts *facts, UnitState unit) {
        return facts->started_fence > 0 && strcmp(facts->started_boot, HERE) == 0 &&
               unit != UNIT_GONE;
}

/* Its files are gone: nothing but the unit can tell, and how it ended nobody can. */
static NodeStep oracle_of_found(const StepFacts *facts, UnitState unit) {
        bool of_another_boot = strcmp(facts->found_boot, HERE) != 0;

        return of_another_boot || unit == UNIT_GONE ? NODE_STEP_INTERRUPTED : NODE_STEP_RUNNING;
}

static NodeStep oracle(const StepFacts *facts, UnitState unit) {
        NodeStep wanted = facts->script ? NODE_STEP_STAGED : NODE_STEP_STAGING;

        if (facts->script && facts->declined_fence && facts->declined_fence >= facts->slot_fence)
                wanted = NODE_STEP_DECLINED;
        if (is_open(facts))
                wanted = NODE_STEP_INTENT;
        if (facts->started_fence) {
                wanted = facts->result && !facts->terminated ? NODE_STEP_ENDED
                                                             : NODE_STEP_INTERRUPTED;
        }
        if (may_run(facts, unit))
                wanted = NODE_STEP_RUNNING;
        if (!facts->stage)
                wanted = NODE_STEP_ABSENT;
        if (facts->found_boot[0])
                wanted = oracle_of_found(facts, unit);

        return facts->damaged ? NODE_STEP_INTERRUPTED : wanted;
}

static void check_finding(const StepFacts *facts, UnitState unit, const Finding *finding) {
        NodeStep wanted = oracle(facts, unit);
        bool waits = wanted == NODE_STEP_RUNNING ||
                     (wanted == NODE_STEP_INTENT && may_start(facts, unit));

        assert_int_equal(finding->state, wanted);
        assert_int_equal(finding->unknown, facts->damaged);
        assert_non_null(finding->reason);

        /* only what nobody can start any more is withdrawn */
        assert_int_equal(finding->duty == JOB_DUTY_WITHDRAW, wanted == NODE_STEP_INTENT && !waits);
        assert_int_equal(finding->duty == JOB_DUTY_FETCH, wanted == NODE_STEP_STAGING);
        assert_int_equal(finding->duty == JOB_DUTY_ASK, waits && unit == UNIT_UNKNOWN);
        assert_int_equal(finding->duty == JOB_DUTY_FOLLOW, waits && unit == UNIT_PRESENT);
}

static void test_every_set_of_files_in_every_boot_is_judged_as_promised(void **state) {
        static const char *const found[] = { "", HERE, THERE };

        for (unsigned i = 0; i < 3 << 14; i++) {
                for (UnitState unit = 0; unit < UNIT_STATE_COUNT; unit++) {
                        StepFacts facts = {
                                .damaged = i & 1,
                                .stage = i >> 1 & 1,
                                .script = i >> 2 & 1,
                                .slot_fence = i >> 3 & 3,
                                .declined_fence = i >> 5 & 3,
                                .intent_fence = i >> 7 & 3,
                                .started_fence = i >> 9 & 1,
                                .result = i >> 10 & 1,
                                .terminated = i >> 11 & 1,
                        };
                        Finding finding;

                        (void) text_copy(
                                        facts.intent_boot, ID_TEXT_MAX, i >> 12 & 1 ? HERE : THERE);
                        (void) text_copy(
                                        facts.started_boot, ID_TEXT_MAX,
                                        i >> 13 & 1 ? HERE : THERE);
                        (void) text_copy(facts.found_boot, ID_TEXT_MAX, found[i >> 14]);
                        finding = job_judge(&facts, HERE, unit);
                        check_finding(&facts, unit, &finding);
                }
        }
}

static void test_a_fence_once_written_is_never_forgotten(void **state) {
        for (unsigned i = 0; i < 256; i++) {
                StepFacts facts = {
                        .stage = true,
                        .script = true,
                        .slot_fence = i & 3,
                        .declined_fence = i >> 2 & 3,
                        .intent_fence = i >> 4 & 3,
                        .started_fence = i >> 6 & 3,
                };
                Finding finding = job_judge(&facts, HERE, UNIT_GONE);
                Job job = job_recover("r1-m1", &finding);

                for (unsigned shift = 0; shift < 8; shift += 2)
                        assert_true(job.fence >= (i >> shift & 3));
                assert_string_equal(job.nonce, "");
        }
}

/* A decline is told to the coordinator, which then gives the slot to somebody else. */
static void test_a_found_decline_covers_the_fence_that_is_told(void **state) {
        for (unsigned i = 0; i < 64; i++) {
                StepFacts facts = {
                        .stage = true,
                        .script = true,
                        .slot_fence = i & 3,
                        .declined_fence = i >> 2 & 3,
                        .intent_fence = i >> 4 & 3,
                };
                Finding finding = job_judge(&facts, HERE, UNIT_GONE);

                if (finding.state == NODE_STEP_DECLINED)
                        assert_true(facts.declined_fence >= finding.fence);
        }
}

static NodeStep follow(NodeStep from, NodeStep found) {
        Job job = { .state = from, .fence = 1 };
        Finding finding = { .state = found, .duty = JOB_DUTY_FOLLOW };
        JobInput input = {};
        JobMove move;

        if (!job_event_of(&job, &finding, &input.event))
                return from;

        assert_int_equal(job_next(&job, &input, &move), JOB_MOVES);
        return move.to;
}

static void test_a_finding_moves_a_followed_job_by_one_step(void **state) {
        assert_int_equal(follow(NODE_STEP_INTENT, NODE_STEP_INTENT), NODE_STEP_INTENT);
        assert_int_equal(follow(NODE_STEP_INTENT, NODE_STEP_RUNNING), NODE_STEP_RUNNING);
        assert_int_equal(follow(NODE_STEP_RUNNING, NODE_STEP_RUNNING), NODE_STEP_RUNNING);
        assert_int_equal(follow(NODE_STEP_RUNNING, NODE_STEP_ENDED), NODE_STEP_ENDED);
        assert_int_equal(follow(NODE_STEP_RUNNING, NODE_STEP_INTERRUPTED), NODE_STEP_INTERRUPTED);
}

/* "gone" may have been said of the unit before it existed, by a call of a node agent that died. */
static void test_an_end_needs_an_answer_that_is_younger_than_the_marker(void **state) {
        assert_int_equal(follow(NODE_STEP_INTENT, NODE_STEP_ENDED), NODE_STEP_RUNNING);
        assert_int_equal(follow(NODE_STEP_INTENT, NODE_STEP_INTERRUPTED), NODE_STEP_RUNNING);
}

static void test_nothing_follows_from_files_that_cannot_be_read(void **state) {
        Job job = { .state = NODE_STEP_RUNNING, .fence = 1 };
        Finding finding = { .state = NODE_STEP_INTERRUPTED, .unknown = true };
        JobEvent event;

        assert_false(job_event_of(&job, &finding, &event));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_set_of_files_in_every_boot_is_judged_as_promised),
                cmocka_unit_test(test_a_fence_once_written_is_never_forgotten),
                cmocka_unit_test(test_a_found_decline_covers_the_fence_that_is_told),
                cmocka_unit_test(test_a_finding_moves_a_followed_job_by_one_step),
                cmocka_unit_test(test_an_end_needs_an_answer_that_is_younger_than_the_marker),
                cmocka_unit_test(test_nothing_follows_from_files_that_cannot_be_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
