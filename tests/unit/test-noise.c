/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/noise.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/json.h"
#include "common/text.h"
#include "tests/unit/channel-lab.h"

#define MESSAGE_MAX NOISE_MESSAGE_MAX
#define PAYLOAD_MAX NOISE_PAYLOAD_MAX

/* --- the published vectors --- */

#define VECTOR_TEXT_MAX 512

typedef struct Bytes {
        uint8_t data[VECTOR_TEXT_MAX / 2];
        size_t size;
} Bytes;

static uint8_t hex_digit(char digit) {
        const char digits[] = "0123456789abcdef", *at = strchr(digits, digit);

        assert_true(at && digit != '\0');
        return (uint8_t) (at - digits);
}

static Bytes hex_to_bytes(const char *text) {
        Bytes bytes = { .size = strlen(text) / 2 };

        assert_true(strlen(text) % 2 == 0 && bytes.size <= sizeof(bytes.data));
        for (size_t i = 0; i < bytes.size; i++) {
                uint8_t high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

                bytes.data[i] = (uint8_t) (high << 4 | low);
        }

        return bytes;
}

static Bytes vector_bytes(const Json *object, const char *key) {
        char text[VECTOR_TEXT_MAX];

        assert_int_equal(json_get_string(object, key, text, sizeof(text), NULL), 0);
        return hex_to_bytes(text);
}

static LabPair vector_pair(const Json *vector, const char *key) {
        Bytes secret = vector_bytes(vector, key);

        assert_int_equal(secret.size, KEY_SIZE);
        return lab_pair(secret.data);
}

static Json *read_vectors(void) {
        const char *folder = getenv("SAMPLES"); /* NOLINT(concurrency-mt-unsafe) */
        auto_free char *text = NULL;
        Json *vectors = NULL;
        char path[512];

        assert_non_null(folder);
        assert_true(text_format(path, sizeof(path), "%s/noise/vectors.json", folder));
        assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &text, NULL, NULL), 0);
        assert_int_equal(json_parse(text, strlen(text), &vectors, NULL), 0);
        return vectors;
}

/* Message `i` of the vector: `from` writes exactly its bytes, `to` reads its payload. */
static void play_handshake(const Json *message, Noise *from, Noise *to, const LabPair *ephemeral) {
        Bytes payload = vector_bytes(message, "payload");
        Bytes want = vector_bytes(message, "ciphertext");
        uint8_t written[MESSAGE_MAX], read[PAYLOAD_MAX];
        size_t size = 0;

        assert_int_equal(
                        noise_write(from, ephemeral->secret, payload.data, payload.size, written,
                                    &size, NULL),
                        0);
        assert_int_equal(size, want.size);
        assert_memory_equal(written, want.data, size);

        assert_int_equal(noise_read(to, want.data, want.size, read, &size, NULL), 0);
        assert_int_equal(size, payload.size);
        assert_memory_equal(read, payload.data, size);
}

static void play_transport(
                const Json *message,
                const uint8_t *send,
                const uint8_t *receive,
                uint64_t counter) {
        Bytes payload = vector_bytes(message, "payload");
        Bytes want = vector_bytes(message, "ciphertext");
        uint8_t bytes[VECTOR_TEXT_MAX];

        noise_seal(send, counter, NULL, 0, payload.data, payload.size, bytes);
        assert_int_equal(payload.size + NOISE_TAG_SIZE, want.size);
        assert_memory_equal(bytes, want.data, want.size);

        assert_true(noise_open(receive, counter, NULL, 0, want.data, want.size, bytes));
        assert_memory_equal(bytes, payload.data, payload.size);
}

