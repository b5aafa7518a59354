/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/journal.h"
#include "node-agent/look.h"
#include "node-agent/runner.h"
#include "node-agent/stage.h"

/* Shared by runner*.c and nobody else: runner-orders.c takes orders, runner.c feeds the machine,
 * runner-unit.c follows the unit, runner-found.c looks for units that nobody follows,
 * runner-report.c tells the coordinator. */

/* One step. */
typedef struct Entry {
        Runner *runner;
        Job job;
        StepRecord record;       /* as read or written last */
        char reason[REASON_MAX]; /* what a report says now */

        Fetch *fetch;       /* while staging */
        const char *script; /* what was fetched, while it is being written */
        size_t script_size;

        Look *look; /* while looking */
        usec_t look_began;

        UnitWatch *watch; /* while the unit is followed, with the three below */
        JournalTail *tail;
        sd_event_source *poll;
        bool overdue;                 /* that it takes too long has been said */
        char call_failed[REASON_MAX]; /* what systemd said to the call, if it said no */
        char last_lines[TAIL_MAX];    /* after the end */

        char op[OP_MAX]; /* of the report that is not acknowledged; empty: none */
} Entry;

#define HELD_MAX 4

struct Runner {
        sd_event *event;
        RunnerOptions options;
        char boot_id[ID_TEXT_MAX];
        Entry *entries[STEPS_MAX]; /* oldest first */
        size_t entry_count;
        sd_event_source *repeat; /* of reports */

        UnitWatch *units;        /* all of our steps */
        Message *held[HELD_MAX]; /* orders that wait until they are known, oldest first */
        size_t held_count;
};

/* Feeds one event into the machine, writes, moves, acts. `reason` is for a person, "" if there is
 * nothing to say. -ESTALE: nothing was done, because the files have changed meanwhile. */
int entry_feed(Entry *entry, const JobInput *input, const char *reason);

Entry *runner_add_entry(Runner *runner, const char *step); /* NULL: out of memory */
void runner_drop_entry(Runner *runner, Entry *entry);
Entry *runner_find_entry(const Runner *runner, const char *step); /* NULL: not in the journal */

/* Takes up a step as its files have it. */
int runner_recover(Runner *runner, const char *step, Error *error);

/* runner-orders.c */
void runner_refuse(
                Runner *runner,
                MessageKind order,
                const char *step,
                uint64_t fence,
                Refusal refusal,
                const char *reason);
void entry_refuse(const Entry *entry, JobEvent event, Refusal refusal, const char *reason);

/* CLAIM, SLOT, START, once it is known which steps run here; or they are refused. */
void runner_obey(Runner *runner, const Message *order);
void runner_refuse_order(Runner *runner, const Message *order, const Error *error);

/* For one more step. */
int runner_make_room(Runner *runner, Error *error);

/* The last look is over. */
void entry_looked(Entry *entry, const Error *error);

/* runner-unit.c */
void entry_call_unit(Entry *entry);
void entry_follow(Entry *entry);
void entry_stop_following(Entry *entry);
void entry_keep_last_lines(Entry *entry);

/* What a finding means, for a person; `unit` is what systemd says, or "". */
void entry_explain(
                const Entry *entry,
                const Finding *finding,
                const char *unit,
                char reason[static REASON_MAX]);

/* runner-found.c */
int runner_look_for_units(Runner *runner, Error *error);
void runner_hold(Runner *runner, const Message *order);
void runner_drop_held(Runner *runner);

/* runner-report.c */
int runner_start_repeating(Runner *runner);
void entry_report(Entry *entry);
void entry_say(Entry *entry, const char *reason); /* and report, if it is new */
void entry_acknowledge(Entry *entry, const char *op);
void runner_report_absent(Runner *runner, const char *step);
void runner_send_chunk(Runner *runner, const Read *read);
