/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/probe/reply.h"
#include "tests/unit/sample-file.h"

/* Rows of tests/samples/expect.tsv, and what is done to answers to see that nothing passes by
 * accident. */

typedef struct Row {
        char *context; /* "name=value;..." */
        const char *expected;
        const char *says;
        const char *why;
} Row;

/* The value of `name` in the row's context, borrowed until the next call; NULL: it has none. */
const char *row_get(const Row *row, const char *name);
uint64_t row_number(const Row *row, const char *name);

/* The answer that the context has under `name`; without one it is a failure. */
Reply row_reply(const Row *row, const char *name, const char *question);

/* Calls `judge` with every row of `check`, and compares; returns how many there were. */
unsigned each_row(const char *check, void (*judge)(const Row *row, Sample *sample));

/* How often `word` stands in the text. */
unsigned count_words(const char *text, const char *word);

typedef struct Mutation {
        const char *body; /* one that passes; ends with its last byte */
        size_t size;
        void (*judge)(const char *body, size_t size, Sample *sample);
        bool (*may_pass)(const char *body); /* an oracle that only looks for words */
} Mutation;

/* Every prefix, every single bit flipped, every byte left out, and rubbish of 10 MB: never passes,
 * unless it may. */
void never_passes_by_accident(const Mutation *mutation);
