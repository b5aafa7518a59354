/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/package-script.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/text.h"

/* As the generator writes it, but for the parts that do nothing here. */
#define HEAD                                                     \
        "#!/bin/bash\n# made for pkgpanda activate nothing--1\n" \
        "set -o errexit -o pipefail -o nounset\n"                \
        "source /opt/mesosphere/environment.export\n"            \
        "if [ -t 1 ]; then\n    colors=$(tput colors)\nfi\n"     \
        "exec 3>/dev/null\n"                                     \
        "echo \"Upgrading DC/OS $role_name 2.1.0 -> 2.1.1\"\n"
#define TAIL "T=300\nuntil OUT=\"$($cmd 2>&1)\" || [[ $T -eq 0 ]]; do\n    sleep 1\ndone\nexit 0\n"

#define SCRIPT_MAX 65536

typedef struct Lab {
        PackageSet set;
        PackageSet other;
        Error error;
        char script[SCRIPT_MAX];
        size_t size;
} Lab;

static int setup(void **state) {
        *state = calloc(1, sizeof(Lab));
        assert_non_null(*state);
        return 0;
}

static int teardown(void **state) {
        free(*state);
        return 0;
}

/* --- what is read --- */

static int read_bytes(Lab *lab, const char *data, size_t size) {
        /* Exactly as long as it is: whoever reads beyond it is caught. */
        auto_free char *copy = malloc(MAX(size, (size_t) 1));
        int r;

        assert_non_null(copy);
        if (size > 0)
                memcpy(copy, data, size);
        lab->error = (Error) {};
        r = package_script_read(copy, size, &lab->set, &lab->error);
        assert_int_equal(r < 0, lab->error.code != ERROR_NONE);
        return r;
}

static void expect_ids(Lab *lab, const char *script, const char *ids) {
        char seen[512] = "";

        if (read_bytes(lab, script, strlen(script)) < 0)
                fail_msg("%s: %s", script, lab->error.text);

        for (size_t i = 0; i < lab->set.count; i++) {
                assert_true(
                                text_format(seen + strlen(seen), sizeof(seen) - strlen(seen),
                                            "%s%s", i > 0 ? " " : "", lab->set.ids[i]));
        }
        assert_string_equal(seen, ids);
}

static void expect_error(Lab *lab, const char *script, const char *part) {
        if (read_bytes(lab, script, strlen(script)) == 0)
                fail_msg("%s: read, %zu ids", script, lab->set.count);
        if (!strstr(lab->error.text, part))
                fail_msg("%s: %s, want %s", script, lab->error.text, part);
}

static char *load(const char *name) {
        const char *folder = getenv("SAMPLES"); /* NOLINT(concurrency-mt-unsafe) */
        char path[512], *text = NULL;

        assert_non_null(folder);
        assert_true(text_format(path, sizeof(path), "%s/dcos/%s", folder, name));
        assert_int_equal(file_read(AT_FDCWD, path, SCRIPT_MAX, &text, NULL, NULL), 0);
        return text;
}

/* What `pkgpanda active` prints. */
static void load_active(const char *name, PackageSet *ret) {
        auto_free char *text = load(name);

        ret->count = 0;
        for (char *line = text, *newline; (newline = strchr(line, '\n')); line = newline + 1)
                assert_int_equal(package_set_add(ret, line, (size_t) (newline - line), NULL), 0);
        package_set_sort(ret);
}

static void append(Lab *lab, const char *text) {
        assert_true(lab->size + strlen(text) < SCRIPT_MAX);
        memcpy(lab->script + lab->size, text, strlen(text) + 1);
        lab->size += strlen(text);
}

/* The script whose packages a node that has run it shows as `name`. */
static void make_script(Lab *lab, const char *name) {
        static const char *const begins[] = {
                "pkgpanda fetch --repository-url=http://10.0.0.9/dcos ",
                "pkgpanda activate --no-block ",
        };
        auto_free char *text = load(name);

        lab->size = 0;
        append(lab, HEAD);
        for (size_t i = 0; i < ELEMENTSOF(begins); i++) {
                append(lab, begins[i]);
                for (char *at = text; *at; at++)
                        append(lab, *at == '\n' ? " " : (char[]) { *at, '\0' });
                append(lab, ">&3\n");
        }
        append(lab, TAIL);
}

