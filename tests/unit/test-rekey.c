/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/rekey.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/text.h"
#include "tests/unit/channel-lab.h"

/* Another key for a node, over its files: whenever the node agent is killed, a new one finds either
 * the old key and what it was about to announce, or the new key in its place. */

static Rekey *rekey_of(const LabDir *dir) {
        Rekey *rekey = NULL;
        Error error = {};

        if (rekey_new(dir->path, &rekey, &error) < 0)
                fail_msg("%s", error.text);
        return rekey;
}

/* The node has a key already. */
static KeyPair *put_old_key(const LabDir *dir) {
        KeyPair *key = NULL;

        assert_int_equal(key_pair_generate(KEY_CHANNEL, &key, NULL), 0);
        assert_int_equal(key_pair_save(key, dir->fd, CHANNEL_KEY_FILE, NULL), 0);
        return key;
}

static bool has(const LabDir *dir, const char *name) {
        return faccessat(dir->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The public half of what is in the file. */
static void assert_file_is(const LabDir *dir, const char *name, const char *public) {
        AUTO(KeyPair) *key = NULL;
        char text[KEY_TEXT_MAX];

        assert_int_equal(key_pair_load(KEY_CHANNEL, dir->fd, name, &key, NULL), 0);
        key_to_text(key->public, text);
        assert_string_equal(text, public);
}

static Announce announcement(const Rekey *rekey) {
        Message message = {};

        assert_true(rekey_get_announcement(rekey, &message));
        assert_int_equal(message.kind, MESSAGE_ANNOUNCE);
        return message.announce;
}

static Ack ack_of(const char *op, const char *refused) {
        Ack ack = {};

        (void) text_copy(ack.op, sizeof(ack.op), op);
        (void) text_copy(ack.refused, sizeof(ack.refused), refused);
        return ack;
}

static void test_nothing_is_announced_unless_it_is_wanted(void **state) {
        const LabDir *dir = *state;
        AUTO(Rekey) *rekey = rekey_of(dir);
        Message message;

        assert_false(rekey_get_announcement(rekey, &message));
        assert_false(has(dir, NEXT_KEY_FILE));
}

static void test_a_key_is_on_disk_and_private_before_it_is_announced(void **state) {
        const LabDir *dir = *state;
        AUTO(Rekey) *rekey = rekey_of(dir);
        struct stat st;

        rekey_want(rekey);
        assert_file_is(dir, NEXT_KEY_FILE, announcement(rekey).key);
        assert_int_equal(fstatat(dir->fd, NEXT_KEY_FILE, &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
}

/* The coordinator says so with every answer to a heartbeat. */
static void test_a_wish_that_is_repeated_makes_no_second_key(void **state) {
        AUTO(Rekey) *rekey = rekey_of(*state);
        Announce first, again;

        rekey_want(rekey);
        first = announcement(rekey);
        rekey_want(rekey);
        again = announcement(rekey);
        assert_string_equal(first.key, again.key);
        assert_string_equal(first.op, again.op);
}

static void test_an_acknowledged_key_takes_the_place_of_the_old_one(void **state) {
        const LabDir *dir = *state;
        AUTO(KeyPair) *old = put_old_key(dir);
        AUTO(Rekey) *rekey = rekey_of(dir);
        AUTO(KeyPair) *new = NULL;
        Announce said;
        Message message;
        char text[KEY_TEXT_MAX];
        Ack ack;

        rekey_want(rekey);
        said = announcement(rekey);
        ack = ack_of(said.op, "");
        assert_true(rekey_acknowledge(rekey, &ack, &new));
        key_to_text(new->public, text);
        assert_string_equal(text, said.key);
        assert_file_is(dir, CHANNEL_KEY_FILE, said.key);
        assert_false(has(dir, NEXT_KEY_FILE));
        assert_false(rekey_get_announcement(rekey, &message));
        assert_memory_not_equal(new->public, old->public, KEY_SIZE);
}

/* Killed after the key was made, and however often before its ack came. */
static void test_a_key_that_waits_is_found_at_the_next_start_and_announced_again(void **state) {
        const LabDir *dir = *state;
        char key[KEY_TEXT_MAX];

        {
                AUTO(Rekey) *rekey = rekey_of(dir);

                rekey_want(rekey);
                (void) text_copy(key, sizeof(key), announcement(rekey).key);
        }

        for (unsigned i = 0; i < 3; i++) {
                AUTO(Rekey) *rekey = rekey_of(dir);

                assert_string_equal(announcement(rekey).key, key);
                rekey_want(rekey);
                assert_string_equal(announcement(rekey).key, key);
        }
}

/* Killed between the renaming and the first use: the new key is the only one there. */
static void test_after_the_new_key_is_in_place_nothing_waits_any_more(void **state) {
        const LabDir *dir = *state;
        AUTO(KeyPair) *old UNUSED = put_old_key(dir);
        char key[KEY_TEXT_MAX];
        Message message;

        {
                AUTO(Rekey) *rekey = rekey_of(dir);
                AUTO(KeyPair) *new = NULL;
                Announce said;
                Ack ack;

                rekey_want(rekey);
                said = announcement(rekey);
                (void) text_copy(key, sizeof(key), said.key);
                ack = ack_of(said.op, "");
                assert_true(rekey_acknowledge(rekey, &ack, &new));
        }
        {
                AUTO(Rekey) *rekey = rekey_of(dir);

                assert_false(rekey_get_announcement(rekey, &message));
                assert_file_is(dir, CHANNEL_KEY_FILE, key);
        }
}

static void test_a_refused_key_is_dropped_and_the_old_one_stays(void **state) {
        const LabDir *dir = *state;
        AUTO(KeyPair) *old = put_old_key(dir);
        AUTO(Rekey) *rekey = rekey_of(dir);
        char public[KEY_TEXT_MAX], first[KEY_TEXT_MAX];
        KeyPair *new = NULL;
        Message message;
        Ack ack;

        rekey_want(rekey);
        (void) text_copy(first, sizeof(first), announcement(rekey).key);
        ack = ack_of(announcement(rekey).op, "nobody has asked for it");
        assert_false(rekey_acknowledge(rekey, &ack, &new));
        assert_null(new);
        assert_false(rekey_get_announcement(rekey, &message));
        assert_false(has(dir, NEXT_KEY_FILE));
        key_to_text(old->public, public);
        assert_file_is(dir, CHANNEL_KEY_FILE, public);

        /* And a later wish is a new one. */
        rekey_want(rekey);
        assert_string_not_equal(announcement(rekey).key, first);
        assert_false(rekey_acknowledge(rekey, &ack, &new)); /* that one is over */
        assert_true(has(dir, NEXT_KEY_FILE));
}

static void test_an_ack_of_something_else_is_ignored(void **state) {
        const LabDir *dir = *state;
        AUTO(Rekey) *rekey = rekey_of(dir);
        const Ack other = ack_of("0123456789abcdef0123456789abcdef", "");
        const Ack refusal = ack_of("0123456789abcdef0123456789abcdef", "no");
        KeyPair *new = NULL;
        Announce said;

        assert_false(rekey_acknowledge(rekey, &other, &new)); /* when none waits */
        rekey_want(rekey);
        said = announcement(rekey);
        assert_false(rekey_acknowledge(rekey, &other, &new));
        assert_false(rekey_acknowledge(rekey, &refusal, &new));
        assert_null(new);
        assert_string_equal(announcement(rekey).key, said.key);
        assert_false(has(dir, CHANNEL_KEY_FILE));
}

/* Where it cannot be put in place it stays where it is, and is acknowledged again. */
static void test_a_key_that_cannot_be_put_in_place_waits_on(void **state) {
        const LabDir *dir = *state;
        AUTO(Rekey) *rekey = rekey_of(dir);
        AUTO(KeyPair) *new = NULL;
        Announce said;
        Ack ack;

        assert_int_equal(mkdirat(dir->fd, CHANNEL_KEY_FILE, 0700), 0);
        rekey_want(rekey);
        said = announcement(rekey);
        ack = ack_of(said.op, "");
        assert_false(rekey_acknowledge(rekey, &ack, &new));
        assert_string_equal(announcement(rekey).key, said.key);

        assert_int_equal(unlinkat(dir->fd, CHANNEL_KEY_FILE, AT_REMOVEDIR), 0);
        ack = ack_of(announcement(rekey).op, "");
        assert_true(rekey_acknowledge(rekey, &ack, &new));
        assert_file_is(dir, CHANNEL_KEY_FILE, said.key);
}

/* Nothing can be written there any more. */
static void test_without_room_for_a_key_none_is_announced(void **state) {
        const LabDir *dir = *state;
        AUTO(Rekey) *rekey = rekey_of(dir);
        Message message;

        assert_int_equal(mkdirat(dir->fd, NEXT_KEY_FILE, 0700), 0);
        rekey_want(rekey);
        assert_false(rekey_get_announcement(rekey, &message));
        assert_int_equal(unlinkat(dir->fd, NEXT_KEY_FILE, AT_REMOVEDIR), 0);
        rekey_want(rekey);
        assert_true(rekey_get_announcement(rekey, &message));
}

static void test_a_waiting_key_that_others_can_read_or_that_is_damaged_is_refused(void **state) {
        const LabDir *dir = *state;
        Rekey *rekey = NULL;
        Error error = {};

        lab_dir_put(dir, NEXT_KEY_FILE, "half of a ke", 12, 0600);
        assert_true(rekey_new(dir->path, &rekey, &error) < 0);
        assert_non_null(strstr(error.text, NEXT_KEY_FILE));

        lab_dir_put(dir, NEXT_KEY_FILE, "half of a ke", 12, 0644);
        assert_true(rekey_new(dir->path, &rekey, &error) < 0);
        assert_non_null(strstr(error.text, "has mode 0644, want 0600"));
        assert_null(rekey);
}

#define DIR_TEST(test) cmocka_unit_test_setup_teardown(test, lab_dir_set_up, lab_dir_tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                DIR_TEST(test_nothing_is_announced_unless_it_is_wanted),
                DIR_TEST(test_a_key_is_on_disk_and_private_before_it_is_announced),
                DIR_TEST(test_a_wish_that_is_repeated_makes_no_second_key),
                DIR_TEST(test_an_acknowledged_key_takes_the_place_of_the_old_one),
                DIR_TEST(test_a_key_that_waits_is_found_at_the_next_start_and_announced_again),
                DIR_TEST(test_after_the_new_key_is_in_place_nothing_waits_any_more),
                DIR_TEST(test_a_refused_key_is_dropped_and_the_old_one_stays),
                DIR_TEST(test_an_ack_of_something_else_is_ignored),
                DIR_TEST(test_a_key_that_cannot_be_put_in_place_waits_on),
                DIR_TEST(test_without_room_for_a_key_none_is_announced),
                DIR_TEST(test_a_waiting_key_that_others_can_read_or_that_is_damaged_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
