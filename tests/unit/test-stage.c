/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/stage.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/helper.h"
#include "common/text.h"
#include "node-agent/script.h"

/* The probe is a shell script here: $1 the verb, then --url URL --file PATH and so on. */

#define SCRIPT "#!/bin/sh\nexit 0\n"

typedef struct Lab {
        sd_event *event;
        char dir[64];
        char probe[96];
        Stage stage;
        Fetch *fetch;
        Helper *helper;
        unsigned calls;
        int status;
        char got[4096];
        Error error;
} Lab;

static int setup(void **state) {
        Lab *lab = calloc(1, sizeof(*lab));

        assert_non_null(lab);
        assert_true(sd_event_new(&lab->event) >= 0);
        (void) text_copy(lab->dir, sizeof(lab->dir), "/tmp/test-stage-XXXXXX");
        assert_non_null(mkdtemp(lab->dir));
        assert_true(text_format(lab->probe, sizeof(lab->probe), "%s/probe", lab->dir));
        lab->stage.size = strlen(SCRIPT);
        digest_bytes(SCRIPT, strlen(SCRIPT), lab->stage.sha256);
        (void) text_copy(lab->stage.url, sizeof(lab->stage.url), "http://b/script");
        *state = lab;
        return 0;
}

static int teardown(void **state) {
        Lab *lab = *state;
        pid_t pid;
        int status;

        fetch_free(lab->fetch);
        helper_free(lab->helper);
        (void) sd_event_unref(lab->event);
        pid = fork();
        if (pid == 0) {
                (void) execlp("rm", "rm", "-rf", lab->dir, NULL);
                _exit(127);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        free(lab);
        return 0;
}

static void put_probe(const Lab *lab, const char *body) {
        char text[2048];

        assert_true(text_format(text, sizeof(text), "#!/bin/bash\ncd %s\n%s\n", lab->dir, body));
        assert_int_equal(file_replace(AT_FDCWD, lab->probe, text, strlen(text), 0755, NULL), 0);
}

static void put_served(const Lab *lab, const char *text, size_t size) {
        char path[PATH_MAX];

        assert_true(text_format(path, sizeof(path), "%s/served", lab->dir));
        assert_int_equal(file_replace(AT_FDCWD, path, text, size, 0644, NULL), 0);
}

static void on_done(const char *data, size_t size, const Error *error, void *userdata) {
        Lab *lab = userdata;

        lab->calls++;
        lab->error = *error;
        lab->got[0] = '\0';
        if (data) {
                assert_true(size < sizeof(lab->got));
                memcpy(lab->got, data, size);
                lab->got[size] = '\0';
        }
        fetch_free(TAKE(lab->fetch));
        (void) sd_event_exit(lab->event, 0);
}

/* The script, or "" and the reason. */
static const char *fetch(Lab *lab) {
        const FetchPlaces places = { .probe = lab->probe, .directory = lab->dir };
        Error error = {};

        if (fetch_start(lab->event, &places, &lab->stage, on_done, lab, &lab->fetch, &error) < 0)
                fail_msg("%s", error.text);
        assert_true(sd_event_loop(lab->event) >= 0);
        assert_int_equal(lab->calls, 1);
        return lab->got;
}

static void assert_refused(Lab *lab, const char *reason) {
        char path[PATH_MAX];

        assert_string_equal(fetch(lab), "");
        if (!strstr(lab->error.text, reason))
                fail_msg("it said '%s', want '%s'", lab->error.text, reason);

        /* nothing is left of it */
        assert_true(text_format(path, sizeof(path), "%s/download", lab->dir));
        assert_int_equal(access(path, F_OK), -1);
}

#define COPY "echo \"$*\" > arguments; cp served \"$5\"; echo '{\"ok\":true}'"

/* --- fetching --- */

static void test_the_right_script_is_fetched_and_verified(void **state) {
        Lab *lab = *state;
        auto_free char *arguments = NULL;
        char wanted[1024], path[PATH_MAX];

        put_probe(lab, COPY);
        put_served(lab, SCRIPT, strlen(SCRIPT));
        assert_string_equal(fetch(lab), SCRIPT);

        assert_true(text_format(path, sizeof(path), "%s/arguments", lab->dir));
        assert_int_equal(file_read(AT_FDCWD, path, 1024, &arguments, NULL, NULL), 0);
        assert_true(text_format(
                        wanted, sizeof(wanted),
                        "fetch --url http://b/script --file %s/download --size 17 --sha256 %s --deadline 120\n",
                        lab->dir, lab->stage.sha256));
        assert_string_equal(arguments, wanted);
}

static void test_what_the_probe_says_is_the_reason(void **state) {
        Lab *lab = *state;

        put_probe(lab, "echo '{\"ok\":false,\"error\":\"got 404\"}'; exit 1");
        assert_refused(lab, "got 404");
}

/* The probe said that all was well: nobody has to believe it. */
static void test_a_script_of_another_size_is_refused(void **state) {
        Lab *lab = *state;

        put_probe(lab, COPY);
        put_served(lab, SCRIPT "#", strlen(SCRIPT) + 1);
        assert_refused(lab, "script is 18 bytes, want 17");
}

static void test_a_script_of_another_content_is_refused(void **state) {
        Lab *lab = *state;

        put_probe(lab, COPY);
        put_served(lab, "#!/bin/sh\nexit 1\n", strlen(SCRIPT));
        assert_refused(lab, "script has sha256 ");
        assert_non_null(strstr(lab->error.text, lab->stage.sha256));
}

static void test_a_page_is_told_from_a_script(void **state) {
        static const char *const pages[] = { "<!DOCTYPE html><html>", "\n <HTML><body>",
                                             "<?xml version='1.0'?>" };
        Lab *lab = *state;

        put_probe(lab, COPY);
        for (size_t i = 0; i < ELEMENTSOF(pages); i++) {
                put_served(lab, pages[i], strlen(pages[i]));
                lab->calls = 0;
                assert_refused(lab, "script is an HTML page");
                (void) sd_event_unref(lab->event);
                assert_true(sd_event_new(&lab->event) >= 0);
        }
}

static void test_what_begins_with_no_interpreter_is_refused(void **state) {
        Lab *lab = *state;

        put_probe(lab, COPY);
        put_served(lab,
                   "\x7f"
                   "ELF\0\0",
                   6);
        assert_refused(lab, "script begins with '?ELF', want '#!'");
}

/* It would take the node down, and nobody could say afterwards whether it did what it should. */
static void test_a_script_of_which_the_packages_cannot_be_told_is_refused(void **state) {
        static const char script[] = "#!/bin/sh\npkgpanda activate $IDS\n";
        Lab *lab = *state;

        lab->stage.size = strlen(script);
        digest_bytes(script, strlen(script), lab->stage.sha256);
        put_probe(lab, COPY);
        put_served(lab, script, strlen(script));
        assert_refused(lab, "script: line 2: '$IDS' is no package id");
}

static void test_a_file_that_is_no_plain_file_is_refused(void **state) {
        Lab *lab = *state;

        put_served(lab, SCRIPT, strlen(SCRIPT));
        put_probe(lab, "ln -s served \"$5\"; echo '{\"ok\":true}'");
        assert_refused(lab, "symbolic link");
}

static void test_a_probe_that_brings_nothing_is_an_error(void **state) {
        Lab *lab = *state;

        put_probe(lab, "echo '{\"ok\":true}'");
        assert_refused(lab, "download");
}

static void test_a_script_that_is_too_big_is_not_even_fetched(void **state) {
        Lab *lab = *state;
        const FetchPlaces places = { .probe = lab->probe, .directory = lab->dir };
        Error error = {};

        lab->stage.size = SCRIPT_BYTES_MAX + 1;
        assert_true(fetch_start(lab->event, &places, &lab->stage, on_done, lab, &lab->fetch,
                                &error) < 0);
        assert_int_equal(error.code, ERROR_TOO_BIG);
}

/* --- helpers --- */

static void on_helper(
                int status, const char *output, size_t size, const Error *error, void *userdata) {
        Lab *lab = userdata;

        lab->calls++;
        lab->status = status;
        lab->error = *error;
        if (output) {
                assert_int_equal(strlen(output), size);
                (void) text_copy(lab->got, sizeof(lab->got), output);
        }
        (void) sd_event_exit(lab->event, 0);
}

static void run_helper(Lab *lab, usec_t timeout) {
        char *const arguments[] = { lab->probe, NULL };
        Error error = {};

        assert_int_equal(
                        helper_start(lab->event, arguments, timeout, on_helper, lab, &lab->helper,
                                     &error),
                        0);
        assert_true(sd_event_loop(lab->event) >= 0);
        assert_int_equal(lab->calls, 1);
}

static void test_a_helper_gives_its_status_and_all_it_printed(void **state) {
        Lab *lab = *state;

        put_probe(lab, "[ ! -t 0 ] && read line && exit 9; echo one; echo two; exit 3");
        run_helper(lab, USEC_PER_MINUTE);
        assert_int_equal(lab->status, 3);
        assert_string_equal(lab->got, "one\ntwo\n");
}

static void test_a_helper_that_takes_too_long_is_killed(void **state) {
        Lab *lab = *state;
        usec_t start = clock_boottime();

        put_probe(lab, "exec sleep 1000");
        run_helper(lab, 50 * USEC_PER_MSEC);
        assert_true(lab->status < 0);
        assert_int_equal(lab->error.code, ERROR_TIMEOUT);
        assert_non_null(strstr(lab->error.text, "probe gave no answer within 50ms"));
        assert_true(clock_boottime() - start < 4 * USEC_PER_SEC);
}

static void test_a_helper_that_prints_too_much_is_refused(void **state) {
        Lab *lab = *state;

        put_probe(lab, "head -c 65537 /dev/zero | tr '\\0' x");
        run_helper(lab, USEC_PER_MINUTE);
        assert_true(lab->status < 0);
        assert_int_equal(lab->error.code, ERROR_TOO_BIG);
}

static void test_a_helper_that_is_killed_is_no_answer(void **state) {
        Lab *lab = *state;

        put_probe(lab, "echo '{\"ok\":true}'; kill -9 $$");
        run_helper(lab, USEC_PER_MINUTE);
        assert_true(lab->status < 0);
        assert_non_null(strstr(lab->error.text, "signal 9"));
}

static void test_what_a_helper_leaves_behind_is_not_waited_for(void **state) {
        Lab *lab = *state;

        put_probe(lab, "sleep 1000 & echo $! > child; echo bye");
        run_helper(lab, USEC_PER_MINUTE);
        assert_int_equal(lab->status, 0);
        assert_string_equal(lab->got, "bye\n");
        put_probe(lab, "kill $(cat child)");
        helper_free(TAKE(lab->helper));
        lab->calls = 0;
        (void) sd_event_unref(lab->event);
        assert_true(sd_event_new(&lab->event) >= 0);
        run_helper(lab, USEC_PER_MINUTE);
        assert_int_equal(lab->status, 0);
}

static void test_a_program_that_is_not_there_is_an_error(void **state) {
        Lab *lab = *state;
        char *const arguments[] = { lab->probe, NULL };
        Error error = {};

        assert_true(helper_start(lab->event, arguments, USEC_PER_SEC, on_helper, lab, &lab->helper,
                                 &error) < 0);
        assert_int_equal(error.code, ERROR_NOT_FOUND);
}

static void test_answers_that_are_none_are_errors(void **state) {
        static const struct {
                int status;
                const char *output;
        } rows[] = {
                { 0, "" },
                { 0, "{}" },
                { 0, "[]" },
                { 0, "{\"ok\":1}" },
                { 1, "{\"ok\":true}" },
                { 2, "{\"ok\":true}" },
                { 1, "{\"ok\":false}" },
                { 1, "{\"ok\":false,\"error\":\"no\"}" },
                { 0, "{\"ok\":true}x" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Json *answer = NULL;
                Error error = {};

                assert_true(helper_read_answer(
                                            rows[i].status, rows[i].output, strlen(rows[i].output),
                                            &answer, &error) < 0);
                assert_null(answer);
                assert_true(error.text[0] != '\0');
        }
}

#define LAB_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                LAB_TEST(test_the_right_script_is_fetched_and_verified),
                LAB_TEST(test_what_the_probe_says_is_the_reason),
                LAB_TEST(test_a_script_of_another_size_is_refused),
                LAB_TEST(test_a_script_of_another_content_is_refused),
                LAB_TEST(test_a_page_is_told_from_a_script),
                LAB_TEST(test_what_begins_with_no_interpreter_is_refused),
                LAB_TEST(test_a_script_of_which_the_packages_cannot_be_told_is_refused),
                LAB_TEST(test_a_file_that_is_no_plain_file_is_refused),
                LAB_TEST(test_a_probe_that_brings_nothing_is_an_error),
                LAB_TEST(test_a_script_that_is_too_big_is_not_even_fetched),
                LAB_TEST(test_a_helper_gives_its_status_and_all_it_printed),
                LAB_TEST(test_a_helper_that_takes_too_long_is_killed),
                LAB_TEST(test_a_helper_that_prints_too_much_is_refused),
                LAB_TEST(test_a_helper_that_is_killed_is_no_answer),
                LAB_TEST(test_what_a_helper_leaves_behind_is_not_waited_for),
                LAB_TEST(test_a_program_that_is_not_there_is_an_error),
                cmocka_unit_test(test_answers_that_are_none_are_errors),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
