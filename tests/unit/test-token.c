/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/token.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "proto/keys.h"
#include "proto/noise.h"
#include "tests/unit/channel-lab.h"

#define NOBODY      65534
#define TEXT_LENGTH (TOKEN_TEXT_MAX - 1)

static const char known_text[] = "a0a1a2a3a4a5a6a7."
                                 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/* Computed with Python's hashlib.blake2b. */
static const char known_psk[] = "4dd7d021a3ad35fb3845574e7e8cc568ae1f7bb5106e4c4998e9e854d1cc6bc8";

static Token known_token(void) {
        Token token = {};

        for (size_t i = 0; i < sizeof(token.id); i++)
                token.id[i] = (uint8_t) (0xa0 + i);
        for (size_t i = 0; i < sizeof(token.secret); i++)
                token.secret[i] = (uint8_t) i;

        return token;
}

static void assert_is_no_token(const char *text, size_t size) {
        Token token = known_token();
        Token before = token;
        Error error = {};

        assert_int_equal(token_parse(text, size, &token, &error), -EINVAL);
        assert_memory_equal(&token, &before, sizeof(before));
        assert_int_equal(error.code, ERROR_INVALID);
}

/* --- text --- */

static void test_a_token_is_its_id_a_dot_and_its_secret(void **state) {
        Token token = known_token(), read = {};
        char text[TOKEN_TEXT_MAX], id[TOKEN_ID_TEXT_MAX];
        uint8_t read_id[TOKEN_ID_SIZE];

        token_to_text(&token, text);
        assert_string_equal(text, known_text);
        assert_int_equal(token_parse(text, strlen(text), &read, NULL), 0);
        assert_memory_equal(&read, &token, sizeof(token));

        token_id_to_text(token.id, id);
        assert_string_equal(id, "a0a1a2a3a4a5a6a7");
        assert_int_equal(token_id_parse(id, read_id), 0);
        assert_memory_equal(read_id, token.id, sizeof(read_id));
}

static void test_a_token_has_one_form_only(void **state) {
        for (size_t i = 0; i < TEXT_LENGTH; i++) {
                for (unsigned letter = 0; letter <= UINT8_MAX; letter++) {
                        bool is_digit = strchr("0123456789abcdef", (int) letter) && letter != '\0';
                        char text[TOKEN_TEXT_MAX];
                        Token token;

                        memcpy(text, known_text, sizeof(text));
                        text[i] = (char) letter;
                        if (i == 16 ? letter == '.' : is_digit) {
                                assert_int_equal(token_parse(text, TEXT_LENGTH, &token, NULL), 0);
                        } else {
                                assert_is_no_token(text, TEXT_LENGTH);
                        }
                }
        }
}

static void test_a_text_of_another_length_is_no_token(void **state) {
        char text[2 * TOKEN_TEXT_MAX];
        Error error = {};
        Token token;

        memset(text, '0', sizeof(text));
        memcpy(text, known_text, TEXT_LENGTH);
        for (size_t size = 0; size <= sizeof(text); size++) {
                if (size != TEXT_LENGTH)
                        assert_is_no_token(text, size);
        }

        (void) token_parse(text, 80, &token, &error);
        assert_string_equal(error.text, "join token has 80 characters, want 81");
        memset(text, '0', TEXT_LENGTH);
        (void) token_parse(text, TEXT_LENGTH, &token, &error);
        assert_string_equal(
                        error.text, "join token is not ID.SECRET in lower-case hexadecimal digits");
}

static void test_random_text_is_no_token(void **state) {
        uint64_t seed = 1;

        for (unsigned i = 0; i < 20000; i++) {
                char text[TEXT_LENGTH];
                size_t from = lab_random(&seed) % sizeof(text);

                memcpy(text, known_text, sizeof(text));
                lab_fill(text + from, 1 + lab_random(&seed) % (sizeof(text) - from), &seed);
                text[from] = (char) (text[from] | 0x80);
                assert_is_no_token(text, sizeof(text));
        }
}

