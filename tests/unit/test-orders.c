/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/orders.h"

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
#include "proto/codec.h"
#include "tests/unit/core-lab.h"

static const char *const m1[] = { "m1" };

static Lab *lab_with_m1(StepState to) {
        Lab *lab = lab_new();

        lab_join_masters(lab, 1);
        lab_run(lab, m1, 1, true);
        if (to != STEP_WAITING && to != STEP_STAGING)
                lab_lead(lab, "m1", to);

        return lab;
}

static Message refused(const char *order, Refusal refusal, uint64_t fence) {
        Message message = { .kind = MESSAGE_REFUSED };

        message.refused.refusal = refusal;
        message.refused.fence = fence;
        (void) text_copy(message.refused.order, sizeof(message.refused.order), order);
        (void) text_copy(message.refused.reason, REASON_MAX, "the disk is full");
        return message;
}

/* --- what is due --- */

static void test_a_node_that_has_not_greeted_is_told_nothing(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_STAGING);

        lab_restart(lab);
        lab_expect_no_order(lab, "m1");
        lab_facts(lab, "m1")->heard = lab->now;
        lab_expect_no_order(lab, "m1");
}

static void test_the_claim_comes_before_everything(void **state) {
        static const StepState ways[] = { STEP_STAGING, STEP_SLOTTED, STEP_STARTED,
                                          STEP_VERIFYING };

        for (size_t i = 0; i < ELEMENTSOF(ways); i++) {
                AUTO(Lab) *lab = lab_with_m1(ways[i]);
                Hello hello = lab_hello_of("m1", ROLE_MASTER, 1);
                Message order;

                lab_restart(lab);
                hello.epoch = 1;
                lab_hello(lab, &hello);
                lab_expect_order(lab, "m1", MESSAGE_CLAIM, &order);
                assert_int_equal(order.claim.epoch, 2);
                lab_expect_no_order(lab, "m1");
                lab_pass(lab, ORDER_REPEAT);
                lab_expect_order(lab, "m1", MESSAGE_CLAIM, NULL);
        }
}

static void test_a_claim_of_a_new_epoch_is_due_at_once(void **state) {
        AUTO(Lab) *lab = lab_new();
        Hello hello = lab_hello_of("m1", ROLE_MASTER, 3);
        Message order;

        lab_hello(lab, &hello);
        lab_expect_order(lab, "m1", MESSAGE_CLAIM, &order);
        assert_int_equal(order.claim.epoch, 1);
        lab_commit(lab, &(Event) { .kind = EVENT_EPOCH, .epoch = { 8, "m1", "x" } });
        lab_expect_order(lab, "m1", MESSAGE_CLAIM, &order);
        assert_int_equal(order.claim.epoch, 8);
        lab_expect_no_order(lab, "m1");
}

static void test_each_state_has_its_order(void **state) {
        static const struct {
                StepState way;
                MessageKind kind;
        } rows[] = {
                { STEP_STAGING, MESSAGE_STAGE },
                { STEP_SLOTTED, MESSAGE_SLOT },
                { STEP_STARTED, MESSAGE_ASK },
                { STEP_VERIFYING, MESSAGE_ASK },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                AUTO(Lab) *lab = lab_with_m1(rows[i].way);

                lab_expect_order(lab, "m1", rows[i].kind, NULL);
                lab_expect_no_order(lab, "m1");
                lab_pass(lab, ORDER_REPEAT - 1);
                lab_expect_no_order(lab, "m1");
                lab_pass(lab, 1);
                lab_expect_order(lab, "m1", rows[i].kind, NULL);
        }
}

static void test_states_that_wait_for_us_or_for_nothing_have_no_order(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_DONE);
        Hello hello = lab_hello_of("m1", ROLE_MASTER, 1); /* it has the old version again */

        lab_expect_no_order(lab, "m1");
        hello.epoch = lab->state->epoch;
        lab_hello(lab, &hello);
        lab_run(lab, m1, 1, true);
        lab_operate(lab, RUN_EVENT_PAUSED);
        lab_lead(lab, "m1", STEP_STAGED);
        lab_expect_no_order(lab, "m1");
        lab_operate(lab, RUN_EVENT_RESUMED);
        (void) lab_report(lab, "m1", NODE_STEP_ENDED, 2, 4);
        assert_int_equal(lab_node(lab, "m1")->step.state, STEP_FAILED);
        lab_expect_no_order(lab, "m1");
        lab_retry(lab, "m1");
        assert_int_equal(lab_node(lab, "m1")->step.state, STEP_WAITING);
        lab_expect_no_order(lab, "m1");
}

