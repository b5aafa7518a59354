/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redact.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/macro.h"
#include "common/span.h"

/* "PLANTED" is the secret, in whatever it stands; all the rest must stay. */
static const struct {
        const char *text, *want;
} cases[] = {
        { "password=PLANTED next", "password=[removed] next" },
        { "DB_PASSWORD: PLANTED", "DB_PASSWORD: [removed]" },
        { "exhibitor_admin_password: 'PLANTED with a blank', x",
          "exhibitor_admin_password: '[removed]', x" },
        { "{\"token\": \"PLANTED\", \"uid\": \"bob\"}",
          "{\"token\": \"[removed]\", \"uid\": \"bob\"}" },
        { "{\\\"token\\\": \\\"PLANTED\\\"}", "{\\\"token\\\": \\\"[removed]\\\"}" },
        { "\"secret\":\"PLAN\\\"TED\",\"a\":1", "\"secret\":\"[removed]\",\"a\":1" },
        { "run --password PLANTED --user x", "run --password [removed] --user x" },
        { "--auth-token=PLANTED", "--auth-token=[removed]" },
        { "Authorization: token=PLANTED\nHost: a", "Authorization: [removed]\nHost: a" },
        { "curl -H 'Authorization: Bearer PLANTED and more' http://a",
          "curl -H 'Authorization: [removed]' http://a" },
        { "sent Bearer PLANTEDPLANTED to it", "sent Bearer [removed] to it" },
        { "got eyJhbGciOiJIUzI1NiJ9.eyJQTEFOVEVEIjoxfQ.c2lnbmF0dXJl here", "got [removed] here" },
        { "zk://admin:PLANTED@10.0.0.1:2181/x", "zk://admin:[removed]@10.0.0.1:2181/x" },
        { "a\n-----BEGIN RSA PRIVATE KEY-----\nPLANTED\n-----END RSA PRIVATE KEY-----\nb",
          "a\n[removed]\nb" },
        { "-----BEGIN PRIVATE KEY-----\\nPLANTED\\n-----END PRIVATE KEY-----\",", "[removed]\"," },
        { "-----BEGIN EC PRIVATE KEY-----\nPLANTED and no end", "[removed]" },
        { "superuser $6$rounds=656000$PLANTED$PLANTEDPLANTED end", "superuser [removed] end" },
        { "key AKIAPLANTEDPLANTED00 end", "key [removed] end" },
        { "aws_secret_access_key = PLANTED", "aws_secret_access_key = [removed]" },
        { "Cookie: dcos-acs-auth-cookie=PLANTED", "Cookie: [removed]" },
        { "DB_PASS=PLANTED", "DB_PASS=[removed]" },
        { "MYSQL_PWD=PLANTED mysql", "MYSQL_PWD=[removed] mysql" },
        { "MYSQL_PWD=/PLANTED", "MYSQL_PWD=[removed]" },
        { "{\"user\":\"bob\",\"pass\":\"PLANTED\"}", "{\"user\":\"bob\",\"pass\":\"[removed]\"}" },
        { "pass: PLANTED", "pass: [removed]" },
        { "userPass2=PLANTED", "userPass2=[removed]" },
        { "--db-pass PLANTED", "--db-pass [removed]" },
        { "curl -u admin:PLANTED http://a", "curl -u admin:[removed] http://a" },
        { "curl -uadmin:PLANTED http://a", "curl -uadmin:[removed] http://a" },
        { "curl --user 'admin:PLANTED PLANTED' http://a",
          "curl --user 'admin:[removed]' http://a" },
        { "curl --proxy-user=admin:PLANTED http://a",
          "curl --proxy-user=admin:[removed] http://a" },
        { "[\"curl\", \"-u\", \"admin:PLANTED\", \"a\"]",
          "[\"curl\", \"-u\", \"admin:[removed]\", \"a\"]" },
        { "{\\\"a\\\":\\\"-u admin:PLANTED\\\"}", "{\\\"a\\\":\\\"-u admin:[removed]\\\"}" },
        { "[\"--token\", \"PLANTED\"]", "[\"--token\", \"[removed]\"]" },
        { "[\"--token\",\"PLANTED\", \"b\"]", "[\"--token\",\"[removed]\", \"b\"]" },
        { "'--token' 'PLANTED' b", "'--token' '[removed]' b" },
        { "[\\\"--token\\\", \\\"PLANTED\\\"]", "[\\\"--token\\\", \\\"[removed]\\\"]" },
        { "[\"--token\",\n \"PLANTED\"]", "[\"--token\",\n \"[removed]\"]" },
        { "password: ab,PLANTED", "password: [removed]" },
        { "password=ab;PLANTED&PLANTED}PLANTED x", "password=[removed] x" },
        { "{password: ab,PLANTED, user: bob}", "{password: [removed], user: bob}" },
        { "password=PLANTED,user=bob", "password=[removed],user=bob" },
        { "{\"m\":\"password=PLANTED\",\"n\":1}", "{\"m\":\"password=[removed]\",\"n\":1}" },
        { "{\\\"m\\\":\\\"password=PLANTED\\\"}", "{\\\"m\\\":\\\"password=[removed]\\\"}" },
        { "{\\\"secret\\\":\\\"a\\\\\\\"PLANTED\\\"}", "{\\\"secret\\\":\\\"[removed]\\\"}" },
        { "\"secret\":\"a\\\\\",\"b\":1", "\"secret\":\"[removed]\",\"b\":1" },
        { "a b\nMIIEpAIBAAKCAQEAPLANTEDPLANTEDPLANTEDPLANTEDPLANTEDPLANTEDPLANTED\nPLANTEDPLANTED==\n-----END RSA PRIVATE KEY-----\nc",
          "a b\n[removed]\nc" },
        { "T1 u: started\nT1 u: MIIEpAIBAAKCAQEAPLANTEDPLANTEDPLANTEDPLANTEDPLANTEDPLANTEDPLANTED\nT1 u: PLANTED=\nT1 u: -----END PRIVATE KEY-----\nT2 u: c",
          "T1 u: started\nT1 u: [removed]\nT2 u: c" },
        { "MIIEpAIBAAKCAQEAPLANTEDPLANTEDPLANTEDPLANTEDPLANTEDPLANTEDPLANTED\\nPLANTED\\n-----END PRIVATE KEY-----\\n\"",
          "[removed]\\n\"" },
        { "PLANTED\n-----END EC PRIVATE KEY-----", "[removed]" },
        { "MIIEpAIBAAKCAQEAPLANTEDPLANTEDPLANTEDPLANTEDPLANTEDPLANTEDPLANTED\r\nPLANTED\r\n-----END PRIVATE KEY-----\r\n",
          "[removed]\r\n" },

        /* is none */
        { "the token was refused", "the token was refused" },
        { "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----",
          "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----" },
        { "http://10.0.0.1:5050/metrics/snapshot", "http://10.0.0.1:5050/metrics/snapshot" },
        { "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
          "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" },
        { "costs $5 and $600", "costs $5 and $600" },
        { "eyJust a word", "eyJust a word" },
        { "PWD=/root OLDPWD=/tmp", "PWD=/root OLDPWD=/tmp" },
        { "bypass=true", "bypass=true" },
        { "compass: north", "compass: north" },
        { "pass_through=3 passive: yes", "pass_through=3 passive: yes" },
        { "PASS: test-walk", "PASS: test-walk" },
        { "the second pass took 3 s", "the second pass took 3 s" },
        { "docker run -u 1000:1000 image", "docker run -u 1000:1000 image" },
        { "docker run --user 0:0 image", "docker run --user 0:0 image" },
        { "systemctl --user status: none", "systemctl --user status: none" },
        { "journalctl -u dcos-net.service: no entries",
          "journalctl -u dcos-net.service: no entries" },
        { "curl -u http://a:80/b", "curl -u http://a:80/b" },
        { "--username=bob:x", "--username=bob:x" },
        { "MII\n-----END CERTIFICATE-----\nb", "MII\n-----END CERTIFICATE-----\nb" },
        { "a, b; c & d", "a, b; c & d" },
        { "options are --user, --verbose", "options are --user, --verbose" },
        { "", "" },
};

