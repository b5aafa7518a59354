/* SPDX-License-Identifier: Apache-2.0 */
#include "common/id.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"

void id_random(char buffer[static ID_TEXT_MAX]) {
        static const char digits[] = "0123456789abcdef";
        unsigned char random[(ID_TEXT_MAX - 1) / 2];
        ssize_t n;

        /* So few bytes are never given in part; EINTR is possible until the pool is ready. */
        do {
                n = getrandom(random, sizeof(random), 0);
        } while (n < 0 && errno == EINTR);
        assert(n == sizeof(random));

        for (size_t i = 0; i < sizeof(random); i++) {
                buffer[2 * i] = digits[random[i] >> 4];
                buffer[2 * i + 1] = digits[random[i] & 0xf];
        }
        buffer[ID_TEXT_MAX - 1] = '\0';
}

int id_boot(char buffer[static ID_TEXT_MAX]) {
        char id[ID_TEXT_MAX] = "";
        auto_free char *text = NULL;
        size_t length = 0;
        int r;

        r = file_read(AT_FDCWD, BOOT_ID_FILE, 64, &text, NULL, NULL);
        if (r < 0)
                return r;

        for (const char *p = text; *p != '\0' && *p != '\n' && length < ID_TEXT_MAX - 1; p++) {
                if (*p != '-')
                        id[length++] = *p;
        }

        if (!hex_is_valid(id, ID_TEXT_MAX - 1))
                return -EINVAL;

        memcpy(buffer, id, ID_TEXT_MAX);
        return 0;
}
