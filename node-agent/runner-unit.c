/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "common/clock.h"
#include "common/crash.h"
#include "common/log.h"
#include "common/text.h"
#include "node-agent/runner-internal.h"
#include "node-agent/tail.h"

/* Following a step whose intent is on disk. The order is always the same: ask systemd about the
 * unit, and when it has answered read the files, and judge both (finding.h). Signals only make us
 * ask sooner; that none is needed is what makes a restart of this program, of dbus or of systemd a
 * matter of one more question. */

#define POLL_INTENT  (250 * USEC_PER_MSEC) /* until the marker is there: it takes some ms */
#define POLL_RUNNING (2 * USEC_PER_SEC)
#define POLL_UNKNOWN USEC_PER_SEC

static void poll_after(Entry *entry, usec_t wait) {
        (void) sd_event_source_set_time_relative(entry->poll, wait);
        (void) sd_event_source_set_enabled(entry->poll, SD_EVENT_ONESHOT);
}

static int on_poll(sd_event_source *source, uint64_t usec, void *userdata) {
        Entry *entry = ASSERT_PTR(userdata);

        unit_watch_ask(entry->watch);
        return 0;
}

static void on_change(void *userdata) {
        Entry *entry = ASSERT_PTR(userdata);

        unit_watch_ask(entry->watch);
}

static void on_called(const Error *error, void *userdata) {
        Entry *entry = ASSERT_PTR(userdata);

        /* Also "that unit exists": whose it is, and what it has done, the files know. */
        if (error->code != ERROR_NONE)
                text_ellipsize(entry->call_failed, sizeof(entry->call_failed), error->text);

        unit_watch_ask(entry->watch);
}

/* --- judging --- */

void entry_keep_last_lines(Entry *entry) {
        char output[2 * TAIL_MAX];
        OutputPiece piece = {};

        /* The journal may drop lines, and those of a unit that has just ended may still be on their
         * way: `output` is better, when there is one. */
        if (step_journal_read_output(
                            entry->runner->options.journal, entry->job.step, sizeof(output), true,
                            output, sizeof(output), &piece) &&
            piece.size > 0) {
                tail_clean(entry->last_lines, sizeof(entry->last_lines), output, piece.size);
        } else if (entry->tail) {
                journal_tail_get(entry->tail, entry->last_lines);
        }
}

void entry_explain(
                const Entry *entry,
                const Finding *finding,
                const char *unit,
                char reason[static REASON_MAX]) {
        const StepResult *result = &entry->record.result;

        (void) text_copy(reason, REASON_MAX, finding->reason);
        if (finding->state == NODE_STEP_INTERRUPTED && entry->record.facts.result) {
                (void) text_format(
                                reason, REASON_MAX, "%s; it ended with exit status %u, signal %u",
                                finding->reason, (unsigned) result->exit_status,
                                (unsigned) result->exit_signal);
        } else if (unit[0] && (finding->duty == JOB_DUTY_WITHDRAW ||
                               finding->state == NODE_STEP_INTERRUPTED)) {
                (void) text_format(reason, REASON_MAX, "%s (%s)", finding->reason, unit);
        }
}

/* Only this boot's clock can tell, and nobody is killed: a person decides. */
static void check_time(Entry *entry) {
        const Intent *intent = &entry->record.intent;
        usec_t limit = entry->record.stage.timeout, taken;
        char seen[SPAN_TEXT_MAX], wanted[SPAN_TEXT_MAX], reason[REASON_MAX];

        if (entry->overdue || strcmp(intent->boot_id, entry->runner->boot_id) != 0)
                return;

        taken = span_sub(clock_boottime(), intent->boottime);
        if (taken <= limit)
                return;

        entry->overdue = true;
        (void) text_format(
                        reason, sizeof(reason),
                        "the script has been running for %s, want at most %s; it goes on",
                        span_format(taken, seen), span_format(limit, wanted));
        entry_say(entry, reason);
}

static void say_unknown(Entry *entry, const char *why) {
        char reason[REASON_MAX];

        (void) text_copy(reason, sizeof(reason), "unknown: ");
        (void) text_copy(reason + strlen(reason), sizeof(reason) - strlen(reason), why);
        entry_say(entry, reason);
        poll_after(entry, POLL_UNKNOWN);
}

/* NULL: it is known. */
static const char *why_unknown(const Entry *entry, const Finding *finding, const UnitFacts *unit) {
        const uint32_t followed = IN(NODE_STEP_INTENT) | IN(NODE_STEP_RUNNING);

        if (finding->unknown)
                return entry->record.damage;
        if (!(IN(finding->state) & followed))
                return "the step's files have changed by another hand";

        return unit->state == UNIT_UNKNOWN ? unit->text : NULL;
}

static void settle(Entry *entry, const Finding *finding, const UnitFacts *unit) {
        const char *why = why_unknown(entry, finding, unit);

        /* Seen to have started only now: the end needs an answer that is younger than that. */
        if (job_is_over(finding->state) && !finding->unknown) {
                unit_watch_ask(entry->watch);
                return;
        }
        if (why) {
                say_unknown(entry, why);
                return;
        }

        poll_after(entry, entry->job.state == NODE_STEP_INTENT ? POLL_INTENT : POLL_RUNNING);
        if (unit->state == UNIT_PRESENT) {
                if (text_starts_with(entry->reason, "unknown: "))
                        entry_say(entry, "");
                check_time(entry);
        }
}

