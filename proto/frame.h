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
 */
typedef enum FrameKind {
        FRAME_JOIN = 1,
        FRAME_HS1 = 2,
        FRAME_HS2 = 3,
        FRAME_DATA = 4,
        FRAME_NOS = 5,
} FrameKind;

#define FRAME_HEADER_MAX 20

typedef struct Frame {
        FrameKind kind;
        uint64_t session;    /* DATA and NOS */
        uint64_t counter;    /* DATA */
        const uint8_t *body; /* borrowed from what was decoded */
        size_t body_size;
} Frame;

/* ERROR_VERSION: a newer version. ERROR_INVALID: no frame. */
int frame_decode(const void *data, size_t size, Frame *ret, Error *error);

/* Writes header and body into `buffer`. -EMSGSIZE when it does not fit. */
int frame_encode(const Frame *frame, uint8_t *buffer, size_t capacity, size_t *ret_size);
