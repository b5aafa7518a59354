/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/answers.h"

#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "coordinator/iam.h"
#include "coordinator/judge.h"
#include "coordinator/member.h"
#include "coordinator/node-link.h"
#include "coordinator/settle.h"

typedef enum Assessment {
        ASSESSMENT_PENDING,
        ASSESSMENT_WAITING,
        ASSESSMENT_RUNNING,
        ASSESSMENT_VERIFYING,
        ASSESSMENT_DONE,
        ASSESSMENT_FAILED,
        ASSESSMENT_BLOCKED,
        ASSESSMENT_QUARANTINED,
        ASSESSMENT_IDLE,
} Assessment;

// clang-format off
static const char *const assessment_names[] = {
        [ASSESSMENT_PENDING]     = "Pending",
        [ASSESSMENT_WAITING]     = "Waiting",
        [ASSESSMENT_RUNNING]     = "Running",
        [ASSESSMENT_VERIFYING]   = "Verifying",
        [ASSESSMENT_DONE]        = "Done",
        [ASSESSMENT_FAILED]      = "Failed",
        [ASSESSMENT_BLOCKED]     = "Blocked",
        [ASSESSMENT_QUARANTINED] = "Quarantined",
        [ASSESSMENT_IDLE]        = "Idle",
};

static const Assessment assessments[] = {
        [STEP_WAITING]     = ASSESSMENT_PENDING,
        [STEP_STAGING]     = ASSESSMENT_PENDING,
        [STEP_STAGED]      = ASSESSMENT_WAITING,
        [STEP_SLOTTED]     = ASSESSMENT_RUNNING,
        [STEP_STARTED]     = ASSESSMENT_RUNNING,
        [STEP_VERIFYING]   = ASSESSMENT_VERIFYING,
        [STEP_DONE]        = ASSESSMENT_DONE,
        [STEP_FAILED]      = ASSESSMENT_FAILED,
        [STEP_INTERRUPTED] = ASSESSMENT_FAILED,
        [STEP_UNKNOWN]     = ASSESSMENT_FAILED,
        [STEP_QUARANTINED] = ASSESSMENT_QUARANTINED,
};
// clang-format on
static_assert(ELEMENTSOF(assessments) == STEP_STATE_COUNT, "a state has no assessment");

/* Boot time of this host as wall clock, for people only. */
static usec_t as_wall(usec_t boot) {
        return span_sub(clock_wall(), span_sub(clock_boottime(), boot));
}

static Assessment assess(const Node *node) {
        if (node->journal_lost || node->foreign_count > 0)
                return ASSESSMENT_BLOCKED;
        if (!node->step.id[0])
                return ASSESSMENT_IDLE;

        return assessments[node->step.state];
}

static void describe_step(const Step *step, char *buffer, size_t size) {
        buffer[0] = '\0';
        if (step->reason[0]) {
                (void) text_format(
                                buffer, size, "%s%s", step->released ? "released: " : "",
                                step->reason);
        } else if (step->state == STEP_FAILED && step->exit_signal) {
                (void) text_format(
                                buffer, size, "script killed by signal %" PRIu64,
                                step->exit_signal);
        } else if (step->state == STEP_FAILED && step->exit_status) {
                (void) text_format(
                                buffer, size, "script ended with status %" PRIu64,
                                step->exit_status);
        }
}

static void describe_node(const Node *node, const NodeFacts *facts, char *buffer, size_t size) {
        const Step *step = &node->step;

        if (node->journal_lost) {
                (void) text_copy(
                                buffer, size,
                                "its step journal was wiped: what it has done is not known");
        } else if (node->foreign_count > 0) {
                (void) text_format(
                                buffer, size, "has step %s (%s), which is not its present one",
                                node->foreign[0].step,
                                enum_name(&node_step_names, node->foreign[0].state));
        } else if (node->revoked && !node_is_unresolved(node)) {
                (void) text_copy(buffer, size, "its key was revoked");
        } else if (facts->refusal[0]) {
                (void) text_copy(buffer, size, facts->refusal);
        } else if (step->state == STEP_VERIFYING || (node->role == ROLE_MASTER && !step->id[0])) {
                (void) text_copy(buffer, size, text_without_name(facts->unwell.text, node->name));
        } else {
                describe_step(step, buffer, size);
        }
}

