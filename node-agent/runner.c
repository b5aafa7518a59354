/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/runner.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/crash.h"
#include "common/log.h"
#include "common/text.h"
#include "node-agent/identity.h"
#include "node-agent/runner-internal.h"
#include "node-agent/script.h"

/* The shell round the machine of job.c. Every change of a step goes through entry_feed(): what
 * would follow, write it down, move, act. Orders that may not be carried out are answered with
 * REFUSED, and one that cannot be written down too: then nothing has happened. */

static void log_move(const Entry *entry, NodeStep was) {
        const LogContext context = { .run = entry->record.stage.run, .step = entry->job.step };

        if (was == entry->job.state)
                return;

        log_message(LOG_NOTICE, &context, "%s: %s, fence %" PRIu64 "%s%s.", entry->job.step,
                    enum_name(&node_step_names, entry->job.state), entry->job.fence,
                    entry->reason[0] ? ": " : "", entry->reason);
}

/* --- writing --- */

static int remove_leftover(const Entry *entry, Intent *intent, Error *error) {
        int r;

        if (entry->runner->options.role == ROLE_MASTER)
                return 0;

        r = identity_remove_leftover(entry->runner->options.root, error);
        if (r <= 0)
                return r;

        (void) text_copy(intent->note, sizeof(intent->note), "removed /" LEFTOVER_LIBRARY);
        log_notice("%s: %s.", entry->job.step, intent->note);
        return 0;
}

static int write_intent(Entry *entry, Error *error) {
        Intent intent = {
                .fence = entry->job.fence,
                .wall = clock_wall(),
                .boottime = clock_boottime(),
        };
        Error ignored = {};
        int r;

        CRASH_POINT("before-intent");
        r = remove_leftover(entry, &intent, error);
        if (r < 0)
                return r;

        (void) text_copy(intent.boot_id, sizeof(intent.boot_id), entry->runner->boot_id);
        (void) step_unit_format(intent.unit, entry->job.step);
        if (journal_read_cursor(intent.cursor, &ignored) < 0) {
                log_warning("%s: its place in the journal is not known: %s.", entry->job.step,
                            ignored.text);
        }

        r = step_journal_put_intent(
                        entry->runner->options.journal, entry->job.step, &intent, error);
        if (r < 0)
                return r;

        entry->record.intent = intent;
        entry->record.facts.intent_fence = intent.fence;
        (void) text_copy(entry->record.facts.intent_boot, ID_TEXT_MAX, intent.boot_id);
        return 0;
}

static int write_down(
                Entry *entry,
                const JobInput *input,
                const JobMove *move,
                const char *reason,
                Error *error) {
        StepJournal *journal = entry->runner->options.journal;
        const char *step = entry->job.step;

        switch (move->write) {
        case JOB_WRITE_NOTHING:
                return 0;
        case JOB_WRITE_STAGE:
                return step_journal_put_stage(journal, &entry->record.stage, error);
        case JOB_WRITE_SCRIPT:
                return step_journal_put_script(
                                journal, step, entry->script, entry->script_size, error);
        case JOB_WRITE_SLOT:
                return step_journal_put_slot(journal, step, input->fence, error);
        case JOB_WRITE_INTENT:
                return write_intent(entry, error);
        case JOB_WRITE_DECLINED:
                return step_journal_decline(journal, step, entry->job.fence, reason, error);
        }

        return 0;
}

/* Nothing has happened. Who ordered it is told; what came of an act takes another way. */
static void write_failed(Entry *entry, const JobInput *input, const Error *error) {
        switch (input->event) {
        case JOB_EVENT_STAGE:
        case JOB_EVENT_SLOT:
                entry_refuse(entry, input->event, REFUSAL_FAILED, error->text);
                return;
        case JOB_EVENT_LOOK_PASSED:
        case JOB_EVENT_LOOK_FAILED:
                (void) entry_feed(
                                entry, &(JobInput) { .event = JOB_EVENT_WRITE_FAILED },
                                error->text);
                return;
        case JOB_EVENT_FETCHED:
                (void) entry_feed(
                                entry, &(JobInput) { .event = JOB_EVENT_FETCH_FAILED },
                                error->text);
                return;
        case JOB_EVENT_NEVER_STARTED:
                if (error->code != ERROR_CONFLICT)
                        entry_say(entry, error->text);
                return;
        case JOB_EVENT_START:
        case JOB_EVENT_CLAIM:
        case JOB_EVENT_ASK:
        case JOB_EVENT_FETCH_FAILED:
        case JOB_EVENT_WRITE_FAILED:
        case JOB_EVENT_STARTED:
        case JOB_EVENT_ENDED:
        case JOB_EVENT_INTERRUPTED:
                return; /* write nothing */
        }
}

