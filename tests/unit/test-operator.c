/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/operator.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/text.h"
#include "coordinator/node-link.h"
#include "tests/unit/fake-coordinator.h"

#define PLAN(masters, agents)                                                                           \
        "{\"cluster\":\"prod\",\"from\":\"2.1.0\",\"to\":\"2.1.1\",\"script\":{\"url\":\"http://x/s\"," \
        "\"sha256\":\"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\",\"size\":9},"  \
        "\"masters\":[" masters "],\"agents\":[" agents "],\"public_agents\":[],\"numbers\":{"          \
        "\"batch_percent\":10,\"batch_max\":50,\"canary\":1,\"budget\":2,\"timeout_script\":60000000,"  \
        "\"timeout_master\":1200000000,\"timeout_agent\":300000000,\"dwell_master\":60000000,"          \
        "\"dwell_agent\":30000000,\"dwell_batch\":15000000}}"
#define RUN(masters, agents)     \
        "{\"plan\":" PLAN(       \
                        masters, \
                        agents) ",\"yes\":true,\"cluster\":\"prod\",\"accept_downtime\":true}"

typedef struct Answer {
        int exit;
        Error error;
        char text[512];
} Answer;

static Answer ask(Coordinator *c, const char *verb, const char *arguments) {
        static const ControlPeer peer = { .uid = 1000, .user = "alice", .terminal = "/dev/pts/3" };
        Answer answer = {};
        AUTO(Json) *json = NULL;
        Json *said = NULL;

        assert_int_equal(json_parse(arguments, strlen(arguments), &json, NULL), 0);
        answer.exit = operator_answer(verb, json, &peer, &said, &answer.error, c);
        assert_int_equal(said != NULL, answer.error.code == ERROR_NONE);
        if (said && json_find(said, "text"))
                (void) json_get_string(said, "text", answer.text, sizeof(answer.text), NULL);
        json_free(said);
        return answer;
}

static void expect(
                Coordinator *c,
                const char *verb,
                const char *arguments,
                int wanted,
                const char *part) {
        Answer answer = ask(c, verb, arguments);
        const char *text = answer.exit == EXIT_OK ? answer.text : answer.error.text;

        if (answer.exit != wanted || !strstr(text, part)) {
                fail_msg("%s %s: %d '%s', want %d '%s'", verb, arguments, answer.exit, text, wanted,
                         part);
        }
}

static const Step *step_of(const Coordinator *c, const char *name) {
        return &lab_node(c->lab, name)->step;
}

static Coordinator *coordinator_with(uint64_t masters) {
        Lab *lab = lab_new();

        lab_join_masters(lab, masters);
        lab_join(lab, "a1", ROLE_AGENT, 0);
        lab_healthy(lab, true);
        return fake_coordinator_new(lab);
}

/* m1, the only master, has come so far in run 1. */
static Coordinator *coordinator_with_m1(StepState to) {
        Coordinator *c = coordinator_with(1);

        expect(c, "run", RUN("\"m1\"", ""), EXIT_OK, "run 1 started");
        lab_lead(c->lab, "m1", to);
        return c;
}

static Coordinator *coordinator_with_failed_m1(void) {
        Coordinator *c = coordinator_with_m1(STEP_STARTED);

        (void) lab_report(c->lab, "m1", NODE_STEP_ENDED, 1, 3);
        return c;
}

/* --- run --- */

static void test_a_run_needs_yes_and_the_first_time_the_name_of_the_cluster(void **state) {
        AUTO(Coordinator) *c = coordinator_with(1);

        expect(c, "run", "{\"plan\":" PLAN("\"m1\"", "") "}", EXIT_USAGE, "--yes");
        expect(c, "run", "{\"plan\":" PLAN("\"m1\"", "") ",\"yes\":true}", EXIT_UNSAFE,
               "--cluster prod");
        expect(c, "run", "{\"plan\":" PLAN("\"m1\"", "") ",\"yes\":true,\"cluster\":\"lab\"}",
               EXIT_UNSAFE, "--cluster prod");
        expect(c, "run", "{\"plan\":" PLAN("\"m1\"", "") ",\"yes\":true,\"cluster\":\"prod\"}",
               EXIT_UNSAFE, "single master");
        assert_int_equal(c->lab->state->run.made.number, 0);
        expect(c, "run", RUN("\"m1\"", ""), EXIT_OK, "run 1 started: 2.1.0 -> 2.1.1, 1 nodes");
        assert_int_equal(c->lab->state->run.state, RUN_RUNNING);
        expect(c, "run", RUN("\"m1\"", ""), EXIT_OK, "is open already");
        assert_int_equal(c->lab->state->run.made.number, 1);
}

