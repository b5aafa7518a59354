/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/job.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/text.h"

#define NONCE "00112233445566778899aabbccddeeff"
#define OTHER "ffffffffffffffffffffffffffffffff"
#define HERE  "0123456789abcdef0123456789abcdef"

#define FENCE 5
#define SINCE (100 * USEC_PER_SEC)

/* --- every state, every event, every guard --- */

typedef struct Expected {
        JobVerdict verdict;
        NodeStep to;
        JobWrite write;
        JobAct act;
        Refusal refusal;
} Expected;

static Expected ignored(void) {
        return (Expected) { .verdict = JOB_IGNORED };
}

static Expected refused(Refusal refusal) {
        return (Expected) { .verdict = JOB_REFUSED, .refusal = refusal };
}

static Expected moves(NodeStep to, JobWrite write, JobAct act) {
        return (Expected) { .verdict = JOB_MOVES, .to = to, .write = write, .act = act };
}

static bool one_of(NodeStep state, const char *letters) {
        /* one letter a state, in the order of the enum */
        return strchr(letters, "asfSRLDIrEX"[state]) != NULL;
}

static Expected oracle_slot(const Job *job, const JobInput *input) {
        bool has_or_may_have_run = one_of(job->state, "IrEX");

        if (input->fence < job->fence)
                return refused(REFUSAL_FENCE);
        if (one_of(job->state, "asf"))
                return refused(REFUSAL_STATE);
        if (has_or_may_have_run) {
                return moves(job->state,
                             input->fence > job->fence ? JOB_WRITE_SLOT : JOB_WRITE_NOTHING,
                             JOB_ACT_REPORT);
        }
        if (input->fence == job->fence && job->state == NODE_STEP_DECLINED)
                return refused(REFUSAL_FENCE);
        if (input->fence == job->fence && job->state == NODE_STEP_LOOKING)
                return moves(job->state, JOB_WRITE_NOTHING, JOB_ACT_REPORT);
        if (input->busy)
                return refused(REFUSAL_STATE);

        return moves(NODE_STEP_READY,
                     input->fence > job->fence ? JOB_WRITE_SLOT : JOB_WRITE_NOTHING,
                     JOB_ACT_GIVE_NONCE);
}

static Expected oracle_start(const Job *job, const JobInput *input) {
        if (input->fence < job->fence)
                return refused(REFUSAL_FENCE);
        if (job->state != NODE_STEP_READY || input->fence > job->fence)
                return refused(REFUSAL_STATE);
        if (strcmp(input->nonce, job->nonce) != 0 || input->now > SINCE + 5 * USEC_PER_SEC)
                return refused(REFUSAL_NONCE);

        return input->busy ? refused(REFUSAL_STATE)
                           : moves(NODE_STEP_LOOKING, JOB_WRITE_NOTHING, JOB_ACT_LOOK);
}

static Expected oracle_looking(const JobInput *input) {
        if (input->event == JOB_EVENT_WRITE_FAILED)
                return moves(NODE_STEP_STAGED, JOB_WRITE_NOTHING, JOB_ACT_REFUSE);
        if (input->event == JOB_EVENT_LOOK_PASSED && input->now <= SINCE + 5 * USEC_PER_SEC)
                return moves(NODE_STEP_INTENT, JOB_WRITE_INTENT, JOB_ACT_CALL_UNIT);

        return moves(NODE_STEP_DECLINED, JOB_WRITE_DECLINED, JOB_ACT_REPORT);
}

static Expected oracle(const Job *job, const JobInput *input) {
        NodeStep s = job->state;

        switch (input->event) {
        case JOB_EVENT_STAGE:
                return one_of(s, "af") ? moves(NODE_STEP_STAGING, JOB_WRITE_STAGE, JOB_ACT_FETCH)
                                       : moves(s, JOB_WRITE_NOTHING, JOB_ACT_REPORT);
        case JOB_EVENT_SLOT:
                return oracle_slot(job, input);
        case JOB_EVENT_START:
                return oracle_start(job, input);
        case JOB_EVENT_ASK:
                return moves(s, JOB_WRITE_NOTHING, JOB_ACT_REPORT);
        case JOB_EVENT_CLAIM:
                return one_of(s, "RL") ? moves(NODE_STEP_STAGED, JOB_WRITE_NOTHING, JOB_ACT_NOTHING)
                                       : ignored();
        case JOB_EVENT_FETCHED:
                return s == NODE_STEP_STAGING
                                       ? moves(NODE_STEP_STAGED, JOB_WRITE_SCRIPT, JOB_ACT_REPORT)
                                       : ignored();
        case JOB_EVENT_FETCH_FAILED:
                return s == NODE_STEP_STAGING ? moves(NODE_STEP_STAGE_FAILED, JOB_WRITE_NOTHING,
                                                      JOB_ACT_REPORT)
                                              : ignored();
        case JOB_EVENT_LOOK_PASSED:
        case JOB_EVENT_LOOK_FAILED:
        case JOB_EVENT_WRITE_FAILED:
                return s == NODE_STEP_LOOKING ? oracle_looking(input) : ignored();
        case JOB_EVENT_STARTED:
                return one_of(s, "I") ? moves(NODE_STEP_RUNNING, JOB_WRITE_NOTHING, JOB_ACT_REPORT)
                                      : ignored();
        case JOB_EVENT_ENDED:
                return one_of(s, "r") ? moves(NODE_STEP_ENDED, JOB_WRITE_NOTHING, JOB_ACT_REPORT)
                                      : ignored();
        case JOB_EVENT_INTERRUPTED:
                return one_of(s, "r") ? moves(NODE_STEP_INTERRUPTED, JOB_WRITE_NOTHING,
                                              JOB_ACT_REPORT)
                                      : ignored();
        case JOB_EVENT_NEVER_STARTED:
                return one_of(s, "I") ? moves(NODE_STEP_DECLINED, JOB_WRITE_DECLINED,
                                              JOB_ACT_REPORT)
                                      : ignored();
        }

        fail();
        return ignored();
}

