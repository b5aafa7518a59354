/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/step/record.h"

#include <stdio.h>
#include <string.h>

#include "common/macro.h"

const char *const order_keys[ORDER_KEY_COUNT] = {
        [ORDER_BOOT_ID] = "boot_id",
        [ORDER_STEP] = "step",
        [ORDER_FENCE] = "fence",
};

const char *const result_keys[RESULT_KEY_COUNT] = {
        [RESULT_EXIT_STATUS] = "exit_status",
        [RESULT_EXIT_SIGNAL] = "exit_signal",
        [RESULT_BOOT_ID] = "boot_id",
        [RESULT_STARTED_AT] = "started_at",
        [RESULT_ENDED_AT] = "ended_at",
        [RESULT_TERMINATED] = "terminated",
        [RESULT_OUTPUT_DROPPED] = "output_dropped",
        [RESULT_JOURNAL_DROPPED] = "journal_dropped",
};

/* One line; returns where the next one begins, NULL with `error` filled. */
static const char *parse_line(
                const char *line,
                size_t number,
                const char *key,
                char ret[RECORD_VALUE_MAX],
                Error *error) {
        const char *end = strchr(line, '\n');
        size_t key_length = strlen(key), length;

        if (!end) {
                (void) error_setf(
                                error, ERROR_INVALID,
                                "line %zu: cut or missing, want '%s=' and a line end", number, key);
                return NULL;
        }
        if (strncmp(line, key, key_length) != 0 || line[key_length] != '=') {
                (void) error_setf(
                                error, ERROR_INVALID, "line %zu: is '%.*s', want '%s='", number,
                                (int) MIN(end - line, (ptrdiff_t) RECORD_VALUE_MAX), line, key);
                return NULL;
        }

        line += key_length + 1;
        length = (size_t) (end - line);
        if (length == 0 || length >= RECORD_VALUE_MAX) {
                (void) error_setf(
                                error, ERROR_INVALID, "line %zu: '%s' has %zu bytes, want 1 to %d",
                                number, key, length, RECORD_VALUE_MAX - 1);
                return NULL;
        }

        memcpy(ret, line, length);
        ret[length] = '\0';
        return end + 1;
}

int record_parse(
                const char *text,
                const char *const keys[],
                size_t count,
                char ret[][RECORD_VALUE_MAX],
                Error *error) {
        char values[RESULT_KEY_COUNT][RECORD_VALUE_MAX];

        assert(count <= ELEMENTSOF(values));

        for (size_t i = 0; i < count; i++) {
                text = parse_line(text, i + 1, keys[i], values[i], error);
                if (!text)
                        return error_to_errno(ERROR_INVALID);
        }

        if (*text != '\0') {
                return error_setf(
                                error, ERROR_INVALID, "line %zu: %zu bytes more, want nothing",
                                count + 1, strlen(text));
        }

        memcpy(ret, values, count * sizeof(values[0]));
        return 0;
}

bool record_format(
                char *buffer,
                size_t size,
                const char *const keys[],
                char (*values)[RECORD_VALUE_MAX],
                size_t count) {
        size_t length = 0;

        for (size_t i = 0; i < count; i++) {
                int n;

                if (values[i][0] == '\0' || strchr(values[i], '\n'))
                        return false;

                n = snprintf(buffer + length, size - length, "%s=%s\n", keys[i], values[i]);
                if (n < 0 || (size_t) n >= size - length)
                        return false;

                length += (size_t) n;
        }

        return true;
}
