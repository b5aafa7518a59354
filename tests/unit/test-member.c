/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/member.h"

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
#include "coordinator/losses.h"
#include "tests/unit/core-lab.h"

/* What was true of an agent, and of all agents, before a step is true again after it. */

typedef struct Seen {
        uint64_t registered;
        const char *id;
        int64_t listed;  /* tasks, by the leading master; -1: it does not say */
        int64_t running; /* by the agent itself */
} Seen;

static void add_number(Sample *sample, const char *name, uint64_t value) {
        SampleNumber *number = &sample->numbers[sample->number_count++];

        (void) text_copy(number->name, sizeof(number->name), name);
        number->value = value;
}

static void add_text(Sample *sample, const char *name, const char *value) {
        SampleText *text = &sample->texts[sample->text_count++];

        (void) text_copy(text->name, sizeof(text->name), name);
        (void) text_copy(text->text, sizeof(text->text), value);
}

static void hear_master(Lab *lab, uint64_t agents_active) {
        Sample master = { .check = "mesos-master", .verdict = VERDICT_PASS };
        Sample leader = { .check = "mesos-leader", .verdict = VERDICT_PASS };

        add_number(&master, "elected", 1);
        add_text(&master, "leader", "10.0.0.1:5050");
        lab_sample(lab, "m1", &master);
        add_number(&leader, "agents_active", agents_active);
        lab_sample(lab, "m1", &leader);
}

static void hear_agent(Lab *lab, const Seen *seen) {
        Sample member = { .check = "mesos-leader", .subject = "10.0.1.1", .verdict = VERDICT_PASS };
        Sample own = { .check = "mesos-agent", .verdict = VERDICT_PASS };

        add_number(&member, "listed", 1);
        add_number(&member, "active", 1);
        add_number(&member, "reregistered_ms", seen->registered);
        add_text(&member, "id", seen->id);
        if (seen->listed >= 0)
                add_number(&member, "tasks", (uint64_t) seen->listed);
        lab_sample(lab, "m1", &member);

        if (seen->running >= 0)
                add_number(&own, "tasks_running", (uint64_t) seen->running);
        lab_sample(lab, "a1", &own);
}

/* a1 was seen before its slot, and its script has ended. */
static Lab *lab_verifying(void) {
        static const Seen before = { 1000, "S0", 5, 5 };
        static const char *const names[] = { "a1" };
        Lab *lab = lab_new();

        lab_join_masters(lab, 1);
        lab_join(lab, "a1", ROLE_AGENT, 0);
        (void) text_copy(lab->state->nodes[1].address, ADDRESS_TEXT_MAX, "10.0.1.1");
        lab_healthy(lab, true);
        hear_master(lab, 1);
        hear_agent(lab, &before);
        lab_facts(lab, "a1")->registered_ms = before.registered;
        lab_run(lab, names, 1, true);
        lab_lead(lab, "a1", STEP_VERIFYING);
        lab_pass(lab, USEC_PER_SEC);
        return lab;
}

static void test_what_an_agent_was_before_its_slot_is_in_the_log(void **state) {
        AUTO(Lab) *lab = lab_verifying();
        const Step *step = &lab_node(lab, "a1")->step;

        assert_int_equal(step->registered_before, 1000);
        assert_int_equal(step->tasks_before, 5);
        assert_string_equal(step->agent_id, "S0");
        assert_int_equal(step->agents_before, 0);
}

