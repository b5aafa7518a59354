/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/session.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/channel-lab.h"

#define ID UINT64_C(0x0000000712345678)

static const Message hello = {
        .kind = MESSAGE_HELLO,
        .hello = {
                .name = "m1",
                .role = ROLE_MASTER,
                .boot_id = "0123456789abcdef0123456789abcdef",
                .journal_id = "fedcba9876543210fedcba9876543210",
                .software = "0.1.0",
        },
};

static const Message welcome = { .kind = MESSAGE_WELCOME, .welcome = { .heartbeat = 1000000 } };

static Message beat(uint64_t sequence) {
        return (Message) { .kind = MESSAGE_HEARTBEAT, .heartbeat = { .sequence = sequence } };
}

/* A frame as it goes over the wire. */
typedef struct Wire {
        uint8_t bytes[SESSION_BYTES_MAX];
        size_t size;
} Wire;

/* A cluster with one node that has a token. */
typedef struct Lab {
        KeyPair *coordinator_key, *node_key;
        SessionEnd coordinator, node;
        Token token;
        uint8_t psk[KEY_SIZE];
        Greeting greeting;
        Session at_node, at_coordinator;
} Lab;

static void lab_start(Lab *lab) {
        *lab = (Lab) {};
        assert_int_equal(key_pair_generate(KEY_CHANNEL, &lab->coordinator_key, NULL), 0);
        assert_int_equal(key_pair_generate(KEY_CHANNEL, &lab->node_key, NULL), 0);
        session_end_init(&lab->coordinator, "prod", lab->coordinator_key, NULL);
        session_end_init(&lab->node, "prod", lab->node_key, lab->coordinator_key->public);
        token_generate(&lab->token);
        token_psk(&lab->token, lab->psk);
}

static void lab_stop(Lab *lab) {
        key_pair_free(lab->coordinator_key);
        key_pair_free(lab->node_key);
}

/* As in a buffer that ends where the frame does, so that a byte read beyond it is found out. */
static Frame read_wire(const Wire *wire, uint8_t **ret_exact) {
        Frame frame = { .kind = FRAME_NOS };
        uint8_t *exact = malloc(wire->size + 1);

        assert_non_null(exact);
        memcpy(exact, wire->bytes, wire->size);
        if (frame_decode(exact, wire->size, &frame, NULL) < 0)
                frame = (Frame) { .kind = FRAME_NOS };

        *ret_exact = exact;
        return frame;
}

static Wire say_hello(Lab *lab, const Token *token) {
        Wire wire;

        assert_int_equal(
                        session_hello(&lab->node, token, &hello, &lab->greeting, wire.bytes,
                                      &wire.size, NULL),
                        0);
        return wire;
}

/* As the coordinator hears it: mac1, then the token's psk, then the rest. */
static int hear_hello(const Lab *lab, const Wire *wire, Guest *ret, Error *error) {
        auto_free uint8_t *exact = NULL;
        Frame frame = read_wire(wire, &exact);
        Handshake handshake;
        int r;

        r = handshake_decode(&lab->coordinator.mac1, &frame, &handshake, error);
        if (r < 0)
                return r;

        return session_greet(
                        &lab->coordinator, &handshake, handshake.token ? lab->psk : NULL, ret,
                        error);
}

static Wire give_welcome(Lab *lab, Guest *guest) {
        Wire wire;

        assert_int_equal(
                        session_accept(guest, ID, &welcome, &lab->at_coordinator, wire.bytes,
                                       &wire.size, NULL),
                        0);
        return wire;
}

static int hear_welcome(Lab *lab, const Wire *wire, Message *ret, Error *error) {
        auto_free uint8_t *exact = NULL;
        Frame frame = read_wire(wire, &exact);

        return session_welcomed(&lab->greeting, &lab->at_node, &frame, ret, error);
}

