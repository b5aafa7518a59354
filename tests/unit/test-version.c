/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/version.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"
#include "node-agent/process.h"

typedef struct Node {
        char root[64];
} Node;

static void make(const Node *node, const char *name, const char *text) {
        char path[256];

        (void) text_format(path, sizeof(path), "%s/%s", node->root, name);
        for (char *slash = path + strlen(node->root) + 1; (slash = strchr(slash, '/')); slash++) {
                *slash = '\0';
                (void) mkdir(path, 0755);
                *slash = '/';
        }
        assert_int_equal(file_replace(AT_FDCWD, path, text, strlen(text), 0644, NULL), 0);
}

static int setup(void **state) {
        Node *node = calloc(1, sizeof(*node));

        assert_non_null(node);
        (void) text_copy(node->root, sizeof(node->root), "/tmp/test-version-XXXXXX");
        assert_non_null(mkdtemp(node->root));
        make(node, "opt/mesosphere/etc/dcos-version.json", "{\n  \"version\": \"2.1.1\"\n}\n");
        *state = node;
        return 0;
}

static int remove_node(void **state) {
        static const char *const names[] = {
                "opt/mesosphere/etc/dcos-version.json",
                "opt/mesosphere/install_progress",
                "opt/mesosphere/etc",
                "opt/mesosphere",
                "opt",
                "",
        };
        Node *node = *state;
        char path[256];

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                (void) text_format(path, sizeof(path), "%s/%s", node->root, names[i]);
                if (unlink(path) < 0)
                        (void) rmdir(path);
        }
        free(node);
        return 0;
}

static Sample ask(const Node *node, const char *wanted) {
        Sample sample = sample_make("version", "");
        VersionFacts facts;

        version_read(node->root, &facts);
        version_judge(&facts, wanted, &sample);
        return sample;
}

static uint64_t number(const Sample *sample, const char *name) {
        uint64_t value = 0;

        assert_true(sample_number(sample, name, &value));
        return value;
}

static void test_the_wanted_version_passes(void **state) {
        Sample sample = ask(*state, "2.1.1");

        assert_int_equal(sample.verdict, VERDICT_PASS);
        assert_string_equal(sample_text(&sample, "version"), "2.1.1");
        assert_int_equal(number(&sample, "install_progress"), 0);
}

static void test_another_version_fails_and_says_seen_and_wanted(void **state) {
        Sample sample = ask(*state, "2.1.2");

        assert_int_equal(sample.verdict, VERDICT_FAIL);
        assert_string_equal(sample.reason, "version is 2.1.1, want 2.1.2");
}

static void test_without_a_wanted_version_it_is_not_checked(void **state) {
        Sample sample = ask(*state, "");

        assert_int_equal(sample.verdict, VERDICT_NOT_APPLICABLE);
        assert_string_equal(sample_text(&sample, "version"), "2.1.1");
}

static void test_half_an_activation_is_unknown_whatever_the_version(void **state) {
        const Node *node = *state;
        Sample sample;

        make(node, "opt/mesosphere/install_progress", "{\"stage\": \"archive\"}");
        sample = ask(node, "2.1.1");
        assert_int_equal(sample.verdict, VERDICT_UNKNOWN);
        assert_int_equal(number(&sample, "install_progress"), 1);
}

static void test_what_is_away_during_an_activation_is_unknown(void **state) {
        const Node *node = *state;
        char path[256], away[256];
        Sample sample;

        (void) text_format(path, sizeof(path), "%s/opt/mesosphere/etc", node->root);
        (void) text_format(away, sizeof(away), "%s/etc.old", node->root);
        assert_int_equal(rename(path, away), 0);
        sample = ask(node, "2.1.1");
        assert_int_equal(rename(away, path), 0);
        assert_int_equal(sample.verdict, VERDICT_UNKNOWN);
        assert_null(sample_text(&sample, "version"));

        sample = ask(&(Node) { "/nowhere" }, "2.1.1");
        assert_int_equal(sample.verdict, VERDICT_UNKNOWN);
}

static void test_the_start_of_a_process_is_read_whatever_its_name(void **state) {
        static const char stat[] = "42 (a ) (b) R 1 42 42 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 "
                                   "123456 9 9 9\n";
        usec_t start = 0;

        assert_true(process_parse_start(stat, 100, &start));
        assert_int_equal(start, 123456 * USEC_PER_SEC / 100);
        assert_false(process_parse_start("42 (a) R 1 42", 100, &start));
        assert_false(process_parse_start("", 100, &start));
        assert_int_equal(start, 123456 * USEC_PER_SEC / 100);
}

static void test_one_s_own_start_lies_in_the_past(void **state) {
        usec_t start = 0;
        Error error = {};

        assert_int_equal(process_read_start((uint32_t) getpid(), &start, &error), 0);
        assert_true(start > 0);
        assert_int_equal(process_read_start(UINT32_MAX, &start, &error), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, remove_node)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_the_wanted_version_passes),
                TEST(test_another_version_fails_and_says_seen_and_wanted),
                TEST(test_without_a_wanted_version_it_is_not_checked),
                TEST(test_half_an_activation_is_unknown_whatever_the_version),
                TEST(test_what_is_away_during_an_activation_is_unknown),
                cmocka_unit_test(test_the_start_of_a_process_is_read_whatever_its_name),
                cmocka_unit_test(test_one_s_own_start_lies_in_the_past),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
