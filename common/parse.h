/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/macro.h"

/* The only code that turns text into numbers and names. Whole text or -EINVAL; -ERANGE when it is a
 * number outside the limits. Out-parameters are untouched on failure. */

int parse_bool(const char *text, bool *ret); /* true/false, yes/no, on/off, 1/0 */
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret);
int parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *ret);
int parse_size(const char *text, uint64_t *ret); /* bytes; suffix K, M, G (1024) */
int parse_port(const char *text, uint16_t *ret);

/* Node names, whoever sends them: ^[a-z0-9][a-z0-9.-]{0,252}$ */
#define NAME_TEXT_MAX 254
bool name_is_valid(const char *text);

/* Lower-case hexadecimal of exactly `digits` digits. */
bool hex_is_valid(const char *text, size_t digits);

/* "IPv4-or-[IPv6]:port", literal addresses only. `ret_address` keeps no brackets. */
#define ADDRESS_TEXT_MAX 64
int parse_endpoint(const char *text, char ret_address[static ADDRESS_TEXT_MAX], uint16_t *ret_port);