/* Whoever has the copy is the coordinator. */
static void test_that_the_state_is_saved_is_audited_with_where_to(void **state) {
        AUTO(Coordinator) *c = coordinator_with(1);
        size_t before = c->lab->count;

        expect(c, "state-save", "{\"file\":\"/srv/rollpatch.tar\"}", EXIT_OK, "/srv/rollpatch.tar");
        assert_int_equal(c->lab->count, before + 1);
        assert_int_equal(c->lab->log[before].kind, EVENT_OPERATOR);
        assert_string_equal(c->lab->log[before].operator.verb, "state-save");
        assert_non_null(strstr(c->lab->log[before].operator.outcome, "/srv/rollpatch.tar"));
        expect(c, "state-save", "{}", EXIT_USAGE, "file");
        assert_int_equal(c->lab->count, before + 1);
}

/* It would be committed and then never be replayed again. */
static void test_a_plan_that_names_a_node_twice_reaches_no_log(void **state) {
        AUTO(Coordinator) *c = coordinator_with(1);
        size_t before = c->lab->count;

        expect(c, "run", RUN("\"m1\"", "\"m1\""), EXIT_USAGE, "named twice");
        assert_int_equal(c->lab->count, before);
}

static void test_a_run_is_audited_together_with_what_it_makes(void **state) {
        AUTO(Coordinator) *c = coordinator_with(1);
        size_t before = c->lab->count;

        expect(c, "run", RUN("\"m1\"", "\"a1\""), EXIT_OK, "2 nodes");
        assert_int_equal(c->lab->log[before].kind, EVENT_OPERATOR);
        assert_string_equal(c->lab->log[before].operator.user, "alice");
        assert_string_equal(c->lab->log[before].operator.terminal, "/dev/pts/3");
        assert_int_equal(c->lab->log[before + 1].kind, EVENT_RUN_MADE);
}

/* --- reasons --- */

static void test_nothing_is_done_without_a_reason(void **state) {
        static const char *const verbs[] = { "pause",   "abort",      "retry",
                                             "release", "quarantine", "unquarantine" };
        AUTO(Coordinator) *c = coordinator_with_failed_m1();
        size_t before = c->lab->count;

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                expect(c, verbs[i], "{\"node\":\"m1\"}", EXIT_USAGE, "reason");
                expect(c, verbs[i], "{\"node\":\"m1\",\"reason\":\"\"}", EXIT_USAGE, "reason");
                expect(c, verbs[i], "{\"node\":\"m1\",\"reason\":7}", EXIT_USAGE, "reason");
        }
        assert_int_equal(c->lab->count, before);
}

static void test_a_node_that_was_never_heard_of_is_not_found(void **state) {
        static const char *const verbs[] = { "retry", "release", "quarantine", "unquarantine" };
        AUTO(Coordinator) *c = coordinator_with_failed_m1();

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                expect(c, verbs[i], "{\"node\":\"m9\",\"reason\":\"x\"}", EXIT_FAILED,
                       "no node 'm9'");
        }
}

static void test_an_unknown_verb_is_refused(void **state) {
        AUTO(Coordinator) *c = coordinator_with(1);

        expect(c, "explode", "{}", EXIT_USAGE, "explode");
}

/* --- pause, resume, abort --- */

