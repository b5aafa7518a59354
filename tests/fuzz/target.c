/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/target.h"

#include <stdlib.h>
#include <string.h>

/* A copy of exactly this size, so that a sanitizer sees who reads one byte more. */
int fuzz_one(const FuzzTarget targets[],
             size_t count,
             const char *name,
             const void *data,
             size_t size) {
        char *copy = malloc(size > 0 ? size : 1);

        if (!copy)
                return 0;

        if (size > 0)
                memcpy(copy, data, size);
        while (count > 0 && strcmp(targets[count - 1].name, name) != 0)
                count--;
        if (count == 0)
                abort();

        targets[count - 1].read(copy, size);
        free(copy);
        return 0;
}
