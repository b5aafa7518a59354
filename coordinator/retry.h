/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/facts.h"

/* What is done to a node, by what it has: looked at first, so that nothing that is done is done
 * again; when it is its turn in a run, and at `retry NODE`. Pure. */

/* By what the node itself has answered since its step came to its present state, and just now: its
 * version, and whether its active packages are those of the script. Where only the configuration
 * changes, the version is the wanted one before and after, so there the packages alone decide. The
 * first two choices come with a reason. */
RetryChoice turn_choose(
                const State *state, const Facts *facts, size_t index, usec_t now, Why *ret_why);

/* The same for a node whose step went wrong: it must also be safe to give that step up. */
RetryChoice retry_choose(
                const State *state, const Facts *facts, size_t index, usec_t now, Why *ret_why);
