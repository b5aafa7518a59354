/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/session-table.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "common/text.h"

#define LATER   60
#define OFFERED 90

static const char *name_of(unsigned number) {
        static char name[NAME_TEXT_MAX];

        assert_true(text_format(name, sizeof(name), "n%u", number));
        return name;
}

static Peer *offer(SessionTable *table, unsigned number) {
        static const Introduction guest;

        return session_table_offer(table, name_of(number), &guest, OFFERED);
}

static Peer *find(SessionTable *table, uint64_t id) {
        return session_table_find(table, id, 0);
}

static void use(SessionTable *table, Peer *peer) {
        assert_non_null(peer->guest);
        session_table_use(table, peer, LATER);
        assert_int_equal(peer->state, PEER_USED);
        assert_null(peer->guest);
}

static void test_an_offer_is_found_by_its_id_and_not_by_its_node(void **state) {
        AUTO(SessionTable) *table = session_table_new(1);
        Peer *peer = offer(table, 1);

        assert_non_null(peer);
        assert_ptr_equal(find(table, peer->session.id), peer);
        assert_null(session_table_find_used(table, "n1"));
        assert_string_equal(peer_name(peer), "n1");
}

static void test_use_makes_an_offer_the_nodes_session(void **state) {
        AUTO(SessionTable) *table = session_table_new(1);
        Peer *peer = offer(table, 1);

        use(table, peer);
        assert_ptr_equal(session_table_find_used(table, "n1"), peer);
        assert_ptr_equal(find(table, peer->session.id), peer);
        assert_null(session_table_find_used(table, "n2"));
}

static void test_a_new_offer_leaves_the_session_in_use_alone(void **state) {
        AUTO(SessionTable) *table = session_table_new(1);
        Peer *used = offer(table, 1);
        Peer *offered;

        use(table, used);
        offered = offer(table, 1);
        assert_ptr_equal(session_table_find_used(table, "n1"), used);
        assert_ptr_equal(find(table, offered->session.id), offered);
}

static void test_a_new_offer_replaces_the_last_one(void **state) {
        AUTO(SessionTable) *table = session_table_new(1);
        uint64_t first = offer(table, 1)->session.id;
        uint64_t second = offer(table, 1)->session.id;

        assert_null(find(table, first));
        assert_non_null(find(table, second));
}

static void test_the_old_session_fades_when_the_new_one_is_used(void **state) {
        AUTO(SessionTable) *table = session_table_new(1);
        Peer *old = offer(table, 1);
        uint64_t old_id = old->session.id;
        Peer *new;

        use(table, old);
        new = offer(table, 1);
        use(table, new);
        assert_ptr_equal(session_table_find_used(table, "n1"), new);
        assert_ptr_equal(session_table_find(table, old_id, LATER - 1), old);
        assert_null(session_table_find(table, old_id, LATER));

        session_table_expire(table, LATER - 1);
        assert_ptr_equal(find(table, old_id), old);
        session_table_expire(table, LATER);
        assert_null(find(table, old_id));
        assert_ptr_equal(find(table, new->session.id), new);
}

static void test_an_offer_that_nobody_uses_ends_and_leaves_no_trace(void **state) {
        AUTO(SessionTable) *table = session_table_new(1);
        Peer *used = offer(table, 1);
        uint64_t ids[3] = {};

        use(table, used);
        for (unsigned i = 0; i < ELEMENTSOF(ids); i++) {
                Peer *peer = offer(table, i + 1);

                ids[i] = peer->session.id;
                assert_ptr_equal(session_table_find(table, ids[i], OFFERED - 1), peer);
                assert_null(session_table_find(table, ids[i], OFFERED));
        }

        session_table_expire(table, OFFERED - 1);
        for (unsigned i = 0; i < ELEMENTSOF(ids); i++)
                assert_non_null(find(table, ids[i]));

        session_table_expire(table, OFFERED);
        for (unsigned i = 0; i < ELEMENTSOF(ids); i++)
                assert_null(find(table, ids[i]));

        /* What is in use has no end. */
        assert_ptr_equal(session_table_find(table, used->session.id, (usec_t) 10 * OFFERED), used);
        assert_ptr_equal(session_table_find_used(table, "n1"), used);
}

static void test_one_session_fades_at_most(void **state) {
        AUTO(SessionTable) *table = session_table_new(1);
        uint64_t ids[3];

        for (size_t i = 0; i < ELEMENTSOF(ids); i++) {
                Peer *peer = offer(table, 1);

                ids[i] = peer->session.id;
                use(table, peer);
        }

        assert_null(find(table, ids[0]));
        assert_non_null(find(table, ids[1]));
        assert_non_null(find(table, ids[2]));
}

static void test_an_offer_leaves_a_fading_session_alone(void **state) {
        AUTO(SessionTable) *table = session_table_new(1);
        Peer *old = offer(table, 1);
        Peer *new;

        use(table, old);
        new = offer(table, 1);
        use(table, new);
        assert_non_null(offer(table, 1));
        assert_non_null(offer(table, 1));
        assert_ptr_equal(find(table, old->session.id), old);
        assert_ptr_equal(session_table_find_used(table, "n1"), new);
}

