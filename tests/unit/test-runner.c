/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/runner.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/text.h"
#include "node-agent/identity.h"
#include "node-agent/runner-internal.h"
#include "proto/signed-plan.h"
#include "tests/unit/fake-systemd.h"

/* The whole node agent but for the link: orders go in, messages come out, systemd is a fake, and
 * the test plays rollpatch-step by making the files that it makes. */

#define STEP     "r1-0123abcd-m1-1"
#define UNIT     "rollpatch-step-" STEP ".service"
#define RUN      "0123456789abcdef0123456789abcdef"
#define SCRIPT   "#!/bin/sh\nexit 0\n"
#define PATIENCE (10 * USEC_PER_SEC)
#define SENT_MAX 512

typedef struct Lab {
        sd_event *event;
        FakeSystemd *fake;
        FakeRules *rules;
        char top[64];
        char dir[96]; /* state */
        char probe[96], socket[96];
        StepJournal *journal;
        SystemdBus *bus;
        Runner *runner;
        Role role;
        Message sent[SENT_MAX];
        size_t sent_count;
        bool link_is_down;
} Lab;

/* --- the lab --- */

static int send_message(const Message *message, void *userdata) {
        Lab *lab = userdata;

        if (lab->link_is_down)
                return -ENOTCONN;

        assert_true(lab->sent_count < SENT_MAX);
        lab->sent[lab->sent_count++] = *message;
        return 0;
}

static const KeyPair *signing_key(void) {
        static KeyPair *key;

        if (!key)
                assert_int_equal(key_pair_generate(KEY_SIGNING, &key, NULL), 0);
        return key;
}

static void start_agent(Lab *lab) {
        RunnerOptions options = {
                .send = send_message,
                .userdata = lab,
                .name = "m1",
                .cluster = "prod",
                .signing = signing_key()->public,
                .role = lab->role,
                .root = lab->top,
                .probe = lab->probe,
                .step = "/usr/libexec/rollpatch/rollpatch-step",
        };
        Error error = {};
        int r;

        r = step_journal_open(lab->dir, &lab->journal, &error);
        if (r == 0)
                r = systemd_bus_new(lab->event, &lab->bus, &error);

        options.journal = lab->journal;
        options.bus = lab->bus;
        if (r == 0)
                r = runner_new(lab->event, &options, &lab->runner, &error);
        if (r < 0)
                fail_msg("%s", error.text);
}

static void stop_agent(Lab *lab) {
        runner_free(TAKE(lab->runner));
        systemd_bus_free(TAKE(lab->bus));
        step_journal_free(TAKE(lab->journal));
}

static void restart_agent(Lab *lab) {
        stop_agent(lab);
        lab->sent_count = 0;
        start_agent(lab);
}

