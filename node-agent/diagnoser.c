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
#include "node-agent/log-file.h"
#include "node-agent/process.h"

/* Units, journal, output, files and logs first, which is what costs little; then the questions that
 * need a program, all at once. What has not been answered when the time is over is missing. */

#define QUESTIONS_MAX CATALOGUE_UNITS_MAX
#define OUTPUT_MAX    65536 /* of the end of what the script has printed */

typedef struct Asked {
        Task task;
        Question *question; /* NULL: answered */
} Asked;

struct Diagnoser {
        sd_event *event;
        DiagnoserOptions options;
        Examine *examine; /* NULL: at rest, or asking */
        Asker *asker;     /* NULL: at rest, or examining */
        Asked asked[QUESTIONS_MAX];
        size_t asked_count;
        sd_event_source *deadline;
        usec_t ends;   /* boot time */
        usec_t waited; /* how long questions may take here */
        Diagnose wanted;
        const char *process; /* that is looked for */
        Findings *findings;  /* NULL: at rest */
        Diagnosis diagnosis;
};

/* --- the end --- */

static void stop(Diagnoser *diagnoser) {
        for (size_t i = 0; i < diagnoser->asked_count; i++)
                question_free(TAKE(diagnoser->asked[i].question));

        diagnoser->asked_count = 0;
        asker_free(TAKE(diagnoser->asker));
        examine_free(TAKE(diagnoser->examine));
        diagnoser->deadline = sd_event_source_disable_unref(diagnoser->deadline);
        free(TAKE(diagnoser->findings));
}

static void answer(Diagnoser *diagnoser) {
        Message message = { .kind = MESSAGE_DIAGNOSIS };
        Diagnosis *diagnosis = &diagnoser->diagnosis;

        findings_close(diagnoser->findings, clock_wall(), diagnosis);
        diagnosis->request = diagnoser->wanted.request;
        message.diagnosis = *diagnosis;
        (void) diagnoser->options.send(&message, diagnoser->options.userdata);
        stop(diagnoser);
        service_rest();
}

/* --- questions --- */

static bool is_asking(const Diagnoser *diagnoser) {
        for (size_t i = 0; i < diagnoser->asked_count; i++) {
                if (diagnoser->asked[i].question)
                        return true;
        }

        return false;
}

static void on_answer(Question *question, const Sample samples[], size_t count, void *userdata) {
        Diagnoser *diagnoser = ASSERT_PTR(userdata);

        for (size_t i = 0; i < count; i++) {
                findings_note_sample(diagnoser->findings, &samples[i], clock_wall());
                if (samples[i].verdict == VERDICT_UNKNOWN) {
                        note_missing(diagnoser->diagnosis.missing, samples[i].check,
                                     samples[i].reason);
                }
        }

        for (size_t i = 0; i < diagnoser->asked_count; i++) {
                if (diagnoser->asked[i].question == question)
                        diagnoser->asked[i].question = NULL;
        }

        question_free(question);

        if (!is_asking(diagnoser))
                answer(diagnoser);
}

/* A question may be allowed longer than this diagnosis can wait. */
static void note_late(Diagnoser *diagnoser, const Task *task) {
        char waited[SPAN_TEXT_MAX], allowed[SPAN_TEXT_MAX], why[REASON_MAX];

        (void) text_format(
                        why, sizeof(why), "no answer within %s; it may take %s, give it more time",
                        span_format(diagnoser->waited, waited),
                        span_format(task_limit(task), allowed));
        note_missing(diagnoser->diagnosis.missing, task->check, why);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Diagnoser *diagnoser = ASSERT_PTR(userdata);

        for (size_t i = 0; i < diagnoser->asked_count; i++) {
                if (diagnoser->asked[i].question)
                        note_late(diagnoser, &diagnoser->asked[i].task);
        }

        answer(diagnoser);
        return 0;
}

static void add_question(Diagnoser *diagnoser, const char *check) {
        Asked *asked = &diagnoser->asked[diagnoser->asked_count];

        assert(diagnoser->asked_count < QUESTIONS_MAX);

        *asked = (Asked) { .task = { .reader = check_reader(check), .period = USEC_PER_SEC } };
        (void) text_copy(asked->task.check, sizeof(asked->task.check), check);
        asked->question = question_start(diagnoser->asker, &asked->task, on_answer, diagnoser);
        diagnoser->asked_count += asked->question != NULL;
}

static bool has_item(const Watch *watch, const char *check) {
        for (size_t i = 0; i < watch->item_count; i++) {
                if (strcmp(watch->items[i].check, check) == 0)
                        return true;
        }

        return false;
}

