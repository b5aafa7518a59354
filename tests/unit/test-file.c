/* SPDX-License-Identifier: Apache-2.0 */
#include "common/file.h"

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
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/text.h"

#define NOBODY 65534

typedef struct Place {
        char path[64];
        int fd;
} Place;

static int set_up(void **state) {
        static Place place;

        (void) snprintf(place.path, sizeof(place.path), "/tmp/test-file-XXXXXX");
        if (!mkdtemp(place.path) || chmod(place.path, 0755) < 0)
                return -1;

        place.fd = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        *state = &place;
        return place.fd < 0 ? -1 : 0;
}

static int tear_down(void **state) {
        static const char *const files[] = { "a", "a.tmp", "b", "dir/a", "link" };
        Place *place = *state;

        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                (void) unlinkat(place->fd, files[i], 0);

        (void) unlinkat(place->fd, "dir", AT_REMOVEDIR);
        (void) close(place->fd);
        return rmdir(place->path);
}

static bool exists(const Place *place, const char *name) {
        return faccessat(place->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void put(const Place *place, const char *name, const char *text) {
        auto_close int fd = openat(place->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void assert_content(const Place *place, const char *name, const char *want) {
        auto_free char *text = NULL;

        assert_int_equal(file_read(place->fd, name, 1 << 20, &text, NULL, NULL), 0);
        assert_string_equal(text, want);
}

/* --- reading --- */

static void test_the_whole_file_is_read_and_terminated(void **state) {
        auto_free char *text = NULL, *empty = NULL;
        size_t size = 99;

        put(*state, "a", "content");
        assert_int_equal(file_read(((Place *) *state)->fd, "a", 100, &text, &size, NULL), 0);
        assert_int_equal(size, 7);
        assert_string_equal(text, "content");

        put(*state, "b", "");
        assert_int_equal(file_read(((Place *) *state)->fd, "b", 0, &empty, &size, NULL), 0);
        assert_int_equal(size, 0);
        assert_string_equal(empty, "");
}

static void test_a_file_of_exactly_the_limit_is_read_and_one_byte_more_is_not(void **state) {
        const Place *place = *state;
        auto_free char *text = NULL;
        char same[] = "same", *none = same;
        size_t size = 7;
        Error error = {};

        put(place, "a", "12345");
        assert_int_equal(file_read(place->fd, "a", 5, &text, NULL, NULL), 0);
        assert_string_equal(text, "12345");

        assert_int_equal(file_read(place->fd, "a", 4, &none, &size, &error), -EMSGSIZE);
        assert_int_equal(error.code, ERROR_TOO_BIG);
        assert_string_equal(error.text, "'a' is more than 4 bytes");
        assert_ptr_equal(none, same);
        assert_int_equal(size, 7);
}

static void test_a_large_file_is_read_in_many_pieces(void **state) {
        const Place *place = *state;
        auto_free char *want = malloc(300001), *text = NULL;
        size_t size = 0;

        assert_non_null(want);
        memset(want, 'x', 300000);
        want[300000] = '\0';
        put(place, "a", want);
        assert_int_equal(file_read(place->fd, "a", 300000, &text, &size, NULL), 0);
        assert_int_equal(size, 300000);
        assert_string_equal(text, want);
}

/* Such files say that they are empty. */
static void test_a_file_that_lies_about_its_size_is_still_bounded(void **state) {
        auto_free char *text = NULL;
        char *none = NULL;

        assert_int_equal(file_read(AT_FDCWD, "/proc/self/stat", 1 << 16, &text, NULL, NULL), 0);
        assert_true(strlen(text) > 10);
        assert_int_equal(file_read(AT_FDCWD, "/proc/self/stat", 3, &none, NULL, NULL), -EMSGSIZE);
        assert_null(none);
}

static void test_a_file_that_is_not_there_is_not_found(void **state) {
        const Place *place = *state;
        char *none = NULL;
        Error error = {};

        assert_int_equal(file_read(place->fd, "a", 9, &none, NULL, &error), -ENOENT);
        assert_int_equal(error.code, ERROR_NOT_FOUND);
        assert_non_null(strstr(error.text, "'a'"));
}

static void test_only_regular_files_are_read_and_no_link_is_followed(void **state) {
        const Place *place = *state;
        char *none = NULL;
        Error error = {};

        put(place, "b", "secret");
        assert_int_equal(symlinkat("b", place->fd, "link"), 0);
        assert_int_equal(file_read(place->fd, "link", 9, &none, NULL, &error), -EINVAL);
        assert_non_null(strstr(error.text, "symbolic link"));

        /* Nobody writes to it: this must not wait. */
        assert_int_equal(mkfifoat(place->fd, "a", 0600), 0);
        assert_int_equal(file_read(place->fd, "a", 9, &none, NULL, &error), -EINVAL);
        assert_non_null(strstr(error.text, "not a regular file"));

        assert_int_equal(file_read(AT_FDCWD, place->path, 9, &none, NULL, &error), -EINVAL);
        assert_int_equal(file_read(AT_FDCWD, "/dev/zero", 9, &none, NULL, &error), -EINVAL);
        assert_null(none);
}

static void test_a_nul_byte_is_only_for_those_who_ask_for_the_size(void **state) {
        const Place *place = *state;
        auto_free char *text = NULL;
        char *none = NULL;
        size_t size = 0;

        assert_int_equal(file_replace(place->fd, "a", "x\0y", 3, 0644, NULL), 0);
        assert_int_equal(file_read(place->fd, "a", 9, &none, NULL, NULL), -EINVAL);
        assert_null(none);
        assert_int_equal(file_read(place->fd, "a", 9, &text, &size, NULL), 0);
        assert_int_equal(size, 3);
        assert_memory_equal(text, "x\0y", 4);
}

/* --- reading secrets --- */

static int read_secret(const Place *place, const char *name, Error *error) {
        size_t size = 4711;
        char buffer[7];
        int r;

        r = file_read_private(place->fd, name, buffer, sizeof(buffer), &size, error);
        if (r < 0) {
                assert_int_equal(size, 4711);
        } else {
                assert_memory_equal(buffer, "secret!", size);
        }

        return r;
}

static void test_a_secret_is_read_when_nobody_else_can(void **state) {
        const Place *place = *state;

        put(place, "a", "secret");
        assert_int_equal(fchmodat(place->fd, "a", 0600, 0), 0);
        assert_int_equal(read_secret(place, "a", NULL), 0);
        assert_int_equal(fchmodat(place->fd, "a", 0400, 0), 0);
        assert_int_equal(read_secret(place, "a", NULL), 0);

        put(place, "b", "secret!");
        assert_int_equal(fchmodat(place->fd, "b", 0600, 0), 0);
        assert_int_equal(read_secret(place, "b", NULL), 0);
}

static void test_a_secret_that_anybody_else_may_touch_is_refused(void **state) {
        const Place *place = *state;
        Error error = {};

        put(place, "a", "secret");
        for (mode_t bit = 1; bit <= 040; bit <<= 1) {
                assert_int_equal(fchmodat(place->fd, "a", 0600 | bit, 0), 0);
                assert_int_equal(read_secret(place, "a", &error), -EACCES);
                assert_int_equal(error.code, ERROR_DENIED);
        }

        assert_int_equal(fchmodat(place->fd, "a", 0644, 0), 0);
        (void) read_secret(place, "a", &error);
        assert_string_equal(error.text, "'a' has mode 0644, want 0600: others may know its secret");
}

static void test_a_secret_of_another_user_is_refused(void **state) {
        const Place *place = *state;
        Error error = {};

        put(place, "a", "secret");
        assert_int_equal(fchmodat(place->fd, "a", 0600, 0), 0);
        if (fchownat(place->fd, "a", NOBODY, NOBODY, 0) < 0)
                skip();

        assert_int_equal(read_secret(place, "a", &error), -EACCES);
        assert_string_equal(error.text, "'a' belongs to user 65534, want 0");
}

static void test_a_secret_must_be_a_file_of_its_size(void **state) {
        const Place *place = *state;
        Error error = {};

        assert_int_equal(read_secret(place, "a", &error), -ENOENT);
        assert_int_equal(error.code, ERROR_NOT_FOUND);

        put(place, "b", "secret!!");
        assert_int_equal(fchmodat(place->fd, "b", 0600, 0), 0);
        assert_int_equal(read_secret(place, "b", &error), -EMSGSIZE);
        assert_string_equal(error.text, "'b' is more than 7 bytes");

        put(place, "b", "secret");
        assert_int_equal(symlinkat("b", place->fd, "link"), 0);
        assert_int_equal(read_secret(place, "b", NULL), 0);
        assert_int_equal(read_secret(place, "link", &error), -EINVAL);
        assert_non_null(strstr(error.text, "symbolic link"));

        /* Nobody writes to it: this must not wait. */
        assert_int_equal(mkfifoat(place->fd, "a", 0600), 0);
        assert_int_equal(read_secret(place, "a", &error), -EINVAL);
}

/* --- writing --- */

static void test_replacing_makes_and_replaces(void **state) {
        const Place *place = *state;

        assert_int_equal(file_replace(place->fd, "a", "one", 3, 0644, NULL), 0);
        assert_content(place, "a", "one");
        assert_int_equal(file_replace(place->fd, "a", "second", 6, 0644, NULL), 0);
        assert_content(place, "a", "second");
        assert_int_equal(file_replace(place->fd, "a", "", 0, 0644, NULL), 0);
        assert_content(place, "a", "");
        assert_false(exists(place, "a.tmp"));
}

static void test_a_path_may_lead_to_the_name(void **state) {
        const Place *place = *state;
        char path[128];

        assert_int_equal(mkdirat(place->fd, "dir", 0755), 0);
        assert_int_equal(file_replace(place->fd, "dir/a", "x", 1, 0644, NULL), 0);
        assert_content(place, "dir/a", "x");

        (void) snprintf(path, sizeof(path), "%s/dir/a", place->path);
        assert_int_equal(file_replace(AT_FDCWD, path, "y", 1, 0644, NULL), 0);
        assert_content(place, "dir/a", "y");
        assert_false(exists(place, "dir/a.tmp"));
}

static void test_the_mode_is_the_one_asked_for(void **state) {
        const Place *place = *state;
        mode_t mask = umask(0077);
        struct stat st = {};

        assert_int_equal(file_replace(place->fd, "a", "x", 1, 0644, NULL), 0);
        (void) umask(mask);
        assert_int_equal(fstatat(place->fd, "a", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0644);

        assert_int_equal(file_replace(place->fd, "a", "x", 1, 0600, NULL), 0);
        assert_int_equal(fstatat(place->fd, "a", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_what_a_dead_writer_left_does_no_harm(void **state) {
        const Place *place = *state;

        put(place, "a.tmp", "half of it, and much longer than what comes now");
        assert_int_equal(file_replace(place->fd, "a", "x", 1, 0644, NULL), 0);
        assert_content(place, "a", "x");
        assert_false(exists(place, "a.tmp"));

        put(place, "a.tmp", "half");
        assert_int_equal(file_create(place->fd, "b", "y", 1, 0644, NULL), 0);
        assert_content(place, "b", "y");
}

static void test_a_planted_link_is_not_written_through(void **state) {
        const Place *place = *state;

        put(place, "b", "precious");
        assert_int_equal(symlinkat("b", place->fd, "a.tmp"), 0);
        assert_int_equal(file_replace(place->fd, "a", "x", 1, 0644, NULL), 0);
        assert_content(place, "b", "precious");
        assert_content(place, "a", "x");
}

static void test_creating_never_replaces(void **state) {
        const Place *place = *state;
        Error error = {};

        assert_int_equal(file_create(place->fd, "a", "one", 3, 0600, NULL), 0);
        assert_content(place, "a", "one");
        assert_false(exists(place, "a.tmp"));

        assert_int_equal(file_create(place->fd, "a", "two", 3, 0600, &error), -EEXIST);
        assert_int_equal(error.code, ERROR_CONFLICT);
        assert_content(place, "a", "one");
        assert_false(exists(place, "a.tmp"));
}

static void test_creating_does_not_follow_a_dangling_link(void **state) {
        const Place *place = *state;

        assert_int_equal(symlinkat("b", place->fd, "a"), 0);
        assert_int_equal(file_create(place->fd, "a", "x", 1, 0600, NULL), -EEXIST);
        assert_false(exists(place, "b"));
}

static void test_names_that_are_none_are_refused(void **state) {
        static const char *const bad[] = { "", ".", "..", "dir/", "/", "x/.." };
        const Place *place = *state;
        char longest[NAME_MAX - 3], longer[NAME_MAX - 2];

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                assert_int_equal(file_replace(place->fd, bad[i], "x", 1, 0600, NULL), -EINVAL);
                assert_int_equal(file_create(place->fd, bad[i], "x", 1, 0600, NULL), -EINVAL);
        }

        /* There must be room for ".tmp". */
        memset(longest, 'a', sizeof(longest));
        longest[sizeof(longest) - 1] = '\0';
        assert_int_equal(file_replace(place->fd, longest, "x", 1, 0600, NULL), 0);
        assert_int_equal(unlinkat(place->fd, longest, 0), 0);

        memset(longer, 'a', sizeof(longer));
        longer[sizeof(longer) - 1] = '\0';
        assert_int_equal(file_replace(place->fd, longer, "x", 1, 0600, NULL), -EINVAL);
}

/* --- failures --- */

typedef int (*Writer)(int, const char *, const void *, size_t, mode_t, Error *);
static const Writer writers[] = { file_replace, file_create };

static void test_a_file_that_grows_too_large_leaves_the_old_one(void **state) {
        const Place *place = *state;
        struct rlimit before = {}, limit;
        static char data[10000];

        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(
                        sigaction(SIGXFSZ, &(struct sigaction) { .sa_handler = SIG_IGN }, NULL), 0);
        put(place, "a", "old");
        memset(data, 'x', sizeof(data));

        /* Part of it can be written. */
        limit = before;
        limit.rlim_cur = 5000;
        for (size_t i = 0; i < ELEMENTSOF(writers); i++) {
                Error error = {};
                int r;

                assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
                r = writers[i](place->fd, "a", data, sizeof(data), 0600, &error);
                assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);

                assert_int_equal(r, -EMSGSIZE);
                assert_content(place, "a", "old");
                assert_false(exists(place, "a.tmp"));
        }
}

static void test_a_directory_that_may_not_be_written_keeps_what_it_has(void **state) {
        const Place *place = *state;

        put(place, "a", "old");
        assert_int_equal(fchmod(place->fd, 0555), 0);

        for (size_t i = 0; i < ELEMENTSOF(writers); i++) {
                bool root = geteuid() == 0;
                Error error = {};
                int r;

                assert_true(!root || seteuid(NOBODY) == 0);
                r = writers[i](place->fd, "a", "new", 3, 0600, &error);
                assert_true(!root || seteuid(0) == 0);

                assert_int_equal(r, -EACCES);
                assert_int_equal(error.code, ERROR_DENIED);
                assert_content(place, "a", "old");
                assert_false(exists(place, "a.tmp"));
        }

        assert_int_equal(fchmod(place->fd, 0755), 0);
}

static void test_a_full_disk_keeps_what_it_has(void **state) {
        const Place *place = *state;
        auto_close int fd = -EBADF;
        Place full = {};
        static char data[64 * 1024];

        assert_int_equal(mkdirat(place->fd, "dir", 0755), 0);
        assert_true(text_format(full.path, sizeof(full.path), "%s/dir", place->path));

        /* A file system of our own, 16 KiB large, that goes away with this process. */
        if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("none", full.path, "tmpfs", 0, "size=16k") < 0)
                skip();

        fd = open(full.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        full.fd = fd;
        put(&full, "a", "old");
        memset(data, 'x', sizeof(data));

        for (size_t i = 0; i < ELEMENTSOF(writers); i++) {
                Error error = {};

                assert_int_equal(writers[i](fd, "a", data, sizeof(data), 0600, &error), -ENOSPC);
                assert_int_equal(error.code, ERROR_NO_SPACE);
                assert_content(&full, "a", "old");
                assert_false(exists(&full, "a.tmp"));
        }

        assert_int_equal(umount2(full.path, MNT_DETACH), 0);
}

static void test_a_directory_under_the_name_is_not_replaced(void **state) {
        const Place *place = *state;

        assert_int_equal(mkdirat(place->fd, "dir", 0755), 0);
        assert_true(file_replace(place->fd, "dir", "x", 1, 0600, NULL) < 0);
        assert_false(exists(place, "dir.tmp"));
        assert_int_equal(file_create(place->fd, "dir", "x", 1, 0600, NULL), -EEXIST);
        assert_false(exists(place, "dir.tmp"));
}

static void test_a_directory_that_is_missing_is_said_so(void **state) {
        const Place *place = *state;
        Error error = {};

        assert_int_equal(file_replace(place->fd, "dir/a", "x", 1, 0600, &error), -ENOENT);
        assert_int_equal(error.code, ERROR_NOT_FOUND);
}

/* --- directories --- */

static void test_a_directory_is_made_once_and_opened_ever_after(void **state) {
        const Place *place = *state;
        mode_t mask = umask(0077);
        struct stat st = {};

        for (unsigned i = 0; i < 2; i++) {
                auto_close int fd = -EBADF;

                assert_int_equal(dir_open(place->fd, "dir", 0750, &fd, NULL), 0);
                assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
                assert_int_equal(fstat(fd, &st), 0);
                assert_int_equal(st.st_mode & 07777, 0750);
                assert_int_equal(dir_sync(fd, NULL), 0);
        }

        (void) umask(mask);
}

static void test_what_is_no_directory_is_not_opened(void **state) {
        const Place *place = *state;
        int fd = 7;

        put(place, "a", "file");
        assert_true(dir_open(place->fd, "a", 0750, &fd, NULL) < 0);

        assert_int_equal(symlinkat("/tmp", place->fd, "link"), 0);
        assert_true(dir_open(place->fd, "link", 0750, &fd, NULL) < 0);
        assert_int_equal(dir_open(place->fd, "dir/inner", 0750, &fd, NULL), -ENOENT);
        assert_int_equal(fd, 7);
}

static void test_syncing_what_is_no_descriptor_fails(void **state) {
        Error error = {};

        assert_true(dir_sync(-EBADF, &error) < 0);
        assert_int_not_equal(error.code, ERROR_NONE);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                                test_the_whole_file_is_read_and_terminated, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_file_of_exactly_the_limit_is_read_and_one_byte_more_is_not,
                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_large_file_is_read_in_many_pieces, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_file_that_lies_about_its_size_is_still_bounded, set_up,
                                tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_file_that_is_not_there_is_not_found, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_only_regular_files_are_read_and_no_link_is_followed, set_up,
                                tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_nul_byte_is_only_for_those_who_ask_for_the_size, set_up,
                                tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_secret_is_read_when_nobody_else_can, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_secret_that_anybody_else_may_touch_is_refused, set_up,
                                tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_secret_of_another_user_is_refused, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_secret_must_be_a_file_of_its_size, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_replacing_makes_and_replaces, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_path_may_lead_to_the_name, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_the_mode_is_the_one_asked_for, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_what_a_dead_writer_left_does_no_harm, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_planted_link_is_not_written_through, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_creating_never_replaces, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_creating_does_not_follow_a_dangling_link, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_names_that_are_none_are_refused, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_file_that_grows_too_large_leaves_the_old_one, set_up,
                                tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_directory_that_may_not_be_written_keeps_what_it_has, set_up,
                                tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_full_disk_keeps_what_it_has, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_directory_under_the_name_is_not_replaced, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_directory_that_is_missing_is_said_so, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_directory_is_made_once_and_opened_ever_after, set_up,
                                tear_down),
                cmocka_unit_test_setup_teardown(
                                test_what_is_no_directory_is_not_opened, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_syncing_what_is_no_descriptor_fails, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
