/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "proto/frame.h"
#include "proto/message.h"
#include "proto/replay.h"

/* Who is talking: one session of a node with the coordinator. Bytes in, bytes out; no I/O, no
 * clock.
 *
 * This is the lab session: it numbers, orders and bounds, but neither encrypts nor authenticates;
 * rollpatchd therefore binds only what --lab names. The functions are those that the authenticated
 * session will have, so nothing above them changes.
 *
 * Counters: each side counts its DATA frames from 1 in each session. A frame is accepted once
 * (replay.h). `newest` tells that it is the highest: only then may the route be learnt from it
 * (transport 4.2). */

/* Room for any frame of a session, with what authentication will add to it. */
#define SESSION_BYTES_MAX (MESSAGE_BYTES_MAX + 256)

typedef struct Session {
        uint64_t id; /* 0: none */
        uint64_t sent;
        ReplayWindow window; /* of what the other side sent */
} Session;

/* node: HS1 from `hello`; then HS2 makes the session. */
int session_hello(
                const Message *hello,
                uint8_t *buffer,
                size_t capacity,
                size_t *ret_size,
                Error *error);
int session_welcomed(Session *session, const Frame *hs2, Message *ret_welcome, Error *error);

/* coordinator: `frame` is HS1; gives the hello. The caller picks an id that was never used before
 * in its life and answers with HS2. */
int session_greet(const Frame *hs1, Message *ret_hello, Error *error);
int session_accept(
                Session *session,
                uint64_t id,
                const Message *welcome,
                uint8_t *buffer,
                size_t capacity,
                size_t *ret_size,
                Error *error);

/* both */
int session_seal(
                Session *session,
                const Message *message,
                uint8_t *buffer,
                size_t capacity,
                size_t *ret_size,
                Error *error);

/* ERROR_CONFLICT: replayed or too old. Nothing changes on failure. */
int session_open(Session *session, const Frame *data, Message *ret, bool *ret_newest, Error *error);