static void shake_hands(Lab *lab, const Token *token) {
        Wire wire = say_hello(lab, token);
        Message heard;
        Guest guest;

        assert_int_equal(hear_hello(lab, &wire, &guest, NULL), 0);
        assert_string_equal(guest.hello.name, "m1");
        assert_memory_equal(guest.noise.peer, lab->node_key->public, KEY_SIZE);
        wire = give_welcome(lab, &guest);
        assert_int_equal(hear_welcome(lab, &wire, &heard, NULL), 0);
        assert_int_equal(heard.welcome.heartbeat, 1000000);
        assert_true(lab->at_node.id == ID && lab->at_coordinator.id == ID);
}

static Wire seal(Session *session, uint64_t number) {
        Message message = beat(number);
        Wire wire;

        assert_int_equal(
                        session_seal(session, &message, wire.bytes, sizeof(wire.bytes), &wire.size,
                                     NULL),
                        0);
        return wire;
}

static int open_wire(Session *session, const Wire *wire, uint64_t *ret_number, bool *ret_newest) {
        auto_free uint8_t *exact = NULL;
        Frame frame = read_wire(wire, &exact);
        Message message;
        int r;

        r = session_open(session, &frame, &message, ret_newest, NULL);
        if (r >= 0)
                *ret_number = message.heartbeat.sequence;

        return r;
}

/* --- a whole dialogue --- */

static void check_dialogue(bool has_token) {
        uint64_t number = 0;
        bool newest;
        Lab lab;

        lab_start(&lab);
        shake_hands(&lab, has_token ? &lab.token : NULL);
        assert_true(lab_is_zero(&lab.greeting, sizeof(lab.greeting)));
        for (uint64_t i = 1; i <= 10; i++) {
                Wire up = seal(&lab.at_node, i), down = seal(&lab.at_coordinator, i + 100);

                assert_int_equal(open_wire(&lab.at_coordinator, &up, &number, &newest), 0);
                assert_true(number == i && newest);
                assert_int_equal(open_wire(&lab.at_node, &down, &number, &newest), 0);
                assert_true(number == i + 100 && newest);
        }
        lab_stop(&lab);
}

static void test_hello_welcome_and_data_go_through_with_a_token_and_without(void **state) {
        check_dialogue(true);
        check_dialogue(false);
}

static void test_nothing_readable_is_on_the_wire(void **state) {
        Wire wires[3];
        Guest guest;
        Lab lab;

        lab_start(&lab);
        wires[0] = say_hello(&lab, &lab.token);
        assert_int_equal(hear_hello(&lab, &wires[0], &guest, NULL), 0);
        wires[1] = give_welcome(&lab, &guest);
        wires[2] = seal(&lab.at_coordinator, 1);
        for (size_t i = 0; i < ELEMENTSOF(wires); i++) {
                assert_null(memmem(wires[i].bytes, wires[i].size, "kind", 4));
                assert_null(memmem(wires[i].bytes, wires[i].size, lab.token.secret, 8));
                assert_null(memmem(wires[i].bytes, wires[i].size, lab.node_key->public, 8));
        }
        lab_stop(&lab);
}

static void test_the_longest_hello_and_the_longest_refusal_fit(void **state) {
        Message longest = hello, heard;
        char reason[2 * REASON_MAX];
        Guest guest;
        Wire wire;
        Lab lab;

        memset(longest.hello.name, 'a', sizeof(longest.hello.name) - 1);
        memset(longest.hello.software, '"', sizeof(longest.hello.software) - 1);
        memset(longest.hello.dcos_version, '\\', sizeof(longest.hello.dcos_version) - 1);
        memset(longest.hello.address, '"', sizeof(longest.hello.address) - 1);
        longest.hello.epoch = EPOCH_MAX;
        longest.hello.fence = FENCE_MAX;
        memset(reason, '"', sizeof(reason));
        reason[sizeof(reason) - 1] = '\0';

        lab_start(&lab);
        assert_int_equal(
                        session_hello(&lab.node, &lab.token, &longest, &lab.greeting, wire.bytes,
                                      &wire.size, NULL),
                        0);
        assert_int_equal(hear_hello(&lab, &wire, &guest, NULL), 0);
        assert_memory_equal(&guest.hello, &longest.hello, sizeof(Hello));
        assert_int_equal(
                        session_refuse(&guest, reason, USEC_PER_SEC, wire.bytes, &wire.size, NULL),
                        0);
        assert_int_equal(hear_welcome(&lab, &wire, &heard, NULL), 0);
        assert_int_equal(strlen(heard.welcome.refused), REASON_MAX - 1);
        lab_stop(&lab);
}

