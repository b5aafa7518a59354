/* SPDX-License-Identifier: Apache-2.0 */
#include "common/digest.h"

#include <errno.h>
#include <sodium.h>
#include <unistd.h>

static_assert(DIGEST_TEXT_MAX == 2 * crypto_hash_sha256_BYTES + 1,
              "a digest is two hexadecimal digits a byte");

static void format(
                const unsigned char hash[static crypto_hash_sha256_BYTES],
                char ret[static DIGEST_TEXT_MAX]) {
        (void) sodium_bin2hex(ret, DIGEST_TEXT_MAX, hash, crypto_hash_sha256_BYTES);
}

void digest_bytes(const void *data, size_t size, char ret[static DIGEST_TEXT_MAX]) {
        unsigned char hash[crypto_hash_sha256_BYTES];

        (void) crypto_hash_sha256(hash, data, size);
        format(hash, ret);
}

int digest_fd(int fd, char ret[static DIGEST_TEXT_MAX], uint64_t *ret_size, Error *error) {
        unsigned char hash[crypto_hash_sha256_BYTES], block[16 * 1024];
        crypto_hash_sha256_state state;
        uint64_t size = 0;

        (void) crypto_hash_sha256_init(&state);

        for (;;) {
                ssize_t n = read(fd, block, sizeof(block));

                if (n == 0)
                        break;
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_errnof(error, errno, "cannot read");

                (void) crypto_hash_sha256_update(&state, block, (size_t) n);
                size += (uint64_t) n;
        }

        (void) crypto_hash_sha256_final(&state, hash);
        format(hash, ret);
        if (ret_size)
                *ret_size = size;

        return 0;
}
