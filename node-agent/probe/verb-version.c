/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/probe.h"

#include <limits.h>
#include <string.h>

#include "common/text.h"
#include "node-agent/probe/access.h"
#include "node-agent/probe/parse-version.h"
#include "node-agent/probe/program.h"

#define OUTPUT_MAX 4096

static const Question version = { "/version", "/version", NULL, REPLY_BYTES_MAX };

typedef struct VersionOrder {
        const char *address;
        const char *dcos; /* NULL: not known */
        bool master;
        const char *root; /* NULL: / */
        const char *token;
        char program[PATH_MAX];
        usec_t timeout;
} VersionOrder;

static int parse_order(char *const arguments[], VersionOrder *order, Error *error) {
        const char *role = NULL, *timeout = NULL;
        const ProbeOption options[] = {
                { "address", &order->address },
                { "role", &role },
                { "version", &order->dcos, true },
                { "timeout", &timeout, true },
                { "root", &order->root, true },
                { "token", &order->token, true },
                {},
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
                         order->root ? order->root : "", role))
                return error_setf(error, ERROR_INVALID, "--root: too long");

        return parse_timeout(timeout, ASK_TIMEOUT, &order->timeout, error);
}

static void ask_version(VersionOrder *order, const Access *access, Sample *sample) {
        char option[] = "--version";
        char *const arguments[] = { order->program, option, NULL };
        ProgramResult result = {};
        AUTO(ProgramResult) *owned = &result;
        Asked asked = {};
        Server server;
        int r;

        access_init_server(
                        access, &server, order->address, order->master ? 5050 : 5051,
                        order->timeout);
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
        asked_note_refusal(&asked, 1, sample);
        asked_done(&asked, 1);
}

ProbeExit probe_mesos_version(char *const arguments[], Json *answer, Error *error) {
        AUTO(Access) *access = NULL;
        VersionOrder order = {};
        Error problem = {};
        Sample sample;

        if (parse_order(arguments, &order, error) < 0)
                return PROBE_USAGE;

        sample_init(&sample, "mesos-version", "");
        if (access_open(order.root, order.token, &access, &problem) < 0) {
                sample_doubt_error(&sample, &problem);
        } else {
                ask_version(&order, access, &sample);
        }
        if (!samples_print(&sample, 1, answer)) {
                (void) error_setf(error, ERROR_MEMORY, "no memory for the answer");
                return PROBE_FAILED;
        }

        return PROBE_OK;
}
