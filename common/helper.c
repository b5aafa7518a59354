/* SPDX-License-Identifier: Apache-2.0 */
#include "common/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "common/text.h"

/* What it printed counts when the program has ended: its status and all that it wrote
 * before are there then. Something that it left behind may still hold the pipe; nobody waits for
 * that. */

#define KILL_TIME (5 * USEC_PER_SEC)

struct Helper {
        const char *program; /* last component of its path, for messages; in `path` */
        char *path;
        pid_t pid; /* 0: has been waited for */
        int fd;
        size_t size;
        char *buffer; /* HELPER_OUTPUT_MAX + 1 bytes, and the terminator */
        sd_event_source *child;
        sd_event_source *output;
        sd_event_source *deadline;
        usec_t timeout;
        bool killed;
        HelperDone on_done;
        void *userdata;
};

static void finish(Helper *helper, int status, const Error *error) {
        helper->child = sd_event_source_disable_unref(helper->child);
        helper->output = sd_event_source_disable_unref(helper->output);
        helper->deadline = sd_event_source_disable_unref(helper->deadline);
        helper->buffer[helper->size] = '\0';
        helper->on_done(status, status < 0 ? NULL : helper->buffer, status < 0 ? 0 : helper->size,
                        error, helper->userdata);
}

/* False: nothing more can be read now. */
static bool read_some(Helper *helper) {
        size_t room = HELPER_OUTPUT_MAX + 1 - helper->size;
        ssize_t n;

        if (room == 0)
                return false;

        n = read(helper->fd, helper->buffer + helper->size, room);
        if (n <= 0)
                return false;

        helper->size += (size_t) n;
        return true;
}

static int judge(const Helper *helper, const siginfo_t *info, Error *error) {
        char span[SPAN_TEXT_MAX];

        if (helper->killed) {
                return error_setf(
                                error, ERROR_TIMEOUT, "%s gave no answer within %s",
                                helper->program, span_format(helper->timeout, span));
        }
        if (info->si_code != CLD_EXITED) {
                return error_setf(
                                error, ERROR_IO, "%s was killed by signal %d", helper->program,
                                info->si_status);
        }
        if (helper->size > HELPER_OUTPUT_MAX) {
                return error_setf(
                                error, ERROR_TOO_BIG, "%s printed more than %d bytes",
                                helper->program, HELPER_OUTPUT_MAX);
        }

        return info->si_status;
}

static int on_child(sd_event_source *source, const siginfo_t *info, void *userdata) {
        Helper *helper = ASSERT_PTR(userdata);
        Error error = {};

        helper->pid = 0;
        while (read_some(helper))
                ;

        finish(helper, judge(helper, info, &error), &error);
        return 0;
}

int helper_read_answer(int status, const char *output, size_t size, Json **ret, Error *error) {
        AUTO(Json) *answer = NULL;
        char text[ERROR_TEXT_MAX];
        bool ok = false, denied = false;
        int r;

        if (status > 1)
                return error_setf(error, ERROR_IO, "rollpatch-probe ended with status %d", status);

        r = json_parse(output, size, &answer, error);
        if (r == 0)
                r = json_get_bool(answer, "ok", &ok, error);
        if (r == 0 && !ok)
                r = json_get_string(answer, "error", text, sizeof(text), error);
        if (r < 0)
                return error_prefixf(error, "answer of rollpatch-probe");
        if (!ok && json_find(answer, "denied"))
                (void) json_get_bool(answer, "denied", &denied, NULL);
        if (!ok)
                return error_setf(error, denied ? ERROR_DENIED : ERROR_IO, "%s", text);
        if (status != 0) {
                return error_setf(
                                error, ERROR_IO,
                                "rollpatch-probe said ok, but ended with status 1");
        }

        *ret = TAKE(answer);
        return 0;
}

static int on_output(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Helper *helper = ASSERT_PTR(userdata);

        if (!read_some(helper) || helper->size > HELPER_OUTPUT_MAX)
                helper->output = sd_event_source_disable_unref(helper->output);

        return 0;
}

static void kill_group(const Helper *helper) {
        (void) kill(-helper->pid, SIGKILL);
        (void) kill(helper->pid, SIGKILL);
}

/* Its end is told by on_child(), unless it hangs in the kernel and does not even die. */
static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Helper *helper = ASSERT_PTR(userdata);
        Error error = {};

        if (!helper->killed) {
                helper->killed = true;
                kill_group(helper);
                (void) sd_event_source_set_time(source, usec + KILL_TIME);
                return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        }

        (void) error_setf(&error, ERROR_TIMEOUT, "%s cannot be killed", helper->program);
        finish(helper, -ETIMEDOUT, &error);
        return 0;
}

