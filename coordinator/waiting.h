/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/enrol-judge.h"

/* Who was turned away lately. Anybody who has the coordinator's public key can get in here, with as
 * many keys as they like; so it is bounded, it is memory and not the log, and the oldest goes
 * first. A node that waits to be approved comes again and again, and so comes back.
 *
 * Who names a token and does not know its secret has proven nothing, not even a key, and costs us
 * the least; so these have few places and few lines of their own, and take none from those that a
 * person is to rule on. Pure. */

#define WAITING_MAX          256
#define WAITING_UNPROVEN_MAX 16

/* How many lines of the audit strangers can write: so many at once, and one more each span. */
#define WAITING_NEWS_MAX          100
#define WAITING_UNPROVEN_NEWS_MAX 20
#define WAITING_NEWS_SPAN         USEC_PER_MINUTE

typedef struct WaitingEntry {
        EnrolRequest request;
        Denial denial;
        usec_t first; /* wall clock */
        usec_t last;
        uint64_t count;
} WaitingEntry;

typedef struct WaitingNews {
        uint64_t told; /* lines of the audit written and not made up for */
        usec_t at;
        uint64_t unwritten; /* that would have been too many */
} WaitingNews;

typedef struct Waiting {
        WaitingEntry entries[WAITING_MAX]; /* each of another key, which was proven */
        size_t count;
        WaitingNews news;
        WaitingEntry unproven[WAITING_UNPROVEN_MAX]; /* each of another token */
        size_t unproven_count;
        WaitingNews unproven_news;
} Waiting;

/* Notes a refusal. True: it is news, and `ret` is a line for the audit. */
bool waiting_note(
                Waiting *waiting,
                const Enrol *enrol,
                const EnrolRequest *request,
                Denial denial,
                usec_t wall,
                Event *ret);

/* The newest request of the key with this fingerprint. NULL: it is not there. */
const WaitingEntry *waiting_find(const Waiting *waiting, const char *fingerprint);

/* Pending, conflict, or what the state says of the key by now. */
Enrolment waiting_state(const WaitingEntry *entry, const Enrol *enrol);

/* Whether it is still of interest: nobody has ruled on that key since. */
bool waiting_is_open(const WaitingEntry *entry, const Enrol *enrol);
