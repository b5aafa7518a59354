/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/identity.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"

typedef struct Place {
        char root[64];
} Place;

static void put(const Place *place, const char *name, const char *text) {
        char path[PATH_MAX], *slash;

        assert_true(text_format(path, sizeof(path), "%s/%s", place->root, name));
        for (slash = strchr(path + strlen(place->root) + 1, '/'); slash;
             slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
                *slash = '/';
        }
        assert_int_equal(file_replace(AT_FDCWD, path, text, strlen(text), 0644, NULL), 0);
}

static int setup(void **state) {
        Place *place = calloc(1, sizeof(*place));

        assert_non_null(place);
        (void) text_copy(place->root, sizeof(place->root), "/tmp/test-identity-XXXXXX");
        assert_non_null(mkdtemp(place->root));
        *state = place;
        return 0;
}

static int teardown(void **state) {
        Place *place = *state;
        pid_t pid = fork();
        int status;

        if (pid == 0) {
                (void) execlp("rm", "rm", "-rf", place->root, NULL);
                _exit(127);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        free(place);
        return 0;
}

static void test_the_role_is_that_of_the_only_marker(void **state) {
        static const struct {
                const char *marker;
                Role role;
        } rows[] = {
                { "master", ROLE_MASTER },
                { "slave", ROLE_AGENT },
                { "slave_public", ROLE_PUBLIC_AGENT },
        };
        const Place *place = *state;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char name[64], path[PATH_MAX];
                Role role = ROLE_MASTER;

                (void) text_format(name, sizeof(name), "etc/mesosphere/roles/%s", rows[i].marker);
                put(place, name, "");
                assert_int_equal(identity_read_role(place->root, &role, NULL), 0);
                assert_int_equal(role, rows[i].role);
                assert_true(text_format(path, sizeof(path), "%s/%s", place->root, name));
                assert_int_equal(unlink(path), 0);
        }
}

static void test_no_role_and_several_roles_are_refused_with_what_was_seen(void **state) {
        const Place *place = *state;
        Error error = {};
        Role role;

        assert_true(identity_read_role(place->root, &role, &error) < 0);
        assert_non_null(strstr(error.text, "no role"));

        put(place, "etc/mesosphere/roles/master", "");
        put(place, "etc/mesosphere/roles/slave_public", "");
        assert_true(identity_read_role(place->root, &role, &error) < 0);
        assert_non_null(strstr(error.text, "holds master, slave_public, want exactly one"));
}

static void test_the_version_is_read_through_the_link_of_the_active_package(void **state) {
        const Place *place = *state;
        char version[VERSION_MAX] = "old", path[PATH_MAX], target[PATH_MAX];

        put(place, "opt/mesosphere/packages/dcos--1/version.json",
            "{\n  \"version\": \"2.1.1\",\n  \"x\": 1\n}\n");
        put(place, "opt/mesosphere/etc/other", "");
        assert_true(
                        text_format(path, sizeof(path), "%s/opt/mesosphere/etc/dcos-version.json",
                                    place->root));
        assert_true(text_format(
                        target, sizeof(target), "%s/opt/mesosphere/packages/dcos--1/version.json",
                        place->root));
        assert_int_equal(symlink(target, path), 0);
        identity_read_version(place->root, version);
        assert_string_equal(version, "2.1.1");
}

static void test_a_version_that_cannot_be_read_is_empty(void **state) {
        static const char *const bad[] = { "",
                                           "{}",
                                           "[]",
                                           "{\"version\":1}",
                                           "{\"version\":\"2.1",
                                           "\"2.1.1\"",
                                           "{\"version\":\"2.1\\u0007\"}" };
        const Place *place = *state;
        char version[VERSION_MAX] = "old";

        identity_read_version(place->root, version);
        assert_string_equal(version, "");
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                (void) text_copy(version, sizeof(version), "old");
                put(place, "opt/mesosphere/etc/dcos-version.json", bad[i]);
                identity_read_version(place->root, version);
                assert_string_equal(version, "");
        }
}

static void test_the_master_count_is_a_number_or_not_known(void **state) {
        static const struct {
                const char *text;
                uint64_t count;
        } rows[] = { { "3", 3 },       { "5\n", 5 },  { "", 0 },      { "0\n", 0 },
                     { "three\n", 0 }, { "-1\n", 0 }, { "1000\n", 0 } };
        const Place *place = *state;

        assert_int_equal(identity_read_master_count(place->root), 0);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                put(place, "opt/mesosphere/etc/master_count", rows[i].text);
                assert_int_equal(identity_read_master_count(place->root), rows[i].count);
        }
}

