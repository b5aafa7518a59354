/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/core-lab.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "coordinator/checks.h"
#include "coordinator/health.h"

#define WALL (1790000000 * USEC_PER_SEC)

/* --- the log --- */

static void append(Lab *lab, const Event *event) {
        if (lab->count == lab->space) {
                lab->space = lab->space ? 2 * lab->space : 64;
                lab->log = reallocarray(lab->log, lab->space, sizeof(Event));
                assert_non_null(lab->log);
        }

        lab->log[lab->count++] = *event;
}

/* As the disk gives it back. */
static Event through_disk(const Event *event, const Lab *lab) {
        auto_free char *body = NULL;
        Error error = {};
        Event back;

        if (event_encode(event, &body, &error) < 0)
                fail_msg("%s", error.text);
        if (event_decode(enum_name(&event_kind_names, event->kind), body, &back, &error) < 0)
                fail_msg("%s: %s", body, error.text);

        back.seq = lab->state->seq + 1;
        back.at = lab->wall;
        return back;
}

/* What the state keeps beside its nodes is what a look at each of them says. */
static void check_state(const State *state) {
        size_t steps[STEP_STATE_COUNT] = {};
        size_t masters = 0;
        size_t slots = 0;

        for (size_t i = 0; i < state->node_count; i++) {
                const Node *node = &state->nodes[i];

                assert_int_equal(state_find_place(state, node->name), i);
                slots += node->step.slot;
                if (node->step.id[0])
                        steps[node->step.state]++;
                if (node->role == ROLE_MASTER)
                        assert_int_equal(state->masters[masters++], i);
        }

        assert_int_equal(state->master_count, masters);
        assert_int_equal(state->slots, slots);
        assert_memory_equal(state->steps, steps, sizeof(steps));
}

static void check_wishes(const Facts *facts) {
        size_t wished = 0;

        for (size_t i = 0; i < facts->count; i++)
                wished += facts->nodes[i].refresh != 0;

        assert_int_equal(facts->wished, wished);
}

/* As a person would have written it down: the masters that are known, and those that are missing.
 */
static void list_masters(Lab *lab) {
        size_t count = MIN(state_master_count(lab->state, NULL), (uint64_t) MASTERS_MAX);

        lab->facts.rules = (EnrolRules) { lab->listed, lab->listed_count };
        if (lab->lists)
                return;

        for (size_t i = 0; i < count; i++) {
                const char *name = i < lab->state->master_count
                                                   ? lab->state->nodes[lab->state->masters[i]].name
                                                   : "missing";

                (void) text_copy(lab->listed[i], NAME_TEXT_MAX, name);
        }

        lab->listed_count = count;
        lab->facts.rules.master_count = count;
}

bool lab_try(Lab *lab, const Event *event) {
        Event back;
        Error error = {};

        if (state_check_all(lab->state, event, 1, &error) < 0) {
                assert_int_not_equal(error.code, ERROR_NONE);
                return false;
        }

        back = through_disk(event, lab);
        if (lab->watch)
                lab->watch(lab, &back);

        append(lab, &back);
        if (state_apply(lab->state, &back, &error) < 0)
                fail_msg("checked, and not applied: %s", error.text);

        assert_int_equal(facts_note(&lab->facts, lab->state, &back, lab->now), 0);
        health_note(lab->state, &lab->facts, &back, lab->now);
        assert_int_equal(lab->facts.count, lab->state->node_count);
        check_state(lab->state);
        check_wishes(&lab->facts);
        list_masters(lab);
        return true;
}

void lab_commit(Lab *lab, const Event *event) {
        char text[REASON_MAX];

        event_describe(event, text, sizeof(text));
        if (!lab_try(lab, event))
                fail_msg("refused: %s", text);
}

/* What the samples of a cluster would say that is as it seems. Nobody leads, as far as the order is
 * concerned; `healthy` is up to the test. */
