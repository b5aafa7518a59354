/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/iam.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/text.h"

/* The keeper of the token, with a rollpatch-probe that is a script: it notes how it was called and
 * answers with a file. */

#define PATIENCE (9 * USEC_PER_SEC)
#define TOKEN    "eyJhbGciOiJSUzI1NiJ9.eyJ1aWQiOiJ4In0.cGxhbnRlZA"
#define PROBE                                                           \
        "#!/bin/sh\ntop=$(dirname \"$0\")\necho \"$*\" >> $top/calls\n" \
        "cat $top/answer\n! grep -q '\"ok\":false' $top/answer\n"

typedef struct Lab {
        sd_event *event;
        DaemonConfig config;
        Iam *iam;
        char top[64];
} Lab;

static void put(const Lab *lab, const char *name, const char *text, mode_t mode) {
        char path[128];

        assert_true(text_format(path, sizeof(path), "%s/%s", lab->top, name));
        assert_int_equal(file_replace(AT_FDCWD, path, text, strlen(text), mode, NULL), 0);
}

static char *get(const Lab *lab, const char *name) {
        char path[128], *text = NULL;

        assert_true(text_format(path, sizeof(path), "%s/%s", lab->top, name));
        return file_read(AT_FDCWD, path, 65536, &text, NULL, NULL) < 0 ? strdup("") : text;
}

static int set_up(void **state) {
        Lab *lab = calloc(1, sizeof(*lab));

        assert_non_null(lab);
        (void) text_copy(lab->top, sizeof(lab->top), "/tmp/test-iam-XXXXXX");
        assert_non_null(mkdtemp(lab->top));
        assert_true(sd_event_new(&lab->event) >= 0);
        put(lab, "probe", PROBE, 0755);
        (void) text_format(lab->config.probe, sizeof(lab->config.probe), "%s/probe", lab->top);
        (void) text_copy(
                        lab->config.login.service_account,
                        sizeof(lab->config.login.service_account), "/etc/account.json");
        *state = lab;
        return 0;
}

static int tear_down(void **state) {
        static const char *const files[] = { "probe", "answer", "calls" };
        Lab *lab = *state;
        char path[128];

        iam_free(lab->iam);
        (void) sd_event_unref(lab->event);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                (void) text_format(path, sizeof(path), "%s/%s", lab->top, files[i]);
                (void) unlink(path);
        }
        assert_int_equal(rmdir(lab->top), 0);
        free(lab);
        return 0;
}

static void start(Lab *lab) {
        Error error = {};

        if (iam_new(lab->event, &lab->config, &lab->iam, &error) < 0)
                fail_msg("%s", error.text);
}

static bool has_problem(const Lab *lab, const char *part) {
        char text[REASON_MAX] = "", advice[REASON_MAX] = "";
        usec_t since = 0;

        return iam_get_problem(lab->iam, clock_boottime(), text, advice, &since) && since > 0 &&
               strstr(text, part) && strstr(advice, "/etc/");
}

/* Turns, as the coordinator does, until it has a token, or a problem when `problem` is given. */
static void wait_for(Lab *lab, const char *problem) {
        usec_t end = clock_boottime() + PATIENCE;

        iam_turn(lab->iam, clock_boottime());
        while (problem ? !has_problem(lab, problem) : iam_get_serial(lab->iam) == 0) {
                assert_true(clock_boottime() < end);
                assert_true(sd_event_run(lab->event, USEC_PER_SEC / 10) >= 0);
        }
}

static void answer_token(const Lab *lab, usec_t expires) {
        char text[512];

        (void) text_format(
                        text, sizeof(text),
                        "{\"ok\":true,\"expires\":%llu,\"token\":\"" TOKEN "\"}\n",
                        (unsigned long long) (expires / USEC_PER_SEC));
        put(lab, "answer", text, 0600);
}

static void test_the_account_is_named_and_the_token_that_is_printed_is_kept(void **state) {
        Lab *lab = *state;
        auto_free char *calls = NULL;
        Login login = {};
        Error error = {};

        answer_token(lab, clock_wall() + USEC_PER_DAY);
        (void) text_copy(lab->config.login.url, sizeof(lab->config.login.url), "https://a/b");
        (void) text_copy(lab->config.login.ca, sizeof(lab->config.login.ca), "/etc/ca.crt");
        start(lab);
        assert_int_equal(iam_get_serial(lab->iam), 0);
        wait_for(lab, NULL);

        calls = get(lab, "calls");
        assert_string_equal(
                        calls,
                        "login --account /etc/account.json --url https://a/b --ca /etc/ca.crt\n");
        login.serial = iam_get_serial(lab->iam);
        assert_int_equal(iam_fill(lab->iam, &login, &error), 0);
        assert_string_equal(login.token, TOKEN);

        login.serial++;
        assert_int_equal(iam_fill(lab->iam, &login, &error), -ENOENT);
        assert_false(has_problem(lab, ""));
}

