/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/cleanup.h"
#include "coordinator/event.h"

/* The append-only event log. Small on purpose: another store that can compare-and-append could
 * stand behind it. The embedded one is SQLite (WAL, synchronous=FULL): when store_append returns 0,
 * the events are on disk, all of them; otherwise none is. */

#define STORE_SCHEMA    1
#define STORE_BATCH_MAX 20100 /* a run with 10 000 nodes is made in one append */

typedef struct Store Store;

/* Opens DIR/log.db, making it when it is missing. Holds a lock on DIR for as long as it is open: a
 * second rollpatchd on the same state is refused (ERROR_BLOCKED). A log with a newer schema is
 * refused untouched (ERROR_VERSION), one that is no rollpatch log too. */
int store_open(const char *dir, Store **ret, Error *error);

/* Appends `count` events in one transaction, if the newest event is `expected_seq`; gives each its
 * seq. ERROR_CONFLICT: somebody else has appended. ERROR_NO_SPACE: the disk is full; nothing was
 * written, trying again later is safe. */
int store_append(Store *store, uint64_t expected_seq, Event *events, size_t count, Error *error);

/* Calls `each` for every event after `after`, oldest first, until it returns non-zero, which is
 * then returned. An event that cannot be read is an error that names the file and its seq; to an
 * error of `each` the file is added. */
typedef int (*StoreEach)(const Event *event, void *userdata, Error *error);
int store_read(Store *store, uint64_t after, StoreEach each, void *userdata, Error *error);

/* A consistent copy made while the log is in use (SQLite's backup call). `path` must not exist. */
int store_save(Store *store, const char *path, Error *error);

/* The same of DIR/log.db, whoever uses it: takes no lock and writes nothing there. */
int store_copy(const char *dir, const char *path, Error *error);

void store_free(Store *store);
DEFINE_AUTO(Store, store_free)
