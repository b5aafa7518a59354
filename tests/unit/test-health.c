/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/health.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/text.h"
#include "coordinator/checks.h"
#include "coordinator/excuse.h"
#include "coordinator/order.h"
#include "tests/unit/core-lab.h"

/* The gate of m1, the only master of its cluster, after its step. */

#define WELL_CHECKS 15

static const Sample well[WELL_CHECKS] = {
        { .check = "version", .verdict = VERDICT_PASS },
        { .check = "packages", .verdict = VERDICT_PASS },
        { .check = "units", .verdict = VERDICT_PASS },
        { .check = "zookeeper",
          .verdict = VERDICT_PASS,
          .texts = { { "mode", "standalone" } },
          .text_count = 1 },
        { .check = "exhibitor", .verdict = VERDICT_PASS },
        { .check = "mesos-master",
          .verdict = VERDICT_PASS,
          .numbers = { { "elected", 1 }, { "recovered", 1 }, { "ensemble_size", 1 } },
          .number_count = 3,
          .texts = { { "leader", "10.0.0.1:5050" } },
          .text_count = 1 },
        { .check = "mesos-leader",
          .verdict = VERDICT_PASS,
          .numbers = { { "health", 1 } },
          .number_count = 1 },
        { .check = "journal", .verdict = VERDICT_PASS },
        { .check = "check-runner", .verdict = VERDICT_PASS },
        { .check = "mesos-version", .verdict = VERDICT_PASS },
        { .check = "front", .verdict = VERDICT_PASS },
        { .check = "marathon",
          .verdict = VERDICT_PASS,
          .numbers = { { "leads_here", 1 } },
          .number_count = 1 },
        { .check = "subscribers", .verdict = VERDICT_PASS },
        { .check = "cockroachdb", .verdict = VERDICT_PASS },
        { .check = "cluster-checks", .verdict = VERDICT_NOT_APPLICABLE },
};

static Lab *lab_verifying(void) {
        Lab *lab = lab_new();
        const char *name = "m1";

        lab_join_masters(lab, 1);
        lab_healthy(lab, true);
        lab_run(lab, &name, 1, true);
        lab_lead(lab, name, STEP_VERIFYING);
        return lab;
}

/* For so long everything answers that it is well, but one check says something else. */
static void answer(Lab *lab, usec_t span, const char *odd, Verdict verdict) {
        for (usec_t end = lab->now + span; lab->now <= end; lab_pass(lab, USEC_PER_SEC)) {
                for (size_t i = 0; i < WELL_CHECKS; i++) {
                        Sample sample = well[i];

                        if (strcmp(sample.check, odd) == 0) {
                                sample.verdict = verdict;
                                (void) text_copy(sample.reason, sizeof(sample.reason), "odd");
                        }
                        lab_sample(lab, "m1", &sample);
                }
        }
}

static void expect(const Lab *lab, bool holds, const char *part) {
        Why why = {};
        bool held = gate_holds(lab->state, &lab->facts, 0, lab->now, &why);

        if (held != holds || !strstr(why.text, part))
                fail_msg("%s: '%s', want '%s'", held ? "holds" : "does not hold", why.text, part);
}

static void test_a_patched_master_is_proven_when_all_has_been_well_for_the_dwell(void **state) {
        AUTO(Lab) *lab = lab_verifying();

        answer(lab, 55 * USEC_PER_SEC, "", VERDICT_PASS);
        expect(lab, false, "has been good for 55s of 1min");
        answer(lab, 10 * USEC_PER_SEC, "", VERDICT_PASS);
        expect(lab, true, "");
}

static void test_no_check_may_fail_be_unknown_or_silent(void **state) {
        for (size_t i = 0; i < WELL_CHECKS; i++) {
                const char *check = well[i].check;
                AUTO(Lab) *lab = lab_verifying();

                if (strcmp(check, "mesos-leader") == 0)
                        continue; /* counts by what it says, see cluster_is_well() */

                answer(lab, 65 * USEC_PER_SEC, check, VERDICT_FAIL);
                expect(lab, false, check);
                answer(lab, USEC_PER_SEC, check, VERDICT_UNKNOWN);
                expect(lab, false, check);
                window_reset(&lab->facts.nodes[0].health->windows
                                              [check_find(well[i].check, well[i].subject)->id]);
                expect(lab, false, "has not been answered yet");
        }
}

