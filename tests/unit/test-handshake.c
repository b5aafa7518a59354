/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/handshake.h"

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

#include "common/cleanup.h"
#include "tests/unit/channel-lab.h"

#define HEADER_SIZE 4

static const uint8_t token[TOKEN_ID_SIZE] = { 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7 };
static const char cluster[] = "prod";

/* Public key 00 01 .. 1f, message of 101 times 55; computed with Python's hashlib.blake2b. */
static const uint8_t known_key[KEY_SIZE] = {
        0x7a, 0xc3, 0xa9, 0x75, 0x83, 0xc5, 0xe0, 0x6e, 0x29, 0x7e, 0x46,
        0x70, 0x4b, 0x39, 0x9d, 0x14, 0x23, 0xbd, 0xf7, 0x34, 0xcb, 0xec,
        0x73, 0x28, 0x71, 0x1b, 0x03, 0x22, 0x56, 0x3c, 0xf5, 0xba,
};
static const uint8_t known_join[MAC1_SIZE] = {
        0x21, 0x74, 0xe4, 0xb4, 0xcf, 0x27, 0xf7, 0x86,
        0x8a, 0xed, 0x5f, 0x75, 0x2c, 0x3a, 0x7d, 0x02,
};
static const uint8_t known_hs1[MAC1_SIZE] = {
        0x08, 0x70, 0x11, 0x08, 0x2d, 0x94, 0x07, 0xe7,
        0x3a, 0x7b, 0xe1, 0x04, 0xd1, 0x36, 0x0b, 0x7d,
};
#define KNOWN_SIZE 101

/* What each test begins with: frames of 101 bytes of message, with and without a token. */
typedef struct Lab {
        Mac1Key key;
        uint8_t message[NOISE_MESSAGE_MAX];
        uint8_t join[HANDSHAKE_FRAME_MAX], hs1[HANDSHAKE_FRAME_MAX];
        size_t join_size, hs1_size;
} Lab;

static Lab lab_of(size_t message_size) {
        uint8_t coordinator[KEY_SIZE];
        Lab lab = {};

        for (size_t i = 0; i < sizeof(coordinator); i++)
                coordinator[i] = (uint8_t) i;

        memset(lab.message, 0x55, sizeof(lab.message));
        mac1_key_init(&lab.key, coordinator);
        lab.join_size = handshake_encode(
                        &lab.key, &(Handshake) { token, lab.message, message_size }, lab.join);
        lab.hs1_size = handshake_encode(
                        &lab.key, &(Handshake) { NULL, lab.message, message_size }, lab.hs1);
        return lab;
}

/* From a buffer that ends where the frame does, so that a byte read beyond it is found out. */
static int decode(const Mac1Key *key, const uint8_t *bytes, size_t size, Error *error) {
        auto_free uint8_t *exact = malloc(size + (size == 0));
        Handshake untouched = { .size = 4711 }, handshake = untouched;
        Frame frame;
        int r;

        assert_non_null(exact);
        memcpy(exact, bytes, size);
        r = frame_decode(exact, size, &frame, error);
        if (r < 0)
                return r;

        r = handshake_decode(key, &frame, &handshake, error);
        if (r < 0)
                assert_memory_equal(&handshake, &untouched, sizeof(untouched));

        return r;
}

/* --- layouts --- */

static void test_join_and_hs1_are_the_bytes_of_the_specification(void **state) {
        static const uint8_t join[] = { 1, 1, 0, 0 }, hs1[] = { 1, 2, 0, 0 };
        Lab lab = lab_of(KNOWN_SIZE);

        assert_memory_equal(lab.key.bytes, known_key, sizeof(known_key));

        assert_int_equal(lab.join_size, 4 + 16 + 8 + KNOWN_SIZE);
        assert_memory_equal(lab.join, join, sizeof(join));
        assert_memory_equal(lab.join + 4, known_join, sizeof(known_join));
        assert_memory_equal(lab.join + 20, token, sizeof(token));
        assert_memory_equal(lab.join + 28, lab.message, KNOWN_SIZE);

        assert_int_equal(lab.hs1_size, 4 + 16 + KNOWN_SIZE);
        assert_memory_equal(lab.hs1, hs1, sizeof(hs1));
        assert_memory_equal(lab.hs1 + 4, known_hs1, sizeof(known_hs1));
        assert_memory_equal(lab.hs1 + 20, lab.message, KNOWN_SIZE);
}

