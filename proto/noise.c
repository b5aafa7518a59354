/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/noise.h"

#include <sodium.h>
#include <string.h>

/* Named after the specification: `chaining` is its ck, `hash` its h, `key` its k. In both patterns
 * there is exactly one encryption between any two new keys, so the nonce of a handshake is always 0
 * and is not kept. */

static_assert(KEY_SIZE == crypto_scalarmult_BYTES, "keys are X25519 keys");
static_assert(KEY_SIZE == crypto_scalarmult_SCALARBYTES, "also the secret ones");
static_assert(KEY_SIZE == crypto_aead_chacha20poly1305_ietf_KEYBYTES, "and cipher keys");
static_assert(NOISE_TAG_SIZE == crypto_aead_chacha20poly1305_ietf_ABYTES, "of one tag each");
static_assert(NOISE_HASH_SIZE == crypto_hash_sha256_BYTES, "hashes are SHA-256");

#define HASH_SIZE NOISE_HASH_SIZE
#define TAG_SIZE  NOISE_TAG_SIZE

static const char *const pattern_names[] = {
        [NOISE_IK] = "Noise_IK_25519_ChaChaPoly_SHA256",
        [NOISE_IKPSK1] = "Noise_IKpsk1_25519_ChaChaPoly_SHA256",
};

/* --- functions of the specification --- */

/* An output may take the place of the chaining key. */
static void hkdf(
                const uint8_t chaining[static HASH_SIZE],
                const void *input,
                size_t size,
                uint8_t *const outputs[],
                uint8_t count) {
        crypto_auth_hmacsha256_state state;
        uint8_t secret[HASH_SIZE];

        (void) crypto_auth_hmacsha256_init(&state, chaining, HASH_SIZE);
        (void) crypto_auth_hmacsha256_update(&state, input, size);
        (void) crypto_auth_hmacsha256_final(&state, secret);

        for (uint8_t i = 0; i < count; i++) {
                const uint8_t number = (uint8_t) (i + 1);

                (void) crypto_auth_hmacsha256_init(&state, secret, sizeof(secret));
                if (i > 0)
                        (void) crypto_auth_hmacsha256_update(&state, outputs[i - 1], HASH_SIZE);
                (void) crypto_auth_hmacsha256_update(&state, &number, sizeof(number));
                (void) crypto_auth_hmacsha256_final(&state, outputs[i]);
        }

        sodium_memzero(secret, sizeof(secret));
        sodium_memzero(&state, sizeof(state));
}

static void mix_hash(Noise *noise, const void *data, size_t size) {
        crypto_hash_sha256_state state;

        (void) crypto_hash_sha256_init(&state);
        (void) crypto_hash_sha256_update(&state, noise->hash, HASH_SIZE);
        (void) crypto_hash_sha256_update(&state, data, size);
        (void) crypto_hash_sha256_final(&state, noise->hash);
}

static void mix_key(Noise *noise, const uint8_t input[static KEY_SIZE]) {
        uint8_t *const outputs[] = { noise->chaining, noise->key };

        hkdf(noise->chaining, input, KEY_SIZE, outputs, ELEMENTSOF(outputs));
}

/* Token "psk". */
static void mix_psk(Noise *noise) {
        uint8_t hashed[HASH_SIZE];
        uint8_t *const outputs[] = { noise->chaining, hashed, noise->key };

        if (!noise->psk)
                return;

        hkdf(noise->chaining, noise->psk, KEY_SIZE, outputs, ELEMENTSOF(outputs));
        mix_hash(noise, hashed, sizeof(hashed));
        sodium_memzero(hashed, sizeof(hashed));
}

/* An ephemeral key counts as a key too wherever a psk is in the game. */
static void mix_ephemeral(Noise *noise, const uint8_t public[static KEY_SIZE]) {
        mix_hash(noise, public, KEY_SIZE);
        if (noise->psk)
                mix_key(noise, public);
}

/* Tokens "es", "ss", "ee" and "se". A point of small order would give a result that everybody
 * knows. */
static int mix_secret(
                Noise *noise,
                const uint8_t secret[static KEY_SIZE],
                const uint8_t public[static KEY_SIZE],
                Error *error) {
        uint8_t shared[KEY_SIZE];
        int r = 0;

        if (crypto_scalarmult(shared, secret, public) == 0) {
                mix_key(noise, shared);
        } else {
                r = error_setf(error, ERROR_INVALID, "a key of the other side is no usable key");
        }

        sodium_memzero(shared, sizeof(shared));
        return r;
}

static void make_nonce(
                uint64_t counter, uint8_t ret[static crypto_aead_chacha20poly1305_ietf_NPUBBYTES]) {
        for (size_t i = 0; i < 4; i++)
                ret[i] = 0;
        for (size_t i = 0; i < sizeof(counter); i++)
                ret[4 + i] = (uint8_t) (counter >> (8 * i));
}

