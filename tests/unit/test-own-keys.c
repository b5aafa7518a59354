/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/own-keys.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/channel-lab.h"

/* Without its own two keys a coordinator does not start, and makes none. */

static void put_key(const LabDir *dir, KeyKind kind, const char *name) {
        AUTO(KeyPair) *key = NULL;

        assert_int_equal(key_pair_generate(kind, &key, NULL), 0);
        assert_int_equal(key_pair_save(key, dir->fd, name, NULL), 0);
}

static void put_both(const LabDir *dir) {
        put_key(dir, KEY_CHANNEL, CHANNEL_KEY_FILE);
        put_key(dir, KEY_SIGNING, SIGNING_KEY_FILE);
}

static void expect_refused(const LabDir *dir, ErrorCode code, const char *what, const char *next) {
        OwnKeys keys = {};
        Error error = {};

        assert_true(own_keys_load(dir->path, &keys, &error) < 0);
        assert_int_equal(error.code, code);
        assert_int_equal(strncmp(error.text, dir->path, strlen(dir->path)), 0);
        if (!strstr(error.text, what) || !strstr(error.text, next))
                fail_msg("'%s', want '%s' and '%s'", error.text, what, next);
        assert_null(keys.channel);
        assert_null(keys.signing);
}

static void test_both_keys_are_loaded_each_as_what_it_is(void **state) {
        const LabDir *dir = *state;
        OwnKeys keys = {};

        put_both(dir);
        assert_int_equal(own_keys_load(dir->path, &keys, NULL), 0);
        assert_int_equal(keys.channel->kind, KEY_CHANNEL);
        assert_int_equal(keys.signing->kind, KEY_SIGNING);
        own_keys_done(&keys);
        assert_null(keys.channel);
        assert_null(keys.signing);
}

static void test_a_key_that_is_missing_is_named_with_what_to_do_and_none_is_made(void **state) {
        static const char *const names[] = { CHANNEL_KEY_FILE, SIGNING_KEY_FILE };
        const LabDir *dir = *state;

        expect_refused(dir, ERROR_NOT_FOUND, CHANNEL_KEY_FILE, "'rollpatch init' makes it");
        put_both(dir);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                assert_int_equal(renameat(dir->fd, names[i], dir->fd, "kept"), 0);
                expect_refused(dir, ERROR_NOT_FOUND, names[i], "restore it from a saved state");
                assert_int_equal(faccessat(dir->fd, names[i], F_OK, 0), -1);
                assert_int_equal(renameat(dir->fd, "kept", dir->fd, names[i]), 0);
        }
}

static void test_a_key_that_others_can_read_is_refused(void **state) {
        const LabDir *dir = *state;

        put_both(dir);
        assert_int_equal(fchmodat(dir->fd, SIGNING_KEY_FILE, 0640, 0), 0);
        expect_refused(dir, ERROR_DENIED, SIGNING_KEY_FILE, "has mode 0640, want 0600");
}

/* A channel key in the place of the signing key would make a coordinator that nobody obeys. */
static void test_the_one_key_is_not_taken_for_the_other(void **state) {
        const LabDir *dir = *state;

        put_key(dir, KEY_CHANNEL, CHANNEL_KEY_FILE);
        put_key(dir, KEY_CHANNEL, SIGNING_KEY_FILE);
        expect_refused(dir, ERROR_INVALID, SIGNING_KEY_FILE, "");
}

#define DIR_TEST(test) cmocka_unit_test_setup_teardown(test, lab_dir_set_up, lab_dir_tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                DIR_TEST(test_both_keys_are_loaded_each_as_what_it_is),
                DIR_TEST(test_a_key_that_is_missing_is_named_with_what_to_do_and_none_is_made),
                DIR_TEST(test_a_key_that_others_can_read_is_refused),
                DIR_TEST(test_the_one_key_is_not_taken_for_the_other),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