static void test_a_refusal_is_heard_and_leaves_the_session_alone(void **state) {
        Session before;
        Message heard;
        Guest guest;
        Wire wire;
        Lab lab;

        lab_start(&lab);
        shake_hands(&lab, NULL);
        before = lab.at_node;
        wire = say_hello(&lab, NULL);
        assert_int_equal(hear_hello(&lab, &wire, &guest, NULL), 0);
        assert_int_equal(
                        session_refuse(&guest, "m1 was revoked", USEC_PER_SEC, wire.bytes,
                                       &wire.size, NULL),
                        0);
        assert_true(lab_is_zero(&guest, sizeof(guest)));
        assert_int_equal(hear_welcome(&lab, &wire, &heard, NULL), 0);
        assert_string_equal(heard.welcome.refused, "m1 was revoked");
        assert_memory_equal(&lab.at_node, &before, sizeof(before));
        lab_stop(&lab);
}

/* --- whoever is not given the keys --- */

static void check_hello_is_refused(Lab *lab, const Token *token, ErrorCode want) {
        Wire wire = say_hello(lab, token);
        Error error = {};
        Guest guest;

        memset(&guest, 0x5a, sizeof(guest));
        assert_true(hear_hello(lab, &wire, &guest, &error) < 0);
        assert_int_equal(error.code, want);
        assert_int_equal(guest.hello.name[0], 0x5a);
}

static void test_a_node_of_another_cluster_is_not_understood(void **state) {
        Lab lab;

        lab_start(&lab);
        session_end_init(&lab.node, "test", lab.node_key, lab.coordinator_key->public);
        check_hello_is_refused(&lab, NULL, ERROR_DENIED);
        check_hello_is_refused(&lab, &lab.token, ERROR_DENIED);
        lab_stop(&lab);
}

static void test_who_was_given_another_coordinators_key_is_turned_away_by_mac1(void **state) {
        Lab lab;

        lab_start(&lab);
        session_end_init(&lab.node, "prod", lab.node_key, lab.node_key->public);
        check_hello_is_refused(&lab, NULL, ERROR_DENIED);

        /* And with the right mac1, which a recorded hello gives to anybody, by Noise. */
        lab.node.mac1 = lab.coordinator.mac1;
        check_hello_is_refused(&lab, NULL, ERROR_DENIED);
        lab_stop(&lab);
}

static void test_another_token_or_a_wrong_secret_does_not_open(void **state) {
        Token token;
        Lab lab;

        lab_start(&lab);
        token = lab.token;
        token.secret[0] ^= 1;
        check_hello_is_refused(&lab, &token, ERROR_DENIED);

        token_generate(&token);
        check_hello_is_refused(&lab, &token, ERROR_DENIED);
        lab_stop(&lab);
}

/* Out of a backup, say: what the coordinator keeps of a token does not make one. */
static void test_a_stolen_psk_is_no_token(void **state) {
        uint8_t prologue[PROLOGUE_MAX], payload[512] = { 1, 2, 3 }, ephemeral[KEY_SIZE] = { 9 };
        uint8_t message[NOISE_MESSAGE_MAX];
        Handshake handshake = { .message = message };
        Error error = {};
        Guest guest;
        Noise noise;
        Wire wire;
        Lab lab;

        lab_start(&lab);
        handshake.token = lab.token.id;
        noise_initiate(&noise, &(NoiseSetup) {
                                               .pattern = NOISE_IKPSK1,
                                               .prologue = prologue,
                                               .prologue_size = handshake_prologue(
                                                               "prod", lab.token.id, prologue),
                                               .secret = lab.node_key->secret,
                                               .public = lab.node_key->public,
                                               .peer = lab.coordinator_key->public,
                                               .psk = lab.psk,
                               });
        assert_int_equal(
                        noise_write(&noise, ephemeral, payload, sizeof(payload), message,
                                    &handshake.size, NULL),
                        0);
        wire.size = handshake_encode(&lab.node.mac1, &handshake, wire.bytes);
        assert_int_equal(hear_hello(&lab, &wire, &guest, &error), -EACCES);
        assert_string_equal(error.text, "JOIN does not know its token's secret");
        lab_stop(&lab);
}

