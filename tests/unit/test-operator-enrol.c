/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/operator.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <fcntl.h>
#include <string.h>

#include "common/file.h"
#include "common/text.h"
#include "coordinator/answers.h"
#include "tests/unit/fake-coordinator.h"

typedef struct Answer {
        int exit;
        Error error;
        char *json; /* as text */
} Answer;

static void answer_done(Answer *answer) {
        free(answer->json);
}

static Answer ask(Coordinator *c, const char *verb, const char *arguments) {
        static const ControlPeer peer = { .uid = 1000, .user = "alice", .terminal = "/dev/pts/3" };
        Answer answer = {};
        AUTO(Json) *json = NULL;
        AUTO(Json) *said = NULL;

        if (json_parse(arguments, strlen(arguments), &json, NULL) < 0)
                fail_msg("no JSON: %s", arguments);

        answer.exit = operator_answer(verb, json, &peer, &said, &answer.error, c);
        assert_int_equal(said != NULL, answer.error.code == ERROR_NONE);
        answer.json = said ? json_print(said) : NULL;
        return answer;
}

static void expect(
                Coordinator *c,
                const char *verb,
                const char *arguments,
                int wanted,
                const char *part) {
        Answer answer = ask(c, verb, arguments);
        const char *text = answer.json ? answer.json : answer.error.text;

        if (answer.exit != wanted || !strstr(text, part)) {
                fail_msg("%s %s: %d '%s', want %d '%s'", verb, arguments, answer.exit, text, wanted,
                         part);
        }
        answer_done(&answer);
}

static Coordinator *coordinator_with_masters(void) {
        Coordinator *c = fake_coordinator_new(lab_new());

        (void) text_copy(c->config.listen, sizeof(c->config.listen), "10.0.0.5:32070");
        for (size_t i = 0; i < 3; i++)
                (void) text_format(c->config.masters[i], NAME_TEXT_MAX, "m%zu", i + 1);
        c->config.master_count = 3;
        return c;
}

static const Enrol *enrol_of(const Coordinator *c) {
        return &c->lab->state->enrol;
}

/* Somebody with this key was turned away. */
static const char *turn_away(
                Coordinator *c, const char *key, const char *name, Role role, Denial denial) {
        static char fingerprint[KEY_FINGERPRINT_MAX];
        EnrolRequest request = { .role = role };
        uint8_t bytes[KEY_SIZE];
        Event event;

        (void) text_copy(request.key, sizeof(request.key), key);
        (void) text_copy(request.name, sizeof(request.name), name);
        (void) waiting_note(&c->waiting, enrol_of(c), &request, denial, c->lab->wall, &event);
        assert_int_equal(key_parse(key, bytes), 0);
        key_fingerprint(bytes, fingerprint);
        return fingerprint;
}

static const char *with_fingerprint(const char *fingerprint, const char *reason) {
        static char arguments[256];

        (void) text_format(
                        arguments, sizeof(arguments), "{\"fingerprint\":\"%s\"%s%s%s}", fingerprint,
                        reason ? ",\"reason\":\"" : "", reason ? reason : "", reason ? "\"" : "");
        return arguments;
}

/* --- tokens --- */

