/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/log-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/macro.h"

#define STAMP_FORMAT "L0000 00:00:00.000000" /* 0: a digit */

static bool has_stamp(const char *line) {
        static const char format[] = STAMP_FORMAT;

        for (size_t i = 0; format[i]; i++) {
                bool digit = line[i] >= '0' && line[i] <= '9';

                if (format[i] == 'L'   ? !line[i] || !strchr("IWEF", line[i])
                    : format[i] == '0' ? !digit
                                       : line[i] != format[i])
                        return false;
        }

        return true;
}

static int number(const char *digits) {
        return (digits[0] - '0') * 10 + digits[1] - '0';
}

static usec_t in_year(const char *line, int year) {
        struct tm tm = {
                .tm_year = year,
                .tm_mon = number(line + 1) - 1,
                .tm_mday = number(line + 3),
                .tm_hour = number(line + 6),
                .tm_min = number(line + 9),
                .tm_sec = number(line + 12),
                .tm_isdst = -1,
        };
        time_t seconds = mktime(&tm);

        return seconds < 0 ? 0 : (usec_t) seconds * USEC_PER_SEC;
}

/* A clock may have been set back a little: up to a day in the future is this year. */
bool log_line_parse_time(const char *line, usec_t now, usec_t *ret) {
        time_t seconds = (time_t) (now / USEC_PER_SEC);
        struct tm tm;
        usec_t at;

        if (!has_stamp(line) || !localtime_r(&seconds, &tm))
                return false;

        at = in_year(line, tm.tm_year);
        if (at > now + USEC_PER_DAY)
                at = in_year(line, tm.tm_year - 1);

        *ret = at;
        return true;
}

/* The end of the file, terminated, from the first whole line on. */
static int load_end(const char *path, char **ret, uint64_t *ret_offset, Error *error) {
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        auto_free char *data = NULL;
        struct stat st;
        off_t offset;
        ssize_t n;

        if (fd < 0 || fstat(fd, &st) < 0)
                return error_errnof(error, errno, "cannot read it");
        if (!S_ISREG(st.st_mode))
                return error_setf(error, ERROR_INVALID, "it is no file");

        data = malloc(LOG_FILE_BYTES + 1);
        if (!data)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        offset = MAX(st.st_size - (off_t) LOG_FILE_BYTES, (off_t) 0);
        n = pread(fd, data, LOG_FILE_BYTES, offset);
        if (n < 0)
                return error_errnof(error, errno, "cannot read it");

        data[n] = '\0';
        *ret = TAKE(data);
        *ret_offset = (uint64_t) offset;
        return 0;
}

int log_file_read(
                const char *path,
                usec_t since,
                usec_t now,
                void (*on_line)(const LogLine *line, void *userdata),
                void *userdata,
                Error *error) {
        auto_free char *data = NULL;
        uint64_t offset = 0;
        usec_t at = 0;
        char *rest;
        int r;

        r = load_end(path, &data, &offset, error);
        if (r < 0)
                return r;

        rest = data;
        for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
                (void) log_line_parse_time(line, now, &at);
                if (at != 0 && at + USEC_PER_SEC >= since && line[0] != '\0') {
                        on_line(&(LogLine) { line, offset + (uint64_t) (line - data), at },
                                userdata);
                }
        }

        return 0;
}