static void test_a_token_file_is_named_alone(void **state) {
        Lab *lab = *state;
        auto_free char *calls = NULL;

        answer_token(lab, clock_wall() + USEC_PER_DAY);
        lab->config.login.service_account[0] = '\0';
        (void) text_copy(
                        lab->config.login.token_file, sizeof(lab->config.login.token_file),
                        "/etc/token");
        start(lab);
        wait_for(lab, NULL);
        calls = get(lab, "calls");
        assert_string_equal(calls, "login --token-file /etc/token\n");
}

static void test_a_token_that_does_not_say_until_when_is_taken(void **state) {
        Lab *lab = *state;

        put(lab, "answer", "{\"ok\":true,\"token\":\"" TOKEN "\"}\n", 0600);
        start(lab);
        wait_for(lab, NULL);
}

static void test_what_is_no_token_is_a_problem_that_a_person_is_told(void **state) {
        static const struct {
                const char *answer, *problem;
        } rows[] = {
                { "{\"ok\":false,\"error\":\"'x' has mode 0644\",\"denied\":true}", "mode 0644" },
                { "{\"ok\":true}", "token" },
                { "{\"ok\":true,\"token\":7}", "token" },
                { "{\"ok\":true,\"token\":\"" TOKEN "\",\"expires\":1}", "expired" },
                { "{\"ok\":true,\"token\":\"" TOKEN "\",\"expires\":\"x\"}", "expires" },
                { "<html>", "answer of rollpatch-probe" },
                { "", "answer of rollpatch-probe" },
        };
        Lab *lab = *state;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                put(lab, "answer", rows[i].answer, 0600);
                start(lab);
                wait_for(lab, rows[i].problem);
                assert_int_equal(iam_get_serial(lab->iam), 0);
                assert_false(has_problem(lab, TOKEN));
                iam_free(TAKE(lab->iam));
        }
}

static void test_a_program_that_is_not_there_is_a_problem_too(void **state) {
        Lab *lab = *state;

        (void) text_copy(lab->config.probe, sizeof(lab->config.probe), "/nonexistent/probe");
        start(lab);
        wait_for(lab, "/nonexistent/probe");
}

static void test_a_refusal_makes_it_log_in_again_and_the_same_token_is_no_news(void **state) {
        Lab *lab = *state;
        usec_t end = clock_boottime() + PATIENCE;
        Sample sample = { .number_count = 2,
                          .numbers = { { "login_refused", 401 }, { "login", 0 } } };
        uint64_t serial;

        answer_token(lab, clock_wall() + USEC_PER_DAY);
        start(lab);
        wait_for(lab, NULL);
        serial = iam_get_serial(lab->iam);
        sample.numbers[1].value = serial;
        iam_hear(lab->iam, "m1", &sample, clock_boottime());
        iam_turn(lab->iam, clock_boottime());

        for (;;) {
                auto_free char *calls = get(lab, "calls");
                const char *second = strchr(calls, '\n');

                if (second && second[1] && has_problem(lab, "so was a new one"))
                        break;
                assert_true(clock_boottime() < end);
                assert_true(sd_event_run(lab->event, USEC_PER_SEC / 10) >= 0);
        }
        assert_true(iam_get_serial(lab->iam) == serial);
}

static void test_a_configuration_that_contradicts_itself_is_refused(void **state) {
        Lab *lab = *state;
        Error error = {};

        (void) text_copy(lab->config.login.token_file, sizeof(lab->config.login.token_file), "/t");
        assert_int_equal(iam_new(lab->event, &lab->config, &lab->iam, &error), -EINVAL);
        assert_non_null(strstr(error.text, "both set"));

        lab->config.login.service_account[0] = '\0';
        (void) text_copy(lab->config.login.ca, sizeof(lab->config.login.ca), "/ca");
        assert_int_equal(iam_new(lab->event, &lab->config, &lab->iam, &error), -EINVAL);
        assert_non_null(strstr(error.text, "service_account"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_the_account_is_named_and_the_token_that_is_printed_is_kept),
                TEST(test_a_token_file_is_named_alone),
                TEST(test_a_token_that_does_not_say_until_when_is_taken),
                TEST(test_what_is_no_token_is_a_problem_that_a_person_is_told),
                TEST(test_a_program_that_is_not_there_is_a_problem_too),
                TEST(test_a_refusal_makes_it_log_in_again_and_the_same_token_is_no_news),
                TEST(test_a_configuration_that_contradicts_itself_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