static void run_program(const char *program, const char *a, const char *b) {
        pid_t pid = fork();
        int status;

        if (pid == 0) {
                (void) execlp(program, program, a, b, NULL);
                _exit(127);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static void put_file(const char *path, const char *text, mode_t mode) {
        assert_int_equal(file_replace(AT_FDCWD, path, text, strlen(text), mode, NULL), 0);
}

static void put_version(const Lab *lab, const char *version) {
        char path[PATH_MAX], text[128];

        assert_true(text_format(path, sizeof(path), "%s/opt/mesosphere/etc", lab->top));
        run_program("mkdir", "-p", path);
        assert_true(text_format(path + strlen(path), 32, "/dcos-version.json"));
        assert_true(text_format(text, sizeof(text), "{\"version\":\"%s\"}", version));
        put_file(path, text, 0644);
}

static int setup(void **state) {
        Lab *lab = calloc(1, sizeof(*lab));
        char text[512];

        assert_non_null(lab);
        log_open("test-runner", LOG_CRIT);
        (void) text_copy(lab->top, sizeof(lab->top), "/dev/shm/test-runner-XXXXXX");
        assert_non_null(mkdtemp(lab->top));
        assert_true(text_format(lab->dir, sizeof(lab->dir), "%s/state", lab->top));
        assert_true(text_format(lab->probe, sizeof(lab->probe), "%s/probe", lab->top));
        assert_true(text_format(lab->socket, sizeof(lab->socket), "%s/bus", lab->top));
        assert_true(text_format(text, sizeof(text), "unix:path=%s", lab->socket));
        assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", text, 1), 0);
        put_file(lab->probe,
                 "#!/bin/bash\nprintf '#!/bin/sh\\nexit 0\\n' > \"$5\"; echo '{\"ok\":true}'\n",
                 0755);
        put_version(lab, "2.1.0");

        assert_true(sd_event_new(&lab->event) >= 0);
        assert_true(fake_systemd_new(lab->event, lab->socket, &lab->fake) >= 0);
        lab->rules = fake_systemd_rules(lab->fake);
        start_agent(lab);
        *state = lab;
        return 0;
}

static int teardown(void **state) {
        Lab *lab = *state;

        stop_agent(lab);
        fake_systemd_free(lab->fake);
        (void) sd_event_unref(lab->event);
        (void) umount2(lab->dir, MNT_DETACH);
        run_program("rm", "-rf", lab->top);
        free(lab);
        return 0;
}

/* --- looking at it --- */

static const Message *last_sent(const Lab *lab, MessageKind kind) {
        size_t i = lab->sent_count;

        while (i > 0 && lab->sent[i - 1].kind != kind)
                i--;
        if (i == 0)
                fail_msg("no %s was sent", enum_name(&message_kind_names, kind));

        return &lab->sent[i - 1];
}

static const Report *last_report(const Lab *lab) {
        return &last_sent(lab, MESSAGE_REPORT)->report;
}

static size_t count_sent(const Lab *lab, MessageKind kind) {
        size_t count = 0;

        for (size_t i = 0; i < lab->sent_count; i++)
                count += lab->sent[i].kind == kind;

        return count;
}

static bool was_reported(const Lab *lab, const char *step, NodeStep state) {
        for (size_t i = 0; i < lab->sent_count; i++) {
                if (lab->sent[i].kind == MESSAGE_REPORT && lab->sent[i].report.state == state &&
                    strcmp(lab->sent[i].report.step, step) == 0)
                        return true;
        }

        return false;
}

static void turn(Lab *lab) {
        assert_true(sd_event_run(lab->event, 20 * USEC_PER_MSEC) >= 0);
}

static void check_patience(usec_t end, const char *text, NodeStep state) {
        if (clock_boottime() > end)
                fail_msg("waited for %s, %s in vain", text, enum_name(&node_step_names, state));
}

/* Turns until `is_so`, or says what was wanted in vain. */
static void wait_until(
                Lab *lab,
                bool (*is_so)(const Lab *, const char *, NodeStep),
                const char *text,
                NodeStep state) {
        usec_t end = clock_boottime() + PATIENCE;

        while (!is_so(lab, text, state)) {
                check_patience(end, text, state);
                turn(lab);
        }
}

static void wait_report_of(Lab *lab, const char *step, NodeStep state) {
        wait_until(lab, was_reported, step, state);
}

static void wait_report(Lab *lab, NodeStep state) {
        wait_until(lab, was_reported, STEP, state);
}

static bool was_said(const Lab *lab, const char *part, NodeStep state) {
        return count_sent(lab, MESSAGE_REPORT) > 0 && strstr(last_report(lab)->reason, part) &&
               last_report(lab)->state == state;
}

static void wait_reason(Lab *lab, const char *part, NodeStep state) {
        wait_until(lab, was_said, part, state);
}

static void wait_bus(Lab *lab) {
        usec_t end = clock_boottime() + PATIENCE;

        while (!systemd_bus_is_up(lab->bus)) {
                assert_true(clock_boottime() < end);
                turn(lab);
        }
}

/* The call is on its way when the intent is told. */
static void wait_starts(Lab *lab, unsigned count) {
        usec_t end = clock_boottime() + PATIENCE;

        while (lab->rules->starts < count) {
                assert_true(clock_boottime() < end);
                turn(lab);
        }
        assert_int_equal(lab->rules->starts, count);
}

static void assert_refused(const Lab *lab, const char *order, Refusal refusal, const char *reason) {
        const Refused *refused = &last_sent(lab, MESSAGE_REFUSED)->refused;

        assert_string_equal(refused->order, order);
        assert_int_equal(refused->refusal, refusal);
        if (!strstr(refused->reason, reason))
                fail_msg("the reason is '%s', want '%s'", refused->reason, reason);
}

/* --- orders --- */

static void sign(Message *message) {
        assert_int_equal(signed_plan_sign(&message->stage, signing_key(), NULL), 0);
}

/* As the coordinator gives it: a plan is signed. */
static void give(Lab *lab, Message *message) {
        if (message->kind == MESSAGE_STAGE)
                sign(message);

        runner_handle(lab->runner, message);
}

/* And obeys or refuses it: what it is to be about is asked of systemd first. */
static void order(Lab *lab, const Message *message) {
        usec_t end = clock_boottime() + 2 * PATIENCE;

        runner_handle(lab->runner, message);
        while (lab->runner->held_count > 0) {
                assert_true(clock_boottime() < end);
                turn(lab);
        }
}

static void claim(Lab *lab, uint64_t epoch) {
        order(lab, &(Message) { .kind = MESSAGE_CLAIM, .claim = { .epoch = epoch } });
}

static Message make_stage(const char *step) {
        Message message = { .kind = MESSAGE_STAGE,
                            .stage = { .epoch = 1,
                                       .run = RUN,
                                       .cluster = "prod",
                                       .node = "m1",
                                       .from = "2.1.0",
                                       .to = "2.1.1",
                                       .url = "http://b/s",
                                       .size = strlen(SCRIPT),
                                       .timeout = USEC_PER_HOUR } };

        (void) text_copy(message.stage.step, STEP_ID_MAX, step);
        digest_bytes(SCRIPT, strlen(SCRIPT), message.stage.sha256);
        return message;
}

static void stage(Lab *lab, const char *step) {
        Message message = make_stage(step);

        give(lab, &message);
        wait_report_of(lab, step, NODE_STEP_STAGED);
}

static void slot_of(Lab *lab, const char *step, uint64_t fence) {
        Message message = { .kind = MESSAGE_SLOT, .slot = { .epoch = 1, .fence = fence } };

        (void) text_copy(message.slot.step, STEP_ID_MAX, step);
        order(lab, &message);
}

static Message make_start(const Lab *lab) {
        const Ready *ready = &last_sent(lab, MESSAGE_READY)->ready;
        Message message = { .kind = MESSAGE_START, .start = { .epoch = 1, .fence = ready->fence } };

        (void) text_copy(message.start.step, STEP_ID_MAX, ready->step);
        (void) text_copy(message.start.nonce, ID_TEXT_MAX, ready->nonce);
        return message;
}

static void start(Lab *lab) {
        Message message = make_start(lab);

        order(lab, &message);
}

static void ask(Lab *lab, const char *step) {
        Message message = { .kind = MESSAGE_ASK, .ask = { .epoch = 1 } };

        (void) text_copy(message.ask.step, STEP_ID_MAX, step);
        give(lab, &message);
}

static void acknowledge(Lab *lab, const char *op) {
        Message message = { .kind = MESSAGE_ACK };

        (void) text_copy(message.ack.op, OP_MAX, op);
        give(lab, &message);
}

/* --- playing rollpatch-step --- */

static void path_of(const Lab *lab, const char *name, char path[static PATH_MAX]) {
        assert_true(text_format(path, PATH_MAX, "%s/steps/" STEP "/%s", lab->dir, name));
}

static bool is_there(const Lab *lab, const char *name) {
        char path[PATH_MAX];

        path_of(lab, name, path);
        return access(path, F_OK) == 0;
}

static int take_order(Lab *lab, unsigned fence) {
        char from[PATH_MAX], to[PATH_MAX], name[32];

        (void) text_format(name, sizeof(name), "order-%u", fence);
        path_of(lab, name, from);
        path_of(lab, "started", to);
        return link(from, to);
}

static void put_result(Lab *lab, unsigned status, unsigned terminated) {
        char boot[ID_TEXT_MAX], text[512], path[PATH_MAX];

        assert_int_equal(id_boot(boot), 0);
        (void) text_format(
                        text, sizeof(text),
                        "exit_status=%u\nexit_signal=0\nboot_id=%s\nstarted_at=100\nended_at=200\n"
                        "terminated=%u\noutput_dropped=0\njournal_dropped=0\n",
                        status, boot, terminated);
        path_of(lab, "result", path);
        put_file(path, text, 0600);
}

static void put_step_file(Lab *lab, const char *name, const char *text) {
        char path[PATH_MAX];

        path_of(lab, name, path);
        put_file(path, text, 0600);
}

static void unit_is(Lab *lab, const char *active) {
        lab->rules->unit.active = active;
        lab->rules->unit.load = strcmp(active, "inactive") == 0 ? "not-found" : "loaded";
        fake_systemd_signal(
                        lab->fake,
                        "/org/freedesktop/systemd1/unit/rollpatch_2dstep_2dr1_2d0123abcd_2dm1_2d1_2eservice");
}

static void prepare(Lab *lab) {
        wait_bus(lab);
        claim(lab, 1);
        stage(lab, STEP);
}

/* Up to the intent: systemd has been asked and the unit is there. */
static void prepare_intent(Lab *lab, uint64_t fence) {
        slot_of(lab, STEP, fence);
        unit_is(lab, "active");
        start(lab);
        wait_report(lab, NODE_STEP_INTENT);
}

static void prepare_running(Lab *lab) {
        prepare(lab);
        prepare_intent(lab, 3);
        assert_int_equal(take_order(lab, 3), 0);
        wait_report(lab, NODE_STEP_RUNNING);
}

/* --- a good day --- */

static void test_a_step_goes_from_stage_to_end(void **state) {
        Lab *lab = *state;
        char boot[ID_TEXT_MAX], wanted[512];
        const Report *report;

        put_version(lab, "2.1.1");
        assert_int_equal(id_boot(boot), 0);

        prepare_running(lab);
        wait_starts(lab, 1);
        assert_string_equal(lab->rules->started[0], UNIT);
        assert_string_equal(lab->rules->started[1], "fail");
        (void) text_format(
                        wanted, sizeof(wanted),
                        "/usr/libexec/rollpatch/rollpatch-step %s/steps/" STEP " 3", lab->dir);
        assert_string_equal(lab->rules->started[2], wanted);

        put_step_file(lab, "output", "one\ntwo\n");
        put_result(lab, 7, 0);
        unit_is(lab, "failed");
        wait_report(lab, NODE_STEP_ENDED);

        report = last_report(lab);
        assert_string_equal(report->step, STEP);
        assert_string_equal(report->run, RUN);
        assert_string_equal(report->unit, UNIT);
        assert_string_equal(report->boot_id, boot);
        assert_string_equal(report->tail, "one\ntwo\n");
        assert_string_equal(report->reason, "");
        assert_string_equal(report->dcos_version, "2.1.1");
        assert_int_equal(report->fence, 3);
        assert_int_equal(report->exit_status, 7);
        assert_int_equal(report->started_at, 100);
        assert_int_equal(report->ended_at, 200);

        /* the name of the unit is free again, and the order of states was told */
        turn(lab);
        assert_true(lab->rules->resets > 0);
        assert_true(was_reported(lab, STEP, NODE_STEP_STAGING));
        assert_true(was_reported(lab, STEP, NODE_STEP_LOOKING));
}

static void test_a_report_is_repeated_until_it_is_acknowledged(void **state) {
        Lab *lab = *state;
        char op[OP_MAX], older[OP_MAX];
        size_t count;

        lab->link_is_down = true;
        wait_bus(lab);
        claim(lab, 1);
        lab->link_is_down = false;
        stage(lab, STEP);
        (void) text_copy(op, sizeof(op), last_report(lab)->op);

        count = lab->sent_count;
        runner_on_up(lab->runner);
        assert_int_equal(lab->sent_count, count + 1);
        assert_string_equal(last_report(lab)->op, op);
        assert_int_equal(last_report(lab)->state, NODE_STEP_STAGED);

        /* only the newest counts */
        (void) text_copy(older, sizeof(older), op);
        ask(lab, STEP);
        acknowledge(lab, older);
        count = lab->sent_count;
        runner_on_up(lab->runner);
        assert_int_equal(lab->sent_count, count + 1);

        acknowledge(lab, last_report(lab)->op);
        count = lab->sent_count;
        runner_on_up(lab->runner);
        assert_int_equal(lab->sent_count, count);
}

static void test_the_newest_step_that_is_not_over_is_in_the_heartbeat(void **state) {
        Lab *lab = *state;
        Heartbeat heartbeat = {};

        runner_fill_heartbeat(lab->runner, &heartbeat);
        assert_string_equal(heartbeat.step, "");
        prepare_running(lab);
        runner_fill_heartbeat(lab->runner, &heartbeat);
        assert_string_equal(heartbeat.step, STEP);
        assert_int_equal(heartbeat.state, NODE_STEP_RUNNING);
        assert_int_equal(heartbeat.epoch, 1);
        assert_int_equal(runner_get_fence(lab->runner), 3);
}

/* --- who may order --- */

static void test_nobody_orders_who_has_not_claimed(void **state) {
        Lab *lab = *state;
        Message message = make_stage(STEP);

        give(lab, &message);
        assert_refused(lab, "stage", REFUSAL_UNCLAIMED, "epoch 1 has not claimed");

        claim(lab, 5);
        assert_int_equal(last_sent(lab, MESSAGE_CLAIMED)->claimed.epoch, 5);
        give(lab, &message);
        assert_refused(lab, "stage", REFUSAL_EPOCH, "of epoch 5");
        assert_int_equal(last_sent(lab, MESSAGE_REFUSED)->refused.epoch, 5);
        claim(lab, 4);
        assert_refused(lab, "claim", REFUSAL_EPOCH, "epoch is 4");

        /* it is on disk */
        restart_agent(lab);
        claim(lab, 4);
        assert_refused(lab, "claim", REFUSAL_EPOCH, "epoch is 4");
}

static void test_a_claim_is_answered_with_all_steps(void **state) {
        Lab *lab = *state;
        const Claimed *claimed;

        prepare_running(lab);
        stage(lab, "r2-other");
        put_result(lab, 7, 0);
        unit_is(lab, "inactive");
        wait_report(lab, NODE_STEP_ENDED);

        claim(lab, 2);
        claimed = &last_sent(lab, MESSAGE_CLAIMED)->claimed;
        assert_string_equal(claimed->journal_id, step_journal_get_id(lab->journal));
        assert_int_equal(claimed->step_count, 2);
        assert_string_equal(claimed->steps[0].step, STEP);
        assert_int_equal(claimed->steps[0].state, NODE_STEP_ENDED);
        assert_int_equal(claimed->steps[0].fence, 3);
        assert_int_equal(claimed->steps[0].exit_status, 7);
        assert_string_equal(claimed->steps[1].step, "r2-other");
        assert_int_equal(claimed->steps[1].state, NODE_STEP_STAGED);
}

static void test_a_claim_voids_what_was_promised_before(void **state) {
        Lab *lab = *state;
        Message message;

        prepare(lab);
        slot_of(lab, STEP, 1);
        message = make_start(lab);
        claim(lab, 1);
        assert_int_equal(last_sent(lab, MESSAGE_CLAIMED)->claimed.steps[0].state, NODE_STEP_STAGED);
        order(lab, &message);
        assert_refused(lab, "start", REFUSAL_STATE, "the step is staged");
}

static void test_a_claim_stops_a_look(void **state) {
        Lab *lab = *state;
        Message message;

        prepare(lab);
        slot_of(lab, STEP, 1);
        message = make_start(lab);
        message.start.look_count = 1;
        message.start.look[0] = (LookTarget) { .name = "m2", .address = "127.84.0.1" };
        order(lab, &message);
        assert_true(was_reported(lab, STEP, NODE_STEP_LOOKING));
        claim(lab, 2);
        assert_int_equal(last_sent(lab, MESSAGE_CLAIMED)->claimed.steps[0].state, NODE_STEP_STAGED);
        for (unsigned i = 0; i < 10; i++)
                turn(lab);
        assert_int_equal(lab->rules->starts, 0);
        assert_false(is_there(lab, "intent"));
}

static void test_an_order_for_another_node_or_of_another_content_is_refused(void **state) {
        Lab *lab = *state;
        Message message;

        prepare(lab);
        message = make_stage("r2-m2");
        (void) text_copy(message.stage.node, NAME_TEXT_MAX, "m2");
        give(lab, &message);
        assert_refused(lab, "stage", REFUSAL_INVALID, "for node 'm2', this is 'm1'");

        message = make_stage(STEP);
        message.stage.size++;
        give(lab, &message);
        assert_refused(lab, "stage", REFUSAL_INVALID, "another content");
        assert_int_equal(count_sent(lab, MESSAGE_REFUSED), 2);
}

/* Who speaks in the session is not enough: what is run as root is what the signing key ordered. */
static void test_a_plan_that_the_coordinator_has_not_signed_is_refused(void **state) {
        AUTO(KeyPair) *another = NULL;
        Lab *lab = *state;
        Message message = make_stage(STEP);

        prepare(lab);
        assert_int_equal(key_pair_generate(KEY_SIGNING, &another, NULL), 0);
        assert_int_equal(signed_plan_sign(&message.stage, another, NULL), 0);
        runner_handle(lab->runner, &message);
        assert_refused(lab, "stage", REFUSAL_INVALID, "not signed with the signing_key");

        assert_int_equal(signed_plan_sign(&message.stage, signing_key(), NULL), 0);
        message.stage.sha256[0] = message.stage.sha256[0] == '0' ? '1' : '0';
        runner_handle(lab->runner, &message);
        assert_refused(lab, "stage", REFUSAL_INVALID, "not signed with the signing_key");

        message = make_stage(STEP);
        (void) text_copy(message.stage.cluster, NAME_TEXT_MAX, "test");
        give(lab, &message);
        assert_refused(lab, "stage", REFUSAL_INVALID, "for cluster 'test', this is 'prod'");
        assert_int_equal(count_sent(lab, MESSAGE_REFUSED), 3);
}

static void test_a_plan_from_another_version_than_the_nodes_is_refused(void **state) {
        Lab *lab = *state;
        Message message = make_stage("r2-m1");

        prepare(lab);
        (void) text_copy(message.stage.from, VERSION_MAX, "1.13.0");
        (void) text_copy(message.stage.to, VERSION_MAX, "1.13.1");
        give(lab, &message);
        assert_refused(lab, "stage", REFUSAL_INVALID, "from 1.13.0 to 1.13.1, this node has 2.1.0");
}

static void test_a_step_that_is_not_here_is_absent(void **state) {
        Lab *lab = *state;

        claim(lab, 1);
        ask(lab, "r9-gone");
        assert_int_equal(last_report(lab)->state, NODE_STEP_ABSENT);
        assert_string_equal(last_report(lab)->step, "r9-gone");
        slot_of(lab, "r9-gone", 1);
        assert_refused(lab, "slot", REFUSAL_STATE, "not in this node's journal");
}

/* --- starts that are not --- */

static void test_a_start_order_is_valid_for_five_seconds(void **state) {
        Lab *lab = *state;

        prepare(lab);
        slot_of(lab, STEP, 1);
        lab->runner->entries[0]->job.nonce_since -= 6 * USEC_PER_SEC;
        start(lab);
        assert_refused(lab, "start", REFUSAL_NONCE, "want at most 5s");
        assert_int_equal(lab->rules->starts, 0);
}

static void test_a_failed_look_declines_and_names_who_was_down(void **state) {
        Lab *lab = *state;
        Message message;

        prepare(lab);
        slot_of(lab, STEP, 2);
        message = make_start(lab);
        message.start.look_count = 1;
        message.start.look[0] = (LookTarget) { .name = "m2", .address = "127.84.0.1" };
        order(lab, &message);
        wait_report(lab, NODE_STEP_DECLINED);
        assert_non_null(strstr(last_report(lab)->reason, "last look: m2 "));
        assert_int_equal(last_report(lab)->fence, 2);
        assert_int_equal(lab->rules->starts, 0);

        /* and a decline survives */
        restart_agent(lab);
        runner_on_up(lab->runner);
        assert_int_equal(last_report(lab)->state, NODE_STEP_DECLINED);
        assert_non_null(strstr(last_report(lab)->reason, "last look: m2 "));
        slot_of(lab, STEP, 2);
        assert_refused(lab, "slot", REFUSAL_FENCE, "want higher than 2");
        slot_of(lab, STEP, 3);
        assert_int_equal(last_sent(lab, MESSAGE_READY)->ready.fence, 3);
}

static void lose_systemd(Lab *lab) {
        fake_systemd_hang_up(lab->fake);
        (void) unlink(lab->socket);
        while (systemd_bus_is_up(lab->bus))
                turn(lab);
}

static void test_without_systemd_nothing_is_begun(void **state) {
        const char *reason = "which steps run here is not known: no connection to systemd";
        Lab *lab = *state;

        prepare(lab);
        slot_of(lab, STEP, 1);
        lose_systemd(lab);
        start(lab);
        assert_refused(lab, "start", REFUSAL_FAILED, reason);
        assert_int_equal(last_sent(lab, MESSAGE_REFUSED)->refused.fence, 1);
        slot_of(lab, STEP, 2);
        assert_refused(lab, "slot", REFUSAL_FAILED, reason);
        claim(lab, 2);
        assert_refused(lab, "claim", REFUSAL_FAILED, reason);
        assert_int_equal(step_journal_get_epoch(lab->journal), 1);
        assert_false(is_there(lab, "intent"));
}

static void test_a_node_that_was_patched_by_hand_since_it_was_staged_declines(void **state) {
        Lab *lab = *state;

        prepare(lab);
        slot_of(lab, STEP, 1);
        put_version(lab, "2.2.0");
        start(lab);
        wait_report(lab, NODE_STEP_DECLINED);
        assert_non_null(
                        strstr(last_report(lab)->reason,
                               "leads from 2.1.0 to 2.1.1, this node has 2.2.0"));

        put_version(lab, ""); /* no version is not the right one */
        slot_of(lab, STEP, 2);
        start(lab);
        wait_report(lab, NODE_STEP_DECLINED);
        assert_non_null(strstr(last_report(lab)->reason, "cannot be read"));
        assert_int_equal(lab->rules->starts, 0);
        assert_false(is_there(lab, "intent"));
}

static void test_a_systemd_that_is_lost_during_the_look_declines(void **state) {
        Lab *lab = *state;
        Entry *entry;

        prepare(lab);
        slot_of(lab, STEP, 1);
        start(lab);
        entry = lab->runner->entries[0];
        look_free(TAKE(entry->look)); /* it is over when this test says so */
        lose_systemd(lab);
        entry_looked(entry, &(Error) {});
        assert_int_equal(last_report(lab)->state, NODE_STEP_DECLINED);
        assert_string_equal(last_report(lab)->reason, "no connection to systemd");
        assert_false(is_there(lab, "intent"));
}

static void test_a_script_that_was_changed_on_disk_is_not_started(void **state) {
        Lab *lab = *state;

        prepare(lab);
        put_step_file(lab, "script", "#!/bin/sh\nexit 1\n");
        slot_of(lab, STEP, 1);
        start(lab);
        wait_report(lab, NODE_STEP_DECLINED);
        assert_non_null(strstr(last_report(lab)->reason, "script has sha256"));
        assert_int_equal(lab->rules->starts, 0);
}

static void test_a_unit_that_systemd_refuses_is_declined_with_its_words(void **state) {
        Lab *lab = *state;

        prepare(lab);
        lab->rules->start_error = "Unit is too tired.";
        slot_of(lab, STEP, 1);
        start(lab);
        wait_report(lab, NODE_STEP_DECLINED);
        assert_non_null(strstr(last_report(lab)->reason, "Unit is too tired."));
        assert_false(is_there(lab, "order-1"));

        /* under a higher fence it may be tried again */
        lab->rules->start_error = NULL;
        lab->sent_count = 0;
        prepare_intent(lab, 2);
        wait_starts(lab, 2);
        assert_true(is_there(lab, "order-2"));
}

static void test_a_call_that_comes_late_finds_its_order_withdrawn(void **state) {
        Lab *lab = *state;

        prepare(lab);
        lab->rules->hold_start = true;
        slot_of(lab, STEP, 1);
        start(lab);
        wait_report(lab, NODE_STEP_INTENT);
        assert_true(is_there(lab, "order-1"));
        wait_starts(lab, 1);

        /* the node agent dies; systemd has not looked at its call yet */
        restart_agent(lab);
        wait_report(lab, NODE_STEP_DECLINED);
        assert_int_equal(take_order(lab, 1), -1);
}

static void test_a_unit_that_exists_already_is_followed(void **state) {
        Lab *lab = *state;

        prepare(lab);
        lab->rules->start_error = "Unit " UNIT " already exists.";
        prepare_intent(lab, 1);
        assert_int_equal(take_order(lab, 1), 0);
        wait_report(lab, NODE_STEP_RUNNING);
}

static void test_a_second_step_waits_for_the_first(void **state) {
        Lab *lab = *state;

        prepare_running(lab);
        stage(lab, "r2-other");
        slot_of(lab, "r2-other", 9);
        assert_refused(lab, "slot", REFUSAL_STATE, "step " STEP " is in hand");

        put_result(lab, 0, 0);
        unit_is(lab, "inactive");
        wait_report(lab, NODE_STEP_ENDED);
        slot_of(lab, "r2-other", 9);
        assert_string_equal(last_sent(lab, MESSAGE_READY)->ready.step, "r2-other");
}

static void test_asked_again_it_says_what_it_has_done(void **state) {
        Lab *lab = *state;

        prepare_running(lab);
        slot_of(lab, STEP, 8);
        assert_int_equal(last_report(lab)->state, NODE_STEP_RUNNING);
        assert_int_equal(last_report(lab)->fence, 8);
        assert_int_equal(count_sent(lab, MESSAGE_READY), 1);
        slot_of(lab, STEP, 7);
        assert_refused(lab, "slot", REFUSAL_FENCE, "fence is 7, want 8");

        restart_agent(lab);
        assert_int_equal(last_report(lab)->fence, 8);
}

/* --- units that no file explains --- */

/* Somebody removes everything while the script runs, and the agent is started anew. */
static void wipe(Lab *lab) {
        stop_agent(lab);
        run_program("rm", "-rf", lab->dir);
        lab->sent_count = 0;
        start_agent(lab);
}

static void list_unit(Lab *lab, const char *name, const char *active) {
        lab->rules->listed[0] = (FakeListed) { .name = name, .active = active };
}

static void prepare_wiped(Lab *lab) {
        prepare_running(lab);
        list_unit(lab, UNIT, "active");
        wipe(lab);
}

static const StepBrief *only_step(const Lab *lab) {
        const Claimed *claimed = &last_sent(lab, MESSAGE_CLAIMED)->claimed;

        assert_int_equal(claimed->step_count, 1);
        return claimed->steps;
}

static void test_a_journal_wiped_while_the_script_runs_does_not_hide_it(void **state) {
        Lab *lab = *state;
        Heartbeat heartbeat = {};
        Message message = make_stage("r2-other");

        prepare_wiped(lab);
        wait_reason(lab, "found running, and no file", NODE_STEP_RUNNING);
        assert_string_equal(last_report(lab)->step, STEP);
        assert_string_equal(last_report(lab)->unit, UNIT);
        runner_fill_heartbeat(lab->runner, &heartbeat);
        assert_string_equal(heartbeat.step, STEP);
        assert_int_equal(heartbeat.state, NODE_STEP_RUNNING);

        claim(lab, 9);
        assert_string_equal(only_step(lab)->step, STEP);
        assert_int_equal(only_step(lab)->state, NODE_STEP_RUNNING);

        /* nobody else gets ready meanwhile, nor does the same one start again */
        message.stage.epoch = 9;
        give(lab, &message);
        wait_report_of(lab, "r2-other", NODE_STEP_STAGED);
        order(lab, &(Message) { .kind = MESSAGE_SLOT,
                                .slot = { .epoch = 9, .step = "r2-other", .fence = 9 } });
        assert_refused(lab, "slot", REFUSAL_STATE, "step " STEP " is in hand");
        order(lab, &(Message) { .kind = MESSAGE_SLOT,
                                .slot = { .epoch = 9, .step = STEP, .fence = 9 } });
        assert_int_equal(last_report(lab)->state, NODE_STEP_RUNNING);
        assert_int_equal(last_report(lab)->fence, 9);
        assert_int_equal(count_sent(lab, MESSAGE_READY), 0);
        assert_int_equal(lab->rules->starts, 1);
}

static void test_how_a_step_ended_whose_files_were_lost_is_not_known(void **state) {
        Lab *lab = *state;

        prepare_wiped(lab);
        wait_report(lab, NODE_STEP_RUNNING);
        lab->rules->listed[0] = (FakeListed) {};
        unit_is(lab, "inactive");
        wait_report(lab, NODE_STEP_INTERRUPTED);
        assert_non_null(strstr(last_report(lab)->reason, "how is not known"));

        /* and stays so, but holds up nobody: nothing runs any more */
        restart_agent(lab);
        claim(lab, 1);
        assert_int_equal(only_step(lab)->state, NODE_STEP_INTERRUPTED);
        stage(lab, "r2-other");
        slot_of(lab, "r2-other", 9);
        assert_string_equal(last_sent(lab, MESSAGE_READY)->ready.step, "r2-other");
        slot_of(lab, STEP, 10);
        assert_int_equal(last_report(lab)->state, NODE_STEP_INTERRUPTED);
        assert_int_equal(count_sent(lab, MESSAGE_READY), 1);
}

static void test_what_was_found_is_followed_through_a_restart(void **state) {
        Lab *lab = *state;

        prepare_wiped(lab);
        wait_report(lab, NODE_STEP_RUNNING);
        restart_agent(lab);
        claim(lab, 1);
        assert_int_equal(only_step(lab)->state, NODE_STEP_RUNNING);
        unit_is(lab, "inactive");
        wait_report(lab, NODE_STEP_INTERRUPTED);
}

/* CentOS 7 has systemd 219. */
static void test_a_systemd_that_knows_no_patterns_is_asked_for_all_units(void **state) {
        Lab *lab = *state;

        prepare_running(lab);
        assert_int_equal(lab->rules->lists_all, 0);

        list_unit(lab, UNIT, "active");
        lab->rules->is_old = true;
        wipe(lab);
        wait_report(lab, NODE_STEP_RUNNING);
        assert_true(lab->rules->lists_all > 0);
}

/* Each state that is not the end, and states that nobody has heard of yet. */
static void test_only_a_unit_that_has_ended_is_no_step(void **state) {
        static const char *const present[] = { "active", "activating", "deactivating", "reloading",
                                               "refreshing" };
        Lab *lab = *state;

        list_unit(lab, UNIT, "failed");
        lab->rules->listed[1] = (FakeListed) { "rollpatch-agent.service", "active", 0 };
        claim(lab, 1);
        assert_int_equal(last_sent(lab, MESSAGE_CLAIMED)->claimed.step_count, 0);
        list_unit(lab, UNIT, "inactive");
        claim(lab, 1);
        assert_int_equal(last_sent(lab, MESSAGE_CLAIMED)->claimed.step_count, 0);

        for (size_t i = 0; i < ELEMENTSOF(present); i++) {
                list_unit(lab, UNIT, present[i]);
                wipe(lab);
                claim(lab, 1);
                assert_int_equal(only_step(lab)->state, NODE_STEP_RUNNING);
        }

        list_unit(lab, UNIT, "inactive");
        lab->rules->listed[0].job = 7; /* waits to be started */
        wipe(lab);
        claim(lab, 1);
        assert_int_equal(only_step(lab)->state, NODE_STEP_RUNNING);
}

static void test_a_unit_that_appears_after_the_claim_stops_slot_and_start(void **state) {
        Lab *lab = *state;

        prepare(lab);
        slot_of(lab, STEP, 1);
        list_unit(lab, "rollpatch-step-r9-0123abcd-m1-1.service", "active");
        unit_is(lab, "active");
        start(lab);
        assert_refused(lab, "start", REFUSAL_STATE, "step r9-0123abcd-m1-1 is in hand");
        slot_of(lab, STEP, 2);
        assert_refused(lab, "slot", REFUSAL_STATE, "step r9-0123abcd-m1-1 is in hand");
        assert_int_equal(lab->rules->starts, 0);
        assert_false(is_there(lab, "intent"));
}

static void test_a_unit_that_can_be_no_step_is_named(void **state) {
        static const char *const names[] = { "rollpatch-step-Odd.service",
                                             "rollpatch-step-.service",
                                             "rollpatch-step-r1-other.socket" };
        Lab *lab = *state;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                list_unit(lab, names[i], "active");
                claim(lab, 1);
                assert_refused(lab, "claim", REFUSAL_FAILED, names[i]);
        }

        assert_int_equal(count_sent(lab, MESSAGE_CLAIMED), 0);
        assert_int_equal(step_journal_get_epoch(lab->journal), 0);
}

static void test_a_unit_whose_step_is_over_by_its_files_is_named(void **state) {
        Lab *lab = *state;

        prepare_running(lab);
        put_result(lab, 0, 0);
        unit_is(lab, "inactive");
        wait_report(lab, NODE_STEP_ENDED);
        list_unit(lab, UNIT, "active");
        claim(lab, 1);
        assert_refused(lab, "claim", REFUSAL_FAILED, "unit " UNIT " runs, but its step is ended");

        /* and so is one that waits for its turn */
        stage(lab, "r2-other");
        slot_of(lab, "r2-other", 9);
        assert_refused(lab, "slot", REFUSAL_FAILED, UNIT);
}

static void test_more_units_than_can_be_listed_are_not_overlooked(void **state) {
        Lab *lab = *state;

        for (size_t i = 0; i <= UNIT_LIST_MAX; i++)
                lab->rules->listed[i] = (FakeListed) { .name = UNIT, .active = "active" };
        claim(lab, 1);
        assert_refused(lab, "claim", REFUSAL_FAILED, "there are more than 16 of them");
}

static Message make_claim(uint64_t epoch) {
        return (Message) { .kind = MESSAGE_CLAIM, .claim = { .epoch = epoch } };
}

static Message make_slot(uint64_t epoch, uint64_t fence) {
        return (Message) { .kind = MESSAGE_SLOT,
                           .slot = { .epoch = epoch, .step = STEP, .fence = fence } };
}

/* The start order is too late, and must not get lost behind the slot that is asked for anew. */
static void test_orders_that_wait_for_systemd_are_obeyed_in_their_order(void **state) {
        Lab *lab = *state;
        Message late, again = make_slot(1, 2);

        prepare(lab);
        slot_of(lab, STEP, 1);
        late = make_start(lab);
        lab->runner->entries[0]->job.nonce_since -= 6 * USEC_PER_SEC;
        lab->sent_count = 0;
        runner_handle(lab->runner, &late);
        order(lab, &again);
        assert_int_equal(lab->sent[0].kind, MESSAGE_REFUSED);
        assert_refused(lab, "start", REFUSAL_NONCE, "want at most 5s");
        assert_int_equal(last_sent(lab, MESSAGE_READY)->ready.fence, 2);
        assert_int_equal(lab->rules->starts, 0);
}

/* It came while the claim of another coordinator waited. */
static void test_an_order_that_waits_behind_a_claim_is_under_its_epoch(void **state) {
        Lab *lab = *state;
        Message claim_of_another = make_claim(2), slot = make_slot(1, 1);

        prepare(lab);
        runner_handle(lab->runner, &claim_of_another);
        order(lab, &slot);
        assert_int_equal(last_sent(lab, MESSAGE_CLAIMED)->claimed.epoch, 2);
        assert_refused(lab, "slot", REFUSAL_EPOCH, "of epoch 2");
        assert_int_equal(count_sent(lab, MESSAGE_READY), 0);
}

static void test_more_orders_than_can_wait_are_refused(void **state) {
        Lab *lab = *state;
        Message message = make_claim(1);

        wait_bus(lab);
        for (size_t i = 0; i < HELD_MAX; i++)
                give(lab, &message);
        assert_int_equal(count_sent(lab, MESSAGE_REFUSED), 0);
        give(lab, &message);
        assert_refused(lab, "claim", REFUSAL_FAILED, "4 orders wait");
        while (lab->runner->held_count > 0)
                turn(lab);
        assert_int_equal(count_sent(lab, MESSAGE_CLAIMED), HELD_MAX);
}

/* --- leftovers and disks --- */

static void prepare_leftover(Lab *lab, Role role, char path[static PATH_MAX]) {
        lab->role = role;
        restart_agent(lab);
        assert_true(text_format(path, PATH_MAX, "%s/opt/mesosphere/lib", lab->top));
        run_program("mkdir", "-p", path);
        assert_true(text_format(path, PATH_MAX, "%s/" LEFTOVER_LIBRARY, lab->top));
        put_file(path, "x", 0644);
        prepare(lab);
        prepare_intent(lab, 1);
}

static void test_an_agent_removes_the_leftover_library_and_says_so(void **state) {
        Lab *lab = *state;
        char path[PATH_MAX];

        prepare_leftover(lab, ROLE_PUBLIC_AGENT, path);
        assert_int_equal(access(path, F_OK), -1);
        assert_string_equal(last_report(lab)->reason, "removed /opt/mesosphere/lib/libltdl.so.7");
}

static void test_a_master_keeps_its_libraries(void **state) {
        Lab *lab = *state;
        char path[PATH_MAX];

        prepare_leftover(lab, ROLE_MASTER, path);
        assert_int_equal(access(path, F_OK), 0);
        assert_string_equal(last_report(lab)->reason, "");
}

static void test_a_full_disk_refuses_and_goes_on_after_space_is_made(void **state) {
        Lab *lab = *state;
        char block[4096] = {}, path[PATH_MAX];
        auto_close int fd = -EBADF;

        stop_agent(lab);
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", lab->dir, "tmpfs", 0, "size=256k") < 0) {
                start_agent(lab);
                skip();
        }
        start_agent(lab);
        prepare(lab);
        slot_of(lab, STEP, 1);

        assert_true(text_format(path, sizeof(path), "%s/much", lab->dir));
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        while (write(fd, block, sizeof(block)) > 0)
                ;
        unit_is(lab, "active");
        start(lab);
        while (count_sent(lab, MESSAGE_REFUSED) == 0)
                turn(lab);
        assert_refused(lab, "start", REFUSAL_FAILED, "No space left");
        assert_int_equal(lab->rules->starts, 0);
        assert_false(is_there(lab, "intent"));
        slot_of(lab, STEP, 2);
        assert_refused(lab, "slot", REFUSAL_FAILED, "No space left");
        claim(lab, 2);
        assert_refused(lab, "claim", REFUSAL_FAILED, "No space left");

        assert_int_equal(ftruncate(fd, 0), 0);
        slot_of(lab, STEP, 1);
        start(lab);
        wait_report(lab, NODE_STEP_INTENT);
        wait_starts(lab, 1);
}

