/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/macro.h"

/* What the script prints, in `output`: the first CAPTURE_HEAD bytes as they come, and the last
 * CAPTURE_TAIL bytes at the end; what lies between is counted and said. Nothing that goes wrong
 * here may hurt the script: it is counted as dropped. */

#define CAPTURE_HEAD ((uint64_t) 2 << 20)
#define CAPTURE_TAIL ((uint64_t) 2 << 20)

typedef struct Capture {
        int fd; /* negative: could not be made */
        uint64_t head;
        char *ring;    /* CAPTURE_TAIL bytes, made when the head is full */
        uint64_t tail; /* bytes that came after the head */
        uint64_t dropped;
} Capture;

void capture_open(Capture *capture, int dir_fd, const char *name);
void capture_add(Capture *capture, const char *data, size_t size);

/* Writes the tail and syncs. The capture takes nothing more. */
void capture_close(Capture *capture);
