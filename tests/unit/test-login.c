/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/login.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>

/* When to log in, with a clock by hand. */

#define SEC   USEC_PER_SEC
#define BEGIN (1000 * SEC)
#define LIFE  (100 * SEC)

static const Error away = { .code = ERROR_UNREACHABLE, .text = "connection refused" };
static const Error denied = { .code = ERROR_DENIED, .text = "the IAM does not let it in" };

static LoginPlan wanted(void) {
        LoginPlan login;

        login_init(&login, true, BEGIN);
        return login;
}

/* One that has logged in at BEGIN. */
static LoginPlan logged_in(void) {
        LoginPlan login = wanted();

        login_begin(&login);
        login_succeed(&login, 7, LIFE, BEGIN);
        return login;
}

/* The first moment from `now` on at which it is due, to the second. */
static usec_t next_due(const LoginPlan *login, usec_t now) {
        while (!login_is_due(login, now))
                now += SEC;

        return now;
}

static void fail_at(LoginPlan *login, const Error *error, usec_t now) {
        assert_true(login_is_due(login, now));
        login_begin(login);
        login_fail(login, error, now);
}

static void succeed_at(LoginPlan *login, uint64_t serial, usec_t now) {
        assert_true(login_is_due(login, now));
        login_begin(login);
        login_succeed(login, serial, LIFE, now);
}

static void test_where_no_login_is_configured_there_is_never_one(void **state) {
        LoginPlan login;
        char text[REASON_MAX];
        usec_t since;

        login_init(&login, false, BEGIN);
        for (unsigned i = 0; i < 1000; i++)
                assert_false(login_is_due(&login, BEGIN + i * USEC_PER_HOUR));

        login_refuse(&login, "m1", 0, BEGIN);
        assert_false(login_is_due(&login, BEGIN));
        assert_false(login_get_problem(&login, BEGIN, text, &since));
}

static void test_it_logs_in_at_once_and_one_at_a_time(void **state) {
        LoginPlan login = wanted();

        assert_true(login_is_due(&login, BEGIN));
        login_begin(&login);
        assert_false(login_is_due(&login, BEGIN + USEC_PER_DAY));
}

static void test_a_token_is_renewed_when_half_of_its_life_is_over(void **state) {
        LoginPlan login = logged_in();

        assert_true(next_due(&login, BEGIN) == BEGIN + LIFE / 2);
        succeed_at(&login, 8, BEGIN + LIFE / 2);
        assert_int_equal(login.serial, 8);
        assert_true(next_due(&login, BEGIN) == BEGIN + LIFE);
}

static void test_a_token_that_is_nearly_over_is_not_asked_for_without_end(void **state) {
        LoginPlan login = wanted();

        login_begin(&login);
        login_succeed(&login, 7, 1, BEGIN);
        assert_true(next_due(&login, BEGIN) == BEGIN + LOGIN_PAUSE);
        login_begin(&login);
        login_succeed(&login, 7, UINT64_MAX, BEGIN);
        assert_true(login.expires == BEGIN + LOGIN_LIFE_MAX);
}

static void test_what_fails_is_tried_again_after_pauses_that_grow_to_a_limit(void **state) {
        LoginPlan login = wanted();
        usec_t now = BEGIN, before = 0;

        for (unsigned i = 0; i < 12; i++) {
                usec_t pause;

                fail_at(&login, &away, now);
                pause = next_due(&login, now) - now;
                assert_true(i > 0 || pause == LOGIN_PAUSE);
                assert_true(pause == MIN(2 * before, LOGIN_PAUSE_MAX) || i == 0);
                before = pause;
                now += pause;
        }
        assert_true(before == LOGIN_PAUSE_MAX);

        succeed_at(&login, 7, now);
        fail_at(&login, &away, now + LIFE / 2);
        assert_true(next_due(&login, now) == now + LIFE / 2 + LOGIN_PAUSE);
}

static void test_who_is_not_let_in_tries_once_more_and_then_waits_for_an_hour(void **state) {
        LoginPlan login = wanted();
        usec_t now = BEGIN;

        fail_at(&login, &denied, now);
        now = next_due(&login, now);
        assert_true(now == BEGIN + LOGIN_PAUSE);
        fail_at(&login, &denied, now);
        assert_true(next_due(&login, now) == now + LOGIN_GIVEN_UP);

        now += LOGIN_GIVEN_UP;
        fail_at(&login, &away, now); /* the IAM is away now: that may be over soon */
        assert_true(next_due(&login, now) <= now + LOGIN_PAUSE_MAX);
}

static void test_a_token_is_kept_until_it_is_over_however_often_renewing_it_fails(void **state) {
        LoginPlan login = logged_in();

        for (usec_t now = BEGIN; now < BEGIN + LIFE; now += SEC) {
                assert_false(login_expire(&login, now));
                assert_int_equal(login.serial, 7);
                if (login_is_due(&login, now))
                        fail_at(&login, &away, now);
        }

        assert_true(login_expire(&login, BEGIN + LIFE));
        assert_int_equal(login.serial, 0);
        assert_false(login_expire(&login, BEGIN + LIFE));
}

static void test_a_token_that_is_refused_is_replaced_once_until_the_next_renewal(void **state) {
        LoginPlan login = logged_in();
        usec_t renewal;

        login_refuse(&login, "m1", 7, BEGIN + SEC);
        succeed_at(&login, 8, BEGIN + SEC);
        renewal = BEGIN + SEC + LIFE / 2;
        for (usec_t now = BEGIN + 2 * SEC; now < renewal; now += SEC) {
                login_refuse(&login, "m1", 8, now);
                assert_false(login_is_due(&login, now));
        }

        succeed_at(&login, 9, renewal);
        login_refuse(&login, "m2", 9, renewal + SEC);
        assert_true(login_is_due(&login, renewal + SEC));
}

