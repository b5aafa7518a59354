/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/unit-judge.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/text.h"

#define NOW   (1000 * USEC_PER_SEC)
#define START (900 * USEC_PER_SEC) /* of the step */

#define RUNNING(unit_name, since)                                                            \
        {                                                                                    \
                .name = (unit_name), .load = "loaded", .active = "active", .sub = "running", \
                .result = "success", .type = "simple", .restart = "always", .main_pid = 7,   \
                .main_start = (since) *USEC_PER_SEC                                          \
        }
#define UNIT(unit_name, unit_active, unit_sub, ...)                                                \
        {                                                                                          \
                .name = (unit_name), .load = "loaded", .active = (unit_active), .sub = (unit_sub), \
                ##__VA_ARGS__                                                                      \
        }

static Sample judge(const UnitStatus units[], size_t count, bool changing, usec_t since) {
        const UnitsInput input = { units, count, changing, since, NOW };
        Sample sample = sample_make("units", "");

        units_judge(&input, &sample);
        assert_true(text_is_plain(sample.evidence));
        return sample;
}

static uint64_t number(const Sample *sample, const char *name) {
        uint64_t value = 0;

        assert_true(sample_number(sample, name, &value));
        return value;
}

static void test_new_processes_in_all_running_units_pass(void **state) {
        const UnitStatus units[] = {
                RUNNING("dcos-exhibitor.service", 930),
                RUNNING("dcos-net.service", 940),
        };
        Sample sample = judge(units, 2, false, START);

        assert_int_equal(sample.verdict, VERDICT_PASS);
        assert_string_equal(sample.reason, "");
        assert_int_equal(number(&sample, "units"), 2);
        assert_int_equal(number(&sample, "bad"), 0);
        assert_int_equal(number(&sample, "started_before"), 0);
        assert_int_equal(number(&sample, "newest_age_ms"), 60000);
        assert_null(sample_text(&sample, "worst"));
}

static void test_no_units_at_all_never_pass(void **state) {
        Sample sample = judge(NULL, 0, false, 0);

        assert_int_equal(sample.verdict, VERDICT_UNKNOWN);
}

static void test_a_process_from_before_the_step_fails_whatever_it_answers(void **state) {
        const UnitStatus units[] = {
                RUNNING("dcos-exhibitor.service", 930),
                RUNNING("dcos-net.service", 899),
        };
        Sample sample = judge(units, 2, false, START);

        assert_int_equal(sample.verdict, VERDICT_FAIL);
        assert_int_equal(number(&sample, "started_before"), 1);
        assert_int_equal(number(&sample, "bad"), 0);
        assert_non_null(strstr(sample.reason, "old process still answering"));
        assert_string_equal(sample_text(&sample, "worst"), "dcos-net.service");

        /* Without a step there is nothing to compare with; while the script runs it is its turn. */
        sample = judge(units, 2, false, 0);
        assert_int_equal(sample.verdict, VERDICT_PASS);
        assert_int_equal(number(&sample, "started_before"), 0);
        sample = judge(units, 2, true, START);
        assert_int_equal(sample.verdict, VERDICT_UNKNOWN);
        assert_int_equal(number(&sample, "started_before"), 1);
}

static void test_a_running_unit_whose_process_is_not_known_is_unknown_after_a_step(void **state) {
        const UnitStatus units[] = { RUNNING("dcos-net.service", 0) };
        uint64_t age;
        Sample sample = judge(units, 1, false, START);

        assert_int_equal(sample.verdict, VERDICT_UNKNOWN);
        assert_false(sample_number(&sample, "newest_age_ms", &age));
        assert_int_equal(judge(units, 1, false, 0).verdict, VERDICT_PASS);
}

