/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/losses.h"

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

/* What the leading master had counted before m1's step, and what it has after it. */

#define LOST        "lost/master/slave_disconnected"
#define FAILED      "failed/slave/executor_terminated"
#define FAILED_NAME "task_failed/source_slave/reason_executor_terminated"

static void hear(Lab *lab, const char *who, bool elected, const char *first, const char *second) {
        Sample sample = { .check = "mesos-master", .verdict = VERDICT_PASS };

        (void) text_copy(sample.numbers[0].name, sizeof(sample.numbers[0].name), "elected");
        sample.numbers[0].value = elected;
        sample.number_count = 1;
        (void) text_copy(sample.texts[0].name, sizeof(sample.texts[0].name), "losses_1");
        (void) text_copy(sample.texts[0].text, sizeof(sample.texts[0].text), first);
        (void) text_copy(sample.texts[1].name, sizeof(sample.texts[1].name), "losses_2");
        (void) text_copy(sample.texts[1].text, sizeof(sample.texts[1].text), second);
        sample.text_count = 2;
        lab_sample(lab, who, &sample);
}

static Lab *lab_of_masters(void) {
        Lab *lab = lab_new();

        lab_join_masters(lab, 3);
        return lab;
}

/* What is told after m1's step, when m1 had counted this before it, and `who` has now. */
static void expect(
                const char *before,
                const char *who,
                const char *first,
                const char *second,
                const char *told) {
        AUTO(Lab) *lab = lab_of_masters();
        char text[REASON_MAX];

        (void) text_copy(lab->state->nodes[0].step.losses_before, LOSSES_TEXT_MAX, before);
        hear(lab, who, true, first, second);
        losses_describe(lab->state, &lab->facts, 0, lab->now, text);
        assert_string_equal(text, told);
}

static void test_what_was_counted_before_is_noted_with_who_has_counted_it(void **state) {
        AUTO(Lab) *lab = lab_of_masters();
        char text[LOSSES_TEXT_MAX];

        losses_note(lab->state, &lab->facts, lab->now, text);
        assert_string_equal(text, "");
        hear(lab, "m2", true, LOST "=2", FAILED "=1");
        losses_note(lab->state, &lab->facts, lab->now, text);
        assert_string_equal(text, "m2 " LOST "=2 " FAILED "=1");
}

static void test_what_has_been_counted_since_is_told_by_its_reason(void **state) {
        expect("m1 " LOST "=2", "m1", LOST "=2", "", "");
        expect("m1 " LOST "=2", "m1", LOST "=5 " FAILED "=1", "",
               "the leading master m1 has counted since before the step: "
               "task_lost/source_master/reason_slave_disconnected +3, "
               "task_failed/source_slave/reason_executor_terminated +1");
        expect("m1", "m1", "", FAILED "=4",
               "the leading master m1 has counted since before the step: "
               "task_failed/source_slave/reason_executor_terminated +4");
}

/* Every leader begins at 0, also one that led before. */
static void test_another_leader_has_counted_since_it_was_elected(void **state) {
        static const char told[] = " has counted since it was elected: "
                                   "task_lost/source_master/reason_slave_disconnected +2";
        char text[REASON_MAX];

        (void) text_format(text, sizeof(text), "the leading master m3%s", told);
        expect("m1 " LOST "=7", "m3", LOST "=2", "", text);
        (void) text_format(text, sizeof(text), "the leading master m1%s", told);
        expect("m1 " LOST "=7", "m1", LOST "=2", "", text);
}

/* Also where it has counted as much again by now: its process is younger than it was. */
static void test_the_same_leader_with_another_process_has_counted_since_that_began(void **state) {
        static const struct {
                uint64_t uptime;
                const char *since;
        } cases[] = { { 59999, "it was elected: " FAILED_NAME " +5" },
                      { 60000, "before the step: " FAILED_NAME " +2" } };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                AUTO(Lab) *lab = lab_of_masters();
                Sample sample = { .check = "mesos-master",
                                  .verdict = VERDICT_PASS,
                                  .numbers = { { "elected", 1 }, { "uptime_ms", 60000 } },
                                  .number_count = 2,
                                  .texts = { { "losses_1", FAILED "=3" } },
                                  .text_count = 1 };
                char text[REASON_MAX];

                lab_sample(lab, "m1", &sample);
                losses_note(lab->state, &lab->facts, lab->now,
                            lab->state->nodes[0].step.losses_before);
                sample.numbers[1].value = cases[i].uptime;
                (void) text_copy(sample.texts[0].text, sizeof(sample.texts[0].text), FAILED "=5");
                lab_sample(lab, "m1", &sample);
                losses_describe(lab->state, &lab->facts, 0, lab->now, text);
                assert_true(text_starts_with(text, "the leading master m1 has counted since "));
                assert_string_equal(strstr(text, "since ") + strlen("since "), cases[i].since);
        }
}

static void test_what_cannot_be_compared_is_not_told(void **state) {
        AUTO(Lab) *lab = lab_of_masters();
        char text[REASON_MAX];

        expect("", "m1", LOST "=7", "", "");
        expect("m1 " LOST "=2 ...", "m1", LOST "=2 " FAILED "=9", "", "");
        expect("m1 rubbish =3 x=y", "m1", "rubbish x=y =", "", "");

        (void) text_copy(lab->state->nodes[0].step.losses_before, LOSSES_TEXT_MAX, "m1");
        losses_describe(lab->state, &lab->facts, 0, lab->now, text);
        assert_string_equal(text, "");
}

static void test_more_than_there_is_room_for_is_cut_between_words(void **state) {
        static const char long_word[] =
                        "gone_by_operator/master/container_limitation_of_something_that_has_a_long_"
                        "name_indeed=123456";
        AUTO(Lab) *lab = lab_of_masters();
        Sample sample = { .check = "mesos-master",
                          .verdict = VERDICT_PASS,
                          .numbers = { { "elected", 1 } },
                          .number_count = 1,
                          .text_count = 4 };
        char text[LOSSES_TEXT_MAX];

        for (size_t i = 0; i < 4; i++) {
                (void) text_format(
                                sample.texts[i].name, sizeof(sample.texts[i].name), "losses_%zu",
                                i + 1);
                (void) text_copy(sample.texts[i].text, sizeof(sample.texts[i].text), long_word);
        }
        lab_sample(lab, "m1", &sample);
        losses_note(lab->state, &lab->facts, lab->now, text);
        assert_true(strlen(text) < LOSSES_TEXT_MAX);
        assert_string_equal(text + strlen(text) - strlen("=123456 ..."), "=123456 ...");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_was_counted_before_is_noted_with_who_has_counted_it),
                cmocka_unit_test(test_what_has_been_counted_since_is_told_by_its_reason),
                cmocka_unit_test(test_another_leader_has_counted_since_it_was_elected),
                cmocka_unit_test(
                                test_the_same_leader_with_another_process_has_counted_since_that_began),
                cmocka_unit_test(test_what_cannot_be_compared_is_not_told),
                cmocka_unit_test(test_more_than_there_is_room_for_is_cut_between_words),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
