/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/later.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/base64.h"
#include "common/text.h"
#include "coordinator/checks.h"
#include "coordinator/control.h"
#include "coordinator/node-link.h"
#include "tests/unit/fake-coordinator.h"

#define TICKET 7

static Coordinator *coordinator_with(uint64_t masters) {
        Lab *lab = lab_new();

        lab_join_masters(lab, masters);
        lab_join(lab, "a1", ROLE_AGENT, 0);
        lab_healthy(lab, true);
        return fake_coordinator_new(lab);
}

static size_t index_of(const Coordinator *c, const char *name) {
        return (size_t) (lab_node(c->lab, name) - c->lab->state->nodes);
}

static void turn(Coordinator *c) {
        later_turn(c, c->lab->now);
}

/* --- status --refresh --- */

static void refresh(Coordinator *c, const char *const names[], size_t count) {
        Error error = {};

        if (later_refresh(c, TICKET, names, count, LATER_WAIT, &error) < 0)
                fail_msg("%s", error.text);
        turn(c);
}

/* As the node's heartbeat says it. */
static void grant(Coordinator *c, const char *name) {
        Message message = { .kind = MESSAGE_HEARTBEAT };

        message.heartbeat.refreshed = c->lab->facts.wishes;
        (void) lab_hear(c->lab, name, &message);
        turn(c);
}

static const Json *missing(const Coordinator *c) {
        return json_find(json_find(c->answer, "refresh"), "missing");
}

static const char *missing_text(const Coordinator *c, const char *key) {
        return json_string_value(json_find(json_first(missing(c)), key));
}

static void test_a_refresh_is_answered_when_the_last_node_has_answered(void **state) {
        static const char *const names[] = { "m1", "m2" };
        AUTO(Coordinator) *c = coordinator_with(3);

        (void) state;
        refresh(c, names, 2);
        grant(c, "m2");
        assert_int_equal(c->answered, 0);
        grant(c, "m3"); /* was not asked */
        assert_int_equal(c->answered, 0);
        grant(c, "m1");
        assert_int_equal(c->answered, TICKET);
        assert_int_equal(c->status, EXIT_OK);
        assert_int_equal(json_size(missing(c)), 0);
        assert_int_equal(json_size(json_find(c->answer, "nodes")), 2);
}

static void test_an_answer_to_an_older_wish_does_not_count(void **state) {
        static const char *const names[] = { "m1" };
        AUTO(Coordinator) *c = coordinator_with(1);

        (void) state;
        refresh(c, names, 1);
        grant(c, "m1");
        assert_int_equal(c->answered, TICKET);

        c->answered = 0;
        refresh(c, names, 1);
        turn(c);
        assert_int_equal(c->answered, 0);
        grant(c, "m1");
        assert_int_equal(c->answered, TICKET);
}

static void test_a_node_that_does_not_answer_in_time_is_named_and_the_status_is_1(void **state) {
        static const char *const names[] = { "m1", "m2" };
        AUTO(Coordinator) *c = coordinator_with(3);

        (void) state;
        refresh(c, names, 2);
        grant(c, "m1");
        for (unsigned i = 0; i < 9 && c->answered == 0; i++) {
                lab_pass(c->lab, USEC_PER_SEC);
                turn(c);
        }

        assert_int_equal(c->answered, TICKET);
        assert_int_equal(c->status, EXIT_FAILED);
        assert_int_equal(json_size(missing(c)), 1);
        assert_string_equal(missing_text(c, "node"), "m2");
        assert_non_null(strstr(missing_text(c, "why"), "in time"));
}

static void test_nobody_waits_for_a_node_that_is_not_heard(void **state) {
        static const char *const names[] = { "m1" };
        AUTO(Coordinator) *c = coordinator_with(1);

        (void) state;
        lab_pass_silent(c->lab, LINK_LOST);
        refresh(c, names, 1);
        assert_int_equal(c->answered, TICKET);
        assert_int_equal(c->status, EXIT_FAILED);
        assert_non_null(strstr(missing_text(c, "why"), "not heard"));
}

static void test_for_an_agent_the_leading_master_is_asked_too(void **state) {
        static const char *const names[] = { "a1" };
        AUTO(Coordinator) *c = coordinator_with(3);

        (void) state;
        c->lab->facts.elected = index_of(c, "m2");
        refresh(c, names, 1);
        grant(c, "a1");
        assert_int_equal(c->answered, 0);
        grant(c, "m2");
        assert_int_equal(c->answered, TICKET);
        assert_int_equal(json_size(json_find(c->answer, "nodes")), 1); /* as asked for */
}

static void test_a_leading_master_that_becomes_known_late_is_asked_too(void **state) {
        static const char *const names[] = { "a1" };
        AUTO(Coordinator) *c = coordinator_with(3);

        (void) state;
        c->lab->blind = true;
        c->lab->facts.elected = SIZE_MAX;
        refresh(c, names, 1);
        c->lab->facts.elected = index_of(c, "m2");
        grant(c, "a1"); /* the newest number is m2's */
        assert_int_equal(c->answered, 0);
        grant(c, "m2");
        assert_int_equal(c->answered, TICKET);
        assert_int_equal(c->status, EXIT_OK);
}