static void test_an_unknown_step_is_asked_after_and_not_begun_again(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_SLOTTED);

        lab_pass_silent(lab, LINK_LOST + 1);
        (void) lab_turn(lab);
        assert_int_equal(lab_node(lab, "m1")->step.state, STEP_UNKNOWN);
        lab_expect_order(lab, "m1", MESSAGE_ASK, NULL);
}

static void test_a_stage_order_says_all_that_is_to_be_fetched(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_STAGING);
        const EventRunMade *made = &lab->state->run.made;
        Message order;

        lab_expect_order(lab, "m1", MESSAGE_STAGE, &order);
        assert_string_equal(order.stage.step, "r1-1a2b3c4d-m1-1");
        assert_string_equal(order.stage.run, made->id);
        assert_string_equal(order.stage.node, "m1");
        assert_string_equal(order.stage.from, made->from);
        assert_string_equal(order.stage.to, made->to);
        assert_string_equal(order.stage.url, made->url);
        assert_string_equal(order.stage.sha256, made->sha256);
        assert_int_equal(order.stage.size, made->size);
        assert_int_equal(order.stage.timeout, made->numbers.timeout_script);
        assert_int_equal(order.stage.epoch, lab->state->epoch);
}

static void test_nothing_is_staged_for_a_run_that_was_aborted(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_STAGING);

        lab_operate(lab, RUN_EVENT_ABORTED);
        lab_expect_no_order(lab, "m1");
}

/* It may have taken a start order just before; it will get no other. */
static void test_a_slot_of_a_run_that_was_aborted_is_only_asked_after(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_SLOTTED);

        lab_expect_order(lab, "m1", MESSAGE_SLOT, NULL);
        lab_operate(lab, RUN_EVENT_ABORTED);
        lab_expect_order(lab, "m1", MESSAGE_ASK, NULL);
        lab_ready(lab, "m1", '7');
        assert_int_equal(lab_count(lab, EVENT_ORDERED), 0);
        lab_expect_no_order(lab, "m1");
        (void) lab_report(lab, "m1", NODE_STEP_RUNNING, 1, 0);
        assert_int_equal(lab_node(lab, "m1")->step.state, STEP_STARTED);
}

static void test_a_new_session_is_told_anew(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_STAGING);
        Hello hello = lab_hello_of("m1", ROLE_MASTER, 1);

        hello.epoch = 1;
        lab_expect_order(lab, "m1", MESSAGE_STAGE, NULL);
        lab_expect_no_order(lab, "m1");
        lab_hello(lab, &hello);
        lab_expect_order(lab, "m1", MESSAGE_STAGE, NULL);
}

static void test_a_deposed_coordinator_orders_nothing(void **state) {
        static const StepState ways[] = { STEP_STAGING, STEP_SLOTTED, STEP_STARTED,
                                          STEP_VERIFYING };

        for (size_t i = 0; i < ELEMENTSOF(ways); i++) {
                AUTO(Lab) *lab = lab_with_m1(ways[i]);

                lab_commit(lab, &(Event) { .kind = EVENT_DEPOSED, .epoch = { 9, "m1", "x" } });
                lab_expect_no_order(lab, "m1");
        }
}

/* --- the start order --- */

static void test_a_start_order_is_sent_once_and_only_when_it_is_committed(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_SLOTTED);
        Message order;

        lab_expect_order(lab, "m1", MESSAGE_SLOT, NULL);
        assert_int_equal(lab_count(lab, EVENT_ORDERED), 0);
        lab_ready(lab, "m1", '7');
        assert_int_equal(lab_count(lab, EVENT_ORDERED), 1);
        lab_expect_order(lab, "m1", MESSAGE_START, &order);
        assert_int_equal(order.start.fence, 1);
        assert_string_equal(order.start.step, "r1-1a2b3c4d-m1-1");
        assert_string_equal(order.start.nonce, "77777777777777777777777777777777");
        assert_int_equal(order.start.look_count, 0);
        for (unsigned i = 0; i < 5; i++) {
                lab_pass(lab, USEC_PER_SEC);
                lab_expect_no_order(lab, "m1");
        }
}

static void test_without_the_commit_there_is_no_start_order(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_SLOTTED);

        lab_operate(lab, RUN_EVENT_PAUSED);
        lab_ready(lab, "m1", '7');
        assert_int_equal(lab_count(lab, EVENT_ORDERED), 0);
        lab_expect_no_order(lab, "m1");
        lab_pass(lab, START_ORDER_LIFE);
        lab_expect_no_order(lab, "m1");
}

