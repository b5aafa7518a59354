/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/admission.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/text.h"
#include "tests/unit/fake-coordinator.h"

/* Who says hello, on a log in memory: what the node hears, what stands in the audit, and that
 * nothing else has happened. Who may come in at all is test-enrol.c's. */

#define TOKEN  HEX8(7) HEX8(7)
#define OURS   "11111111-2222-3333-4444-555555555555"
#define THEIRS "99999999-2222-3333-4444-555555555555"

static Coordinator *coordinator_with_masters(void) {
        Coordinator *c = fake_coordinator_new(lab_new());

        for (size_t i = 0; i < 3; i++)
                (void) text_format(c->config.masters[i], NAME_TEXT_MAX, "m%zu", i + 1);
        c->config.master_count = 3;
        return c;
}

/* For agents, good for one hour. */
static void make_token(Coordinator *c, uint64_t uses) {
        Event event = {
                .kind = EVENT_TOKEN_MADE,
                .token_made = { .id = TOKEN,
                                .psk = KEY(e),
                                .role = ROLE_AGENT,
                                .expires = c->lab->wall + USEC_PER_HOUR,
                                .uses = uses,
                                .user = "alice" },
        };

        assert_int_equal(coordinator_commit(c, &event, 1, NULL), 0);
}

static void change_key(
                Coordinator *c, KeyChange change, const char *node, const char *key, Role role) {
        Event event = { .kind = EVENT_KEY, .key = { .change = change, .role = role } };

        (void) text_copy(event.key.node, sizeof(event.key.node), node);
        (void) text_copy(event.key.key, sizeof(event.key.key), key);
        if (change == KEY_OFFERED)
                event.key.until = c->lab->wall + USEC_PER_HOUR;
        if (change == KEY_PLACED)
                (void) text_copy(event.key.cluster_id, sizeof(event.key.cluster_id), OURS);
        assert_int_equal(coordinator_commit(c, &event, 1, NULL), 0);
}

static Introduction guest_of(const char *name, const char *key, bool has_token) {
        Introduction guest = {
                .has_token = has_token,
                .hello = lab_hello_of(name, ROLE_AGENT, 0),
        };

        assert_int_equal(key_parse(key, guest.key), 0);
        if (has_token)
                assert_int_equal(token_id_parse(TOKEN, guest.token), 0);
        return guest;
}

/* Nobody has joined, and nothing but lines of the audit was written. */
static void assert_nothing_joined(const Coordinator *c, size_t count) {
        assert_null(enrol_find_node(&c->lab->state->enrol, "a1"));
        assert_null(state_find_node_const(c->lab->state, "a1"));
        for (size_t i = count; i < c->lab->count; i++)
                assert_int_equal(c->lab->log[i].kind, EVENT_TURNED_AWAY);
}

/* `told` is part of what the node hears, `id` that of the line in the audit. */
static void expect_refused(
                Coordinator *c,
                const Introduction *guest,
                const char *told,
                const char *id,
                usec_t again) {
        char node[NAME_TEXT_MAX] = "";
        size_t count = c->lab->count;
        TurnedAway away = {};
        const Event *said;

        assert_false(admission_identify(c, guest, node, &away));
        assert_string_equal(node, "");
        if (!strstr(away.reason, told))
                fail_msg("the node hears '%s', want '%s'", away.reason, told);
        assert_true(away.again == again);

        assert_int_equal(c->lab->count, count + 1);
        said = lab_last(c->lab, EVENT_TURNED_AWAY);
        assert_non_null(said);
        assert_string_equal(said->turned_away.id, id);
        assert_string_equal(said->turned_away.node, guest->hello.name);
        assert_nothing_joined(c, count);
}

static void expect_let_in(Coordinator *c, const Introduction *guest) {
        char node[NAME_TEXT_MAX] = "";
        size_t count = c->lab->count;
        TurnedAway away = {};

        if (!admission_identify(c, guest, node, &away))
                fail_msg("%s is turned away: %s", guest->hello.name, away.reason);
        assert_string_equal(node, guest->hello.name);
        assert_int_equal(c->lab->count, count);
}

/* --- who is let in --- */

