/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/cli/show-status.h"

#include <inttypes.h>
#include <string.h>

#include "common/text.h"

#define AGENTS_SHOWN_ALL  10 /* that many are listed whatever they do */
#define AGENTS_SHOWN_MAX  30 /* in work or in trouble: a batch, and then some */
#define NOT_CHECKED_SHOWN 5

/* --- one node --- */

static bool is_master(const Json *node) {
        return strcmp(doc_text(node, "role"), "master") == 0;
}

const Json *show_find_node(const Json *answer, const char *name) {
        const Json *nodes = doc_list(answer, "nodes");

        for (const Json *node = nodes ? json_first(nodes) : NULL; node; node = json_next(node)) {
                if (strcmp(doc_text(node, "name"), name) == 0)
                        return node;
        }

        return NULL;
}

const char *show_role(const Json *node) {
        return doc_flag(node, "leader") ? "leader" : doc_text(node, "role");
}

/* A link that is not fresh outweighs what was last heard over it. */
static void describe_link(const Json *answer, const Json *node, char *buffer, size_t size) {
        const char *link = doc_text(node, "link");
        char seen[SPAN_TEXT_MAX];

        buffer[0] = '\0';
        if (strcmp(link, "never") == 0) {
                (void) text_format(buffer, size, "never seen");
        } else if (link[0] && strcmp(link, "fresh") != 0) {
                (void) text_format(
                                buffer, size, "link %s, last seen %s ago", link,
                                show_span(doc_number(answer, "now"), doc_number(node, "seen"),
                                          seen));
        }
}

void show_node_message(const Json *answer, const Json *node, char buffer[static MESSAGE_TEXT_MAX]) {
        const char *message = doc_text(node, "message");
        char link[128];

        describe_link(answer, node, link, sizeof(link));
        (void) text_format(
                        buffer, MESSAGE_TEXT_MAX, "%s%s%s", link, link[0] && message[0] ? "; " : "",
                        message);
}

const char *show_phase(const Json *node) {
        const char *phase = doc_text(node, "phase");

        return strcasecmp(phase, doc_text(node, "assessment")) == 0 ? "" : phase;
}

static void add_node(Table *table, const Json *answer, const Json *node) {
        const char *assessment = doc_text(node, "assessment");
        char message[MESSAGE_TEXT_MAX], age[SPAN_TEXT_MAX];
        uint64_t fence = doc_number(node, "fence");

        table_add(table, STYLE_STRONG, doc_text(node, "name"));
        table_add(table, STYLE_PLAIN, show_role(node));
        table_add(table, show_style(assessment), assessment);
        table_add(table, STYLE_PLAIN, show_phase(node));
        table_add(table, STYLE_PLAIN, doc_text(node, "version"));
        table_add(table, STYLE_PLAIN,
                  show_age(doc_number(answer, "now"), doc_number(node, "since"), age));
        if (fence > 0) {
                table_add_u64(table, STYLE_PLAIN, fence);
        } else {
                table_add(table, STYLE_PLAIN, NULL);
        }
        show_node_message(answer, node, message);
        table_add(table, STYLE_PLAIN, message);
}

static Table *new_nodes_table(void) {
        // clang-format off
        static const TableColumn columns[] = {
                { .title = "NODE",       .key = "name"                   },
                { .title = "ROLE",       .key = "role"                   },
                { .title = "ASSESSMENT", .key = "assessment"             },
                { .title = "PHASE",      .key = "phase"                  },
                { .title = "VERSION",    .key = "version"                },
                { .title = "SINCE",      .key = "since",  .right = true  },
                { .title = "FENCE",      .key = "fence",  .right = true  },
                { .title = "MESSAGE",    .key = "message"                },
                {},
        };
        // clang-format on

        return table_new(columns);
}

/* --- the run --- */