static void test_another_coordinator_cannot_welcome(void **state) {
        Message heard = beat(42);
        KeyPair *other = NULL;
        Guest guest;
        Wire wire;
        Lab lab;

        lab_start(&lab);
        assert_int_equal(key_pair_generate(KEY_CHANNEL, &other, NULL), 0);
        session_end_init(&lab.node, "prod", lab.node_key, other->public);
        session_end_init(&lab.coordinator, "prod", other, NULL);
        wire = say_hello(&lab, NULL); /* to the other one, who hears it */
        assert_int_equal(hear_hello(&lab, &wire, &guest, NULL), 0);
        session_end_init(&lab.node, "prod", lab.node_key, lab.coordinator_key->public);
        (void) say_hello(&lab, NULL); /* to ours; but the other one answers */
        wire = give_welcome(&lab, &guest);
        assert_int_equal(hear_welcome(&lab, &wire, &heard, NULL), -EACCES);
        assert_int_equal(lab.at_node.id, 0);
        assert_int_equal(heard.kind, MESSAGE_HEARTBEAT);
        key_pair_free(other);
        lab_stop(&lab);
}

/* --- bytes that were changed, cut, repeated --- */

static void check_every_hello_byte(Lab *lab, const Token *token) {
        Wire good = say_hello(lab, token);
        Guest guest;

        for (size_t i = 0; i < good.size; i++) {
                Wire bad = good;

                bad.bytes[i] ^= 0x10;
                assert_true(hear_hello(lab, &bad, &guest, NULL) < 0);
                bad = good;
                bad.size = i;
                assert_true(hear_hello(lab, &bad, &guest, NULL) < 0);
        }

        /* mac1 made right again behind the change, as somebody with our public key can. */
        for (size_t i = 4 + MAC1_SIZE; i < good.size; i++) {
                const size_t head = MAC1_SIZE + (token ? TOKEN_ID_SIZE : 0);
                Handshake handshake = { .size = good.size - 4 - head };
                Wire bad = good, made;

                bad.bytes[i] ^= 0x10;
                handshake.token = token ? bad.bytes + 4 + MAC1_SIZE : NULL;
                handshake.message = bad.bytes + 4 + head;
                made.size = handshake_encode(&lab->node.mac1, &handshake, made.bytes);
                assert_int_equal(hear_hello(lab, &made, &guest, NULL), -EACCES);
        }
}

static void test_first_words_with_any_byte_changed_or_missing_are_refused(void **state) {
        Lab lab;

        lab_start(&lab);
        check_every_hello_byte(&lab, NULL);
        check_every_hello_byte(&lab, &lab.token);
        lab_stop(&lab);
}

static void test_a_welcome_with_any_byte_changed_or_missing_is_refused_and_the_true_one_heard(
                void **state) {
        Greeting before;
        Message heard;
        Guest guest;
        Wire good;
        Lab lab;

        lab_start(&lab);
        good = say_hello(&lab, &lab.token);
        assert_int_equal(hear_hello(&lab, &good, &guest, NULL), 0);
        good = give_welcome(&lab, &guest);
        before = lab.greeting;
        for (size_t i = 0; i < good.size; i++) {
                Wire bad = good;

                bad.bytes[i] ^= 0x10;
                assert_true(hear_welcome(&lab, &bad, &heard, NULL) < 0);
                bad = good;
                bad.size = i;
                assert_true(hear_welcome(&lab, &bad, &heard, NULL) < 0);
                assert_memory_equal(&lab.greeting, &before, sizeof(before));
                assert_int_equal(lab.at_node.id, 0);
        }

        assert_int_equal(hear_welcome(&lab, &good, &heard, NULL), 0);
        assert_int_equal(hear_welcome(&lab, &good, &heard, NULL), -ESTALE); /* once */
        lab_stop(&lab);
}

