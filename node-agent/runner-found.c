/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "node-agent/runner-internal.h"

/* Files can be lost while a script runs: then the unit is the only one left that knows of it. So
 * systemd is asked for every unit of ours when this program starts, and again before it obeys a
 * CLAIM, a SLOT or a START, which waits for the answer meanwhile. A unit that no file explains
 * becomes a step that is running, in the journal and in what we tell (promise 5); one that cannot
 * become a step, and no answer, refuse the order by name (promise 2). */

#define UNIT_PREFIX "rollpatch-step-"
#define UNIT_SUFFIX ".service"

static bool step_of_unit(const char *unit, char step[static STEP_ID_MAX]) {
        size_t length = strlen(unit);
        size_t around = strlen(UNIT_PREFIX UNIT_SUFFIX);
        char named[UNIT_MAX];

        return length > around &&
               text_format(step, STEP_ID_MAX, "%.*s", (int) (length - around),
                           unit + strlen(UNIT_PREFIX)) &&
               step_id_is_valid(step) && step_unit_format(named, step) && strcmp(named, unit) == 0;
}

static int adopt(Runner *runner, const char *step, const char *unit, Error *error) {
        Found found = { .wall = clock_wall() };
        int r;

        log_warning("Unit %s is there, and no file of this node speaks of its step.", unit);
        (void) text_copy(found.boot_id, sizeof(found.boot_id), runner->boot_id);
        (void) text_copy(found.unit, sizeof(found.unit), unit);
        r = runner_make_room(runner, error);
        if (r == 0)
                r = step_journal_put_found(runner->options.journal, step, &found, error);
        if (r == 0)
                r = runner_recover(runner, step, error);

        return r < 0 ? error_prefixf(error, "unit %s is not of a known step", unit) : 0;
}

/* What is followed is explained: nothing is said of its end before its unit is gone. */
static int explain(Runner *runner, const char *unit, Error *error) {
        char step[STEP_ID_MAX];
        const Entry *entry;

        if (!step_of_unit(unit, step))
                return error_setf(error, ERROR_BLOCKED, "unit %s runs and is of no step", unit);

        entry = runner_find_entry(runner, step);
        if (!entry)
                return adopt(runner, step, unit, error);
        if (!entry->watch) {
                return error_setf(
                                error, ERROR_BLOCKED, "unit %s runs, but its step is %s here", unit,
                                enum_name(&node_step_names, entry->job.state));
        }

        return 0;
}

static int explain_all(Runner *runner, const UnitList *units, Error *error) {
        int r = 0;

        if (!units)
                return error_prefixf(error, "which steps run here is not known");

        for (size_t i = 0; r == 0 && i < units->count; i++)
                r = explain(runner, units->names[i], error);

        return r;
}

static void on_list(const UnitList *units, const Error *failed, void *userdata) {
        Runner *runner = ASSERT_PTR(userdata);
        Error error = *failed;
        int r;

        r = explain_all(runner, units, &error);
        if (r < 0 && runner->held_count == 0)
                log_warning("Not ready for orders: %s.", error.text);

        for (size_t i = 0; i < runner->held_count; i++) {
                if (r == 0) {
                        runner_obey(runner, runner->held[i]);
                } else {
                        runner_refuse_order(runner, runner->held[i], &error);
                }
        }
        runner_drop_held(runner);
}

void runner_drop_held(Runner *runner) {
        for (size_t i = 0; i < runner->held_count; i++)
                free(TAKE(runner->held[i]));

        runner->held_count = 0;
}

static int hold(Runner *runner, const Message *order, Error *error) {
        Message *held;

        if (runner->held_count == HELD_MAX) {
                return error_setf(
                                error, ERROR_BLOCKED, "%d orders wait for an answer of systemd",
                                HELD_MAX);
        }

        held = malloc(sizeof(*held));
        if (!held)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        *held = *order;
        runner->held[runner->held_count++] = held;
        return 0;
}

/* In the order in which they come. A coordinator repeats what it does not see done, so there may be
 * several of the same. */
void runner_hold(Runner *runner, const Message *order) {
        Error error = {};

        if (hold(runner, order, &error) < 0) {
                runner_refuse_order(runner, order, &error);
        } else {
                unit_watch_ask(runner->units);
        }
}

int runner_look_for_units(Runner *runner, Error *error) {
        static const UnitHandlers handlers = { .on_list = on_list };
        int r;

        r = unit_watch_new_list(
                        runner->options.bus, UNIT_PREFIX, &handlers, runner, &runner->units, error);
        if (r == 0)
                unit_watch_ask(runner->units);

        return r;
}
