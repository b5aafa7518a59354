/* SPDX-License-Identifier: Apache-2.0 */
#include "common/digest.h"

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
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"

// clang-format off
/* FIPS 180-2 appendix B, and the digest of nothing. */
static const struct { const char *text, *digest; } vectors[] = {
        { "",
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc",
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
};
// clang-format on
static const char million[] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

static int make_file(const void *data, size_t size) {
        int fd = memfd_create("digest", MFD_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, data, size), size);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        return fd;
}

static void test_known_texts_have_known_digests(void **state) {
        char digest[DIGEST_TEXT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(vectors); i++) {
                auto_close int fd = make_file(vectors[i].text, strlen(vectors[i].text));
                uint64_t size = 99;

                digest_bytes(vectors[i].text, strlen(vectors[i].text), digest);
                assert_string_equal(digest, vectors[i].digest);

                memset(digest, 'x', sizeof(digest));
                assert_int_equal(digest_fd(fd, digest, &size, NULL), 0);
                assert_string_equal(digest, vectors[i].digest);
                assert_true(size == strlen(vectors[i].text));
        }
}

static void test_a_file_of_many_blocks(void **state) {
        auto_free char *text = malloc(1000000);
        char digest[DIGEST_TEXT_MAX];
        auto_close int fd = -EBADF;
        uint64_t size = 0;

        assert_non_null(text);
        memset(text, 'a', 1000000);
        fd = make_file(text, 1000000);

        assert_int_equal(digest_fd(fd, digest, &size, NULL), 0);
        assert_string_equal(digest, million);
        assert_true(size == 1000000);
}

static void test_it_begins_where_the_file_stands(void **state) {
        auto_close int fd = make_file("xxabc", 5);
        char digest[DIGEST_TEXT_MAX];

        assert_int_equal(lseek(fd, 2, SEEK_SET), 2);
        assert_int_equal(digest_fd(fd, digest, NULL, NULL), 0);
        assert_string_equal(digest, vectors[1].digest);
}

static void test_a_file_that_cannot_be_read_changes_nothing(void **state) {
        auto_close int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        char digest[DIGEST_TEXT_MAX] = "same";
        uint64_t size = 7;
        Error error = {};

        assert_true(fd >= 0);
        assert_true(digest_fd(fd, digest, &size, &error) < 0);
        assert_string_equal(digest, "same");
        assert_true(size == 7);
        assert_int_not_equal(error.code, ERROR_NONE);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_known_texts_have_known_digests),
                cmocka_unit_test(test_a_file_of_many_blocks),
                cmocka_unit_test(test_it_begins_where_the_file_stands),
                cmocka_unit_test(test_a_file_that_cannot_be_read_changes_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
