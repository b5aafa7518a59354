/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "common/parse.h"
#include "common/text.h"
#include "coordinator/health.h"
#include "node-agent/sample-read.h"
#include "tests/truth/answers.h"
#include "tests/unit/core-lab.h"

/* What the product says of captured answers: those of one moment at a time, read by the readers of
 * rollpatch-probe and judged by the coordinator's health.c. Lines of stdin, columns by tabs:
 *
 *   master ADDRESS | agent ADDRESS                       of this cluster
 *   answer ADDRESS QUESTION STATUS LOCATION BODY-FILE    status 0: LOCATION says why there is none
 *   judge                                                and begin anew
 *
 * To each "judge" a line for each process and one for the masters together, and an empty line:
 *
 *   ADDRESS|quorum pass|no REASON
 *
 * No dwell. What nobody has asked speaks neither for nor against anybody: a check of it is fed as
 * not applicable where the product takes that, else as good. */

#define PROCESSES_MAX  16
#define LINE_TEXT_MAX  2048
#define COLUMNS        6
#define LEADER_SAMPLES (1 + PROCESSES_MAX)

typedef struct Process {
        char name[NAME_TEXT_MAX];
        char address[ADDRESS_TEXT_MAX];
        Role role;
        Answers *answers; /* NULL: nobody has asked it */
} Process;

typedef struct World {
        Process processes[PROCESSES_MAX]; /* masters first */
        size_t count;
        size_t masters;
        Lab *lab;
} World;

_Noreturn static void give_up(const char *what, const char *why) {
        fprintf(stderr, "truth-replay: %s: %s\n", what, why);
        exit(2);
}

static Process *find_process(World *world, const char *address) {
        for (size_t i = 0; i < world->count; i++) {
                if (strcmp(world->processes[i].address, address) == 0)
                        return &world->processes[i];
        }

        give_up(address, "no such process");
}

/* --- taking in --- */

static void add_process(World *world, Role role, const char *address) {
        Process *process = &world->processes[world->count];

        if (world->count == PROCESSES_MAX || (role == ROLE_MASTER && world->masters < world->count))
                give_up(address, "too many processes, or a master after an agent");

        *process = (Process) { .role = role };
        world->count++;
        world->masters += role == ROLE_MASTER;
        (void) text_copy(process->address, sizeof(process->address), address);
        (void) text_format(
                        process->name, sizeof(process->name), "%c%zu",
                        role == ROLE_MASTER ? 'm' : 'a',
                        role == ROLE_MASTER ? world->masters : world->count - world->masters);
}

static void add_answer(World *world, char *const columns[COLUMNS]) {
        Process *process = find_process(world, columns[1]);
        uint64_t status;
        Error error = {};

        if (!process->answers)
                process->answers = answers_new();
        if (!process->answers || parse_u64(columns[3], 0, 599, &status) < 0)
                give_up(columns[3], "no status");
        if (answers_add(process->answers, columns[2], (unsigned) status, columns[4], columns[5],
                        &error) < 0)
                give_up(columns[5], error.text);
}

/* --- as samples --- */

static size_t read_samples(Json *object, const char *check, Sample samples[static LEADER_SAMPLES]) {
        AUTO(Json) *owned = object;
        Error error = {};
        size_t count;

        if (!owned || sample_read(owned, check, samples, LEADER_SAMPLES, &count, &error) < 0)
                give_up(check, error.text);

        return count;
}

static Sample make_sample(const char *check, Verdict verdict) {
        Sample sample = { .verdict = verdict };

        (void) text_copy(sample.check, sizeof(sample.check), check);
        return sample;
}

static void put_number(Sample *sample, const char *name, uint64_t value) {
        SampleNumber *number = &sample->numbers[sample->number_count++];

        (void) text_copy(number->name, sizeof(number->name), name);
        number->value = value;
}