static const struct {
        UnitStatus unit;
        UnitHealth health;
} states[] = {
        { RUNNING("a.service", 950), UNIT_HEALTH_GOOD },
        { UNIT("a.service", "failed", "failed", .restart = "always"), UNIT_HEALTH_BAD },
        { UNIT("a.service", "inactive", "dead", .restart = "always"), UNIT_HEALTH_BAD },
        { UNIT("a.service", "inactive", "dead", .restart = "no"), UNIT_HEALTH_BAD },
        { UNIT("a.service", "inactive", "dead", .restart = "always", .job = 4),
          UNIT_HEALTH_UNSETTLED },
        { UNIT("a.service",
               "activating",
               "auto-restart",
               .restart = "always",
               .result = "exit-code"),
          UNIT_HEALTH_UNSETTLED },
        { UNIT("a.service", "activating", "start-pre", .restart = "always"),
          UNIT_HEALTH_UNSETTLED },
        { UNIT("a.service", "deactivating", "stop-sigterm", .restart = "always"),
          UNIT_HEALTH_UNSETTLED },
        { UNIT("a.service", "reloading", "reload", .restart = "always"), UNIT_HEALTH_UNSETTLED },
        { UNIT("a.service", "active", "exited", .restart = "always"), UNIT_HEALTH_BAD },
        { UNIT("a.service", "invented", "later", .restart = "always"), UNIT_HEALTH_UNSETTLED },
        { { .name = "a.service", .load = "not-found", .active = "inactive", .sub = "dead" },
          UNIT_HEALTH_BAD },
        { { .name = "a.service", .load = "masked", .active = "inactive", .sub = "dead" },
          UNIT_HEALTH_BAD },

        /* runs once, or now and then */
        { UNIT("a.service", "inactive", "dead", .type = "oneshot", .result = "success"),
          UNIT_HEALTH_GOOD },
        { UNIT("a.service", "activating", "start", .type = "oneshot", .result = "success"),
          UNIT_HEALTH_GOOD },
        { UNIT("a.service", "failed", "failed", .type = "oneshot", .result = "exit-code"),
          UNIT_HEALTH_BAD },
        { UNIT("a.service", "inactive", "dead", .type = "oneshot", .result = "timeout"),
          UNIT_HEALTH_BAD },
        { UNIT("a.service", "activating", "auto-restart", .type = "oneshot", .result = "exit-code"),
          UNIT_HEALTH_UNSETTLED },
        { UNIT("a.service",
               "inactive",
               "dead",
               .type = "simple",
               .restart = "on-failure",
               .result = "success"),
          UNIT_HEALTH_GOOD },
        { UNIT("timed.service",
               "inactive",
               "dead",
               .type = "simple",
               .restart = "always",
               .result = "success"),
          UNIT_HEALTH_GOOD },

        /* timers, sockets, targets */
        { UNIT("timed.timer", "active", "waiting"), UNIT_HEALTH_GOOD },
        { UNIT("b.timer", "active", "running"), UNIT_HEALTH_GOOD },
        { UNIT("b.timer", "active", "elapsed"), UNIT_HEALTH_BAD },
        { UNIT("b.timer", "inactive", "dead"), UNIT_HEALTH_BAD },
        { UNIT("b.timer", "failed", "failed"), UNIT_HEALTH_BAD },
        { UNIT("a.socket", "active", "listening"), UNIT_HEALTH_GOOD },
        { UNIT("a.socket", "active", "running"), UNIT_HEALTH_GOOD },
        { UNIT("a.socket", "failed", "failed"), UNIT_HEALTH_BAD },
        { UNIT("a.socket", "inactive", "dead"), UNIT_HEALTH_BAD },
        { UNIT("a.target", "active", "active"), UNIT_HEALTH_GOOD },
};

static void test_each_state_of_each_kind_is_good_unsettled_or_bad(void **state) {
        static UnitStatus units[ELEMENTSOF(states)];
        const UnitsInput input = { units, ELEMENTSOF(states), false, START, NOW };

        for (size_t i = 0; i < ELEMENTSOF(states); i++)
                units[i] = states[i].unit;

        for (size_t i = 0; i < ELEMENTSOF(states); i++) {
                const char *why = NULL;

                assert_int_equal(unit_judge(&input, &units[i], &why), states[i].health);
                assert_int_equal(why[0] == '\0', states[i].health == UNIT_HEALTH_GOOD);
        }
}

static void test_what_is_down_while_the_script_runs_is_not_bad(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(states); i++) {
                const UnitsInput input = { &states[i].unit, 1, true, START, NOW };
                const char *why;

                assert_int_not_equal(unit_judge(&input, &states[i].unit, &why), UNIT_HEALTH_BAD);
        }
}

