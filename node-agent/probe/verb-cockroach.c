/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/probe.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/text.h"
#include "node-agent/probe/ask.h"
#include "node-agent/probe/master-list.h"
#include "node-agent/probe/parse-cockroach.h"
#include "node-agent/probe/program.h"

/* By HTTP first: no certificate, no columns that move, and one request. Where the node has the CA
 * of DC/OS Enterprise the port may speak TLS, so that is tried before. The command is asked when
 * HTTP gave no answer that can be judged, and never to overrule one that can. */

#define COCKROACH_PORT 8090
#define CA_FILE        "/run/dcos/pki/CA/ca-bundle.crt"

typedef struct CockroachOrder {
        MasterOrder of;
        usec_t deadline; /* boot time */
        bool has_program;
        char program[PATH_MAX];
} CockroachOrder;

static int parse_order(char *const arguments[], CockroachOrder *ret, Error *error) {
        int r;

        *ret = (CockroachOrder) {};
        r = parse_master_order(arguments, &ret->of, error);
        if (r < 0)
                return r;

        ret->deadline = span_add(clock_boottime(), ret->of.timeout);
        return 0;
}

/* Below the root; false: there is none, or its name is too long. */
static bool is_there(const CockroachOrder *order, const char *path, char ret[static PATH_MAX]) {
        return text_format(ret, PATH_MAX, "%s%s", order->of.root, path) && access(ret, F_OK) == 0;
}

/* --- HTTP --- */

static bool ask_http(
                const CockroachOrder *order,
                const char *ca_file,
                const CockroachWanted *wanted,
                Sample *sample) {
        static const Question question = {
                .path = "/_status/nodes",
                .name = "/_status/nodes",
                .body_max = REPLY_BYTES_MAX,
                .accept = "application/json", /* otherwise it may answer in a format of its own */
        };
        Asked asked = {};
        Server server;
        bool answered;

        /* What is asked after it needs time, too. */
        server_init(&server, ca_file ? "https" : "http", "127.0.0.1", COCKROACH_PORT,
                    span_sub(order->deadline, clock_boottime()) /
                                    (ca_file || order->has_program ? 2 : 1));
        server.ca_file = ca_file;
        ask_in_turn(&server, &question, &asked, 1);
        answered = cockroach_http_judge(&asked.reply, wanted, sample);
        asked_done(&asked, 1);
        return answered;
}

/* --- the command --- */

/* Where its certificates are depends on the version; without them the database has none. */
static bool find_certificates(const CockroachOrder *order, char option[static PATH_MAX + 32]) {
        static const char *const folders[] = {
                "/run/dcos/pki/bouncer",
                "/run/dcos/pki/cockroach",
        };
        char path[PATH_MAX];

        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                if (is_there(order, folders[i], path))
                        return text_format(option, PATH_MAX + 32, "--certs-dir=%s", path);
        }

        return text_format(option, PATH_MAX + 32, "--insecure");
}

static void ask_command(CockroachOrder *order, const CockroachWanted *wanted, Sample *sample) {
        char node[] = "node", status[] = "status", ranges[] = "--ranges", format[] = "--format=tsv";
        char certificates[PATH_MAX + 32], host[96];
        char *const arguments[] = { order->program, node,         status, ranges,
                                    format,         certificates, host,   NULL };
        usec_t left = span_sub(order->deadline, clock_boottime());
        ProgramResult result = {};
        AUTO(ProgramResult) *owned = &result;
        Error error = {};
        int r;

        if (!order->has_program) {
                sample_doubt(sample, "cockroach node status: there is no " COCKROACH_PROGRAM);
                return;
        }
        if (!find_certificates(order, certificates) ||
            !text_format(host, sizeof(host), "--host=%s", order->of.address)) {
                sample_doubt(sample, "cockroach node status: --root is too long");
                return;
        }

        r = program_run(arguments, left, REPLY_BYTES_MAX, owned, &error);
        cockroach_command_judge(
                        &(CockroachAnswer) {
                                        .failure = r < 0 ? error.text : NULL,
                                        .exit_status = result.exit_status,
                                        .output = result.output,
                                        .size = result.size,
                                        .errors = result.errors,
                        },
                        wanted, sample);
}

/* --- the whole --- */

/* Nobody has answered: why each of them did not. */
static void merge(const Sample *http, Sample *sample) {
        char why[ERROR_TEXT_MAX / 2];

        sample_add_evidence(sample, "by HTTP: %s", http->why.text);
        if (sample->verdict != VERDICT_UNKNOWN || sample->number_count > 0)
                return;

        (void) text_copy(why, sizeof(why), sample->why.text);
        sample->why = (Error) {};
        sample_doubt(sample, "%.200s; and %s", http->why.text, why);
}

static void ask(CockroachOrder *order, Sample *sample) {
        CockroachWanted wanted = { .masters = order->of.masters, .now = clock_wall() };
        char ca_file[PATH_MAX];
        AUTO(Json) *names = NULL;
        Sample http = *sample, tls = *sample;
        Error error = {};

        if (master_list_read(order->of.root, &names, &error) < 0) {
                sample_doubt_error(sample, &error);
                return;
        }

        wanted.names = names;
        order->has_program = is_there(order, COCKROACH_PROGRAM, order->program);
        if (is_there(order, CA_FILE, ca_file) && ask_http(order, ca_file, &wanted, &tls)) {
                *sample = tls;
        } else if (ask_http(order, NULL, &wanted, &http)) {
                *sample = http;
        } else {
                ask_command(order, &wanted, sample);
                merge(&http, sample);
        }
}

ProbeExit probe_cockroach(char *const arguments[], Json *answer, Error *error) {
        CockroachOrder order = {};
        Sample sample;

        if (parse_order(arguments, &order, error) < 0)
                return PROBE_USAGE;

        sample_init(&sample, "cockroachdb", "");
        ask(&order, &sample);
        sample.took = span_sub(order.of.timeout, span_sub(order.deadline, clock_boottime()));
        if (!samples_print(&sample, 1, answer)) {
                (void) error_setf(error, ERROR_MEMORY, "no memory for the answer");
                return PROBE_FAILED;
        }

        return PROBE_OK;
}