static void test_secrets_are_taken_out_and_nothing_else(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                size_t size = 0;
                auto_free char *seen = redact(cases[i].text, strlen(cases[i].text), &size);

                assert_non_null(seen);
                assert_string_equal(seen, cases[i].want);
                assert_int_equal(size, strlen(seen));
                assert_null(strstr(seen, "PLANTED"));
        }
}

/* A copy of exactly that size, so that the sanitizer sees who reads one byte more. */
static void test_a_text_that_is_cut_anywhere_is_read_to_its_end_and_no_further(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                for (size_t size = 0; size <= strlen(cases[i].text); size++) {
                        auto_free char *copy = malloc(size + !size);
                        auto_free char *seen = NULL;

                        memcpy(copy, cases[i].text, size);
                        seen = redact(copy, size, NULL);
                        assert_non_null(seen);
                }
        }
}

static void test_many_short_secrets_fit(void **state) {
        char text[4096];
        auto_free char *seen = NULL;
        size_t size = 0;

        for (size_t i = 0; i < sizeof(text); i++)
                text[i] = "psk=a\n"[i % 6];

        seen = redact(text, sizeof(text) / 6 * 6, &size);
        assert_non_null(seen);
        assert_int_equal(size, strlen(seen));
        assert_null(strstr(seen, "=a"));
}

