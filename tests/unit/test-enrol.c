/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/enrol-judge.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/text.h"
#include "coordinator/waiting.h"
#include "tests/unit/core-lab.h"

#define HEX16(c) HEX8(c) HEX8(c)
#define TOKEN(c) HEX16(c)
#define OURS     "11111111-2222-3333-4444-555555555555"
#define THEIRS   "99999999-2222-3333-4444-555555555555"
#define USER     "alice"

static const char masters[][NAME_TEXT_MAX] = { "m1", "m2", "m3" };
static const EnrolRules rules = { masters, ELEMENTSOF(masters) };

/* --- making a state --- */

static Event token_event(const char *id, Role role, uint64_t uses, const char *name) {
        Event event = {
                .kind = EVENT_TOKEN_MADE,
                .token_made = { .role = role, .uses = uses, .user = USER, .psk = KEY(e) },
        };

        (void) text_copy(event.token_made.id, sizeof(event.token_made.id), id);
        (void) text_copy(event.token_made.name, sizeof(event.token_made.name), name);
        return event;
}

static void make_token(
                Lab *lab, const char *id, Role role, uint64_t uses, usec_t life, const char *name) {
        Event event = token_event(id, role, uses, name);

        event.token_made.expires = lab->wall + life;
        lab_commit(lab, &event);
}

static void revoke_token(Lab *lab, const char *id) {
        Event event = { .kind = EVENT_TOKEN_REVOKED, .token_revoked = { .user = USER } };

        (void) text_copy(event.token_revoked.id, sizeof(event.token_revoked.id), id);
        lab_commit(lab, &event);
}

static Event key_of(KeyChange change, const char *node, const char *key, Role role) {
        Event event = { .kind = EVENT_KEY, .key = { .change = change, .role = role } };

        (void) text_copy(event.key.node, sizeof(event.key.node), node);
        (void) text_copy(event.key.key, sizeof(event.key.key), key);
        return event;
}

static void change(Lab *lab, KeyChange change, const char *node, const char *key, Role role) {
        Event event = key_of(change, node, key, role);

        if (change == KEY_PLACED)
                (void) text_copy(event.key.cluster_id, sizeof(event.key.cluster_id), OURS);
        if (change == KEY_OFFERED)
                event.key.until = lab->wall + USEC_PER_HOUR;
        lab_commit(lab, &event);
}

static EnrolRequest request_of(
                const char *key,
                const char *token,
                const char *name,
                Role role,
                const char *cluster_id) {
        EnrolRequest request = { .role = role, .psk_matched = token[0] != '\0' };

        (void) text_copy(request.key, sizeof(request.key), key);
        (void) text_copy(request.token, sizeof(request.token), token);
        (void) text_copy(request.name, sizeof(request.name), name);
        (void) text_copy(request.cluster_id, sizeof(request.cluster_id), cluster_id);
        return request;
}

static EnrolVerdict judge(const Lab *lab, const EnrolRequest *request) {
        EnrolVerdict verdict;

        enrol_judge(&lab->state->enrol, &rules, lab->wall, request, &verdict);
        return verdict;
}

/* Judges and commits, as the coordinator will. */
static Denial hear(Lab *lab, const EnrolRequest *request) {
        EnrolVerdict verdict = judge(lab, request);

        if (verdict.has_event)
                lab_commit(lab, &verdict.event);

        return verdict.denial;
}

static bool fits(const Lab *lab, const Event *event) {
        return state_check(lab->state, event, NULL) >= 0;
}

static const NodeKey *key_in(const Lab *lab, const char *key) {
        const NodeKey *found = enrol_find_key(&lab->state->enrol, key);

        assert_non_null(found);
        return found;
}

/* --- all states, all inputs --- */

/* The key that asks is KEY(a). m3 has KEY(3), and has said which cluster it is of. */
typedef enum Known {
        NOT_KNOWN,
        IN_USE,
        IN_USE_OF_OURS,
        ANNOUNCED,
        REJECTED,
        REVOKED,
        RETIRED,
} Known;
#define KNOWN_COUNT (RETIRED + 1)

