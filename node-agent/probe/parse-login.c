/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-login.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "node-agent/probe/parse-token.h"

#define STATUS_UNAUTHORIZED 401
#define PEM_BEGIN           "-----BEGIN PRIVATE KEY-----\n"
#define PEM_END             "-----END PRIVATE KEY-----"
#define SCHEME              "RS256"

void login_account_done(LoginAccount *account) {
        explicit_bzero(account, sizeof(*account));
}

static int read_texts(const Json *object, LoginAccount *account, Error *error) {
        const struct {
                const char *key;
                char *text;
                size_t size;
        } texts[] = {
                { "uid", account->uid, sizeof(account->uid) },
                { "scheme", account->scheme, sizeof(account->scheme) },
                { "login_endpoint", account->endpoint, sizeof(account->endpoint) },
                { "private_key", account->key, sizeof(account->key) },
        };
        int r = 0;

        for (size_t i = 0; r == 0 && i < ELEMENTSOF(texts); i++)
                r = json_get_string(object, texts[i].key, texts[i].text, texts[i].size, error);

        return r;
}

static int check_texts(const LoginAccount *account, Error *error) {
        if (strcmp(account->scheme, SCHEME) != 0) {
                return error_setf(
                                error, ERROR_INVALID, "scheme is '%s', want " SCHEME,
                                account->scheme);
        }

        return account->uid[0] ? 0 : error_setf(error, ERROR_INVALID, "uid is empty");
}

int login_account_read(const char *text, size_t size, LoginAccount *ret, Error *error) {
        AUTO(Json) *object = NULL;
        int r;

        r = json_parse(text, size, &object, error);
        if (r < 0)
                return r;
        if (!json_is_object(object))
                return error_setf(error, ERROR_INVALID, "a service account is a JSON object");

        *ret = (LoginAccount) {};
        r = read_texts(object, ret, error);
        if (r == 0)
                r = check_texts(ret, error);
        if (r < 0)
                login_account_done(ret);

        return r;
}

/* A SEQUENCE that fills it to the end, with an INTEGER 0, the version, first. */
static bool is_pkcs8(const unsigned char *der, size_t size) {
        size_t length, head = 2;

        if (size < 8 || der[0] != 0x30)
                return false;

        length = der[1];
        if (length == 0x82) {
                length = (size_t) der[2] << 8 | der[3];
                head = 4;
        } else if (length == 0x81) {
                length = der[2];
                head = 3;
        } else if (length >= 0x80) {
                return false;
        }

        return length == size - head && size > head + 3 && der[head] == 0x02 &&
               der[head + 1] == 0x01 && der[head + 2] == 0x00;
}

/* What is between the two lines, without line ends. */
static bool copy_body(const char *pem, char ret[static LOGIN_KEY_MAX]) {
        const char *begin = strstr(pem, PEM_BEGIN), *end;
        size_t length = 0;

        if (!begin)
                return false;

        begin += strlen(PEM_BEGIN);
        end = strstr(begin, PEM_END);
        if (!end)
                return false;

        for (const char *p = begin; p < end; p++) {
                if (*p != '\n' && *p != '\r')
                        ret[length++] = *p;
        }

        ret[length] = '\0';
        return length > 0;
}

int login_account_check_key(const LoginAccount *account, Error *error) {
        unsigned char der[LOGIN_KEY_MAX];
        char body[LOGIN_KEY_MAX];
        size_t size;
        bool good;

        good = copy_body(account->key, body) && base64_decode(body, der, sizeof(der), &size) &&
               is_pkcs8(der, size);
        explicit_bzero(body, sizeof(body));
        explicit_bzero(der, sizeof(der));
        if (good)
                return 0;

        return error_setf(
                        error, ERROR_INVALID,
                        "private_key is no PEM block of a PKCS#8 key (-----BEGIN PRIVATE KEY-----)");
}

int login_token_read(const Reply *reply, char ret[static LOGIN_TOKEN_MAX], Error *error) {
        char token[LOGIN_TOKEN_MAX] = "";
        AUTO(Json) *object = NULL;
        int r;

        if (!reply->failure && reply->status == STATUS_UNAUTHORIZED)
                return error_setf(error, ERROR_DENIED, "%s: got 401, want 200", reply->question);

        r = reply_object(reply, REPLY_BYTES_MAX, &object, error);
        if (r < 0)
                return r;

        r = json_get_string(object, "token", token, sizeof(token), error);
        if (r < 0 || !token_is_valid(token)) {
                explicit_bzero(token, sizeof(token));
                return error_setf(error, ERROR_INVALID, "%s: 'token' is no JWT", reply->question);
        }

        memcpy(ret, token, sizeof(token));
        explicit_bzero(token, sizeof(token));
        return 0;
}
