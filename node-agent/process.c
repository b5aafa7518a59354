/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/process.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "common/text.h"

#define STAT_MAX   4096
#define AFTER_NAME 19 /* starttime is field 22; the first after the name is 3 */

bool process_parse_start(const char *stat, uint64_t ticks_per_second, usec_t *ret) {
        char number[24];
        const char *field;
        uint64_t ticks;
        size_t length;

        /* The name stands in parentheses, and may hold blanks and parentheses. */
        field = strrchr(stat, ')');
        for (size_t i = 0; field && i <= AFTER_NAME; i++) {
                field = strchr(field, ' ');
                if (field)
                        field++;
        }
        if (!field)
                return false;

        length = strcspn(field, " \n");
        if (length >= sizeof(number))
                return false;

        memcpy(number, field, length);
        number[length] = '\0';
        if (parse_u64(number, 0, UINT64_MAX / USEC_PER_SEC, &ticks) < 0)
                return false;

        *ret = ticks * USEC_PER_SEC / ticks_per_second;
        return true;
}

int process_read_start(uint32_t pid, usec_t *ret, Error *error) {
        auto_free char *text = NULL;
        char path[32];
        int r;

        (void) text_format(path, sizeof(path), "/proc/%" PRIu32 "/stat", pid);
        r = file_read(AT_FDCWD, path, STAT_MAX, &text, NULL, error);
        if (r < 0)
                return r;
        if (!process_parse_start(text, (uint64_t) sysconf(_SC_CLK_TCK), ret))
                return error_setf(error, ERROR_INVALID, "%s cannot be read", path);

        return 0;
}
