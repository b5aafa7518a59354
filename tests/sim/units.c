/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "common/log.h"
#include "common/text.h"
#include "node-agent/systemd-bus.h"
#include "node-agent/units.h"
#include "tests/sim/sim.h"

/* systemd, as far as rollpatch-agent sees it (systemd-bus.h, units.h), and the one program that it
 * starts: rollpatch-step, whose main() is the real one. Where that would wait for its script, it
 * waits here: it has a stack of its own, and goes on when the script has ended. */

#define STACK_SIZE ((size_t) 256 * 1024)
#define CHILD      4242

/* The same names that are in the product, under which nothing of it is linked. */
int step_main(int argc, char *argv[]);

typedef struct StepRun {
        Process *process;
        ucontext_t own, back;
        void *stack;
        char path[256];
        char fence[24];
        bool waits; /* for its script */
        bool script_ended;
        int script_status;
        int status;
        bool returned;
} StepRun;

typedef struct Unit {
        char name[UNIT_MAX];
        bool runs;
        int status;
        StepRun *run;
} Unit;

struct SystemdBus {
        Process *process;
};

struct UnitWatch {
        UnitWatch *next;
        SystemdBus *bus;
        char name[UNIT_MAX];
        bool is_list;
        const UnitHandlers *handlers;
        void *userdata;
        sd_event_source *answer;
        sd_event_source *called;
        sd_event_source *changed;
        bool asked;
        Error said; /* to the call */
};

static UnitWatch *watches; /* of all hosts */

/* --- rollpatch-step --- */

bool unit_runs(const Host *host) {
        return host->unit && host->unit->runs;
}

Process *units_step(const Host *host) {
        return unit_runs(host) ? host->unit->run->process : NULL;
}

/* Those that watch it are told at once. */
static void tell_watches(const Host *host) {
        for (UnitWatch *watch = watches; watch; watch = watch->next) {
                if (watch->bus->process->alive && watch->bus->process->host == host &&
                    strcmp(watch->name, host->unit->name) == 0) {
                        (void) sd_event_source_set_time_relative(watch->changed, 300);
                        (void) sd_event_source_set_enabled(watch->changed, SD_EVENT_ONESHOT);
                }
        }
}

static void unit_ends(Host *host, int status) {
        Unit *unit = host->unit;

        if (!unit || !unit->runs)
                return;

        unit->runs = false;
        unit->status = status;
        unit->run->process->alive = false;
        disk_drop_process(unit->run->process);
        tell_watches(host);
}

static void step_begin(void) {
        StepRun *run = sim.current->step;
        char name[] = "rollpatch-step";
        char *argv[] = { name, run->path, run->fence, NULL };

        run->status = step_main(3, argv);
        run->returned = true;
}

static void step_enter(Process *process, void *userdata) {
        StepRun *run = process->step;

        /* cppcheck-suppress swapcontextCalled */
        (void) swapcontext(&run->back, &run->own);
}

/* Until it waits, ends or dies. */
static void step_go_on(StepRun *run) {
        Host *host = run->process->host;

        if (process_enter(run->process, step_enter, run) && run->returned)
                unit_ends(host, run->status);
}

static void step_wait(StepRun *run) {
        run->waits = true;
        /* cppcheck-suppress swapcontextCalled */
        (void) swapcontext(&run->own, &run->back);
        run->waits = false;
}

Process *units_end_step(Host *host) {
        Process *process = units_step(host);

        if (!process)
                return NULL;
        if (host->script_runs)
                script_interrupted(host);

        unit_ends(host, -1);
        return process;
}

/* For ever: its stack is left as it is. */
void units_leave(Process *process) {
        /* cppcheck-suppress swapcontextCalled */
        (void) swapcontext(&process->step->own, &process->step->back);
        abort();
}

void units_script_ends(Host *host, int status) {
        StepRun *run = unit_runs(host) ? host->unit->run : NULL;

        if (!run || !run->waits)
                return;

        run->script_ended = true;
        run->script_status = status;
        step_go_on(run);
}

/* --- what it asks of the system, besides files --- */