static void test_all_packages_that_the_script_activates_are_read(void **state) {
        Lab *lab = *state;

        make_script(lab, "pkgpanda-active-2.1.1.txt");
        load_active("pkgpanda-active-2.1.1.txt", &lab->other);
        assert_int_equal(lab->other.count, 74);
        assert_int_equal(read_bytes(lab, lab->script, lab->size), 0);
        assert_int_equal(lab->set.count, 74);
        for (size_t i = 0; i < lab->set.count; i++)
                assert_string_equal(lab->set.ids[i], lab->other.ids[i]);
}

static void test_a_changed_configuration_differs_in_its_two_packages_alone(void **state) {
        Lab *lab = *state;
        char names[512];

        make_script(lab, "pkgpanda-active-2.1.0-config-patched.txt");
        load_active("pkgpanda-active-2.1.0.txt", &lab->other);
        assert_int_equal(read_bytes(lab, lab->script, lab->size), 0);
        assert_int_equal(package_set_minus(&lab->set, &lab->other, names, sizeof(names)), 2);
        assert_string_equal(
                        names, "dcos-config--setup_987ca469a3a8e5b4da8edc47b8a41d5a5d272fb4, "
                               "dcos-metadata--setup_987ca469a3a8e5b4da8edc47b8a41d5a5d272fb4");
        assert_int_equal(package_set_minus(&lab->other, &lab->set, names, sizeof(names)), 2);
}

/* `by` is as long as `word`. */
static void fill_in(char *text, const char *word, const char *by) {
        for (char *at; (at = strstr(text, word));) {
                for (size_t i = 0; word[i]; i++)
                        at[i] = by[i];
        }
}

/* What runs on the hosts of the tests must be read, too. */
static void test_the_script_of_the_stand_ins_is_read(void **state) {
        const char *top = getenv("SOURCE_ROOT"); /* NOLINT(concurrency-mt-unsafe) */
        auto_free char *text = NULL;
        Lab *lab = *state;
        char path[512];

        assert_true(
                        text_format(path, sizeof(path),
                                    "%s/tests/cluster/standins/dcos_node_upgrade.sh.in", top));
        assert_int_equal(file_read(AT_FDCWD, path, SCRIPT_MAX, &text, NULL, NULL), 0);
        expect_error(lab, text, "is no package id");
        fill_in(text, "@IDS@", "b--2 ");
        fill_in(text, "@NO_BLOCK@", "--no-block");
        expect_ids(lab, text, "b--2");
}

static void test_ids_are_read_in_every_plain_writing(void **state) {
        Lab *lab = *state;

        expect_ids(lab, "pkgpanda activate b--2 a--1", "a--1 b--2");
        expect_ids(lab, "pkgpanda activate b--2 a--1 b--2\n", "a--1 b--2");
        expect_ids(lab, "  \tpkgpanda\t activate  a--1  # c--3\n", "a--1");
        expect_ids(lab, "/opt/mesosphere/bin/pkgpanda activate a--1\n", "a--1");
        expect_ids(lab, "pkgpanda activate \\\n  a--1 \\\n  b--2\n", "a--1 b--2");
        expect_ids(lab, "pkgpanda activate a--1 --no-block-systemd --no-systemd\n", "a--1");
        expect_ids(lab, "pkgpanda activate a--1 > /dev/null 2>&1\n", "a--1");
        expect_ids(lab, "pkgpanda activate 2>/x a--1 >\"$out\" b--2 &> log\n", "a--1 b--2");
        expect_ids(lab, "pkgpanda activate a--1 || exit 1\n", "a--1");
        expect_ids(lab, "pkgpanda activate a--1 ; echo c--3\n", "a--1");
        expect_ids(lab, "pkgpanda activate a@b_c.d+e-f--setup_0:1.2\n", "a@b_c.d+e-f--setup_0:1.2");
        expect_ids(lab, "pkgpanda active\npkgpanda list\npkgpanda activate a--1\n", "a--1");
}

