/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/cleanup.h"
#include "common/error.h"
#include "proto/keys.h"
#include "proto/message.h"

/* Another channel key for this node, when the coordinator asks for one (rollpatch node rekey). The
 * new key is on disk as NEXT_KEY_FILE before it is announced, and takes the place of the present
 * one when the coordinator has acknowledged it: from then on both know both. Whenever this is cut
 * short, the file is found at the next start and announced again, which changes nothing if it was
 * known. */

#define NEXT_KEY_FILE "next.key"

typedef struct Rekey Rekey;

int rekey_new(const char *state_dir, Rekey **ret, Error *error);

/* The coordinator wants another key. Makes one, unless one waits already. */
void rekey_want(Rekey *rekey);

/* True: a key waits; `ret` announces it, to be repeated until it is acknowledged. */
bool rekey_get_announcement(const Rekey *rekey, Message *ret);

/* True: the ack was of the announcement, `ret` is the key to be used from now on; the caller frees
 * it. False: not that, or it was refused or could not be put in its place, and the old key stays.
 */
bool rekey_acknowledge(Rekey *rekey, const Ack *ack, KeyPair **ret);

void rekey_free(Rekey *rekey);
DEFINE_AUTO(Rekey, rekey_free)
