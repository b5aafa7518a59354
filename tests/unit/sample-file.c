/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/sample-file.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/parse.h"
#include "common/text.h"

#define KEPT_MAX 1024
#define FILE_MAX ((size_t) 1024 * 1024)

/* --- files --- */

static char *kept[KEPT_MAX];
static size_t kept_count;

static void free_kept(void) {
        for (size_t i = 0; i < kept_count; i++)
                free(kept[i]);
}

char *sample_keep(char *text) {
        assert_true(kept_count < KEPT_MAX);
        if (kept_count == 0)
                (void) atexit(free_kept);

        kept[kept_count++] = text;
        return text;
}

char *sample_file_find(const char *name, const char *suffix, size_t *ret_size) {
        const char *folder = getenv("SAMPLES"); /* NOLINT(concurrency-mt-unsafe) */
        char path[512];
        char *text;

        assert_non_null(folder);
        assert_true(text_format(path, sizeof(path), "%s/%s%s", folder, name, suffix));
        if (file_read(AT_FDCWD, path, FILE_MAX, &text, ret_size, NULL) < 0)
                return NULL;

        return sample_keep(text);
}

char *sample_file(const char *name, size_t *ret_size) {
        char *text = sample_file_find(name, "", ret_size);

        if (!text)
                fail_msg("no sample '%s'", name);
        return text;
}

/* --- contexts --- */

const char *context_get(const char *context, const char *name) {
        static char value[256];
        size_t length = strlen(name);

        for (const char *at = context; at; at = strchr(at, ';') ? strchr(at, ';') + 1 : NULL) {
                if (strncmp(at, name, length) != 0 || at[length] != '=')
                        continue;

                at += length + 1;
                assert_true(strcspn(at, ";") < sizeof(value));
                memcpy(value, at, strcspn(at, ";"));
                value[strcspn(at, ";")] = '\0';
                return value;
        }

        return NULL;
}

uint64_t context_number(const char *context, const char *name) {
        const char *text = context_get(context, name);
        uint64_t number = 0;

        if (text)
                assert_int_equal(parse_u64(text, 0, UINT64_MAX, &number), 0);
        return number;
}
