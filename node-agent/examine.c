/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/examine.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "node-agent/catalogue.h"
#include "node-agent/version.h"

#define LINES_AT_ONCE 256    /* per turn of the event loop */
#define LINES_MAX     200000 /* of one look */
#define LOOK_BACK     USEC_PER_HOUR
#define NAMES_MAX     (UNITS_MAX + CATALOGUE_UNITS_MAX)

struct Examine {
        ExamineOptions options;
        ExamineHandlers handlers;
        void *userdata;
        usec_t limit;
        bool knows_step;
        StepRecord record;
        usec_t since;
        char cursor[CURSOR_MAX];
        Units *units;
        UnitStatus status[UNITS_MAX];
        UnitsInput input;
        const char *names[NAMES_MAX]; /* whose lines are read */
        size_t name_count;
        JournalScan *scan;
        size_t lines;
        sd_event_source *turn;
        sd_event_source *deadline;
        char missing[REASON_MAX];
};

void note_missing(char missing[static REASON_MAX], const char *what, const char *why) {
        size_t used = strlen(missing);

        (void) text_format(
                        missing + used, REASON_MAX - used, "%s%s: %s", used > 0 ? "; " : "", what,
                        why);
}

static void finish(Examine *examine) {
        const Examined examined = {
                .record = examine->knows_step ? &examine->record : NULL,
                .since = examine->since,
                .missing = examine->missing,
        };

        units_free(TAKE(examine->units));
        journal_scan_free(TAKE(examine->scan));
        examine->turn = sd_event_source_disable_unref(examine->turn);
        examine->deadline = sd_event_source_disable_unref(examine->deadline);
        examine->handlers.on_done(&examined, examine->userdata);
}

/* --- journal --- */

static void add_name(Examine *examine, const char *name) {
        for (size_t i = 0; i < examine->name_count; i++) {
                if (strcmp(examine->names[i], name) == 0)
                        return;
        }

        assert(examine->name_count < NAMES_MAX);
        examine->names[examine->name_count++] = name;
}

/* Where DC/OS is being activated its units are not known, and those of the catalogue still are. */
static void choose_names(Examine *examine) {
        const char *known[CATALOGUE_UNITS_MAX];
        size_t count = catalogue_places(examine->options.role, SIGN_JOURNAL, known);

        for (size_t i = 0; i < examine->input.count; i++)
                add_name(examine, examine->status[i].name);
        for (size_t i = 0; i < count; i++)
                add_name(examine, known[i]);
}

static void on_line(const JournalLine *line, void *userdata) {
        Examine *examine = ASSERT_PTR(userdata);

        examine->lines++;
        examine->handlers.on_line(line, examine->userdata);
}

static int on_turn(sd_event_source *source, void *userdata) {
        Examine *examine = ASSERT_PTR(userdata);
        Error error = {};
        int r;

        r = journal_scan_read(examine->scan, LINES_AT_ONCE, on_line, examine, &error);
        if (r > 0 && examine->lines < LINES_MAX)
                return 0;

        if (r < 0)
                note_missing(examine->missing, "journal", error.text);
        if (r > 0)
                note_missing(examine->missing, "journal", "what came after the first 200000 lines");
        finish(examine);
        return 0;
}

static int open_journal(Examine *examine, Error *error) {
        int r;

        choose_names(examine);
        r = journal_scan_new(
                        examine->cursor, examine->names, examine->name_count, &examine->scan,
                        error);
        if (r < 0)
                return r;

        r = sd_event_source_set_enabled(examine->turn, SD_EVENT_ON);
        return r < 0 ? error_errnof(error, r, "cannot read it piece by piece") : 0;
}

static void read_journal(Examine *examine) {
        Error error = {};

        if (open_journal(examine, &error) >= 0)
                return;

        note_missing(examine->missing, "journal", error.text);
        finish(examine);
}

/* --- units --- */