static void test_a_hello_with_a_good_token_changes_nothing_until_it_is_taken_in(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        Introduction guest = guest_of("a1", KEY(a), true);
        const NodeKey *key;

        make_token(c, 1);
        for (unsigned i = 0; i < 3; i++) { /* anybody may send it again */
                expect_let_in(c, &guest);
                assert_null(enrol_find_node(&c->lab->state->enrol, "a1"));
                assert_true(c->lab->state->enrol.tokens[0].used == 0);
        }

        assert_true(admission_take_in(c, "a1", &guest));
        key = enrol_find_node(&c->lab->state->enrol, "a1");
        assert_non_null(key);
        assert_string_equal(key->key, KEY(a));
        assert_string_equal(key->token, TOKEN);
        assert_true(c->lab->state->enrol.tokens[0].used == 1);
}

static void test_a_node_that_is_known_is_taken_in_without_a_word_in_the_log(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        Introduction guest = guest_of("a1", KEY(a), false);
        size_t count;

        change_key(c, KEY_IMPORTED, "a1", KEY(a), ROLE_AGENT);
        count = c->lab->count;
        for (unsigned i = 0; i < 3; i++) {
                expect_let_in(c, &guest);
                assert_true(admission_take_in(c, "a1", &guest));
        }
        assert_int_equal(c->lab->count, count);
}

static void test_of_two_with_a_token_for_one_only_the_first_is_taken_in(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        Introduction first = guest_of("a1", KEY(a), true);
        Introduction second = guest_of("a2", KEY(b), true);

        make_token(c, 1);
        expect_let_in(c, &first);
        expect_let_in(c, &second);
        assert_true(admission_take_in(c, "a2", &second));
        assert_false(admission_take_in(c, "a1", &first));
        assert_null(enrol_find_node(&c->lab->state->enrol, "a1"));
        assert_string_equal(lab_last(c->lab, EVENT_TURNED_AWAY)->turned_away.id, "token.used-up");
}

static void test_a_key_that_is_revoked_between_hello_and_first_word_is_not_taken_in(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        Introduction guest = guest_of("a1", KEY(a), false);

        change_key(c, KEY_IMPORTED, "a1", KEY(a), ROLE_AGENT);
        expect_let_in(c, &guest);
        change_key(c, KEY_REVOKED, "a1", KEY(a), ROLE_AGENT);
        assert_false(admission_take_in(c, "a1", &guest));
        assert_string_equal(lab_last(c->lab, EVENT_TURNED_AWAY)->turned_away.id, "key.revoked");
}

static void test_who_cannot_be_written_down_is_not_taken_in_until_it_can(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        Introduction guest = guest_of("a1", KEY(a), true);

        make_token(c, 1);
        expect_let_in(c, &guest);
        c->full = true;
        assert_false(admission_take_in(c, "a1", &guest));
        assert_null(enrol_find_node(&c->lab->state->enrol, "a1"));

        c->full = false;
        assert_true(admission_take_in(c, "a1", &guest));
        assert_non_null(enrol_find_node(&c->lab->state->enrol, "a1"));
}

/* --- who is not --- */

static void test_a_token_that_has_expired_is_refused(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        Introduction guest = guest_of("a1", KEY(a), true);

        make_token(c, 1);
        c->lab->wall += USEC_PER_HOUR;
        expect_refused(c, &guest, "has expired: put a new one into the join file", "token.expired",
                       10 * USEC_PER_MINUTE);
}

static void test_a_token_that_is_used_up_is_refused(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        Introduction other = guest_of("a2", KEY(b), true);
        Introduction guest = guest_of("a1", KEY(a), true);

        make_token(c, 1);
        assert_true(admission_take_in(c, "a2", &other));
        expect_refused(c, &guest, "is used up: put a new one", "token.used-up",
                       10 * USEC_PER_MINUTE);
}

static void test_a_token_that_was_revoked_is_refused(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        Introduction guest = guest_of("a1", KEY(a), true);
        Event event = { .kind = EVENT_TOKEN_REVOKED,
                        .token_revoked = { .id = TOKEN, .user = "alice" } };

        make_token(c, 1);
        assert_int_equal(coordinator_commit(c, &event, 1, NULL), 0);
        expect_refused(c, &guest, "was revoked: put a new one", "token.revoked",
                       10 * USEC_PER_MINUTE);
}