static void look(Lab *lab) {
        const char *wanted = lab->state->run.made.to;

        lab->facts.elected = lab->facts.zookeeper = lab->state->node_count;
        lab->facts.cluster_well = true;
        for (size_t i = 0; i < lab->facts.count; i++) {
                const Node *node = &lab->state->nodes[i];
                NodeFacts *facts = &lab->facts.nodes[i];

                facts->healthy_but_one = facts->healthy;
                facts->member = true;
                facts->proven = strcmp(node->dcos_version, wanted) == 0;
                facts->unwell = (Why) {};
                facts->choice = strcmp(node->dcos_version, LAB_FROM) == 0 ? RETRY_ANEW
                                : strcmp(node->dcos_version, wanted) == 0 ? RETRY_JUDGE
                                                                          : RETRY_UNSAFE;
                if (!facts->proven) {
                        why_setf(&facts->unwell, "", "%s has DC/OS %s, want %s", node->name,
                                 node->dcos_version, wanted);
                }
        }
}

unsigned lab_turn(Lab *lab) {
        Event event;

        for (unsigned decided = 0; decided < 1000; decided++) {
                if (!lab->blind)
                        look(lab);
                if (run_decide(lab->state, &lab->facts, lab->now, lab->wall, &event, &lab->why) ==
                    0) {
                        for (size_t i = 0; i < lab->facts.count; i++)
                                facts_expire(&lab->facts, i, lab->now);
                        return decided;
                }

                lab_commit(lab, &event);
        }

        fail_msg("decides for ever");
        return 0;
}

const Event *lab_last(const Lab *lab, EventKind kind) {
        for (size_t i = lab->count; i > 0; i--) {
                if (lab->log[i - 1].kind == kind)
                        return &lab->log[i - 1];
        }

        return NULL;
}

unsigned lab_count(const Lab *lab, EventKind kind) {
        unsigned count = 0;

        for (size_t i = 0; i < lab->count; i++)
                count += lab->log[i].kind == kind;

        return count;
}

unsigned lab_count_step(const Lab *lab, const char *node, StepEvent kind) {
        unsigned count = 0;

        for (size_t i = 0; i < lab->count; i++) {
                count += lab->log[i].kind == EVENT_STEP && lab->log[i].step.event == kind &&
                         strcmp(lab->log[i].step.node, node) == 0;
        }

        return count;
}

/* --- life --- */

static void start(Lab *lab) {
        Event event = { .kind = EVENT_STARTED, .epoch = { .software = "0.1.0" } };

        lab->facts.started = lab->now;
        assert_int_equal(facts_grow(&lab->facts, lab->state, lab->now), 0);
        event.epoch.epoch = state_next_epoch(lab->state);
        lab_commit(lab, &event);
        (void) lab_turn(lab);
}

Lab *lab_new(void) {
        Lab *lab = calloc(1, sizeof(Lab));

        assert_non_null(lab);
        lab->now = USEC_PER_HOUR;
        lab->wall = WALL;
        lab->state = state_new();
        assert_non_null(lab->state);
        start(lab);
        return lab;
}

void lab_free(Lab *lab) {
        state_free(lab->state);
        facts_done(&lab->facts);
        free(lab->log);
        free(lab);
}

void lab_restore(Lab *lab, size_t keep) {
        Error error = {};

        state_free(lab->state);
        facts_done(&lab->facts);
        lab->state = state_new();
        assert_non_null(lab->state);
        lab->count = keep;
        for (size_t i = 0; i < keep; i++) {
                if (state_apply(lab->state, &lab->log[i], &error) < 0)
                        fail_msg("replay: %s", error.text);
        }

        start(lab);
}

void lab_restart(Lab *lab) {
        lab_restore(lab, lab->count);
}

void lab_pass_silent(Lab *lab, usec_t span) {
        lab->now += span;
        lab->wall += span;
}

void lab_pass(Lab *lab, usec_t span) {
        lab_pass_silent(lab, span);
        for (size_t i = 0; i < lab->facts.count; i++) {
                if (lab->facts.nodes[i].heard)
                        lab->facts.nodes[i].heard = lab->now;
        }
}

/* --- nodes --- */

const Node *lab_node(const Lab *lab, const char *name) {
        const Node *node = state_find_node_const(lab->state, name);

        assert_non_null(node);
        return node;
}

static size_t place(const Lab *lab, const char *name) {
        return (size_t) (lab_node(lab, name) - lab->state->nodes);
}

