/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/coordinator.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/crash.h"
#include "common/log.h"
#include "common/text.h"
#include "coordinator/admission.h"
#include "coordinator/control.h"
#include "coordinator/event-log.h"
#include "coordinator/health.h"
#include "coordinator/intake.h"
#include "coordinator/later.h"
#include "coordinator/limits.h"
#include "coordinator/node-link.h"
#include "coordinator/operator.h"
#include "coordinator/outgoing.h"
#include "coordinator/own-keys.h"
#include "coordinator/store.h"
#include "coordinator/tell.h"
#include "proto/dispatch.h"

/* Time passes without messages too: deadlines are looked at this often. */
#define TICK (250 * USEC_PER_MSEC)

/* What messages have changed is decided on together: at once where that costs nothing, and where
 * there are many nodes so that deciding takes one part of all time in so many. */
#define TURN_SHARE 10

/* More events than this in one turn is no run, it is a loop. */
#define TURN_MAX 100000

struct Coordinator {
        sd_event *event;
        sd_event_source *tick;
        sd_event_source *turn;
        usec_t turn_from; /* boot time: no turn that a message wants before this */
        bool turn_wanted;
        DaemonConfig config;
        Store *store;
        State *state;
        Facts facts;
        Waiting waiting;
        OwnKeys keys;
        Endpoint *endpoint;
        Control *control;
        Later *later;
        Iam *iam;
        Why why;
        Error log_problem; /* ERROR_NONE: the log can be written */
        usec_t log_problem_since;
};

/* --- the log -------------------------------------------------------------------------------------
 */

static void note_log(Coordinator *c, const Error *error) {
        if (error && c->log_problem.code == ERROR_NONE) {
                c->log_problem_since = clock_boottime();
                log_error("The log cannot be written, nothing is decided until it can: %s",
                          error->text);
        } else if (!error && c->log_problem.code != ERROR_NONE) {
                log_notice("The log can be written again.");
        }

        c->log_problem = error ? *error : (Error) {};
}

static int apply(Coordinator *c, const Event *event, Error *error) {
        int r;

        r = state_apply(c->state, event, error);
        if (r < 0)
                return r;

        if (facts_note(&c->facts, c->state, event, clock_boottime()) < 0)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        health_note(c->state, &c->facts, event, clock_boottime());
        return 0;
}

/* What cannot be written down at all is no fault of the log's. */
static int append(Coordinator *c, Event *events, size_t count, Error *error) {
        Error problem = {};
        int r;

        r = store_append(c->store, c->state->seq, events, count, &problem);
        if (r >= 0) {
                note_log(c, NULL);
                return r;
        }

        if (problem.code != ERROR_INVALID)
                note_log(c, &problem);
        if (error)
                *error = problem;

        return r;
}

static void follow(Coordinator *c, const Event *event) {
        Error problem = {};

        if (apply(c, event, &problem) < 0) {
                /* The log is right, this process is not: start again from the log. */
                log_error("The log and its reader disagree: %s; starting again", problem.text);
                abort();
        }

        event_log(c->state, event);
        if (event->kind == EVENT_KEY && event->key.change == KEY_REVOKED)
                endpoint_forget(c->endpoint, event->key.node);
}

int coordinator_commit(Coordinator *c, Event *events, size_t count, Error *error) {
        usec_t at = clock_wall();
        int r;

        for (size_t i = 0; i < count; i++)
                events[i].at = at;

        /* What memory could not follow must not get into the log: no replay would get past it. */
        r = state_check_all(c->state, events, count, error);
        if (r < 0)
                return r;

        r = append(c, events, count, error);
        if (r < 0)
                return r;

        for (size_t i = 0; i < count; i++)
                follow(c, &events[i]);

        return 0;
}

/* Of a node that the state does not know: its handshakes are rationed. */
static bool may_be_written(Coordinator *c, const Event *event) {
        const Node *node = state_find_node_const(c->state, event_node(event));
        bool may, is_first;

        if (!node)
                return true;

        may =
                        ration_take(&c->facts.nodes[node - c->state->nodes].ration, event->kind,
                                    clock_boottime(), &is_first);
        if (is_first) {
                log_warning("%s: says more than is written of one node (some a second, 256 at once); "
                            "the rest has to wait. See 'rollpatch audit'; if it lies: "
                            "rollpatch node revoke %s",
                            node->name, node->name);
        }

        return may;
}

