/* SPDX-License-Identifier: Apache-2.0 */
#include "common/service.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>

#include "common/log.h"
#include "common/text.h"

#define STATUS_MAX     256
#define HEAP_BLOCK_MAX (64 * 1024)
#define HEAP_SPARE_MAX (32 * 1024) /* free at its end; then all but HEAP_PAD is given back */
#define HEAP_PAD       (8 * 1024)

// clang-format off
static const struct { int number; const char *name; } stops[] = {
        { SIGTERM, "SIGTERM" },
        { SIGINT,  "SIGINT"  },
        { SIGHUP,  "SIGHUP"  },
};
// clang-format on

struct Service {
        sd_event *event;
        sd_event_source *signals[ELEMENTSOF(stops)];
};

static int block_signals(void) {
        const struct sigaction ignore = { .sa_handler = SIG_IGN };
        sigset_t set;
        int r;

        (void) sigemptyset(&set);
        for (size_t i = 0; i < ELEMENTSOF(stops); i++)
                (void) sigaddset(&set, stops[i].number);

        r = pthread_sigmask(SIG_BLOCK, &set, NULL);
        if (r > 0)
                return -r;

        /* A peer that is gone is an EPIPE of the write, not the end of the daemon. */
        return sigaction(SIGPIPE, &ignore, NULL) < 0 ? -errno : 0;
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        for (size_t i = 0; i < ELEMENTSOF(stops); i++) {
                if ((uint32_t) stops[i].number == info->ssi_signo)
                        log_info("Got %s, stopping.", stops[i].name);
        }

        return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int add_signals(Service *service) {
        int r;

        for (size_t i = 0; i < ELEMENTSOF(stops); i++) {
                r = sd_event_add_signal(
                                service->event, &service->signals[i], stops[i].number, on_stop,
                                NULL);
                if (r < 0)
                        return r;

                (void) sd_event_source_set_description(service->signals[i], stops[i].name);

                /* Whatever else is waiting: who stops the daemon is heard first. */
                r = sd_event_source_set_priority(service->signals[i], SD_EVENT_PRIORITY_IMPORTANT);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* A daemon on every node gives back what it needs only now and then. Without this the C library
 * raises its limits with the largest block that was ever freed, and keeps as much and 128 KiB more;
 * and the second thread (nanomsg's) gets a heap of its own. */
static void keep_heap_small(void) {
        // NOLINTBEGIN(concurrency-mt-unsafe): before the first other thread
        (void) mallopt(M_MMAP_THRESHOLD, HEAP_BLOCK_MAX);
        (void) mallopt(M_TRIM_THRESHOLD, HEAP_SPARE_MAX);
        (void) mallopt(M_TOP_PAD, HEAP_PAD);
        (void) mallopt(M_ARENA_MAX, 1);
        // NOLINTEND(concurrency-mt-unsafe)
}

int service_new(Service **ret, Error *error) {
        AUTO(Service) *service = NULL;
        int r;

        keep_heap_small();

        r = block_signals();
        if (r < 0)
                return error_errnof(error, r, "cannot block signals");

        service = calloc(1, sizeof(*service));
        if (!service)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        r = sd_event_new(&service->event);
        if (r < 0)
                return error_errnof(error, r, "cannot make the event loop");

        r = add_signals(service);
        if (r < 0)
                return error_errnof(error, r, "cannot listen for signals");

        r = sd_event_set_watchdog(service->event, true);
        if (r < 0)
                return error_errnof(error, r, "cannot feed the watchdog");

        *ret = TAKE(service);
        return 0;
}

sd_event *service_event(Service *service) {
        return service->event;
}

/* Best effort: the daemon does its work whether or not systemd hears of it. */
static PRINTF(2, 0) void tell(const char *state, const char *format, va_list arguments) {
        char text[STATUS_MAX * 2] = "", status[STATUS_MAX];

        (void) vsnprintf(text, sizeof(text), format, arguments);
        text_ellipsize(status, sizeof(status), text);
        (void) sd_notifyf(0, "%sSTATUS=%s", state, status);
}

void service_rest(void) {
        (void) malloc_trim(0);
}

void service_ready(Service *service, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        tell("READY=1\n", format, arguments);
        va_end(arguments);

        service_rest();
}

void service_status(Service *service, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        tell("", format, arguments);
        va_end(arguments);
}

int service_run(Service *service, Error *error) {
        int r;

        r = sd_event_loop(service->event);
        (void) sd_notify(0, "STOPPING=1");
        if (r < 0)
                return error_errnof(error, r, "the event loop failed");

        return 0;
}

void service_free(Service *service) {
        if (!service)
                return;

        for (size_t i = 0; i < ELEMENTSOF(service->signals); i++)
                (void) sd_event_source_unref(service->signals[i]);
        (void) sd_event_unref(service->event);
        free(service);
}
