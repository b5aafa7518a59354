/* SPDX-License-Identifier: Apache-2.0 */
#include "common/config-value.h"

#include <errno.h>
#include <string.h>

#include "common/digest.h"
#include "common/parse.h"
#include "common/span.h"
#include "common/text.h"

#define SHOWN_MAX 80 /* of a value in a message */

typedef struct Unit {
        const char *suffix;
        uint64_t factor;
} Unit;

// clang-format off
static const Unit size_units[] = {
        { "G", UINT64_C(1) << 30 },
        { "M", UINT64_C(1) << 20 },
        { "K", UINT64_C(1) << 10 },
        { "",  1                 },
};

static const Unit span_units[] = {
        { "d",   USEC_PER_DAY    },
        { "h",   USEC_PER_HOUR   },
        { "min", USEC_PER_MINUTE },
        { "s",   USEC_PER_SEC    },
        { "ms",  USEC_PER_MSEC   },
        { "us",  1               },
};

static const char *const wants[] = {
        [CONFIG_TEXT]     = "a text of one line",
        [CONFIG_NAME]     = "a node name",
        [CONFIG_PATH]     = "an absolute path",
        [CONFIG_ENDPOINT] = "ADDRESS:PORT with a literal address",
        [CONFIG_SHA256]   = "64 lower-case hexadecimal digits",
        [CONFIG_URL]      = "a URL that begins with http:// or https://",
        [CONFIG_BOOL]     = "true or false",
        [CONFIG_U64]      = "a whole number",
        [CONFIG_SPAN]     = "a span such as 90s or 5min",
        [CONFIG_SIZE]     = "a size such as 4711 or 64K",
        [CONFIG_NAMES]    = "a list of node names",
};
// clang-format on
static_assert(ELEMENTSOF(wants) == CONFIG_NAMES + 1, "a type is missing in wants");

/* The shortest way to write a number that loses nothing of it. */
static void format_units(uint64_t value, const Unit units[], size_t count, char buffer[static 32]) {
        size_t unit = 0;

        while (unit + 1 < count && (value == 0 || value % units[unit].factor != 0))
                unit++;

        (void) text_format(
                        buffer, 32, "%llu%s", (unsigned long long) (value / units[unit].factor),
                        units[unit].suffix);
}

static void format_number(const ConfigField *field, uint64_t value, char buffer[static 32]) {
        if (field->type == CONFIG_SPAN) {
                format_units(value, span_units, ELEMENTSOF(span_units), buffer);
        } else if (field->type == CONFIG_SIZE) {
                format_units(value, size_units, ELEMENTSOF(size_units), buffer);
        } else {
                (void) text_format(buffer, 32, "%llu", (unsigned long long) value);
        }
}

static bool is_number(ConfigType type) {
        return type == CONFIG_U64 || type == CONFIG_SPAN || type == CONFIG_SIZE;
}

const char *config_value_want(const ConfigField *field, char buffer[static CONFIG_WANT_MAX]) {
        char low[32], high[32];

        (void) text_copy(buffer, CONFIG_WANT_MAX, wants[field->type]);
        if (!is_number(field->type) || (field->min == 0 && field->max == 0))
                return buffer;

        format_number(field, field->min, low);
        format_number(field, field->max, high);
        (void) text_format(
                        buffer, CONFIG_WANT_MAX, "%s, %s%s%s", wants[field->type], low,
                        field->max > 0 ? " to " : " at least", field->max > 0 ? high : "");
        return buffer;
}

static int refuse(const ConfigField *field, const char *text, Error *error) {
        char want[CONFIG_WANT_MAX], shown[SHOWN_MAX];

        text_ellipsize(shown, sizeof(shown), text);
        return error_setf(
                        error, ERROR_INVALID, "'%s' is '%s', want %s", field->key, shown,
                        config_value_want(field, want));
}

static int parse_number(const ConfigField *field, const char *text, uint64_t *ret) {
        uint64_t max = field->max > 0 ? field->max : UINT64_MAX, value = 0;
        int r;

        if (field->type == CONFIG_SPAN) {
                r = span_parse(text, &value);
        } else if (field->type == CONFIG_SIZE) {
                r = parse_size(text, &value);
        } else {
                r = parse_u64(text, 0, UINT64_MAX, &value);
        }
        if (r < 0)
                return r;
        if (value < field->min || value > max)
                return -ERANGE;

        *ret = value;
        return 0;
}

/* One visible word: whatever follows the scheme must not be able to end a line or an argument. */
static bool is_url(const char *text) {
        static const char *const schemes[] = { "http://", "https://" };
        bool good = false;

        for (size_t i = 0; i < ELEMENTSOF(schemes); i++) {
                if (text_starts_with(text, schemes[i]))
                        good = strchr("/?#", text[strlen(schemes[i])]) == NULL;
        }

        for (; good && *text != '\0'; text++)
                good = *text > ' ' && *text < 0x7f;

        return good;
}

