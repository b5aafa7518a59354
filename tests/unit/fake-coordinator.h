/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/coordinator.h"
#include "coordinator/later.h"
#include "coordinator/store.h"
#include "tests/unit/core-lab.h"

/* What operator.c and answers.c see of the coordinator, on a Lab: no link, no socket, a log in a
 * directory of its own and a clock by hand. It stands in the place of coordinator.c and clock.c. */

struct Coordinator {
        Lab *lab;
        Store *store;
        DaemonConfig config;
        Waiting waiting;
        char dir[64];
        uint64_t stored; /* events of the lab that are in the store */
        EndpointCounters link;
        const char *log_problem;
        bool full; /* nothing can be committed */
        unsigned turns;

        struct Later *later;
        struct Iam *iam;
        size_t sent_to; /* what coordinator_send() was given last */
        Message sent;
        unsigned sent_count;
        uint64_t answered; /* ticket of the newest answer that was put off */
        int status;
        Json *answer;
        Error error;
};

/* Takes the lab; coordinator_free() ends it all. */
Coordinator *fake_coordinator_new(Lab *lab);

/* What the lab has committed by itself is put into the store. */
void fake_coordinator_store(Coordinator *coordinator);
