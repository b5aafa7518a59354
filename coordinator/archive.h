/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/error.h"

/* A tar of a few regular files, 0600, that any tar(1) unpacks: what is saved must be of use without
 * us. Reads back only what is written here. */

/* Appends `size` bytes of `from`, from its beginning, or of `data` when `from` is negative. */
int archive_add(int fd, const char *name, int from, const void *data, size_t size, Error *error);

/* What ends it; without it, it was cut. */
int archive_end(int fd, Error *error);

/* `fd` stands at the first byte of the file; where it is left does not matter. A negative value
 * ends the reading and is returned. */
typedef int (*ArchiveEach)(const char *name, int fd, size_t size, void *userdata, Error *error);

int archive_read(int fd, ArchiveEach each, void *userdata, Error *error);

/* From where it stands. */
int archive_copy(int from, int to, size_t size, Error *error);
