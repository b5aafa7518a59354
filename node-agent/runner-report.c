/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base64.h"
#include "common/clock.h"
#include "common/crash.h"
#include "common/log.h"
#include "common/text.h"
#include "node-agent/identity.h"
#include "node-agent/runner-internal.h"
#include "node-agent/tail.h"

/* A report is not kept: each time it is sent it is made of what is known then. Its op stands for
 * the state of the step, so an acknowledgement of an older one acknowledges nothing. */

#define REPORT_REPEAT (5 * USEC_PER_SEC)

static void fill_result(const StepRecord *record, Report *report) {
        report->exit_status = record->result.exit_status;
        report->exit_signal = record->result.exit_signal;
        report->started_at = record->result.started_at;
        report->ended_at = record->result.ended_at;
}

/* What an earlier intent left behind says nothing about a new attempt. */
static bool has_begun(NodeStep state) {
        return state == NODE_STEP_INTENT || state == NODE_STEP_RUNNING ||
               state == NODE_STEP_DECLINED || job_is_over(state);
}

static void fill_start(const StepRecord *record, Report *report) {
        const StepFacts *facts = &record->facts;

        if (facts->intent_fence > 0) {
                (void) text_copy(report->boot_id, sizeof(report->boot_id), facts->intent_boot);
                (void) text_copy(report->unit, sizeof(report->unit), record->intent.unit);
                (void) text_copy(report->cursor, sizeof(report->cursor), record->intent.cursor);
        }
        if (facts->started_fence > 0) {
                (void) text_copy(report->boot_id, sizeof(report->boot_id), facts->started_boot);
                report->started_at = record->started_at;
        }
        if (facts->found_boot[0]) {
                (void) text_copy(report->boot_id, sizeof(report->boot_id), facts->found_boot);
                (void) step_unit_format(report->unit, report->step);
        }
        if (facts->result)
                fill_result(record, report);
}

static void fill_reason(const Entry *entry, Report *report) {
        const char *note = entry->record.intent.note;
        bool noted = has_begun(entry->job.state) && entry->record.facts.intent_fence > 0 &&
                     note[0] != '\0';

        (void) text_format(
                        report->reason, sizeof(report->reason), "%s%s%s", entry->reason,
                        noted && entry->reason[0] ? "; " : "", noted ? note : "");
}

static void fill_report(const Entry *entry, Report *report) {
        const Runner *runner = entry->runner;

        report->state = entry->job.state;
        report->fence = entry->job.fence;
        (void) text_copy(report->op, sizeof(report->op), entry->op);
        (void) text_copy(report->step, sizeof(report->step), entry->job.step);
        (void) text_copy(report->run, sizeof(report->run), entry->record.stage.run);
        identity_read_version(runner->options.root, report->dcos_version);
        if (has_begun(report->state))
                fill_start(&entry->record, report);
        fill_reason(entry, report);

        if (entry->tail) {
                journal_tail_get(entry->tail, report->tail);
        } else {
                (void) text_copy(report->tail, sizeof(report->tail), entry->last_lines);
        }
}

static void send_report(Entry *entry) {
        Message message = { .kind = MESSAGE_REPORT };

        fill_report(entry, &message.report);
        if (entry->runner->options.send(&message, entry->runner->options.userdata) >= 0 &&
            job_is_over(entry->job.state))
                CRASH_POINT("report-sent");
}

void entry_report(Entry *entry) {
        if (entry->job.state == NODE_STEP_ENDED)
                CRASH_POINT("result-seen");

        id_random(entry->op);
        send_report(entry);
}

void entry_say(Entry *entry, const char *reason) {
        char shown[REASON_MAX];

        text_ellipsize(shown, sizeof(shown), reason);
        if (strcmp(shown, entry->reason) == 0)
                return;

        (void) text_copy(entry->reason, sizeof(entry->reason), shown);
        if (reason[0]) {
                log_message(LOG_WARNING, &(LogContext) { .step = entry->job.step }, "%s: %s.",
                            entry->job.step, shown);
        }
        entry_report(entry);
}

