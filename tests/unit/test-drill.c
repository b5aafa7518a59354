/* SPDX-License-Identifier: Apache-2.0 */

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>

#include "common/parse.h"
#include "common/text.h"
#include "node-agent/finding.h"
#include "node-agent/job.h"
#include "tests/unit/core-lab.h"

/* A fire drill. Three masters with the step machine of the node agent, its files in memory and a
 * unit that runs; the core of the coordinator, and at times a second one that was started from a
 * copy of its log; between them a network that loses, repeats and delays. For some minutes
 * everybody dies wherever it hurts, logs are restored from backups, journals are wiped. Then it is
 * quiet, and an operator who looks before he answers does what `status` asks for.
 *
 * Asked after every event: does a script run on at most one master, and was each started at most
 * once? Asked in the end: has every master been patched all the same?
 *
 * Health is not part of it: everybody is always said to be healthy, so that nothing but slots,
 * claims and fences keeps two masters from going down. Each drill is its seed: SEED=N runs that
 * one, DRILLS=N so many. */

#define DRILLS     12
#define MASTERS    3
#define STEPS_EACH 24
#define PACKETS    512
#define TICK       (500 * USEC_PER_MSEC)
#define CHAOS      600   /* ticks */
#define CALM       12000 /* ticks, at most */
#define COPIES     2

typedef struct SimStep {
        Job job;
        StepFacts disk;
        uint64_t exit_status;
        bool reporting; /* not acknowledged */
        bool alive;     /* its unit is there */
        bool started;   /* and its script runs, or has run; whatever the files say */
        unsigned starts;
        usec_t act_at; /* when what is under way is over: fetching, looking, starting, running */
} SimStep;

typedef struct SimNode {
        char name[3];
        char version[VERSION_MAX];
        uint64_t epoch;
        uint64_t journal; /* another one after each wipe */
        uint64_t boot;
        SimStep steps[STEPS_EACH];
        size_t step_count;
        usec_t up_at;   /* the agent runs from then on; 0: it runs */
        SimStep orphan; /* a unit that no file speaks of any more */
        uint64_t session;
        size_t served_by;
        usec_t beat_at;
        usec_t repeat_at;
} SimNode;

typedef struct Packet {
        bool to_node;
        size_t node;
        size_t lab;
        uint64_t session;
        usec_t due; /* 0: free */
        Message message;
} Packet;

static struct Sim {
        SimNode nodes[MASTERS];
        Lab *labs[COPIES]; /* the second one may be NULL */
        uint64_t sessions[COPIES][MASTERS];
        uint64_t session_count;
        uint64_t journals;
        Packet packets[PACKETS];
        usec_t now;
        bool calm;
        jmp_buf crash;
        unsigned crash_in; /* events until rollpatchd is killed; 0: it is not */
        uint64_t random;
        uint64_t seed;
} sim;

static uint64_t draw(uint64_t limit) {
        uint64_t z = sim.random += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return (z ^ z >> 31) % limit;
}

/* Only in the bad minutes. */
static bool happens(uint64_t one_in) {
        return !sim.calm && draw(one_in) == 0;
}

static usec_t soon(uint64_t most_seconds) {
        return sim.now + 1 + draw(most_seconds * USEC_PER_SEC);
}

/* --- what must be true --- */

static void check_down(const char **down, const char *what) {
        if (*down)
                fail_msg("%s and %s are under way", *down, what);

        *down = what;
}

static void check_step(const SimStep *step, const char **down) {
        if (step->starts > 1)
                fail_msg("%s was started twice", step->job.step);
        if (step->alive)
                check_down(down, step->job.step);
}

static void check_promises(void) {
        const char *down = NULL;

        for (size_t i = 0; i < MASTERS; i++) {
                check_step(&sim.nodes[i].orphan, &down);
                for (size_t j = 0; j < sim.nodes[i].step_count; j++)
                        check_step(&sim.nodes[i].steps[j], &down);
        }
}

/* --- the network --- */

static void put(const Packet *packet) {
        for (size_t i = 0; i < PACKETS; i++) {
                if (sim.packets[i].due == 0) {
                        sim.packets[i] = *packet;
                        return;
                }
        }
}