static void test_pause_and_resume_say_what_they_found(void **state) {
        AUTO(Coordinator) *c = coordinator_with(1);

        expect(c, "pause", "{\"reason\":\"lunch\"}", EXIT_FAILED, "no run is open");
        expect(c, "resume", "{}", EXIT_FAILED, "no run is open");
        expect(c, "run", RUN("\"m1\"", ""), EXIT_OK, "");
        expect(c, "resume", "{}", EXIT_OK, "is running already");
        expect(c, "pause", "{\"reason\":\"lunch\",\"for\":60000000}", EXIT_OK, "paused");
        assert_int_equal(c->lab->state->run.until, c->lab->wall + USEC_PER_MINUTE);
        expect(c, "pause", "{\"reason\":\"lunch\"}", EXIT_OK,
               "paused already, for 1min more: lunch");
        expect(c, "resume", "{}", EXIT_OK, "resumed");
        assert_int_equal(c->lab->state->run.state, RUN_RUNNING);
        expect(c, "abort", "{\"reason\":\"enough\"}", EXIT_OK, "aborted");
        expect(c, "abort", "{\"reason\":\"enough\"}", EXIT_FAILED, "no run is open");
}

/* The budget has room for it: neither a pause nor a hold waits for that agent. */
static void test_a_pause_ends_although_an_agent_went_wrong(void **state) {
        AUTO(Coordinator) *c = coordinator_with(1);

        lab_join(c->lab, "a2", ROLE_AGENT, 0);
        expect(c, "run", RUN("", "\"a1\",\"a2\""), EXIT_OK, "");
        lab_lead(c->lab, "a1", STEP_STARTED);
        (void) lab_report(c->lab, "a1", NODE_STEP_ENDED, 1, 3);
        expect(c, "pause", "{\"reason\":\"lunch\"}", EXIT_OK, "paused, until resumed");
        expect(c, "resume", "{}", EXIT_OK, "resumed");
        assert_int_equal(c->lab->state->run.state, RUN_RUNNING);
}

static void test_a_halt_is_resumed_only_when_its_cause_is_settled(void **state) {
        AUTO(Coordinator) *c = coordinator_with_failed_m1();

        lab_look(c->lab, "m1", LAB_FROM, VERDICT_FAIL);
        expect(c, "resume", "{}", EXIT_BLOCKED, "rollpatch retry m1");
        expect(c, "retry", "{\"node\":\"m1\",\"reason\":\"fixed\"}", EXIT_OK, "as attempt 2");
}

/* What cannot be written has not happened, and is not said to have. */
static void test_on_a_full_disk_nothing_is_changed_and_where_to_look_is_said(void **state) {
        AUTO(Coordinator) *c = coordinator_with(1);

        c->full = true;
        expect(c, "run", RUN("\"m1\"", ""), EXIT_FAILED, "nothing was changed: log.db");
        assert_int_equal(c->lab->state->run.made.number, 0);
        c->full = false;
        expect(c, "run", RUN("\"m1\"", ""), EXIT_OK, "");
        c->full = true;
        expect(c, "pause", "{\"reason\":\"lunch\"}", EXIT_FAILED,
               "nothing was changed: log.db: committing: disk is full; make it writable, then say it "
               "again; try: df /var/lib/rollpatch");
        assert_int_equal(c->lab->state->run.state, RUN_RUNNING);
        c->full = false;
        expect(c, "pause", "{\"reason\":\"lunch\"}", EXIT_OK, "paused");
}

/* --- retry --- */

static void test_retry_makes_a_new_attempt_of_a_node_that_is_not_patched(void **state) {
        AUTO(Coordinator) *c = coordinator_with_failed_m1();

        lab_look(c->lab, "m1", LAB_FROM, VERDICT_FAIL);
        expect(c, "retry", "{\"node\":\"m1\",\"reason\":\"fixed\"}", EXIT_OK,
               "m1: still has DC/OS 2.1.0: will be patched again, as attempt 2");
        assert_int_equal(step_of(c, "m1")->state, STEP_WAITING);
        assert_int_equal(step_of(c, "m1")->attempt, 2);
        expect(c, "retry", "{\"node\":\"m1\",\"reason\":\"fixed\"}", EXIT_OK, "nothing to retry");
        expect(c, "resume", "{}", EXIT_OK, "resumed");
}

static void test_retry_only_judges_again_a_node_that_is_patched(void **state) {
        AUTO(Coordinator) *c = coordinator_with_failed_m1();

        lab_look(c->lab, "m1", LAB_TO, VERDICT_PASS);
        expect(c, "retry", "{\"node\":\"m1\",\"reason\":\"looked\"}", EXIT_OK,
               "not run again, only its gate is asked");
        assert_int_equal(step_of(c, "m1")->state, STEP_VERIFYING);
        assert_int_equal(step_of(c, "m1")->attempt, 1);
}

