/* SPDX-License-Identifier: Apache-2.0 */
#include "common/yaml-flat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "common/json.h"
#include "common/text.h"

#define DEPTH_MAX  16
#define VALUES_MAX 512
#define TEXT_MAX   ((size_t) 256 * 1024) /* of all values together */
#define DIGITS     "0123456789"

typedef struct Reader {
        yaml_parser_t yaml;
        Error *error;
        YamlFlat *flat;
        char *out; /* JSON of the value that is being read */
        size_t used;
} Reader;

#define AUTO_EVENT __attribute__((cleanup(yaml_event_delete))) yaml_event_t

void yaml_flat_free(YamlFlat *flat) {
        if (!flat)
                return;

        for (size_t i = 0; i < flat->count; i++) {
                free(flat->values[i].key);
                free(flat->values[i].text);
        }
        free(flat->values);
        free(flat);
}

const YamlValue *yaml_flat_find(const YamlFlat *flat, const char *key) {
        for (size_t i = 0; i < flat->count; i++) {
                if (strcmp(flat->values[i].key, key) == 0)
                        return &flat->values[i];
        }

        return NULL;
}

static int refuse(Reader *reader, const yaml_event_t *event, const char *why) {
        return error_setf(
                        reader->error, ERROR_INVALID, "line %zu: %s", event->start_mark.line + 1,
                        why);
}

static int next(Reader *reader, yaml_event_t *ret) {
        const yaml_parser_t *yaml = &reader->yaml;

        if (yaml_parser_parse(&reader->yaml, ret))
                return 0;

        return error_setf(
                        reader->error, ERROR_INVALID, "line %zu: not YAML: %s",
                        yaml->problem_mark.line + 1, yaml->problem ? yaml->problem : "no memory");
}

/* --- what a plain scalar is, by YAML 1.1 --- */

static bool is_one_of(const char *text, const char *const words[], size_t count) {
        for (size_t i = 0; i < count; i++) {
                if (strcmp(text, words[i]) == 0)
                        return true;
        }

        return false;
}

static bool is_true(const char *text) {
        static const char *const words[] = { "true", "True", "TRUE", "yes", "Yes",
                                             "YES",  "on",   "On",   "ON" };

        return is_one_of(text, words, ELEMENTSOF(words));
}

static bool is_false(const char *text) {
        static const char *const words[] = { "false", "False", "FALSE", "no", "No",
                                             "NO",    "off",   "Off",   "OFF" };

        return is_one_of(text, words, ELEMENTSOF(words));
}

static bool is_null(const char *text) {
        static const char *const words[] = { "", "~", "null", "Null", "NULL" };

        return is_one_of(text, words, ELEMENTSOF(words));
}

static bool is_whole(const char *text) {
        const char *digits = text + (*text == '-');

        return digits[0] && !digits[strspn(digits, DIGITS)] && (digits[0] != '0' || !digits[1]);
}

static bool is_date(const char *text) {
        return strlen(text) == strlen("2020-01-01") && !text[strspn(text, DIGITS "-")] &&
               text[4] == '-' && text[7] == '-';
}

/* Numbers that are not plainly whole: "1.5", "1e+3", "0x1f", "010", "1_000", "1:30", and dates.
 * What they become in the generator nobody means. */
static bool is_odd_number(const char *text) {
        const char *rest = text + (*text == '-' || *text == '+');
        size_t dots = 0, digits = 0;

        if (is_one_of(rest, (const char *const[]) { ".inf", ".Inf", ".INF", ".nan", ".NaN" }, 5) ||
            text_starts_with(rest, "0x") || is_date(text))
                return true;

        for (const char *p = rest; *p; p++) {
                bool of_exponent = (*p == '-' || *p == '+') && p > rest && strchr("eE", p[-1]);

                if (!strchr(DIGITS "._:eE", *p) && !of_exponent)
                        return false;

                dots += *p == '.';
                digits += *p >= '0' && *p <= '9';
        }

        return strchr(DIGITS ".", rest[0]) && digits > 0 && dots <= 1;
}

static YamlKind kind_of(const yaml_event_t *event) {
        const char *text = (const char *) event->data.scalar.value;

        if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
                return YAML_KIND_TEXT;
        if (is_null(text))
                return YAML_KIND_NULL;
        if (is_true(text) || is_false(text))
                return YAML_KIND_BOOL;
        if (is_whole(text))
                return YAML_KIND_NUMBER;

        return is_odd_number(text) ? YAML_KIND_FLOAT : YAML_KIND_TEXT;
}

