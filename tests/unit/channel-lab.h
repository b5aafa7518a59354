/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/macro.h"
#include "proto/schema.h"

/* Keys and bytes for tests of the channel: the same in every run. */

typedef struct LabPair {
        uint8_t secret[KEY_SIZE];
        uint8_t public[KEY_SIZE];
} LabPair;

/* Bytes that look random; `seed` goes on. */
void lab_fill(void *buffer, size_t size, uint64_t *seed);
uint64_t lab_random(uint64_t *seed);

/* The public half is computed. */
LabPair lab_pair(const uint8_t secret[static KEY_SIZE]);
LabPair lab_pair_of(uint64_t seed);

bool lab_is_zero(const void *data, size_t size);
