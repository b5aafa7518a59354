/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/config.h"
#include "coordinator/state.h"
#include "proto/keys.h"

/* Everything that makes a coordinator what it is, in one file: log, keys, configuration. Both of
 * these need no daemon, and do not mind one that is running. */

typedef struct SavedState {
        uint64_t events;
        usec_t newest; /* wall clock of the newest event; 0: none */
        uint64_t epoch;
        uint64_t nodes;    /* that have reported */
        uint64_t enrolled; /* keys that count */
        uint64_t runs;
        char cluster[NAME_TEXT_MAX];
        char fingerprint[KEY_FINGERPRINT_MAX]; /* of the channel key */
} SavedState;

/* `path` must not exist. On disk, 0600, when this returns 0; otherwise nothing is left of it. */
int saved_state_make(const char *config, const char *path, Error *error);

/* Reads all of it: every event is decoded and folded, the keys must be whole. */
int saved_state_check(const char *path, SavedState *ret, Error *error);
