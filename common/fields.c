/* SPDX-License-Identifier: Apache-2.0 */
#include "common/fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/parse.h"
#include "common/text.h"

#define SHOWN_MAX 64  /* of a foreign key or value in a message */
#define KEYS_MAX  128 /* known keys that are compared for "did you mean" */

static bool is_empty(const Field *field, const void *record);
static int encode_all(const Field *fields, const char *record, Json *object, Error *error);
static int decode_all(
                const Field *fields,
                const Json *object,
                const char *const *ignore,
                char *record,
                Error *error);

static size_t get_count(const Field *field, const char *record) {
        size_t count;

        memcpy(&count, record + field->count_offset, sizeof(count));
        return count;
}

static uint64_t get_u64(const Field *field, const char *record) {
        uint64_t value;

        memcpy(&value, record + field->offset, sizeof(value));
        return value;
}

static unsigned get_enum(const Field *field, const char *record) {
        unsigned value;

        memcpy(&value, record + field->offset, sizeof(value));
        return value;
}

static bool get_bool(const Field *field, const char *record) {
        bool value;

        memcpy(&value, record + field->offset, sizeof(value));
        return value;
}

static bool are_empty(const Field *fields, const void *record) {
        for (const Field *field = fields; field->key; field++) {
                if (!is_empty(field, record))
                        return false;
        }

        return true;
}

static bool is_empty(const Field *field, const void *record) {
        const char *member = (const char *) record + field->offset;

        switch (field->type) {
        case FIELD_TEXT:
        case FIELD_BASE64:
        case FIELD_NAME:
        case FIELD_ID:
                return member[0] == '\0';
        case FIELD_U64:
                return get_u64(field, record) == 0;
        case FIELD_BOOL:
                return !get_bool(field, record);
        case FIELD_ENUM:
                return get_enum(field, record) == 0;
        case FIELD_LIST:
                return get_count(field, record) == 0;
        case FIELD_OBJECT:
                return are_empty(field->fields, member);
        }

        assert(false);
        return false;
}

static bool base64_is_valid(const char *text, size_t length) {
        size_t digits =
                        strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789+/");

        return length % 4 == 0 && length - digits <= 2 &&
               strspn(text + digits, "=") == length - digits;
}

static int check_format(const Field *field, const char *text, size_t length, Error *error) {
        char shown[SHOWN_MAX];
        char wanted[64] = "";

        if (field->type == FIELD_NAME && !name_is_valid(text)) {
                (void) text_copy(wanted, sizeof(wanted), "a node name");
        } else if (field->type == FIELD_BASE64 && !base64_is_valid(text, length)) {
                (void) text_copy(wanted, sizeof(wanted), "base64");
        } else if (field->type == FIELD_ID && !hex_is_valid(text, field->size - 1)) {
                (void) text_format(
                                wanted, sizeof(wanted), "%zu lower-case hexadecimal digits",
                                field->size - 1);
        } else {
                return 0;
        }

        text_ellipsize(shown, sizeof(shown), text);
        return error_setf(error, ERROR_INVALID, "'%s' is '%s', want %s", field->key, shown, wanted);
}

/* Both ways the same bounds: what is refused when it is read must not be written. */
static int check_text(const Field *field, const char *text, size_t length, Error *error) {
        if (length >= field->size) {
                return error_setf(
                                error, ERROR_INVALID, "'%s' is %zu bytes, want at most %zu",
                                field->key, length, field->size - 1);
        }
        if (length < field->min) {
                return error_setf(
                                error, ERROR_INVALID, "'%s' is %zu bytes, want at least %llu",
                                field->key, length, (unsigned long long) field->min);
        }
        if (!text_is_plain(text)) {
                return error_setf(
                                error, ERROR_INVALID,
                                "'%s' has bytes that are no UTF-8 or control characters",
                                field->key);
        }

        return check_format(field, text, length, error);
}

static int check_u64(const Field *field, uint64_t value, Error *error) {
        uint64_t max = MIN(field->max, JSON_NUMBER_MAX);

        if (value < field->min || value > max) {
                return error_setf(
                                error, ERROR_INVALID,
                                "'%s' is %llu, want a whole number of %llu to %llu", field->key,
                                (unsigned long long) value, (unsigned long long) field->min,
                                (unsigned long long) max);
        }

        return 0;
}

static int check_count(const Field *field, size_t count, Error *error) {
        if (count < field->min || count > field->max) {
                return error_setf(
                                error, ERROR_INVALID, "'%s' has %zu items, want %llu to %llu",
                                field->key, count, (unsigned long long) field->min,
                                (unsigned long long) field->max);
        }

        return 0;
}

static int no_memory(bool added, Error *error) {
        return added ? 0 : error_setf(error, ERROR_MEMORY, "out of memory");
}