static void test_the_id_of_a_token_has_one_form_only(void **state) {
        static const char *const wrong[] = {
                "",
                "a0a1a2a3a4a5a6a",
                "a0a1a2a3a4a5a6a70",
                "A0a1a2a3a4a5a6a7",
                "a0a1a2a3a4a5a6a7.",
                "a0a1a2a3a4a5a6 7",
        };
        uint8_t id[TOKEN_ID_SIZE] = { 42 };

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                assert_int_equal(token_id_parse(wrong[i], id), -EINVAL);
        assert_int_equal(id[0], 42);
}

/* --- what is kept of it --- */

static void test_what_is_kept_is_a_hash_of_the_secret(void **state) {
        Token token = known_token(), other = token;
        uint8_t psk[KEY_SIZE], psk_of_other[KEY_SIZE];
        char text[KEY_TEXT_MAX];

        token_psk(&token, psk);
        key_to_text(psk, text);
        assert_string_equal(text, known_psk);

        for (size_t i = 0; i < sizeof(other.secret); i++) {
                other.secret[i] ^= 1;
                token_psk(&other, psk_of_other);
                assert_memory_not_equal(psk_of_other, psk, sizeof(psk));
                other.secret[i] ^= 1;
        }
}

static void test_only_the_secret_itself_is_known_by_its_hash(void **state) {
        Token token = known_token(), thief;
        uint8_t psk[KEY_SIZE];

        token_psk(&token, psk);
        assert_true(token_is_known(&token, psk));
        for (size_t i = 0; i < 8 * sizeof(token.secret); i++) {
                token.secret[i / 8] ^= (uint8_t) (1 << i % 8);
                assert_false(token_is_known(&token, psk));
                token.secret[i / 8] ^= (uint8_t) (1 << i % 8);
        }

        for (size_t i = 0; i < sizeof(psk); i++) {
                psk[i] ^= 1;
                assert_false(token_is_known(&token, psk));
                psk[i] ^= 1;
        }

        /* Whoever has the psk has nothing to say that it would be the hash of. */
        thief = token;
        memcpy(thief.secret, psk, sizeof(psk));
        assert_false(token_is_known(&thief, psk));
}

/* The psk from the store of one side and from the file of the other. */
static void test_node_and_coordinator_meet_by_the_psk(void **state) {
        LabPair node = lab_pair_of(1), coordinator = lab_pair_of(2), ephemeral = lab_pair_of(3);
        uint8_t message[NOISE_MESSAGE_MAX], payload[NOISE_PAYLOAD_MAX];
        uint8_t stored[KEY_SIZE], own[KEY_SIZE];
        Noise initiator, responder;
        Token token = {};
        size_t size;

        assert_int_equal(token_parse(known_text, TEXT_LENGTH, &token, NULL), 0);
        token_psk(&token, own);
        assert_int_equal(key_parse(known_psk, stored), 0);

        noise_initiate(&initiator, &(NoiseSetup) {
                                                   .pattern = NOISE_IKPSK1,
                                                   .prologue = "",
                                                   .secret = node.secret,
                                                   .public = node.public,
                                                   .peer = coordinator.public,
                                                   .psk = own,
                                   });
        noise_respond(&responder, &(NoiseSetup) {
                                                  .pattern = NOISE_IKPSK1,
                                                  .prologue = "",
                                                  .secret = coordinator.secret,
                                                  .public = coordinator.public,
                                                  .psk = stored,
                                  });
        assert_int_equal(noise_write(&initiator, ephemeral.secret, "", 0, message, &size, NULL), 0);
        assert_int_equal(noise_read(&responder, message, size, payload, &size, NULL), 0);
}

static void test_no_two_tokens_are_alike(void **state) {
        Token one = {}, other = {};

        token_generate(&one);
        token_generate(&other);
        assert_memory_not_equal(one.id, other.id, sizeof(one.id));
        assert_memory_not_equal(one.secret, other.secret, sizeof(one.secret));

        token_wipe(&one);
        assert_true(lab_is_zero(&one, sizeof(one)));
}

/* --- the join file --- */

