/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/keys.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/text.h"
#include "tests/unit/channel-lab.h"

#define NOBODY 65534

/* The channel key's public half comes from another implementation of RFC 7748, which passes the
 * vectors in there; the signing key is that of RFC 8032, section 7.1, test 1. */
static const struct {
        KeyKind kind;
        const char *file;
} known[] = {
        { KEY_CHANNEL,
          "rollpatch channel key 1\n"
          "secret 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e5f\n"
          "public 8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f\n" },
        { KEY_SIGNING,
          "rollpatch signing key 1\n"
          "secret 9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60\n"
          "public d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\n" },
};

static KeyPair *known_pair(KeyKind kind) {
        KeyPair *pair = NULL;

        assert_int_equal(key_pair_decode(kind, known[kind].file, KEY_FILE_SIZE, &pair, NULL), 0);
        return pair;
}

/* --- pairs --- */

static void test_the_public_half_is_what_others_compute_too(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(known); i++) {
                AUTO(KeyPair) *pair = NULL;
                uint8_t secret[KEY_SIZE];
                char digits[KEY_TEXT_MAX], public[KEY_TEXT_MAX];

                (void) text_copy(digits, sizeof(digits), strstr(known[i].file, "secret ") + 7);
                assert_int_equal(key_parse(digits, secret), 0);
                assert_int_equal(key_pair_new(known[i].kind, secret, &pair, NULL), 0);
                assert_int_equal(pair->kind, known[i].kind);
                assert_memory_equal(pair->secret, secret, KEY_SIZE);
                key_to_text(pair->public, public);
                assert_non_null(strstr(known[i].file, public));
        }
}

static void test_no_two_generated_keys_are_alike(void **state) {
        for (KeyKind kind = KEY_CHANNEL; kind <= KEY_SIGNING; kind++) {
                AUTO(KeyPair) *one = NULL, *other = NULL;

                assert_int_equal(key_pair_generate(kind, &one, NULL), 0);
                assert_int_equal(key_pair_generate(kind, &other, NULL), 0);
                assert_memory_not_equal(one->secret, other->secret, KEY_SIZE);
                assert_memory_not_equal(one->public, other->public, KEY_SIZE);
                assert_memory_not_equal(one->secret, one->public, KEY_SIZE);
        }
}

#ifndef __SANITIZE_ADDRESS__ /* there mlock() only says that it did */

/* The lines of /proc/self/smaps on the memory that `pointer` lies in. */
static void read_mapping(const void *pointer, char *ret_permissions, char *ret_flags) {
        FILE *maps = fopen("/proc/self/smaps", "re");
        bool is_inside = false;
        char line[512];

        assert_non_null(maps);
        while (fgets(line, sizeof(line), maps)) {
                uintptr_t from, to;
                char permissions[5];

                /* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers */
                if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &from, &to, permissions) == 3) {
                        is_inside = from <= (uintptr_t) pointer && (uintptr_t) pointer < to;
                        if (is_inside)
                                memcpy(ret_permissions, permissions, sizeof(permissions));
                } else if (is_inside && text_starts_with(line, "VmFlags:")) {
                        (void) text_copy(ret_flags, 128, line);
                }
        }
        (void) fclose(maps);
}

static void test_a_key_is_never_swapped_nor_dumped_nor_written_over(void **state) {
        AUTO(KeyPair) *pair = known_pair(KEY_CHANNEL);
        char permissions[5] = "", flags[128] = "";

        read_mapping(pair, permissions, flags);
        assert_string_equal(permissions, "r--p");
        assert_non_null(strstr(flags, " lo ")); /* locked */
        assert_non_null(strstr(flags, " dd ")); /* in no core dump */
}

static void test_without_memory_that_can_be_locked_there_is_no_key(void **state) {
        KeyPair *pair = NULL;
        struct rlimit before = {};
        const uint8_t secret[KEY_SIZE] = { 1 };
        Error error = {};
        int r;

        if (geteuid() != 0)
                skip();

        assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &before), 0);
        assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &(struct rlimit) { 0, before.rlim_max }), 0);
        assert_int_equal(seteuid(NOBODY), 0); /* whom the limit concerns */
        r = key_pair_new(KEY_CHANNEL, secret, &pair, &error);
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &before), 0);

        assert_true(r < 0);
        assert_null(pair);
        assert_true(text_starts_with(error.text, "cannot lock a key in memory (LimitMEMLOCK=): "));
}

#endif

/* --- files --- */

