/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-tasks.h"

#include <stdlib.h>
#include <string.h>

#include "common/text.h"

#define NAMES_SHOWN   3 /* of each side, in the evidence: it is of many agents at once */
#define TASK_NAME_MAX 1024

/* --- sets --- */

void task_set_done(TaskSet *set) {
        for (size_t i = 0; i < set->count; i++)
                free(set->names[i]);
        free(set->names);
        *set = (TaskSet) {};
}

static bool set_grow(TaskSet *set) {
        size_t space = set->space > 0 ? 2 * set->space : 64;
        char **names;

        if (set->count < set->space)
                return true;

        names = reallocarray(set->names, space, sizeof(*names));
        if (!names)
                return false;

        set->names = names;
        set->space = space;
        return true;
}

static int set_add(TaskSet *set, const char *id, const char *framework, Error *error) {
        char name[TASK_NAME_MAX];

        if (set->count == TASKS_OF_AGENT_MAX) {
                return error_setf(
                                error, ERROR_TOO_BIG, "more than %d tasks run on one agent",
                                TASKS_OF_AGENT_MAX);
        }
        if (!text_format(name, sizeof(name), "%s of %s", id, framework))
                return error_setf(error, ERROR_TOO_BIG, "a task's id is too long");
        if (!set_grow(set))
                return error_setf(error, ERROR_MEMORY, "no memory for the tasks");

        set->names[set->count] = strdup(name);
        if (!set->names[set->count])
                return error_setf(error, ERROR_MEMORY, "no memory for the tasks");

        set->count++;
        return 0;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Pages overlap, so a task may stand there twice. */
static void set_sort(TaskSet *set) {
        size_t count = 0;

        if (set->count > 1)
                qsort(set->names, set->count, sizeof(*set->names), compare_names);

        for (size_t i = 0; i < set->count; i++) {
                if (count > 0 && strcmp(set->names[i], set->names[count - 1]) == 0) {
                        free(set->names[i]);
                } else {
                        set->names[count++] = set->names[i];
                }
        }
        set->count = count;
}

static bool set_has(const TaskSet *set, const char *name) {
        return set->count > 0 &&
               bsearch(&name, set->names, set->count, sizeof(*set->names), compare_names) != NULL;
}

void task_look_done(TaskLook *look) {
        task_set_done(&look->own);
        task_set_done(&look->listed);
}

/* --- the agent --- */

/* One that is being started, or has ended, is the other side's a moment later too. */
static int add_running(const Json *task, const char *framework, TaskSet *set, Error *error) {
        const char *id = "", *state = "";
        int r;

        r = json_borrow_string(task, "id", &id, error);
        if (r == 0)
                r = json_borrow_string(task, "state", &state, error);
        if (r < 0)
                return error_prefixf(error, "a task");

        return strcmp(state, "TASK_RUNNING") == 0 ? set_add(set, id, framework, error) : 0;
}

static int read_framework(const Json *framework, TaskSet *set, Error *error) {
        const Json *executors = NULL;
        const char *id = "";
        int r;

        r = json_borrow_string(framework, "id", &id, error);
        if (r == 0)
                r = json_get_array(framework, "executors", &executors, error);

        for (const Json *each = json_first(executors); r == 0 && each; each = json_next(each)) {
                const Json *tasks = NULL;

                r = json_get_array(each, "tasks", &tasks, error);
                for (const Json *task = json_first(tasks); r == 0 && task; task = json_next(task))
                        r = add_running(task, id, set, error);
        }

        return r < 0 ? error_prefixf(error, "a framework") : 0;
}

static int read_agent_id(const Json *object, TaskLook *look, Error *error) {
        const char *id;
        int r;

        r = json_borrow_string(object, "id", &id, error);
        if (r == 0 && !text_copy(look->agent_id, sizeof(look->agent_id), id))
                return error_setf(error, ERROR_TOO_BIG, "'id' is too long");

        return r;
}

static int read_agent(const Reply *state, TaskLook *look, Error *error) {
        AUTO(Json) *object = NULL;
        const Json *frameworks = NULL;
        int r;

        r = reply_object(state, REPLY_LIST_BYTES_MAX, &object, error);
        if (r < 0)
                return r;

        r = read_agent_id(object, look, error);
        if (r == 0)
                r = json_get_array(object, "frameworks", &frameworks, error);

        for (const Json *each = json_first(frameworks); r == 0 && each; each = json_next(each))
                r = read_framework(each, &look->own, error);

        return r < 0 ? error_prefixf(error, "%s", state->question) : 0;
}

void task_look_read_agent(const Reply *state, TaskLook *look) {
        if (read_agent(state, look, &look->error) < 0)
                look->agent_id[0] = '\0';
        set_sort(&look->own);
}

/* --- the leading master --- */

static TaskLook *find_look(TaskLook looks[], size_t count, const char *agent_id) {
        for (size_t i = 0; i < count; i++) {
                if (looks[i].agent_id[0] && strcmp(looks[i].agent_id, agent_id) == 0)
                        return &looks[i];
        }

        return NULL;
}

void task_looks_count(const Reply *summary, TaskLook looks[], size_t count) {
        AUTO(Json) *object = NULL;
        const Json *slaves = NULL;

        if (reply_object(summary, REPLY_LIST_BYTES_MAX, &object, NULL) < 0 ||
            json_get_array(object, "slaves", &slaves, NULL) < 0)
                return;

        for (const Json *item = json_first(slaves); item; item = json_next(item)) {
                const char *id = json_string_value(json_find(item, "id"));
                TaskLook *look = id ? find_look(looks, count, id) : NULL;

                if (look && json_get_u64(item, "TASK_RUNNING", 0, JSON_NUMBER_MAX, &look->counted,
                                         NULL) == 0)
                        look->is_counted = true;
        }
}

static int read_task(const Json *task, TaskLook looks[], size_t count, Error *error) {
        const char *agent = "", *framework = "";
        TaskLook *look;
        int r;

        r = json_borrow_string(task, "slave_id", &agent, error);
        if (r == 0)
                r = json_borrow_string(task, "framework_id", &framework, error);
        if (r < 0)
                return error_prefixf(error, "a task");

        look = find_look(looks, count, agent);
        return look ? add_running(task, framework, &look->listed, error) : 0;
}

int task_looks_read_page(
                const Reply *reply,
                TaskLook looks[],
                size_t count,
                size_t *ret_rows,
                Error *error) {
        AUTO(Json) *object = NULL;
        const Json *tasks = NULL;
        int r;

        r = reply_object(reply, REPLY_LIST_BYTES_MAX, &object, error);
        if (r < 0)
                return r;

        r = json_get_array(object, "tasks", &tasks, error);
        for (const Json *task = json_first(tasks); r == 0 && task; task = json_next(task))
                r = read_task(task, looks, count, error);
        if (r < 0)
                return error_prefixf(error, "%s", reply->question);

        *ret_rows = json_size(tasks);
        return 0;
}

/* --- judging --- */

/* Tasks that run, by what the leading master counts, and that it does not show: lists of what
 * remains may be the same on both sides, and mean nothing. */
static bool hides_tasks(const TaskLook *look) {
        return !look->is_counted || look->counted > look->listed.count;
}

static bool is_missing(const TaskSet *here, const TaskSet *there, const char *name) {
        return set_has(here, name) && !set_has(there, name);
}

bool task_look_differs(TaskLook *look) {
        bool differs;

        set_sort(&look->listed);
        differs = look->own.count != look->listed.count;
        for (size_t i = 0; i < look->own.count && !differs; i++)
                differs = strcmp(look->own.names[i], look->listed.names[i]) != 0;

        return differs || hides_tasks(look);
}

/* Those that are missing there in both looks; `where`: here, there, and the same again. */
static bool is_lasting(const TaskSet *const where[static 4], const char *name) {
        return is_missing(where[0], where[1], name) && is_missing(where[2], where[3], name);
}

static uint64_t judge_side(const TaskSet *const where[static 4], const char *what, Sample *sample) {
        const char *first = NULL;
        uint64_t count = 0;
        char others[48] = "";

        for (size_t i = 0; i < where[0]->count; i++) {
                const char *name = where[0]->names[i];

                if (!is_lasting(where, name))
                        continue;
                if (count++ == 0)
                        first = name;
                if (count <= NAMES_SHOWN)
                        sample_add_evidence(sample, "%s: %.128s", what, name);
        }

        if (count > 1) {
                (void) text_format(
                                others, sizeof(others), ", and %llu more",
                                (unsigned long long) count - 1);
        }
        if (first)
                sample_fail(sample, "%s: task %.128s%s", what, first, others);

        return count;
}

static void judge_difference(const TaskLook *first, const TaskLook *second, Sample *sample) {
        const TaskSet *const agent[] = { &first->own, &first->listed, &second->own,
                                         &second->listed };
        const TaskSet *const leader[] = { &first->listed, &first->own, &second->listed,
                                          &second->own };

        sample_add_number(
                        sample, "only_agent",
                        judge_side(agent, "it runs, and the leading master does not know", sample));
        sample_add_number(
                        sample, "only_leader",
                        judge_side(leader, "the leading master has it running, and it does not",
                                   sample));
        if (!hides_tasks(first) || !hides_tasks(second))
                return;

        if (!second->is_counted) {
                sample_doubt(sample, "the leading master does not say how many tasks run there");
        } else {
                sample_doubt(sample,
                             "the leading master counts %llu running tasks there, and shows %zu",
                             (unsigned long long) second->counted, second->listed.count);
        }
}

void task_looks_judge(const TaskLook *first, const TaskLook *second, Sample *sample) {
        const TaskLook *last = second ? second : first;

        if (first->error.code != ERROR_NONE || last->error.code != ERROR_NONE) {
                sample_doubt_error(
                                sample,
                                first->error.code != ERROR_NONE ? &first->error : &last->error);
                return;
        }

        sample_add_number(sample, "tasks", last->own.count);
        sample_add_number(sample, "tasks_listed", last->listed.count);
        sample_add_evidence(
                        sample, "%zu tasks run there, the leading master shows %zu",
                        last->own.count, last->listed.count);
        if (second)
                judge_difference(first, second, sample);

        sample_close(sample);
}
