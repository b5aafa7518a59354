/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/health.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/text.h"
#include "tests/unit/core-lab.h"

/* m1 has failed and is to be tried again; m2 and m3 answer once a second, exhibitor included. While
 * m1 is bad nobody can pass what counts all three, so what they say must be enough. */

#define MASTERS 3
#define SEC     USEC_PER_SEC

static const char *const names[] = { "m1", "m2", "m3" };
static const char *const others[] = { "m2", "m3" };

static bool has_database = true; /* an old release has none */

typedef struct Answer {
        const char *check;
        Verdict verdict;
        const char *number; /* NULL: none */
        uint64_t value;
} Answer;

/* --- answers --- */

static void add_number(Sample *sample, const char *name, uint64_t value) {
        SampleNumber *number = &sample->numbers[sample->number_count++];

        number->value = value;
        assert_true(text_copy(number->name, sizeof(number->name), name));
}

/* What a good master says while m1 does not serve. */
static Sample make_sample(const char *check) {
        Sample sample = { .verdict = VERDICT_PASS };

        assert_true(text_copy(sample.check, sizeof(sample.check), check));
        if (strcmp(check, "exhibitor") == 0) {
                sample.verdict = VERDICT_FAIL;
                add_number(&sample, "listed", MASTERS);
                add_number(&sample, "serving", MASTERS - 1);
        } else if (strcmp(check, "mesos-master") == 0) {
                sample.verdict = VERDICT_FAIL;
                add_number(&sample, "recovered", 1);
                add_number(&sample, "ensemble_size", MASTERS - 1);
                sample.text_count = 1;
                sample.texts[0] = (SampleText) { "leader", "10.0.0.2:5050" };
        } else if (strcmp(check, "cockroachdb") == 0 && !has_database) {
                sample.verdict = VERDICT_NOT_APPLICABLE;
        } else if (strcmp(check, "cockroachdb") == 0) {
                sample.verdict = VERDICT_FAIL;
                add_number(&sample, "unavailable", 0);
                add_number(&sample, "underreplicated", 61);
        }

        return sample;
}

static void hear(Lab *lab, const char *name, const Sample *sample) {
        lab_sample(lab, name, sample);
}

static void hear_good(Lab *lab, const char *name) {
        static const char *const checks[] = { "exhibitor", "zookeeper", "mesos-master", "units",
                                              "cockroachdb" };

        for (size_t i = 0; i < ELEMENTSOF(checks); i++) {
                Sample sample = make_sample(checks[i]);

                hear(lab, name, &sample);
        }
}

/* One more second; `missing` (may be NULL) says nothing. */
static void pass_second(Lab *lab, const char *missing) {
        lab_pass(lab, SEC);
        lab_look(lab, "m1", LAB_FROM, VERDICT_NOT_APPLICABLE); /* there is something to patch */
        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                if (!missing || strcmp(others[i], missing) != 0)
                        hear_good(lab, others[i]);
        }

        health_judge(lab->state, &lab->facts, lab->now);
        (void) lab_turn(lab);
}

/* --- the lab --- */

static Lab *lab_with_a_retry(void) {
        Lab *lab = lab_new();

        lab_join_masters(lab, MASTERS);
        lab_run(lab, names, MASTERS, false);
        for (size_t i = 0; i < MASTERS; i++)
                lab_lead(lab, names[i], STEP_STAGED);

        lab_healthy(lab, true);
        (void) lab_turn(lab);
        lab_lead(lab, "m1", STEP_STARTED);
        (void) lab_report(lab, "m1", NODE_STEP_ENDED, lab_node(lab, "m1")->step.fence, 1);
        lab_retry(lab, "m1");
        lab->blind = true;
        health_judge(lab->state, &lab->facts, lab->now); /* nobody has answered yet */
        lab_operate(lab, RUN_EVENT_RESUMED);
        lab_lead(lab, "m1", STEP_STAGED);
        return lab;
}

static bool is_let_through(const Lab *lab) {
        return lab_node(lab, "m1")->step.slot;
}

