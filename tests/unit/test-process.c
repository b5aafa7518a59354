/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/process.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/text.h"

typedef struct Seen {
        char line[256];
        usec_t start;
        unsigned count;
} Seen;

static void on_process(const char *line, usec_t start, void *userdata) {
        Seen *seen = userdata;

        (void) text_copy(seen->line, sizeof(seen->line), line);
        seen->start = start;
        seen->count++;
}

/* Its end of the pipe is closed by execv: then it is what it is looked for. */
static pid_t start_process(char *const arguments[]) {
        int pipe_fds[2];
        char byte;
        pid_t pid;

        assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
        pid = fork();
        if (pid == 0) {
                (void) execv("/bin/sleep", arguments);
                _exit(127);
        }

        assert_true(pid > 0);
        assert_int_equal(close(pipe_fds[1]), 0);
        assert_int_equal(read(pipe_fds[0], &byte, 1), 0);
        assert_int_equal(close(pipe_fds[0]), 0);
        return pid;
}

static void test_a_process_is_found_by_a_word_of_its_command_line_with_its_start(void **state) {
        char name[] = "rollpatch-test-of-a-process", span[] = "100";
        char *const arguments[] = { name, span, NULL };
        usec_t before = clock_boottime();
        pid_t pid = start_process(arguments);
        Seen seen = {};
        int status;

        process_each(name, on_process, &seen);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(seen.count, 1);
        assert_string_equal(seen.line, "rollpatch-test-of-a-process 100");
        assert_in_range(seen.start, before - 20 * USEC_PER_MSEC, clock_boottime());
}

static void test_a_name_that_nobody_has_is_not_found(void **state) {
        Seen seen = {};

        process_each("no process is called so, is it", on_process, &seen);
        assert_int_equal(seen.count, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(
                                test_a_process_is_found_by_a_word_of_its_command_line_with_its_start),
                cmocka_unit_test(test_a_name_that_nobody_has_is_not_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