static void carry(bool to_node, size_t lab, size_t node, const Message *message) {
        Packet packet = { .to_node = to_node, .node = node, .lab = lab, .message = *message };

        packet.session = to_node ? sim.sessions[lab][node] : sim.nodes[node].session;
        packet.due = sim.now + 1 + (happens(5) ? draw(8 * USEC_PER_SEC) : draw(USEC_PER_SEC / 20));
        if (packet.session == 0 || happens(8))
                return;

        put(&packet);
        if (happens(10)) {
                packet.due = soon(8);
                put(&packet);
        }
}

/* --- a node --- */

static void fill_number(char id[static ID_TEXT_MAX], uint64_t number) {
        (void) text_format(id, ID_TEXT_MAX, "%032llx", (unsigned long long) number);
}

static size_t index_of(const SimNode *node) {
        return (size_t) (node - sim.nodes);
}

static void say(const SimNode *node, const Message *message) {
        carry(false, node->served_by, index_of(node), message);
}

static void report(const SimNode *node, const SimStep *step) {
        Message message = { .kind = MESSAGE_REPORT };
        Report *said = &message.report;

        said->state = step->job.state;
        said->fence = step->job.fence;
        said->exit_status = step->disk.result ? step->exit_status : 0;
        fill_number(said->op, 1);
        (void) text_copy(said->step, STEP_ID_MAX, step->job.step);
        (void) text_copy(said->dcos_version, VERSION_MAX, node->version);
        say(node, &message);
}

static void refuse(const SimNode *node, const char *step, uint64_t fence, Refusal refusal) {
        Message message = { .kind = MESSAGE_REFUSED };

        message.refused.refusal = refusal;
        message.refused.epoch = node->epoch;
        message.refused.fence = fence;
        (void) text_copy(message.refused.step, STEP_ID_MAX, step);
        say(node, &message);
}

static SimStep *find_step(SimNode *node, const char *name) {
        for (size_t i = 0; i < node->step_count; i++) {
                if (strcmp(node->steps[i].job.step, name) == 0)
                        return &node->steps[i];
        }

        return NULL;
}

static const char *find_busy(const SimNode *node, const SimStep *but) {
        for (size_t i = 0; i < node->step_count; i++) {
                if (&node->steps[i] != but && job_is_in_hand(node->steps[i].job.state))
                        return node->steps[i].job.step;
        }

        return NULL;
}

static void write_down(SimNode *node, SimStep *step, const JobInput *input, JobWrite write) {
        switch (write) {
        case JOB_WRITE_NOTHING:
                break;
        case JOB_WRITE_STAGE:
                step->disk.stage = true;
                break;
        case JOB_WRITE_SCRIPT:
                step->disk.script = true;
                break;
        case JOB_WRITE_SLOT:
                step->disk.slot_fence = input->fence;
                break;
        case JOB_WRITE_INTENT:
                step->disk.intent_fence = step->job.fence;
                fill_number(step->disk.intent_boot, node->boot);
                break;
        case JOB_WRITE_DECLINED:
                assert_false(step->alive);
                step->disk.declined_fence = step->job.fence;
                break;
        }
}

/* The agent ends here, and is started again: what runs, runs on. */
static void kill_agent(SimNode *node, usec_t pause) {
        node->up_at = sim.now + pause;
        node->session = 0;
}

static void act(SimNode *node, SimStep *step, JobAct what, const char *nonce) {
        Message ready = { .kind = MESSAGE_READY, .ready = { .fence = step->job.fence } };

        switch (what) {
        case JOB_ACT_NOTHING:
                return;
        case JOB_ACT_FETCH:
                step->act_at = soon(10);
                break;
        case JOB_ACT_LOOK:
                step->act_at = soon(4);
                break;
        case JOB_ACT_CALL_UNIT:
                step->alive = true;
                step->act_at = soon(3);
                check_promises();
                break;
        case JOB_ACT_GIVE_NONCE:
                (void) text_copy(ready.ready.step, STEP_ID_MAX, step->job.step);
                (void) text_copy(ready.ready.nonce, ID_TEXT_MAX, nonce);
                say(node, &ready);
                return;
        case JOB_ACT_REPORT:
                break;
        case JOB_ACT_REFUSE:
                refuse(node, step->job.step, step->job.fence, REFUSAL_FAILED);
                return;
        }

        step->reporting = true;
        report(node, step);
}

