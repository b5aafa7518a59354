/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/cli/ask.h"
#include "coordinator/cli/show-status.h"

static void add_node(Table *table, const Json *answer, const Json *node) {
        const char *link = doc_text(node, "link"), *assessment = doc_text(node, "assessment");
        const char *enrolment = doc_text(node, "enrolment");
        char age[SPAN_TEXT_MAX];

        table_add(table, STYLE_STRONG, doc_text(node, "name"));
        table_add(table, STYLE_PLAIN, show_role(node));
        table_add(table, show_style(link), link);
        table_add(table, STYLE_PLAIN,
                  show_age(doc_number(answer, "now"), doc_number(node, "seen"), age));
        table_add(table, STYLE_PLAIN, doc_text(node, "version"));
        table_add(table, show_style(assessment), assessment);
        table_add(table, show_style(enrolment), enrolment);
        table_add(table, STYLE_PLAIN, doc_text(node, "fingerprint"));
        table_add(table, STYLE_PLAIN, doc_text(node, "message"));
}

int verb_nodes(const VerbCall *call) {
        // clang-format off
        static const TableColumn columns[] = {
                { .title = "NODE",       .key = "name"                 },
                { .title = "ROLE",       .key = "role"                 },
                { .title = "LINK",       .key = "link"                 },
                { .title = "SEEN",       .key = "seen", .right = true  },
                { .title = "VERSION",    .key = "version"              },
                { .title = "ASSESSMENT", .key = "assessment"           },
                { .title = "ENROLMENT",   .key = "enrolment"   },
                { .title = "FINGERPRINT", .key = "fingerprint" },
                { .title = "MESSAGE",    .key = "message"              },
                {},
        };
        // clang-format on
        AUTO(Json) *arguments = json_new_object();
        AUTO(Table) *table = table_new(columns);
        Show show = show_open(call->options);
        AUTO(Reply) *reply = NULL;
        const Json *nodes;
        int status;

        if (!arguments || !table)
                return EXIT_FAILED;
        if (call->count > 0 && !json_add_string(arguments, "selector", call->arguments[0]))
                return EXIT_FAILED;

        status = ask(call->options, "nodes", TAKE(arguments), &reply);
        if (!reply)
                return status;

        nodes = doc_list(reply->answer, "nodes");
        for (const Json *node = nodes ? json_first(nodes) : NULL; node; node = json_next(node))
                add_node(table, reply->answer, node);

        if (table_rows(table) == 0) {
                show_line(&show, STYLE_PLAIN, "%s",
                          call->count > 0 ? "no such node" : "no node has joined yet");
        } else {
                show_table(&show, table);
        }

        return status;
}
