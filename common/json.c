/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

/* What cJSON lets through and we do not: control characters as white space, numbers such as 01, +1
 * or 1., a "\u0000" that ends the text for C, nesting up to 1000, the same key twice. So the text
 * is scanned before cJSON sees it, and the tree is walked after. */

#define SHOWN_MAX 64 /* of a foreign key or value in a message */
#define DIGITS    "0123456789"

typedef struct Scan {
        const char *text;
        size_t length;
        size_t at;
        int depth;
        uint64_t values; /* but for the first: each comma and each bracket makes room for one more
                          */
} Scan;

void json_free(Json *json) {
        cJSON_Delete(json);
}

static int refuse(const Scan *scan, const char *seen, Error *error) {
        return error_setf(error, ERROR_INVALID, "malformed JSON at byte %zu: %s", scan->at, seen);
}

/* The text is terminated, so looking one byte ahead is always allowed. */
static bool is_at(const Scan *scan, const char *set) {
        char c = scan->text[scan->at];

        return c != '\0' && strchr(set, c);
}

/* Goes over one byte of `set`, if one is there. */
static bool scan_one(Scan *scan, const char *set) {
        bool there = is_at(scan, set);

        scan->at += there;
        return there;
}

static bool scan_digits(Scan *scan) {
        size_t digits = strspn(scan->text + scan->at, DIGITS);

        scan->at += digits;
        return digits > 0;
}

static bool scan_fraction(Scan *scan) {
        return !scan_one(scan, ".") || scan_digits(scan);
}

static bool scan_exponent(Scan *scan) {
        if (!scan_one(scan, "eE"))
                return true;

        (void) scan_one(scan, "+-");
        return scan_digits(scan);
}

static int scan_number(Scan *scan, Error *error) {
        bool good;

        (void) scan_one(scan, "-");
        good = (scan_one(scan, "0") || scan_digits(scan)) && scan_fraction(scan) &&
               scan_exponent(scan);

        /* Such as the second digit of 01. */
        if (!good || is_at(scan, DIGITS "+-.eE"))
                return refuse(scan, "not a number", error);

        return 0;
}

static int scan_string(Scan *scan, Error *error) {
        static const char nul[] = "\\u0000";

        for (scan->at++; scan->at < scan->length; scan->at++) {
                const char *p = scan->text + scan->at;

                if (*p == '"') {
                        scan->at++;
                        return 0;
                }
                if ((unsigned char) *p < 0x20)
                        return refuse(scan, "control character in a string", error);
                if (strncmp(p, nul, strlen(nul)) == 0)
                        return refuse(scan, "NUL in a string", error);
                if (*p == '\\')
                        scan->at++;
        }

        return refuse(scan, "string without an end", error);
}

static int scan_next(Scan *scan, Error *error) {
        if (is_at(scan, "\""))
                return scan_string(scan, error);
        if (is_at(scan, "-" DIGITS))
                return scan_number(scan, error);

        scan->depth += is_at(scan, "{[");
        scan->depth -= is_at(scan, "}]");
        scan->values += is_at(scan, "{[,");
        if (scan->values > JSON_VALUES_MAX)
                return refuse(scan, "too many values", error);
        if (scan->depth > JSON_DEPTH_MAX)
                return refuse(scan, "nested too deeply", error);
        if (scan->depth < 0 || !is_at(scan, "{}[] \t\r\n,:truefalsn"))
                return refuse(scan, "unexpected byte", error);

        scan->at++;
        return 0;
}

