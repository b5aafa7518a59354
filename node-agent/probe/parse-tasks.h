/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/probe/reply.h"

/* Which tasks run on a Mesos agent, by its own word and by that of the leading master: once an
 * agent has registered again, both know the same ones, by their ids (facts 3). Pure.
 *
 * Neither side can be asked at the same moment as the other, and on a busy agent tasks come and go
 * all the time, so two lists that differ say nothing yet. What is wrong stays wrong: a task that
 * only one side knows, and again only that side in the next look, has been running in between
 * without the other having heard of it, or has ended without. */

#define TASK_LOOKS 2

/* What both keep to, however many tasks there are. */
#define TASKS_OF_AGENT_MAX 20000

typedef struct TaskSet {
        char **names; /* "ID of FRAMEWORK": ids are unique in a framework */
        size_t count;
        size_t space;
} TaskSet;

void task_set_done(TaskSet *set);

/* One look at one agent. */
typedef struct TaskLook {
        char agent_id[SAMPLE_TEXT_MAX]; /* by its own word; empty: not known */
        TaskSet own;
        TaskSet listed;   /* by the leading master */
        uint64_t counted; /* by it, whoever may see them */
        bool is_counted;
        Error error; /* why nothing can be said; code ERROR_NONE: it can */
} TaskLook;

void task_look_done(TaskLook *look);

/* The agent's /state. Fills `error` when it cannot be read. */
void task_look_read_agent(const Reply *state, TaskLook *look);

/* The leading master's /state-summary, of all agents in `looks`. */
void task_looks_count(const Reply *summary, TaskLook looks[], size_t count);

/* A page of its /tasks, which are those of the whole cluster: adds those that run on one of the
 * agents. `ret_rows`: how many there are on the page. After an error the lists are of no use. */
int task_looks_read_page(
                const Reply *reply, TaskLook looks[], size_t count, size_t *ret_rows, Error *error);

/* Once all pages are read: whether there is a difference, which takes a second look to judge. */
bool task_look_differs(TaskLook *look);

/* Passes when no task is on one side only in both looks; a look that does not differ needs no
 * second one, which is NULL then. */
void task_looks_judge(const TaskLook *first, const TaskLook *second, Sample *sample);