static void on_units(const UnitStatus units[], size_t count, const Error *error, void *userdata) {
        Examine *examine = ASSERT_PTR(userdata);

        if (error->code != ERROR_NONE) {
                note_missing(examine->missing, "units", error->text);
        } else {
                memcpy(examine->status, units, count * sizeof(units[0]));
                examine->input.units = examine->status;
                examine->input.count = count;
                examine->input.now = clock_boottime();
                examine->handlers.on_units(&examine->input, examine->userdata);
        }

        units_free(TAKE(examine->units));
        read_journal(examine);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Examine *examine = ASSERT_PTR(userdata);
        char span[SPAN_TEXT_MAX], why[64];

        (void) text_format(
                        why, sizeof(why), "not read to the end within %s",
                        span_format(examine->limit, span));
        note_missing(examine->missing, examine->scan ? "journal" : "units and journal", why);
        finish(examine);
        return 0;
}

static int ask_units(Examine *examine, Error *error) {
        const char *names[CATALOGUE_UNITS_MAX];
        const UnitNames more = { names, catalogue_places(examine->options.role, SIGN_UNIT, names) };

        return units_start(
                        examine->options.bus, examine->options.root, &more, on_units, examine,
                        &examine->units, error);
}

/* --- from where on --- */

static bool read_step(Examine *examine, const char *step) {
        const StepRecord *record = &examine->record;

        if (step[0] == '\0')
                return false;

        step_journal_read(examine->options.journal, step, &examine->record);
        return record->facts.intent_fence > 0 && record->intent.cursor[0] != '\0';
}

static int find_since(Examine *examine, const char *step, Error *error) {
        const StepRecord *record = &examine->record;
        bool this_boot;

        examine->knows_step = read_step(examine, step);
        examine->input.changing = version_has_install_progress(examine->options.root);
        if (!examine->knows_step) {
                examine->since = span_sub(clock_wall(), LOOK_BACK);
                return journal_find_cursor(examine->since, examine->cursor, error);
        }

        examine->since = record->intent.wall;
        (void) text_copy(examine->cursor, sizeof(examine->cursor), record->intent.cursor);
        this_boot = strcmp(record->intent.boot_id, examine->options.boot_id) == 0;
        if (record->facts.started_fence > 0 && this_boot) {
                examine->input.since = record->intent.boottime;
                examine->input.changing = examine->input.changing || !record->facts.result;
        }

        return 0;
}

static int add_sources(Examine *examine, sd_event *event) {
        int r;

        r = sd_event_add_defer(event, &examine->turn, on_turn, examine);
        if (r >= 0)
                r = sd_event_source_set_enabled(examine->turn, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_source_set_priority(examine->turn, SD_EVENT_PRIORITY_IDLE);
        if (r >= 0) {
                r = sd_event_add_time_relative(
                                event, &examine->deadline, CLOCK_BOOTTIME, examine->limit,
                                USEC_PER_SEC / 10, on_deadline, examine);
        }

        return r;
}

int examine_start(
                const ExamineOptions *options,
                const char *step,
                usec_t limit,
                const ExamineHandlers *handlers,
                void *userdata,
                Examine **ret,
                Error *error) {
        AUTO(Examine) *examine = calloc(1, sizeof(*examine));
        Error problem = {};
        int r;

        if (!examine)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        examine->options = *options;
        examine->handlers = *handlers;
        examine->userdata = userdata;
        examine->limit = limit;
        r = find_since(examine, step, error);
        if (r < 0)
                return r;

        r = add_sources(examine, options->event);
        if (r < 0)
                return error_errnof(error, r, "cannot make event sources");

        if (ask_units(examine, &problem) < 0) {
                note_missing(examine->missing, "units", problem.text);
                r = open_journal(examine, error);
        }
        if (r < 0)
                return r;

        *ret = TAKE(examine);
        return 0;
}

void examine_free(Examine *examine) {
        if (!examine)
                return;

        units_free(examine->units);
        journal_scan_free(examine->scan);
        (void) sd_event_source_disable_unref(examine->turn);
        (void) sd_event_source_disable_unref(examine->deadline);
        free(examine);
}