static void test_a_key_file_is_what_the_header_says(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(known); i++) {
                AUTO(KeyPair) *pair = known_pair(known[i].kind);
                char text[KEY_FILE_SIZE + 1];

                key_pair_encode(pair, text);
                assert_string_equal(text, known[i].file);
        }
}

static void test_a_saved_key_is_loaded_again(void **state) {
        const LabDir *dir = *state;

        for (KeyKind kind = KEY_CHANNEL; kind <= KEY_SIGNING; kind++) {
                const char *name = kind == KEY_CHANNEL ? "channel.key" : "signing.key";
                AUTO(KeyPair) *saved = NULL, *loaded = NULL;
                struct stat st = {};

                assert_int_equal(key_pair_generate(kind, &saved, NULL), 0);
                assert_int_equal(key_pair_save(saved, dir->fd, name, NULL), 0);
                assert_int_equal(fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
                assert_int_equal(st.st_mode & 07777, 0600);
                assert_int_equal(st.st_nlink, 1);

                assert_int_equal(key_pair_load(kind, dir->fd, name, &loaded, NULL), 0);
                assert_memory_equal(loaded, saved, sizeof(*saved));
        }
}

static void test_a_key_is_never_replaced_by_saving_another(void **state) {
        const LabDir *dir = *state;
        AUTO(KeyPair) *first = NULL, *second = NULL, *loaded = NULL;
        Error error = {};

        assert_int_equal(key_pair_generate(KEY_CHANNEL, &first, NULL), 0);
        assert_int_equal(key_pair_generate(KEY_CHANNEL, &second, NULL), 0);
        assert_int_equal(key_pair_save(first, dir->fd, "key", NULL), 0);
        assert_int_equal(key_pair_save(second, dir->fd, "key", &error), -EEXIST);
        assert_int_equal(error.code, ERROR_CONFLICT);

        assert_int_equal(key_pair_load(KEY_CHANNEL, dir->fd, "key", &loaded, NULL), 0);
        assert_memory_equal(loaded->secret, first->secret, KEY_SIZE);
        assert_int_equal(faccessat(dir->fd, "key.tmp", F_OK, AT_SYMLINK_NOFOLLOW), -1);
}

static void refuses_to_load(const LabDir *dir, const char *name, int want, const char *text) {
        KeyPair *pair = NULL;
        Error error = {};

        assert_int_equal(key_pair_load(KEY_CHANNEL, dir->fd, name, &pair, &error), want);
        assert_null(pair);
        assert_string_equal(error.text, text);
}

static void test_a_key_that_others_can_read_is_refused(void **state) {
        const LabDir *dir = *state;

        lab_dir_put(dir, "key", known[KEY_CHANNEL].file, KEY_FILE_SIZE, 0644);
        refuses_to_load(dir, "key", -EACCES,
                        "'key' has mode 0644, want 0600: others may know its secret");
        lab_dir_put(dir, "key", known[KEY_CHANNEL].file, KEY_FILE_SIZE, 0640);
        refuses_to_load(dir, "key", -EACCES,
                        "'key' has mode 0640, want 0600: others may know its secret");
}

static void test_a_key_of_another_user_is_refused(void **state) {
        const LabDir *dir = *state;

        lab_dir_put(dir, "key", known[KEY_CHANNEL].file, KEY_FILE_SIZE, 0600);
        if (fchownat(dir->fd, "key", NOBODY, NOBODY, 0) < 0)
                skip();

        refuses_to_load(dir, "key", -EACCES, "'key' belongs to user 65534, want 0");
}

static void test_a_link_to_a_key_is_refused(void **state) {
        const LabDir *dir = *state;

        lab_dir_put(dir, "key", known[KEY_CHANNEL].file, KEY_FILE_SIZE, 0600);
        assert_int_equal(symlinkat("key", dir->fd, "link"), 0);
        refuses_to_load(dir, "link", -EINVAL, "'link' is a symbolic link, want a file");
}

static void test_what_is_no_key_is_refused_and_named(void **state) {
        const LabDir *dir = *state;
        char damaged[KEY_FILE_SIZE + 1];

        refuses_to_load(dir, "key", -ENOENT, "cannot open 'key': No such file or directory");
        lab_dir_put(dir, "key", "", 0, 0600);
        refuses_to_load(dir, "key", -EINVAL, "'key': is no channel key of version 1");
        lab_dir_put(dir, "key", known[KEY_SIGNING].file, KEY_FILE_SIZE, 0600);
        refuses_to_load(dir, "key", -EINVAL, "'key': is no channel key of version 1");
        (void) text_format(damaged, sizeof(damaged), "%s", known[KEY_CHANNEL].file);
        damaged[40] = 'x';
        lab_dir_put(dir, "key", damaged, KEY_FILE_SIZE, 0600);
        refuses_to_load(dir, "key", -EINVAL, "'key': is damaged: its secret is no key");
        damaged[40] = '0';
        damaged[41] = '0';
        lab_dir_put(dir, "key", damaged, KEY_FILE_SIZE, 0600);
        refuses_to_load(dir, "key", -EINVAL,
                        "'key': is damaged: its two halves do not belong together");

        lab_dir_put(dir, "key", known[KEY_CHANNEL].file, KEY_FILE_SIZE + 1, 0600);
        refuses_to_load(dir, "key", -EMSGSIZE, "'key' is more than 168 bytes");
}

static void test_a_key_file_with_any_bit_changed_is_refused(void **state) {
        for (size_t i = 0; i < (size_t) 8 * KEY_FILE_SIZE; i++) {
                char text[KEY_FILE_SIZE + 1];
                KeyPair *pair = NULL;

                memcpy(text, known[KEY_CHANNEL].file, sizeof(text));
                text[i / 8] = (char) (text[i / 8] ^ 1 << i % 8);
                assert_int_equal(
                                key_pair_decode(KEY_CHANNEL, text, KEY_FILE_SIZE, &pair, NULL),
                                -EINVAL);
                assert_null(pair);
        }
}

static void test_a_key_file_that_was_cut_or_is_random_is_refused(void **state) {
        KeyPair *pair = NULL;
        uint64_t seed = 1;

        for (size_t size = 0; size < KEY_FILE_SIZE; size++) {
                assert_int_equal(
                                key_pair_decode(KEY_CHANNEL, known[KEY_CHANNEL].file, size, &pair,
                                                NULL),
                                -EINVAL);
        }

        for (unsigned i = 0; i < 5000; i++) {
                char text[KEY_FILE_SIZE];

                memcpy(text, known[KEY_CHANNEL].file, sizeof(text));
                lab_fill(text + i % KEY_FILE_SIZE, KEY_FILE_SIZE - i % KEY_FILE_SIZE, &seed);
                assert_int_equal(
                                key_pair_decode(KEY_CHANNEL, text, sizeof(text), &pair, NULL),
                                -EINVAL);
        }
        assert_null(pair);
}

/* --- text --- */

static void test_a_public_key_as_text_is_read_back(void **state) {
        uint8_t key[KEY_SIZE], read[KEY_SIZE];
        char text[KEY_TEXT_MAX];
        uint64_t seed = 1;

        for (unsigned i = 0; i < 100; i++) {
                lab_fill(key, sizeof(key), &seed);
                key_to_text(key, text);
                assert_int_equal(strlen(text), 64);
                assert_int_equal(key_parse(text, read), 0);
                assert_memory_equal(read, key, sizeof(key));
        }
}

static void test_a_public_key_has_one_form_only(void **state) {
        static const char good[] =
                        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        uint8_t key[KEY_SIZE] = { 42 };
        char text[sizeof(good) + 1];

        assert_int_equal(key_parse("", key), -EINVAL);
        for (size_t i = 0; i < sizeof(good) - 1; i++) {
                memcpy(text, good, sizeof(good));
                text[i] = '\0';
                assert_int_equal(key_parse(text, key), -EINVAL); /* cut */

                for (const char *bad = " :AFgG-\n\x80"; *bad != '\0'; bad++) {
                        text[i] = *bad;
                        memcpy(text + i + 1, good + i + 1, sizeof(good) - i - 1);
                        assert_int_equal(key_parse(text, key), -EINVAL);
                }
        }

        (void) text_format(text, sizeof(text), "%s0", good);
        assert_int_equal(key_parse(text, key), -EINVAL);
        (void) text_format(text, sizeof(text), "%s\n", good);
        assert_int_equal(key_parse(text, key), -EINVAL);
        assert_int_equal(key[0], 42);
        assert_int_equal(key_parse(good, key), 0);
}

/* Computed with Python's hashlib and base64, of the key 00 01 .. 1f. */
static const char known_fingerprint[] = "TLXP-MTCL-V3CC-3A6S-SXYP";

static void test_a_fingerprint_is_a_hash_in_five_groups(void **state) {
        char fingerprint[KEY_FINGERPRINT_MAX], other[KEY_FINGERPRINT_MAX];
        uint8_t key[KEY_SIZE];

        for (size_t i = 0; i < sizeof(key); i++)
                key[i] = (uint8_t) i;

        key_fingerprint(key, fingerprint);
        assert_string_equal(fingerprint, known_fingerprint);

        for (size_t i = 0; i < 8 * sizeof(key); i++) {
                key[i / 8] ^= (uint8_t) (1 << i % 8);
                key_fingerprint(key, other);
                assert_string_not_equal(other, fingerprint);
                key[i / 8] ^= (uint8_t) (1 << i % 8);
        }
}

static void test_a_fingerprint_may_be_typed_without_capitals_and_dashes(void **state) {
        static const char *const typed[] = {
                "TLXP-MTCL-V3CC-3A6S-SXYP",
                "tlxp-mtcl-v3cc-3a6s-sxyp",
                "TLXPMTCLV3CC3A6SSXYP",
                "tlxpmtcl-v3cc3a6s-sxyp",
        };
        static const char *const wrong[] = {
                "",
                "-",
                "TLXP-MTCL-V3CC-3A6S-SXY",
                "TLXP-MTCL-V3CC-3A6S-SXYPP",
                "TLXP MTCL V3CC 3A6S SXYP",
                "TLXP-MTCL-V3CC-3A6S-SXY1",
                "TLXP-MTCL-V3CC-3A6S-SXY\n",
                "TLXP-MTCL-V3CC-3A6S-SX\xc3\xa4",
        };
        char fingerprint[KEY_FINGERPRINT_MAX], endless[1000] = "";

        for (size_t i = 0; i < ELEMENTSOF(typed); i++) {
                assert_int_equal(key_fingerprint_parse(typed[i], fingerprint), 0);
                assert_string_equal(fingerprint, known_fingerprint);
        }
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                assert_int_equal(key_fingerprint_parse(wrong[i], fingerprint), -EINVAL);
                assert_string_equal(fingerprint, known_fingerprint);
        }

        memset(endless, 'A', sizeof(endless) - 1);
        assert_int_equal(key_fingerprint_parse(endless, fingerprint), -EINVAL);
}

