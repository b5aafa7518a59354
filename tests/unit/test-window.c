/* SPDX-License-Identifier: Apache-2.0 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "common/text.h"
#include "coordinator/window.h"

#define SEC USEC_PER_SEC

#define AUTO_WINDOW __attribute__((cleanup(window_reset))) Window

static Sample sample_of(Verdict verdict) {
        Sample sample = { .verdict = verdict };

        assert_true(text_copy(sample.check, sizeof(sample.check), "mesos-master"));
        return sample;
}

static void set_number(Sample *sample, const char *name, uint64_t value) {
        SampleNumber *number = &sample->numbers[sample->number_count++];

        number->value = value;
        assert_true(text_copy(number->name, sizeof(number->name), name));
}

static void set_text(Sample *sample, const char *name, const char *text) {
        SampleText *one = &sample->texts[sample->text_count++];

        assert_true(text_copy(one->name, sizeof(one->name), name));
        assert_true(text_copy(one->text, sizeof(one->text), text));
}

/* A pass a second, from `from` to `to` (in seconds). */
static void add_passes(Window *window, usec_t from, usec_t to) {
        Sample sample = sample_of(VERDICT_PASS);

        for (usec_t at = from; at <= to; at++)
                (void) window_add(window, &sample, false, at * SEC, 2 * SEC);
}

static bool holds(const Window *window, usec_t at, usec_t dwell) {
        return window_holds(window, at * SEC, dwell * SEC, 2 * SEC);
}

static void test_nothing_seen_holds_nothing(void **state) {
        AUTO_WINDOW window = {};

        assert_false(holds(&window, 100, 0));
}

static void test_a_window_holds_when_its_passes_span_the_dwell_and_not_before(void **state) {
        AUTO_WINDOW window = {};

        add_passes(&window, 10, 69);
        assert_false(holds(&window, 69, 60));
        add_passes(&window, 70, 70);
        assert_true(holds(&window, 70, 60));
}

static void test_one_pass_never_spans_a_dwell_however_long_ago_it_was(void **state) {
        AUTO_WINDOW window = {};

        add_passes(&window, 10, 10);
        assert_false(window_holds(&window, 100 * SEC, 60 * SEC, USEC_INFINITY));
}

static void test_an_old_newest_pass_closes_the_window(void **state) {
        AUTO_WINDOW window = {};

        add_passes(&window, 10, 80);
        assert_true(holds(&window, 82, 60));
        assert_false(holds(&window, 83, 60));
}

static void test_anything_but_a_pass_begins_anew(void **state) {
        static const Verdict others[] = {
                VERDICT_FAIL,
                VERDICT_UNKNOWN,
                VERDICT_NOT_APPLICABLE,
        };

        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                Sample other = sample_of(others[i]);
                AUTO_WINDOW window = {};

                add_passes(&window, 10, 80);
                assert_true(window_add(&window, &other, false, 81 * SEC, 2 * SEC));
                assert_false(holds(&window, 81, 0));
                add_passes(&window, 82, 100);
                assert_false(holds(&window, 100, 60));
                add_passes(&window, 101, 142);
                assert_true(holds(&window, 142, 60));
        }
}

static void test_a_process_that_has_restarted_begins_anew(void **state) {
        AUTO_WINDOW window = {};
        Sample sample = sample_of(VERDICT_PASS);

        set_number(&sample, "uptime_ms", 500000);
        for (usec_t at = 10; at <= 80; at++, sample.numbers[0].value += 1000)
                (void) window_add(&window, &sample, false, at * SEC, 2 * SEC);
        assert_true(holds(&window, 80, 60));

        sample.numbers[0].value = 700;
        assert_false(window_add(&window, &sample, false, 81 * SEC, 2 * SEC));
        assert_false(holds(&window, 81, 60));
        assert_int_equal(window.since, 81 * SEC);
}

static void test_another_leader_begins_anew(void **state) {
        AUTO_WINDOW window = {};
        Sample sample = sample_of(VERDICT_PASS);

        set_text(&sample, "leader", "10.0.0.1:5050");
        for (usec_t at = 10; at <= 80; at++)
                (void) window_add(&window, &sample, false, at * SEC, 2 * SEC);
        assert_true(holds(&window, 80, 60));

        assert_true(text_copy(sample.texts[0].text, sizeof(sample.texts[0].text), "10.0.0.2:5050"));
        (void) window_add(&window, &sample, false, 81 * SEC, 2 * SEC);
        assert_false(holds(&window, 81, 1));
}