static void test_a_stage_that_fails_says_why_and_may_be_tried_again(void **state) {
        Lab *lab = *state;
        Message message = make_stage(STEP);

        claim(lab, 1);
        put_file(lab->probe, "#!/bin/sh\necho '{\"ok\":false,\"error\":\"got 404\"}'; exit 1\n",
                 0755);
        give(lab, &message);
        wait_report(lab, NODE_STEP_STAGE_FAILED);
        assert_string_equal(last_report(lab)->reason, "got 404");

        put_file(lab->probe,
                 "#!/bin/bash\nprintf '#!/bin/sh\\nexit 0\\n' > \"$5\"; echo '{\"ok\":true}'\n",
                 0755);
        stage(lab, STEP);
        assert_string_equal(last_report(lab)->reason, "");

        /* and once more changes nothing */
        lab->sent_count = 0;
        stage(lab, STEP);
        assert_int_equal(lab->sent_count, 1);
}

/* --- starting anew --- */

static void test_after_a_restart_a_running_step_is_followed_to_its_end(void **state) {
        Lab *lab = *state;

        prepare_running(lab);
        restart_agent(lab);
        assert_int_equal(last_report(lab)->state, NODE_STEP_RUNNING);
        put_result(lab, 0, 0);
        unit_is(lab, "inactive");
        wait_report(lab, NODE_STEP_ENDED);
        wait_starts(lab, 1);
}

