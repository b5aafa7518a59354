/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/plan-file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "coordinator/order.h"

/* Bounds here keep nonsense out; the floors under which a run needs a waiver are the daemon's. */

#define SCRIPT_SIZE_MAX (UINT64_C(1) << 30)
#define PLACE(member) \
        .offset = offsetof(PlanFile, member), .size = sizeof(((PlanFile *) NULL)->member)
#define NODES(list, count)                                                             \
        .offset = offsetof(PlanFile, list), .size = sizeof(((PlanFile *) NULL)->list), \
        .max = ELEMENTSOF(((PlanFile *) NULL)->list), .count_offset = offsetof(PlanFile, count)

// clang-format off
const ConfigField plan_file_fields[] = {
        { "cluster",             CONFIG_TEXT,   PLACE(cluster),
          .help = "name of the cluster, as rollpatchd knows it" },
        { "from",                CONFIG_TEXT,   PLACE(from),
          .help = "DC/OS version the nodes have" },
        { "to",                  CONFIG_TEXT,   PLACE(to),
          .help = "DC/OS version they get; the same for a changed configuration" },
        { "script.url",          CONFIG_URL,    PLACE(url),
          .help = "where the nodes fetch the node upgrade script" },
        { "script.sha256",       CONFIG_SHA256, PLACE(sha256),
          .help = "of the script; nothing else is ever run" },
        { "script.size",         CONFIG_SIZE,   PLACE(size), .min = 1, .max = SCRIPT_SIZE_MAX,
          .help = "of the script, in bytes" },
        { "masters",             CONFIG_NAMES,  NODES(masters, master_count),
          .help = "all masters, or [] to leave them alone" },
        { "agents",              CONFIG_NAMES,  NODES(agents, agent_count),
          .help = "private agents, in the order they are to be patched" },
        { "public_agents",       CONFIG_NAMES,  NODES(public_agents, public_agent_count),
          .help = "public agents; they come last" },
        { "batch.percent",       CONFIG_U64,    PLACE(batch_percent), .min = 1, .max = 100, .standard = "10",
          .help = "agents at once, in percent of all of their role" },
        { "batch.max",           CONFIG_U64,    PLACE(batch_max), .min = 1, .max = BATCH_MAX, .standard = "50",
          .help = "agents at once at most" },
        { "canary",              CONFIG_U64,    PLACE(canary), .max = PLAN_NODES_MAX, .standard = "1",
          .help = "size of the first batch" },
        { "budget",              CONFIG_U64,    PLACE(budget), .max = PLAN_NODES_MAX, .standard = "2",
          .help = "agents, open and failed together, that the run survives" },
        { "timeouts.script",     CONFIG_SPAN,   PLACE(timeout_script), .min = USEC_PER_SEC, .max = USEC_PER_DAY, .standard = "30min",
          .help = "for the script on a node" },
        { "timeouts.master",     CONFIG_SPAN,   PLACE(timeout_master), .min = USEC_PER_SEC, .max = USEC_PER_DAY, .standard = "20min",
          .help = "for a patched master to prove its health" },
        { "timeouts.agent",      CONFIG_SPAN,   PLACE(timeout_agent), .min = USEC_PER_SEC, .max = USEC_PER_DAY, .standard = "5min",
          .help = "for a patched agent to prove its health" },
        { "dwell.master",        CONFIG_SPAN,   PLACE(dwell_master), .min = USEC_PER_SEC, .max = USEC_PER_DAY, .standard = "60s",
          .help = "how long a master's gate must hold" },
        { "dwell.agent",         CONFIG_SPAN,   PLACE(dwell_agent), .min = USEC_PER_SEC, .max = USEC_PER_DAY, .standard = "30s",
          .help = "how long an agent's gate must hold" },
        { "dwell.batch",         CONFIG_SPAN,   PLACE(dwell_batch), .min = USEC_PER_SEC, .max = USEC_PER_DAY, .standard = "15s",
          .help = "how long the cluster must be well between batches" },
        { "holds.after_masters", CONFIG_BOOL,   PLACE(hold_after_masters), .standard = "false",
          .help = "stop after the last master until somebody resumes" },
        { "holds.after_canary",  CONFIG_BOOL,   PLACE(hold_after_canary), .standard = "false",
          .help = "stop after the first batch until somebody resumes" },
        {},
};
// clang-format on

/* --- what no row can see --- */

PRINTF(3, 4)
static void mistake(ConfigErrors *errors, const char *path, const char *format, ...) {
        size_t used = strlen(errors->text);
        va_list arguments;
        Error error = {};

        va_start(arguments, format);
        (void) error_setv(&error, ERROR_INVALID, format, arguments);
        va_end(arguments);

        (void) text_format(
                        errors->text + used, sizeof(errors->text) - used, "%s: %s\n", path,
                        error.text);
        errors->count++;
}

