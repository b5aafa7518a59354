/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dispatch.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <string.h>

#include "proto/codec.h"
#include "tests/unit/filler.h"

/* Every kind of message, said by everybody to everybody at every time. What is expected is written
 * down by name, so that it shares nothing with the table: not an order, not a number. */

static const char *const said_by_coordinator[] = {
        "welcome", "claim", "stage", "slot",     "start", "ask",
        "watch",   "ack",   "read",  "diagnose", "login", NULL,
};
static const char *const said_by_node[] = {
        "heartbeat", "claimed", "ready",    "report",    "refused",
        "sample",    "chunk",   "announce", "diagnosis", NULL,
};
static const char *const said_in_handshakes_by_coordinator[] = { "welcome", NULL };
static const char *const said_in_handshakes_by_node[] = { "hello", NULL };
static const char *const needs_claim[] = {
        "stage", "slot", "start", "ask", "watch", "ready", "login", NULL,
};

static bool is_in(const char *const list[], MessageKind kind) {
        for (size_t i = 0; list[i]; i++) {
                if (strcmp(list[i], enum_name(&message_kind_names, kind)) == 0)
                        return true;
        }

        return false;
}

static bool expected(MessageKind kind, Party from, Party to, Contact contact) {
        bool is_order = from == PARTY_COORDINATOR;

        if (contact == CONTACT_NONE || is_order == (to == PARTY_COORDINATOR))
                return false; /* strangers, nodes among themselves, the coordinator with itself */
        if (contact == CONTACT_HANDSHAKE) {
                return is_in(is_order ? said_in_handshakes_by_coordinator
                                      : said_in_handshakes_by_node,
                             kind);
        }

        return is_in(is_order ? said_by_coordinator : said_by_node, kind);
}

static void test_nobody_may_say_more_than_is_written_down_here(void **state) {
        unsigned allowed = 0;

        for (MessageKind kind = 0; kind < MESSAGE_KIND_COUNT; kind++) {
                for (Party from = 0; from < PARTY_COUNT; from++) {
                        for (Party to = 0; to < PARTY_COUNT; to++) {
                                for (Contact contact = 0; contact < CONTACT_COUNT; contact++) {
                                        bool is_allowed = dispatch_allows(kind, from, to, contact);

                                        allowed += is_allowed;
                                        assert_int_equal(
                                                        is_allowed,
                                                        expected(kind, from, to, contact));
                                }
                        }
                }
        }

        /* 20 in sessions and two in handshakes, each with a node of any of three roles. */
        assert_int_equal(allowed, (20 + 2) * 3);
}

static void test_without_a_session_and_with_a_revoked_key_nothing_may_be_said(void **state) {
        for (MessageKind kind = 0; kind < MESSAGE_KIND_COUNT; kind++) {
                for (Role role = 0; role < ROLE_COUNT; role++) {
                        assert_false(dispatch_allows(
                                        kind, party_of(role), PARTY_COORDINATOR, CONTACT_NONE));
                        assert_false(dispatch_allows(
                                        kind, PARTY_COORDINATOR, party_of(role), CONTACT_NONE));
                }
        }
}

static void test_every_role_of_a_node_is_a_party_of_its_own(void **state) {
        assert_int_equal(party_of(ROLE_MASTER), PARTY_MASTER);
        assert_int_equal(party_of(ROLE_AGENT), PARTY_AGENT);
        assert_int_equal(party_of(ROLE_PUBLIC_AGENT), PARTY_PUBLIC_AGENT);
}

static void test_orders_about_steps_and_checks_need_a_claim_and_nothing_else_does(void **state) {
        for (MessageKind kind = 0; kind < MESSAGE_KIND_COUNT; kind++)
                assert_int_equal(dispatch_needs_claim(kind), is_in(needs_claim, kind));
}

/* The same text, with spaces before its last brace until it is `wanted` bytes long. */
static void stretch(char *text, size_t size, size_t wanted) {
        memset(text + size - 1, ' ', wanted - size);
        text[wanted - 1] = '}';
}

/* The bound is what the members' own bounds add up to, and not a byte more. */
static void test_the_bound_of_a_kind_is_its_largest_message_and_is_kept(void **state) {
        for (MessageKind kind = 0; kind < MESSAGE_KIND_COUNT; kind++) {
                size_t bound = dispatch_bytes_max(kind);
                char text[MESSAGE_BYTES_MAX];
                Message message = {};
                Error error = {};
                Message back;
                size_t size;

                message.kind = kind;
                filler_fill(message_fields(kind), &message.hello, FULL);
                assert_int_equal(message_encode(&message, text, sizeof(text), &size, NULL), 0);
                assert_int_equal(size, bound);
                assert_int_equal(message_decode(text, size, &back, NULL), 0);

                stretch(text, size, size + 1);
                assert_int_equal(message_decode(text, size + 1, &back, &error), -EMSGSIZE);
                assert_non_null(strstr(error.text, enum_name(&message_kind_names, kind)));
        }
}

static void test_a_small_message_may_be_spaced_up_to_its_bound(void **state) {
        char text[MESSAGE_BYTES_MAX];
        Message claim = { .kind = MESSAGE_CLAIM, .claim = { .epoch = 1 } };
        size_t bound = dispatch_bytes_max(MESSAGE_CLAIM);
        Message back;
        size_t size;

        assert_int_equal(message_encode(&claim, text, sizeof(text), &size, NULL), 0);
        stretch(text, size, bound);
        assert_int_equal(message_decode(text, bound, &back, NULL), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nobody_may_say_more_than_is_written_down_here),
                cmocka_unit_test(test_without_a_session_and_with_a_revoked_key_nothing_may_be_said),
                cmocka_unit_test(test_every_role_of_a_node_is_a_party_of_its_own),
                cmocka_unit_test(
                                test_orders_about_steps_and_checks_need_a_claim_and_nothing_else_does),
                cmocka_unit_test(test_the_bound_of_a_kind_is_its_largest_message_and_is_kept),
                cmocka_unit_test(test_a_small_message_may_be_spaced_up_to_its_bound),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