/* How many seconds until m1 may go down again. */
static unsigned wait_slot(Lab *lab) {
        for (unsigned seconds = 1; seconds <= 200; seconds++) {
                pass_second(lab, NULL);
                if (is_let_through(lab))
                        return seconds;
        }

        fail_msg("never: %s", lab->why.text);
        return 0;
}

static void pass_many(Lab *lab, unsigned seconds) {
        for (unsigned i = 0; i < seconds; i++)
                pass_second(lab, NULL);
}

/* --- tests --- */

static void test_a_retry_waits_until_the_others_were_well_over_the_dwell(void **state) {
        AUTO(Lab) *lab = lab_with_a_retry();

        assert_int_equal(lab_node(lab, "m1")->step.attempt, 2);
        assert_int_equal(wait_slot(lab), 61);
}

static void test_a_cluster_without_a_database_is_well_enough_for_a_retry(void **state) {
        has_database = false;
        test_a_retry_waits_until_the_others_were_well_over_the_dwell(state);
        has_database = true;
}

/* Each of them looks well at most moments, and in none of them for long. */
static void test_a_master_that_flaps_lets_no_retry_through(void **state) {
        static const Answer flaps[] = {
                { "exhibitor", VERDICT_FAIL, "serving", MASTERS - 2 },
                { "exhibitor", VERDICT_FAIL, "listed", MASTERS - 1 },
                { "exhibitor", VERDICT_UNKNOWN, NULL, 0 },
                { "mesos-master", VERDICT_FAIL, "recovered", 0 },
                { "mesos-master", VERDICT_FAIL, "ensemble_size", MASTERS - 2 },
                { "mesos-master", VERDICT_UNKNOWN, NULL, 0 },
                { "cockroachdb", VERDICT_FAIL, "unavailable", 3 },
                { "cockroachdb", VERDICT_UNKNOWN, NULL, 0 },
                { "zookeeper", VERDICT_FAIL, NULL, 0 },
                { "units", VERDICT_UNKNOWN, NULL, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(flaps); i++) {
                AUTO(Lab) *lab = lab_with_a_retry();
                Sample flap = make_sample(flaps[i].check);

                flap.verdict = flaps[i].verdict;
                for (size_t j = 0; flaps[i].number && j < flap.number_count; j++) {
                        if (strcmp(flap.numbers[j].name, flaps[i].number) == 0)
                                flap.numbers[j].value = flaps[i].value;
                }

                for (unsigned round = 0; round < 12; round++) {
                        pass_many(lab, 25);
                        hear(lab, others[i % ELEMENTSOF(others)], &flap);
                        if (is_let_through(lab))
                                fail_msg("%s flaps, and m1 was let through", flaps[i].check);
                }

                assert_true(wait_slot(lab) > 25);
        }
}

static void test_a_master_that_is_silent_for_a_while_lets_no_retry_through(void **state) {
        AUTO(Lab) *lab = lab_with_a_retry();

        for (unsigned round = 0; round < 6; round++) {
                pass_many(lab, 25);
                for (unsigned i = 0; i < 16; i++)
                        pass_second(lab, "m3");
                assert_false(is_let_through(lab));
        }

        assert_int_equal(wait_slot(lab), 61);
}

static void test_a_leader_that_changes_begins_the_dwell_anew(void **state) {
        AUTO(Lab) *lab = lab_with_a_retry();
        Sample other = make_sample("mesos-master");

        pass_many(lab, 55);
        other.texts[0] = (SampleText) { "leader", "10.0.0.3:5050" };
        hear(lab, "m2", &other);
        assert_int_equal(wait_slot(lab), 61);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_retry_waits_until_the_others_were_well_over_the_dwell),
                cmocka_unit_test(test_a_cluster_without_a_database_is_well_enough_for_a_retry),
                cmocka_unit_test(test_a_master_that_flaps_lets_no_retry_through),
                cmocka_unit_test(test_a_master_that_is_silent_for_a_while_lets_no_retry_through),
                cmocka_unit_test(test_a_leader_that_changes_begins_the_dwell_anew),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
