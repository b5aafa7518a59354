/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/step/record.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/id.h"
#include "common/parse.h"
#include "common/text.h"
#include "node-agent/step/capture.h"

/* Runs the real rollpatch-step ($ROLLPATCH_BUILD/node-agent/step/rollpatch-step) on directories
 * like those that the node agent makes. A script notes each execution in the file "count". */

#define STEP        "r1-test"
#define NOT_STARTED 125

typedef struct Place {
        char top[64];       /* a new directory */
        char dir[PATH_MAX]; /* of the step */
        int fd;
        char program[PATH_MAX];
} Place;

/* --- the stage --- */

static void put(const Place *place, const char *name, const char *text, mode_t mode) {
        assert_int_equal(file_replace(place->fd, name, text, strlen(text), mode, NULL), 0);
}

static void put_order(const Place *place, const char *step, const char *boot, unsigned fence) {
        char values[ORDER_KEY_COUNT][RECORD_VALUE_MAX], text[512], name[32];

        (void) text_copy(values[ORDER_BOOT_ID], RECORD_VALUE_MAX, boot);
        (void) text_copy(values[ORDER_STEP], RECORD_VALUE_MAX, step);
        (void) text_format(values[ORDER_FENCE], RECORD_VALUE_MAX, "%u", fence);
        assert_true(record_format(text, sizeof(text), order_keys, values, ORDER_KEY_COUNT));
        (void) text_format(name, sizeof(name), "order-%u", fence);
        put(place, name, text, 0600);
}

/* `body` finds the step's directory in $D. */
static void put_script(const Place *place, const char *body) {
        char text[PATH_MAX + 1024];

        assert_true(text_format(
                        text, sizeof(text), "#!/bin/bash\nD=%s\necho x >> $D/count\n%s\n",
                        place->dir, body));
        put(place, "script", text, 0500);
}

static void stage(const Place *place, const char *body) {
        char boot[ID_TEXT_MAX];

        assert_int_equal(id_boot(boot), 0);
        put_script(place, body);
        put_order(place, STEP, boot, 3);
}

static int setup(void **state) {
        const char *build = getenv("ROLLPATCH_BUILD");
        Place *place = calloc(1, sizeof(*place));

        assert_non_null(place);
        assert_non_null(build);
        (void) text_copy(place->top, sizeof(place->top), "/tmp/test-step-XXXXXX");
        assert_non_null(mkdtemp(place->top));
        (void) text_format(place->dir, sizeof(place->dir), "%s/" STEP, place->top);
        assert_int_equal(mkdir(place->dir, 0700), 0);
        place->fd = open(place->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(place->fd >= 0);
        (void) text_format(
                        place->program, sizeof(place->program), "%s/node-agent/step/rollpatch-step",
                        build);
        assert_int_equal(access(place->program, X_OK), 0);

        *state = place;
        return 0;
}

static int run_quietly(char *const arguments[]) {
        pid_t pid = fork();
        int status;

        if (pid == 0) {
                (void) execvp(arguments[0], arguments);
                _exit(127);
        }

        assert_int_equal(waitpid(pid, &status, 0), pid);
        return status;
}

static int teardown(void **state) {
        Place *place = *state;
        char *const arguments[] = { (char[]) { "rm" }, (char[]) { "-rf" }, place->top, NULL };

        (void) close(place->fd);
        (void) umount2(place->dir, MNT_DETACH);
        assert_int_equal(run_quietly(arguments), 0);
        free(place);
        return 0;
}

/* --- running it --- */

static pid_t start_with(const Place *place, const char *dir, const char *fence, int out) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                if (out >= 0 && (dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0))
                        _exit(99);
                (void) execl(place->program, "rollpatch-step", dir, fence, NULL);
                _exit(98);
        }

        return pid;
}

