/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "common/error.h"
#include "proto/schema.h"

/* The two handshakes of the channel, Noise IK and IKpsk1 with 25519, ChaChaPoly and SHA256 (Noise
 * rev. 34), and the encryption that follows them. Pure.
 *
 *      node, the initiator                 coordinator, the responder
 *      noise_initiate                      noise_respond
 *      noise_write ── e, s, payload ─────▶ noise_read      who is it? whom may it be?
 *      noise_read  ◀──────── e, payload ── noise_write
 *      noise_split                         noise_split
 *
 * Both sides are sure of each other's static key after their noise_read, and the keys of the
 * session die with it. One thing to know: the first message can be recorded and sent again. Its
 * payload is authentic, but may be old, and the second message is of no use to who repeats the
 * first. So what the first one says may only count once something has come that was sealed with the
 * split keys.
 *
 * noise_read and noise_write change nothing when they fail: the initiator goes on waiting for the
 * answer after a forged one. There is one suite and nothing to negotiate. */

#define NOISE_HASH_SIZE 32
#define NOISE_TAG_SIZE  16

/* The payload of a handshake message, and what the messages add to it. */
#define NOISE_PAYLOAD_MAX     2048
#define NOISE_FIRST_OVERHEAD  (KEY_SIZE + KEY_SIZE + 2 * NOISE_TAG_SIZE)
#define NOISE_SECOND_OVERHEAD (KEY_SIZE + NOISE_TAG_SIZE)
#define NOISE_MESSAGE_MAX     (NOISE_FIRST_OVERHEAD + NOISE_PAYLOAD_MAX)

typedef enum NoisePattern {
        NOISE_IK,     /* the responder knows the initiator's key, or will not have it */
        NOISE_IKPSK1, /* both know a secret besides; without it the first message does not open */
} NoisePattern;

typedef enum NoiseStage {
        NOISE_NONE, /* of a Noise that is all zeros, or wiped */
        NOISE_FIRST,
        NOISE_SECOND,
        NOISE_COMPLETE,
} NoiseStage;

/* All but the prologue are KEY_SIZE bytes. `secret`, `public` and `psk` are borrowed for the
 * life of the handshake, so that no copy of them has to be wiped. */
typedef struct NoiseSetup {
        NoisePattern pattern;
        const void *prologue; /* what both must agree on beforehand */
        size_t prologue_size;
        const uint8_t *secret; /* the own static pair */
        const uint8_t *public;
        const uint8_t *peer; /* the static key of the responder; NULL for the responder itself */
        const uint8_t *psk;  /* for NOISE_IKPSK1, else NULL */
} NoiseSetup;

typedef struct Noise {
        NoiseStage stage; /* which message is next */
        bool is_initiator;
        const uint8_t *secret, *public, *psk;
        uint8_t peer[KEY_SIZE]; /* the responder knows it after noise_read */
        uint8_t peer_ephemeral[KEY_SIZE];
        uint8_t ephemeral[KEY_SIZE];
        uint8_t chaining[NOISE_HASH_SIZE];
        uint8_t hash[NOISE_HASH_SIZE]; /* when complete: unique to this session, equal on both sides
                                        */
        uint8_t key[KEY_SIZE];
} Noise;

/* One a direction. */
typedef struct NoiseKeys {
        uint8_t send[KEY_SIZE];
        uint8_t receive[KEY_SIZE];
} NoiseKeys;

void noise_initiate(Noise *noise, const NoiseSetup *setup);
void noise_respond(Noise *noise, const NoiseSetup *setup);

/* `ephemeral` is 32 bytes that are random and used for nothing else, ever. ERROR_TOO_BIG: the
 * payload is. ERROR_CONFLICT: not our turn. ERROR_INVALID: the peer's key is none. */
int noise_write(Noise *noise,
                const uint8_t ephemeral[static KEY_SIZE],
                const void *payload,
                size_t size,
                uint8_t message[static NOISE_MESSAGE_MAX],
                size_t *ret_size,
                Error *error);

/* ERROR_INVALID: no handshake message. ERROR_DENIED: one that was made with other keys, for another
 * prologue or with another psk, or that was changed on its way. ERROR_CONFLICT: not the peer's
 * turn. What is in `payload` after a failure is nothing to look at. */
int noise_read(Noise *noise,
               const uint8_t *message,
               size_t size,
               uint8_t payload[static NOISE_PAYLOAD_MAX],
               size_t *ret_size,
               Error *error);

/* The handshake is complete. Wipes it. */
void noise_split(Noise *noise, NoiseKeys *ret);

/* To be called for every handshake that is given up, and for keys after their session. */
void noise_wipe(Noise *noise);
void noise_keys_wipe(NoiseKeys *keys);

/* After the handshake: `counter` must never come twice with the same key, and is not UINT64_MAX.
 * Writes size + NOISE_TAG_SIZE bytes. `clear` is authenticated, not encrypted. */
void noise_seal(const uint8_t key[static KEY_SIZE],
                uint64_t counter,
                const void *clear,
                size_t clear_size,
                const void *plain,
                size_t size,
                uint8_t *sealed);

/* Whether it is authentic. Then, and only then, `plain` holds size - NOISE_TAG_SIZE bytes. */
MUST_USE bool noise_open(
                const uint8_t key[static KEY_SIZE],
                uint64_t counter,
                const void *clear,
                size_t clear_size,
                const uint8_t *sealed,
                size_t size,
                uint8_t *plain);
