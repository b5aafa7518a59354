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

/* A directory of its own for each test, as set-up and tear-down of cmocka; *state is the LabDir. */
typedef struct LabDir {
        char path[64];
        int fd;
} LabDir;

int lab_dir_set_up(void **state);
int lab_dir_tear_down(void **state);

/* A file there, with this mode and content; replaces one that is there. */
void lab_dir_put(const LabDir *dir, const char *name, const void *data, size_t size, unsigned mode);
