/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/crash.h"
#include "common/error.h"
#include "common/file.h"
#include "common/id.h"
#include "common/parse.h"
#include "common/text.h"
#include "node-agent/step/capture.h"
#include "node-agent/step/record.h"

/* rollpatch-step STEPDIR FENCE: the last of the three layers of "at most once" (design, promise 5).
 * It runs inside the step's unit and trusts nobody who started it.
 *
 * Whether the script may run is decided by one atomic operation, link("order-FENCE", "started"):
 *   it fails because `started` exists     somebody has run the script, or is running it
 *   it fails because the order is gone    the node agent has withdrawn it, and may have told so
 *   it succeeds                           it is us, and nobody ever again
 * See docs/adr/0002-started-marker-by-link.md.
 *
 * Room for the result is taken before, so that a script that fills the disk cannot lose it. The
 * script gets pipes, never a terminal, and no argument: with one it would loop for ever. This
 * program ends when the script has ended, even if something that it left behind holds the pipes. */

#define EXIT_NOT_STARTED 125 /* the script did not run, or its result could not be written */
#define EXIT_NO_EXEC     126
#define EXIT_SIGNALLED   128

#define RESULT_ROOM 4096
#define COPY_MAX    (64 * 1024)

typedef struct Step {
        const char *dir;
        char name[NAME_MAX + 1];
        char fence[24];
        char order[32];
        char temporary[40]; /* the room for the result; this process' own, whoever else is started
                             */
        char boot_id[ID_TEXT_MAX];
        int dir_fd;
        int result_fd;
        int signal_fd;
        int pipes[2]; /* script's stdout and stderr; negative: ended */
        Capture capture;
        uint64_t journal_dropped;
        usec_t started_at;
        usec_t ended_at;
        pid_t child;
        int status; /* as waitpid() gives it */
        bool ended;
        bool terminated;
} Step;

static void say(const Step *step, const char *what, const Error *error) {
        (void) dprintf(STDERR_FILENO, "rollpatch-step: %s: %s: %s\n", step->name, what,
                       error->text);
}

/* --- before the start ------------------------------------------------------------------------ */

static int read_arguments(Step *step, int argc, char *argv[], Error *error) {
        const char *base;
        uint64_t fence;

        if (argc != 3)
                return error_setf(error, ERROR_INVALID, "usage: rollpatch-step STEPDIR FENCE");

        base = strrchr(argv[1], '/');
        if (argv[1][0] != '/' || !text_copy(step->name, sizeof(step->name), base + 1) ||
            step->name[0] == '\0')
                return error_setf(error, ERROR_INVALID, "'%s' is not the path of a step", argv[1]);

        if (parse_u64(argv[2], 1, UINT64_MAX, &fence) < 0)
                return error_setf(error, ERROR_INVALID, "'%s' is not a fence", argv[2]);

        step->dir = argv[1];
        (void) text_format(step->fence, sizeof(step->fence), "%" PRIu64, fence);
        (void) text_format(step->order, sizeof(step->order), "order-%" PRIu64, fence);
        (void) text_format(
                        step->temporary, sizeof(step->temporary), "result-%ld.tmp",
                        (long) getpid());
        return 0;
}

static int expect(const char *what, const char *seen, const char *wanted, Error *error) {
        if (strcmp(seen, wanted) == 0)
                return 0;

        return error_setf(
                        error, ERROR_CONFLICT, "the order is for %s '%s', this is '%s'", what, seen,
                        wanted);
}

/* An order of another boot was withdrawn by the reboot, whether or not anybody came to remove it.
 */
static int check_order(const Step *step, Error *error) {
        char values[ORDER_KEY_COUNT][RECORD_VALUE_MAX];
        auto_free char *text = NULL;
        int r;

        r = file_read(step->dir_fd, step->order, RECORD_BYTES_MAX, &text, NULL, error);
        if (r == -ENOENT) {
                return error_setf(
                                error, ERROR_CONFLICT, "the order under fence %s is withdrawn",
                                step->fence);
        }
        if (r < 0)
                return r;

        r = record_parse(text, order_keys, ORDER_KEY_COUNT, values, error);
        if (r < 0)
                return error_prefixf(error, "'%s'", step->order);

        r = expect("boot", values[ORDER_BOOT_ID], step->boot_id, error);
        if (r == 0)
                r = expect("step", values[ORDER_STEP], step->name, error);
        if (r == 0)
                r = expect("fence", values[ORDER_FENCE], step->fence, error);

        return r;
}