static int encode_text(const Field *field, const char *member, Json *object, Error *error) {
        size_t length = strnlen(member, field->size);
        int r;

        if (length == field->size)
                return error_setf(error, ERROR_INVALID, "'%s' has no end", field->key);

        r = check_text(field, member, length, error);
        if (r < 0)
                return r;

        return no_memory(json_add_string(object, field->key, member), error);
}

static int encode_u64(const Field *field, const char *record, Json *object, Error *error) {
        uint64_t value = get_u64(field, record);
        int r;

        r = check_u64(field, value, error);
        if (r < 0)
                return r;

        return no_memory(json_add_u64(object, field->key, value), error);
}

static int encode_enum(const Field *field, const char *record, Json *object, Error *error) {
        unsigned value = get_enum(field, record);
        const char *name = enum_name(field->names, value);

        if (!name) {
                return error_setf(
                                error, ERROR_INVALID, "'%s' has no name for %u", field->key, value);
        }

        return no_memory(json_add_string(object, field->key, name), error);
}

static int encode_list(const Field *field, const char *record, Json *object, Error *error) {
        size_t count = get_count(field, record);
        AUTO(Json) *array = json_new_array();
        int r;

        if (!array)
                return no_memory(false, error);

        r = check_count(field, count, error);
        if (r < 0)
                return r;

        for (size_t i = 0; i < count; i++) {
                AUTO(Json) *item = json_new_object();

                if (!item)
                        return no_memory(false, error);

                r = encode_all(field->fields, record + field->offset + i * field->size, item,
                               error);
                if (r < 0) {
                        (void) error_prefixf(error, "%s[%zu]", field->key, i);
                        return r;
                }
                if (!json_append(array, TAKE(item)))
                        return no_memory(false, error);
        }

        return no_memory(json_add(object, field->key, TAKE(array)), error);
}

static int encode_object(const Field *field, const char *member, Json *object, Error *error) {
        AUTO(Json) *inner = json_new_object();
        int r;

        if (!inner)
                return no_memory(false, error);

        r = encode_all(field->fields, member, inner, error);
        if (r < 0) {
                (void) error_prefixf(error, "%s", field->key);
                return r;
        }

        return no_memory(json_add(object, field->key, TAKE(inner)), error);
}

static int encode(const Field *field, const char *record, Json *object, Error *error) {
        const char *member = record + field->offset;

        switch (field->type) {
        case FIELD_TEXT:
        case FIELD_BASE64:
        case FIELD_NAME:
        case FIELD_ID:
                return encode_text(field, member, object, error);
        case FIELD_U64:
                return encode_u64(field, record, object, error);
        case FIELD_BOOL:
                return no_memory(json_add_bool(object, field->key, get_bool(field, record)), error);
        case FIELD_ENUM:
                return encode_enum(field, record, object, error);
        case FIELD_LIST:
                return encode_list(field, record, object, error);
        case FIELD_OBJECT:
                return encode_object(field, member, object, error);
        }

        assert(false);
        return -EINVAL;
}

static int encode_all(const Field *fields, const char *record, Json *object, Error *error) {
        int r;

        for (const Field *field = fields; field->key; field++) {
                if (field->optional && is_empty(field, record))
                        continue;

                r = encode(field, record, object, error);
                if (r < 0)
                        return r;
        }

        return 0;
}

int fields_encode(const Field *fields, const void *record, Json *object, Error *error) {
        return encode_all(fields, record, object, error);
}

static int decode_text(const Field *field, const Json *object, char *member, Error *error) {
        const Json *json = json_find(object, field->key);
        const char *text = json_string_value(json);
        int r;

        if (!text) {
                return error_setf(
                                error, ERROR_INVALID, "'%s' is %s, want a string", field->key,
                                json_type_name(json));
        }

        r = check_text(field, text, strlen(text), error);
        if (r < 0)
                return r;

        (void) text_copy(member, field->size, text);
        return 0;
}

static int decode_u64(const Field *field, const Json *object, char *member, Error *error) {
        uint64_t value = 0;
        int r;

        r = json_get_u64(object, field->key, field->min, field->max, &value, error);
        if (r < 0)
                return r;

        memcpy(member, &value, sizeof(value));
        return 0;
}

static int decode_bool(const Field *field, const Json *object, char *member, Error *error) {
        bool value = false;
        int r;

        r = json_get_bool(object, field->key, &value, error);
        if (r < 0)
                return r;

        memcpy(member, &value, sizeof(value));
        return 0;
}

