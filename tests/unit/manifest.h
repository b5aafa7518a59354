/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "common/macro.h"

/* tests/samples/dcos/MANIFEST.tsv, row by row: a file, who reads it, in which context, and what is
 * to come of it. The readers are in three programs that cannot be linked into one (each has a
 * Sample of its own); which reader is whose stands in manifest.c, and that each of the table's
 * readers has an owner is checked by all three. */

#define MANIFEST_ANSWER_MAX 1024

typedef struct ManifestRow {
        const char *file;
        const char *reader;
        const char *context;
        const char *expected;
        const char *reason;
} ManifestRow;

typedef struct ManifestReader {
        const char *name;
        /* Writes what came of it, as the table writes it: "pass", "version=2.1.0;variant=open". */
        void (*read)(const ManifestRow *row, char answer[static MANIFEST_ANSWER_MAX]);
} ManifestReader;

/* Compares every row of the program's readers; fails with all that differ. */
void manifest_check(const char *program, const ManifestReader readers[], size_t count);

bool manifest_has(const ManifestRow *row, const char *word); /* in the context, without a value */
const char *manifest_get(const ManifestRow *row, const char *name);
char *manifest_text(const ManifestRow *row, size_t *ret_size); /* of the row's file */
char *manifest_file(const char *name, size_t *ret_size);       /* of another one beside it */