static void feed(SimNode *node, SimStep *step, const JobInput *what) {
        JobInput input = *what;
        char nonce[ID_TEXT_MAX];
        JobMove move;

        (void) text_format(
                        nonce, sizeof(nonce), "%016llx%016llx",
                        (unsigned long long) draw(UINT64_MAX),
                        (unsigned long long) draw(UINT64_MAX));
        input.now = sim.now;
        if (input.event == JOB_EVENT_SLOT)
                input.nonce = nonce;
        if (input.event == JOB_EVENT_SLOT || input.event == JOB_EVENT_START)
                input.busy = find_busy(node, step);

        switch (job_next(&step->job, &input, &move)) {
        case JOB_IGNORED:
                return;
        case JOB_REFUSED:
                refuse(node, step->job.step, step->job.fence, move.refusal);
                return;
        case JOB_MOVES:
                break;
        }

        write_down(node, step, &input, move.write);
        if (happens(60)) {
                kill_agent(node, draw(5) * USEC_PER_SEC); /* written, and not done */
                return;
        }

        job_apply(&step->job, &input, &move);
        act(node, step, move.act, nonce);
}

static void feed_event(SimNode *node, SimStep *step, JobEvent event) {
        feed(node, step, &(JobInput) { .event = event });
}

static UnitState unit_of(const SimStep *step) {
        return step->alive ? UNIT_PRESENT : UNIT_GONE;
}

static SimStep *add_step(SimNode *node, const char *name) {
        SimStep *step = &node->steps[node->step_count];

        if (node->step_count == STEPS_EACH)
                fail_msg("%s has too many steps", node->name);

        node->step_count++;
        *step = (SimStep) {};
        (void) text_copy(step->job.step, STEP_ID_MAX, name);
        return step;
}

/* What systemd says of units that are in no file. */
static void look_for_units(SimNode *node) {
        char boot[ID_TEXT_MAX];
        Finding finding;
        SimStep *step;

        if (!node->orphan.alive || find_step(node, node->orphan.job.step))
                return;

        fill_number(boot, node->boot);
        step = add_step(node, node->orphan.job.step);
        *step = node->orphan;
        node->orphan = (SimStep) {};
        (void) text_copy(step->disk.found_boot, ID_TEXT_MAX, boot);
        finding = job_judge(&step->disk, boot, UNIT_PRESENT);
        step->job.state = finding.state;
        step->job.fence = finding.fence;
        step->reporting = true;
}

/* The agent is started: all it knows is its files and what systemd says, and that it may learn
 * late. */
static void recover(SimNode *node) {
        char boot[ID_TEXT_MAX];

        node->up_at = 0;
        if (!happens(2))
                look_for_units(node);
        fill_number(boot, node->boot);
        for (size_t i = 0; i < node->step_count; i++) {
                SimStep *step = &node->steps[i];
                Finding finding = job_judge(&step->disk, boot, unit_of(step));
                char name[STEP_ID_MAX];

                (void) text_copy(name, sizeof(name), step->job.step);
                step->job = job_recover(name, &finding);
                step->reporting = false;
                if (finding.duty == JOB_DUTY_FETCH)
                        step->act_at = soon(10);
                if (finding.duty == JOB_DUTY_WITHDRAW)
                        feed_event(node, step, JOB_EVENT_NEVER_STARTED);
                if (node->up_at != 0)
                        return;
        }
}

/* The host goes down as if the plug was pulled. */
static void reboot(SimNode *node) {
        node->orphan = (SimStep) {};
        node->boot++;
        for (size_t i = 0; i < node->step_count; i++)
                node->steps[i].alive = false;

        kill_agent(node, (20 + draw(40)) * USEC_PER_SEC);
}

/* The unit, whether there is an agent or not. */
static void run_unit(SimNode *node, SimStep *step) {
        if (!step->alive || sim.now < step->act_at)
                return;

        if (!step->started) {
                step->alive = step->disk.intent_fence > 0; /* the order it looks for */
                if (!step->alive)
                        return;

                step->disk.started_fence = step->disk.intent_fence;
                fill_number(step->disk.started_boot, node->boot);
                step->started = true;
                step->starts++;
                step->act_at = sim.now + (5 + draw(60)) * USEC_PER_SEC;
                check_promises();
                return;
        }

        step->exit_status = happens(4);
        step->disk.result = step->disk.started_fence > 0; /* or there is no place for it */
        step->alive = false;
        if (step->exit_status == 0)
                (void) text_copy(node->version, VERSION_MAX, LAB_TO);
}

