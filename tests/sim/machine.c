/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <sodium.h>

#include "common/clock.h"
#include "common/helper.h"
#include "common/log.h"
#include "common/service.h"
#include "common/text.h"
#include "coordinator/control.h"
#include "node-agent/journal.h"
#include "node-agent/port-question.h"
#include "tests/sim/sim.h"

#define WALL_BASE (UINT64_C(1790000000) * USEC_PER_SEC)

/* --- clocks --- */

#define BOOT_TAKES (7 * USEC_PER_SEC) /* until anything of ours runs */

usec_t host_boottime(const Host *host) {
        return sim.now - host->booted + BOOT_TAKES;
}

usec_t host_to_world(const Host *host, usec_t boottime) {
        return span_sub(span_add(host->booted, boottime), BOOT_TAKES);
}

usec_t clock_boottime(void) {
        return host_boottime(sim.current->host);
}

usec_t clock_wall(void) {
        return (usec_t) ((int64_t) (WALL_BASE + sim.now) + sim.current->host->wall_offset);
}

/* Whatever asks what it has cost is told that it was a few milliseconds. */
usec_t clock_cpu(void) {
        return sim.now + ++sim.asked_cpu * (sim.seed % 4 + 1) * 2 * USEC_PER_MSEC;
}

/* --- randomness --- */

/* --wrap makes it so: NOLINTBEGIN(bugprone-reserved-identifier, readability-identifier-naming) */
ssize_t __wrap_getrandom(void *buffer, size_t size, unsigned flags);

ssize_t __wrap_getrandom(void *buffer, size_t size, unsigned flags) {
        unsigned char *bytes = buffer;

        for (size_t i = 0; i < size; i++)
                bytes[i] = (unsigned char) chance_u64(&sim.random);

        return (ssize_t) size;
}

/* NOLINTEND(bugprone-reserved-identifier, readability-identifier-naming) */

static const char *random_name(void) {
        return "sim";
}

static uint32_t random_number(void) {
        return (uint32_t) chance_u64(&sim.random);
}

static void random_fill(void *const buffer, const size_t size) {
        (void) __wrap_getrandom(buffer, size, 0);
}

void machine_init(void) {
        static struct randombytes_implementation implementation = {
                .implementation_name = random_name,
                .random = random_number,
                .buf = random_fill,
        };
        int r;

        r = randombytes_set_implementation(&implementation);
        assert(r == 0);
        r = sodium_init();
        assert(r >= 0);
}

/* --- words --- */

static void print_line(const char *who, const char *text) {
        usec_t since = sim.now - sim.begin;

        (void) fprintf(stderr, "%8.3fs %-10s %s\n", (double) since / USEC_PER_SEC, who, text);
}

/* There are hundreds of them, and what follows from them is told anyway. */
static bool is_of_a_check(const char *text) {
        static const char *const verdicts[] = { " is pass", " is fail", " is unknown",
                                                " is not-applicable" };

        for (size_t i = 0; i < ELEMENTSOF(verdicts); i++) {
                if (strstr(text, verdicts[i]))
                        return true;
        }

        return false;
}

void log_open(const char *program, int max_priority) {
}

void log_message(int priority, const LogContext *context, const char *format, ...) {
        static const char *const programs[PROGRAM_COUNT] = { "", "", " step" };
        va_list arguments;
        char text[1024];
        char who[80];

        if (!sim.verbose || priority > LOG_INFO || !sim.current)
                return;

        va_start(arguments, format);
        (void) vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        if (is_of_a_check(text))
                return;

        (void) text_format(
                        who, sizeof(who), "%s%s", sim.current->host->name,
                        programs[sim.current->kind]);
        print_line(who, text);
}

void sim_note(const char *format, ...) {
        va_list arguments;
        char text[1024];

        if (!sim.verbose)
                return;

        va_start(arguments, format);
        (void) vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        print_line("*", text);
}

void sim_fail(const char *promise, const char *format, ...) {
        va_list arguments;

        if (sim.promise)
                return;

        sim.promise = promise;
        va_start(arguments, format);
        (void) vsnprintf(sim.failure, sizeof(sim.failure), format, arguments);
        va_end(arguments);
        sim.over = true;
        sim_note("BROKEN: promise %s: %s", promise, sim.failure);
}

void service_rest(void) {
}

/* --- programs that are started --- */

#define ARGUMENTS_MAX 24

struct Helper {
        Host *host;
        char *arguments[ARGUMENTS_MAX];
        HelperDone on_done;
        void *userdata;
        sd_event_source *source;
        bool too_slow;
};

