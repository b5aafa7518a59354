/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "proto/schema.h"

/* The two kinds of keys, and the files they live in.
 *
 * A node *is* its channel key. The coordinator has one as well, which config management gives to
 * all nodes, and a signing key for its plans. A pair lives in memory of its own that is locked
 * (never swapped, in no core dump), can only be read, and is wiped when it is freed; the file is
 * 0600 and holds both halves, so that a damaged one is found out. Nothing here prints a secret half
 * anywhere but into that file. */

typedef enum KeyKind {
        KEY_CHANNEL, /* X25519: who speaks */
        KEY_SIGNING, /* Ed25519: who ordered */
} KeyKind;

typedef struct KeyPair {
        KeyKind kind;
        uint8_t secret[KEY_SIZE]; /* of a signing key, its seed */
        uint8_t public[KEY_SIZE];
} KeyPair;

/* `secret` is any 32 bytes, to be wiped by the caller. Fails when no memory can be locked. */
int key_pair_new(KeyKind kind, const uint8_t secret[static KEY_SIZE], KeyPair **ret, Error *error);
int key_pair_generate(KeyKind kind, KeyPair **ret, Error *error);
void key_pair_free(KeyPair *pair);
DEFINE_AUTO(KeyPair, key_pair_free)

/* --- files --- */

/* In the state directory: of the coordinator both, of each node the first. */
#define CHANNEL_KEY_FILE "channel.key"
#define SIGNING_KEY_FILE "signing.key"

/* "rollpatch channel key 1\nsecret HEX\npublic HEX\n" */
#define KEY_FILE_SIZE 168

/* Exactly KEY_FILE_SIZE bytes, and a NUL; the caller wipes them. */
void key_pair_encode(const KeyPair *pair, char ret[static KEY_FILE_SIZE + 1]);
int key_pair_decode(KeyKind kind, const char *data, size_t size, KeyPair **ret, Error *error);

/* See file_read_private() for what is refused. ERROR_NOT_FOUND: there is none yet. */
int key_pair_load(KeyKind kind, int dir_fd, const char *name, KeyPair **ret, Error *error);

/* On disk when this returns 0. Never replaces a file: ERROR_CONFLICT. */
int key_pair_save(const KeyPair *pair, int dir_fd, const char *name, Error *error);

/* --- public keys as text: 64 lower-case hexadecimal digits (KEY_TEXT_MAX), everywhere --- */

void key_to_text(const uint8_t key[static KEY_SIZE], char ret[static KEY_TEXT_MAX]);
int key_parse(const char *text, uint8_t ret[static KEY_SIZE]); /* -EINVAL */

/* What two people can compare, on the node and here: "K4VZ-2AQD-7NXE-LM3Q-WB5T", the first 100 bits
 * of a hash. */
#define KEY_FINGERPRINT_MAX 25

void key_fingerprint(const uint8_t key[static KEY_SIZE], char ret[static KEY_FINGERPRINT_MAX]);

/* Of what somebody typed, capitals and dashes or not, the form above; -EINVAL when it is none. */
int key_fingerprint_parse(const char *text, char ret[static KEY_FINGERPRINT_MAX]);

/* --- memory --- */

/* What held a secret; the compiler does not leave it out. */
void secret_wipe(void *data, size_t size);

/* --- derived keys --- */

/* BLAKE2b-256 of the key, then the context: a key for one purpose alone. */
void key_derive(const uint8_t key[static KEY_SIZE],
                const char *context,
                uint8_t ret[static KEY_SIZE]);

/* --- signatures: Ed25519ph of the context with its NUL, then the data --- */

#define SIGNATURE_SIZE 64

/* 128 lower-case hexadecimal digits. */
void signature_to_text(
                const uint8_t signature[static SIGNATURE_SIZE],
                char ret[static SIGNATURE_TEXT_MAX]);
int signature_parse(const char *text, uint8_t ret[static SIGNATURE_SIZE]); /* -EINVAL */

/* `context` says what the data is, "rollpatch plan 1", so that a signature for one purpose is none
 * for another. `pair` is a signing key. */
void key_sign(const KeyPair *pair,
              const char *context,
              const void *data,
              size_t size,
              uint8_t ret[static SIGNATURE_SIZE]);

MUST_USE bool key_verify(
                const uint8_t public[static KEY_SIZE],
                const char *context,
                const void *data,
                size_t size,
                const uint8_t signature[static SIGNATURE_SIZE]);