/* --wrap makes them so: NOLINTBEGIN(bugprone-reserved-identifier, readability-identifier-naming) */
pid_t __wrap_fork(void);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_pipe2(int fds[2], int flags);
int __wrap_signalfd(int fd, const sigset_t *mask, int flags);
int __wrap_sigprocmask(int how, const sigset_t *set, sigset_t *old);
int __wrap_sigaction(int signal, const struct sigaction *action, struct sigaction *old);
int __wrap_sigpending(sigset_t *set);
int __wrap_fcntl64(int fd, int command, ...);
pid_t __wrap_getpid(void);
int __wrap_dprintf(int fd, const char *format, ...) PRINTF(2, 3);
int __wrap___dprintf_chk(int fd, int flag, const char *format, ...) PRINTF(3, 4);

static bool in_step(void) {
        return sim.current && sim.current->kind == PROGRAM_STEP;
}

/* Only the parent is ours. */
pid_t __wrap_fork(void) {
        assert(in_step());
        crash_here(false);
        script_begin(sim.current->host, strrchr(sim.current->step->path, '/') + 1);
        return CHILD;
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout) {
        StepRun *run = sim.current->step;

        while (!run->script_ended)
                step_wait(run);

        fds[0].revents = POLLIN;
        return 1;
}

pid_t __wrap_waitpid(pid_t pid, int *status, int options) {
        *status = sim.current->step->script_status;
        return CHILD;
}

/* Beyond what a disk gives: nothing is ever in them, and they are closed for nothing. */
int __wrap_pipe2(int fds[2], int flags) {
        fds[0] = fds[1] = -EBADF;
        return 0;
}

int __wrap_signalfd(int fd, const sigset_t *mask, int flags) {
        return 1 << 22;
}

int __wrap_sigprocmask(int how, const sigset_t *set, sigset_t *old) {
        return 0;
}

int __wrap_sigaction(int signal, const struct sigaction *action, struct sigaction *old) {
        return 0;
}

int __wrap_sigpending(sigset_t *set) {
        return sigemptyset(set);
}

int __wrap_fcntl64(int fd, int command, ...) {
        return 0;
}

/* Its words, for the journal. */
int __wrap_dprintf(int fd, const char *format, ...) {
        va_list arguments;
        char text[512];

        va_start(arguments, format);
        (void) vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        text[strcspn(text, "\n")] = '\0';
        log_info("%s", text);
        return 0;
}

int __wrap___dprintf_chk(int fd, int flag, const char *format, ...) {
        va_list arguments;
        char text[512];

        va_start(arguments, format);
        (void) vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        return __wrap_dprintf(fd, "%s", text);
}

pid_t __wrap_getpid(void) {
        return CHILD - 1;
}

/* NOLINTEND(bugprone-reserved-identifier, readability-identifier-naming) */

/* --- starting it --- */

typedef struct UnitStart {
        Host *host;
        usec_t boot;
        char name[UNIT_MAX];
        char path[256];
        char fence[24];
} UnitStart;

static void start_unit(void *what, uint64_t unused) {
        UnitStart *start = what;
        Host *host = start->host;
        StepRun *run;
        Unit *unit;

        if (!host->up || host->booted != start->boot || unit_runs(host))
                return;

        run = calloc(1, sizeof(*run));
        unit = calloc(1, sizeof(*unit));
        assert(run && unit);
        (void) text_copy(unit->name, sizeof(unit->name), start->name);
        (void) text_copy(run->path, sizeof(run->path), start->path);
        (void) text_copy(run->fence, sizeof(run->fence), start->fence);
        unit->run = run;
        unit->runs = true;
        host->unit = unit;

        run->process = process_start(host, PROGRAM_STEP);
        run->process->step = run;
        run->stack = malloc(STACK_SIZE);
        assert(run->stack);
        /* cppcheck-suppress getcontextCalled */
        (void) getcontext(&run->own);
        run->own.uc_stack.ss_sp = run->stack;
        run->own.uc_stack.ss_size = STACK_SIZE;
        run->own.uc_link = &run->back;
        /* cppcheck-suppress makecontextCalled */
        makecontext(&run->own, step_begin, 0);
        tell_watches(host);
        step_go_on(run);
}

