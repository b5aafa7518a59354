/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/probe.h"

#include "common/digest.h"
#include "common/parse.h"
#include "node-agent/probe/fetch.h"
#include "node-agent/probe/options.h"

#define DEADLINE_MAX (USEC_PER_DAY / USEC_PER_SEC)

static int parse_order(char *const arguments[], FetchOrder *ret, Error *error) {
        const char *url = NULL, *file = NULL, *size = NULL, *sha256 = NULL, *deadline = NULL;
        const ProbeOption options[] = {
                { "url", &url },       { "file", &file },         { "size", &size },
                { "sha256", &sha256 }, { "deadline", &deadline }, {},
        };
        FetchOrder order = {};
        uint64_t seconds;
        int r;

        r = probe_options_parse(options, arguments, error);
        if (r < 0)
                return r;

        if (parse_u64(size, 1, JSON_NUMBER_MAX, &order.size) < 0) {
                return error_setf(
                                error, ERROR_INVALID, "--size: got '%s', want bytes, at least 1",
                                size);
        }
        if (!hex_is_valid(sha256, DIGEST_TEXT_MAX - 1)) {
                return error_setf(
                                error, ERROR_INVALID,
                                "--sha256: got '%s', want %d lower-case hex digits", sha256,
                                DIGEST_TEXT_MAX - 1);
        }
        if (parse_u64(deadline, 1, DEADLINE_MAX, &seconds) < 0) {
                return error_setf(
                                error, ERROR_INVALID,
                                "--deadline: got '%s', want 1 to %llu seconds", deadline,
                                (unsigned long long) DEADLINE_MAX);
        }

        order.url = url;
        order.path = file;
        order.sha256 = sha256;
        order.timeout = seconds * USEC_PER_SEC;
        *ret = order;
        return 0;
}

ProbeExit probe_fetch(char *const arguments[], Json *answer, Error *error) {
        FetchOrder order = {};

        if (parse_order(arguments, &order, error) < 0)
                return PROBE_USAGE;

        if (fetch(&order, error) < 0)
                return PROBE_FAILED;

        if (!json_add_bool(answer, "ok", true) || !json_add_u64(answer, "size", order.size) ||
            !json_add_string(answer, "sha256", order.sha256)) {
                (void) error_setf(error, ERROR_MEMORY, "no memory for the answer");
                return PROBE_FAILED;
        }

        return PROBE_OK;
}
