/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "proto/keys.h"

/* The coordinator's two keys, out of its state directory: with the one it speaks, with the other it
 * signs. `rollpatch init` makes them; nothing here does, because a coordinator with another key is
 * a stranger to every node. */

typedef struct OwnKeys {
        KeyPair *channel;
        KeyPair *signing;
} OwnKeys;

/* ERROR_NOT_FOUND: one of them is missing, and what to do about it. */
int own_keys_load(const char *state_dir, OwnKeys *ret, Error *error);
void own_keys_done(OwnKeys *keys);
