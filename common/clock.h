/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/span.h"

/* The only place that asks the machine what time it is (clock_gettime is used nowhere else). Pure
 * code gets the time as an argument. */

usec_t clock_boottime(void); /* goes on during suspend, never set by anybody */
usec_t clock_cpu(void);      /* of this thread: what something has cost, not how long it took */
usec_t clock_wall(void);     /* for records that people read, never for decisions */
