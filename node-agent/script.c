/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/script.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/text.h"

/* A proxy or a captive portal answers 200 with a page. */
static bool is_page(const char *data, size_t size) {
        static const char *const begins[] = { "<!doctype", "<html", "<?xml" };

        for (; size > 0 && *data != '\0' && strchr(" \n\r\t", *data); data++)
                size--;

        for (size_t i = 0; i < ELEMENTSOF(begins); i++) {
                if (size >= strlen(begins[i]) &&
                    strncasecmp(data, begins[i], strlen(begins[i])) == 0)
                        return true;
        }

        return false;
}

int script_verify(const char *data, size_t size, const Stage *stage, Error *error) {
        char digest[DIGEST_TEXT_MAX];

        if (is_page(data, size)) {
                return error_setf(
                                error, ERROR_INVALID,
                                "script is an HTML page, want a shell script");
        }
        if (size < 2 || memcmp(data, "#!", 2) != 0) {
                char begin[16] = "", shown[16];

                memcpy(begin, data, MIN(size, sizeof(begin) - 1));
                text_ellipsize(shown, sizeof(shown), begin);
                return error_setf(
                                error, ERROR_INVALID, "script begins with '%s', want '#!'", shown);
        }
        if (size != stage->size) {
                return error_setf(
                                error, ERROR_INVALID, "script is %zu bytes, want %" PRIu64, size,
                                stage->size);
        }

        digest_bytes(data, size, digest);
        if (strcmp(digest, stage->sha256) != 0) {
                return error_setf(
                                error, ERROR_INVALID, "script has sha256 %s, want %s", digest,
                                stage->sha256);
        }

        return 0;
}

int script_load(int dir_fd, const char *name, const Stage *stage, char **ret, Error *error) {
        auto_free char *data = NULL;
        size_t size;
        int r;

        r = file_read(dir_fd, name, SCRIPT_BYTES_MAX, &data, &size, error);
        if (r < 0)
                return error_prefixf(error, "script");

        r = script_verify(data, size, stage, error);
        if (r < 0)
                return r;

        if (ret)
                *ret = TAKE(data);

        return 0;
}