/* --- acts --- */

static void on_fetched(const char *data, size_t size, const Error *error, void *userdata) {
        Entry *entry = ASSERT_PTR(userdata);

        entry->script = data;
        entry->script_size = size;
        (void) entry_feed(
                        entry,
                        &(JobInput) { .event = data ? JOB_EVENT_FETCHED : JOB_EVENT_FETCH_FAILED },
                        data ? "" : error->text);

        entry->script = NULL;
        fetch_free(TAKE(entry->fetch));
}

static void start_fetch(Entry *entry) {
        const Runner *runner = entry->runner;
        char directory[PATH_MAX];
        const FetchPlaces places = { .probe = runner->options.probe, .directory = directory };
        Error error = {};
        int r;

        r = step_journal_step_path(
                        runner->options.journal, entry->job.step, directory, sizeof(directory),
                        &error);
        if (r == 0) {
                r = fetch_start(runner->event, &places, &entry->record.stage, on_fetched, entry,
                                &entry->fetch, &error);
        }
        if (r < 0) {
                (void) entry_feed(
                                entry, &(JobInput) { .event = JOB_EVENT_FETCH_FAILED }, error.text);
        }
}

/* The machine checks the time once more. */
static int check_start(Entry *entry, Error *error) {
        const Runner *runner = entry->runner;

        if (!systemd_bus_is_up(runner->options.bus))
                return error_setf(error, ERROR_UNREACHABLE, "no connection to systemd");

        return step_journal_load_script(runner->options.journal, &entry->record.stage, NULL, error);
}

void entry_looked(Entry *entry, const Error *error) {
        JobInput input = { .event = JOB_EVENT_LOOK_PASSED };
        Error failed = *error;

        if (failed.code != ERROR_NONE || check_start(entry, &failed) < 0)
                input.event = JOB_EVENT_LOOK_FAILED;

        input.now = clock_boottime();
        (void) entry_feed(entry, &input, failed.text);
}

static void send_ready(const Entry *entry) {
        Message message = { .kind = MESSAGE_READY, .ready = { .fence = entry->job.fence } };

        (void) text_copy(message.ready.step, sizeof(message.ready.step), entry->job.step);
        (void) text_copy(message.ready.nonce, sizeof(message.ready.nonce), entry->job.nonce);
        (void) entry->runner->options.send(&message, entry->runner->options.userdata);
}

static void act(Entry *entry, const JobMove *move) {
        switch (move->act) {
        case JOB_ACT_NOTHING:
                return;
        case JOB_ACT_FETCH:
                entry_report(entry);
                start_fetch(entry);
                return;
        case JOB_ACT_GIVE_NONCE:
                send_ready(entry);
                return;
        case JOB_ACT_LOOK:
        case JOB_ACT_REPORT:
                entry_report(entry);
                return;
        case JOB_ACT_CALL_UNIT:
                entry_call_unit(entry);
                entry_report(entry);
                return;
        case JOB_ACT_REFUSE:
                entry_refuse(entry, JOB_EVENT_START, REFUSAL_FAILED, entry->reason);
                return;
        }
}

static void leave(Entry *entry, NodeStep was) {
        if (was == entry->job.state)
                return;

        if (was == NODE_STEP_LOOKING)
                look_free(TAKE(entry->look));
        if (job_is_over(entry->job.state) || entry->job.state == NODE_STEP_DECLINED)
                entry_stop_following(entry);
}

int entry_feed(Entry *entry, const JobInput *input, const char *reason) {
        NodeStep was = entry->job.state;
        Error error = {};
        JobMove move;
        int r;

        switch (job_next(&entry->job, input, &move)) {
        case JOB_IGNORED:
                return 0;
        case JOB_REFUSED:
                entry_refuse(entry, input->event, move.refusal, move.reason);
                return 0;
        case JOB_MOVES:
                break;
        }

        if (move.reason[0])
                reason = move.reason;

        r = write_down(entry, input, &move, reason, &error);
        if (r < 0) {
                write_failed(entry, input, &error);
                return r;
        }

        job_apply(&entry->job, input, &move);
        if (was != entry->job.state)
                text_ellipsize(entry->reason, sizeof(entry->reason), reason);

        log_move(entry, was);
        leave(entry, was);
        act(entry, &move);
        return 0;
}

