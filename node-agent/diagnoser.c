/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/diagnoser.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/service.h"
#include "common/text.h"
#include "node-agent/findings.h"
#include "node-agent/identity.h"
#include "node-agent/leftover.h"
#include "node-agent/log-file.h"
#include "node-agent/process.h"
#include "proto/check-table.h"

/* Units, journal, output, files and logs first, which is what costs little; then the questions that
 * need a program, all at once. What has not been answered when the time is over is missing.
 *
 * A check runner that hangs may have one wait long: meanwhile there is room for another. */

#define LOOKS_MAX     2
#define EXAMINE_MAX   (DIAGNOSE_LIMIT_MAX - CHECK_RUNNER_LIMIT)
#define QUESTIONS_MAX CATALOGUE_UNITS_MAX
#define OUTPUT_MAX    65536 /* of the end of what the script has printed */

typedef struct Asked {
        Task task;
        Question *question; /* NULL: answered */
} Asked;

typedef struct Inquiry {
        sd_event *event;
        const DiagnoserOptions *options;
        Examine *examine; /* NULL: at rest, or asking */
        Asker *asker;     /* NULL: at rest, or examining */
        Asked asked[QUESTIONS_MAX];
        size_t asked_count;
        sd_event_source *deadline;
        usec_t ends;   /* boot time */
        usec_t waited; /* how long questions may take here */
        Diagnose wanted;
        const char *process; /* that is looked for */
        const char *folder;  /* whose predecessor is looked at */
        Findings *findings;  /* NULL: at rest */
        Diagnosis diagnosis;
} Inquiry;

struct Diagnoser {
        DiagnoserOptions options;
        Inquiry looks[LOOKS_MAX];
};

/* --- the end --- */

static void stop(Inquiry *inquiry) {
        for (size_t i = 0; i < inquiry->asked_count; i++)
                question_free(TAKE(inquiry->asked[i].question));

        inquiry->asked_count = 0;
        asker_free(TAKE(inquiry->asker));
        examine_free(TAKE(inquiry->examine));
        inquiry->deadline = sd_event_source_disable_unref(inquiry->deadline);
        free(TAKE(inquiry->findings));
}

static void answer(Inquiry *inquiry) {
        Message message = { .kind = MESSAGE_DIAGNOSIS };
        Diagnosis *diagnosis = &inquiry->diagnosis;

        findings_close(inquiry->findings, clock_wall(), diagnosis);
        diagnosis->request = inquiry->wanted.request;
        message.diagnosis = *diagnosis;
        (void) inquiry->options->send(&message, inquiry->options->userdata);
        stop(inquiry);
        service_rest();
}

/* --- questions --- */

static bool is_asking(const Inquiry *inquiry) {
        for (size_t i = 0; i < inquiry->asked_count; i++) {
                if (inquiry->asked[i].question)
                        return true;
        }

        return false;
}

static void on_answer(Question *question, const Sample samples[], size_t count, void *userdata) {
        Inquiry *inquiry = ASSERT_PTR(userdata);

        for (size_t i = 0; i < count; i++) {
                findings_note_sample(inquiry->findings, &samples[i], clock_wall());
                if (samples[i].verdict == VERDICT_UNKNOWN) {
                        note_missing(inquiry->diagnosis.missing, samples[i].check,
                                     samples[i].reason);
                }
        }

        for (size_t i = 0; i < inquiry->asked_count; i++) {
                if (inquiry->asked[i].question == question)
                        inquiry->asked[i].question = NULL;
        }

        question_free(question);

        if (!is_asking(inquiry))
                answer(inquiry);
}

/* A question may be allowed longer than this diagnosis can wait. */
static void note_late(Inquiry *inquiry, const Task *task) {
        char waited[SPAN_TEXT_MAX], allowed[SPAN_TEXT_MAX], why[REASON_MAX];

        (void) text_format(
                        why, sizeof(why), "no answer within %s; it may take %s, give it more time",
                        span_format(inquiry->waited, waited),
                        span_format(task_limit(task), allowed));
        note_missing(inquiry->diagnosis.missing, task->check, why);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Inquiry *inquiry = ASSERT_PTR(userdata);

        for (size_t i = 0; i < inquiry->asked_count; i++) {
                if (inquiry->asked[i].question)
                        note_late(inquiry, &inquiry->asked[i].task);
        }

        answer(inquiry);
        return 0;
}