/* Whatever Docker says now, or whether it has said anything since rollpatchd was started. */
static void test_retry_accepts_the_restart_of_docker_that_the_gate_has_failed_by(void **state) {
        static const uint64_t starts[] = { 930000, 0 };
        const Sample docker = { .check = "docker",
                                .verdict = VERDICT_FAIL,
                                .numbers = { { "start_ms", 940000 }, { "restarted", 1 } },
                                .number_count = 2 };

        for (size_t i = 0; i < ELEMENTSOF(starts); i++) {
                AUTO(Coordinator) *c = coordinator_with(1);
                Event gave_up;

                expect(c, "run", RUN("\"m1\"", "\"a1\""), EXIT_OK, "");
                lab_lead(c->lab, "m1", STEP_DONE);
                lab_lead(c->lab, "a1", STEP_VERIFYING);
                gave_up = lab_step_event(c->lab, "a1", STEP_EVENT_GAVE_UP);
                gave_up.step.docker_start = starts[i];
                lab_commit(c->lab, &gave_up);
                lab_look(c->lab, "a1", LAB_TO, VERDICT_PASS);
                if (starts[i] == 0)
                        lab_sample(c->lab, "a1", &docker); /* it has failed by something else */
                expect(c, "retry", "{\"node\":\"a1\",\"reason\":\"told the owners\"}", EXIT_OK,
                       starts[i] ? "only its gate is asked; that Docker was restarted is accepted"
                                 : "only its gate is asked");
                assert_int_equal(step_of(c, "a1")->docker_accepted, starts[i]);
        }
}

static void test_retry_of_a_node_that_is_done_changes_nothing(void **state) {
        AUTO(Coordinator) *c = coordinator_with(1);
        size_t before;

        expect(c, "run", RUN("\"m1\"", "\"a1\""), EXIT_OK, "");
        lab_lead(c->lab, "m1", STEP_DONE);
        before = c->lab->count;
        expect(c, "retry", "{\"node\":\"m1\",\"reason\":\"x\"}", EXIT_OK,
               "m1 is done for 0s: there is nothing to retry, and nothing changed");
        assert_int_equal(c->lab->count, before);
        expect(c, "abort", "{\"reason\":\"enough\"}", EXIT_OK, "no step was under way");
        expect(c, "retry", "{\"node\":\"m1\",\"reason\":\"x\"}", EXIT_FAILED, "run 1 is aborted");
}

/* test-retry.c tries everything that a node may have. */
static void test_retry_leaves_alone_what_it_cannot_tell_or_does_not_know(void **state) {
        AUTO(Coordinator) *c = coordinator_with_failed_m1();

        expect(c, "retry", "{\"node\":\"m1\",\"reason\":\"x\"}", EXIT_BLOCKED,
               "try: rollpatch status m1");
        lab_look(c->lab, "m1", "1.13.0", VERDICT_PASS);
        expect(c, "retry", "{\"node\":\"m1\",\"reason\":\"x\"}", EXIT_UNSAFE, "neither");
        assert_int_equal(step_of(c, "m1")->state, STEP_FAILED);
}

/* It may be at it this very moment. */
static void test_retry_of_a_node_that_is_not_heard_is_refused(void **state) {
        AUTO(Coordinator) *c = coordinator_with_m1(STEP_STARTED);

        lab_pass_silent(c->lab, LINK_LOST + 1);
        coordinator_turn(c);
        assert_int_equal(step_of(c, "m1")->state, STEP_UNKNOWN);
        expect(c, "retry", "{\"node\":\"m1\",\"reason\":\"x\"}", EXIT_BLOCKED,
               "m1 is not heard now");
        assert_true(step_of(c, "m1")->slot);
}

/* --- release --- */

static void test_release_frees_the_slot_with_a_name_and_a_reason(void **state) {
        AUTO(Coordinator) *c = coordinator_with_failed_m1();
        const Event *audit;

        expect(c, "release", "{\"node\":\"m1\",\"reason\":\"host is gone\"}", EXIT_OK,
               "m1: released; it was failed for 0s and had the slot (fence 1), heard 0s ago; "
               "you answer for it; no other master goes down before it is proven good; then: "
               "rollpatch resume");
        assert_false(step_of(c, "m1")->slot);
        assert_true(step_of(c, "m1")->released);
        audit = lab_last(c->lab, EVENT_OPERATOR);
        assert_string_equal(audit->operator.verb, "release");
        assert_string_equal(audit->operator.node, "m1");
        assert_string_equal(audit->operator.reason, "host is gone");
        expect(c, "release", "{\"node\":\"m1\",\"reason\":\"again\"}", EXIT_OK, "holds nothing");
}