static void test_a_token_for_another_role_is_refused(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        Introduction guest = guest_of("a1", KEY(a), true);

        make_token(c, 1);
        guest.hello.role = ROLE_PUBLIC_AGENT;
        expect_refused(c, &guest, "is not for the role public-agent", "token.role",
                       10 * USEC_PER_MINUTE);
}

static void test_a_master_that_is_not_listed_and_an_agent_that_is_are_refused(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        Introduction guest = guest_of("a1", KEY(a), false);

        guest.hello.role = ROLE_MASTER;
        expect_refused(c, &guest, "the operator must add it to masters:", "master.unlisted",
                       10 * USEC_PER_MINUTE);

        guest = guest_of("m1", KEY(b), false);
        expect_refused(c, &guest, "m1 is a master by the coordinator's list", "master.listed",
                       10 * USEC_PER_MINUTE);
}

static void test_who_waits_for_a_person_hears_what_that_one_must_say_and_asks_soon(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        Introduction guest = guest_of("a1", KEY(a), false);
        char fingerprint[KEY_FINGERPRINT_MAX];
        char told[128];

        key_fingerprint(guest.key, fingerprint);
        (void) text_format(told, sizeof(told), "rollpatch node approve %s", fingerprint);
        expect_refused(c, &guest, told, "key.pending", 10 * USEC_PER_SEC);
        assert_int_equal(c->waiting.count, 1);
        assert_non_null(waiting_find(&c->waiting, fingerprint));

        change_key(c, KEY_APPROVED, "a1", KEY(a), ROLE_AGENT);
        expect_let_in(c, &guest);
}

static void test_who_asks_again_and_again_is_one_line_in_the_audit(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        Introduction guest = guest_of("a1", KEY(a), false);
        char node[NAME_TEXT_MAX];
        TurnedAway away;
        size_t count;

        expect_refused(c, &guest, "waiting to be approved", "key.pending", 10 * USEC_PER_SEC);
        count = c->lab->count;
        for (unsigned i = 0; i < 100; i++)
                assert_false(admission_identify(c, &guest, node, &away));
        assert_int_equal(c->lab->count, count);
        assert_true(c->waiting.entries[0].count == 101);
}

static void test_a_name_that_has_another_key_is_refused(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        Introduction guest = guest_of("a2", KEY(a), false);

        change_key(c, KEY_IMPORTED, "a2", KEY(b), ROLE_AGENT);
        expect_refused(c, &guest, "the name a2 belongs to another key already", "name.conflict",
                       10 * USEC_PER_MINUTE);
        assert_string_equal(enrol_find_node(&c->lab->state->enrol, "a2")->key, KEY(b));
}

static void test_a_node_of_another_dcos_cluster_is_refused(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        Introduction guest = guest_of("a1", KEY(a), true);

        make_token(c, 1);
        change_key(c, KEY_IMPORTED, "m1", KEY(1), ROLE_MASTER);
        change_key(c, KEY_PLACED, "m1", KEY(1), ROLE_MASTER);
        (void) text_copy(guest.hello.cluster_id, sizeof(guest.hello.cluster_id), THEIRS);
        expect_refused(c, &guest, "is not that of the coordinator's cluster", "cluster.mixed",
                       10 * USEC_PER_MINUTE);
}

/* A stranger is a stranger first: he writes no other lines into the audit, nor into the journal. */
static void test_a_journal_with_numbers_that_cannot_be_is_refused_and_one_line_in_the_audit(
                void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        Introduction guest = guest_of("a1", KEY(a), true);
        Introduction stranger = guest_of("a1", KEY(b), false);
        char node[NAME_TEXT_MAX] = "";
        TurnedAway away = {};
        size_t count;

        make_token(c, 1);
        guest.hello.epoch = EPOCH_MAX - 1;
        expect_refused(c, &guest, "far beyond any", "journal.implausible", 10 * USEC_PER_MINUTE);
        count = c->lab->count;
        assert_false(admission_identify(c, &guest, node, &away));
        assert_false(admission_take_in(c, "a1", &guest));
        assert_int_equal(c->lab->count, count);

        stranger.hello.fence = FENCE_MAX;
        expect_refused(c, &stranger, "waiting to be approved", "key.pending", 10 * USEC_PER_SEC);
}

