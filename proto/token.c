/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/token.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "common/file.h"
#include "common/parse.h"
#include "proto/keys.h"
#include "proto/random.h"

static_assert(TOKEN_SECRET_SIZE == KEY_SIZE, "the psk is derived like a key");
static_assert(sizeof(Token) == TOKEN_ID_SIZE + TOKEN_SECRET_SIZE, "a token is all random bytes");

#define ID_DIGITS     (TOKEN_ID_TEXT_MAX - 1)
#define SECRET_DIGITS (KEY_TEXT_MAX - 1)
#define TEXT_LENGTH   (TOKEN_TEXT_MAX - 1)

static_assert(ID_DIGITS == 2 * TOKEN_ID_SIZE, "two digits a byte");
static_assert(TEXT_LENGTH == ID_DIGITS + 1 + SECRET_DIGITS, "a dot between them");

void token_generate(Token *ret) {
        random_bytes(ret, sizeof(*ret));
}

void token_wipe(Token *token) {
        sodium_memzero(token, sizeof(*token));
}

void token_psk(const Token *token, uint8_t ret[static KEY_SIZE]) {
        key_derive(token->secret, "rollpatch psk", ret);
}

bool token_is_known(const Token *token, const uint8_t psk[static KEY_SIZE]) {
        uint8_t own[KEY_SIZE];
        bool equal;

        token_psk(token, own);
        equal = sodium_memcmp(own, psk, KEY_SIZE) == 0;
        sodium_memzero(own, sizeof(own));
        return equal;
}

/* --- text --- */

void token_id_to_text(const uint8_t id[static TOKEN_ID_SIZE], char ret[static TOKEN_ID_TEXT_MAX]) {
        (void) sodium_bin2hex(ret, TOKEN_ID_TEXT_MAX, id, TOKEN_ID_SIZE);
}

void token_to_text(const Token *token, char ret[static TOKEN_TEXT_MAX]) {
        token_id_to_text(token->id, ret);
        ret[ID_DIGITS] = '.';
        (void) sodium_bin2hex(
                        ret + ID_DIGITS + 1, SECRET_DIGITS + 1, token->secret, TOKEN_SECRET_SIZE);
}

int token_id_parse(const char *text, uint8_t ret[static TOKEN_ID_SIZE]) {
        if (!hex_is_valid(text, ID_DIGITS))
                return -EINVAL;

        (void) sodium_hex2bin(ret, TOKEN_ID_SIZE, text, ID_DIGITS, NULL, NULL, NULL);
        return 0;
}

/* `text` is terminated, and its dot is a NUL. */
static int parse_halves(const char text[static TOKEN_TEXT_MAX], Token *ret) {
        int r;

        r = token_id_parse(text, ret->id);
        if (r < 0)
                return r;

        return key_parse(text + ID_DIGITS + 1, ret->secret);
}

int token_parse(const char *text, size_t size, Token *ret, Error *error) {
        char copy[TOKEN_TEXT_MAX] = "";
        Token token = {};
        int r = -EINVAL;

        if (size != TEXT_LENGTH) {
                return error_setf(
                                error, ERROR_INVALID, "join token has %zu characters, want %d",
                                size, TEXT_LENGTH);
        }

        memcpy(copy, text, size);
        if (copy[ID_DIGITS] == '.') {
                copy[ID_DIGITS] = '\0';
                r = parse_halves(copy, &token);
        }

        if (r >= 0) {
                *ret = token;
        } else {
                r = error_setf(error, ERROR_INVALID,
                               "join token is not ID.SECRET in lower-case hexadecimal digits");
        }

        token_wipe(&token);
        sodium_memzero(copy, sizeof(copy));
        return r;
}

int token_load(int dir_fd, const char *name, Token *ret, Error *error) {
        char text[TEXT_LENGTH + 1]; /* and a newline */
        size_t size;
        int r;

        r = file_read_private(dir_fd, name, text, sizeof(text), &size, error);
        if (r < 0)
                return r;

        if (size > 0 && text[size - 1] == '\n')
                size--;

        r = token_parse(text, size, ret, error);
        sodium_memzero(text, sizeof(text));
        return r < 0 ? error_prefixf(error, "'%s'", name) : 0;
}
