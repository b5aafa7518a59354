/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/tell.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "tests/unit/core-lab.h"

#define SEC     USEC_PER_SEC
#define ROUNDS  400U
#define SEEDS   20U
#define MASTERS 3U
#define NODES   ELEMENTSOF(names)

/* More agents than are looked at before their turn. */
static const char *const names[] = {
        "m1",  "m2",  "m3",  "a1",  "a2",  "a3",  "a4",  "a5",  "a6",  "a7",  "a8", "a9", "a10",
        "a11", "a12", "a13", "a14", "a15", "a16", "a17", "a18", "a19", "a20", "p1", "p2",
};

/* What was told in one turn. */
typedef struct Told {
        size_t count;
        size_t nodes[4 * NODES];
        Message messages[4 * NODES];
} Told;

static void note(size_t node, const Message *message, void *userdata) {
        Told *told = userdata;

        assert_true(told->count < ELEMENTSOF(told->nodes));
        told->nodes[told->count] = node;
        told->messages[told->count++] = *message;
}

/* What would be told if every node were looked at. The facts are left as they are. */
static void tell_all(const Lab *lab, Told *told) {
        Facts copy = lab->facts;

        copy.nodes = calloc(copy.space, sizeof(NodeFacts));
        copy.due = calloc(copy.space, sizeof(usec_t));
        assert_non_null(copy.nodes);
        assert_non_null(copy.due);
        memcpy(copy.nodes, lab->facts.nodes, copy.count * sizeof(NodeFacts));
        assert_false(tell_nodes(lab->state, &copy, lab->now, note, told));
        free(copy.nodes);
        free(copy.due);
}

static void tell(Lab *lab, Told *told) {
        assert_false(tell_nodes(lab->state, &lab->facts, lab->now, note, told));
}

static void check_same(const Told *told, const Told *all) {
        for (size_t i = told->count; i < all->count; i++) {
                fail_msg("not told to %s: %s", names[all->nodes[i]],
                         enum_name(&message_kind_names, all->messages[i].kind));
        }
        assert_int_equal(told->count, all->count);
        for (size_t i = 0; i < all->count; i++) {
                assert_int_equal(told->nodes[i], all->nodes[i]);
                assert_int_equal(told->messages[i].kind, all->messages[i].kind);
                assert_memory_equal(&told->messages[i], &all->messages[i], sizeof(Message));
        }
}

static Role role_of(size_t node) {
        if (names[node][0] == 'm')
                return ROLE_MASTER;

        return names[node][0] == 'p' ? ROLE_PUBLIC_AGENT : ROLE_AGENT;
}

/* --- what may happen --- */

static void say_hello(Lab *lab, size_t node) {
        Hello hello = lab_hello_of(names[node], role_of(node), MASTERS);

        (void) text_format(hello.address, sizeof(hello.address), "10.0.0.%zu", node + 1);
        hello.epoch = lab->state->epoch - 1;
        lab_hello(lab, &hello);
}

static void acknowledge(Lab *lab, size_t node) {
        lab_claim(lab, names[node], NULL, 0);
}

/* It has taken over what it was told to watch, or not yet. */
static void beat(Lab *lab, size_t node) {
        const NodeFacts *known = lab_facts(lab, names[node]);
        Message message = { .kind = MESSAGE_HEARTBEAT };

        message.heartbeat.epoch = lab->state->epoch;
        message.heartbeat.watch = random() % 4 == 0 ? known->watching : known->watch;
        message.heartbeat.refreshed = random() % 2 == 0 ? known->refresh : known->refreshed;
        message.heartbeat.login = random() % 2 == 0 ? lab->facts.login : known->login;
        (void) lab_hear(lab, names[node], &message);
}

static void wish(Lab *lab, size_t node) {
        facts_wish(&lab->facts, node, ++lab->facts.wishes, lab->now);
}

/* Another token, or none. */
static void log_in(Lab *lab, size_t node) {
        (void) node;
        facts_set_login(&lab->facts, (uint64_t) random() % 3);
}

static void report(Lab *lab, size_t node) {
        static const NodeStep states[] = {
                NODE_STEP_STAGED,   NODE_STEP_STAGED, NODE_STEP_STAGED,       NODE_STEP_RUNNING,
                NODE_STEP_DECLINED, NODE_STEP_ENDED,  NODE_STEP_STAGE_FAILED,
        };
        const Step *step = &lab_node(lab, names[node])->step;

        if (step->id[0]) {
                (void) lab_report(
                                lab, names[node], states[(size_t) random() % ELEMENTSOF(states)],
                                step->fence, random() % 3 == 0);
        }
}

static void be_ready(Lab *lab, size_t node) {
        if (lab_node(lab, names[node])->step.state == STEP_SLOTTED)
                lab_ready(lab, names[node], (char) ('a' + random() % 6));
}

