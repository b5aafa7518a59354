/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "node-agent/step-journal.h"
#include "node-agent/systemd-bus.h"
#include "proto/message.h"

/* The steps of this node: takes the orders, feeds the machine of job.h, does what it says, and
 * tells the coordinator, again and again until it has acknowledged. Whatever happens to this
 * process, a new one goes on from the files, and starts nothing by itself. */

typedef struct Runner Runner;

/* Hands a message to the link; whether it arrives is nobody's promise. Negative: there is none now.
 */
typedef int (*RunnerSend)(const Message *message, void *userdata);

typedef struct RunnerOptions {
        StepJournal *journal;
        SystemdBus *bus;
        RunnerSend send;
        void *userdata;   /* of `send` */
        const char *name; /* of this node */
        const char *cluster;
        const uint8_t *signing; /* public key of the coordinator, KEY_SIZE bytes */
        Role role;
        const char *root;  /* "/" but in tests */
        const char *probe; /* path of rollpatch-probe */
        const char *step;  /* path of rollpatch-step */
} RunnerOptions;

/* Reads all steps and takes up what is under way. What `options` points to is borrowed for as long
 * as the runner lives. */
int runner_new(sd_event *event, const RunnerOptions *options, Runner **ret, Error *error);

/* CLAIM, STAGE, SLOT, START, ASK, ACK, READ. Anything else is ignored. */
void runner_handle(Runner *runner, const Message *order);

/* Whether what the coordinator says may be followed, by its epoch (dispatch.h). False: it was
 * answered with REFUSED. runner_handle() asks this itself. */
bool runner_order_holds(Runner *runner, const Message *order);

/* A session stands: a good moment to repeat what is not acknowledged. */
void runner_on_up(Runner *runner);

/* Epoch, step and state of the step in hand, or else of the newest that is not over. */
void runner_fill_heartbeat(const Runner *runner, Heartbeat *heartbeat);

uint64_t runner_get_fence(const Runner *runner); /* the highest of all steps */

void runner_free(Runner *runner);
DEFINE_AUTO(Runner, runner_free)
