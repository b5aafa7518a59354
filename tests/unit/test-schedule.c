/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/schedule.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/text.h"

#define S USEC_PER_SEC

typedef struct Lab {
        Schedule schedule;
        Schedule dropped;
        Watch watch;
} Lab;

static int setup(void **state) {
        *state = calloc(1, sizeof(Lab));
        return *state ? 0 : -1;
}

static int teardown(void **state) {
        free(*state);
        return 0;
}

static void add(Watch *watch, const char *check, const char *subject, usec_t period) {
        WatchItem *item = &watch->items[watch->item_count++];

        (void) text_copy(item->check, sizeof(item->check), check);
        (void) text_copy(item->subject, sizeof(item->subject), subject);
        item->period = period;
}

static void replace(Lab *lab, usec_t now) {
        schedule_replace(&lab->schedule, &lab->watch, now, 0, &lab->dropped);
}

static void test_without_a_watch_there_is_nothing_to_wake_up_for(void **state) {
        Lab *lab = *state;

        assert_int_equal(schedule_wake(&lab->schedule), USEC_INFINITY);
        assert_null(schedule_pick(&lab->schedule, USEC_INFINITY - 1));
}

static void test_an_item_is_asked_soon_and_then_once_a_period(void **state) {
        Lab *lab = *state;
        Task *task;

        add(&lab->watch, "units", "", S);
        replace(lab, 100 * S);
        assert_in_range(schedule_wake(&lab->schedule), 100 * S, 101 * S);

        task = schedule_pick(&lab->schedule, 101 * S);
        assert_non_null(task);
        schedule_begin(task, lab, 101 * S);
        assert_null(schedule_pick(&lab->schedule, 900 * S)); /* at most one under way */
        assert_int_equal(schedule_wake(&lab->schedule), USEC_INFINITY);

        schedule_end(task, 101 * S + S / 2);
        assert_int_equal(schedule_wake(&lab->schedule), 102 * S);
        assert_null(schedule_pick(&lab->schedule, 102 * S - 1));
        assert_ptr_equal(schedule_pick(&lab->schedule, 102 * S), task);
}

static void test_a_slow_question_is_not_asked_again_at_once(void **state) {
        Lab *lab = *state;
        Task *task;

        add(&lab->watch, "exhibitor", "", 4 * S);
        replace(lab, 100 * S);
        task = schedule_pick(&lab->schedule, 101 * S);
        schedule_begin(task, lab, 101 * S);
        schedule_end(task, 111 * S);
        assert_int_equal(schedule_wake(&lab->schedule), 112 * S);
}

static void begin_all(Lab *lab, const char *const checks[], size_t count) {
        for (size_t i = 0; i < count; i++)
                add(&lab->watch, checks[i], "", S);

        replace(lab, 100 * S);
        for (size_t i = 0;; i++) {
                Task *task = schedule_pick(&lab->schedule, 101 * S);

                if (!task)
                        return;
                schedule_begin(task, &lab->dropped.tasks[i], 101 * S);
        }
}

static Task *task_of(Lab *lab, const char *check) {
        size_t i = 0;

        while (i < lab->schedule.count && strcmp(lab->schedule.tasks[i].check, check) != 0)
                i++;

        assert_true(i < lab->schedule.count);
        return &lab->schedule.tasks[i];
}

static void test_costly_programs_are_few_at_a_time(void **state) {
        static const char *const checks[] = { "check-runner", "cluster-checks", "mesos-version" };
        Lab *lab = *state;

        begin_all(lab, checks, ELEMENTSOF(checks));
        assert_null(task_of(lab, "mesos-version")->question);
        assert_int_equal(schedule_wake(&lab->schedule), USEC_INFINITY);

        schedule_end(task_of(lab, "check-runner"), 102 * S);
        assert_ptr_equal(schedule_pick(&lab->schedule, 102 * S), task_of(lab, "mesos-version"));
        assert_int_not_equal(schedule_wake(&lab->schedule), USEC_INFINITY);
}

