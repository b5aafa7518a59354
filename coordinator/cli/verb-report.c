/* SPDX-License-Identifier: Apache-2.0 */

#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/parse.h"
#include "common/text.h"
#include "coordinator/cli/ask.h"
#include "coordinator/cli/show.h"

#define RESULT_TEXT_MAX 32
#define DETAIL_TEXT_MAX 1024

/* "0", "signal 9", "unknown", or "" when the step has no result. */
static const char *result_of(const Json *step, char buffer[static RESULT_TEXT_MAX]) {
        uint64_t by_signal = doc_number(step, "exit_signal");

        buffer[0] = '\0';
        if (doc_flag(step, "exit_unknown")) {
                (void) text_copy(buffer, RESULT_TEXT_MAX, "unknown");
        } else if (by_signal > 0) {
                (void) text_format(buffer, RESULT_TEXT_MAX, "signal %" PRIu64, by_signal);
        } else if (json_is_number(json_find(step, "exit_status")) &&
                   doc_number(step, "ended") > 0) {
                (void) text_format(
                                buffer, RESULT_TEXT_MAX, "%" PRIu64,
                                doc_number(step, "exit_status"));
        }

        return buffer;
}

static void add_step(Table *table, const Json *step) {
        usec_t started = doc_number(step, "started"), ended = doc_number(step, "ended");
        char state[WORD_TEXT_MAX], at[TIMESTAMP_TEXT_MAX], span[SPAN_TEXT_MAX];
        const char *message = doc_text(step, "message"), *evidence = doc_text(step, "evidence");
        char result[RESULT_TEXT_MAX], detail[DETAIL_TEXT_MAX];

        (void) show_capital(doc_text(step, "state"), state);
        (void) text_format(
                        detail, sizeof(detail), "%s%s%s", message,
                        message[0] && evidence[0] ? "; " : "", evidence);

        table_add(table, STYLE_STRONG, doc_text(step, "node"));
        table_add(table, STYLE_PLAIN, doc_text(step, "role"));
        table_add_u64(table, STYLE_PLAIN, doc_number(step, "attempt"));
        table_add(table, show_style(state), state);
        table_add(table, STYLE_PLAIN, show_time(started, at));
        table_add(table, STYLE_PLAIN, show_span(ended ? ended : clock_wall(), started, span));
        table_add(table, STYLE_PLAIN, result_of(step, result));
        table_add(table, STYLE_PLAIN, detail);
}

static void show_steps(const Show *show, const Json *answer) {
        // clang-format off
        static const TableColumn columns[] = {
                { .title = "NODE",    .key = "node"                   },
                { .title = "ROLE",    .key = "role"                   },
                { .title = "TRY",     .key = "attempt", .right = true },
                { .title = "STATE",   .key = "state"                  },
                { .title = "STARTED", .key = "started"                },
                { .title = "TOOK",    .key = "took",    .right = true },
                { .title = "EXIT",    .key = "exit",    .right = true },
                { .title = "MESSAGE", .key = "message"                },
                {},
        };
        // clang-format on
        const Json *steps = doc_list(answer, "steps");
        AUTO(Table) *table = table_new(columns);

        for (const Json *step = steps ? json_first(steps) : NULL; step && table;
             step = json_next(step))
                add_step(table, step);

        show_heading(show, "Steps", "");
        if (table)
                show_table(show, table);
}

static void show_events(const Show *show, const Json *answer) {
        // clang-format off
        static const TableColumn columns[] = {
                { .title = "AT",    .key = "at"   },
                { .title = "EVENT", .key = "type" },
                { .title = "TEXT",  .key = "text" },
                {},
        };
        // clang-format on
        const Json *events = doc_list(answer, "events");
        AUTO(Table) *table = table_new(columns);
        char at[TIMESTAMP_TEXT_MAX];

        for (const Json *one = events ? json_first(events) : NULL; one && table;
             one = json_next(one)) {
                table_add(table, STYLE_PLAIN, show_time(doc_number(one, "at"), at));
                table_add(table, STYLE_PLAIN, doc_text(one, "type"));
                table_add(table, STYLE_PLAIN, doc_text(one, "text"));
        }

        show_heading(show, "Events", "");
        if (table)
                show_table(show, table);
}

