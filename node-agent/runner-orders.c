/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/crash.h"
#include "common/log.h"
#include "common/text.h"
#include "node-agent/identity.h"
#include "node-agent/runner-internal.h"
#include "proto/dispatch.h"
#include "proto/signed-plan.h"

/* What a coordinator may order. First whether it may order at all (epoch), then whether the order
 * is about this node and about a step that is known; the rest is the machine's. */

/* --- answers --- */

void runner_refuse(
                Runner *runner,
                MessageKind order,
                const char *step,
                uint64_t fence,
                Refusal refusal,
                const char *reason) {
        Message message = { .kind = MESSAGE_REFUSED };
        Refused *refused = &message.refused;

        refused->refusal = refusal;
        refused->epoch = step_journal_get_epoch(runner->options.journal);
        refused->fence = fence;
        (void) text_copy(
                        refused->order, sizeof(refused->order),
                        enum_name(&message_kind_names, order));
        (void) text_copy(refused->step, sizeof(refused->step), step);
        text_ellipsize(refused->reason, sizeof(refused->reason), reason);

        log_message(LOG_WARNING, &(LogContext) { .step = step[0] ? step : NULL },
                    "Refused %s%s%s: %s.", refused->order, step[0] ? " of " : "", step,
                    refused->reason);
        (void) runner->options.send(&message, runner->options.userdata);
}

static MessageKind order_of(JobEvent event) {
        if (event == JOB_EVENT_STAGE)
                return MESSAGE_STAGE;
        if (event == JOB_EVENT_SLOT)
                return MESSAGE_SLOT;

        return MESSAGE_START;
}

void entry_refuse(const Entry *entry, JobEvent event, Refusal refusal, const char *reason) {
        const char *damage = entry->job.unknown ? entry->record.damage : "";

        runner_refuse(entry->runner, order_of(event), entry->job.step, entry->job.fence, refusal,
                      damage[0] ? damage : reason);
}

/* --- CLAIM --- */

static void fill_brief(const Entry *entry, StepBrief *brief) {
        (void) text_copy(brief->step, sizeof(brief->step), entry->job.step);
        brief->state = entry->job.state;
        brief->fence = entry->job.fence;
        if (entry->record.facts.result) {
                brief->exit_status = entry->record.result.exit_status;
                brief->exit_signal = entry->record.result.exit_signal;
        }
}

static void send_claimed(Runner *runner) {
        Message message = { .kind = MESSAGE_CLAIMED };
        Claimed *claimed = &message.claimed;

        claimed->epoch = step_journal_get_epoch(runner->options.journal);
        (void) text_copy(
                        claimed->journal_id, sizeof(claimed->journal_id),
                        step_journal_get_id(runner->options.journal));
        for (size_t i = 0; i < runner->entry_count; i++)
                fill_brief(runner->entries[i], &claimed->steps[claimed->step_count++]);

        (void) runner->options.send(&message, runner->options.userdata);
}

static bool claim_holds(Runner *runner, const Claim *claim) {
        uint64_t highest = step_journal_get_epoch(runner->options.journal);
        char reason[REASON_MAX];
        Refusal refusal;

        if (claim->epoch < highest) {
                (void) job_epoch_holds(claim->epoch, highest, &refusal, reason);
                runner_refuse(runner, MESSAGE_CLAIM, "", 0, refusal, reason);
                return false;
        }

        return true;
}

/* What was promised to an earlier coordinator. */
static void void_promises(Runner *runner) {
        for (size_t i = 0; i < runner->entry_count; i++)
                (void) entry_feed(runner->entries[i], &(JobInput) { .event = JOB_EVENT_CLAIM }, "");
}

static void handle_claim(Runner *runner, const Claim *claim) {
        uint64_t highest = step_journal_get_epoch(runner->options.journal);
        Error error = {};

        if (claim->epoch > highest &&
            step_journal_put_epoch(runner->options.journal, claim->epoch, &error) < 0) {
                runner_refuse(runner, MESSAGE_CLAIM, "", 0, REFUSAL_FAILED, error.text);
                return;
        }
        if (claim->epoch > highest)
                log_notice("Claimed by a coordinator of epoch %" PRIu64 ".", claim->epoch);

        send_claimed(runner);
}

/* --- steps --- */

Entry *runner_find_entry(const Runner *runner, const char *step) {
        for (size_t i = 0; i < runner->entry_count; i++) {
                if (strcmp(runner->entries[i]->job.step, step) == 0)
                        return runner->entries[i];
        }

        return NULL;
}

/* Another step that is under way, or that may be for all we know. */
static const char *find_busy(const Entry *entry) {
        const Runner *runner = entry->runner;

        for (size_t i = 0; i < runner->entry_count; i++) {
                const Job *job = &runner->entries[i]->job;

                if (runner->entries[i] != entry && (job_is_in_hand(job->state) || job->unknown))
                        return job->step;
        }

        return NULL;
}