static void test_a_refusal_of_another_token_than_the_present_one_says_nothing(void **state) {
        LoginPlan login = logged_in();

        login_refuse(&login, "m1", 6, BEGIN + SEC);
        login_refuse(&login, "m1", 0, BEGIN + SEC);
        assert_false(login_is_due(&login, BEGIN + SEC));

        login = wanted();
        login_refuse(&login, "m1", 0, BEGIN + SEC);
        assert_int_equal(login.refused_since, 0);
}

static void assert_problem(
                const LoginPlan *login, usec_t now, usec_t since, const char *wanted_text) {
        char text[REASON_MAX];
        usec_t found = 0;

        assert_true(login_get_problem(login, now, text, &found));
        assert_string_equal(text, wanted_text);
        assert_true(found == since);
}

static void test_a_person_is_told_what_fails_since_when_and_what_comes_next(void **state) {
        LoginPlan login = wanted();
        char text[REASON_MAX];
        usec_t since;

        assert_false(login_get_problem(&login, BEGIN, text, &since));
        fail_at(&login, &away, BEGIN);
        fail_at(&login, &away, BEGIN + LOGIN_PAUSE);
        assert_problem(&login, BEGIN + LOGIN_PAUSE + 5 * SEC, BEGIN,
                       "login to the IAM: connection refused; there is no token; tried 2 times, again in 15s");

        login = logged_in();
        fail_at(&login, &denied, BEGIN + LIFE / 2);
        assert_problem(&login, BEGIN + LIFE / 2, BEGIN + LIFE / 2,
                       "login to the IAM: the IAM does not let it in; the token is good for 50s; tried 1 times, again in 10s");
        succeed_at(&login, 8, BEGIN + LIFE / 2 + LOGIN_PAUSE);
        assert_false(login_get_problem(&login, BEGIN + LIFE, text, &since));
}

static void test_a_person_is_told_who_refuses_the_token_until_nobody_does(void **state) {
        LoginPlan login = logged_in();
        usec_t at = BEGIN + SEC;
        char text[REASON_MAX];
        usec_t since;

        login_refuse(&login, "m1", 7, at);
        assert_problem(&login, at, at,
                       "m1: the token of the IAM was refused (401); logging in again");
        succeed_at(&login, 8, at);
        login_refuse(&login, "m2", 8, at + SEC);
        assert_problem(&login, at + SEC, at,
                       "m2: the token of the IAM was refused (401), and so was a new one; there is no other before the next renewal");
        assert_false(login_get_problem(&login, at + 2 * SEC + LOGIN_HEED, text, &since));
}

/* Whatever happens in whatever order: no storm of logins, and never two at a time. */
static void test_no_order_of_events_makes_it_log_in_more_often_than_the_pauses_allow(void **state) {
        srandom(1);
        for (unsigned round = 0; round < 200; round++) {
                LoginPlan login = wanted();
                unsigned begun = 0, succeeded = 0, failed = 0;
                usec_t now = BEGIN;

                for (unsigned i = 0; i < 500; i++) {
                        long dice = random();

                        now += (usec_t) dice % (20 * SEC);
                        (void) login_expire(&login, now);
                        if (login_is_due(&login, now)) {
                                login_begin(&login);
                                begun++;
                                assert_false(login_is_due(&login, now));
                        } else if (login.asking && dice % 3 == 0) {
                                login_succeed(&login, begun, USEC_PER_HOUR, now);
                                succeeded++;
                        } else if (login.asking && dice % 3 == 1) {
                                login_fail(&login, dice % 2 ? &away : &denied, now);
                                failed++;
                        } else {
                                login_refuse(&login, "m1", begun - (unsigned) dice % 2, now);
                        }
                }

                /* each renewal may be followed by one more login, each failure by another try */
                assert_in_range(begun, 1, (now - BEGIN) / (USEC_PER_HOUR / 2) * 2 + 3 + failed);
                assert_true(begun - succeeded - failed <= 1);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_where_no_login_is_configured_there_is_never_one),
                cmocka_unit_test(test_it_logs_in_at_once_and_one_at_a_time),
                cmocka_unit_test(test_a_token_is_renewed_when_half_of_its_life_is_over),
                cmocka_unit_test(test_a_token_that_is_nearly_over_is_not_asked_for_without_end),
                cmocka_unit_test(test_what_fails_is_tried_again_after_pauses_that_grow_to_a_limit),
                cmocka_unit_test(test_who_is_not_let_in_tries_once_more_and_then_waits_for_an_hour),
                cmocka_unit_test(
                                test_a_token_is_kept_until_it_is_over_however_often_renewing_it_fails),
                cmocka_unit_test(
                                test_a_token_that_is_refused_is_replaced_once_until_the_next_renewal),
                cmocka_unit_test(test_a_refusal_of_another_token_than_the_present_one_says_nothing),
                cmocka_unit_test(test_a_person_is_told_what_fails_since_when_and_what_comes_next),
                cmocka_unit_test(test_a_person_is_told_who_refuses_the_token_until_nobody_does),
                cmocka_unit_test(
                                test_no_order_of_events_makes_it_log_in_more_often_than_the_pauses_allow),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