static void test_a_start_order_that_is_not_answered_is_replaced_by_a_new_nonce(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_SLOTTED);

        lab_ready(lab, "m1", '7');
        lab_expect_order(lab, "m1", MESSAGE_START, NULL);
        lab_pass(lab, START_ORDER_LIFE + 2 * USEC_PER_SEC);
        (void) lab_turn(lab);
        lab_expect_order(lab, "m1", MESSAGE_SLOT, NULL);
        lab_ready(lab, "m1", '7'); /* the old one, late: it has been used */
        assert_int_equal(lab_count(lab, EVENT_ORDERED), 1);
        lab_expect_no_order(lab, "m1");
        lab_ready(lab, "m1", '8');
        assert_int_equal(lab_count(lab, EVENT_ORDERED), 2);
        lab_expect_order(lab, "m1", MESSAGE_START, NULL);
}

static void test_a_nonce_said_twice_is_ordered_once(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_SLOTTED);

        lab_ready(lab, "m1", '7');
        lab_ready(lab, "m1", '7');
        lab_expect_order(lab, "m1", MESSAGE_START, NULL);
        lab_ready(lab, "m1", '7');
        assert_int_equal(lab_count(lab, EVENT_ORDERED), 1);
        lab_expect_no_order(lab, "m1");
}

static void test_a_newer_nonce_gets_a_start_order_of_its_own(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_SLOTTED);
        Message order;

        lab_ready(lab, "m1", '7');
        lab_expect_order(lab, "m1", MESSAGE_START, NULL);
        lab_ready(lab, "m1", '8');
        lab_expect_order(lab, "m1", MESSAGE_START, &order);
        assert_int_equal(order.start.nonce[0], '8');
        assert_int_equal(lab_count(lab, EVENT_ORDERED), 2);
}

static void test_a_nonce_is_void_in_a_new_session_and_in_a_new_epoch(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_SLOTTED);
        Hello hello = lab_hello_of("m1", ROLE_MASTER, 1);

        hello.epoch = 1;
        lab_operate(lab, RUN_EVENT_PAUSED);
        lab_ready(lab, "m1", '7');
        lab_hello(lab, &hello);
        assert_int_equal(lab_facts(lab, "m1")->nonce[0], '\0');

        lab_ready(lab, "m1", '8');
        lab_commit(lab, &(Event) { .kind = EVENT_EPOCH, .epoch = { 8, "m1", "x" } });
        assert_int_equal(lab_facts(lab, "m1")->nonce[0], '\0');
        lab_ready(lab, "m1", '9'); /* given before it acknowledged the new epoch, which voids it */
        assert_int_equal(lab_facts(lab, "m1")->nonce[0], '\0');
        lab_operate(lab, RUN_EVENT_RESUMED);
        lab_claim(lab, "m1", (StepBrief[]) { { "r1-1a2b3c4d-m1-1", NODE_STEP_STAGED, 1, 0, 0 } },
                  1);
        assert_int_equal(lab_count(lab, EVENT_ORDERED), 0);
        lab_expect_order(lab, "m1", MESSAGE_SLOT, NULL);
}

static void test_a_readiness_for_something_else_is_not_heard(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_SLOTTED);
        Message ready = { .kind = MESSAGE_READY };

        memset(ready.ready.nonce, '7', ID_TEXT_MAX - 1);
        (void) text_copy(ready.ready.step, STEP_ID_MAX, "r1-1a2b3c4d-m1-1");
        ready.ready.fence = 2;
        (void) lab_hear(lab, "m1", &ready);
        ready.ready.fence = 0;
        (void) lab_hear(lab, "m1", &ready);
        ready.ready.fence = 1;
        ready.ready.step[0] = 'x';
        (void) lab_hear(lab, "m1", &ready);
        assert_int_equal(lab_count(lab, EVENT_ORDERED), 0);
        ready.ready.step[0] = 'r';
        (void) lab_hear(lab, "m1", &ready);
        assert_int_equal(lab_count(lab, EVENT_ORDERED), 1);
        (void) lab_report(lab, "m1", NODE_STEP_RUNNING, 1, 0);
        memset(ready.ready.nonce, '8', ID_TEXT_MAX - 1);
        (void) lab_hear(lab, "m1", &ready);
        assert_int_equal(lab_facts(lab, "m1")->nonce[0], '\0');
}

