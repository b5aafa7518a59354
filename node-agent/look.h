/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "node-agent/srvr.h"
#include "proto/message.h"

/* The last look (promise 3): just before it starts its own step, a master asks ZooKeeper (`srvr`)
 * of every master it was told, and connects to its Mesos. All at once, and all in time, or not at
 * all. */

#define LOOK_TIMEOUT USEC_PER_SEC /* for everything together */

#define MESOS_PORT 5050

typedef struct Look Look;

/* Called once, unless freed before, and never from within look_start(). ERROR_NONE: passed. May
 * free the look. */
typedef void (*LookDone)(const Error *error, void *userdata);

/* Without targets it passes. An address that is none fails the look, not the call. */
int look_start(sd_event *event,
               const LookTarget targets[],
               size_t count,
               LookDone on_done,
               void *userdata,
               Look **ret,
               Error *error);

void look_free(Look *look);
DEFINE_AUTO(Look, look_free)
