/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/cleanup.h"
#include "common/text.h"

#define JOURNAL_DIR    "/run/systemd/journal"
#define JOURNAL_SOCKET JOURNAL_DIR "/socket"

/* stderr, while something is listening in. */
typedef struct Ear {
        int saved;
        int fd;
} Ear;

static Ear ear_open(void) {
        Ear ear = {
                .saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3),
                .fd = memfd_create("stderr", MFD_CLOEXEC),
        };

        assert_true(ear.saved >= 0 && ear.fd >= 0);
        assert_int_equal(dup2(ear.fd, STDERR_FILENO), STDERR_FILENO);
        return ear;
}

static void ear_close(const Ear *ear, char *heard, size_t size) {
        ssize_t n;

        assert_int_equal(dup2(ear->saved, STDERR_FILENO), STDERR_FILENO);
        n = pread(ear->fd, heard, size - 1, 0);
        assert_true(n >= 0);
        heard[n] = '\0';
        (void) close(ear->fd);
        (void) close(ear->saved);
}

static void test_stderr_gets_lines_with_their_weight(void **state) {
        char heard[1024];
        Ear ear = ear_open();

        log_open("test", LOG_DEBUG);
        log_debug("a %d", 1);
        log_info("b");
        log_notice("c");
        log_warning("d");
        log_error("e");
        log_message(LOG_CRIT, NULL, "f");
        ear_close(&ear, heard, sizeof(heard));

        assert_string_equal(heard, "debug: a 1\nb\nc\nwarning: d\nerror: e\nerror: f\n");
}

static void test_what_is_less_than_wanted_is_not_said(void **state) {
        char heard[1024];
        Ear ear = ear_open();

        log_open("test", LOG_INFO);
        log_debug("quiet");
        log_info("loud");
        log_open("test", LOG_ERR);
        log_warning("quiet");
        ear_close(&ear, heard, sizeof(heard));

        assert_string_equal(heard, "loud\n");
}

static void test_every_line_is_a_line_of_its_own(void **state) {
        char heard[1024];
        Ear ear = ear_open();

        log_open("test", LOG_INFO);
        log_warning("a\n\nb\n");
        log_warning("%s", "");
        ear_close(&ear, heard, sizeof(heard));

        assert_string_equal(heard, "warning: a\nwarning: b\n");
}

static void test_foreign_bytes_and_long_lines_are_tamed(void **state) {
        char text[4096], heard[4096];
        Ear ear = ear_open();

        memset(text, 'a', sizeof(text));
        text[0] = '\x1b';
        text[sizeof(text) - 1] = '\0';

        log_open("test", LOG_INFO);
        log_info("%s", text);
        ear_close(&ear, heard, sizeof(heard));

        assert_int_equal(heard[0], '?');
        assert_true(strlen(heard) < 2100);
        assert_string_equal(heard + strlen(heard) - 4, "...\n");
}

static void test_logging_keeps_errno(void **state) {
        char heard[64];
        Ear ear = ear_open();

        log_open("test", LOG_INFO);
        errno = ENOSPC;
        log_info("x");
        assert_int_equal(errno, ENOSPC);
        log_debug("y");
        assert_int_equal(errno, ENOSPC);
        ear_close(&ear, heard, sizeof(heard));
}

/* Says that stderr is connected to the journal, whatever it is connected to. */
static void pretend_journal(void) {
        char stream[64];
        struct stat st = {};

        assert_int_equal(fstat(STDERR_FILENO, &st), 0);
        assert_true(
                        text_format(stream, sizeof(stream), "%ju:%ju", (uintmax_t) st.st_dev,
                                    (uintmax_t) st.st_ino));
        assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
}

/* A journal of our own, in a /run that goes away with this process. Negative: not allowed to. */
static int make_journal(void) {
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET };
        int fd;

        if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("none", "/run", "tmpfs", 0, NULL) < 0)
                return -errno;

        assert_int_equal(mkdir("/run/systemd", 0755), 0);
        assert_int_equal(mkdir(JOURNAL_DIR, 0755), 0);
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        return fd;
}

static void test_the_journal_gets_fields_and_stderr_nothing(void **state) {
        static const LogContext context = { .node = "m2", .run = "r7", .step = "r7-1a2b3c4d-m2-1" };
        static const LogContext no_run = { .node = "m2", .run = NULL, .step = "" };
        auto_close int fd = make_journal();
        char heard[256], entry[1024];
        ssize_t n;
        Ear ear;

        if (fd < 0)
                skip();

        ear = ear_open();
        pretend_journal();
        log_open("test", LOG_INFO);
        log_message(LOG_WARNING, &context, "m2: %s", "slow");
        log_message(LOG_INFO, &no_run, "again");
        assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
        ear_close(&ear, heard, sizeof(heard));
        assert_string_equal(heard, "");

        n = recv(fd, entry, sizeof(entry) - 1, 0);
        assert_true(n > 0);
        entry[n] = '\0';
        assert_string_equal(
                        entry,
                        "PRIORITY=4\nSYSLOG_IDENTIFIER=test\nROLLPATCH_NODE=m2\nROLLPATCH_RUN=r7\n"
                        "ROLLPATCH_STEP=r7-1a2b3c4d-m2-1\nMESSAGE=m2: slow\n");

        n = recv(fd, entry, sizeof(entry) - 1, 0);
        assert_true(n > 0);
        entry[n] = '\0';
        assert_string_equal(
                        entry,
                        "PRIORITY=6\nSYSLOG_IDENTIFIER=test\nROLLPATCH_NODE=m2\nMESSAGE=again\n");
}

/* The run before has left a /run without anybody listening, where it was allowed to. */
static void test_a_journal_that_is_down_swallows_nothing(void **state) {
        char heard[256];
        Ear ear;

        if (access(JOURNAL_SOCKET, F_OK) < 0 || geteuid() != 0)
                skip();

        ear = ear_open();
        pretend_journal();
        log_open("test", LOG_INFO);
        log_warning("still heard");
        assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
        ear_close(&ear, heard, sizeof(heard));

        assert_string_equal(heard, "warning: still heard\n");
}

static void test_a_redirected_stderr_is_not_the_journal(void **state) {
        char heard[256];
        Ear ear;

        pretend_journal();
        ear = ear_open();
        log_open("test", LOG_INFO);
        log_info("to the file");
        assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
        ear_close(&ear, heard, sizeof(heard));

        assert_string_equal(heard, "to the file\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_stderr_gets_lines_with_their_weight),
                cmocka_unit_test(test_what_is_less_than_wanted_is_not_said),
                cmocka_unit_test(test_every_line_is_a_line_of_its_own),
                cmocka_unit_test(test_foreign_bytes_and_long_lines_are_tamed),
                cmocka_unit_test(test_logging_keeps_errno),
                cmocka_unit_test(test_the_journal_gets_fields_and_stderr_nothing),
                cmocka_unit_test(test_a_journal_that_is_down_swallows_nothing),
                cmocka_unit_test(test_a_redirected_stderr_is_not_the_journal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
