/* SPDX-License-Identifier: Apache-2.0 */
#include "common/span.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <string.h>

#include "common/macro.h"

static void test_sums_stop_at_infinity_and_zero(void **state) {
        assert_true(span_add(1, 2) == 3);
        assert_true(span_add(USEC_INFINITY, 1) == USEC_INFINITY);
        assert_true(span_add(USEC_INFINITY - 1, 1) == USEC_INFINITY);
        assert_true(span_add(USEC_INFINITY - 1, 2) == USEC_INFINITY);
        assert_true(span_add(0, USEC_INFINITY) == USEC_INFINITY);

        assert_true(span_sub(3, 2) == 1);
        assert_true(span_sub(2, 3) == 0);
        assert_true(span_sub(0, USEC_INFINITY) == 0);
        assert_true(span_sub(USEC_INFINITY, 5) == USEC_INFINITY);
}

// clang-format off
static const struct { usec_t span; const char *text; } shown[] = {
        { 0,                                              "0s"            },
        { 1,                                              "1us"           },
        { 250 * USEC_PER_MSEC,                            "250ms"         },
        { USEC_PER_SEC + 500 * USEC_PER_MSEC,             "1s 500ms"      },
        { 90 * USEC_PER_SEC,                              "1min 30s"      },
        { 4 * USEC_PER_MINUTE + 30 * USEC_PER_SEC,        "4min 30s"      },
        { 5 * USEC_PER_MINUTE,                            "5min"          },
        { USEC_PER_HOUR + 5 * USEC_PER_SEC,               "1h 5s"         },
        { 2 * USEC_PER_DAY,                               "2d"            },
        { USEC_PER_DAY + USEC_PER_HOUR + USEC_PER_MINUTE, "1d 1h"         },
        { USEC_PER_MINUTE - 1,                            "59s 999ms"     },
        { USEC_INFINITY,                                  "forever"       },
        { USEC_INFINITY - 1,                              "213503982d 8h" },
};
// clang-format on

static void test_a_span_is_shown_in_two_units_at_most(void **state) {
        char buffer[SPAN_TEXT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(shown); i++)
                assert_string_equal(span_format(shown[i].span, buffer), shown[i].text);
}

static void assert_reads_back(usec_t span) {
        char buffer[SPAN_TEXT_MAX];
        usec_t back = 7;

        assert_int_equal(span_parse(span_format(span, buffer), &back), 0);
        assert_true(back == span);
}

/* But for units too small to be shown. */
static void test_what_is_shown_reads_back(void **state) {
        static const usec_t units[] = {
                USEC_PER_DAY, USEC_PER_HOUR, USEC_PER_MINUTE, USEC_PER_SEC, USEC_PER_MSEC, 1,
        };

        for (size_t i = 0; i < ELEMENTSOF(units) * ELEMENTSOF(units); i++) {
                size_t large = i / ELEMENTSOF(units), small = i % ELEMENTSOF(units);

                for (usec_t n = 0; n < 24 && small > large; n++)
                        assert_reads_back(3 * units[large] + n * units[small]);
        }

        assert_reads_back(0);
}

static void test_spans_are_read(void **state) {
        // clang-format off
        static const struct { const char *text; usec_t span; } good[] = {
                { "90s",     90 * USEC_PER_SEC                    },
                { "90",      90 * USEC_PER_SEC                    },
                { "0",       0                                    },
                { "0s",      0                                    },
                { "5min",    5 * USEC_PER_MINUTE                  },
                { "1h30min", USEC_PER_HOUR + 30 * USEC_PER_MINUTE },
                { "1h 30min", USEC_PER_HOUR + 30 * USEC_PER_MINUTE },
                { "250ms",   250 * USEC_PER_MSEC                  },
                { "7us",     7                                    },
                { "2d",      2 * USEC_PER_DAY                     },
                { "1d2h3min4s5ms6us", USEC_PER_DAY + 2 * USEC_PER_HOUR + 3 * USEC_PER_MINUTE +
                                      4 * USEC_PER_SEC + 5 * USEC_PER_MSEC + 6 },
                { "18446744073709551614us", USEC_INFINITY - 1     },
        };
        // clang-format on

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                usec_t span = 1234;

                assert_int_equal(span_parse(good[i].text, &span), 0);
                assert_true(span == good[i].span);
        }
}

static void test_what_is_no_span_is_refused_and_changes_nothing(void **state) {
        static const char *const bad[] = {
                "",
                " ",
                "s",
                "-5s",
                "+5s",
                "5 s",
                "5s ",
                " 5s",
                "1h  30min",
                "5m",
                "5S",
                "5sec",
                "1.5h",
                "1,5h",
                "30s5min",
                "5s5s",
                "1h30",
                "5mins",
                "0x10s",
                "forever",
                "infinity",
                "5s\n",
                "18446744073709551615us", /* that is USEC_INFINITY */
                "18446744073709551616us",
                "99999999999999999999999s",
                "213503983d",
                "213503982d 24h",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                usec_t span = 1234;

                assert_int_equal(span_parse(bad[i], &span), -EINVAL);
                assert_true(span == 1234);
        }
}

static void test_a_timestamp_is_utc_with_milliseconds(void **state) {
        char buffer[TIMESTAMP_TEXT_MAX];

        assert_string_equal(timestamp_format(0, buffer), "1970-01-01T00:00:00.000Z");
        assert_string_equal(
                        timestamp_format(UINT64_C(1795406706789123), buffer),
                        "2026-11-23T04:05:06.789Z");
        assert_string_equal(
                        timestamp_format(UINT64_C(1709164800000000), buffer),
                        "2024-02-29T00:00:00.000Z");

        /* Nonsense stays inside its buffer. */
        assert_true(strlen(timestamp_format(USEC_INFINITY, buffer)) < TIMESTAMP_TEXT_MAX);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sums_stop_at_infinity_and_zero),
                cmocka_unit_test(test_a_span_is_shown_in_two_units_at_most),
                cmocka_unit_test(test_what_is_shown_reads_back),
                cmocka_unit_test(test_spans_are_read),
                cmocka_unit_test(test_what_is_no_span_is_refused_and_changes_nothing),
                cmocka_unit_test(test_a_timestamp_is_utc_with_milliseconds),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
