/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/keys.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "common/file.h"
#include "common/parse.h"
#include "common/text.h"
#include "proto/random.h"

static_assert(KEY_SIZE == crypto_scalarmult_SCALARBYTES, "a channel key is X25519's");
static_assert(KEY_SIZE == crypto_sign_SEEDBYTES, "a signing key is kept as its seed");
static_assert(KEY_SIZE == crypto_sign_PUBLICKEYBYTES, "both public keys are as long");
static_assert(KEY_TEXT_MAX == 2 * KEY_SIZE + 1, "two digits a byte");
static_assert(SIGNATURE_SIZE == crypto_sign_BYTES, "signatures are Ed25519's");

static const char *const kind_names[] = {
        [KEY_CHANNEL] = "channel",
        [KEY_SIGNING] = "signing",
};

/* --- pairs --- */

static void complete(KeyPair *pair) {
        uint8_t expanded[crypto_sign_SECRETKEYBYTES];

        switch (pair->kind) {
        case KEY_CHANNEL:
                /* The bits that X25519 does not look at, so that one key is one file. */
                pair->secret[0] &= 0xf8;
                pair->secret[KEY_SIZE - 1] = (pair->secret[KEY_SIZE - 1] & 0x7f) | 0x40;
                (void) crypto_scalarmult_base(pair->public, pair->secret);
                break;

        case KEY_SIGNING:
                (void) crypto_sign_seed_keypair(pair->public, expanded, pair->secret);
                sodium_memzero(expanded, sizeof(expanded));
                break;
        }
}

int key_pair_new(KeyKind kind, const uint8_t secret[static KEY_SIZE], KeyPair **ret, Error *error) {
        AUTO(KeyPair) *pair = NULL;
        int r = sodium_init();

        assert(r >= 0);

        pair = sodium_malloc(sizeof(*pair));
        if (!pair)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        /* sodium_malloc() locks as well, but does not tell when it could not. */
        if (sodium_mlock(pair, sizeof(*pair)) < 0)
                return error_errnof(error, errno, "cannot lock a key in memory (LimitMEMLOCK=)");

        pair->kind = kind;
        memcpy(pair->secret, secret, KEY_SIZE);
        complete(pair);
        (void) sodium_mprotect_readonly(pair);

        *ret = TAKE(pair);
        return 0;
}

int key_pair_generate(KeyKind kind, KeyPair **ret, Error *error) {
        uint8_t secret[KEY_SIZE];
        int r;

        random_bytes(secret, sizeof(secret));
        r = key_pair_new(kind, secret, ret, error);
        sodium_memzero(secret, sizeof(secret));
        return r;
}

void key_pair_free(KeyPair *pair) {
        sodium_free(pair);
}

/* --- files --- */

/* Laid out with blanks in place of the two halves, which are then put where they belong: secrets do
 * not go through printf. */
#define FILE_FORMAT "rollpatch %s key 1\nsecret %64s\npublic %64s\n"
#define SECRET_AT   31
#define PUBLIC_AT   103

static void lay_out(KeyKind kind, char ret[static KEY_FILE_SIZE + 1]) {
        bool fits;

        fits = text_format(ret, KEY_FILE_SIZE + 1, FILE_FORMAT, kind_names[kind], "", "");
        assert(fits && strlen(ret) == KEY_FILE_SIZE);
}

static void put_half(char *place, const uint8_t half[static KEY_SIZE]) {
        char text[KEY_TEXT_MAX];

        key_to_text(half, text);
        memcpy(place, text, KEY_TEXT_MAX - 1);
        sodium_memzero(text, sizeof(text));
}

void key_pair_encode(const KeyPair *pair, char ret[static KEY_FILE_SIZE + 1]) {
        lay_out(pair->kind, ret);
        put_half(ret + SECRET_AT, pair->secret);
        put_half(ret + PUBLIC_AT, pair->public);
}