/* What every row begins with. */
static Json *begin_node(const Node *node, LinkState link) {
        Json *json = json_new_object();

        (void) json_add_string(json, "name", node->name);
        (void) json_add_string(json, "role", enum_name(&role_names, node->role));
        (void) json_add_string(json, "link", enum_name(&link_state_names, link));
        return json;
}

Json *answer_node(const Coordinator *coordinator, const Node *node) {
        const State *state = coordinator_get_state(coordinator);
        const Facts *facts = coordinator_get_facts(coordinator);
        size_t index = (size_t) (node - state->nodes);
        const NodeFacts *known = &facts->nodes[index];
        Json *json = begin_node(node, node_link(state, facts, index, clock_boottime()));
        char message[REASON_MAX];

        describe_node(node, known, message, sizeof(message));
        if (known->heard)
                (void) json_add_u64(json, "seen", as_wall(known->heard));
        (void) json_add_string(json, "address", node->address);
        (void) json_add_string(json, "version", node->dcos_version);
        (void) json_add_string(json, "software", node->software);
        (void) json_add_string(json, "boot_id", node->boot_id);
        (void) json_add_string(json, "journal_id", node->journal_id);
        (void) json_add_u64(json, "epoch", node->epoch);
        (void) json_add_string(json, "assessment", assessment_names[assess(node)]);
        (void) json_add_string(json, "message", message);
        (void) json_add_bool(json, "leader", index == facts->elected);
        (void) json_add(json, "checks", answer_checks(coordinator, index));
        if (!node->step.id[0])
                return json;

        (void) json_add_string(json, "step", node->step.id);
        (void) json_add_string(json, "state", enum_name(&step_state_names, node->step.state));
        (void) json_add_string(json, "phase", enum_name(&step_state_names, node->step.state));
        (void) json_add_u64(json, "attempt", node->step.attempt);
        (void) json_add_u64(json, "fence", node->step.fence);
        (void) json_add_bool(json, "slot", node->step.slot);
        (void) json_add_u64(json, "since", node->step.since);
        (void) json_add_string(json, "unit", node->step.unit);
        return json;
}

/* --- status --- */

static void count_done(const State *state, bool masters, uint64_t *ret_done, uint64_t *ret_all) {
        *ret_done = *ret_all = 0;
        for (size_t i = 0; i < state->node_count; i++) {
                const Node *node = &state->nodes[i];

                if (!node->step.id[0] || (node->role == ROLE_MASTER) != masters)
                        continue;

                (*ret_all)++;
                *ret_done += node->step.state == STEP_DONE;
        }
}

static Json *describe_waiver(const Run *run) {
        Json *config = json_new_object();
        Json *waived = json_new_array();
        char text[REASON_MAX + 32];

        if (run->made.waived[0]) {
                (void) text_format(text, sizeof(text), WAIVER_GATE_FLOOR ": %s", run->made.waived);
                (void) json_append(waived, json_new_string(text));
        }

        (void) json_add(config, "waived", waived);
        return config;
}

/* A run that has been aborted may have left somebody at work, or in need of a person. */
static void add_why(Json *json, const State *state, const Why *why) {
        const Node *unsettled = state_find_unsettled(state);
        char under_way[REASON_MAX / 2];
        char advice[REASON_MAX] = "";
        char text[REASON_MAX];

        if (run_state_is_open(state->run.state)) {
                (void) json_add_string(json, "why", why->text);
                (void) json_add_string(json, "try", why->advice);
                return;
        }

        under_way_describe(state, under_way, sizeof(under_way));
        (void) text_format(
                        text, sizeof(text), "%s%s%s", state->run.reason,
                        state->run.reason[0] && under_way[0] ? "; " : "", under_way);
        if (unsettled)
                settle_advise(state, unsettled, advice);
        (void) json_add_string(json, "why", text);
        (void) json_add_string(json, "try", advice);
}