/* Its failure is in the log, and the turn that would halt the run for it has not been yet. */
static void test_what_has_just_failed_halts_the_run_before_a_person_settles_it(void **state) {
        AUTO(Coordinator) *c = coordinator_with_m1(STEP_STARTED);
        Event failed = lab_step_event(c->lab, "m1", STEP_EVENT_SCRIPT_FAILED);

        failed.step.exit_status = 3;
        lab_commit(c->lab, &failed);
        expect(c, "release", "{\"node\":\"m1\",\"reason\":\"host is gone\"}", EXIT_OK,
               "then: rollpatch resume");
        assert_true(step_of(c, "m1")->released);
        assert_int_equal(c->lab->state->run.state, RUN_HALTED);
}

/* Otherwise two masters could be down, with a name and a reason. */
static void test_no_slot_is_taken_from_a_node_that_is_heard_and_at_it(void **state) {
        AUTO(Coordinator) *c = coordinator_with_m1(STEP_STARTED);

        expect(c, "release", "{\"node\":\"m1\",\"reason\":\"hurry\"}", EXIT_BLOCKED,
               "m1 is heard, and is at it");
        assert_true(step_of(c, "m1")->slot);
        expect(c, "abort", "{\"reason\":\"enough\"}", EXIT_OK, "goes on to its end: m1 (started)");
        expect(c, "run", RUN("\"m1\"", ""), EXIT_UNSAFE,
               "its step of run 1 is started, and goes on to its end; try: rollpatch status m1");
}

static void test_release_of_a_lost_journal_comes_first_and_is_its_own_answer(void **state) {
        AUTO(Coordinator) *c = coordinator_with_m1(STEP_STARTED);

        lab_restart(c->lab);
        lab_claim_journal(c->lab, "m1", 'd', NULL, 0);
        expect(c, "release", "{\"node\":\"m1\",\"reason\":\"new disk\"}", EXIT_OK,
               "what its journal cannot tell");
        assert_true(step_of(c, "m1")->slot);
        expect(c, "release", "{\"node\":\"m1\",\"reason\":\"not running\"}", EXIT_OK,
               "you answer for it");
        assert_false(step_of(c, "m1")->slot);
}

static void test_a_step_of_a_run_that_was_aborted_can_be_released_and_then_another_run_begins(
                void **state) {
        AUTO(Coordinator) *c = coordinator_with_m1(STEP_SLOTTED);

        expect(c, "abort", "{\"reason\":\"enough\"}", EXIT_OK, "aborted");
        expect(c, "run", RUN("\"m1\"", ""), EXIT_UNSAFE, "rollpatch release m1");
        expect(c, "release", "{\"node\":\"m1\",\"reason\":\"never started\"}", EXIT_OK, "released");
        expect(c, "run", RUN("\"m1\"", ""), EXIT_OK, "run 2 started");
}

/* --- quarantine --- */

static void test_masters_cannot_be_set_aside(void **state) {
        AUTO(Coordinator) *c = coordinator_with_failed_m1();

        expect(c, "quarantine", "{\"node\":\"m1\",\"reason\":\"x\"}", EXIT_UNSAFE, "is a master");
}