static void test_an_offer_that_was_withdrawn_is_unknown(void **state) {
        AUTO(SessionTable) *table = session_table_new(1);
        Peer *peer = offer(table, 1);
        uint64_t id = peer->session.id;

        session_table_withdraw(table, peer);
        assert_null(find(table, id));
        assert_null(session_table_find_used(table, "n1"));
}

static void test_a_forgotten_node_has_no_session_of_any_kind(void **state) {
        AUTO(SessionTable) *table = session_table_new(1);
        uint64_t ids[4];

        for (size_t i = 0; i < ELEMENTSOF(ids); i++) {
                Peer *peer = offer(table, i < 3 ? 1 : 2);

                ids[i] = peer->session.id;
                if (i != 2)
                        use(table, peer);
        }

        session_table_forget(table, "n1");
        session_table_forget(table, "n3");
        for (size_t i = 0; i < 3; i++)
                assert_null(find(table, ids[i]));
        assert_null(session_table_find_used(table, "n1"));
        assert_non_null(find(table, ids[3]));
        assert_non_null(offer(table, 1));
}

static void test_ids_that_were_never_given_are_unknown(void **state) {
        AUTO(SessionTable) *table = session_table_new(1);
        uint64_t id = offer(table, 1)->session.id;

        assert_null(find(table, 0));
        assert_null(find(table, id + 1));
        assert_null(find(table, id + (UINT64_C(1) << 32)));
        assert_null(find(table, UINT64_MAX));
        assert_null(find(table, (uint64_t) SESSIONS_MAX << 32));
}

static int compare_ids(const void *a, const void *b) {
        uint64_t left = *(const uint64_t *) a;
        uint64_t right = *(const uint64_t *) b;

        return left < right ? -1 : left > right;
}

static void test_no_id_comes_twice_however_often_places_are_used_again(void **state) {
        enum {
                COUNT = 3 * SESSIONS_MAX
        };
        auto_free uint64_t *ids = calloc(COUNT, sizeof(*ids));
        AUTO(SessionTable) *table = session_table_new(UINT32_MAX - 5);

        assert_non_null(ids);
        for (unsigned i = 0; i < COUNT; i++) {
                ids[i] = offer(table, i % 7)->session.id;
                assert_true((uint32_t) ids[i] != 0);
        }

        qsort(ids, COUNT, sizeof(*ids), compare_ids);
        for (size_t i = 1; i < COUNT; i++)
                assert_true(ids[i] != ids[i - 1]);
}

static void test_ids_of_another_process_are_unknown(void **state) {
        AUTO(SessionTable) *before = session_table_new(1);
        AUTO(SessionTable) *after = session_table_new(2);

        for (unsigned i = 0; i < 1000; i++)
                assert_null(find(after, offer(before, i)->session.id));
}

static void test_a_flood_of_offers_overwrites_only_offers(void **state) {
        AUTO(SessionTable) *table = session_table_new(1);

        for (unsigned i = 0; i < 100; i++)
                use(table, offer(table, i));

        for (unsigned i = 100; i < 3 * SESSIONS_MAX; i++)
                assert_non_null(offer(table, i));

        for (unsigned i = 0; i < 100; i++)
                assert_non_null(session_table_find_used(table, name_of(i)));
}

static void test_an_honest_offer_survives_a_flood_for_a_whole_round(void **state) {
        AUTO(SessionTable) *table = session_table_new(1);
        Peer *honest = offer(table, 0);
        uint64_t id = honest->session.id;

        for (unsigned i = 1; i < SESSIONS_MAX; i++)
                assert_non_null(offer(table, i));

        assert_ptr_equal(find(table, id), honest);
        assert_non_null(offer(table, SESSIONS_MAX));
        assert_null(find(table, id));
}

static void test_a_table_full_of_sessions_in_use_offers_no_more(void **state) {
        AUTO(SessionTable) *table = session_table_new(1);

        for (unsigned i = 0; i < SESSIONS_MAX; i++)
                use(table, offer(table, i));

        assert_null(offer(table, SESSIONS_MAX));
        assert_non_null(session_table_find_used(table, "n0"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_an_offer_is_found_by_its_id_and_not_by_its_node),
                cmocka_unit_test(test_use_makes_an_offer_the_nodes_session),
                cmocka_unit_test(test_a_new_offer_leaves_the_session_in_use_alone),
                cmocka_unit_test(test_a_new_offer_replaces_the_last_one),
                cmocka_unit_test(test_the_old_session_fades_when_the_new_one_is_used),
                cmocka_unit_test(test_an_offer_that_nobody_uses_ends_and_leaves_no_trace),
                cmocka_unit_test(test_one_session_fades_at_most),
                cmocka_unit_test(test_an_offer_leaves_a_fading_session_alone),
                cmocka_unit_test(test_an_offer_that_was_withdrawn_is_unknown),
                cmocka_unit_test(test_a_forgotten_node_has_no_session_of_any_kind),
                cmocka_unit_test(test_ids_that_were_never_given_are_unknown),
                cmocka_unit_test(test_no_id_comes_twice_however_often_places_are_used_again),
                cmocka_unit_test(test_ids_of_another_process_are_unknown),
                cmocka_unit_test(test_a_flood_of_offers_overwrites_only_offers),
                cmocka_unit_test(test_an_honest_offer_survives_a_flood_for_a_whole_round),
                cmocka_unit_test(test_a_table_full_of_sessions_in_use_offers_no_more),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
