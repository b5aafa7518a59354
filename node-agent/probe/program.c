/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "common/clock.h"

/* Both pipes are read until they are closed; then SIGCHLD, blocked since before the start, tells
 * that the program has ended: the only way to wait for that with a time limit on old kernels. */

#define CHUNK 4096

typedef struct Program {
        const char *path;
        pid_t pid;    /* 0: has been waited for */
        int pipes[2]; /* stdout, stderr; negative: closed */
        usec_t timeout;
        usec_t deadline;
        size_t output_max;
        size_t capacity;
        size_t errors_size;
        ProgramResult result;
} Program;

void program_result_done(ProgramResult *result) {
        free(result->output);
        result->output = NULL;
}

static void program_done(Program *program) {
        if (program->pid > 0) {
                (void) kill(program->pid, SIGKILL);
                (void) waitpid(program->pid, NULL, 0);
        }
        for (unsigned i = 0; i < ELEMENTSOF(program->pipes); i++) {
                if (program->pipes[i] >= 0)
                        (void) close(program->pipes[i]);
        }
        program_result_done(&program->result);
}

DEFINE_AUTO(Program, program_done)

/* --- starting --- */

/* 0 or a positive errno, as posix_spawn has it. */
static int spawn_with(
                Program *program,
                char *const arguments[],
                posix_spawn_file_actions_t *actions,
                posix_spawnattr_t *attributes,
                const int ends[2]) {
        sigset_t none, pipes;
        int r = 0;

        (void) sigemptyset(&none);
        (void) sigemptyset(&pipes);
        (void) sigaddset(&pipes, SIGPIPE);

        r |= posix_spawnattr_setsigmask(attributes, &none);
        r |= posix_spawnattr_setsigdefault(attributes, &pipes);
        r |= posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        r |= posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        r |= posix_spawn_file_actions_adddup2(actions, ends[0], STDOUT_FILENO);
        r |= posix_spawn_file_actions_adddup2(actions, ends[1], STDERR_FILENO);
        if (r != 0)
                return ENOMEM;

        return posix_spawn(&program->pid, program->path, actions, attributes, arguments, environ);
}

static int spawn(Program *program, char *const arguments[], const int ends[2], Error *error) {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int failed;

        if (posix_spawn_file_actions_init(&actions) != 0)
                return error_setf(error, ERROR_MEMORY, "no memory for a program");
        if (posix_spawnattr_init(&attributes) != 0) {
                (void) posix_spawn_file_actions_destroy(&actions);
                return error_setf(error, ERROR_MEMORY, "no memory for a program");
        }

        failed = spawn_with(program, arguments, &actions, &attributes, ends);
        (void) posix_spawnattr_destroy(&attributes);
        (void) posix_spawn_file_actions_destroy(&actions);
        if (failed != 0) {
                program->pid = 0;
                return error_errnof(error, failed, "starting %s", program->path);
        }

        return 0;
}

static int program_start(Program *program, char *const arguments[], Error *error) {
        int out[2] = { -EBADF, -EBADF }, err[2] = { -EBADF, -EBADF };
        sigset_t children;
        int r;

        (void) sigemptyset(&children);
        (void) sigaddset(&children, SIGCHLD);
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
        (void) sigprocmask(SIG_BLOCK, &children, NULL);

        if (pipe2(out, O_CLOEXEC) < 0)
                return error_errnof(error, errno, "making a pipe");
        program->pipes[0] = out[0];

        if (pipe2(err, O_CLOEXEC) < 0) {
                (void) close(out[1]);
                return error_errnof(error, errno, "making a pipe");
        }
        program->pipes[1] = err[0];

        r = spawn(program, arguments, (const int[]) { out[1], err[1] }, error);
        (void) close(out[1]);
        (void) close(err[1]);
        return r;
}

/* --- reading --- */

static int keep_output(Program *program, const char *data, size_t size, Error *error) {
        ProgramResult *result = &program->result;
        size_t needed = result->size + size + 1;

        if (result->size + size > program->output_max) {
                return error_setf(
                                error, ERROR_TOO_BIG, "output is longer than %zu bytes",
                                program->output_max);
        }

        if (needed > program->capacity) {
                size_t capacity = MAX(needed, program->capacity * 2);
                char *output = realloc(result->output, capacity);

                if (!output)
                        return error_setf(error, ERROR_MEMORY, "no memory for its output");

                result->output = output;
                program->capacity = capacity;
        }

        if (size > 0)
                memcpy(result->output + result->size, data, size);
        result->size += size;
        result->output[result->size] = '\0';
        return 0;
}