static void test_a_unit_that_still_starts_is_unknown_and_one_that_failed_fails(void **state) {
        UnitStatus units[] = {
                RUNNING("dcos-exhibitor.service", 930),
                UNIT("dcos-mesos-master.service", "activating", "start-pre", .restart = "always"),
                UNIT("dcos-metronome.service", "failed", "failed", .result = "exit-code",
                     .main_status = 3, .restart = "always"),
        };
        Sample sample = judge(units, 2, false, START);

        assert_int_equal(sample.verdict, VERDICT_UNKNOWN);
        assert_non_null(strstr(sample.reason, "still starting"));
        assert_string_equal(sample_text(&sample, "worst"), "dcos-mesos-master.service");

        sample = judge(units, 3, false, START);
        assert_int_equal(sample.verdict, VERDICT_FAIL);
        assert_int_equal(number(&sample, "bad"), 1);
        assert_string_equal(sample_text(&sample, "worst"), "dcos-metronome.service");
        assert_non_null(strstr(sample.evidence, "result exit-code, exit status 3"));
}

static void test_the_worst_is_the_first_in_troubleshooting_order(void **state) {
        static const char *const order[] = {
                "dcos-exhibitor.service",   "dcos-mesos-master.service",
                "dcos-mesos-slave.service", "dcos-mesos-slave-public.service",
                "dcos-mesos-dns.service",   "dcos-net.service",
                "dcos-metronome.service",   "dcos-adminrouter-agent.service",
                "dcos-bouncer.service",     "dcos-net-watchdog.service",
                "dcos-telegraf.socket",
        };

        for (size_t i = 0; i + 1 < ELEMENTSOF(order); i++) {
                const UnitStatus units[] = {
                        UNIT("", "failed", "failed"),
                        UNIT("", "failed", "failed"),
                };
                UnitStatus pair[2] = { units[0], units[1] };
                Sample sample;

                (void) text_copy(pair[0].name, UNIT_MAX, order[i + 1]);
                (void) text_copy(pair[1].name, UNIT_MAX, order[i]);
                sample = judge(pair, 2, false, 0);
                assert_string_equal(sample_text(&sample, "worst"), order[i]);
                assert_true(unit_compare(order[i], order[i + 1]) < 0);
                assert_true(unit_compare(order[i + 1], order[i]) > 0);
        }
}

static void test_the_checks_themselves_are_not_looked_at(void **state) {
        assert_true(unit_is_excluded("dcos-checks-poststart.service"));
        assert_true(unit_is_excluded("dcos-checks-poststart.timer"));
        assert_false(unit_is_excluded("dcos-checks-api.service"));
}

static void test_as_many_bad_units_as_there_may_be_fit_into_one_sample(void **state) {
        static UnitStatus units[128];

        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                units[i] = (UnitStatus) UNIT("", "failed", "failed");
                memset(units[i].name, 'a', UNIT_MAX - 1);
        }
        assert_int_equal(judge(units, ELEMENTSOF(units), false, START).verdict, VERDICT_FAIL);
}

/* --- what may rightly be ill between masters --- */

static Sample judge_front(const UnitStatus units[], size_t count) {
        const UnitsInput input = { units, count, false, START, NOW, .front = true };
        Sample sample = sample_make("front", "");

        units_judge(&input, &sample);
        return sample;
}

static void test_marathon_and_admin_router_are_judged_apart_from_all_others(void **state) {
        const UnitStatus units[] = {
                RUNNING("dcos-exhibitor.service", 930),
                RUNNING("dcos-adminrouter.service", 930),
                UNIT("dcos-marathon.service", "failed", "failed", .restart = "always"),
                UNIT("dcos-adminrouter-agent.service", "failed", "failed", .restart = "always"),
        };
        Sample sample = judge(units, 3, false, START);

        assert_int_equal(sample.verdict, VERDICT_PASS);
        assert_int_equal(number(&sample, "units"), 1);
        sample = judge(units, 4, false, START);
        assert_int_equal(sample.verdict, VERDICT_FAIL);
        assert_string_equal(sample_text(&sample, "worst"), "dcos-adminrouter-agent.service");

        sample = judge_front(units, 4);
        assert_int_equal(sample.verdict, VERDICT_FAIL);
        assert_int_equal(number(&sample, "units"), 2);
        assert_string_equal(sample_text(&sample, "worst"), "dcos-marathon.service");
        assert_int_equal(judge_front(units, 2).verdict, VERDICT_PASS);
        assert_int_equal(judge_front(units, 1).verdict, VERDICT_NOT_APPLICABLE);
}

