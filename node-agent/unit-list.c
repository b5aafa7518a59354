/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/unit-list.h"

#include <errno.h>
#include <string.h>

#include "common/text.h"

#define BLANKS " \t"

/* Started once, and done for good. */
static const char *const ends_well[] = { "dcos-bouncer-migrate-users.service" };

static bool is_unit_name(const char *name, size_t length) {
        static const char *const kinds[] = { ".service", ".socket", ".timer", ".target", ".path" };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                size_t suffix = strlen(kinds[i]);

                if (length > suffix && strncmp(name + length - suffix, kinds[i], suffix) == 0)
                        return length < UNIT_MAX;
        }

        return false;
}

/* The next line off the front, without its end. NULL: there is none. */
static const char *take_line(const char **text, const char *end, size_t *ret_length) {
        const char *line = *text, *stop;

        if (line >= end)
                return NULL;

        stop = memchr(line, '\n', (size_t) (end - line));
        *ret_length = (size_t) ((stop ? stop : end) - line);
        *text = stop ? stop + 1 : end;
        return line;
}

static bool ends_with_line(const char *text, size_t size) {
        return size > 0 && text[size - 1] == '\n' && !memchr(text, '\0', size);
}

int unit_names_read(const char *text, size_t size, UnitNames *ret, Error *error) {
        const char *end = text + size, *line;
        size_t length;

        ret->count = 0;
        if (!ends_with_line(text, size))
                return error_setf(error, ERROR_INVALID, "no whole lines of unit names");

        while ((line = take_line(&text, end, &length))) {
                if (!is_unit_name(line, length)) {
                        return error_setf(
                                        error, ERROR_INVALID, "line %zu is no unit name",
                                        ret->count + 1);
                }
                if (ret->count == UNIT_LIST_MAX)
                        return error_setf(error, ERROR_TOO_BIG, "over %d units", UNIT_LIST_MAX);

                memcpy(ret->names[ret->count], line, length);
                ret->names[ret->count++][length] = '\0';
        }

        return 0;
}

/* A word off the front; false: there is none, or it is too long. */
static bool take_word(const char **line, const char *end, char *ret, size_t size) {
        const char *word;
        size_t length;

        while (*line < end && strchr(BLANKS, **line))
                (*line)++;

        word = *line;
        while (*line < end && !strchr(BLANKS, **line))
                (*line)++;

        length = (size_t) (*line - word);
        if (length == 0 || length >= size)
                return false;

        memcpy(ret, word, length);
        ret[length] = '\0';
        return true;
}

static bool read_unit(const char *line, size_t length, UnitStatus *ret) {
        const char *end = line + length;
        UnitStatus unit = {};

        /* systemctl marks what has failed */
        if (length > 4 && strncmp(line, "\xe2\x97\x8f ", 4) == 0)
                line += 4;

        if (!take_word(&line, end, unit.name, sizeof(unit.name)) ||
            !is_unit_name(unit.name, strlen(unit.name)) ||
            !take_word(&line, end, unit.load, sizeof(unit.load)) ||
            !take_word(&line, end, unit.active, sizeof(unit.active)) ||
            !take_word(&line, end, unit.sub, sizeof(unit.sub)))
                return false;

        for (size_t i = 0; i < ELEMENTSOF(ends_well); i++) {
                if (strcmp(unit.name, ends_well[i]) == 0)
                        (void) text_copy(unit.restart, sizeof(unit.restart), "on-failure");
        }

        *ret = unit;
        return true;
}

int unit_list_read(const char *text, size_t size, UnitList *ret, Error *error) {
        const char *end = text + size, *line;
        size_t length;

        ret->count = 0;
        if (!ends_with_line(text, size))
                return error_setf(error, ERROR_INVALID, "no whole lines of a list of units");

        /* Header, footer and legend are no units. */
        while ((line = take_line(&text, end, &length))) {
                UnitStatus unit;

                if (!read_unit(line, length, &unit))
                        continue;
                if (ret->count == UNIT_LIST_MAX)
                        return error_setf(error, ERROR_TOO_BIG, "over %d units", UNIT_LIST_MAX);

                ret->units[ret->count++] = unit;
        }

        if (ret->count == 0)
                return error_setf(error, ERROR_INVALID, "there is no unit in the list");

        return 0;
}

static const UnitStatus *find_unit(const UnitList *list, const char *name) {
        for (size_t i = 0; i < list->count; i++) {
                if (strcmp(list->units[i].name, name) == 0)
                        return &list->units[i];
        }

        return NULL;
}

typedef struct Counts {
        size_t bad, absent, starting;
} Counts;

static void count(const UnitsInput *input, const UnitStatus *unit, Counts *counts, Sample *sample) {
        const char *why;

        switch (unit_judge(input, unit, &why)) {
        case UNIT_HEALTH_GOOD:
                return;
        case UNIT_HEALTH_BAD:
                counts->bad++;
                break;
        case UNIT_HEALTH_UNSETTLED:
                counts->starting++;
                break;
        }

        sample_add_evidence(sample, "%s: %s: %s (%s)\n", unit->name, why, unit->active, unit->sub);
}

void unit_list_judge(const UnitNames *wanted, const UnitList *list, bool late, Sample *sample) {
        const UnitsInput input = { .units = list->units, .count = list->count };
        Counts counts = {};

        for (size_t i = 0; i < wanted->count; i++) {
                const UnitStatus *unit = find_unit(list, wanted->names[i]);

                if (unit_is_excluded(wanted->names[i]))
                        continue;
                if (unit) {
                        count(&input, unit, &counts, sample);
                } else {
                        counts.absent++;
                        sample_add_evidence(sample, "%s: not in the list\n", wanted->names[i]);
                }
        }

        sample_add_number(sample, "units", wanted->count);
        if (counts.bad > 0 || (late && counts.starting > 0)) {
                sample_judge(sample, VERDICT_FAIL, "%zu units are bad, %zu still starting",
                             counts.bad, counts.starting);
        } else if (wanted->count == 0 || counts.absent > 0 || counts.starting > 0) {
                sample_judge(sample, VERDICT_UNKNOWN,
                             "of %zu units %zu are not in the list, %zu still starting",
                             wanted->count, counts.absent, counts.starting);
        } else {
                sample->verdict = VERDICT_PASS;
        }
}