/* What is over goes to nobody, but it is read: the program must not wait for us. */
static void keep_errors(Program *program, const char *data, size_t size) {
        size_t room = PROGRAM_ERRORS_MAX - 1 - program->errors_size;

        size = MIN(size, room);
        memcpy(program->result.errors + program->errors_size, data, size);
        program->errors_size += size;
}

static int read_pipe(Program *program, unsigned which, Error *error) {
        char data[CHUNK];
        ssize_t n = read(program->pipes[which], data, sizeof(data));

        if (n < 0 && errno == EINTR)
                return 0;
        if (n < 0)
                return error_errnof(error, errno, "reading its output");

        if (n == 0) {
                (void) close(program->pipes[which]);
                program->pipes[which] = -EBADF;
                return 0;
        }

        if (which == 0)
                return keep_output(program, data, (size_t) n, error);

        keep_errors(program, data, (size_t) n);
        return 0;
}

static int refuse_slow(const Program *program, Error *error) {
        char span[SPAN_TEXT_MAX];

        return error_setf(
                        error, ERROR_TIMEOUT, "not finished within %s",
                        span_format(program->timeout, span));
}

static int read_more(Program *program, Error *error) {
        usec_t left = span_sub(program->deadline, clock_boottime());
        struct pollfd polled[] = {
                { .fd = program->pipes[0], .events = POLLIN },
                { .fd = program->pipes[1], .events = POLLIN },
        };
        int n, r;

        if (left < USEC_PER_MSEC)
                return refuse_slow(program, error);

        n = poll(polled, ELEMENTSOF(polled), (int) (left / USEC_PER_MSEC));
        if (n < 0 && errno != EINTR)
                return error_errnof(error, errno, "waiting for its output");

        for (unsigned i = 0; n > 0 && i < ELEMENTSOF(polled); i++) {
                if (polled[i].revents == 0)
                        continue;

                r = read_pipe(program, i, error);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* --- the end --- */

static int judge_end(Program *program, int status, Error *error) {
        program->pid = 0;
        if (WIFSIGNALED(status))
                return error_setf(error, ERROR_IO, "killed by signal %d", WTERMSIG(status));

        program->result.exit_status = WEXITSTATUS(status);
        return 0;
}

static int wait_for_end(Program *program, Error *error) {
        sigset_t children;
        int status;

        (void) sigemptyset(&children);
        (void) sigaddset(&children, SIGCHLD);

        for (;;) {
                usec_t left = span_sub(program->deadline, clock_boottime());
                const struct timespec timeout = {
                        .tv_sec = (time_t) (left / USEC_PER_SEC),
                        .tv_nsec = (long) (left % USEC_PER_SEC * 1000),
                };
                pid_t pid = waitpid(program->pid, &status, WNOHANG);

                if (pid == program->pid)
                        return judge_end(program, status, error);
                if (pid < 0)
                        return error_errnof(error, errno, "waiting for its end");
                if (left == 0)
                        return refuse_slow(program, error);

                (void) sigtimedwait(&children, NULL, &timeout);
        }
}

int program_run(char *const arguments[],
                usec_t timeout,
                size_t output_max,
                ProgramResult *ret,
                Error *error) {
        Program program = {
                .path = arguments[0],
                .pipes = { -EBADF, -EBADF },
                .timeout = timeout,
                .deadline = span_add(clock_boottime(), timeout),
                .output_max = output_max,
        };
        AUTO(Program) *owned = &program;
        int r;

        /* so that no output is an empty text */
        r = keep_output(owned, NULL, 0, error);
        if (r == 0)
                r = program_start(owned, arguments, error);
        while (r == 0 && (owned->pipes[0] >= 0 || owned->pipes[1] >= 0))
                r = read_more(owned, error);
        if (r == 0)
                r = wait_for_end(owned, error);
        if (r < 0)
                return r;

        *ret = program.result;
        program.result.output = NULL;
        return 0;
}
