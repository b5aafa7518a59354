/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-version.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

static Sample judge(const char *body, const char *disk, const char *dcos) {
        const VersionAnswers answers = {
                .running = { .question = "/version",
                             .status = 200,
                             .body = body,
                             .size = body ? strlen(body) : 0,
                             .failure = body ? NULL : "connection refused" },
                .disk = disk,
                .dcos = dcos,
        };
        Sample sample;

        sample_init(&sample, "mesos-version", "");
        mesos_version_judge(&answers, &sample);
        return sample;
}

#define RUNS "{\"version\":\"1.10.1\",\"build_user\":\"centos\"}"

static void test_what_runs_is_what_was_installed_and_what_the_release_names(void **state) {
        static const struct {
                const char *body;
                const char *disk;
                const char *dcos;
                Verdict verdict;
                const char *why;
        } cases[] = {
                { RUNS, "mesos 1.10.1\n", "2.1.1", VERDICT_PASS, "" },
                { RUNS, "mesos 1.10.1\n", "2.1.9", VERDICT_NOT_APPLICABLE, "is not known" },
                { RUNS, "mesos 1.10.1\n", NULL, VERDICT_NOT_APPLICABLE, "is not known" },
                { RUNS, "mesos 1.10.0\n", "2.1.9", VERDICT_FAIL, "on the disk lies 1.10.0" },
                { RUNS, NULL, "2.1.2", VERDICT_PASS, "" },
                { RUNS, NULL, NULL, VERDICT_NOT_APPLICABLE, "is not known" },
                { RUNS, "error while loading shared libraries", "9.9", VERDICT_NOT_APPLICABLE, "" },
                { RUNS, "mesos \n", NULL, VERDICT_NOT_APPLICABLE, "" },
                { RUNS, "mesos 1.11.0\n", "2.1.1", VERDICT_FAIL,
                  "the process that answers is Mesos 1.10.1, on the disk lies 1.11.0" },
                { RUNS, "mesos 1.10.1\n", "2.1.0", VERDICT_FAIL,
                  "Mesos 1.10.1 runs, DC/OS 2.1.0 comes with 1.10.0" },
                { RUNS, NULL, "2.2.1", VERDICT_FAIL, "comes with 1.11.0" },
                { NULL, "mesos 1.10.1\n", "2.1.1", VERDICT_UNKNOWN, "connection refused" },
                { "<html>", "mesos 1.10.1\n", "2.1.1", VERDICT_UNKNOWN, "" },
                { "{}", "mesos 1.10.1\n", "2.1.1", VERDICT_UNKNOWN, "version" },
                { "{\"version\":1.10}", NULL, "2.1.1", VERDICT_UNKNOWN, "version" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Sample sample = judge(cases[i].body, cases[i].disk, cases[i].dcos);

                if (sample.verdict != cases[i].verdict || !strstr(sample.why.text, cases[i].why))
                        fail_msg("case %zu: '%s'", i, sample.why.text);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_runs_is_what_was_installed_and_what_the_release_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