static int decode_enum(const Field *field, const Json *object, char *member, Error *error) {
        const Json *json = json_find(object, field->key);
        const char *text = json_string_value(json), *closest;
        char shown[SHOWN_MAX];
        int value;

        if (!text) {
                return error_setf(
                                error, ERROR_INVALID, "'%s' is %s, want a string", field->key,
                                json_type_name(json));
        }

        value = enum_value(field->names, text);
        if (value < 0) {
                text_ellipsize(shown, sizeof(shown), text);
                closest = text_closest(text, field->names->names, field->names->count);
                return error_setf(
                                error, ERROR_INVALID, "'%s' has an unknown value '%s'%s%s%s",
                                field->key, shown, closest ? ", did you mean '" : "",
                                closest ? closest : "", closest ? "'?" : "");
        }

        memcpy(member, &value, sizeof(value));
        return 0;
}

static int decode_list(const Field *field, const Json *object, char *record, Error *error) {
        const Json *array = NULL;
        size_t count, i = 0;
        int r;

        r = json_get_array(object, field->key, &array, error);
        if (r < 0)
                return r;

        count = json_size(array);
        r = check_count(field, count, error);
        if (r < 0)
                return r;

        for (const Json *item = json_first(array); item; item = json_next(item), i++) {
                r = decode_all(field->fields, item, NULL, record + field->offset + i * field->size,
                               error);
                if (r < 0) {
                        (void) error_prefixf(error, "%s[%zu]", field->key, i);
                        return r;
                }
        }

        memcpy(record + field->count_offset, &count, sizeof(count));
        return 0;
}

static int decode_object(const Field *field, const Json *object, char *member, Error *error) {
        int r;

        r = decode_all(field->fields, json_find(object, field->key), NULL, member, error);
        if (r < 0)
                (void) error_prefixf(error, "%s", field->key);

        return r;
}

static int decode(const Field *field, const Json *object, char *record, Error *error) {
        char *member = record + field->offset;

        switch (field->type) {
        case FIELD_TEXT:
        case FIELD_BASE64:
        case FIELD_NAME:
        case FIELD_ID:
                return decode_text(field, object, member, error);
        case FIELD_U64:
                return decode_u64(field, object, member, error);
        case FIELD_BOOL:
                return decode_bool(field, object, member, error);
        case FIELD_ENUM:
                return decode_enum(field, object, member, error);
        case FIELD_LIST:
                return decode_list(field, object, record, error);
        case FIELD_OBJECT:
                return decode_object(field, object, member, error);
        }

        assert(false);
        return -EINVAL;
}

static bool is_known(const Field *fields, const char *const *ignore, const char *key) {
        for (const Field *field = fields; field->key; field++) {
                if (strcmp(field->key, key) == 0)
                        return true;
        }

        for (; ignore && *ignore; ignore++) {
                if (strcmp(*ignore, key) == 0)
                        return true;
        }

        return false;
}

static int unknown_key(const Field *fields, const char *key, Error *error) {
        const char *known[KEYS_MAX], *closest;
        char shown[SHOWN_MAX];
        size_t count = 0;

        for (const Field *field = fields; field->key && count < ELEMENTSOF(known); field++)
                known[count++] = field->key;

        closest = text_closest(key, known, count);
        text_ellipsize(shown, sizeof(shown), key);
        return error_setf(
                        error, ERROR_INVALID, "unknown key '%s'%s%s%s", shown,
                        closest ? ", did you mean '" : "", closest ? closest : "",
                        closest ? "'?" : "");
}

static int check_keys(
                const Field *fields, const Json *object, const char *const *ignore, Error *error) {
        for (const Json *member = json_first(object); member; member = json_next(member)) {
                if (!is_known(fields, ignore, json_key(member)))
                        return unknown_key(fields, json_key(member), error);
        }

        return 0;
}

/* `record` is all zero before. */
static int decode_all(
                const Field *fields,
                const Json *object,
                const char *const *ignore,
                char *record,
                Error *error) {
        int r;

        if (!json_is_object(object)) {
                return error_setf(
                                error, ERROR_INVALID, "seen %s, want an object",
                                json_type_name(object));
        }

        r = check_keys(fields, object, ignore, error);
        if (r < 0)
                return r;

        for (const Field *field = fields; field->key; field++) {
                if (!json_find(object, field->key)) {
                        if (field->optional)
                                continue;
                        return error_setf(error, ERROR_INVALID, "'%s' is missing", field->key);
                }

                r = decode(field, object, record, error);
                if (r < 0)
                        return r;
        }

        return 0;
}

int fields_decode(
                const Field *fields,
                const Json *object,
                const char *const *ignore,
                void *ret,
                size_t size,
                Error *error) {
        auto_free char *record = calloc(1, size);
        int r;

        if (!record)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        r = decode_all(fields, object, ignore, record, error);
        if (r >= 0)
                memcpy(ret, record, size);

        explicit_bzero(record, size); /* some of it may be a secret */
        return MIN(r, 0);
}
