/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/secret.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT "eyJhbGciOiJSUzI1NiJ9.e30.cGxhbnRlZA"

/* VmFlags of the mapping that the address is in. */
static void read_flags(const void *address, char flags[static 256]) {
        FILE *file = fopen("/proc/self/smaps", "re");
        bool is_it = false;
        char line[512];

        flags[0] = '\0';
        assert_non_null(file);
        while (fgets(line, sizeof(line), file)) {
                void *begin, *end;

                if (sscanf(line, "%p-%p ", &begin, &end) == 2)
                        is_it = address >= begin && address < end;
                if (is_it && strncmp(line, "VmFlags:", strlen("VmFlags:")) == 0)
                        (void) snprintf(flags, 256, "%.255s", line);
        }
        (void) fclose(file);
}

static void test_a_secret_is_in_memory_that_is_locked_not_dumped_and_only_read(void **state) {
        AUTO(Secret) *secret = NULL;
        char flags[256];

        assert_int_equal(secret_new(TEXT, &secret, NULL), 0);
        assert_string_equal(secret_text(secret), TEXT);
        read_flags(secret_text(secret), flags);
#ifndef __SANITIZE_ADDRESS__ /* which makes locking do nothing */
        assert_non_null(strstr(flags, " lo"));
#endif
        assert_non_null(strstr(flags, " dd"));
        assert_null(strstr(flags, " wr"));
}

/* Whatever its length: the sanitizers look on. */
static void test_a_secret_of_any_length_comes_back(void **state) {
        for (size_t length = 0; length < 64; length++) {
                AUTO(Secret) *secret = NULL;
                char text[64] = "";

                memset(text, 'x', length);
                assert_int_equal(secret_new(text, &secret, NULL), 0);
                assert_int_equal((uintptr_t) secret % sizeof(size_t), 0);
                assert_true(secret_equals(secret, text));
        }
}

static void test_only_the_same_text_equals_it(void **state) {
        AUTO(Secret) *secret = NULL;

        assert_int_equal(secret_new(TEXT, &secret, NULL), 0);
        assert_true(secret_equals(secret, TEXT));
        assert_false(secret_equals(secret, TEXT "x"));
        assert_false(secret_equals(secret, "x" TEXT));
        assert_false(secret_equals(secret, ""));
        assert_false(secret_equals(NULL, TEXT));
        assert_null(secret_text(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(
                                test_a_secret_is_in_memory_that_is_locked_not_dumped_and_only_read),
                cmocka_unit_test(test_a_secret_of_any_length_comes_back),
                cmocka_unit_test(test_only_the_same_text_equals_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