typedef enum Shown {
        NO_TOKEN,
        UNKNOWN_TOKEN,
        WRONG_SECRET,
        GOOD,
        EXPIRED,
        USED_UP,
        WITHDRAWN,
        OF_OTHER_NAMES,
} Shown;
#define SHOWN_COUNT (OF_OTHER_NAMES + 1)

static Lab *lab_with(Known known, Role role, Shown shown, Role token_role) {
        Lab *lab = lab_new();

        change(lab, KEY_IMPORTED, "m3", KEY(3), ROLE_MASTER);
        change(lab, KEY_PLACED, "m3", KEY(3), ROLE_MASTER);
        make_token(lab, TOKEN(7), token_role, 2, shown == EXPIRED ? 0 : USEC_PER_HOUR,
                   shown == OF_OTHER_NAMES ? "x*" : "??");
        for (unsigned i = 0; shown == USED_UP && i < 2; i++) {
                Event joined = key_of(KEY_JOINED, i ? "b1" : "b2", i ? KEY(b) : KEY(c), token_role);

                (void) text_copy(joined.key.token, sizeof(joined.key.token), TOKEN(7));
                lab_commit(lab, &joined);
        }
        if (shown == WITHDRAWN)
                revoke_token(lab, TOKEN(7));

        if (known == REJECTED) {
                change(lab, KEY_REJECTED, "m1", KEY(a), role);
        } else if (known == ANNOUNCED || known == RETIRED) {
                const char *first = known == ANNOUNCED ? KEY(d) : KEY(a);
                const char *second = known == ANNOUNCED ? KEY(a) : KEY(d);

                change(lab, KEY_IMPORTED, "m1", first, role);
                change(lab, KEY_OFFERED, "m1", first, role);
                change(lab, KEY_ANNOUNCED, "m1", second, role);
                if (known == RETIRED)
                        change(lab, KEY_REPLACED, "m1", second, role);
        } else if (known != NOT_KNOWN) {
                change(lab, KEY_IMPORTED, "m1", KEY(a), role);
        }
        if (known == IN_USE_OF_OURS)
                change(lab, KEY_PLACED, "m1", KEY(a), role);
        if (known == REVOKED)
                change(lab, KEY_REVOKED, "m1", KEY(a), role);

        return lab;
}

/* Everything that speaks against it, one bit a reason, each looked at by itself. */
static uint32_t oracle(
                Known known, Role known_role, Shown shown, Role token_role, const EnrolRequest *q) {
        bool listed = q->name[0] == 'm';
        bool enrolled = known == IN_USE || known == IN_USE_OF_OURS || known == ANNOUNCED;
        bool newcomer = known == NOT_KNOWN;
        bool taken = strcmp(q->name, "m3") == 0;
        uint32_t against = 0;

        against |= shown == UNKNOWN_TOKEN ? IN(DENIAL_TOKEN_UNKNOWN) : 0;
        against |= shown == WRONG_SECRET ? IN(DENIAL_TOKEN_WRONG) : 0;
        against |= strcmp(q->name, "M1/") == 0 ? IN(DENIAL_NAME_INVALID) : 0;
        against |= known == REJECTED ? IN(DENIAL_KEY_REJECTED) : 0;
        against |= known == REVOKED || known == RETIRED ? IN(DENIAL_KEY_REVOKED) : 0;
        against |= enrolled && strcmp(q->name, "m1") != 0 ? IN(DENIAL_NAME_CHANGED) : 0;
        against |= enrolled && q->role != known_role ? IN(DENIAL_ROLE_CHANGED) : 0;
        against |= strcmp(q->cluster_id, THEIRS) == 0 ? IN(DENIAL_CLUSTER_MIXED) : 0;
        if (!newcomer)
                return against;

        against |= shown == NO_TOKEN ? IN(DENIAL_KEY_PENDING) : 0;
        against |= shown == EXPIRED ? IN(DENIAL_TOKEN_EXPIRED) : 0;
        against |= shown == USED_UP ? IN(DENIAL_TOKEN_USED_UP) : 0;
        against |= shown == WITHDRAWN ? IN(DENIAL_TOKEN_REVOKED) : 0;
        against |= shown == OF_OTHER_NAMES ? IN(DENIAL_TOKEN_NAME) : 0;
        against |= shown >= GOOD && token_role != q->role ? IN(DENIAL_TOKEN_ROLE) : 0;
        against |= q->role == ROLE_MASTER && !listed ? IN(DENIAL_MASTER_UNLISTED) : 0;
        against |= q->role != ROLE_MASTER && listed ? IN(DENIAL_MASTER_LISTED) : 0;
        against |= taken ? IN(DENIAL_NAME_CONFLICT) : 0;
        return against;
}