static void test_a_wished_agent_is_asked_also_outside_a_run_and_not_for_ever(void **state) {
        static const char *const names[] = { "a1" };
        AUTO(Coordinator) *c = coordinator_with(3);
        size_t a1 = index_of(c, "a1");
        Watch watch;

        (void) state;
        checks_watch(c->lab->state, &c->lab->facts, a1, c->lab->now, &watch);
        assert_int_equal(watch.item_count, 0);

        refresh(c, names, 1);
        checks_watch(c->lab->state, &c->lab->facts, a1, c->lab->now, &watch);
        assert_true(watch.item_count > 0);
        assert_int_equal(watch.refresh, c->lab->facts.nodes[a1].refresh);
        assert_int_not_equal(watch.refresh, 0);

        lab_pass(c->lab, REFRESH_LIFE + USEC_PER_SEC);
        facts_expire(&c->lab->facts, a1, c->lab->now);
        checks_watch(c->lab->state, &c->lab->facts, a1, c->lab->now, &watch);
        assert_int_equal(watch.item_count, 0);
        assert_int_equal(watch.refresh, 0);
}

static void test_more_requests_than_there_is_room_for_are_refused(void **state) {
        static const char *const names[] = { "m1" };
        AUTO(Coordinator) *c = coordinator_with(1);
        Error error = {};

        (void) state;
        for (uint64_t i = 0; i < LATER_MAX; i++)
                assert_int_equal(later_refresh(c, 1 + i, names, 1, LATER_WAIT, &error), 0);
        assert_true(later_refresh(c, 999, names, 1, LATER_WAIT, &error) < 0);
        assert_int_equal(error.code, ERROR_BLOCKED);
}

/* --- logs --- */

static Coordinator *coordinator_with_step(void) {
        Coordinator *c = coordinator_with(1);
        const char *const names[] = { "m1" };

        lab_run(c->lab, names, 1, true);
        lab_lead(c->lab, "m1", STEP_STARTED);
        fake_coordinator_store(c);
        return c;
}

static void ask_logs(Coordinator *c, uint64_t bytes, uint64_t lines) {
        const TextWish wish = { READ_OUTPUT, bytes, lines };
        Error error = {};

        if (later_logs(c, TICKET, lab_node(c->lab, "m1"), &wish, LATER_WAIT, &error) < 0)
                fail_msg("%s", error.text);
        assert_int_equal(c->sent.kind, MESSAGE_READ);
        assert_string_equal(c->sent.read.step, lab_node(c->lab, "m1")->step.id);
}

static void hear(Coordinator *c, const char *node, const Chunk *chunk) {
        Message message = { .kind = MESSAGE_CHUNK };

        message.chunk = *chunk;
        later_hear(c, index_of(c, node), &message);
}

/* The node's answer to the newest question, of an output that is `text`. */
static void answer_piece(Coordinator *c, const char *text, size_t piece) {
        const Read *read = &c->sent.read;
        Chunk chunk = { .request = read->request, .total = strlen(text), .offset = read->offset };

        if (read->from_end)
                chunk.offset = chunk.total > read->offset ? chunk.total - read->offset : 0;

        piece = MIN(piece, (size_t) (chunk.total - chunk.offset));
        base64_encode(text + chunk.offset, piece, chunk.data);
        (void) text_copy(chunk.step, sizeof(chunk.step), read->step);
        hear(c, "m1", &chunk);
}

static const char *line(const Coordinator *c, size_t index) {
        const Json *lines = json_find(c->answer, "lines");
        const Json *item = json_first(lines);

        for (size_t i = 0; item && i < index; i++)
                item = json_next(item);

        return item ? json_string_value(item) : NULL;
}

static void test_the_output_is_fetched_in_pieces_one_at_a_time(void **state) {
        AUTO(Coordinator) *c = coordinator_with_step();

        (void) state;
        ask_logs(c, LOGS_BYTES, 200);
        for (unsigned i = 0; i < 4; i++) {
                assert_int_equal(c->sent_count, i + 1);
                assert_int_equal(c->answered, 0);
                answer_piece(c, "one\ntwo\nthree\n", 4);
        }

        assert_int_equal(c->sent_count, 4);
        assert_int_equal(c->answered, TICKET);
        assert_int_equal(c->status, EXIT_OK);
        assert_string_equal(json_string_value(json_find(c->answer, "source")), "node");
        assert_string_equal(line(c, 0), "one");
        assert_string_equal(line(c, 1), "two");
        assert_string_equal(line(c, 2), "three");
        assert_null(line(c, 3));
}

static void test_only_the_last_lines_are_shown_when_so_many_are_wanted(void **state) {
        AUTO(Coordinator) *c = coordinator_with_step();

        (void) state;
        ask_logs(c, LOGS_BYTES, 2);
        answer_piece(c, "one\ntwo\nthree\n", 100);
        assert_string_equal(line(c, 0), "two");
        assert_string_equal(line(c, 1), "three");
        assert_null(line(c, 2));
}

