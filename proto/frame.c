/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/frame.h"

#include <errno.h>
#include <string.h>

/* The clear header of a body. Everything in it comes from a stranger: nothing is read before its
 * length is known, and what is not exactly as this version writes it is refused. */

#define FRAME_VERSION 1

#define PREFIX_SIZE 4 /* version, kind, two zero bytes */
#define WORD_SIZE   8
#define HINT_SIZE   1

static uint64_t read_be64(const uint8_t *bytes) {
        uint64_t value = 0;

        for (size_t i = 0; i < WORD_SIZE; i++)
                value = value << 8 | bytes[i];

        return value;
}

static void write_be64(uint8_t *bytes, uint64_t value) {
        for (size_t i = WORD_SIZE; i > 0; i--) {
                bytes[i - 1] = (uint8_t) value;
                value >>= 8;
        }
}

/* 0 for a kind that is none. */
static size_t header_size(FrameKind kind) {
        switch (kind) {
        case FRAME_JOIN:
        case FRAME_HS1:
        case FRAME_HS2:
                return PREFIX_SIZE;

        case FRAME_DATA:
                return PREFIX_SIZE + 2 * WORD_SIZE;

        case FRAME_NOS:
                return PREFIX_SIZE + WORD_SIZE;

        case FRAME_HINT:
                return PREFIX_SIZE + HINT_SIZE;
        }

        return 0;
}

static int check_prefix(const uint8_t *bytes, size_t size, Error *error) {
        if (size < PREFIX_SIZE) {
                return error_setf(
                                error, ERROR_INVALID, "frame has %zu bytes, want at least %d", size,
                                PREFIX_SIZE);
        }

        if (bytes[0] > FRAME_VERSION) {
                return error_setf(
                                error, ERROR_VERSION, "speaks version %d, want %d", bytes[0],
                                FRAME_VERSION);
        }

        if (bytes[0] != FRAME_VERSION) {
                return error_setf(
                                error, ERROR_INVALID, "frame has version %d, want %d", bytes[0],
                                FRAME_VERSION);
        }

        if (bytes[2] != 0 || bytes[3] != 0) {
                return error_setf(
                                error, ERROR_INVALID,
                                "reserved bytes of the frame are %02x %02x, want zero", bytes[2],
                                bytes[3]);
        }

        return 0;
}

static int check_size(FrameKind kind, size_t size, Error *error) {
        size_t header = header_size(kind);

        if (header == 0)
                return error_setf(error, ERROR_INVALID, "unknown kind of frame %d", (int) kind);

        if (size < header) {
                return error_setf(
                                error, ERROR_INVALID,
                                "frame of kind %d has %zu bytes, want at least %zu", (int) kind,
                                size, header);
        }

        if ((kind == FRAME_NOS || kind == FRAME_HINT) && size != header) {
                return error_setf(
                                error, ERROR_INVALID, "frame of kind %d has %zu bytes, want %zu",
                                (int) kind, size, header);
        }

        return 0;
}

static int check_hint(const uint8_t *bytes, FrameHint *ret, Error *error) {
        const uint8_t hint = bytes[PREFIX_SIZE];

        if (hint < FRAME_HINT_VERSION || hint > FRAME_HINT_SEAL)
                return error_setf(error, ERROR_INVALID, "unknown hint %d", hint);

        *ret = (FrameHint) hint;
        return 0;
}

int frame_decode(const void *data, size_t size, Frame *ret, Error *error) {
        const uint8_t *bytes = data;
        Frame frame = {};
        size_t header;
        int r;

        r = check_prefix(bytes, size, error);
        if (r < 0)
                return r;

        frame.kind = (FrameKind) bytes[1];
        r = check_size(frame.kind, size, error);
        if (r < 0)
                return r;

        header = header_size(frame.kind);
        if (header >= PREFIX_SIZE + WORD_SIZE)
                frame.session = read_be64(bytes + PREFIX_SIZE);

        if (header >= PREFIX_SIZE + 2 * WORD_SIZE)
                frame.counter = read_be64(bytes + PREFIX_SIZE + WORD_SIZE);

        if (frame.kind == FRAME_HINT) {
                r = check_hint(bytes, &frame.hint, error);
                if (r < 0)
                        return r;
        }

        frame.body = bytes + header;
        frame.body_size = size - header;
        *ret = frame;
        return 0;
}

int frame_encode(const Frame *frame, uint8_t *buffer, size_t capacity, size_t *ret_size) {
        size_t header = header_size(frame->kind);

        assert(header > 0);

        if (capacity < header || capacity - header < frame->body_size)
                return -EMSGSIZE;

        buffer[0] = FRAME_VERSION;
        buffer[1] = (uint8_t) frame->kind;
        buffer[2] = buffer[3] = 0;
        if (header >= PREFIX_SIZE + WORD_SIZE)
                write_be64(buffer + PREFIX_SIZE, frame->session);

        if (header >= PREFIX_SIZE + 2 * WORD_SIZE)
                write_be64(buffer + PREFIX_SIZE + WORD_SIZE, frame->counter);

        if (frame->kind == FRAME_HINT)
                buffer[PREFIX_SIZE] = (uint8_t) frame->hint;

        if (frame->body_size > 0)
                memcpy(buffer + header, frame->body, frame->body_size);

        *ret_size = header + frame->body_size;
        return 0;
}
