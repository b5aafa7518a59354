/* SPDX-License-Identifier: Apache-2.0 */
#include "common/verbs.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/help.h"
#include "common/span.h"
#include "common/text.h"

/* One pass over argv fills the record and collects what is no option; the first of these is the
 * verb. Only then it is clear which options it takes, so which ones were given is remembered as
 * bits of the option's row and judged at the end. */

#define OPTIONS_MAX    32 /* rows of a table: `given` has a bit for each */
#define NAMES_MAX      64 /* to look for the closest one in */
#define NAME_SHOWN_MAX 64

typedef struct CommandLine {
        const Program *program;
        void *options;
        char **words; /* what is no option */
        size_t count;
        uint32_t given;
        bool help;
        bool list;
        bool version;
} CommandLine;

/* --- mistakes --- */

PRINTF(3, 4)
static int usage_error(const Program *program, const Verb *verb, const char *format, ...) {
        char clean[ERROR_TEXT_MAX];
        va_list arguments;
        Error error = {};

        va_start(arguments, format);
        (void) error_setv(&error, ERROR_INVALID, format, arguments);
        va_end(arguments);

        text_ellipsize(clean, sizeof(clean), error.text);
        (void) fprintf(stderr, "%s: %s - try: %s %s%s--help\n", program->name, clean, program->name,
                       verb ? verb->name : "", verb ? " " : "");
        return -EINVAL;
}

/* The only one that begins like `text`, or else the closest; NULL: none is near. */
static const char *nearest(const char *text, const char *const names[], size_t count) {
        const char *best = NULL;
        size_t prefixed = 0;

        for (size_t i = 0; i < count && text[0]; i++) {
                if (text_starts_with(names[i], text)) {
                        best = names[i];
                        prefixed++;
                }
        }

        return prefixed == 1 ? best : text_closest(text, names, count);
}

