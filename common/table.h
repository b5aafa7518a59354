/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdio.h>

#include "common/cleanup.h"
#include "common/json.h"

/* Rows and columns for people: filled once, printed as text or given as JSON. The last column is
 * the one with sentences in it; on a terminal it is wrapped between words, so that nothing is cut.
 */

typedef enum Style {
        STYLE_PLAIN,
        STYLE_STRONG,
        STYLE_GOOD,
        STYLE_WARN,
        STYLE_BAD,
        STYLE_DIM,
} Style;
#define STYLE_COUNT (STYLE_DIM + 1)

/* How a stream wants to be written to. */
typedef struct Look {
        bool colour;
        bool legend;  /* headings above tables */
        size_t width; /* of the terminal; 0: no terminal, lines are never broken */
} Look;

/* Colour only on a terminal that is not dumb, and not with $NO_COLOR set. */
Look look_at(FILE *stream, bool legend);

/* What switches `style` on, and everything off again; "" without colour. */
const char *look_begin(const Look *look, Style style);
const char *look_end(const Look *look, Style style);

typedef struct TableColumn {
        const char *title; /* NULL ends the columns */
        const char *key;   /* the member in JSON */
        bool right;        /* aligned, for numbers */
} TableColumn;

typedef struct Table Table;

/* `columns` must stay where it is. NULL: out of memory. */
Table *table_new(const TableColumn *columns);
void table_free(Table *table);
DEFINE_AUTO(Table, table_free)

/* The next cell; after the last column a new row begins. NULL or "" is shown as "-" and is null in
 * JSON. Control characters become '?'. Running out of memory is told by table_print. */
void table_add(Table *table, Style style, const char *text);
void table_add_u64(Table *table, Style style, uint64_t value);

size_t table_rows(const Table *table);

/* -ENOMEM or -EIO. Without rows it prints nothing. */
int table_print(const Table *table, const Look *look, FILE *stream);

/* An array of one object a row. NULL: out of memory. */
Json *table_to_json(const Table *table);
