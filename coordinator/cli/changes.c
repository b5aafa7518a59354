/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/cli/changes.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "common/text.h"
#include "coordinator/cli/show-status.h"

typedef struct Changes {
        const Show *show;
        const Json *before;
        const Json *after;
        bool waived; /* every line says so */
        unsigned count;
} Changes;

PRINTF(3, 4)
static void say(Changes *changes, Style style, const char *format, ...) {
        char text[2 * MESSAGE_TEXT_MAX], at[TIMESTAMP_TEXT_MAX];
        va_list arguments;

        changes->count++;
        if (!changes->show)
                return;

        va_start(arguments, format);
        // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, one line above
        (void) vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        show_line(changes->show, style, "%s  %s%s",
                  show_time(doc_number(changes->after, "now"), at), text,
                  changes->waived ? "  [floors waived]" : "");
}

/* Apart from digits: "for 12s of 60s" goes on being the same sentence. */
static bool same_sentence(const char *a, const char *b) {
        for (;;) {
                while (isdigit((unsigned char) *a))
                        a++;
                while (isdigit((unsigned char) *b))
                        b++;
                if (*a != *b)
                        return false;
                if (*a == '\0')
                        return true;
                a++;
                b++;
        }
}

static bool same(const Json *before, const Json *after, const char *key) {
        return strcmp(doc_text(before, key), doc_text(after, key)) == 0;
}

/* --- the run --- */

static void changes_of_coordinator(Changes *changes) {
        const Json *before = doc_object(changes->before, "coordinator");
        const Json *after = doc_object(changes->after, "coordinator");

        if (!before)
                return;

        if (doc_number(before, "epoch") != doc_number(after, "epoch")) {
                say(changes, STYLE_WARN, "rollpatchd has been started anew: epoch %" PRIu64,
                    doc_number(after, "epoch"));
        }
        if (!same(before, after, "claim")) {
                say(changes, STYLE_PLAIN, "claim of epoch %" PRIu64 ": %s",
                    doc_number(after, "epoch"), doc_text(after, "claim"));
        }
}

static void say_state(Changes *changes, const Json *run) {
        const char *why = doc_text(run, "why"), *try = doc_text(run, "try");
        char state[WORD_TEXT_MAX];

        say(changes, show_style(show_capital(doc_text(run, "state"), state)),
            "run %" PRIu64 " (%s -> %s) is %s%s%s%s%s", doc_number(run, "number"),
            doc_text(run, "from"), doc_text(run, "to"), doc_text(run, "state"), why[0] ? ": " : "",
            why, try[0] ? " - try: " : "", try);
}

static void changes_of_run(Changes *changes) {
        const Json *before = doc_object(changes->before, "run");
        const Json *after = doc_object(changes->after, "run");
        char list[LIST_TEXT_MAX];

        if (!after)
                return;

        if (!before || doc_number(before, "number") != doc_number(after, "number")) {
                say_state(changes, after);
                if (changes->waived) {
                        say(changes, STYLE_WARN, "waived: %s",
                            doc_join(doc_object(after, "config"), "waived", SIZE_MAX, list));
                }
                return;
        }

        if (!same(before, after, "state")) {
                say_state(changes, after);
        } else if (doc_text(after, "why")[0] &&
                   !same_sentence(doc_text(before, "why"), doc_text(after, "why"))) {
                say(changes, STYLE_PLAIN, "%s", doc_text(after, "why"));
        }

        if (doc_number(before, "masters_done") != doc_number(after, "masters_done") ||
            doc_number(before, "agents_done") != doc_number(after, "agents_done")) {
                say(changes, STYLE_PLAIN,
                    "%" PRIu64 " of %" PRIu64 " masters and %" PRIu64 " of %" PRIu64
                    " agents are done",
                    doc_number(after, "masters_done"), doc_number(after, "masters"),
                    doc_number(after, "agents_done"), doc_number(after, "agents"));
        }
}

/* --- the nodes --- */

static void changes_of_node(Changes *changes, const Json *before, const Json *after) {
        const char *assessment = doc_text(after, "assessment"), *phase = show_phase(after);
        const char *name = doc_text(after, "name");
        char message[MESSAGE_TEXT_MAX];

        if (doc_flag(after, "leader") && !doc_flag(before, "leader"))
                say(changes, STYLE_PLAIN, "%s is the leading master now", name);

        if (same(before, after, "assessment") && same(before, after, "phase") &&
            same(before, after, "link"))
                return;

        show_node_message(changes->after, after, message);
        say(changes, show_style(assessment), "%s: %s%s%s%s%s%s", name, assessment,
            phase[0] ? " (" : "", phase, phase[0] ? ")" : "", message[0] ? ": " : "", message);
}

/* Both lists have the same order unless a node came or went, so each one is usually found next. */
static void changes_of_nodes(Changes *changes) {
        const Json *before = doc_list(changes->before, "nodes");
        const Json *after = doc_list(changes->after, "nodes");
        const Json *next = before ? json_first(before) : NULL;

        if (!before || !after)
                return;

        for (const Json *node = json_first(after); node; node = json_next(node)) {
                const Json *old = next && same(next, node, "name")
                                                  ? next
                                                  : show_find_node(changes->before,
                                                                   doc_text(node, "name"));

                if (old) {
                        changes_of_node(changes, old, node);
                } else {
                        say(changes, STYLE_PLAIN, "%s has joined", doc_text(node, "name"));
                }
                next = old ? json_next(old) : NULL;
        }
}

/* --- the problems --- */

static bool was_known(const Json *problems, const Json *problem) {
        for (const Json *one = problems ? json_first(problems) : NULL; one; one = json_next(one)) {
                if (same(one, problem, "impact") &&
                    same_sentence(doc_text(one, "message"), doc_text(problem, "message")))
                        return true;
        }

        return false;
}

static void changes_of_problems(Changes *changes) {
        const Json *before = doc_list(changes->before, "problems");
        const Json *after = doc_list(changes->after, "problems");
        char level[WORD_TEXT_MAX], impact[WORD_TEXT_MAX], message[MESSAGE_TEXT_MAX];

        for (const Json *one = after ? json_first(after) : NULL; one; one = json_next(one)) {
                if (was_known(before, one))
                        continue;

                (void) show_capital(doc_text(one, "level"), level);
                (void) text_copy(impact, sizeof(impact), doc_text(one, "impact"));
                if (impact[0] >= 'A' && impact[0] <= 'Z')
                        impact[0] = (char) (impact[0] - 'A' + 'a');
                show_problem_message(one, message);
                say(changes, show_style(level), "%s, holds up %s: %s", level, impact, message);
        }
}

unsigned changes_show(const Show *show, const Json *before, const Json *after) {
        const Json *waived = doc_list(doc_object(doc_object(after, "run"), "config"), "waived");
        Changes changes = {
                .show = show,
                .before = before,
                .after = after,
                .waived = waived && json_size(waived) > 0,
        };

        changes_of_coordinator(&changes);
        changes_of_run(&changes);
        changes_of_nodes(&changes);
        changes_of_problems(&changes);
        return changes.count;
}
