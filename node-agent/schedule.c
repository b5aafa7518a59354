/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/schedule.h"

#include <string.h>

#include "common/text.h"

#define LIMIT_MIN  (10 * USEC_PER_SEC)
#define SPREAD_MAX (100 * USEC_PER_MSEC)

static bool is_joined(CheckReader reader) {
        return reader == READER_PROBE_JOINED;
}

bool task_covers(const Task *task, const WatchItem *item) {
        return strcmp(task->check, item->check) == 0 &&
               (is_joined(task->reader) || strcmp(task->subject, item->subject) == 0);
}

static bool asks_check_runner(const Task *task) {
        return strcmp(task->check, "check-runner") == 0 ||
               strcmp(task->check, "cluster-checks") == 0;
}

usec_t task_limit(const Task *task) {
        usec_t least = asks_check_runner(task) ? CHECK_RUNNER_LIMIT : LIMIT_MIN;

        return MAX(least, 3 * task->period);
}

static Task *find_task(Schedule *schedule, const WatchItem *item) {
        for (size_t i = 0; i < schedule->count; i++) {
                if (task_covers(&schedule->tasks[i], item))
                        return &schedule->tasks[i];
        }

        return NULL;
}

static void add_task(Schedule *schedule, const WatchItem *item, usec_t now, uint64_t random) {
        usec_t spread = MIN(item->period / 10, SPREAD_MAX);
        const CheckRow *row = check_find(item->check, item->subject);
        Task *task = &schedule->tasks[schedule->count++];

        *task = (Task) {
                .reader = check_reader(item->check),
                .pace = row ? row->pace : PACE_COSTLY,
                .period = item->period,
                .due = now + (random + schedule->count * 7919) % (spread + 1),
        };
        (void) text_copy(task->check, sizeof(task->check), item->check);
        if (!is_joined(task->reader))
                (void) text_copy(task->subject, sizeof(task->subject), item->subject);
}

/* What was there goes on where it was, only sooner if the period is shorter now. */
static void take_over(Task *task, Task *old) {
        task->question = old->question;
        task->started = old->started;
        task->due = MIN(old->due, task->due + task->period);
        task->hurried = old->hurried;
        old->question = NULL;
}

static void take_item(
                Schedule *schedule,
                Schedule *old,
                const WatchItem *item,
                usec_t now,
                uint64_t random) {
        Task *task = find_task(schedule, item);
        Task *before = find_task(old, item);

        if (task) {
                task->period = MIN(task->period, item->period);
                return;
        }

        add_task(schedule, item, now, random);
        if (before)
                take_over(&schedule->tasks[schedule->count - 1], before);
}

void schedule_replace(
                Schedule *schedule,
                const Watch *watch,
                usec_t now,
                uint64_t random,
                Schedule *ret_dropped) {
        Schedule old = *schedule;

        schedule->count = 0;
        for (size_t i = 0; i < watch->item_count; i++)
                take_item(schedule, &old, &watch->items[i], now, random);

        ret_dropped->count = 0;
        for (size_t i = 0; i < old.count; i++) {
                if (old.tasks[i].question)
                        ret_dropped->tasks[ret_dropped->count++] = old.tasks[i];
        }
}

static bool is_full(const Schedule *schedule, CheckPace pace) {
        size_t running = 0;

        for (size_t i = 0; i < schedule->count; i++) {
                const Task *task = &schedule->tasks[i];

                running += task->question && task->pace == pace &&
                           reader_needs_program(task->reader);
        }

        return pace != PACE_FAST && running >= PROGRAMS_MAX;
}

static bool may_be_asked(const Schedule *schedule, const Task *task) {
        return !task->question &&
               !(reader_needs_program(task->reader) && is_full(schedule, task->pace));
}

Task *schedule_pick(Schedule *schedule, usec_t now) {
        Task *best = NULL;

        for (size_t i = 0; i < schedule->count; i++) {
                Task *task = &schedule->tasks[i];

                if (task->due <= now && may_be_asked(schedule, task) &&
                    (!best || task->due < best->due))
                        best = task;
        }

        return best;
}

void schedule_begin(Task *task, void *question, usec_t now) {
        task->question = question;
        task->started = now;
}

void schedule_end(Task *task, usec_t now) {
        task->question = NULL;
        if (task->hurried > task->started) {
                task->due = now;
                return;
        }

        task->hurried = 0;
        task->due = MAX(task->started + task->period, now + task->period / 4);
}

void schedule_hurry(Schedule *schedule, usec_t now) {
        for (size_t i = 0; i < schedule->count; i++) {
                schedule->tasks[i].hurried = now;
                schedule->tasks[i].due = MIN(schedule->tasks[i].due, now);
        }
}

bool schedule_is_hurried(const Schedule *schedule) {
        for (size_t i = 0; i < schedule->count; i++) {
                if (schedule->tasks[i].hurried)
                        return true;
        }

        return false;
}

usec_t schedule_wake(const Schedule *schedule) {
        usec_t wake = USEC_INFINITY;

        for (size_t i = 0; i < schedule->count; i++) {
                if (may_be_asked(schedule, &schedule->tasks[i]))
                        wake = MIN(wake, schedule->tasks[i].due);
        }

        return wake;
}

bool schedule_is_asking(const Schedule *schedule) {
        for (size_t i = 0; i < schedule->count; i++) {
                if (schedule->tasks[i].question)
                        return true;
        }

        return false;
}

Task *schedule_find(Schedule *schedule, const void *question) {
        for (size_t i = 0; i < schedule->count; i++) {
                if (schedule->tasks[i].question == question)
                        return &schedule->tasks[i];
        }

        return NULL;
}
