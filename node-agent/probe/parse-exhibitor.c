/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-exhibitor.h"

#include <string.h>

#include "common/text.h"

/* "All are serving" is true of an empty list, and of one that forgot a master: hence the counting,
 * and the looking for names that stand twice. */

#define CODE_SERVING 3

typedef struct Server {
        char hostname[SAMPLE_TEXT_MAX];
        char description[32];
        bool serving;
        bool leader;
} Server;

static int parse_server(const Json *object, Server *ret, Error *error) {
        Server server = {};
        uint64_t code;
        int r;

        if (!json_is_object(object)) {
                return error_setf(
                                error, ERROR_INVALID, "got %s, want object",
                                json_type_name(object));
        }

        r = json_get_string(object, "hostname", server.hostname, sizeof(server.hostname), error);
        if (r < 0)
                return r;

        r =
                        json_get_string(object, "description", server.description,
                                        sizeof(server.description), error);
        if (r < 0)
                return r;

        r = json_get_u64(object, "code", 0, UINT32_MAX, &code, error);
        if (r < 0)
                return r;

        r = json_get_bool(object, "isLeader", &server.leader, error);
        if (r < 0)
                return r;

        if (!server.hostname[0])
                return error_setf(error, ERROR_INVALID, "hostname is empty");

        server.serving = code == CODE_SERVING && strcmp(server.description, "serving") == 0;
        *ret = server;
        return 0;
}

static void count_server(const Server *server, ExhibitorStatus *status) {
        status->listed++;
        status->serving += server->serving;
        status->leaders += server->leader;

        if (server->leader)
                (void) text_copy(status->leader, sizeof(status->leader), server->hostname);
        if (!server->serving && !status->worst[0]) {
                (void) text_format(
                                status->worst, sizeof(status->worst), "%s is '%s'",
                                server->hostname, server->description);
        }
}

int exhibitor_status_parse(const Json *list, ExhibitorStatus *ret, Error *error) {
        ExhibitorStatus status = {};
        int r;

        for (const Json *item = json_first(list); item; item = json_next(item)) {
                Server server = {};

                r = parse_server(item, &server, error);
                if (r < 0) {
                        return error_prefixf(
                                        error, "server %llu", (unsigned long long) status.listed);
                }

                count_server(&server, &status);
        }

        *ret = status;
        return 0;
}

/* Every item has a hostname: the list has been parsed. */
static size_t count_name(const Json *list, const char *name) {
        size_t count = 0;

        for (const Json *item = json_first(list); item; item = json_next(item))
                count += strcmp(json_string_value(json_find(item, "hostname")), name) == 0;

        return count;
}

static void judge_names(const Json *list, const Json *names, Sample *sample) {
        for (const Json *item = json_first(list); item; item = json_next(item)) {
                const char *name = json_string_value(json_find(item, "hostname"));

                if (count_name(list, name) > 1)
                        sample_fail(sample, "%s is listed twice", name);
        }

        for (const Json *item = json_first(names); item; item = json_next(item)) {
                const char *name = json_string_value(item);

                if (!name) {
                        sample_doubt(sample, "the list of masters has an item that is no text");
                } else if (count_name(list, name) == 0) {
                        sample_fail(sample, "master %s is not listed", name);
                }
        }
}

static void judge_status(const ExhibitorStatus *status, uint64_t masters, Sample *sample) {
        if (masters == 0) {
                sample_doubt(sample, "it is not known how many masters there are");
        } else if (status->listed == 0) {
                sample_doubt(sample, "an empty list of servers is no answer");
        } else if (status->listed != masters) {
                sample_fail(sample, "%llu servers are listed, want %llu",
                            (unsigned long long) status->listed, (unsigned long long) masters);
        } else if (status->serving != status->listed) {
                sample_fail(sample, "%s, want all serving", status->worst);
        } else if (status->leaders != 1) {
                sample_fail(sample, "%llu servers are the leader, want 1",
                            (unsigned long long) status->leaders);
        }
}

void exhibitor_judge(const Reply *reply, uint64_t masters, const Json *names, Sample *sample) {
        AUTO(Json) *list = NULL;
        ExhibitorStatus status = {};
        Error error = {};
        int r;

        reply_quote(reply, sample);
        if (masters > 0)
                sample_add_number(sample, "masters", masters);

        r = reply_list(reply, REPLY_BYTES_MAX, &list, &error);
        if (r == 0)
                r = exhibitor_status_parse(list, &status, &error);
        if (r < 0) {
                sample_doubt_error(sample, &error);
                return;
        }

        sample_add_number(sample, "listed", status.listed);
        sample_add_number(sample, "serving", status.serving);
        sample_add_number(sample, "leaders", status.leaders);
        if (status.leaders == 1)
                sample_add_text(sample, "leader", status.leader);

        judge_status(&status, masters, sample);
        if (status.listed == masters) /* so they are few */
                judge_names(list, names, sample);
        sample_close(sample);
}
