/* SPDX-License-Identifier: Apache-2.0 */
#include "common/help.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"

#define HELP_WIDTH    80
#define OPTIONS_WIDTH 26
#define LEFT_TEXT_MAX 128

bool verb_takes(const Verb *verb, const Option *option) {
        return option->bit == 0 || ((verb->options | verb->needs) & option->bit) != 0;
}

/* From column `width` on, wrapped to what is left of the line. */
static void print_wrapped(size_t width, const char *text) {
        size_t column = width;
        const char *word = text;

        while (*word) {
                size_t length = strcspn(word, " ");

                if (column > width && column + 1 + length > HELP_WIDTH) {
                        (void) printf("\n%*s", (int) width, "");
                        column = width;
                }
                (void) printf("%s%.*s", column > width ? " " : "", (int) length, word);
                column += length + (column > width ? 1 : 0);
                word += length + strspn(word + length, " ");
        }

        (void) printf("\n");
}

/* `left` in a column of `width`, then `text`; two spaces between them at least. */
static void print_row(const char *left, size_t width, const char *text) {
        (void) printf("%-*s", (int) width, left);
        if (strlen(left) + 2 > width)
                (void) printf("\n%*s", (int) width, "");

        print_wrapped(width, text);
}

/* "--reason TEXT", in brackets unless the verb needs it. */
static void option_synopsis(const Option *option, bool needed, char *buffer, size_t size) {
        const char *gap = option->type == OPTION_WORD ? "[=" : " ";
        const char *end = option->type == OPTION_WORD ? "]" : "";

        (void) text_format(
                        buffer, size, "%s--%s%s%s%s%s", needed ? "" : "[", option->name,
                        option->value ? gap : "", option->value ? option->value : "",
                        option->value ? end : "", needed ? "" : "]");
}

/* "pause [--for SPAN] --reason TEXT"; the list of verbs shows only what must be there. */
static void verb_synopsis(
                const Program *program, const Verb *verb, bool whole, char *buffer, size_t size) {
        char part[LEFT_TEXT_MAX];
        size_t used;

        (void) text_format(
                        buffer, size, "%s%s%s", verb->name, verb->arguments[0] ? " " : "",
                        verb->arguments);

        for (const Option *option = program->options; option->name; option++) {
                bool needed = (verb->needs & option->bit) != 0;

                if (option->bit == 0 || !verb_takes(verb, option) || !(needed || whole))
                        continue;

                option_synopsis(option, needed, part, sizeof(part));
                used = strlen(buffer);
                (void) text_format(buffer + used, size - used, " %s", part);
        }
}

static bool is_in_group(const Verb *verb, const char *group) {
        size_t length = strlen(group);

        return strncmp(verb->name, group, length) == 0 && verb->name[length] == ' ';
}

const Verb *help_first_of(const Program *program, const char *group) {
        for (const Verb *verb = program->verbs; verb->name; verb++) {
                if (is_in_group(verb, group))
                        return verb;
        }

        return NULL;
}

static size_t verbs_width(const Program *program) {
        char left[LEFT_TEXT_MAX];
        size_t width = 0;

        for (const Verb *verb = program->verbs; verb->name; verb++) {
                verb_synopsis(program, verb, false, left, sizeof(left));
                width = MAX(width, strlen(left));
        }

        return MIN(width + 4, (size_t) HELP_WIDTH / 2);
}

static void print_options(const Program *program, const Verb *verb) {
        char part[LEFT_TEXT_MAX], left[LEFT_TEXT_MAX + 8];

        (void) printf("\nOptions:\n");
        for (const Option *option = program->options; option->name; option++) {
                if (verb && !verb_takes(verb, option))
                        continue;

                option_synopsis(option, true, part, sizeof(part));
                (void) text_format(left, sizeof(left), "     %s", part);
                print_row(left, OPTIONS_WIDTH, option->help);
        }

        print_row("  -h --help", OPTIONS_WIDTH, "Show this, or with a verb what that takes");
        if (!verb)
                print_row("     --version", OPTIONS_WIDTH, "Show the version");
}

static void print_verbs(const Program *program, const char *group) {
        char part[LEFT_TEXT_MAX], left[LEFT_TEXT_MAX + 8];
        size_t width = verbs_width(program);

        (void) printf("%s [OPTIONS...] VERB ...\n\n%s\n\nVerbs:\n", program->name,
                      program->summary);
        for (const Verb *verb = program->verbs; verb->name; verb++) {
                if (group && !is_in_group(verb, group))
                        continue;

                verb_synopsis(program, verb, false, part, sizeof(part));
                (void) text_format(left, sizeof(left), "  %s", part);
                print_row(left, width, verb->help);
        }
}

static void print_verb(const Program *program, const Verb *verb) {
        char line[4 * LEFT_TEXT_MAX];

        verb_synopsis(program, verb, true, line, sizeof(line));
        (void) printf("%s ", program->name);
        print_wrapped(strlen(program->name) + 1, line);
        (void) printf("\n%s.\n", verb->help);
}

void help_print(const Program *program, const char *group, const Verb *verb) {
        if (verb) {
                print_verb(program, verb);
        } else {
                print_verbs(program, group);
        }

        print_options(program, verb);
}

/* "status", "token": what may come first. A group stands together, so it is named once. */
static void print_first_words(const Program *program) {
        const char *last = "";
        size_t length = 0;

        for (const Verb *verb = program->verbs; verb->name; verb++) {
                size_t first = strcspn(verb->name, " ");

                if (first != length || strncmp(verb->name, last, first) != 0)
                        (void) printf("%.*s\n", (int) first, verb->name);

                last = verb->name;
                length = first;
        }
}

static void print_words_of_group(const Program *program, const char *group) {
        for (const Verb *verb = program->verbs; verb->name; verb++) {
                if (is_in_group(verb, group))
                        (void) printf("%s\n", verb->name + strlen(group) + 1);
        }
}

void help_print_words(const Program *program, const char *group, const Verb *verb) {
        if (group) {
                print_words_of_group(program, group);
        } else if (!verb) {
                print_first_words(program);
        } else {
                for (const Option *option = program->options; option->name; option++) {
                        if (verb_takes(verb, option))
                                (void) printf("--%s\n", option->name);
                }
        }
}
