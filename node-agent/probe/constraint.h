/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/macro.h"

/* Which placement constraints Marathon takes. check-constraints.py of the documents has rules of
 * its own; where only it objects, or a newer Marathon may know better, the constraint is doubtful,
 * not bad. Pure. */

typedef struct Constraint {
        const char *field;
        const char *operator;
        const char *value; /* NULL: none */
        bool of_pod;       /* operators in capital letters only */
} Constraint;

typedef enum ConstraintVerdict {
        CONSTRAINT_GOOD,
        CONSTRAINT_DOUBTFUL,
        CONSTRAINT_BAD,
} ConstraintVerdict;

/* `ret_why` says why it is not good. */
ConstraintVerdict constraint_judge(const Constraint *constraint, const char **ret_why);
