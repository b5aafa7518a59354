/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/question.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/helper.h"
#include "common/text.h"
#include "node-agent/identity.h"
#include "node-agent/journal-check.h"
#include "node-agent/packages.h"
#include "node-agent/port-question.h"
#include "node-agent/probe-command.h"
#include "node-agent/sample-read.h"
#include "node-agent/srvr.h"
#include "node-agent/units.h"
#include "node-agent/version.h"
#include "proto/secret.h"

/* All ways of asking end in finish(). Those that are over at once, or take one piece of work after
 * the other, do so in a source of their own (`turn`), so that question_start() never calls back.
 *
 * While a script runs, or DC/OS is being activated, files, units and addresses come and go:
 * whatever is not there then is unknown. */

#define ZOOKEEPER_TIMEOUT USEC_PER_SEC
#define SELDOM            (10 * USEC_PER_SEC)

struct Asker {
        sd_event *event;
        AskerOptions options;
        char boot_id[ID_TEXT_MAX];
        Watch watch;
        JournalCheck *journal_check;   /* NULL: none, or its place is not known */
        char watch_cursor[CURSOR_MAX]; /* of the journal when the watch began; or empty */
        Secret *token;                 /* for servers of a strict cluster; NULL: none */
        uint64_t login;                /* its serial; 0: none */
};

struct Question {
        Asker *asker;
        CheckReader reader;
        usec_t since;  /* boot time */
        usec_t period; /* how often it is asked */
        usec_t limit;
        uint64_t login;  /* serial of the token that is asked with; 0: none */
        Sample *samples; /* one an item, unknown until it is answered */
        size_t count;
        char step[STEP_ID_MAX]; /* of the watch when it was asked: by its end there may be another
                                 */
        Helper *helper;
        PortQuestion *port;
        Units *units;
        sd_event_source *turn;
        sd_event_source *deadline; /* of what has none of its own */
        QuestionDone on_done;
        void *userdata;
};

/* --- answers --- */

static void finish(Question *question) {
        usec_t took = span_sub(clock_boottime(), question->since);

        question->deadline = sd_event_source_disable_unref(question->deadline);
        for (size_t i = 0; i < question->count; i++) {
                Sample *sample = &question->samples[i];

                (void) text_copy(sample->step, sizeof(sample->step), question->step);
                if (sample->took == 0)
                        sample->took = took;
        }

        question->on_done(question, question->samples, question->count, question->userdata);
}

/* No usable answer, to any of the items. */
static void miss(Question *question, const char *reason) {
        for (size_t i = 0; i < question->count; i++) {
                Sample *sample = &question->samples[i];
                Sample missed = sample_make(sample->check, sample->subject);

                sample_judge(&missed, VERDICT_UNKNOWN, "%s", reason);
                *sample = missed;
        }
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Question *question = ASSERT_PTR(userdata);
        char reason[REASON_MAX], span[SPAN_TEXT_MAX];

        question->turn = sd_event_source_disable_unref(question->turn);
        units_free(TAKE(question->units));
        (void) text_format(
                        reason, sizeof(reason), "no answer within %s",
                        span_format(question->limit, span));
        miss(question, reason);
        finish(question);
        return 0;
}

/* --- rollpatch-probe --- */

static const Sample *find_sample(const Sample samples[], size_t count, const char *subject) {
        for (size_t i = 0; i < count; i++) {
                if (strcmp(samples[i].subject, subject) == 0)
                        return &samples[i];
        }

        return NULL;
}

/* Which token it was is known here alone; a newer one may be on its way. */
static void note_login(const Question *question, Sample *sample) {
        uint64_t status;

        if (question->login == 0 || !sample_number(sample, "login_refused", &status) ||
            sample->number_count == SAMPLE_NUMBERS_MAX)
                return;

        sample->numbers[sample->number_count++] = (SampleNumber) { "login", question->login };
}

static void take_samples(Question *question, const Sample samples[], size_t count) {
        for (size_t i = 0; i < question->count; i++) {
                Sample *sample = &question->samples[i];
                const Sample *found = find_sample(samples, count, sample->subject);

                if (found) {
                        *sample = *found;
                        note_login(question, sample);
                } else {
                        sample_judge(sample, VERDICT_UNKNOWN,
                                     "rollpatch-probe says nothing about it");
                }
        }
}

/* A question that was answered, by whatever answer, ends with 0 and one JSON object; otherwise
 * there may be a reason. */
static int read_answer(int status, const char *output, size_t size, Json **ret, Error *error) {
        int r;

        if (status != 0)
                return helper_read_answer(status, output, size, ret, error);

        r = json_parse(output, size, ret, error);
        return r < 0 ? error_prefixf(error, "answer of rollpatch-probe") : 0;
}