static const char *option_of(const Helper *helper, const char *name) {
        for (size_t i = 0; i + 1 < ARGUMENTS_MAX && helper->arguments[i]; i++) {
                if (strcmp(helper->arguments[i], name) == 0)
                        return helper->arguments[i + 1];
        }

        return "";
}

static void done(Helper *helper, int status, const char *output) {
        const Error none = {};

        helper->on_done(status, output, strlen(output), &none, helper->userdata);
}

static void fetch(Helper *helper) {
        bool wrong = sim.now < helper->host->unserved_until;

        disk_put(helper->host, option_of(helper, "--file"), wrong ? "<html>" : sim.script);
        done(helper, 0, "{\"ok\":true}");
}

static void probe(Helper *helper) {
        auto_free char *answer = cluster_probe(
                        helper->host, helper->arguments[1], option_of(helper, "--agents"));

        if (answer) {
                done(helper, 0, answer);
        } else {
                done(helper, 1, "{\"ok\":false,\"error\":\"no connection\"}");
        }
}

static int on_helper(sd_event_source *source, uint64_t usec, void *userdata) {
        Helper *helper = userdata;
        Error error = {};

        helper->source = sd_event_source_disable_unref(helper->source);
        if (helper->too_slow) {
                (void) error_setf(&error, ERROR_TIMEOUT, "no answer in time");
                helper->on_done(-ETIMEDOUT, "", 0, &error, helper->userdata);
        } else if (strcmp(helper->arguments[0], "/probe") != 0) {
                char line[ADDRESS_TEXT_MAX + 1];

                (void) text_format(line, sizeof(line), "%s\n", helper->host->address);
                done(helper, helper->host->activating ? 1 : 0, line);
        } else if (strcmp(helper->arguments[1], "fetch") == 0) {
                fetch(helper);
        } else {
                probe(helper);
        }

        return 0;
}

int helper_start_with(
                sd_event *event,
                const HelperCommand *command,
                HelperDone on_done,
                void *userdata,
                Helper **ret,
                Error *error) {
        Helper *helper = calloc(1, sizeof(*helper));
        usec_t takes = chance_between(&sim.chance, 1000, 20000);

        assert(helper);
        helper->host = sim.current->host;
        helper->on_done = on_done;
        helper->userdata = userdata;
        for (size_t i = 0; command->arguments[i]; i++) {
                assert(i + 1 < ARGUMENTS_MAX);
                helper->arguments[i] = strdup(command->arguments[i]);
        }

        if (sim.now < helper->host->slow_until)
                takes = chance_between(&sim.chance, USEC_PER_SEC / 2, 12 * USEC_PER_SEC);
        helper->too_slow = takes > command->timeout;
        takes = MIN(takes, command->timeout);
        (void) sd_event_add_time_relative(event, &helper->source, 0, takes, 0, on_helper, helper);
        *ret = helper;
        return 0;
}

int helper_start(
                sd_event *event,
                char *const arguments[],
                usec_t timeout,
                HelperDone on_done,
                void *userdata,
                Helper **ret,
                Error *error) {
        const HelperCommand command = { .arguments = arguments, .timeout = timeout };

        return helper_start_with(event, &command, on_done, userdata, ret, error);
}

int helper_read_answer(int status, const char *output, size_t size, Json **ret, Error *error) {
        if (status != 0)
                return error_setf(error, ERROR_IO, "%.*s", (int) size, output);

        return json_parse(output, size, ret, error);
}

void helper_free(Helper *helper) {
        if (!helper)
                return;

        (void) sd_event_source_disable_unref(helper->source);
        for (size_t i = 0; i < ARGUMENTS_MAX; i++)
                free(helper->arguments[i]);
        free(helper);
}

/* --- ports --- */

struct PortQuestion {
        Host *host;
        char address[ADDRESS_TEXT_MAX];
        char what[PORT_WHAT_MAX];
        uint16_t port;
        PortDone on_done;
        void *userdata;
        sd_event_source *source;
};

static int on_port(sd_event_source *source, uint64_t usec, void *userdata) {
        PortQuestion *question = userdata;
        const Host *host = cluster_by_address(question->address);
        Error error = {};
        const char *answer = "";

        question->source = sd_event_source_disable_unref(question->source);
        if (!host || !cluster_can_reach(question->host, host) || !host_answers(host)) {
                (void) error_setf(
                                &error, ERROR_UNREACHABLE, "%s: connection refused",
                                question->what);
        } else if (question->port != 5050) {
                answer = cluster_zookeeper() == host ? "Zookeeper version: 3\nMode: leader\n"
                                                     : "Zookeeper version: 3\nMode: follower\n";
        }

        question->on_done(&error, answer, question->userdata);
        return 0;
}