/* The text that the generator makes of a scalar; borrowed. */
static const char *text_of(const yaml_event_t *event, YamlKind kind) {
        const char *text = (const char *) event->data.scalar.value;

        if (kind == YAML_KIND_BOOL)
                return is_true(text) ? "true" : "false";

        return kind == YAML_KIND_NULL ? "null" : text;
}

/* --- JSON --- */

static int put(Reader *reader, const char *text) {
        size_t length = strlen(text);

        if (reader->used + length >= TEXT_MAX) {
                return error_setf(
                                reader->error, ERROR_TOO_BIG, "its values have over %zu bytes",
                                TEXT_MAX);
        }

        memcpy(reader->out + reader->used, text, length + 1);
        reader->used += length;
        return 0;
}

static int put_quoted(Reader *reader, const char *text) {
        AUTO(Json) *json = json_new_string(text);
        auto_free char *quoted = json ? json_print(json) : NULL;

        return quoted ? put(reader, quoted)
                      : error_setf(reader->error, ERROR_MEMORY, "no memory for YAML");
}

/* --- values --- */

static int check_event(Reader *reader, const yaml_event_t *event) {
        if (event->type == YAML_ALIAS_EVENT)
                return refuse(reader, event, "an alias, want a plain value");
        if (event->type == YAML_SCALAR_EVENT &&
            (event->data.scalar.anchor || event->data.scalar.tag))
                return refuse(reader, event, "an anchor or a tag, want a plain value");
        if (event->type == YAML_SCALAR_EVENT &&
            strlen((const char *) event->data.scalar.value) != event->data.scalar.length)
                return refuse(reader, event, "a NUL byte inside");
        if (event->type == YAML_SEQUENCE_START_EVENT &&
            (event->data.sequence_start.anchor || event->data.sequence_start.tag))
                return refuse(reader, event, "an anchor or a tag, want a plain list");
        if (event->type == YAML_MAPPING_START_EVENT &&
            (event->data.mapping_start.anchor || event->data.mapping_start.tag))
                return refuse(reader, event, "an anchor or a tag, want a plain mapping");

        return 0;
}

static int take(Reader *reader, yaml_event_t *ret) {
        int r = next(reader, ret);

        return r < 0 ? r : check_event(reader, ret);
}

static int put_scalar(Reader *reader, const yaml_event_t *event, YamlKind *worst) {
        YamlKind kind = kind_of(event);

        if (kind == YAML_KIND_FLOAT || kind == YAML_KIND_NULL)
                *worst = kind;

        return kind == YAML_KIND_TEXT ? put_quoted(reader, text_of(event, kind))
                                      : put(reader, text_of(event, kind));
}

static int put_value(Reader *reader, const yaml_event_t *event, size_t depth, YamlKind *worst);

/* NOLINTNEXTLINE(misc-no-recursion): no deeper than DEPTH_MAX */
static int put_list(Reader *reader, size_t depth, YamlKind *worst) {
        int r = put(reader, "[");

        for (size_t i = 0; r == 0; i++) {
                AUTO_EVENT event = {};

                r = take(reader, &event);
                if (r == 0 && event.type == YAML_SEQUENCE_END_EVENT)
                        return put(reader, "]");
                if (r == 0 && i > 0)
                        r = put(reader, ", ");
                if (r == 0)
                        r = put_value(reader, &event, depth, worst);
        }

        return r;
}

static int put_key(Reader *reader, const yaml_event_t *event) {
        int r;

        if (event->type != YAML_SCALAR_EVENT)
                return refuse(reader, event, "a key that is no text");

        r = put_quoted(reader, (const char *) event->data.scalar.value);
        return r < 0 ? r : put(reader, ": ");
}

/* NOLINTNEXTLINE(misc-no-recursion): no deeper than DEPTH_MAX */
static int put_mapping(Reader *reader, size_t depth, YamlKind *worst) {
        int r = put(reader, "{");

        for (size_t i = 0; r == 0; i++) {
                AUTO_EVENT key = {}, value = {};

                r = take(reader, &key);
                if (r == 0 && key.type == YAML_MAPPING_END_EVENT)
                        return put(reader, "}");
                if (r == 0 && i > 0)
                        r = put(reader, ", ");
                if (r == 0)
                        r = put_key(reader, &key);
                if (r == 0)
                        r = take(reader, &value);
                if (r == 0)
                        r = put_value(reader, &value, depth, worst);
        }

        return r;
}