static size_t collect(const PlanNode nodes[], size_t count, const char **names, size_t used) {
        for (size_t i = 0; i < count; i++)
                names[used + i] = nodes[i];

        return used + count;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Each once, however often it stands there. */
static void check_repeated(
                const char *const names[], size_t count, const char *path, ConfigErrors *errors) {
        for (size_t i = 1; i < count; i++) {
                bool again = strcmp(names[i - 1], names[i]) == 0;
                bool told = again && i > 1 && strcmp(names[i - 2], names[i]) == 0;

                if (again && !told)
                        mistake(errors, path, "'%s' is in more than one list", names[i]);
        }
}

static void check_nodes(const PlanFile *plan, const char *path, ConfigErrors *errors) {
        size_t total = plan->master_count + plan->agent_count + plan->public_agent_count, used = 0;
        auto_free const char **names = calloc(total + 1, sizeof(*names));

        if (!names) {
                mistake(errors, path, "out of memory");
                return;
        }

        used = collect(plan->masters, plan->master_count, names, used);
        used = collect(plan->agents, plan->agent_count, names, used);
        used = collect(plan->public_agents, plan->public_agent_count, names, used);
        qsort(names, used, sizeof(*names), compare_names);

        check_repeated(names, used, path, errors);
        if (used == 0) {
                mistake(errors, path,
                        "no nodes, want at least one of masters, agents, public_agents");
        }
        if (used > PLAN_NODES_MAX)
                mistake(errors, path, "%zu nodes, at most %d", used, PLAN_NODES_MAX);
}

int plan_file_load(const char *path, PlanFile *ret, ConfigErrors *errors) {
        auto_free PlanFile *plan = calloc(1, sizeof(*plan));
        int r;

        *errors = (ConfigErrors) {};
        if (!plan)
                return -ENOMEM;

        r = config_load(plan_file_fields, path, plan, sizeof(*plan), errors);
        if (r < 0)
                return r;

        check_nodes(plan, path, errors);
        if (plan->master_count > 0 && plan->master_count % 2 == 0) {
                mistake(errors, path, "masters: %zu of them, want all of 1, 3, 5, 7 or 9, or []",
                        plan->master_count);
        }
        if (errors->count > 0)
                return -EINVAL;

        *ret = *plan;
        return 0;
}

/* --- JSON --- */

static Json *names_to_json(const PlanNode nodes[], size_t count) {
        AUTO(Json) *list = json_new_array();

        for (size_t i = 0; list && i < count; i++) {
                Json *name = json_new_string(nodes[i]);

                if (!name || !json_append(list, name))
                        return NULL;
        }

        return TAKE(list);
}

static Json *script_to_json(const PlanFile *plan) {
        AUTO(Json) *script = json_new_object();

        if (!script || !json_add_string(script, "url", plan->url) ||
            !json_add_string(script, "sha256", plan->sha256) ||
            !json_add_u64(script, "size", plan->size))
                return NULL;

        return TAKE(script);
}

static Json *numbers_to_json(const PlanFile *plan) {
        AUTO(Json) *numbers = json_new_object();
        // clang-format off
        const struct { const char *key; uint64_t value; } rows[] = {
                { "batch_percent",  plan->batch_percent  },
                { "batch_max",      plan->batch_max      },
                { "canary",         plan->canary         },
                { "budget",         plan->budget         },
                { "timeout_script", plan->timeout_script },
                { "timeout_master", plan->timeout_master },
                { "timeout_agent",  plan->timeout_agent  },
                { "dwell_master",   plan->dwell_master   },
                { "dwell_agent",    plan->dwell_agent    },
                { "dwell_batch",    plan->dwell_batch    },
        };
        // clang-format on

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                if (!numbers || !json_add_u64(numbers, rows[i].key, rows[i].value))
                        return NULL;
        }

        if (!json_add_bool(numbers, "hold_after_masters", plan->hold_after_masters) ||
            !json_add_bool(numbers, "hold_after_canary", plan->hold_after_canary))
                return NULL;

        return TAKE(numbers);
}

Json *plan_file_to_json(const PlanFile *plan) {
        AUTO(Json) *document = json_new_object();

        if (!document || !json_add_string(document, "cluster", plan->cluster) ||
            !json_add_string(document, "from", plan->from) ||
            !json_add_string(document, "to", plan->to) ||
            !json_add(document, "script", script_to_json(plan)) ||
            !json_add(document, "masters", names_to_json(plan->masters, plan->master_count)) ||
            !json_add(document, "agents", names_to_json(plan->agents, plan->agent_count)) ||
            !json_add(document, "public_agents",
                      names_to_json(plan->public_agents, plan->public_agent_count)) ||
            !json_add(document, "numbers", numbers_to_json(plan)))
                return NULL;

        return TAKE(document);
}