/* Oldest first: what was never started, then what has ended and is known to have. */
static Entry *find_forgettable(const Runner *runner) {
        const uint32_t never_started =
                        IN(NODE_STEP_STAGE_FAILED) | IN(NODE_STEP_STAGED) | IN(NODE_STEP_DECLINED);

        for (size_t i = 0; i < runner->entry_count; i++) {
                if (IN(runner->entries[i]->job.state) & never_started)
                        return runner->entries[i];
        }

        for (size_t i = 0; i < runner->entry_count; i++) {
                if (runner->entries[i]->job.state == NODE_STEP_ENDED &&
                    runner->entries[i]->op[0] == '\0')
                        return runner->entries[i];
        }

        return NULL;
}

int runner_make_room(Runner *runner, Error *error) {
        Entry *entry;
        int r;

        if (runner->entry_count < STEPS_MAX)
                return 0;

        entry = find_forgettable(runner);
        if (!entry) {
                return error_setf(
                                error, ERROR_BLOCKED,
                                "%d steps are unresolved: look at them, and move those that "
                                "are settled out of %s/steps",
                                STEPS_MAX, step_journal_get_path(runner->options.journal));
        }

        r = step_journal_forget(runner->options.journal, entry->job.step, error);
        if (r < 0)
                return r;

        log_info("Forgot step %s.", entry->job.step);
        runner_drop_entry(runner, entry);
        return 0;
}

/* --- STAGE --- */

static void stage_anew(Runner *runner, const Stage *stage) {
        Entry *entry = NULL;
        Error error = {};

        if (runner_make_room(runner, &error) == 0) {
                entry = runner_add_entry(runner, stage->step);
                if (!entry)
                        (void) error_setf(&error, ERROR_MEMORY, "out of memory");
        }
        if (!entry) {
                runner_refuse(runner, MESSAGE_STAGE, stage->step, 0, REFUSAL_FAILED, error.text);
                return;
        }

        entry->record.stage = *stage;
        if (entry_feed(entry, &(JobInput) { .event = JOB_EVENT_STAGE }, "") < 0)
                runner_drop_entry(runner, entry);
}

/* A plan that was made for another state of this node would not end where it says. */
static int check_versions(const char *root, const Stage *stage, bool must_be_read, Error *error) {
        char version[VERSION_MAX];

        identity_read_version(root, version);
        if (version[0] && strcmp(version, stage->from) != 0 && strcmp(version, stage->to) != 0) {
                return error_setf(
                                error, ERROR_INVALID,
                                "the plan leads from %s to %s, this node has %s", stage->from,
                                stage->to, version);
        }
        if (!version[0] && must_be_read) {
                return error_setf(
                                error, ERROR_NOT_FOUND,
                                "the plan leads from %s to %s, and the version of this node cannot be read",
                                stage->from, stage->to);
        }

        return 0;
}

static int check_plan(const Runner *runner, const Stage *stage, bool is_new, Error *error) {
        const RunnerOptions *options = &runner->options;
        int r;

        r = signed_plan_check(stage, options->cluster, options->name, options->signing, error);
        if (r < 0)
                return r;

        return is_new ? check_versions(options->root, stage, false, error) : 0;
}

static void handle_stage(Runner *runner, const Stage *stage) {
        Entry *entry = runner_find_entry(runner, stage->step);
        Error error = {};

        if (check_plan(runner, stage, !entry, &error) < 0) {
                runner_refuse(runner, MESSAGE_STAGE, stage->step, 0, REFUSAL_INVALID, error.text);
        } else if (!entry) {
                stage_anew(runner, stage);
        } else if (!entry->job.unknown && !job_stage_is_same(&entry->record.stage, stage)) {
                entry_refuse(entry, JOB_EVENT_STAGE, REFUSAL_INVALID,
                             "the step is known, and was ordered with another content");
        } else {
                (void) entry_feed(entry, &(JobInput) { .event = JOB_EVENT_STAGE }, "");
        }
}

/* --- SLOT, START, ASK --- */

static void refuse_absent(Runner *runner, MessageKind order, const char *step) {
        runner_refuse(runner, order, step, 0, REFUSAL_STATE,
                      "the step is not in this node's journal");
}

static void handle_slot(Runner *runner, const Slot *slot) {
        Entry *entry = runner_find_entry(runner, slot->step);
        char nonce[ID_TEXT_MAX];
        JobInput input = {
                .event = JOB_EVENT_SLOT,
                .now = clock_boottime(),
                .fence = slot->fence,
                .nonce = nonce,
        };

        if (!entry) {
                refuse_absent(runner, MESSAGE_SLOT, slot->step);
                return;
        }

        id_random(nonce);
        input.busy = find_busy(entry);
        (void) entry_feed(entry, &input, "");
}

static void on_looked(const Error *error, void *userdata) {
        Entry *entry = ASSERT_PTR(userdata);
        Error result = *error;
        usec_t took = span_sub(clock_boottime(), entry->look_began);

        look_free(TAKE(entry->look));
        log_message(LOG_NOTICE, &(LogContext) { .step = entry->job.step },
                    "%s: the last look took %" PRIu64 ".%" PRIu64 "ms%s%s.", entry->job.step,
                    took / USEC_PER_MSEC, took % USEC_PER_MSEC / 100,
                    error->code == ERROR_NONE ? "" : ": ", error->text);
        entry_looked(entry, &result);
}