/* NOLINTNEXTLINE(misc-no-recursion): no deeper than DEPTH_MAX */
static int put_value(Reader *reader, const yaml_event_t *event, size_t depth, YamlKind *worst) {
        if (depth == 0)
                return refuse(reader, event, "nested too deep");
        if (event->type == YAML_SEQUENCE_START_EVENT)
                return put_list(reader, depth - 1, worst);
        if (event->type == YAML_MAPPING_START_EVENT)
                return put_mapping(reader, depth - 1, worst);

        return put_scalar(reader, event, worst);
}

static int read_value(Reader *reader, const yaml_event_t *event, YamlValue *value) {
        reader->used = 0;
        if (event->type == YAML_SCALAR_EVENT) {
                value->kind = kind_of(event);
                return put(reader, text_of(event, value->kind));
        }

        value->kind = event->type == YAML_SEQUENCE_START_EVENT ? YAML_KIND_LIST : YAML_KIND_MAPPING;
        return put_value(reader, event, DEPTH_MAX, &value->kind);
}

static int add_value(Reader *reader, const char *key, YamlValue *value) {
        YamlFlat *flat = reader->flat;

        value->key = strdup(key);
        value->text = strdup(reader->out);
        flat->values[flat->count++] = *value;
        return value->key && value->text
                               ? 0
                               : error_setf(reader->error, ERROR_MEMORY, "no memory for YAML");
}

/* --- the whole --- */

static int read_pair(Reader *reader, const yaml_event_t *key) {
        YamlValue value = { .line = key->start_mark.line + 1 };
        AUTO_EVENT event = {};
        const char *name;
        int r;

        if (key->type != YAML_SCALAR_EVENT)
                return refuse(reader, key, "a key that is no text");

        name = (const char *) key->data.scalar.value;
        if (yaml_flat_find(reader->flat, name))
                return refuse(reader, key, "a key that stood there before");
        if (reader->flat->count == VALUES_MAX)
                return refuse(reader, key, "too many keys");

        r = take(reader, &event);
        if (r == 0)
                r = read_value(reader, &event, &value);
        if (r == 0)
                r = add_value(reader, name, &value);

        return r;
}

static int expect(Reader *reader, yaml_event_type_t wanted, const char *why) {
        AUTO_EVENT event = {};
        int r = take(reader, &event);

        if (r < 0)
                return r;

        return event.type == wanted ? 0 : refuse(reader, &event, why);
}

static int read_pairs(Reader *reader) {
        int r = 0;

        while (r == 0) {
                AUTO_EVENT key = {};

                r = take(reader, &key);
                if (r == 0 && key.type == YAML_MAPPING_END_EVENT)
                        break;
                if (r == 0)
                        r = read_pair(reader, &key);
        }

        return r;
}

static int read_document(Reader *reader) {
        int r;

        r = expect(reader, YAML_STREAM_START_EVENT, "no YAML");
        if (r == 0)
                r = expect(reader, YAML_DOCUMENT_START_EVENT, "it is empty");
        if (r == 0)
                r = expect(reader, YAML_MAPPING_START_EVENT, "no mapping of keys to values");
        if (r == 0)
                r = read_pairs(reader);
        if (r == 0)
                r = expect(reader, YAML_DOCUMENT_END_EVENT, "something behind the mapping");
        if (r == 0)
                r = expect(reader, YAML_STREAM_END_EVENT, "a second document");

        return r;
}

int yaml_flat_parse(const char *text, size_t size, YamlFlat **ret, Error *error) {
        AUTO(YamlFlat) *flat = calloc(1, sizeof(*flat));
        auto_free char *out = malloc(TEXT_MAX);
        Reader reader = { .error = error, .flat = flat, .out = out };
        int r;

        if (flat)
                flat->values = calloc(VALUES_MAX, sizeof(*flat->values));
        if (!flat || !flat->values || !out || !yaml_parser_initialize(&reader.yaml))
                return error_setf(error, ERROR_MEMORY, "no memory for YAML");

        yaml_parser_set_input_string(&reader.yaml, (const unsigned char *) text, size);
        r = read_document(&reader);
        yaml_parser_delete(&reader.yaml);
        if (r < 0)
                return r;

        *ret = TAKE(flat);
        return 0;
}
