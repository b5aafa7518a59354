/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/facts.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "common/text.h"
#include "tests/unit/core-lab.h"

/* How much of what a node says may be written to the log. */

static Event word_of(const char *node) {
        Event event = { .kind = EVENT_NODE };

        (void) text_copy(event.node.node, sizeof(event.node.node), node);
        return event;
}

static Event verdict_on(const char *node) {
        Event event = { .kind = EVENT_CHECK };

        (void) text_copy(event.check.node, sizeof(event.check.node), node);
        return event;
}

static unsigned write_all(Lab *lab, const Event *event, unsigned *ret_firsts) {
        unsigned written = 0;
        bool is_first;

        *ret_firsts = 0;
        for (unsigned i = 0; i < 10000; i++) {
                written += facts_may_write(&lab->facts, lab->state, event, lab->now, &is_first);
                *ret_firsts += is_first;
        }

        return written;
}

static void test_what_one_node_says_without_end_is_rationed_and_told_once(void **state) {
        AUTO(Lab) *lab = lab_new();
        Event event = word_of("m1");
        unsigned firsts;

        lab_join_masters(lab, 3);
        assert_in_range(write_all(lab, &event, &firsts), 100, 1000);
        assert_int_equal(firsts, 1);
        assert_int_equal(write_all(lab, &event, &firsts), 0);
        assert_int_equal(firsts, 0);
        lab_pass(lab, USEC_PER_MINUTE);
        assert_in_range(write_all(lab, &event, &firsts), 30, 120);
        assert_int_equal(firsts, 1);
}

static void test_one_who_says_too_much_takes_nothing_from_another(void **state) {
        AUTO(Lab) *lab = lab_new();
        Event loud = word_of("m1");
        Event other = word_of("m2");
        unsigned firsts;
        bool is_first;

        lab_join_masters(lab, 3);
        (void) write_all(lab, &loud, &firsts);
        assert_true(facts_may_write(&lab->facts, lab->state, &other, lab->now, &is_first));
        assert_false(is_first);
}

/* The leading master says verdicts of all agents: it must not silence them. */
static void test_verdicts_about_a_node_do_not_keep_its_own_words_from_the_log(void **state) {
        AUTO(Lab) *lab = lab_new();
        Event verdict = verdict_on("m1");
        Event own = word_of("m1");
        unsigned firsts;
        bool is_first;

        lab_join_masters(lab, 3);
        assert_in_range(write_all(lab, &verdict, &firsts), 100, 1000);
        assert_true(facts_may_write(&lab->facts, lab->state, &own, lab->now, &is_first));
}

static void test_a_node_that_is_not_known_yet_may_be_written_of(void **state) {
        AUTO(Lab) *lab = lab_new();
        Event event = word_of("m9");
        unsigned firsts;

        assert_int_equal(write_all(lab, &event, &firsts), 10000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_one_node_says_without_end_is_rationed_and_told_once),
                cmocka_unit_test(test_one_who_says_too_much_takes_nothing_from_another),
                cmocka_unit_test(test_verdicts_about_a_node_do_not_keep_its_own_words_from_the_log),
                cmocka_unit_test(test_a_node_that_is_not_known_yet_may_be_written_of),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