static void put_text(Sample *sample, const char *name, const char *value) {
        SampleText *text = &sample->texts[sample->text_count++];

        (void) text_copy(text->name, sizeof(text->name), name);
        (void) text_copy(text->text, sizeof(text->text), value);
}

/* Of a master whose metrics nobody has asked for: as good as its other answers let it be. */
static Sample assume_master(const World *world, const Process *process) {
        Sample read[LEADER_SAMPLES];
        Sample sample = make_sample("mesos-master", VERDICT_PASS);
        const char *leader;

        put_number(&sample, "recovered", 1);
        if (!process->answers) {
                put_number(&sample, "elected", 0);
                return sample;
        }

        (void) read_samples(
                        answers_of_master(process->answers, world->masters), "mesos-master", read);
        leader = sample_text(&read[0], "leader");
        if (!leader)
                return read[0];

        put_text(&sample, "leader", leader);
        put_number(&sample, "elected", text_starts_with(leader, process->address));
        return sample;
}

static void hear_master(World *world, const Process *process) {
        Sample zookeeper = make_sample("zookeeper", VERDICT_PASS);
        Sample units = make_sample("units", VERDICT_PASS);
        Sample exhibitor = make_sample("exhibitor", VERDICT_PASS);
        Sample front = make_sample("front", VERDICT_NOT_APPLICABLE);
        Sample marathon = make_sample("marathon", VERDICT_NOT_APPLICABLE);
        Sample subscribers = make_sample("subscribers", VERDICT_NOT_APPLICABLE);
        Sample site = make_sample("cluster-checks", VERDICT_NOT_APPLICABLE);
        Sample cockroach = make_sample("cockroachdb", VERDICT_NOT_APPLICABLE);
        Sample read[LEADER_SAMPLES];

        put_text(&zookeeper, "mode", process == world->processes ? "leader" : "follower");
        lab_sample(world->lab, process->name, &zookeeper);
        lab_sample(world->lab, process->name, &units);
        lab_sample(world->lab, process->name, &exhibitor);
        lab_sample(world->lab, process->name, &front);
        lab_sample(world->lab, process->name, &marathon);
        lab_sample(world->lab, process->name, &subscribers);
        lab_sample(world->lab, process->name, &site);
        lab_sample(world->lab, process->name, &cockroach);

        if (process->answers && answers_have(process->answers, "/metrics/snapshot")) {
                (void) read_samples(
                                answers_of_master(process->answers, world->masters), "mesos-master",
                                read);
        } else {
                read[0] = assume_master(world, process);
        }
        lab_sample(world->lab, process->name, &read[0]);
}

static void hear_agent(World *world, const Process *process) {
        static const char *const unasked[] = { "version", "packages",    "mesos-version",
                                               "units",   "docker",      "journal",
                                               "overlay", "check-runner" };
        Sample read[LEADER_SAMPLES] = { make_sample("mesos-agent", VERDICT_NOT_APPLICABLE) };

        for (size_t i = 0; i < ELEMENTSOF(unasked); i++) {
                Sample sample = make_sample(unasked[i], VERDICT_NOT_APPLICABLE);

                lab_sample(world->lab, process->name, &sample);
        }

        if (process->answers)
                (void) read_samples(answers_of_agent(process->answers), "mesos-agent", read);
        lab_sample(world->lab, process->name, &read[0]);
}

/* Lists of ids are compared with those of a second look, which no capture has. */
static void hear_no_tasks(World *world, const Process *leader) {
        for (size_t i = world->masters; i < world->count; i++) {
                Sample sample = make_sample("mesos-tasks", VERDICT_NOT_APPLICABLE);

                (void) text_copy(
                                sample.subject, sizeof(sample.subject),
                                world->processes[i].address);
                lab_sample(world->lab, leader->name, &sample);
        }
}

