/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/step/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void capture_open(Capture *capture, int dir_fd, const char *name) {
        *capture = (Capture) {
                .fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                             0600),
        };
}

/* How many bytes could be written. */
static size_t write_some(int fd, const char *data, size_t size) {
        size_t done = 0;

        while (done < size) {
                ssize_t n = write(fd, data + done, size - done);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        break;

                done += (size_t) n;
        }

        return done;
}

static void put(Capture *capture, const char *data, size_t size) {
        size_t done = capture->fd < 0 ? 0 : write_some(capture->fd, data, size);

        capture->dropped += size - done;
}

static void add_to_ring(Capture *capture, const char *data, size_t size) {
        if (!capture->ring)
                capture->ring = malloc(CAPTURE_TAIL);
        if (!capture->ring) {
                capture->dropped += size;
                return;
        }

        while (size > 0) {
                size_t place = (size_t) (capture->tail % CAPTURE_TAIL);
                size_t part = MIN(size, (size_t) CAPTURE_TAIL - place);

                memcpy(capture->ring + place, data, part);
                capture->tail += part;
                data += part;
                size -= part;
        }
}

void capture_add(Capture *capture, const char *data, size_t size) {
        size_t part = MIN(size, (size_t) (CAPTURE_HEAD - capture->head));

        put(capture, data, part);
        capture->head += part;
        if (part < size)
                add_to_ring(capture, data + part, size - part);
}

static void put_tail(Capture *capture) {
        size_t place = (size_t) (capture->tail % CAPTURE_TAIL);
        char gap[64];

        if (capture->tail <= CAPTURE_TAIL) {
                put(capture, capture->ring, (size_t) capture->tail);
                return;
        }

        capture->dropped += capture->tail - CAPTURE_TAIL;
        (void) snprintf(gap, sizeof(gap), "\n[... %" PRIu64 " bytes left out ...]\n",
                        capture->tail - CAPTURE_TAIL);
        if (capture->fd >= 0)
                (void) write_some(capture->fd, gap, strlen(gap));
        put(capture, capture->ring + place, (size_t) CAPTURE_TAIL - place);
        put(capture, capture->ring, place);
}

void capture_close(Capture *capture) {
        if (capture->ring)
                put_tail(capture);
        free(capture->ring);
        capture->ring = NULL;

        if (capture->fd >= 0) {
                (void) fsync(capture->fd);
                (void) close(capture->fd);
        }
        capture->fd = -EBADF;
}
