/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/span.h"
#include "proto/schema.h"

/* The system journal of this host. It is a convenience: that it cannot be read stops nothing. */

/* The place of its newest entry; whatever is logged later lies behind it. */
int journal_read_cursor(char ret[static CURSOR_MAX], Error *error);

/* The place behind which everything lies that was logged since then (wall clock; USEC_INFINITY:
 * from now on). */
int journal_find_cursor(usec_t since, char ret[static CURSOR_MAX], Error *error);

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

/* --- reading what some units have logged --- */

typedef struct JournalScan JournalScan;

/* What the units have printed, and what systemd has said about them, behind `cursor`. The names of
 * the units are borrowed for as long as the scan lives. */
int journal_scan_new(
                const char *cursor,
                const char *const units[],
                size_t count,
                JournalScan **ret,
                Error *error);

typedef struct JournalLine {
        const char *unit; /* one of those that were asked for */
        const char *text; /* terminated, cut at some KiB; foreign bytes */
        char cursor[CURSOR_MAX];
        usec_t at; /* wall clock of this host; 0: not known */
} JournalLine;

/* Goes on from where it stopped, by at most `max` entries. 1: there may be more; 0: that was all so
 * far. */
int journal_scan_read(
                JournalScan *scan,
                size_t max,
                void (*on_line)(const JournalLine *line, void *userdata),
                void *userdata,
                Error *error);

/* Keeps the place and nothing else, until it is read again: an open journal keeps pieces of all its
 * files in memory. */
void journal_scan_rest(JournalScan *scan);

void journal_scan_free(JournalScan *scan);
DEFINE_AUTO(JournalScan, journal_scan_free)
