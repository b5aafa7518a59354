/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/parse.h"
#include "proto/frame.h"
#include "proto/handshake.h"
#include "proto/keys.h"
#include "proto/message.h"
#include "proto/noise.h"
#include "proto/replay.h"
#include "proto/token.h"

/* Who is talking: one session of a node with the coordinator, authenticated and encrypted. Bytes
 * in, bytes out; no I/O, no clock. Randomness is the one thing that is fetched here.
 *
 *      node                                     coordinator
 *      session_hello ── JOIN or HS1: hello ───▶ handshake_decode, session_greet
 *                                               whose key is it? may it come in?
 *      session_welcomed ◀─── HS2: welcome ───── session_accept, or session_refuse
 *      session_seal, session_open ◀── DATA ───▶ session_open, session_seal
 *
 * JOIN and HS1 can be recorded and sent again by anybody: what they say is authentic, and may be
 * old. So the coordinator believes it only with the first DATA of the session, which no replayer
 * can make.
 *
 * Counters: each side counts its DATA frames from 1 in each session. A frame is accepted once
 * (replay.h). `newest` tells that it is the highest: only then may the route be learnt from it
 * (transport 4.2). */

/* Room for any frame of a session. */
#define SESSION_BYTES_MAX (FRAME_HEADER_MAX + MESSAGE_BYTES_MAX + NOISE_TAG_SIZE)

static_assert(SESSION_BYTES_MAX >= HANDSHAKE_FRAME_MAX, "a handshake is one of them");

/* A session that has carried so many frames in one direction is to be replaced by a new one. */
#define SESSION_FRAMES_MAX (UINT64_C(1) << 32)

/* What one end brings to all its sessions. */
typedef struct SessionEnd {
        char cluster[NAME_TEXT_MAX];
        const KeyPair *own;            /* borrowed; a channel key */
        uint8_t coordinator[KEY_SIZE]; /* its public key */
        Mac1Key mac1;
} SessionEnd;

/* `coordinator` is NULL at the coordinator itself. */
void session_end_init(
                SessionEnd *end,
                const char *cluster,
                const KeyPair *own,
                const uint8_t *coordinator);

typedef struct Session {
        uint64_t id; /* 0: none */
        uint64_t sent;
        ReplayWindow window; /* of what the other side sent */
        NoiseKeys keys;
} Session;

void session_wipe(Session *session);

/* It has been used so much that it is time for a new one. */
bool session_is_worn(const Session *session);

/* --- node --- */

/* First words that wait for their answer. All zeros: none do. Must stay where it was made. */
typedef struct Greeting {
        Noise noise;
        uint8_t psk[KEY_SIZE];
} Greeting;

/* JOIN with a token, HS1 without. Takes the place of a greeting that was there. */
int session_hello(
                const SessionEnd *end,
                const Token *token,
                const Message *hello,
                Greeting *greeting,
                uint8_t buffer[static SESSION_BYTES_MAX],
                size_t *ret_size,
                Error *error);

/* The greeting is over when this returns 0: `session` is the new one, or, where the welcome says
 * `refused`, was left as it is. On failure (anybody can send a frame) it goes on waiting. */
int session_welcomed(
                Greeting *greeting,
                Session *session,
                const Frame *hs2,
                Message *ret_welcome,
                Error *error);

void greeting_wipe(Greeting *greeting);

/* --- coordinator --- */

/* First words that were opened, and are to be answered. */
typedef struct Guest {
        Noise noise; /* its `peer` is whose words these are */
        Hello hello;
} Guest;

/* `psk` belongs to the token of `handshake`; NULL for an HS1. ERROR_DENIED: does not open, or not
 * with the token's own secret. The guest is to be answered or wiped. */
int session_greet(
                const SessionEnd *end,
                const Handshake *handshake,
                const uint8_t *psk,
                Guest *ret,
                Error *error);

/* The caller picks an id that was never used before in its life. Both end the handshake. */
int session_accept(
                Guest *guest,
                uint64_t id,
                const Message *welcome,
                Session *session,
                uint8_t buffer[static SESSION_BYTES_MAX],
                size_t *ret_size,
                Error *error);

/* HS2 without a session: `reason` says why, and what to do; `again`, when to ask again. */
int session_refuse(
                Guest *guest,
                const char *reason,
                usec_t again,
                uint8_t buffer[static SESSION_BYTES_MAX],
                size_t *ret_size,
                Error *error);

void guest_wipe(Guest *guest);

/* --- both --- */

/* Made in `buffer`, which holds the bare message meanwhile, and what is left of it after a failure.
 * A node agent on a small machine has no second buffer of this size for it. */
int session_seal(
                Session *session,
                const Message *message,
                uint8_t *buffer,
                size_t capacity,
                size_t *ret_size,
                Error *error);

/* ERROR_NOT_FOUND: of another session. ERROR_CONFLICT: replayed or too old. ERROR_DENIED: not
 * authentic. Nothing changes then. Any other error: the peer itself said what cannot be read; the
 * frame counts as received. */
int session_open(Session *session, const Frame *data, Message *ret, bool *ret_newest, Error *error);
