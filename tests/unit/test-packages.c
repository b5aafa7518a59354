/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/packages.h"

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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"

#define STEP "r1-0123abcd-m1-1"
#define SCRIPT \
        "#!/bin/bash\npkgpanda activate --no-block dcos-config--setup_2b java--1 mesos--2 >&3\n"

/* A node with packages, and the journal of its steps. */
typedef struct Lab {
        char top[64];
        StepJournal *journal;
        Sample sample;
} Lab;

static void make_path(const Lab *lab, const char *name, char path[static 256]) {
        assert_true(text_format(path, 256, "%s/%s", lab->top, name));
        for (char *slash = path + strlen(lab->top) + 1; (slash = strchr(slash, '/')); slash++) {
                *slash = '\0';
                (void) mkdir(path, 0755);
                *slash = '/';
        }
}

static void make(const Lab *lab, const char *name, const char *text) {
        char path[256];

        make_path(lab, name, path);
        assert_int_equal(file_replace(AT_FDCWD, path, text, strlen(text), 0644, NULL), 0);
}

static void make_link(const Lab *lab, const char *name, const char *target) {
        char path[256];

        make_path(lab, name, path);
        (void) unlink(path);
        assert_int_equal(symlink(target, path), 0);
}

static void remove_file(const Lab *lab, const char *name) {
        char path[256];

        make_path(lab, name, path);
        assert_int_equal(unlink(path), 0);
}

/* In the place of whatever version of it was active. */
static void activate(const Lab *lab, const char *id) {
        char name[128], target[128], file[160];

        assert_true(text_format(target, sizeof(target), "/opt/mesosphere/packages/%s", id));
        assert_true(text_format(file, sizeof(file), "%s/pkginfo.json", target + 1));
        assert_true(text_format(name, sizeof(name), "opt/mesosphere/active/%s", id));
        *strstr(name, "--") = '\0';
        make(lab, file, "{}");
        make_link(lab, name, target);
}

static void stage(const Lab *lab, const char *script) {
        Stage order = { .epoch = 1, .size = strlen(script), .timeout = 1 };

        (void) text_copy(order.step, sizeof(order.step), STEP);
        (void) text_copy(order.node, sizeof(order.node), "m1");
        (void) text_copy(order.cluster, sizeof(order.cluster), "prod");
        memset(order.signature, '5', SIGNATURE_TEXT_MAX - 1);
        (void) text_copy(order.from, sizeof(order.from), "2.1.0");
        (void) text_copy(order.to, sizeof(order.to), "2.1.0");
        (void) text_copy(order.url, sizeof(order.url), "http://b/x");
        memset(order.run, 'a', ID_TEXT_MAX - 1);
        digest_bytes(script, strlen(script), order.sha256);
        assert_int_equal(step_journal_put_stage(lab->journal, &order, NULL), 0);
        assert_int_equal(
                        step_journal_put_script(lab->journal, STEP, script, strlen(script), NULL),
                        0);
}

/* As it is after the script: all that it activates is active, and nothing else. */
static int setup(void **state) {
        Lab *lab = calloc(1, sizeof(*lab));
        char path[128];

        assert_non_null(lab);
        (void) text_copy(lab->top, sizeof(lab->top), "/dev/shm/test-packages-XXXXXX");
        assert_non_null(mkdtemp(lab->top));
        assert_true(text_format(path, sizeof(path), "%s/state", lab->top));
        assert_int_equal(step_journal_open(path, &lab->journal, NULL), 0);
        stage(lab, SCRIPT);
        activate(lab, "mesos--2");
        activate(lab, "java--1");
        activate(lab, "dcos-config--setup_2b");
        *state = lab;
        return 0;
}

