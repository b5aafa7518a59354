/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "proto/schema.h"

/* The system journal of this host. It is a convenience: that it cannot be read stops nothing. */

/* The place of its newest entry; whatever is logged later lies behind it. */
int journal_read_cursor(char ret[static CURSOR_MAX], Error *error);

typedef struct JournalTail JournalTail;

/* Follows what `unit` prints, from `cursor` on (empty: from the beginning). */
int journal_tail_new(
                sd_event *event,
                const char *unit,
                const char *cursor,
                JournalTail **ret,
                Error *error);

/* The last lines so far, at most TAIL_MAX - 1 bytes, fit for a message. */
void journal_tail_get(JournalTail *tail, char ret[static TAIL_MAX]);

void journal_tail_free(JournalTail *tail);
DEFINE_AUTO(JournalTail, journal_tail_free)
