/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/unit-judge.h"

/* Units as lists of text: the names in dcos.target.wants, and what `systemctl list-units` prints,
 * as people send it in. The node agent itself asks systemd. Pure. */

#define UNIT_LIST_MAX 256

typedef struct UnitNames {
        size_t count;
        char names[UNIT_LIST_MAX][UNIT_MAX];
} UnitNames;

/* One name a line. Not necessarily terminated. */
int unit_names_read(const char *text, size_t size, UnitNames *ret, Error *error);

typedef struct UnitList {
        size_t count;
        UnitStatus units[UNIT_LIST_MAX];
} UnitList;

/* Of `systemctl list-units --all --no-pager`. It tells neither type nor how a run ended: of the few
 * services that end well without a timer they are filled in by name. */
int unit_list_read(const char *text, size_t size, UnitList *ret, Error *error);

/* Judges the units that are wanted. `late`: what is still starting has had its time. A wanted unit
 * that is not in the list is unknown. */
void unit_list_judge(const UnitNames *wanted, const UnitList *list, bool late, Sample *sample);
