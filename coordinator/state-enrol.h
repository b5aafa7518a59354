/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/state.h"

/* The events of enrolment, for state-apply.c alone. Pure. */

int check_token_made(const State *state, const Event *event, Error *error);
int check_token_revoked(const State *state, const Event *event, Error *error);
int check_key(const State *state, const Event *event, Error *error);

int apply_token_made(State *state, const Event *event);
int apply_token_revoked(State *state, const Event *event);
int apply_key(State *state, const Event *event);

/* -ENOMEM: then `ret` holds nothing. */
int enrol_copy(const Enrol *enrol, Enrol *ret);
void enrol_done(Enrol *enrol);
