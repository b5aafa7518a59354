/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/parse.h"
#include "proto/frame.h"
#include "proto/noise.h"
#include "proto/schema.h"

/* What is round the first Noise message of a node (transport 4.2). Pure.
 *
 *   JOIN  header | mac1[16] | token id[8] | first message of IKpsk1
 *   HS1   header | mac1[16] | first message of IK
 *
 * mac1 is a BLAKE2b of all that follows it, keyed with the coordinator's public key. It proves
 * nothing but that the sender was given that key, which only config management hands out; but it
 * costs a microsecond, and what comes after it several X25519. It is checked here, so what was
 * decoded has passed it. The answer, HS2, is a header and the second message, and has none. */

#define MAC1_SIZE 16

#define HANDSHAKE_FRAME_MAX (FRAME_HEADER_MAX + MAC1_SIZE + TOKEN_ID_SIZE + NOISE_MESSAGE_MAX)

typedef struct Mac1Key {
        uint8_t bytes[KEY_SIZE];
} Mac1Key;

/* Borrowed from the frame. */
typedef struct Handshake {
        const uint8_t *token; /* TOKEN_ID_SIZE bytes; NULL: an HS1 */
        const uint8_t *message;
        size_t size;
} Handshake;

/* `coordinator` is its public key. Made once, used for all nodes. */
void mac1_key_init(Mac1Key *key, const uint8_t coordinator[static KEY_SIZE]);

/* Writes the whole frame, JOIN with a token and HS1 without, and returns its size. */
size_t handshake_encode(
                const Mac1Key *key,
                const Handshake *handshake,
                uint8_t buffer[static HANDSHAKE_FRAME_MAX]);

/* ERROR_INVALID: no handshake of this length. ERROR_DENIED: wrong mac1. */
int handshake_decode(const Mac1Key *key, const Frame *frame, Handshake *ret, Error *error);

/* The prologue: protocol and version, the cluster, and for a JOIN the id of its token. Returns its
 * size. */
#define HANDSHAKE_PROTOCOL "rollpatch/1"
#define PROLOGUE_MAX       (sizeof(HANDSHAKE_PROTOCOL) + NAME_TEXT_MAX + TOKEN_ID_SIZE)
size_t handshake_prologue(
                const char *cluster, const uint8_t *token, uint8_t buffer[static PROLOGUE_MAX]);
