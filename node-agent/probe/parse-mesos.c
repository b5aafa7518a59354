/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-mesos.h"

#include <stdlib.h>
#include <string.h>

#include "common/parse.h"
#include "common/text.h"

#define STATUS_REDIRECT    307
#define STATUS_UNAVAILABLE 503
#define DIGITS             "0123456789"
#define HOST_CHARS         DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:[]"

static bool is_host_and_port(const char *text) {
        const char *port = strrchr(text, ':');

        if (!port || port == text || port[1] == '\0')
                return false;

        return text[strspn(text, HOST_CHARS)] == '\0' && port[1 + strspn(port + 1, DIGITS)] == '\0';
}

/* Of "//HOST:PORT", with or without "http:" before and a path behind. */
static bool parse_leader(const char *location, char ret[static SAMPLE_TEXT_MAX]) {
        const char *start = strstr(location, "//");
        char leader[SAMPLE_TEXT_MAX];
        size_t length;

        if (!start)
                return false;

        start += strlen("//");
        length = strcspn(start, "/");
        if (length >= sizeof(leader))
                return false;

        memcpy(leader, start, length);
        leader[length] = '\0';

        if (!is_host_and_port(leader))
                return false;

        memcpy(ret, leader, sizeof(leader));
        return true;
}

void mesos_leader_read(const Reply *redirect, Sample *sample) {
        char leader[SAMPLE_TEXT_MAX];
        Error error = {};

        if (reply_says(redirect, STATUS_UNAVAILABLE, "No leader elected")) {
                sample_fail(sample, "%s: no leader elected", redirect->question);
                return;
        }

        if (reply_expect(redirect, STATUS_REDIRECT, &error) < 0) {
                sample_doubt_error(sample, &error);
                return;
        }

        if (!parse_leader(redirect->location ? redirect->location : "", leader)) {
                sample_doubt(sample, "%s: got '%.128s', want //HOST:PORT of the leader",
                             redirect->question, redirect->location ? redirect->location : "");
                return;
        }

        sample_add_text(sample, "leader", leader);
}

static void read_text(const Reply *reply, size_t max, const char *key, Sample *sample) {
        char text[SAMPLE_TEXT_MAX];
        AUTO(Json) *object = NULL;

        if (reply_object(reply, max, &object, NULL) == 0 &&
            json_get_string(object, key, text, sizeof(text), NULL) == 0)
                sample_add_text(sample, key, text);
}

void mesos_version_read(const Reply *version, Sample *sample) {
        read_text(version, REPLY_BYTES_MAX, "version", sample);
}

/* --- durations, as stout writes them: "15secs", "1.5mins" --- */

static bool parse_duration(const char *text, double *ret_ms) {
        static const struct {
                const char *unit;
                double ms;
        } units[] = {
                { "ns", 1e-6 },    { "us", 1e-3 },     { "ms", 1 },       { "secs", 1000 },
                { "mins", 60000 }, { "hrs", 3600000 }, { "days", 864e5 }, { "weeks", 6048e5 },
        };
        char *end;
        double number;

        if (text[0] < '0' || text[0] > '9')
                return false;

        number = strtod(text, &end);
        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                if (strcmp(end, units[i].unit) == 0) {
                        *ret_ms = number * units[i].ms;
                        return true;
                }
        }

        return false;
}

/* Of the new name, else of the old one. */
static const char *find_flag(const Json *flags, const char *name, const char *old_name) {
        const char *value = json_string_value(json_find(flags, name));

        return value ? value : json_string_value(json_find(flags, old_name));
}

static void add_limit(Sample *sample, const char *name, double ms) {
        if (ms > 0 && ms < (double) JSON_NUMBER_MAX)
                sample_add_number(sample, name, (uint64_t) ms);
}

void mesos_limits_read(const Reply *flags, Sample *sample) {
        AUTO(Json) *object = NULL;
        const Json *named = NULL;
        const char *ping, *pings, *reregister;
        double ms;
        uint64_t count;

        if (reply_object(flags, REPLY_BYTES_MAX, &object, NULL) < 0 ||
            json_get_object(object, "flags", &named, NULL) < 0)
                return;

        ping = find_flag(named, "agent_ping_timeout", "slave_ping_timeout");
        pings = find_flag(named, "max_agent_ping_timeouts", "max_slave_ping_timeouts");
        reregister = find_flag(named, "agent_reregister_timeout", "slave_reregister_timeout");
        if (ping && pings && parse_duration(ping, &ms) &&
            parse_u64(pings, 1, UINT32_MAX, &count) == 0)
                add_limit(sample, "ping_limit_ms", ms * (double) count);
        if (reregister && parse_duration(reregister, &ms))
                add_limit(sample, "reregister_limit_ms", ms);
}

void mesos_agent_id_read(const Reply *state, Sample *sample) {
        read_text(state, REPLY_LIST_BYTES_MAX, "id", sample);
}
