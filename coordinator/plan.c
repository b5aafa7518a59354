/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/fields.h"
#include "common/text.h"
#include "coordinator/judge.h"
#include "coordinator/masters.h"
#include "coordinator/settle.h"

#define PLAN_NODES_TOTAL_MAX 10009

void plan_free(Plan *plan) {
        if (!plan)
                return;

        free(plan->nodes);
        free(plan);
}

static int decode_names(const Json *json, const char *key, Role role, Plan *plan, Error *error) {
        const Json *names;
        int r;

        r = json_get_array(json, key, &names, error);
        if (r < 0)
                return r;

        for (const Json *item = json_first(names); item; item = json_next(item)) {
                const char *name = json_string_value(item);

                if (!name || !name_is_valid(name)) {
                        return error_setf(
                                        error, ERROR_INVALID, "%s: is %s, want node names", key,
                                        name ? "an invalid name" : json_type_name(item));
                }
                if (plan->node_count == PLAN_NODES_TOTAL_MAX) {
                        return error_setf(
                                        error, ERROR_TOO_BIG, "more than %d nodes",
                                        PLAN_NODES_TOTAL_MAX);
                }

                plan->nodes[plan->node_count].role = role;
                (void) text_copy(plan->nodes[plan->node_count++].name, NAME_TEXT_MAX, name);
        }

        return 0;
}

