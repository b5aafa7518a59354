/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-mesos.h"

#include <string.h>

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

void mesos_agent_id_read(const Reply *state, Sample *sample) {
        read_text(state, REPLY_LIST_BYTES_MAX, "id", sample);
}