/* Promise 3: the node itself looks at every other master, wherever it stands in our list. */
static void test_a_masters_start_order_names_every_other_master_with_its_address(void **state) {
        static const char *const names[] = { "m1", "m2", "m3" };
        AUTO(Lab) *lab = lab_new();
        Hello hello;
        Message order;

        for (unsigned i = 0; i < 3; i++) {
                hello = lab_hello_of(names[i], ROLE_MASTER, 3);
                hello.address[7] = (char) ('1' + i);
                lab_hello(lab, &hello);
                lab_claim(lab, names[i], NULL, 0);
        }
        lab_join(lab, "a1", ROLE_AGENT, 0);
        lab_run(lab, (const char *const[]) { "m2", "a1" }, 2, false);
        lab_healthy(lab, true);
        lab_lead(lab, "m2", STEP_SLOTTED);
        lab_ready(lab, "m2", '7');
        lab_expect_order(lab, "m2", MESSAGE_START, &order);
        assert_int_equal(order.start.look_count, 2);
        assert_string_equal(order.start.look[0].name, "m1");
        assert_string_equal(order.start.look[0].address, "10.0.0.1");
        assert_string_equal(order.start.look[1].name, "m3");
        assert_string_equal(order.start.look[1].address, "10.0.0.3");

        (void) lab_report(lab, "m2", NODE_STEP_ENDED, 1, 0);
        (void) lab_version(lab, "m2", LAB_TO);
        lab_lead(lab, "a1", STEP_SLOTTED);
        lab_ready(lab, "a1", '7');
        lab_expect_order(lab, "a1", MESSAGE_START, &order);
        assert_int_equal(order.start.look_count, 0);
}

/* --- refusals --- */

static void test_a_refusal_is_followed_by_quiet_and_then_by_the_same_order(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_STAGING);
        Message message = refused("stage", REFUSAL_FAILED, 0);

        lab_expect_order(lab, "m1", MESSAGE_STAGE, NULL);
        (void) lab_hear(lab, "m1", &message);
        assert_string_equal(lab_facts(lab, "m1")->refusal, "refused stage: the disk is full");
        lab_expect_no_order(lab, "m1");
        lab_pass(lab, REFUSED_PAUSE - 1);
        lab_expect_no_order(lab, "m1");
        lab_pass(lab, 1);
        lab_expect_order(lab, "m1", MESSAGE_STAGE, NULL);
        (void) lab_report(lab, "m1", NODE_STEP_STAGED, 0, 0);
        assert_string_equal(lab_facts(lab, "m1")->refusal, "");
}

static void test_a_nonce_that_is_refused_is_replaced_at_once(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_SLOTTED);
        Message message = refused("start", REFUSAL_NONCE, 1);

        lab_ready(lab, "m1", '7');
        lab_expect_order(lab, "m1", MESSAGE_START, NULL);
        (void) lab_hear(lab, "m1", &message);
        lab_expect_order(lab, "m1", MESSAGE_SLOT, NULL);
        lab_ready(lab, "m1", '7');
        lab_expect_no_order(lab, "m1"); /* refused once, refused for ever */
        lab_ready(lab, "m1", '8');
        lab_expect_order(lab, "m1", MESSAGE_START, NULL);
}

static void test_a_fence_that_a_refusal_names_is_topped_by_the_next_slot(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_SLOTTED);
        Message message = refused("slot", REFUSAL_FENCE, 40);

        (void) lab_hear(lab, "m1", &message);
        assert_int_equal(lab->facts.fence_heard, 40);
        (void) lab_report(lab, "m1", NODE_STEP_DECLINED, 40, 0);
        lab_pass(lab, USEC_PER_MINUTE);
        (void) lab_turn(lab);
        assert_int_equal(lab_node(lab, "m1")->step.fence, 41);
}

/* --- links --- */

static void test_a_link_is_never_fresh_stale_and_lost_by_the_clock(void **state) {
        AUTO(Lab) *lab = lab_new();
        Hello hello = lab_hello_of("m1", ROLE_MASTER, 3);
        usec_t since;

        lab_hello(lab, &hello);
        since = lab->now;
        assert_int_equal(node_link(lab->state, &lab->facts, 0, since), LINK_FRESH);
        assert_int_equal(
                        node_link(lab->state, &lab->facts, 0, since + 30 * USEC_PER_SEC),
                        LINK_FRESH);
        assert_int_equal(
                        node_link(lab->state, &lab->facts, 0, since + 30 * USEC_PER_SEC + 1),
                        LINK_STALE);
        assert_int_equal(node_link(lab->state, &lab->facts, 0, since + LINK_LOST), LINK_STALE);
        assert_int_equal(
                        node_link(lab->state, &lab->facts, 0, since + LINK_LOST + 1),
                        LINK_LOST_STATE);
        lab_restart(lab);
        assert_int_equal(node_link(lab->state, &lab->facts, 0, lab->now), LINK_NEVER);
}