static Json *describe_run(const Coordinator *coordinator) {
        const State *state = coordinator_get_state(coordinator);
        const Run *run = &state->run;
        Json *json = json_new_object();
        uint64_t done;
        uint64_t all;

        (void) json_add_u64(json, "number", run->made.number);
        (void) json_add_string(json, "id", run->made.id);
        (void) json_add_string(json, "from", run->made.from);
        (void) json_add_string(json, "to", run->made.to);
        (void) json_add_string(json, "state", enum_name(&run_state_names, run->state));
        add_why(json, state, coordinator_get_why(coordinator));
        (void) json_add_u64(json, "started", run->made_at);
        (void) json_add_u64(json, "since", run->since);
        if (run->until)
                (void) json_add_u64(json, "until", run->until);
        if (!run_state_is_open(run->state))
                (void) json_add_u64(json, "ended", run->since);
        (void) json_add_string(json, "by", run->made.user);
        (void) json_add(json, "config", describe_waiver(run));

        count_done(state, true, &done, &all);
        (void) json_add_u64(json, "masters_done", done);
        (void) json_add_u64(json, "masters", all);
        count_done(state, false, &done, &all);
        (void) json_add_u64(json, "agents_done", done);
        (void) json_add_u64(json, "agents", all);
        return json;
}

static void add_problem(
                Json *problems,
                usec_t since,
                const char *level,
                const char *impact,
                const char *message,
                const char *advice) {
        Json *row = json_new_object();

        (void) json_add_u64(row, "since", since);
        (void) json_add_string(row, "level", level);
        (void) json_add_string(row, "impact", impact);
        (void) json_add_string(row, "message", message);
        (void) json_add_string(row, "try", advice);
        (void) json_append(problems, row);
}

/* It has been heard, or has the slot; and is not heard now. A node whose key was revoked is missed
 * where something waits for it. */
static bool is_missed(const Node *node, LinkState link) {
        if (node->revoked)
                return node->role == ROLE_MASTER || step_is_unresolved(&node->step);

        return link == LINK_NEVER ? node->step.slot : link != LINK_FRESH;
}

/* Of most nodes there is nothing to tell. A master is looked at more closely. */
static bool has_no_problem(const Node *node, LinkState link) {
        return node->role != ROLE_MASTER && !node_is_unresolved(node) && !is_missed(node, link);
}

/* The five-minute rule (promise 11). */
static void add_away(Json *problems, const Coordinator *coordinator, size_t index) {
        const Node *node = &coordinator_get_state(coordinator)->nodes[index];
        usec_t now = clock_boottime();
        char advice[REASON_MAX], text[REASON_MAX], away[REASON_MAX];
        Away span;

        if (!member_is_away(coordinator_get_state(coordinator), coordinator_get_facts(coordinator),
                            index, now, &span) ||
            !away_is_alarming(&span))
                return;

        away_describe(&span, away);
        (void) text_format(
                        text, sizeof(text), "%s is not active on the leading master%s", node->name,
                        away);
        (void) text_format(
                        advice, sizeof(advice), "rollpatch status %s --refresh; rollpatch logs %s",
                        node->name, node->name);
        add_problem(problems, as_wall(span_sub(now, span.span)), "error", "Its tasks", text,
                    advice);
}

