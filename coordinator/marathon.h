/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/facts.h"

/* What the masters say of Marathon, together. Pure. */

/* Whoever finds that Marathon's leader is elsewhere asks no more, and passes: where nobody finds it
 * on his own address, its apps were asked of nobody. More than one: its name is no address. Where
 * there is no Marathon, there is nothing to ask. */
bool marathon_is_asked(const State *state, const Facts *facts, usec_t now, Why *ret_why);