static int take_room(Step *step, Error *error) {
        int r;

        step->result_fd =
                        openat(step->dir_fd, step->temporary,
                               O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (step->result_fd < 0)
                return error_errnof(error, errno, "cannot create '%s'", step->temporary);

        r = posix_fallocate(step->result_fd, 0, RESULT_ROOM);
        if (r > 0)
                return error_errnof(error, r, "cannot take %d bytes for the result", RESULT_ROOM);

        return 0;
}

/* From here on SIGTERM is noted, not obeyed: systemd sends it to us alone (KillMode=mixed), and the
 * script gets the time until systemd kills everything. Told so before the start, we do not start.
 */
static int open_signals(Step *step, Error *error) {
        sigset_t set;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGCHLD);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGINT);
        /* One thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        (void) sigaction(SIGPIPE, &(struct sigaction) { .sa_handler = SIG_IGN }, NULL);

        step->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (step->signal_fd < 0)
                return error_errnof(error, errno, "cannot listen to signals");

        return 0;
}

static int sync_marker(const Step *step, Error *error) {
        auto_close int fd = -EBADF;

        fd = openat(step->dir_fd, "started", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || fsync(fd) < 0)
                return error_errnof(error, errno, "cannot sync 'started'");

        return dir_sync(step->dir_fd, error);
}

static bool is_told_to_end(void) {
        sigset_t set;

        return sigpending(&set) == 0 &&
               (sigismember(&set, SIGTERM) > 0 || sigismember(&set, SIGINT) > 0);
}

static int take_order(const Step *step, Error *error) {
        CRASH_POINT("step-before-started");
        if (is_told_to_end())
                return error_setf(error, ERROR_CONFLICT, "told to end before the start");

        if (linkat(step->dir_fd, step->order, step->dir_fd, "started", 0) < 0) {
                if (errno == EEXIST)
                        return error_setf(error, ERROR_CONFLICT, "it has been started before");
                if (errno == ENOENT) {
                        return error_setf(
                                        error, ERROR_CONFLICT,
                                        "the order under fence %s is withdrawn", step->fence);
                }
                return error_errnof(error, errno, "cannot link '%s' to 'started'", step->order);
        }

        return sync_marker(step, error);
}

static int may_start(Step *step, Error *error) {
        int r;

        r = id_boot(step->boot_id);
        if (r < 0)
                return error_errnof(error, r, "cannot read the boot id");

        step->dir_fd = open(step->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (step->dir_fd < 0)
                return error_errnof(error, errno, "cannot open '%s'", step->dir);

        if (faccessat(step->dir_fd, "started", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return error_setf(error, ERROR_CONFLICT, "it has been started before");

        r = check_order(step, error);
        if (r < 0)
                return r;

        r = open_signals(step, error);
        if (r == 0)
                r = take_room(step, error);
        if (r == 0)
                r = take_order(step, error);
        if (r < 0)
                (void) unlinkat(step->dir_fd, step->temporary, 0);

        return r;
}

/* --- the script ------------------------------------------------------------------------------ */

/* What the script needs to be a plain child of nobody: systemd ignores SIGPIPE for its services,
 * and both that and our blocked signals would be inherited. */
static void reset_signals(void) {
        sigset_t none;

        (void) sigemptyset(&none);
        (void) sigaction(SIGPIPE, &(struct sigaction) { .sa_handler = SIG_DFL }, NULL);
        /* One thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void run_script(const Step *step, const int out[2], const int err[2]) {
        char *const environment[] = {
                (char[]) { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
                (char[]) { "LANG=C" },
                (char[]) { "HOME=/root" },
                NULL,
        };
        char path[PATH_MAX];
        char *arguments[] = { path, NULL };
        int null = open("/dev/null", O_RDONLY);

        reset_signals();
        (void) setsid();

        if (text_format(path, sizeof(path), "%s/script", step->dir) && null >= 0 &&
            dup2(null, STDIN_FILENO) >= 0 && dup2(out[1], STDOUT_FILENO) >= 0 &&
            dup2(err[1], STDERR_FILENO) >= 0 && chdir("/") == 0)
                (void) execve(path, arguments, environment);

        (void) dprintf(STDERR_FILENO, "rollpatch-step: cannot run '%s': %m\n", path);
        _exit(EXIT_NO_EXEC);
}

static void make_nonblocking(int fd) {
        int flags = fcntl(fd, F_GETFL);

        if (flags >= 0)
                (void) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/* The ends that the script writes to stay blocking: many programs cannot cope with EAGAIN. */
static int start_script(Step *step, Error *error) {
        int out[2] = { -EBADF, -EBADF }, err[2] = { -EBADF, -EBADF };

        if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
                return error_errnof(error, errno, "cannot make pipes");

        step->started_at = clock_wall();
        step->child = fork();
        if (step->child < 0)
                return error_errnof(error, errno, "cannot fork");
        if (step->child == 0)
                run_script(step, out, err);

        (void) close(out[1]);
        (void) close(err[1]);
        step->pipes[0] = out[0];
        step->pipes[1] = err[0];
        make_nonblocking(out[0]);
        make_nonblocking(err[0]);
        make_nonblocking(STDOUT_FILENO);
        make_nonblocking(STDERR_FILENO);
        return 0;
}

/* --- while it runs --------------------------------------------------------------------------- */

/* A journal that does not take our lines must not hold up the script. */
static void pass_on(Step *step, int fd, const char *data, size_t size) {
        ssize_t n = write(fd, data, size);

        step->journal_dropped += size - (n > 0 ? (size_t) n : 0);
}

/* Copies at most COPY_MAX bytes. False: there is nothing more now, or ever. */
static bool copy_some(Step *step, size_t i) {
        static const int targets[] = { STDOUT_FILENO, STDERR_FILENO };
        char buffer[COPY_MAX];
        ssize_t n = read(step->pipes[i], buffer, sizeof(buffer));

        if (n > 0) {
                pass_on(step, targets[i], buffer, (size_t) n);
                capture_add(&step->capture, buffer, (size_t) n);
                return true;
        }
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
                (void) close(step->pipes[i]);
                step->pipes[i] = -EBADF;
        }

        return false;
}