static void check_words(const Lab *lab, Denial denial, const EnrolRequest *request) {
        DenialText text;

        denial_describe(&lab->state->enrol, denial, request, &text);
        assert_true(text.text[0] && text.advice[0] && text.node[0]);
        assert_null(strpbrk(text.text, "{}"));
        assert_null(strpbrk(text.advice, "{}"));
        assert_null(strpbrk(text.node, "{}"));
        assert_null(strstr(text.node, KEY(e)));
}

/* What must be written down before it is let in. */
static void check_event(const Lab *lab, Known known, const EnrolRequest *q, const EnrolVerdict *v) {
        bool moves = known == NOT_KNOWN || known == ANNOUNCED ||
                     (known == IN_USE && q->cluster_id[0]);
        KeyChange wanted = known == NOT_KNOWN   ? KEY_JOINED
                           : known == ANNOUNCED ? KEY_REPLACED
                                                : KEY_PLACED;

        assert_string_equal(v->node, q->name);
        assert_int_equal(v->has_event, moves);
        if (!moves)
                return;

        assert_int_equal(v->event.key.change, wanted);
        assert_string_equal(v->event.key.key, q->key);
        assert_string_equal(v->event.key.node, q->name);
        assert_true(fits(lab, &v->event));
}

static unsigned ask_all(Lab *lab, Known known, Role known_role, Shown shown, Role token_role) {
        static const char *const names[] = { "m1", "m2", "m3", "a1", "M1/" };
        static const char *const clusters[] = { "", OURS, THEIRS };
        unsigned admitted = 0;

        for (unsigned i = 0; i < ELEMENTSOF(names) * ELEMENTSOF(clusters) * 3; i++) {
                EnrolRequest request =
                                request_of(KEY(a),
                                           shown == NO_TOKEN        ? ""
                                           : shown == UNKNOWN_TOKEN ? TOKEN(8)
                                                                    : TOKEN(7),
                                           names[i % 5], (Role) (i / 15), clusters[i / 5 % 3]);
                uint32_t against = oracle(known, known_role, shown, token_role, &request);
                EnrolVerdict verdict;

                request.psk_matched = shown >= GOOD;
                verdict = judge(lab, &request);
                if (verdict.denial == DENIAL_NONE) {
                        assert_int_equal(against, 0);
                        check_event(lab, known, &request, &verdict);
                        admitted++;
                } else {
                        assert_true(against & IN(verdict.denial));
                        assert_false(verdict.has_event);
                        assert_string_equal(verdict.node, "");
                        check_words(lab, verdict.denial, &request);
                }
        }

        return admitted;
}

static void test_only_what_nothing_speaks_against_is_let_in(void **state) {
        unsigned admitted = 0;

        for (unsigned known = 0; known < KNOWN_COUNT; known++) {
                for (unsigned shown = 0; shown < SHOWN_COUNT; shown++) {
                        for (unsigned roles = 0; roles < 9; roles++) {
                                Role role = (Role) (roles / 3);
                                Role token_role = (Role) (roles % 3);
                                AUTO(Lab) *lab = lab_with(
                                                (Known) known, role, (Shown) shown, token_role);

                                admitted +=
                                                ask_all(lab, (Known) known, role, (Shown) shown,
                                                        token_role);
                        }
                }
        }

        /* New: two masters, or an agent of either kind, in two clusters' words, for each of the
         * known roles. Known: its own name and role, two words for the cluster, with no token or
         * any good or bad one that could be opened. */
        assert_int_equal(admitted, 3 * (2 * 2 + 2 + 2) + 3 * (3 * 3 * 2 * 6));
}

