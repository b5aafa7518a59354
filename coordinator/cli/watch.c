/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/cli/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "common/clock.h"
#include "common/text.h"
#include "coordinator/cli/ask.h"
#include "coordinator/cli/changes.h"
#include "coordinator/cli/show-status.h"

#define INTERVAL_MSEC    1000
#define PATIENCE         (2 * USEC_PER_MINUTE)
#define EXIT_INTERRUPTED 130 /* as shells have it: 128 + SIGINT */
#define CLEAR_SCREEN     "\033[H\033[2J"

typedef struct Watch {
        const CliOptions *options;
        WatchMode mode;
        uint64_t number; /* of the run that is waited for; 0: not seen yet */
        Client client;
        Show show;
        Reply *before;
        usec_t silent_since; /* 0: the last question was answered */
} Watch;

// clang-format off
static const struct { const char *state; int status; bool over; } states[] = {
        { "finished", EXIT_OK,      true  },
        { "aborted",  EXIT_FAILED,  true  },
        { "halted",   EXIT_BLOCKED, false },
        { "paused",   EXIT_PAUSED,  false },
        { "held",     EXIT_PAUSED,  false },
};
// clang-format on

/* Whether there is nothing more to wait for in a run of that state, and with what exit status. */
static bool ends_watch(WatchMode mode, const char *state, int *ret_status) {
        for (size_t i = 0; i < ELEMENTSOF(states); i++) {
                if (strcmp(states[i].state, state) == 0 && (states[i].over || mode == WATCH_WAIT)) {
                        *ret_status = states[i].status;
                        return true;
                }
        }

        return false;
}

/* The run we wait for is not the current one any more: the list of runs knows how it ended. */
static int ended_elsewhere(const Watch *watch) {
        AUTO(Reply) *reply = NULL;
        const Json *runs;
        Error error = {};
        int status;

        if (client_ask(&watch->client, "runs", NULL, &reply, &error) < 0)
                return ask_failed(watch->options, "runs", EXIT_UNREACHABLE, &error);

        runs = doc_list(reply->answer, "runs");
        for (const Json *run = runs ? json_first(runs) : NULL; run; run = json_next(run)) {
                if (doc_number(run, "number") == watch->number &&
                    ends_watch(WATCH_WAIT, doc_text(run, "state"), &status)) {
                        show_line(&watch->show, STYLE_PLAIN, "run %" PRIu64 " is %s", watch->number,
                                  doc_text(run, "state"));
                        return status;
                }
        }

        (void) error_setf(
                        &error, ERROR_NOT_FOUND, "run %" PRIu64 " is not there any more",
                        watch->number);
        return ask_failed(watch->options, "status", EXIT_FAILED, &error);
}

static void draw(Watch *watch, Reply *reply) {
        const Json *before = watch->before ? watch->before->answer : NULL;

        if (watch->options->json != JSON_OFF) {
                if (!before || changes_show(NULL, before, reply->answer) > 0)
                        ask_print_json(watch->options, reply);
        } else if (watch->mode == WATCH_SCREEN) {
                (void) fputs(CLEAR_SCREEN, watch->show.stream);
                show_status(&watch->show, reply->answer);
        } else
                (void) changes_show(&watch->show, before, reply->answer);

        (void) fflush(watch->show.stream);
        reply_free(watch->before);
        watch->before = reply;
}

/* Nothing to look at; but who waits for a run must not take that for its good end. */
static int no_run(const Watch *watch) {
        Error error = {};

        if (watch->mode == WATCH_WAIT) {
                (void) error_setf(&error, ERROR_NOT_FOUND, "rollpatchd knows of no run");
                return ask_failed(watch->options, "status", EXIT_FAILED, &error);
        }

        if (watch->options->json == JSON_OFF)
                show_line(&watch->show, STYLE_PLAIN, "no run");

        return EXIT_OK;
}

static bool is_over(Watch *watch, const Json *answer, int *ret_status) {
        const Json *run = doc_object(answer, "run");

        if (watch->mode == WATCH_WAIT && watch->number == 0)
                watch->number = doc_number(run, "number");
        if (watch->number != 0 && doc_number(run, "number") != watch->number) {
                *ret_status = ended_elsewhere(watch);
                return true;
        }

        if (!run && watch->mode != WATCH_SCREEN) {
                *ret_status = no_run(watch);
                return true;
        }

        return ends_watch(watch->mode, doc_text(run, "state"), ret_status);
}

static int interrupted(void) {
        (void) fprintf(stderr, "\nrollpatch: the run goes on without this command - "
                               "try: rollpatch status --watch, or rollpatch pause --reason TEXT\n");
        return EXIT_INTERRUPTED;
}

/* The exit status, or negative: ask again. */
static int no_answer(Watch *watch, const Error *error) {
        usec_t now = clock_boottime();

        if (watch->silent_since == 0) {
                char clean[ERROR_TEXT_MAX];

                watch->silent_since = now;
                text_ellipsize(clean, sizeof(clean), error->text);
                (void) fprintf(stderr, "rollpatch: %s (asking again)\n", clean);
        }

        if (span_sub(now, watch->silent_since) >= PATIENCE)
                return ask_failed(watch->options, "status", EXIT_UNREACHABLE, error);

        return -EAGAIN;
}

/* The exit status, or negative: not over yet. */
static int look(Watch *watch) {
        Reply *reply = NULL;
        Error error = {};
        int status, r;

        r = client_ask(&watch->client, "status", NULL, &reply, &error);
        if (r == -ECANCELED)
                return interrupted();
        if (r < 0)
                return no_answer(watch, &error);

        if (!reply->answer) {
                status = no_answer(watch, &reply->error);
                reply_free(reply);
                return status;
        }

        watch->silent_since = 0;
        draw(watch, reply);
        return is_over(watch, reply->answer, &status) ? status : -EAGAIN;
}

/* A descriptor that becomes readable on Ctrl-C, which then does not kill us. */
static int catch_interrupt(void) {
        sigset_t set;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGINT);
        if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
                return -EINVAL;

        return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int watch_run(const CliOptions *options, WatchMode mode, uint64_t number) {
        auto_close int interrupt = mode == WATCH_WAIT ? catch_interrupt() : -EBADF;
        Watch watch = {
                .options = options,
                .mode = mode,
                .number = number,
                .client = ask_client(options),
                .show = show_open(options),
        };
        struct pollfd fd = { .fd = interrupt, .events = POLLIN };
        int status;

        watch.client.interrupt = interrupt;
        for (;;) {
                status = look(&watch);
                if (status >= 0)
                        break;

                (void) poll(&fd, 1, INTERVAL_MSEC);
                if (fd.revents) {
                        status = interrupted();
                        break;
                }
        }

        reply_free(watch.before);
        return status;
}