static void test_masters_speak_every_second_during_a_run_and_others_while_they_have_the_slot(
                void **state) {
        AUTO(Lab) *lab = lab_new();

        lab_join_masters(lab, 1);
        lab_join(lab, "a1", ROLE_AGENT, 0);
        assert_int_equal(node_heartbeat(lab->state, lab_node(lab, "m1")), 10 * USEC_PER_SEC);
        lab_run(lab, (const char *const[]) { "a1" }, 1, true);
        assert_int_equal(node_heartbeat(lab->state, lab_node(lab, "m1")), USEC_PER_SEC);
        assert_int_equal(node_heartbeat(lab->state, lab_node(lab, "a1")), 10 * USEC_PER_SEC);
        lab_healthy(lab, true);
        lab_lead(lab, "a1", STEP_SLOTTED);
        assert_int_equal(node_heartbeat(lab->state, lab_node(lab, "a1")), USEC_PER_SEC);
        lab_operate(lab, RUN_EVENT_ABORTED);
        assert_int_equal(node_heartbeat(lab->state, lab_node(lab, "a1")), USEC_PER_SEC);
        assert_int_equal(node_heartbeat(lab->state, lab_node(lab, "m1")), 10 * USEC_PER_SEC);
}

static void test_every_order_can_be_encoded(void **state) {
        static const StepState ways[] = { STEP_STAGING, STEP_SLOTTED, STEP_STARTED };

        for (size_t i = 0; i < ELEMENTSOF(ways); i++) {
                AUTO(Lab) *lab = lab_with_m1(ways[i]);
                char text[MESSAGE_BYTES_MAX];
                Error error = {};
                Message order;
                size_t size;

                if (ways[i] == STEP_SLOTTED)
                        lab_ready(lab, "m1", '7');
                assert_true(lab_order(lab, "m1", &order));
                if (order.kind == MESSAGE_STAGE) {
                        /* These are the shell's to fill in. */
                        memset(order.stage.signature, '5', SIGNATURE_TEXT_MAX - 1);
                        (void) text_copy(order.stage.cluster, NAME_TEXT_MAX, "prod");
                }
                if (message_encode(&order, text, sizeof(text), &size, &error) < 0)
                        fail_msg("%s", error.text);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_node_that_has_not_greeted_is_told_nothing),
                cmocka_unit_test(test_the_claim_comes_before_everything),
                cmocka_unit_test(test_a_claim_of_a_new_epoch_is_due_at_once),
                cmocka_unit_test(test_each_state_has_its_order),
                cmocka_unit_test(test_states_that_wait_for_us_or_for_nothing_have_no_order),
                cmocka_unit_test(test_an_unknown_step_is_asked_after_and_not_begun_again),
                cmocka_unit_test(test_a_stage_order_says_all_that_is_to_be_fetched),
                cmocka_unit_test(test_nothing_is_staged_for_a_run_that_was_aborted),
                cmocka_unit_test(test_a_slot_of_a_run_that_was_aborted_is_only_asked_after),
                cmocka_unit_test(test_a_new_session_is_told_anew),
                cmocka_unit_test(test_a_deposed_coordinator_orders_nothing),
                cmocka_unit_test(test_a_start_order_is_sent_once_and_only_when_it_is_committed),
                cmocka_unit_test(test_without_the_commit_there_is_no_start_order),
                cmocka_unit_test(
                                test_a_start_order_that_is_not_answered_is_replaced_by_a_new_nonce),
                cmocka_unit_test(test_a_nonce_said_twice_is_ordered_once),
                cmocka_unit_test(test_a_newer_nonce_gets_a_start_order_of_its_own),
                cmocka_unit_test(test_a_nonce_is_void_in_a_new_session_and_in_a_new_epoch),
                cmocka_unit_test(test_a_readiness_for_something_else_is_not_heard),
                cmocka_unit_test(
                                test_a_masters_start_order_names_every_other_master_with_its_address),
                cmocka_unit_test(test_a_refusal_is_followed_by_quiet_and_then_by_the_same_order),
                cmocka_unit_test(test_a_nonce_that_is_refused_is_replaced_at_once),
                cmocka_unit_test(test_a_fence_that_a_refusal_names_is_topped_by_the_next_slot),
                cmocka_unit_test(test_a_link_is_never_fresh_stale_and_lost_by_the_clock),
                cmocka_unit_test(
                                test_masters_speak_every_second_during_a_run_and_others_while_they_have_the_slot),
                cmocka_unit_test(test_every_order_can_be_encoded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
