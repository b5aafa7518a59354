/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/error.h"
#include "common/span.h"

/* The end of a log file as Mesos writes it (glog): only lines since a time. A line without a time
 * of its own belongs to the one before; what comes before the first time in the piece that is read
 * is not known to be new, and left out. */

#define LOG_FILE_BYTES ((size_t) 256 * 1024) /* of the end */

typedef struct LogLine {
        const char *text; /* terminated; foreign bytes */
        uint64_t offset;  /* in the file */
        usec_t at;        /* wall clock */
} LogLine;

int log_file_read(
                const char *path,
                usec_t since,
                usec_t now,
                void (*on_line)(const LogLine *line, void *userdata),
                void *userdata,
                Error *error);

/* "W0711 10:41:07.123456" in local time; the year is the one in which it lies before `now`. False:
 * the line does not begin so. */
bool log_line_parse_time(const char *line, usec_t now, usec_t *ret);
