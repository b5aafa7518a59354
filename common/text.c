/* SPDX-License-Identifier: Apache-2.0 */
#include "common/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOSEST_EDITS_MAX  3
#define CLOSEST_LENGTH_MAX 64
#define ROW_LENGTH         (CLOSEST_LENGTH_MAX + 1)

/* By first byte: length of the sequence and the bounds of its second byte, which keep out overlong
 * forms, surrogates and what lies beyond U+10FFFF (Unicode 15, table 3-7). */
// clang-format off
static const struct { uint8_t first, last, length, low, high; } sequences[] = {
        { 0x01, 0x7f, 1, 0x00, 0x00 },
        { 0xc2, 0xdf, 2, 0x80, 0xbf },
        { 0xe0, 0xe0, 3, 0xa0, 0xbf },
        { 0xe1, 0xec, 3, 0x80, 0xbf },
        { 0xed, 0xed, 3, 0x80, 0x9f },
        { 0xee, 0xef, 3, 0x80, 0xbf },
        { 0xf0, 0xf0, 4, 0x90, 0xbf },
        { 0xf1, 0xf3, 4, 0x80, 0xbf },
        { 0xf4, 0xf4, 4, 0x80, 0x8f },
};
// clang-format on

/* `count` bytes that are neither the first nor the second of a character. */
static bool goes_on(const uint8_t *bytes, size_t count) {
        for (size_t i = 0; i < count; i++) {
                if ((bytes[i] & 0xc0) != 0x80)
                        return false;
        }

        return true;
}

size_t text_sequence(const char *text) {
        const uint8_t *bytes = (const uint8_t *) text;

        for (size_t i = 0; i < ELEMENTSOF(sequences); i++) {
                if (bytes[0] < sequences[i].first || bytes[0] > sequences[i].last)
                        continue;
                if (sequences[i].length == 1)
                        return 1;
                if (bytes[1] < sequences[i].low || bytes[1] > sequences[i].high)
                        return 0;

                return goes_on(bytes + 2, sequences[i].length - 2) ? sequences[i].length : 0;
        }

        return 0;
}

/* C0, DEL, and C1, which is two bytes in UTF-8 and obeyed by terminals too. */
static bool is_control(const char *text) {
        const uint8_t *bytes = (const uint8_t *) text;

        return bytes[0] < 0x20 || bytes[0] == 0x7f || (bytes[0] == 0xc2 && bytes[1] < 0xa0);
}

bool text_is_plain(const char *text) {
        while (*text != '\0') {
                size_t length = text_sequence(text);

                if (length == 0 || (is_control(text) && *text != '\n' && *text != '\t'))
                        return false;

                text += length;
        }

        return true;
}

/* A text that was cut must not end with half a character: nothing else would take it as text. */
static void drop_half_character(char *buffer, size_t length) {
        size_t start = length;

        while (start > 0 && length - start < 4) {
                start--;
                if (((uint8_t) buffer[start] & 0xc0) != 0x80)
                        break;
        }

        if (start < length && text_sequence(buffer + start) == 0)
                buffer[start] = '\0';
}

bool text_copy(char *buffer, size_t size, const char *text) {
        size_t length = strlen(text);
        bool fits = length < size;

        assert(size > 0);

        if (!fits)
                length = size - 1;

        memcpy(buffer, text, length);
        buffer[length] = '\0';
        if (!fits)
                drop_half_character(buffer, length);

        return fits;
}

char *text_duplicate(const char *text, size_t size) {
        char *copy = malloc(size + 1);

        if (!copy)
                return NULL;

        if (size > 0)
                memcpy(copy, text, size);
        copy[size] = '\0';
        return copy;
}

bool text_format(char *buffer, size_t size, const char *format, ...) {
        va_list arguments;
        int n;

        assert(size > 0);
        buffer[0] = '\0';

        va_start(arguments, format);
        n = vsnprintf(buffer, size, format, arguments);
        va_end(arguments);

        if (n >= 0 && (size_t) n < size)
                return true;

        drop_half_character(buffer, strlen(buffer));
        return false;
}

void text_ellipsize(char *buffer, size_t size, const char *text) {
        static const char dots[] = "...";
        size_t length = 0, keep = 0;

        assert(size >= sizeof(dots));

        while (*text != '\0') {
                size_t step = text_sequence(text);
                bool shown = step > 0 && !is_control(text);
                size_t bytes = shown ? step : 1;

                if (length + bytes >= size) {
                        memcpy(buffer + keep, dots, sizeof(dots));
                        return;
                }

                memcpy(buffer + length, shown ? text : "?", bytes);
                length += bytes;
                text += MAX(step, (size_t) 1);

                /* The longest beginning that leaves room for the dots. */
                if (length + sizeof(dots) <= size)
                        keep = length;
        }

        buffer[length] = '\0';
}

static size_t least(size_t a, size_t b, size_t c) {
        size_t less = MIN(a, b);

        return MIN(less, c);
}

/* Row `i` of the table: edits that make each beginning of `b` of the first `i` letters of `a`. Of
 * the rows above it two are enough. */
static void fill_row(const char *a, const char *b, size_t i, size_t rows[static 3][ROW_LENGTH]) {
        const size_t *before = rows[(i + 1) % 3], *above = rows[(i + 2) % 3];
        size_t *row = rows[i % 3];

        row[0] = i;
        for (size_t k = 1; b[k - 1] != '\0'; k++) {
                size_t same = above[k - 1] + (a[i - 1] != b[k - 1]);

                row[k] = least(same, above[k] + 1, row[k - 1] + 1);
                if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                        row[k] = MIN(row[k], before[k - 2] + 1);
        }
}

/* Edits (insert, remove, replace, swap of neighbours) that make `b` of `a`. Longer than
 * CLOSEST_LENGTH_MAX is as far away as can be. */
static size_t distance(const char *a, const char *b) {
        size_t rows[3][ROW_LENGTH] = {};
        size_t a_length = strlen(a), b_length = strlen(b);

        if (a_length > CLOSEST_LENGTH_MAX || b_length > CLOSEST_LENGTH_MAX)
                return SIZE_MAX;

        for (size_t k = 0; k <= b_length; k++)
                rows[0][k] = k;
        for (size_t i = 1; i <= a_length; i++)
                fill_row(a, b, i, rows);

        return rows[a_length % 3][b_length];
}

const char *text_closest(const char *text, const char *const candidates[], size_t count) {
        size_t limit = MIN((strlen(text) + 1) / 2, (size_t) CLOSEST_EDITS_MAX + 1);
        const char *closest = NULL;

        for (size_t i = 0; i < count; i++) {
                size_t edits = candidates[i] ? distance(text, candidates[i]) : SIZE_MAX;

                if (edits < limit) {
                        limit = edits;
                        closest = candidates[i];
                }
        }

        return closest;
}

bool text_starts_with(const char *text, const char *prefix) {
        return strncmp(text, prefix, strlen(prefix)) == 0;
}

const char *text_without_name(const char *text, const char *name) {
        size_t length = strlen(name);

        return text_starts_with(text, name) && text_starts_with(text + length, ": ")
                               ? text + length + 2
                               : text;
}