static void test_a_derived_key_depends_on_key_and_context(void **state) {
        const uint8_t key[KEY_SIZE] = { 1 }, other[KEY_SIZE] = { 2 };
        uint8_t a[KEY_SIZE], b[KEY_SIZE], c[KEY_SIZE];

        key_derive(key, "one", a);
        key_derive(key, "another", b);
        key_derive(other, "one", c);
        assert_memory_not_equal(a, b, KEY_SIZE);
        assert_memory_not_equal(a, c, KEY_SIZE);
        assert_memory_not_equal(a, key, KEY_SIZE);
}

/* --- signatures --- */

static const char context[] = "rollpatch plan 1", plan[] = "a plan";

/* Made with the code of RFC 8032, which passes its vector for Ed25519ph. */
static const char known_signature[] =
                "1a6363521c98edc0669e78e9001a648564298a7bb1d16c97cb6eb2fb85fbf7ce"
                "4f98cdd7acfce9031c2616934fd39a98377de8b394c121adc79ebe255cf82406";

static void sign_plan(uint8_t ret_public[static KEY_SIZE], uint8_t ret[static SIGNATURE_SIZE]) {
        AUTO(KeyPair) *pair = known_pair(KEY_SIGNING);

        memcpy(ret_public, pair->public, KEY_SIZE);
        key_sign(pair, context, plan, strlen(plan), ret);
}

