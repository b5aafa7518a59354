/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/masters.h"

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
#include "coordinator/plan.h"
#include "tests/unit/core-lab.h"

/* Who counts as a master, and whose word counts at all: no node goes down while the two lists of
 * masters disagree, nor while the key of one of them is revoked. */

static const char *const three[] = { "m1", "m2", "m3" };
static const char *const keys[] = { KEY(1), KEY(2), KEY(3) };

static void change_key(Lab *lab, KeyChange change, const char *name, const char *key) {
        Event event = { .kind = EVENT_KEY, .key = { .change = change, .role = ROLE_MASTER } };

        (void) text_copy(event.key.node, sizeof(event.key.node), name);
        (void) text_copy(event.key.key, sizeof(event.key.key), key);
        if (change == KEY_OFFERED)
                event.key.until = lab->wall + USEC_PER_HOUR;
        lab_commit(lab, &event);
}

/* m1's turn would be next, but the run is paused. */
static Lab *lab_before_the_first_slot(void) {
        Lab *lab = lab_new();

        for (size_t i = 0; i < 3; i++)
                change_key(lab, KEY_IMPORTED, three[i], keys[i]);
        lab_join_masters(lab, 3);
        lab_run(lab, three, 3, false);
        lab_operate(lab, RUN_EVENT_PAUSED);
        for (size_t i = 0; i < 3; i++)
                lab_lead(lab, three[i], STEP_STAGED);

        lab_healthy(lab, true);
        return lab;
}

static StepState state_of(const Lab *lab, const char *name) {
        return lab_node(lab, name)->step.state;
}

static LinkState link_of(const Lab *lab, const char *name) {
        return node_link(lab->state, &lab->facts, state_find_place(lab->state, name), lab->now);
}

static void expect_why(const Lab *lab, const char *part) {
        if (!strstr(lab->why.text, part))
                fail_msg("'%s' does not say '%s'", lab->why.text, part);
}

static void expect_closed(Lab *lab, const char *why) {
        lab_operate(lab, RUN_EVENT_RESUMED);
        assert_int_equal(state_of(lab, "m1"), STEP_STAGED);
        expect_why(lab, why);
}

static void expect_open(Lab *lab) {
        (void) lab_turn(lab);
        assert_int_equal(state_of(lab, "m1"), STEP_SLOTTED);
}

/* --- keys --- */

static void test_a_node_whose_key_is_revoked_is_lost_however_lately_it_was_heard(void **state) {
        AUTO(Lab) *lab = lab_before_the_first_slot();

        (void) lab_heartbeat(lab, "m2");
        assert_int_equal(link_of(lab, "m2"), LINK_FRESH);
        change_key(lab, KEY_REVOKED, "m2", KEY(2));
        assert_int_equal(link_of(lab, "m2"), LINK_LOST_STATE);
        assert_int_equal(link_of(lab, "m3"), LINK_FRESH);

        lab_restart(lab); /* and so it stays */
        assert_int_equal(link_of(lab, "m2"), LINK_LOST_STATE);
}

static void test_no_slot_while_the_key_of_another_master_is_revoked(void **state) {
        AUTO(Lab) *lab = lab_before_the_first_slot();

        change_key(lab, KEY_REVOKED, "m2", KEY(2));
        expect_closed(lab, "master m2's key was revoked; nothing it says counts");
        assert_string_equal(lab->why.advice, "rollpatch token create --role master --name m2");

        change_key(lab, KEY_IMPORTED, "m2", KEY(b));
        assert_int_equal(link_of(lab, "m2"), LINK_FRESH);
        expect_open(lab);
}

static void test_no_slot_for_a_master_whose_own_key_is_revoked(void **state) {
        AUTO(Lab) *lab = lab_before_the_first_slot();

        change_key(lab, KEY_REVOKED, "m1", KEY(1));
        expect_closed(lab, "m1's key was revoked");
        change_key(lab, KEY_APPROVED, "m1", KEY(a));
        expect_open(lab);
}