static void play_vector(const Json *vector) {
        LabPair node = vector_pair(vector, "init_static");
        LabPair coordinator = vector_pair(vector, "resp_static");
        LabPair ephemerals[] = {
                vector_pair(vector, "init_ephemeral"),
                vector_pair(vector, "resp_ephemeral"),
        };
        Bytes prologue = vector_bytes(vector, "init_prologue");
        Bytes remote = vector_bytes(vector, "init_remote_static");
        Bytes hash = vector_bytes(vector, "handshake_hash");
        const Json *psks = json_find(vector, "init_psks");
        Bytes shared = psks ? hex_to_bytes(json_string_value(json_first(psks))) : (Bytes) {};
        const Json *message = json_first(json_find(vector, "messages"));
        NoiseSetup setup = { .prologue = prologue.data, .prologue_size = prologue.size };
        NoiseKeys initiator_keys, responder_keys;
        Noise initiator, responder;

        if (psks) {
                setup.pattern = NOISE_IKPSK1;
                setup.psk = shared.data;
        }

        assert_memory_equal(coordinator.public, remote.data, KEY_SIZE);
        setup.secret = coordinator.secret;
        setup.public = coordinator.public;
        noise_respond(&responder, &setup);
        setup.secret = node.secret;
        setup.public = node.public;
        setup.peer = coordinator.public;
        noise_initiate(&initiator, &setup);

        play_handshake(message, &initiator, &responder, &ephemerals[0]);
        message = json_next(message);
        play_handshake(message, &responder, &initiator, &ephemerals[1]);

        assert_memory_equal(responder.peer, node.public, KEY_SIZE);
        assert_memory_equal(initiator.hash, hash.data, sizeof(initiator.hash));
        assert_memory_equal(responder.hash, hash.data, sizeof(responder.hash));
        noise_split(&initiator, &initiator_keys);
        noise_split(&responder, &responder_keys);

        for (uint64_t counter = 0; counter < 2; counter++) {
                message = json_next(message);
                play_transport(message, initiator_keys.send, responder_keys.receive, counter);
                message = json_next(message);
                play_transport(message, responder_keys.send, initiator_keys.receive, counter);
        }
        assert_null(json_next(message));
}

static void test_the_published_vectors_come_out_byte_by_byte(void **state) {
        static const char *const names[] = {
                "Noise_IK_25519_ChaChaPoly_SHA256",
                "Noise_IKpsk1_25519_ChaChaPoly_SHA256",
        };
        AUTO(Json) *file = read_vectors();
        const Json *vector = json_first(json_find(file, "vectors"));

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                assert_non_null(vector);
                assert_string_equal(
                                json_string_value(json_find(vector, "protocol_name")), names[i]);
                play_vector(vector);
                vector = json_next(vector);
        }
        assert_null(vector);
}

/* --- a handshake of our own --- */

static const uint8_t psk[KEY_SIZE] = "a secret that both of them know";
static const char hello[] = "hello", welcome[] = "welcome";

typedef struct Message {
        uint8_t bytes[MESSAGE_MAX];
        size_t size;
} Message;

typedef struct Lab {
        LabPair node, coordinator;
        LabPair ephemerals[2];
        NoiseSetup node_setup, coordinator_setup;
        Noise initiator, responder;
} Lab;

static void lab_start(Lab *lab, NoisePattern pattern) {
        NoiseSetup setup = {
                .pattern = pattern,
                .prologue = "prologue",
                .prologue_size = 8,
                .psk = pattern == NOISE_IKPSK1 ? psk : NULL,
        };

        *lab = (Lab) {
                .node = lab_pair_of(1),
                .coordinator = lab_pair_of(2),
                .ephemerals = { lab_pair_of(3), lab_pair_of(4) },
                .node_setup = setup,
                .coordinator_setup = setup,
        };
        lab->node_setup.secret = lab->node.secret;
        lab->node_setup.public = lab->node.public;
        lab->node_setup.peer = lab->coordinator.public;
        lab->coordinator_setup.secret = lab->coordinator.secret;
        lab->coordinator_setup.public = lab->coordinator.public;
        noise_initiate(&lab->initiator, &lab->node_setup);
        noise_respond(&lab->responder, &lab->coordinator_setup);
}

static int read_message(Noise *noise, const Message *message, Error *error) {
        uint8_t payload[PAYLOAD_MAX];
        size_t size;

        return noise_read(noise, message->bytes, message->size, payload, &size, error);
}

static Message write_first(Lab *lab) {
        Message message;

        assert_int_equal(
                        noise_write(&lab->initiator, lab->ephemerals[0].secret, hello,
                                    strlen(hello), message.bytes, &message.size, NULL),
                        0);
        return message;
}

static Message write_second(Lab *lab) {
        Message message;

        assert_int_equal(
                        noise_write(&lab->responder, lab->ephemerals[1].secret, welcome,
                                    strlen(welcome), message.bytes, &message.size, NULL),
                        0);
        return message;
}

static void finish(Lab *lab, NoiseKeys *ret_initiator, NoiseKeys *ret_responder) {
        Message message = write_first(lab);

        assert_int_equal(read_message(&lab->responder, &message, NULL), 0);
        message = write_second(lab);
        assert_int_equal(read_message(&lab->initiator, &message, NULL), 0);
        noise_split(&lab->initiator, ret_initiator);
        noise_split(&lab->responder, ret_responder);
}

