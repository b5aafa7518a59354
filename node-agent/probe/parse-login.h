/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/probe/reply.h"

/* The way into the IAM: the account that logs in, and what the login answers. Nothing here puts a
 * key or a token into a message. Pure. */

#define LOGIN_TOKEN_MAX 4096
#define LOGIN_KEY_MAX   16384
#define LOGIN_TEXT_MAX  256

/* A service account file. Holds a secret: login_account_done() wipes it. */
typedef struct LoginAccount {
        char uid[LOGIN_TEXT_MAX];
        char scheme[16]; /* "RS256" */
        char endpoint[LOGIN_TEXT_MAX];
        char key[LOGIN_KEY_MAX]; /* PEM */
} LoginAccount;

int login_account_read(const char *text, size_t size, LoginAccount *ret, Error *error);
void login_account_done(LoginAccount *account);

/* Whether its key is a PEM block with a PKCS#8 structure in it, as RS256 needs. */
int login_account_check_key(const LoginAccount *account, Error *error);

/* The token of a 200. ERROR_DENIED: a 401, the account is not let in. */
int login_token_read(const Reply *reply, char ret[static LOGIN_TOKEN_MAX], Error *error);
