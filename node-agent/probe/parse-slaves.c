/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-slaves.h"

#include <errno.h>
#include <string.h>

#include "common/text.h"
#include "node-agent/probe/parse-mesos.h"

/* Agents that wait to register again ("recovered_slaves") have no pid, only a hostname, which DC/OS
 * sets to the address. Unreachable agents are in neither list. */

#define STATUS_UNAVAILABLE 503
#define MSEC_PER_SEC       1000.0
#define PID_PREFIX         "slave(1)@"

/* Every string is there and borrowed from the JSON. */
typedef struct Slave {
        const char *id;
        const char *pid;
        bool active;
        bool deactivated;
        uint64_t registered_ms; /* the newest time, on the leader's clock; 0: not said */
} Slave;

typedef struct Lists {
        const Json *slaves;
        const Json *recovered;
        uint64_t active;
} Lists;

/* --- one agent --- */

static int get_newer(const Json *object, const char *key, uint64_t *newest, Error *error) {
        double seconds;
        int r;

        r = json_get_double(object, key, &seconds, error);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;

        if (!(seconds > 0 && seconds < (double) JSON_NUMBER_MAX / MSEC_PER_SEC))
                return error_setf(error, ERROR_INVALID, "'%s' is %g, want a time", key, seconds);

        *newest = MAX(*newest, (uint64_t) (seconds * MSEC_PER_SEC));
        return 0;
}

static int parse_slave(const Json *object, Slave *ret, Error *error) {
        Slave slave = {};
        int r;

        if (!json_is_object(object)) {
                return error_setf(
                                error, ERROR_INVALID, "got %s, want object",
                                json_type_name(object));
        }

        r = json_borrow_string(object, "id", &slave.id, error);
        if (r < 0)
                return r;

        r = json_borrow_string(object, "pid", &slave.pid, error);
        if (r < 0)
                return r;

        r = json_get_bool(object, "active", &slave.active, error);
        if (r < 0)
                return r;

        r = json_get_bool(object, "deactivated", &slave.deactivated, error);
        if (r < 0 && r != -ENOENT) /* before Mesos 1.8 */
                return r;

        r = get_newer(object, "registered_time", &slave.registered_ms, error);
        if (r < 0)
                return r;

        r = get_newer(object, "reregistered_time", &slave.registered_ms, error);
        if (r < 0)
                return r;

        *ret = slave;
        return 0;
}

/* The agent's process is always called slave(1); the port is whatever it is. */
static bool slave_is_at(const Slave *slave, const char *address) {
        size_t length = strlen(address);
        const char *at = slave->pid + strlen(PID_PREFIX);

        return text_starts_with(slave->pid, PID_PREFIX) && strncmp(at, address, length) == 0 &&
               at[length] == ':';
}

/* --- both lists --- */

static int check_recovered(const Json *item, Error *error) {
        const char *text;
        int r;

        if (!json_is_object(item))
                return error_setf(error, ERROR_INVALID, "got no object");

        r = json_borrow_string(item, "hostname", &text, error);
        return r < 0 ? r : json_borrow_string(item, "id", &text, error);
}

static int parse_lists(const Json *object, Lists *ret, Error *error) {
        Lists lists = {};
        size_t i = 0;
        int r;

        r = json_get_array(object, "slaves", &lists.slaves, error);
        if (r < 0)
                return r;

        r = json_get_array(object, "recovered_slaves", &lists.recovered, error);
        if (r < 0)
                return r;

        for (const Json *item = json_first(lists.slaves); item; item = json_next(item), i++) {
                Slave slave = {};

                r = parse_slave(item, &slave, error);
                if (r < 0)
                        return error_prefixf(error, "slaves[%zu]", i);

                lists.active += slave.active;
        }

        for (const Json *item = json_first(lists.recovered); item; item = json_next(item)) {
                r = check_recovered(item, error);
                if (r < 0)
                        return error_prefixf(error, "recovered_slaves");
        }

        *ret = lists;
        return 0;
}

/* How many are at this address; and the last of them. */
static uint64_t find_slaves(const Json *slaves, const char *address, Slave *ret) {
        uint64_t count = 0;

        for (const Json *item = json_first(slaves); item; item = json_next(item)) {
                Slave slave = { .id = "", .pid = "" };

                if (parse_slave(item, &slave, NULL) < 0 || !slave_is_at(&slave, address))
                        continue;

                *ret = slave;
                count++;
        }

        return count;
}

static bool is_recovered(const Json *recovered, const char *address, const char *id) {
        for (const Json *item = json_first(recovered); item; item = json_next(item)) {
                const char *its_host = json_string_value(json_find(item, "hostname"));
                const char *its_id = json_string_value(json_find(item, "id"));

                if (strcmp(its_host, address) == 0 || (id && strcmp(its_id, id) == 0))
                        return true;
        }

        return false;
}

/* What runs on the agent, as the leader knows it; left out when it cannot be said. */
static void add_tasks(const Json *summary, const char *id, Sample *sample) {
        for (const Json *item = json_first(summary); item; item = json_next(item)) {
                const char *its_id = json_string_value(json_find(item, "id"));
                uint64_t tasks;

                if (!its_id || strcmp(its_id, id) != 0)
                        continue;

                if (json_get_u64(item, "TASK_RUNNING", 0, JSON_NUMBER_MAX, &tasks, NULL) == 0)
                        sample_add_number(sample, "tasks", tasks);
                return;
        }
}