static void test_after_a_restart_nothing_is_started(void **state) {
        Lab *lab = *state;

        prepare(lab);
        slot_of(lab, STEP, 1);
        restart_agent(lab);
        wait_bus(lab);
        assert_int_equal(last_report(lab)->state, NODE_STEP_STAGED);
        assert_int_equal(last_report(lab)->fence, 1);
        assert_int_equal(lab->rules->starts, 0);
}

static void test_a_stage_that_was_cut_short_is_done_again(void **state) {
        Lab *lab = *state;
        char path[PATH_MAX];

        prepare(lab);
        path_of(lab, "script", path);
        assert_int_equal(unlink(path), 0);
        restart_agent(lab);
        assert_int_equal(last_report(lab)->state, NODE_STEP_STAGING);
        wait_report(lab, NODE_STEP_STAGED);
}

static void test_a_unit_that_is_gone_without_a_result_was_interrupted(void **state) {
        Lab *lab = *state;

        prepare_running(lab);
        unit_is(lab, "failed");
        wait_report(lab, NODE_STEP_INTERRUPTED);
        assert_non_null(strstr(last_report(lab)->reason, "left no result (unit is loaded, failed"));
}

static void test_a_script_that_ended_while_the_host_went_down_was_interrupted(void **state) {
        Lab *lab = *state;

        prepare_running(lab);
        put_result(lab, 5, 1);
        unit_is(lab, "inactive");
        wait_report(lab, NODE_STEP_INTERRUPTED);
        assert_non_null(strstr(last_report(lab)->reason, "ended with exit status 5"));
        assert_int_equal(last_report(lab)->exit_status, 5);
}

