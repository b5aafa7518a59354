/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Our own printer, because cJSON's compares what it printed with what it was given only up to a
 * relative 2^-52, and so writes 2^53 - 1 as 9.00719925474099e+15, which is another number. */

#define INDENT_NONE UINT32_MAX

static void print_escaped(FILE *file, char byte) {
        static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
        const char *escape = strchr(plain, byte);

        if (escape) {
                (void) fprintf(file, "\\%c", letters[escape - plain]);
        } else {
                (void) fprintf(file, "\\u%04x", (unsigned) (unsigned char) byte);
        }
}

static bool is_plain(char byte) {
        return (unsigned char) byte >= 0x20 && byte != '"' && byte != '\\';
}

/* What needs no escape, which is nearly everything, is written in one go. */
static void print_string(FILE *file, const char *text) {
        (void) fputc_unlocked('"', file);
        while (*text != '\0') {
                size_t length = 0;

                while (is_plain(text[length]))
                        length++;

                (void) fwrite_unlocked(text, 1, length, file);
                text += length;
                if (*text != '\0')
                        print_escaped(file, *text++);
        }
        (void) fputc_unlocked('"', file);
}

/* The fewest digits that read back as the same double. */
static void format_fraction(char *text, size_t size, double value) {
        for (int digits = 15; digits <= 17; digits++) {
                double back;

                (void) snprintf(text, size, "%.*g", digits, value);
                back = strtod(text, NULL);
                if (back >= value && back <= value)
                        return;
        }
}

static bool is_whole(double value) {
        double whole;

        if (!(fabs(value) <= (double) JSON_NUMBER_MAX))
                return false;

        whole = (double) (long long) value;
        return whole >= value && whole <= value;
}

/* Whole numbers as such, which is nearly all. No program of ours sets LC_NUMERIC, so the point is a
 * point. */
static void print_number(FILE *file, double value) {
        char text[32] = "";

        if (is_whole(value)) {
                (void) snprintf(text, sizeof(text), "%lld", (long long) value);
        } else {
                format_fraction(text, sizeof(text), value);
        }

        (void) fputs_unlocked(text, file);
}

static void print_break(FILE *file, unsigned indent) {
        if (indent != INDENT_NONE)
                (void) fprintf(file, "\n%*s", (int) (2 * indent), "");
}

static void print_value(FILE *file, const Json *json, unsigned indent);

static void print_key(FILE *file, const char *key, unsigned indent) {
        print_string(file, key);
        (void) fputs_unlocked(indent == INDENT_NONE ? ":" : ": ", file);
}

static void print_children(FILE *file, const Json *json, unsigned indent) {
        unsigned inside = indent == INDENT_NONE ? INDENT_NONE : indent + 1;
        bool object = json_is_object(json);
        const char *brackets = object ? "{}" : "[]";
        const Json *first = json_first(json);

        (void) fputc_unlocked(brackets[0], file);
        for (const Json *item = first; item; item = json_next(item)) {
                if (item != first)
                        (void) fputc_unlocked(',', file);

                print_break(file, inside);
                if (object)
                        print_key(file, json_key(item), indent);
                print_value(file, item, inside);
        }

        if (first)
                print_break(file, indent);
        (void) fputc_unlocked(brackets[1], file);
}

static void print_value(FILE *file, const Json *json, unsigned indent) {
        if (json_is_object(json) || json_is_array(json)) {
                print_children(file, json, indent);
        } else if (json_is_string(json)) {
                print_string(file, json_string_value(json));
        } else if (json_is_number(json)) {
                print_number(file, json_number_value(json));
        } else if (json_packed_text(json)) {
                (void) fputs_unlocked(json_packed_text(json), file);
        } else if (json_is_bool(json)) {
                (void) fputs_unlocked(json_bool_value(json) ? "true" : "false", file);
        } else {
                (void) fputs_unlocked("null", file);
        }
}

static char *print(const Json *json, unsigned indent) {
        auto_free char *text = NULL;
        size_t length = 0;
        bool good;
        FILE *file;

        file = open_memstream(&text, &length);
        if (!file)
                return NULL;

        print_value(file, json, indent);

        /* All that can go wrong in memory is that there is too little of it. */
        good = !ferror(file);
        if (fclose(file) != 0)
                good = false;

        return good ? TAKE(text) : NULL;
}

char *json_print(const Json *json) {
        return print(json, INDENT_NONE);
}

char *json_print_pretty(const Json *json) {
        return print(json, 0);
}
