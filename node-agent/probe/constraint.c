/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/constraint.h"

#include <regex.h>
#include <string.h>
#include <strings.h>

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Marathon has taken each of them already. What a newer one than ours may know is doubtful: it must
 * not keep a run from beginning. */

/* What may stand behind an operator. */
typedef enum ValueRule {
        VALUE_NONE,
        VALUE_ANY,    /* and the script wants one */
        VALUE_NUMBER, /* or none */
        VALUE_NUMBER_TOO /* must be there */,
        VALUE_PATTERN,
        VALUE_WORD,
} ValueRule;

// clang-format off
static const struct {
        const char *name;
        ValueRule rule;
} operators[] = {
        { "UNIQUE",   VALUE_NONE       },
        { "CLUSTER",  VALUE_ANY        },
        { "GROUP_BY", VALUE_NUMBER     },
        { "MAX_PER",  VALUE_NUMBER_TOO },
        { "LIKE",     VALUE_PATTERN    },
        { "UNLIKE",   VALUE_PATTERN    },
        { "IS",       VALUE_WORD       },
};
// clang-format on

static bool find_rule(const Constraint *constraint, ValueRule *ret) {
        for (size_t i = 0; i < ELEMENTSOF(operators); i++) {
                if (constraint->of_pod ? strcmp(operators[i].name, constraint->operator) != 0
                                       : strcasecmp(operators[i].name, constraint->operator) != 0)
                        continue;

                *ret = operators[i].rule;
                return true;
        }

        return false;
}

static bool is_number(const char *text) {
        const char *digits = text + (text[0] == '-' || text[0] == '+');

        return digits[0] != '\0' && digits[strspn(digits, DIGITS)] == '\0';
}

static ConstraintVerdict bad(const char **why, const char *text) {
        *why = text;
        return CONSTRAINT_BAD;
}

static ConstraintVerdict doubtful(const char **why, const char *text) {
        *why = text;
        return CONSTRAINT_DOUBTFUL;
}

/* A bracket that is opened must be closed, in Java's expressions as in any. */
static bool closes(const char *pattern) {
        size_t round = 0;
        bool square = false;

        for (const char *p = pattern; *p; p++) {
                if (*p == '\\' && *++p == '\0')
                        return false;
                if (square) {
                        square = *p != ']';
                } else if (*p == '[') {
                        square = true;
                        p += p[1] == '^';
                        p += p[1] == ']';
                } else if (*p == '(') {
                        round++;
                } else if (*p == ')' && round-- == 0) {
                        return false;
                }
        }

        return !square && round == 0;
}

/* Java knows more than POSIX: what only POSIX does not take may be good. */
static ConstraintVerdict judge_pattern(const char *pattern, const char **why) {
        regex_t compiled;

        if (!closes(pattern)) {
                return bad(why,
                           "LIKE and UNLIKE want a regular expression: a bracket is not closed");
        }

        if (strlen(pattern) > 1024 || regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0)
                return doubtful(why, "its regular expression could not be checked");

        regfree(&compiled);
        return CONSTRAINT_GOOD;
}

static ConstraintVerdict judge_value(ValueRule rule, const char *value, const char **why) {
        switch (rule) {
        case VALUE_NONE:
                return value ? bad(why, "UNIQUE takes no value, not even an empty one")
                             : CONSTRAINT_GOOD;
        case VALUE_ANY:
                return value && value[0] ? CONSTRAINT_GOOD
                                         : doubtful(why, "CLUSTER without a value: only "
                                                         "check-constraints.py objects");
        case VALUE_NUMBER:
                if (!value) {
                        return doubtful(why, "GROUP_BY without a value: only "
                                             "check-constraints.py objects");
                }

                return is_number(value) ? CONSTRAINT_GOOD
                                        : bad(why, "GROUP_BY wants a whole number, or nothing");
        case VALUE_NUMBER_TOO:
                return value && is_number(value) ? CONSTRAINT_GOOD
                                                 : bad(why, "MAX_PER wants a whole number");
        case VALUE_PATTERN:
                return value ? judge_pattern(value, why)
                             : bad(why, "LIKE and UNLIKE want a regular expression");
        case VALUE_WORD:
                if (!value)
                        return bad(why, "IS wants a value");

                return value[strspn(value, LETTERS DIGITS "_/.-")] == '\0'
                                       ? CONSTRAINT_GOOD
                                       : doubtful(why, "IS with a range or a set, as only a "
                                                       "newer Marathon takes it");
        }

        return CONSTRAINT_BAD;
}

ConstraintVerdict constraint_judge(const Constraint *constraint, const char **ret_why) {
        ValueRule rule;

        if (!constraint->field[0])
                return bad(ret_why, "a constraint has an empty field");
        if (!find_rule(constraint, &rule))
                return doubtful(ret_why, "an operator that only a newer Marathon may know");

        return judge_value(rule, constraint->value, ret_why);
}
