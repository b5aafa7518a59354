/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crash.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/text.h"

static char place[64];

static int set_up(void **state) {
        (void) snprintf(place, sizeof(place), "/tmp/test-crash-XXXXXX");
        if (!mkdtemp(place))
                return -1;

        return setenv("ROLLPATCH_CRASH_DIR", place, 1) + setenv("ROLLPATCH_CRASH_AT", "here", 1);
}

static void make_path(char path[static 128], const char *name) {
        assert_true(text_format(path, 128, "%s/%s", place, name));
}

static int tear_down(void **state) {
        static const char *const names[] = { "here", "here.go" };
        char path[128];

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                make_path(path, names[i]);
                (void) unlink(path);
        }

        return rmdir(place);
}

static bool exists(const char *name) {
        char path[128];

        make_path(path, name);
        return access(path, F_OK) == 0;
}

static void touch(const char *name) {
        char path[128];
        auto_close int fd = -EBADF;

        make_path(path, name);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
}

/* A process that goes through the point twice and ends well. */
static pid_t start(void) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                crash_point("elsewhere");
                crash_point("here");
                crash_point("here");
                _exit(0);
        }

        return pid;
}

/* Waits until the point says that it was reached. */
static void await(pid_t pid) {
        auto_close int watch = inotify_init1(IN_CLOEXEC);
        char events[4096], path[128], text[32] = "", want[32];
        auto_close int fd = -EBADF;

        assert_true(inotify_add_watch(watch, place, IN_CREATE | IN_MOVED_TO) >= 0);
        while (!exists("here"))
                assert_true(read(watch, events, sizeof(events)) > 0);

        make_path(path, "here");
        fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_true(read(fd, text, sizeof(text) - 1) > 0);
        assert_true(text_format(want, sizeof(want), "%ld\n", (long) pid));
        assert_string_equal(text, want);
}

static void test_a_point_holds_until_it_is_let_go_and_only_once(void **state) {
        pid_t pid = start();
        int status = 0;

        await(pid);
        assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
        touch("here.go");
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_a_killed_process_passes_when_it_comes_again(void **state) {
        pid_t pid = start();
        int status = 0;

        await(pid);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);

        pid = start();
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_other_points_do_not_hold(void **state) {
        assert_int_equal(setenv("ROLLPATCH_CRASH_AT", "nowhere", 1), 0);
        crash_point("here");
        assert_false(exists("here"));

        assert_int_equal(unsetenv("ROLLPATCH_CRASH_AT"), 0);
        crash_point("here");
        assert_false(exists("here"));

        assert_int_equal(setenv("ROLLPATCH_CRASH_AT", "here", 1), 0);
        assert_int_equal(unsetenv("ROLLPATCH_CRASH_DIR"), 0);
        crash_point("here");
        assert_false(exists("here"));
}

static void test_a_point_that_cannot_hold_ends_the_process(void **state) {
        pid_t pid;
        int status = 0;

        assert_int_equal(setenv("ROLLPATCH_CRASH_DIR", "/nonexistent", 1), 0);
        pid = start();
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                                test_a_point_holds_until_it_is_let_go_and_only_once, set_up,
                                tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_killed_process_passes_when_it_comes_again, set_up,
                                tear_down),
                cmocka_unit_test_setup_teardown(test_other_points_do_not_hold, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_point_that_cannot_hold_ends_the_process, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