static void refuse(Lab *lab, size_t node) {
        Refused refused = { .order = "stage", .refusal = REFUSAL_FAILED, .reason = "disk full" };

        facts_hear_refused(&lab->facts, node, &refused, lab->now);
}

static void make_run(Lab *lab, size_t node) {
        (void) node;
        if (!state_has_open_run(lab->state) && lab->state->slots == 0 &&
            !state_find_unsettled(lab->state))
                lab_run(lab, names, NODES, false);
}

static void pause_or_resume(Lab *lab, size_t node) {
        RunState state = lab->state->run.state;

        (void) node;
        if (state_has_open_run(lab->state)) {
                lab_operate(lab, state == RUN_RUNNING ? RUN_EVENT_PAUSED : RUN_EVENT_RESUMED);
        }
}

static void pass(Lab *lab, size_t node) {
        (void) node;
        lab_pass(lab, (usec_t) random() % (3 * SEC));
}

static void happen(Lab *lab) {
        static void (*const happenings[])(Lab * lab, size_t node) = {
                say_hello, acknowledge, acknowledge,     beat,     beat,     beat,   beat,     wish,
                report,    report,      report,          be_ready, be_ready, refuse, make_run, pass,
                pass,      pass,        pause_or_resume, log_in,
        };

        happenings[(size_t) random() % ELEMENTSOF(happenings)](lab, (size_t) random() % NODES);
}

/* --- tests --- */

static void play(unsigned seed, size_t *told_in_all, size_t *quiet_in_all) {
        AUTO(Lab) *lab = lab_new();
        Told *told = calloc(2, sizeof(Told));

        assert_non_null(told);
        srandom(seed);
        for (size_t i = 0; i < NODES; i++) {
                say_hello(lab, i);
                acknowledge(lab, i);
        }

        lab_healthy(lab, true);
        for (unsigned round = 0; round < ROUNDS; round++) {
                told[0].count = told[1].count = 0;
                happen(lab);
                tell_all(lab, &told[1]);
                tell(lab, &told[0]);
                check_same(&told[0], &told[1]);
                *told_in_all += told[0].count;
                for (size_t i = 0; i < NODES; i++)
                        *quiet_in_all += lab->facts.due[i] > lab->now;
        }

        free(told);
}

static void test_who_is_quiet_would_not_be_told_anything(void **state) {
        size_t told = 0;
        size_t quiet = 0;

        for (unsigned seed = 1; seed <= SEEDS; seed++)
                play(seed, &told, &quiet);

        /* And there was something to see. */
        assert_true(told > SEEDS * ROUNDS / 4);
        assert_true(quiet > SEEDS * ROUNDS / 4);
}

/* Until everybody has said that it has taken over what it is to watch. */
static void settle(Lab *lab) {
        Told *told = calloc(1, sizeof(Told));

        assert_non_null(told);
        tell(lab, told);
        for (size_t i = 0; i < NODES; i++) {
                Message message = { .kind = MESSAGE_HEARTBEAT };

                message.heartbeat.epoch = lab->state->epoch;
                message.heartbeat.watch = lab->facts.nodes[i].watch;
                (void) lab_hear(lab, names[i], &message);
        }

        tell(lab, told);
        free(told);
}

static void test_agents_that_have_taken_over_everything_are_quiet(void **state) {
        AUTO(Lab) *lab = lab_new();

        for (size_t i = 0; i < NODES; i++) {
                say_hello(lab, i);
                acknowledge(lab, i);
        }

        settle(lab);
        for (size_t i = 0; i < NODES; i++)
                assert_int_equal(lab->facts.due[i] > lab->now, role_of(i) != ROLE_MASTER);
}

static void test_an_agent_whose_turn_comes_nearer_is_told_what_to_watch(void **state) {
        AUTO(Lab) *lab = lab_new();
        Told *told = calloc(1, sizeof(Told));
        bool found = false;

        assert_non_null(told);
        for (size_t i = 0; i < NODES; i++) {
                say_hello(lab, i);
                acknowledge(lab, i);
        }

        lab_run(lab, names, NODES, false);
        for (size_t i = 0; i < NODES; i++)
                lab_lead(lab, names[i], STEP_STAGED);

        settle(lab);
        (void) lab_report(lab, "a1", NODE_STEP_RUNNING, 1, 0);
        tell(lab, told);
        for (size_t i = 0; i < told->count; i++) {
                found = found || (told->messages[i].kind == MESSAGE_WATCH &&
                                  strcmp(names[told->nodes[i]], "a17") == 0);
        }

        assert_true(found);
        free(told);
}

static void count_one(size_t node, const Message *message, void *userdata) {
        unsigned *counts = userdata;

        assert_int_equal(message->kind, MESSAGE_WATCH);
        counts[node]++;
}

