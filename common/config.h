/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "common/error.h"

/* YAML files by one table a program: key, type, place, bounds, default, help. Every mistake of a
 * file is reported in one go, each as "FILE:LINE:COLUMN: what was seen, what is wanted", unknown
 * keys with the closest known one. On any mistake nothing is changed. Nested keys are written with
 * dots in the table ("script.sha256") and as mappings in the file; rows of one mapping stand
 * together.
 *
 * Only the plain part of YAML is understood: anchors, aliases and tags are refused, and so are a
 * key that stands twice, a name that stands twice in a list, and a second document. */

typedef enum ConfigType {
        CONFIG_TEXT,     /* char[size] */
        CONFIG_NAME,     /* char[size], a node name */
        CONFIG_PATH,     /* char[size], absolute */
        CONFIG_ENDPOINT, /* char[size], "ADDRESS:PORT" of literal addresses */
        CONFIG_SHA256,   /* char[65] */
        CONFIG_URL,      /* char[size], http:// or https:// */
        CONFIG_BOOL,     /* bool */
        CONFIG_U64,      /* uint64_t, min..max */
        CONFIG_SPAN,     /* usec_t, min..max */
        CONFIG_SIZE,     /* uint64_t bytes, min..max */
        CONFIG_NAMES,    /* list of node names: char[max][NAME_TEXT_MAX], count in size_t at
                            count_offset */
} ConfigType;

typedef struct ConfigField {
        const char *key; /* NULL ends the table */
        ConfigType type;
        size_t offset;
        size_t size;
        uint64_t min;
        uint64_t max; /* 0: no upper limit; of a list: its places; of a text min and max do not
                         count */
        size_t count_offset;
        const char *standard; /* default as it would stand in the file; NULL: required; "": not set,
                               * which the file may then say as well; of a list "[]" only */
        const char *help;
} ConfigField;

/* A plan may name 10 000 nodes. */
#define CONFIG_FILE_MAX ((size_t) 1 << 20)

/* All the mistakes found, one a line, each line ended. */
typedef struct ConfigErrors {
        unsigned count; /* all of them, also those that no longer fitted in `text` */
        char text[8192];
} ConfigErrors;

/* `name` is what messages call the file. Fills defaults first. -EINVAL with `errors` filled. */
int config_parse(
                const ConfigField *fields,
                const char *name,
                const char *text,
                size_t length,
                void *ret,
                size_t size,
                ConfigErrors *errors);

/* Reads the file (at most CONFIG_FILE_MAX) and parses it. A file that cannot be read is one error.
 */
int config_load(const ConfigField *fields,
                const char *path,
                void *ret,
                size_t size,
                ConfigErrors *errors);

/* The configuration in force as YAML with the help as comments, for --print-config. Caller frees.
 */
char *config_print(const ConfigField *fields, const void *config);