static const NoisePattern patterns[] = { NOISE_IK, NOISE_IKPSK1 };

/* A refusal, and that it was as if nothing had come. */
static void assert_refused(Noise *noise, const Message *message, int want) {
        const Noise before = *noise;
        uint8_t payload[PAYLOAD_MAX];
        size_t size = 4711;
        int r;

        r = noise_read(noise, message->bytes, message->size, payload, &size, NULL);
        if (want < 0) {
                assert_int_equal(r, want);
        } else {
                assert_true(r == -EINVAL || r == -EACCES);
        }
        assert_int_equal(size, 4711);
        assert_memory_equal(noise, &before, sizeof(before));
}

/* --- what is refused --- */

static void refuses_every_changed_byte(Noise *noise, const Message *message) {
        static const uint8_t changes[] = { 0x01, 0x10, 0x80, 0xff };

        for (size_t i = 0; i < message->size; i++) {
                for (size_t k = 0; k < ELEMENTSOF(changes); k++) {
                        Message changed = *message;

                        changed.bytes[i] ^= changes[k];
                        assert_refused(noise, &changed, 0);
                }
        }
        assert_int_equal(read_message(noise, message, NULL), 0);
}

static void test_a_message_with_any_byte_changed_is_as_if_it_had_not_come(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(patterns); i++) {
                Message message;
                Lab lab;

                lab_start(&lab, patterns[i]);
                message = write_first(&lab);
                refuses_every_changed_byte(&lab.responder, &message);
                message = write_second(&lab);
                refuses_every_changed_byte(&lab.initiator, &message);
        }
}

static void refuses_every_other_length(Noise *noise, const Message *message, size_t overhead) {
        Message cut = *message;

        for (cut.size = 0; cut.size < message->size; cut.size++)
                assert_refused(noise, &cut, cut.size < overhead ? -EINVAL : -EACCES);

        memset(cut.bytes + message->size, 0, sizeof(cut.bytes) - message->size);
        for (cut.size = message->size + 1; cut.size <= message->size + 64; cut.size++)
                assert_refused(noise, &cut, -EACCES);

        assert_int_equal(read_message(noise, message, NULL), 0);
}

static void test_a_message_that_is_cut_or_longer_is_as_if_it_had_not_come(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(patterns); i++) {
                Message message;
                Lab lab;

                lab_start(&lab, patterns[i]);
                message = write_first(&lab);
                assert_int_equal(message.size, NOISE_FIRST_OVERHEAD + strlen(hello));
                refuses_every_other_length(&lab.responder, &message, NOISE_FIRST_OVERHEAD);
                message = write_second(&lab);
                assert_int_equal(message.size, NOISE_SECOND_OVERHEAD + strlen(welcome));
                refuses_every_other_length(&lab.initiator, &message, NOISE_SECOND_OVERHEAD);
        }
}

static void test_a_longer_message_than_any_is_not_even_tried(void **state) {
        uint8_t long_message[MESSAGE_MAX + 1] = {}, payload[PAYLOAD_MAX];
        Error error = {};
        size_t size;
        Lab lab;

        lab_start(&lab, NOISE_IK);
        assert_int_equal(
                        noise_read(&lab.responder, long_message, sizeof(long_message), payload,
                                   &size, &error),
                        -EINVAL);
        assert_string_equal(error.text, "handshake has 2145 bytes, want 96 to 2144");
}

static void test_garbage_is_refused(void **state) {
        uint64_t seed = 7;
        Lab lab;

        lab_start(&lab, NOISE_IKPSK1);
        (void) write_first(&lab);
        for (unsigned i = 0; i < 300; i++) {
                Message message;

                message.size = lab_random(&seed) % 400;
                lab_fill(message.bytes, message.size, &seed);
                assert_refused(&lab.responder, &message, 0);
                assert_refused(&lab.initiator, &message, 0);
        }
}

/* One side sees it otherwise: in which stage that is noticed, and as what. */
static void refuses_first(Lab *lab, const char *want) {
        Message message = write_first(lab);
        Error error = {};

        assert_int_equal(read_message(&lab->responder, &message, &error), -EACCES);
        assert_string_equal(error.text, want);
}

static const char for_another[] = "handshake is for another key, cluster or version";

