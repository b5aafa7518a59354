/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "common/cleanup.h"
#include "common/error.h"

/* A YAML file that is one mapping, as the generator of DC/OS takes it: each value made a text, so
 * that `false`, `'false'` and `no` are one value, and so are [a, b], ["a","b"] and '["a", "b"]'.
 * Lists and mappings become JSON with ", " and ": ". Plain scalars are what YAML 1.1 has them to
 * be. A key that stands twice is an error here, as are anchors, aliases and tags. Pure. */

typedef enum YamlKind {
        YAML_KIND_TEXT,
        YAML_KIND_BOOL,
        YAML_KIND_NUMBER, /* whole */
        YAML_KIND_FLOAT,  /* or there is one inside; a date counts as one, too */
        YAML_KIND_NULL,   /* or there is one inside */
        YAML_KIND_LIST,
        YAML_KIND_MAPPING,
} YamlKind;

typedef struct YamlValue {
        char *key;
        char *text;
        YamlKind kind;
        size_t line; /* from 1 */
} YamlValue;

typedef struct YamlFlat {
        YamlValue *values; /* in the order of the file */
        size_t count;
} YamlFlat;

int yaml_flat_parse(const char *text, size_t size, YamlFlat **ret, Error *error);
void yaml_flat_free(YamlFlat *flat);
DEFINE_AUTO(YamlFlat, yaml_flat_free)

const YamlValue *yaml_flat_find(const YamlFlat *flat, const char *key); /* NULL: not there */