static void test_a_token_is_shown_once_with_the_files_it_belongs_into(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        Answer answer = ask(c, "token-create", "{\"role\":\"agent\",\"uses\":3,\"name\":\"a*\"}");
        const char *said = answer.json ? answer.json : "";
        AUTO(Json) *json = NULL;
        char text[TOKEN_TEXT_MAX];
        const JoinToken *made;
        Token token;
        uint8_t psk[KEY_SIZE];
        char hex[KEY_TEXT_MAX];

        assert_int_equal(answer.exit, EXIT_OK);
        assert_int_equal(json_parse(said, strlen(said), &json, NULL), 0);
        assert_int_equal(json_get_string(json, "token", text, sizeof(text), NULL), 0);
        assert_int_equal(token_parse(text, strlen(text), &token, NULL), 0);
        assert_non_null(strstr(said, "coordinator: 10.0.0.5:32070\\ncoordinator_key: "));
        assert_non_null(strstr(said, "/etc/rollpatch/join\",\"mode\":\"0600\""));

        made = &enrol_of(c)->tokens[0];
        token_psk(&token, psk);
        key_to_text(psk, hex);
        assert_string_equal(made->made.psk, hex);
        assert_int_equal(made->made.uses, 3);
        assert_string_equal(made->made.name, "a*");
        assert_int_equal(made->made.expires, c->lab->wall + USEC_PER_DAY);
        answer_done(&answer);

        /* Nowhere else: not in the list, not in the audit, not in the log. */
        text[TOKEN_ID_TEXT_MAX - 1] = '\0';
        expect(c, "token-list", "{}", EXIT_OK, text);
        for (size_t i = 0; i < c->lab->count; i++) {
                auto_free char *body = NULL;

                assert_int_equal(event_encode(&c->lab->log[i], &body, NULL), 0);
                assert_null(strstr(body, text + TOKEN_ID_TEXT_MAX));
        }
        assert_non_null(strstr(lab_last(c->lab, EVENT_OPERATOR)->operator.outcome, text));
}

static void test_a_token_on_bad_terms_is_not_made(void **state) {
        static const char *const bad[][2] = {
                { "{}", "'role' is missing" },
                { "{\"role\":\"bootstrap\"}", "want master, agent or public-agent" },
                { "{\"role\":\"agent\",\"uses\":0}", "uses" },
                { "{\"role\":\"agent\",\"ttl\":1}", "ttl" },
                { "{\"role\":\"agent\",\"name\":\"[a]\"}", "may have * and ? in it" },
                { "{\"role\":\"agent\",\"name\":\"\"}", "may have * and ? in it" },
        };
        AUTO(Coordinator) *c = coordinator_with_masters();

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                expect(c, "token-create", bad[i][0], EXIT_USAGE, bad[i][1]);
        assert_int_equal(enrol_of(c)->token_count, 0);
}

static void test_an_address_that_only_people_know_is_left_to_them(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();

        (void) text_copy(c->config.listen, sizeof(c->config.listen), "0.0.0.0:32070");
        expect(c, "token-create", "{\"role\":\"agent\"}", EXIT_OK,
               "coordinator: <address of the bootstrap node>:32070\\n");
}

static void test_a_token_is_revoked_once_and_says_so_again(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        Answer answer = ask(c, "token-create", "{\"role\":\"agent\"}");
        char arguments[64];

        answer_done(&answer);
        (void) text_format(
                        arguments, sizeof(arguments), "{\"id\":\"%s\"}",
                        enrol_of(c)->tokens[0].made.id);
        expect(c, "token-revoke", arguments, EXIT_OK, "is revoked; the 0 it has let in stay");
        expect(c, "token-revoke", arguments, EXIT_OK, "is revoked already");
        expect(c, "token-revoke", "{\"id\":\"0011\"}", EXIT_FAILED, "rollpatch token list");
        expect(c, "token-list", "{}", EXIT_OK, "\"state\":\"revoked\"");
        assert_int_equal(lab_count(c->lab, EVENT_TOKEN_REVOKED), 1);
}

/* --- approving --- */

static void test_who_asks_is_listed_and_let_in_by_its_fingerprint(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        const char *fingerprint = turn_away(c, KEY(a), "a1", ROLE_AGENT, DENIAL_KEY_PENDING);

        expect(c, "nodes", "{}", EXIT_OK, fingerprint);
        expect(c, "nodes", "{\"selector\":\"pending\"}", EXIT_OK, "\"enrolment\":\"pending\"");
        expect(c, "nodes", "{\"selector\":\"enrolled\"}", EXIT_OK, "\"nodes\":[]");
        expect(c, "node-approve", with_fingerprint(fingerprint, NULL), EXIT_OK,
               "a1 is enrolled as agent");
        expect(c, "node-approve", with_fingerprint(fingerprint, NULL), EXIT_OK,
               "a1 is enrolled already");
        expect(c, "nodes", "{\"selector\":\"a?\"}", EXIT_OK, "\"enrolment\":\"enrolled\"");
        expect(c, "nodes", "{\"selector\":\"pending\"}", EXIT_OK, "\"nodes\":[]");
        expect(c, "node-show", "{\"node\":\"a1\"}", EXIT_OK, "\"how\":\"approved\"");
        assert_string_equal(enrol_find_node(enrol_of(c), "a1")->user, "alice");
        assert_string_equal(lab_last(c->lab, EVENT_OPERATOR)->operator.node, "a1");
}