static void test_the_secret_of_a_token_comes_first(void **state) {
        AUTO(Lab) *lab = lab_with(REVOKED, ROLE_MASTER, GOOD, ROLE_MASTER);
        EnrolRequest request = request_of(KEY(a), TOKEN(7), "m1", ROLE_MASTER, "");

        assert_int_equal(judge(lab, &request).denial, DENIAL_KEY_REVOKED);
        request.psk_matched = false;
        assert_int_equal(judge(lab, &request).denial, DENIAL_TOKEN_WRONG);
}

/* --- tokens --- */

static void test_a_token_lets_in_as_many_as_it_says_also_when_all_come_at_once(void **state) {
        AUTO(Lab) *lab = lab_new();
        EnrolRequest first = request_of(KEY(a), TOKEN(7), "a1", ROLE_AGENT, "");
        EnrolRequest second = request_of(KEY(b), TOKEN(7), "a2", ROLE_AGENT, "");
        EnrolVerdict verdicts[2];

        make_token(lab, TOKEN(7), ROLE_AGENT, 1, USEC_PER_HOUR, "");
        verdicts[0] = judge(lab, &first);
        verdicts[1] = judge(lab, &second);
        assert_int_equal(verdicts[0].denial, DENIAL_NONE);
        assert_int_equal(verdicts[1].denial, DENIAL_NONE);
        assert_true(fits(lab, &verdicts[0].event));
        lab_commit(lab, &verdicts[0].event);
        assert_false(fits(lab, &verdicts[1].event));
        assert_int_equal(judge(lab, &second).denial, DENIAL_TOKEN_USED_UP);
}

static void test_two_events_in_one_commit_use_a_token_twice(void **state) {
        AUTO(Lab) *lab = lab_new();
        Event events[2];

        make_token(lab, TOKEN(7), ROLE_AGENT, 1, USEC_PER_HOUR, "");
        for (unsigned i = 0; i < 2; i++) {
                events[i] = key_of(KEY_JOINED, i ? "a1" : "a2", i ? KEY(a) : KEY(b), ROLE_AGENT);
                (void) text_copy(events[i].key.token, TOKEN_ID_TEXT_MAX, TOKEN(7));
                assert_int_equal(state_check_all(lab->state, &events[i], 1, NULL), 0);
        }
        assert_true(state_check_all(lab->state, events, 2, NULL) < 0);
        assert_int_equal(lab->state->enrol.key_count, 0);
}

static void test_a_join_that_comes_again_is_the_same_node_and_costs_no_second_use(void **state) {
        AUTO(Lab) *lab = lab_new();
        EnrolRequest request = request_of(KEY(a), TOKEN(7), "a1", ROLE_AGENT, "");

        make_token(lab, TOKEN(7), ROLE_AGENT, 2, USEC_PER_HOUR, "");
        assert_int_equal(hear(lab, &request), DENIAL_NONE);
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(hear(lab, &request), DENIAL_NONE);
        assert_int_equal(enrol_find_token(&lab->state->enrol, TOKEN(7))->used, 1);

        /* Also when the token is good for nothing any more: its answer may have been lost. */
        revoke_token(lab, TOKEN(7));
        assert_int_equal(hear(lab, &request), DENIAL_NONE);
        lab->wall += 2 * USEC_PER_HOUR;
        assert_int_equal(hear(lab, &request), DENIAL_NONE);
        assert_int_equal(lab->state->enrol.key_count, 1);
}

static void test_a_token_ends_at_its_moment(void **state) {
        AUTO(Lab) *lab = lab_new();
        EnrolRequest request = request_of(KEY(a), TOKEN(7), "a1", ROLE_AGENT, "");

        make_token(lab, TOKEN(7), ROLE_AGENT, 1, USEC_PER_HOUR, "");
        lab->wall += USEC_PER_HOUR - 1;
        assert_int_equal(judge(lab, &request).denial, DENIAL_NONE);
        lab->wall++;
        assert_int_equal(judge(lab, &request).denial, DENIAL_TOKEN_EXPIRED);
}

