/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/limits.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/log.h"
#include "common/parse.h"

#define BACKLOG_PATH "/proc/sys/net/core/somaxconn"

static uint64_t get_files(void) {
        struct rlimit files;

        if (getrlimit(RLIMIT_NOFILE, &files) < 0)
                return 0;

        if (files.rlim_cur < files.rlim_max) {
                const struct rlimit raised = { files.rlim_max, files.rlim_max };

                if (setrlimit(RLIMIT_NOFILE, &raised) >= 0)
                        files = raised;
        }

        return files.rlim_cur;
}

void limits_allow_files(uint64_t files) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return;

        limit.rlim_cur = MIN(files, (uint64_t) limit.rlim_max);
        (void) setrlimit(RLIMIT_NOFILE, &limit);
}

static uint64_t get_backlog(void) {
        auto_free char *text = NULL;
        uint32_t backlog = 0;

        if (file_read(AT_FDCWD, BACKLOG_PATH, 64, &text, NULL, NULL) < 0)
                return 0;

        text[strcspn(text, "\n")] = '\0';
        return parse_u32(text, 0, INT32_MAX, &backlog) < 0 ? 0 : backlog;
}

Limits limits_get(void) {
        return (Limits) { .files = get_files(), .backlog = get_backlog() };
}

int limits_check(const Limits *limits, size_t nodes, Error *error) {
        uint64_t files = nodes + LIMITS_FILES_OWN;

        if (limits->files < files) {
                return error_setf(
                                error, ERROR_BLOCKED,
                                "this process may open %" PRIu64 " files, %zu nodes need %" PRIu64
                                ": the last ones to come cannot connect; set LimitNOFILE=65536 in "
                                "rollpatchd.service",
                                limits->files, nodes, files);
        }
        if (limits->backlog != 0 && limits->backlog < LIMITS_BACKLOG && limits->backlog < nodes) {
                return error_setf(
                                error, ERROR_BLOCKED,
                                "%" PRIu64 " connections may wait to be accepted, %zu nodes may "
                                "come at once: they are slow to come back after a restart; "
                                "sysctl -w net.core.somaxconn=%d",
                                limits->backlog, nodes, LIMITS_BACKLOG);
        }

        return 0;
}

void limits_warn(size_t nodes) {
        const Limits limits = limits_get();
        Error error = {};

        if (limits_check(&limits, nodes, &error) < 0)
                log_warning("%s.", error.text);
}