static int read_samples(
                Question *question, int status, const char *output, size_t size, Error *error) {
        auto_free Sample *samples = calloc(WATCH_MAX, sizeof(*samples));
        AUTO(Json) *answer = NULL;
        size_t count = 0;
        int r;

        if (!samples)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        r = read_answer(status, output, size, &answer, error);
        if (r < 0)
                return r;

        r = sample_read(answer, question->samples[0].check, samples, WATCH_MAX, &count, error);
        if (r < 0)
                return error_prefixf(error, "answer of rollpatch-probe");

        take_samples(question, samples, count);
        return 0;
}

static void on_probed(
                int status, const char *output, size_t size, const Error *failed, void *userdata) {
        Question *question = ASSERT_PTR(userdata);
        Error error = *failed;

        if (status < 0 || read_samples(question, status, output, size, &error) < 0)
                miss(question, error.text);

        finish(question);
}

static int ask_probe(Question *question, Error *error) {
        const Asker *asker = question->asker;
        const AskerOptions *options = &asker->options;
        const char *token = NULL;
        AUTO(ProbeCommand) *command = NULL;
        int r;

        if (check_takes_token(question->samples[0].check)) {
                token = secret_text(asker->token);
                question->login = asker->login;
        }

        r = probe_command_new(
                        &(ProbeCommandInput) { .probe = options->probe,
                                               .address = options->address,
                                               .root = options->root,
                                               .role = options->role,
                                               .watch = &asker->watch,
                                               .samples = question->samples,
                                               .count = question->count,
                                               .with_token = token },
                        &command, error);
        if (r < 0)
                return r;

        return helper_start_with(
                        asker->event,
                        &(HelperCommand) { command->arguments, token, question->limit }, on_probed,
                        question, &question->helper, error);
}

/* --- zookeeper --- */

static void on_srvr(const Error *error, const char *answer, void *userdata) {
        Question *question = ASSERT_PTR(userdata);

        if (error->code == ERROR_NONE) {
                srvr_judge(answer, question->asker->watch.masters, question->samples);
        } else {
                miss(question, error->text);
        }

        finish(question);
}

static int ask_zookeeper(Question *question, Error *error) {
        const Asker *asker = question->asker;

        if (asker->options.address[0] == '\0')
                return error_setf(error, ERROR_NOT_FOUND, "the address of this node is not known");

        return port_question_start(
                        asker->event,
                        &(PortWords) { .what = "zookeeper",
                                       .address = asker->options.address,
                                       .port = ZOOKEEPER_PORT,
                                       .words = SRVR_WORDS,
                                       .enough = srvr_serves,
                                       .timeout = ZOOKEEPER_TIMEOUT },
                        on_srvr, question, &question->port, error);
}

/* --- the step --- */

typedef struct StepTimes {
        bool under_way; /* started in this boot, and no result yet */
        usec_t since;   /* boot time of its start; 0: not in this boot, or never */
        char cursor[CURSOR_MAX];
        bool started;
} StepTimes;

/* The marker's time is of the wall clock, like the intent's, which is of both. They are some
 * milliseconds apart; if the clock was set in between, the intent's is right enough. */
static usec_t start_of(const StepRecord *record) {
        usec_t between = span_sub(record->started_at, record->intent.wall);

        return record->intent.boottime + (between < USEC_PER_MINUTE ? between : 0);
}

static int read_step(const Asker *asker, StepTimes *ret, Error *error) {
        auto_free StepRecord *record = calloc(1, sizeof(*record));
        bool this_boot;

        if (!record)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        step_journal_read(asker->options.journal, asker->watch.step, record);
        if (record->facts.damaged)
                return error_setf(error, ERROR_INVALID, "step: %s", record->damage);

        this_boot = strcmp(record->facts.started_boot, asker->boot_id) == 0;
        *ret = (StepTimes) { .started = record->facts.started_fence != 0 };
        if (ret->started && this_boot) {
                ret->under_way = !record->facts.result;
                ret->since = start_of(record);
        }
        (void) text_copy(ret->cursor, sizeof(ret->cursor), record->intent.cursor);
        return 0;
}

static int read_times(const Asker *asker, StepTimes *ret, Error *error) {
        *ret = (StepTimes) {};

        return asker->watch.step[0] ? read_step(asker, ret, error) : 0;
}

/* --- units --- */

