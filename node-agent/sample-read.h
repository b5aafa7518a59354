/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/error.h"
#include "common/json.h"
#include "proto/message.h"

/* What rollpatch-probe says, as samples. Strict: every member of every sample is one we know, of
 * the type and within the bounds we know, and the answer is to what was asked; otherwise the whole
 * answer is refused, and nothing is known. Only text for people is cut where it is too long. Pure.
 */

/* `answer` is {"samples":[...]}. At most `max` samples, all of `check`. */
int sample_read(const Json *answer,
                const char *check,
                Sample samples[],
                size_t max,
                size_t *ret_count,
                Error *error);