/* Whether `data` is exactly what we would have written for this pair. */
static bool is_file_of(const KeyPair *pair, const char data[static KEY_FILE_SIZE]) {
        char text[KEY_FILE_SIZE + 1];
        bool equal;

        key_pair_encode(pair, text);
        equal = sodium_memcmp(text, data, KEY_FILE_SIZE) == 0;
        sodium_memzero(text, sizeof(text));
        return equal;
}

static int read_secret(const char data[static KEY_FILE_SIZE], uint8_t ret[static KEY_SIZE]) {
        char text[KEY_TEXT_MAX];
        int r;

        memcpy(text, data + SECRET_AT, KEY_TEXT_MAX - 1);
        text[KEY_TEXT_MAX - 1] = '\0';
        r = key_parse(text, ret);
        sodium_memzero(text, sizeof(text));
        return r;
}

int key_pair_decode(KeyKind kind, const char *data, size_t size, KeyPair **ret, Error *error) {
        AUTO(KeyPair) *pair = NULL;
        uint8_t secret[KEY_SIZE] = {};
        char blank[KEY_FILE_SIZE + 1];
        int r;

        lay_out(kind, blank);
        if (size != KEY_FILE_SIZE || memcmp(data, blank, SECRET_AT) != 0) {
                return error_setf(
                                error, ERROR_INVALID, "is no %s key of version 1",
                                kind_names[kind]);
        }

        if (read_secret(data, secret) < 0)
                return error_setf(error, ERROR_INVALID, "is damaged: its secret is no key");

        r = key_pair_new(kind, secret, &pair, error);
        sodium_memzero(secret, sizeof(secret));
        if (r < 0)
                return r;
        assert(pair);

        if (!is_file_of(pair, data)) {
                return error_setf(
                                error, ERROR_INVALID,
                                "is damaged: its two halves do not belong together");
        }

        *ret = TAKE(pair);
        return 0;
}

int key_pair_load(KeyKind kind, int dir_fd, const char *name, KeyPair **ret, Error *error) {
        char data[KEY_FILE_SIZE];
        size_t size;
        int r;

        r = file_read_private(dir_fd, name, data, sizeof(data), &size, error);
        if (r < 0)
                return r;

        r = key_pair_decode(kind, data, size, ret, error);
        sodium_memzero(data, sizeof(data));
        return r < 0 ? error_prefixf(error, "'%s'", name) : 0;
}

int key_pair_save(const KeyPair *pair, int dir_fd, const char *name, Error *error) {
        char text[KEY_FILE_SIZE + 1];
        int r;

        key_pair_encode(pair, text);
        r = file_create(dir_fd, name, text, KEY_FILE_SIZE, 0600, error);
        sodium_memzero(text, sizeof(text));
        return r;
}

/* --- text --- */

void key_to_text(const uint8_t key[static KEY_SIZE], char ret[static KEY_TEXT_MAX]) {
        (void) sodium_bin2hex(ret, KEY_TEXT_MAX, key, KEY_SIZE);
}

int key_parse(const char *text, uint8_t ret[static KEY_SIZE]) {
        if (!hex_is_valid(text, KEY_TEXT_MAX - 1))
                return -EINVAL;

        (void) sodium_hex2bin(ret, KEY_SIZE, text, KEY_TEXT_MAX - 1, NULL, NULL, NULL);
        return 0;
}

void signature_to_text(
                const uint8_t signature[static SIGNATURE_SIZE],
                char ret[static SIGNATURE_TEXT_MAX]) {
        (void) sodium_bin2hex(ret, SIGNATURE_TEXT_MAX, signature, SIGNATURE_SIZE);
}

int signature_parse(const char *text, uint8_t ret[static SIGNATURE_SIZE]) {
        if (!hex_is_valid(text, SIGNATURE_TEXT_MAX - 1))
                return -EINVAL;

        (void) sodium_hex2bin(ret, SIGNATURE_SIZE, text, SIGNATURE_TEXT_MAX - 1, NULL, NULL, NULL);
        return 0;
}

