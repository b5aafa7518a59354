/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/handshake.h"

#include <sodium.h>
#include <string.h>

#include "proto/keys.h"

static_assert(MAC1_SIZE >= crypto_generichash_BYTES_MIN, "mac1 is a BLAKE2b");
static_assert(KEY_SIZE <= crypto_generichash_KEYBYTES_MAX, "mac1 is a keyed BLAKE2b");

static size_t head_size(bool has_token) {
        return MAC1_SIZE + (has_token ? TOKEN_ID_SIZE : 0);
}

void mac1_key_init(Mac1Key *key, const uint8_t coordinator[static KEY_SIZE]) {
        key_derive(coordinator, "rollpatch mac1", key->bytes);
}

static void make_mac1(
                const Mac1Key *key,
                const uint8_t *data,
                size_t size,
                uint8_t ret[static MAC1_SIZE]) {
        (void) crypto_generichash(ret, MAC1_SIZE, data, size, key->bytes, sizeof(key->bytes));
}

size_t handshake_encode(
                const Mac1Key *key,
                const Handshake *handshake,
                uint8_t buffer[static HANDSHAKE_FRAME_MAX]) {
        const size_t head = head_size(handshake->token != NULL);
        uint8_t body[MAC1_SIZE + TOKEN_ID_SIZE + NOISE_MESSAGE_MAX];
        Frame frame = {
                .kind = handshake->token ? FRAME_JOIN : FRAME_HS1,
                .body = body,
                .body_size = head + handshake->size,
        };
        size_t size = 0;
        int r;

        assert(handshake->size <= NOISE_MESSAGE_MAX);

        if (handshake->token)
                memcpy(body + MAC1_SIZE, handshake->token, TOKEN_ID_SIZE);
        memcpy(body + head, handshake->message, handshake->size);
        make_mac1(key, body + MAC1_SIZE, frame.body_size - MAC1_SIZE, body);

        r = frame_encode(&frame, buffer, HANDSHAKE_FRAME_MAX, &size);
        assert(r >= 0);
        return size;
}

static int check_size(size_t size, size_t head, Error *error) {
        const size_t min = head + NOISE_FIRST_OVERHEAD, max = head + NOISE_MESSAGE_MAX;

        if (size < min || size > max) {
                return error_setf(
                                error, ERROR_INVALID,
                                "handshake frame has a body of %zu bytes, want %zu to %zu", size,
                                min, max);
        }

        return 0;
}

static int check_mac1(const Mac1Key *key, const Frame *frame, Error *error) {
        uint8_t want[MAC1_SIZE];

        make_mac1(key, frame->body + MAC1_SIZE, frame->body_size - MAC1_SIZE, want);
        if (sodium_memcmp(frame->body, want, MAC1_SIZE) != 0) {
                return error_setf(
                                error, ERROR_DENIED,
                                "handshake was made without our public key, or changed");
        }

        return 0;
}

int handshake_decode(const Mac1Key *key, const Frame *frame, Handshake *ret, Error *error) {
        const bool has_token = frame->kind == FRAME_JOIN;
        const size_t head = head_size(has_token);
        int r;

        if (!has_token && frame->kind != FRAME_HS1) {
                return error_setf(
                                error, ERROR_INVALID, "frame of kind %d begins no handshake",
                                (int) frame->kind);
        }

        r = check_size(frame->body_size, head, error);
        if (r < 0)
                return r;

        r = check_mac1(key, frame, error);
        if (r < 0)
                return r;

        *ret = (Handshake) {
                .token = has_token ? frame->body + MAC1_SIZE : NULL,
                .message = frame->body + head,
                .size = frame->body_size - head,
        };
        return 0;
}

/* Each text with its NUL, so that no two different triples are the same bytes. */
size_t handshake_prologue(
                const char *cluster, const uint8_t *token, uint8_t buffer[static PROLOGUE_MAX]) {
        static const char protocol[] = HANDSHAKE_PROTOCOL;
        const size_t cluster_size = strlen(cluster) + 1;
        size_t size = 0;

        assert(cluster_size <= NAME_TEXT_MAX);

        memcpy(buffer, protocol, sizeof(protocol));
        size += sizeof(protocol);
        memcpy(buffer + size, cluster, cluster_size);
        size += cluster_size;
        if (token) {
                memcpy(buffer + size, token, TOKEN_ID_SIZE);
                size += TOKEN_ID_SIZE;
        }

        return size;
}