/* All are front units: nothing is left that the others could be good by. */
static void test_no_other_units_at_all_is_unknown(void **state) {
        const UnitStatus units[] = { RUNNING("dcos-marathon.service", 930) };

        assert_int_equal(judge(units, 1, false, START).verdict, VERDICT_UNKNOWN);
}

/* --- Docker --- */

static Sample judge_docker(const UnitStatus *docker, usec_t since) {
        const UnitsInput input = { docker, 1, false, since, NOW };
        Sample sample = sample_make("docker", "");

        docker_judge(&input, &sample);
        assert_true(text_is_plain(sample.evidence));
        return sample;
}

static void test_docker_runs_on_through_a_step(void **state) {
        static const struct {
                UnitStatus docker;
                usec_t since;
                Verdict verdict;
                const char *why;
        } cases[] = {
                { RUNNING("docker.service", 10), START, VERDICT_PASS, "" },
                { RUNNING("docker.service", 930), 0, VERDICT_PASS, "" },
                { RUNNING("docker.service", 930), START, VERDICT_FAIL,
                  "its containers have ended: see why, then accept what was lost: "
                  "rollpatch retry NODE --reason TEXT" },
                { RUNNING("docker.service", 900), START, VERDICT_FAIL,
                  "its containers have ended" },
                { RUNNING("docker.service", 0), START, VERDICT_UNKNOWN, "is not known" },
                { UNIT("docker.service", "failed", "failed"), START, VERDICT_FAIL, "does not run" },
                { UNIT("docker.service", "inactive", "dead"), START, VERDICT_FAIL, "does not run" },
                { UNIT("docker.service", "activating", "auto-restart"), START, VERDICT_UNKNOWN,
                  "changes its state" },
                { { .name = "docker.service", .load = "not-found", .active = "inactive" },
                  START,
                  VERDICT_NOT_APPLICABLE,
                  "there is no docker.service" },
                { { .name = "docker.service", .load = "masked", .active = "inactive" },
                  START,
                  VERDICT_FAIL,
                  "is masked or cannot be loaded" },
                { { .name = "docker.service",
                    .load = "error",
                    .active = "active",
                    .main_start = 9 },
                  START,
                  VERDICT_FAIL,
                  "is masked or cannot be loaded" },
                { { .name = "docker.service", .load = "bad-setting", .active = "inactive" },
                  START,
                  VERDICT_FAIL,
                  "is masked or cannot be loaded" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Sample sample = judge_docker(&cases[i].docker, cases[i].since);

                if (sample.verdict != cases[i].verdict || !strstr(sample.reason, cases[i].why))
                        fail_msg("case %zu: '%s'", i, sample.reason);
                assert_int_equal(
                                sample_number(&sample, "restarted", &(uint64_t) { 0 }),
                                strstr(sample.reason, "restarted") != NULL);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_new_processes_in_all_running_units_pass),
                cmocka_unit_test(test_no_units_at_all_never_pass),
                cmocka_unit_test(test_a_process_from_before_the_step_fails_whatever_it_answers),
                cmocka_unit_test(
                                test_a_running_unit_whose_process_is_not_known_is_unknown_after_a_step),
                cmocka_unit_test(test_each_state_of_each_kind_is_good_unsettled_or_bad),
                cmocka_unit_test(test_what_is_down_while_the_script_runs_is_not_bad),
                cmocka_unit_test(
                                test_a_unit_that_still_starts_is_unknown_and_one_that_failed_fails),
                cmocka_unit_test(test_the_worst_is_the_first_in_troubleshooting_order),
                cmocka_unit_test(test_the_checks_themselves_are_not_looked_at),
                cmocka_unit_test(test_as_many_bad_units_as_there_may_be_fit_into_one_sample),
                cmocka_unit_test(test_marathon_and_admin_router_are_judged_apart_from_all_others),
                cmocka_unit_test(test_no_other_units_at_all_is_unknown),
                cmocka_unit_test(test_docker_runs_on_through_a_step),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
