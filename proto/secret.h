/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/cleanup.h"
#include "common/error.h"

/* A text that nobody else may know, in memory of its own that is locked (never swapped, in no core
 * dump), can only be read, and is wiped when it is freed. */

typedef struct Secret Secret;

/* Fails when no memory can be locked. The caller wipes what he gave. */
int secret_new(const char *text, Secret **ret, Error *error);

const char *secret_text(const Secret *secret); /* of NULL: NULL */

MUST_USE bool secret_equals(const Secret *secret, const char *text); /* NULL: nothing does */

void secret_free(Secret *secret);
DEFINE_AUTO(Secret, secret_free)
