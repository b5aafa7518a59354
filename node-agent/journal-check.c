/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/journal-check.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/redact.h"
#include "common/text.h"
#include "node-agent/catalogue.h"

#define LINES_AT_ONCE 256 /* per turn of the event loop */

struct JournalCheck {
        Role role;
        const char *units[CATALOGUE_UNITS_MAX];
        JournalScan *scan;
        uint64_t lines;
        uint64_t fatal;
        const Failure *first; /* NULL: nothing fatal so far */
        const char *first_unit;
        char first_cursor[CURSOR_MAX];
        char first_line[EVIDENCE_MAX / 2];
};

int journal_check_new(Role role, const char *cursor, JournalCheck **ret, Error *error) {
        AUTO(JournalCheck) *check = calloc(1, sizeof(*check));
        size_t count;
        int r;

        if (!check)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        check->role = role;
        count = catalogue_units(role, check->units);
        r = journal_scan_new(cursor, check->units, count, &check->scan, error);
        if (r < 0)
                return r;

        *ret = TAKE(check);
        return 0;
}

static void on_line(const JournalLine *line, void *userdata) {
        JournalCheck *check = ASSERT_PTR(userdata);
        const Failure *row = catalogue_find(check->role, line->unit, line->text);

        check->lines++;
        if (!row)
                return;

        check->fatal++;
        if (check->first)
                return;

        check->first = row;
        check->first_unit = line->unit;
        (void) text_copy(check->first_cursor, sizeof(check->first_cursor), line->cursor);
        text_ellipsize(check->first_line, sizeof(check->first_line), line->text);
        redact_text(check->first_line, sizeof(check->first_line));
}

int journal_check_read(JournalCheck *check, Error *error) {
        return journal_scan_read(check->scan, LINES_AT_ONCE, on_line, check, error);
}

void journal_check_judge(const JournalCheck *check, Sample *sample) {
        sample_add_number(sample, "lines", check->lines);
        sample_add_number(sample, "fatal", check->fatal);
        if (!check->first) {
                sample->verdict = VERDICT_PASS;
                return;
        }

        sample_add_text(sample, "id", check->first->id);
        sample_add_evidence(
                        sample, "%s\n%s: %s\n", check->first_cursor, check->first_unit,
                        check->first_line);
        sample_judge(sample, VERDICT_FAIL, "%s: %s says '%s'", check->first->id, check->first_unit,
                     check->first_line);
}

void journal_check_rest(JournalCheck *check) {
        journal_scan_rest(check->scan);
}

void journal_check_free(JournalCheck *check) {
        if (!check)
                return;

        journal_scan_free(check->scan);
        free(check);
}
