/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/macro.h"

/* A reader that may be given anything. TARGET, its name, comes from the build: the same source is
 * one program a reader. With -Dfuzz=true (clang) libFuzzer feeds it; otherwise replay.c does, from
 * the samples and captures, cut and damaged. */

typedef struct FuzzTarget {
        const char *name;
        void (*read)(const char *text, size_t size);
} FuzzTarget;

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What LLVMFuzzerTestOneInput() does: the target of this name gets the data; there must be one. */
int fuzz_one(const FuzzTarget targets[],
             size_t count,
             const char *name,
             const void *data,
             size_t size);
