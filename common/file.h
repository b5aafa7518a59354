/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "common/error.h"

/* Files that must survive a power loss, and bounded reading of files that somebody else wrote. */

/* The whole regular file, NUL-terminated; -ENOENT is ERROR_NOT_FOUND. More than `max` bytes is
 * ERROR_TOO_BIG; no link is followed in the last component; a fifo or device is refused. `dir_fd`
 * may be AT_FDCWD. The caller frees. `ret_size` may be NULL: then a NUL byte inside is refused. */
int file_read(int dir_fd, const char *name, size_t max, char **ret, size_t *ret_size, Error *error);

/* The same for a file with a secret, into a buffer of the caller's, who wipes it. ERROR_DENIED when
 * it belongs to somebody else than our user, or when anybody but the owner may do anything with it:
 * then it may be known already. */
int file_read_private(
                int dir_fd,
                const char *name,
                void *buffer,
                size_t capacity,
                size_t *ret_size,
                Error *error);

/* Writes NAME.tmp, syncs it, renames it over NAME, syncs the directory. When this returns 0 the new
 * content is on disk; otherwise the old one still is, and no .tmp is left behind. (Only when
 * syncing the directory fails, which is the last thing done, it may be either.) One writer a name
 * at a time. */
int file_replace(
                int dir_fd,
                const char *name,
                const void *data,
                size_t size,
                mode_t mode,
                Error *error);

/* Like file_replace, but the name must not exist: -EEXIST (ERROR_CONFLICT) if it does. */
int file_create(int dir_fd,
                const char *name,
                const void *data,
                size_t size,
                mode_t mode,
                Error *error);

/* Opens a directory, making it when it is missing, and syncs its parent; parents must exist. The
 * last component must not be a link. */
int dir_open(int dir_fd, const char *name, mode_t mode, int *ret_fd, Error *error);

int dir_sync(int dir_fd, Error *error);
