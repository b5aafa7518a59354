/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/error.h"

/* Ids of DC/OS packages, NAME--VERSION: those that a script activates, or those that are active.
 * Large: never on the stack. Pure. */

#define PACKAGES_MAX   512 /* DC/OS 2.1 has 74 */
#define PACKAGE_ID_MAX 256 /* it is the name of a directory */

typedef struct PackageSet {
        size_t count;
        char ids[PACKAGES_MAX][PACKAGE_ID_MAX];
} PackageSet;

/* `text` need not be terminated. What pkgpanda would not take for an id is an error. */
int package_set_add(PackageSet *set, const char *text, size_t length, Error *error);

/* In order, and each only once, as the functions below want them. */
void package_set_sort(PackageSet *set);

bool package_set_has(const PackageSet *set, const char *id);

/* How many of `set` are not in `other`. Their names, the first few, are put into `buffer`: "A, B
 * and 7 more"; empty when there are none. */
size_t package_set_minus(const PackageSet *set, const PackageSet *other, char *buffer, size_t size);
