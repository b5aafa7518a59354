/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/sign-jwt.h"

#include <errno.h>
#include <jwt.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/text.h"

DEFINE_AUTO(jwt_t, jwt_free)

static int take_text(jwt_t *jwt, char ret[static LOGIN_TOKEN_MAX], Error *error) {
        auto_free char *text = jwt_encode_str(jwt);
        bool fits;

        if (!text) {
                return error_setf(
                                error, ERROR_INVALID, "private_key cannot sign with RS256: %s",
                                strerrordesc_np(errno));
        }

        fits = text_copy(ret, LOGIN_TOKEN_MAX, text);
        explicit_bzero(text, strlen(text));
        return fits ? 0 : error_setf(error, ERROR_TOO_BIG, "the signed login is too long");
}

int sign_jwt(const LoginAccount *account,
             uint64_t expiry,
             char ret[static LOGIN_TOKEN_MAX],
             Error *error) {
        const unsigned char *key = (const unsigned char *) account->key;
        jwt_t *made = NULL;
        AUTO(jwt_t) *jwt = NULL;

        if (jwt_new(&made) != 0)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        jwt = made;
        if (jwt_set_alg(jwt, JWT_ALG_RS256, key, (int) strlen(account->key)) != 0 ||
            jwt_add_grant(jwt, "uid", account->uid) != 0 ||
            jwt_add_grant_int(jwt, "exp", (long) expiry) != 0)
                return error_setf(error, ERROR_MEMORY, "libjwt refuses the login's claims");

        return take_text(jwt, ret, error);
}
