/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/enum-names.h"
#include "common/error.h"
#include "common/json.h"

/* Plain structs <-> JSON objects by one table a struct. Messages, stored events and plans share it,
 * so what is written is what is read, and every bound stands in one place.
 *
 * Decoding is strict: unknown keys are refused (with the closest known one), absent keys too unless
 * optional; text is bounded by its array; numbers by min and max. Nothing is written to the record
 * on failure. Encoding is canonical: table order, no spaces; optional members that are empty (empty
 * text, zero, false, no items) are left out, and read back as empty. */

typedef enum FieldType {
        FIELD_TEXT,   /* char[size], any UTF-8 without control characters but \n and \t */
        FIELD_NAME,   /* char[size], a node name (common/parse.h) */
        FIELD_BASE64, /* char[size], base64 with padding, in one line */
        FIELD_ID,     /* char[size], lower-case hex digits, exactly size - 1 */
        FIELD_U64,    /* uint64_t, min..max */
        FIELD_BOOL,   /* bool */
        FIELD_ENUM,   /* an enum (int sized) by `names` */
        FIELD_LIST,   /* array of structs by `fields`, `size` bytes each, at most `max` */
        FIELD_OBJECT, /* a struct by `fields` */
} FieldType;

typedef struct Field Field;
struct Field {
        const char *key;
        FieldType type;
        bool optional;
        size_t offset;
        size_t size;
        uint64_t min; /* also the fewest bytes of a text, the fewest items of a list */
        uint64_t max; /* over JSON_NUMBER_MAX: that */
        const EnumNames *names;
        const Field *fields;
        size_t count_offset; /* of the size_t that counts a list's items */
};

/* Rows of a table; a table ends with an empty row. `..., .optional = true` may follow. */
#define MEMBER_SIZE(record, member) sizeof(((record *) NULL)->member)
#define F_TEXT(record, member, ...)                                                     \
        {                                                                               \
                .key = #member, .type = FIELD_TEXT, .offset = offsetof(record, member), \
                .size = MEMBER_SIZE(record, member), ##__VA_ARGS__                      \
        }
#define F_BASE64(record, member, ...)                                                     \
        {                                                                                 \
                .key = #member, .type = FIELD_BASE64, .offset = offsetof(record, member), \
                .size = MEMBER_SIZE(record, member), ##__VA_ARGS__                        \
        }
#define F_NAME(record, member, ...)                                                     \
        {                                                                               \
                .key = #member, .type = FIELD_NAME, .offset = offsetof(record, member), \
                .size = MEMBER_SIZE(record, member), ##__VA_ARGS__                      \
        }
#define F_ID(record, member, ...)                                                     \
        {                                                                             \
                .key = #member, .type = FIELD_ID, .offset = offsetof(record, member), \
                .size = MEMBER_SIZE(record, member), ##__VA_ARGS__                    \
        }
#define F_U64(record, member, low, high, ...)                                                   \
        {                                                                                       \
                .key = #member, .type = FIELD_U64, .offset = offsetof(record, member),          \
                .min = (low), .max = (high), .size = MEMBER_SIZE(record, member), ##__VA_ARGS__ \
        }
#define F_BOOL(record, member, ...)                                                     \
        {                                                                               \
                .key = #member, .type = FIELD_BOOL, .offset = offsetof(record, member), \
                .size = MEMBER_SIZE(record, member), ##__VA_ARGS__                      \
        }
#define F_ENUM(record, member, table, ...)                                              \
        {                                                                               \
                .key = #member, .type = FIELD_ENUM, .offset = offsetof(record, member), \
                .names = &(table), .size = MEMBER_SIZE(record, member), ##__VA_ARGS__   \
        }
#define F_LIST(record, member, count, rows, ...)                                        \
        {                                                                               \
                .key = #member, .type = FIELD_LIST, .offset = offsetof(record, member), \
                .fields = (rows), .size = sizeof(((record *) NULL)->member[0]),         \
                .max = ELEMENTSOF(((record *) NULL)->member),                           \
                .count_offset = offsetof(record, count), ##__VA_ARGS__                  \
        }
#define F_OBJECT(record, member, rows, ...)                                               \
        {                                                                                 \
                .key = #member, .type = FIELD_OBJECT, .offset = offsetof(record, member), \
                .fields = (rows), .size = MEMBER_SIZE(record, member), ##__VA_ARGS__      \
        }
#define F_END \
        { .key = NULL }

/* Adds the members to `object`. -ENOMEM, or -EINVAL when a value breaks its own bounds: a record
 * that could not be read back is never written. */
int fields_encode(const Field *fields, const void *record, Json *object, Error *error);

/* `size` is the size of the whole record. `ignore` names keys of the envelope that are not in the
 * table (NULL-terminated, may be NULL). What is in no row of the table becomes zero. */
int fields_decode(
                const Field *fields,
                const Json *object,
                const char *const *ignore,
                void *ret,
                size_t size,
                Error *error);