static void test_both_must_see_the_same_prologue(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(patterns); i++) {
                Lab lab;

                lab_start(&lab, patterns[i]);
                lab.coordinator_setup.prologue_size--;
                noise_respond(&lab.responder, &lab.coordinator_setup);
                refuses_first(&lab, for_another);
        }
}

static void test_a_coordinator_with_another_key_cannot_read_the_hello(void **state) {
        LabPair other = lab_pair_of(99);
        Lab lab;

        lab_start(&lab, NOISE_IK);
        lab.coordinator_setup.secret = other.secret;
        lab.coordinator_setup.public = other.public;
        noise_respond(&lab.responder, &lab.coordinator_setup);
        refuses_first(&lab, for_another);

        /* Also when it claims the key that is not its own. */
        lab_start(&lab, NOISE_IK);
        lab.coordinator_setup.secret = other.secret;
        noise_respond(&lab.responder, &lab.coordinator_setup);
        refuses_first(&lab, for_another);
}

static void test_a_join_is_no_hello_and_a_hello_is_no_join(void **state) {
        Lab join, other;

        lab_start(&join, NOISE_IKPSK1);
        lab_start(&other, NOISE_IK);
        noise_respond(&join.responder, &other.coordinator_setup);
        refuses_first(&join, for_another);
        noise_respond(&other.responder, &(NoiseSetup) {
                                                        .pattern = NOISE_IKPSK1,
                                                        .prologue = "prologue",
                                                        .prologue_size = 8,
                                                        .secret = other.coordinator.secret,
                                                        .public = other.coordinator.public,
                                                        .psk = psk,
                                        });
        refuses_first(&other, for_another);
}

static void test_without_the_tokens_secret_the_first_message_does_not_open(void **state) {
        for (size_t i = 0; i < sizeof(psk); i++) {
                uint8_t wrong[sizeof(psk)];
                Lab lab;

                memcpy(wrong, psk, sizeof(wrong));
                wrong[i] ^= 1;
                lab_start(&lab, NOISE_IKPSK1);
                lab.node_setup.psk = wrong;
                noise_initiate(&lab.initiator, &lab.node_setup);
                refuses_first(&lab, "handshake was made without the token's secret, or changed");
        }
}

static void test_nobody_speaks_for_a_key_whose_secret_is_not_his(void **state) {
        LabPair victim = lab_pair_of(77);
        Lab lab;

        lab_start(&lab, NOISE_IK);
        lab.node_setup.public = victim.public;
        noise_initiate(&lab.initiator, &lab.node_setup);
        refuses_first(&lab, "handshake was made without the other side's secret key, or changed");
}

static void test_an_answer_that_was_made_for_another_node_does_not_open(void **state) {
        LabPair other = lab_pair_of(99);
        Message message;
        Error error = {};
        Lab lab;

        lab_start(&lab, NOISE_IK);
        message = write_first(&lab);
        assert_int_equal(read_message(&lab.responder, &message, NULL), 0);
        memcpy(lab.responder.peer, other.public, KEY_SIZE);
        message = write_second(&lab);
        assert_int_equal(read_message(&lab.initiator, &message, &error), -EACCES);
        assert_string_equal(
                        error.text,
                        "handshake was made without the other side's secret key, or changed");
}

