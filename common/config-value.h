/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdio.h>

#include "common/config.h"

/* One value of a configuration, between its text and its place in the record. Pure: YAML is known
 * to common/config.c alone. */

/* `record` is untouched on failure. The error names key, seen and wanted. Not for CONFIG_NAMES. */
int config_value_set(const ConfigField *field, const char *text, void *record, Error *error);

/* One more item of a CONFIG_NAMES. */
int config_value_append(const ConfigField *field, const char *text, void *record, Error *error);

/* What is wanted, for messages: "an absolute path". Returns `buffer`. */
#define CONFIG_WANT_MAX 128
const char *config_value_want(const ConfigField *field, char buffer[static CONFIG_WANT_MAX]);

/* As YAML that reads back as exactly the same value. */
void config_value_print(const ConfigField *field, const void *record, FILE *file);
