/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/probe.h"

#include <poll.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/text.h"
#include "node-agent/probe/mesos-order.h"
#include "node-agent/probe/parse-tasks.h"

/* Asked on the leading master alone, which asks the agents, too: where both lists are at hand, what
 * differs has a name, and only that is told. Each agent can be reached from there at this port, as
 * Mesos itself does. The leading master knows no way to ask for one agent's tasks, so all are read,
 * page by page, which is why it is asked seldom. */

#define MASTER_PORT 5050
#define AGENT_PORT  5051
#define NAME_TEXT   96 /* "10.0.1.1:5051/state" */

/* One that is slow, under load or with many executors behind it, is given as much as it takes; of
 * many that hang each leaves some time to those that are behind it, and all of them to the leading
 * master. */
#define AGENT_TIMEOUT (5 * USEC_PER_SEC)
#define AGENT_LEAST   (200 * USEC_PER_MSEC)
#define AGENTS_SHARE  3 /* of 5 */

/* By their first status, oldest first: what gets its first while the pages are read goes to the
 * last one. Those that have none yet stand before all others, and do not run. What goes away
 * meanwhile, from there too, moves the rest to the front, so pages overlap. */
#define PAGE         2000
#define PAGE_OVERLAP 100
#define PATH_TEXT    64

/* Between two looks: much longer than what has changed takes to become known to the other side. */
#define LOOK_AGAIN_AFTER USEC_PER_SEC

typedef struct Looking {
        const MesosOrder *order;
        usec_t deadline;
        TaskLook *looks[TASK_LOOKS]; /* of each agent */
        Sample *samples;
} Looking;

static usec_t left(usec_t deadline) {
        return span_sub(deadline, clock_boottime());
}

/* It is another node's word, or one of many answers of this one: where it was asked is said. */
static void name_question(
                char name[static NAME_TEXT], const char *address, unsigned port, const char *path) {
        (void) text_format(name, NAME_TEXT, "%s:%u%s", address, port, path);
}

/* With so many still to be asked. */
static usec_t time_of_one(usec_t span, size_t count) {
        usec_t spare = span_sub(span, (count - 1) * AGENT_LEAST);
        usec_t time = MAX(spare, span / count);

        return MIN(AGENT_TIMEOUT, time);
}

static void look_at_agent(const Looking *looking, TaskLook looks[], size_t index, usec_t timeout) {
        char name[NAME_TEXT];
        const Question state = { "/state", name, NULL, REPLY_LIST_BYTES_MAX };
        Asked asked = {};
        Server server;

        name_question(name, looking->order->agents[index], AGENT_PORT, "/state");
        access_init_other(
                        looking->order->access, looking->order->strict[index], &server,
                        looking->order->agents[index], AGENT_PORT, timeout);
        ask_in_turn(&server, &state, &asked, 1);
        task_look_read_agent(&asked.reply, &looks[index]);
        asked_note_refusal(&asked, 1, &looking->samples[index]);
        asked_done(&asked, 1);
}

/* Returns how many rows there were; an error is that of all agents. */
static int read_page(
                const Looking *looking,
                const Server *server,
                size_t offset,
                TaskLook looks[],
                size_t *ret_rows,
                Error *error) {
        char path[PATH_TEXT], name[NAME_TEXT];
        const Question question = { path, name, NULL, REPLY_LIST_BYTES_MAX };
        Asked asked = {};
        int r;

        name_question(name, looking->order->address, MASTER_PORT, "/tasks");
        (void) text_format(
                        path, sizeof(path), "/tasks?limit=%d&offset=%zu&order=asc", PAGE, offset);
        ask_in_turn(server, &question, &asked, 1);
        r = task_looks_read_page(&asked.reply, looks, looking->order->agent_count, ret_rows, error);
        asked_note_refusal(&asked, 1, &looking->samples[0]);
        asked_done(&asked, 1);
        return r;
}

