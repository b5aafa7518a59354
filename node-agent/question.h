/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "node-agent/schedule.h"
#include "node-agent/step-journal.h"
#include "node-agent/systemd-bus.h"

/* One question, asked in whatever way its check wants: by rollpatch-probe, of systemd, of a file.
 * It has an answer in any case, and in time; one that is of no use is a sample that says unknown.
 */

typedef struct AskerOptions {
        StepJournal *journal;
        SystemdBus *bus;
        Role role;
        const char *root;    /* "/" but in tests */
        const char *probe;   /* path of rollpatch-probe */
        const char *address; /* this node's own; empty while it is not known. Read at each question
                              */
} AskerOptions;

/* What the questions have in common, and what is kept from one to the next. */
typedef struct Asker Asker;

/* What `options` points to is borrowed for as long as the asker lives. NULL: out of memory. */
Asker *asker_new(sd_event *event, const AskerOptions *options);

/* The watch in force, copied: step, version, masters, and the items that a question is about. */
void asker_set_watch(Asker *asker, const Watch *watch);

/* The token for servers of a strict cluster, from the next question on; it is kept in locked
 * memory, and goes to rollpatch-probe's stdin. NULL: forget it. -ENOMEM: the one before stays. */
int asker_set_login(Asker *asker, const Login *login);
uint64_t asker_get_login(const Asker *asker); /* serial; 0: none */

/* The same token as another asker has. -ENOMEM as above. */
int asker_copy_login(Asker *asker, const Asker *from);

/* All questions must be freed before. */
void asker_free(Asker *asker);
DEFINE_AUTO(Asker, asker_free)

typedef struct Question Question;

/* Called once, unless freed before, and never from within question_start(). One sample for each
 * item that the task covered when it was asked; borrowed. May free the question. */
typedef void (*QuestionDone)(
                Question *question, const Sample samples[], size_t count, void *userdata);

/* NULL: out of memory. */
Question *question_start(Asker *asker, const Task *task, QuestionDone on_done, void *userdata);

/* Kills what is asked. */
void question_free(Question *question);
DEFINE_AUTO(Question, question_free)