static void compare(const Job *job, const JobInput *input) {
        Expected expected = oracle(job, input);
        JobVerdict verdict;
        JobMove move;

        verdict = job_next(job, input, &move);
        if (verdict != expected.verdict || (verdict == JOB_MOVES && move.to != expected.to)) {
                print_error("%s in %s, fence %d\n", enum_name(&job_event_names, input->event),
                            enum_name(&node_step_names, job->state), (int) input->fence);
        }

        assert_int_equal(verdict, expected.verdict);
        if (verdict == JOB_REFUSED) {
                assert_int_equal(move.refusal, expected.refusal);
                assert_true(move.reason[0] != '\0');
        }
        if (verdict == JOB_MOVES) {
                assert_int_equal(move.to, expected.to);
                assert_int_equal(move.write, expected.write);
                assert_int_equal(move.act, expected.act);
        }
}

static void walk_inputs(const Job *job, JobEvent event) {
        static const usec_t ages[] = { 0, 5 * USEC_PER_SEC, 5 * USEC_PER_SEC + 1, USEC_PER_DAY };

        for (unsigned i = 0; i < 3 * ELEMENTSOF(ages) * 2 * 2; i++) {
                JobInput input = {
                        .event = event,
                        .fence = FENCE - 1 + i % 3,
                        .now = SINCE + ages[i / 3 % ELEMENTSOF(ages)],
                        .nonce = i / 12 % 2 ? OTHER : NONCE,
                        .busy = i / 24 % 2 ? "r1-another" : NULL,
                };

                compare(job, &input);
        }
}

static void test_every_state_meets_every_event_as_the_promises_want(void **state) {
        for (NodeStep s = 0; s < NODE_STEP_COUNT; s++) {
                for (JobEvent event = 0; event < JOB_EVENT_COUNT; event++) {
                        Job job = {
                                .step = "r1-m1", .state = s, .fence = FENCE, .nonce_since = SINCE
                        };

                        (void) text_copy(job.nonce, sizeof(job.nonce), NONCE);
                        walk_inputs(&job, event);
                }
        }
}

static void test_a_step_that_cannot_be_read_is_never_started(void **state) {
        static const JobEvent orders[] = { JOB_EVENT_STAGE, JOB_EVENT_SLOT, JOB_EVENT_START };
        JobMove move;

        for (NodeStep s = 0; s < NODE_STEP_COUNT; s++) {
                for (size_t i = 0; i < ELEMENTSOF(orders); i++) {
                        Job job = { .state = s, .unknown = true };
                        JobInput input = { .event = orders[i], .fence = 9, .nonce = "" };

                        assert_int_equal(job_next(&job, &input, &move), JOB_REFUSED);
                        assert_int_equal(move.refusal, REFUSAL_FAILED);
                }
        }
}

static void test_a_nonce_starts_once(void **state) {
        Job job = { .state = NODE_STEP_STAGED };
        JobInput slot = { .event = JOB_EVENT_SLOT, .fence = 1, .now = SINCE, .nonce = NONCE };
        JobInput start = { .event = JOB_EVENT_START, .fence = 1, .now = SINCE, .nonce = NONCE };
        JobMove move;

        assert_int_equal(job_next(&job, &slot, &move), JOB_MOVES);
        job_apply(&job, &slot, &move);
        assert_string_equal(job.nonce, NONCE);

        assert_int_equal(job_next(&job, &start, &move), JOB_MOVES);
        job_apply(&job, &start, &move);
        assert_string_equal(job.nonce, "");
        assert_int_equal(job_next(&job, &start, &move), JOB_REFUSED);

        /* a claim takes it back as well */
        job = (Job) { .state = NODE_STEP_READY, .fence = 1, .nonce = NONCE, .nonce_since = SINCE };
        assert_int_equal(
                        job_next(&job, &(JobInput) { .event = JOB_EVENT_CLAIM }, &move), JOB_MOVES);
        job_apply(&job, &(JobInput) { .event = JOB_EVENT_CLAIM }, &move);
        assert_string_equal(job.nonce, "");
        assert_int_equal(job_next(&job, &start, &move), JOB_REFUSED);
}

