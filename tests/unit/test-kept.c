/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/kept.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/text.h"

/* Every field as full as it can be. */
static Sample full_sample(void) {
        Sample sample = {
                .verdict = VERDICT_FAIL,
                .took = 17,
                .number_count = SAMPLE_NUMBERS_MAX,
                .text_count = SAMPLE_TEXTS_MAX,
        };

        memset(sample.reason, 'r', sizeof(sample.reason) - 1);
        memset(sample.evidence, 'e', sizeof(sample.evidence) - 1);
        for (size_t i = 0; i < SAMPLE_NUMBERS_MAX; i++) {
                (void) text_format(
                                sample.numbers[i].name, CHECK_NAME_MAX, "n%zu%s", i,
                                "-and-as-long-as-a-name-may-be-x");
                sample.numbers[i].value = i;
        }
        for (size_t i = 0; i < SAMPLE_TEXTS_MAX; i++) {
                (void) text_format(sample.texts[i].name, CHECK_NAME_MAX, "t%zu", i);
                memset(sample.texts[i].text, 'a' + (int) i, sizeof(sample.texts[i].text) - 1);
        }

        return sample;
}

static void test_all_that_a_sample_says_is_kept(void **state) {
        Sample sample = full_sample();
        Kept kept = kept_make(&sample);
        uint64_t value;

        assert_int_equal(kept.verdict, VERDICT_FAIL);
        assert_int_equal(kept.took, 17);
        assert_string_equal(kept.reason, sample.reason);
        for (size_t i = 0; i < SAMPLE_NUMBERS_MAX; i++) {
                assert_true(kept_number(&kept, sample.numbers[i].name, &value));
                assert_int_equal(value, i);
        }
        for (size_t i = 0; i < SAMPLE_TEXTS_MAX; i++) {
                assert_string_equal(kept_text(&kept, sample.texts[i].name), sample.texts[i].text);
        }

        kept_done(&kept);
}

static void test_of_the_evidence_the_beginning_is_kept(void **state) {
        Sample sample = full_sample();
        Kept kept = kept_make(&sample);

        assert_int_equal(strlen(kept.evidence), KEPT_EVIDENCE_MAX - 1);
        assert_true(text_starts_with(sample.evidence, kept.evidence));
        kept_done(&kept);
}

static void test_what_a_sample_does_not_say_is_not_there(void **state) {
        Sample sample = { .verdict = VERDICT_PASS };
        Kept kept = kept_make(&sample);
        uint64_t value;

        assert_string_equal(kept.reason, "");
        assert_string_equal(kept.evidence, "");
        assert_false(kept_number(&kept, "uptime_ms", &value));
        assert_null(kept_text(&kept, "leader"));
        kept_done(&kept);
}

static void test_what_was_never_kept_says_nothing(void **state) {
        Kept kept = {};
        uint64_t value;

        assert_int_equal(kept.verdict, VERDICT_UNKNOWN);
        assert_false(kept_number(&kept, "uptime_ms", &value));
        assert_null(kept_text(&kept, "leader"));
        kept_done(&kept);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_all_that_a_sample_says_is_kept),
                cmocka_unit_test(test_of_the_evidence_the_beginning_is_kept),
                cmocka_unit_test(test_what_a_sample_does_not_say_is_not_there),
                cmocka_unit_test(test_what_was_never_kept_says_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