/* A node that stands twice would get two steps; the log takes none of that (state_check). */
static int compare_members(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static int check_twice(const Plan *plan, Error *error) {
        auto_free const char **names = calloc(plan->node_count + 1, sizeof(char *));

        if (!names)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        for (size_t i = 0; i < plan->node_count; i++)
                names[i] = plan->nodes[i].name;

        qsort(names, plan->node_count, sizeof(char *), compare_members);
        for (size_t i = 1; i < plan->node_count; i++) {
                if (strcmp(names[i - 1], names[i]) == 0) {
                        return error_setf(
                                        error, ERROR_INVALID, "node '%s' is named twice", names[i]);
                }
        }

        return 0;
}

static int decode_script(const Json *json, EventRunMade *made, Error *error) {
        // clang-format off
        static const Field script_fields[] = {
                F_TEXT(EventRunMade, url, .min = 1),
                F_ID(EventRunMade, sha256),
                F_U64(EventRunMade, size, 1, JSON_NUMBER_MAX),
                F_END,
        };
        // clang-format on
        EventRunMade script = {};
        const Json *object;
        int r;

        r = json_get_object(json, "script", &object, error);
        if (r < 0)
                return r;

        r = fields_decode(script_fields, object, NULL, &script, sizeof(script), error);
        if (r < 0)
                return error_prefixf(error, "script");

        made->size = script.size;
        (void) text_copy(made->url, sizeof(made->url), script.url);
        (void) text_copy(made->sha256, sizeof(made->sha256), script.sha256);
        return 0;
}

static int decode_texts(const Json *json, Plan *plan, Error *error) {
        // clang-format off
        static const char *const others[] = {
                "script", "numbers", "masters", "agents", "public_agents", NULL,
        };
        static const Field cluster_fields[] = {
                F_TEXT(Plan, cluster, .min = 1),
                { .key = "from", .type = FIELD_TEXT, .offset = offsetof(Plan, made.from),
                  .size = MEMBER_SIZE(Plan, made.from), .min = 1 },
                { .key = "to", .type = FIELD_TEXT, .offset = offsetof(Plan, made.to),
                  .size = MEMBER_SIZE(Plan, made.to), .min = 1 },
                F_END,
        };
        // clang-format on

        return fields_decode(cluster_fields, json, others, plan, sizeof(*plan), error);
}

static int decode_head(const Json *json, Plan *plan, Error *error) {
        const Json *numbers;
        int r;

        r = decode_texts(json, plan, error);
        if (r < 0)
                return r;
        r = decode_script(json, &plan->made, error);
        if (r < 0)
                return r;
        r = json_get_object(json, "numbers", &numbers, error);
        if (r < 0)
                return r;

        r =
                        fields_decode(run_numbers_fields, numbers, NULL, &plan->made.numbers,
                                      sizeof(plan->made.numbers), error);
        return r < 0 ? error_prefixf(error, "numbers") : 0;
}

static size_t size_of(const Json *json, const char *key) {
        const Json *array = json_find(json, key);

        return array && json_is_array(array) ? json_size(array) : 0;
}

static int decode_nodes(const Json *json, Plan *plan, Error *error) {
        size_t space = size_of(json, "masters") + size_of(json, "agents") +
                       size_of(json, "public_agents");
        int r;

        plan->nodes = calloc(space + 1, sizeof(PlanMember));
        if (!plan->nodes)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        r = decode_names(json, "masters", ROLE_MASTER, plan, error);
        if (r >= 0)
                r = decode_names(json, "agents", ROLE_AGENT, plan, error);
        if (r >= 0)
                r = decode_names(json, "public_agents", ROLE_PUBLIC_AGENT, plan, error);

        return r;
}

int plan_decode(const Json *json, Plan **ret, Error *error) {
        AUTO(Plan) *plan = calloc(1, sizeof(Plan));
        int r;

        if (!plan)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        r = decode_head(json, plan, error);
        if (r < 0)
                return error_prefixf(error, "plan");

        r = decode_nodes(json, plan, error);
        if (r >= 0)
                r = check_twice(plan, error);
        if (r < 0)
                return error_prefixf(error, "plan");

        *ret = TAKE(plan);
        return 0;
}

/* --- findings --- */

typedef struct Findings {
        Finding *rows;
        size_t count;
} Findings;

static void block(
                Findings *all,
                ErrorCode code,
                const char *id,
                const char *advice,
                const char *format,
                ...) PRINTF(5, 6);
static void block(
                Findings *all,
                ErrorCode code,
                const char *id,
                const char *advice,
                const char *format,
                ...) {
        Error text = {};
        va_list arguments;
        Finding *row;

        if (all->count == FINDINGS_MAX)
                return;

        va_start(arguments, format);
        (void) error_setv(&text, code, format, arguments);
        va_end(arguments);

        row = &all->rows[all->count++];
        *row = (Finding) { .blocks = true, .code = code };
        (void) text_copy(row->id, sizeof(row->id), id);
        (void) text_copy(row->text, sizeof(row->text), text.text);
        (void) text_copy(row->advice, sizeof(row->advice), advice);
}

static void check_node(
                const PlanMember *wanted,
                const EventRunMade *made,
                const State *state,
                Findings *all) {
        const Node *node = state_find_node_const(state, wanted->name);
        char advice[REASON_MAX];

        if (!node) {
                block(all, ERROR_NOT_FOUND, "node.unknown", "rollpatch nodes",
                      "%s has never reported here", wanted->name);
                return;
        }
        if (node->revoked) {
                Why why = {};

                explain_unheard(node, "", &why);
                block(all, ERROR_BLOCKED, "node.revoked", why.advice, "%s", why.text);
        }

        if (node->dcos_version[0] && strcmp(node->dcos_version, made->from) != 0 &&
            strcmp(node->dcos_version, made->to) != 0) {
                (void) text_format(
                                advice, sizeof(advice), "rollpatch status %s --refresh",
                                node->name);
                block(all, ERROR_UNSAFE, "node.version", advice,
                      "%s has DC/OS '%s', neither %s nor %s: look at it first", node->name,
                      node->dcos_version, made->from, made->to);
        }
        if (node->role != wanted->role) {
                block(all, ERROR_UNSAFE, "node.role", "rollpatch nodes",
                      "%s is %s, the plan says %s", wanted->name,
                      enum_name(&role_names, node->role), enum_name(&role_names, wanted->role));
        }
}

static uint64_t count_role(const Plan *plan, Role role) {
        uint64_t count = 0;

        for (size_t i = 0; i < plan->node_count; i++)
                count += plan->nodes[i].role == role;

        return count;
}

static void check_masters(
                const Plan *plan,
                const State *state,
                const EnrolRules *rules,
                bool accept_downtime,
                Findings *all) {
        char unlisted[REASON_MAX];
        const char *reason = NULL;
        uint64_t count = state_master_count(state, &reason);
        uint64_t planned = count_role(plan, ROLE_MASTER);

        if (count == 0) {
                block(all, ERROR_BLOCKED, "masters.count", "rollpatch nodes",
                      "the number of masters is not known: %s", reason);
        } else if (!masters_are_listed(state, rules, unlisted)) {
                block(all, ERROR_BLOCKED, "masters.listed", MASTERS_ADVICE, "%s", unlisted);
        } else if (planned != 0 && planned != count) {
                block(all, ERROR_UNSAFE, "masters.count", "rollpatch nodes",
                      "the plan names %" PRIu64 " masters, the cluster has %" PRIu64, planned,
                      count);
        }

        if (count == 1 && planned == 1 && !accept_downtime) {
                block(all, ERROR_UNSAFE, "masters.single",
                      "rollpatch run PLAN --yes --accept-downtime",
                      "the cluster has a single master: it is down while that is patched");
        }
}

/* Floors of the gates (design 8). */
static void check_floors(const Plan *plan, const State *state, Findings *all) {
        const struct {
                const char *name;
                usec_t is;
                usec_t floor;
        } dwells[] = {
                { "dwell.master", plan->made.numbers.dwell_master, 30 * USEC_PER_SEC },
                { "dwell.agent", plan->made.numbers.dwell_agent, 10 * USEC_PER_SEC },
                { "dwell.batch", plan->made.numbers.dwell_batch, 5 * USEC_PER_SEC },
        };
        char is[SPAN_TEXT_MAX];
        char floor[SPAN_TEXT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(dwells); i++) {
                if (dwells[i].is >= dwells[i].floor || state->waiver[0])
                        continue;

                block(all, ERROR_UNSAFE, WAIVER_GATE_FLOOR,
                      "rollpatch waive gate-floor --reason TEXT", "%s is %s, the floor is %s",
                      dwells[i].name, span_format(dwells[i].is, is),
                      span_format(dwells[i].floor, floor));
        }
}

bool plan_is_below_floors(const EventRunMade *made) {
        return made->numbers.dwell_master < 30 * USEC_PER_SEC ||
               made->numbers.dwell_agent < 10 * USEC_PER_SEC ||
               made->numbers.dwell_batch < 5 * USEC_PER_SEC;
}

static void check_unresolved(const State *state, Findings *all) {
        for (size_t i = 0; i < state->node_count; i++) {
                const Node *node = &state->nodes[i];
                char advice[REASON_MAX];
                char open[REASON_MAX];

                if (!node_is_unresolved(node))
                        continue;

                settle_describe(state, node, open);
                settle_advise(state, node, advice);
                block(all, ERROR_UNSAFE, "node.unresolved", advice,
                      "%s has an unresolved step from before: %s", node->name, open);
        }
}

/* Nothing against the plan, but not what one expects of it: said last, and once for all of them. */
static void note_patched(const Plan *plan, const State *state, Findings *all) {
        const EventRunMade *made = &plan->made;
        const char *first = NULL;
        size_t count = 0;
        Finding *row;

        for (size_t i = 0; i < plan->node_count; i++) {
                const Node *node = state_find_node_const(state, plan->nodes[i].name);

                if (!node || strcmp(node->dcos_version, made->to) != 0 ||
                    strcmp(made->from, made->to) == 0)
                        continue;

                first = first ? first : node->name;
                count++;
        }

        if (count == 0 || all->count == FINDINGS_MAX)
                return;

        row = &all->rows[all->count++];
        *row = (Finding) {};
        (void) text_copy(row->id, sizeof(row->id), "node.patched");
        (void) text_format(
                        row->text, sizeof(row->text),
                        "%zu of %zu nodes (%s%s) have DC/OS %s already: they are not patched, only "
                        "their gate is asked",
                        count, plan->node_count, first, count > 1 ? ", ..." : "", made->to);
}

size_t plan_check(
                const Plan *plan,
                const State *state,
                const char *cluster,
                const EnrolRules *rules,
                bool accept_downtime,
                Finding findings[static FINDINGS_MAX]) {
        Findings all = { .rows = findings };

        if (strcmp(plan->cluster, cluster) != 0) {
                block(&all, ERROR_UNSAFE, "cluster.name", "",
                      "the plan is for cluster '%s', this is '%s'", plan->cluster, cluster);
        }
        if (plan->node_count == 0)
                block(&all, ERROR_INVALID, "plan.empty", "", "the plan names no nodes");

        check_masters(plan, state, rules, accept_downtime, &all);
        for (size_t i = 0; i < plan->node_count; i++)
                check_node(&plan->nodes[i], &plan->made, state, &all);
        check_unresolved(state, &all);
        check_floors(plan, state, &all);
        note_patched(plan, state, &all);
        return all.count;
}