/* An event made from what a node said: dropped when it does not fit, because nodes may be wrong. */
static int commit_heard(Coordinator *c, Event *event) {
        Error error = {};

        if (state_check(c->state, event, &error) < 0) {
                log_debug("%s: ignored what cannot be: %s", event_node(event), error.text);
                return 0;
        }

        return may_be_written(c, event) ? coordinator_commit(c, event, 1, NULL) : -EBUSY;
}

/* --- deciding and ordering --- */

static void send_to_node(size_t node, const Message *message, void *userdata) {
        Coordinator *c = ASSERT_PTR(userdata);
        const Outgoing outgoing = { c->endpoint, c->config.cluster, c->keys.signing, c->iam };

        outgoing_send(&outgoing, c->state->nodes[node].name, message);
        if (message->kind == MESSAGE_START)
                CRASH_POINT("start-sent");
}

/* Decided, and not in the log: nothing moves, and `status` says why. */
static void note_stuck(Coordinator *c, const Error *problem) {
        if (strcmp(c->why.text, problem->text) != 0)
                log_error("What was decided could not be committed: %s", problem->text);

        c->why = (Why) {};
        (void) text_copy(c->why.text, sizeof(c->why.text), problem->text);
        (void) text_format(
                        c->why.advice, sizeof(c->why.advice), "%s%s%sjournalctl -u rollpatchd",
                        c->log_problem.code ? "df " : "",
                        c->log_problem.code ? c->config.state_dir : "",
                        c->log_problem.code ? "; " : "");
}

/* True: not everybody has been told everything yet. */
static bool decide(Coordinator *c) {
        Error problem = {};
        Event event;
        bool more;
        Why why;

        for (unsigned i = 0; i < TURN_MAX; i++) {
                health_judge(c->state, &c->facts, clock_boottime());
                if (run_decide(c->state, &c->facts, clock_boottime(), clock_wall(), &event, &why) ==
                    0) {
                        c->why = why;
                        break;
                }

                if (coordinator_commit(c, &event, 1, &problem) < 0) {
                        note_stuck(c, &problem);
                        break;
                }

                if (event.kind == EVENT_STEP && event.step.event == STEP_EVENT_SLOTTED)
                        CRASH_POINT("slot-committed");
        }

        iam_turn(c->iam, clock_boottime());
        facts_set_login(&c->facts, iam_get_serial(c->iam));
        more = tell_nodes(c->state, &c->facts, clock_boottime(), send_to_node, c);
        later_turn(c, clock_boottime());
        return more;
}

/* Fails only when the loop is being torn down; the tick makes turns too. */
static void want_turn(Coordinator *c) {
        if (c->turn_wanted)
                return;

        c->turn_wanted = sd_event_source_set_time(c->turn, c->turn_from) >= 0 &&
                         sd_event_source_set_enabled(c->turn, SD_EVENT_ONESHOT) >= 0;
}

void coordinator_turn(Coordinator *c) {
        usec_t begin = clock_cpu();
        bool more;

        c->turn_wanted = false;
        more = decide(c);
        c->turn_from = clock_boottime();
        if (more) {
                want_turn(c); /* after what has come in meanwhile */
        } else {
                c->turn_from += MIN((TURN_SHARE - 1) * (clock_cpu() - begin), TICK);
        }
}

