/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-metrics.h"

#include <errno.h>
#include <string.h>

#include "node-agent/probe/parse-losses.h"
#include "node-agent/probe/parse-mesos.h"

#define MSEC_PER_SEC 1000.0

typedef enum MetricKind {
        METRIC_COUNT,   /* a whole number */
        METRIC_SWITCH,  /* 0 or 1 */
        METRIC_SECONDS, /* told in milliseconds */
        METRIC_EXISTS,  /* told as 1 when it is there; only its type matters */
} MetricKind;

typedef struct Metric {
        const char *key;
        const char *name; /* in the sample */
        MetricKind kind;
} Metric;

// clang-format off
static const Metric master_metrics[] = {
        { "registrar/log/recovered",       "recovered",           METRIC_SWITCH  },
        { "registrar/log/ensemble_size",   "ensemble_size",       METRIC_COUNT   },
        { "master/elected",                "elected",             METRIC_SWITCH  },
        { "master/uptime_secs",            "uptime_ms",           METRIC_SECONDS },
        { "registrar/state_fetch_ms",      "registry_fetched",    METRIC_EXISTS  },
        { "registrar/state_store_ms",      "registry_fetched",    METRIC_EXISTS  },
        { "registrar/registry_size_bytes", "registry_fetched",    METRIC_EXISTS  },
        { "master/slaves_active",          "slaves_active",       METRIC_COUNT   },
        { "master/slaves_connected",       "slaves_connected",    METRIC_COUNT   },
        { "master/slaves_disconnected",    "slaves_disconnected", METRIC_COUNT   },
        { "master/slaves_inactive",        "slaves_inactive",     METRIC_COUNT   },
        { "master/slaves_unreachable",     "slaves_unreachable",  METRIC_COUNT   },
        { "master/tasks_running",          "tasks_running",       METRIC_COUNT   },
        { "master/frameworks_connected",   "frameworks",          METRIC_COUNT   },
        { "master/frameworks_disconnected","frameworks_away",     METRIC_COUNT   },
};

static const Metric agent_metrics[] = {
        { "slave/registered",              "registered",          METRIC_SWITCH  },
        { "slave/uptime_secs",             "uptime_ms",           METRIC_SECONDS },
        { "slave/recovery_time_secs",      "recovered",           METRIC_EXISTS  },
        { "slave/recovery_errors",         "recovery_errors",     METRIC_COUNT   },
        { "slave/tasks_running",           "tasks_running",       METRIC_COUNT   },
        { "slave/tasks_lost",              "tasks_lost",          METRIC_COUNT   },
        { "slave/tasks_failed",            "tasks_failed",        METRIC_COUNT   },
        { "slave/tasks_gone",              "tasks_gone",          METRIC_COUNT   },
};
// clang-format on

static int get_milliseconds(const Json *object, const char *key, uint64_t *ret, Error *error) {
        double seconds;
        int r;

        r = json_get_double(object, key, &seconds, error);
        if (r < 0)
                return r;

        /* so that NaN is refused too */
        if (!(seconds >= 0 && seconds < (double) JSON_NUMBER_MAX / MSEC_PER_SEC))
                return error_setf(error, ERROR_INVALID, "%s is %g, want seconds", key, seconds);

        *ret = (uint64_t) (seconds * MSEC_PER_SEC);
        return 0;
}

static int get_metric(const Json *object, const Metric *metric, uint64_t *ret, Error *error) {
        double value;

        switch (metric->kind) {
        case METRIC_COUNT:
                return json_get_u64(object, metric->key, 0, JSON_NUMBER_MAX, ret, error);
        case METRIC_SWITCH:
                return json_get_u64(object, metric->key, 0, 1, ret, error);
        case METRIC_SECONDS:
                return get_milliseconds(object, metric->key, ret, error);
        case METRIC_EXISTS:
                *ret = 1;
                return json_get_double(object, metric->key, &value, error);
        }

        return -EINVAL;
}

static void take_metric(const Json *object, const Metric *metric, Sample *sample) {
        uint64_t value = 0, known;
        Error error = {};
        int r;

        r = get_metric(object, metric, &value, &error);
        if (r == -ENOENT)
                return;
        if (r < 0) {
                sample_doubt_error(sample, &error);
                return;
        }

        if (!sample_get_number(sample, metric->name, &known))
                sample_add_number(sample, metric->name, value);
        sample_add_evidence(
                        sample, "%s %.10g", metric->key,
                        json_number_value(json_find(object, metric->key)));
}

static int read_metrics(const Reply *reply, Json **ret, Sample *sample) {
        Error error = {};
        int r;

        r = reply_object(reply, REPLY_LIST_BYTES_MAX, ret, &error);
        if (r < 0) {
                sample_doubt_error(sample, &error);
                reply_quote(reply, sample);
        }

        return r;
}

static int take_metrics(const Reply *reply, const Metric metrics[], size_t count, Sample *sample) {
        AUTO(Json) *object = NULL;
        int r;

        r = read_metrics(reply, &object, sample);
        for (size_t i = 0; r == 0 && i < count; i++)
                take_metric(object, &metrics[i], sample);
        if (r == 0 && metrics == master_metrics)
                losses_read(object, sample);

        return r;
}