static void follow(SimNode *node, SimStep *step) {
        char boot[ID_TEXT_MAX];
        Finding finding;
        JobEvent event;

        if (step->job.state == NODE_STEP_STAGING && sim.now >= step->act_at) {
                feed_event(node, step, happens(20) ? JOB_EVENT_FETCH_FAILED : JOB_EVENT_FETCHED);
        } else if (step->job.state == NODE_STEP_LOOKING && sim.now >= step->act_at) {
                feed_event(node, step, happens(6) ? JOB_EVENT_LOOK_FAILED : JOB_EVENT_LOOK_PASSED);
        }

        if (node->up_at != 0 ||
            (step->job.state != NODE_STEP_INTENT && step->job.state != NODE_STEP_RUNNING))
                return;

        fill_number(boot, node->boot);
        finding = job_judge(&step->disk, boot, unit_of(step));
        if (job_event_of(&step->job, &finding, &event))
                feed_event(node, step, event);
}

/* In hand, or else the newest that is not over. */
static const Job *find_newest(const SimNode *node) {
        const Job *newest = NULL;

        for (size_t i = 0; i < node->step_count; i++) {
                const Job *job = &node->steps[i].job;

                if (job_is_in_hand(job->state))
                        return job;
                if (!job_is_over(job->state))
                        newest = job;
        }

        return newest;
}

static void send_heartbeat(SimNode *node) {
        Message message = { .kind = MESSAGE_HEARTBEAT, .heartbeat = { .epoch = node->epoch } };
        const Job *newest = find_newest(node);

        if (newest) {
                message.heartbeat.state = newest->state;
                (void) text_copy(message.heartbeat.step, STEP_ID_MAX, newest->step);
        }

        node->beat_at = sim.now + USEC_PER_SEC;
        say(node, &message);
}

static void say_hello(SimNode *node) {
        Lab *lab = sim.labs[node->served_by];
        Hello hello = lab_hello_of(node->name, ROLE_MASTER, MASTERS);

        hello.epoch = node->epoch;
        fill_number(hello.journal_id, node->journal);
        fill_number(hello.boot_id, node->boot);
        (void) text_copy(hello.dcos_version, VERSION_MAX, node->version);
        for (size_t i = 0; i < node->step_count; i++)
                hello.fence = MAX(hello.fence, node->steps[i].job.fence);

        node->session = ++sim.session_count;
        sim.sessions[node->served_by][index_of(node)] = node->session;
        lab_hello(lab, &hello);
}

static void run_node(SimNode *node) {
        if (node->up_at != 0 && sim.now >= node->up_at)
                recover(node);
        run_unit(node, &node->orphan);
        for (size_t i = 0; i < node->step_count; i++) {
                run_unit(node, &node->steps[i]);
                if (node->up_at == 0)
                        follow(node, &node->steps[i]);
        }
        if (node->up_at != 0)
                return;

        if (node->session == 0 || sim.sessions[node->served_by][index_of(node)] != node->session)
                say_hello(node);
        if (sim.now >= node->beat_at)
                send_heartbeat(node);
        if (sim.now < node->repeat_at)
                return;

        node->repeat_at = sim.now + 5 * USEC_PER_SEC;
        for (size_t i = 0; i < node->step_count; i++) {
                if (node->steps[i].reporting)
                        report(node, &node->steps[i]);
        }
}

/* --- what a node is told --- */

static void answer_claim(SimNode *node, const Claim *claim) {
        Message message = { .kind = MESSAGE_CLAIMED };
        Claimed *claimed = &message.claimed;

        if (claim->epoch < node->epoch) {
                refuse(node, "", 0, REFUSAL_EPOCH);
                return;
        }

        look_for_units(node);
        node->epoch = claim->epoch;
        for (size_t i = 0; i < node->step_count; i++) {
                feed_event(node, &node->steps[i], JOB_EVENT_CLAIM);
                if (node->up_at != 0)
                        return;
        }

        claimed->epoch = node->epoch;
        fill_number(claimed->journal_id, node->journal);
        for (size_t i = 0; i < node->step_count; i++) {
                const SimStep *step = &node->steps[i];
                StepBrief *brief = &claimed->steps[claimed->step_count++];

                brief->state = step->job.state;
                brief->fence = step->job.fence;
                brief->exit_status = step->disk.result ? step->exit_status : 0;
                (void) text_copy(brief->step, STEP_ID_MAX, step->job.step);
        }
        say(node, &message);
}

typedef struct Order {
        const char *step;
        JobInput input;
} Order;