static void test_of_another_boot_the_files_alone_tell(void **state) {
        Lab *lab = *state;
        char path[PATH_MAX], text[512];

        /* never started */
        prepare(lab);
        prepare_intent(lab, 1);
        stop_agent(lab);
        put_step_file(lab, "intent",
                      "{\"fence\":1,\"boot_id\":\"00000000000000000000000000000000\",\"wall\":1,"
                      "\"boottime\":1,\"unit\":\"u\"}");
        lab->sent_count = 0;
        start_agent(lab);
        wait_report(lab, NODE_STEP_DECLINED);
        assert_non_null(strstr(last_report(lab)->reason, "rebooted before"));
        assert_false(is_there(lab, "order-1"));

        /* started */
        stop_agent(lab);
        put_step_file(lab, "started",
                      "boot_id=00000000000000000000000000000000\nstep=" STEP "\nfence=2\n");
        lab->sent_count = 0;
        start_agent(lab);
        runner_on_up(lab->runner);
        assert_int_equal(last_report(lab)->state, NODE_STEP_INTERRUPTED);
        assert_non_null(strstr(last_report(lab)->reason, "rebooted while"));

        /* and ended */
        stop_agent(lab);
        put_result(lab, 0, 0);
        path_of(lab, "started", path);
        assert_int_equal(id_boot(text), 0);
        put_step_file(lab, "result",
                      "exit_status=3\nexit_signal=0\nboot_id=00000000000000000000000000000000\nstarted_at=100\n"
                      "ended_at=200\nterminated=0\noutput_dropped=0\njournal_dropped=0\n");
        lab->sent_count = 0;
        start_agent(lab);
        runner_on_up(lab->runner);
        assert_int_equal(last_report(lab)->state, NODE_STEP_ENDED);
        assert_int_equal(last_report(lab)->exit_status, 3);
}

