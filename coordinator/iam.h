/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "coordinator/config.h"
#include "coordinator/login.h"

/* Has the token that servers of a strict cluster want to see: asks `rollpatch-probe login` for it
 * when that is due (login.h), and keeps it in locked memory. It is in no log, and in no event. */

typedef struct Iam Iam;

/* The configuration, borrowed, may say nothing of a login: then there is never a token.
 * ERROR_INVALID: it contradicts itself. */
int iam_new(sd_event *event, const DaemonConfig *config, Iam **ret, Error *error);

/* Looks whether something is due. */
void iam_turn(Iam *iam, usec_t now);

uint64_t iam_get_serial(const Iam *iam); /* of the token; 0: there is none */

/* The caller wipes the message. ERROR_NOT_FOUND: the token is another one by now, or gone. */
int iam_fill(const Iam *iam, Login *login, Error *error);

/* A node's sample, which may say that the token was refused. */
void iam_hear(Iam *iam, const char *node, const Sample *sample, usec_t now);

/* What a person must know, since when (boot time), and what to type; false: nothing. */
bool iam_get_problem(
                const Iam *iam,
                usec_t now,
                char ret[static REASON_MAX],
                char ret_advice[static REASON_MAX],
                usec_t *ret_since);

void iam_free(Iam *iam);
DEFINE_AUTO(Iam, iam_free)