/* Whoever leads by what all masters say is asked about the cluster, as by checks_watch(). */
static void hear_leader(World *world) {
        size_t leader = health_leader(world->lab->state, &world->lab->facts, world->lab->now);
        const char *agents[PROCESSES_MAX];
        Sample read[LEADER_SAMPLES];
        size_t count = 0;

        if (leader == SIZE_MAX || !world->processes[leader].answers)
                return;

        hear_no_tasks(world, &world->processes[leader]);
        for (size_t i = world->masters; i < world->count; i++)
                agents[count++] = world->processes[i].address;

        count = read_samples(
                        answers_of_leader(world->processes[leader].answers, agents, count),
                        "mesos-leader", read);
        for (size_t i = 0; i < count; i++)
                lab_sample(world->lab, world->processes[leader].name, &read[i]);
}

/* --- judging --- */

static void join(World *world) {
        world->lab = lab_new();
        for (size_t i = 0; i < world->count; i++) {
                const Process *process = &world->processes[i];
                uint64_t masters = process->role == ROLE_MASTER ? world->masters : 0;

                lab_join(world->lab, process->name, process->role, masters);
                if (i >= world->lab->state->node_count ||
                    strcmp(world->lab->state->nodes[i].name, process->name) != 0)
                        give_up(process->name, "has no place");
                (void) text_copy(
                                world->lab->state->nodes[i].address, ADDRESS_TEXT_MAX,
                                process->address);
        }
}

static void tell(const char *who, bool good, const Why *why) {
        printf("%s\t%s\t%s\n", who, good ? "pass" : "no", good ? "" : why->text);
}

/* A master by itself is what it is to be for a retry of another one. */
static void tell_master(const World *world, size_t index) {
        const NodeFacts *known = &world->lab->facts.nodes[index];

        tell(world->processes[index].address, known->healthy_but_one, &known->unwell);
}

static void judge(World *world) {
        join(world);
        for (size_t i = 0; i < world->masters; i++)
                hear_master(world, &world->processes[i]);
        for (size_t i = world->masters; i < world->count; i++)
                hear_agent(world, &world->processes[i]);

        hear_leader(world);
        health_judge(world->lab->state, &world->lab->facts, world->lab->now);

        for (size_t i = 0; i < world->count; i++) {
                Why why = {};

                if (i < world->masters) {
                        tell_master(world, i);
                } else {
                        bool holds =
                                        gate_holds(world->lab->state, &world->lab->facts, i,
                                                   world->lab->now, &why);

                        tell(world->processes[i].address, holds, &why);
                }
        }

        tell("quorum", world->lab->facts.cluster_well, &world->lab->facts.cluster_unwell);
        printf("\n");
        if (fflush(stdout) != 0)
                give_up("stdout", "cannot be written");
}

static void begin_anew(World *world) {
        for (size_t i = 0; i < world->count; i++)
                answers_free(world->processes[i].answers);

        if (world->lab)
                lab_free(world->lab);
        *world = (World) {};
}

static void take_line(World *world, char *line) {
        char *columns[COLUMNS] = {};
        size_t count = 0;

        line[strcspn(line, "\n")] = '\0';
        for (char *rest = line; rest && count < COLUMNS;)
                columns[count++] = strsep(&rest, "\t");

        if (strcmp(columns[0], "judge") == 0 && count == 1) {
                judge(world);
                begin_anew(world);
        } else if (strcmp(columns[0], "master") == 0 && count == 2) {
                add_process(world, ROLE_MASTER, columns[1]);
        } else if (strcmp(columns[0], "agent") == 0 && count == 2) {
                add_process(world, ROLE_AGENT, columns[1]);
        } else if (strcmp(columns[0], "answer") == 0 && count == COLUMNS) {
                add_answer(world, columns);
        } else {
                give_up(columns[0], "cannot be understood");
        }
}

int main(void) {
        char line[LINE_TEXT_MAX];
        World world = {};

        while (fgets(line, sizeof(line), stdin))
                take_line(&world, line);

        begin_anew(&world);
        return 0;
}
