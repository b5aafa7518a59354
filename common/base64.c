/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base64.h"

#include <sodium.h>
#include <string.h>

void base64_encode(const void *data, size_t size, char *ret) {
        (void) sodium_bin2base64(
                        ret, BASE64_TEXT_MAX(size), data, size, sodium_base64_VARIANT_ORIGINAL);
}

bool base64_decode(const char *text, void *ret, size_t capacity, size_t *ret_size) {
        const char *end = NULL;

        return sodium_base642bin(
                               ret, capacity, text, strlen(text), NULL, ret_size, &end,
                               sodium_base64_VARIANT_ORIGINAL) == 0 &&
               *end == '\0';
}
