/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/state.h"

/* Tells the journal what has just become true, with the fields by which it can be searched. */
void event_log(const State *state, const Event *event);