void units_start_again(Host *host) {
        if (!host->newest_start || unit_runs(host))
                return;

        host->newest_start->boot = host->booted;
        start_unit(host->newest_start, 0);
}

/* --- systemd-bus.h --- */

int systemd_bus_new(sd_event *event, SystemdBus **ret, Error *error) {
        SystemdBus *bus = calloc(1, sizeof(*bus));

        assert(bus);
        bus->process = sim.current;
        *ret = bus;
        return 0;
}

bool systemd_bus_is_up(const SystemdBus *bus) {
        return true;
}

void systemd_bus_reset_failed(SystemdBus *bus, const char *unit) {
}

void systemd_bus_free(SystemdBus *bus) {
        free(bus);
}

static void list_units(const Host *host, UnitList *list) {
        if (!unit_runs(host))
                return;

        list->count = 1;
        (void) text_copy(list->names[0], UNIT_MAX, host->unit->name);
}

static int on_answer(sd_event_source *source, uint64_t usec, void *userdata) {
        UnitWatch *watch = userdata;
        const Host *host = watch->bus->process->host;
        const Error none = {};
        UnitFacts facts = { .state = UNIT_GONE };
        UnitList list = {};

        watch->asked = false;
        if (watch->is_list) {
                list_units(host, &list);
                watch->handlers->on_list(&list, &none, watch->userdata);
                return 0;
        }

        if (unit_runs(host) && strcmp(host->unit->name, watch->name) == 0)
                facts.state = UNIT_PRESENT;
        (void) text_copy(
                        facts.text, sizeof(facts.text),
                        facts.state == UNIT_PRESENT ? "unit is loaded, active (running)"
                                                    : "unit is not-found, inactive (dead)");
        watch->handlers->on_facts(&facts, watch->userdata);
        return 0;
}

static int on_called(sd_event_source *source, uint64_t usec, void *userdata) {
        UnitWatch *watch = userdata;

        watch->handlers->on_called(&watch->said, watch->userdata);
        return 0;
}

static int on_changed(sd_event_source *source, uint64_t usec, void *userdata) {
        UnitWatch *watch = userdata;

        if (watch->handlers->on_change)
                watch->handlers->on_change(watch->userdata);
        return 0;
}

static int add_watch(
                SystemdBus *bus,
                const char *unit,
                bool is_list,
                const UnitHandlers *handlers,
                void *userdata,
                UnitWatch **ret) {
        UnitWatch *watch = calloc(1, sizeof(*watch));
        sd_event *loop = bus->process->loop;

        assert(watch);
        watch->bus = bus;
        watch->is_list = is_list;
        watch->handlers = handlers;
        watch->userdata = userdata;
        (void) text_copy(watch->name, sizeof(watch->name), unit);
        (void) sd_event_add_time(loop, &watch->answer, 0, USEC_INFINITY, 0, on_answer, watch);
        (void) sd_event_add_time(loop, &watch->called, 0, USEC_INFINITY, 0, on_called, watch);
        (void) sd_event_add_time(loop, &watch->changed, 0, USEC_INFINITY, 0, on_changed, watch);
        watch->next = watches;
        watches = watch;
        *ret = watch;
        return 0;
}

int unit_watch_new(
                SystemdBus *bus,
                const char *unit,
                const UnitHandlers *handlers,
                void *userdata,
                UnitWatch **ret,
                Error *error) {
        return add_watch(bus, unit, false, handlers, userdata, ret);
}

int unit_watch_new_list(
                SystemdBus *bus,
                const char *prefix,
                const UnitHandlers *handlers,
                void *userdata,
                UnitWatch **ret,
                Error *error) {
        return add_watch(bus, prefix, true, handlers, userdata, ret);
}