static void test_what_was_written_is_read_back(void **state) {
        static const size_t sizes[] = { NOISE_FIRST_OVERHEAD, KNOWN_SIZE, NOISE_MESSAGE_MAX };

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                Lab lab = lab_of(sizes[i]);
                Handshake handshake;
                Frame frame;

                assert_int_equal(frame_decode(lab.join, lab.join_size, &frame, NULL), 0);
                assert_int_equal(handshake_decode(&lab.key, &frame, &handshake, NULL), 0);
                assert_memory_equal(handshake.token, token, sizeof(token));
                assert_int_equal(handshake.size, sizes[i]);
                assert_memory_equal(handshake.message, lab.message, sizes[i]);

                assert_int_equal(frame_decode(lab.hs1, lab.hs1_size, &frame, NULL), 0);
                assert_int_equal(handshake_decode(&lab.key, &frame, &handshake, NULL), 0);
                assert_null(handshake.token);
                assert_int_equal(handshake.size, sizes[i]);
                assert_memory_equal(handshake.message, lab.message, sizes[i]);
        }
}

static void test_the_prologue_names_protocol_cluster_and_token(void **state) {
        static const char join[] = "rollpatch/1\0prod\0\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7";
        uint8_t prologue[PROLOGUE_MAX];

        assert_int_equal(handshake_prologue(cluster, token, prologue), sizeof(join) - 1);
        assert_memory_equal(prologue, join, sizeof(join) - 1);
        assert_int_equal(handshake_prologue(cluster, NULL, prologue), 12 + 5);
        assert_memory_equal(prologue, join, 12 + 5);
}

static void test_the_longest_name_of_a_cluster_fits(void **state) {
        char name[NAME_TEXT_MAX] = {};
        uint8_t prologue[PROLOGUE_MAX];

        memset(name, 'x', sizeof(name) - 1);
        assert_int_equal(handshake_prologue(name, token, prologue), PROLOGUE_MAX);
}

/* --- what is refused --- */

static void test_whoever_was_not_given_the_public_key_is_turned_away(void **state) {
        uint8_t coordinator[KEY_SIZE] = { 1 };
        Lab lab = lab_of(KNOWN_SIZE);
        Error error = {};
        Mac1Key other;

        mac1_key_init(&other, coordinator);
        assert_int_equal(decode(&other, lab.join, lab.join_size, &error), -EACCES);
        assert_int_equal(error.code, ERROR_DENIED);
        assert_string_equal(error.text, "handshake was made without our public key, or changed");
        assert_int_equal(decode(&other, lab.hs1, lab.hs1_size, NULL), -EACCES);
}

static void refuses_every_changed_bit(const Mac1Key *key, uint8_t *bytes, size_t size) {
        for (size_t i = 0; i < size; i++) {
                for (unsigned bit = 0; bit < 8; bit++) {
                        int r;

                        bytes[i] ^= (uint8_t) (1 << bit);
                        r = decode(key, bytes, size, NULL);
                        bytes[i] ^= (uint8_t) (1 << bit);

                        assert_true(r < 0);
                        if (i >= HEADER_SIZE)
                                assert_int_equal(r, -EACCES);
                }
        }
        assert_int_equal(decode(key, bytes, size, NULL), 0);
}

static void test_a_frame_with_any_bit_changed_is_refused_before_it_costs_anything(void **state) {
        Lab lab = lab_of(KNOWN_SIZE);

        refuses_every_changed_bit(&lab.key, lab.join, lab.join_size);
        refuses_every_changed_bit(&lab.key, lab.hs1, lab.hs1_size);
}

static void test_a_frame_that_was_cut_or_is_longer_is_refused(void **state) {
        Lab lab = lab_of(KNOWN_SIZE);

        for (size_t size = 0; size < HANDSHAKE_FRAME_MAX; size++) {
                assert_int_equal(
                                decode(&lab.key, lab.join, size, NULL) == 0, size == lab.join_size);
                assert_int_equal(decode(&lab.key, lab.hs1, size, NULL) == 0, size == lab.hs1_size);
        }
}

