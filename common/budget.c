/* SPDX-License-Identifier: Apache-2.0 */
#include "common/budget.h"

static uint64_t fill(const Budget *budget, BudgetRate rate, usec_t now) {
        uint64_t full = rate.at_once * USEC_PER_SEC;
        usec_t elapsed = span_sub(now, budget->filled);

        if (budget->filled == 0 || elapsed >= USEC_PER_HOUR)
                return full;

        return MIN(budget->left + elapsed * rate.per_second, full);
}

bool budget_take(Budget *budget, BudgetRate rate, usec_t now) {
        budget->left = fill(budget, rate, now);
        budget->filled = now;
        if (budget->left < USEC_PER_SEC)
                return false;

        budget->left -= USEC_PER_SEC;
        return true;
}