static void test_a_damaged_step_is_unknown_and_blocks_others(void **state) {
        Lab *lab = *state;

        prepare(lab);
        put_step_file(lab, "slot", "{\"fence\":");
        restart_agent(lab);
        runner_on_up(lab->runner);
        assert_int_equal(last_report(lab)->state, NODE_STEP_INTERRUPTED);
        assert_non_null(strstr(last_report(lab)->reason, "unknown: steps/" STEP ": 'slot'"));

        slot_of(lab, STEP, 5);
        assert_refused(lab, "slot", REFUSAL_FAILED, "'slot'");
        stage(lab, "r2-other");
        slot_of(lab, "r2-other", 9);
        assert_refused(lab, "slot", REFUSAL_STATE, STEP " is in hand");
}

/* --- no answer is no answer --- */

static void test_a_lost_connection_is_unknown_and_not_an_end(void **state) {
        Lab *lab = *state;

        prepare_running(lab);
        unit_is(lab, "active");
        turn(lab);
        fake_systemd_hang_up(lab->fake);
        lab->rules->mute = true;
        wait_bus(lab);
        turn(lab);
        fake_systemd_hang_up(lab->fake);
        wait_reason(lab, "unknown: ", NODE_STEP_RUNNING);

        /* it comes back, and nothing had happened */
        lab->rules->mute = false;
        while (last_report(lab)->reason[0])
                turn(lab);
        assert_int_equal(last_report(lab)->state, NODE_STEP_RUNNING);
        put_result(lab, 0, 0);
        unit_is(lab, "inactive");
        wait_report(lab, NODE_STEP_ENDED);
}