static void test_lengths_that_no_handshake_has_are_refused_before_mac1(void **state) {
        const Frame frames[] = {
                { .kind = FRAME_JOIN, .body_size = MAC1_SIZE + TOKEN_ID_SIZE + 95 },
                { .kind = FRAME_JOIN, .body_size = MAC1_SIZE + TOKEN_ID_SIZE + 2145 },
                { .kind = FRAME_HS1, .body_size = MAC1_SIZE + 95 },
                { .kind = FRAME_HS1, .body_size = MAC1_SIZE + 2145 },
                { .kind = FRAME_HS1, .body_size = SIZE_MAX },
                { .kind = FRAME_HS1 },
        };
        Lab lab = lab_of(KNOWN_SIZE);
        Error error = {};
        Handshake handshake;

        /* there is no body: looking at it would be the end of the test */
        for (size_t i = 0; i < ELEMENTSOF(frames); i++) {
                assert_int_equal(
                                handshake_decode(&lab.key, &frames[i], &handshake, &error),
                                -EINVAL);
        }

        (void) handshake_decode(&lab.key, &frames[0], &handshake, &error);
        assert_string_equal(
                        error.text, "handshake frame has a body of 119 bytes, want 120 to 2168");
}

static void test_only_join_and_hs1_begin_a_handshake(void **state) {
        static const FrameKind kinds[] = { FRAME_HS2, FRAME_DATA, FRAME_NOS };
        Lab lab = lab_of(KNOWN_SIZE);

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                Frame frame = { kinds[i], 0, 0, lab.hs1 + HEADER_SIZE, lab.hs1_size - HEADER_SIZE };
                Handshake handshake;

                assert_int_equal(handshake_decode(&lab.key, &frame, &handshake, NULL), -EINVAL);
        }
}

/* --- bytes of all kinds --- */

static void test_random_bytes_are_never_a_handshake(void **state) {
        Lab lab = lab_of(KNOWN_SIZE);
        uint64_t seed = 1;

        for (unsigned i = 0; i < 20000; i++) {
                uint8_t bytes[400];
                size_t size = lab_random(&seed) % sizeof(bytes);

                lab_fill(bytes, size, &seed);
                if (size >= HEADER_SIZE && i % 4 != 0) /* most have a header that is right */
                        memcpy(bytes, (uint8_t[]) { 1, (uint8_t) (1 + i % 2), 0, 0 }, HEADER_SIZE);
                assert_true(decode(&lab.key, bytes, size, NULL) < 0);
        }
}

/* Behind the header, pieces of rubbish, of the frame itself, and of a frame of the other kind. */
static void test_a_frame_that_was_mangled_is_never_a_handshake(void **state) {
        Lab lab = lab_of(KNOWN_SIZE);
        uint64_t seed = 2;
        unsigned mangled = 0;

        for (unsigned i = 0; i < 20000; i++) {
                bool is_join = i % 2 == 0;
                const uint8_t *whole = is_join ? lab.join : lab.hs1;
                const uint8_t *other = is_join ? lab.hs1 : lab.join;
                size_t size = is_join ? lab.join_size : lab.hs1_size, rest = size - HEADER_SIZE;
                size_t from = HEADER_SIZE + lab_random(&seed) % rest;
                size_t to = HEADER_SIZE + lab_random(&seed) % rest;
                size_t length = 1 + lab_random(&seed) % (size - MAX(from, to));
                uint8_t bytes[HANDSHAKE_FRAME_MAX];

                memcpy(bytes, whole, size);
                if (i % 3 == 0) {
                        lab_fill(bytes + to, length, &seed);
                } else {
                        memmove(bytes + to, (i % 3 == 1 ? bytes : other) + from, length);
                }

                if (memcmp(bytes, whole, size) != 0) {
                        assert_int_equal(decode(&lab.key, bytes, size, NULL), -EACCES);
                        mangled++;
                }
        }
        assert_true(mangled > 10000);
}

/* --- a whole dialogue, frame by frame --- */

typedef struct Dialogue {
        LabPair node, coordinator;
        Mac1Key key;
        Noise initiator, responder;
        NoiseKeys node_keys, coordinator_keys;
        uint8_t psk[KEY_SIZE];
} Dialogue;

static void dialogue_init(Dialogue *dialogue) {
        *dialogue = (Dialogue) { .node = lab_pair_of(1), .coordinator = lab_pair_of(2) };
        mac1_key_init(&dialogue->key, dialogue->coordinator.public);
}

