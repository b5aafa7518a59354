/* SPDX-License-Identifier: Apache-2.0 */

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/span.h"
#include "common/verbs.h"

/* --- a program --- */

typedef struct Options {
        bool yes;
        const char *reason;
        usec_t span;
        int colour;
        bool loud;
} Options;

enum {
        YES,
        REASON,
        SPAN
};

static const char *const colour_texts[] = { "none", "some", "much" };
DEFINE_ENUM_NAMES(colour, colour_texts, 3);

static struct {
        const char *verb;
        size_t count;
        char arguments[4][16];
        Options options;
} seen;

static int note(const VerbCall *call) {
        seen.verb = call->verb->name;
        seen.count = call->count;
        seen.options = *(Options *) call->options;
        for (size_t i = 0; i < call->count && i < ELEMENTSOF(seen.arguments); i++) {
                (void) snprintf(seen.arguments[i], sizeof(seen.arguments[i]), "%s",
                                call->arguments[i]);
        }

        return 42;
}

#define PLACE(member) offsetof(Options, member)

// clang-format off
static const Option options[] = {
        { "yes",    NULL,   OPTION_FLAG, IN(YES),    PLACE(yes),    "Act" },
        { "reason", "TEXT", OPTION_TEXT, IN(REASON), PLACE(reason), "Why" },
        { "for",    "SPAN", OPTION_SPAN, IN(SPAN),   PLACE(span),   "How long" },
        { "colour", "much", OPTION_WORD, 0,          PLACE(colour), "A word", .words = &colour_names },
        { "loud",   NULL,   OPTION_FLAG, 0,          PLACE(loud),
          "A text that is so long that it cannot stand on one line of eighty columns, as some are" },
        {},
};

static const Verb verbs[] = {
        { "list",    "[NODE...]", 0, ANY_ARGS, 0,                0,          note, "List them" },
        { "listen",  "",          0, 0,        0,                0,          note, "Listen" },
        { "strike",  "NODE",      1, 1,        IN(YES)|IN(SPAN), IN(REASON), note, "Strike one" },
        {},
};
// clang-format on

static const Program program = {
        .name = "prog",
        .version = "1.2.3",
        .summary = "Does things.",
        .verbs = verbs,
        .options = options,
};

/* --- running it --- */

#define OUTPUT_MAX 4096

typedef struct Outcome {
        int status;
        char out[OUTPUT_MAX];
        char err[OUTPUT_MAX];
} Outcome;

/* What `stream` prints goes to memory; returns where it went before. */
static int redirect(FILE *stream, int memory) {
        int before = dup(fileno(stream));

        assert_true(before >= 0);
        (void) fflush(stream);
        assert_true(dup2(memory, fileno(stream)) >= 0);
        return before;
}

static void restore(FILE *stream, int before, int memory, char *ret) {
        ssize_t n;

        (void) fflush(stream);
        assert_true(dup2(before, fileno(stream)) >= 0);
        (void) close(before);

        n = pread(memory, ret, OUTPUT_MAX - 1, 0);
        assert_true(n >= 0);
        ret[n] = '\0';
        (void) close(memory);
}

static Outcome run_words(int argc, char *argv[]) {
        int out = memfd_create("out", MFD_CLOEXEC), err = memfd_create("err", MFD_CLOEXEC);
        int stdout_before = redirect(stdout, out), stderr_before = redirect(stderr, err);
        Options record = { .span = 5 };
        Outcome outcome = {};

        memset(&seen, 0, sizeof(seen));
        outcome.status = program_run(&program, argc, argv, &record);
        restore(stdout, stdout_before, out, outcome.out);
        restore(stderr, stderr_before, err, outcome.err);
        return outcome;
}