static void test_a_unit_with_a_waiting_job_is_not_gone(void **state) {
        Lab *lab = *state;

        prepare(lab);
        lab->rules->unit = (FakeUnit) { .active = "inactive", .load = "loaded", .job = 7 };
        slot_of(lab, STEP, 1);
        start(lab);
        wait_report(lab, NODE_STEP_INTENT);
        for (unsigned i = 0; lab->rules->questions < 3 && i < 200; i++)
                turn(lab);
        assert_true(is_there(lab, "order-1"));
        assert_false(was_reported(lab, STEP, NODE_STEP_DECLINED));

        lab->rules->unit = (FakeUnit) { .active = "failed", .load = "loaded", .exit_status = 125 };
        wait_report(lab, NODE_STEP_DECLINED);
        assert_non_null(strstr(last_report(lab)->reason, "exit status 125"));
}

static void test_a_step_that_takes_too_long_is_reported_and_goes_on(void **state) {
        Lab *lab = *state;
        Message message = make_stage(STEP);

        wait_bus(lab);
        claim(lab, 1);
        message.stage.timeout = 1;
        give(lab, &message);
        wait_report(lab, NODE_STEP_STAGED);
        prepare_intent(lab, 1);
        assert_int_equal(take_order(lab, 1), 0);
        wait_report(lab, NODE_STEP_RUNNING);
        wait_reason(lab, "want at most 1us; it goes on", NODE_STEP_RUNNING);
        assert_int_equal(last_report(lab)->state, NODE_STEP_RUNNING);

        put_result(lab, 0, 0);
        unit_is(lab, "inactive");
        wait_report(lab, NODE_STEP_ENDED);
        assert_string_equal(last_report(lab)->reason, "");
}