static void test_a_pattern_is_a_name_with_stars_and_question_marks(void **state) {
        static const char *const good[] = { "*", "a?", "web-*.example.org", "m1" };
        static const char *const bad[] = { "", "A*", "[ab]", "a b", "../x", "a\\*", "a/b" };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                assert_true(pattern_is_valid(good[i]));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_false(pattern_is_valid(bad[i]));
}

/* --- names and keys --- */

static void test_a_name_never_gets_another_key_before_the_first_is_revoked(void **state) {
        AUTO(Lab) *lab = lab_new();
        EnrolRequest other = request_of(KEY(b), TOKEN(7), "a1", ROLE_AGENT, "");
        Event events[3];

        make_token(lab, TOKEN(7), ROLE_AGENT, 5, USEC_PER_HOUR, "");
        change(lab, KEY_APPROVED, "a1", KEY(a), ROLE_AGENT);
        assert_int_equal(judge(lab, &other).denial, DENIAL_NAME_CONFLICT);
        for (unsigned i = KEY_JOINED; i <= KEY_IMPORTED; i++) {
                events[i] = key_of((KeyChange) i, "a1", KEY(b), ROLE_AGENT);
                (void) text_copy(events[i].key.token, TOKEN_ID_TEXT_MAX, TOKEN(7));
                assert_false(fits(lab, &events[i]));
        }

        change(lab, KEY_REVOKED, "a1", KEY(a), ROLE_AGENT);
        for (unsigned i = KEY_JOINED; i <= KEY_IMPORTED; i++)
                assert_true(fits(lab, &events[i]));
        assert_int_equal(hear(lab, &other), DENIAL_NONE);
}

static void test_a_revoked_key_never_comes_back_and_a_rejected_one_by_a_person(void **state) {
        AUTO(Lab) *lab = lab_new();

        change(lab, KEY_APPROVED, "a1", KEY(a), ROLE_AGENT);
        change(lab, KEY_REVOKED, "a1", KEY(a), ROLE_AGENT);
        change(lab, KEY_REJECTED, "a2", KEY(b), ROLE_AGENT);
        for (unsigned i = 0; i < KEY_CHANGE_COUNT; i++) {
                Event revoked = key_of((KeyChange) i, "a1", KEY(a), ROLE_AGENT);
                Event rejected = key_of((KeyChange) i, "a2", KEY(b), ROLE_AGENT);

                assert_false(fits(lab, &revoked));
                assert_int_equal(fits(lab, &rejected), i == KEY_APPROVED || i == KEY_IMPORTED);
        }
        assert_int_equal(
                        enrol_judge_entry(&lab->state->enrol, &rules, KEY(a), "a9", ROLE_AGENT, ""),
                        DENIAL_KEY_REVOKED);
        assert_int_equal(
                        enrol_judge_entry(&lab->state->enrol, &rules, KEY(b), "a2", ROLE_AGENT, ""),
                        DENIAL_NONE);
}

static void test_the_cluster_is_what_its_masters_say(void **state) {
        AUTO(Lab) *lab = lab_new();
        EnrolRequest theirs = request_of(KEY(a), "", "a1", ROLE_AGENT, THEIRS);

        change(lab, KEY_APPROVED, "a1", KEY(a), ROLE_AGENT);
        change(lab, KEY_APPROVED, "m1", KEY(b), ROLE_MASTER);
        assert_int_equal(hear(lab, &theirs), DENIAL_NONE);
        assert_string_equal(enrol_cluster_id(&lab->state->enrol), "");
        change(lab, KEY_PLACED, "m1", KEY(b), ROLE_MASTER);
        assert_string_equal(enrol_cluster_id(&lab->state->enrol), OURS);
        assert_int_equal(hear(lab, &theirs), DENIAL_CLUSTER_MIXED);

        /* A master that was wrong itself is revoked, and its word goes with it. */
        change(lab, KEY_REVOKED, "m1", KEY(b), ROLE_MASTER);
        assert_string_equal(enrol_cluster_id(&lab->state->enrol), "");
        assert_int_equal(hear(lab, &theirs), DENIAL_NONE);
}

