/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "common/text.h"

#define STAT_MAX    4096
#define CMDLINE_MAX 4096 /* of a command line; a longer one is cut */
#define AFTER_NAME  19   /* starttime is field 22; the first after the name is 3 */

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

static void auto_close_directory(DIR **directory) {
        if (*directory)
                (void) closedir(*directory);
}

/* False: it has ended, or is a thread of the kernel. */
static bool read_command(uint32_t pid, char line[static CMDLINE_MAX]) {
        auto_close int fd = -EBADF;
        char path[32];
        ssize_t n;

        (void) text_format(path, sizeof(path), "/proc/%" PRIu32 "/cmdline", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, line, CMDLINE_MAX - 1);
        if (n <= 0)
                return false;

        line[n] = '\0';
        for (ssize_t i = 0; i < n - 1; i++) {
                if (line[i] == '\0')
                        line[i] = ' ';
        }

        return true;
}

void process_each(
                const char *name,
                void (*on_process)(const char *line, usec_t start, void *userdata),
                void *userdata) {
        __attribute__((cleanup(auto_close_directory))) DIR *directory = opendir("/proc");
        const struct dirent *entry;
        char line[CMDLINE_MAX];
        Error ignored = {};
        uint64_t pid;
        usec_t start = 0;

        /* The stream is ours alone. NOLINTNEXTLINE(concurrency-mt-unsafe) */
        while (directory && (entry = readdir(directory))) {
                if (parse_u64(entry->d_name, 1, UINT32_MAX, &pid) >= 0 &&
                    read_command((uint32_t) pid, line) && strstr(line, name) &&
                    process_read_start((uint32_t) pid, &start, &ignored) >= 0)
                        on_process(line, start, userdata);
        }
}
