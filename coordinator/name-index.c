/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/name-index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Open addressing, at most half full, nothing is ever taken out. Names are those of a person's own
 * nodes, let in by that person: nobody else can choose them so that they collide. */

#define SPACE_MIN 32

/* FNV-1a */
static uint32_t hash_of(const char *name) {
        uint32_t hash = UINT32_C(0x811c9dc5);

        for (const char *at = name; *at; at++)
                hash = (hash ^ (unsigned char) *at) * UINT32_C(0x01000193);

        return hash;
}

static void put(NameSlot *slots, size_t space, NameSlot slot) {
        size_t at = slot.hash & (space - 1);

        while (slots[at].place != 0)
                at = (at + 1) & (space - 1);

        slots[at] = slot;
}

static int grow(NameIndex *index) {
        size_t space = index->space ? 2 * index->space : SPACE_MIN;
        NameSlot *slots = calloc(space, sizeof(*slots));

        if (!slots)
                return -ENOMEM;

        for (size_t i = 0; i < index->space; i++) {
                if (index->slots[i].place != 0)
                        put(slots, space, index->slots[i]);
        }

        free(index->slots);
        index->slots = slots;
        index->space = space;
        return 0;
}

int name_index_add(NameIndex *index, const char *name, size_t place) {
        int r;

        if (place >= UINT32_MAX)
                return -ENOMEM;

        if (2 * (index->count + 1) > index->space) {
                r = grow(index);
                if (r < 0)
                        return r;
        }

        put(index->slots, index->space, (NameSlot) { hash_of(name), (uint32_t) place + 1 });
        index->count++;
        return 0;
}

size_t name_index_begin(const NameIndex *index, const char *name) {
        return index->space == 0 ? 0 : hash_of(name) & (index->space - 1);
}

size_t name_index_next(const NameIndex *index, const char *name, size_t *cursor) {
        uint32_t hash = hash_of(name);

        while (index->space > 0 && index->slots[*cursor].place != 0) {
                NameSlot slot = index->slots[*cursor];

                *cursor = (*cursor + 1) & (index->space - 1);
                if (slot.hash == hash)
                        return slot.place - 1;
        }

        return SIZE_MAX;
}

int name_index_copy(const NameIndex *index, NameIndex *ret) {
        *ret = (NameIndex) {};
        if (index->space == 0)
                return 0;

        ret->slots = calloc(index->space, sizeof(*ret->slots));
        if (!ret->slots)
                return -ENOMEM;

        memcpy(ret->slots, index->slots, index->space * sizeof(*ret->slots));
        ret->space = index->space;
        ret->count = index->count;
        return 0;
}

void name_index_done(NameIndex *index) {
        free(index->slots);
        *index = (NameIndex) {};
}