static void show_coordinator(const Show *show, const Json *answer) {
        const Json *coordinator = doc_object(answer, "coordinator");
        const char *claim = doc_text(coordinator, "claim");
        char span[SPAN_TEXT_MAX];

        if (strcmp(claim, "complete") == 0)
                return;

        show_line(show, STYLE_WARN, "  rollpatchd: epoch %" PRIu64 ", up %s, %s",
                  doc_number(coordinator, "epoch"),
                  show_span(doc_number(answer, "now"), doc_number(coordinator, "since"), span),
                  claim[0] ? claim : "claim unknown");
}

static void show_run(const Show *show, const Json *answer, const Json *run) {
        usec_t ended = doc_number(run, "ended"), now = doc_number(answer, "now");
        char state[WORD_TEXT_MAX], elapsed[SPAN_TEXT_MAX], list[LIST_TEXT_MAX];

        (void) show_capital(doc_text(run, "state"), state);
        show_line(show, STYLE_STRONG,
                  "%s  run %" PRIu64 "  %s -> %s   %s   masters %" PRIu64 "/%" PRIu64
                  ", agents %" PRIu64 "/%" PRIu64 "   elapsed %s",
                  doc_text(answer, "cluster"), doc_number(run, "number"), doc_text(run, "from"),
                  doc_text(run, "to"), state, doc_number(run, "masters_done"),
                  doc_number(run, "masters"), doc_number(run, "agents_done"),
                  doc_number(run, "agents"),
                  show_span(ended ? ended : now, doc_number(run, "started"), elapsed));

        if (doc_text(run, "why")[0])
                show_line(show, show_style(state), "  %s", doc_text(run, "why"));
        if (doc_text(run, "try")[0])
                show_line(show, STYLE_PLAIN, "  try: %s", doc_text(run, "try"));
        if (doc_join(doc_object(run, "config"), "waived", SIZE_MAX, list)[0])
                show_line(show, STYLE_WARN, "  waived: %s", list);
}

static void show_head(const Show *show, const Json *answer) {
        const Json *run = doc_object(answer, "run");

        if (run) {
                show_run(show, answer, run);
        } else {
                show_line(show, STYLE_STRONG, "%s  no run", doc_text(answer, "cluster"));
        }

        show_coordinator(show, answer);
}

/* --- the nodes --- */

static void show_masters(const Show *show, const Json *answer) {
        const Json *nodes = doc_list(answer, "nodes");
        AUTO(Table) *table = new_nodes_table();

        for (const Json *node = nodes ? json_first(nodes) : NULL; node && table;
             node = json_next(node)) {
                if (is_master(node))
                        add_node(table, answer, node);
        }

        show_heading(show, "Masters",
                     table && table_rows(table) > 0 ? "" : "none has reported yet");
        if (table)
                show_table(show, table);
}

/* "40 Pending, 1 Running, 1 Quarantined": every assessment that occurs, in the order of a node's
 * life. */
static void count_agents(const Json *nodes, char *buffer, size_t size) {
        static const char *const words[] = { "Pending",   "Waiting",     "Running",
                                             "Verifying", "Done",        "Failed",
                                             "Blocked",   "Quarantined", "" };
        size_t used = 0;

        buffer[0] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                size_t count = 0;

                for (const Json *node = json_first(nodes); node; node = json_next(node)) {
                        count += !is_master(node) &&
                                 strcmp(doc_text(node, "assessment"), words[i]) == 0;
                }
                if (count == 0)
                        continue;

                (void) text_format(
                                buffer + used, size - used, "%s%zu %s", used ? ", " : "", count,
                                words[i][0] ? words[i] : "not assessed");
                used = strlen(buffer);
        }
}

static bool is_worth_a_row(const Json *node) {
        const char *assessment = doc_text(node, "assessment");

        if (strcmp(doc_text(node, "link"), "fresh") != 0)
                return true;

        return strcmp(assessment, "Pending") != 0 && strcmp(assessment, "Idle") != 0 &&
               strcmp(assessment, "Done") != 0;
}

