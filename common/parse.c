/* SPDX-License-Identifier: Apache-2.0 */
#include "common/parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "common/text.h"

int parse_bool(const char *text, bool *ret) {
        /* At odd places what is true. */
        static const char *const words[] = { "false", "true", "no", "yes", "off", "on", "0", "1" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                if (strcmp(text, words[i]) == 0) {
                        *ret = i % 2 == 1;
                        return 0;
                }
        }

        return -EINVAL;
}

/* A leading zero is refused: other readers would take it for octal. */
static bool is_number(const char *text, size_t length) {
        if (length == 0 || strspn(text, "0123456789") < length)
                return false;

        return text[0] != '0' || length == 1;
}

/* `length` digits. */
static int parse_digits(const char *text, size_t length, uint64_t *ret) {
        uint64_t value = 0;

        if (!is_number(text, length))
                return -EINVAL;

        for (size_t i = 0; i < length; i++) {
                if (__builtin_mul_overflow(value, (uint64_t) 10, &value) ||
                    __builtin_add_overflow(value, (uint64_t) (text[i] - '0'), &value))
                        return -ERANGE;
        }

        *ret = value;
        return 0;
}

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret) {
        uint64_t value = 0;
        int r;

        r = parse_digits(text, strlen(text), &value);
        if (r < 0)
                return r;
        if (value < min || value > max)
                return -ERANGE;

        *ret = value;
        return 0;
}

int parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *ret) {
        uint64_t value = 0;
        int r;

        r = parse_u64(text, min, max, &value);
        if (r < 0)
                return r;

        *ret = (uint32_t) value;
        return 0;
}

int parse_size(const char *text, uint64_t *ret) {
        static const char suffixes[] = "KMG";
        size_t length = strlen(text);
        uint64_t value = 0, factor = 1;
        const char *suffix;
        int r;

        suffix = length > 0 ? strchr(suffixes, text[length - 1]) : NULL;
        if (suffix) {
                factor = UINT64_C(1) << (10 * (suffix - suffixes + 1));
                length--;
        }

        r = parse_digits(text, length, &value);
        if (r < 0)
                return r;
        if (__builtin_mul_overflow(value, factor, &value))
                return -ERANGE;

        *ret = value;
        return 0;
}

int parse_port(const char *text, uint16_t *ret) {
        uint64_t value = 0;
        int r;

        r = parse_u64(text, 1, UINT16_MAX, &value);
        if (r < 0)
                return r;

        *ret = (uint16_t) value;
        return 0;
}

bool name_is_valid(const char *text) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
        size_t length = strspn(text, letters);

        return length > 0 && length < NAME_TEXT_MAX && text[length] == '\0' && text[0] != '.' &&
               text[0] != '-';
}

bool hex_is_valid(const char *text, size_t digits) {
        return strspn(text, "0123456789abcdef") == digits && text[digits] == '\0';
}

static bool is_address(
                int family, const char *text, size_t length, char ret[static ADDRESS_TEXT_MAX]) {
        unsigned char binary[sizeof(struct in6_addr)];

        if (length >= ADDRESS_TEXT_MAX)
                return false;

        memcpy(ret, text, length);
        ret[length] = '\0';
        return inet_pton(family, ret, binary) == 1;
}

int parse_endpoint(
                const char *text, char ret_address[static ADDRESS_TEXT_MAX], uint16_t *ret_port) {
        const char *colon = strrchr(text, ':'), *end = colon;
        char address[ADDRESS_TEXT_MAX];
        int r, family = AF_INET;

        if (!colon)
                return -EINVAL;

        if (text[0] == '[') {
                family = AF_INET6;
                text++;
                end--;
                if (end < text || *end != ']')
                        return -EINVAL;
        }

        if (!is_address(family, text, (size_t) (end - text), address))
                return -EINVAL;

        r = parse_port(colon + 1, ret_port);
        if (r < 0)
                return r;

        (void) text_copy(ret_address, ADDRESS_TEXT_MAX, address);
        return 0;
}