static void test_data_with_any_byte_changed_or_missing_is_refused_and_changes_nothing(
                void **state) {
        uint64_t number = 0;
        Session before;
        bool newest;
        Wire good;
        Lab lab;

        lab_start(&lab);
        shake_hands(&lab, NULL);
        good = seal(&lab.at_node, 1);
        before = lab.at_coordinator;
        for (size_t i = 0; i < good.size; i++) {
                Wire bad = good;

                bad.bytes[i] ^= 0x10;
                assert_true(open_wire(&lab.at_coordinator, &bad, &number, &newest) < 0);
                bad = good;
                bad.size = i;
                assert_true(open_wire(&lab.at_coordinator, &bad, &number, &newest) < 0);
                assert_memory_equal(&lab.at_coordinator, &before, sizeof(before));
        }

        assert_int_equal(open_wire(&lab.at_node, &good, &number, &newest), -EACCES); /* sent back */
        assert_int_equal(open_wire(&lab.at_coordinator, &good, &number, &newest), 0);
        lab_stop(&lab);
}

static void test_a_recorded_session_played_to_a_fresh_one_does_nothing(void **state) {
        Wire recorded[12], answer;
        uint64_t number = 0;
        Message heard;
        bool newest;
        Guest guest;
        Lab lab;

        lab_start(&lab);
        recorded[0] = say_hello(&lab, NULL);
        assert_int_equal(hear_hello(&lab, &recorded[0], &guest, NULL), 0);
        recorded[1] = give_welcome(&lab, &guest);
        assert_int_equal(hear_welcome(&lab, &recorded[1], &heard, NULL), 0);
        for (size_t i = 2; i < ELEMENTSOF(recorded); i++)
                recorded[i] = seal(&lab.at_node, i);

        /* The hello is heard again; but the session that it gets, even with the same id, is another
         * one: for nothing that was recorded. */
        assert_int_equal(hear_hello(&lab, &recorded[0], &guest, NULL), 0);
        answer = give_welcome(&lab, &guest);
        for (size_t i = 2; i < ELEMENTSOF(recorded); i++) {
                assert_int_equal(
                                open_wire(&lab.at_coordinator, &recorded[i], &number, &newest),
                                -EACCES);
        }

        /* A node that says hello anew does not take the welcome of before, nor that one. */
        (void) say_hello(&lab, NULL);
        assert_int_equal(hear_welcome(&lab, &recorded[1], &heard, NULL), -EACCES);
        assert_int_equal(hear_welcome(&lab, &answer, &heard, NULL), -EACCES);
        lab_stop(&lab);
}

static void test_a_frame_is_accepted_once_in_whatever_order(void **state) {
        static const unsigned order[] = { 3, 0, 1, 3, 2, 1, 0, 4, 2, 4 };
        Wire wires[5];
        uint64_t number = 0;
        unsigned taken = 0;
        bool newest;
        Lab lab;

        lab_start(&lab);
        shake_hands(&lab, NULL);
        for (size_t i = 0; i < ELEMENTSOF(wires); i++)
                wires[i] = seal(&lab.at_node, i);

        for (size_t i = 0; i < ELEMENTSOF(order); i++) {
                bool seen = taken & (1U << order[i]);
                int r = open_wire(&lab.at_coordinator, &wires[order[i]], &number, &newest);

                assert_int_equal(r, seen ? -ESTALE : 0);
                if (!seen) {
                        assert_true(number == order[i]);
                        assert_int_equal(newest, taken >> order[i] == 0);
                }
                taken |= 1U << order[i];
        }
        lab_stop(&lab);
}

/* The window is set as if so much had been heard. */
static void test_late_frames_within_the_window_are_accepted_but_not_newest(void **state) {
        uint64_t number = 0;
        bool newest;
        Lab lab;

        lab_start(&lab);
        shake_hands(&lab, NULL);
        for (uint64_t counter = 100; counter > 35; counter--) {
                Wire wire;

                lab.at_node.sent = counter - 1;
                wire = seal(&lab.at_node, counter);
                assert_int_equal(
                                open_wire(&lab.at_coordinator, &wire, &number, &newest),
                                counter > 100 - REPLAY_WINDOW ? 0 : -ESTALE);
                if (number == counter)
                        assert_int_equal(newest, counter == 100);
        }
        lab_stop(&lab);
}