/* A runner that hangs for half a minute must not break the row of the master's own answers. */
static void test_who_is_asked_every_second_waits_for_nobody(void **state) {
        static const char *const checks[] = { "check-runner", "cluster-checks", "mesos-version",
                                              "subscribers",  "exhibitor",      "cockroachdb",
                                              "mesos-master", "mesos-leader",   "units" };
        Lab *lab = *state;

        begin_all(lab, checks, ELEMENTSOF(checks));
        for (size_t i = 4; i < ELEMENTSOF(checks); i++)
                assert_non_null(task_of(lab, checks[i])->question);
}

static void test_what_waits_longest_is_asked_first(void **state) {
        Lab *lab = *state;

        add(&lab->watch, "units", "", 2 * S);
        add(&lab->watch, "version", "", S);
        replace(lab, 100 * S);
        lab->schedule.tasks[0].due = 101 * S;
        lab->schedule.tasks[1].due = 100 * S;
        assert_string_equal(schedule_pick(&lab->schedule, 102 * S)->check, "version");
}

static void test_all_subjects_of_the_leader_are_one_task(void **state) {
        Lab *lab = *state;

        add(&lab->watch, "mesos-leader", "", 2 * S);
        add(&lab->watch, "mesos-leader", "10.77.0.21", S);
        add(&lab->watch, "mesos-leader", "10.77.0.22", 3 * S);
        add(&lab->watch, "mesos-agent", "", S);
        replace(lab, 100 * S);
        assert_int_equal(lab->schedule.count, 2);
        assert_int_equal(lab->schedule.tasks[0].period, S);
        for (size_t i = 0; i < 3; i++)
                assert_true(task_covers(&lab->schedule.tasks[0], &lab->watch.items[i]));
        assert_false(task_covers(&lab->schedule.tasks[0], &lab->watch.items[3]));
}

static void test_a_new_watch_does_not_disturb_what_stays(void **state) {
        Lab *lab = *state;
        Task *units;
        usec_t due;

        add(&lab->watch, "version", "", 30 * S);
        add(&lab->watch, "units", "", 30 * S);
        add(&lab->watch, "zookeeper", "", 30 * S);
        replace(lab, 100 * S);
        for (size_t i = 0; i < 3; i++)
                schedule_begin(&lab->schedule.tasks[i], &lab->watch.items[i], 101 * S);
        schedule_end(&lab->schedule.tasks[2], 102 * S);
        due = lab->schedule.tasks[2].due;

        lab->watch.item_count = 0;
        add(&lab->watch, "zookeeper", "", 30 * S);
        add(&lab->watch, "units", "", 30 * S);
        replace(lab, 110 * S);

        units = schedule_find(&lab->schedule, &lab->watch.items[1]);
        assert_non_null(units);
        assert_string_equal(units->check, "units");
        assert_int_equal(lab->schedule.tasks[0].due, due);
        assert_int_equal(lab->dropped.count, 1);
        assert_string_equal(lab->dropped.tasks[0].check, "version");
        assert_ptr_equal(lab->dropped.tasks[0].question, &lab->watch.items[0]);
        assert_null(schedule_find(&lab->schedule, &lab->watch.items[0]));
}

static void test_a_shorter_period_holds_at_once(void **state) {
        Lab *lab = *state;

        add(&lab->watch, "units", "", 3600 * S);
        replace(lab, 100 * S);
        schedule_begin(&lab->schedule.tasks[0], lab, 101 * S);
        schedule_end(&lab->schedule.tasks[0], 102 * S);

        lab->watch.items[0].period = S;
        replace(lab, 110 * S);
        assert_in_range(schedule_wake(&lab->schedule), 110 * S, 112 * S);
}

static void test_a_question_has_ten_seconds_or_three_periods(void **state) {
        assert_int_equal(task_limit(&(Task) { .period = S }), 10 * S);
        assert_int_equal(task_limit(&(Task) { .period = 10 * S }), 30 * S);
        /* rollpatch-probe gives dcos-check-runner 40 s */
        assert_int_equal(task_limit(&(Task) { .check = "check-runner", .period = S }), 45 * S);
        assert_int_equal(task_limit(&(Task) { .check = "cluster-checks", .period = S }), 45 * S);
        assert_int_equal(task_limit(&(Task) { .check = "check-runner", .period = 20 * S }), 60 * S);
}

