/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "node-agent/finding.h"
#include "node-agent/unit-judge.h"

/* The few things that we ask of systemd, over D-Bus, and nothing waits for the answer. The
 * connection may go away at any time (dbus restarted, systemd re-executed): it is made again every
 * second, and whatever was asked meanwhile has no answer. No answer is *unknown*, never "not
 * running". */

typedef struct SystemdBus SystemdBus;

int systemd_bus_new(sd_event *event, SystemdBus **ret, Error *error);

/* Whether a call made now would be on its way when it returns. */
bool systemd_bus_is_up(const SystemdBus *bus);

/* Forgets that a unit has failed, so that its name is free again. No answer. */
void systemd_bus_reset_failed(SystemdBus *bus, const char *unit);

/* All watches must be freed before. */
void systemd_bus_free(SystemdBus *bus);
DEFINE_AUTO(SystemdBus, systemd_bus_free)

/* --- one unit --- */

typedef struct UnitFacts {
        UnitState state;
        char text[128]; /* as systemd has it: "failed/failed, exit status 125"; why unknown, if it
                           is */
        UnitStatus status; /* unless the state is unknown; without name and main_start */
} UnitFacts;

#define UNIT_LIST_MAX 16

/* Those of many units that systemd has a process for, or something to do for. */
typedef struct UnitList {
        char names[UNIT_LIST_MAX][UNIT_MAX];
        size_t count;
} UnitList;

/* Only on_facts and on_list may free the watch. */
typedef struct UnitHandlers {
        void (*on_change)(void *userdata); /* worth asking; NULL: signals are not listened to */
        void (*on_facts)(const UnitFacts *facts, void *userdata); /* answer to unit_watch_ask() */
        void (*on_called)(const Error *error, void *userdata);    /* answer to unit_watch_start() */
        /* Answer to unit_watch_ask() about many units; NULL: not known, `error` says why. */
        void (*on_list)(const UnitList *list, const Error *error, void *userdata);
} UnitHandlers;

typedef struct UnitWatch UnitWatch;

int unit_watch_new(
                SystemdBus *bus,
                const char *unit,
                const UnitHandlers *handlers,
                void *userdata,
                UnitWatch **ret,
                Error *error);

/* All units whose names begin with `prefix`, whoever has started them. The only handler is on_list.
 */
int unit_watch_new_list(
                SystemdBus *bus,
                const char *prefix,
                const UnitHandlers *handlers,
                void *userdata,
                UnitWatch **ret,
                Error *error);

/* Exactly one on_facts, or on_list, follows, unless it is asked already: then that answer is for
 * both. */
void unit_watch_ask(UnitWatch *watch);

typedef struct UnitCommand {
        const char *program; /* an absolute path */
        const char *arguments[2];
} UnitCommand;

/* StartTransientUnit: the command as a unit of its own, in mode "fail", with what systemd 218
 * knows. 0: the call is written to the bus. On failure nothing was sent. Whatever on_called says,
 * only asking tells what has become of it. */
int unit_watch_start(
                UnitWatch *watch,
                const char *description,
                const UnitCommand *command,
                Error *error);

void unit_watch_free(UnitWatch *watch);
DEFINE_AUTO(UnitWatch, unit_watch_free)