/* --- the rules of a session --- */

static void test_frames_are_numbered_from_one_without_gaps(void **state) {
        Lab lab;

        lab_start(&lab);
        shake_hands(&lab, NULL);
        for (uint64_t i = 1; i <= 10; i++) {
                Wire wire = seal(&lab.at_node, i);
                Frame frame;

                assert_int_equal(frame_decode(wire.bytes, wire.size, &frame, NULL), 0);
                assert_true(frame.counter == i && frame.session == ID);
        }
        lab_stop(&lab);
}

static void test_a_message_that_cannot_be_sealed_uses_up_no_number(void **state) {
        Message bad = { .kind = MESSAGE_ASK, .ask = { .epoch = 1, .step = "../x" } };
        Session session = { .id = ID, .sent = 5 };
        Message good = beat(1);
        uint8_t buffer[SESSION_BYTES_MAX];
        size_t size;

        assert_int_equal(
                        session_seal(&session, &bad, buffer, sizeof(buffer), &size, NULL), -EINVAL);
        assert_int_equal(session_seal(&session, &good, buffer, 40, &size, NULL), -EMSGSIZE);
        assert_true(session.sent == 5);
}

static void test_a_session_is_worn_after_so_many_frames_and_ends_at_the_last_number(void **state) {
        Session session = { .id = ID, .sent = SESSION_FRAMES_MAX - 1 };
        uint8_t buffer[SESSION_BYTES_MAX];
        Message message = beat(1);
        size_t size;

        assert_false(session_is_worn(&session));
        session.window.highest = SESSION_FRAMES_MAX;
        assert_true(session_is_worn(&session));
        session = (Session) { .id = ID, .sent = SESSION_FRAMES_MAX };
        assert_true(session_is_worn(&session));

        session.sent = REPLAY_NUMBER_MAX - 1;
        assert_int_equal(session_seal(&session, &message, buffer, sizeof(buffer), &size, NULL), 0);
        assert_int_equal(
                        session_seal(&session, &message, buffer, sizeof(buffer), &size, NULL),
                        -EMSGSIZE);
}

/* Sealed with the session's keys, but not by session_seal(). */
static Wire seal_text(Session *session, const char *text) {
        Frame frame = { FRAME_DATA, .session = session->id, .counter = ++session->sent };
        Wire wire;
        size_t header;

        assert_int_equal(frame_encode(&frame, wire.bytes, sizeof(wire.bytes), &header), 0);
        noise_seal(session->keys.send, frame.counter, wire.bytes, header, text, strlen(text),
                   wire.bytes + header);
        wire.size = header + strlen(text) + NOISE_TAG_SIZE;
        return wire;
}

static void test_what_a_peer_says_wrongly_is_told_from_what_others_forge(void **state) {
        uint64_t number = 0;
        bool newest;
        Wire wire;
        Lab lab;

        lab_start(&lab);
        shake_hands(&lab, NULL);
        wire = seal_text(&lab.at_node, "{\"v\":1,\"kind\":\"heartbeat\"}");
        assert_int_equal(open_wire(&lab.at_coordinator, &wire, &number, &newest), -EINVAL);
        assert_int_equal(open_wire(&lab.at_coordinator, &wire, &number, &newest), -ESTALE);

        lab.at_coordinator.id++;
        assert_int_equal(open_wire(&lab.at_coordinator, &wire, &number, &newest), -ENOENT);
        lab_stop(&lab);
}

static void test_no_session_means_nothing_can_be_opened(void **state) {
        Frame frame = { .kind = FRAME_DATA, .counter = 1 };
        Session none = {};
        Message message;
        bool newest;

        assert_int_equal(session_open(&none, &frame, &message, &newest, NULL), -ENOENT);
}

