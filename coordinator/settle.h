/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/state.h"

/* What a node has left open that holds everybody up, in words, and what to type to settle it. Pure.
 */

/* What a node has left open: "its step of run 3 is failed: script ended with status 1". */
void settle_describe(const State *state, const Node *node, char text[static REASON_MAX]);

/* "goes on to its end: m1 (started)", or empty: whom neither a pause nor an abort stops. */
void under_way_describe(const State *state, char *text, size_t size);

/* What to type about a node whose step is unresolved; what it needs is settled there. */
void settle_advise(const State *state, const Node *node, char advice[static REASON_MAX]);