static void test_a_signature_is_ed25519ph_of_context_and_data(void **state) {
        uint8_t public[KEY_SIZE], signature[SIGNATURE_SIZE];
        char half[KEY_TEXT_MAX];

        sign_plan(public, signature);
        key_to_text(signature, half);
        assert_memory_equal(half, known_signature, 64);
        key_to_text(signature + KEY_SIZE, half);
        assert_memory_equal(half, known_signature + 64, 64);
        assert_true(key_verify(public, context, plan, strlen(plan), signature));
}

static void test_a_signature_is_for_this_key_context_and_data_only(void **state) {
        uint8_t public[KEY_SIZE], signature[SIGNATURE_SIZE];
        AUTO(KeyPair) *other = NULL;
        char changed[sizeof(plan)];

        sign_plan(public, signature);
        for (size_t i = 0; i < 8 * strlen(plan); i++) {
                memcpy(changed, plan, sizeof(changed));
                changed[i / 8] = (char) (changed[i / 8] ^ 1 << i % 8);
                assert_false(key_verify(public, context, changed, strlen(plan), signature));
        }

        assert_false(key_verify(public, context, plan, strlen(plan) - 1, signature));
        assert_false(key_verify(public, context, plan, strlen(plan) + 1, signature));
        assert_false(key_verify(public, context, "", 0, signature));
        assert_false(key_verify(public, "rollpatch plan 2", plan, strlen(plan), signature));
        assert_false(key_verify(public, "", plan, strlen(plan), signature));

        assert_int_equal(key_pair_generate(KEY_SIGNING, &other, NULL), 0);
        assert_false(key_verify(other->public, context, plan, strlen(plan), signature));
}

