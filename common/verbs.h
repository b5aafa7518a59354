/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/enum-names.h"

/* Command lines by two tables, verbs and options: parsing, help and the words for shell completion
 * come from the same rows, so none of them can forget one. Options may stand anywhere, "--" ends
 * them; they are never abbreviated, because a typing mistake must not act on a cluster.
 *
 * Built in: -h, --help and the verb `help` (on stdout, exit 0; of one verb when one is named),
 * --version, and --words (the verbs, or the options of one verb, one a line: for completion).
 * Mistakes are one line on stderr that ends with what to try, exit EXIT_STATUS_USAGE. */

#define EXIT_STATUS_USAGE 2

typedef enum OptionType {
        OPTION_FLAG, /* bool */
        OPTION_TEXT, /* const char *, borrowed from argv, never empty */
        OPTION_SPAN, /* usec_t, more than 0 */
        OPTION_WORD, /* int, one of `words`: --name=WORD, or --name alone for the word of value 1 */
} OptionType;

typedef struct Option {
        const char *name;  /* without dashes; NULL ends the table */
        const char *value; /* what help calls the value; NULL: none to show */
        OptionType type;
        uint32_t bit;  /* what verbs name it by; 0: every verb takes it */
        size_t offset; /* where it goes in the record of options */
        const char *help;
        const EnumNames *words;
} Option;

typedef struct Verb Verb;

typedef struct VerbCall {
        const Verb *verb;
        void *options; /* the record that program_run() was given, filled */
        size_t count;  /* of arguments, within the verb's min and max */
        char *const *arguments;
} VerbCall;

#define ANY_ARGS SIZE_MAX

struct Verb {
        const char *name;      /* NULL ends the table; one word, or two: "token create"; those with
                                  the same first word stand together */
        const char *arguments; /* as help shows them: "NODE", "[RUN]", "" */
        size_t min;
        size_t max;
        uint32_t options;                 /* bits of the options it understands */
        uint32_t needs;                   /* bits of those it cannot do without */
        int (*run)(const VerbCall *call); /* returns the exit status */
        const char *help;                 /* one sentence without a full stop */
};

typedef struct Program {
        const char *name;
        const char *version;
        const char *summary; /* one line under the synopsis */
        const Verb *verbs;
        const Option *options;
} Program;

/* Fills `options` (a record that holds the defaults already), calls the verb, returns the exit
 * status of the program. */
int program_run(const Program *program, int argc, char *const argv[], void *options);