static int look_at_leader(const Looking *looking, TaskLook looks[], Error *error) {
        static const Question summary = { "/state-summary", "/state-summary", NULL,
                                          REPLY_LIST_BYTES_MAX };
        Asked asked = {};
        Server server;
        size_t offset = 0, rows = 0;
        int r;

        access_init_server(
                        looking->order->access, &server, looking->order->address, MASTER_PORT,
                        left(looking->deadline));
        do {
                r = read_page(looking, &server, offset, looks, &rows, error);
                offset += PAGE - PAGE_OVERLAP;
        } while (r == 0 && rows >= PAGE);
        if (r < 0)
                return r;

        ask_in_turn(&server, &summary, &asked, 1);
        task_looks_count(&asked.reply, looks, looking->order->agent_count);
        asked_done(&asked, 1);
        return 0;
}

/* Who is first has the most time, so that is somebody else every time. */
static void look_at_agents(const Looking *looking, TaskLook looks[], const bool wanted[]) {
        size_t count = looking->order->agent_count, waiting = 0;
        usec_t now = clock_boottime();
        usec_t deadline = span_add(now, left(looking->deadline) / 5 * AGENTS_SHARE);

        for (size_t i = 0; i < count; i++)
                waiting += wanted[i];

        for (size_t i = 0; i < count; i++) {
                size_t index = (now + i) % count;

                if (wanted[index]) {
                        look_at_agent(looking, looks, index,
                                      time_of_one(left(deadline), waiting--));
                }
        }
}

/* At the agents that are wanted; true: some of them, those in `differ`, are to be looked at again.
 */
static bool look(const Looking *looking, TaskLook looks[], const bool wanted[], bool differ[]) {
        size_t count = looking->order->agent_count;
        Error error = {};
        bool again = false;
        int r;

        look_at_agents(looking, looks, wanted);
        r = look_at_leader(looking, looks, &error);
        for (size_t i = 0; i < count; i++) {
                if (r < 0)
                        looks[i].error = error;
                differ[i] = wanted[i] && looks[i].error.code == ERROR_NONE &&
                            task_look_differs(&looks[i]);
                again |= differ[i];
        }

        return again;
}

static void look_twice(Looking *looking) {
        bool wanted[AGENTS_MAX], again[AGENTS_MAX], differ[AGENTS_MAX];
        usec_t since = clock_boottime();

        for (size_t i = 0; i < AGENTS_MAX; i++)
                wanted[i] = true;

        if (look(looking, looking->looks[0], wanted, again)) {
                (void) poll(NULL, 0, LOOK_AGAIN_AFTER / USEC_PER_MSEC);
                (void) look(looking, looking->looks[1], again, differ);
        }

        for (size_t i = 0; i < looking->order->agent_count; i++) {
                looking->samples[i].took = span_sub(clock_boottime(), since);
                task_looks_judge(
                                &looking->looks[0][i], again[i] ? &looking->looks[1][i] : NULL,
                                &looking->samples[i]);
        }
}

static void ask_tasks(MesosOrder *order, Sample samples[], TaskLook looks[]) {
        Looking looking = { .order = order,
                            .deadline = span_add(clock_boottime(), order->timeout),
                            .looks = { looks, looks + order->agent_count },
                            .samples = samples };

        for (size_t i = 0; i < order->agent_count; i++)
                sample_init(&samples[i], "mesos-tasks", order->agents[i]);
        if (!mesos_order_access(order, samples, order->agent_count))
                return;

        look_twice(&looking);
        for (size_t i = 0; i < TASK_LOOKS * order->agent_count; i++)
                task_look_done(&looks[i]);
}

ProbeExit probe_mesos_tasks(char *const arguments[], Json *answer, Error *error) {
        MesosOrder order = {};
        AUTO(MesosOrder) *owned = &order;
        auto_free Sample *samples = NULL;
        auto_free TaskLook *looks = NULL;

        if (mesos_order_parse(arguments, VERB_TASKS, owned, error) < 0)
                return PROBE_USAGE;

        samples = calloc(order.agent_count, sizeof(*samples));
        looks = calloc(TASK_LOOKS * order.agent_count, sizeof(*looks));
        if (samples && looks) {
                ask_tasks(&order, samples, looks);
                if (samples_print(samples, order.agent_count, answer))
                        return PROBE_OK;
        }

        (void) error_setf(error, ERROR_MEMORY, "no memory for the answer");
        return PROBE_FAILED;
}