static void handle_start(Runner *runner, const Start *start) {
        Entry *entry = runner_find_entry(runner, start->step);
        JobInput input = {
                .event = JOB_EVENT_START,
                .now = clock_boottime(),
                .fence = start->fence,
                .nonce = start->nonce,
        };
        Error error = {};

        if (!entry) {
                refuse_absent(runner, MESSAGE_START, start->step);
                return;
        }

        input.busy = find_busy(entry);
        if (entry_feed(entry, &input, "") < 0 || entry->job.state != NODE_STEP_LOOKING ||
            entry->look)
                return;

        /* Staged long ago, maybe, and patched by hand since. */
        entry->look_began = input.now;
        if (check_versions(runner->options.root, &entry->record.stage, true, &error) < 0) {
                entry_looked(entry, &error);
                return;
        }
        if (look_start(runner->event, start->look, start->look_count, on_looked, entry,
                       &entry->look, &error) < 0)
                entry_looked(entry, &error);
}

static void handle_ask(Runner *runner, const Ask *ask) {
        Entry *entry = runner_find_entry(runner, ask->step);

        if (entry) {
                (void) entry_feed(entry, &(JobInput) { .event = JOB_EVENT_ASK }, "");
        } else {
                runner_report_absent(runner, ask->step);
        }
}

/* --- all of them --- */

static bool epoch_holds(Runner *runner, const Message *order) {
        uint64_t epoch;
        const char *step = message_order(order, &epoch);
        const Entry *entry = runner_find_entry(runner, step);
        char reason[REASON_MAX];
        Refusal refusal;

        if (job_epoch_holds(epoch, step_journal_get_epoch(runner->options.journal), &refusal,
                            reason))
                return true;

        runner_refuse(runner, order->kind, step, entry ? entry->job.fence : 0, refusal, reason);
        return false;
}

/* Of what waits for its turn this is asked again when that has come. */
bool runner_order_holds(Runner *runner, const Message *order) {
        if (!dispatch_allows(
                            order->kind, PARTY_COORDINATOR, party_of(runner->options.role),
                            CONTACT_SESSION))
                return false;
        if (order->kind == MESSAGE_CLAIM)
                return claim_holds(runner, &order->claim);

        return !dispatch_needs_claim(order->kind) || epoch_holds(runner, order);
}

/* From the moment a claim is heard, what was promised before is void. */
static void take_order(Runner *runner, const Message *order) {
        if (order->kind == MESSAGE_CLAIM)
                void_promises(runner);

        runner_hold(runner, order);
}

void runner_obey(Runner *runner, const Message *order) {
        if (!runner_order_holds(runner, order))
                return;

        if (order->kind == MESSAGE_CLAIM) {
                handle_claim(runner, &order->claim);
        } else if (order->kind == MESSAGE_SLOT) {
                handle_slot(runner, &order->slot);
        } else {
                handle_start(runner, &order->start);
        }
}

void runner_refuse_order(Runner *runner, const Message *order, const Error *error) {
        uint64_t epoch;
        const char *step = message_order(order, &epoch);
        const Entry *entry = runner_find_entry(runner, step);

        runner_refuse(runner, order->kind, step, entry ? entry->job.fence : 0, REFUSAL_FAILED,
                      error->text);
}

void runner_handle(Runner *runner, const Message *order) {
        if (!runner_order_holds(runner, order))
                return;

        switch (order->kind) {
        case MESSAGE_CLAIM:
        case MESSAGE_SLOT:
                take_order(runner, order);
                return;
        case MESSAGE_START:
                CRASH_POINT("start-received");
                take_order(runner, order);
                return;
        case MESSAGE_STAGE:
                handle_stage(runner, &order->stage);
                return;
        case MESSAGE_ASK:
                handle_ask(runner, &order->ask);
                return;
        case MESSAGE_ACK:
                for (size_t i = 0; i < runner->entry_count; i++)
                        entry_acknowledge(runner->entries[i], order->ack.op);
                return;
        case MESSAGE_READ: /* changes nothing: any coordinator that has a session may read */
                runner_send_chunk(runner, &order->read);
                return;
        case MESSAGE_LOGIN:
        case MESSAGE_HELLO:
        case MESSAGE_WELCOME:
        case MESSAGE_CLAIMED:
        case MESSAGE_HEARTBEAT:
        case MESSAGE_READY:
        case MESSAGE_REPORT:
        case MESSAGE_REFUSED:
        case MESSAGE_WATCH: /* about checks, not about a step */
        case MESSAGE_SAMPLE:
        case MESSAGE_CHUNK:
        case MESSAGE_ANNOUNCE:
        case MESSAGE_DIAGNOSE: /* nor is this */
        case MESSAGE_DIAGNOSIS:
                return; /* not an order */
        }
}
