/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-token.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <string.h>

#include "common/text.h"
#include "node-agent/probe/parse-security.h"

/* {"alg":"RS256","typ":"JWT","kid":"example"}, {"uid":"rollpatch","exp":1594896067} */
#define HEADER "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImV4YW1wbGUifQ"
#define CLAIMS "eyJ1aWQiOiJyb2xscGF0Y2giLCJleHAiOjE1OTQ4OTYwNjd9"
#define TOKEN  HEADER "." CLAIMS ".c2lnbmF0dXJl"

static void test_a_token_is_three_parts_of_base64url(void **state) {
        static const char *const bad[] = {
                "",        "a",       "a.b",           ".b.c",   "a..c",    "a.b.",   "a.b.c.",
                "a.b.c.d", "a.b.c\n", "a.b.c\r\nX: y", "a.b.c=", "a b.c.d", "a.b+.c",
        };

        assert_true(token_is_valid(TOKEN));
        assert_true(token_is_valid("a-_Z9.b.c"));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_false(token_is_valid(bad[i]));
}

static void test_the_expiry_is_read_from_the_claims(void **state) {
        uint64_t expiry = 0;

        assert_true(token_get_expiry(TOKEN, &expiry));
        assert_int_equal(expiry, 1594896067);
}

static void test_claims_that_say_no_expiry_give_none(void **state) {
        static const char *const bad[] = {
                HEADER ".e30.x",              /* {} */
                HEADER ".eyJleHAiOi0xfQ.x",   /* {"exp":-1} */
                HEADER ".eyJleHAiOiIxIn0.x",  /* {"exp":"1"} */
                HEADER ".eyJleHAiOjEuNX0.x",  /* {"exp":1.5} */
                HEADER ".eyJleHAiOjFlMzB9.x", /* {"exp":1e30} */
                HEADER ".W10.x",              /* [] */
                HEADER ".eyJleHAiOjE.x",      /* {"exp":1 */
                HEADER ".a.x",                /* no base64 */
                "a.b",
        };
        uint64_t expiry = 7;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_false(token_get_expiry(bad[i], &expiry));

        assert_int_equal(expiry, 7);
}

/* Every text of some length around the longest that is shown, anywhere in a text. */
static void test_no_text_keeps_more_of_a_secret_than_its_beginning(void **state) {
        for (size_t at = 0; at < 40; at++) {
                for (size_t length = 1; length <= strlen(TOKEN); length++) {
                        char text[512];
                        size_t size = at + length + 3;

                        memset(text, 'e', sizeof(text));
                        memcpy(text + at, TOKEN, length);
                        text[at + length] = '!';
                        secret_hide(text, size, TOKEN);

                        assert_int_equal(
                                        memmem(text, size, TOKEN, SECRET_SHOWN_MAX + 1) != NULL, 0);
                        assert_int_equal(text[at + length], '!');
                        if (length <= SECRET_SHOWN_MAX)
                                assert_memory_equal(text + at, TOKEN, length);
                }
        }
}

static void test_a_text_without_the_secret_stays_as_it_is(void **state) {
        char text[] = "eyJhbGciOiJSUzI and the rest";

        secret_hide(text, strlen(text), TOKEN);
        assert_string_equal(text, "eyJhbGciOiJSUzI and the rest");
        secret_hide(text, 0, TOKEN);
}

static int read_security(const char *text, Security *ret) {
        return security_read(text, strlen(text), ret, NULL);
}

static void test_the_security_mode_is_one_of_three_or_unknown(void **state) {
        Security security = SECURITY_STRICT;

        assert_int_equal(
                        read_security("{\"security\":\"permissive\",\"ssl_enabled\":true}",
                                      &security),
                        1);
        assert_int_equal(security, SECURITY_PERMISSIVE);
        assert_int_equal(read_security("{\"security\":\"strict\"}", &security), 1);
        assert_int_equal(security, SECURITY_STRICT);
        assert_int_equal(read_security("{\"security\":\"disabled\"}", &security), 1);
        assert_int_equal(security, SECURITY_OPEN);
        assert_int_equal(read_security("{\"cluster_name\":\"x\"}", &security), 0);

        assert_int_equal(read_security("{\"security\":\"Strict\"}", &security), -EINVAL);
        assert_int_equal(read_security("{\"security\":null}", &security), -EINVAL);
        assert_int_equal(read_security("[]", &security), -EINVAL);
        assert_true(read_security("", &security) < 0);
        assert_true(read_security("{\"security\":\"strict\"", &security) < 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_token_is_three_parts_of_base64url),
                cmocka_unit_test(test_the_expiry_is_read_from_the_claims),
                cmocka_unit_test(test_claims_that_say_no_expiry_give_none),
                cmocka_unit_test(test_no_text_keeps_more_of_a_secret_than_its_beginning),
                cmocka_unit_test(test_a_text_without_the_secret_stays_as_it_is),
                cmocka_unit_test(test_the_security_mode_is_one_of_three_or_unknown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