/* --- another key --- */

static int announce(Lab *lab, const char *node, const char *key, Error *error) {
        Event event;
        int r = enrol_judge_rekey(&lab->state->enrol, lab->wall, node, key, &event, error);

        if (r > 0)
                lab_commit(lab, &event);

        return r;
}

static void test_both_keys_of_a_node_count_until_the_new_one_is_used(void **state) {
        AUTO(Lab) *lab = lab_new();
        EnrolRequest old = request_of(KEY(a), "", "a1", ROLE_AGENT, "");
        EnrolRequest new = request_of(KEY(b), "", "a1", ROLE_AGENT, "");
        Error error = {};

        change(lab, KEY_APPROVED, "a1", KEY(a), ROLE_AGENT);
        assert_true(announce(lab, "a1", KEY(b), &error) < 0);
        assert_non_null(strstr(error.text, "rollpatch node rekey a1"));

        change(lab, KEY_OFFERED, "a1", KEY(a), ROLE_AGENT);
        assert_int_equal(announce(lab, "a1", KEY(b), NULL), 1);
        assert_int_equal(announce(lab, "a1", KEY(b), NULL), 0); /* the answer was lost */
        assert_int_equal(hear(lab, &old), DENIAL_NONE);
        assert_true(key_in(lab, KEY(b))->unused);

        assert_int_equal(hear(lab, &new), DENIAL_NONE);
        assert_int_equal(hear(lab, &old), DENIAL_KEY_REVOKED);
        assert_int_equal(hear(lab, &new), DENIAL_NONE);
        assert_ptr_equal(enrol_find_node(&lab->state->enrol, "a1"), key_in(lab, KEY(b)));
}

static void test_an_offer_is_for_one_key_and_one_hour(void **state) {
        AUTO(Lab) *lab = lab_new();

        change(lab, KEY_APPROVED, "a1", KEY(a), ROLE_AGENT);
        change(lab, KEY_OFFERED, "a1", KEY(a), ROLE_AGENT);
        lab->wall += USEC_PER_HOUR;
        assert_true(announce(lab, "a1", KEY(b), NULL) < 0);

        change(lab, KEY_OFFERED, "a1", KEY(a), ROLE_AGENT);
        assert_int_equal(announce(lab, "a1", KEY(b), NULL), 1);
        assert_true(announce(lab, "a1", KEY(c), NULL) < 0);

        /* Asked again: the key that nobody has used is given up. */
        change(lab, KEY_OFFERED, "a1", KEY(a), ROLE_AGENT);
        assert_int_equal(announce(lab, "a1", KEY(c), NULL), 1);
        assert_int_equal(key_in(lab, KEY(b))->state, ENROLMENT_REVOKED);
        assert_int_equal(key_in(lab, KEY(a))->state, ENROLMENT_ENROLLED);
}

static void test_no_node_announces_the_key_of_another(void **state) {
        AUTO(Lab) *lab = lab_new();
        Error error = {};

        change(lab, KEY_APPROVED, "a1", KEY(a), ROLE_AGENT);
        change(lab, KEY_APPROVED, "a2", KEY(b), ROLE_AGENT);
        change(lab, KEY_OFFERED, "a1", KEY(a), ROLE_AGENT);
        assert_true(announce(lab, "a1", KEY(b), &error) < 0);
        assert_int_equal(error.code, ERROR_DENIED);
}

static void test_who_revokes_a_node_revokes_the_key_to_come_too(void **state) {
        AUTO(Lab) *lab = lab_new();

        change(lab, KEY_APPROVED, "a1", KEY(a), ROLE_AGENT);
        change(lab, KEY_OFFERED, "a1", KEY(a), ROLE_AGENT);
        (void) announce(lab, "a1", KEY(b), NULL);
        change(lab, KEY_REVOKED, "a1", KEY(a), ROLE_AGENT);
        assert_int_equal(key_in(lab, KEY(a))->state, ENROLMENT_REVOKED);
        assert_int_equal(key_in(lab, KEY(b))->state, ENROLMENT_REVOKED);
}