/* Points whose multiples are the neutral element, so that everybody would know the secret. */
static const uint8_t small_points[][KEY_SIZE] = {
        { 0 },
        { 1 },
        { 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
          0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
          0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
        { 0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
          0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
          0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57 },
        { 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
        { 0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
        { 0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
};

static void test_keys_that_would_make_the_secret_public_are_refused(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(small_points); i++) {
                Message message, hollow;
                Lab lab;

                /* as session key of either side */
                lab_start(&lab, NOISE_IK);
                message = hollow = write_first(&lab);
                memcpy(hollow.bytes, small_points[i], KEY_SIZE);
                assert_refused(&lab.responder, &hollow, -EINVAL);
                assert_int_equal(read_message(&lab.responder, &message, NULL), 0);
                hollow = write_second(&lab);
                memcpy(hollow.bytes, small_points[i], KEY_SIZE);
                assert_refused(&lab.initiator, &hollow, -EINVAL);

                /* as the key of a node that joins */
                lab_start(&lab, NOISE_IK);
                lab.node_setup.public = small_points[i];
                noise_initiate(&lab.initiator, &lab.node_setup);
                message = write_first(&lab);
                assert_refused(&lab.responder, &message, -EINVAL);
        }
}

static void test_a_coordinators_key_that_is_none_is_not_spoken_to(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(small_points); i++) {
                Message message = { .size = 4711 };
                Noise before;
                Lab lab;

                lab_start(&lab, NOISE_IK);
                lab.node_setup.peer = small_points[i];
                noise_initiate(&lab.initiator, &lab.node_setup);
                before = lab.initiator;
                assert_int_equal(
                                noise_write(&lab.initiator, lab.ephemerals[0].secret, hello,
                                            strlen(hello), message.bytes, &message.size, NULL),
                                -EINVAL);
                assert_int_equal(message.size, 4711);
                assert_memory_equal(&lab.initiator, &before, sizeof(before));
        }
}

/* --- turns and sizes --- */

static void is_not_the_turn(Noise *noise, bool writes) {
        Message message = { .size = NOISE_FIRST_OVERHEAD };
        const uint8_t ephemeral[KEY_SIZE] = { 1 };
        const Noise before = *noise;
        Error error = {};
        int r;

        r = writes ? noise_write(noise, ephemeral, hello, 5, message.bytes, &message.size, &error)
                   : read_message(noise, &message, &error);
        assert_int_equal(r, -ESTALE);
        assert_int_equal(error.code, ERROR_CONFLICT);
        assert_memory_equal(noise, &before, sizeof(before));
}

static void test_each_side_speaks_once_and_in_turn(void **state) {
        NoiseKeys initiator_keys, responder_keys;
        Message message;
        Lab lab;

        lab_start(&lab, NOISE_IK);
        is_not_the_turn(&lab.initiator, false);
        is_not_the_turn(&lab.responder, true);

        message = write_first(&lab);
        is_not_the_turn(&lab.initiator, true);
        assert_int_equal(read_message(&lab.responder, &message, NULL), 0);
        assert_int_equal(read_message(&lab.responder, &message, NULL), -ESTALE);

        message = write_second(&lab);
        is_not_the_turn(&lab.responder, true);
        is_not_the_turn(&lab.responder, false);
        assert_int_equal(read_message(&lab.initiator, &message, NULL), 0);
        assert_int_equal(read_message(&lab.initiator, &message, NULL), -ESTALE);
        is_not_the_turn(&lab.initiator, true);

        noise_split(&lab.initiator, &initiator_keys);
        noise_split(&lab.responder, &responder_keys);
        is_not_the_turn(&lab.initiator, true);
        is_not_the_turn(&lab.responder, false);
}

static void test_payloads_of_every_size_up_to_the_largest_arrive(void **state) {
        static const size_t sizes[] = { 0, 1, 15, 16, 17, 63, 64, 65, 1000, PAYLOAD_MAX };
        uint8_t sent[PAYLOAD_MAX], heard[PAYLOAD_MAX];
        uint64_t seed = 5;

        lab_fill(sent, sizeof(sent), &seed);
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                Message message;
                size_t size;
                Lab lab;

                lab_start(&lab, NOISE_IKPSK1);
                assert_int_equal(
                                noise_write(&lab.initiator, lab.ephemerals[0].secret, sent,
                                            sizes[i], message.bytes, &message.size, NULL),
                                0);
                assert_int_equal(message.size, NOISE_FIRST_OVERHEAD + sizes[i]);
                assert_int_equal(
                                noise_read(&lab.responder, message.bytes, message.size, heard,
                                           &size, NULL),
                                0);
                assert_int_equal(size, sizes[i]);
                assert_memory_equal(heard, sent, size);
        }
}

static void test_a_payload_over_the_limit_is_not_sent(void **state) {
        static const uint8_t payload[PAYLOAD_MAX + 1];
        Message message;
        Error error = {};
        Noise before;
        Lab lab;

        lab_start(&lab, NOISE_IK);
        before = lab.initiator;
        assert_int_equal(
                        noise_write(&lab.initiator, lab.ephemerals[0].secret, payload,
                                    sizeof(payload), message.bytes, &message.size, &error),
                        -EMSGSIZE);
        assert_string_equal(error.text, "handshake payload is 2049 bytes, want at most 2048");
        assert_memory_equal(&lab.initiator, &before, sizeof(before));
}

/* --- what both have in the end --- */

static void test_both_ends_have_the_same_two_keys_crosswise(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(patterns); i++) {
                NoiseKeys node, coordinator;
                Lab lab;

                lab_start(&lab, patterns[i]);
                finish(&lab, &node, &coordinator);
                assert_memory_equal(node.send, coordinator.receive, KEY_SIZE);
                assert_memory_equal(node.receive, coordinator.send, KEY_SIZE);
                assert_memory_not_equal(node.send, node.receive, KEY_SIZE);
        }
}

