/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Test builds only. Needs nothing but libc, because rollpatch-step has nothing else. Whatever goes
 * wrong here ends the program: a crash point that silently does not hold would be a test that
 * silently does not test. */

#define LOOK_AGAIN_MSEC 20

static void require(bool holds, const char *what) {
        if (holds)
                return;

        perror(what);
        abort();
}

static void format_path(
                char path[static PATH_MAX], const char *dir, const char *name, const char *end) {
        int n = snprintf(path, PATH_MAX, "%s/%s%s", dir, name, end);

        require(n > 0 && n < PATH_MAX, "crash point: path");
}

/* The pid is in the file before the file has its name. False: it has been there already. */
static bool announce(const char *dir, const char *name) {
        char path[PATH_MAX], temporary[PATH_MAX], end[32];
        int fd, r;

        (void) snprintf(end, sizeof(end), ".%ld.tmp", (long) getpid());
        format_path(path, dir, name, "");
        format_path(temporary, dir, name, end);

        fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        require(fd >= 0, "crash point: open");
        require(dprintf(fd, "%ld\n", (long) getpid()) > 0, "crash point: write");
        (void) close(fd);

        r = link(temporary, path);
        require(r == 0 || errno == EEXIST, "crash point: link");
        (void) unlink(temporary);
        return r == 0;
}

void crash_point(const char *name) {
        /* Nobody changes it. NOLINTNEXTLINE(concurrency-mt-unsafe) */
        const char *at = getenv("ROLLPATCH_CRASH_AT"), *dir = getenv("ROLLPATCH_CRASH_DIR");
        char go[PATH_MAX];

        if (!at || !dir || strcmp(at, name) != 0)
                return;
        if (!announce(dir, name))
                return;

        format_path(go, dir, name, ".go");
        while (access(go, F_OK) < 0)
                (void) poll(NULL, 0, LOOK_AGAIN_MSEC);
}
