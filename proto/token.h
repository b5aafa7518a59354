/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "common/error.h"
#include "proto/schema.h"

/* A join token: what a node that nobody knows yet has to show. "ID.SECRET" in lower-case
 * hexadecimal digits; the id may be seen by anybody, the secret is 256 random bits and is shown
 * once, when the token is made.
 *
 * What both sides feed into the handshake is not the secret but its hash, the psk (token_psk), and
 * the psk is all that the coordinator keeps: from it no token can be made that anybody could drop
 * on a node. The limit of that: Noise asks for the psk and not for what it is a hash of, so whoever
 * has stolen the psk, out of a backup say, can complete the handshake of a JOIN himself. Therefore
 * a token lives for hours and for few nodes; and a JOIN can say the secret too, in its encrypted
 * payload, for token_is_known() to compare: then a stolen psk is worth nothing.
 *
 * Roles, times and uses are no business of this file. */

#define TOKEN_SECRET_SIZE 32
#define TOKEN_ID_TEXT_MAX 17
#define TOKEN_TEXT_MAX    82

typedef struct Token {
        uint8_t id[TOKEN_ID_SIZE];
        uint8_t secret[TOKEN_SECRET_SIZE];
} Token;

void token_generate(Token *ret);
void token_wipe(Token *token);

void token_psk(const Token *token, uint8_t ret[static KEY_SIZE]);

/* Whether it is the token that this psk was made of. */
bool token_is_known(const Token *token, const uint8_t psk[static KEY_SIZE]);

/* The caller wipes the text. */
void token_to_text(const Token *token, char ret[static TOKEN_TEXT_MAX]);
void token_id_to_text(const uint8_t id[static TOKEN_ID_SIZE], char ret[static TOKEN_ID_TEXT_MAX]);

/* `text` need not be terminated. Says what is wrong, never what the text is. */
int token_parse(const char *text, size_t size, Token *ret, Error *error);
int token_id_parse(const char *text, uint8_t ret[static TOKEN_ID_SIZE]); /* -EINVAL */

/* From the file that config management dropped: one token, and a newline or not. See
 * file_read_private() for what is refused. ERROR_NOT_FOUND: there is none. */
int token_load(int dir_fd, const char *name, Token *ret, Error *error);
