/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "common/error.h"

/* The frame of a daemon: one event loop that SIGTERM, SIGINT and SIGHUP end, a watchdog that the
 * loop feeds as long as it turns, and what systemd is told. Without systemd ($NOTIFY_SOCKET) the
 * telling does nothing.
 *
 * Children inherit that these signals are blocked and SIGPIPE ignored: whoever starts a program
 * sets both back (POSIX_SPAWN_SETSIGMASK, POSIX_SPAWN_SETSIGDEF). */

typedef struct Service Service;

/* Before anything else in main(): a library may start threads, and a thread that was started before
 * the signals are blocked would die of them. */
int service_new(Service **ret, Error *error);

sd_event *service_event(Service *service); /* borrowed */

/* "I am up": from now on nothing may block. `format` is the first status line. */
void service_ready(Service *service, const char *format, ...) PRINTF(2, 3);

/* One line for `systemctl status`, cut to fit. */
void service_status(Service *service, const char *format, ...) PRINTF(2, 3);

/* For when there will be nothing to do for a while: gives back memory that is not in use.
 * service_ready() does so too. */
void service_rest(void);

/* Turns the loop until a signal or sd_event_exit(event, 0) ends it: 0. sd_event_exit() with a
 * negative errno, or a handler that failed and asked for this, is an error. Tells systemd STOPPING.
 */
int service_run(Service *service, Error *error);

void service_free(Service *service);
DEFINE_AUTO(Service, service_free)