static void test_a_full_disk_hides_no_refusal_from_the_node(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        Introduction guest = guest_of("a1", KEY(a), false);
        char node[NAME_TEXT_MAX];
        TurnedAway away = {};

        c->full = true;
        assert_false(admission_identify(c, &guest, node, &away));
        assert_non_null(strstr(away.reason, "waiting to be approved"));
}

/* --- tokens by their id alone --- */

/* Also of one that is over: its holder is told that, and not that nobody knows it. */
static void test_the_psk_of_every_token_that_was_made_is_found(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        uint8_t id[TOKEN_ID_SIZE], psk[KEY_SIZE], want[KEY_SIZE];

        assert_int_equal(token_id_parse(TOKEN, id), 0);
        assert_int_equal(key_parse(KEY(e), want), 0);
        assert_false(admission_find_psk(c, id, psk));

        make_token(c, 1);
        c->lab->wall += USEC_PER_DAY;
        assert_true(admission_find_psk(c, id, psk));
        assert_memory_equal(psk, want, KEY_SIZE);
        id[0] ^= 1;
        assert_false(admission_find_psk(c, id, psk));
}

static void test_false_tokens_stand_in_the_audit_with_what_was_false_and_no_name(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        uint8_t id[TOKEN_ID_SIZE];
        const Event *said;

        assert_int_equal(token_id_parse(TOKEN, id), 0);
        admission_note_false_token(c, id, false);
        said = lab_last(c->lab, EVENT_TURNED_AWAY);
        assert_string_equal(said->turned_away.id, "token.unknown");
        assert_string_equal(said->turned_away.token, TOKEN);

        admission_note_false_token(c, id, true);
        said = lab_last(c->lab, EVENT_TURNED_AWAY);
        assert_string_equal(said->turned_away.id, "token.wrong");
        assert_string_equal(said->turned_away.node, "");
        assert_string_equal(said->turned_away.key, "");
}

/* --- another key for a node --- */

static Announce announcement(const char *key) {
        Announce announce = { .op = "0123456789abcdef0123456789abcdef" };

        (void) text_copy(announce.key, sizeof(announce.key), key);
        return announce;
}

static void expect_no_new_key(Coordinator *c, const char *key, const char *why) {
        Announce announce = announcement(key);
        size_t count = c->lab->count;
        Error error = {};

        assert_true(admission_hear_announce(c, "a1", &announce, &error) < 0);
        assert_int_equal(error.code, ERROR_DENIED);
        if (!strstr(error.text, why))
                fail_msg("'%s', want '%s'", error.text, why);
        assert_int_equal(c->lab->count, count);
}

static void test_another_key_is_taken_once_when_a_person_wanted_it(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        Announce announce = announcement(KEY(b));
        const Enrol *enrol = &c->lab->state->enrol;
        Introduction guest = guest_of("a1", KEY(b), false);
        size_t count;

        change_key(c, KEY_IMPORTED, "a1", KEY(a), ROLE_AGENT);
        expect_no_new_key(c, KEY(b), "nobody has asked for it; try: rollpatch node rekey a1");

        change_key(c, KEY_OFFERED, "a1", KEY(a), ROLE_AGENT);
        assert_int_equal(admission_hear_announce(c, "a1", &announce, NULL), 0);
        assert_string_equal(enrol_find_successor(enrol, "a1")->key, KEY(b));
        count = c->lab->count;
        assert_int_equal(admission_hear_announce(c, "a1", &announce, NULL), 0); /* repeated */
        assert_int_equal(c->lab->count, count);
        expect_no_new_key(c, KEY(c), "nobody has asked for it");

        /* The old key counts until the new one is used, and no longer. */
        assert_string_equal(enrol_find_node(enrol, "a1")->key, KEY(a));
        expect_let_in(c, &guest);
        assert_string_equal(enrol_find_node(enrol, "a1")->key, KEY(a));
        assert_true(admission_take_in(c, "a1", &guest));
        assert_string_equal(enrol_find_node(enrol, "a1")->key, KEY(b));
        guest = guest_of("a1", KEY(a), false);
        assert_false(admission_take_in(c, "a1", &guest));
}

