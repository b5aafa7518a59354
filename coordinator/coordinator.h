/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "common/json.h"
#include "coordinator/config.h"
#include "coordinator/decide.h"
#include "coordinator/endpoint.h"
#include "coordinator/waiting.h"

/* The shell round the pure core: it owns log, state, facts, link and control socket, and is the
 * only writer of state. Its one rule: commit, then apply, then decide, then commit what was
 * decided, and only then send. */

typedef struct Coordinator Coordinator;

/* Opens the log, replays it, claims the next epoch (promise 9), and listens. */
int coordinator_new(sd_event *event, const DaemonConfig *config, Coordinator **ret, Error *error);

/* Commits events that an operator's command has made, all or none, then lets the core decide. */
int coordinator_commit(Coordinator *coordinator, Event *events, size_t count, Error *error);
void coordinator_turn(Coordinator *coordinator);

/* What answers are made of. Borrowed. */
const DaemonConfig *coordinator_get_config(const Coordinator *coordinator);
const State *coordinator_get_state(const Coordinator *coordinator);
const Facts *coordinator_get_facts(const Coordinator *coordinator);
const Why *coordinator_get_why(const Coordinator *coordinator);
const Waiting *coordinator_get_waiting(const Coordinator *coordinator);
Waiting *coordinator_edit_waiting(Coordinator *coordinator);
EndpointCounters coordinator_get_link(const Coordinator *coordinator);
void coordinator_get_public_keys(
                const Coordinator *coordinator,
                uint8_t ret_channel[static KEY_SIZE],
                uint8_t ret_signing[static KEY_SIZE]);
struct Store *coordinator_get_store(const Coordinator *coordinator);

/* For requests that only nodes can answer (later.h). A wish: these nodes are asked at once; its
 * number is what they answer with. */
struct Later *coordinator_get_later(Coordinator *coordinator);
uint64_t coordinator_wish(Coordinator *coordinator, const size_t nodes[], size_t count);
void coordinator_send(Coordinator *coordinator, size_t node, const Message *message);
void coordinator_answer(
                Coordinator *coordinator,
                uint64_t ticket,
                int status,
                Json *answer,
                const Error *error);

const struct Iam *coordinator_get_iam(const Coordinator *coordinator);

/* Why the log cannot be written now, and since when (boot time); NULL: it can. */
const char *coordinator_get_log_problem(const Coordinator *coordinator, usec_t *ret_since);

void coordinator_free(Coordinator *coordinator);
DEFINE_AUTO(Coordinator, coordinator_free)
