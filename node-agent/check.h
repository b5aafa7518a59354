/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "proto/message.h"

/* Samples, piece by piece; what does not fit is cut. Pure. */

/* Unknown, until something better is found out. */
Sample sample_make(const char *check, const char *subject);

/* The verdict, and why it is no pass. */
void sample_judge(Sample *sample, Verdict verdict, const char *format, ...) PRINTF(3, 4);

/* Beyond SAMPLE_NUMBERS_MAX or SAMPLE_TEXTS_MAX: asserts, because the names are ours. */
void sample_add_number(Sample *sample, const char *name, uint64_t value);
void sample_add_text(Sample *sample, const char *name, const char *text);

/* More evidence; lines, "\n" is the caller's. Foreign bytes are made harmless. */
void sample_add_evidence(Sample *sample, const char *format, ...) PRINTF(2, 3);
