/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/secret.h"

#include <errno.h>
#include <sodium.h>
#include <stdalign.h>
#include <string.h>

struct Secret {
        size_t size; /* with the terminator */
        char text[];
};

int secret_new(const char *text, Secret **ret, Error *error) {
        AUTO(Secret) *secret = NULL;
        size_t size = strlen(text) + 1, whole = sizeof(*secret) + size;
        int r = sodium_init();

        assert(r >= 0);

        /* sodium_malloc() puts what is asked for at the end of a page. */
        whole += (alignof(Secret) - whole % alignof(Secret)) % alignof(Secret);
        secret = sodium_malloc(whole);
        if (!secret)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        /* sodium_malloc() locks as well, but does not tell when it could not. */
        if (sodium_mlock(secret, whole) < 0)
                return error_errnof(error, errno, "cannot lock a token in memory (LimitMEMLOCK=)");

        secret->size = size;
        memcpy(secret->text, text, size);
        (void) sodium_mprotect_readonly(secret);

        *ret = TAKE(secret);
        return 0;
}

const char *secret_text(const Secret *secret) {
        return secret ? secret->text : NULL;
}

bool secret_equals(const Secret *secret, const char *text) {
        return secret && strlen(text) + 1 == secret->size &&
               sodium_memcmp(secret->text, text, secret->size) == 0;
}

void secret_free(Secret *secret) {
        sodium_free(secret);
}
