/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/probe.h"

#include <limits.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "node-agent/probe/ask.h"
#include "node-agent/probe/parse-checks.h"
#include "node-agent/probe/program.h"

/* The runner gives each check up to 30 s, runs all at once, and answers when the last has ended:
 * whoever waits less never learns which one hangs. */
#define CHECK_RUNNER_TIMEOUT (40 * USEC_PER_SEC)
#define CHECK_RUNNER         "/opt/mesosphere/bin/dcos-check-runner"

typedef struct CheckRunnerOrder {
        char program[PATH_MAX];
        const char *check;
        usec_t timeout;
} CheckRunnerOrder;

static bool is_known(const char *check) {
        return strcmp(check, CHECK_RUNNER_NODE) == 0 || strcmp(check, CHECK_RUNNER_CLUSTER) == 0;
}

/* `check` NULL: an option says which. */
static int parse_order(
                char *const arguments[], const char *check, CheckRunnerOrder *ret, Error *error) {
        const char *timeout = NULL, *root = NULL, *wanted = NULL;
        const ProbeOption which = { check ? NULL : "check", &wanted, true };
        const ProbeOption options[] = {
                { "timeout", &timeout, true }, { "root", &root, true }, which, {}
        };
        CheckRunnerOrder order = {};
        int r;

        r = probe_options_parse(options, arguments, error);
        if (r < 0)
                return r;

        order.check = check ? check : wanted ? wanted : CHECK_RUNNER_NODE;
        if (!is_known(order.check)) {
                return error_setf(
                                error, ERROR_INVALID,
                                "--check: got '%s', want " CHECK_RUNNER_NODE
                                " or " CHECK_RUNNER_CLUSTER,
                                order.check);
        }

        if (!text_format(order.program, sizeof(order.program), "%s" CHECK_RUNNER, root ? root : ""))
                return error_setf(error, ERROR_INVALID, "--root: too long");

        r = parse_timeout(timeout, CHECK_RUNNER_TIMEOUT, &order.timeout, error);
        if (r < 0)
                return r;

        *ret = order;
        return 0;
}

static void ask_check_runner(CheckRunnerOrder *order, Sample *sample) {
        char command[] = "check", check[sizeof(CHECK_RUNNER_NODE)];
        char *const arguments[] = { order->program, command, check, NULL };
        usec_t begin = clock_boottime();
        ProgramResult result = {};
        AUTO(ProgramResult) *owned = &result;
        Error error = {};
        int r;

        (void) text_copy(check, sizeof(check), order->check);
        r = program_run(arguments, order->timeout, REPLY_BYTES_MAX, owned, &error);
        sample->took = span_sub(clock_boottime(), begin);
        check_runner_judge(
                        &(CheckRunnerAnswer) {
                                        .check = order->check,
                                        .failure = r < 0 ? error.text : NULL,
                                        .exit_status = result.exit_status,
                                        .output = result.output,
                                        .size = result.size,
                                        .errors = result.errors,
                        },
                        sample);
}

static ProbeExit probe(
                const char *name,
                const char *check,
                char *const arguments[],
                Json *answer,
                Error *error) {
        CheckRunnerOrder order = {};
        Sample sample;

        if (parse_order(arguments, check, &order, error) < 0)
                return PROBE_USAGE;

        sample_init(&sample, name, "");
        ask_check_runner(&order, &sample);
        if (!samples_print(&sample, 1, answer)) {
                (void) error_setf(error, ERROR_MEMORY, "no memory for the answer");
                return PROBE_FAILED;
        }

        return PROBE_OK;
}

ProbeExit probe_check_runner(char *const arguments[], Json *answer, Error *error) {
        return probe("check-runner", NULL, arguments, answer, error);
}

ProbeExit probe_cluster_checks(char *const arguments[], Json *answer, Error *error) {
        return probe("cluster-checks", CHECK_RUNNER_CLUSTER, arguments, answer, error);
}
