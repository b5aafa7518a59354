/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Bytes as text that may stand in JSON: base64 with padding, in one line. Pure. */

#define BASE64_TEXT_MAX(size) (((size) + 2) / 3 * 4 + 1)

/* `ret` has room for BASE64_TEXT_MAX(size). */
void base64_encode(const void *data, size_t size, char *ret);

/* Strict: nothing but the alphabet, and the padding that belongs to it. False: it is not that, or
 * more than `capacity` bytes. */
bool base64_decode(const char *text, void *ret, size_t capacity, size_t *ret_size);
