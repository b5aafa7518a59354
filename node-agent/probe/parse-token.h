/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a token of the IAM (a JWT) says of itself, without asking whether that is true: whoever is
 * asked with it judges it. Pure. */

/* Three parts of base64url, none empty. */
bool token_is_valid(const char *text);

/* The `exp` of its claims, seconds since 1970. False: it says none that can be. */
bool token_get_expiry(const char *token, uint64_t *ret);

/* Puts asterisks where `text` repeats the secret, or at least SECRET_SHOWN_MAX + 1 bytes of its
 * beginning: whoever is sent a secret may say it again, and what he says may become evidence. */
#define SECRET_SHOWN_MAX 15

void secret_hide(char *text, size_t size, const char *secret);