static void test_a_handshake_takes_only_its_own_frames(void **state) {
        Message heard;
        Guest guest;
        Wire wire;
        Lab lab;

        lab_start(&lab);
        wire = say_hello(&lab, NULL);
        assert_int_equal(hear_welcome(&lab, &wire, &heard, NULL), -EINVAL); /* HS1 is no HS2 */
        assert_int_equal(hear_hello(&lab, &wire, &guest, NULL), 0);
        wire = give_welcome(&lab, &guest);
        assert_int_equal(hear_hello(&lab, &wire, &guest, NULL), -EINVAL);
        assert_true(lab_is_zero(&lab.at_node, sizeof(lab.at_node)));
        lab_stop(&lab);
}

/* What no coordinator of ours says: neither a session nor a reason, or both. */
static void test_a_welcome_gives_a_session_or_a_reason(void **state) {
        static const struct {
                uint8_t id;
                const char *text;
        } rows[] = {
                { 0, "{\"v\":1,\"kind\":\"welcome\",\"heartbeat\":1000000}" },
                { 1, "{\"v\":1,\"kind\":\"welcome\",\"heartbeat\":1000000,\"refused\":\"no\"}" },
                { 1, "{\"v\":1,\"kind\":\"claim\",\"epoch\":1}" },
                { 1, "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint8_t payload[128] = { [7] = rows[i].id }, ephemeral[KEY_SIZE] = { 7 };
                uint8_t message[NOISE_MESSAGE_MAX];
                Frame frame = { .kind = FRAME_HS2, .body = message };
                size_t length = strlen(rows[i].text);
                Message heard;
                Guest guest;
                Wire wire;
                Lab lab;

                lab_start(&lab);
                wire = say_hello(&lab, NULL);
                assert_int_equal(hear_hello(&lab, &wire, &guest, NULL), 0);
                memcpy(payload + 8, rows[i].text, length);
                assert_int_equal(
                                noise_write(&guest.noise, ephemeral, payload, 8 + length, message,
                                            &frame.body_size, NULL),
                                0);
                assert_int_equal(
                                frame_encode(&frame, wire.bytes, sizeof(wire.bytes), &wire.size),
                                0);
                assert_int_equal(hear_welcome(&lab, &wire, &heard, NULL), -EINVAL);
                assert_int_equal(lab.at_node.id, 0);
                lab_stop(&lab);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_hello_welcome_and_data_go_through_with_a_token_and_without),
                cmocka_unit_test(test_nothing_readable_is_on_the_wire),
                cmocka_unit_test(test_the_longest_hello_and_the_longest_refusal_fit),
                cmocka_unit_test(test_a_refusal_is_heard_and_leaves_the_session_alone),
                cmocka_unit_test(test_a_node_of_another_cluster_is_not_understood),
                cmocka_unit_test(
                                test_who_was_given_another_coordinators_key_is_turned_away_by_mac1),
                cmocka_unit_test(test_another_token_or_a_wrong_secret_does_not_open),
                cmocka_unit_test(test_a_stolen_psk_is_no_token),
                cmocka_unit_test(test_another_coordinator_cannot_welcome),
                cmocka_unit_test(test_first_words_with_any_byte_changed_or_missing_are_refused),
                cmocka_unit_test(
                                test_a_welcome_with_any_byte_changed_or_missing_is_refused_and_the_true_one_heard),
                cmocka_unit_test(
                                test_data_with_any_byte_changed_or_missing_is_refused_and_changes_nothing),
                cmocka_unit_test(test_a_recorded_session_played_to_a_fresh_one_does_nothing),
                cmocka_unit_test(test_a_frame_is_accepted_once_in_whatever_order),
                cmocka_unit_test(test_late_frames_within_the_window_are_accepted_but_not_newest),
                cmocka_unit_test(test_frames_are_numbered_from_one_without_gaps),
                cmocka_unit_test(test_a_message_that_cannot_be_sealed_uses_up_no_number),
                cmocka_unit_test(
                                test_a_session_is_worn_after_so_many_frames_and_ends_at_the_last_number),
                cmocka_unit_test(test_what_a_peer_says_wrongly_is_told_from_what_others_forge),
                cmocka_unit_test(test_no_session_means_nothing_can_be_opened),
                cmocka_unit_test(test_a_handshake_takes_only_its_own_frames),
                cmocka_unit_test(test_a_welcome_gives_a_session_or_a_reason),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
