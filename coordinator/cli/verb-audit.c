/* SPDX-License-Identifier: Apache-2.0 */

#include <inttypes.h>

#include "common/clock.h"
#include "common/text.h"
#include "coordinator/cli/ask.h"
#include "coordinator/cli/show.h"

#define COMMAND_TEXT_MAX 256

/* "retry m2" */
static void command_of(const Json *entry, char *buffer, size_t size) {
        const char *subject = doc_text(entry, "arguments");

        (void) text_format(
                        buffer, size, "%s%s%s", doc_text(entry, "verb"), subject[0] ? " " : "",
                        subject);
}

static void add_entry(Table *table, const Json *entry) {
        char at[TIMESTAMP_TEXT_MAX], command[COMMAND_TEXT_MAX];

        command_of(entry, command, sizeof(command));
        table_add(table, STYLE_PLAIN, show_time(doc_number(entry, "at"), at));
        table_add(table, STYLE_STRONG, doc_text(entry, "user"));
        table_add(table, STYLE_PLAIN, doc_text(entry, "terminal"));
        table_add(table, STYLE_PLAIN, command);
        table_add(table, STYLE_PLAIN, doc_text(entry, "reason"));
        table_add(table, STYLE_PLAIN, doc_text(entry, "outcome"));
}

int verb_audit(const VerbCall *call) {
        // clang-format off
        static const TableColumn columns[] = {
                { .title = "AT",       .key = "at"       },
                { .title = "USER",     .key = "user"     },
                { .title = "TERMINAL", .key = "terminal" },
                { .title = "COMMAND",  .key = "command"  },
                { .title = "REASON",   .key = "reason"   },
                { .title = "OUTCOME",  .key = "outcome"  },
                {},
        };
        // clang-format on
        const CliOptions *options = call->options;
        AUTO(Json) *arguments = json_new_object();
        AUTO(Table) *table = table_new(columns);
        Show show = show_open(options);
        AUTO(Reply) *reply = NULL;
        const Json *entries;
        int status;

        if (!table || !arguments)
                return EXIT_FAILED;
        if (options->since > 0 &&
            !json_add_u64(arguments, "since", span_sub(clock_wall(), options->since)))
                return EXIT_FAILED;

        status = ask(options, "audit", TAKE(arguments), &reply);
        if (!reply)
                return status;

        entries = doc_list(reply->answer, "entries");
        for (const Json *one = entries ? json_first(entries) : NULL; one; one = json_next(one))
                add_entry(table, one);

        if (table_rows(table) == 0) {
                show_line(&show, STYLE_PLAIN, "nobody has acted in that time");
        } else {
                show_table(&show, table);
        }

        return status;
}