static void test_a_claim_that_waits_for_a_revoked_master_says_so(void **state) {
        AUTO(Lab) *lab = lab_before_the_first_slot();

        change_key(lab, KEY_REVOKED, "m1", KEY(1));
        lab_restart(lab);
        expect_closed(lab, "master m1's key was revoked");
}

static void test_a_master_that_is_revoked_in_its_slot_is_unknown_at_once(void **state) {
        AUTO(Lab) *lab = lab_before_the_first_slot();

        lab_operate(lab, RUN_EVENT_RESUMED);
        lab_lead(lab, "m1", STEP_STARTED);
        change_key(lab, KEY_REVOKED, "m1", KEY(1));
        (void) lab_turn(lab);
        assert_int_equal(state_of(lab, "m1"), STEP_UNKNOWN);
        assert_int_equal(lab->state->run.state, RUN_HALTED);
        assert_non_null(strstr(lab->state->run.reason, "its key was revoked"));
}

static void test_a_run_halts_when_another_master_is_revoked_during_a_slot(void **state) {
        AUTO(Lab) *lab = lab_before_the_first_slot();

        lab_operate(lab, RUN_EVENT_RESUMED);
        lab_lead(lab, "m1", STEP_STARTED);
        change_key(lab, KEY_REVOKED, "m3", KEY(3));
        (void) lab_turn(lab);
        assert_int_equal(lab->state->run.state, RUN_HALTED);
        assert_string_equal(
                        lab->state->run.reason,
                        "the key of master m3 was revoked while m1 had the slot");
        assert_int_equal(state_of(lab, "m1"), STEP_STARTED); /* which goes on */
}

/* Somebody asks for the name with another key, and is rejected; or it is the node's next key. */
static void test_another_key_under_a_nodes_name_takes_nothing_from_it(void **state) {
        AUTO(Lab) *lab = lab_before_the_first_slot();

        change_key(lab, KEY_REJECTED, "m2", KEY(f));
        assert_int_equal(link_of(lab, "m2"), LINK_FRESH);

        change_key(lab, KEY_OFFERED, "m2", KEY(2));
        change_key(lab, KEY_ANNOUNCED, "m2", KEY(b));
        change_key(lab, KEY_REVOKED, "m2", KEY(b));
        assert_int_equal(link_of(lab, "m2"), LINK_FRESH);

        change_key(lab, KEY_OFFERED, "m2", KEY(2));
        change_key(lab, KEY_ANNOUNCED, "m2", KEY(c));
        change_key(lab, KEY_REPLACED, "m2", KEY(c));
        assert_int_equal(link_of(lab, "m2"), LINK_FRESH);
        lab_operate(lab, RUN_EVENT_RESUMED);
        expect_open(lab);

        change_key(lab, KEY_REVOKED, "m2", KEY(c));
        assert_int_equal(link_of(lab, "m2"), LINK_LOST_STATE);
}

/* --- the two lists --- */

static void list(Lab *lab, const char *const names[], size_t count) {
        lab->lists = true;
        lab->listed_count = count;
        for (size_t i = 0; i < count; i++)
                (void) text_copy(lab->listed[i], NAME_TEXT_MAX, names[i]);
        lab->facts.rules = (EnrolRules) { lab->listed, count };
}

static void test_no_slot_while_the_lists_of_masters_disagree(void **state) {
        static const char *const five[] = { "m1", "m2", "m3", "m4", "m5" };
        static const char *const others[] = { "m1", "m2", "m4" };
        AUTO(Lab) *lab = lab_before_the_first_slot();

        list(lab, five, 5);
        expect_closed(lab,
                      "masters: in rollpatchd.yaml names 5, the masters' own master_count is 3");
        assert_non_null(strstr(lab->why.advice, "/opt/mesosphere/etc/master_count"));
        list(lab, five, 1);
        (void) lab_turn(lab);
        expect_why(lab, "names 1, the masters' own master_count is 3");
        list(lab, five, 0);
        (void) lab_turn(lab);
        expect_why(lab, "names 0");
        list(lab, others, 3);
        (void) lab_turn(lab);
        expect_why(lab, "m3 is a master, and masters: in rollpatchd.yaml does not name it");
        assert_int_equal(state_of(lab, "m1"), STEP_STAGED);

        list(lab, three, 3);
        expect_open(lab);
}

