/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "common/error.h"
#include "common/fields.h"
#include "proto/message.h"

/* Message <-> JSON text {"v":1,"kind":"slot",...}: canonical and strict. Pure. */

/* Writes at most MESSAGE_BYTES_MAX bytes to `buffer`, no terminator counted in `ret_size`. */
int message_encode(
                const Message *message,
                char *buffer,
                size_t capacity,
                size_t *ret_size,
                Error *error);

/* Refuses another version in plain words, unknown kinds, unknown, missing and out-of-range members,
 * step ids that are not valid. `ret` is written on success only. */
int message_decode(const void *data, size_t size, Message *ret, Error *error);

/* The table of a kind's members, for docs and tests. */
const Field *message_fields(MessageKind kind);

extern const Field report_fields[];  /* also what a node stores of a step */
extern const Field symptom_fields[]; /* also what the coordinator stores of a diagnosis */