static void judge_slave(const Slave *slave, bool recovered, Sample *sample) {
        if (recovered) {
                sample_fail(sample, "has not registered again since the leader was elected");
        } else if (slave->deactivated) {
                sample_fail(sample, "is being drained");
        } else if (!slave->active) {
                sample_fail(sample, "is not active, want active");
        } else if (slave->registered_ms == 0) {
                sample_doubt(sample, "has no registered_time");
        }
}

static void judge_address(
                const Lists *lists, const Json *summary, const char *address, Sample *sample) {
        Slave slave = {};
        uint64_t listed = find_slaves(lists->slaves, address, &slave);
        bool recovered = is_recovered(lists->recovered, address, slave.id);

        sample_add_number(sample, "listed", listed);
        sample_add_number(sample, "recovered", recovered);

        if (listed == 0 && !recovered) {
                sample_fail(sample, "is not in the leader's list");
        } else if (listed > 1) {
                sample_fail(sample, "is in the leader's list %llu times, want once",
                            (unsigned long long) listed);
        } else {
                judge_slave(&slave, recovered, sample);
        }

        if (listed == 1) {
                sample_add_number(sample, "active", slave.active);
                sample_add_text(sample, "id", slave.id);
                if (slave.registered_ms > 0)
                        sample_add_number(sample, "reregistered_ms", slave.registered_ms);
                add_tasks(summary, slave.id, sample);
                sample_add_evidence(
                                sample, "id %.64s pid %.64s active %d deactivated %d", slave.id,
                                slave.pid, slave.active, slave.deactivated);
        }

        sample_close(sample);
}

/* --- the leader --- */

static int read_health(const Reply *reply, Sample *sample) {
        AUTO(Json) *object = NULL;
        const Json *health = NULL;
        bool healthy = false;
        Error error = {};
        int r;

        if (reply_says(reply, STATUS_UNAVAILABLE, "Master has not finished recovery")) {
                sample_add_number(sample, "health", 0);
                sample_fail(sample, "the leader has not finished recovery");
                return -EAGAIN;
        }

        r = reply_object(reply, REPLY_BYTES_MAX, &object, &error);
        if (r == 0)
                r = json_get_object(object, "get_health", &health, &error);
        if (r == 0)
                r = json_get_bool(health, "healthy", &healthy, &error);
        if (r < 0) {
                reply_quote(reply, sample);
                sample_doubt_error(sample, &error);
                return r;
        }

        sample_add_number(sample, "health", healthy);
        if (!healthy) {
                sample_fail(sample, "the leader says that it is not healthy");
                return -EAGAIN;
        }

        return 0;
}

static int read_lists(const Reply *reply, Json **ret_object, Lists *ret_lists, Sample *sample) {
        AUTO(Json) *object = NULL;
        Lists lists = {};
        Error error = {};
        int r;

        r = reply_object(reply, REPLY_LIST_BYTES_MAX, &object, &error);
        if (r == 0)
                r = parse_lists(object, &lists, &error);
        if (r < 0) {
                reply_quote(reply, sample);
                sample_doubt_error(sample, &error);
                return r;
        }

        *ret_lists = lists;
        *ret_object = TAKE(object);
        return 0;
}

static void judge_cluster(const Lists *lists, Sample *sample) {
        size_t recovered = json_size(lists->recovered);

        sample_add_number(sample, "agents", json_size(lists->slaves));
        sample_add_number(sample, "agents_active", lists->active);
        sample_add_number(sample, "agents_recovered", recovered);
        sample_add_evidence(
                        sample, "%zu agents, %llu active, %zu not registered again",
                        json_size(lists->slaves), (unsigned long long) lists->active, recovered);
        if (recovered > 0)
                sample_fail(sample, "%zu agents have not registered again, want none", recovered);

        sample_close(sample);
}

void mesos_leader_judge(
                const LeaderReplies *replies,
                const char *const agents[],
                size_t agent_count,
                Sample samples[]) {
        AUTO(Json) *object = NULL;
        AUTO(Json) *summary = NULL;
        Lists lists = {};
        int r;

        mesos_version_read(&replies->version, &samples[0]);
        mesos_limits_read(&replies->flags, &samples[0]);

        r = read_health(&replies->health, &samples[0]);
        if (r == 0)
                r = read_lists(&replies->slaves, &object, &lists, &samples[0]);
        if (r < 0) {
                for (size_t i = 1; i <= agent_count; i++)
                        sample_doubt(&samples[i], "the leader: %s", samples[0].why.text);
                return;
        }

        judge_cluster(&lists, &samples[0]);
        (void) reply_object(&replies->summary, REPLY_LIST_BYTES_MAX, &summary, NULL);
        for (size_t i = 0; i < agent_count; i++) {
                judge_address(&lists, json_find(summary, "slaves"), agents[i], &samples[1 + i]);
        }
}