static void test_nobody_is_let_in_whom_the_rules_keep_out(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        const char *fingerprint;

        fingerprint = turn_away(c, KEY(a), "a1", ROLE_MASTER, DENIAL_MASTER_UNLISTED);
        expect(c, "node-approve", with_fingerprint(fingerprint, NULL), EXIT_UNSAFE,
               "(master.unlisted)");
        fingerprint = turn_away(c, KEY(b), "m1", ROLE_AGENT, DENIAL_MASTER_LISTED);
        expect(c, "node-approve", with_fingerprint(fingerprint, NULL), EXIT_UNSAFE,
               "(master.listed)");
        fingerprint = turn_away(c, KEY(c), "a2", ROLE_AGENT, DENIAL_KEY_PENDING);
        expect(c, "node-approve", with_fingerprint(fingerprint, NULL), EXIT_OK, "a2 is enrolled");
        fingerprint = turn_away(c, KEY(d), "a2", ROLE_AGENT, DENIAL_NAME_CONFLICT);
        expect(c, "nodes", "{\"selector\":\"conflict\"}", EXIT_OK, "name.conflict");
        expect(c, "node-approve", with_fingerprint(fingerprint, NULL), EXIT_BLOCKED,
               "rollpatch node revoke a2 --reason TEXT");
        expect(c, "node-revoke", "{\"node\":\"a2\",\"reason\":\"installed anew\"}", EXIT_OK,
               "a2 is revoked");
        expect(c, "node-approve", with_fingerprint(fingerprint, NULL), EXIT_OK, "a2 is enrolled");
        assert_int_equal(enrol_of(c)->key_count, 2);
}

static void test_a_fingerprint_must_be_whole_and_known(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();

        (void) turn_away(c, KEY(a), "a1", ROLE_AGENT, DENIAL_KEY_PENDING);
        expect(c, "node-approve", "{}", EXIT_USAGE, "'fingerprint' is missing");
        expect(c, "node-approve", with_fingerprint("K4VZ-2AQD", NULL), EXIT_USAGE,
               "is no fingerprint");
        expect(c, "node-approve", with_fingerprint("K4VZ-2AQD-7NXE-LM3Q-WB5T", NULL), EXIT_FAILED,
               "rollpatch nodes");
        assert_int_equal(enrol_of(c)->key_count, 0);
}

static void test_a_rejected_key_is_let_in_when_a_person_thinks_better_of_it(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        const char *fingerprint = turn_away(c, KEY(a), "a1", ROLE_AGENT, DENIAL_KEY_PENDING);

        expect(c, "node-reject", with_fingerprint(fingerprint, NULL), EXIT_USAGE, "reason");
        expect(c, "node-reject", with_fingerprint(fingerprint, "who"), EXIT_OK, "is rejected");
        expect(c, "node-reject", with_fingerprint(fingerprint, "who"), EXIT_OK,
               "is rejected already");
        expect(c, "nodes", "{}", EXIT_OK, "\"nodes\":[]");
        expect(c, "nodes", "{\"selector\":\"rejected\"}", EXIT_OK, fingerprint);

        /* Also when nobody remembers that it has asked. */
        c->waiting = (Waiting) {};
        expect(c, "node-approve", with_fingerprint(fingerprint, NULL), EXIT_OK, "a1 is enrolled");
        expect(c, "node-reject", with_fingerprint(fingerprint, "who"), EXIT_BLOCKED,
               "rollpatch node revoke a1");
}

/* --- nodes --- */

