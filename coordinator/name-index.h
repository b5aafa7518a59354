/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Where in an array the things of a name are: a hash table beside an array that only grows. Of the
 * names it keeps their hashes only, so whoever looks something up compares the names himself, and
 * a thing may get another name: the old one just leads nowhere. Pure.
 *
 *      size_t cursor = name_index_begin(&index, name);
 *      while ((place = name_index_next(&index, name, &cursor)) != SIZE_MAX)
 *              if (strcmp(things[place].name, name) == 0) ...
 */

typedef struct NameSlot {
        uint32_t hash;
        uint32_t place; /* plus 1; 0: free */
} NameSlot;

typedef struct NameIndex {
        NameSlot *slots; /* owned */
        size_t space;    /* a power of two, or 0 */
        size_t count;
} NameIndex;

/* -ENOMEM: nothing was added. */
int name_index_add(NameIndex *index, const char *name, size_t place);

/* Places that may be of that name, in no particular order. SIZE_MAX: no more. */
size_t name_index_begin(const NameIndex *index, const char *name);
size_t name_index_next(const NameIndex *index, const char *name, size_t *cursor);

int name_index_copy(const NameIndex *index, NameIndex *ret);
void name_index_done(NameIndex *index);
