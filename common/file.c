/* SPDX-License-Identifier: Apache-2.0 */
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/text.h"

/* New content goes to NAME.tmp, is synced there, and gets its name last; then the directory is
 * synced, because a name is content of its directory. Whoever looks at NAME sees the old content or
 * the new, whatever dies in between. A NAME.tmp of a process that died is removed by the next
 * writer.
 *
 * The directory is opened before anything is written, so that a directory that cannot be synced is
 * found out while it still does no harm. */

#define READ_STEP 4096

typedef struct Place {
        int dir_fd;
        const char *base; /* last component of the name, borrowed */
        char temporary[NAME_MAX + 1];
} Place;

/* Of a directory, other than itself and the one above. */
static bool is_entry(const char *base) {
        return base[0] != '\0' && strcmp(base, ".") != 0 && strcmp(base, "..") != 0;
}

static int open_parent(int dir_fd, const char *name, const char **ret_base, Error *error) {
        const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
        auto_free char *parent = NULL;
        int fd;

        if (!is_entry(base))
                return error_setf(error, ERROR_INVALID, "'%s' is not a name of a file", name);

        parent = slash ? strndup(name, slash == name ? 1 : (size_t) (slash - name)) : strdup(".");
        if (!parent)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        fd = openat(dir_fd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return error_errnof(error, errno, "cannot open the directory of '%s'", name);

        *ret_base = base;
        return fd;
}

static int open_plain(int dir_fd, const char *name, struct stat *ret_stat, Error *error) {
        auto_close int fd = -EBADF;

        /* O_NONBLOCK, because opening a fifo would wait for its writer. */
        fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 && errno == ELOOP) {
                return error_setf(
                                error, ERROR_INVALID, "'%s' is a symbolic link, want a file", name);
        }
        if (fd < 0)
                return error_errnof(error, errno, "cannot open '%s'", name);
        if (fstat(fd, ret_stat) < 0)
                return error_errnof(error, errno, "cannot stat '%s'", name);
        if (!S_ISREG(ret_stat->st_mode))
                return error_setf(error, ERROR_INVALID, "'%s' is not a regular file", name);

        return TAKE_FD(fd);
}

/* Reads until the end or until the buffer is full. */
static ssize_t read_full(int fd, char *buffer, size_t size) {
        size_t length = 0;

        while (length < size) {
                ssize_t n = read(fd, buffer + length, size - length);

                if (n == 0)
                        break;
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;

                length += (size_t) n;
        }

        return (ssize_t) length;
}

static int too_big(const char *name, size_t max, Error *error) {
        return error_setf(error, ERROR_TOO_BIG, "'%s' is more than %zu bytes", name, max);
}

/* The size a file claims is a hint: in /proc it is 0, and a file may grow while it is read. */
static int read_all(
                int fd,
                const char *name,
                size_t hint,
                size_t max,
                char **ret,
                size_t *ret_size,
                Error *error) {
        auto_free char *buffer = NULL;
        size_t length = 0, capacity = MAX(hint, (size_t) READ_STEP);
        ssize_t n;

        capacity = MIN(capacity, max);
        for (;;) {
                char *larger = realloc(buffer, capacity + 2);

                if (!larger)
                        return error_setf(error, ERROR_MEMORY, "out of memory");
                buffer = larger;

                n = read_full(fd, buffer + length, capacity + 1 - length);
                if (n < 0)
                        return error_errnof(error, (int) n, "cannot read '%s'", name);

                length += (size_t) n;
                if (length <= capacity)
                        break;
                if (capacity == max)
                        return too_big(name, max, error);

                capacity = MIN(2 * capacity, max);
        }

        buffer[length] = '\0';
        *ret = TAKE(buffer);
        *ret_size = length;
        return 0;
}

int file_read(int dir_fd,
              const char *name,
              size_t max,
              char **ret,
              size_t *ret_size,
              Error *error) {
        auto_close int fd = -EBADF;
        auto_free char *text = NULL;
        struct stat st = {};
        size_t size = 0;
        int r;

        assert(max < SSIZE_MAX / 2);

        fd = open_plain(dir_fd, name, &st, error);
        if (fd < 0)
                return fd;
        if (st.st_size > (off_t) max)
                return too_big(name, max, error);

        r = read_all(fd, name, (size_t) st.st_size, max, &text, &size, error);
        if (r < 0)
                return r;
        assert(text);
        if (!ret_size && memchr(text, '\0', size))
                return error_setf(error, ERROR_INVALID, "'%s' has a NUL byte inside", name);

        *ret = TAKE(text);
        if (ret_size)
                *ret_size = size;

        return 0;
}

static int check_private(const char *name, const struct stat *st, Error *error) {
        if (st->st_uid != geteuid()) {
                return error_setf(
                                error, ERROR_DENIED, "'%s' belongs to user %u, want %u", name,
                                st->st_uid, geteuid());
        }

        if (st->st_mode & (S_IRWXG | S_IRWXO)) {
                return error_setf(
                                error, ERROR_DENIED,
                                "'%s' has mode %04o, want 0600: others may know its secret", name,
                                st->st_mode & 07777);
        }

        return 0;
}