static size_t node_joins(Dialogue *dialogue, uint8_t bytes[static HANDSHAKE_FRAME_MAX]) {
        uint8_t prologue[PROLOGUE_MAX], message[NOISE_MESSAGE_MAX];
        LabPair ephemeral = lab_pair_of(3);
        size_t size;

        noise_initiate(&dialogue->initiator,
                       &(NoiseSetup) {
                                       .pattern = NOISE_IKPSK1,
                                       .prologue = prologue,
                                       .prologue_size =
                                                       handshake_prologue(cluster, token, prologue),
                                       .secret = dialogue->node.secret,
                                       .public = dialogue->node.public,
                                       .peer = dialogue->coordinator.public,
                                       .psk = dialogue->psk,
                       });
        assert_int_equal(
                        noise_write(&dialogue->initiator, ephemeral.secret, "hello", 5, message,
                                    &size, NULL),
                        0);
        return handshake_encode(&dialogue->key, &(Handshake) { token, message, size }, bytes);
}

static void coordinator_answers(
                Dialogue *dialogue, const Handshake *join, uint8_t *bytes, size_t *ret_size) {
        uint8_t prologue[PROLOGUE_MAX], payload[NOISE_PAYLOAD_MAX], message[NOISE_MESSAGE_MAX];
        LabPair ephemeral = lab_pair_of(4);
        Frame hs2 = { .kind = FRAME_HS2, .body = message };
        size_t size;

        noise_respond(&dialogue->responder,
                      &(NoiseSetup) {
                                      .pattern = NOISE_IKPSK1,
                                      .prologue = prologue,
                                      .prologue_size = handshake_prologue(
                                                      cluster, join->token, prologue),
                                      .secret = dialogue->coordinator.secret,
                                      .public = dialogue->coordinator.public,
                                      .psk = dialogue->psk,
                      });
        assert_int_equal(
                        noise_read(&dialogue->responder, join->message, join->size, payload, &size,
                                   NULL),
                        0);
        assert_memory_equal(payload, "hello", 5);
        assert_memory_equal(dialogue->responder.peer, dialogue->node.public, KEY_SIZE);

        assert_int_equal(
                        noise_write(&dialogue->responder, ephemeral.secret, "welcome", 7, message,
                                    &hs2.body_size, NULL),
                        0);
        assert_int_equal(frame_encode(&hs2, bytes, HANDSHAKE_FRAME_MAX, ret_size), 0);
}

static void dialogue_join(Dialogue *dialogue) {
        uint8_t bytes[HANDSHAKE_FRAME_MAX], payload[NOISE_PAYLOAD_MAX];
        Handshake join;
        Frame frame;
        size_t size;

        size = node_joins(dialogue, bytes);
        assert_int_equal(frame_decode(bytes, size, &frame, NULL), 0);
        assert_int_equal(handshake_decode(&dialogue->key, &frame, &join, NULL), 0);

        coordinator_answers(dialogue, &join, bytes, &size);
        assert_int_equal(frame_decode(bytes, size, &frame, NULL), 0);
        assert_int_equal(frame.kind, FRAME_HS2);
        assert_int_equal(
                        noise_read(&dialogue->initiator, frame.body, frame.body_size, payload,
                                   &size, NULL),
                        0);
        assert_memory_equal(payload, "welcome", 7);

        noise_split(&dialogue->initiator, &dialogue->node_keys);
        noise_split(&dialogue->responder, &dialogue->coordinator_keys);
}

#define SAID      "a message"
#define DATA_SIZE (FRAME_HEADER_MAX + sizeof(SAID) + NOISE_TAG_SIZE)

static void write_data(const NoiseKeys *keys, uint8_t bytes[static DATA_SIZE]) {
        uint8_t sealed[sizeof(SAID) + NOISE_TAG_SIZE] = {};
        Frame frame = { FRAME_DATA, 0x1122, 7, sealed, sizeof(sealed) };
        size_t size;

        /* the header is written first, because it is part of what is sealed */
        assert_int_equal(frame_encode(&frame, bytes, DATA_SIZE, &size), 0);
        assert_int_equal(size, DATA_SIZE);
        noise_seal(keys->send, frame.counter, bytes, FRAME_HEADER_MAX, SAID, sizeof(SAID),
                   bytes + FRAME_HEADER_MAX);
}

