/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-security.h"

#include <string.h>

#include "common/text.h"

// clang-format off
static const struct { const char *text; Security security; } modes[] = {
        { "disabled",   SECURITY_OPEN       },
        { "permissive", SECURITY_PERMISSIVE },
        { "strict",     SECURITY_STRICT     },
};
// clang-format on

static int find_mode(const char *text, Security *ret, Error *error) {
        for (size_t i = 0; i < ELEMENTSOF(modes); i++) {
                if (strcmp(modes[i].text, text) == 0) {
                        *ret = modes[i].security;
                        return 1;
                }
        }

        return error_setf(
                        error, ERROR_INVALID,
                        "security is '%s', want strict, permissive or disabled", text);
}

int security_read(const char *text, size_t size, Security *ret, Error *error) {
        AUTO(Json) *object = NULL;
        char mode[32];
        int r;

        r = json_parse(text, size, &object, error);
        if (r < 0)
                return r;
        if (!json_is_object(object))
                return error_setf(error, ERROR_INVALID, "want a JSON object");
        if (!json_find(object, "security"))
                return 0;

        r = json_get_string(object, "security", mode, sizeof(mode), error);
        return r < 0 ? r : find_mode(mode, ret, error);
}
