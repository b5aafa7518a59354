/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"
#include "coordinator/cli/ask.h"
#include "coordinator/cli/show.h"

static void add_run(Table *table, usec_t now, const Json *run) {
        usec_t started = doc_number(run, "started"), ended = doc_number(run, "ended");
        char state[WORD_TEXT_MAX], at[TIMESTAMP_TEXT_MAX], span[SPAN_TEXT_MAX];

        (void) show_capital(doc_text(run, "state"), state);
        table_add_u64(table, STYLE_STRONG, doc_number(run, "number"));
        table_add(table, STYLE_PLAIN, doc_text(run, "from"));
        table_add(table, STYLE_PLAIN, doc_text(run, "to"));
        table_add(table, show_style(state), state);
        table_add(table, STYLE_PLAIN, show_time(started, at));
        table_add(table, STYLE_PLAIN, show_span(ended ? ended : now, started, span));
        table_add(table, STYLE_PLAIN, doc_text(run, "by"));
        table_add(table, STYLE_PLAIN, doc_text(run, "why"));
}

int verb_runs(const VerbCall *call) {
        // clang-format off
        static const TableColumn columns[] = {
                { .title = "RUN",     .key = "number", .right = true },
                { .title = "FROM",    .key = "from"                  },
                { .title = "TO",      .key = "to"                    },
                { .title = "STATE",   .key = "state"                 },
                { .title = "STARTED", .key = "started"               },
                { .title = "TOOK",    .key = "took",   .right = true },
                { .title = "BY",      .key = "by"                    },
                { .title = "WHY",     .key = "why"                   },
                {},
        };
        // clang-format on
        AUTO(Table) *table = table_new(columns);
        Show show = show_open(call->options);
        AUTO(Reply) *reply = NULL;
        const Json *runs;
        int status;

        status = ask(call->options, "runs", NULL, &reply);
        if (!reply || !table)
                return status;

        runs = doc_list(reply->answer, "runs");
        for (const Json *run = runs ? json_first(runs) : NULL; run; run = json_next(run))
                add_run(table, clock_wall(), run);

        if (table_rows(table) == 0) {
                show_line(&show, STYLE_PLAIN, "no run yet");
        } else {
                show_table(&show, table);
        }

        return status;
}