/* All were asked anew when the step ended: none has been good for long, and one is bad. */
static void test_what_is_bad_is_named_before_what_has_not_been_good_for_long(void **state) {
        AUTO(Lab) *lab = lab_verifying();
        const Sample unread = { .check = "mesos-leader",
                                .verdict = VERDICT_FAIL,
                                .numbers = { { "health", 0 } },
                                .number_count = 1 };

        answer(lab, 5 * USEC_PER_SEC, "mesos-master", VERDICT_FAIL);
        expect(lab, false, "m1: mesos-master: odd");
        answer(lab, 5 * USEC_PER_SEC, "", VERDICT_PASS);
        lab_sample(lab, "m1", &unread);
        expect(lab, false, "the leading master m1 has not said that its registry is recovered");
}

/* At night nobody is to look up how a deployment is ended that keeps a run from beginning. */
static void test_whoever_waits_for_marathon_is_told_how_to_end_a_deployment(void **state) {
        AUTO(Lab) *lab = lab_verifying();
        Why why = {};

        answer(lab, 65 * USEC_PER_SEC, "marathon", VERDICT_FAIL);
        assert_false(gate_holds(lab->state, &lab->facts, 0, lab->now, &why));
        assert_non_null(strstr(why.advice, "dcos marathon deployment stop ID"));
}

/* Packages that are not those of the script: named, whatever the version says. */
static void test_the_right_version_with_other_packages_is_not_proven(void **state) {
        AUTO(Lab) *lab = lab_verifying();

        answer(lab, 65 * USEC_PER_SEC, "packages", VERDICT_FAIL);
        expect(lab, false, "m1: packages: odd");
}

static void test_what_has_nothing_to_be_compared_with_keeps_nobody_waiting(void **state) {
        AUTO(Lab) *lab = lab_verifying();

        answer(lab, 65 * USEC_PER_SEC, "packages", VERDICT_NOT_APPLICABLE);
        expect(lab, true, "");
}

/* A list from before its step wants no version and no packages: "nothing to compare with" is its
 * answer for ever. */
static void test_answers_to_a_list_from_before_the_step_prove_nothing(void **state) {
        AUTO(Lab) *lab = lab_verifying();
        Message heartbeat = { .kind = MESSAGE_HEARTBEAT, .heartbeat = { .watch = 6 } };

        lab_facts(lab, "m1")->watch = 7;
        expect(lab, false, "m1: it has not taken over what it is asked since its step");
        answer(lab, 65 * USEC_PER_SEC, "packages", VERDICT_NOT_APPLICABLE);
        expect(lab, false, "m1: it has not taken over what it is asked since its step");
        (void) lab_hear(lab, "m1", &heartbeat);
        expect(lab, false, "m1: it has not taken over what it is asked since its step");

        heartbeat.heartbeat.watch = 7;
        lab->blind = true;
        (void) lab_hear(lab, "m1", &heartbeat);
        expect(lab, true, "");
}

/* Asked before the script was known to have ended: about processes that may be no more. */
static void test_an_answer_that_was_asked_for_before_the_script_ended_is_not_counted(void **state) {
        AUTO(Lab) *lab = lab_verifying();
        Sample sample = { .check = "check-runner", .verdict = VERDICT_PASS };
        Window *window;

        answer(lab, 65 * USEC_PER_SEC, "", VERDICT_PASS);
        window = &lab->facts.nodes[0].health->windows[CHECK_RUNNER];
        window_reset(window);
        sample.took = span_sub(lab->now, lab_facts(lab, "m1")->changed) + 1;
        lab_sample(lab, "m1", &sample);
        assert_int_equal(window->newest, 0);
        expect(lab, false, "m1: check-runner has not been answered yet");

        sample.took -= 2;
        lab_sample(lab, "m1", &sample);
        expect(lab, true, "");
}

static void test_everything_is_asked_anew_once_a_script_has_ended(void **state) {
        static const StepState states[] = { STEP_STARTED, STEP_VERIFYING };

        for (size_t i = 0; i < ELEMENTSOF(states); i++) {
                AUTO(Lab) *lab = lab_new();
                const char *name = "m1";
                Watch watch;

                lab_join_masters(lab, 1);
                lab_healthy(lab, true);
                lab_run(lab, &name, 1, true);
                lab_lead(lab, name, states[i]);
                checks_watch(lab->state, &lab->facts, 0, lab->now, &watch);
                assert_int_equal(watch.refresh != 0, states[i] == STEP_VERIFYING);
        }
}