static void test_a_full_watch_fits_and_is_spread(void **state) {
        Lab *lab = *state;
        char subject[SUBJECT_MAX];
        usec_t first = USEC_INFINITY, last = 0;

        for (unsigned i = 0; i < WATCH_MAX; i++) {
                (void) text_format(subject, sizeof(subject), "s%u", i);
                add(&lab->watch, "units", subject, S);
        }
        replace(lab, 100 * S);
        assert_int_equal(lab->schedule.count, WATCH_MAX);
        for (size_t i = 0; i < WATCH_MAX; i++) {
                first = MIN(first, lab->schedule.tasks[i].due);
                last = MAX(last, lab->schedule.tasks[i].due);
        }
        assert_true(first < last);
        assert_in_range(last, 100 * S, 100 * S + S / 10);
}

static void test_somebody_in_a_hurry_has_every_task_asked_at_once(void **state) {
        Lab *lab = *state;

        add(&lab->watch, "units", "", 30 * S);
        add(&lab->watch, "journal", "", 30 * S);
        replace(lab, 100 * S);
        for (unsigned i = 0; i < 2; i++) {
                Task *task = schedule_pick(&lab->schedule, 101 * S);

                schedule_begin(task, lab, 101 * S);
                schedule_end(task, 101 * S);
        }
        assert_null(schedule_pick(&lab->schedule, 102 * S));
        assert_false(schedule_is_hurried(&lab->schedule));

        schedule_hurry(&lab->schedule, 102 * S);
        for (unsigned i = 0; i < 2; i++) {
                Task *task = schedule_pick(&lab->schedule, 102 * S);

                assert_non_null(task);
                assert_true(schedule_is_hurried(&lab->schedule));
                schedule_begin(task, lab, 102 * S);
                schedule_end(task, 102 * S + 1);
        }
        assert_false(schedule_is_hurried(&lab->schedule));
        assert_null(schedule_pick(&lab->schedule, 103 * S));
        assert_in_range(schedule_wake(&lab->schedule), 131 * S, 132 * S); /* as before */
}

static void test_an_answer_that_was_under_way_does_not_satisfy_a_hurry(void **state) {
        Lab *lab = *state;
        Task *task;

        add(&lab->watch, "units", "", 30 * S);
        replace(lab, 100 * S);
        task = schedule_pick(&lab->schedule, 101 * S);
        schedule_begin(task, lab, 101 * S);
        schedule_hurry(&lab->schedule, 102 * S);
        assert_null(schedule_pick(&lab->schedule, 102 * S));
        schedule_end(task, 103 * S);
        assert_true(schedule_is_hurried(&lab->schedule));

        assert_ptr_equal(schedule_pick(&lab->schedule, 103 * S), task);
        schedule_begin(task, lab, 103 * S);
        schedule_end(task, 104 * S);
        assert_false(schedule_is_hurried(&lab->schedule));
}

static void test_a_hurry_outlives_a_new_watch(void **state) {
        Lab *lab = *state;

        add(&lab->watch, "units", "", 30 * S);
        replace(lab, 100 * S);
        schedule_hurry(&lab->schedule, 100 * S);
        add(&lab->watch, "journal", "", 30 * S);
        replace(lab, 100 * S);
        assert_true(schedule_is_hurried(&lab->schedule));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_without_a_watch_there_is_nothing_to_wake_up_for),
                TEST(test_an_item_is_asked_soon_and_then_once_a_period),
                TEST(test_a_slow_question_is_not_asked_again_at_once),
                TEST(test_costly_programs_are_few_at_a_time),
                TEST(test_who_is_asked_every_second_waits_for_nobody),
                TEST(test_what_waits_longest_is_asked_first),
                TEST(test_all_subjects_of_the_leader_are_one_task),
                TEST(test_a_new_watch_does_not_disturb_what_stays),
                TEST(test_a_shorter_period_holds_at_once),
                TEST(test_a_question_has_ten_seconds_or_three_periods),
                TEST(test_a_full_watch_fits_and_is_spread),
                TEST(test_somebody_in_a_hurry_has_every_task_asked_at_once),
                TEST(test_an_answer_that_was_under_way_does_not_satisfy_a_hurry),
                TEST(test_a_hurry_outlives_a_new_watch),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