NodeFacts *lab_facts(Lab *lab, const char *name) {
        return &lab->facts.nodes[place(lab, name)];
}

static void fill_id(char id[static ID_TEXT_MAX], char digit) {
        memset(id, digit, ID_TEXT_MAX - 1);
        id[ID_TEXT_MAX - 1] = '\0';
}

Hello lab_hello_of(const char *name, Role role, uint64_t master_count) {
        Hello hello = {
                .role = role,
                .master_count = master_count,
                .software = "0.1.0",
                .dcos_version = LAB_FROM,
                .address = "10.0.0.1",
        };

        assert_true(text_copy(hello.name, sizeof(hello.name), name));
        fill_id(hello.boot_id, 'b');
        fill_id(hello.journal_id, 'a');
        return hello;
}

void lab_hello(Lab *lab, const Hello *hello) {
        Event event;

        if (intake_hello(lab->state, hello, &event) > 0)
                lab_commit(lab, &event);

        facts_greet(&lab->facts, lab->state, hello, lab->now);
        if (intake_hello_epoch(lab->state, hello, "0.1.0", &event) > 0)
                lab_commit(lab, &event);

        (void) lab_turn(lab);
}

void lab_claim_journal(
                Lab *lab, const char *name, char journal, const StepBrief steps[], size_t count) {
        Message message = { .kind = MESSAGE_CLAIMED };

        message.claimed.epoch = lab->state->epoch;
        message.claimed.step_count = count;
        fill_id(message.claimed.journal_id, journal);
        if (count > 0)
                memcpy(message.claimed.steps, steps, count * sizeof(StepBrief));

        (void) lab_hear(lab, name, &message);
}

void lab_claim(Lab *lab, const char *name, const StepBrief steps[], size_t count) {
        lab_claim_journal(lab, name, 'a', steps, count);
}

void lab_join(Lab *lab, const char *name, Role role, uint64_t master_count) {
        Hello hello = lab_hello_of(name, role, master_count);

        hello.epoch = lab->state->epoch - 1;
        lab_hello(lab, &hello);
        lab_claim(lab, name, NULL, 0);
}

void lab_join_masters(Lab *lab, uint64_t count) {
        char name[] = "m1";

        for (uint64_t i = 0; i < count; i++) {
                name[1] = (char) ('1' + i);
                lab_join(lab, name, ROLE_MASTER, count);
        }
}

static void commit_heard(Lab *lab, Event *events, size_t count) {
        for (size_t i = 0; i < count; i++)
                (void) lab_try(lab, &events[i]);
}

unsigned lab_hear(Lab *lab, const char *name, const Message *message) {
        Event events[INTAKE_CLAIM_MAX];
        size_t before = lab->count;
        size_t node = place(lab, name);
        unsigned heard;

        lab->facts.nodes[node].heard = lab->now;
        if (message->kind == MESSAGE_CLAIMED) {
                facts_hear_claimed(&lab->facts, &message->claimed);
                commit_heard(lab, events,
                             intake_claimed(lab->state, name, &message->claimed, events));
        } else if (message->kind == MESSAGE_HEARTBEAT) {
                facts_hear_heartbeat(&lab->facts, lab->state, node, &message->heartbeat, lab->now);
                commit_heard(lab, events,
                             (size_t) intake_heartbeat(
                                             lab->state, name, &message->heartbeat, events));
        } else if (message->kind == MESSAGE_READY) {
                facts_hear_ready(&lab->facts, lab->state, node, &message->ready, lab->now);
        } else if (message->kind == MESSAGE_REPORT) {
                facts_hear_report(&lab->facts, lab->state, node, &message->report, lab->now);
                commit_heard(lab, events,
                             intake_report(lab->state, name, &message->report, events));
        } else if (message->kind == MESSAGE_REFUSED) {
                facts_hear_refused(&lab->facts, node, &message->refused, lab->now);
                commit_heard(lab, events,
                             (size_t) intake_epoch(
                                             lab->state, name, message->refused.epoch, "0.1.0",
                                             events));
        } else {
                fail_msg("no node says that");
        }

        heard = (unsigned) (lab->count - before);
        (void) lab_turn(lab);
        return heard;
}