static void test_a_node_is_revoked_once_and_for_good(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        const char *fingerprint = turn_away(c, KEY(a), "a1", ROLE_AGENT, DENIAL_KEY_PENDING);

        expect(c, "node-revoke", "{\"node\":\"a1\",\"reason\":\"x\"}", EXIT_FAILED,
               "no node 'a1' is enrolled");
        expect(c, "node-approve", with_fingerprint(fingerprint, NULL), EXIT_OK, "a1 is enrolled");
        expect(c, "node-revoke", "{\"node\":\"a1\"}", EXIT_USAGE, "reason");
        expect(c, "node-revoke", "{\"node\":\"../a\",\"reason\":\"x\"}", EXIT_USAGE, "no name");
        expect(c, "node-revoke", "{\"node\":\"a1\",\"reason\":\"stolen\"}", EXIT_OK,
               "nothing it says is heard from now on");
        expect(c, "node-revoke", "{\"node\":\"a1\",\"reason\":\"stolen\"}", EXIT_OK,
               "is revoked already");
        expect(c, "node-approve", with_fingerprint(fingerprint, NULL), EXIT_BLOCKED,
               "(key.revoked)");
        expect(c, "node-show", "{\"node\":\"a1\"}", EXIT_OK, "\"enrolment\":\"revoked\"");
}

static void test_a_revoked_node_keeps_the_slot_it_has(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();

        expect(c, "node-import",
               "{\"nodes\":[{\"name\":\"m1\",\"role\":\"master\",\"key\":\"" KEY(a) "\"}]}",
               EXIT_OK, "1 nodes imported");
        lab_join_masters(c->lab, 1);
        lab_healthy(c->lab, true);
        lab_run(c->lab, (const char *const[]) { "m1" }, 1, true);
        lab_lead(c->lab, "m1", STEP_SLOTTED);
        expect(c, "node-revoke", "{\"node\":\"m1\",\"reason\":\"x\"}", EXIT_OK,
               "it keeps its slot");
        assert_true(lab_node(c->lab, "m1")->step.slot);
}

static void test_another_key_may_be_announced_for_an_hour(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        const char *fingerprint = turn_away(c, KEY(a), "a1", ROLE_AGENT, DENIAL_KEY_PENDING);

        expect(c, "node-rekey", "{\"node\":\"a1\"}", EXIT_FAILED, "no node 'a1' is enrolled");
        expect(c, "node-approve", with_fingerprint(fingerprint, NULL), EXIT_OK, "a1 is enrolled");
        expect(c, "node-rekey", "{\"node\":\"a1\"}", EXIT_OK, "within 1h");
        assert_int_equal(
                        enrol_find_node(enrol_of(c), "a1")->rekey_until,
                        c->lab->wall + USEC_PER_HOUR);
        expect(c, "node-show", "{\"node\":\"a1\"}", EXIT_OK, "rekey_until");
}

#define ROW(name, role, key) "{\"name\":\"" name "\",\"role\":\"" role "\",\"key\":\"" key "\"}"

static void test_a_list_is_let_in_whole_or_not_at_all(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        size_t before = c->lab->count;

        expect(c, "node-import", "{}", EXIT_USAGE, "want 1 to 1000");
        expect(c, "node-import", "{\"nodes\":[" ROW("m1", "master", KEY(a)) ",{\"name\":\"m2\"}]}",
               EXIT_USAGE, "node 2 of the list");
        expect(c, "node-import",
               "{\"nodes\":[" ROW("m1", "master", KEY(a)) "," ROW("a1", "master", KEY(b)) "]}",
               EXIT_UNSAFE, "(master.unlisted)");
        expect(c, "node-import",
               "{\"nodes\":[" ROW("a1", "agent", KEY(a)) "," ROW("a1", "agent", KEY(b)) "]}",
               EXIT_USAGE, "another key");
        assert_int_equal(c->lab->count, before);

        expect(c, "node-import",
               "{\"nodes\":[" ROW("m1", "master", KEY(a)) "," ROW("a1", "agent", KEY(b)) "]}",
               EXIT_OK, "2 nodes imported, 0 were enrolled already");
        expect(c, "node-import",
               "{\"nodes\":[" ROW("m1", "master", KEY(a)) "," ROW("a2", "agent", KEY(c)) "]}",
               EXIT_OK, "1 nodes imported, 1 were enrolled already");
        expect(c, "node-import", "{\"nodes\":[" ROW("m1", "master", KEY(a)) "]}", EXIT_OK,
               "nothing changed");
        expect(c, "node-import", "{\"nodes\":[" ROW("m1", "master", KEY(d)) "]}", EXIT_BLOCKED,
               "(name.conflict)");
        expect(c, "nodes", "{\"selector\":\"master\"}", EXIT_OK, "\"name\":\"m1\"");
}