void noise_seal(const uint8_t key[static KEY_SIZE],
                uint64_t counter,
                const void *clear,
                size_t clear_size,
                const void *plain,
                size_t size,
                uint8_t *sealed) {
        uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

        assert(counter != UINT64_MAX);

        make_nonce(counter, nonce);
        (void) crypto_aead_chacha20poly1305_ietf_encrypt(
                        sealed, NULL, plain, size, clear, clear_size, NULL, nonce, key);
}

bool noise_open(const uint8_t key[static KEY_SIZE],
                uint64_t counter,
                const void *clear,
                size_t clear_size,
                const uint8_t *sealed,
                size_t size,
                uint8_t *plain) {
        uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

        if (size < NOISE_TAG_SIZE || counter == UINT64_MAX)
                return false;

        make_nonce(counter, nonce);
        return crypto_aead_chacha20poly1305_ietf_decrypt(
                               plain, NULL, NULL, sealed, size, clear, clear_size, nonce, key) == 0;
}

static uint8_t *encrypt_and_hash(Noise *noise, const void *plain, size_t size, uint8_t *sealed) {
        noise_seal(noise->key, 0, noise->hash, HASH_SIZE, plain, size, sealed);
        mix_hash(noise, sealed, size + TAG_SIZE);
        return sealed + size + TAG_SIZE;
}

static bool decrypt_and_hash(Noise *noise, const uint8_t *sealed, size_t size, uint8_t *plain) {
        if (!noise_open(noise->key, 0, noise->hash, HASH_SIZE, sealed, size, plain))
                return false;

        mix_hash(noise, sealed, size);
        return true;
}

/* --- messages --- */

static uint8_t *write_ephemeral(
                Noise *noise, const uint8_t secret[static KEY_SIZE], uint8_t *message) {
        memcpy(noise->ephemeral, secret, KEY_SIZE);
        (void) crypto_scalarmult_base(message, secret);
        mix_ephemeral(noise, message);
        return message + KEY_SIZE;
}

static const uint8_t *read_ephemeral(Noise *noise, const uint8_t *message) {
        memcpy(noise->peer_ephemeral, message, KEY_SIZE);
        mix_ephemeral(noise, message);
        return message + KEY_SIZE;
}

/* Tokens e, es, s, ss, psk. Moves `end` to where the payload is. */
static int write_first(Noise *noise, const uint8_t *ephemeral, uint8_t **end, Error *error) {
        int r;

        *end = write_ephemeral(noise, ephemeral, *end);
        r = mix_secret(noise, noise->ephemeral, noise->peer, error);
        if (r < 0)
                return r;

        *end = encrypt_and_hash(noise, noise->public, KEY_SIZE, *end);
        r = mix_secret(noise, noise->secret, noise->peer, error);
        if (r < 0)
                return r;

        mix_psk(noise);
        return 0;
}

static int read_first(Noise *noise, const uint8_t **end, Error *error) {
        int r;

        *end = read_ephemeral(noise, *end);
        r = mix_secret(noise, noise->secret, noise->peer_ephemeral, error);
        if (r < 0)
                return r;

        if (!decrypt_and_hash(noise, *end, KEY_SIZE + TAG_SIZE, noise->peer)) {
                return error_setf(
                                error, ERROR_DENIED,
                                "handshake is for another key, cluster or version");
        }

        *end += KEY_SIZE + TAG_SIZE;
        r = mix_secret(noise, noise->secret, noise->peer, error);
        if (r < 0)
                return r;

        mix_psk(noise);
        return 0;
}

/* Tokens e, ee, se. */
static int write_second(Noise *noise, const uint8_t *ephemeral, uint8_t **end, Error *error) {
        int r;

        *end = write_ephemeral(noise, ephemeral, *end);
        r = mix_secret(noise, noise->ephemeral, noise->peer_ephemeral, error);
        if (r < 0)
                return r;

        return mix_secret(noise, noise->ephemeral, noise->peer, error);
}

static int read_second(Noise *noise, const uint8_t **end, Error *error) {
        int r;

        *end = read_ephemeral(noise, *end);
        r = mix_secret(noise, noise->ephemeral, noise->peer_ephemeral, error);
        if (r < 0)
                return r;

        return mix_secret(noise, noise->secret, noise->peer_ephemeral, error);
}

static int check_turn(const Noise *noise, bool to_write, Error *error) {
        bool is_open = noise->stage == NOISE_FIRST || noise->stage == NOISE_SECOND;
        bool writes = noise->is_initiator == (noise->stage == NOISE_FIRST);

        if (!is_open || writes != to_write)
                return error_setf(error, ERROR_CONFLICT, "no handshake is at this point");

        return 0;
}

static int write_message(
                Noise *noise,
                const uint8_t *ephemeral,
                const void *payload,
                size_t size,
                uint8_t **end,
                Error *error) {
        int r;

        r = check_turn(noise, true, error);
        if (r < 0)
                return r;

        if (size > NOISE_PAYLOAD_MAX) {
                return error_setf(
                                error, ERROR_TOO_BIG,
                                "handshake payload is %zu bytes, want at most %d", size,
                                NOISE_PAYLOAD_MAX);
        }

        r = noise->stage == NOISE_FIRST ? write_first(noise, ephemeral, end, error)
                                        : write_second(noise, ephemeral, end, error);
        if (r < 0)
                return r;

        *end = encrypt_and_hash(noise, payload, size, *end);
        noise->stage++;
        return 0;
}