static void test_a_script_that_does_not_speak_of_pkgpanda_names_nothing(void **state) {
        Lab *lab = *state;

        expect_ids(lab, "", "");
        expect_ids(lab, "\n\n", "");
        expect_ids(lab, "#!/bin/sh\nactivate a--1\n# pkgpanda activate a--1\nexit 0", "");
        expect_ids(lab, "systemctl restart x # by pkgpanda\n", "");
}

/* --- what is not guessed at --- */

static void test_whatever_else_may_activate_packages_is_an_error_with_its_line(void **state) {
        static const char plain[] = "not as a plain";
        Lab *lab = *state;

        expect_error(lab, "\n\ndcos-shell pkgpanda activate a--1\n", "line 3: ");
        expect_error(lab, "dcos-shell pkgpanda activate a--1\n", plain);
        expect_error(lab, "if ! pkgpanda activate a--1; then\n", plain);
        expect_error(lab, "(pkgpanda activate a--1)\n", plain);
        expect_error(lab, "\"$PKGPANDA\" activate a--1\n", plain);
        expect_error(lab, "pkgpanda \"activate\" a--1\n", plain);
        expect_error(lab, "bash -c 'pkgpanda activate' a--1\n", plain);
        expect_error(lab, "mypkgpanda activate a--1\n", plain);
        expect_error(lab, "pkgpanda swap a--1\n", plain);
        expect_error(lab, "pkgpanda activate a--1\npkgpanda swap b--2\n", "line 2: ");
        expect_error(lab, "pkgpanda activate a--1\npkgpanda setup\n", plain);
        expect_error(lab, "true && pkgpanda uninstall\n", plain);
        expect_error(lab, "pkgpanda activate a--1 && pkgpanda activate b--2\n", plain);
        expect_error(lab, "pkgpanda activate a--1 &&pkgpanda activate b--2\n", plain);
        expect_error(lab, "pkgpanda activate a--1\npkgpanda activate a--1\n",
                     "line 2: a second 'pkgpanda activate'");
}

static void test_pkgpanda_without_a_line_that_activates_is_an_error(void **state) {
        static const char part[] = "no line begins with 'pkgpanda activate'";
        Lab *lab = *state;

        expect_error(lab, "pkgpanda fetch --repository-url=http://b a--1\n", part);
        expect_error(lab, "P=pkgpanda\n$P activate a--1\n", part);
        expect_error(lab, "x=PkgPanda", part);
        expect_error(lab, "pkgpanda", part);
        expect_error(lab, "pkgpanda \\\n", part);
}

static void test_ids_that_cannot_be_read_for_certain_are_an_error(void **state) {
        Lab *lab = *state;

        expect_error(lab, "pkgpanda activate\n", "names no packages");
        expect_error(lab, "pkgpanda activate >&3\n", "names no packages");
        expect_error(lab, "pkgpanda activate --no-block; a--1\n", "'--no-block;' is no");
        expect_error(lab, "pkgpanda activate --no- a--1\n", "'--no-' is no");
        expect_error(lab, "\npkgpanda activate a--1 >\n", "line 2: a redirection leads nowhere");
        expect_error(lab, "\npkgpanda activate \\\n$IDS\n", "line 3: '$IDS' is no package id");
        expect_error(lab, "pkgpanda activate \"a--1\"\n", "'\"a--1\"' is no");
        expect_error(lab, "pkgpanda activate a--1\r\n", "'a--1?' is no");
        expect_error(lab, "pkgpanda activate a--1;\n", "'a--1;' is no");
        expect_error(lab, "pkgpanda activate --root=/x a--1\n", "'--root=/x' is no");
        expect_error(lab, "pkgpanda activate a--\n", "'a--' is no");
        expect_error(lab, "pkgpanda activate --1\n", "'--1' is no");
        expect_error(lab, "pkgpanda activate a-1\n", "'a-1' is no");
        expect_error(lab, "pkgpanda activate a--b--1\n", "'a--b--1' is no");
        expect_error(lab, "pkgpanda activate ../a--1\n", "'../a--1' is no");
        expect_error(lab, "pkgpanda activate .a--1\n", "'.a--1' is no");
        expect_error(lab, "pkgpanda activate a\xc3\xa4--1\n", "is no package id");
        expect_error(lab, "pkgpanda activate {a,b}--1\n", "'{a,b}--1' is no");
}