unsigned lab_heartbeat(Lab *lab, const char *name) {
        Message message = { .kind = MESSAGE_HEARTBEAT };

        return lab_hear(lab, name, &message);
}

static Message make_report(const Lab *lab, const char *name, NodeStep state, uint64_t fence) {
        Message message = { .kind = MESSAGE_REPORT };
        Report *report = &message.report;

        report->state = state;
        report->fence = fence;
        fill_id(report->op, '0');
        (void) text_copy(report->step, sizeof(report->step), lab_node(lab, name)->step.id);
        return message;
}

unsigned lab_report(
                Lab *lab, const char *name, NodeStep state, uint64_t fence, uint64_t exit_status) {
        Message message = make_report(lab, name, state, fence);

        message.report.exit_status = exit_status;
        return lab_hear(lab, name, &message);
}

unsigned lab_version(Lab *lab, const char *name, const char *version) {
        Message message = make_report(lab, name, NODE_STEP_ENDED, lab_node(lab, name)->step.fence);

        assert_true(text_copy(
                        message.report.dcos_version, sizeof(message.report.dcos_version), version));
        return lab_hear(lab, name, &message);
}

void lab_ready(Lab *lab, const char *name, char nonce) {
        Message message = { .kind = MESSAGE_READY };

        message.ready.fence = lab_node(lab, name)->step.fence;
        fill_id(message.ready.nonce, nonce);
        (void) text_copy(
                        message.ready.step, sizeof(message.ready.step),
                        lab_node(lab, name)->step.id);
        (void) lab_hear(lab, name, &message);
}

void lab_sample_of(Lab *lab, const char *name, const char *step, const Sample *sample) {
        Sample said = *sample;
        size_t subject;

        (void) text_copy(said.step, sizeof(said.step), step);
        (void) health_hear(lab->state, &lab->facts, place(lab, name), &said, lab->now, &subject);
}

void lab_sample(Lab *lab, const char *name, const Sample *sample) {
        lab_sample_of(lab, name, watched_step(lab->state, lab_node(lab, name)), sample);
}

void lab_look(Lab *lab, const char *name, const char *version, Verdict packages) {
        Sample said = {
                .check = "version",
                .texts = { { .name = "version" } },
                .text_count = version[0] ? 1 : 0,
                .reason = "the version of DC/OS cannot be read",
        };

        (void) text_copy(said.texts[0].text, sizeof(said.texts[0].text), version);
        lab_sample(lab, name, &said);
        said = (Sample) { .check = "packages", .verdict = packages };
        if (packages != VERDICT_PASS)
                (void) text_copy(said.reason, sizeof(said.reason), "so the node says");
        lab_sample(lab, name, &said);
}

bool lab_order(Lab *lab, const char *name, Message *ret) {
        size_t node = place(lab, name);

        if (!order_due(lab->state, &lab->facts, node, lab->now, ret))
                return false;

        order_sent(&lab->facts.nodes[node], ret, lab->now);
        return true;
}

void lab_expect_order(Lab *lab, const char *name, MessageKind kind, Message *ret) {
        Message message;

        if (!lab_order(lab, name, &message))
                fail_msg("no order for %s, want %s", name, enum_name(&message_kind_names, kind));

        assert_string_equal(
                        enum_name(&message_kind_names, message.kind),
                        enum_name(&message_kind_names, kind));
        if (ret)
                *ret = message;
}

void lab_expect_no_order(Lab *lab, const char *name) {
        Message message;

        if (lab_order(lab, name, &message))
                fail_msg("unexpected %s", enum_name(&message_kind_names, message.kind));
}

/* --- operators --- */

