/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/error.h"

/* The options of a verb: "--name VALUE" or "--name=VALUE". */

/* Whom --agents names: as many as there may be in a watch. */
#define AGENTS_MAX 104

typedef struct ProbeOption {
        const char *name;   /* without the dashes; NULL ends the table */
        const char **value; /* gets the argument, borrowed; NULL before */
        bool optional;
} ProbeOption;

/* `arguments` ends with NULL. -EINVAL for an unknown, repeated, empty or missing option. */
int probe_options_parse(const ProbeOption *options, char *const arguments[], Error *error);