static int on_turn(sd_event_source *source, uint64_t usec, void *userdata) {
        Coordinator *c = ASSERT_PTR(userdata);

        if (c->turn_wanted)
                coordinator_turn(c);

        return 0;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata) {
        Coordinator *c = ASSERT_PTR(userdata);
        int r;

        coordinator_turn(c);
        r = sd_event_source_set_time_relative(source, TICK);
        if (r < 0)
                return r;

        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* --- what nodes say --- */

static void hear_epoch(Coordinator *c, const char *node, uint64_t epoch) {
        Event event;

        if (intake_epoch(c->state, node, epoch, VERSION, &event) > 0)
                (void) commit_heard(c, &event);
}

static bool find_psk(
                const uint8_t token[static TOKEN_ID_SIZE],
                uint8_t ret[static KEY_SIZE],
                void *userdata) {
        return admission_find_psk(userdata, token, ret);
}

static void on_false_token(const uint8_t token[static TOKEN_ID_SIZE], bool known, void *userdata) {
        admission_note_false_token(userdata, token, known);
}

static bool identify(
                const Introduction *guest,
                char ret_node[static NAME_TEXT_MAX],
                TurnedAway *ret,
                void *userdata) {
        return admission_identify(userdata, guest, ret_node, ret);
}

static bool on_hello(const char *node, const Introduction *guest, void *userdata) {
        Coordinator *c = ASSERT_PTR(userdata);
        const Hello *hello = &guest->hello;
        Event event;

        if (!admission_take_in(c, node, guest))
                return false;
        if (intake_hello(c->state, hello, &event) > 0 && commit_heard(c, &event) < 0)
                return false;

        facts_greet(&c->facts, c->state, hello, clock_boottime());
        if (intake_hello_epoch(c->state, hello, VERSION, &event) > 0)
                (void) commit_heard(c, &event);
        want_turn(c);
        return true;
}

static void hear_claimed(Coordinator *c, const char *node, const Claimed *claimed) {
        Event events[INTAKE_CLAIM_MAX];
        size_t count = intake_claimed(c->state, node, claimed, events);

        facts_hear_claimed(&c->facts, claimed);
        for (size_t i = 0; i < count; i++) {
                if (commit_heard(c, &events[i]) < 0)
                        return; /* the claim stays unanswered and is repeated */
        }
}

static void hear_heartbeat(Coordinator *c, const char *node, const Heartbeat *heartbeat) {
        Event event;

        if (intake_heartbeat(c->state, node, heartbeat, &event) > 0)
                (void) commit_heard(c, &event); /* the next one says it again */

        hear_epoch(c, node, heartbeat->epoch);
}

/* `refused` says why it is not taken; empty: it is. */
static void acknowledge(Coordinator *c, const char *node, const char *op, const char *refused) {
        Message message = { .kind = MESSAGE_ACK };

        (void) text_copy(message.ack.op, sizeof(message.ack.op), op);
        (void) text_copy(message.ack.refused, sizeof(message.ack.refused), refused);
        (void) endpoint_send(c->endpoint, node, &message);
}

static void hear_report(Coordinator *c, const char *node, const Report *report) {
        Event events[INTAKE_REPORT_MAX];
        size_t count;

        CRASH_POINT("report-received");
        count = intake_report(c->state, node, report, events);
        for (size_t i = 0; i < count; i++) {
                if (commit_heard(c, &events[i]) < 0)
                        return; /* not written, so not acknowledged: the node repeats it */
        }

        CRASH_POINT("report-committed");
        if (report->op[0])
                acknowledge(c, node, report->op, "");
}

/* Answered also when it is not taken: then the node keeps the key it has. */
static void hear_announce(Coordinator *c, const char *node, const Announce *announce) {
        Error error = {};
        int r = admission_hear_announce(c, node, announce, &error);

        if (r >= 0 || error.code == ERROR_DENIED)
                acknowledge(c, node, announce->op, r < 0 ? error.text : "");
}

static void hear_refused(Coordinator *c, const char *node, const Refused *refused) {
        log_notice("%s: refused %s: %s", node, refused->order, refused->reason);
        hear_epoch(c, node, refused->epoch);
}

/* What a node reads of its version is what is known of it, also outside a run. */
static void hear_version(Coordinator *c, size_t index, const Sample *sample) {
        const char *version = sample_text(sample, "version");
        Event event;

        if (strcmp(sample->check, "version") == 0 && version && version[0] &&
            intake_version(&c->state->nodes[index], version, &event))
                (void) commit_heard(c, &event);
}

static void hear_sample(Coordinator *c, size_t index, const Sample *sample, usec_t now) {
        size_t subject;
        Event event;

        hear_version(c, index, sample);
        iam_hear(c->iam, c->state->nodes[index].name, sample, now);
        if (!health_hear(c->state, &c->facts, index, sample, now, &subject) ||
            !state_is_at_work(c->state))
                return;

        event = health_event(c->state, subject, sample);
        (void) commit_heard(c, &event);
}

static void on_message(const char *name, const Message *message, void *userdata) {
        Coordinator *c = ASSERT_PTR(userdata);
        const Node *node = state_find_node_const(c->state, name);
        usec_t now = clock_boottime();
        bool news = true, was_heard;
        uint64_t seq = c->state->seq;
        size_t index;

        if (!node || (dispatch_needs_claim(message->kind) && node->epoch != c->state->epoch))
                return;

        index = (size_t) (node - c->state->nodes);
        was_heard = node_link(c->state, &c->facts, index, now) == LINK_FRESH;
        if (!admission_believes(c, name, message, was_heard))
                return;

        c->facts.nodes[index].heard = now;
        switch (message->kind) {
        case MESSAGE_CLAIMED:
                hear_claimed(c, name, &message->claimed);
                break;
        case MESSAGE_HEARTBEAT:
                news = facts_hear_heartbeat(&c->facts, c->state, index, &message->heartbeat, now);
                hear_heartbeat(c, name, &message->heartbeat);
                break;
        case MESSAGE_READY:
                facts_hear_ready(&c->facts, c->state, index, &message->ready, now);
                break;
        case MESSAGE_REPORT:
                facts_hear_report(&c->facts, c->state, index, &message->report, now);
                hear_report(c, name, &message->report);
                break;
        case MESSAGE_REFUSED:
                facts_hear_refused(&c->facts, index, &message->refused, now);
                hear_refused(c, name, &message->refused);
                break;
        case MESSAGE_SAMPLE:
                hear_sample(c, index, &message->sample, now);
                break;
        case MESSAGE_ANNOUNCE:
                hear_announce(c, name, &message->announce);
                return; /* nothing to decide */
        case MESSAGE_CHUNK:
        case MESSAGE_DIAGNOSIS:
                later_hear(c, index, message);
                return; /* nor here */
        case MESSAGE_DIAGNOSE:
        case MESSAGE_HELLO:
        case MESSAGE_WELCOME:
        case MESSAGE_CLAIM:
        case MESSAGE_STAGE:
        case MESSAGE_SLOT:
        case MESSAGE_START:
        case MESSAGE_ASK:
        case MESSAGE_ACK:
        case MESSAGE_WATCH:
        case MESSAGE_LOGIN:
        case MESSAGE_READ:
                log_debug("%s: ignored '%s'", name, enum_name(&message_kind_names, message->kind));
                return;
        }

        /* A heartbeat that brings nothing new must cost nothing: there are many of them. */
        if (news || !was_heard || c->state->seq != seq)
                want_turn(c);
}

static void fill_welcome(const char *name, Welcome *ret, void *userdata) {
        Coordinator *c = ASSERT_PTR(userdata);
        const Node *node = state_find_node_const(c->state, name);

        ret->heartbeat = node ? node_heartbeat(c->state, node) : USEC_PER_SEC;
        ret->rekey = node && admission_wants_rekey(c, node);
}

static bool is_calm(void *userdata) {
        const Coordinator *c = ASSERT_PTR(userdata);

        return !state_is_at_work(c->state);
}

static size_t expected_nodes(void *userdata) {
        const Coordinator *c = ASSERT_PTR(userdata);

        return MAX(c->state->node_count, c->state->enrol.key_count);
}

/* --- life --- */

static int on_replay(const Event *event, void *userdata, Error *error) {
        return state_apply(userdata, event, error);
}

static int claim_epoch(Coordinator *c, Error *error) {
        Event event = { .kind = EVENT_STARTED, .epoch = { .epoch = state_next_epoch(c->state) } };

        (void) text_copy(event.epoch.software, sizeof(event.epoch.software), VERSION);
        return coordinator_commit(c, &event, 1, error);
}

static int listen_for_nodes(Coordinator *c, Error *error) {
        static const EndpointHandlers handlers = {
                .find_psk = find_psk,
                .on_false_token = on_false_token,
                .identify = identify,
                .on_hello = on_hello,
                .on_message = on_message,
                .fill_welcome = fill_welcome,
                .is_calm = is_calm,
                .expected = expected_nodes,
        };
        const EndpointOptions options = {
                .listen = c->config.listen,
                .cluster = c->config.cluster,
                .key = c->keys.channel,
        };

        return endpoint_new(c->event, &options, &handlers, c, &c->endpoint, error);
}

static int open_log(Coordinator *c, Error *error) {
        int r;

        r = store_open(c->config.state_dir, &c->store, error);
        if (r < 0)
                return r;

        r = store_read(c->store, 0, on_replay, c->state, error);
        if (r < 0)
                return r;

        if (facts_grow(&c->facts, c->state, clock_boottime()) < 0)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        return claim_epoch(c, error);
}

static int start_timers(Coordinator *c, Error *error) {
        int r;

        r = sd_event_add_time_relative(
                        c->event, &c->tick, CLOCK_BOOTTIME, TICK, 10 * USEC_PER_MSEC, on_tick, c);
        if (r < 0)
                return error_errnof(error, r, "timer");

        (void) sd_event_source_set_description(c->tick, "tick");
        r = sd_event_source_set_exit_on_failure(c->tick, true);
        if (r < 0)
                return error_errnof(error, r, "timer");

        r = sd_event_add_time(c->event, &c->turn, CLOCK_BOOTTIME, 0, 1, on_turn, c);
        if (r < 0)
                return error_errnof(error, r, "timer");

        (void) sd_event_source_set_description(c->turn, "turn");
        r = sd_event_source_set_enabled(c->turn, SD_EVENT_OFF);
        return r < 0 ? error_errnof(error, r, "timer") : 0;
}

int coordinator_new(sd_event *event, const DaemonConfig *config, Coordinator **ret, Error *error) {
        AUTO(Coordinator) *c = calloc(1, sizeof(Coordinator));
        int r;

        if (!c)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        c->event = sd_event_ref(event);
        c->config = *config;
        c->facts.started = clock_boottime();
        c->facts.rules = (EnrolRules) { c->config.masters, c->config.master_count };
        c->state = state_new();
        c->later = later_new();
        if (!c->state || !c->later)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        r = iam_new(event, &c->config, &c->iam, error);
        if (r >= 0)
                r = own_keys_load(config->state_dir, &c->keys, error);
        if (r < 0)
                return r;

        r = open_log(c, error);
        if (r < 0)
                return r;

        limits_warn(expected_nodes(c));
        r = listen_for_nodes(c, error);
        if (r < 0)
                return r;

        r = control_new(event, config->control, operator_answer, c, &c->control, error);
        if (r < 0)
                return r;

        r = start_timers(c, error);
        if (r < 0)
                return r;

        coordinator_turn(c);
        *ret = TAKE(c);
        return 0;
}

const DaemonConfig *coordinator_get_config(const Coordinator *c) {
        return &c->config;
}

const State *coordinator_get_state(const Coordinator *c) {
        return c->state;
}

const Facts *coordinator_get_facts(const Coordinator *c) {
        return &c->facts;
}

const Why *coordinator_get_why(const Coordinator *c) {
        return &c->why;
}

const Waiting *coordinator_get_waiting(const Coordinator *c) {
        return &c->waiting;
}

Waiting *coordinator_edit_waiting(Coordinator *c) {
        return &c->waiting;
}

void coordinator_get_public_keys(
                const Coordinator *c,
                uint8_t ret_channel[static KEY_SIZE],
                uint8_t ret_signing[static KEY_SIZE]) {
        memcpy(ret_channel, c->keys.channel->public, KEY_SIZE);
        memcpy(ret_signing, c->keys.signing->public, KEY_SIZE);
}

Store *coordinator_get_store(const Coordinator *c) {
        return c->store;
}

const Iam *coordinator_get_iam(const Coordinator *c) {
        return c->iam;
}

Later *coordinator_get_later(Coordinator *c) {
        return c->later;
}

uint64_t coordinator_wish(Coordinator *c, const size_t nodes[], size_t count) {
        usec_t now = clock_boottime();

        c->facts.wishes++;
        for (size_t i = 0; i < count; i++)
                facts_wish(&c->facts, nodes[i], c->facts.wishes, now);

        return c->facts.wishes;
}

void coordinator_send(Coordinator *c, size_t node, const Message *message) {
        /* Whoever sends it asks again when there is no answer. */
        (void) endpoint_send(c->endpoint, c->state->nodes[node].name, message);
}

void coordinator_answer(
                Coordinator *c, uint64_t ticket, int status, Json *answer, const Error *error) {
        control_answer(c->control, ticket, status, answer, error);
}

EndpointCounters coordinator_get_link(const Coordinator *c) {
        return endpoint_get_counters(c->endpoint);
}

const char *coordinator_get_log_problem(const Coordinator *c, usec_t *ret_since) {
        *ret_since = c->log_problem_since;
        return c->log_problem.code == ERROR_NONE ? NULL : c->log_problem.text;
}

void coordinator_free(Coordinator *c) {
        if (!c)
                return;

        control_free(c->control);
        later_free(c->later);
        iam_free(c->iam);
        endpoint_free(c->endpoint);
        own_keys_done(&c->keys);
        (void) sd_event_source_disable_unref(c->tick);
        (void) sd_event_source_disable_unref(c->turn);
        store_free(c->store);
        state_free(c->state);
        facts_done(&c->facts);
        (void) sd_event_unref(c->event);
        free(c);
}