/* RFC 4648 */
static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

#define FINGERPRINT_LETTERS 20
#define FINGERPRINT_GROUP   4

/* Letter `i` of the fingerprint; a dash before each group but the first. */
static void put_letter(char *fingerprint, size_t i, char letter) {
        size_t at = i + i / FINGERPRINT_GROUP;

        if (i > 0 && i % FINGERPRINT_GROUP == 0)
                fingerprint[at - 1] = '-';
        fingerprint[at] = letter;
        fingerprint[at + 1] = '\0';
}

void key_fingerprint(const uint8_t key[static KEY_SIZE], char ret[static KEY_FINGERPRINT_MAX]) {
        uint8_t hash[KEY_SIZE];

        key_derive(key, "rollpatch fingerprint", hash);
        for (size_t i = 0; i < FINGERPRINT_LETTERS; i++) {
                size_t bit = 5 * i;
                unsigned pair = (unsigned) hash[bit / 8] << 8 | hash[bit / 8 + 1];

                put_letter(ret, i, base32[pair >> (11 - bit % 8) & 31]);
        }
}

static char to_capital(char letter) {
        if (letter >= 'a' && letter <= 'z')
                return (char) (letter - 'a' + 'A');

        return letter;
}

int key_fingerprint_parse(const char *text, char ret[static KEY_FINGERPRINT_MAX]) {
        char fingerprint[KEY_FINGERPRINT_MAX] = "";
        size_t count = 0;

        for (; *text != '\0'; text++) {
                char letter = to_capital(*text);

                if (letter == '-')
                        continue;
                if (!strchr(base32, letter) || count == FINGERPRINT_LETTERS)
                        return -EINVAL;

                put_letter(fingerprint, count++, letter);
        }

        if (count != FINGERPRINT_LETTERS)
                return -EINVAL;

        memcpy(ret, fingerprint, sizeof(fingerprint));
        return 0;
}

/* --- derived keys, signatures --- */

void secret_wipe(void *data, size_t size) {
        sodium_memzero(data, size);
}

void key_derive(const uint8_t key[static KEY_SIZE],
                const char *context,
                uint8_t ret[static KEY_SIZE]) {
        crypto_generichash_state state;

        (void) crypto_generichash_init(&state, NULL, 0, KEY_SIZE);
        (void) crypto_generichash_update(&state, key, KEY_SIZE);
        (void) crypto_generichash_update(&state, (const uint8_t *) context, strlen(context));
        (void) crypto_generichash_final(&state, ret, KEY_SIZE);
        sodium_memzero(&state, sizeof(state));
}

/* In pieces, so that no copy of a long plan is needed: hence Ed25519ph. */
static void hash_signed(
                crypto_sign_state *state, const char *context, const void *data, size_t size) {
        (void) crypto_sign_init(state);
        (void) crypto_sign_update(state, (const uint8_t *) context, strlen(context) + 1);
        (void) crypto_sign_update(state, data, size);
}

void key_sign(const KeyPair *pair,
              const char *context,
              const void *data,
              size_t size,
              uint8_t ret[static SIGNATURE_SIZE]) {
        uint8_t expanded[crypto_sign_SECRETKEYBYTES]; /* the seed, then the public key */
        crypto_sign_state state;

        assert(pair->kind == KEY_SIGNING);

        memcpy(expanded, pair->secret, KEY_SIZE);
        memcpy(expanded + KEY_SIZE, pair->public, KEY_SIZE);
        hash_signed(&state, context, data, size);
        (void) crypto_sign_final_create(&state, ret, NULL, expanded);
        sodium_memzero(expanded, sizeof(expanded));
}

bool key_verify(const uint8_t public[static KEY_SIZE],
                const char *context,
                const void *data,
                size_t size,
                const uint8_t signature[static SIGNATURE_SIZE]) {
        crypto_sign_state state;

        hash_signed(&state, context, data, size);
        return crypto_sign_final_verify(&state, signature, public) == 0;
}
