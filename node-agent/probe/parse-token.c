/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-token.h"

#include <string.h>

#include "common/base64.h"
#include "common/json.h"
#include "node-agent/probe/parse-login.h"

/* base64url, as a JWT has it */
#define LETTERS    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
#define PARTS      3
#define CLAIMS_MAX LOGIN_TOKEN_MAX

bool token_is_valid(const char *text) {
        for (unsigned part = 0; part < PARTS; part++) {
                size_t length = strspn(text, LETTERS);

                if (length == 0 || text[length] != (part < PARTS - 1 ? '.' : '\0'))
                        return false;

                text += length + 1;
        }

        return true;
}

static char from_url(char letter) {
        if (letter == '-')
                return '+';
        if (letter == '_')
                return '/';

        return letter;
}

/* base64url without padding -> base64 with it. */
static bool decode_part(const char *part, size_t length, char *ret, size_t size, size_t *ret_size) {
        char text[BASE64_TEXT_MAX(CLAIMS_MAX)] = "";
        bool good;

        if (length + PARTS >= sizeof(text))
                return false;

        for (size_t i = 0; i < length; i++)
                text[i] = from_url(part[i]);
        while (length % 4 != 0)
                text[length++] = '=';

        text[length] = '\0';
        good = base64_decode(text, ret, size, ret_size);
        explicit_bzero(text, sizeof(text));
        return good;
}

bool token_get_expiry(const char *token, uint64_t *ret) {
        const char *claims = strchr(token, '.');
        char text[CLAIMS_MAX] = "";
        AUTO(Json) *object = NULL;
        size_t size = 0;
        bool good;

        if (!claims || !token_is_valid(token))
                return false;

        claims++;
        good = decode_part(claims, strcspn(claims, "."), text, sizeof(text), &size) &&
               json_parse(text, size, &object, NULL) == 0 && json_is_object(object) &&
               json_get_u64(object, "exp", 0, JSON_NUMBER_MAX, ret, NULL) == 0;
        explicit_bzero(text, sizeof(text));
        return good;
}

static size_t common_length(const char *a, size_t size, const char *b) {
        size_t length = 0;

        while (length < size && b[length] != '\0' && a[length] == b[length])
                length++;

        return length;
}

void secret_hide(char *text, size_t size, const char *secret) {
        size_t i = 0;

        while (i < size) {
                size_t length = common_length(text + i, size - i, secret);

                if (length > SECRET_SHOWN_MAX) {
                        memset(text + i, '*', length);
                        i += length;
                } else {
                        i++;
                }
        }
}
