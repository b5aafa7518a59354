/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/signed-plan.h"

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
#include "proto/codec.h"

/* What a node checks before it runs anything as root. */

static const KeyPair *signing_key(void) {
        static KeyPair *key;

        if (!key)
                assert_int_equal(key_pair_generate(KEY_SIGNING, &key, NULL), 0);
        return key;
}

static Stage plan(void) {
        return (Stage) {
                .epoch = 4,
                .cluster = "prod",
                .step = "r7-1a2b3c4d-m1-1",
                .run = "1a2b3c4d5e6f708192a3b4c5d6e7f809",
                .node = "m1",
                .from = "2.1.0",
                .to = "2.1.1",
                .url = "http://10.0.0.9/node.sh",
                .sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                .size = 48211,
                .timeout = USEC_PER_HOUR,
        };
}

/* What is signed of that plan. */
static const char plan_text[] =
                "cluster prod\nepoch 4\nrun 1a2b3c4d5e6f708192a3b4c5d6e7f809\nnode m1\n"
                "step r7-1a2b3c4d-m1-1\nfrom 2.1.0\nto 2.1.1\n"
                "script http://10.0.0.9/node.sh\nsha256 "
                "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n"
                "size 48211\ntimeout 3600000000\n";

static Stage signed_plan(void) {
        Stage stage = plan();

        assert_int_equal(signed_plan_sign(&stage, signing_key(), NULL), 0);
        return stage;
}

static int check(const Stage *stage, Error *error) {
        return signed_plan_check(stage, "prod", "m1", signing_key()->public, error);
}

static void expect_denied(const Stage *stage, const char *why) {
        Error error = {};

        assert_true(check(stage, &error) < 0);
        assert_int_equal(error.code, ERROR_DENIED);
        if (!strstr(error.text, why))
                fail_msg("'%s', want '%s'", error.text, why);
}

static void test_a_plan_that_was_signed_for_this_node_is_good(void **state) {
        Stage stage = signed_plan();

        assert_int_equal(check(&stage, NULL), 0);
        assert_int_equal(strlen(stage.signature), SIGNATURE_TEXT_MAX - 1);
}

static void test_what_is_signed_is_the_text_that_the_documentation_shows(void **state) {
        uint8_t signature[SIGNATURE_SIZE];
        Stage stage = plan();

        key_sign(signing_key(), "rollpatch plan 1", plan_text, strlen(plan_text), signature);
        signature_to_text(signature, stage.signature);
        assert_int_equal(check(&stage, NULL), 0);
}

/* Walks the members as the codec knows them, so that one that is added later is in it, too. */
static void change(Stage *stage, const Field *field) {
        char *member = (char *) stage + field->offset;

        if (field->type == FIELD_U64) {
                *member ^= 1;
        } else {
                member[0] = member[0] == 'a' ? 'b' : 'a';
        }
}

static void test_a_plan_with_any_member_changed_is_denied(void **state) {
        unsigned members = 0;

        for (const Field *field = message_fields(MESSAGE_STAGE); field->key; field++) {
                Stage stage = signed_plan();

                change(&stage, field);
                if (check(&stage, NULL) >= 0)
                        fail_msg("'%s' can be changed", field->key);
                members++;
        }

        assert_int_equal(members, 12);
}

static void test_a_plan_with_any_text_cut_or_longer_is_denied(void **state) {
        for (const Field *field = message_fields(MESSAGE_STAGE); field->key; field++) {
                Stage shorter = signed_plan();
                Stage longer = signed_plan();
                char *text = (char *) &shorter + field->offset;

                if (field->type == FIELD_U64)
                        continue;

                text[strlen(text) - 1] = '\0';
                assert_true(check(&shorter, NULL) < 0);

                text = (char *) &longer + field->offset;
                if (strlen(text) + 2 <= field->size) {
                        text[strlen(text)] = 'a';
                        assert_true(check(&longer, NULL) < 0);
                }
        }
}

