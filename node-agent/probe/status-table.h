/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "common/error.h"

/* The tables that `cockroach node status` prints: tsv, csv, table (framed or not) and records, by
 * every version since 1.0; html, sql and raw are refused by name. Cells are found by the name of
 * their column, because columns come and go and change places; times contain a blank, so white
 * space never separates. Pure. */

#define STATUS_CELL_MAX    128
#define STATUS_COLUMNS_MAX 64

typedef struct StatusRow {
        const char *names[STATUS_COLUMNS_MAX]; /* borrowed, like the cells */
        const char *cells[STATUS_COLUMNS_MAX];
        size_t count;
} StatusRow;

/* NULL: there is no such column, or it stands there twice. */
const char *status_row_get(const StatusRow *row, const char *name);

/* Called for each row; an error ends it. */
typedef int (*StatusRowRead)(const StatusRow *row, void *userdata, Error *error);

/* `text` need not be terminated. A row with more or fewer cells than the header, a last line that
 * does not end, and a count of rows that is wrong are errors; so is a text without a header. */
int status_table_read(
                const char *text, size_t size, StatusRowRead on_row, void *userdata, Error *error);