/* --- strangers --- */

static EnrolRequest stranger(unsigned number) {
        EnrolRequest request = request_of(KEY(0), "", "a1", ROLE_AGENT, "");

        (void) text_format(request.key, sizeof(request.key), "%064x", number);
        return request;
}

static void test_strangers_fill_neither_memory_nor_the_audit(void **state) {
        auto_free Waiting *waiting = calloc(1, sizeof(Waiting));
        AUTO(Lab) *lab = lab_new();
        EnrolRequest patient = stranger(1000000);
        char fingerprint[KEY_FINGERPRINT_MAX];
        uint8_t key[KEY_SIZE];
        unsigned told = 0;
        Event event;

        assert_int_equal(key_parse(patient.key, key), 0);
        key_fingerprint(key, fingerprint);
        for (unsigned i = 0; i < 10000; i++) {
                EnrolRequest request = stranger(i);

                told +=
                                waiting_note(waiting, &lab->state->enrol, &request,
                                             DENIAL_KEY_PENDING, lab->wall++, &event);
                if (i % 100 == 0) {
                        (void) waiting_note(
                                        waiting, &lab->state->enrol, &patient, DENIAL_KEY_PENDING,
                                        lab->wall++, &event);
                }
        }

        assert_int_equal(waiting->count, WAITING_MAX);
        assert_true(told < WAITING_NEWS_MAX);
        assert_int_equal(waiting->news.unwritten, 10001 - WAITING_NEWS_MAX);
        assert_int_equal(waiting_find(waiting, fingerprint)->count, 100);
}

static void test_the_same_refusal_is_told_once_and_another_one_again(void **state) {
        auto_free Waiting *waiting = calloc(1, sizeof(Waiting));
        AUTO(Lab) *lab = lab_new();
        EnrolRequest request = stranger(1);
        Event event = {};

        assert_true(waiting_note(
                        waiting, &lab->state->enrol, &request, DENIAL_KEY_PENDING, 1, &event));
        assert_string_equal(event.turned_away.id, "key.pending");
        assert_string_equal(event.turned_away.node, "a1");
        assert_false(waiting_note(
                        waiting, &lab->state->enrol, &request, DENIAL_KEY_PENDING, 2, &event));
        assert_true(waiting_note(
                        waiting, &lab->state->enrol, &request, DENIAL_NAME_CONFLICT, 3, &event));
        lab_commit(lab, &event);
        assert_int_equal(waiting->count, 1);
        assert_int_equal(
                        waiting_state(&waiting->entries[0], &lab->state->enrol),
                        ENROLMENT_CONFLICT);
}

static void test_who_has_not_proven_a_key_is_not_listed_under_it(void **state) {
        auto_free Waiting *waiting = calloc(1, sizeof(Waiting));
        AUTO(Lab) *lab = lab_new();
        Event event = {};

        for (unsigned i = 0; i < 1000; i++) {
                EnrolRequest request = stranger(i);

                (void) text_copy(request.token, sizeof(request.token), TOKEN(7));
                assert_int_equal(
                                waiting_note(waiting, &lab->state->enrol, &request,
                                             DENIAL_TOKEN_UNKNOWN, i + 1, &event),
                                i == 0);
        }
        assert_int_equal(waiting->unproven_count, 1);
        assert_int_equal(waiting->unproven[0].count, 1000);
        assert_string_equal(event.turned_away.key, "");
        assert_string_equal(event.turned_away.node, "");
        assert_string_equal(event.turned_away.token, TOKEN(7));
        assert_int_equal(waiting->count, 0);
}

