/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "node-agent/systemd-bus.h"

/* Asks systemd about every unit that DC/OS wants on this node (the links in dcos.target.wants, read
 * anew each time: a patch adds and removes units), and /proc about their main processes. */

#define UNITS_MAX 128

typedef struct Units Units;

/* Called once, unless freed before, and never from within units_start(). ERROR_NONE: `units` are
 * known, in troubleshooting order. May free the object. */
typedef void (*UnitsDone)(
                const UnitStatus units[], size_t count, const Error *error, void *userdata);

typedef struct UnitNames {
        const char *const *names;
        size_t count;
} UnitNames;

/* Asks about all that DC/OS wants below `root`, and about `more` (NULL: none), wherever they come
 * from; `root` NULL: about those alone. Failing at once: there is no dcos.target.wants (DC/OS is
 * being activated), or it holds too much. */
int units_start(SystemdBus *bus,
                const char *root,
                const UnitNames *more,
                UnitsDone on_done,
                void *userdata,
                Units **ret,
                Error *error);

void units_free(Units *units);
DEFINE_AUTO(Units, units_free)
