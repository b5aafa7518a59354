/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-checks.h"

#include <errno.h>
#include <string.h>

#include "common/text.h"
#include "node-agent/probe/reply.h"

#define STATUS_UNKNOWN 3
#define SHOWN_MAX      256

typedef struct Result {
        uint64_t status;
        const char *output; /* borrowed */
} Result;

/* Trailing line ends go. */
static void show(char buffer[static SHOWN_MAX], const char *text) {
        size_t length;

        (void) text_copy(buffer, SHOWN_MAX, text);
        length = strlen(buffer);
        while (length > 0 && buffer[length - 1] == '\n')
                buffer[--length] = '\0';
}

/* --- results --- */

static int parse_result(const Json *json, Result *ret, Error *error) {
        Result result = { .output = json_string_value(json_find(json, "output")) };
        int r;

        if (!json_is_object(json)) {
                return error_setf(
                                error, ERROR_INVALID, "got %s, want object", json_type_name(json));
        }

        r = json_get_u64(json, "status", 0, STATUS_UNKNOWN, &result.status, error);
        if (r < 0)
                return r;

        if (!result.output)
                return error_setf(error, ERROR_INVALID, "'output' is missing or no text");

        *ret = result;
        return 0;
}

static void judge_result(const char *name, const Result *result, Sample *sample) {
        char output[SHOWN_MAX];

        if (result->status == 0)
                return;

        show(output, result->output);
        sample_add_evidence(
                        sample, "%.64s %llu: %s", name, (unsigned long long) result->status,
                        output);
        if (result->status == STATUS_UNKNOWN) {
                sample_doubt(sample, "%.64s is unknown: %s", name, output);
        } else {
                sample_fail(sample, "%.64s is %s: %s", name,
                            result->status == 1 ? "a warning" : "a failure", output);
        }
}

/* Every result first: an answer that contradicts itself is no answer. */
static int parse_results(const Json *checks, uint64_t *ret_worst, Error *error) {
        uint64_t worst = 0;
        int r;

        for (const Json *check = json_first(checks); check; check = json_next(check)) {
                Result result = {};

                r = parse_result(check, &result, error);
                if (r < 0)
                        return error_prefixf(error, "check %.64s", json_key(check));

                worst = MAX(worst, result.status);
        }

        *ret_worst = worst;
        return 0;
}

static int parse_answer(
                const Json *object,
                uint64_t exit_status,
                const Json **ret_checks,
                uint64_t *ret_status,
                Error *error) {
        const Json *checks = NULL;
        uint64_t status, worst = 0;
        int r;

        r = json_get_u64(object, "status", 0, STATUS_UNKNOWN, &status, error);
        if (r < 0)
                return r;

        r = json_get_object(object, "checks", &checks, error);
        if (r < 0)
                return r;

        r = parse_results(checks, &worst, error);
        if (r < 0)
                return r;

        if (status != worst) {
                return error_setf(
                                error, ERROR_INVALID,
                                "says status %llu, but the worst check is %llu",
                                (unsigned long long) status, (unsigned long long) worst);
        }
        if (status != exit_status) {
                return error_setf(
                                error, ERROR_INVALID,
                                "says status %llu, but ended with exit status %llu",
                                (unsigned long long) status, (unsigned long long) exit_status);
        }

        *ret_checks = checks;
        *ret_status = status;
        return 0;
}

/* All that it counts are the states of units, those of Marathon and Admin Router too. */
static bool is_of_components(const Json *checks) {
        bool is_bad = false;

        for (const Json *check = json_first(checks); check; check = json_next(check)) {
                Result result = {};

                if (parse_result(check, &result, NULL) == 0 && result.status == 0)
                        continue;
                if (strcmp(json_key(check), "components_master") != 0)
                        return false;

                is_bad = true;
        }

        return is_bad;
}

static void judge_results(const Json *object, const CheckRunnerAnswer *answer, Sample *sample) {
        const Json *checks = NULL;
        uint64_t status = 0;
        Error error = {};

        if (parse_answer(object, (uint64_t) answer->exit_status, &checks, &status, &error) < 0) {
                sample_doubt(sample, "dcos-check-runner: %s", error.text);
                return;
        }

        sample_add_number(sample, "checks", json_size(checks));
        sample_add_number(sample, "status", status);
        sample_add_number(sample, "only_components", is_of_components(checks));

        for (const Json *check = json_first(checks); check; check = json_next(check)) {
                Result result = {};

                if (parse_result(check, &result, NULL) == 0)
                        judge_result(json_key(check), &result, sample);
        }

        if (json_size(checks) == 0 && strcmp(answer->check, CHECK_RUNNER_CLUSTER) == 0) {
                sample_close_not_applicable(sample, "no cluster checks are configured");
                return;
        }
        if (json_size(checks) == 0)
                sample_doubt(sample, "no checks were run, want at least one");

        sample_close(sample);
}

/* --- the whole answer --- */

/* "checks" is a list of texts here. */
static void judge_error(const Json *object, Sample *sample) {
        const char *error = json_string_value(json_find(object, "error"));
        const Json *checks = json_find(object, "checks");
        const char *first = NULL;

        if (!error) {
                sample_doubt(sample, "dcos-check-runner: 'error' is no text");
                return;
        }

        if (json_is_array(checks))
                first = json_string_value(json_first(checks));

        sample_fail(sample, "dcos-check-runner: %.200s%s%.200s", error, first ? " " : "",
                    first ? first : "");
        sample_add_evidence(sample, "%s %s", error, first ? first : "");
}

void check_runner_judge(const CheckRunnerAnswer *answer, Sample *sample) {
        const Reply reply = {
                .question = "dcos-check-runner",
                .failure = answer->failure,
                .status = 200,
                .body = answer->output,
                .size = answer->size,
        };
        AUTO(Json) *object = NULL;
        Error error = {};

        if (answer->errors && answer->errors[0]) {
                sample_add_evidence(
                                sample, "exit status %d, stderr: %.512s", answer->exit_status,
                                answer->errors);
        }

        if (reply_object(&reply, REPLY_BYTES_MAX, &object, &error) < 0) {
                sample_doubt_error(sample, &error);
                reply_quote(&reply, sample);
                return;
        }

        if (json_find(object, "error")) {
                judge_error(object, sample);
        } else {
                judge_results(object, answer, sample);
        }
}