static void test_the_address_is_one_literal_address(void **state) {
        static const char *const bad[] = {
                "",         "\n",        "localhost\n",  "10.0.0.1\n10.0.0.2\n", "10.0.0.1 \n",
                "10.0.0\n", " 10.0.0.1", "10.0.0.1:80\n"
        };
        char address[ADDRESS_TEXT_MAX] = "";
        Error error = {};

        assert_int_equal(identity_parse_address("10.0.0.11\n", address, NULL), 0);
        assert_string_equal(address, "10.0.0.11");
        assert_int_equal(identity_parse_address("fd00::1", address, NULL), 0);
        assert_string_equal(address, "fd00::1");
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_true(identity_parse_address(bad[i], address, &error) < 0);
        assert_non_null(strstr(error.text, "10.0.0.1:80"));
        assert_string_equal(address, "fd00::1");
}

static void test_the_name_is_fit_for_a_plan(void **state) {
        char name[NAME_TEXT_MAX];

        if (identity_read_name(name, NULL) < 0)
                skip();
        assert_true(name_is_valid(name));
}

static void test_a_leftover_library_is_removed_once(void **state) {
        const Place *place = *state;

        assert_int_equal(identity_remove_leftover(place->root, NULL), 0);
        put(place, LEFTOVER_LIBRARY, "x");
        assert_int_equal(identity_remove_leftover(place->root, NULL), 1);
        assert_int_equal(identity_remove_leftover(place->root, NULL), 0);
}

static void test_a_leftover_that_cannot_be_removed_is_an_error(void **state) {
        const Place *place = *state;
        Error error = {};

        put(place, LEFTOVER_LIBRARY "/file", "a directory in its place");
        assert_true(identity_remove_leftover(place->root, &error) < 0);
        assert_non_null(strstr(error.text, "libltdl.so.7"));
}

#define PLACE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static void test_a_node_keeps_the_key_it_made_at_its_first_start(void **state) {
        const Place *place = *state;
        AUTO(KeyPair) *first = NULL;
        AUTO(KeyPair) *second = NULL;
        char path[PATH_MAX];
        struct stat st;

        assert_true(text_format(path, sizeof(path), "%s/state", place->root));
        assert_int_equal(identity_load_key(path, &first, NULL), 0);
        assert_int_equal(identity_load_key(path, &second, NULL), 0);
        assert_memory_equal(first->secret, second->secret, KEY_SIZE);

        assert_true(text_format(path, sizeof(path), "%s/state/channel.key", place->root));
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_a_key_that_others_can_read_or_that_is_damaged_is_refused_and_kept(void **state) {
        const Place *place = *state;
        AUTO(KeyPair) *key = NULL;
        KeyPair *again = NULL;
        char dir[PATH_MAX], path[PATH_MAX];
        Error error = {};

        assert_true(text_format(dir, sizeof(dir), "%s/state", place->root));
        assert_int_equal(identity_load_key(dir, &key, NULL), 0);
        assert_true(text_format(path, sizeof(path), "%s/channel.key", dir));
        assert_int_equal(chmod(path, 0640), 0);
        assert_int_equal(identity_load_key(dir, &again, &error), -EACCES);
        assert_non_null(strstr(error.text, "has mode 0640, want 0600"));

        assert_int_equal(chmod(path, 0600), 0);
        assert_int_equal(truncate(path, 100), 0);
        assert_int_equal(identity_load_key(dir, &again, &error), -EINVAL);
        assert_non_null(strstr(error.text, "this node is a stranger"));
        assert_null(again);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                PLACE_TEST(test_the_role_is_that_of_the_only_marker),
                PLACE_TEST(test_no_role_and_several_roles_are_refused_with_what_was_seen),
                PLACE_TEST(test_the_version_is_read_through_the_link_of_the_active_package),
                PLACE_TEST(test_a_version_that_cannot_be_read_is_empty),
                PLACE_TEST(test_the_master_count_is_a_number_or_not_known),
                cmocka_unit_test(test_the_address_is_one_literal_address),
                cmocka_unit_test(test_the_name_is_fit_for_a_plan),
                PLACE_TEST(test_a_leftover_library_is_removed_once),
                PLACE_TEST(test_a_leftover_that_cannot_be_removed_is_an_error),
                cmocka_unit_test_setup_teardown(
                                test_a_node_keeps_the_key_it_made_at_its_first_start, setup,
                                teardown),
                cmocka_unit_test_setup_teardown(
                                test_a_key_that_others_can_read_or_that_is_damaged_is_refused_and_kept,
                                setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
