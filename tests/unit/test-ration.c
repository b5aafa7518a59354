/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/ration.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#define NOW (5 * USEC_PER_SEC)

static unsigned take_all(Ration *ration, EventKind kind, usec_t now, unsigned *ret_firsts) {
        unsigned taken = 0;
        bool is_first;

        *ret_firsts = 0;
        for (unsigned i = 0; i < 10000; i++) {
                taken += ration_take(ration, kind, now, &is_first);
                *ret_firsts += is_first;
        }

        return taken;
}

static void test_what_one_node_says_without_end_is_rationed_and_told_once(void **state) {
        Ration ration = {};
        unsigned firsts;

        assert_int_equal(take_all(&ration, EVENT_NODE, NOW, &firsts), 256);
        assert_int_equal(firsts, 1);
        assert_int_equal(take_all(&ration, EVENT_NODE, NOW, &firsts), 0);
        assert_int_equal(firsts, 0);
        assert_int_equal(take_all(&ration, EVENT_NODE, NOW + USEC_PER_MINUTE, &firsts), 60);
        assert_int_equal(firsts, 1);
}

/* The leading master says verdicts of all agents: it must not silence them. */
static void test_verdicts_about_a_node_do_not_keep_its_own_words_from_the_log(void **state) {
        Ration ration = {};
        unsigned firsts;

        assert_int_equal(take_all(&ration, EVENT_CHECK, NOW, &firsts), 256);
        assert_int_equal(take_all(&ration, EVENT_NODE, NOW, &firsts), 256);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_one_node_says_without_end_is_rationed_and_told_once),
                cmocka_unit_test(test_verdicts_about_a_node_do_not_keep_its_own_words_from_the_log),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