static void test_a_nul_byte_anywhere_is_an_error(void **state) {
        Lab *lab = *state;

        make_script(lab, "pkgpanda-active-2.1.1.txt");
        for (size_t i = 0; i < lab->size; i++) {
                char byte = lab->script[i];

                lab->script[i] = '\0';
                assert_true(package_script_read(lab->script, lab->size, &lab->set, NULL) < 0);
                lab->script[i] = byte;
        }

        assert_true(read_bytes(lab, "pkg\0panda activate a--1", 23) < 0);
        assert_non_null(strstr(lab->error.text, "NUL"));
}

/* --- bounds --- */

static void test_what_is_too_much_is_an_error_and_what_just_fits_is_not(void **state) {
        Lab *lab = *state;
        char id[PACKAGE_ID_MAX + 1];

        memset(id, 'x', sizeof(id));
        memcpy(id, "a--", 3);
        lab->other.count = 0;
        assert_int_equal(package_set_add(&lab->other, id, PACKAGE_ID_MAX - 1, NULL), 0);
        assert_true(package_set_add(&lab->other, id, PACKAGE_ID_MAX, &lab->error) < 0);
        assert_non_null(strstr(lab->error.text, "is no package id"));
        assert_int_equal(lab->other.count, 1);

        append(lab, "pkgpanda activate");
        for (unsigned i = 0; i < PACKAGES_MAX; i++) {
                assert_true(text_format(id, sizeof(id), " a--%u", i));
                append(lab, id);
        }
        assert_int_equal(read_bytes(lab, lab->script, lab->size), 0);
        assert_int_equal(lab->set.count, PACKAGES_MAX);
        append(lab, " b--1");
        assert_true(read_bytes(lab, lab->script, lab->size) < 0);
        assert_non_null(strstr(lab->error.text, "line 1: there are more than 512 packages"));
}

/* As big as a script may be: one line, one word, all blanks, all line ends, all goes on. */
static void test_a_script_of_four_megabytes_of_anything_is_read_to_its_end(void **state) {
        static const char *const fillings[] = {
                "x", " ", "\n", "#", "\\\n", "pkgpanda ", "a--1 ", "pkgpanda activate a--1\n", ">"
        };
        size_t size = (size_t) 4 * 1024 * 1024;
        auto_free char *big = malloc(size);
        Lab *lab = *state;

        assert_non_null(big);
        for (size_t i = 0; i < ELEMENTSOF(fillings); i++) {
                size_t length = strlen(fillings[i]);

                for (size_t at = 0; at < size; at++)
                        big[at] = fillings[i][at % length];
                memcpy(big, "pkgpanda activate z--9\n", 23);
                if (package_script_read(big, size, &lab->set, NULL) == 0)
                        assert_int_equal(lab->set.count, 1);
        }
}

/* --- rubbish --- */

static void expect_sane(const Lab *lab) {
        assert_true(lab->set.count <= PACKAGES_MAX);
        for (size_t i = 0; i < lab->set.count; i++) {
                assert_non_null(memchr(lab->set.ids[i], '\0', PACKAGE_ID_MAX));
                assert_non_null(strstr(lab->set.ids[i], "--"));
                assert_true(text_is_plain(lab->set.ids[i]) && !strpbrk(lab->set.ids[i], "\n /"));
                if (i > 0)
                        assert_true(strcmp(lab->set.ids[i - 1], lab->set.ids[i]) < 0);
        }
}