static void answer_soon(const Host *host, sd_event_source *source) {
        usec_t wait = chance_between(&sim.chance, 200, 5000);
        usec_t busy = span_sub(host->bus_busy + 1, sim.now);

        wait = MAX(wait, busy);

        (void) sd_event_source_set_time_relative(source, wait);
        (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

void unit_watch_ask(UnitWatch *watch) {
        if (watch->asked)
                return;

        watch->asked = true;
        answer_soon(watch->bus->process->host, watch->answer);
}

/* Written to the bus: whatever becomes of the caller, systemd has it. */
int unit_watch_start(
                UnitWatch *watch,
                const char *description,
                const UnitCommand *command,
                Error *error) {
        Host *host = watch->bus->process->host;
        UnitStart *start = calloc(1, sizeof(*start));

        assert(start);
        start->host = host;
        start->boot = host->booted;
        (void) text_copy(start->name, sizeof(start->name), watch->name);
        (void) text_copy(start->path, sizeof(start->path), command->arguments[0]);
        (void) text_copy(start->fence, sizeof(start->fence), command->arguments[1]);

        host->newest_start = start;
        watch->said = (Error) {};
        if (unit_runs(host)) {
                (void) error_setf(&watch->said, ERROR_IO, "systemd: unit exists");
        } else {
                host->bus_busy = sim.now + chance_between(&sim.chance, 200, 30000);
                world_at(host->bus_busy, start_unit, start, 0);
        }
        answer_soon(host, watch->called);
        return 0;
}

void unit_watch_free(UnitWatch *watch) {
        UnitWatch **place = &watches;

        if (!watch)
                return;

        while (*place != watch)
                place = &(*place)->next;
        *place = watch->next;
        (void) sd_event_source_disable_unref(watch->changed);

        (void) sd_event_source_disable_unref(watch->answer);
        (void) sd_event_source_disable_unref(watch->called);
        free(watch);
}

/* --- units.h: those of DC/OS --- */

struct Units {
        SystemdBus *bus;
        UnitsDone on_done;
        void *userdata;
        sd_event_source *source;
        bool docker;
};

static void fill_unit(const Host *host, const char *name, UnitStatus *unit) {
        bool well = host_is_well(host);

        (void) text_copy(unit->name, sizeof(unit->name), name);
        (void) text_copy(unit->load, sizeof(unit->load), "loaded");
        (void) text_copy(unit->active, sizeof(unit->active), well ? "active" : "inactive");
        (void) text_copy(unit->sub, sizeof(unit->sub), well ? "running" : "dead");
        (void) text_copy(unit->result, sizeof(unit->result), "success");
        (void) text_copy(unit->type, sizeof(unit->type), "simple");
        (void) text_copy(unit->restart, sizeof(unit->restart), "always");
        if (well) {
                unit->main_pid = 77;
                unit->main_start = host_boottime(host) - (sim.now - host->services_from);
        }
}

static int on_units(sd_event_source *source, uint64_t usec, void *userdata) {
        Units *units = userdata;
        const Host *host = units->bus->process->host;
        const Error none = {};
        UnitStatus all[3] = {};

        units->source = sd_event_source_disable_unref(units->source);
        if (units->docker) {
                fill_unit(host, "docker.service", &all[0]);
                (void) text_copy(all[0].active, sizeof(all[0].active), "active");
                (void) text_copy(all[0].sub, sizeof(all[0].sub), "running");
                all[0].main_pid = 66;
                all[0].main_start = 1;
                units->on_done(all, 1, &none, units->userdata);
                return 0;
        }

        fill_unit(host, "dcos-exhibitor.service", &all[0]);
        fill_unit(host, "dcos-mesos-master.service", &all[1]);
        fill_unit(host, "dcos-marathon.service", &all[2]);
        units->on_done(all, 3, &none, units->userdata);
        return 0;
}

int units_start(SystemdBus *bus,
                const char *root,
                const UnitNames *more,
                UnitsDone on_done,
                void *userdata,
                Units **ret,
                Error *error) {
        Units *units = calloc(1, sizeof(*units));

        assert(units);
        *units = (Units) { .bus = bus, .on_done = on_done, .userdata = userdata, .docker = !root };
        (void) sd_event_add_time_relative(
                        bus->process->loop, &units->source, 0,
                        chance_between(&sim.chance, 500, 8000), 0, on_units, units);
        *ret = units;
        return 0;
}

void units_free(Units *units) {
        if (!units)
                return;

        (void) sd_event_source_disable_unref(units->source);
        free(units);
}
