/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/state.h"

/* An event that has been committed and applied goes to the journal too, for people, with what it is
 * about. */
void event_log(const State *state, const Event *event);