static void test_a_join_file_is_a_token_with_or_without_a_newline(void **state) {
        const LabDir *dir = *state;
        Token want = known_token();
        char text[TOKEN_TEXT_MAX];

        memcpy(text, known_text, TEXT_LENGTH);
        text[TEXT_LENGTH] = '\n';
        for (size_t size = TEXT_LENGTH; size <= TEXT_LENGTH + 1; size++) {
                Token token = {};

                lab_dir_put(dir, "join", text, size, 0600);
                assert_int_equal(token_load(dir->fd, "join", &token, NULL), 0);
                assert_memory_equal(&token, &want, sizeof(want));
        }
}

static void refuses_to_load(const LabDir *dir, const char *name, int want, const char *text) {
        Token token = known_token(), before = token;
        Error error = {};

        assert_int_equal(token_load(dir->fd, name, &token, &error), want);
        assert_memory_equal(&token, &before, sizeof(before));
        assert_string_equal(error.text, text);
}

static void test_a_join_file_that_others_can_read_is_refused(void **state) {
        const LabDir *dir = *state;

        lab_dir_put(dir, "join", known_text, TEXT_LENGTH, 0644);
        refuses_to_load(dir, "join", -EACCES,
                        "'join' has mode 0644, want 0600: others may know its secret");
        lab_dir_put(dir, "join", known_text, TEXT_LENGTH, 0600);
        assert_int_equal(symlinkat("join", dir->fd, "link"), 0);
        refuses_to_load(dir, "link", -EINVAL, "'link' is a symbolic link, want a file");
        if (fchownat(dir->fd, "join", NOBODY, NOBODY, 0) < 0)
                skip();

        refuses_to_load(dir, "join", -EACCES, "'join' belongs to user 65534, want 0");
}

static void test_a_join_file_that_holds_no_token_is_refused_and_not_quoted(void **state) {
        const LabDir *dir = *state;
        char text[TOKEN_TEXT_MAX + 1];

        refuses_to_load(dir, "join", -ENOENT, "cannot open 'join': No such file or directory");
        lab_dir_put(dir, "join", "", 0, 0600);
        refuses_to_load(dir, "join", -EINVAL, "'join': join token has 0 characters, want 81");
        lab_dir_put(dir, "join", "\n", 1, 0600);
        refuses_to_load(dir, "join", -EINVAL, "'join': join token has 0 characters, want 81");
        lab_dir_put(dir, "join", "not-to-be-quoted", 16, 0600);
        refuses_to_load(dir, "join", -EINVAL, "'join': join token has 16 characters, want 81");

        memcpy(text, known_text, TEXT_LENGTH);
        text[TEXT_LENGTH] = text[TEXT_LENGTH + 1] = '\n';
        lab_dir_put(dir, "join", text, TEXT_LENGTH + 2, 0600);
        refuses_to_load(dir, "join", -EMSGSIZE, "'join' is more than 82 bytes");
        text[TEXT_LENGTH - 1] = '\n';
        lab_dir_put(dir, "join", text, TEXT_LENGTH + 1, 0600);
        refuses_to_load(dir, "join", -EINVAL,
                        "'join': join token is not ID.SECRET in lower-case hexadecimal digits");
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, lab_dir_set_up, lab_dir_tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_token_is_its_id_a_dot_and_its_secret),
                cmocka_unit_test(test_a_token_has_one_form_only),
                cmocka_unit_test(test_a_text_of_another_length_is_no_token),
                cmocka_unit_test(test_random_text_is_no_token),
                cmocka_unit_test(test_the_id_of_a_token_has_one_form_only),
                cmocka_unit_test(test_what_is_kept_is_a_hash_of_the_secret),
                cmocka_unit_test(test_only_the_secret_itself_is_known_by_its_hash),
                cmocka_unit_test(test_node_and_coordinator_meet_by_the_psk),
                cmocka_unit_test(test_no_two_tokens_are_alike),
                WITH_DIR(test_a_join_file_is_a_token_with_or_without_a_newline),
                WITH_DIR(test_a_join_file_that_others_can_read_is_refused),
                WITH_DIR(test_a_join_file_that_holds_no_token_is_refused_and_not_quoted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
