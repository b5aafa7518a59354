/* SPDX-License-Identifier: Apache-2.0 */
#include "common/package-set.h"

#include <stdlib.h>
#include <string.h>

#include "common/text.h"

#define NAMED_MAX 3 /* of a difference, in a sentence for a person */

static bool is_id_byte(char byte) {
        return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
               (byte >= '0' && byte <= '9') || strchr("@._+:-", byte);
}

/* Half an id: not empty, and never an option or a hidden file. */
static bool is_part(const char *text, size_t length) {
        return length > 0 && text[0] != '.' && text[0] != '-';
}

static bool is_id(const char *text, size_t length) {
        const char *dashes = memmem(text, length, "--", 2);
        size_t name = dashes ? (size_t) (dashes - text) : 0;

        for (size_t i = 0; i < length; i++) {
                if (text[i] == '\0' || !is_id_byte(text[i]))
                        return false;
        }

        return dashes && is_part(text, name) && is_part(dashes + 2, length - name - 2) &&
               !memmem(dashes + 2, length - name - 2, "--", 2);
}

int package_set_add(PackageSet *set, const char *text, size_t length, Error *error) {
        if (!is_id(text, length) || length >= PACKAGE_ID_MAX) {
                char id[64] = "", shown[32];

                memcpy(id, text, MIN(length, sizeof(id) - 1));
                text_ellipsize(shown, sizeof(shown), id);
                return error_setf(
                                error, ERROR_INVALID, "'%s' is no package id, want NAME--VERSION",
                                shown);
        }
        if (set->count == PACKAGES_MAX) {
                return error_setf(
                                error, ERROR_TOO_BIG, "there are more than %d packages",
                                PACKAGES_MAX);
        }

        memcpy(set->ids[set->count], text, length);
        set->ids[set->count][length] = '\0';
        set->count++;
        return 0;
}

static int compare_ids(const void *a, const void *b) {
        return strcmp(a, b);
}

void package_set_sort(PackageSet *set) {
        size_t kept = 0;

        qsort(set->ids, set->count, PACKAGE_ID_MAX, compare_ids);
        for (size_t i = 0; i < set->count; i++) {
                if (i > 0 && strcmp(set->ids[i], set->ids[i - 1]) == 0)
                        continue;
                if (kept != i)
                        memcpy(set->ids[kept], set->ids[i], PACKAGE_ID_MAX);
                kept++;
        }

        set->count = kept;
}

bool package_set_has(const PackageSet *set, const char *id) {
        return bsearch(id, set->ids, set->count, PACKAGE_ID_MAX, compare_ids);
}

size_t package_set_minus(
                const PackageSet *set, const PackageSet *other, char *buffer, size_t size) {
        size_t count = 0, used = 0;

        buffer[0] = '\0';
        for (size_t i = 0; i < set->count; i++) {
                if (package_set_has(other, set->ids[i]) || ++count > NAMED_MAX)
                        continue;

                (void) text_format(
                                buffer + used, size - used, "%s%s", used > 0 ? ", " : "",
                                set->ids[i]);
                used += strlen(buffer + used);
        }

        if (count > NAMED_MAX) {
                (void) text_format(buffer + used, size - used, " and %zu more", count - NAMED_MAX);
        }

        return count;
}