/* Forward secrecy, as far as it can be seen from outside: nothing but the session keys differs. */
static void test_a_replayed_first_message_leads_to_keys_its_sender_never_had(void **state) {
        NoiseKeys node, first, again;
        Message message, answer;
        Lab lab;

        lab_start(&lab, NOISE_IK);
        message = write_first(&lab);
        assert_int_equal(read_message(&lab.responder, &message, NULL), 0);
        answer = write_second(&lab);
        noise_split(&lab.responder, &first);
        assert_int_equal(read_message(&lab.initiator, &answer, NULL), 0);
        noise_split(&lab.initiator, &node);
        assert_memory_equal(node.send, first.receive, KEY_SIZE);

        noise_respond(&lab.responder, &lab.coordinator_setup);
        lab.ephemerals[1] = lab_pair_of(1001);
        assert_int_equal(read_message(&lab.responder, &message, NULL), 0);
        (void) write_second(&lab);
        noise_split(&lab.responder, &again);
        assert_memory_not_equal(again.receive, node.send, KEY_SIZE);
        assert_memory_not_equal(again.send, node.receive, KEY_SIZE);
}

static void test_nothing_of_a_handshake_is_left_when_it_is_over(void **state) {
        NoiseKeys node, coordinator;
        Lab lab;

        lab_start(&lab, NOISE_IKPSK1);
        finish(&lab, &node, &coordinator);
        assert_true(lab_is_zero(&lab.initiator, sizeof(lab.initiator)));
        assert_true(lab_is_zero(&lab.responder, sizeof(lab.responder)));

        noise_keys_wipe(&node);
        assert_true(lab_is_zero(&node, sizeof(node)));

        lab_start(&lab, NOISE_IKPSK1);
        (void) write_first(&lab);
        noise_wipe(&lab.initiator);
        assert_true(lab_is_zero(&lab.initiator, sizeof(lab.initiator)));
        is_not_the_turn(&lab.initiator, true);
        is_not_the_turn(&lab.initiator, false);
}

/* --- sealing --- */

static const uint8_t key[KEY_SIZE] = "one key of one direction, 32 byt";
static const char clear[] = "clear", plain[] = "the message";

#define SEALED_SIZE (sizeof(plain) + NOISE_TAG_SIZE)

static void test_what_was_sealed_opens_with_the_same_number_and_header_only(void **state) {
        uint8_t sealed[SEALED_SIZE], opened[sizeof(plain)];

        noise_seal(key, 7, clear, sizeof(clear), plain, sizeof(plain), sealed);
        assert_true(noise_open(key, 7, clear, sizeof(clear), sealed, sizeof(sealed), opened));
        assert_memory_equal(opened, plain, sizeof(plain));

        assert_false(noise_open(key, 8, clear, sizeof(clear), sealed, sizeof(sealed), opened));
        assert_false(noise_open(key, 0, clear, sizeof(clear), sealed, sizeof(sealed), opened));
        assert_false(
                        noise_open(key, 7 | UINT64_C(1) << 32, clear, sizeof(clear), sealed,
                                   sizeof(sealed), opened));
        assert_false(noise_open(key, 7, clear, sizeof(clear) - 1, sealed, sizeof(sealed), opened));
        assert_false(noise_open(key, 7, NULL, 0, sealed, sizeof(sealed), opened));
        assert_false(noise_open(psk, 7, clear, sizeof(clear), sealed, sizeof(sealed), opened));
}

static void test_a_sealed_message_with_any_byte_changed_does_not_open(void **state) {
        uint8_t sealed[SEALED_SIZE], opened[sizeof(plain)];
        char header[sizeof(clear)];

        noise_seal(key, 7, clear, sizeof(clear), plain, sizeof(plain), sealed);
        for (size_t i = 0; i < sizeof(sealed); i++) {
                for (unsigned bit = 0; bit < 8; bit++) {
                        sealed[i] ^= (uint8_t) (1 << bit);
                        assert_false(
                                        noise_open(key, 7, clear, sizeof(clear), sealed,
                                                   sizeof(sealed), opened));
                        sealed[i] ^= (uint8_t) (1 << bit);
                }
        }

        for (size_t i = 0; i < sizeof(header); i++) {
                memcpy(header, clear, sizeof(header));
                header[i] ^= 1;
                assert_false(noise_open(
                                key, 7, header, sizeof(header), sealed, sizeof(sealed), opened));
        }
}