static void test_a_node_that_has_reported_is_listed_whatever_became_of_its_key(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();

        lab_join_masters(c->lab, 1);
        expect(c, "nodes", "{}", EXIT_OK, "\"name\":\"m1\"");
        expect(c, "node-import", "{\"nodes\":[" ROW("m1", "master", KEY(a)) "]}", EXIT_OK, "1");
        expect(c, "nodes", "{}", EXIT_OK, "\"enrolment\":\"enrolled\"");
        expect(c, "node-revoke", "{\"node\":\"m1\",\"reason\":\"x\"}", EXIT_OK, "revoked");
        expect(c, "nodes", "{}", EXIT_OK, "\"enrolment\":\"revoked\"");
}

static void test_the_audit_tells_who_joined_and_who_was_turned_away(void **state) {
        AUTO(Coordinator) *c = coordinator_with_masters();
        EnrolRequest request = { .key = KEY(b), .name = "a2", .role = ROLE_AGENT };
        Answer answer = ask(c, "token-create", "{\"role\":\"agent\"}");
        Event joined = { .kind = EVENT_KEY,
                         .key = { .node = "a1", .key = KEY(a), .role = ROLE_AGENT } };
        Event turned_away;

        answer_done(&answer);
        (void) text_copy(
                        joined.key.token, sizeof(joined.key.token), enrol_of(c)->tokens[0].made.id);
        assert_int_equal(coordinator_commit(c, &joined, 1, NULL), 0);
        assert_true(
                        waiting_note(&c->waiting, enrol_of(c), &request, DENIAL_KEY_PENDING,
                                     c->lab->wall, &turned_away));
        assert_int_equal(coordinator_commit(c, &turned_away, 1, NULL), 0);
        expect(c, "audit", "{}", EXIT_OK, "\"verb\":\"token-create\"");
        expect(c, "audit", "{}", EXIT_OK, "\"verb\":\"(joined)\",\"arguments\":\"a1\"");
        expect(c, "audit", "{}", EXIT_OK,
               "\"verb\":\"(turned away)\",\"arguments\":\"a2\",\"reason\":\"key.pending\"");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_token_is_shown_once_with_the_files_it_belongs_into),
                cmocka_unit_test(test_a_token_on_bad_terms_is_not_made),
                cmocka_unit_test(test_an_address_that_only_people_know_is_left_to_them),
                cmocka_unit_test(test_a_token_is_revoked_once_and_says_so_again),
                cmocka_unit_test(test_who_asks_is_listed_and_let_in_by_its_fingerprint),
                cmocka_unit_test(test_nobody_is_let_in_whom_the_rules_keep_out),
                cmocka_unit_test(test_a_fingerprint_must_be_whole_and_known),
                cmocka_unit_test(test_a_rejected_key_is_let_in_when_a_person_thinks_better_of_it),
                cmocka_unit_test(test_a_node_is_revoked_once_and_for_good),
                cmocka_unit_test(test_a_revoked_node_keeps_the_slot_it_has),
                cmocka_unit_test(test_another_key_may_be_announced_for_an_hour),
                cmocka_unit_test(test_a_list_is_let_in_whole_or_not_at_all),
                cmocka_unit_test(
                                test_a_node_that_has_reported_is_listed_whatever_became_of_its_key),
                cmocka_unit_test(test_the_audit_tells_who_joined_and_who_was_turned_away),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