/* Nobody is heard while so many are told something. */
static void test_many_are_told_in_portions_and_each_once(void **state) {
        AUTO(Lab) *lab = lab_new();
        static unsigned counts[3 * TELL_MAX];
        char name[NAME_TEXT_MAX];
        unsigned calls = 1;

        for (size_t i = 0; i < ELEMENTSOF(counts); i++) {
                (void) text_format(name, sizeof(name), "a%zu", i);
                lab_join(lab, name, ROLE_AGENT, 0);
                lab->facts.nodes[i].heartbeat = 10 * SEC;
        }

        while (tell_nodes(lab->state, &lab->facts, lab->now, count_one, counts))
                calls++;

        assert_in_range(calls, 3, 4);
        for (size_t i = 0; i < ELEMENTSOF(counts); i++)
                assert_int_equal(counts[i], 1);
}

/* --- the token --- */

static size_t find_told(const Told *told, size_t node, MessageKind kind) {
        for (size_t i = 0; i < told->count; i++) {
                if (told->nodes[i] == node && told->messages[i].kind == kind)
                        return i;
        }

        return SIZE_MAX;
}

/* Outside a run masters are asked how they are, and nobody else. */
static Lab *watched_masters(void) {
        Lab *lab = lab_new();

        for (size_t i = 0; i < NODES; i++) {
                say_hello(lab, i);
                acknowledge(lab, i);
        }

        return lab;
}

static void test_only_who_has_something_to_ask_is_told_the_token_and_before_it(void **state) {
        AUTO(Lab) *lab = watched_masters();
        auto_free Told *told = calloc(1, sizeof(*told));

        assert_non_null(told);
        facts_set_login(&lab->facts, 77);
        tell(lab, told);
        for (size_t i = 0; i < NODES; i++) {
                size_t login = find_told(told, i, MESSAGE_LOGIN);

                assert_int_equal(login != SIZE_MAX, i < MASTERS);
                if (login == SIZE_MAX)
                        continue;

                assert_true(login < find_told(told, i, MESSAGE_WATCH));
                assert_int_equal(told->messages[login].login.serial, 77);
                assert_true(told->messages[login].login.epoch == lab->state->epoch);
                assert_string_equal(told->messages[login].login.token, "");
        }
}

static void test_the_token_is_told_again_until_the_node_says_that_it_has_it(void **state) {
        AUTO(Lab) *lab = watched_masters();
        auto_free Told *told = calloc(1, sizeof(*told));
        Message message = { .kind = MESSAGE_HEARTBEAT };

        assert_non_null(told);
        facts_set_login(&lab->facts, 77);
        for (unsigned i = 0; i < 3; i++) {
                told->count = 0;
                tell(lab, told);
                assert_true(find_told(told, 0, MESSAGE_LOGIN) != SIZE_MAX);
                told->count = 0;
                tell(lab, told);
                assert_true(find_told(told, 0, MESSAGE_LOGIN) == SIZE_MAX);
                lab_pass(lab, 3 * SEC);
        }

        message.heartbeat.epoch = lab->state->epoch;
        message.heartbeat.login = 77;
        (void) lab_hear(lab, "m1", &message);
        told->count = 0;
        tell(lab, told);
        assert_true(find_told(told, 0, MESSAGE_LOGIN) == SIZE_MAX);

        facts_set_login(&lab->facts, 78); /* renewed */
        told->count = 0;
        tell(lab, told);
        assert_true(find_told(told, 0, MESSAGE_LOGIN) != SIZE_MAX);

        facts_set_login(&lab->facts, 0); /* over */
        lab_pass(lab, 3 * SEC);
        told->count = 0;
        tell(lab, told);
        assert_true(find_told(told, 0, MESSAGE_LOGIN) == SIZE_MAX);
}

static void test_a_new_session_is_told_the_token_anew(void **state) {
        AUTO(Lab) *lab = watched_masters();
        auto_free Told *told = calloc(1, sizeof(*told));
        Message message = { .kind = MESSAGE_HEARTBEAT };

        assert_non_null(told);
        facts_set_login(&lab->facts, 77);
        message.heartbeat.epoch = lab->state->epoch;
        message.heartbeat.login = 77;
        (void) lab_hear(lab, "m1", &message);
        say_hello(lab, 0);
        acknowledge(lab, 0);
        tell(lab, told);
        assert_true(find_told(told, 0, MESSAGE_LOGIN) != SIZE_MAX);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(
                                test_only_who_has_something_to_ask_is_told_the_token_and_before_it),
                cmocka_unit_test(test_the_token_is_told_again_until_the_node_says_that_it_has_it),
                cmocka_unit_test(test_a_new_session_is_told_the_token_anew),
                cmocka_unit_test(test_who_is_quiet_would_not_be_told_anything),
                cmocka_unit_test(test_agents_that_have_taken_over_everything_are_quiet),
                cmocka_unit_test(test_many_are_told_in_portions_and_each_once),
                cmocka_unit_test(test_an_agent_whose_turn_comes_nearer_is_told_what_to_watch),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
