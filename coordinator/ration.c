/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/ration.h"

/* A claim may bring all steps that a node knows, and a step that goes wrong a verdict of each check
 * several times. */
static const BudgetRate words = { .per_second = 1, .at_once = 256 };
static const BudgetRate verdicts = { .per_second = 2, .at_once = 256 };

bool ration_take(Ration *ration, EventKind kind, usec_t now, bool *ret_is_first) {
        bool may = kind == EVENT_CHECK ? budget_take(&ration->verdicts, verdicts, now)
                                       : budget_take(&ration->words, words, now);

        *ret_is_first = !may && !ration->is_over;
        ration->is_over = !may;
        return may;
}