static void add_question(Inquiry *inquiry, const char *check) {
        Asked *asked = &inquiry->asked[inquiry->asked_count];

        assert(inquiry->asked_count < QUESTIONS_MAX);

        *asked = (Asked) { .task = { .reader = check_reader(check), .period = USEC_PER_SEC } };
        (void) text_copy(asked->task.check, sizeof(asked->task.check), check);
        asked->question = question_start(inquiry->asker, &asked->task, on_answer, inquiry);
        inquiry->asked_count += asked->question != NULL;
}

static bool has_item(const Watch *watch, const char *check) {
        for (size_t i = 0; i < watch->item_count; i++) {
                if (strcmp(watch->items[i].check, check) == 0)
                        return true;
        }

        return false;
}

/* An item of the watch is what a question is about. */
static void fill_watch(const Inquiry *inquiry, SignPlace where, Watch *watch) {
        const char *checks[CATALOGUE_UNITS_MAX];
        size_t count = catalogue_places(inquiry->options->examine.role, where, checks);

        for (size_t i = 0; i < count; i++) {
                WatchItem *item = &watch->items[watch->item_count];

                if (has_item(watch, checks[i]))
                        continue;

                watch->item_count++;
                item->period = USEC_PER_SEC;
                (void) text_copy(item->check, sizeof(item->check), checks[i]);
        }
}

/* Without the token the servers of a strict cluster refuse, and that is then what is missing. */
static void copy_login(const Inquiry *inquiry) {
        if (inquiry->options->login_of &&
            asker_copy_login(inquiry->asker, inquiry->options->login_of) < 0)
                log_error("The token for a strict cluster cannot be kept: no memory can be locked.");
}

/* With an asker of its own, so that what the watch keeps between questions stays as it is. */
static void ask(Inquiry *inquiry) {
        Watch watch = { .masters = inquiry->wanted.masters };
        usec_t left = span_sub(inquiry->ends, clock_boottime());

        inquiry->waited = left;
        fill_watch(inquiry, SIGN_METRIC, &watch);
        fill_watch(inquiry, SIGN_ANSWER, &watch);
        inquiry->asker = asker_new(inquiry->event, &inquiry->options->asker);
        if (inquiry->asker && sd_event_add_time_relative(
                                              inquiry->event, &inquiry->deadline, CLOCK_BOOTTIME,
                                              left, USEC_PER_SEC / 10, on_deadline, inquiry) >= 0) {
                asker_set_watch(inquiry->asker, &watch);
                copy_login(inquiry);
                for (size_t i = 0; i < watch.item_count; i++)
                        add_question(inquiry, watch.items[i].check);
        }

        if (!is_asking(inquiry)) {
                note_missing(inquiry->diagnosis.missing, "answers", "nothing could be asked");
                answer(inquiry);
        }
}

/* --- files --- */

/* `name` is absolute, as the catalogue has it. */
static bool make_path(const Inquiry *inquiry, const char *name, char path[static PATH_MAX]) {
        return identity_path(path, inquiry->options->examine.root, name + 1);
}

/* While a script runs they may be there. */
static void look_at_files(Inquiry *inquiry) {
        const char *files[CATALOGUE_UNITS_MAX];
        size_t count = catalogue_places(inquiry->options->examine.role, SIGN_FILE, files);
        char path[PATH_MAX];
        struct stat st;

        for (size_t i = 0; i < count; i++) {
                if (make_path(inquiry, files[i], path) && lstat(path, &st) == 0)
                        findings_note_file(inquiry->findings, files[i]);
        }
}

/* In FOLDER, and now in FOLDER.old. */
static void on_left(const char *name, void *userdata) {
        Inquiry *inquiry = ASSERT_PTR(userdata);
        char shown[PLACE_MAX], text[SYMPTOM_TEXT_MAX];

        (void) text_format(shown, sizeof(shown), "%s.old/%s", inquiry->folder, name);
        (void) text_format(
                        text, sizeof(text), "%s was in %s, of no package, and is there no more",
                        name, inquiry->folder);
        findings_note_line(
                        inquiry->findings, &(SeenLine) { .where = SIGN_LEFT,
                                                         .place = inquiry->folder,
                                                         .shown = shown,
                                                         .text = text });
}