static void test_a_sealed_message_that_was_cut_anywhere_does_not_open(void **state) {
        uint8_t sealed[SEALED_SIZE + 1] = {}, opened[sizeof(plain) + 1];

        noise_seal(key, 7, clear, sizeof(clear), plain, sizeof(plain), sealed);
        for (size_t size = 0; size <= sizeof(sealed); size++) {
                bool opens = noise_open(key, 7, clear, sizeof(clear), sealed, size, opened);

                assert_int_equal(opens, size == SEALED_SIZE);
        }
}

static void test_an_empty_message_has_a_seal_too(void **state) {
        uint8_t sealed[NOISE_TAG_SIZE], nothing[1];

        noise_seal(key, 1, clear, sizeof(clear), "", 0, sealed);
        assert_true(noise_open(key, 1, clear, sizeof(clear), sealed, sizeof(sealed), nothing));
        assert_false(noise_open(key, 2, clear, sizeof(clear), sealed, sizeof(sealed), nothing));
}

/* Sealed by somebody who does not keep to it, and has the key. */
static void test_the_reserved_number_never_opens(void **state) {
        static const uint8_t nonce[] = {
                0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
        };
        uint8_t sealed[SEALED_SIZE], opened[sizeof(plain)];

        (void) crypto_aead_chacha20poly1305_ietf_encrypt(
                        sealed, NULL, (const uint8_t *) plain, sizeof(plain),
                        (const uint8_t *) clear, sizeof(clear), NULL, nonce, key);
        assert_false(noise_open(
                        key, UINT64_MAX, clear, sizeof(clear), sealed, sizeof(sealed), opened));

        noise_seal(key, UINT64_MAX - 1, clear, sizeof(clear), plain, sizeof(plain), sealed);
        assert_true(noise_open(
                        key, UINT64_MAX - 1, clear, sizeof(clear), sealed, sizeof(sealed), opened));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_published_vectors_come_out_byte_by_byte),
                cmocka_unit_test(test_a_message_with_any_byte_changed_is_as_if_it_had_not_come),
                cmocka_unit_test(test_a_message_that_is_cut_or_longer_is_as_if_it_had_not_come),
                cmocka_unit_test(test_a_longer_message_than_any_is_not_even_tried),
                cmocka_unit_test(test_garbage_is_refused),
                cmocka_unit_test(test_both_must_see_the_same_prologue),
                cmocka_unit_test(test_a_coordinator_with_another_key_cannot_read_the_hello),
                cmocka_unit_test(test_a_join_is_no_hello_and_a_hello_is_no_join),
                cmocka_unit_test(test_without_the_tokens_secret_the_first_message_does_not_open),
                cmocka_unit_test(test_nobody_speaks_for_a_key_whose_secret_is_not_his),
                cmocka_unit_test(test_an_answer_that_was_made_for_another_node_does_not_open),
                cmocka_unit_test(test_keys_that_would_make_the_secret_public_are_refused),
                cmocka_unit_test(test_a_coordinators_key_that_is_none_is_not_spoken_to),
                cmocka_unit_test(test_each_side_speaks_once_and_in_turn),
                cmocka_unit_test(test_payloads_of_every_size_up_to_the_largest_arrive),
                cmocka_unit_test(test_a_payload_over_the_limit_is_not_sent),
                cmocka_unit_test(test_both_ends_have_the_same_two_keys_crosswise),
                cmocka_unit_test(test_a_replayed_first_message_leads_to_keys_its_sender_never_had),
                cmocka_unit_test(test_nothing_of_a_handshake_is_left_when_it_is_over),
                cmocka_unit_test(test_what_was_sealed_opens_with_the_same_number_and_header_only),
                cmocka_unit_test(test_a_sealed_message_with_any_byte_changed_does_not_open),
                cmocka_unit_test(test_a_sealed_message_that_was_cut_anywhere_does_not_open),
                cmocka_unit_test(test_an_empty_message_has_a_seal_too),
                cmocka_unit_test(test_the_reserved_number_never_opens),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