static void show_agents(const Show *show, const Json *answer) {
        const Json *nodes = doc_list(answer, "nodes");
        AUTO(Table) *table = new_nodes_table();
        size_t agents = 0, hidden = 0;
        char counts[LIST_TEXT_MAX];

        if (!nodes || !table)
                return;

        for (const Json *node = json_first(nodes); node; node = json_next(node))
                agents += !is_master(node);
        if (agents == 0)
                return;

        for (const Json *node = json_first(nodes); node; node = json_next(node)) {
                if (is_master(node) || (agents > AGENTS_SHOWN_ALL && !is_worth_a_row(node)))
                        continue;

                if (table_rows(table) < AGENTS_SHOWN_MAX) {
                        add_node(table, answer, node);
                } else {
                        hidden++;
                }
        }

        count_agents(nodes, counts, sizeof(counts));
        show_heading(show, "Agents", counts);
        show_table(show, table);
        if (hidden > 0)
                show_line(show, STYLE_DIM, "... and %zu more - try: rollpatch nodes", hidden);
}

/* --- health --- */

void show_problem_message(const Json *problem, char buffer[static MESSAGE_TEXT_MAX]) {
        const char *try = doc_text(problem, "try");

        (void) text_format(
                        buffer, MESSAGE_TEXT_MAX, "%s%s%s", doc_text(problem, "message"),
                        try[0] ? " - try: " : "", try);
}

static void add_problem(Table *table, const Json *answer, const Json *problem) {
        char level[WORD_TEXT_MAX], age[SPAN_TEXT_MAX], message[MESSAGE_TEXT_MAX];

        (void) show_capital(doc_text(problem, "level"), level);
        show_problem_message(problem, message);
        table_add(table, STYLE_PLAIN,
                  show_age(doc_number(answer, "now"), doc_number(problem, "since"), age));
        table_add(table, show_style(level), level);
        table_add(table, STYLE_PLAIN, doc_text(problem, "impact"));
        table_add(table, STYLE_PLAIN, message);
}

/* The worst first; a level we do not know counts as the worst. */
static unsigned rank(const Json *problem) {
        const char *level = doc_text(problem, "level");

        if (strcmp(level, "info") == 0)
                return 2;

        return strcmp(level, "warning") == 0 ? 1 : 0;
}

static void show_problems(const Show *show, const Json *answer) {
        // clang-format off
        static const TableColumn columns[] = {
                { .title = "SINCE",   .key = "since", .right = true },
                { .title = "LEVEL",   .key = "level"                },
                { .title = "IMPACT",  .key = "impact"               },
                { .title = "MESSAGE", .key = "message"              },
                {},
        };
        // clang-format on
        const Json *problems = doc_list(answer, "problems");
        AUTO(Table) *table = table_new(columns);
        char list[LIST_TEXT_MAX];

        for (unsigned level = 0; level <= 2 && problems && table; level++) {
                for (const Json *one = json_first(problems); one; one = json_next(one)) {
                        if (rank(one) == level)
                                add_problem(table, answer, one);
                }
        }

        show_heading(show, "Health",
                     table && table_rows(table) > 0 ? "" : "nothing is known to be wrong");
        if (table)
                show_table(show, table);

        (void) doc_join(answer, "not_checked", NOT_CHECKED_SHOWN, list);
        show_line(show, STYLE_PLAIN, "not checked: %zu%s%s%s",
                  doc_list(answer, "not_checked") ? json_size(doc_list(answer, "not_checked")) : 0,
                  list[0] ? " (" : "", list, list[0] ? ")" : "");
}

void show_status(const Show *show, const Json *answer) {
        show_head(show, answer);
        show_masters(show, answer);
        show_agents(show, answer);
        show_problems(show, answer);
}

/* --- everything about one node --- */

