/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/digest.h"
#include "common/file.h"
#include "common/http.h"
#include "common/text.h"

/* The bytes go to PATH.part, which only this process writes: it is made with O_EXCL, so no link or
 * file that somebody put there is ever written through, and it stays locked while it is ours. A
 * .part that nobody has locked is what a killed fetch left; it is removed and made anew, never
 * continued. */

#define CONNECT_TIMEOUT (10 * USEC_PER_SEC)
#define PART_SUFFIX     ".part"
#define STATUS_OK       200
#define URL_SHOWN       256 /* so that the reason behind it is never cut */

typedef struct Part {
        int dir_fd;
        int fd;
        char name[NAME_MAX + 1]; /* PATH without its directory */
        char part[NAME_MAX + 1]; /* that and ".part"; empty: not ours to remove */
} Part;

static void part_done(Part *part) {
        if (part->part[0])
                (void) unlinkat(part->dir_fd, part->part, 0);
        if (part->fd >= 0)
                (void) close(part->fd);
        if (part->dir_fd >= 0)
                (void) close(part->dir_fd);
}

DEFINE_AUTO(Part, part_done)

static bool is_still(int dir_fd, const char *name, const struct stat *opened) {
        struct stat named;

        return fstatat(dir_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
               opened->st_dev == named.st_dev && opened->st_ino == named.st_ino;
}

/* Locks `fd`, and makes sure that `name` still means it: its owner may have renamed it, or somebody
 * have taken it for a leftover, between the opening and the lock. */
static int lock_named(int dir_fd, const char *name, int fd, Error *error) {
        struct stat opened;
        bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;

        if (!locked && errno != EWOULDBLOCK)
                return error_errnof(error, errno, "locking %s", name);

        if (!locked || fstat(fd, &opened) < 0 || !is_still(dir_fd, name, &opened))
                return error_setf(error, ERROR_BLOCKED, "another fetch is writing %s", name);

        if (!S_ISREG(opened.st_mode))
                return error_setf(error, ERROR_CONFLICT, "%s is there and is not a file", name);

        return 0;
}

static int remove_leftover(int dir_fd, const char *name, Error *error) {
        auto_close int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        int r;

        if (fd < 0)
                return errno == ENOENT ? 0 : error_errnof(error, errno, "opening %s", name);

        r = lock_named(dir_fd, name, fd, error);
        if (r < 0)
                return r;

        if (unlinkat(dir_fd, name, 0) < 0)
                return error_errnof(error, errno, "removing %s", name);

        return 0;
}

static int create_part(int dir_fd, const char *name, int *ret_fd, Error *error) {
        const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
        auto_close int fd = openat(dir_fd, name, flags, 0600);
        int r;

        if (fd < 0 && errno == EEXIST) {
                r = remove_leftover(dir_fd, name, error);
                if (r < 0)
                        return r;

                fd = openat(dir_fd, name, flags, 0600);
        }
        if (fd < 0)
                return error_errnof(error, errno, "creating %s", name);

        r = lock_named(dir_fd, name, fd, error);
        if (r < 0)
                return r;

        *ret_fd = TAKE_FD(fd);
        return 0;
}

static int open_directory(const char *path, size_t length, int *ret_fd, Error *error) {
        auto_free char *directory = length > 0 ? strndup(path, length) : strdup(".");
        int fd;

        if (!directory)
                return error_setf(error, ERROR_MEMORY, "no memory for a path");

        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return error_errnof(error, errno, "opening %s", directory);

        *ret_fd = fd;
        return 0;
}

static int part_open(Part *part, const char *path, Error *error) {
        const char *slash = strrchr(path, '/');
        const char *name = slash ? slash + 1 : path;
        char file[NAME_MAX + 1];
        int r;

        if (!name[0] || !text_format(file, sizeof(file), "%s" PART_SUFFIX, name)) {
                return error_setf(
                                error, ERROR_INVALID,
                                "got '%s', want the path of a file, its name at most %zu bytes",
                                path, NAME_MAX - strlen(PART_SUFFIX));
        }

        /* with the slash: the directory of "/name" is "/" */
        r = open_directory(path, (size_t) (name - path), &part->dir_fd, error);
        if (r < 0)
                return r;

        r = create_part(part->dir_fd, file, &part->fd, error);
        if (r < 0)
                return r;

        (void) text_copy(part->part, sizeof(part->part), file);
        (void) text_copy(part->name, sizeof(part->name), name);
        return 0;
}

static int part_commit(Part *part, Error *error) {
        if (fsync(part->fd) < 0)
                return error_errnof(error, errno, "syncing %s", part->part);

        if (renameat(part->dir_fd, part->part, part->dir_fd, part->name) < 0)
                return error_errnof(error, errno, "renaming %s", part->part);

        part->part[0] = '\0';
        return dir_sync(part->dir_fd, error);
}

static int refuse_status(const HttpResponse *response, Error *error) {
        const char *type = response->content_type, *location = response->location;

        return error_setf(
                        error, ERROR_IO, "got %u%s%.128s%s%s, want 200", response->status,
                        location[0] ? " to " : "", location, type[0] ? " of type " : "", type);
}

/* `type` is named because the commonest wrong file is a login or error page that came with a 200.
 */
static int refuse_size(const HttpResponse *response, uint64_t wanted, Error *error) {
        const char *type = response->content_type;

        return error_setf(
                        error, ERROR_CONFLICT, "body%s%s is %llu bytes, want %llu",
                        type[0] ? " of type " : "", type, (unsigned long long) response->size,
                        (unsigned long long) wanted);
}

static int download(const FetchOrder *order, int fd, HttpResponse *ret, Error *error) {
        const HttpRequest request = {
                .url = order->url,
                .timeout = order->timeout,
                .connect_timeout = CONNECT_TIMEOUT,
                .body_max = order->size,
        };
        HttpResponse response = {};
        int r;

        r = http_download(&request, fd, &response, error);
        if (r < 0)
                return r;

        if (response.status != STATUS_OK)
                return refuse_status(&response, error);
        if (response.size != order->size)
                return refuse_size(&response, order->size, error);

        *ret = response;
        return 0;
}

static int check_digest(
                const FetchOrder *order, int fd, const HttpResponse *response, Error *error) {
        const char *type = response->content_type;
        char sha256[DIGEST_TEXT_MAX];
        uint64_t size;
        int r;

        if (lseek(fd, 0, SEEK_SET) < 0)
                return error_errnof(error, errno, "reading again what was written");

        r = digest_fd(fd, sha256, &size, error);
        if (r < 0)
                return r;

        if (size != order->size || strcmp(sha256, order->sha256) != 0) {
                return error_setf(
                                error, ERROR_CONFLICT, "body%s%s has SHA-256 %s, want %s",
                                type[0] ? " of type " : "", type, sha256, order->sha256);
        }

        return 0;
}

static int fetch_into(const FetchOrder *order, Part *part, Error *error) {
        char shown[URL_SHOWN];
        HttpResponse response = {};
        int r;

        text_ellipsize(shown, sizeof(shown), order->url);

        r = download(order, part->fd, &response, error);
        if (r < 0)
                return error_prefixf(error, "%s", shown);

        r = check_digest(order, part->fd, &response, error);
        if (r < 0)
                return error_prefixf(error, "%s", shown);

        return part_commit(part, error);
}

int fetch(const FetchOrder *order, Error *error) {
        Part part = { .dir_fd = -EBADF, .fd = -EBADF };
        AUTO(Part) *owned = &part;
        int r;

        r = part_open(owned, order->path, error);
        if (r < 0)
                return r;

        return fetch_into(order, owned, error);
}