/* An item of the watch is what a question is about. */
static void fill_watch(const Diagnoser *diagnoser, SignPlace where, Watch *watch) {
        const char *checks[CATALOGUE_UNITS_MAX];
        size_t count = catalogue_places(diagnoser->options.examine.role, where, checks);

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
static void copy_login(const Diagnoser *diagnoser) {
        if (diagnoser->options.login_of &&
            asker_copy_login(diagnoser->asker, diagnoser->options.login_of) < 0)
                log_error("The token for a strict cluster cannot be kept: no memory can be locked.");
}

/* With an asker of its own, so that what the watch keeps between questions stays as it is. */
static void ask(Diagnoser *diagnoser) {
        Watch watch = { .masters = diagnoser->wanted.masters };
        usec_t left = span_sub(diagnoser->ends, clock_boottime());

        diagnoser->waited = left;
        fill_watch(diagnoser, SIGN_METRIC, &watch);
        fill_watch(diagnoser, SIGN_ANSWER, &watch);
        diagnoser->asker = asker_new(diagnoser->event, &diagnoser->options.asker);
        if (diagnoser->asker &&
            sd_event_add_time_relative(
                            diagnoser->event, &diagnoser->deadline, CLOCK_BOOTTIME, left,
                            USEC_PER_SEC / 10, on_deadline, diagnoser) >= 0) {
                asker_set_watch(diagnoser->asker, &watch);
                copy_login(diagnoser);
                for (size_t i = 0; i < watch.item_count; i++)
                        add_question(diagnoser, watch.items[i].check);
        }

        if (!is_asking(diagnoser)) {
                note_missing(diagnoser->diagnosis.missing, "answers", "nothing could be asked");
                answer(diagnoser);
        }
}

/* --- files --- */

/* `name` is absolute, as the catalogue has it. */
static bool make_path(const Diagnoser *diagnoser, const char *name, char path[static PATH_MAX]) {
        return identity_path(path, diagnoser->options.examine.root, name + 1);
}

/* While a script runs they may be there. */
static void look_at_files(Diagnoser *diagnoser) {
        const char *files[CATALOGUE_UNITS_MAX];
        size_t count = catalogue_places(diagnoser->options.examine.role, SIGN_FILE, files);
        char path[PATH_MAX];
        struct stat st;

        for (size_t i = 0; i < count; i++) {
                if (make_path(diagnoser, files[i], path) && lstat(path, &st) == 0)
                        findings_note_file(diagnoser->findings, files[i]);
        }
}

typedef struct LogReader {
        Diagnoser *diagnoser;
        const char *file; /* as the catalogue has it */
} LogReader;

static void on_logged(const LogLine *line, void *userdata) {
        const LogReader *reader = ASSERT_PTR(userdata);

        findings_note_line(
                        reader->diagnoser->findings, &(SeenLine) { .where = SIGN_LOG,
                                                                   .place = reader->file,
                                                                   .text = line->text,
                                                                   .offset = line->offset,
                                                                   .at = line->at });
}

static void on_process(const char *line, usec_t start, void *userdata) {
        Diagnoser *diagnoser = ASSERT_PTR(userdata);
        usec_t now = clock_wall();
        SeenLine seen = { .where = SIGN_PROCESS, .place = diagnoser->process, .text = line };

        seen.at = span_sub(now, span_sub(clock_boottime(), start));
        findings_note_line(diagnoser->findings, &seen);
        seen.at = now;
        findings_note_line(diagnoser->findings, &seen);
}

static void look_at_processes(Diagnoser *diagnoser) {
        const char *names[CATALOGUE_UNITS_MAX];
        size_t count = catalogue_places(diagnoser->options.examine.role, SIGN_PROCESS, names);

        for (size_t i = 0; i < count; i++) {
                diagnoser->process = names[i];
                process_each(names[i], on_process, diagnoser);
        }
}

/* Mesos logs to files; those that are not there are of the other role, or of another set-up. */
static void look_at_logs(Diagnoser *diagnoser, usec_t since) {
        const char *files[CATALOGUE_UNITS_MAX];
        size_t count = catalogue_places(diagnoser->options.examine.role, SIGN_LOG, files);
        char path[PATH_MAX];

        for (size_t i = 0; i < count; i++) {
                LogReader reader = { diagnoser, files[i] };
                Error error = {};

                if (make_path(diagnoser, files[i], path) &&
                    log_file_read(path, since, clock_wall(), on_logged, &reader, &error) < 0 &&
                    error.code != ERROR_NOT_FOUND)
                        note_missing(diagnoser->diagnosis.missing, files[i], error.text);
        }
}

/* --- the output --- */

static void note_output(Diagnoser *diagnoser, char *data, const OutputPiece *piece) {
        char path[PLACE_MAX];
        char *rest = data;

        (void) text_format(
                        path, sizeof(path), "%s/steps/%s/output",
                        step_journal_get_path(diagnoser->options.examine.journal),
                        diagnoser->wanted.step);
        for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
                findings_note_line(
                                diagnoser->findings,
                                &(SeenLine) { .where = SIGN_OUTPUT,
                                              .place = "",
                                              .shown = path,
                                              .text = line,
                                              .offset = piece->offset + (uint64_t) (line - data) });
        }
}