static Order read_order(const Message *message) {
        if (message->kind == MESSAGE_STAGE)
                return (Order) { message->stage.step, { .event = JOB_EVENT_STAGE } };
        if (message->kind == MESSAGE_SLOT) {
                return (Order) { message->slot.step,
                                 { .event = JOB_EVENT_SLOT, .fence = message->slot.fence } };
        }
        if (message->kind == MESSAGE_ASK)
                return (Order) { message->ask.step, { .event = JOB_EVENT_ASK } };

        assert_int_equal(message->kind, MESSAGE_START);
        return (Order) { message->start.step,
                         { .event = JOB_EVENT_START,
                           .fence = message->start.fence,
                           .nonce = message->start.nonce } };
}

static void answer_absent(SimNode *node, const Order *order) {
        Message absent = { .kind = MESSAGE_REPORT };

        if (order->input.event != JOB_EVENT_ASK) {
                refuse(node, order->step, 0, REFUSAL_STATE);
                return;
        }

        (void) text_copy(absent.report.step, STEP_ID_MAX, order->step);
        say(node, &absent);
}

static void obey(SimNode *node, const Message *message) {
        Order order = read_order(message);
        uint64_t epoch = message->stage.epoch; /* the first member of all four */
        SimStep *step = find_step(node, order.step);

        if (epoch != node->epoch) {
                refuse(node, order.step, step ? step->job.fence : 0,
                       epoch < node->epoch ? REFUSAL_EPOCH : REFUSAL_UNCLAIMED);
                return;
        }
        if (!step && order.input.event == JOB_EVENT_STAGE)
                step = add_step(node, order.step);
        if (step) {
                feed(node, step, &order.input);
        } else {
                answer_absent(node, &order);
        }
}

static void tell_node(SimNode *node, const Message *message) {
        SimStep *step;

        if (message->kind == MESSAGE_CLAIM) {
                answer_claim(node, &message->claim);
        } else if (message->kind == MESSAGE_ACK) {
                step = find_step(node, message->ack.op); /* here an op is the name of its step */
                if (step)
                        step->reporting = false;
        } else {
                obey(node, message);
        }
}

/* --- the coordinators --- */

static void watch(const Lab *lab, const Event *event) {
        (void) lab;
        (void) event;
        if (sim.crash_in > 0 && --sim.crash_in == 0)
                longjmp(sim.crash, 1);
}

static void tell_lab(size_t lab, size_t node, const Message *message) {
        Message ack = { .kind = MESSAGE_ACK };
        const char *name = sim.nodes[node].name;

        (void) lab_hear(sim.labs[lab], name, message);
        if (message->kind == MESSAGE_REPORT && message->report.op[0] &&
            text_copy(ack.ack.op, sizeof(ack.ack.op), message->report.step))
                carry(true, lab, node, &ack);
}

static void run_lab(size_t which) {
        Lab *lab = sim.labs[which];
        Message order;

        lab_pass_silent(lab, sim.now - lab->now);
        lab_healthy(lab, true);
        (void) lab_turn(lab);
        for (size_t i = 0; i < lab->state->node_count; i++) {
                if (lab_order(lab, lab->state->nodes[i].name, &order))
                        carry(true, which, (size_t) (lab->state->nodes[i].name[1] - '1'), &order);
        }
}

/* A run and its nodes are one transaction: no backup holds a part of it. */
static size_t whole(const Lab *lab, size_t keep) {
        while (lab->log[keep - 1].kind == EVENT_RUN_MADE ||
               lab->log[keep - 1].kind == EVENT_RUN_NODE)
                keep--;

        return keep;
}

static void restart_lab(size_t which, size_t forget) {
        Lab *lab = sim.labs[which];

        lab_pass_silent(lab, sim.now - lab->now);
        memset(sim.sessions[which], 0, sizeof(sim.sessions[which]));
        lab_restore(lab, whole(lab, lab->count - MIN(forget, lab->count - 1)));
}

/* A second coordinator, from a copy of the log of the first. */
static void copy_lab(void) {
        Lab *lab = lab_new();

        lab->watch = watch;
        lab->now = sim.now;
        lab->space = sim.labs[0]->count;
        lab->count = whole(sim.labs[0], lab->space - draw(MIN(lab->space, (size_t) 60)));
        lab->log = reallocarray(lab->log, lab->space, sizeof(Event));
        assert_non_null(lab->log);
        memcpy(lab->log, sim.labs[0]->log, lab->count * sizeof(Event));
        sim.labs[1] = lab;
        restart_lab(1, 0);
}