static void test_another_key_is_not_taken_after_an_hour_nor_one_of_another_node(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();

        change_key(c, KEY_IMPORTED, "a1", KEY(a), ROLE_AGENT);
        change_key(c, KEY_IMPORTED, "a2", KEY(d), ROLE_AGENT);
        change_key(c, KEY_OFFERED, "a1", KEY(a), ROLE_AGENT);
        expect_no_new_key(c, KEY(d), "known as a2's");
        c->lab->wall += USEC_PER_HOUR;
        expect_no_new_key(c, KEY(b), "nobody has asked for it");
}

static void test_a_key_that_cannot_be_written_down_is_not_refused_and_not_taken(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        Announce announce = announcement(KEY(b));
        Error error = {};

        change_key(c, KEY_IMPORTED, "a1", KEY(a), ROLE_AGENT);
        change_key(c, KEY_OFFERED, "a1", KEY(a), ROLE_AGENT);
        c->full = true;
        assert_true(admission_hear_announce(c, "a1", &announce, &error) < 0);
        assert_int_not_equal(error.code, ERROR_DENIED); /* so it stays unanswered */
        c->full = false;
        assert_int_equal(admission_hear_announce(c, "a1", &announce, NULL), 0);
}

static void test_a_node_is_asked_for_another_key_by_its_own_coordinator_alone(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        const Node *node;

        lab_join(c->lab, "a1", ROLE_AGENT, 0);
        fake_coordinator_store(c);
        node = lab_node(c->lab, "a1");
        change_key(c, KEY_IMPORTED, "a1", KEY(a), ROLE_AGENT);
        assert_false(admission_wants_rekey(c, node));
        change_key(c, KEY_OFFERED, "a1", KEY(a), ROLE_AGENT);
        assert_true(admission_wants_rekey(c, node));

        lab_restart(c->lab); /* and the node has not been claimed since */
        assert_false(admission_wants_rekey(c, lab_node(c->lab, "a1")));
        lab_join(c->lab, "a1", ROLE_AGENT, 0);
        assert_true(admission_wants_rekey(c, lab_node(c->lab, "a1")));
        c->lab->wall += USEC_PER_HOUR;
        assert_false(admission_wants_rekey(c, lab_node(c->lab, "a1")));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(
                                test_a_hello_with_a_good_token_changes_nothing_until_it_is_taken_in),
                cmocka_unit_test(test_a_node_that_is_known_is_taken_in_without_a_word_in_the_log),
                cmocka_unit_test(test_of_two_with_a_token_for_one_only_the_first_is_taken_in),
                cmocka_unit_test(
                                test_a_key_that_is_revoked_between_hello_and_first_word_is_not_taken_in),
                cmocka_unit_test(test_who_cannot_be_written_down_is_not_taken_in_until_it_can),
                cmocka_unit_test(test_a_token_that_has_expired_is_refused),
                cmocka_unit_test(test_a_token_that_is_used_up_is_refused),
                cmocka_unit_test(test_a_token_that_was_revoked_is_refused),
                cmocka_unit_test(test_a_token_for_another_role_is_refused),
                cmocka_unit_test(test_a_master_that_is_not_listed_and_an_agent_that_is_are_refused),
                cmocka_unit_test(
                                test_who_waits_for_a_person_hears_what_that_one_must_say_and_asks_soon),
                cmocka_unit_test(test_who_asks_again_and_again_is_one_line_in_the_audit),
                cmocka_unit_test(test_a_name_that_has_another_key_is_refused),
                cmocka_unit_test(test_a_node_of_another_dcos_cluster_is_refused),
                cmocka_unit_test(
                                test_a_journal_with_numbers_that_cannot_be_is_refused_and_one_line_in_the_audit),
                cmocka_unit_test(test_a_full_disk_hides_no_refusal_from_the_node),
                cmocka_unit_test(test_the_psk_of_every_token_that_was_made_is_found),
                cmocka_unit_test(
                                test_false_tokens_stand_in_the_audit_with_what_was_false_and_no_name),
                cmocka_unit_test(test_another_key_is_taken_once_when_a_person_wanted_it),
                cmocka_unit_test(
                                test_another_key_is_not_taken_after_an_hour_nor_one_of_another_node),
                cmocka_unit_test(
                                test_a_key_that_cannot_be_written_down_is_not_refused_and_not_taken),
                cmocka_unit_test(test_a_node_is_asked_for_another_key_by_its_own_coordinator_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
