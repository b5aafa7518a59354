/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/check.h"
#include "node-agent/journal.h"

/* Whether the units of DC/OS have logged something fatal (catalogue.h) since a place in the
 * journal. Keeps its place: each line is read once, and a fatal one stays in the count. */

typedef struct JournalCheck JournalCheck;

int journal_check_new(Role role, const char *cursor, JournalCheck **ret, Error *error);

/* Reads on, a bounded piece of work. 1: there may be more; 0: up to the end. */
int journal_check_read(JournalCheck *check, Error *error);

/* What was found up to here. */
void journal_check_judge(const JournalCheck *check, Sample *sample);

/* It will not be read again soon: keeps only its place. */
void journal_check_rest(JournalCheck *check);

void journal_check_free(JournalCheck *check);
DEFINE_AUTO(JournalCheck, journal_check_free)