static int scan_text(const char *text, size_t length, Error *error) {
        Scan scan = { .text = text, .length = length };
        int r;

        while (scan.at < length) {
                r = scan_next(&scan, error);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int compare_keys(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static int check_keys(const Json *object, Error *error) {
        size_t count = json_size(object), i = 0;
        auto_free const char **keys = calloc(count + 1, sizeof(*keys));
        char shown[SHOWN_MAX];

        if (!keys)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        for (const Json *member = json_first(object); member; member = json_next(member))
                keys[i++] = json_key(member);

        qsort(keys, count, sizeof(*keys), compare_keys);

        for (i = 1; i < count; i++) {
                if (strcmp(keys[i - 1], keys[i]) == 0) {
                        text_ellipsize(shown, sizeof(shown), keys[i]);
                        return error_setf(
                                        error, ERROR_INVALID,
                                        "malformed JSON: key '%s' stands twice", shown);
                }
        }

        return 0;
}

/* Recursion is bounded: the text has been scanned for its depth. */
static int check_tree(const Json *json, Error *error) {
        int r;

        if (json_is_object(json)) {
                r = check_keys(json, error);
                if (r < 0)
                        return r;
        }

        for (const Json *child = json_first(json); child; child = json_next(child)) {
                r = check_tree(child, error);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int parse_copy(const char *copy, size_t length, Json **ret, Error *error) {
        AUTO(Json) *json = NULL;
        const char *end = NULL;
        int r;

        r = scan_text(copy, length, error);
        if (r < 0)
                return r;

        json = cJSON_ParseWithLengthOpts(copy, length + 1, &end, false);
        if (!json) {
                return error_setf(
                                error, ERROR_INVALID, "malformed JSON at byte %zu",
                                end ? (size_t) (end - copy) : 0);
        }

        end += strspn(end, " \t\r\n");
        if (*end != '\0') {
                return error_setf(
                                error, ERROR_INVALID,
                                "malformed JSON at byte %zu: something after the end",
                                (size_t) (end - copy));
        }

        r = check_tree(json, error);
        if (r < 0)
                return r;

        *ret = TAKE(json);
        return 0;
}

int json_parse(const char *text, size_t length, Json **ret, Error *error) {
        auto_free char *copy = NULL;
        int r;

        if (memchr(text, '\0', length))
                return error_setf(error, ERROR_INVALID, "malformed JSON: a NUL byte inside");

        /* Terminated, because cJSON before 1.7.18 looks one byte past what it was given. */
        copy = malloc(length + 1);
        if (!copy)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        memcpy(copy, text, length);
        copy[length] = '\0';
        r = parse_copy(copy, length, ret, error);
        explicit_bzero(copy, length); /* what was read may be a secret, and only the reader knows */
        return r;
}

bool json_is_object(const Json *json) {
        return cJSON_IsObject(json);
}

bool json_is_array(const Json *json) {
        return cJSON_IsArray(json);
}

bool json_is_string(const Json *json) {
        return cJSON_IsString(json);
}

bool json_is_number(const Json *json) {
        return cJSON_IsNumber(json);
}

bool json_is_bool(const Json *json) {
        return cJSON_IsBool(json);
}

bool json_is_null(const Json *json) {
        return cJSON_IsNull(json);
}

const char *json_type_name(const Json *json) {
        if (json_is_object(json))
                return "object";
        if (json_is_array(json))
                return "array";
        if (json_is_string(json))
                return "string";
        if (json_is_number(json))
                return "number";
        if (json_is_bool(json))
                return "boolean";

        return json_is_null(json) ? "null" : "nothing";
}

const Json *json_find(const Json *object, const char *key) {
        return json_is_object(object) ? cJSON_GetObjectItemCaseSensitive(object, key) : NULL;
}

const char *json_key(const Json *member) {
        return member->string;
}

size_t json_size(const Json *array_or_object) {
        size_t size = 0;

        for (const Json *item = json_first(array_or_object); item; item = json_next(item))
                size++;

        return size;
}

const Json *json_first(const Json *array_or_object) {
        return array_or_object ? array_or_object->child : NULL;
}

const Json *json_next(const Json *item) {
        return item->next;
}

const char *json_string_value(const Json *json) {
        return json && json_is_string(json) ? json->valuestring : NULL;
}

double json_number_value(const Json *json) {
        return json && json_is_number(json) ? json->valuedouble : 0;
}

bool json_bool_value(const Json *json) {
        return cJSON_IsTrue(json);
}

static int wrong_type(const Json *json, const char *key, const char *want, Error *error) {
        return error_setf(
                        error, ERROR_INVALID, "'%s' is %s, want %s", key, json_type_name(json),
                        want);
}

/* NULL: -ENOENT, reported. */
static const Json *find(const Json *object, const char *key, Error *error) {
        const Json *member = json_find(object, key);

        if (!member)
                (void) error_setf(error, ERROR_NOT_FOUND, "'%s' is missing", key);

        return member;
}

void json_wipe_string(Json *object, const char *key) {
        const Json *found = json_find(object, key);

        if (found && json_is_string(found))
                memset(found->valuestring, '*', strlen(found->valuestring));
}

int json_get_string(const Json *object, const char *key, char *ret, size_t size, Error *error) {
        const Json *member = find(object, key, error);
        const char *text;

        if (!member)
                return -ENOENT;

        text = json_string_value(member);
        if (!text)
                return wrong_type(member, key, "a string", error);
        if (strlen(text) >= size) {
                return error_setf(
                                error, ERROR_INVALID, "'%s' is %zu bytes, want at most %zu", key,
                                strlen(text), size - 1);
        }

        (void) text_copy(ret, size, text);
        return 0;
}

int json_borrow_string(const Json *object, const char *key, const char **ret, Error *error) {
        const char *text = json_string_value(json_find(object, key));

        if (!text || !text[0])
                return error_setf(error, ERROR_INVALID, "'%s' is missing or empty or no text", key);

        *ret = text;
        return 0;
}

int json_get_u64(
                const Json *object,
                const char *key,
                uint64_t min,
                uint64_t max,
                uint64_t *ret,
                Error *error) {
        const Json *member = find(object, key, error);
        uint64_t whole;
        double value;

        if (!member)
                return -ENOENT;
        if (!json_is_number(member))
                return wrong_type(member, key, "a number", error);

        /* Up to here doubles hold every whole number, so below the comparisons are exact. */
        value = member->valuedouble;
        max = MIN(max, JSON_NUMBER_MAX);
        whole = value >= 0 && value <= (double) JSON_NUMBER_MAX ? (uint64_t) value : UINT64_MAX;
        if (whole < min || whole > max || value > (double) whole) {
                return error_setf(
                                error, ERROR_INVALID,
                                "'%s' is %.17g, want a whole number of %llu to %llu", key, value,
                                (unsigned long long) min, (unsigned long long) max);
        }

        *ret = whole;
        return 0;
}

int json_get_double(const Json *object, const char *key, double *ret, Error *error) {
        const Json *member = find(object, key, error);

        if (!member)
                return -ENOENT;
        if (!json_is_number(member))
                return wrong_type(member, key, "a number", error);

        /* Written as 1e999, say. */
        if (!__builtin_isfinite(member->valuedouble))
                return error_setf(error, ERROR_INVALID, "'%s' is too large a number", key);

        *ret = member->valuedouble;
        return 0;
}

int json_get_bool(const Json *object, const char *key, bool *ret, Error *error) {
        const Json *member = find(object, key, error);

        if (!member)
                return -ENOENT;
        if (!json_is_bool(member))
                return wrong_type(member, key, "true or false", error);

        *ret = json_bool_value(member);
        return 0;
}

int json_get_object(const Json *object, const char *key, const Json **ret, Error *error) {
        const Json *member = find(object, key, error);

        if (!member)
                return -ENOENT;
        if (!json_is_object(member))
                return wrong_type(member, key, "an object", error);

        *ret = member;
        return 0;
}

int json_get_array(const Json *object, const char *key, const Json **ret, Error *error) {
        const Json *member = find(object, key, error);

        if (!member)
                return -ENOENT;
        if (!json_is_array(member))
                return wrong_type(member, key, "an array", error);

        *ret = member;
        return 0;
}

Json *json_new_object(void) {
        return cJSON_CreateObject();
}

Json *json_new_array(void) {
        return cJSON_CreateArray();
}

Json *json_new_string(const char *text) {
        return cJSON_CreateString(text);
}

Json *json_pack(Json *json) {
        AUTO(Json) *whole = json;
        auto_free char *text = whole ? json_print(whole) : NULL;

        return text ? cJSON_CreateRaw(text) : NULL;
}

const char *json_packed_text(const Json *json) {
        return cJSON_IsRaw(json) ? json->valuestring : NULL;
}

bool json_add(Json *object, const char *key, Json *value) {
        assert(json_is_object(object));
        assert(!json_find(object, key));

        if (!value)
                return false;
        if (cJSON_AddItemToObject(object, key, value))
                return true;

        json_free(value);
        return false;
}

bool json_append(Json *array, Json *value) {
        assert(json_is_array(array));

        if (!value)
                return false;
        if (cJSON_AddItemToArray(array, value))
                return true;

        json_free(value);
        return false;
}

bool json_add_string(Json *object, const char *key, const char *text) {
        return json_add(object, key, json_new_string(text));
}

bool json_add_u64(Json *object, const char *key, uint64_t value) {
        if (value > JSON_NUMBER_MAX)
                return json_add_null(object, key);

        return json_add(object, key, cJSON_CreateNumber((double) value));
}

bool json_add_double(Json *object, const char *key, double value) {
        if (!__builtin_isfinite(value))
                return json_add_null(object, key);

        return json_add(object, key, cJSON_CreateNumber(value));
}

bool json_add_bool(Json *object, const char *key, bool value) {
        return json_add(object, key, cJSON_CreateBool(value));
}

bool json_add_null(Json *object, const char *key) {
        return json_add(object, key, cJSON_CreateNull());
}

Json *json_copy(const Json *json) {
        return cJSON_Duplicate(json, true);
}