/* Two plans of the same text would be one signature for both. */
static void test_a_newline_in_any_text_is_neither_signed_nor_believed(void **state) {
        for (const Field *field = message_fields(MESSAGE_STAGE); field->key; field++) {
                Stage stage = signed_plan();
                char *text = (char *) &stage + field->offset;
                Error error = {};

                if (field->type == FIELD_U64 || strcmp(field->key, "signature") == 0)
                        continue;

                text[0] = '\n';
                assert_true(signed_plan_sign(&stage, signing_key(), &error) < 0);
                assert_int_equal(error.code, ERROR_INVALID);
                assert_true(check(&stage, NULL) < 0);
        }
}

/* "to" swallows the line of the script, in the hope that the text stays what was signed. */
static void test_a_member_cannot_bring_another_line_with_it(void **state) {
        Stage stage = signed_plan();

        assert_true(text_copy(stage.to, sizeof(stage.to), "2.1.1\nscript http://evil/x"));
        assert_true(check(&stage, NULL) < 0);
}

static void test_the_plan_of_another_cluster_or_node_is_denied_by_name(void **state) {
        Stage stage = plan();

        (void) text_copy(stage.cluster, sizeof(stage.cluster), "test");
        assert_int_equal(signed_plan_sign(&stage, signing_key(), NULL), 0);
        expect_denied(&stage, "the plan is for cluster 'test', this is 'prod'");

        stage = plan();
        (void) text_copy(stage.node, sizeof(stage.node), "m2");
        assert_int_equal(signed_plan_sign(&stage, signing_key(), NULL), 0);
        expect_denied(&stage, "the order is for node 'm2', this is 'm1'");
}

static void test_the_key_of_another_signs_nothing_for_us(void **state) {
        AUTO(KeyPair) *another = NULL;
        Stage stage = plan();

        assert_int_equal(key_pair_generate(KEY_SIGNING, &another, NULL), 0);
        assert_int_equal(signed_plan_sign(&stage, another, NULL), 0);
        expect_denied(&stage, "not signed with the signing_key of agent.yaml");
}

static void test_a_signature_that_is_none_is_denied(void **state) {
        static const char *const bad[] = { "", "00", "not hexadecimal" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Stage stage = signed_plan();

                (void) text_copy(stage.signature, sizeof(stage.signature), bad[i]);
                expect_denied(&stage, "not signed");
        }
}

/* Made by the same key over the same text, but not as a plan. */
static void test_a_signature_for_another_purpose_is_denied(void **state) {
        uint8_t signature[SIGNATURE_SIZE];
        Stage stage = plan();

        key_sign(signing_key(), "rollpatch plan 2", plan_text, strlen(plan_text), signature);
        signature_to_text(signature, stage.signature);
        expect_denied(&stage, "not signed");
}

/* Every text as long as it may be: still one plan. */
static void test_the_longest_plan_can_be_signed(void **state) {
        Stage stage = plan();

        for (const Field *field = message_fields(MESSAGE_STAGE); field->key; field++) {
                char *text = (char *) &stage + field->offset;

                if (field->type == FIELD_TEXT)
                        memset(text, 'a', field->size - 1);
        }

        assert_int_equal(signed_plan_sign(&stage, signing_key(), NULL), 0);
        assert_int_equal(check(&stage, NULL), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_plan_that_was_signed_for_this_node_is_good),
                cmocka_unit_test(test_what_is_signed_is_the_text_that_the_documentation_shows),
                cmocka_unit_test(test_a_plan_with_any_member_changed_is_denied),
                cmocka_unit_test(test_a_plan_with_any_text_cut_or_longer_is_denied),
                cmocka_unit_test(test_a_newline_in_any_text_is_neither_signed_nor_believed),
                cmocka_unit_test(test_a_member_cannot_bring_another_line_with_it),
                cmocka_unit_test(test_the_plan_of_another_cluster_or_node_is_denied_by_name),
                cmocka_unit_test(test_the_key_of_another_signs_nothing_for_us),
                cmocka_unit_test(test_a_signature_that_is_none_is_denied),
                cmocka_unit_test(test_a_signature_for_another_purpose_is_denied),
                cmocka_unit_test(test_the_longest_plan_can_be_signed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
