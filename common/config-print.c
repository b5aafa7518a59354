/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/cleanup.h"
#include "common/config-value.h"

static void indent(FILE *file, size_t depth) {
        (void) fprintf(file, "%*s", (int) (2 * depth), "");
}

/* Length of the part of both keys that names the same mappings, dot included: 4 of a.b and a.c ends
 * behind "a.". */
static size_t common_sections(const char *key, const char *before) {
        size_t length = 0;

        for (size_t i = 0; key[i] != '\0' && key[i] == before[i]; i++) {
                if (key[i] == '.')
                        length = i + 1;
        }

        return length;
}

static size_t count_dots(const char *key, size_t length) {
        size_t dots = 0;

        for (size_t i = 0; i < length; i++)
                dots += key[i] == '.';

        return dots;
}

/* Opens the mappings that `key` is in and the one printed before was not. Returns the last word. */
static const char *open_sections(
                FILE *file, const char *key, const char *before, size_t *ret_depth) {
        size_t same = common_sections(key, before), depth = count_dots(key, same);
        const char *word = key + same, *dot;

        while ((dot = strchr(word, '.'))) {
                indent(file, depth++);
                (void) fprintf(file, "%.*s:\n", (int) (dot - word), word);
                word = dot + 1;
        }

        *ret_depth = depth;
        return word;
}

static void print(const ConfigField *fields, const void *config, FILE *file) {
        const char *before = "";

        for (const ConfigField *field = fields; field->key; field++) {
                size_t depth = 0;
                const char *word = open_sections(file, field->key, before, &depth);

                if (field->help) {
                        indent(file, depth);
                        (void) fprintf(file, "# %s\n", field->help);
                }

                indent(file, depth);
                (void) fprintf(file, "%s: ", word);
                config_value_print(field, config, file);
                (void) fputc('\n', file);
                before = field->key;
        }
}

char *config_print(const ConfigField *fields, const void *config) {
        auto_free char *text = NULL;
        size_t length = 0;
        bool good;
        FILE *file;

        file = open_memstream(&text, &length);
        if (!file)
                return NULL;

        print(fields, config, file);

        good = !ferror(file);
        if (fclose(file) != 0)
                good = false;

        return good ? TAKE(text) : NULL;
}
