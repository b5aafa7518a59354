/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/leftover.h"

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

/* Folders of a node as two activations leave them. */

#define PACKAGES "/opt/mesosphere/packages/"
#define WANTS    "/etc/systemd/system/dcos.target.wants"
#define ETC      "/opt/mesosphere/etc"
#define FILE     ""

typedef struct Lab {
        char top[64];
        char seen[256]; /* names, each with a blank behind it */
} Lab;

/* `target` FILE: no link. */
static void put(const Lab *lab, const char *name, const char *target) {
        char path[256];

        assert_true(text_format(path, sizeof(path), "%s%s", lab->top, name));
        for (char *slash = path + strlen(lab->top) + 1; (slash = strchr(slash, '/')); slash++) {
                *slash = '\0';
                (void) mkdir(path, 0755);
                *slash = '/';
        }

        if (target[0] == '\0') {
                assert_int_equal(file_replace(AT_FDCWD, path, "x", 1, 0644, NULL), 0);
        } else {
                assert_int_equal(symlink(target, path), 0);
        }
}

static int setup(void **state) {
        Lab *lab = calloc(1, sizeof(*lab));

        assert_non_null(lab);
        (void) text_copy(lab->top, sizeof(lab->top), "/dev/shm/test-leftover-XXXXXX");
        assert_non_null(mkdtemp(lab->top));
        *state = lab;
        return 0;
}

static int teardown(void **state) {
        Lab *lab = *state;
        pid_t pid = fork();

        if (pid == 0) {
                (void) execlp("rm", "rm", "-rf", lab->top, NULL);
                _exit(127);
        }
        (void) waitpid(pid, NULL, 0);
        free(lab);
        return 0;
}

static void note(const char *name, void *userdata) {
        Lab *lab = userdata;
        size_t used = strlen(lab->seen);

        assert_true(text_format(lab->seen + used, sizeof(lab->seen) - used, "%s ", name));
}

static const char *look(Lab *lab, const char *folder) {
        lab->seen[0] = '\0';
        leftover_each(lab->top, folder, note, lab);
        return lab->seen;
}

static void test_a_unit_of_the_site_that_is_gone_is_named(void **state) {
        Lab *lab = *state;

        put(lab, PACKAGES "dcos-net--1/dcos.target.wants/dcos-net.service", FILE);
        put(lab, PACKAGES "mesos--1/dcos.target.wants_master/dcos-mesos-master.service", FILE);
        put(lab, WANTS ".old/dcos-net.service", "../dcos-net.service");
        put(lab, WANTS ".old/dcos-mesos-master.service", "../dcos-mesos-master.service");
        put(lab, WANTS ".old/portworx.service", "../portworx.service");
        put(lab, WANTS ".old/backup.service", "/etc/systemd/system/backup.service");
        put(lab, WANTS "/dcos-net.service", "../dcos-net.service");
        put(lab, WANTS "/backup.service", "/etc/systemd/system/backup.service"); /* put back */
        assert_string_equal(look(lab, WANTS), "portworx.service ");
}

static void test_a_file_that_was_put_in_the_place_of_a_package_s_is_named(void **state) {
        Lab *lab = *state;

        put(lab, PACKAGES "dcos-config--1/etc/expanded.config.json", FILE);
        put(lab, PACKAGES "dcos-config--1/etc/mesos-master", FILE);
        put(lab, ETC ".old/expanded.config.json",
            PACKAGES "dcos-config--1/etc/expanded.config.json");
        put(lab, ETC ".old/mesos-master", FILE);
        put(lab, ETC "/mesos-master", PACKAGES "dcos-config--2/etc/mesos-master");
        put(lab, ETC "/expanded.config.json", PACKAGES "dcos-config--2/etc/expanded.config.json");
        assert_string_equal(look(lab, ETC), "mesos-master ");
}

static void test_what_was_put_back_is_not_lost(void **state) {
        Lab *lab = *state;

        put(lab, ETC ".old/mesos-master", FILE);
        put(lab, ETC "/mesos-master", FILE);
        assert_string_equal(look(lab, ETC), "");
}

static void test_where_nothing_was_activated_nothing_was_lost(void **state) {
        Lab *lab = *state;

        assert_string_equal(look(lab, ETC), "");
        put(lab, ETC "/mesos-master", FILE);
        assert_string_equal(look(lab, ETC), "");
}

/* In the middle of an activation there is no new folder to compare with. */
static void test_while_the_new_folder_is_not_there_nothing_is_lost(void **state) {
        Lab *lab = *state;

        put(lab, ETC ".old/mesos-master", FILE);
        assert_string_equal(look(lab, ETC), "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                                test_a_unit_of_the_site_that_is_gone_is_named, setup, teardown),
                cmocka_unit_test_setup_teardown(
                                test_a_file_that_was_put_in_the_place_of_a_package_s_is_named,
                                setup, teardown),
                cmocka_unit_test_setup_teardown(
                                test_what_was_put_back_is_not_lost, setup, teardown),
                cmocka_unit_test_setup_teardown(
                                test_where_nothing_was_activated_nothing_was_lost, setup, teardown),
                cmocka_unit_test_setup_teardown(
                                test_while_the_new_folder_is_not_there_nothing_is_lost, setup,
                                teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
