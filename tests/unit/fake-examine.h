/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/examine.h"

/* In place of node-agent/examine.c, for tests that have no journal and no units: one examination at
 * a time, which sees what the test says. */

unsigned fake_examine_count(void); /* how many were started */

/* A line of the journal of the one under way. */
void fake_examine_line(const char *text);

void fake_examine_end(void);

/* The same, and the step is known: its script runs since then (wall clock). */
void fake_examine_end_in_step(usec_t started_at);