/* The last lines that a step wrote before it went wrong, as its node's journal has them. */
static void show_tails(const Show *show, const Json *answer) {
        const Json *events = doc_list(answer, "events");

        for (const Json *one = events ? json_first(events) : NULL; one; one = json_next(one)) {
                const char *event = doc_text(one, "event"), *tail = doc_text(one, "tail");
                const char *line = tail, *end;

                if (!tail[0] || strcmp(event, "succeeded") == 0 || strcmp(event, "started") == 0)
                        continue;

                show_heading(show, "Output", doc_text(one, "text"));
                for (; *line; line = *end ? end + 1 : end) {
                        end = strchrnul(line, '\n');
                        show_line(show, STYLE_PLAIN, "  %.*s", (int) (end - line), line);
                }
        }
}

/* What was found on nodes that went wrong. */
static void show_findings(const Show *show, const Json *answer) {
        const Json *events = doc_list(answer, "events");
        bool any = false;

        for (const Json *one = events ? json_first(events) : NULL; one; one = json_next(one)) {
                const Json *finding = doc_object(one, "finding");

                if (!finding)
                        continue;
                if (!any)
                        show_heading(show, "Findings", "");

                any = true;
                show_line(show, STYLE_PLAIN, "  %s", doc_text(one, "text"));
                show_line(show, STYLE_PLAIN, "    %s; try: %s", doc_text(finding, "cause"),
                          doc_text(finding, "advice"));
        }
}

/* What nobody looked at, and what is left to do, one a line; "nothing" is an answer as well. */
static void show_texts(const Show *show, const Json *answer, const char *key, const char *title) {
        const Json *list = doc_list(answer, key);

        show_heading(show, title, list && json_size(list) > 0 ? "" : "nothing");
        for (const Json *one = list ? json_first(list) : NULL; one; one = json_next(one)) {
                show_line(show, STYLE_PLAIN, "  %s",
                          json_is_string(one) ? json_string_value(one) : doc_text(one, "text"));
        }
}

static void show_report(const Show *show, const Json *answer) {
        const Json *run = doc_object(answer, "run");
        usec_t started = doc_number(run, "started"), ended = doc_number(run, "ended");
        char state[WORD_TEXT_MAX], at[TIMESTAMP_TEXT_MAX], span[SPAN_TEXT_MAX], list[LIST_TEXT_MAX];
        const char *by = doc_text(run, "by"), *why = doc_text(run, "why");

        (void) show_capital(doc_text(run, "state"), state);
        show_line(show, STYLE_STRONG, "run %" PRIu64 "  %s -> %s   %s   started %s%s%s, %s %s",
                  doc_number(run, "number"), doc_text(run, "from"), doc_text(run, "to"), state,
                  show_time(started, at), by[0] ? " by " : "", by, ended ? "took" : "for",
                  show_span(ended ? ended : clock_wall(), started, span));
        if (why[0])
                show_line(show, show_style(state), "  %s", why);
        if (doc_join(doc_object(run, "config"), "waived", SIZE_MAX, list)[0])
                show_line(show, STYLE_WARN, "  waived: %s", list);

        show_steps(show, answer);
        show_events(show, answer);
        show_findings(show, answer);
        show_tails(show, answer);
        show_texts(show, answer, "notes", "Notes");
        show_texts(show, answer, "not_checked", "Not checked");
        show_texts(show, answer, "left_to_you", "Left to you");
}

int verb_report(const VerbCall *call) {
        AUTO(Json) *arguments = json_new_object();
        Show show = show_open(call->options);
        AUTO(Reply) *reply = NULL;
        uint64_t number;
        int status;

        if (call->count > 0) {
                if (parse_u64(call->arguments[0], 1, JSON_NUMBER_MAX, &number) < 0) {
                        (void) fprintf(stderr,
                                       "rollpatch: a run has a number - try: rollpatch runs\n");
                        return EXIT_USAGE;
                }
                if (!arguments || !json_add_u64(arguments, "run", number))
                        return EXIT_FAILED;
        }

        status = ask(call->options, "report", TAKE(arguments), &reply);
        if (reply)
                show_report(&show, reply->answer);

        return status;
}