static bool read_data(const NoiseKeys *keys, const uint8_t *bytes, size_t size) {
        uint8_t said[DATA_SIZE];
        Frame frame;

        return frame_decode(bytes, size, &frame, NULL) == 0 && frame.kind == FRAME_DATA &&
               noise_open(keys->receive, frame.counter, bytes, FRAME_HEADER_MAX, frame.body,
                          frame.body_size, said) &&
               memcmp(said, SAID, sizeof(SAID)) == 0;
}

static void test_join_answer_and_data_go_through_as_frames(void **state) {
        uint8_t bytes[DATA_SIZE];
        Dialogue dialogue;

        dialogue_init(&dialogue);
        dialogue_join(&dialogue);
        assert_int_equal(DATA_SIZE, sizeof(SAID) + 36); /* transport 4.2 */

        write_data(&dialogue.node_keys, bytes);
        assert_true(read_data(&dialogue.coordinator_keys, bytes, sizeof(bytes)));
        assert_false(read_data(&dialogue.node_keys, bytes, sizeof(bytes))); /* sent back */
        write_data(&dialogue.coordinator_keys, bytes);
        assert_true(read_data(&dialogue.node_keys, bytes, sizeof(bytes)));
}

static void test_data_with_any_bit_changed_header_included_does_not_open(void **state) {
        uint8_t bytes[DATA_SIZE];
        Dialogue dialogue;

        dialogue_init(&dialogue);
        dialogue_join(&dialogue);
        write_data(&dialogue.node_keys, bytes);
        for (size_t i = 0; i < 8 * sizeof(bytes); i++) {
                bytes[i / 8] ^= (uint8_t) (1 << i % 8);
                assert_false(read_data(&dialogue.coordinator_keys, bytes, sizeof(bytes)));
                bytes[i / 8] ^= (uint8_t) (1 << i % 8);
        }
        for (size_t size = 0; size < sizeof(bytes); size++)
                assert_false(read_data(&dialogue.coordinator_keys, bytes, size));
}

/* mac1 covers what follows it, not the kind: what keeps them apart is Noise. */
static void test_a_join_that_calls_itself_hs1_opens_for_nobody(void **state) {
        uint8_t bytes[HANDSHAKE_FRAME_MAX], payload[NOISE_PAYLOAD_MAX], prologue[PROLOGUE_MAX];
        Handshake handshake;
        Dialogue dialogue;
        size_t size;
        Frame frame;

        dialogue_init(&dialogue);
        size = node_joins(&dialogue, bytes);
        bytes[1] = FRAME_HS1;
        assert_int_equal(frame_decode(bytes, size, &frame, NULL), 0);
        assert_int_equal(handshake_decode(&dialogue.key, &frame, &handshake, NULL), 0);

        noise_respond(&dialogue.responder,
                      &(NoiseSetup) {
                                      .pattern = NOISE_IK,
                                      .prologue = prologue,
                                      .prologue_size = handshake_prologue(cluster, NULL, prologue),
                                      .secret = dialogue.coordinator.secret,
                                      .public = dialogue.coordinator.public,
                      });
        assert_int_equal(
                        noise_read(&dialogue.responder, handshake.message, handshake.size, payload,
                                   &size, NULL),
                        -EACCES);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_join_and_hs1_are_the_bytes_of_the_specification),
                cmocka_unit_test(test_what_was_written_is_read_back),
                cmocka_unit_test(test_the_prologue_names_protocol_cluster_and_token),
                cmocka_unit_test(test_the_longest_name_of_a_cluster_fits),
                cmocka_unit_test(test_whoever_was_not_given_the_public_key_is_turned_away),
                cmocka_unit_test(
                                test_a_frame_with_any_bit_changed_is_refused_before_it_costs_anything),
                cmocka_unit_test(test_a_frame_that_was_cut_or_is_longer_is_refused),
                cmocka_unit_test(test_lengths_that_no_handshake_has_are_refused_before_mac1),
                cmocka_unit_test(test_only_join_and_hs1_begin_a_handshake),
                cmocka_unit_test(test_random_bytes_are_never_a_handshake),
                cmocka_unit_test(test_a_frame_that_was_mangled_is_never_a_handshake),
                cmocka_unit_test(test_join_answer_and_data_go_through_as_frames),
                cmocka_unit_test(test_data_with_any_bit_changed_header_included_does_not_open),
                cmocka_unit_test(test_a_join_that_calls_itself_hs1_opens_for_nobody),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