/* --- an operator who looks before he answers --- */

static bool is_idle(const SimNode *node) {
        for (size_t i = 0; i < node->step_count; i++) {
                if (node->steps[i].alive || job_is_in_hand(node->steps[i].job.state))
                        return false;
        }

        return node->up_at == 0 && !node->orphan.alive;
}

/* And does not wait to be started either. */
static bool is_at_rest(const SimNode *node) {
        for (size_t i = 0; i < node->step_count; i++) {
                if (node->steps[i].job.state == NODE_STEP_READY)
                        return false;
        }

        return is_idle(node);
}

static void settle_step(Lab *lab, const Node *node, const SimNode *truth) {
        const NodeFacts *facts = lab_facts(lab, node->name);
        size_t at = (size_t) (node - lab->state->nodes);
        bool patched = strcmp(node->dcos_version, LAB_TO) == 0;
        bool open = node_is_in_open_run(lab->state, node);
        Event event = {};
        Why why = {};

        if (step_state_is_bad(node->step.state) && !node->step.released && open &&
            retry_is_safe(lab->state, &lab->facts, at, lab->now, &why)) {
                event =
                                lab_step_event(lab, node->name,
                                               patched ? STEP_EVENT_RECHECKED : STEP_EVENT_RETRIED);
        } else if (step_is_unresolved(&node->step) && (open ? is_at_rest(truth) : is_idle(truth)) &&
                   sim.now - facts->changed > 2 * USEC_PER_MINUTE) {
                event = lab_step_event(lab, node->name, STEP_EVENT_RELEASED);
        } else {
                return;
        }

        (void) lab_try(lab, &event);
}

static void settle_node(Lab *lab, size_t which) {
        const SimNode *truth = &sim.nodes[which];
        const Node *node = state_find_node_const(lab->state, truth->name);
        Event cleared = { .kind = EVENT_CLEARED, .cleared = { .reason = "looked" } };

        if (!node)
                return;

        if ((node->journal_lost || node->foreign_count > 0) && is_idle(truth)) {
                (void) text_copy(cleared.cleared.node, NAME_TEXT_MAX, node->name);
                lab_commit(lab, &cleared);
        }
        settle_step(lab, node, truth);
}

static bool has_open_run(const Lab *lab) {
        return lab->state->run.made.number > 0 && run_state_is_open(lab->state->run.state);
}

/* What `resume` asks for. */
static bool has_bad(const Lab *lab) {
        for (size_t i = 0; i < lab->state->node_count; i++) {
                const Step *step = &lab->state->nodes[i].step;

                if (step_state_is_bad(step->state) && !step->released)
                        return true;
        }

        return false;
}

/* What a new run asks for. */
static bool is_settled(const Lab *lab) {
        for (size_t i = 0; i < lab->state->node_count; i++) {
                if (node_is_unresolved(&lab->state->nodes[i]))
                        return false;
        }

        return lab->state->node_count == MASTERS;
}

static void make_run(Lab *lab) {
        static const char *const all[] = { "m1", "m2", "m3" };
        Event event = lab_run_made(lab->state->run.made.number + 1);

        sim.crash_in = 0; /* one transaction */
        (void) text_format(
                        event.run_made.id, ID_TEXT_MAX, "%016llx%016llx",
                        (unsigned long long) draw(UINT64_MAX),
                        (unsigned long long) draw(UINT64_MAX));
        lab_commit(lab, &event);
        for (size_t i = 0; i < MASTERS; i++) {
                event = (Event) { .kind = EVENT_RUN_NODE, .run_node = { .role = ROLE_MASTER } };
                (void) text_copy(event.run_node.node, NAME_TEXT_MAX, all[(i + sim.seed) % MASTERS]);
                lab_commit(lab, &event);
        }
        lab_operate(lab, RUN_EVENT_STARTED);
}

static bool is_patched(void) {
        for (size_t i = 0; i < MASTERS; i++) {
                if (strcmp(sim.nodes[i].version, LAB_TO) != 0)
                        return false;
        }

        return true;
}

