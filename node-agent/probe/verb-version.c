/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/probe.h"

#include <limits.h>
#include <string.h>

#include "common/text.h"
#include "node-agent/probe/ask.h"
#include "node-agent/probe/parse-version.h"
#include "node-agent/probe/program.h"

#define OUTPUT_MAX 4096

static const Question version = { "/version", "/version", NULL, REPLY_BYTES_MAX };

typedef struct VersionOrder {
        const char *address;
        const char *dcos; /* NULL: not known */
        bool master;
        char program[PATH_MAX];
        usec_t timeout;
} VersionOrder;

static int parse_order(char *const arguments[], VersionOrder *order, Error *error) {
        const char *role = NULL, *root = NULL, *timeout = NULL;
        const ProbeOption options[] = {
                { "address", &order->address },    { "role", &role },
                { "version", &order->dcos, true }, { "timeout", &timeout, true },
                { "root", &root, true },           {}
        };
        int r;

        r = probe_options_parse(options, arguments, error);
        if (r < 0)
                return r;

        r = parse_address(order->address, error);
        if (r < 0)
                return error_prefixf(error, "--address");

        order->master = strcmp(role, "master") == 0;
        if (!order->master && strcmp(role, "agent") != 0) {
                return error_setf(
                                error, ERROR_INVALID, "--role: got '%s', want master or agent",
                                role);
        }

        if (!text_format(order->program, sizeof(order->program), "%s/opt/mesosphere/bin/mesos-%s",
                         root ? root : "", role))
                return error_setf(error, ERROR_INVALID, "--root: too long");

        return parse_timeout(timeout, ASK_TIMEOUT, &order->timeout, error);
}

static void ask_version(VersionOrder *order, Sample *sample) {
        char option[] = "--version";
        char *const arguments[] = { order->program, option, NULL };
        ProgramResult result = {};
        AUTO(ProgramResult) *owned = &result;
        Asked asked = {};
        Server server;
        int r;

        server_init(&server, "http", order->address, order->master ? 5050 : 5051, order->timeout);
        ask_in_turn(&server, &version, &asked, 1);
        r = program_run(arguments, order->timeout, OUTPUT_MAX, owned, NULL);
        sample->took = server_elapsed(&server);
        mesos_version_judge(
                        &(VersionAnswers) {
                                        .running = asked.reply,
                                        .disk = r == 0 && result.exit_status == 0 ? result.output
                                                                                  : NULL,
                                        .dcos = order->dcos,
                        },
                        sample);
        asked_done(&asked, 1);
}

ProbeExit probe_mesos_version(char *const arguments[], Json *answer, Error *error) {
        VersionOrder order = {};
        Sample sample;

        if (parse_order(arguments, &order, error) < 0)
                return PROBE_USAGE;

        sample_init(&sample, "mesos-version", "");
        ask_version(&order, &sample);
        if (!samples_print(&sample, 1, answer)) {
                (void) error_setf(error, ERROR_MEMORY, "no memory for the answer");
                return PROBE_FAILED;
        }

        return PROBE_OK;
}
