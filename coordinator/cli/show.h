/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdio.h>

#include "common/json.h"
#include "common/span.h"
#include "common/table.h"
#include "coordinator/cli/cli.h"

/* What the verbs print with. Answers of rollpatchd are read tolerantly: a member that is not there
 * is empty, one that is not known is passed over. What came over the socket may hold names and
 * outputs of other machines, so all of it is cleaned of control characters on its way to a
 * terminal. */

typedef struct Show {
        FILE *stream;
        Look look;
} Show;

/* For stdout. */
Show show_open(const CliOptions *options);

/* One line, without its newline. */
void show_line(const Show *show, Style style, const char *format, ...) PRINTF(3, 4);

/* Files of [{"path":"..","mode":"0600","content":".."}], each with a line that says which it is. */
void show_files(const Show *show, const Json *files);

/* A table; nothing when it has no rows. */
void show_table(const Show *show, const Table *table);

/* "= Masters =" and what belongs behind it. */
void show_heading(const Show *show, const char *title, const char *text);

/* --- reading --- */

const char *doc_text(const Json *object, const char *key);   /* "" when absent */
uint64_t doc_number(const Json *object, const char *key);    /* 0 when absent */
bool doc_flag(const Json *object, const char *key);          /* false when absent */
const Json *doc_list(const Json *object, const char *key);   /* NULL when absent or no list */
const Json *doc_object(const Json *object, const char *key); /* NULL when absent or null */

/* The texts of a list, as "a, b, c" (", and N more" when there are more than `max`). */
#define LIST_TEXT_MAX 512
const char *doc_join(
                const Json *object, const char *key, size_t max, char buffer[static LIST_TEXT_MAX]);

/* --- times --- */

/* From `since` to `now`, both wall clock: "9min" in tables, "9min 12s" elsewhere; "-" when `since`
 * is not known. */
const char *show_age(usec_t now, usec_t since, char buffer[static SPAN_TEXT_MAX]);
const char *show_span(usec_t now, usec_t since, char buffer[static SPAN_TEXT_MAX]);

/* "2026-11-23 04:05:06Z", or "-". */
const char *show_time(usec_t wall, char buffer[static TIMESTAMP_TEXT_MAX]);

/* "Done", "Failed", ...: how to print an assessment or a level. */
Style show_style(const char *word);

/* `text` with a capital, for states of runs. */
#define WORD_TEXT_MAX 32
const char *show_capital(const char *text, char buffer[static WORD_TEXT_MAX]);