static void test_a_signature_with_any_bit_changed_is_none(void **state) {
        uint8_t public[KEY_SIZE], signature[SIGNATURE_SIZE];

        sign_plan(public, signature);
        for (size_t i = 0; i < 8 * sizeof(signature); i++) {
                signature[i / 8] ^= (uint8_t) (1 << i % 8);
                assert_false(key_verify(public, context, plan, strlen(plan), signature));
                signature[i / 8] ^= (uint8_t) (1 << i % 8);
        }
        assert_true(key_verify(public, context, plan, strlen(plan), signature));
}

static void test_what_is_between_context_and_data_cannot_be_moved(void **state) {
        AUTO(KeyPair) *pair = known_pair(KEY_SIGNING);
        uint8_t signature[SIGNATURE_SIZE];

        key_sign(pair, "ab", "c", 1, signature);
        assert_true(key_verify(pair->public, "ab", "c", 1, signature));
        assert_false(key_verify(pair->public, "a", "bc", 2, signature));
        assert_false(key_verify(pair->public, "abc", "", 0, signature));
}

static void test_a_key_that_everybody_can_sign_for_verifies_nothing(void **state) {
        static const uint8_t hollow[][KEY_SIZE] = { { 0 }, { 1 } };
        const uint8_t signature[SIGNATURE_SIZE] = { 1 };

        for (size_t i = 0; i < ELEMENTSOF(hollow); i++)
                assert_false(key_verify(hollow[i], context, plan, strlen(plan), signature));
}

static void test_data_of_any_length_can_be_signed(void **state) {
        AUTO(KeyPair) *pair = known_pair(KEY_SIGNING);
        static const size_t sizes[] = { 0, 1, 111, 112, 127, 128, 129, 100000 };
        static uint8_t data[100000];

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                uint8_t signature[SIGNATURE_SIZE];

                key_sign(pair, context, data, sizes[i], signature);
                assert_true(key_verify(pair->public, context, data, sizes[i], signature));
                if (sizes[i] > 0) {
                        assert_false(key_verify(
                                        pair->public, context, data, sizes[i] - 1, signature));
                }
        }
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, lab_dir_set_up, lab_dir_tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_public_half_is_what_others_compute_too),
                cmocka_unit_test(test_no_two_generated_keys_are_alike),
#ifndef __SANITIZE_ADDRESS__
                cmocka_unit_test(test_a_key_is_never_swapped_nor_dumped_nor_written_over),
                cmocka_unit_test(test_without_memory_that_can_be_locked_there_is_no_key),
#endif
                cmocka_unit_test(test_a_key_file_is_what_the_header_says),
                WITH_DIR(test_a_saved_key_is_loaded_again),
                WITH_DIR(test_a_key_is_never_replaced_by_saving_another),
                WITH_DIR(test_a_key_that_others_can_read_is_refused),
                WITH_DIR(test_a_key_of_another_user_is_refused),
                WITH_DIR(test_a_link_to_a_key_is_refused),
                WITH_DIR(test_what_is_no_key_is_refused_and_named),
                cmocka_unit_test(test_a_key_file_with_any_bit_changed_is_refused),
                cmocka_unit_test(test_a_key_file_that_was_cut_or_is_random_is_refused),
                cmocka_unit_test(test_a_public_key_as_text_is_read_back),
                cmocka_unit_test(test_a_public_key_has_one_form_only),
                cmocka_unit_test(test_a_fingerprint_is_a_hash_in_five_groups),
                cmocka_unit_test(test_a_fingerprint_may_be_typed_without_capitals_and_dashes),
                cmocka_unit_test(test_a_derived_key_depends_on_key_and_context),
                cmocka_unit_test(test_a_signature_is_ed25519ph_of_context_and_data),
                cmocka_unit_test(test_a_signature_is_for_this_key_context_and_data_only),
                cmocka_unit_test(test_a_signature_with_any_bit_changed_is_none),
                cmocka_unit_test(test_what_is_between_context_and_data_cannot_be_moved),
                cmocka_unit_test(test_a_key_that_everybody_can_sign_for_verifies_nothing),
                cmocka_unit_test(test_data_of_any_length_can_be_signed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
