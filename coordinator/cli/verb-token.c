/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "common/parse.h"
#include "common/text.h"
#include "coordinator/cli/ask.h"
#include "coordinator/cli/show.h"

/* --- token create --- */

static int read_uses(const CliOptions *options, uint64_t *ret) {
        if (parse_u64(options->uses, 1, 100000, ret) >= 0)
                return 0;

        (void) fprintf(stderr, "rollpatch: --uses wants a number of 1 to 100000\n");
        return EXIT_USAGE;
}

static Json *new_terms(const CliOptions *options, uint64_t uses) {
        AUTO(Json) *arguments = json_new_object();

        if (!arguments || !json_add_string(arguments, "role", options->role))
                return NULL;
        if (options->ttl > 0 && !json_add_u64(arguments, "ttl", options->ttl))
                return NULL;
        if (options->uses && !json_add_u64(arguments, "uses", uses))
                return NULL;
        if (options->name && !json_add_string(arguments, "name", options->name))
                return NULL;

        return TAKE(arguments);
}

/* The only time that the token is seen: with the file it belongs into, to be pasted. */
int verb_token_create(const VerbCall *call) {
        const CliOptions *options = call->options;
        Show show = show_open(options);
        AUTO(Json) *arguments = NULL;
        AUTO(Reply) *reply = NULL;
        uint64_t uses = 0;
        int status;

        if (options->uses) {
                status = read_uses(options, &uses);
                if (status != 0)
                        return status;
        }

        arguments = new_terms(options, uses);
        if (!arguments)
                return EXIT_FAILED;

        status = ask(options, call->verb->name, TAKE(arguments), &reply);
        if (!reply)
                return status;

        show_line(&show, STYLE_STRONG, "%s", doc_text(reply->answer, "text"));
        show_line(&show, STYLE_PLAIN, "%s",
                  "It is shown only now. What config management drops on these nodes:");
        show_files(&show, doc_list(reply->answer, "files"));
        return status;
}

/* --- token list --- */

static void add_token(Table *table, const Json *token) {
        char used[32], made[TIMESTAMP_TEXT_MAX], expires[TIMESTAMP_TEXT_MAX];
        const char *state = doc_text(token, "state");

        (void) text_format(
                        used, sizeof(used), "%" PRIu64 "/%" PRIu64, doc_number(token, "used"),
                        doc_number(token, "uses"));
        table_add(table, STYLE_STRONG, doc_text(token, "id"));
        table_add(table, STYLE_PLAIN, doc_text(token, "role"));
        table_add(table, STYLE_PLAIN, doc_text(token, "name"));
        table_add(table, STYLE_PLAIN, used);
        table_add(table, show_style(state), state);
        table_add(table, STYLE_PLAIN, show_time(doc_number(token, "made"), made));
        table_add(table, STYLE_PLAIN, show_time(doc_number(token, "expires"), expires));
        table_add(table, STYLE_PLAIN, doc_text(token, "by"));
}

int verb_token_list(const VerbCall *call) {
        // clang-format off
        static const TableColumn columns[] = {
                { .title = "TOKEN",   .key = "id"                  },
                { .title = "ROLE",    .key = "role"                },
                { .title = "NAME",    .key = "name"                },
                { .title = "USED",    .key = "used", .right = true },
                { .title = "STATE",   .key = "state"               },
                { .title = "MADE",    .key = "made"                },
                { .title = "EXPIRES", .key = "expires"             },
                { .title = "BY",      .key = "by"                  },
                {},
        };
        // clang-format on
        AUTO(Table) *table = table_new(columns);
        Show show = show_open(call->options);
        AUTO(Reply) *reply = NULL;
        const Json *tokens;
        int status;

        status = ask(call->options, call->verb->name, NULL, &reply);
        if (!reply || !table)
                return status;

        tokens = doc_list(reply->answer, "tokens");
        for (const Json *one = tokens ? json_first(tokens) : NULL; one; one = json_next(one))
                add_token(table, one);

        if (table_rows(table) == 0) {
                show_line(&show, STYLE_PLAIN, "no join token was made yet");
        } else {
                show_table(&show, table);
        }

        return status;
}