static void operate(size_t which) {
        Lab *lab = sim.labs[which];
        bool open = has_open_run(lab);

        if (lab->state->deposed_by) {
                restart_lab(which, 0);
                return;
        }

        for (size_t i = 0; i < MASTERS; i++)
                settle_node(lab, i);

        if (open && lab->state->run.state != RUN_RUNNING && happens(10)) {
                lab_operate(lab, RUN_EVENT_ABORTED);
        } else if (open && !has_bad(lab) && lab->state->run.state != RUN_RUNNING) {
                lab_operate(lab, RUN_EVENT_RESUMED);
        } else if (!open && is_settled(lab) && !is_patched()) {
                make_run(lab);
        }
}

/* --- a drill
 * ------------------------------------------------------------------------------------------------
 */

static void wipe(SimNode *node) {
        for (size_t i = 0; i < node->step_count; i++) {
                if (node->steps[i].alive)
                        node->orphan = node->steps[i];
        }

        node->orphan.disk = (StepFacts) {};
        node->step_count = 0;
        node->journal = ++sim.journals;
        node->epoch = 0;
        kill_agent(node, USEC_PER_SEC);
}

/* The files of a node are lost while its script runs, which takes long, and so is what the logs
 * remember of it: only the unit is left to know. */
static void lose_everything(SimNode *node) {
        wipe(node);
        if (!node->orphan.started)
                return;

        node->orphan.act_at = sim.now + 5 * USEC_PER_MINUTE;
        for (size_t i = 0; i < COPIES; i++) {
                if (sim.labs[i])
                        restart_lab(i, draw(sim.labs[i]->count));
        }
}

static void harm_node(SimNode *node) {
        if (happens(60))
                kill_agent(node, draw(5) * USEC_PER_SEC);
        if (happens(400))
                reboot(node);
        if (happens(300))
                wipe(node);
        if (happens(30) && find_busy(node, NULL))
                lose_everything(node);
        if (happens(500))
                kill_agent(node, (200 + draw(60)) * USEC_PER_SEC); /* lost */
        if (happens(100))
                node->session = 0;
        if (happens(20) && sim.labs[1]) {
                node->served_by = draw(COPIES);
                node->session = 0;
        }
}

static void harm_lab(size_t lab) {
        if (happens(60))
                restart_lab(lab, 0);
        if (happens(60))
                sim.crash_in = (unsigned) (1 + draw(4));
        if (happens(250))
                restart_lab(lab, draw(30));
        if (happens(250) && !sim.labs[1])
                copy_lab();
}

static void deliver(void) {
        for (size_t i = 0; i < PACKETS; i++) {
                Packet packet = sim.packets[i];
                SimNode *node = &sim.nodes[packet.node];

                if (packet.due == 0 || packet.due > sim.now)
                        continue;

                sim.packets[i].due = 0;
                if (packet.session != sim.sessions[packet.lab][packet.node] ||
                    packet.session != node->session || node->up_at != 0)
                        continue;

                if (packet.to_node) {
                        tell_node(node, &packet.message);
                } else {
                        tell_lab(packet.lab, packet.node, &packet.message);
                }
        }
}

static void tick(unsigned number) {
        sim.now += TICK;
        if (setjmp(sim.crash)) {
                for (size_t i = 0; i < COPIES;
                     i++) { /* whichever it was: both, as by a power cut */
                        if (sim.labs[i])
                                restart_lab(i, 0);
                }
                return;
        }

        harm_node(&sim.nodes[draw(MASTERS)]);
        harm_lab(sim.labs[1] ? draw(COPIES) : 0);
        for (size_t i = 0; i < COPIES; i++) {
                if (sim.labs[i])
                        lab_pass_silent(sim.labs[i], sim.now - sim.labs[i]->now);
        }
        for (size_t i = 0; i < MASTERS; i++)
                run_node(&sim.nodes[i]);
        deliver();
        for (size_t i = 0; i < COPIES; i++) {
                if (!sim.labs[i])
                        continue;
                if (number % 20 == 0)
                        operate(i);
                run_lab(i);
        }
        check_promises();
}

static void explain(void) {
        const Lab *lab = sim.labs[0];

        print_message("# run %s, why: %s\n", enum_name(&run_state_names, lab->state->run.state),
                      lab->why.text);
        for (size_t i = 0; i < lab->state->node_count; i++) {
                const Node *node = &lab->state->nodes[i];

                print_message("# %s: %s, slot %d, fence %llu, epoch %llu, foreign %zu, lost %d, truth %s %s\n",
                              node->name, enum_name(&step_state_names, node->step.state),
                              node->step.slot, (unsigned long long) node->step.fence,
                              (unsigned long long) node->epoch, node->foreign_count,
                              node->journal_lost, sim.nodes[i].name, sim.nodes[i].version);
        }
}

