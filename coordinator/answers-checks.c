/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/answers.h"

#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "coordinator/health.h"

/* The beginning of it, on one line. */
static void shorten_evidence(const char *evidence, char *buffer, size_t size) {
        (void) text_copy(buffer, size, evidence);
        for (char *at = buffer; *at; at++) {
                if (*at == '\n')
                        *at = at[1] ? ';' : '\0';
        }
}

static Json *describe_check(
                const Node *node, const CheckRow *row, const Window *window, usec_t now) {
        char advice[REASON_MAX];
        Json *json = json_new_object();
        usec_t wall = clock_wall();
        char evidence[KEPT_EVIDENCE_MAX];

        shorten_evidence(window->sample.evidence, evidence, sizeof(evidence));

        (void) json_add_string(json, "id", row->name);
        (void) json_add_string(json, "verdict", enum_name(&verdict_names, window->sample.verdict));
        (void) json_add_u64(json, "since", span_sub(wall, span_sub(now, window->changed)));
        (void) json_add_u64(json, "at", span_sub(wall, span_sub(now, window->newest)));
        (void) json_add_u64(json, "age", span_sub(now, window->newest));
        (void) json_add_u64(json, "took", window->sample.took);
        if (window->since)
                (void) json_add_u64(json, "passing_for", span_sub(window->newest, window->since));
        (void) json_add_string(json, "reason", window->sample.reason);
        (void) json_add_string(
                        json, "evidence",
                        window->sample.reason[0] ? window->sample.reason : evidence);
        if (window->sample.verdict != VERDICT_PASS)
                (void) json_add_string(json, "try", check_advise(row, node, advice));
        return json;
}

Json *answer_checks(const Coordinator *coordinator, size_t node) {
        const Health *health = health_of(coordinator_get_facts(coordinator), node);
        Json *checks = json_new_array();
        usec_t now = clock_boottime();

        for (size_t i = 0; health && i < CHECK_COUNT; i++) {
                if (health->windows[i].newest) {
                        (void) json_append(
                                        checks,
                                        describe_check(&coordinator_get_state(coordinator)
                                                                        ->nodes[node],
                                                       &check_rows[i], &health->windows[i], now));
                }
        }

        return checks;
}

/* "version on m1": asked, and nothing to compare with; or never answered. */
bool answer_ill(const Coordinator *coordinator,
                size_t node,
                char text[static REASON_MAX],
                char advice[static REASON_MAX],
                usec_t *ret_since) {
        const Node *of = &coordinator_get_state(coordinator)->nodes[node];
        const Health *health = health_of(coordinator_get_facts(coordinator), node);

        for (size_t i = 0; health && i < CHECK_COUNT; i++) {
                const Window *window = &health->windows[i];

                if (!check_rows[i].before_others || window->newest == 0 ||
                    window->sample.verdict == VERDICT_PASS ||
                    window->sample.verdict == VERDICT_NOT_APPLICABLE)
                        continue;

                (void) text_format(
                                text, REASON_MAX, "%s: %s%s: %s", of->name, check_rows[i].name,
                                window->sample.verdict == VERDICT_UNKNOWN ? " is unknown" : "",
                                window->sample.reason);
                (void) check_advise(&check_rows[i], of, advice);
                *ret_since = span_sub(clock_wall(), span_sub(clock_boottime(), window->changed));
                return true;
        }

        return false;
}

/* Before a node's own step there is nothing of it to compare. */
static bool is_judged(const State *state, const Node *node) {
        return !state_has_open_run(state) || node->step.state == STEP_VERIFYING ||
               node->step.state == STEP_DONE;
}

static void list_node(const State *state, const Facts *facts, size_t node, Json *list) {
        const Health *health = health_of(facts, node);
        char text[NAME_TEXT_MAX + CHECK_NAME_MAX + 8];

        for (size_t i = 0; health && i < CHECK_COUNT; i++) {
                const Window *window = &health->windows[i];

                if (window->newest == 0 || window->sample.verdict != VERDICT_NOT_APPLICABLE)
                        continue;

                (void) text_format(
                                text, sizeof(text), "%s on %s", check_rows[i].name,
                                state->nodes[node].name);
                (void) json_append(list, json_new_string(text));
        }
}

Json *answer_not_checked(const Coordinator *coordinator) {
        const State *state = coordinator_get_state(coordinator);
        Json *list = json_new_array();

        for (size_t i = 0; i < state->node_count; i++) {
                if (is_judged(state, &state->nodes[i]))
                        list_node(state, coordinator_get_facts(coordinator), i, list);
        }

        return list;
}