/* --- a leader that cannot write its registry --- */

/* Another answer, as good and for as long as the one before. */
static void hear_again(Window *window, uint64_t elected, const char *leader) {
        Sample master = well[5];

        master.numbers[0].value = elected;
        (void) text_copy(master.texts[0].text, sizeof(master.texts[0].text), leader);
        kept_done(&window->sample);
        window->sample = kept_make(&master);
}

typedef struct Replica {
        uint64_t elected;
        uint64_t recovered;
        uint64_t ensemble;
        bool silent;
} Replica;

/* Everything else is well: one leads, knows itself as the leader, and has read its registry. */
static void hear_masters(Lab *lab, const Replica replicas[static 3]) {
        for (size_t i = 0; i < 3; i++) {
                const char *name = lab->state->nodes[i].name;
                Sample master = well[5];
                Sample zookeeper = well[3];

                (void) text_copy(
                                zookeeper.texts[0].text, sizeof(zookeeper.texts[0].text),
                                i == 0 ? "leader" : "follower");
                lab_sample(lab, name, &zookeeper);
                master.numbers[0].value = replicas[i].elected;
                master.numbers[1].value = replicas[i].recovered;
                master.numbers[2].value = replicas[i].ensemble;
                if (!replicas[i].silent)
                        lab_sample(lab, name, &master);
        }

        lab_sample(lab, "m1", &well[6]);
}

static Lab *lab_of_three(void) {
        Lab *lab = lab_new();

        lab_join_masters(lab, 3);
        for (size_t i = 1; i < 3; i++) {
                (void) text_format(
                                lab->state->nodes[i].address, ADDRESS_TEXT_MAX, "10.0.0.%zu",
                                i + 1);
        }

        return lab;
}

