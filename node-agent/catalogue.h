/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/macro.h"
#include "proto/failures.h"

/* Looks for the signs of the catalogue (proto/failures.h). Pure. */

/* What a line means by itself, while a step runs: only what is fatal the moment it is printed; a
 * line that heals, or is normal for a while, is evidence when a deadline has passed, not a verdict.
 * NULL: nothing fatal. `line` is terminated. */
const Failure *catalogue_find(Role role, const char *unit, const char *line);

/* The units whose lines catalogue_find() knows something about on a node of this role, each once.
 */
#define CATALOGUE_UNITS_MAX 24
size_t catalogue_units(Role role, const char *ret[static CATALOGUE_UNITS_MAX]);

/* --- for a diagnosis: every class --- */

/* The first row of which a sign is at this place and in this line; `ret` is the sign. NULL: none.
 */
const Failure *catalogue_match(
                Role role, SignPlace where, const char *place, const char *line, const Sign **ret);

/* Whether "recovery_errors>0" or "recovered=0" is true of the value. */
bool catalogue_number_is(const char *text, uint64_t value);

/* The places of this kind that are named on a node of this role, each once: units, files, checks.
 */
size_t catalogue_places(Role role, SignPlace where, const char *ret[static CATALOGUE_UNITS_MAX]);

/* Where a unit stands in the troubleshooting order. */
Component catalogue_component(const char *unit);