void entry_acknowledge(Entry *entry, const char *op) {
        if (strcmp(entry->op, op) == 0)
                entry->op[0] = '\0';
}

/* Not repeated: whoever asked about a step that is not here asks again if this gets lost. */
void runner_report_absent(Runner *runner, const char *step) {
        Message message = { .kind = MESSAGE_REPORT, .report = { .state = NODE_STEP_ABSENT } };

        id_random(message.report.op);
        (void) text_copy(message.report.step, sizeof(message.report.step), step);
        identity_read_version(runner->options.root, message.report.dcos_version);
        (void) runner->options.send(&message, runner->options.userdata);
}

/* Not repeated either: a lost piece is asked for again. */
void runner_send_chunk(Runner *runner, const Read *read) {
        char data[CHUNK_BYTES_MAX];
        Message message = { .kind = MESSAGE_CHUNK, .chunk = { .request = read->request } };
        Chunk *chunk = &message.chunk;
        OutputPiece piece = {};

        static_assert(BASE64_TEXT_MAX(CHUNK_BYTES_MAX) <= sizeof(chunk->data), "too much for it");
        (void) text_copy(chunk->step, sizeof(chunk->step), read->step);
        if (step_journal_read_output(
                            runner->options.journal, read->step, read->offset, read->from_end, data,
                            sizeof(data), &piece)) {
                chunk->offset = piece.offset;
                chunk->total = piece.total;
                base64_encode(data, piece.size, chunk->data);
        } else {
                (void) text_copy(
                                chunk->reason, sizeof(chunk->reason),
                                "no output of this step is on the node");
        }

        (void) runner->options.send(&message, runner->options.userdata);
}

static void repeat_all(Runner *runner) {
        for (size_t i = 0; i < runner->entry_count; i++) {
                if (runner->entries[i]->op[0])
                        send_report(runner->entries[i]);
        }
}

void runner_on_up(Runner *runner) {
        repeat_all(runner);
}

static int on_repeat(sd_event_source *source, uint64_t usec, void *userdata) {
        Runner *runner = ASSERT_PTR(userdata);

        repeat_all(runner);
        (void) sd_event_source_set_time(source, usec + REPORT_REPEAT);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int runner_start_repeating(Runner *runner) {
        int r;

        r = sd_event_add_time_relative(
                        runner->event, &runner->repeat, CLOCK_BOOTTIME, REPORT_REPEAT,
                        USEC_PER_SEC / 4, on_repeat, runner);
        if (r < 0)
                return r;

        (void) sd_event_source_set_description(runner->repeat, "repeat-reports");
        return sd_event_source_set_exit_on_failure(runner->repeat, true);
}

/* --- what a coordinator asks of all --- */

/* What may run counts more than what is only newer; at most one step is in hand. */
static const Job *find_newest(const Runner *runner) {
        const Job *newest = NULL;

        for (size_t i = 0; i < runner->entry_count; i++) {
                const Job *job = &runner->entries[i]->job;

                if (job_is_in_hand(job->state))
                        return job;
                if (!job_is_over(job->state))
                        newest = job;
        }

        return newest;
}

void runner_fill_heartbeat(const Runner *runner, Heartbeat *heartbeat) {
        const Job *job = find_newest(runner);

        heartbeat->epoch = step_journal_get_epoch(runner->options.journal);
        if (!job)
                return;

        heartbeat->state = job->state;
        (void) text_copy(heartbeat->step, sizeof(heartbeat->step), job->step);
}

uint64_t runner_get_fence(const Runner *runner) {
        uint64_t fence = 0;

        for (size_t i = 0; i < runner->entry_count; i++)
                fence = MAX(fence, runner->entries[i]->job.fence);

        return fence;
}