/* What a Mesos master says that is alone, or whose followers are empty, is what a good one says. */
static void test_a_leader_is_not_enough_without_a_majority_of_whole_replicas(void **state) {
        static const struct {
                Replica replicas[3];
                const char *why; /* NULL: well */
        } cases[] = {
                { { { 1, 1, 3 }, { 0, 1, 3 }, { 0, 1, 3 } }, NULL },
                { { { 1, 1, 2 }, { 0, 1, 2 }, { .silent = true } }, NULL },
                { { { 1, 1, 3 }, { 0, 1, 3 }, { 0, 0, 3 } }, NULL },
                { { { 1, 1, 3 }, { .silent = true }, { .silent = true } },
                  "want at least 2; not known of: m2, m3" },
                { { { 1, 1, 3 }, { 0, 0, 3 }, { 0, 0, 3 } },
                  "want at least 2; not known of: m2, m3" },
                { { { 1, 1, 1 }, { 0, 1, 3 }, { 0, 1, 3 } }, "want at least 2" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                AUTO(Lab) *lab = lab_of_three();
                Why why = {};

                hear_masters(lab, cases[i].replicas);
                if (cluster_is_well(lab->state, &lab->facts, SIZE_MAX, lab->now, &why) !=
                    !cases[i].why)
                        fail_msg("case %zu: '%s'", i, why.text);
                if (cases[i].why) {
                        assert_non_null(
                                        strstr(why.text, "the leading master m1 has no quorum: 1 "
                                                         "masters have a whole replica"));
                        assert_non_null(strstr(why.text, cases[i].why));
                }
        }
}

static void test_nobody_has_a_quorum_of_an_unknown_number(void **state) {
        static const Replica replicas[3] = { { 1, 1, 3 }, { 0, 1, 3 }, { 0, 1, 3 } };
        AUTO(Lab) *lab = lab_of_three();
        Why why = {};

        lab->state->nodes[1].master_count = 5;
        hear_masters(lab, replicas);
        assert_false(cluster_is_well(lab->state, &lab->facts, SIZE_MAX, lab->now, &why));
        assert_non_null(strstr(why.text, "not known how many masters there are"));
}

/* Of one master alone: nobody else has a part of a registry that is kept in memory. */
static void test_a_registry_in_memory_is_enough_for_one_master_alone(void **state) {
        AUTO(Lab) *lab = lab_verifying();
        Sample master = well[5];
        Why why = {};

        answer(lab, USEC_PER_SEC, "", VERDICT_PASS);
        (void) text_copy(master.numbers[1].name, sizeof(master.numbers[1].name), "in_memory");
        master.number_count = 2;
        lab_sample(lab, "m1", &master);
        assert_true(cluster_is_well(lab->state, &lab->facts, SIZE_MAX, lab->now, &why));

        master.number_count = 1;
        lab_sample(lab, "m1", &master);
        assert_false(cluster_is_well(lab->state, &lab->facts, SIZE_MAX, lab->now, &why));
        assert_non_null(strstr(why.text, "has no quorum"));
}

/* It names itself, though nobody knows whether it is elected: two may think so at once. */
static void test_whoever_leads_by_its_own_word_has_read_its_registry(void **state) {
        static const struct {
                uint64_t elected;
                const char *named;
                uint64_t health;
                bool healthy;
        } cases[] = {
                { 1, "10.0.0.1:5050", 1, true },  { 1, "10.0.0.1:5050", 0, false },
                { 0, "10.0.0.1:5050", 0, false }, { 1, "10.0.0.2:5050", 0, false },
                { 0, "10.0.0.2:5050", 0, true },  { 0, "10.0.0.12:5050", 0, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                AUTO(Lab) *lab = lab_verifying();
                Window *window;

                answer(lab, 65 * USEC_PER_SEC, "", VERDICT_PASS);
                window = &lab->facts.nodes[0].health->windows[CHECK_MESOS_LEADER];
                if (cases[i].health == 0)
                        window_reset(window);

                window = &lab->facts.nodes[0].health->windows[CHECK_MESOS_MASTER];
                hear_again(window, cases[i].elected, cases[i].named);
                health_judge(lab->state, &lab->facts, lab->now);
                if (lab_facts(lab, "m1")->healthy != cases[i].healthy)
                        fail_msg("case %zu: '%s'", i, lab_facts(lab, "m1")->unwell.text);
                assert_int_equal(lab_facts(lab, "m1")->healthy_but_one, cases[i].healthy);
        }
}

/* A patched Marathon cannot talk to an unpatched leading Mesos master: between masters that is a
 * note. */
static const struct {
        StepState steps[3];
        bool counts;
} levels[] = {
        { { STEP_STAGED, STEP_STAGED, STEP_STAGED }, true },
        { { STEP_SLOTTED, STEP_STAGED, STEP_STAGED }, false },
        { { STEP_VERIFYING, STEP_STAGED, STEP_STAGED }, false },
        { { STEP_DONE, STEP_DONE, STEP_STAGED }, false },
        { { STEP_DONE, STEP_DONE, STEP_STARTED }, false },
        { { STEP_DONE, STEP_DONE, STEP_VERIFYING }, true },
        { { STEP_DONE, STEP_DONE, STEP_DONE }, true },
};

static const char *const front[] = { "front", "marathon", "subscribers", "cluster-checks" };

/* One check has this verdict on all masters, the others pass. */
static bool is_well_at(size_t level, const Sample *sample) {
        static const Replica replicas[3] = { { 1, 1, 3 }, { 0, 1, 3 }, { 0, 1, 3 } };
        AUTO(Lab) *lab = lab_of_three();

        hear_masters(lab, replicas);
        for (size_t i = 0; i < 3; i++) {
                Step *step = &lab->state->nodes[i].step;
                char name[] = { 'm', (char) ('1' + i), '\0' };

                (void) text_copy(step->id, sizeof(step->id), "r1-1a2b3c4d-m1-1");
                step->state = levels[level].steps[i];
                lab->state->run.begun = level > 0;
                step->slot = step->state == STEP_SLOTTED || step->state == STEP_STARTED ||
                             step->state == STEP_VERIFYING;
                for (size_t j = 0; j < ELEMENTSOF(front); j++) {
                        Sample passes = { .verdict = VERDICT_PASS,
                                          .numbers = { { "leads_here", i == 0 } },
                                          .number_count = 1 };

                        (void) text_copy(passes.check, sizeof(passes.check), front[j]);
                        lab_sample(lab, name, &passes);
                }
                lab_sample(lab, name, sample);
        }

        health_judge(lab->state, &lab->facts, lab->now);
        return lab->facts.cluster_well;
}

static void test_marathon_counts_before_the_first_master_and_after_the_last(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(levels); i++) {
                for (Verdict verdict = VERDICT_UNKNOWN; verdict < VERDICT_COUNT; verdict++) {
                        bool bad = verdict == VERDICT_UNKNOWN || verdict == VERDICT_FAIL;

                        for (size_t j = 0; j < ELEMENTSOF(front); j++) {
                                Sample sample = { .verdict = verdict,
                                                  .numbers = { { "leads_here", 1 } },
                                                  .number_count = 1 };

                                (void) text_copy(sample.check, sizeof(sample.check), front[j]);
                                if (is_well_at(i, &sample) == (bad && levels[i].counts))
                                        fail_msg("case %zu, %s %d", i, front[j], verdict);
                        }
                }
        }
}

/* What the site deploys while its cluster is patched is its own affair. */
static void test_deployments_are_waited_for_before_the_first_step_alone(void **state) {
        const Sample deploys = { .check = "marathon",
                                 .verdict = VERDICT_FAIL,
                                 .numbers = { { "only_deployments", 1 }, { "leads_here", 1 } },
                                 .number_count = 2 };

        assert_int_equal(levels[0].steps[0], STEP_STAGED);
        for (size_t i = 0; i < ELEMENTSOF(levels); i++)
                assert_int_equal(is_well_at(i, &deploys), i > 0);
}

static void expect_deployments_count(Lab *lab, bool count) {
        Sample deploys = { .check = "marathon",
                           .verdict = VERDICT_FAIL,
                           .numbers = { { "only_deployments", 1 }, { "leads_here", 1 } },
                           .number_count = 2 };

        answer(lab, 65 * USEC_PER_SEC, "", VERDICT_PASS);
        lab_sample(lab, "m1", &deploys);
        health_judge(lab->state, &lab->facts, lab->now);
        if (lab->facts.cluster_well == count) {
                fail_msg("%s: '%s'", enum_name(&step_state_names, lab_node(lab, "m1")->step.state),
                         lab->facts.cluster_unwell.text);
        }
}

/* Of the steps alone it cannot be told: none is patched in either case. */
static void test_a_declined_step_begins_no_run_and_a_retry_does_not_undo_it(void **state) {
        AUTO(Lab) *lab = lab_new();
        const char *name = "m1";

        lab_join_masters(lab, 1);
        lab_healthy(lab, true);
        lab_run(lab, &name, 1, true);
        lab_lead(lab, name, STEP_SLOTTED);
        lab->blind = true;
        lab_step(lab, name, STEP_EVENT_DECLINED);
        expect_deployments_count(lab, true);

        lab_step(lab, name, STEP_EVENT_SLOTTED);
        lab_step(lab, name, STEP_EVENT_STARTED);
        lab_step(lab, name, STEP_EVENT_SCRIPT_FAILED);
        lab_step(lab, name, STEP_EVENT_RETRIED);
        assert_true(masters_are_level(lab->state, &lab->facts, lab->now));
        expect_deployments_count(lab, false);
}

/* Each says that it is elsewhere, under an address that is no master's: each passes. */
static void test_a_marathon_leader_that_no_master_finds_at_home_is_no_pass(void **state) {
        const Sample elsewhere = { .check = "marathon",
                                   .verdict = VERDICT_PASS,
                                   .numbers = { { "leads_here", 0 } },
                                   .number_count = 1 };

        for (size_t i = 0; i < ELEMENTSOF(levels); i++)
                assert_int_equal(is_well_at(i, &elsewhere), !levels[i].counts);
}

/* Active on a leader that cannot write it down is not registered. */
static void test_an_agent_is_not_proven_by_a_leader_without_quorum(void **state) {
        static const char *const own[] = { "version",      "packages",      "units",
                                           "docker",       "journal",       "mesos-agent",
                                           "check-runner", "mesos-version", "overlay" };
        static const Replica replicas[2][3] = {
                { { 1, 1, 3 }, { 0, 1, 3 }, { 0, 1, 3 } },
                { { 1, 1, 3 }, { .silent = true }, { .silent = true } },
        };
        Sample member = { .check = "mesos-leader",
                          .subject = "10.0.1.1",
                          .verdict = VERDICT_PASS,
                          .numbers = { { "listed", 1 },
                                       { "active", 1 },
                                       { "reregistered_ms", 7 },
                                       { "tasks", 2 } },
                          .number_count = 4 };
        Sample tasks = { .check = "mesos-tasks", .subject = "10.0.1.1", .verdict = VERDICT_PASS };

        for (size_t i = 0; i < ELEMENTSOF(replicas); i++) {
                AUTO(Lab) *lab = lab_of_three();
                Why why = {};

                lab_join(lab, "a1", ROLE_AGENT, 0);
                (void) text_copy(lab->state->nodes[3].address, ADDRESS_TEXT_MAX, "10.0.1.1");
                hear_masters(lab, replicas[i]);
                lab_sample(lab, "m1", &member);
                lab_sample(lab, "m1", &tasks);
                for (size_t j = 0; j < ELEMENTSOF(own); j++) {
                        Sample sample = { .verdict = VERDICT_PASS,
                                          .numbers = { { "tasks_running", 2 } },
                                          .number_count = 1 };

                        (void) text_copy(sample.check, sizeof(sample.check), own[j]);
                        lab_sample(lab, "a1", &sample);
                }

                if (gate_holds(lab->state, &lab->facts, 3, lab->now, &why) != (i == 0))
                        fail_msg("case %zu: '%s'", i, why.text);
                if (i == 1)
                        assert_non_null(strstr(why.text, "has no quorum"));

                tasks.verdict = VERDICT_FAIL;
                lab_sample(lab, "m1", &tasks);
                assert_false(gate_holds(lab->state, &lab->facts, 3, lab->now, &why));
                assert_non_null(strstr(why.text, "a1: mesos-tasks: "));
                tasks.verdict = VERDICT_PASS;
        }
}

/* --- what the leading master is asked --- */

#define CROWD 130 /* agents, the last 30 of them public */

/* All staged behind m1, which leads; joined in another order than the plan has them in. */
static Lab *lab_with_a_crowd(void) {
        char names[CROWD][NAME_TEXT_MAX];
        const char *planned[CROWD];
        Lab *lab = lab_new();
        Event made = lab_run_made(1);

        made.run_made.numbers.batch_percent = 100;
        made.run_made.numbers.batch_max = 10000; /* of a log that says so */
        made.run_made.numbers.dwell_batch = 0;
        made.run_made.numbers.canary = 0;
        lab_join_masters(lab, 1);
        for (unsigned i = 0; i < CROWD; i++) {
                unsigned place = i * 7 % CROWD;

                (void) text_format(
                                names[place], NAME_TEXT_MAX, "%c%u", place < 100 ? 'a' : 'p',
                                place);
                lab_join(lab, names[place], place < 100 ? ROLE_AGENT : ROLE_PUBLIC_AGENT, 0);
                (void) text_format(
                                lab->state->nodes[lab->state->node_count - 1].address,
                                ADDRESS_TEXT_MAX, "10.1.0.%u", place);
                planned[place] = names[place];
        }

        lab_healthy(lab, true);
        lab_run_as(lab, &made, planned, CROWD);
        lab->blind = true;
        for (unsigned i = 0; i < CROWD; i++)
                lab->state->nodes[1 + i].step.state = STEP_STAGED;

        return lab;
}

static bool is_asked_about(const Watch *watch, const Node *node) {
        for (size_t i = 0; i < watch->item_count; i++) {
                if (strcmp(watch->items[i].subject, node->address) == 0)
                        return true;
        }

        return false;
}

/* With so many slots given, in the order of the plan, whether it is asked about all of them and
 * about the one that is next. */
static void expect_whole(Lab *lab, unsigned slots) {
        Watch watch;

        answer(lab, USEC_PER_SEC, "", VERDICT_PASS);
        checks_watch(lab->state, &lab->facts, 0, lab->now, &watch);
        for (size_t i = 1; i < lab->state->node_count; i++) {
                const Node *node = &lab->state->nodes[i];

                if (node->step.order <= slots + 1 && !is_asked_about(&watch, node)) {
                        fail_msg("%u slots: %s, the %u. of the plan, is missing", slots, node->name,
                                 (unsigned) node->step.order);
                }
        }
}

/* Whatever it costs: nothing that a gate rests on is older (design 8). */
static void test_a_costly_answer_is_good_for_15_s(void **state) {
        AUTO(Lab) *lab = lab_verifying();
        Window *window;

        answer(lab, 65 * USEC_PER_SEC, "", VERDICT_PASS);
        window = &lab->facts.nodes[0].health->windows[CHECK_RUNNER];
        window->newest = window->since = lab->now - 15 * USEC_PER_SEC;
        expect(lab, true, "");
        window->newest--;
        expect(lab, false, "m1: check-runner was last answered 15s ago");
}

static Node *planned_at(Lab *lab, unsigned order) {
        for (size_t i = 1; i < lab->state->node_count; i++) {
                if (lab->state->nodes[i].step.order == order)
                        return &lab->state->nodes[i];
        }

        fail_msg("nobody is the %u.", order);
        return &lab->state->nodes[0];
}

static void test_the_leader_is_asked_about_every_agent_that_has_a_slot_and_about_the_next(
                void **state) {
        AUTO(Lab) *lab = lab_with_a_crowd();
        OrderVerdict verdict = ORDER_NEXT;
        uint64_t hold = 0;
        Why why = {};
        unsigned slots;
        size_t next;

        /* As many as the order of the plan gives; each of them fails and keeps its slot. */
        for (slots = 0; verdict == ORDER_NEXT && slots < CROWD - 1; slots++) {
                Node *node = planned_at(lab, slots + 1);

                expect_whole(lab, slots);
                node->step.slot = true;
                node->step.state = STEP_FAILED;
                why = (Why) {};
                verdict = order_next(lab->state, &lab->facts, lab->now, &next, &hold, &why);
        }

        expect_whole(lab, slots);
        assert_int_equal(verdict, ORDER_WAIT);
        if (slots <= BATCH_MAX || !strstr(why.text, "agents have a slot, want less than"))
                fail_msg("%u slots: %s", slots, why.text);
}

/* By what it says of itself since its script. */
static void hear_of_strictness(Lab *lab, const Node *node, bool strict) {
        const Sample sample = { .check = "mesos-agent",
                                .verdict = VERDICT_PASS,
                                .numbers = { { "strict", strict } },
                                .number_count = 1 };

        lab_sample(lab, node->name, &sample);
}

/* -1: not at all. */
static void expect_tasks_asked(const Watch *watch, const Node *node, int strict) {
        int found = -1;

        for (size_t i = 0; i < watch->item_count; i++) {
                if (strcmp(watch->items[i].check, "mesos-tasks") == 0 &&
                    strcmp(watch->items[i].subject, node->address) == 0)
                        found = watch->items[i].tls;
        }
        assert_int_equal(found, strict);
}

static void test_an_agent_is_asked_for_its_tasks_in_the_way_that_it_says_itself(void **state) {
        AUTO(Lab) *lab = lab_with_a_crowd();
        uint64_t serials[3];
        Watch watch;

        for (unsigned i = 1; i <= 3; i++) {
                Step *step = &planned_at(lab, i)->step;

                step->slot = true;
                step->state = STEP_VERIFYING;
                lab->state->steps[STEP_VERIFYING]++;
        }

        expect_whole(lab, 3);
        for (int strict = 0; strict < 2; strict++) {
                hear_of_strictness(lab, planned_at(lab, 1), strict);
                hear_of_strictness(lab, planned_at(lab, 3), !strict);
                checks_watch(lab->state, &lab->facts, 0, lab->now, &watch);
                serials[strict] = watch.serial;
                expect_tasks_asked(&watch, planned_at(lab, 1), strict);
                expect_tasks_asked(&watch, planned_at(lab, 2), -1);
                expect_tasks_asked(&watch, planned_at(lab, 3), !strict);
        }
        assert_int_not_equal(serials[0], serials[1]);
}

/* They keep no member from being asked about, and the first of the plan are done first. */
static void test_the_tasks_of_the_first_that_are_being_proven_are_compared(void **state) {
        AUTO(Lab) *lab = lab_with_a_crowd();
        size_t count = 0;
        Watch watch;

        for (unsigned i = 1; i <= BATCH_MAX; i++) {
                Step *step = &planned_at(lab, i)->step;

                step->slot = true;
                step->state = i == 2 ? STEP_STARTED : STEP_VERIFYING;
                lab->state->steps[STEP_VERIFYING] += i != 2;
                hear_of_strictness(lab, planned_at(lab, i), false);
        }

        expect_whole(lab, BATCH_MAX);
        checks_watch(lab->state, &lab->facts, 0, lab->now, &watch);
        for (size_t i = 0; i < watch.item_count; i++) {
                if (strcmp(watch.items[i].check, "mesos-tasks") != 0)
                        continue;

                count++;
                assert_string_equal(
                                watch.items[i].subject,
                                planned_at(lab, (unsigned) count + (count > 1))->address);
        }
        assert_int_equal(count, TASKS_COMPARED_MAX);
}

static usec_t marathon_period(Lab *lab, const char *lead, StepState to) {
        Watch watch;

        if (lead)
                lab_lead(lab, lead, to);
        checks_watch(lab->state, &lab->facts, 0, lab->now, &watch);
        for (size_t i = 0; i < watch.item_count; i++) {
                if (strcmp(watch.items[i].check, "marathon") == 0)
                        return watch.items[i].period;
        }

        return 0;
}

/* All apps of a large site, every 10 s for the hours of all masters, are no small thing to ask for.
 */
static void test_marathon_is_left_alone_while_its_answers_open_no_gate(void **state) {
        AUTO(Lab) *lab = lab_new();
        const char *name = "m1";

        lab_join_masters(lab, 1);
        lab_healthy(lab, true);
        assert_int_equal(marathon_period(lab, NULL, STEP_STAGED), 5 * USEC_PER_MINUTE);
        lab_run(lab, &name, 1, true);
        assert_int_equal(lab_node(lab, name)->step.state, STEP_STAGING);
        assert_int_equal(marathon_period(lab, NULL, STEP_STAGED), 10 * USEC_PER_SEC);
        assert_int_equal(marathon_period(lab, name, STEP_STARTED), 5 * USEC_PER_MINUTE);
        assert_int_equal(
                        lab_report(lab, name, NODE_STEP_ENDED, lab_node(lab, name)->step.fence, 0),
                        1);
        assert_int_equal(marathon_period(lab, NULL, STEP_VERIFYING), 10 * USEC_PER_SEC);
}

static void test_no_batch_is_larger_than_the_leader_can_be_asked_about(void **state) {
        RunNumbers numbers = { .batch_percent = 100, .batch_max = 10000 };

        for (size_t all = 1; all < 10000; all *= 3)
                assert_true(batch_size(&numbers, ROLE_AGENT, all) <= BATCH_MAX);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(
                                test_a_patched_master_is_proven_when_all_has_been_well_for_the_dwell),
                cmocka_unit_test(test_no_check_may_fail_be_unknown_or_silent),
                cmocka_unit_test(test_what_is_bad_is_named_before_what_has_not_been_good_for_long),
                cmocka_unit_test(test_whoever_waits_for_marathon_is_told_how_to_end_a_deployment),
                cmocka_unit_test(test_the_right_version_with_other_packages_is_not_proven),
                cmocka_unit_test(test_what_has_nothing_to_be_compared_with_keeps_nobody_waiting),
                cmocka_unit_test(
                                test_an_answer_that_was_asked_for_before_the_script_ended_is_not_counted),
                cmocka_unit_test(test_everything_is_asked_anew_once_a_script_has_ended),
                cmocka_unit_test(test_answers_to_a_list_from_before_the_step_prove_nothing),
                cmocka_unit_test(
                                test_the_leader_is_asked_about_every_agent_that_has_a_slot_and_about_the_next),
                cmocka_unit_test(
                                test_an_agent_is_asked_for_its_tasks_in_the_way_that_it_says_itself),
                cmocka_unit_test(test_a_costly_answer_is_good_for_15_s),
                cmocka_unit_test(test_a_leader_is_not_enough_without_a_majority_of_whole_replicas),
                cmocka_unit_test(test_nobody_has_a_quorum_of_an_unknown_number),
                cmocka_unit_test(test_a_registry_in_memory_is_enough_for_one_master_alone),
                cmocka_unit_test(test_whoever_leads_by_its_own_word_has_read_its_registry),
                cmocka_unit_test(test_marathon_counts_before_the_first_master_and_after_the_last),
                cmocka_unit_test(test_deployments_are_waited_for_before_the_first_step_alone),
                cmocka_unit_test(test_a_marathon_leader_that_no_master_finds_at_home_is_no_pass),
                cmocka_unit_test(test_a_declined_step_begins_no_run_and_a_retry_does_not_undo_it),
                cmocka_unit_test(test_an_agent_is_not_proven_by_a_leader_without_quorum),
                cmocka_unit_test(test_the_tasks_of_the_first_that_are_being_proven_are_compared),
                cmocka_unit_test(test_marathon_is_left_alone_while_its_answers_open_no_gate),
                cmocka_unit_test(test_no_batch_is_larger_than_the_leader_can_be_asked_about),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