int port_question_start(
                sd_event *event,
                const PortWords *words,
                PortDone on_done,
                void *userdata,
                PortQuestion **ret,
                Error *error) {
        PortQuestion *question = calloc(1, sizeof(*question));

        assert(question);
        question->host = sim.current->host;
        question->port = words->port;
        question->on_done = on_done;
        question->userdata = userdata;
        (void) text_copy(question->address, sizeof(question->address), words->address);
        (void) text_copy(question->what, sizeof(question->what), words->what);
        (void) sd_event_add_time_relative(
                        event, &question->source, 0, chance_between(&sim.chance, 200, 4000), 0,
                        on_port, question);
        *ret = question;
        return 0;
}

void port_question_free(PortQuestion *question) {
        if (!question)
                return;

        (void) sd_event_source_disable_unref(question->source);
        free(question);
}

/* --- the journal: there is none --- */

int journal_read_cursor(char ret[static CURSOR_MAX], Error *error) {
        (void) error_setf(error, ERROR_NOT_FOUND, "the journal is empty");
        return -ENOENT;
}

int journal_find_cursor(usec_t since, char ret[static CURSOR_MAX], Error *error) {
        return journal_read_cursor(ret, error);
}

int journal_tail_new(
                sd_event *event,
                const char *unit,
                const char *cursor,
                JournalTail **ret,
                Error *error) {
        return error_setf(error, ERROR_NOT_FOUND, "there is no journal");
}

void journal_tail_get(JournalTail *tail, char ret[static TAIL_MAX]) {
        ret[0] = '\0';
}

void journal_tail_free(JournalTail *tail) {
}

int journal_scan_new(
                const char *cursor,
                const char *const units[],
                size_t count,
                JournalScan **ret,
                Error *error) {
        return error_setf(error, ERROR_NOT_FOUND, "there is no journal");
}

int journal_scan_read(
                JournalScan *scan,
                size_t max,
                void (*on_line)(const JournalLine *line, void *userdata),
                void *userdata,
                Error *error) {
        return 0;
}

void journal_scan_rest(JournalScan *scan) {
}

void journal_scan_free(JournalScan *scan) {
}

/* --- the control socket --- */

struct Control {
        Control *next;
        Process *process;
        ControlHandler handler;
        void *userdata;
};

static Control *controls;

int control_new(sd_event *event,
                const char *path,
                ControlHandler handler,
                void *userdata,
                Control **ret,
                Error *error) {
        Control *control = calloc(1, sizeof(*control));

        assert(control);
        *control = (Control) { controls, sim.current, handler, userdata };
        controls = control;
        *ret = control;
        return 0;
}

void control_answer(
                Control *control, uint64_t ticket, int status, Json *answer, const Error *error) {
        json_free(answer);
}

void control_free(Control *control) {
        if (control)
                control->process = NULL;
}

typedef struct Asked {
        const Control *control;
        const char *verb;
        const char *arguments;
        int status;
        Error error;
} Asked;

static void ask(Process *process, void *userdata) {
        const ControlPeer peer = { .user = "operator", .terminal = "tty" };
        Asked *asked = userdata;
        AUTO(Json) *arguments = NULL;
        AUTO(Json) *answer = NULL;
        int r;

        r = json_parse(asked->arguments, strlen(asked->arguments), &arguments, &asked->error);
        assert(r == 0);
        asked->status = asked->control->handler(
                        asked->verb, arguments, &peer, &answer, &asked->error,
                        asked->control->userdata);
}

int machine_ask(const Host *host,
                const char *verb,
                const char *arguments,
                char *ret_error,
                size_t size) {
        Asked asked = { .verb = verb, .arguments = arguments, .status = -1 };

        for (Control *control = controls; control; control = control->next) {
                if (control->process && control->process->alive && control->process->host == host)
                        asked.control = control;
        }

        if (asked.control)
                (void) process_enter(asked.control->process, ask, &asked);
        if (ret_error)
                (void) text_copy(ret_error, size, asked.error.text);
        if (asked.status == 0 && (strcmp(verb, "resume") == 0 || strcmp(verb, "run") == 0))
                oracle_resumed();

        sim_note("operator: %s %s: %d %s", verb, strlen(arguments) < 100 ? arguments : "",
                 asked.status, asked.error.text);
        return asked.status;
}
