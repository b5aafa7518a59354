/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "common/error.h"
#include "common/json.h"
#include "common/span.h"

/* What is told of one question: a verdict, why it is no pass, what it rests on, and the numbers and
 * texts that others judge by. What was not answered is not in it: never 0, never "". Pure. */

#define SAMPLE_NAME_MAX     32
#define SAMPLE_SUBJECT_MAX  64
#define SAMPLE_TEXT_MAX     128
#define SAMPLE_EVIDENCE_MAX 2048
#define SAMPLE_NUMBERS_MAX  16
#define SAMPLE_TEXTS_MAX    6

typedef enum Verdict {
        VERDICT_UNKNOWN, /* no usable answer */
        VERDICT_PASS,
        VERDICT_FAIL,
        VERDICT_NOT_APPLICABLE,
} Verdict;
#define VERDICT_COUNT (VERDICT_NOT_APPLICABLE + 1)

typedef struct Sample {
        char check[SAMPLE_NAME_MAX];
        char subject[SAMPLE_SUBJECT_MAX];
        Verdict verdict;
        Error why; /* code ERROR_NONE: nothing speaks against a pass so far */
        char evidence[SAMPLE_EVIDENCE_MAX];
        usec_t took;
        struct {
                const char *name; /* not copied */
                uint64_t value;
        } numbers[SAMPLE_NUMBERS_MAX];
        size_t number_count;
        struct {
                const char *name; /* not copied */
                char text[SAMPLE_TEXT_MAX];
        } texts[SAMPLE_TEXTS_MAX];
        size_t text_count;
} Sample;

/* Of the verdicts UNKNOWN; a subject that is too long is cut. */
void sample_init(Sample *sample, const char *check, const char *subject);

/* The first failure decides, else the first doubt; what comes later does not replace it. */
void sample_fail(Sample *sample, const char *format, ...) PRINTF(2, 3);
void sample_doubt(Sample *sample, const char *format, ...) PRINTF(2, 3);
void sample_doubt_error(Sample *sample, const Error *error);

/* The last word: a pass, if there was neither failure nor doubt. */
void sample_close(Sample *sample);
void sample_close_not_applicable(Sample *sample, const char *why);

void sample_add_number(Sample *sample, const char *name, uint64_t value);
void sample_add_text(Sample *sample, const char *name, const char *text);
bool sample_get_number(const Sample *sample, const char *name, uint64_t *ret);
const char *sample_get_text(const Sample *sample, const char *name); /* NULL: not there */

/* Adds foreign bytes to the evidence, made one line of printable UTF-8, after "; ". */
void sample_add_evidence(Sample *sample, const char *format, ...) PRINTF(2, 3);

/* {"samples":[...]} into `answer`. False: out of memory. */
bool samples_print(const Sample samples[], size_t count, Json *answer);