static void look_for_what_was_left(Inquiry *inquiry) {
        const char *folders[CATALOGUE_UNITS_MAX];
        size_t count = catalogue_places(inquiry->options->examine.role, SIGN_LEFT, folders);

        for (size_t i = 0; i < count; i++) {
                inquiry->folder = folders[i];
                leftover_each(inquiry->options->examine.root, folders[i], on_left, inquiry);
        }
}

typedef struct LogReader {
        Inquiry *inquiry;
        const char *file; /* as the catalogue has it */
} LogReader;

static void on_logged(const LogLine *line, void *userdata) {
        const LogReader *reader = ASSERT_PTR(userdata);

        findings_note_line(
                        reader->inquiry->findings, &(SeenLine) { .where = SIGN_LOG,
                                                                 .place = reader->file,
                                                                 .text = line->text,
                                                                 .offset = line->offset,
                                                                 .at = line->at });
}

static void on_process(const char *line, usec_t start, void *userdata) {
        Inquiry *inquiry = ASSERT_PTR(userdata);
        usec_t now = clock_wall();
        SeenLine seen = { .where = SIGN_PROCESS, .place = inquiry->process, .text = line };

        seen.at = span_sub(now, span_sub(clock_boottime(), start));
        findings_note_line(inquiry->findings, &seen);
        seen.at = now;
        findings_note_line(inquiry->findings, &seen);
}

static void look_at_processes(Inquiry *inquiry) {
        const char *names[CATALOGUE_UNITS_MAX];
        size_t count = catalogue_places(inquiry->options->examine.role, SIGN_PROCESS, names);

        for (size_t i = 0; i < count; i++) {
                inquiry->process = names[i];
                process_each(names[i], on_process, inquiry);
        }
}

/* Mesos logs to files; those that are not there are of the other role, or of another set-up. */
static void look_at_logs(Inquiry *inquiry, usec_t since) {
        const char *files[CATALOGUE_UNITS_MAX];
        size_t count = catalogue_places(inquiry->options->examine.role, SIGN_LOG, files);
        char path[PATH_MAX];

        for (size_t i = 0; i < count; i++) {
                LogReader reader = { inquiry, files[i] };
                Error error = {};

                if (make_path(inquiry, files[i], path) &&
                    log_file_read(path, since, clock_wall(), on_logged, &reader, &error) < 0 &&
                    error.code != ERROR_NOT_FOUND)
                        note_missing(inquiry->diagnosis.missing, files[i], error.text);
        }
}

/* --- the output --- */

static void make_output_path(const Inquiry *inquiry, char path[static PLACE_MAX]) {
        (void) text_format(
                        path, PLACE_MAX, "%s/steps/%s/output",
                        step_journal_get_path(inquiry->options->examine.journal),
                        inquiry->wanted.step);
}

static void note_output(Inquiry *inquiry, char *data, const OutputPiece *piece) {
        char path[PLACE_MAX];
        char *rest = data;

        make_output_path(inquiry, path);
        for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
                findings_note_line(
                                inquiry->findings,
                                &(SeenLine) { .where = SIGN_OUTPUT,
                                              .place = "",
                                              .shown = path,
                                              .text = line,
                                              .offset = piece->offset + (uint64_t) (line - data) });
        }
}

/* What a script has said that ended well, it got over. */
static void look_at_output(Inquiry *inquiry, const StepRecord *record) {
        bool well = record->facts.result && record->result.exit_status == 0 &&
                    record->result.exit_signal == 0;
        auto_free char *data = well ? NULL : malloc(OUTPUT_MAX + 1);
        OutputPiece piece = {};

        if (!data || !step_journal_read_output(
                                     inquiry->options->examine.journal, inquiry->wanted.step,
                                     OUTPUT_MAX, true, data, OUTPUT_MAX, &piece))
                return;

        data[piece.size] = '\0';
        note_output(inquiry, data, &piece);
}

/* As seen when it was started, and now. */
static void look_at_silence(Inquiry *inquiry, const StepRecord *record) {
        usec_t now = clock_wall();
        char path[PLACE_MAX], text[SYMPTOM_TEXT_MAX], span[SPAN_TEXT_MAX], byte;
        SeenLine seen = { .where = SIGN_SILENT, .place = "", .shown = path, .text = text };
        OutputPiece piece = {};

        if (record->started_at == 0 ||
            step_journal_read_output(
                            inquiry->options->examine.journal, inquiry->wanted.step, 0, false,
                            &byte, sizeof(byte), &piece))
                return;

        make_output_path(inquiry, path);
        (void) text_format(
                        text, sizeof(text), "it runs for %s and has printed nothing",
                        span_format(span_sub(now, record->started_at), span));
        seen.at = record->started_at;
        findings_note_line(inquiry->findings, &seen);
        seen.at = now;
        findings_note_line(inquiry->findings, &seen);
}

