/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/channel-lab.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <dirent.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"

static_assert(KEY_SIZE == crypto_scalarmult_BYTES, "these are X25519 keys");

/* splitmix64 */
uint64_t lab_random(uint64_t *seed) {
        uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

void lab_fill(void *buffer, size_t size, uint64_t *seed) {
        uint8_t *bytes = buffer;

        for (size_t i = 0; i < size; i++)
                bytes[i] = (uint8_t) lab_random(seed);
}

LabPair lab_pair(const uint8_t secret[static KEY_SIZE]) {
        LabPair pair;

        memcpy(pair.secret, secret, KEY_SIZE);
        (void) crypto_scalarmult_base(pair.public, pair.secret);
        return pair;
}

LabPair lab_pair_of(uint64_t seed) {
        uint8_t secret[KEY_SIZE];

        lab_fill(secret, sizeof(secret), &seed);
        return lab_pair(secret);
}

bool lab_is_zero(const void *data, size_t size) {
        const uint8_t *bytes = data;

        for (size_t i = 0; i < size; i++) {
                if (bytes[i] != 0)
                        return false;
        }

        return true;
}

int lab_dir_set_up(void **state) {
        static LabDir dir;

        (void) snprintf(dir.path, sizeof(dir.path), "/tmp/test-channel-XXXXXX");
        if (!mkdtemp(dir.path))
                return -1;

        dir.fd = open(dir.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        *state = &dir;
        return dir.fd < 0 ? -1 : 0;
}

int lab_dir_tear_down(void **state) {
        LabDir *dir = *state;
        DIR *names = fdopendir(dir->fd);

        if (!names)
                return -1;

        /* NOLINTNEXTLINE(concurrency-mt-unsafe): tests have one thread */
        for (struct dirent *name = readdir(names); name; name = readdir(names))
                (void) unlinkat(dir->fd, name->d_name, 0); /* but "." and ".." */

        (void) closedir(names);
        return rmdir(dir->path);
}

void lab_dir_put(
                const LabDir *dir, const char *name, const void *data, size_t size, unsigned mode) {
        assert_int_equal(file_replace(dir->fd, name, data, size, mode, NULL), 0);
}
