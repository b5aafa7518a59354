/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/error.h"
#include "proto/keys.h"
#include "proto/message.h"

/* What a node is to run as root comes with a signature of the coordinator's signing key, made over
 * everything that decides what is run, where, and by whose order (promise 14). The session says who
 * speaks now; the signature stays in the node's step journal and says later who ordered it.
 *
 * What is signed is text, one line a member, in this order, each ended by a newline:
 *
 *      rollpatch plan 1           the context of key_sign(), not part of the text
 *      cluster prod
 *      epoch 4
 *      run 1a2b3c4d5e6f708192a3b4c5d6e7f809
 *      node m1
 *      step r7-1a2b3c4d-m1-1
 *      from 2.1.0
 *      to 2.1.1
 *      script http://10.0.0.9/node.sh
 *      sha256 9f86d0...
 *      size 48211
 *      timeout 3600000000
 *
 * No member can hold a newline, so two different orders never have the same text. */

/* Fills `stage->signature`; everything else is in it already. ERROR_INVALID: a member that is
 * not one line. */
int signed_plan_sign(Stage *stage, const KeyPair *signing, Error *error);

/* ERROR_DENIED: not signed by the holder of this key, or for another cluster or node than these. */
int signed_plan_check(
                const Stage *stage,
                const char *cluster,
                const char *node,
                const uint8_t signing[static KEY_SIZE],
                Error *error);
