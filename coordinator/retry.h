/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/facts.h"

/* What `retry NODE` does: it looks first, so that nothing that is done is done again. Pure. */

typedef enum RetryChoice {
        RETRY_BLOCKED, /* it cannot be said now what the node has */
        RETRY_UNSAFE,  /* it has something that a person must look at first */
        RETRY_ANEW,    /* it has not what the run wants: another attempt */
        RETRY_JUDGE,   /* it has it already: only its gate is asked again */
} RetryChoice;

/* By what the node itself has answered since its step came to its present state, and just now: its
 * version, and whether its active packages are those of the script. Where only the configuration
 * changes, the version is the wanted one before and after, so there the packages alone decide. The
 * first two choices come with a reason. */
RetryChoice retry_choose(
                const State *state, const Facts *facts, size_t index, usec_t now, Why *ret_why);