static void test_a_new_nonce_voids_the_old_one(void **state) {
        Job job = { .state = NODE_STEP_READY, .fence = 1, .nonce = NONCE, .nonce_since = SINCE };
        JobInput again = { .event = JOB_EVENT_SLOT, .fence = 1, .now = SINCE + 1, .nonce = OTHER };
        JobInput start = { .event = JOB_EVENT_START, .fence = 1, .now = SINCE + 1, .nonce = NONCE };
        JobMove move;

        assert_int_equal(job_next(&job, &again, &move), JOB_MOVES);
        job_apply(&job, &again, &move);
        assert_int_equal(job_next(&job, &start, &move), JOB_REFUSED);
        assert_int_equal(move.refusal, REFUSAL_NONCE);

        start.nonce = OTHER;
        assert_int_equal(job_next(&job, &start, &move), JOB_MOVES);
}

static void test_only_a_written_slot_changes_the_fence(void **state) {
        for (NodeStep s = 0; s < NODE_STEP_COUNT; s++) {
                for (JobEvent event = 0; event < JOB_EVENT_COUNT; event++) {
                        Job job = {
                                .state = s, .fence = FENCE, .nonce = NONCE, .nonce_since = SINCE
                        };
                        JobInput input = {
                                .event = event, .fence = FENCE + 1, .now = SINCE, .nonce = NONCE
                        };
                        JobMove move;

                        if (job_next(&job, &input, &move) != JOB_MOVES)
                                continue;
                        job_apply(&job, &input, &move);
                        assert_int_equal(
                                        job.fence,
                                        move.write == JOB_WRITE_SLOT ? FENCE + 1 : FENCE);
                }
        }
}

static void test_epochs_that_are_lower_or_unclaimed_are_refused(void **state) {
        char reason[REASON_MAX] = "";
        Refusal refusal;

        assert_true(job_epoch_holds(4, 4, &refusal, reason));
        assert_false(job_epoch_holds(3, 4, &refusal, reason));
        assert_int_equal(refusal, REFUSAL_EPOCH);
        assert_non_null(strstr(reason, "epoch is 3"));
        assert_false(job_epoch_holds(5, 4, &refusal, reason));
        assert_int_equal(refusal, REFUSAL_UNCLAIMED);
        assert_false(job_epoch_holds(1, 0, &refusal, reason));
        assert_int_equal(refusal, REFUSAL_UNCLAIMED);
}

static void test_the_same_order_is_told_from_another_whoever_sends_it(void **state) {
        const Stage one = { .epoch = 1,
                            .step = "r1-m1",
                            .run = HERE,
                            .node = "m1",
                            .url = "http://a/",
                            .size = 7,
                            .timeout = 9 };
        Stage other = one;

        other.epoch = 2;
        assert_true(job_stage_is_same(&one, &other));
        other.size = 8;
        assert_false(job_stage_is_same(&one, &other));
        other = one;
        other.sha256[0] = 'a';
        assert_false(job_stage_is_same(&one, &other));
}

/* --- the table --- */

static void test_what_is_told_as_done_is_written_first(void **state) {
        for (size_t i = 0; i < job_transition_count; i++) {
                const JobTransition *row = &job_transitions[i];

                if (row->to == NODE_STEP_DECLINED)
                        assert_int_equal(row->write, JOB_WRITE_DECLINED);
                if (row->to == NODE_STEP_INTENT)
                        assert_int_equal(row->write, JOB_WRITE_INTENT);
                if (row->act == JOB_ACT_CALL_UNIT)
                        assert_int_equal(row->write, JOB_WRITE_INTENT);
        }
}

static void test_the_unit_is_called_from_one_place_only(void **state) {
        size_t count = 0;

        for (size_t i = 0; i < job_transition_count; i++)
                count += job_transitions[i].act == JOB_ACT_CALL_UNIT;

        assert_int_equal(count, 1);
}

static void test_every_guard_has_words(void **state) {
        for (size_t i = 0; i < job_transition_count; i++) {
                assert_int_equal(
                                job_guard_words(job_transitions[i].guard)[0] == '\0',
                                job_transitions[i].guard == NULL);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_state_meets_every_event_as_the_promises_want),
                cmocka_unit_test(test_a_step_that_cannot_be_read_is_never_started),
                cmocka_unit_test(test_a_nonce_starts_once),
                cmocka_unit_test(test_a_new_nonce_voids_the_old_one),
                cmocka_unit_test(test_only_a_written_slot_changes_the_fence),
                cmocka_unit_test(test_epochs_that_are_lower_or_unclaimed_are_refused),
                cmocka_unit_test(test_the_same_order_is_told_from_another_whoever_sends_it),
                cmocka_unit_test(test_what_is_told_as_done_is_written_first),
                cmocka_unit_test(test_the_unit_is_called_from_one_place_only),
                cmocka_unit_test(test_every_guard_has_words),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