static void test_no_start_order_once_the_lists_of_masters_disagree(void **state) {
        static const char *const five[] = { "m1", "m2", "m3", "m4", "m5" };
        AUTO(Lab) *lab = lab_before_the_first_slot();

        lab_operate(lab, RUN_EVENT_RESUMED);
        assert_int_equal(state_of(lab, "m1"), STEP_SLOTTED);
        list(lab, five, 5);
        lab_ready(lab, "m1", '1');
        (void) lab_turn(lab);
        assert_int_equal(lab_count(lab, EVENT_ORDERED), 0);
        expect_why(lab, "names 5");
}

static void test_masters_that_have_not_said_how_many_they_are_agree_with_no_list(void **state) {
        AUTO(Lab) *lab = lab_new();
        char reason[REASON_MAX];

        lab_join(lab, "m1", ROLE_MASTER, 0);
        list(lab, three, 1);
        assert_false(masters_are_listed(lab->state, &lab->facts.rules, reason));
}

/* --- before the run --- */

static Plan plan_of(PlanMember *members, size_t count) {
        Plan plan = { .nodes = members, .node_count = count };

        plan.made = lab_run_made(1).run_made;
        (void) text_copy(plan.cluster, sizeof(plan.cluster), "prod");
        for (size_t i = 0; i < count; i++) {
                members[i].role = ROLE_MASTER;
                (void) text_copy(members[i].name, sizeof(members[i].name), three[i]);
        }

        return plan;
}

static void expect_finding(const Lab *lab, const char *id, const char *text) {
        PlanMember members[3] = {};
        Plan plan = plan_of(members, 3);
        Finding findings[FINDINGS_MAX];
        size_t count = plan_check(&plan, lab->state, "prod", &lab->facts.rules, false, findings);

        assert_int_equal(count, id != NULL);
        if (!id)
                return;

        assert_true(findings[0].blocks);
        assert_int_equal(findings[0].code, ERROR_BLOCKED);
        assert_string_equal(findings[0].id, id);
        if (!strstr(findings[0].text, text))
                fail_msg("'%s' does not say '%s'", findings[0].text, text);
}

static void test_no_run_starts_with_lists_that_disagree_or_a_revoked_node(void **state) {
        static const char *const five[] = { "m1", "m2", "m3", "m4", "m5" };
        AUTO(Lab) *lab = lab_new();

        for (size_t i = 0; i < 3; i++)
                change_key(lab, KEY_IMPORTED, three[i], keys[i]);
        lab_join_masters(lab, 3);
        expect_finding(lab, NULL, NULL);

        list(lab, five, 5);
        expect_finding(lab, "masters.listed", "names 5, the masters' own master_count is 3");
        list(lab, three, 3);
        expect_finding(lab, NULL, NULL);

        change_key(lab, KEY_REVOKED, "m2", KEY(2));
        expect_finding(lab, "node.revoked", "m2's key was revoked");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(
                                test_a_node_whose_key_is_revoked_is_lost_however_lately_it_was_heard),
                cmocka_unit_test(test_no_slot_while_the_key_of_another_master_is_revoked),
                cmocka_unit_test(test_no_slot_for_a_master_whose_own_key_is_revoked),
                cmocka_unit_test(test_a_claim_that_waits_for_a_revoked_master_says_so),
                cmocka_unit_test(test_a_master_that_is_revoked_in_its_slot_is_unknown_at_once),
                cmocka_unit_test(test_a_run_halts_when_another_master_is_revoked_during_a_slot),
                cmocka_unit_test(test_another_key_under_a_nodes_name_takes_nothing_from_it),
                cmocka_unit_test(test_no_slot_while_the_lists_of_masters_disagree),
                cmocka_unit_test(test_no_start_order_once_the_lists_of_masters_disagree),
                cmocka_unit_test(
                                test_masters_that_have_not_said_how_many_they_are_agree_with_no_list),
                cmocka_unit_test(test_no_run_starts_with_lists_that_disagree_or_a_revoked_node),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