Event lab_run_made(uint64_t number) {
        Event event = { .kind = EVENT_RUN_MADE };
        EventRunMade *made = &event.run_made;

        *made = (EventRunMade) {
                .number = number,
                .id = LAB_RUN,
                .from = LAB_FROM,
                .to = LAB_TO,
                .url = "http://10.0.0.9/dcos_node_upgrade.sh",
                .size = 4711,
                .user = "ops",
                .numbers = {
                        .batch_percent = 10,
                        .batch_max = 50,
                        .canary = 1,
                        .budget = 2,
                        .timeout_script = 30 * USEC_PER_MINUTE,
                        .timeout_master = 20 * USEC_PER_MINUTE,
                        .timeout_agent = 5 * USEC_PER_MINUTE,
                        .dwell_master = USEC_PER_MINUTE,
                        .dwell_agent = 30 * USEC_PER_SEC,
                        .dwell_batch = 15 * USEC_PER_SEC,
                },
        };
        made->id[0] = (char) ('0' + number);
        memset(made->sha256, 'c', DIGEST_TEXT_MAX - 1);
        return event;
}

void lab_run(Lab *lab, const char *const names[], size_t count, bool accept_downtime) {
        Event made = lab_run_made(lab->state->run.made.number + 1);

        made.run_made.accept_downtime = accept_downtime;
        lab_run_as(lab, &made, names, count);
}

void lab_run_as(Lab *lab, const Event *made, const char *const names[], size_t count) {
        lab_commit(lab, made);
        for (size_t i = 0; i < count; i++) {
                Event event = { .kind = EVENT_RUN_NODE };
                event.run_node.role = lab_node(lab, names[i])->role;
                (void) text_copy(event.run_node.node, NAME_TEXT_MAX, names[i]);
                lab_commit(lab, &event);
        }

        lab_operate(lab, RUN_EVENT_STARTED);
}

void lab_operate(Lab *lab, RunEvent kind) {
        Event event = { .kind = EVENT_RUN, .run = { .event = kind, .reason = "by a test" } };

        lab_commit(lab, &event);
        (void) lab_turn(lab);
}

Event lab_step_event(const Lab *lab, const char *name, StepEvent kind) {
        const Node *node = lab_node(lab, name);
        Event event = { .kind = EVENT_STEP, .step = { .event = kind, .fence = node->step.fence } };

        (void) text_copy(event.step.node, sizeof(event.step.node), name);
        (void) text_copy(event.step.step, sizeof(event.step.step), node->step.id);
        if (kind == STEP_EVENT_RETRIED || kind == STEP_EVENT_UNQUARANTINED)
                state_next_step_id(lab->state, node, event.step.step);
        if (kind == STEP_EVENT_SLOTTED)
                event.step.fence = lab->state->fence + 1;

        return event;
}

void lab_step(Lab *lab, const char *name, StepEvent kind) {
        Event event = lab_step_event(lab, name, kind);

        lab_commit(lab, &event);
        (void) lab_turn(lab);
}

void lab_retry(Lab *lab, const char *name) {
        Why why = {};

        if (!retry_is_safe(lab->state, &lab->facts, place(lab, name), lab->now, &why))
                fail_msg("retry: %s", why.text);

        lab_step(lab, name, STEP_EVENT_RETRIED);
}

void lab_healthy(Lab *lab, bool healthy) {
        for (size_t i = 0; i < lab->facts.count; i++)
                lab->facts.nodes[i].healthy = healthy;
}

void lab_lead(Lab *lab, const char *name, StepState to) {
        const Step *step = &lab_node(lab, name)->step;

        if (step->state == STEP_STAGING)
                (void) lab_report(lab, name, NODE_STEP_STAGED, 0, 0);
        if (to == STEP_STAGED)
                return;

        assert_int_equal(step->state, STEP_SLOTTED);
        if (to == STEP_SLOTTED)
                return;

        lab_ready(lab, name, (char) ('0' + step->fence % 10));
        lab_expect_order(lab, name, MESSAGE_START, NULL);
        assert_int_equal(lab_report(lab, name, NODE_STEP_RUNNING, step->fence, 0), 1);
        assert_int_equal(step->state, STEP_STARTED);
        if (to == STEP_STARTED)
                return;

        assert_int_equal(lab_report(lab, name, NODE_STEP_ENDED, step->fence, 0), 1);
        assert_int_equal(step->state, STEP_VERIFYING);
        if (to == STEP_DONE) {
                (void) lab_version(lab, name, LAB_TO);
                assert_int_equal(step->state, STEP_DONE);
        }
}
