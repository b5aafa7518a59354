/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/macro.h"
#include "common/span.h"

/* So many of something a second, and so many at once at most: a token bucket. All zeros is one that
 * was never used, and is full. No clock: all `now` of one budget must be of the same. */

typedef struct Budget {
        uint64_t left; /* in millionths, so that a microsecond brings `per_second` of them */
        usec_t filled; /* 0: never used */
} Budget;

typedef struct BudgetRate {
        uint32_t per_second;
        uint32_t at_once;
} BudgetRate;

/* False: there is none left now. */
bool budget_take(Budget *budget, BudgetRate rate, usec_t now);
