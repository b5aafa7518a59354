/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* Takes out of foreign text what must not leave a node: values of passwords, tokens, secrets and
 * keys, whatever is written before them ("password": "..", --token .., PASSWORD=..), authorization
 * headers, JSON web tokens, private keys in PEM (also what is left of one whose beginning was cut
 * off), passwords in URLs and of "-u user:password", hashes of passwords, and keys of AWS. It takes
 * out too much rather than too little. The time it takes grows as the text does. Pure. */

#define REDACTED "[removed]"

/* A new text, terminated; the caller frees it. NULL: out of memory, and nothing may be shown. */
char *redact(const char *text, size_t size, size_t *ret_size);

/* In place; a text that grows is cut. Without memory it becomes empty. */
void redact_text(char *text, size_t size);
