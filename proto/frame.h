/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/* The clear part of what goes into one nanomsg body (transport 4.2). Big endian. Pure.
 *
 *   JOIN  01 01 00 00 | body            first words of a node that nobody knows (handshake.h)
 *   HS1   01 02 00 00 | body            first words of a node
 *   HS2   01 03 00 00 | body            answer: session id, then parameters
 *   DATA  01 04 00 00 | session[8] | counter[8] | body
 *   NOS   01 05 00 00 | session[8]      "unknown session", a hint
 *   HINT  01 06 00 00 | hint[1]         why a JOIN or HS1 was not answered, a hint
 */
typedef enum FrameKind {
        FRAME_JOIN = 1,
        FRAME_HS1 = 2,
        FRAME_HS2 = 3,
        FRAME_DATA = 4,
        FRAME_NOS = 5,
        FRAME_HINT = 6,
} FrameKind;

/* What is wrong with a JOIN or HS1 whose sender could not be made out, so that nothing can be
 * sealed for him. Anybody can write such a frame: it is for the node's log, and never a reason to
 * do more than to wait a little longer. */
typedef enum FrameHint {
        FRAME_HINT_VERSION = 1, /* of a newer version than ours */
        FRAME_HINT_TOKEN = 2,   /* there is no such token (any more) */
        FRAME_HINT_SEAL = 3,    /* it was given our key, but neither our cluster nor that secret */
} FrameHint;

#define FRAME_HEADER_MAX 20

typedef struct Frame {
        FrameKind kind;
        uint64_t session;    /* DATA and NOS */
        uint64_t counter;    /* DATA */
        const uint8_t *body; /* borrowed from what was decoded */
        size_t body_size;
        FrameHint hint; /* HINT */
} Frame;

/* ERROR_VERSION: a newer version. ERROR_INVALID: no frame. */
int frame_decode(const void *data, size_t size, Frame *ret, Error *error);

/* Writes header and body into `buffer`. -EMSGSIZE when it does not fit. */
int frame_encode(const Frame *frame, uint8_t *buffer, size_t capacity, size_t *ret_size);