static int teardown(void **state) {
        Lab *lab = *state;
        pid_t pid;
        int status;

        step_journal_free(lab->journal);
        pid = fork();
        if (pid == 0) {
                (void) execlp("rm", "rm", "-rf", lab->top, NULL);
                _exit(127);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        free(lab);
        return 0;
}

static void ask(Lab *lab, const char *step) {
        lab->sample = sample_make("packages", "");
        packages_ask(lab->journal, lab->top, step, &lab->sample);
}

static void expect(Lab *lab, Verdict verdict, const char *part) {
        ask(lab, STEP);
        if (lab->sample.verdict != verdict || !strstr(lab->sample.reason, part)) {
                fail_msg("%s '%s', want %s '%s'", enum_name(&verdict_names, lab->sample.verdict),
                         lab->sample.reason, enum_name(&verdict_names, verdict), part);
        }
}

static uint64_t number(const Lab *lab, const char *name) {
        uint64_t value = 0;

        assert_true(sample_number(&lab->sample, name, &value));
        return value;
}

static void test_the_packages_of_the_script_and_no_others_pass(void **state) {
        Lab *lab = *state;

        expect(lab, VERDICT_PASS, "");
        assert_string_equal(lab->sample.reason, "");
        assert_int_equal(number(lab, "packages"), 3);
        assert_int_equal(number(lab, "wanted"), 3);
        assert_string_equal(lab->sample.evidence, "dcos-config--setup_2b\njava--1\nmesos--2\n");
}

static void test_an_old_configuration_fails_and_is_named_with_the_one_wanted(void **state) {
        Lab *lab = *state;

        activate(lab, "dcos-config--setup_1a");
        expect(lab, VERDICT_FAIL, "");
        assert_string_equal(
                        lab->sample.reason,
                        "active are 3 packages, the script wants 3; missing: dcos-config--setup_2b; "
                        "not wanted: dcos-config--setup_1a");
        assert_int_equal(number(lab, "missing"), 1);
        assert_int_equal(number(lab, "extra"), 1);
        assert_non_null(
                        strstr(lab->sample.evidence, "missing dcos-config--setup_2b\n"
                                                     "extra dcos-config--setup_1a\n"));
}

static void test_a_package_that_is_not_active_or_not_wanted_fails(void **state) {
        Lab *lab = *state;

        remove_file(lab, "opt/mesosphere/active/java");
        expect(lab, VERDICT_FAIL, "active are 2 packages, the script wants 3; missing: java--1");
        assert_null(strstr(lab->sample.reason, "not wanted"));

        activate(lab, "java--1");
        activate(lab, "swapped-in--9");
        expect(lab, VERDICT_FAIL,
               "active are 4 packages, the script wants 3; not wanted: swapped-in--9");
        assert_null(strstr(lab->sample.reason, "missing"));
}

static void test_an_active_package_that_is_not_on_the_disk_fails(void **state) {
        Lab *lab = *state;

        remove_file(lab, "opt/mesosphere/packages/java--1/pkginfo.json");
        expect(lab, VERDICT_PASS, "");
        {
                char path[256];

                make_path(lab, "opt/mesosphere/packages/java--1", path);
                assert_int_equal(rmdir(path), 0);
        }
        expect(lab, VERDICT_FAIL, "java--1 is active, but not on the disk");
        assert_int_equal(number(lab, "gone"), 1);

        make(lab, "opt/mesosphere/packages/java--1", "no directory");
        expect(lab, VERDICT_FAIL, "java--1 is active, but not on the disk");
}

/* --- nothing to compare with --- */

static void test_without_a_step_or_a_script_or_ids_in_it_it_is_not_checked_and_says_so(
                void **state) {
        Lab *lab = *state;

        ask(lab, "");
        assert_int_equal(lab->sample.verdict, VERDICT_NOT_APPLICABLE);
        assert_string_equal(lab->sample.reason, "no step was run here");
        assert_int_equal(number(lab, "packages"), 3);

        stage(lab, "#!/bin/sh\nexit 0\n");
        expect(lab, VERDICT_NOT_APPLICABLE, "the script of step " STEP " names no packages");

        remove_file(lab, "state/steps/" STEP "/script");
        expect(lab, VERDICT_NOT_APPLICABLE, "the script of step " STEP " was never staged here");

        /* Then it does not matter that the active ones cannot be read either. */
        make(lab, "opt/mesosphere/active/odd", "no link");
        expect(lab, VERDICT_NOT_APPLICABLE, "was never staged here");
}

/* --- what cannot be read --- */

static void test_what_is_away_or_under_way_is_unknown_whatever_was_active(void **state) {
        Lab *lab = *state;
        char path[256], away[256];

        make(lab, "opt/mesosphere/install_progress", "{\"stage\": \"move_new\"}");
        expect(lab, VERDICT_UNKNOWN, "install_progress is there");
        remove_file(lab, "opt/mesosphere/install_progress");
        expect(lab, VERDICT_PASS, "");

        make_path(lab, "opt/mesosphere/active", path);
        make_path(lab, "opt/mesosphere/active.old", away);
        assert_int_equal(rename(path, away), 0);
        expect(lab, VERDICT_UNKNOWN, "cannot open /opt/mesosphere/active");
        make(lab, "opt/mesosphere/active", "no directory");
        expect(lab, VERDICT_UNKNOWN, "cannot open /opt/mesosphere/active");
}

static void test_what_is_no_link_to_a_package_makes_all_unknown(void **state) {
        static const char *const targets[] = {
                "/opt/mesosphere/packages/other--1",
                "/opt/mesosphere/packages/odd",
                "/opt/mesosphere/packages/odd--",
                "/opt/mesosphere/packages/odd--1/bin",
                "/opt/mesosphere/odd--1",
                "../packages/odd--1",
                "odd--1",
                "/",
        };
        Lab *lab = *state;

        for (size_t i = 0; i < ELEMENTSOF(targets); i++) {
                make_link(lab, "opt/mesosphere/active/odd", targets[i]);
                expect(lab, VERDICT_UNKNOWN, "/opt/mesosphere/active/odd");
        }

        remove_file(lab, "opt/mesosphere/active/odd");
        make(lab, "opt/mesosphere/active/odd", "a file");
        expect(lab, VERDICT_UNKNOWN, "cannot read the link /opt/mesosphere/active/odd");
}

static void test_more_packages_than_there_is_room_for_are_unknown(void **state) {
        Lab *lab = *state;
        char name[64], target[64];

        for (unsigned i = 0; i < PACKAGES_MAX - 2; i++) {
                (void) text_format(name, sizeof(name), "opt/mesosphere/active/p%u", i);
                (void) text_format(target, sizeof(target), "/opt/mesosphere/packages/p%u--1", i);
                make_link(lab, name, target);
        }
        expect(lab, VERDICT_UNKNOWN, "there are more than 512 packages");
}

static void test_a_script_that_is_not_the_staged_one_is_unknown(void **state) {
        Lab *lab = *state;

        make(lab, "state/steps/" STEP "/script",
             "#!/bin/bash\npkgpanda activate --no-block dcos-config--setup_1a java--1 mesos--2 >&3\n");
        expect(lab, VERDICT_UNKNOWN, "script has sha256");
        make(lab, "state/steps/" STEP "/script", "#!/bin/bash\npkgpanda activate java--1\n");
        expect(lab, VERDICT_UNKNOWN, "bytes, want");
}

static void test_a_script_that_is_not_understood_is_unknown_with_its_line(void **state) {
        Lab *lab = *state;

        stage(lab, "#!/bin/bash\ndcos-shell pkgpanda activate java--1\n");
        expect(lab, VERDICT_UNKNOWN, "script of step " STEP ": line 2: ");
}

static void test_a_script_that_has_run_and_is_gone_is_unknown(void **state) {
        Lab *lab = *state;

        make(lab, "state/steps/" STEP "/started",
             "boot_id=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nstep=" STEP "\nfence=1\n");
        expect(lab, VERDICT_PASS, "");
        remove_file(lab, "state/steps/" STEP "/script");
        expect(lab, VERDICT_UNKNOWN, "script of step " STEP);
}

static void test_a_step_that_the_journal_does_not_know_or_cannot_read_is_unknown(void **state) {
        Lab *lab = *state;

        ask(lab, "r9-0123abcd-m1-1");
        assert_int_equal(lab->sample.verdict, VERDICT_UNKNOWN);
        assert_string_equal(
                        lab->sample.reason,
                        "step r9-0123abcd-m1-1 is not in the journal of this node");

        make(lab, "state/steps/" STEP "/stage", "{\"step\":");
        expect(lab, VERDICT_UNKNOWN, "'stage'");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_the_packages_of_the_script_and_no_others_pass),
                TEST(test_an_old_configuration_fails_and_is_named_with_the_one_wanted),
                TEST(test_a_package_that_is_not_active_or_not_wanted_fails),
                TEST(test_an_active_package_that_is_not_on_the_disk_fails),
                TEST(test_without_a_step_or_a_script_or_ids_in_it_it_is_not_checked_and_says_so),
                TEST(test_what_is_away_or_under_way_is_unknown_whatever_was_active),
                TEST(test_what_is_no_link_to_a_package_makes_all_unknown),
                TEST(test_more_packages_than_there_is_room_for_are_unknown),
                TEST(test_a_script_that_is_not_the_staged_one_is_unknown),
                TEST(test_a_script_that_is_not_understood_is_unknown_with_its_line),
                TEST(test_a_script_that_has_run_and_is_gone_is_unknown),
                TEST(test_a_step_that_the_journal_does_not_know_or_cannot_read_is_unknown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