static void add_node_problem(Json *problems, const Coordinator *coordinator, size_t index) {
        const State *state = coordinator_get_state(coordinator);
        const Facts *facts = coordinator_get_facts(coordinator);
        const Node *node = &state->nodes[index];
        LinkState link = node_link(state, facts, index, clock_boottime());
        char message[REASON_MAX];
        char advice[REASON_MAX];
        char text[REASON_MAX];
        usec_t since;

        if (has_no_problem(node, link))
                return;

        describe_node(node, &facts->nodes[index], message, sizeof(message));
        if (node_is_unresolved(node) && !node->step.slot) {
                (void) text_format(text, sizeof(text), "%s: %s", node->name, message);
                settle_advise(state, node, advice);
                add_problem(problems, node->step.since, "error", "Next node", text, advice);
        }
        if (link == LINK_FRESH && node->role == ROLE_MASTER && !node->step.slot &&
            answer_ill(coordinator, index, text, advice, &since))
                add_problem(problems, since, "error", "Next node", text, advice);
        if (is_missed(node, link)) {
                const char *level = node->role == ROLE_MASTER ? "error" : "warning";
                Why why = { .advice = "journalctl -u rollpatch-agent (on the node)" };

                if (node->revoked) {
                        explain_unheard(node, "", &why);
                } else {
                        (void) text_format(
                                        why.text, sizeof(why.text), "%s is not heard", node->name);
                }
                add_problem(problems, as_wall(MAX(facts->nodes[index].heard, facts->started)),
                            level, "Next node", why.text, why.advice);
        }
}

static Json *list_problems(const Coordinator *coordinator) {
        const State *state = coordinator_get_state(coordinator);
        Json *problems = json_new_array();
        usec_t since;
        const char *log = coordinator_get_log_problem(coordinator, &since);
        char advice[REASON_MAX], text[REASON_MAX];

        if (log) {
                (void) text_format(
                                advice, sizeof(advice), "df %s; journalctl -u rollpatchd",
                                coordinator_get_config(coordinator)->state_dir);
                add_problem(problems, as_wall(since), "error", "Everything", log, advice);
        }
        if (iam_get_problem(coordinator_get_iam(coordinator), clock_boottime(), text, advice,
                            &since))
                add_problem(problems, as_wall(since), "error", "Next node", text, advice);
        if (state->deposed_by) {
                add_problem(problems, clock_wall(), "error", "Everything",
                            coordinator_get_why(coordinator)->text,
                            coordinator_get_why(coordinator)->advice);
        }
        if (state->run.state == RUN_HALTED) {
                add_problem(problems, state->run.since, "error", "Run", state->run.reason,
                            coordinator_get_why(coordinator)->advice);
        }

        for (size_t i = 0; i < state->node_count; i++) {
                add_node_problem(problems, coordinator, i);
                add_away(problems, coordinator, i);
        }

        return problems;
}

/* Masters, then private agents, then public agents; each in the order of the plan, then by name. */
static int compare_nodes(const void *a, const void *b) {
        const Node *left = *(const Node *const *) a;
        const Node *right = *(const Node *const *) b;

        if (left->role != right->role)
                return left->role < right->role ? -1 : 1;
        if (left->step.order != right->step.order)
                return left->step.order < right->step.order ? -1 : 1;

        return strcmp(left->name, right->name);
}

static bool is_asked_for(const Node *node, const char *const names[], size_t count) {
        for (size_t i = 0; i < count; i++) {
                if (strcmp(node->name, names[i]) == 0)
                        return true;
        }

        return count == 0;
}

/* What came in over the link, and what of it was dropped, by kind. */
static Json *describe_link(const EndpointCounters *link) {
        const struct {
                const char *kind;
                uint64_t count;
        } dropped[] = {
                { "garbage", link->garbage },
                { "newer_version", link->newer },
                { "wrong_mac", link->wrong_mac },
                { "over_budget", link->over_budget },
                { "unknown_token", link->unknown_token },
                { "unopened", link->unopened },
                { "refused", link->refused },
                { "no_room", link->no_room },
                { "unknown_session", link->unknown_session },
                { "replayed", link->replayed },
                { "forged", link->forged },
                { "unreadable", link->unreadable },
        };
        Json *json = json_new_object();
        Json *kinds = json_new_object();

        for (size_t i = 0; i < ELEMENTSOF(dropped); i++)
                (void) json_add_u64(kinds, dropped[i].kind, dropped[i].count);

        (void) json_add_u64(json, "received", link->received);
        (void) json_add(json, "dropped", kinds);
        (void) json_add_u64(json, "rebinds", link->rebinds);
        (void) json_add_u64(json, "connections", link->connections);
        (void) json_add_u64(json, "zombies", link->zombies);
        return json;
}