static void test_an_answer_counts_from_when_it_was_true_not_from_when_it_came(void **state) {
        AUTO_WINDOW window = {};
        Sample late = sample_of(VERDICT_PASS);

        late.age = 5 * SEC;
        (void) window_add(&window, &late, false, 100 * SEC, 2 * SEC);
        assert_int_equal(window.newest, 95 * SEC);
        assert_false(window_holds(&window, 100 * SEC, 0, 2 * SEC));
}

static void test_passes_on_both_sides_of_a_silence_span_nothing(void **state) {
        AUTO_WINDOW window = {};

        add_passes(&window, 10, 80);
        add_passes(&window, 2400, 2400);
        assert_false(holds(&window, 2400, 1));
        assert_int_equal(window.since, 2400 * SEC);
        add_passes(&window, 2401, 2460);
        assert_true(holds(&window, 2460, 60));
}

/* A fail a second that is enough, from `from` to `to` (in seconds). */
static void add_enough(Window *window, usec_t from, usec_t to) {
        Sample sample = sample_of(VERDICT_FAIL);

        for (usec_t at = from; at <= to; at++)
                (void) window_add(window, &sample, true, at * SEC, 2 * SEC);
}

static bool is_enough(const Window *window, usec_t at, usec_t dwell) {
        return window_is_enough(window, at * SEC, dwell * SEC, 2 * SEC);
}

static void test_answers_that_are_enough_span_a_dwell_of_their_own(void **state) {
        AUTO_WINDOW window = {};

        add_passes(&window, 10, 39); /* not enough */
        add_enough(&window, 40, 99);
        assert_false(is_enough(&window, 99, 60));
        assert_false(holds(&window, 99, 0));
        add_enough(&window, 100, 100);
        assert_true(is_enough(&window, 100, 60));
        assert_false(is_enough(&window, 103, 60)); /* nothing new */

        add_passes(&window, 101, 101);
        assert_false(is_enough(&window, 101, 0));
}

static void test_silence_breaks_a_row_of_what_is_enough(void **state) {
        AUTO_WINDOW window = {};

        add_enough(&window, 10, 80);
        add_enough(&window, 83, 100);
        assert_false(is_enough(&window, 100, 60));
}

static void test_only_a_change_of_verdict_is_news(void **state) {
        AUTO_WINDOW window = {};
        Sample pass = sample_of(VERDICT_PASS);
        Sample fail = sample_of(VERDICT_FAIL);

        assert_true(window_add(&window, &pass, false, 1 * SEC, 2 * SEC));
        assert_false(window_add(&window, &pass, false, 2 * SEC, 2 * SEC));
        assert_true(window_add(&window, &fail, false, 3 * SEC, 2 * SEC));
        assert_false(window_add(&window, &fail, false, 4 * SEC, 2 * SEC));
        assert_int_equal(window.changed, 3 * SEC);
        assert_true(window_add(&window, &pass, false, 5 * SEC, 2 * SEC));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nothing_seen_holds_nothing),
                cmocka_unit_test(test_a_window_holds_when_its_passes_span_the_dwell_and_not_before),
                cmocka_unit_test(test_one_pass_never_spans_a_dwell_however_long_ago_it_was),
                cmocka_unit_test(test_an_old_newest_pass_closes_the_window),
                cmocka_unit_test(test_anything_but_a_pass_begins_anew),
                cmocka_unit_test(test_a_process_that_has_restarted_begins_anew),
                cmocka_unit_test(test_another_leader_begins_anew),
                cmocka_unit_test(test_an_answer_counts_from_when_it_was_true_not_from_when_it_came),
                cmocka_unit_test(test_passes_on_both_sides_of_a_silence_span_nothing),
                cmocka_unit_test(test_answers_that_are_enough_span_a_dwell_of_their_own),
                cmocka_unit_test(test_silence_breaks_a_row_of_what_is_enough),
                cmocka_unit_test(test_only_a_change_of_verdict_is_news),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
