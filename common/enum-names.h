/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <string.h>

#include "common/macro.h"

/* Enums are stored, sent and shown as strings, never as numbers. One table per enum, indexed by
 * value; its size is asserted, so a new enumerator without a name does not compile. */

typedef struct EnumNames {
        const char *const *names;
        unsigned count;
} EnumNames;

#define DEFINE_ENUM_NAMES(prefix, table, expected)                                      \
        static_assert(ELEMENTSOF(table) == (expected), "a name is missing in " #table); \
        const EnumNames prefix##_names = { table, ELEMENTSOF(table) }

/* The name, or NULL for a value that is none of the enum. */
static inline const char *enum_name(const EnumNames *names, unsigned value) {
        return value < names->count ? names->names[value] : NULL;
}

/* The value, or -1 for a text that is none of the names. */
static inline int enum_value(const EnumNames *names, const char *text) {
        for (unsigned i = 0; i < names->count; i++) {
                if (names->names[i] && strcmp(names->names[i], text) == 0)
                        return (int) i;
        }

        return -1;
}