/* --- sixty-four --- */

/* As if they had been staged, one after the other. */
static void stage_many(Lab *lab, unsigned count) {
        for (unsigned i = 0; i < count; i++) {
                char step[STEP_ID_MAX];
                Message message;

                (void) text_format(step, sizeof(step), "r%02u-many", i);
                message = make_stage(step);
                sign(&message);
                assert_int_equal(step_journal_put_stage(lab->journal, &message.stage, NULL), 0);
                assert_int_equal(
                                step_journal_put_script(
                                                lab->journal, step, SCRIPT, strlen(SCRIPT), NULL),
                                0);
        }

        restart_agent(lab);
        lab->sent_count = 0;
}

static void test_the_oldest_step_that_was_never_started_makes_room(void **state) {
        Lab *lab = *state;

        claim(lab, 1);
        stage_many(lab, STEPS_MAX);
        stage(lab, "r99-new");
        ask(lab, "r00-many");
        assert_int_equal(last_report(lab)->state, NODE_STEP_ABSENT);
        ask(lab, "r01-many");
        assert_int_equal(last_report(lab)->state, NODE_STEP_STAGED);
        restart_agent(lab);
        assert_non_null(lab->runner);
        claim(lab, 1);
        assert_int_equal(last_sent(lab, MESSAGE_CLAIMED)->claimed.step_count, STEPS_MAX);
}

static void test_steps_that_nobody_has_settled_are_never_forgotten(void **state) {
        Lab *lab = *state;
        Message message = make_stage("r99-new");

        claim(lab, 1);
        stage_many(lab, STEPS_MAX);
        for (size_t i = 0; i < STEPS_MAX; i++)
                lab->runner->entries[i]->job.state = NODE_STEP_INTERRUPTED;

        give(lab, &message);
        assert_refused(lab, "stage", REFUSAL_FAILED, "64 steps are unresolved");

        /* an end that was acknowledged may go, one that was not may not */
        lab->runner->entries[7]->job.state = NODE_STEP_ENDED;
        (void) text_copy(lab->runner->entries[7]->op, OP_MAX, RUN);
        give(lab, &message);
        assert_int_equal(count_sent(lab, MESSAGE_REFUSED), 2);
        acknowledge(lab, RUN);
        stage(lab, "r99-new");
        assert_int_equal(lab->runner->entry_count, STEPS_MAX);
}

#define LAB_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                LAB_TEST(test_a_step_goes_from_stage_to_end),
                LAB_TEST(test_a_report_is_repeated_until_it_is_acknowledged),
                LAB_TEST(test_the_newest_step_that_is_not_over_is_in_the_heartbeat),
                LAB_TEST(test_nobody_orders_who_has_not_claimed),
                LAB_TEST(test_a_claim_is_answered_with_all_steps),
                LAB_TEST(test_a_claim_voids_what_was_promised_before),
                LAB_TEST(test_a_claim_stops_a_look),
                LAB_TEST(test_an_order_for_another_node_or_of_another_content_is_refused),
                LAB_TEST(test_a_plan_that_the_coordinator_has_not_signed_is_refused),
                LAB_TEST(test_a_plan_from_another_version_than_the_nodes_is_refused),
                LAB_TEST(test_a_step_that_is_not_here_is_absent),
                LAB_TEST(test_a_start_order_is_valid_for_five_seconds),
                LAB_TEST(test_a_failed_look_declines_and_names_who_was_down),
                LAB_TEST(test_without_systemd_nothing_is_begun),
                LAB_TEST(test_a_node_that_was_patched_by_hand_since_it_was_staged_declines),
                LAB_TEST(test_a_systemd_that_is_lost_during_the_look_declines),
                LAB_TEST(test_a_script_that_was_changed_on_disk_is_not_started),
                LAB_TEST(test_a_unit_that_systemd_refuses_is_declined_with_its_words),
                LAB_TEST(test_a_call_that_comes_late_finds_its_order_withdrawn),
                LAB_TEST(test_a_unit_that_exists_already_is_followed),
                LAB_TEST(test_a_second_step_waits_for_the_first),
                LAB_TEST(test_asked_again_it_says_what_it_has_done),
                LAB_TEST(test_a_journal_wiped_while_the_script_runs_does_not_hide_it),
                LAB_TEST(test_how_a_step_ended_whose_files_were_lost_is_not_known),
                LAB_TEST(test_what_was_found_is_followed_through_a_restart),
                LAB_TEST(test_only_a_unit_that_has_ended_is_no_step),
                LAB_TEST(test_a_systemd_that_knows_no_patterns_is_asked_for_all_units),
                LAB_TEST(test_a_unit_that_appears_after_the_claim_stops_slot_and_start),
                LAB_TEST(test_a_unit_that_can_be_no_step_is_named),
                LAB_TEST(test_a_unit_whose_step_is_over_by_its_files_is_named),
                LAB_TEST(test_more_units_than_can_be_listed_are_not_overlooked),
                LAB_TEST(test_orders_that_wait_for_systemd_are_obeyed_in_their_order),
                LAB_TEST(test_an_order_that_waits_behind_a_claim_is_under_its_epoch),
                LAB_TEST(test_more_orders_than_can_wait_are_refused),
                LAB_TEST(test_an_agent_removes_the_leftover_library_and_says_so),
                LAB_TEST(test_a_master_keeps_its_libraries),
                LAB_TEST(test_a_full_disk_refuses_and_goes_on_after_space_is_made),
                LAB_TEST(test_a_stage_that_fails_says_why_and_may_be_tried_again),
                LAB_TEST(test_after_a_restart_a_running_step_is_followed_to_its_end),
                LAB_TEST(test_after_a_restart_nothing_is_started),
                LAB_TEST(test_a_stage_that_was_cut_short_is_done_again),
                LAB_TEST(test_a_unit_that_is_gone_without_a_result_was_interrupted),
                LAB_TEST(test_a_script_that_ended_while_the_host_went_down_was_interrupted),
                LAB_TEST(test_of_another_boot_the_files_alone_tell),
                LAB_TEST(test_a_damaged_step_is_unknown_and_blocks_others),
                LAB_TEST(test_a_lost_connection_is_unknown_and_not_an_end),
                LAB_TEST(test_a_unit_with_a_waiting_job_is_not_gone),
                LAB_TEST(test_a_step_that_takes_too_long_is_reported_and_goes_on),
                LAB_TEST(test_the_oldest_step_that_was_never_started_makes_room),
                LAB_TEST(test_steps_that_nobody_has_settled_are_never_forgotten),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