static void begin(uint64_t seed) {
        sim = (struct Sim) { .seed = seed, .random = seed, .now = USEC_PER_HOUR };
        sim.labs[0] = lab_new();
        sim.labs[0]->watch = watch;
        for (size_t i = 0; i < MASTERS; i++) {
                sim.nodes[i] = (SimNode) { .name = "m1", .version = LAB_FROM };
                sim.nodes[i].journal = ++sim.journals;
                sim.nodes[i].name[1] = (char) ('1' + i);
        }
}

/* Quiet from now on, until all is well. */
static unsigned end(unsigned ticks) {
        sim.calm = true;
        sim.crash_in = 0;
        for (size_t i = 0; i < MASTERS; i++) {
                if (sim.nodes[i].served_by != 0) {
                        sim.nodes[i].served_by = 0;
                        sim.nodes[i].session = 0;
                }
        }
        if (sim.labs[1])
                lab_free(sim.labs[1]);
        sim.labs[1] = NULL;

        while (ticks < CALM && !(is_patched() && !has_open_run(sim.labs[0])))
                tick(ticks++);
        if (ticks == CALM) {
                explain();
                fail_msg("still not patched");
        }

        lab_free(sim.labs[0]);
        sim.labs[0] = NULL;
        return ticks;
}

static unsigned drill(uint64_t seed) {
        unsigned ticks = 0;

        begin(seed);
        for (; ticks < CHAOS; ticks++)
                tick(ticks);

        sim.crash_in = 0; /* there is a way back from a crash only inside a tick */
        for (size_t i = 0; i < MASTERS; i++) {
                if (find_busy(&sim.nodes[i], NULL))
                        lose_everything(&sim.nodes[i]);
        }

        return end(ticks);
}

static const SimNode *find_running(void) {
        for (size_t i = 0; i < MASTERS; i++) {
                for (size_t j = 0; j < sim.nodes[i].step_count; j++) {
                        if (sim.nodes[i].steps[j].alive && sim.nodes[i].steps[j].started)
                                return &sim.nodes[i];
                }
        }

        return NULL;
}

/* Nothing else goes wrong, so nothing else holds the others up. */
static void test_a_script_that_only_its_unit_knows_of_keeps_the_others_waiting(void **state) {
        for (uint64_t seed = 1; seed <= MASTERS; seed++) {
                unsigned ticks = 0;
                SimNode *node;

                begin(seed);
                sim.calm = true;
                while (!find_running() && ticks < CALM)
                        tick(ticks++);

                assert_non_null(find_running());
                node = &sim.nodes[find_running() - sim.nodes];
                wipe(node);
                node->orphan.act_at = sim.now + USEC_PER_HOUR / 4;
                restart_lab(0, sim.labs[0]->count);
                (void) end(ticks);
        }

        sim.seed = 0;
}

static void test_whoever_dies_wherever_one_master_at_a_time_is_patched_once_and_all_are_in_the_end(
                void **state) {
        uint64_t first = 1;
        uint64_t count = DRILLS;
        unsigned longest = 0;

        if (getenv("SEED")) {
                assert_int_equal(parse_u64(getenv("SEED"), 1, UINT32_MAX, &first), 0);
                count = 1;
        }
        if (getenv("DRILLS"))
                assert_int_equal(parse_u64(getenv("DRILLS"), 1, UINT32_MAX, &count), 0);

        for (uint64_t seed = first; seed < first + count; seed++)
                longest = MAX(longest, drill(seed));

        print_message("# the longest drill took %u s\n",
                      (unsigned) (longest * TICK / USEC_PER_SEC));
        sim.seed = 0;
}

static int clean_up(void **state) {
        if (sim.seed > 0) {
                print_message("# the drill that failed: SEED=%llu\n",
                              (unsigned long long) sim.seed);
        }
        for (size_t i = 0; i < COPIES; i++) {
                if (sim.labs[i])
                        lab_free(sim.labs[i]);
        }

        return 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(
                                test_a_script_that_only_its_unit_knows_of_keeps_the_others_waiting,
                                clean_up),
                cmocka_unit_test_teardown(
                                test_whoever_dies_wherever_one_master_at_a_time_is_patched_once_and_all_are_in_the_end,
                                clean_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
