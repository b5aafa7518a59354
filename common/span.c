/* SPDX-License-Identifier: Apache-2.0 */
#include "common/span.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "common/macro.h"
#include "common/text.h"

// clang-format off
static const struct { const char *name; usec_t size; } units[] = {
        { "d",   USEC_PER_DAY    },
        { "h",   USEC_PER_HOUR   },
        { "min", USEC_PER_MINUTE },
        { "s",   USEC_PER_SEC    },
        { "ms",  USEC_PER_MSEC   },
        { "us",  1               },
};
// clang-format on

usec_t span_add(usec_t a, usec_t b) {
        return a > USEC_INFINITY - b ? USEC_INFINITY : a + b;
}

usec_t span_sub(usec_t a, usec_t b) {
        if (a == USEC_INFINITY)
                return USEC_INFINITY;

        return a > b ? a - b : 0;
}

const char *span_format(usec_t span, char buffer[static SPAN_TEXT_MAX]) {
        size_t length = 0;
        unsigned shown = 0;

        if (span == USEC_INFINITY)
                return memcpy(buffer, "forever", sizeof("forever"));
        if (span == 0)
                return memcpy(buffer, "0s", sizeof("0s"));

        for (size_t i = 0; i < ELEMENTSOF(units) && shown < 2; i++) {
                if (span < units[i].size)
                        continue;

                (void) text_format(
                                buffer + length, SPAN_TEXT_MAX - length, "%s%llu%s",
                                shown > 0 ? " " : "", (unsigned long long) (span / units[i].size),
                                units[i].name);
                length += strlen(buffer + length);
                span %= units[i].size;
                shown++;
        }

        return buffer;
}

/* The unit named by the letters at `text`, from `first` on: units only get smaller. */
static size_t find_unit(const char *text, size_t length, size_t first) {
        for (size_t i = first; i < ELEMENTSOF(units); i++) {
                if (strlen(units[i].name) == length && memcmp(units[i].name, text, length) == 0)
                        return i;
        }

        return ELEMENTSOF(units);
}

/* Reads the digits at *text and moves it behind them. */
static int take_number(const char **text, uint64_t *ret) {
        uint64_t value = 0;
        const char *p = *text;

        if (*p < '0' || *p > '9')
                return -EINVAL;

        for (; *p >= '0' && *p <= '9'; p++) {
                if (__builtin_mul_overflow(value, (uint64_t) 10, &value) ||
                    __builtin_add_overflow(value, (uint64_t) (*p - '0'), &value))
                        return -EINVAL;
        }

        *text = p;
        *ret = value;
        return 0;
}

/* A number and its unit; a number alone is seconds. `next` is the largest unit that may follow. */
static int take_part(const char **text, size_t *next, usec_t *ret) {
        size_t unit, length;
        uint64_t value;
        int r;

        r = take_number(text, &value);
        if (r < 0)
                return r;

        length = strspn(*text, "dhminsu");
        unit = find_unit(*text, length, *next);
        if (*next == 0 && **text == '\0')
                unit = find_unit("s", 1, 0);
        if (unit == ELEMENTSOF(units) || __builtin_mul_overflow(value, units[unit].size, ret))
                return -EINVAL;

        *next = unit + 1;
        *text += length;
        return 0;
}

int span_parse(const char *text, usec_t *ret) {
        usec_t span = 0, part;
        size_t next = 0;
        int r;

        do {
                r = take_part(&text, &next, &part);
                if (r < 0)
                        return r;
                if (__builtin_add_overflow(span, part, &span))
                        return -EINVAL;
                if (text[0] == ' ' && text[1] != '\0')
                        text++;
        } while (*text != '\0');

        if (span == USEC_INFINITY)
                return -EINVAL;

        *ret = span;
        return 0;
}

const char *timestamp_format(usec_t wall, char buffer[static TIMESTAMP_TEXT_MAX]) {
        time_t seconds = (time_t) (wall / USEC_PER_SEC);
        unsigned milliseconds = (unsigned) (wall % USEC_PER_SEC / USEC_PER_MSEC);
        struct tm tm = {};

        (void) gmtime_r(&seconds, &tm);
        (void) text_format(
                        buffer, TIMESTAMP_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ",
                        tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                        tm.tm_sec, milliseconds);
        return buffer;
}