static bool is_one_line(const char *text) {
        return text_is_plain(text) && !strpbrk(text, "\n\t");
}

static bool text_is_good(const ConfigField *field, const char *text) {
        char address[ADDRESS_TEXT_MAX];
        uint16_t port;

        if (text[0] == '\0') {
                return field->type == CONFIG_TEXT ||
                       (field->standard && field->standard[0] == '\0');
        }

        switch (field->type) {
        case CONFIG_TEXT:
                return is_one_line(text);
        case CONFIG_NAME:
        case CONFIG_NAMES:
                return name_is_valid(text);
        case CONFIG_PATH:
                return text[0] == '/' && is_one_line(text);
        case CONFIG_ENDPOINT:
                return parse_endpoint(text, address, &port) == 0;
        case CONFIG_SHA256:
                return hex_is_valid(text, DIGEST_TEXT_MAX - 1);
        case CONFIG_URL:
                return is_url(text);
        case CONFIG_BOOL:
        case CONFIG_U64:
        case CONFIG_SPAN:
        case CONFIG_SIZE:
                break;
        }

        return false;
}

int config_value_set(const ConfigField *field, const char *text, void *record, Error *error) {
        char *place = (char *) record + field->offset;
        uint64_t number = 0;
        bool flag = false;

        assert(field->type != CONFIG_NAMES);

        if (field->type == CONFIG_BOOL) {
                if (parse_bool(text, &flag) < 0)
                        return refuse(field, text, error);

                memcpy(place, &flag, sizeof(flag));
                return 0;
        }

        if (is_number(field->type)) {
                if (parse_number(field, text, &number) < 0)
                        return refuse(field, text, error);

                memcpy(place, &number, sizeof(number));
                return 0;
        }

        if (!text_is_good(field, text))
                return refuse(field, text, error);
        if (strlen(text) >= field->size) {
                return error_setf(
                                error, ERROR_INVALID, "'%s' is %zu bytes, want at most %zu",
                                field->key, strlen(text), field->size - 1);
        }

        (void) text_copy(place, field->size, text);
        return 0;
}

static size_t get_count(const ConfigField *field, const void *record) {
        size_t count;

        memcpy(&count, (const char *) record + field->count_offset, sizeof(count));
        return count;
}

int config_value_append(const ConfigField *field, const char *text, void *record, Error *error) {
        size_t count = get_count(field, record);
        char *place = (char *) record + field->offset + count * NAME_TEXT_MAX;
        char shown[SHOWN_MAX];

        assert(field->type == CONFIG_NAMES);

        if (count == field->max) {
                return error_setf(
                                error, ERROR_INVALID, "'%s' has too many items, want at most %llu",
                                field->key, (unsigned long long) field->max);
        }
        if (!text_is_good(field, text)) {
                text_ellipsize(shown, sizeof(shown), text);
                return error_setf(
                                error, ERROR_INVALID, "'%s' has an item '%s', want a node name",
                                field->key, shown);
        }

        (void) text_copy(place, NAME_TEXT_MAX, text);
        count++;
        memcpy((char *) record + field->count_offset, &count, sizeof(count));
        return 0;
}

static void print_text(const char *text, FILE *file) {
        (void) fputc('"', file);
        for (; *text != '\0'; text++) {
                if (*text == '"' || *text == '\\')
                        (void) fputc('\\', file);
                (void) fputc(*text, file);
        }
        (void) fputc('"', file);
}

static void print_names(const ConfigField *field, const void *record, FILE *file) {
        const char *place = (const char *) record + field->offset;
        size_t count = get_count(field, record);

        (void) fputc('[', file);
        for (size_t i = 0; i < count; i++) {
                (void) fputs(i > 0 ? ", " : "", file);
                print_text(place + i * NAME_TEXT_MAX, file);
        }
        (void) fputc(']', file);
}

void config_value_print(const ConfigField *field, const void *record, FILE *file) {
        const char *place = (const char *) record + field->offset;
        uint64_t number = 0;
        char text[32];
        bool flag;

        if (field->type == CONFIG_NAMES) {
                print_names(field, record, file);
        } else if (field->type == CONFIG_BOOL) {
                memcpy(&flag, place, sizeof(flag));
                (void) fputs(flag ? "true" : "false", file);
        } else if (is_number(field->type)) {
                memcpy(&number, place, sizeof(number));
                format_number(field, number, text);
                (void) fputs(text, file);
        } else
                print_text(place, file);
}
