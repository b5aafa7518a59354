/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/config.h"
#include "common/digest.h"
#include "common/json.h"
#include "common/parse.h"
#include "common/span.h"
#include "proto/schema.h"

/* What an operator writes down before a run: which nodes, from which version to which, by which
 * script, and how carefully. A YAML file; the command line reads it and sends it as JSON, so that
 * the daemon opens no file that a client names. */

#define PLAN_CLUSTER_MAX 128
#define PLAN_NODES_MAX   10000 /* design limit; a list of its own for each role */

typedef char PlanNode[NAME_TEXT_MAX];

/* Some megabytes: keep it on the heap. */
typedef struct PlanFile {
        char cluster[PLAN_CLUSTER_MAX];
        char from[VERSION_MAX];
        char to[VERSION_MAX];
        char url[URL_MAX];
        char sha256[DIGEST_TEXT_MAX];
        uint64_t size;
        PlanNode masters[MASTERS_MAX];
        size_t master_count;
        PlanNode agents[PLAN_NODES_MAX];
        size_t agent_count;
        PlanNode public_agents[PLAN_NODES_MAX];
        size_t public_agent_count;
        uint64_t batch_percent;
        uint64_t batch_max;
        uint64_t canary;
        uint64_t budget;
        usec_t timeout_script;
        usec_t timeout_master;
        usec_t timeout_agent;
        usec_t dwell_master;
        usec_t dwell_agent;
        usec_t dwell_batch;
        bool hold_after_masters;
        bool hold_after_canary;
} PlanFile;

/* The keys of the file. */
extern const ConfigField plan_file_fields[];

/* Every mistake of the file in one go, as config_load does it; when there is none, then all of what
 * no row can see: a node in two lists, a number of masters that no cluster has, a plan without
 * nodes. -EINVAL with `errors` filled. */
int plan_file_load(const char *path, PlanFile *ret, ConfigErrors *errors);

/* `arguments.plan` of the verbs plan and run:
 *   {"cluster":"..","from":"..","to":"..","script":{"url":"..","sha256":"..","size":N},
 *    "masters":["m1",..],"agents":[..],"public_agents":[..],
 *    "numbers":{"batch_percent":N,"batch_max":N,"canary":N,"budget":N,
 *               "timeout_script":USEC,"timeout_master":USEC,"timeout_agent":USEC,
 *               "dwell_master":USEC,"dwell_agent":USEC,"dwell_batch":USEC,
 *               "hold_after_masters":BOOL,"hold_after_canary":BOOL}}
 * All members are always there. NULL: out of memory. */
Json *plan_file_to_json(const PlanFile *plan);