static void judge_units(Question *question, const UnitStatus units[], size_t count) {
        const Asker *asker = question->asker;
        Error error = {};
        UnitsInput input;
        StepTimes times;

        if (read_times(asker, &times, &error) < 0) {
                miss(question, error.text);
                return;
        }

        input = (UnitsInput) {
                .units = units,
                .count = count,
                .changing = times.under_way || version_has_install_progress(asker->options.root),
                .since = times.since,
                .now = clock_boottime(),
                .front = question->reader == READER_FRONT,
        };
        if (question->reader == READER_DOCKER) {
                docker_judge(&input, question->samples);
        } else {
                units_judge(&input, question->samples);
        }
}

static void on_units(const UnitStatus units[], size_t count, const Error *error, void *userdata) {
        Question *question = ASSERT_PTR(userdata);

        if (error->code != ERROR_NONE) {
                miss(question, error->text);
        } else {
                judge_units(question, units, count);
        }

        finish(question);
}

static int ask_units(Question *question, Error *error) {
        static const char *const docker_unit = DOCKER_UNIT;
        static const UnitNames docker = { &docker_unit, 1 };
        const AskerOptions *options = &question->asker->options;
        bool of_docker = question->reader == READER_DOCKER;

        return units_start(
                        options->bus, of_docker ? NULL : options->root, of_docker ? &docker : NULL,
                        on_units, question, &question->units, error);
}

/* --- journal --- */

/* Where to look from. 0: there is no such place. */
static int find_cursor(Asker *asker, char ret[static CURSOR_MAX], Error *error) {
        StepTimes times;
        int r;

        if (asker->watch.step[0]) {
                r = read_times(asker, &times, error);
                if (r < 0)
                        return r;

                (void) text_copy(ret, CURSOR_MAX, times.started ? times.cursor : "");
                return ret[0] != '\0';
        }

        if (asker->watch_cursor[0] == '\0') {
                r = journal_read_cursor(asker->watch_cursor, error);
                if (r < 0)
                        return r == -ENOENT ? 0 : r;
        }

        (void) text_copy(ret, CURSOR_MAX, asker->watch_cursor);
        return 1;
}

static int open_journal_check(Asker *asker, Error *error) {
        char cursor[CURSOR_MAX] = "";
        int r;

        if (asker->journal_check)
                return 1;

        r = find_cursor(asker, cursor, error);
        if (r <= 0)
                return r;

        r = journal_check_new(asker->options.role, cursor, &asker->journal_check, error);
        return r < 0 ? r : 1;
}

/* 1: done; 0: there is more to read, another turn. After an error it begins anew. */
static int read_journal(Question *question, Error *error) {
        Asker *asker = question->asker;
        int r;

        r = open_journal_check(asker, error);
        if (r < 0)
                return r;
        if (r == 0) {
                sample_judge(question->samples, VERDICT_NOT_APPLICABLE,
                             asker->watch.step[0] ? "the step has no place in the journal here"
                                                  : "the journal is empty");
                return 1;
        }

        r = journal_check_read(asker->journal_check, error);
        if (r < 0)
                journal_check_free(TAKE(asker->journal_check));
        if (r != 0)
                return r < 0 ? r : 0;

        journal_check_judge(asker->journal_check, question->samples);
        if (question->period >= SELDOM)
                journal_check_rest(asker->journal_check);

        return 1;
}

/* --- turns --- */

static void read_version(Question *question) {
        auto_free VersionFacts *facts = calloc(1, sizeof(*facts));

        if (!facts) {
                miss(question, "out of memory");
                return;
        }

        version_read(question->asker->options.root, facts);
        version_judge(facts, question->asker->watch.version, question->samples);
}

static int on_turn(sd_event_source *source, void *userdata) {
        Question *question = ASSERT_PTR(userdata);
        const Asker *asker = question->asker;
        Error error = {};
        int r = 1;

        if (question->reader == READER_VERSION) {
                read_version(question);
        } else if (question->reader == READER_PACKAGES) {
                packages_ask(asker->options.journal, asker->options.root, asker->watch.step,
                             question->samples);
        } else if (question->reader == READER_JOURNAL) {
                r = read_journal(question, &error);
        }

        if (r == 0)
                return 0;
        if (r < 0)
                miss(question, error.text);

        question->turn = sd_event_source_disable_unref(question->turn);
        finish(question);
        return 0;
}

/* --- the whole --- */

static int add_samples(Question *question, const Task *task) {
        const Watch *watch = &question->asker->watch;

        size_t covered = 0;

        for (size_t i = 0; i < watch->item_count; i++)
                covered += task_covers(task, &watch->items[i]);

        assert(covered > 0);
        (void) text_copy(question->step, sizeof(question->step), watch->step);
        question->samples = calloc(covered, sizeof(*question->samples));
        if (!question->samples)
                return -ENOMEM;

        for (size_t i = 0; i < watch->item_count; i++) {
                if (task_covers(task, &watch->items[i])) {
                        question->samples[question->count++] =
                                        sample_make(watch->items[i].check, watch->items[i].subject);
                }
        }

        return 0;
}