int file_read_private(
                int dir_fd,
                const char *name,
                void *buffer,
                size_t capacity,
                size_t *ret_size,
                Error *error) {
        auto_close int fd = -EBADF;
        struct stat st = {};
        ssize_t n, more;
        char beyond;
        int r;

        fd = open_plain(dir_fd, name, &st, error);
        if (fd < 0)
                return fd;

        r = check_private(name, &st, error);
        if (r < 0)
                return r;

        n = read_full(fd, buffer, capacity);
        more = n < 0 ? n : read_full(fd, &beyond, 1);
        if (more < 0)
                return error_errnof(error, (int) more, "cannot read '%s'", name);
        if (more > 0)
                return too_big(name, capacity, error);

        *ret_size = (size_t) n;
        return 0;
}

static int write_all(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;

                data += n;
                size -= (size_t) n;
        }

        return 0;
}

static int sync_fd(int fd) {
        while (fsync(fd) < 0) {
                if (errno != EINTR)
                        return -errno;
        }

        return 0;
}

static int fill(int fd, const void *data, size_t size, mode_t mode) {
        int r;

        r = write_all(fd, data, size);
        if (r < 0)
                return r;
        if (fchmod(fd, mode) < 0)
                return -errno;

        return sync_fd(fd);
}

static int write_temporary(
                const Place *place, const void *data, size_t size, mode_t mode, Error *error) {
        auto_close int fd = -EBADF;
        int r;

        /* What a dead writer left, or a link that somebody planted: not ours, do not write to it.
         */
        if (unlinkat(place->dir_fd, place->temporary, 0) < 0 && errno != ENOENT)
                return error_errnof(error, errno, "cannot remove '%s'", place->temporary);

        fd = openat(place->dir_fd, place->temporary,
                    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return error_errnof(error, errno, "cannot create '%s'", place->temporary);

        r = fill(fd, data, size, mode);
        if (r < 0) {
                (void) unlinkat(place->dir_fd, place->temporary, 0);
                return error_errnof(error, r, "cannot write '%s'", place->temporary);
        }

        return 0;
}

static int place_open(Place *place, int dir_fd, const char *name, Error *error) {
        int fd;

        fd = open_parent(dir_fd, name, &place->base, error);
        if (fd < 0)
                return fd;

        place->dir_fd = fd;
        if (!text_format(place->temporary, sizeof(place->temporary), "%s.tmp", place->base))
                return error_setf(error, ERROR_INVALID, "the name '%s' is too long", place->base);

        return 0;
}

int file_replace(
                int dir_fd,
                const char *name,
                const void *data,
                size_t size,
                mode_t mode,
                Error *error) {
        Place place = { .dir_fd = -EBADF };
        auto_close int fd = -EBADF;
        int r;

        r = place_open(&place, dir_fd, name, error);
        fd = place.dir_fd;
        if (r < 0)
                return r;

        r = write_temporary(&place, data, size, mode, error);
        if (r < 0)
                return r;

        if (renameat(fd, place.temporary, fd, place.base) < 0) {
                r = error_errnof(error, errno, "cannot replace '%s'", name);
                (void) unlinkat(fd, place.temporary, 0);
                return r;
        }

        return dir_sync(fd, error);
}

int file_create(int dir_fd,
                const char *name,
                const void *data,
                size_t size,
                mode_t mode,
                Error *error) {
        Place place = { .dir_fd = -EBADF };
        auto_close int fd = -EBADF;
        int r;

        r = place_open(&place, dir_fd, name, error);
        fd = place.dir_fd;
        if (r < 0)
                return r;

        r = write_temporary(&place, data, size, mode, error);
        if (r < 0)
                return r;

        /* Unlike rename(2), link(2) never replaces what has the name already. */
        r = linkat(fd, place.temporary, fd, place.base, 0) < 0 ? -errno : 0;
        (void) unlinkat(fd, place.temporary, 0);
        if (r == -EEXIST) {
                (void) error_setf(error, ERROR_CONFLICT, "'%s' exists already", name);
                return r;
        }
        if (r < 0)
                return error_errnof(error, r, "cannot create '%s'", name);

        return dir_sync(fd, error);
}

int dir_open(int dir_fd, const char *name, mode_t mode, int *ret_fd, Error *error) {
        auto_close int parent = -EBADF, fd = -EBADF;
        const char *base = name;
        bool made;

        parent = open_parent(dir_fd, name, &base, error);
        if (parent < 0)
                return parent;

        made = mkdirat(parent, base, mode) == 0;
        if (!made && errno != EEXIST)
                return error_errnof(error, errno, "cannot make directory '%s'", name);

        fd = openat(parent, base, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return error_errnof(error, errno, "cannot open directory '%s'", name);

        /* The umask has no say. */
        if (made && fchmod(fd, mode) < 0)
                return error_errnof(error, errno, "cannot set the mode of '%s'", name);

        /* Also when it was there: whoever made it may have died before this. */
        if (sync_fd(parent) < 0)
                return error_errnof(error, errno, "cannot sync the directory of '%s'", name);

        *ret_fd = TAKE_FD(fd);
        return 0;
}

int dir_sync(int dir_fd, Error *error) {
        int r;

        r = sync_fd(dir_fd);
        if (r < 0)
                return error_errnof(error, r, "cannot sync the directory");

        return 0;
}
