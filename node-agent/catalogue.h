/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/macro.h"
#include "proto/message.h"

/* Texts in the journal after which a node does not get well by itself: somebody must do something.
 * What DC/OS also prints on its way up, or heals by trying again, is not in here, whatever it looks
 * like. Pure. */

typedef struct CatalogueRow {
        const char *id; /* "exhibitor-wrong-ip", as in the troubleshooting documents */
        uint32_t roles; /* set of IN(role) */
        const char *unit;
        const char *text; /* part of the line, case-sensitive */
        const char *also; /* another part, or NULL */
} CatalogueRow;

/* NULL: nothing fatal. `line` is terminated. */
const CatalogueRow *catalogue_find(Role role, const char *unit, const char *line);

/* The units whose lines are worth reading on a node of this role, each once. */
#define CATALOGUE_UNITS_MAX 16
size_t catalogue_units(Role role, const char *ret[static CATALOGUE_UNITS_MAX]);