static int add_sources(Question *question) {
        sd_event *event = question->asker->event;
        int r;

        r = sd_event_add_defer(event, &question->turn, on_turn, question);
        if (r >= 0)
                r = sd_event_source_set_enabled(question->turn, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_source_set_priority(question->turn, SD_EVENT_PRIORITY_IDLE);
        if (r >= 0 && !reader_needs_program(question->reader)) {
                r = sd_event_add_time_relative(
                                event, &question->deadline, CLOCK_BOOTTIME, question->limit,
                                USEC_PER_SEC / 10, on_deadline, question);
        }

        return r;
}

static int ask(Question *question, Error *error) {
        switch (question->reader) {
        case READER_PROBE:
        case READER_PROBE_JOINED:
                return ask_probe(question, error);
        case READER_DOCKER:
        case READER_FRONT:
        case READER_UNITS:
                return ask_units(question, error);
        case READER_ZOOKEEPER:
                return ask_zookeeper(question, error);
        case READER_JOURNAL:
        case READER_PACKAGES:
        case READER_VERSION:
                return sd_event_source_set_enabled(question->turn, SD_EVENT_ON);
        case READER_NONE:
                return error_setf(
                                error, ERROR_INVALID,
                                "this node agent does not know the check '%s'",
                                question->samples[0].check);
        }

        return -EINVAL;
}

Question *question_start(Asker *asker, const Task *task, QuestionDone on_done, void *userdata) {
        AUTO(Question) *question = calloc(1, sizeof(*question));
        Error error = {};

        if (!question)
                return NULL;

        question->asker = asker;
        question->reader = task->reader;
        question->since = clock_boottime();
        question->period = task->period;
        question->limit = task_limit(task);
        question->on_done = on_done;
        question->userdata = userdata;
        if (add_samples(question, task) < 0 || add_sources(question) < 0)
                return NULL;

        /* What cannot be asked has an answer too: unknown, in a turn of its own. */
        if (ask(question, &error) < 0) {
                miss(question, error.text);
                question->reader = READER_NONE;
                (void) sd_event_source_set_enabled(question->turn, SD_EVENT_ON);
        }

        return TAKE(question);
}

void question_free(Question *question) {
        if (!question)
                return;

        helper_free(question->helper);
        port_question_free(question->port);
        units_free(question->units);
        (void) sd_event_source_disable_unref(question->turn);
        (void) sd_event_source_disable_unref(question->deadline);
        free(question->samples);
        free(question);
}

Asker *asker_new(sd_event *event, const AskerOptions *options) {
        Asker *asker = calloc(1, sizeof(*asker));

        if (!asker || id_boot(asker->boot_id) < 0) {
                free(asker);
                return NULL;
        }

        asker->event = event;
        asker->options = *options;
        return asker;
}

static bool has_journal(const Watch *watch) {
        for (size_t i = 0; i < watch->item_count; i++) {
                if (check_reader(watch->items[i].check) == READER_JOURNAL)
                        return true;
        }

        return false;
}

/* What was read since another place, or by a watch that is over, says nothing about this one. The
 * place of a watch without a step is taken at once; if that fails, at the first question. */
void asker_set_watch(Asker *asker, const Watch *watch) {
        bool same = has_journal(&asker->watch) && has_journal(watch) &&
                    strcmp(asker->watch.step, watch->step) == 0;
        Error ignored = {};

        asker->watch = *watch;
        if (same)
                return;

        journal_check_free(TAKE(asker->journal_check));
        asker->watch_cursor[0] = '\0';
        if (has_journal(watch) && watch->step[0] == '\0')
                (void) journal_read_cursor(asker->watch_cursor, &ignored);
}

static int set_token(Asker *asker, const char *text, uint64_t serial) {
        AUTO(Secret) *token = NULL;
        Error error = {};
        int r;

        if (text) {
                r = secret_new(text, &token, &error);
                if (r < 0)
                        return r;
        }

        secret_free(asker->token);
        asker->token = TAKE(token);
        asker->login = serial;
        return 0;
}

int asker_set_login(Asker *asker, const Login *login) {
        return set_token(asker, login ? login->token : NULL, login ? login->serial : 0);
}

int asker_copy_login(Asker *asker, const Asker *from) {
        return set_token(asker, secret_text(from->token), from->login);
}

uint64_t asker_get_login(const Asker *asker) {
        return asker->login;
}

void asker_free(Asker *asker) {
        if (!asker)
                return;

        secret_free(asker->token);

        journal_check_free(asker->journal_check);
        free(asker);
}