/* Cut before its last id is whole, it does not want the same packages. */
static void test_a_script_that_is_cut_never_reads_as_the_whole_one(void **state) {
        Lab *lab = *state;
        size_t end;

        make_script(lab, "pkgpanda-active-2.1.1.txt");
        end = (size_t) (strstr(strstr(lab->script, "pkgpanda activate -"), " >&3") - lab->script);
        for (size_t size = 0; size < end; size++) {
                if (read_bytes(lab, lab->script, size) < 0)
                        continue;
                expect_sane(lab);
                assert_true(lab->set.count < 74 ||
                            strcmp(lab->set.ids[73],
                                   "telegraf--caa6db9c27cf815f058c9c0cfe38e62306bc8658") != 0);
        }
}

static uint64_t draw(uint64_t *seed) {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        return *seed;
}

/* Bytes that mean something here are more likely than others. */
static char draw_byte(uint64_t *seed) {
        static const char marks[] = " \t\n\\#>&|;-$\"'(apkgpandactivate--1";
        uint64_t drawn = draw(seed);

        if (drawn % 4 == 0)
                return (char) (drawn >> 32);

        return marks[drawn / 4 % (sizeof(marks) - 1)];
}

static void test_rubbish_and_damaged_scripts_are_an_error_or_sane(void **state) {
        uint64_t seed = 4711;
        Lab *lab = *state;
        char text[256];

        for (unsigned i = 0; i < 20000; i++) {
                size_t size = draw(&seed) % sizeof(text);

                for (size_t at = 0; at < size; at++)
                        text[at] = draw_byte(&seed);
                if (read_bytes(lab, text, size) == 0)
                        expect_sane(lab);
        }

        make_script(lab, "pkgpanda-active-2.1.1.txt");
        for (unsigned i = 0; i < 2000; i++) {
                size_t at = draw(&seed) % lab->size;
                char byte = lab->script[at];

                lab->script[at] = draw_byte(&seed);
                if (read_bytes(lab, lab->script, lab->size) == 0)
                        expect_sane(lab);
                if (i % 10 != 0) /* the others stay, and add up */
                        lab->script[at] = byte;
        }
}

/* --- sets --- */

static void test_a_difference_names_the_first_few_and_counts_the_rest(void **state) {
        Lab *lab = *state;
        char names[64];

        for (char c = 'e'; c >= 'a'; c--) {
                char id[] = { c, '-', '-', '1', '\0' };

                assert_int_equal(package_set_add(&lab->set, id, 4, NULL), 0);
        }
        package_set_sort(&lab->set);
        assert_int_equal(package_set_minus(&lab->set, &lab->other, names, sizeof(names)), 5);
        assert_string_equal(names, "a--1, b--1, c--1 and 2 more");
        assert_int_equal(package_set_minus(&lab->other, &lab->set, names, sizeof(names)), 0);
        assert_string_equal(names, "");

        assert_int_equal(package_set_add(&lab->other, "b--1", 4, NULL), 0);
        assert_int_equal(package_set_add(&lab->other, "d--1", 4, NULL), 0);
        assert_int_equal(package_set_minus(&lab->set, &lab->other, names, sizeof(names)), 3);
        assert_string_equal(names, "a--1, c--1, e--1");
        assert_int_equal(package_set_minus(&lab->set, &lab->other, names, 8), 3);
        assert_int_equal(strlen(names), 7);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_all_packages_that_the_script_activates_are_read),
                TEST(test_a_changed_configuration_differs_in_its_two_packages_alone),
                TEST(test_the_script_of_the_stand_ins_is_read),
                TEST(test_ids_are_read_in_every_plain_writing),
                TEST(test_a_script_that_does_not_speak_of_pkgpanda_names_nothing),
                TEST(test_whatever_else_may_activate_packages_is_an_error_with_its_line),
                TEST(test_pkgpanda_without_a_line_that_activates_is_an_error),
                TEST(test_ids_that_cannot_be_read_for_certain_are_an_error),
                TEST(test_a_nul_byte_anywhere_is_an_error),
                TEST(test_what_is_too_much_is_an_error_and_what_just_fits_is_not),
                TEST(test_a_script_of_four_megabytes_of_anything_is_read_to_its_end),
                TEST(test_a_script_that_is_cut_never_reads_as_the_whole_one),
                TEST(test_rubbish_and_damaged_scripts_are_an_error_or_sane),
                TEST(test_a_difference_names_the_first_few_and_counts_the_rest),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
