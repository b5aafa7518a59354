/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base64.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/macro.h"

/* The examples of RFC 4648, section 10. */
static const struct {
        const char *bytes;
        const char *text;
} examples[] = {
        { "", "" },
        { "f", "Zg==" },
        { "fo", "Zm8=" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" },
        { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" },
};

static void test_the_published_examples_are_right_both_ways(void **state) {
        char text[32], bytes[32];
        size_t size;

        for (size_t i = 0; i < ELEMENTSOF(examples); i++) {
                base64_encode(examples[i].bytes, strlen(examples[i].bytes), text);
                assert_string_equal(text, examples[i].text);
                assert_true(base64_decode(text, bytes, sizeof(bytes), &size));
                assert_int_equal(size, strlen(examples[i].bytes));
                assert_memory_equal(bytes, examples[i].bytes, size);
        }
}

static void test_every_byte_survives_at_every_length(void **state) {
        unsigned char bytes[256], back[256];
        char text[BASE64_TEXT_MAX(sizeof(bytes))];
        size_t size;

        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = (unsigned char) (255 - i);

        for (size_t length = 0; length <= sizeof(bytes); length++) {
                base64_encode(bytes, length, text);
                assert_int_equal(strlen(text), BASE64_TEXT_MAX(length) - 1);
                assert_true(base64_decode(text, back, sizeof(back), &size));
                assert_int_equal(size, length);
                assert_memory_equal(back, bytes, length);
        }
}

static void test_anything_else_is_refused(void **state) {
        static const char *const texts[] = { "Zg",    "Zg=",  "Zg==x", "Zm9v\n",
                                             " Zm9v", "Zm-v", "Z===",  "=" };
        char bytes[32];
        size_t size;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                if (base64_decode(texts[i], bytes, sizeof(bytes), &size))
                        fail_msg("'%s' was taken", texts[i]);
        }
}

static void test_more_bytes_than_there_is_room_for_are_refused(void **state) {
        char bytes[5];
        size_t size;

        assert_true(base64_decode("Zm9vYmE=", bytes, 5, &size));
        assert_false(base64_decode("Zm9vYmE=", bytes, 4, &size));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_published_examples_are_right_both_ways),
                cmocka_unit_test(test_every_byte_survives_at_every_length),
                cmocka_unit_test(test_anything_else_is_refused),
                cmocka_unit_test(test_more_bytes_than_there_is_room_for_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