static void take_signals(Step *step) {
        struct signalfd_siginfo info;

        while (read(step->signal_fd, &info, sizeof(info)) == sizeof(info)) {
                if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
                        step->terminated = true;
        }

        if (waitpid(step->child, &step->status, WNOHANG) == step->child)
                step->ended = true;
}

/* What is in the pipes when the script ends, and no more: somebody whom it left behind could go on
 * writing for ever. */
static void drain(Step *step) {
        for (size_t i = 0; i < ELEMENTSOF(step->pipes); i++) {
                int room = step->pipes[i] < 0 ? 0 : fcntl(step->pipes[i], F_GETPIPE_SZ);

                for (int copied = 0; copied < room && copy_some(step, i); copied += COPY_MAX)
                        ;
        }
}

static void follow_script(Step *step) {
        while (!step->ended) {
                struct pollfd fds[] = {
                        { .fd = step->signal_fd, .events = POLLIN },
                        { .fd = step->pipes[0], .events = POLLIN },
                        { .fd = step->pipes[1], .events = POLLIN },
                };

                if (poll(fds, ELEMENTSOF(fds), -1) < 0)
                        continue;
                for (size_t i = 0; i < ELEMENTSOF(step->pipes); i++) {
                        if (fds[1 + i].revents)
                                (void) copy_some(step, i);
                }
                if (fds[0].revents)
                        take_signals(step);
        }

        step->ended_at = clock_wall();
        drain(step);
        capture_close(&step->capture);
}

/* --- after the end --------------------------------------------------------------------------- */

static bool format_result(const Step *step, char buffer[static RESULT_ROOM]) {
        char values[RESULT_KEY_COUNT][RECORD_VALUE_MAX];
        const uint64_t numbers[RESULT_KEY_COUNT] = {
                [RESULT_EXIT_STATUS] =
                                WIFEXITED(step->status) ? (uint64_t) WEXITSTATUS(step->status) : 0,
                [RESULT_EXIT_SIGNAL] =
                                WIFSIGNALED(step->status) ? (uint64_t) WTERMSIG(step->status) : 0,
                [RESULT_STARTED_AT] = step->started_at,
                [RESULT_ENDED_AT] = step->ended_at,
                [RESULT_TERMINATED] = step->terminated,
                [RESULT_OUTPUT_DROPPED] = step->capture.dropped,
                [RESULT_JOURNAL_DROPPED] = step->journal_dropped,
        };

        for (size_t i = 0; i < RESULT_KEY_COUNT; i++)
                (void) text_format(values[i], sizeof(values[i]), "%" PRIu64, numbers[i]);
        (void) text_copy(values[RESULT_BOOT_ID], RECORD_VALUE_MAX, step->boot_id);

        return record_format(buffer, RESULT_ROOM, result_keys, values, RESULT_KEY_COUNT);
}

/* Into the room that was taken before the start: needs no space that could be missing now. */
static int write_result(Step *step, Error *error) {
        char buffer[RESULT_ROOM];
        size_t size;

        CRASH_POINT("step-ended");
        if (!format_result(step, buffer)) {
                return error_setf(
                                error, ERROR_TOO_BIG, "the result is more than %d bytes",
                                RESULT_ROOM);
        }

        size = strlen(buffer);
        if (pwrite(step->result_fd, buffer, size, 0) != (ssize_t) size ||
            ftruncate(step->result_fd, (off_t) size) < 0 || fsync(step->result_fd) < 0 ||
            renameat(step->dir_fd, step->temporary, step->dir_fd, "result") < 0)
                return error_errnof(error, errno, "cannot write the result");

        return dir_sync(step->dir_fd, error);
}

int main(int argc, char *argv[]) {
        Step step = {
                .dir_fd = -EBADF, .result_fd = -EBADF, .name = "?", .pipes = { -EBADF, -EBADF }
        };
        Error error = {};
        int r;

        r = read_arguments(&step, argc, argv, &error);
        if (r == 0)
                r = may_start(&step, &error);
        if (r < 0) {
                say(&step, "not started", &error);
                return EXIT_NOT_STARTED;
        }

        CRASH_POINT("step-started");
        capture_open(&step.capture, step.dir_fd, "output");
        r = start_script(&step, &error);
        if (r < 0) {
                say(&step, "marked as started, but the script did not run", &error);
                return EXIT_NOT_STARTED;
        }

        follow_script(&step);
        r = write_result(&step, &error);
        if (r < 0) {
                say(&step, "the script has ended, but its result is lost", &error);
                return EXIT_NOT_STARTED;
        }

        return WIFSIGNALED(step.status) ? EXIT_SIGNALLED + WTERMSIG(step.status)
                                        : WEXITSTATUS(step.status);
}
