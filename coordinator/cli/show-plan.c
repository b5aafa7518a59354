/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/cli/show-plan.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/cli/show-status.h"
#include "coordinator/plan-file.h"

static void show_findings(const Show *show, const Json *findings) {
        // clang-format off
        static const TableColumn columns[] = {
                { .title = "LEVEL",   .key = "level"   },
                { .title = "FINDING", .key = "id"      },
                { .title = "MESSAGE", .key = "message" },
                {},
        };
        // clang-format on
        AUTO(Table) *table = table_new(columns);
        char text[MESSAGE_TEXT_MAX];

        for (const Json *one = json_first(findings); one && table; one = json_next(one)) {
                const char *level = doc_text(one, "level");

                table_add(table, strcmp(level, "block") == 0 ? STYLE_BAD : STYLE_PLAIN, level);
                table_add(table, STYLE_PLAIN, doc_text(one, "id"));
                show_problem_message(one, text);
                table_add(table, STYLE_PLAIN, text);
        }

        show_heading(show, "Findings", "");
        if (table)
                show_table(show, table);
}

static void show_order(const Show *show, const Json *nodes) {
        // clang-format off
        static const TableColumn columns[] = {
                { .title = "ORDER",   .key = "order", .right = true },
                { .title = "NODE",    .key = "name"                 },
                { .title = "ROLE",    .key = "role"                 },
                { .title = "LINK",    .key = "link"                 },
                { .title = "VERSION", .key = "version"              },
                { .title = "MESSAGE", .key = "message"              },
                {},
        };
        // clang-format on
        AUTO(Table) *table = table_new(columns);

        for (const Json *node = json_first(nodes); node && table; node = json_next(node)) {
                const char *link = doc_text(node, "link");

                table_add_u64(table, STYLE_PLAIN, doc_number(node, "order"));
                table_add(table, STYLE_STRONG, doc_text(node, "name"));
                table_add(table, STYLE_PLAIN, show_role(node));
                table_add(table, show_style(link), link);
                table_add(table, STYLE_PLAIN, doc_text(node, "version"));
                table_add(table, STYLE_PLAIN, doc_text(node, "message"));
        }

        show_heading(show, "Order", "");
        if (table)
                show_table(show, table);
}

void show_plan(const Show *show, const Json *answer) {
        const Json *findings = doc_list(answer, "findings"), *nodes = doc_list(answer, "nodes");
        char list[LIST_TEXT_MAX];

        show_line(show, STYLE_STRONG, "%s  %s -> %s   %zu nodes", doc_text(answer, "cluster"),
                  doc_text(answer, "from"), doc_text(answer, "to"), nodes ? json_size(nodes) : 0);
        show_line(show, STYLE_PLAIN, "  script: %s", doc_text(answer, "url"));
        show_line(show, STYLE_PLAIN, "  sha256: %s", doc_text(answer, "sha256"));
        if (doc_join(answer, "waived", SIZE_MAX, list)[0])
                show_line(show, STYLE_WARN, "  waived: %s", list);
        if (findings && json_size(findings) > 0)
                show_findings(show, findings);
        if (nodes && json_size(nodes) > 0)
                show_order(show, nodes);
}

Json *plan_arguments(const char *path, const CliOptions *options) {
        auto_free ConfigErrors *errors = calloc(1, sizeof(*errors));
        auto_free PlanFile *plan = calloc(1, sizeof(*plan));
        AUTO(Json) *arguments = json_new_object();

        if (!errors || !plan || !arguments)
                return NULL;

        if (plan_file_load(path, plan, errors) < 0) {
                (void) fprintf(stderr,
                               "%srollpatch: %u mistake%s in the plan, nothing was asked for\n",
                               errors->text, errors->count, errors->count == 1 ? "" : "s");
                return NULL;
        }

        if (!json_add(arguments, "plan", plan_file_to_json(plan)) ||
            !json_add_bool(arguments, "accept_downtime", options->accept_downtime))
                return NULL;

        return TAKE(arguments);
}
