/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/span.h"
#include "proto/check-table.h"

/* When each question of a watch is due. A task is what is asked in one go: one item of the watch,
 * or all items of a check whose subjects are asked about together. A task never has two questions
 * under way; slow programs are few at a time. Time comes in, the shell asks. Pure. */

/* At once, of those that are asked seldom, and as many of those that are costly. Who is asked every
 * second never waits for a slow one, or its row of passes would break; there are few of them. */
#define PROGRAMS_MAX 2

typedef struct Task {
        char check[CHECK_NAME_MAX];
        char subject[SUBJECT_MAX]; /* empty also when all are asked about together */
        CheckReader reader;
        CheckPace pace;
        usec_t period;
        usec_t due;     /* boot time */
        usec_t started; /* boot time, of the question under way */
        void *question; /* under way, or NULL; what it is only the shell knows */
        usec_t hurried; /* boot time: an answer to a question since then is wanted at once; 0: none
                         */
} Task;

typedef struct Schedule {
        Task tasks[WATCH_MAX];
        size_t count;
} Schedule;

/* Takes over the watch's items. Tasks that were there before keep their question and their place in
 * time; those that are gone end up in `ret_dropped`, with their questions. `random` spreads first
 * questions a little. */
void schedule_replace(
                Schedule *schedule,
                const Watch *watch,
                usec_t now,
                uint64_t random,
                Schedule *ret_dropped);

/* The task that should be asked now, longest due first; NULL: none. */
Task *schedule_pick(Schedule *schedule, usec_t now);

void schedule_begin(Task *task, void *question, usec_t now);

/* Its question is over; it is due one period after that began, but not at once when that took
 * longer. */
void schedule_end(Task *task, usec_t now);

/* Somebody wants to know now: every task is due at once. One whose question is under way is asked
 * again after it, because that answer may be older than the wish. */
void schedule_hurry(Schedule *schedule, usec_t now);

/* Whether a task still owes an answer to the newest hurry. */
bool schedule_is_hurried(const Schedule *schedule);

/* When to pick next; USEC_INFINITY: not before a question ends, or ever. */
usec_t schedule_wake(const Schedule *schedule);

bool schedule_is_asking(const Schedule *schedule);

Task *schedule_find(Schedule *schedule, const void *question); /* NULL: not there any more */

/* How long a question may take: 10 s, or three periods when that is more. Which check hangs
 * dcos-check-runner says only after 30 s, so what asks it may take 45 s at least. */
usec_t task_limit(const Task *task);

/* Whether the task asks about the item. */
bool task_covers(const Task *task, const WatchItem *item);