static int wait_exit(pid_t pid) {
        int status;

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

/* What it prints goes to the file "said". */
static int run(const Place *place, const char *dir, const char *fence) {
        auto_close int out =
                        openat(place->fd, "said", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

        assert_true(out >= 0);
        return wait_exit(start_with(place, dir, fence, out));
}

static bool is_there(const Place *place, const char *name) {
        return faccessat(place->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void assert_file(const Place *place, const char *name, const char *wanted) {
        auto_free char *text = NULL;

        assert_int_equal(file_read(place->fd, name, 1 << 20, &text, NULL, NULL), 0);
        assert_string_equal(text, wanted);
}

static void assert_said(const Place *place, const char *part) {
        auto_free char *text = NULL;

        assert_int_equal(file_read(place->fd, "said", 1 << 20, &text, NULL, NULL), 0);
        if (!strstr(text, part))
                fail_msg("it said '%s'", text);
}

static void assert_no_leftovers(const Place *place) {
        DIR *dir = opendir(place->dir);
        struct dirent *entry;

        assert_non_null(dir);
        /* The stream is ours alone. NOLINTNEXTLINE(concurrency-mt-unsafe) */
        while ((entry = readdir(dir))) {
                if (strstr(entry->d_name, ".tmp"))
                        fail_msg("%s is left", entry->d_name);
        }
        (void) closedir(dir);
}

static void assert_not_started(const Place *place) {
        assert_false(is_there(place, "started"));
        assert_false(is_there(place, "result"));
        assert_no_leftovers(place);
        assert_false(is_there(place, "count"));
}

static void read_result(const Place *place, char values[RESULT_KEY_COUNT][RECORD_VALUE_MAX]) {
        auto_free char *text = NULL;

        assert_int_equal(file_read(place->fd, "result", RECORD_BYTES_MAX, &text, NULL, NULL), 0);
        assert_int_equal(record_parse(text, result_keys, RESULT_KEY_COUNT, values, NULL), 0);
}

static uint64_t result_number(const Place *place, size_t key) {
        char values[RESULT_KEY_COUNT][RECORD_VALUE_MAX];
        uint64_t number;

        read_result(place, values);
        assert_int_equal(parse_u64(values[key], 0, UINT64_MAX, &number), 0);
        return number;
}

/* --- once --- */

static void test_it_runs_the_script_and_says_how_it_ended(void **state) {
        const Place *place = *state;
        char values[RESULT_KEY_COUNT][RECORD_VALUE_MAX], boot[ID_TEXT_MAX];

        stage(place, "echo out; echo err >&2");
        assert_int_equal(run(place, place->dir, "3"), 0);
        assert_file(place, "count", "x\n");
        assert_true(is_there(place, "started"));
        assert_no_leftovers(place);

        read_result(place, values);
        assert_int_equal(id_boot(boot), 0);
        assert_string_equal(values[RESULT_EXIT_STATUS], "0");
        assert_string_equal(values[RESULT_EXIT_SIGNAL], "0");
        assert_string_equal(values[RESULT_BOOT_ID], boot);
        assert_string_equal(values[RESULT_TERMINATED], "0");
        assert_string_equal(values[RESULT_OUTPUT_DROPPED], "0");
        assert_string_equal(values[RESULT_JOURNAL_DROPPED], "0");
        assert_true(result_number(place, RESULT_STARTED_AT) > 0);
        assert_true(result_number(place, RESULT_ENDED_AT) >=
                    result_number(place, RESULT_STARTED_AT));
}

static void test_the_marker_tells_fence_boot_and_step(void **state) {
        const Place *place = *state;
        struct stat order, marker;

        stage(place, "");
        assert_int_equal(run(place, place->dir, "3"), 0);
        assert_int_equal(fstatat(place->fd, "order-3", &order, 0), 0);
        assert_int_equal(fstatat(place->fd, "started", &marker, 0), 0);
        assert_int_equal(order.st_ino, marker.st_ino);
}

static void test_it_never_runs_the_script_a_second_time(void **state) {
        const Place *place = *state;
        char boot[ID_TEXT_MAX];

        stage(place, "");
        assert_int_equal(run(place, place->dir, "3"), 0);
        assert_int_equal(run(place, place->dir, "3"), NOT_STARTED);
        assert_said(place, "started before");

        /* under a new order neither, with or without the result of the first */
        assert_int_equal(id_boot(boot), 0);
        put_order(place, STEP, boot, 4);
        assert_int_equal(run(place, place->dir, "4"), NOT_STARTED);
        assert_int_equal(unlinkat(place->fd, "result", 0), 0);
        assert_int_equal(run(place, place->dir, "4"), NOT_STARTED);
        assert_file(place, "count", "x\n");
        assert_false(is_there(place, "result"));
}

static void test_of_many_at_once_one_runs_the_script(void **state) {
        const Place *place = *state;
        pid_t pids[24];
        size_t ran = 0;
        auto_close int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

        stage(place, "");
        for (size_t i = 0; i < ELEMENTSOF(pids); i++)
                pids[i] = start_with(place, place->dir, "3", null);
        for (size_t i = 0; i < ELEMENTSOF(pids); i++)
                ran += wait_exit(pids[i]) == 0;

        assert_int_equal(ran, 1);
        assert_file(place, "count", "x\n");
        assert_true(is_there(place, "result"));
        assert_no_leftovers(place);
}

static void test_a_withdrawn_order_starts_nothing(void **state) {
        const Place *place = *state;

        stage(place, "");
        assert_int_equal(unlinkat(place->fd, "order-3", 0), 0);
        assert_int_equal(run(place, place->dir, "3"), NOT_STARTED);
        assert_said(place, "fence 3 is withdrawn");
        assert_not_started(place);
}

static void test_an_order_of_another_boot_step_or_fence_starts_nothing(void **state) {
        const Place *place = *state;
        char boot[ID_TEXT_MAX];

        stage(place, "");
        put_order(place, STEP, "00000000000000000000000000000000", 3);
        assert_int_equal(run(place, place->dir, "3"), NOT_STARTED);
        assert_said(place, "the order is for boot '00000000000000000000000000000000'");

        assert_int_equal(id_boot(boot), 0);
        put_order(place, "r1-other", boot, 3);
        assert_int_equal(run(place, place->dir, "3"), NOT_STARTED);
        assert_said(place, "the order is for step 'r1-other'");

        put_order(place, STEP, boot, 4);
        assert_int_equal(renameat(place->fd, "order-4", place->fd, "order-3"), 0);
        assert_int_equal(run(place, place->dir, "3"), NOT_STARTED);
        assert_said(place, "the order is for fence '4'");
        assert_not_started(place);
}

static void test_an_order_that_was_cut_starts_nothing(void **state) {
        const Place *place = *state;

        stage(place, "");
        put(place, "order-3", "boot_id=0123", 0600);
        assert_int_equal(run(place, place->dir, "3"), NOT_STARTED);
        assert_said(place, "line 1");
        put(place, "order-3", "", 0600);
        assert_int_equal(run(place, place->dir, "3"), NOT_STARTED);
        assert_not_started(place);
}

static void test_nonsense_arguments_start_nothing(void **state) {
        const Place *place = *state;

        stage(place, "");
        assert_int_equal(run(place, STEP, "3"), NOT_STARTED);
        assert_int_equal(run(place, place->dir, ""), NOT_STARTED);
        assert_int_equal(run(place, place->dir, "3x"), NOT_STARTED);
        assert_int_equal(run(place, place->dir, "../3"), NOT_STARTED);
        assert_int_equal(run(place, "/nowhere/r1", "3"), NOT_STARTED);
        assert_not_started(place);
}

static void test_told_to_end_before_the_start_it_does_not_start(void **state) {
        const Place *place = *state;
        auto_close int out = openat(place->fd, "said", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        pid_t pid;

        stage(place, "");
        pid = fork();
        if (pid == 0) {
                sigset_t set;

                /* a signal that is blocked stays, over the exec */
                (void) sigemptyset(&set);
                (void) sigaddset(&set, SIGTERM);
                (void) sigprocmask(SIG_BLOCK, &set, NULL);
                (void) raise(SIGTERM);
                (void) dup2(out, STDERR_FILENO);
                (void) execl(place->program, "rollpatch-step", place->dir, "3", NULL);
                _exit(98);
        }

        assert_int_equal(wait_exit(pid), NOT_STARTED);
        assert_said(place, "told to end");
        assert_not_started(place);
}

/* --- what the script sees --- */

static void test_the_script_gets_a_plain_environment_and_no_terminal(void **state) {
        const Place *place = *state;

        stage(place,
              "[ $# = 0 ] && [ $PWD = / ] && [ ! -t 0 ] && [ ! -t 1 ] && [ ! -t 2 ] || exit 9\n"
              "[ $(readlink /proc/self/fd/0) = /dev/null ] || exit 8\n"
              "tr '\\0' '\\n' < /proc/$$/environ > $D/environment\n"
              "grep SigBlk /proc/self/status > $D/blocked\n"
              "(kill -PIPE $BASHPID; exit 3); [ $? = 141 ] || exit 7\n");
        assert_int_equal(setenv("LC_ALL", "de_DE", 1), 0);
        assert_int_equal(setenv("TERM", "nonsense", 1), 0);
        assert_int_equal(run(place, place->dir, "3"), 0);
        assert_file(place, "environment",
                    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nLANG=C\nHOME=/root\n");
        assert_file(place, "blocked", "SigBlk:\t0000000000000000\n");
}

static void test_both_streams_are_kept_and_passed_on(void **state) {
        const Place *place = *state;

        stage(place, "echo one; echo two >&2");
        assert_int_equal(run(place, place->dir, "3"), 0);
        assert_said(place, "one\n");
        assert_said(place, "two\n");

        auto_free char *output = NULL;
        assert_int_equal(file_read(place->fd, "output", 100, &output, NULL, NULL), 0);
        assert_non_null(strstr(output, "one\n"));
        assert_non_null(strstr(output, "two\n"));
        assert_int_equal(strlen(output), 8);
}

/* --- how it may end --- */

static void test_a_failing_script_gives_its_status(void **state) {
        const Place *place = *state;

        stage(place, "exit 7");
        assert_int_equal(run(place, place->dir, "3"), 7);
        assert_int_equal(result_number(place, RESULT_EXIT_STATUS), 7);
        assert_int_equal(result_number(place, RESULT_EXIT_SIGNAL), 0);
}

static void test_a_killed_script_gives_the_signal(void **state) {
        const Place *place = *state;

        stage(place, "kill -KILL $$");
        assert_int_equal(run(place, place->dir, "3"), 128 + SIGKILL);
        assert_int_equal(result_number(place, RESULT_EXIT_STATUS), 0);
        assert_int_equal(result_number(place, RESULT_EXIT_SIGNAL), SIGKILL);
}

static void test_a_script_that_cannot_be_executed_has_ended_too(void **state) {
        const Place *place = *state;

        stage(place, "");
        assert_int_equal(fchmodat(place->fd, "script", 0400, 0), 0);
        assert_int_equal(run(place, place->dir, "3"), 126);
        assert_int_equal(result_number(place, RESULT_EXIT_STATUS), 126);
        assert_said(place, "cannot run");
}

static void test_it_does_not_wait_for_what_the_script_leaves_behind(void **state) {
        const Place *place = *state;
        auto_free char *text = NULL;
        uint64_t pid;

        stage(place, "sleep 1000 & echo $! > $D/child; echo bye");
        assert_int_equal(run(place, place->dir, "3"), 0);
        assert_int_equal(result_number(place, RESULT_EXIT_STATUS), 0);
        assert_said(place, "bye\n");

        assert_int_equal(file_read(place->fd, "child", 20, &text, NULL, NULL), 0);
        text[strcspn(text, "\n")] = '\0';
        assert_int_equal(parse_u64(text, 2, INT_MAX, &pid), 0);
        assert_int_equal(kill((pid_t) pid, SIGKILL), 0);
}

/* A fifo: whoever opens one end waits for the other. */
static int meet(const Place *place, const char *name, int flags) {
        int fd = openat(place->fd, name, flags | O_CLOEXEC);

        assert_true(fd >= 0);
        return fd;
}

static void test_told_to_end_it_notes_that_and_lets_the_script_end(void **state) {
        const Place *place = *state;
        auto_close int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        pid_t pid;

        assert_int_equal(mkfifoat(place->fd, "fifo", 0600), 0);
        stage(place, "trap 'echo > $D/signalled' TERM; read line < $D/fifo; exit 5");
        pid = start_with(place, place->dir, "3", null);
        {
                auto_close int fifo = meet(place, "fifo", O_WRONLY);

                assert_int_equal(kill(pid, SIGTERM), 0);
                assert_int_equal(kill(pid, SIGINT), 0);
                assert_int_equal(write(fifo, "go\n", 3), 3);
        }

        assert_int_equal(wait_exit(pid), 5);
        assert_int_equal(result_number(place, RESULT_TERMINATED), 1);
        assert_int_equal(result_number(place, RESULT_EXIT_STATUS), 5);
        assert_false(is_there(place, "signalled"));
}

/* --- bounds --- */

static void test_head_and_tail_of_a_long_output_are_kept(void **state) {
        const Place *place = *state;
        auto_free char *text = NULL;
        size_t size;

        stage(place, "echo first; head -c 10000000 /dev/zero | tr '\\0' 'x'; echo; echo last");
        assert_int_equal(run(place, place->dir, "3"), 0);
        assert_int_equal(file_read(place->fd, "output", 8 << 20, &text, &size, NULL), 0);
        assert_true(size > CAPTURE_HEAD + CAPTURE_TAIL && size < CAPTURE_HEAD + CAPTURE_TAIL + 64);
        assert_memory_equal(text, "first\nx", 7);
        assert_memory_equal(text + size - 6, "\nlast\n", 6);
        assert_non_null(strstr(text + CAPTURE_HEAD, "bytes left out"));
        assert_int_equal(
                        result_number(place, RESULT_OUTPUT_DROPPED),
                        6 + 10000000 + 1 + 5 - (int) CAPTURE_HEAD - (int) CAPTURE_TAIL);
}

static void test_an_output_just_over_the_head_is_whole(void **state) {
        const Place *place = *state;
        struct stat st;

        stage(place, "head -c 3000000 /dev/zero");
        assert_int_equal(run(place, place->dir, "3"), 0);
        assert_int_equal(fstatat(place->fd, "output", &st, 0), 0);
        assert_int_equal(st.st_size, 3000000);
        assert_int_equal(result_number(place, RESULT_OUTPUT_DROPPED), 0);
}

static void test_a_journal_that_does_not_read_does_not_hold_up_the_script(void **state) {
        const Place *place = *state;
        int ends[2];

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        stage(place, "head -c 1000000 /dev/zero");
        assert_int_equal(wait_exit(start_with(place, place->dir, "3", ends[1])), 0);
        assert_true(result_number(place, RESULT_JOURNAL_DROPPED) > 0);
        assert_int_equal(result_number(place, RESULT_OUTPUT_DROPPED), 0);
        (void) close(ends[0]);
        (void) close(ends[1]);
}

static void test_a_journal_that_is_gone_does_not_kill_the_script(void **state) {
        const Place *place = *state;
        int ends[2];

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        (void) close(ends[0]);
        stage(place, "echo into nothing");
        assert_int_equal(wait_exit(start_with(place, place->dir, "3", ends[1])), 0);
        assert_int_equal(result_number(place, RESULT_EXIT_STATUS), 0);
        (void) close(ends[1]);
}

/* --- a full disk --- */

static void need_small_disk(Place *place, const char *size) {
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", place->dir, "tmpfs", 0, size) < 0)
                skip();

        (void) close(place->fd);
        place->fd = open(place->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(place->fd >= 0);
}

static void test_a_script_that_fills_the_disk_does_not_lose_its_result(void **state) {
        Place *place = *state;
        auto_close int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

        need_small_disk(place, "size=256k");
        stage(place, "cat /dev/zero > $D/much 2> /dev/null; head -c 100000 /dev/zero; exit 4");
        assert_int_equal(wait_exit(start_with(place, place->dir, "3", null)), 4);
        assert_int_equal(result_number(place, RESULT_EXIT_STATUS), 4);
        assert_int_equal(result_number(place, RESULT_OUTPUT_DROPPED), 100000);
}

static void test_without_room_for_the_result_nothing_is_started(void **state) {
        Place *place = *state;
        char block[4096] = {};
        auto_close int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        auto_close int fd = -EBADF;

        need_small_disk(place, "size=64k");
        stage(place, "");
        fd = openat(place->fd, "much", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        while (write(fd, block, sizeof(block)) > 0)
                ;

        assert_int_equal(wait_exit(start_with(place, place->dir, "3", null)), NOT_STARTED);
        assert_not_started(place);

        /* and once there is room, the order still stands */
        assert_int_equal(unlinkat(place->fd, "much", 0), 0);
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(wait_exit(start_with(place, place->dir, "3", null)), 0);
}

#define STEP_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                STEP_TEST(test_it_runs_the_script_and_says_how_it_ended),
                STEP_TEST(test_the_marker_tells_fence_boot_and_step),
                STEP_TEST(test_it_never_runs_the_script_a_second_time),
                STEP_TEST(test_of_many_at_once_one_runs_the_script),
                STEP_TEST(test_a_withdrawn_order_starts_nothing),
                STEP_TEST(test_an_order_of_another_boot_step_or_fence_starts_nothing),
                STEP_TEST(test_an_order_that_was_cut_starts_nothing),
                STEP_TEST(test_nonsense_arguments_start_nothing),
                STEP_TEST(test_told_to_end_before_the_start_it_does_not_start),
                STEP_TEST(test_the_script_gets_a_plain_environment_and_no_terminal),
                STEP_TEST(test_both_streams_are_kept_and_passed_on),
                STEP_TEST(test_a_failing_script_gives_its_status),
                STEP_TEST(test_a_killed_script_gives_the_signal),
                STEP_TEST(test_a_script_that_cannot_be_executed_has_ended_too),
                STEP_TEST(test_it_does_not_wait_for_what_the_script_leaves_behind),
                STEP_TEST(test_told_to_end_it_notes_that_and_lets_the_script_end),
                STEP_TEST(test_head_and_tail_of_a_long_output_are_kept),
                STEP_TEST(test_an_output_just_over_the_head_is_whole),
                STEP_TEST(test_a_journal_that_does_not_read_does_not_hold_up_the_script),
                STEP_TEST(test_a_journal_that_is_gone_does_not_kill_the_script),
                STEP_TEST(test_a_script_that_fills_the_disk_does_not_lose_its_result),
                STEP_TEST(test_without_room_for_the_result_nothing_is_started),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