/* --- units and journal --- */

static void on_units(const UnitsInput *units, void *userdata) {
        Inquiry *inquiry = ASSERT_PTR(userdata);

        findings_note_units(inquiry->findings, units);
}

static void on_line(const JournalLine *line, void *userdata) {
        Inquiry *inquiry = ASSERT_PTR(userdata);

        findings_note_line(
                        inquiry->findings, &(SeenLine) { .where = SIGN_JOURNAL,
                                                         .place = line->unit,
                                                         .text = line->text,
                                                         .cursor = line->cursor,
                                                         .at = line->at });
}

/* What it knows of the units is wanted until the end, so it is not freed yet. */
static void on_examined(const Examined *examined, void *userdata) {
        Inquiry *inquiry = ASSERT_PTR(userdata);
        const StepRecord *record = examined->record;
        Diagnosis *diagnosis = &inquiry->diagnosis;
        bool script_runs = record && record->facts.started_fence > 0 && !record->facts.result;

        diagnosis->since = examined->since;
        (void) text_copy(diagnosis->missing, sizeof(diagnosis->missing), examined->missing);
        if (record) {
                (void) text_copy(diagnosis->step, sizeof(diagnosis->step), inquiry->wanted.step);
                look_at_output(inquiry, record);
        }

        if (script_runs) {
                look_at_processes(inquiry);
                look_at_silence(inquiry, record);
        } else {
                look_at_files(inquiry);
                look_for_what_was_left(inquiry);
        }

        look_at_logs(inquiry, examined->since);
        ask(inquiry);
}

/* --- the whole --- */

static int start(Inquiry *inquiry, Error *error) {
        static const ExamineHandlers handlers = { on_units, on_line, on_examined };
        usec_t limit = inquiry->wanted.limit;

        inquiry->findings = malloc(sizeof(*inquiry->findings));
        if (!inquiry->findings)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        findings_init(inquiry->findings, inquiry->options->examine.role);
        inquiry->ends = clock_boottime() + limit;
        return examine_start(
                        &inquiry->options->examine, inquiry->wanted.step,
                        MIN(limit / 2, EXAMINE_MAX), &handlers, inquiry, &inquiry->examine, error);
}

static bool is_asked(const Diagnoser *diagnoser, const Diagnose *diagnose) {
        for (size_t i = 0; i < LOOKS_MAX; i++) {
                const Inquiry *inquiry = &diagnoser->looks[i];

                if (inquiry->findings && inquiry->wanted.request == diagnose->request)
                        return true;
        }

        return false;
}

static Inquiry *find_free(Diagnoser *diagnoser) {
        for (size_t i = 0; i < LOOKS_MAX; i++) {
                if (!diagnoser->looks[i].findings)
                        return &diagnoser->looks[i];
        }

        return NULL;
}

void diagnoser_handle(Diagnoser *diagnoser, const Diagnose *diagnose) {
        Inquiry *inquiry = is_asked(diagnoser, diagnose) ? NULL : find_free(diagnoser);
        Error error = {};

        if (!inquiry)
                return;

        inquiry->wanted = *diagnose;
        inquiry->diagnosis = (Diagnosis) {};
        if (start(inquiry, &error) >= 0)
                return;

        note_missing(inquiry->diagnosis.missing, "everything", error.text);
        if (inquiry->findings)
                answer(inquiry);
}

Diagnoser *diagnoser_new(sd_event *event, const DiagnoserOptions *options) {
        Diagnoser *diagnoser = calloc(1, sizeof(*diagnoser));

        if (!diagnoser)
                return NULL;

        diagnoser->options = *options;
        for (size_t i = 0; i < LOOKS_MAX; i++)
                diagnoser->looks[i] = (Inquiry) { .event = event, .options = &diagnoser->options };

        return diagnoser;
}

void diagnoser_free(Diagnoser *diagnoser) {
        if (!diagnoser)
                return;

        for (size_t i = 0; i < LOOKS_MAX; i++)
                stop(&diagnoser->looks[i]);

        free(diagnoser);
}