static void show_fact(const Show *show, const char *name, const char *value) {
        if (value[0])
                show_line(show, STYLE_PLAIN, "  %-10s  %s", name, value);
}

/* For people: whole seconds, or tenths of the first one. */
static usec_t rounded(usec_t age) {
        return age - age % (age < USEC_PER_SEC ? USEC_PER_SEC / 10 : USEC_PER_SEC);
}

static void show_checks(const Show *show, const Json *answer, const Json *node) {
        // clang-format off
        static const TableColumn columns[] = {
                { .title = "CHECK",    .key = "id"                    },
                { .title = "VERDICT",  .key = "verdict"               },
                { .title = "SINCE",    .key = "since",  .right = true },
                { .title = "ASKED",    .key = "age",    .right = true },
                { .title = "EVIDENCE", .key = "evidence"              },
                {},
        };
        // clang-format on
        const Json *checks = doc_list(node, "checks");
        AUTO(Table) *table = table_new(columns);
        char age[SPAN_TEXT_MAX];

        for (const Json *one = checks ? json_first(checks) : NULL; one && table;
             one = json_next(one)) {
                const char *verdict = doc_text(one, "verdict");

                table_add(table, STYLE_PLAIN, doc_text(one, "id"));
                table_add(table, show_style(verdict), verdict);
                table_add(table, STYLE_PLAIN,
                          show_age(doc_number(answer, "now"), doc_number(one, "since"), age));
                table_add(table, STYLE_DIM, span_format(rounded(doc_number(one, "age")), age));
                table_add(table, STYLE_PLAIN, doc_text(one, "evidence"));
        }

        if (!table || table_rows(table) == 0) {
                show_line(show, STYLE_DIM, "  no check has reported on it");
        } else {
                show_table(show, table);
        }
}

void show_status_node(const Show *show, const Json *answer, const Json *node) {
        const char *assessment = doc_text(node, "assessment"), *step = doc_text(node, "step");
        char since[SPAN_TEXT_MAX], text[MESSAGE_TEXT_MAX];
        usec_t now = doc_number(answer, "now");

        show_line(show, STYLE_STRONG, "%s  %s%s  %s  %s since %s", doc_text(node, "name"),
                  doc_text(node, "role"), doc_flag(node, "leader") ? " (leader)" : "",
                  doc_text(node, "version"), assessment[0] ? assessment : "not assessed",
                  show_span(now, doc_number(node, "since"), since));

        show_fact(show, "message", doc_text(node, "message"));
        show_fact(show, "phase", show_phase(node));
        show_fact(show, "state", doc_text(node, "state"));
        show_fact(show, "step", step);
        show_fact(show, "unit", doc_text(node, "unit"));
        if (step[0]) {
                (void) text_format(text, sizeof(text), "%" PRIu64, doc_number(node, "fence"));
                show_fact(show, "fence", text);
        }

        (void) text_format(
                        text, sizeof(text), "%s, seen %s ago", doc_text(node, "link"),
                        show_span(now, doc_number(node, "seen"), since));
        show_fact(show, "link", strcmp(doc_text(node, "link"), "never") == 0 ? "never seen" : text);
        show_checks(show, answer, node);
}

/* Who has been asked anew and has not answered: of those the rest is as old as it says. */
void show_refresh(const Show *show, const Json *answer) {
        const Json *refresh = doc_object(answer, "refresh");
        const Json *missing = refresh ? doc_list(refresh, "missing") : NULL;

        if (!refresh)
                return;

        if (!missing || json_size(missing) == 0) {
                show_line(show, STYLE_PLAIN, "asked anew: all %" PRIu64 " nodes have answered",
                          doc_number(refresh, "asked"));
                return;
        }

        for (const Json *one = json_first(missing); one; one = json_next(one)) {
                show_line(show, STYLE_BAD, "asked anew: %s has no new answer: %s",
                          doc_text(one, "node"), doc_text(one, "why"));
        }
}
