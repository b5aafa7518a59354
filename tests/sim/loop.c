/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <systemd/sd-event.h>

#include "tests/sim/sim.h"

/* sd-event without a kernel: timers and deferred sources, in simulated time. Those that wait for a
 * file descriptor never become ready, because nothing that would have one is linked.
 *
 * A process that dies does so in the middle of whatever it does: crash_here() jumps back to where
 * it was given its turn. */

/* --- chance --- */

uint64_t chance_u64(Chance *chance) {
        uint64_t z = (chance->state += UINT64_C(0x9e3779b97f4a7c15));

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

uint64_t chance_below(Chance *chance, uint64_t limit) {
        return limit == 0 ? 0 : chance_u64(chance) % limit;
}

uint64_t chance_between(Chance *chance, uint64_t from, uint64_t to) {
        return from + chance_below(chance, to - from + 1);
}

bool chance_of(Chance *chance, unsigned percent) {
        return chance_below(chance, 100) < percent;
}

/* --- what happens in the world --- */

typedef struct WorldEvent {
        usec_t when;
        uint64_t number; /* of two at the same time the older one is first */
        WorldAct act;
        void *what;
        uint64_t detail;
} WorldEvent;

static WorldEvent *heap;
static size_t heap_count, heap_space;
static uint64_t heap_number;

static bool is_before(const WorldEvent *a, const WorldEvent *b) {
        return a->when != b->when ? a->when < b->when : a->number < b->number;
}

static void swap(size_t a, size_t b) {
        WorldEvent between = heap[a];

        heap[a] = heap[b];
        heap[b] = between;
}

void world_at(usec_t when, WorldAct act, void *what, uint64_t detail) {
        size_t place = heap_count++;

        if (heap_count > heap_space) {
                WorldEvent *larger;

                heap_space = heap_space ? 2 * heap_space : 256;
                larger = realloc(heap, heap_space * sizeof(*heap));
                assert(larger);
                heap = larger;
        }

        heap[place] = (WorldEvent) { when, ++heap_number, act, what, detail };
        heap[place].when = MAX(when, sim.now);
        for (; place > 0 && is_before(&heap[place], &heap[(place - 1) / 2]);
             place = (place - 1) / 2)
                swap(place, (place - 1) / 2);
}

usec_t world_next(void) {
        return heap_count > 0 ? heap[0].when : USEC_INFINITY;
}

static WorldEvent take_first(void) {
        WorldEvent first = heap[0];
        size_t place = 0;

        heap[0] = heap[--heap_count];
        for (;;) {
                size_t child = 2 * place + 1;

                if (child + 1 < heap_count && is_before(&heap[child + 1], &heap[child]))
                        child++;
                if (child >= heap_count || !is_before(&heap[child], &heap[place]))
                        return first;

                swap(place, child);
                place = child;
        }
}

bool world_turn(void) {
        WorldEvent event;

        if (heap_count == 0 || heap[0].when > sim.now)
                return false;

        event = take_first();
        event.act(event.what, event.detail);
        return true;
}

/* --- sources --- */

struct sd_event_source {
        Loop *loop; /* NULL: dropped */
        sd_event_source *next, **place;
        sd_event_time_handler_t on_time;
        sd_event_handler_t on_turn;
        void *userdata;
        usec_t at;   /* world time; USEC_INFINITY: never */
        usec_t said; /* as it was asked for */
        int64_t priority;
        uint64_t number; /* of its arming */
        int enabled;
        bool exits_on_failure;
        bool is_called;
};

struct sd_event {
        Process *process;
        sd_event_source *sources;
        usec_t next; /* a bound from below */
        uint64_t numbers;
};

Loop *loop_new(Process *process) {
        Loop *loop = calloc(1, sizeof(*loop));

        assert(loop);
        loop->process = process;
        loop->next = USEC_INFINITY;
        return loop;
}

usec_t loop_next(const Loop *loop) {
        return loop->next;
}

static void note_next(sd_event_source *source) {
        source->number = ++source->loop->numbers;
        if (source->enabled != SD_EVENT_OFF)
                source->loop->next = MIN(source->loop->next, source->at);
}

static sd_event_source *pick(Loop *loop) {
        sd_event_source *best = NULL;
        usec_t next = USEC_INFINITY;

        for (sd_event_source *source = loop->sources; source; source = source->next) {
                if (source->enabled == SD_EVENT_OFF)
                        continue;

                next = MIN(next, source->at);
                if (source->at > sim.now)
                        continue;
                if (!best || source->priority < best->priority ||
                    (source->priority == best->priority &&
                     (source->at < best->at ||
                      (source->at == best->at && source->number < best->number))))
                        best = source;
        }

        loop->next = next;
        return best;
}

static void call(Process *process, void *userdata) {
        sd_event_source *source = userdata;
        int r;

        if (source->enabled == SD_EVENT_ONESHOT) {
                source->enabled = SD_EVENT_OFF;
        } else {
                note_next(source);
        }

        source->is_called = true;
        r = source->on_time ? source->on_time(source, source->said, source->userdata)
                            : source->on_turn(source, source->userdata);
        source->is_called = false;
        if (r < 0 && source->exits_on_failure)
                process->exits = true;
        if (!source->loop)
                free(source);
}

void loop_turn(Loop *loop) {
        sd_event_source *source = pick(loop);

        if (!source)
                return;

        sim.events++;
        if (process_enter(loop->process, call, source) && loop->process->exits)
                process_kill(loop->process);
}

/* --- sd-event --- */

static int add(sd_event *loop, sd_event_source **ret, sd_event_source with) {
        sd_event_source *source = malloc(sizeof(*source));

        assert(source && ret);
        *source = with;
        source->loop = loop;
        source->enabled = SD_EVENT_ONESHOT;
        source->next = loop->sources;
        source->place = &loop->sources;
        if (source->next)
                source->next->place = &source->next;
        loop->sources = source;
        note_next(source);
        *ret = source;
        return 0;
}

static usec_t to_world(const sd_event *loop, usec_t time) {
        return time == USEC_INFINITY ? time : host_to_world(loop->process->host, time);
}

int sd_event_add_time(
                sd_event *e,
                sd_event_source **s,
                clockid_t clock,
                uint64_t usec,
                uint64_t accuracy,
                sd_event_time_handler_t callback,
                void *userdata) {
        return add(e, s,
                   (sd_event_source) { .on_time = callback,
                                       .userdata = userdata,
                                       .at = to_world(e, usec),
                                       .said = usec });
}

int sd_event_add_time_relative(
                sd_event *e,
                sd_event_source **s,
                clockid_t clock,
                uint64_t usec,
                uint64_t accuracy,
                sd_event_time_handler_t callback,
                void *userdata) {
        usec_t at = span_add(host_boottime(e->process->host), usec);

        return sd_event_add_time(e, s, clock, at, accuracy, callback, userdata);
}

int sd_event_add_defer(
                sd_event *e, sd_event_source **s, sd_event_handler_t callback, void *userdata) {
        return add(e, s, (sd_event_source) { .on_turn = callback, .userdata = userdata });
}

/* Nobody drops a join token here. */
int sd_event_add_inotify(
                sd_event *e,
                sd_event_source **s,
                const char *path,
                uint32_t mask,
                sd_event_inotify_handler_t callback,
                void *userdata) {
        return -ENOENT;
}

int sd_event_exit(sd_event *e, int code) {
        e->process->exits = true;
        return 0;
}

sd_event *sd_event_ref(sd_event *e) {
        return e;
}

sd_event *sd_event_unref(sd_event *e) {
        return NULL;
}

int sd_event_source_set_enabled(sd_event_source *s, int enabled) {
        s->enabled = enabled;
        note_next(s);
        return 0;
}

int sd_event_source_set_time(sd_event_source *s, uint64_t usec) {
        s->said = usec;
        s->at = to_world(s->loop, usec);
        note_next(s);
        return 0;
}

int sd_event_source_set_time_relative(sd_event_source *s, uint64_t usec) {
        return sd_event_source_set_time(s, span_add(host_boottime(s->loop->process->host), usec));
}

int sd_event_source_set_priority(sd_event_source *s, int64_t priority) {
        s->priority = priority;
        return 0;
}

int sd_event_source_set_description(sd_event_source *s, const char *description) {
        return 0;
}

int sd_event_source_set_exit_on_failure(sd_event_source *s, int b) {
        s->exits_on_failure = b;
        return 0;
}

sd_event_source *sd_event_source_disable_unref(sd_event_source *s) {
        if (!s)
                return NULL;

        *s->place = s->next;
        if (s->next)
                s->next->place = s->place;
        s->loop = NULL;
        s->enabled = SD_EVENT_OFF;
        if (!s->is_called)
                free(s);

        return NULL;
}

/* --- processes --- */

Process *process_start(Host *host, ProgramKind kind) {
        Process *process = calloc(1, sizeof(*process));

        assert(process);
        process->host = host;
        process->kind = kind;
        process->alive = true;
        process->loop = loop_new(process);
        return process;
}

static void bury(Process *process) {
        process->alive = false;
        disk_drop_process(process);
        wire_drop_process(process);
        if (process->host->daemon == process) {
                process->host->daemon = NULL;
                host_start_daemon(process->host);
        }
}

void process_kill(Process *process) {
        if (!process->alive)
                return;

        bury(process);
        if (process != sim.current)
                return;
        if (process->kind == PROGRAM_STEP)
                units_leave(process);

        longjmp(process->home, 1);
}

bool process_enter(
                Process *process, void (*act)(Process *process, void *userdata), void *userdata) {
        /* Kept across the jump. */
        Process *volatile outer = sim.current;

        if (setjmp(process->home) == 0) {
                sim.current = process;
                act(process, userdata);
        }

        sim.current = outer;
        return process->alive;
}