static void test_only_the_end_of_a_long_output_is_fetched(void **state) {
        AUTO(Coordinator) *c = coordinator_with_step();

        (void) state;
        ask_logs(c, 6, 200);
        answer_piece(c, "one\ntwo\nthree\n", 100);
        assert_int_equal(c->sent_count, 1);
        assert_string_equal(line(c, 0), "three");
}

static void test_bytes_that_a_terminal_would_obey_are_not_shown(void **state) {
        AUTO(Coordinator) *c = coordinator_with_step();

        (void) state;
        ask_logs(c, LOGS_BYTES, 200);
        answer_piece(c, "a\033[2Jb\n", 100);
        assert_string_equal(line(c, 0), "a?[2Jb");
}

static void test_a_lost_piece_is_asked_for_again_and_its_twin_is_ignored(void **state) {
        AUTO(Coordinator) *c = coordinator_with_step();

        (void) state;
        ask_logs(c, LOGS_BYTES, 200);
        answer_piece(c, "one\ntwo\n", 4);
        assert_int_equal(c->sent_count, 2);
        lab_pass(c->lab, 3 * USEC_PER_SEC);
        turn(c);
        assert_int_equal(c->sent_count, 3);
        assert_int_equal(c->sent.read.offset, 4);

        c->sent.read.offset = 0; /* a late answer to an older question */
        answer_piece(c, "one\ntwo\n", 4);
        assert_int_equal(c->answered, 0);
        c->sent.read.offset = 4;
        answer_piece(c, "one\ntwo\n", 4);
        assert_int_equal(c->answered, TICKET);
        assert_string_equal(line(c, 1), "two");
        assert_null(line(c, 2));
}

static void test_what_another_node_sends_is_ignored(void **state) {
        AUTO(Coordinator) *c = coordinator_with_step();
        Chunk chunk = { .total = 4 };

        (void) state;
        ask_logs(c, LOGS_BYTES, 200);
        chunk.request = c->sent.read.request;
        (void) text_copy(chunk.step, sizeof(chunk.step), c->sent.read.step);
        base64_encode("lie\n", 4, chunk.data);
        hear(c, "a1", &chunk);
        assert_int_equal(c->answered, 0);
}

static void test_a_node_that_cannot_say_leaves_what_the_log_has(void **state) {
        AUTO(Coordinator) *c = coordinator_with_step();
        Chunk chunk = { .reason = "no output of this step is on the node" };

        (void) state;
        ask_logs(c, LOGS_BYTES, 200);
        chunk.request = c->sent.read.request;
        (void) text_copy(chunk.step, sizeof(chunk.step), c->sent.read.step);
        hear(c, "m1", &chunk);
        assert_int_equal(c->answered, TICKET);
        assert_string_equal(json_string_value(json_find(c->answer, "source")), "log");
        assert_non_null(strstr(json_string_value(json_find(c->answer, "text")), chunk.reason));
}

static void test_a_node_that_falls_silent_is_not_waited_for(void **state) {
        AUTO(Coordinator) *c = coordinator_with_step();

        (void) state;
        ask_logs(c, LOGS_BYTES, 200);
        lab_pass_silent(c->lab, LINK_LOST);
        turn(c);
        assert_int_equal(c->answered, TICKET);
        assert_non_null(strstr(json_string_value(json_find(c->answer, "text")), "not heard"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_refresh_is_answered_when_the_last_node_has_answered),
                cmocka_unit_test(test_an_answer_to_an_older_wish_does_not_count),
                cmocka_unit_test(
                                test_a_node_that_does_not_answer_in_time_is_named_and_the_status_is_1),
                cmocka_unit_test(test_nobody_waits_for_a_node_that_is_not_heard),
                cmocka_unit_test(test_for_an_agent_the_leading_master_is_asked_too),
                cmocka_unit_test(test_a_leading_master_that_becomes_known_late_is_asked_too),
                cmocka_unit_test(test_a_wished_agent_is_asked_also_outside_a_run_and_not_for_ever),
                cmocka_unit_test(test_more_requests_than_there_is_room_for_are_refused),
                cmocka_unit_test(test_the_output_is_fetched_in_pieces_one_at_a_time),
                cmocka_unit_test(test_only_the_last_lines_are_shown_when_so_many_are_wanted),
                cmocka_unit_test(test_only_the_end_of_a_long_output_is_fetched),
                cmocka_unit_test(test_bytes_that_a_terminal_would_obey_are_not_shown),
                cmocka_unit_test(test_a_lost_piece_is_asked_for_again_and_its_twin_is_ignored),
                cmocka_unit_test(test_what_another_node_sends_is_ignored),
                cmocka_unit_test(test_a_node_that_cannot_say_leaves_what_the_log_has),
                cmocka_unit_test(test_a_node_that_falls_silent_is_not_waited_for),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