static void on_facts(const UnitFacts *unit, void *userdata) {
        Entry *entry = ASSERT_PTR(userdata);
        Runner *runner = entry->runner;
        char reason[REASON_MAX];
        Finding finding;
        JobEvent event;

        step_journal_read(runner->options.journal, entry->job.step, &entry->record);
        finding = job_judge(&entry->record.facts, runner->boot_id, unit->state);

        if (job_event_of(&entry->job, &finding, &event)) {
                bool says_no = finding.duty == JOB_DUTY_WITHDRAW && entry->call_failed[0];

                entry_explain(entry, &finding, says_no ? entry->call_failed : unit->text, reason);

                /* -ESTALE: the script was started between our look and the withdrawal. */
                if (entry_feed(entry, &(JobInput) { .event = event }, reason) < 0) {
                        poll_after(entry, POLL_INTENT);
                        return;
                }
        }

        if (entry->watch)
                settle(entry, &finding, unit);
}

/* --- begin and end --- */

static int watch_unit(Entry *entry, Error *error) {
        static const UnitHandlers handlers = {
                .on_change = on_change,
                .on_facts = on_facts,
                .on_called = on_called,
        };
        char unit[UNIT_MAX];

        if (!step_unit_format(unit, entry->job.step))
                return error_setf(error, ERROR_TOO_BIG, "the name of the unit is too long");

        return unit_watch_new(
                        entry->runner->options.bus, unit, &handlers, entry, &entry->watch, error);
}

/* From the cursor of the intent on, however late this is. */
static int follow(Entry *entry, Error *error) {
        Runner *runner = entry->runner;
        char unit[UNIT_MAX];
        int r;

        (void) step_unit_format(unit, entry->job.step);
        r = sd_event_add_time_relative(
                        runner->event, &entry->poll, CLOCK_BOOTTIME, POLL_INTENT, USEC_PER_MSEC,
                        on_poll, entry);
        if (r < 0)
                return error_errnof(error, r, "cannot watch %s", unit);

        (void) sd_event_source_set_description(entry->poll, "poll-unit");
        if (journal_tail_new(
                            runner->event, unit, entry->record.intent.cursor, &entry->tail, error) <
            0)
                log_warning("%s: its lines are not followed: %s.", unit, error->text);

        return 0;
}

/* What cannot be followed would be in hand for ever: better start anew, from the files. */
static void give_up(const Entry *entry, const Error *error) {
        log_error("%s: %s; starting anew.", entry->job.step, error->text);
        (void) sd_event_exit(entry->runner->event, -ENOMEM);
}

void entry_follow(Entry *entry) {
        Error error = {};

        if (watch_unit(entry, &error) < 0 || follow(entry, &error) < 0) {
                give_up(entry, &error);
                return;
        }

        unit_watch_ask(entry->watch);
}

static int call(Entry *entry, Error *error) {
        const Runner *runner = entry->runner;
        char directory[PATH_MAX], fence[24], description[UNIT_MAX + 64];
        const UnitCommand command = { runner->options.step, { directory, fence } };
        int r;

        r = step_journal_step_path(
                        runner->options.journal, entry->job.step, directory, sizeof(directory),
                        error);
        if (r < 0)
                return r;

        (void) text_format(fence, sizeof(fence), "%" PRIu64, entry->record.intent.fence);
        (void) text_format(description, sizeof(description), "rollpatch step %s", entry->job.step);
        systemd_bus_reset_failed(runner->options.bus, entry->record.intent.unit);
        return unit_watch_start(entry->watch, description, &command, error);
}

/* The node waits for its unit, so it is called first. Nothing that it does is missed: answers come
 * through the event loop, and its lines are in the journal. */
void entry_call_unit(Entry *entry) {
        Error called = {}, error = {};

        CRASH_POINT("after-intent");
        if (watch_unit(entry, &error) < 0) {
                give_up(entry, &error);
                return;
        }

        if (call(entry, &called) >= 0)
                CRASH_POINT("start-called");

        if (follow(entry, &error) < 0) {
                give_up(entry, &error);
                return;
        }

        /* Nothing was sent: the unit is not there, and that is what asking will show. */
        if (called.code != ERROR_NONE) {
                text_ellipsize(entry->call_failed, sizeof(entry->call_failed), called.text);
                unit_watch_ask(entry->watch);
        }
}

void entry_stop_following(Entry *entry) {
        char unit[UNIT_MAX];

        if (!entry->watch)
                return;

        entry_keep_last_lines(entry);
        (void) step_unit_format(unit, entry->job.step); /* found, it has no intent to tell it */
        systemd_bus_reset_failed(entry->runner->options.bus, unit);
        unit_watch_free(TAKE(entry->watch));
        journal_tail_free(TAKE(entry->tail));
        entry->poll = sd_event_source_disable_unref(entry->poll);
        entry->call_failed[0] = '\0';
}
