/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"

/* cJSON behind typed and bounded getters; nothing else includes cJSON. Errors name the key, seen
 * and wanted; callers prefix the place ("steps[2]"). A key that is absent is ERROR_NOT_FOUND, a
 * wrong type or range ERROR_INVALID. Numbers are whole and at most 2^53 - 1, except for
 * json_get_double. */

typedef struct cJSON Json;

#define JSON_NUMBER_MAX ((UINT64_C(1) << 53) - 1)
#define JSON_DEPTH_MAX  32
#define JSON_VALUES_MAX \
        (UINT64_C(1) << 21) /* in one text: what it takes in memory is bounded, too */

void json_free(Json *json);
DEFINE_AUTO(Json, json_free)

/* `text` need not be terminated. Refuses trailing bytes, NUL bytes (\u0000 too), nesting over
 * JSON_DEPTH_MAX, more values than JSON_VALUES_MAX, and whatever else RFC 8259 does not allow;
 * duplicate keys are refused too. The error says at which byte. Strings are not checked for being
 * UTF-8. */
int json_parse(const char *text, size_t length, Json **ret, Error *error);

/* Compact, keys in the order they were added. The caller frees the text. NULL: out of memory. */
char *json_print(const Json *json);
char *json_print_pretty(const Json *json);

/* --- reading --- */
bool json_is_object(const Json *json);
bool json_is_array(const Json *json);
bool json_is_string(const Json *json);
bool json_is_number(const Json *json);
bool json_is_bool(const Json *json);
bool json_is_null(const Json *json);
const char *json_type_name(const Json *json); /* "object", "number", ... for messages */

const Json *json_find(const Json *object, const char *key); /* borrowed, NULL: absent */
const char *json_key(const Json *member);                   /* of a member found in an object */
size_t json_size(const Json *array_or_object);
/* Walk: for (i = json_first(a); i; i = json_next(i)). NULL is an empty one. */
const Json *json_first(const Json *array_or_object);
const Json *json_next(const Json *item);

const char *json_string_value(const Json *json); /* borrowed; NULL: not a string */
double json_number_value(const Json *json);      /* 0 when it is no number: check first */
bool json_bool_value(const Json *json);

int json_get_string(const Json *object, const char *key, char *ret, size_t size, Error *error);
/* Not copied, and not empty. */
int json_borrow_string(const Json *object, const char *key, const char **ret, Error *error);
int json_get_u64(
                const Json *object,
                const char *key,
                uint64_t min,
                uint64_t max,
                uint64_t *ret,
                Error *error);
int json_get_double(const Json *object, const char *key, double *ret, Error *error);
int json_get_bool(const Json *object, const char *key, bool *ret, Error *error);
int json_get_object(const Json *object, const char *key, const Json **ret, Error *error);
int json_get_array(const Json *object, const char *key, const Json **ret, Error *error);

/* A text that was a secret: what `key` says becomes asterisks of the same length, in memory too. */
void json_wipe_string(Json *object, const char *key);

/* --- building; NULL or false: out of memory. A key must not be in the object already. A number
 * that could not be read back (over JSON_NUMBER_MAX, not finite) is written as null. --- */
Json *json_new_object(void);
Json *json_new_array(void);
Json *json_new_string(const char *text);
bool json_add(Json *object, const char *key, Json *value); /* takes `value`, also on failure */
bool json_append(Json *array, Json *value);                /* takes `value`, also on failure */
bool json_add_string(Json *object, const char *key, const char *text);
bool json_add_u64(Json *object, const char *key, uint64_t value);
bool json_add_double(Json *object, const char *key, double value);
bool json_add_bool(Json *object, const char *key, bool value);
bool json_add_null(Json *object, const char *key);
/* As it is printed, in a tenth of the memory; it cannot be looked into any more. Takes `json`. */
Json *json_pack(Json *json);
const char *json_packed_text(const Json *json); /* borrowed; NULL: is not packed */
Json *json_copy(const Json *json);