int noise_write(Noise *noise,
                const uint8_t ephemeral[static KEY_SIZE],
                const void *payload,
                size_t size,
                uint8_t message[static NOISE_MESSAGE_MAX],
                size_t *ret_size,
                Error *error) {
        Noise next = *noise;
        uint8_t *end = message;
        int r;

        r = write_message(&next, ephemeral, payload, size, &end, error);
        if (r >= 0) {
                *noise = next;
                *ret_size = (size_t) (end - message);
        }

        noise_wipe(&next);
        return r;
}

static int check_size(const Noise *noise, size_t size, Error *error) {
        size_t overhead =
                        noise->stage == NOISE_FIRST ? NOISE_FIRST_OVERHEAD : NOISE_SECOND_OVERHEAD;

        if (size < overhead || size - overhead > NOISE_PAYLOAD_MAX) {
                return error_setf(
                                error, ERROR_INVALID, "handshake has %zu bytes, want %zu to %zu",
                                size, overhead, overhead + NOISE_PAYLOAD_MAX);
        }

        return 0;
}

static const char *missing_secret(const Noise *noise) {
        return noise->stage == NOISE_FIRST && noise->psk ? "the token's secret"
                                                         : "the other side's secret key";
}

static int read_message(
                Noise *noise,
                const uint8_t *message,
                size_t size,
                uint8_t *payload,
                size_t *ret_size,
                Error *error) {
        const uint8_t *end = message;
        size_t rest;
        int r;

        r = check_turn(noise, false, error);
        if (r < 0)
                return r;

        r = check_size(noise, size, error);
        if (r < 0)
                return r;

        r = noise->stage == NOISE_FIRST ? read_first(noise, &end, error)
                                        : read_second(noise, &end, error);
        if (r < 0)
                return r;

        rest = size - (size_t) (end - message);
        if (!decrypt_and_hash(noise, end, rest, payload)) {
                return error_setf(
                                error, ERROR_DENIED, "handshake was made without %s, or changed",
                                missing_secret(noise));
        }

        noise->stage++;
        *ret_size = rest - TAG_SIZE;
        return 0;
}

int noise_read(Noise *noise,
               const uint8_t *message,
               size_t size,
               uint8_t payload[static NOISE_PAYLOAD_MAX],
               size_t *ret_size,
               Error *error) {
        Noise next = *noise;
        int r;

        r = read_message(&next, message, size, payload, ret_size, error);
        if (r >= 0)
                *noise = next;

        noise_wipe(&next);
        return r;
}

/* --- beginning and end --- */

/* A short name is the hash itself, padded; a longer one is hashed. */
static void hash_name(const char *name, uint8_t ret[static HASH_SIZE]) {
        size_t length = strlen(name);

        if (length > HASH_SIZE) {
                (void) crypto_hash_sha256(ret, (const uint8_t *) name, length);
        } else {
                memset(ret, 0, HASH_SIZE);
                for (size_t i = 0; i < length; i++)
                        ret[i] = (uint8_t) name[i];
        }
}

static void begin(
                Noise *noise,
                const NoiseSetup *setup,
                bool is_initiator,
                const uint8_t responder[static KEY_SIZE]) {
        int r = sodium_init(); /* the first time, it chooses the fast code for this processor */

        assert(r >= 0);
        assert((setup->pattern == NOISE_IKPSK1) == (setup->psk != NULL));

        *noise = (Noise) {
                .stage = NOISE_FIRST,
                .is_initiator = is_initiator,
                .secret = setup->secret,
                .public = setup->public,
                .psk = setup->psk,
        };

        hash_name(pattern_names[setup->pattern], noise->hash);
        memcpy(noise->chaining, noise->hash, HASH_SIZE);
        mix_hash(noise, setup->prologue, setup->prologue_size);
        mix_hash(noise, responder, KEY_SIZE); /* known beforehand: "<- s" */
}

void noise_initiate(Noise *noise, const NoiseSetup *setup) {
        begin(noise, setup, true, ASSERT_PTR(setup->peer));
        memcpy(noise->peer, setup->peer, KEY_SIZE);
}

void noise_respond(Noise *noise, const NoiseSetup *setup) {
        assert(!setup->peer);

        begin(noise, setup, false, setup->public);
}

void noise_split(Noise *noise, NoiseKeys *ret) {
        uint8_t *const outputs[] = {
                noise->is_initiator ? ret->send : ret->receive,
                noise->is_initiator ? ret->receive : ret->send,
        };

        assert(noise->stage == NOISE_COMPLETE);

        hkdf(noise->chaining, NULL, 0, outputs, ELEMENTSOF(outputs));
        noise_wipe(noise);
}

void noise_wipe(Noise *noise) {
        sodium_memzero(noise, sizeof(*noise));
}

void noise_keys_wipe(NoiseKeys *keys) {
        sodium_memzero(keys, sizeof(*keys));
}