#define RUN(...)                                                  \
        ({                                                        \
                const char *_words[] = { "prog", ##__VA_ARGS__ }; \
                char *_argv[ELEMENTSOF(_words)];                  \
                memcpy(_argv, _words, sizeof(_words));            \
                run_words((int) ELEMENTSOF(_words), _argv);       \
        })

/* --- tests --- */

static void test_a_verb_gets_its_arguments_and_gives_the_exit_status(void **state) {
        Outcome outcome = RUN("list", "a", "b");

        assert_int_equal(outcome.status, 42);
        assert_string_equal(outcome.out, "");
        assert_string_equal(outcome.err, "");
        assert_string_equal(seen.verb, "list");
        assert_int_equal(seen.count, 2);
        assert_string_equal(seen.arguments[0], "a");
        assert_string_equal(seen.arguments[1], "b");
}

static void test_options_may_stand_anywhere_with_or_without_an_equals_sign(void **state) {
        (void) RUN("--yes", "strike", "--reason", "a b", "m1", "--for=2min");
        assert_true(seen.options.yes);
        assert_string_equal(seen.options.reason, "a b");
        assert_int_equal(seen.options.span, 2 * USEC_PER_MINUTE);
        assert_string_equal(seen.arguments[0], "m1");

        (void) RUN("strike", "m1", "--reason=--yes");
        assert_false(seen.options.yes);
        assert_string_equal(seen.options.reason, "--yes");
}

static void test_what_is_not_given_keeps_its_default(void **state) {
        (void) RUN("list");
        assert_int_equal(seen.options.span, 5);
        assert_int_equal(seen.options.colour, 0);
        assert_null(seen.options.reason);
}

static void test_a_word_may_be_given_with_or_without_its_value(void **state) {
        (void) RUN("list", "--colour");
        assert_int_equal(seen.options.colour, 1);
        (void) RUN("list", "--colour=much", "x");
        assert_int_equal(seen.options.colour, 2);
        (void) RUN("list", "--colour", "much");
        assert_int_equal(seen.options.colour, 1);
        assert_string_equal(seen.arguments[0], "much");
}

static void test_two_dashes_end_the_options(void **state) {
        (void) RUN("list", "--", "--yes", "-x", "--");
        assert_int_equal(seen.count, 3);
        assert_string_equal(seen.arguments[0], "--yes");
        assert_string_equal(seen.arguments[2], "--");
}

static void test_one_dash_alone_is_an_argument(void **state) {
        (void) RUN("list", "-");
        assert_string_equal(seen.arguments[0], "-");
}

static void assert_mistake(Outcome outcome, const char *text) {
        assert_int_equal(outcome.status, EXIT_STATUS_USAGE);
        assert_null(seen.verb);
        assert_string_equal(outcome.out, "");
        assert_string_equal(outcome.err, text);
}

static void test_an_unknown_verb_is_met_with_the_nearest_one(void **state) {
        assert_mistake(RUN("strkie", "x"),
                       "prog: unknown verb 'strkie', did you mean 'strike'? - try: prog --help\n");
        assert_mistake(RUN("str"),
                       "prog: unknown verb 'str', did you mean 'strike'? - try: prog --help\n");
        assert_mistake(RUN("xyzzy"), "prog: unknown verb 'xyzzy' - try: prog --help\n");
        assert_mistake(RUN(""), "prog: unknown verb '' - try: prog --help\n");
}

static void test_an_unknown_option_is_met_with_the_nearest_one(void **state) {
        assert_mistake(RUN("list", "--colur=much"),
                       "prog: unknown option '--colur', did you mean '--colour'? - try: prog --help\n");
        assert_mistake(RUN("list", "--hlep"),
                       "prog: unknown option '--hlep', did you mean '--help'? - try: prog --help\n");
        assert_mistake(RUN("list", "-q"), "prog: unknown option '-q' - try: prog --help\n");
}

static void test_options_are_never_abbreviated(void **state) {
        assert_mistake(RUN("strike", "m1", "--reason=x", "--ye"),
                       "prog: unknown option '--ye', did you mean '--yes'? - try: prog --help\n");
}

static void test_an_option_of_another_verb_is_refused(void **state) {
        assert_mistake(RUN("list", "--yes"),
                       "prog: 'list' takes no --yes - try: prog list --help\n");
        assert_mistake(RUN("--for=1s", "listen"),
                       "prog: 'listen' takes no --for - try: prog listen --help\n");
}

static void test_a_missing_option_is_named_with_its_value(void **state) {
        assert_mistake(RUN("strike", "m1"),
                       "prog: 'strike' needs --reason TEXT - try: prog strike --help\n");
}

static void test_a_forgotten_value_does_not_swallow_the_next_option(void **state) {
        const char *text = "prog: --reason needs a value, want TEXT - try: prog --help\n";

        assert_mistake(RUN("strike", "m1", "--reason", "--yes"), text);
        assert_mistake(RUN("strike", "m1", "--reason"), text);
        assert_mistake(RUN("strike", "m1", "--reason="), text);
        assert_mistake(RUN("strike", "m1", "--reason", ""), text);
}

static void test_a_value_that_is_none_says_what_is_wanted(void **state) {
        assert_mistake(RUN("strike", "m1", "--reason=x", "--for=soon"),
                       "prog: --for is 'soon', want a span like 90s, 5min or 1h30min - try: prog --help\n");
        assert_mistake(RUN("list", "--colour=red"),
                       "prog: --colour is 'red', want much - try: prog --help\n");
        assert_mistake(RUN("list", "--loud=x"), "prog: --loud takes no value - try: prog --help\n");
}

static void test_too_few_and_too_many_arguments_are_named(void **state) {
        assert_mistake(RUN("strike", "--reason=x"),
                       "prog: 'strike' needs NODE - try: prog strike --help\n");
        assert_mistake(RUN("strike", "m1", "m2", "--reason=x"),
                       "prog: 'strike' takes only NODE, got 'm2' too - try: prog strike --help\n");
        assert_mistake(RUN("listen", "m1"),
                       "prog: 'listen' takes no argument, got 'm1' too - try: prog listen --help\n");
}

static void test_no_verb_is_a_mistake(void **state) {
        assert_mistake(RUN(), "prog: no verb given - try: prog --help\n");
        assert_mistake(RUN("--loud"), "prog: no verb given - try: prog --help\n");
}

static void test_no_words_at_all_are_survived(void **state) {
        char *argv[] = { NULL };

        assert_int_equal(run_words(0, argv).status, EXIT_STATUS_USAGE);
}

static void test_a_mistake_cannot_command_the_terminal(void **state) {
        assert_mistake(RUN("\033[2J"), "prog: unknown verb '?[2J' - try: prog --help\n");
}

static void test_help_is_made_from_the_tables(void **state) {
        Outcome outcome = RUN("--help");

        assert_int_equal(outcome.status, 0);
        assert_string_equal(outcome.err, "");
        assert_string_equal(
                        outcome.out,
                        "prog [OPTIONS...] VERB ...\n\nDoes things.\n\nVerbs:\n"
                        "  list [NODE...]             List them\n"
                        "  listen                     Listen\n"
                        "  strike NODE --reason TEXT  Strike one\n"
                        "\nOptions:\n"
                        "     --yes                Act\n"
                        "     --reason TEXT        Why\n"
                        "     --for SPAN           How long\n"
                        "     --colour[=much]      A word\n"
                        "     --loud               A text that is so long that it cannot stand on one\n"
                        "                          line of eighty columns, as some are\n"
                        "  -h --help               Show this, or with a verb what that takes\n"
                        "     --version            Show the version\n");
}

static void test_help_of_a_verb_shows_only_what_it_takes(void **state) {
        Outcome outcome = RUN("strike", "--help");

        assert_int_equal(outcome.status, 0);
        assert_null(seen.verb);
        assert_non_null(strstr(
                        outcome.out,
                        "prog strike NODE [--yes] --reason TEXT [--for SPAN]\n\nStrike one.\n"));
        assert_non_null(strstr(outcome.out, "--colour"));

        outcome = RUN("list", "-h");
        assert_null(strstr(outcome.out, "--reason"));
        outcome = RUN("help", "strike");
        assert_non_null(strstr(outcome.out, "prog strike NODE"));
}

static void test_words_for_completion_are_the_rows(void **state) {
        assert_string_equal(RUN("--words").out, "list\nlisten\nstrike\n");
        assert_string_equal(RUN("list", "--words").out, "--colour\n--loud\n");
}

static void test_version_is_one_line(void **state) {
        assert_string_equal(RUN("--version").out, "prog 1.2.3\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_verb_gets_its_arguments_and_gives_the_exit_status),
                cmocka_unit_test(test_options_may_stand_anywhere_with_or_without_an_equals_sign),
                cmocka_unit_test(test_what_is_not_given_keeps_its_default),
                cmocka_unit_test(test_a_word_may_be_given_with_or_without_its_value),
                cmocka_unit_test(test_two_dashes_end_the_options),
                cmocka_unit_test(test_one_dash_alone_is_an_argument),
                cmocka_unit_test(test_an_unknown_verb_is_met_with_the_nearest_one),
                cmocka_unit_test(test_an_unknown_option_is_met_with_the_nearest_one),
                cmocka_unit_test(test_options_are_never_abbreviated),
                cmocka_unit_test(test_an_option_of_another_verb_is_refused),
                cmocka_unit_test(test_a_missing_option_is_named_with_its_value),
                cmocka_unit_test(test_a_forgotten_value_does_not_swallow_the_next_option),
                cmocka_unit_test(test_a_value_that_is_none_says_what_is_wanted),
                cmocka_unit_test(test_too_few_and_too_many_arguments_are_named),
                cmocka_unit_test(test_no_verb_is_a_mistake),
                cmocka_unit_test(test_no_words_at_all_are_survived),
                cmocka_unit_test(test_a_mistake_cannot_command_the_terminal),
                cmocka_unit_test(test_help_is_made_from_the_tables),
                cmocka_unit_test(test_help_of_a_verb_shows_only_what_it_takes),
                cmocka_unit_test(test_words_for_completion_are_the_rows),
                cmocka_unit_test(test_version_is_one_line),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