static void test_in_place_a_longer_text_is_cut(void **state) {
        char text[16] = "psk=a psk=b";

        redact_text(text, sizeof(text));
        assert_string_equal(text, "psk=[removed] p");
}

#define LONG ((size_t) 1024 * 1024)

/* A node agent does nothing else meanwhile, and must be heard every few seconds. What looks from
 * every byte to the end of its line takes hours here; the sanitizers' builds need some 0.5 s. */
static void test_a_long_text_of_any_kind_takes_no_time(void **state) {
        static const char *const patterns[] = {
                "eyJ",
                "eyJ.",
                "a",
                "TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGJ5IGhpcyByZWFzb24sIGJ1\n",
                "-----begin ",
                "-----BEGIN RSA PRIVATE KEY",
                "-----END RSA PRIVATE KEY-----",
                "MIIEpAIBAAKCAQEA-----END RSA PRIVATE KEY-----",
                "$1aaaa",
                "$6$a",
                "://a:b",
                "token ",
                "token=",
                "token=a,",
                "--token\"",
                "-u(a",
                "-u=",
                "-u a:",
                "-u=a://",
                "\\",
                "\"",
                "bearer ",
                "cookie\"",
        };
        auto_free char *text = malloc(LONG);

        assert_non_null(text);
        for (size_t i = 0; i < ELEMENTSOF(patterns); i++) {
                usec_t begin = clock_boottime();
                auto_free char *seen = NULL;

                for (size_t k = 0; k < LONG; k++)
                        text[k] = patterns[i][k % strlen(patterns[i])];

                seen = redact(text, LONG, NULL);
                assert_non_null(seen);
                if (span_sub(clock_boottime(), begin) > 5 * USEC_PER_SEC)
                        fail_msg("%s", patterns[i]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_secrets_are_taken_out_and_nothing_else),
                cmocka_unit_test(
                                test_a_text_that_is_cut_anywhere_is_read_to_its_end_and_no_further),
                cmocka_unit_test(test_a_long_text_of_any_kind_takes_no_time),
                cmocka_unit_test(test_many_short_secrets_fit),
                cmocka_unit_test(test_in_place_a_longer_text_is_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