/* What a script has said that ended well, it got over. */
static void look_at_output(Diagnoser *diagnoser, const StepRecord *record) {
        bool well = record->facts.result && record->result.exit_status == 0 &&
                    record->result.exit_signal == 0;
        auto_free char *data = well ? NULL : malloc(OUTPUT_MAX + 1);
        OutputPiece piece = {};

        if (!data || !step_journal_read_output(
                                     diagnoser->options.examine.journal, diagnoser->wanted.step,
                                     OUTPUT_MAX, true, data, OUTPUT_MAX, &piece))
                return;

        data[piece.size] = '\0';
        note_output(diagnoser, data, &piece);
}

/* --- units and journal --- */

static void on_units(const UnitsInput *units, void *userdata) {
        Diagnoser *diagnoser = ASSERT_PTR(userdata);

        findings_note_units(diagnoser->findings, units);
}

static void on_line(const JournalLine *line, void *userdata) {
        Diagnoser *diagnoser = ASSERT_PTR(userdata);

        findings_note_line(
                        diagnoser->findings, &(SeenLine) { .where = SIGN_JOURNAL,
                                                           .place = line->unit,
                                                           .text = line->text,
                                                           .cursor = line->cursor,
                                                           .at = line->at });
}

/* What it knows of the units is wanted until the end, so it is not freed yet. */
static void on_examined(const Examined *examined, void *userdata) {
        Diagnoser *diagnoser = ASSERT_PTR(userdata);
        const StepRecord *record = examined->record;
        Diagnosis *diagnosis = &diagnoser->diagnosis;
        bool script_runs = record && record->facts.started_fence > 0 && !record->facts.result;

        diagnosis->since = examined->since;
        (void) text_copy(diagnosis->missing, sizeof(diagnosis->missing), examined->missing);
        if (record) {
                (void) text_copy(diagnosis->step, sizeof(diagnosis->step), diagnoser->wanted.step);
                look_at_output(diagnoser, record);
        }

        if (script_runs) {
                look_at_processes(diagnoser);
        } else {
                look_at_files(diagnoser);
        }

        look_at_logs(diagnoser, examined->since);
        ask(diagnoser);
}

/* --- the whole --- */

static int start(Diagnoser *diagnoser, Error *error) {
        static const ExamineHandlers handlers = { on_units, on_line, on_examined };
        usec_t limit = diagnoser->wanted.limit;

        diagnoser->findings = malloc(sizeof(*diagnoser->findings));
        if (!diagnoser->findings)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        findings_init(diagnoser->findings, diagnoser->options.examine.role);
        diagnoser->ends = clock_boottime() + limit;
        return examine_start(
                        &diagnoser->options.examine, diagnoser->wanted.step, limit / 2, &handlers,
                        diagnoser, &diagnoser->examine, error);
}

void diagnoser_handle(Diagnoser *diagnoser, const Diagnose *diagnose) {
        Error error = {};

        if (diagnoser->findings)
                return;

        diagnoser->wanted = *diagnose;
        diagnoser->diagnosis = (Diagnosis) {};
        if (start(diagnoser, &error) >= 0)
                return;

        note_missing(diagnoser->diagnosis.missing, "everything", error.text);
        if (diagnoser->findings)
                answer(diagnoser);
}

Diagnoser *diagnoser_new(sd_event *event, const DiagnoserOptions *options) {
        Diagnoser *diagnoser = calloc(1, sizeof(*diagnoser));

        if (!diagnoser)
                return NULL;

        diagnoser->event = event;
        diagnoser->options = *options;
        return diagnoser;
}

void diagnoser_free(Diagnoser *diagnoser) {
        if (!diagnoser)
                return;

        stop(diagnoser);
        free(diagnoser);
}