static void test_an_agent_can_be_set_aside_and_brought_back_while_the_run_is_open(void **state) {
        AUTO(Coordinator) *c = coordinator_with(1);

        expect(c, "quarantine", "{\"node\":\"a1\",\"reason\":\"disk\"}", EXIT_FAILED,
               "in no open run");
        expect(c, "run", RUN("\"m1\"", "\"a1\""), EXIT_OK, "");
        expect(c, "quarantine", "{\"node\":\"a1\",\"reason\":\"disk\"}", EXIT_OK, "in quarantine");
        expect(c, "quarantine", "{\"node\":\"a1\",\"reason\":\"disk\"}", EXIT_OK,
               "in quarantine already");
        expect(c, "unquarantine", "{\"node\":\"a1\",\"reason\":\"new disk\"}", EXIT_OK,
               "back in the run");
        expect(c, "unquarantine", "{\"node\":\"a1\",\"reason\":\"new disk\"}", EXIT_OK,
               "not in quarantine");
        assert_string_equal(lab_node(c->lab, "a1")->step.id + 12, "a1-2");
        expect(c, "quarantine", "{\"node\":\"a1\",\"reason\":\"disk\"}", EXIT_OK, "in quarantine");
        expect(c, "abort", "{\"reason\":\"enough\"}", EXIT_OK, "aborted");
        expect(c, "unquarantine", "{\"node\":\"a1\",\"reason\":\"x\"}", EXIT_FAILED,
               "in no open run");
}

static void test_every_command_that_acts_is_audited_and_those_that_look_are_not(void **state) {
        AUTO(Coordinator) *c = coordinator_with_failed_m1();
        unsigned before = lab_count(c->lab, EVENT_OPERATOR);

        (void) ask(c, "status", "{}");
        (void) ask(c, "nodes", "{}");
        (void) ask(c, "report", "{}");
        (void) ask(c, "runs", "{}");
        (void) ask(c, "audit", "{}");
        (void) ask(c, "plan", "{\"plan\":" PLAN("\"m1\"", "") "}");
        assert_int_equal(lab_count(c->lab, EVENT_OPERATOR), before);
        lab_look(c->lab, "m1", LAB_FROM, VERDICT_FAIL);
        expect(c, "retry", "{\"node\":\"m1\",\"reason\":\"x\"}", EXIT_OK, "");
        expect(c, "resume", "{}", EXIT_OK, "");
        assert_int_equal(lab_count(c->lab, EVENT_OPERATOR), before + 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_run_needs_yes_and_the_first_time_the_name_of_the_cluster),
                cmocka_unit_test(test_a_plan_that_names_a_node_twice_reaches_no_log),
                cmocka_unit_test(test_that_the_state_is_saved_is_audited_with_where_to),
                cmocka_unit_test(test_a_run_is_audited_together_with_what_it_makes),
                cmocka_unit_test(test_nothing_is_done_without_a_reason),
                cmocka_unit_test(test_a_node_that_was_never_heard_of_is_not_found),
                cmocka_unit_test(test_an_unknown_verb_is_refused),
                cmocka_unit_test(test_pause_and_resume_say_what_they_found),
                cmocka_unit_test(test_a_pause_ends_although_an_agent_went_wrong),
                cmocka_unit_test(test_a_halt_is_resumed_only_when_its_cause_is_settled),
                cmocka_unit_test(test_on_a_full_disk_nothing_is_changed_and_where_to_look_is_said),
                cmocka_unit_test(test_retry_makes_a_new_attempt_of_a_node_that_is_not_patched),
                cmocka_unit_test(test_retry_only_judges_again_a_node_that_is_patched),
                cmocka_unit_test(
                                test_retry_accepts_the_restart_of_docker_that_the_gate_has_failed_by),
                cmocka_unit_test(test_retry_of_a_node_that_is_done_changes_nothing),
                cmocka_unit_test(test_retry_leaves_alone_what_it_cannot_tell_or_does_not_know),
                cmocka_unit_test(test_retry_of_a_node_that_is_not_heard_is_refused),
                cmocka_unit_test(test_release_frees_the_slot_with_a_name_and_a_reason),
                cmocka_unit_test(
                                test_what_has_just_failed_halts_the_run_before_a_person_settles_it),
                cmocka_unit_test(test_no_slot_is_taken_from_a_node_that_is_heard_and_at_it),
                cmocka_unit_test(test_release_of_a_lost_journal_comes_first_and_is_its_own_answer),
                cmocka_unit_test(
                                test_a_step_of_a_run_that_was_aborted_can_be_released_and_then_another_run_begins),
                cmocka_unit_test(test_masters_cannot_be_set_aside),
                cmocka_unit_test(
                                test_an_agent_can_be_set_aside_and_brought_back_while_the_run_is_open),
                cmocka_unit_test(
                                test_every_command_that_acts_is_audited_and_those_that_look_are_not),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