/* --- steps --- */

static void entry_free(Entry *entry) {
        if (!entry)
                return;

        fetch_free(entry->fetch);
        look_free(entry->look);
        unit_watch_free(entry->watch);
        journal_tail_free(entry->tail);
        (void) sd_event_source_disable_unref(entry->poll);
        free(entry);
}

Entry *runner_add_entry(Runner *runner, const char *step) {
        Entry *entry;

        assert(runner->entry_count < STEPS_MAX);

        entry = calloc(1, sizeof(*entry));
        if (!entry)
                return NULL;

        entry->runner = runner;
        (void) text_copy(entry->job.step, sizeof(entry->job.step), step);
        runner->entries[runner->entry_count++] = entry;
        return entry;
}

void runner_drop_entry(Runner *runner, Entry *entry) {
        size_t place = 0;

        while (runner->entries[place] != entry)
                place++;

        runner->entry_count--;
        for (; place < runner->entry_count; place++)
                runner->entries[place] = runner->entries[place + 1];

        entry_free(entry);
}

static void fill_found_reason(Entry *entry, const Finding *finding) {
        const StepRecord *record = &entry->record;

        if (finding->unknown) {
                (void) text_format(
                                entry->reason, sizeof(entry->reason), "unknown: %s",
                                record->damage);
        } else if (finding->state == NODE_STEP_DECLINED) {
                (void) text_copy(entry->reason, sizeof(entry->reason), record->declined_reason);
        } else {
                entry_explain(entry, finding, "", entry->reason);
        }
}

/* Nothing is started here: the fetch is a download, and a unit is only asked about. */
static void take_up(Entry *entry, const Finding *finding) {
        switch (finding->duty) {
        case JOB_DUTY_NONE:
                return;
        case JOB_DUTY_FETCH:
                start_fetch(entry);
                return;
        case JOB_DUTY_ASK:
        case JOB_DUTY_FOLLOW:
        case JOB_DUTY_WITHDRAW:
                entry_follow(entry);
                return;
        }
}

int runner_recover(Runner *runner, const char *step, Error *error) {
        StepRecord record;
        Finding finding;
        Entry *entry;

        step_journal_read(runner->options.journal, step, &record);
        finding = job_judge(&record.facts, runner->boot_id, UNIT_UNKNOWN);

        /* Made, and then nothing was written. */
        if (finding.state == NODE_STEP_ABSENT)
                return step_journal_forget(runner->options.journal, step, error);

        entry = runner_add_entry(runner, step);
        if (!entry)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        entry->record = record;
        entry->job = job_recover(step, &finding);
        fill_found_reason(entry, &finding);
        entry_keep_last_lines(entry);
        log_move(entry, NODE_STEP_ABSENT);
        entry_report(entry);
        take_up(entry, &finding);
        return 0;
}

static int recover_all(Runner *runner, Error *error) {
        char steps[STEPS_MAX][STEP_ID_MAX];
        size_t count;
        int r;

        r = id_boot(runner->boot_id);
        if (r < 0)
                return error_errnof(error, r, "cannot read the boot id");

        r = step_journal_list(runner->options.journal, steps, &count, error);
        for (size_t i = 0; r == 0 && i < count; i++)
                r = runner_recover(runner, steps[i], error);

        return r;
}

int runner_new(sd_event *event, const RunnerOptions *options, Runner **ret, Error *error) {
        AUTO(Runner) *runner = calloc(1, sizeof(*runner));
        int r;

        if (!runner)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        runner->event = event;
        runner->options = *options;

        /* On a new connection the newest question is asked first: this one last, so that when it is
         * answered all steps have been judged by what systemd says of them. */
        r = runner_look_for_units(runner, error);
        if (r < 0)
                return r;

        r = recover_all(runner, error);
        if (r < 0) {
                return error_prefixf(
                                error, "step journal %s", step_journal_get_path(options->journal));
        }

        r = runner_start_repeating(runner);
        if (r < 0)
                return error_errnof(error, r, "cannot repeat reports");

        *ret = TAKE(runner);
        return 0;
}

void runner_free(Runner *runner) {
        if (!runner)
                return;

        for (size_t i = 0; i < runner->entry_count; i++)
                entry_free(runner->entries[i]);

        runner_drop_held(runner);

        unit_watch_free(runner->units);
        (void) sd_event_source_disable_unref(runner->repeat);
        free(runner);
}