/* With signals and fds as a new program expects them, and a group of its own to be killed by. */
static int spawn(Helper *helper, char *const arguments[], int in, int out) {
        static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        static char lang[] = "LANG=C";
        char *const environment[] = { path, lang, NULL };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t set;
        int r;

        (void) posix_spawnattr_init(&attributes);
        (void) posix_spawnattr_setflags(
                        &attributes,
                        POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
        (void) sigemptyset(&set);
        (void) posix_spawnattr_setsigmask(&attributes, &set);
        (void) sigaddset(&set, SIGPIPE);
        (void) posix_spawnattr_setsigdefault(&attributes, &set);
        (void) posix_spawnattr_setpgroup(&attributes, 0);

        (void) posix_spawn_file_actions_init(&actions);
        if (in >= 0) {
                r = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
        } else {
                r = posix_spawn_file_actions_addopen(
                                &actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        }
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        if (r == 0) {
                r = posix_spawn(&helper->pid, arguments[0], &actions, &attributes, arguments,
                                environment);
        }

        (void) posix_spawn_file_actions_destroy(&actions);
        (void) posix_spawnattr_destroy(&attributes);
        return -r;
}

static int watch(Helper *helper, sd_event *event) {
        sigset_t set;
        int r;

        /* sd-event waits for children only where this is blocked; our other threads block all. */
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGCHLD);
        /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;

        r = sd_event_add_child(event, &helper->child, helper->pid, WEXITED, on_child, helper);
        if (r < 0)
                return r;

        r = sd_event_add_io(event, &helper->output, helper->fd, EPOLLIN, on_output, helper);
        if (r < 0)
                return r;

        return sd_event_add_time_relative(
                        event, &helper->deadline, CLOCK_BOOTTIME, helper->timeout,
                        USEC_PER_SEC / 10, on_deadline, helper);
}

/* A pipe with all of the input in it: so little always fits, so nobody has to wait for the program
 * to read it. */
static int open_input(const char *input, int *ret) {
        size_t size = strlen(input);
        int pipe[2] = { -EBADF, -EBADF };
        ssize_t n;

        if (size > HELPER_INPUT_MAX)
                return -EMSGSIZE;
        if (pipe2(pipe, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;

        n = write(pipe[1], input, size);
        (void) close(pipe[1]);
        (void) fcntl(pipe[0], F_SETFL, 0);
        if (n != (ssize_t) size) {
                (void) close(pipe[0]);
                return -EIO;
        }

        *ret = pipe[0];
        return 0;
}

static int start(Helper *helper, sd_event *event, char *const arguments[], const char *input) {
        auto_close int in = -EBADF;
        int pipe[2] = { -EBADF, -EBADF };
        int r = 0;

        if (input)
                r = open_input(input, &in);
        if (r < 0)
                return r;
        if (pipe2(pipe, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;

        /* The program's end blocks as programs expect it. */
        helper->fd = pipe[0];
        (void) fcntl(pipe[1], F_SETFL, 0);
        r = spawn(helper, arguments, in, pipe[1]);
        (void) close(pipe[1]);
        if (r < 0) {
                helper->pid = 0;
                return r;
        }

        return watch(helper, event);
}

int helper_start(
                sd_event *event,
                char *const arguments[],
                usec_t timeout,
                HelperDone on_done,
                void *userdata,
                Helper **ret,
                Error *error) {
        const HelperCommand command = { .arguments = arguments, .timeout = timeout };

        return helper_start_with(event, &command, on_done, userdata, ret, error);
}

int helper_start_with(
                sd_event *event,
                const HelperCommand *command,
                HelperDone on_done,
                void *userdata,
                Helper **ret,
                Error *error) {
        AUTO(Helper) *helper = calloc(1, sizeof(*helper));
        const char *slash;
        int r;

        if (!helper)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        helper->fd = -EBADF;
        helper->timeout = command->timeout;
        helper->on_done = on_done;
        helper->userdata = userdata;
        helper->path = strdup(command->arguments[0]);
        helper->buffer = malloc(HELPER_OUTPUT_MAX + 2);
        if (!helper->path || !helper->buffer)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        slash = strrchr(helper->path, '/');
        helper->program = slash ? slash + 1 : helper->path;

        r = start(helper, event, command->arguments, command->input);
        if (r < 0)
                return error_errnof(error, r, "cannot run '%s'", helper->path);

        *ret = TAKE(helper);
        return 0;
}

void helper_free(Helper *helper) {
        if (!helper)
                return;

        (void) sd_event_source_disable_unref(helper->child);
        (void) sd_event_source_disable_unref(helper->output);
        (void) sd_event_source_disable_unref(helper->deadline);

        /* Killed means gone, but for a process that hangs in the kernel: nobody waits for that. */
        if (helper->pid > 0) {
                kill_group(helper);
                (void) waitpid(helper->pid, NULL, WNOHANG);
        }
        if (helper->fd >= 0)
                (void) close(helper->fd);

        if (helper->buffer)
                explicit_bzero(helper->buffer, helper->size);
        free(helper->buffer);
        free(helper->path);
        free(helper);
}