static int unknown_verb(const Program *program, const char *name) {
        const char *names[NAMES_MAX], *near;
        size_t count = 0;

        for (const Verb *verb = program->verbs; verb->name && count < NAMES_MAX; verb++)
                names[count++] = verb->name;

        near = nearest(name, names, count);
        return usage_error(
                        program, NULL, "unknown verb '%s'%s%s%s", name,
                        near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int unknown_option(const Program *program, const char *text, size_t length) {
        const char *names[NAMES_MAX] = { "help", "version" }, *near;
        char name[NAME_SHOWN_MAX];
        size_t count = 2;

        (void) text_format(name, sizeof(name), "%.*s", (int) length, text);
        for (const Option *option = program->options; option->name && count < NAMES_MAX; option++)
                names[count++] = option->name;

        near = nearest(name, names, count);
        return usage_error(
                        program, NULL, "unknown option '--%s'%s%s%s", name,
                        near ? ", did you mean '--" : "", near ? near : "", near ? "'?" : "");
}

/* --- tables --- */

/* How many of the words are the verb's name, "token create"; 0: it is another verb. */
static size_t verb_matches(const Verb *verb, char *const words[], size_t count) {
        const char *space = strchr(verb->name, ' ');
        size_t first = space ? (size_t) (space - verb->name) : strlen(verb->name);

        if (count == 0 || strlen(words[0]) != first || strncmp(words[0], verb->name, first) != 0)
                return 0;
        if (!space)
                return 1;

        return count > 1 && strcmp(words[1], space + 1) == 0 ? 2 : 0;
}

static const Verb *find_verb(const CommandLine *line, size_t *ret_words) {
        for (const Verb *verb = line->program->verbs; verb->name; verb++) {
                *ret_words = verb_matches(verb, line->words, line->count);
                if (*ret_words > 0)
                        return verb;
        }

        *ret_words = 0;
        return NULL;
}

static const Option *find_option(const Program *program, const char *name, size_t length) {
        for (const Option *option = program->options; option->name; option++) {
                if (strncmp(option->name, name, length) == 0 && option->name[length] == '\0')
                        return option;
        }

        return NULL;
}

/* --- parsing --- */

static int store_word(CommandLine *line, const Option *option, const char *value, int *place) {
        int found = value ? enum_value(option->words, value) : 1;

        if (found < 0) {
                return usage_error(
                                line->program, NULL, "--%s is '%s', want %s", option->name, value,
                                option->value);
        }

        *place = found;
        return 0;
}

static int store_span(CommandLine *line, const Option *option, const char *value, usec_t *place) {
        usec_t span;

        if (span_parse(value, &span) < 0 || span == 0) {
                return usage_error(
                                line->program, NULL,
                                "--%s is '%s', want a span like 90s, 5min or 1h30min", option->name,
                                value);
        }

        *place = span;
        return 0;
}

static int store(CommandLine *line, const Option *option, const char *value) {
        char *place = (char *) line->options + option->offset;

        assert(option - line->program->options < OPTIONS_MAX);
        line->given |= UINT32_C(1) << (option - line->program->options);
        switch (option->type) {
        case OPTION_FLAG:
                *(bool *) (void *) place = true;
                return 0;
        case OPTION_TEXT:
                *(const char **) (void *) place = value;
                return 0;
        case OPTION_SPAN:
                return store_span(line, option, value, (usec_t *) (void *) place);
        case OPTION_WORD:
                return store_word(line, option, value, (int *) (void *) place);
        }

        return -EINVAL;
}

static bool wants_value(const Option *option) {
        return option->type == OPTION_TEXT || option->type == OPTION_SPAN;
}

static bool lacks_value(const Option *option, const char *value) {
        return wants_value(option) && (!value || value[0] == '\0');
}

/* The value may stand after '=' or be the next word, unless that looks like an option: then the
 * value was forgotten more likely than meant. */
static const char *choose_value(const Option *option, const char *value, const char *next) {
        if (value || !wants_value(option) || !next || text_starts_with(next, "--"))
                return value;

        return next;
}

/* Returns how many words were used. */
static int take_value(
                CommandLine *line, const Option *option, const char *value, const char *next) {
        const char *taken = choose_value(option, value, next);
        int r;

        if (option->type == OPTION_FLAG && value)
                return usage_error(line->program, NULL, "--%s takes no value", option->name);
        if (lacks_value(option, taken)) {
                return usage_error(
                                line->program, NULL, "--%s needs a value, want %s", option->name,
                                option->value);
        }

        r = store(line, option, taken);
        if (r < 0)
                return r;

        return taken == value ? 1 : 2;
}

/* Those that every program has. */
static bool take_built_in(CommandLine *line, const char *word) {
        if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
                line->help = true;
        } else if (strcmp(word, "--version") == 0) {
                line->version = true;
        } else if (strcmp(word, "--words") == 0) {
                line->list = true;
        } else {
                return false;
        }

        return true;
}

static int take_option(CommandLine *line, const char *word, const char *next) {
        const char *name = word + 2;
        const Option *option;
        const char *equals;
        size_t length;

        if (take_built_in(line, word))
                return 1;
        if (word[1] != '-')
                return usage_error(line->program, NULL, "unknown option '%s'", word);

        equals = strchr(name, '=');
        length = equals ? (size_t) (equals - name) : strlen(name);
        option = find_option(line->program, name, length);
        if (!option)
                return unknown_option(line->program, name, length);

        return take_value(line, option, equals ? equals + 1 : NULL, next);
}

static bool is_option(const char *word) {
        return word[0] == '-' && word[1] != '\0';
}

static int read_words(CommandLine *line, int argc, char *const argv[]) {
        int r;

        for (int i = 1; i < argc; i += r) {
                const char *next = i + 1 < argc ? argv[i + 1] : NULL;

                r = 1;
                if (strcmp(argv[i], "--") == 0) {
                        for (i++; i < argc; i++)
                                line->words[line->count++] = argv[i];
                        return 0;
                }

                if (!is_option(argv[i])) {
                        line->words[line->count++] = argv[i];
                        continue;
                }

                r = take_option(line, argv[i], next);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* --- judging --- */

static int check_options(const CommandLine *line, const Verb *verb) {
        const Option *options = line->program->options;

        for (size_t i = 0; options[i].name; i++) {
                bool given = line->given & UINT32_C(1) << i;

                if (given && !verb_takes(verb, &options[i])) {
                        return usage_error(
                                        line->program, verb, "'%s' takes no --%s", verb->name,
                                        options[i].name);
                }
                if (!given && (verb->needs & options[i].bit)) {
                        return usage_error(
                                        line->program, verb, "'%s' needs --%s %s", verb->name,
                                        options[i].name, options[i].value ? options[i].value : "");
                }
        }

        return 0;
}

static int check_arguments(const CommandLine *line, const Verb *verb, const VerbCall *call) {
        size_t count = call->count;

        if (count < verb->min) {
                return usage_error(
                                line->program, verb, "'%s' needs %s", verb->name, verb->arguments);
        }
        if (count > verb->max) {
                return usage_error(
                                line->program, verb, "'%s' takes %s%s, got '%s' too", verb->name,
                                verb->max ? "only " : "no argument",
                                verb->max ? verb->arguments : "", call->arguments[verb->max]);
        }

        return 0;
}

/* --- doing it --- */

static int run_verb(const CommandLine *line, const Verb *verb, size_t words) {
        VerbCall call = {
                .verb = verb,
                .options = line->options,
                .count = line->count - words,
                .arguments = line->words + words,
        };

        if (check_arguments(line, verb, &call) < 0 || check_options(line, verb) < 0)
                return EXIT_STATUS_USAGE;

        return verb->run(&call);
}

/* "help VERB" is "VERB --help". */
static void take_help(CommandLine *line) {
        if (line->count == 0 || strcmp(line->words[0], "help") != 0)
                return;

        line->help = true;
        line->words++;
        line->count--;
}

/* What the words begin with. */
typedef struct Choice {
        const Verb *verb;
        size_t words;      /* of its name */
        const char *group; /* "token", and no verb: only to be listed or explained */
} Choice;

static int choose(const CommandLine *line, Choice *ret) {
        Choice choice = {};
        const char *first = line->words[0];
        const Verb *example = help_first_of(line->program, first);
        char name[NAME_SHOWN_MAX];

        choice.verb = find_verb(line, &choice.words);
        if (!choice.verb && !example)
                return unknown_verb(line->program, first);
        if (!choice.verb && line->count > 1) {
                (void) text_format(name, sizeof(name), "%s %s", first, line->words[1]);
                return unknown_verb(line->program, name);
        }
        if (!choice.verb && !line->list && !line->help) {
                return usage_error(
                                line->program, NULL, "'%s' needs a verb of its own, as in '%s'",
                                first, example->name);
        }

        choice.group = choice.verb ? NULL : first;
        *ret = choice;
        return 0;
}

static int run(CommandLine *line) {
        const Program *program = line->program;
        Choice choice = {};
        int r;

        take_help(line);
        if (line->count > 0) {
                r = choose(line, &choice);
                if (r < 0)
                        return r;
        }

        if (line->version) {
                (void) printf("%s %s\n", program->name, program->version);
        } else if (line->list) {
                help_print_words(program, choice.group, choice.verb);
        } else if (line->help) {
                help_print(program, choice.group, choice.verb);
        } else if (choice.verb) {
                return run_verb(line, choice.verb, choice.words);
        } else {
                return usage_error(program, NULL, "no verb given");
        }

        return 0;
}

int program_run(const Program *program, int argc, char *const argv[], void *options) {
        auto_free char **words = calloc((size_t) MAX(argc, 1), sizeof(*words));
        CommandLine line = { .program = program, .options = options, .words = words };
        int r;

        if (!words)
                return EXIT_FAILURE;

        r = read_words(&line, argc, argv);
        if (r >= 0)
                r = run(&line);

        return r < 0 ? EXIT_STATUS_USAGE : r;
}