/* Only our public key is needed for these; so they must cost those nothing who proved a key. */
static void test_tokens_made_up_push_nobody_out_who_has_proven_a_key(void **state) {
        auto_free Waiting *waiting = calloc(1, sizeof(Waiting));
        AUTO(Lab) *lab = lab_new();
        usec_t wall = USEC_PER_DAY;
        unsigned told = 0;
        Event event;

        for (unsigned i = 0; i < WAITING_NEWS_MAX - 1; i++) {
                EnrolRequest request = stranger(i);

                assert_true(
                                waiting_note(waiting, &lab->state->enrol, &request,
                                             DENIAL_KEY_PENDING, wall, &event));
        }

        for (unsigned i = 0; i < 10000; i++) {
                EnrolRequest request = stranger(i);

                (void) text_format(request.token, sizeof(request.token), "%016x", i);
                told +=
                                waiting_note(waiting, &lab->state->enrol, &request,
                                             i % 2 ? DENIAL_TOKEN_UNKNOWN : DENIAL_TOKEN_WRONG,
                                             wall + 1, &event);
        }

        assert_int_equal(told, WAITING_UNPROVEN_NEWS_MAX);
        assert_int_equal(waiting->unproven_count, WAITING_UNPROVEN_MAX);
        assert_int_equal(waiting->count, WAITING_NEWS_MAX - 1);
        for (unsigned i = 0; i < WAITING_NEWS_MAX; i++) {
                EnrolRequest request = stranger(i);

                assert_int_equal(
                                waiting_note(waiting, &lab->state->enrol, &request,
                                             DENIAL_KEY_PENDING, wall + 2, &event),
                                i == WAITING_NEWS_MAX - 1);
        }
}

static void test_the_audit_may_be_written_to_again_after_a_while(void **state) {
        auto_free Waiting *waiting = calloc(1, sizeof(Waiting));
        AUTO(Lab) *lab = lab_new();
        usec_t wall = USEC_PER_DAY;
        unsigned told = 0;
        Event event;

        for (unsigned i = 0; i < 3 * WAITING_NEWS_MAX; i++) {
                EnrolRequest request = stranger(i);

                told += waiting_note(
                                waiting, &lab->state->enrol, &request, DENIAL_KEY_PENDING,
                                i < 2 * WAITING_NEWS_MAX ? wall : wall + 5 * WAITING_NEWS_SPAN,
                                &event);
        }
        assert_int_equal(told, WAITING_NEWS_MAX + 5);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_only_what_nothing_speaks_against_is_let_in),
                cmocka_unit_test(test_the_secret_of_a_token_comes_first),
                cmocka_unit_test(
                                test_a_token_lets_in_as_many_as_it_says_also_when_all_come_at_once),
                cmocka_unit_test(test_two_events_in_one_commit_use_a_token_twice),
                cmocka_unit_test(
                                test_a_join_that_comes_again_is_the_same_node_and_costs_no_second_use),
                cmocka_unit_test(test_a_token_ends_at_its_moment),
                cmocka_unit_test(test_a_pattern_is_a_name_with_stars_and_question_marks),
                cmocka_unit_test(test_a_name_never_gets_another_key_before_the_first_is_revoked),
                cmocka_unit_test(
                                test_a_revoked_key_never_comes_back_and_a_rejected_one_by_a_person),
                cmocka_unit_test(test_the_cluster_is_what_its_masters_say),
                cmocka_unit_test(test_both_keys_of_a_node_count_until_the_new_one_is_used),
                cmocka_unit_test(test_an_offer_is_for_one_key_and_one_hour),
                cmocka_unit_test(test_no_node_announces_the_key_of_another),
                cmocka_unit_test(test_who_revokes_a_node_revokes_the_key_to_come_too),
                cmocka_unit_test(test_strangers_fill_neither_memory_nor_the_audit),
                cmocka_unit_test(test_the_same_refusal_is_told_once_and_another_one_again),
                cmocka_unit_test(test_who_has_not_proven_a_key_is_not_listed_under_it),
                cmocka_unit_test(test_tokens_made_up_push_nobody_out_who_has_proven_a_key),
                cmocka_unit_test(test_the_audit_may_be_written_to_again_after_a_while),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