/* A failure only when it says something else: what it does not say is a doubt. */
static void want(Sample *sample, const char *key, const char *name, uint64_t wanted) {
        uint64_t value;

        if (!sample_get_number(sample, name, &value)) {
                sample_doubt(sample, "%s is missing", key);
        } else if (value != wanted) {
                sample_fail(sample, "%s is %llu, want %llu", key, (unsigned long long) value,
                            (unsigned long long) wanted);
        }
}

static void want_answered(Sample *sample, const char *key, const char *name) {
        uint64_t value;

        if (!sample_get_number(sample, name, &value))
                sample_doubt(sample, "%s is missing", key);
}

/* The metrics of a replica do not exist then, and neither do they while a process starts. */
static bool keeps_registry_in_memory(const Reply *flags, const Sample *sample) {
        AUTO(Json) *object = NULL;
        const Json *named = NULL;
        char registry[32];
        uint64_t unused;

        return !sample_get_number(sample, "recovered", &unused) &&
               !sample_get_number(sample, "ensemble_size", &unused) &&
               reply_object(flags, REPLY_BYTES_MAX, &object, NULL) == 0 &&
               json_get_object(object, "flags", &named, NULL) == 0 &&
               json_get_string(named, "registry", registry, sizeof(registry), NULL) == 0 &&
               strcmp(registry, "in_memory") == 0;
}

static void judge_memory(uint64_t masters, Sample *sample) {
        sample_add_number(sample, "in_memory", 1);
        sample_add_evidence(sample, "/flags: registry in_memory");
        if (masters > 1) {
                sample_fail(sample,
                            "the registry is kept in memory, want replicated_log of %llu masters",
                            (unsigned long long) masters);
        }
}

static void judge_replica(uint64_t masters, Sample *sample) {
        want(sample, "registrar/log/recovered", "recovered", 1);
        if (masters > 0)
                want(sample, "registrar/log/ensemble_size", "ensemble_size", masters);
}

/* --- compared with before --- */

static void want_younger(Sample *sample, uint64_t age_max) {
        uint64_t age;

        if (age_max == 0)
                return;

        if (!sample_get_number(sample, "uptime_ms", &age)) {
                sample_doubt(sample, "how long it runs is missing");
        } else if (age > age_max) {
                sample_fail(sample,
                            "it runs for %llu s, the step began %llu s ago: still the old process",
                            (unsigned long long) (age / 1000),
                            (unsigned long long) (age_max / 1000));
        }
}

static void want_at_least(Sample *sample, const char *key, const char *name, uint64_t wanted) {
        uint64_t value;

        if (wanted == 0)
                return;

        if (!sample_get_number(sample, name, &value)) {
                sample_doubt(sample, "%s is missing", key);
        } else if (value < wanted) {
                sample_fail(sample, "%s is %llu, before the step it was %llu", key,
                            (unsigned long long) value, (unsigned long long) wanted);
        }
}

/* Only the leader counts agents, the others say 0. */
static bool is_leader(const Sample *sample) {
        uint64_t elected;

        return sample_get_number(sample, "elected", &elected) && elected == 1;
}

/* --- the whole --- */

void mesos_master_judge_after(
                const MasterReplies *replies,
                uint64_t masters,
                const MetricsBefore *before,
                Sample *sample) {
        if (take_metrics(&replies->metrics, master_metrics, ELEMENTSOF(master_metrics), sample) ==
            0) {
                if (keeps_registry_in_memory(&replies->flags, sample)) {
                        judge_memory(masters, sample);
                } else {
                        judge_replica(masters, sample);
                }
                if (masters == 0)
                        sample_doubt(sample, "it is not known how many masters there are");
                want_answered(sample, "master/elected", "elected");
                want_younger(sample, before->age_max);
                if (is_leader(sample)) {
                        want_at_least(sample, "master/slaves_active", "slaves_active",
                                      before->agents);
                }
        }

        mesos_leader_read(&replies->redirect, sample);
        mesos_version_read(&replies->version, sample);
        sample_close(sample);
}

void mesos_master_judge(const MasterReplies *replies, uint64_t masters, Sample *sample) {
        mesos_master_judge_after(replies, masters, &(MetricsBefore) {}, sample);
}

void mesos_agent_judge_after(
                const AgentReplies *replies, const MetricsBefore *before, Sample *sample) {
        if (take_metrics(&replies->metrics, agent_metrics, ELEMENTSOF(agent_metrics), sample) ==
            0) {
                want_answered(sample, "slave/recovery_time_secs", "recovered");
                want(sample, "slave/recovery_errors", "recovery_errors", 0);
                want(sample, "slave/registered", "registered", 1);
                want_younger(sample, before->age_max);
                want_at_least(sample, "slave/tasks_running", "tasks_running", before->tasks);
        }

        mesos_agent_id_read(&replies->state, sample);
        mesos_version_read(&replies->version, sample);
        sample_close(sample);
}

void mesos_agent_judge(const AgentReplies *replies, Sample *sample) {
        mesos_agent_judge_after(replies, &(MetricsBefore) {}, sample);
}