static Json *describe_coordinator(const Coordinator *coordinator) {
        const State *state = coordinator_get_state(coordinator);
        const EndpointCounters link = coordinator_get_link(coordinator);
        Json *json = json_new_object();
        const char *waiting;
        char claim[REASON_MAX];

        if (state_claim_is_complete(state, &waiting)) {
                (void) text_copy(claim, sizeof(claim), "complete");
        } else {
                (void) text_format(claim, sizeof(claim), "waiting for %s", waiting);
        }

        (void) json_add_u64(json, "epoch", state->epoch);
        (void) json_add_u64(json, "since", as_wall(coordinator_get_facts(coordinator)->started));
        (void) json_add_string(json, "claim", claim);
        (void) json_add(json, "link", describe_link(&link));
        return json;
}

const Node **sorted_nodes(const State *state) {
        const Node **nodes = calloc(state->node_count + 1, sizeof(Node *));

        for (size_t i = 0; nodes && i < state->node_count; i++)
                nodes[i] = &state->nodes[i];

        if (nodes)
                qsort(nodes, state->node_count, sizeof(Node *), compare_nodes);

        return nodes;
}

static bool is_ordinary(const Node *node, LinkState link) {
        Assessment assessment = assess(node);

        return node->role != ROLE_MASTER && link == LINK_FRESH &&
               (assessment == ASSESSMENT_PENDING || assessment == ASSESSMENT_IDLE ||
                assessment == ASSESSMENT_DONE);
}

static Json *list_node(const Coordinator *coordinator, const Node *node, Detail detail) {
        const State *state = coordinator_get_state(coordinator);
        LinkState link;
        Json *json;

        if (detail == DETAIL_ALL || state->node_count <= BRIEF_FROM)
                return answer_node(coordinator, node);

        link =
                        node_link(state, coordinator_get_facts(coordinator),
                                  (size_t) (node - state->nodes), clock_boottime());
        if (!is_ordinary(node, link))
                return answer_node(coordinator, node);

        json = begin_node(node, link);
        (void) json_add_string(json, "assessment", assessment_names[assess(node)]);
        return json;
}

static Json *list_nodes(
                const Coordinator *coordinator,
                const char *const names[],
                size_t count,
                Detail detail) {
        const State *state = coordinator_get_state(coordinator);
        const auto_free Node **nodes = sorted_nodes(state);
        Json *list = json_new_array();

        for (size_t i = 0; nodes && i < state->node_count; i++) {
                Json *row;

                if (!is_asked_for(nodes[i], names, count))
                        continue;

                row = list_node(coordinator, nodes[i], detail);
                (void) json_append(list, state->node_count <= BRIEF_FROM ? row : json_pack(row));
        }

        return list;
}

Json *answer_status(
                const Coordinator *coordinator,
                const char *const names[],
                size_t count,
                Detail detail) {
        const State *state = coordinator_get_state(coordinator);
        Json *json = json_new_object();

        (void) json_add_u64(json, "now", clock_wall());
        (void) json_add_string(json, "cluster", coordinator_get_config(coordinator)->cluster);
        (void) json_add(json, "coordinator", describe_coordinator(coordinator));
        if (state->run.made.number > 0) {
                (void) json_add(json, "run", describe_run(coordinator));
        } else {
                (void) json_add_null(json, "run");
        }
        (void) json_add(json, "nodes", list_nodes(coordinator, names, count, detail));
        (void) json_add(json, "problems", list_problems(coordinator));
        (void) json_add(json, "not_checked", answer_not_checked(coordinator));
        return json;
}