static void test_an_agent_is_back_when_it_is_the_same_and_registered_anew(void **state) {
        static const struct {
                Seen seen;
                const char *why; /* NULL: it is back */
        } cases[] = {
                { { 2000, "S0", 5, 5 }, NULL },
                { { 2000, "S0", 3, 3 }, NULL }, /* a loss holds nobody up */
                { { 1000, "S0", 5, 5 }, "has not registered it anew since its step" },
                { { 2000, "S7", 5, 5 }, "has it as agent S7, it was S0 before its step" },
                { { 2000, "", 5, 5 }, "has it as agent , it was S0" },
                { { 2000, "S0", 4, 5 }, NULL }, /* each by its own moment: mesos-tasks compares */
                { { 2000, "S0", -1, -1 }, NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                AUTO(Lab) *lab = lab_verifying();
                Why why = {};
                bool back;

                hear_master(lab, 1);
                hear_agent(lab, &cases[i].seen);
                back = agent_is_member_again(lab->state, &lab->facts, 1, lab->now, &why);
                if (back != !cases[i].why || !strstr(why.text, back ? "" : cases[i].why))
                        fail_msg("case %zu: '%s'", i, why.text);
        }
}

static void test_what_an_agent_has_lost_is_told(void **state) {
        static const Seen whole = { 2000, "S0", 5, 5 };
        static const Seen less = { 2000, "S0", 4, 4 };
        AUTO(Lab) *lab = lab_verifying();
        char text[REASON_MAX];

        hear_agent(lab, &whole);
        losses_describe(lab->state, &lab->facts, 1, lab->now, text);
        assert_string_equal(text, "");
        hear_agent(lab, &less);
        losses_describe(lab->state, &lab->facts, 1, lab->now, text);
        assert_non_null(strstr(text, "5 tasks ran before, 4 do now"));
}

/* --- the five-minute rule --- */

/* The leading master, with its limits, says of a1 that it is listed so many times, and active. */
static void hear_presence(Lab *lab, uint64_t listed, uint64_t active, bool recovered) {
        Sample member = { .check = "mesos-leader", .subject = "10.0.1.1", .verdict = VERDICT_FAIL };
        Sample leader = { .check = "mesos-leader", .verdict = VERDICT_PASS };

        hear_master(lab, 1);
        add_number(&leader, "ping_limit_ms", 300000);
        add_number(&leader, "reregister_limit_ms", 600000);
        lab_sample(lab, "m1", &leader);
        add_number(&member, "listed", listed);
        add_number(&member, "recovered", recovered);
        if (listed == 1)
                add_number(&member, "active", active);
        lab_sample(lab, "m1", &member);
}

static void expect_away(const Lab *lab, usec_t span, usec_t limit, bool alarming) {
        char text[REASON_MAX];
        Why why = {};
        Away away;
        uint64_t unused;

        assert_true(member_is_away(lab->state, &lab->facts, 1, lab->now, &away));
        assert_int_equal(away.span, span);
        assert_int_equal(away.limit, limit);
        assert_int_equal(away_is_alarming(&away), alarming);
        assert_false(agent_is_member(lab->state, &lab->facts, 1, lab->now, &unused, &why));
        away_describe(&away, text);
        assert_non_null(strstr(why.text, text));
}

static void test_the_limit_counts_from_when_the_leader_says_disconnected(void **state) {
        AUTO(Lab) *lab = lab_verifying();
        Away away;

        hear_presence(lab, 1, 1, false);
        assert_false(member_is_away(lab->state, &lab->facts, 1, lab->now, &away));
        lab_pass(lab, 100 * USEC_PER_SEC);
        hear_presence(lab, 1, 0, false);
        expect_away(lab, 0, 5 * USEC_PER_MINUTE, false);
        lab_pass(lab, 179 * USEC_PER_SEC);
        hear_presence(lab, 1, 0, false);
        expect_away(lab, 179 * USEC_PER_SEC, 5 * USEC_PER_MINUTE, false);
        lab_pass(lab, USEC_PER_SEC);
        hear_presence(lab, 0, 0, false); /* given up: in no list */
        expect_away(lab, 180 * USEC_PER_SEC, 5 * USEC_PER_MINUTE, true);
        hear_presence(lab, 0, 0, true); /* another leads by now */
        expect_away(lab, 180 * USEC_PER_SEC, 10 * USEC_PER_MINUTE, false);
        hear_presence(lab, 1, 1, false);
        assert_false(member_is_away(lab->state, &lab->facts, 1, lab->now, &away));
}

/* An answer that could not be used says neither that it is gone nor that it is back. */
static void test_what_is_unknown_neither_starts_nor_ends_an_absence(void **state) {
        const Sample unknown = { .check = "mesos-leader", .subject = "10.0.1.1" };
        AUTO(Lab) *lab = lab_verifying();
        Away away;

        hear_presence(lab, 1, 0, false);
        lab_pass(lab, 10 * USEC_PER_SEC);
        hear_presence(lab, 1, 0, false);
        lab_sample(lab, "m1", &unknown);
        expect_away(lab, 10 * USEC_PER_SEC, 5 * USEC_PER_MINUTE, false);
        hear_presence(lab, 1, 1, false);
        lab_sample(lab, "m1", &unknown);
        assert_false(member_is_away(lab->state, &lab->facts, 1, lab->now, &away));
}

/* --- all agents, after the step of a master --- */

static Lab *lab_of_agents(void) {
        static const char *const names[] = { "m1", "a1", "a2" };
        Lab *lab = lab_new();

        lab_join_masters(lab, 1);
        lab_join(lab, "a1", ROLE_AGENT, 0);
        lab_join(lab, "a2", ROLE_AGENT, 0);
        (void) text_copy(lab->state->nodes[1].address, ADDRESS_TEXT_MAX, "10.0.1.1");
        lab_healthy(lab, true);
        hear_master(lab, 7);
        lab_run(lab, names, ELEMENTSOF(names), true);
        lab_lead(lab, "m1", STEP_VERIFYING);
        lab_pass(lab, USEC_PER_SEC);
        return lab;
}

static void expect_back(const Lab *lab, bool want, const char *part) {
        Why why = {};

        if (agents_are_back(lab->state, &lab->facts, 0, lab->now, &why) != want ||
            !strstr(why.text, part))
                fail_msg("'%s', want '%s'", why.text, part);
}

static void test_as_many_agents_are_active_as_before_the_step_of_a_master(void **state) {
        AUTO(Lab) *lab = lab_of_agents();

        assert_int_equal(lab_node(lab, "m1")->step.agents_before, 7);
        hear_master(lab, 7);
        expect_back(lab, true, "");
        hear_master(lab, 6);
        expect_back(lab, false, "1 of the agents that were active before the step of m1 are not");
        hear_master(lab, 9);
        expect_back(lab, true, "");
}

static void test_nobody_who_leads_has_said_how_many_agents_there_are(void **state) {
        AUTO(Lab) *lab = lab_of_agents();

        lab_pass(lab, USEC_PER_MINUTE);
        expect_back(lab, false, "has not said how many agents are active");
}

static void test_an_agent_that_was_set_aside_is_not_waited_for(void **state) {
        AUTO(Lab) *lab = lab_of_agents();

        lab_step(lab, "a1", STEP_EVENT_QUARANTINED);
        for (uint64_t listed = 0; listed < 2; listed++) {
                hear_presence(lab, listed, 0, false);
                hear_master(lab, 6);
                expect_back(lab, true, "");
                hear_master(lab, 5);
                expect_back(lab, false, "1 of the agents");
        }
}

static void test_an_agent_that_was_set_aside_and_is_there_hides_nobody_who_is_missing(
                void **state) {
        AUTO(Lab) *lab = lab_of_agents();

        lab_step(lab, "a1", STEP_EVENT_QUARANTINED);
        hear_master(lab, 6);
        expect_back(lab, false, "1 of the agents"); /* nobody has said which */
        hear_presence(lab, 1, 1, false);
        hear_master(lab, 6);
        expect_back(lab, false, "1 of the agents");
        hear_master(lab, 7);
        expect_back(lab, true, "");
}

static size_t count_asked(const Lab *lab, const char *address) {
        size_t count = 0;
        Watch watch;

        checks_watch(lab->state, &lab->facts, 0, lab->now, &watch);
        for (size_t i = 0; i < watch.item_count; i++)
                count += strcmp(watch.items[i].subject, address) == 0;

        return count;
}

/* Once, also when a person wishes it. */
static void test_the_leader_is_asked_about_agents_that_were_set_aside(void **state) {
        AUTO(Lab) *lab = lab_of_agents();

        hear_master(lab, 7);
        lab_step(lab, "a1", STEP_EVENT_QUARANTINED);
        assert_int_equal(count_asked(lab, "10.0.1.1"), 1);
        facts_wish(&lab->facts, 1, ++lab->facts.wishes, lab->now);
        assert_int_equal(count_asked(lab, "10.0.1.1"), 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_an_agent_was_before_its_slot_is_in_the_log),
                cmocka_unit_test(test_an_agent_is_back_when_it_is_the_same_and_registered_anew),
                cmocka_unit_test(test_what_an_agent_has_lost_is_told),
                cmocka_unit_test(test_the_limit_counts_from_when_the_leader_says_disconnected),
                cmocka_unit_test(test_what_is_unknown_neither_starts_nor_ends_an_absence),
                cmocka_unit_test(test_as_many_agents_are_active_as_before_the_step_of_a_master),
                cmocka_unit_test(test_nobody_who_leads_has_said_how_many_agents_there_are),
                cmocka_unit_test(test_an_agent_that_was_set_aside_is_not_waited_for),
                cmocka_unit_test(
                                test_an_agent_that_was_set_aside_and_is_there_hides_nobody_who_is_missing),
                cmocka_unit_test(test_the_leader_is_asked_about_agents_that_were_set_aside),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
