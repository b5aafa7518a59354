/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/text.h"
#include "tests/sim/sim.h"

/* A disk in memory behind the system calls (the linker's --wrap). What a process has written is
 * there for the next one. When power is lost, a file has what it had when it was synced last, or
 * what was written since, or a part of that; and each name of a directory points to what it pointed
 * to when the directory was synced last, or to what it points to now. */

#define NAMES_MAX 64
#define FD_BASE   (1 << 20)
#define FD_MAX    256

typedef struct Inode Inode;

typedef struct Name {
        char name[80];
        Inode *now;    /* NULL: not there */
        Inode *synced; /* as of the directory's last sync */
} Name;

struct Inode {
        mode_t mode;
        char *data; /* of a link: its target */
        size_t size, space;
        char *synced; /* NULL: never */
        size_t synced_size;
        bool dirty;
        Name *names; /* of a directory */
        size_t name_count;
        Process *locked;
};

typedef struct File {
        Process *process; /* NULL: free */
        Inode *inode;
        size_t offset;
        size_t listed; /* of a directory that is read */
        struct dirent entry;
} File;

static File files[FD_MAX];

/* --- inodes --- */

static Inode *inode_new(mode_t mode) {
        Inode *inode = calloc(1, sizeof(*inode));

        assert(inode);
        inode->mode = mode;
        return inode;
}

Inode *disk_new(void) {
        return inode_new(S_IFDIR | 0755);
}

static Name *find_name(const Inode *dir, const char *name) {
        for (size_t i = 0; i < dir->name_count; i++) {
                if (strcmp(dir->names[i].name, name) == 0)
                        return &dir->names[i];
        }

        return NULL;
}

static Inode *find_in(const Inode *dir, const char *name) {
        const Name *found = find_name(dir, name);

        return found ? found->now : NULL;
}

static void set_name(Inode *dir, const char *name, Inode *inode) {
        Name *found = find_name(dir, name);

        for (size_t i = 0; !found && i < dir->name_count; i++) {
                if (!dir->names[i].now && !dir->names[i].synced)
                        found = &dir->names[i];
        }
        if (!found) {
                if (!dir->names)
                        dir->names = calloc(NAMES_MAX, sizeof(*dir->names));
                assert(dir->names && dir->name_count < NAMES_MAX);
                found = &dir->names[dir->name_count++];
        }

        if (!found->now && !found->synced) {
                bool fits = text_copy(found->name, sizeof(found->name), name);

                assert(fits);
        }
        found->now = inode;
}

static void set_data(Inode *inode, const void *data, size_t size, size_t at) {
        if (!inode->data || at + size > inode->space) {
                inode->space = MAX(2 * inode->space, at + size + 64);
                inode->data = realloc(inode->data, inode->space);
                assert(inode->data);
        }
        assert(inode->data);
        if (at > inode->size)
                memset(inode->data + inode->size, 0, at - inode->size);

        memcpy(inode->data + at, data, size);
        inode->size = MAX(inode->size, at + size);
        inode->dirty = true;
}

static void sync_inode(Inode *inode) {
        for (size_t i = 0; i < inode->name_count; i++)
                inode->names[i].synced = inode->names[i].now;
        if (S_ISDIR(inode->mode) || !inode->dirty)
                return;

        free(inode->synced);
        inode->synced = malloc(inode->size + 1);
        assert(inode->synced);
        memcpy(inode->synced, inode->data, inode->size);
        inode->synced_size = inode->size;
        inode->dirty = false;
}

/* --- power --- */

static void tear_file(Inode *inode) {
        uint64_t what = inode->dirty ? chance_below(&sim.chance, 3) : 2;

        if (what == 0) {
                inode->size = MIN(inode->synced_size, inode->space);
                if (inode->size > 0)
                        memcpy(inode->data, inode->synced, inode->size);
        } else if (what == 1) {
                inode->size = chance_below(&sim.chance, inode->size + 1);
        }
        sync_inode(inode);
}

static void tear(Inode *inode) {
        inode->locked = NULL;
        if (S_ISREG(inode->mode))
                tear_file(inode);

        for (size_t i = 0; i < inode->name_count; i++) {
                Name *name = &inode->names[i];

                if (name->now != name->synced && chance_of(&sim.chance, 50))
                        name->now = name->synced;
                name->synced = name->now;
                if (name->now)
                        tear(name->now);
        }
}

void disk_lose_power(Host *host) {
        tear(host->disk);
}

/* --- paths --- */

/* Everything but the last component, which goes to `base`. */
static Inode *walk(Inode *dir, const char *path, char base[static NAME_MAX + 1]) {
        base[0] = '\0';
        for (;;) {
                size_t length;

                path += strspn(path, "/");
                if (*path == '\0')
                        return dir;
                if (base[0] && strcmp(base, ".") != 0)
                        dir = S_ISDIR(dir->mode) ? find_in(dir, base) : NULL;
                if (!dir)
                        return NULL;

                length = MIN(strcspn(path, "/"), (size_t) NAME_MAX);
                memcpy(base, path, length);
                base[length] = '\0';
                path += length;
        }
}

static Inode *look_up(Inode *dir, const char *path) {
        char base[NAME_MAX + 1];

        dir = walk(dir, path, base);
        if (!dir || base[0] == '\0' || strcmp(base, ".") == 0)
                return dir;

        return S_ISDIR(dir->mode) ? find_in(dir, base) : NULL;
}

static Inode *make_way(Host *host, const char *path, char base[static NAME_MAX + 1]) {
        char part[PATH_MAX];

        for (const char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
                char unused[NAME_MAX + 1];
                Inode *dir;

                (void) text_format(part, sizeof(part), "%.*s", (int) (p - path), path);
                if (look_up(host->disk, part))
                        continue;

                dir = walk(host->disk, part, unused);
                set_name(dir, unused, inode_new(S_IFDIR | 0755));
                sync_inode(dir);
        }

        return walk(host->disk, path, base);
}

static void put(Host *host, const char *path, mode_t mode, const char *text) {
        char base[NAME_MAX + 1];
        Inode *dir = make_way(host, path, base);
        Inode *inode = inode_new(mode);
        Name *name;

        set_data(inode, text, strlen(text), 0);
        sync_inode(inode);
        set_name(dir, base, inode);
        name = find_name(dir, base);
        assert(name);
        name->synced = inode;
}

void disk_put(Host *host, const char *path, const char *text) {
        put(host, path, S_IFREG | 0600, text);
}

void disk_link(Host *host, const char *path, const char *target) {
        put(host, path, S_IFLNK | 0777, target);
}

void disk_remove(Host *host, const char *path) {
        char base[NAME_MAX + 1];
        Inode *dir = walk(host->disk, path, base);
        Name *name = dir ? find_name(dir, base) : NULL;

        if (name)
                name->now = name->synced = NULL;
}

char *disk_get(Host *host, const char *path) {
        const Inode *inode = look_up(host->disk, path);

        return inode && S_ISREG(inode->mode) ? strndup(inode->data ? inode->data : "", inode->size)
                                             : NULL;
}

bool disk_has(Host *host, const char *path) {
        return look_up(host->disk, path);
}

bool disk_list(Host *host, const char *path, size_t index, char *name, size_t size) {
        const Inode *dir = look_up(host->disk, path);

        for (size_t i = 0; dir && i < dir->name_count; i++) {
                if (dir->names[i].now && index-- == 0)
                        return text_copy(name, size, dir->names[i].name);
        }

        return false;
}

/* --- file descriptors --- */

static File *file_of(int fd) {
        File *file = fd >= FD_BASE && fd < FD_BASE + FD_MAX ? &files[fd - FD_BASE] : NULL;

        return file && file->process ? file : NULL;
}

static int new_file(Inode *inode) {
        for (int i = 0; i < FD_MAX; i++) {
                if (files[i].process)
                        continue;

                files[i] = (File) { .process = sim.current, .inode = inode };
                return FD_BASE + i;
        }

        abort();
}

void disk_drop_process(const Process *process) {
        for (size_t i = 0; i < FD_MAX; i++) {
                if (files[i].process != process)
                        continue;
                if (files[i].inode->locked == process)
                        files[i].inode->locked = NULL;
                files[i].process = NULL;
        }
}

/* Where a path begins. NULL: errno. */
static Inode *begin_of(int dir_fd, const char *path) {
        const File *file = file_of(dir_fd);

        if (path[0] == '/' || dir_fd == AT_FDCWD)
                return sim.current->host->disk;
        if (!file)
                errno = EBADF;

        return file ? file->inode : NULL;
}

static int fail(int error) {
        errno = error;
        return -1;
}

static bool is_full(void) {
        return sim.now < sim.current->host->full_until;
}

/* --- system calls --- */

/* --wrap makes them so: NOLINTBEGIN(bugprone-reserved-identifier, readability-identifier-naming) */
int __wrap_openat64(int dir_fd, const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_close(int fd);
ssize_t __wrap_read(int fd, void *buffer, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);
ssize_t __wrap_pread64(int fd, void *buffer, size_t size, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *data, size_t size, off_t offset);
int __wrap_ftruncate64(int fd, off_t size);
int __wrap_posix_fallocate64(int fd, off_t offset, off_t size);
int __wrap_fsync(int fd);
int __wrap_fchmod(int fd, mode_t mode);
int __wrap_fstat64(int fd, struct stat *ret);
int __wrap_fstatat64(int dir_fd, const char *path, struct stat *ret, int flags);
int __wrap_stat64(const char *path, struct stat *ret);
int __wrap_lstat64(const char *path, struct stat *ret);
int __wrap_faccessat(int dir_fd, const char *path, int mode, int flags);
int __wrap_mkdirat(int dir_fd, const char *path, mode_t mode);
int __wrap_unlinkat(int dir_fd, const char *path, int flags);
int __wrap_unlink(const char *path);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);
ssize_t __wrap_readlinkat(int dir_fd, const char *path, char *buffer, size_t size);
int __wrap_flock(int fd, int operation);
char *__wrap_realpath(const char *path, char *resolved);
char *__wrap___realpath_chk(const char *path, char *resolved, size_t size);
DIR *__wrap_fdopendir(int fd);
DIR *__wrap_opendir(const char *path);
struct dirent *__wrap_readdir64(DIR *dir);
int __wrap_closedir(DIR *dir);
int __wrap_dirfd(DIR *dir);

ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __real_read(int fd, void *buffer, size_t size);
int __real_close(int fd);

static int open_existing(Inode *inode, int flags) {
        if (S_ISLNK(inode->mode))
                return fail(ELOOP);
        if ((flags & O_DIRECTORY) && !S_ISDIR(inode->mode))
                return fail(ENOTDIR);
        if (flags & O_TRUNC) {
                crash_here(false);
                inode->size = 0;
                inode->dirty = true;
        }

        return new_file(inode);
}

int __wrap_openat64(int dir_fd, const char *path, int flags, ...) {
        Inode *dir = begin_of(dir_fd, path);
        char base[NAME_MAX + 1];
        Inode *inode;

        if (!dir)
                return -1;

        inode = look_up(dir, path);
        if (inode && (flags & O_CREAT) && (flags & O_EXCL))
                return fail(EEXIST);
        if (inode)
                return open_existing(inode, flags);

        dir = walk(dir, path, base);
        if (!dir || !(flags & O_CREAT))
                return fail(ENOENT);

        if (is_full())
                return fail(ENOSPC);

        crash_here(false);
        inode = inode_new(S_IFREG | 0600);
        inode->dirty = true;
        set_name(dir, base, inode);
        return new_file(inode);
}

int __wrap_open64(const char *path, int flags, ...) {
        return __wrap_openat64(AT_FDCWD, path, flags);
}

int __wrap_close(int fd) {
        File *file = file_of(fd);

        if (!file)
                return fd >= FD_BASE ? fail(EBADF) : __real_close(fd);
        if (file->inode->locked == file->process && S_ISDIR(file->inode->mode))
                file->inode->locked = NULL;

        file->process = NULL;
        return 0;
}

ssize_t __wrap_pread64(int fd, void *buffer, size_t size, off_t offset) {
        const File *file = file_of(fd);
        size_t begin = (size_t) offset;

        if (!file)
                return fail(EBADF);
        if (begin >= file->inode->size)
                return 0;

        size = MIN(size, file->inode->size - begin);
        memcpy(buffer, file->inode->data + begin, size);
        return (ssize_t) size;
}

ssize_t __wrap_read(int fd, void *buffer, size_t size) {
        File *file = file_of(fd);
        ssize_t n;

        if (!file)
                return fd >= FD_BASE ? fail(EAGAIN) : __real_read(fd, buffer, size);

        n = __wrap_pread64(fd, buffer, size, (off_t) file->offset);
        file->offset += (size_t) n;
        return n;
}

ssize_t __wrap_pwrite64(int fd, const void *data, size_t size, off_t offset) {
        File *file = file_of(fd);

        if (!file)
                return fail(EBADF);

        if (is_full() && (size_t) offset + size > file->inode->size)
                return fail(ENOSPC);

        crash_here(false);
        set_data(file->inode, data, size, (size_t) offset);
        return (ssize_t) size;
}

ssize_t __wrap_write(int fd, const void *data, size_t size) {
        File *file = file_of(fd);

        if (!file)
                return fd >= FD_BASE ? (ssize_t) size : __real_write(fd, data, size);

        if (__wrap_pwrite64(fd, data, size, (off_t) file->offset) < 0)
                return -1;

        file->offset += size;
        return (ssize_t) size;
}

int __wrap_ftruncate64(int fd, off_t size) {
        File *file = file_of(fd);

        if (!file)
                return fail(EBADF);

        crash_here(false);
        file->inode->size = MIN(file->inode->size, (size_t) size);
        file->inode->dirty = true;
        return 0;
}

int __wrap_posix_fallocate64(int fd, off_t offset, off_t size) {
        File *file = file_of(fd);
        size_t end = (size_t) (offset + size);

        if (!file)
                return EBADF;
        if (is_full())
                return ENOSPC;
        if (end > file->inode->size)
                set_data(file->inode, "", 0, end);

        return 0;
}

int __wrap_fsync(int fd) {
        File *file = file_of(fd);

        if (!file)
                return fail(EBADF);

        crash_here(true);
        sync_inode(file->inode);
        crash_here(true);
        return 0;
}

int __wrap_fchmod(int fd, mode_t mode) {
        File *file = file_of(fd);

        if (!file)
                return fail(EBADF);

        file->inode->mode = (file->inode->mode & S_IFMT) | mode;
        return 0;
}

static int fill_stat(const Inode *inode, struct stat *ret) {
        if (!inode)
                return fail(ENOENT);

        *ret = (struct stat) {
                .st_mode = inode->mode,
                .st_size = (off_t) inode->size,
                .st_uid = geteuid(),
        };
        return 0;
}

int __wrap_fstat64(int fd, struct stat *ret) {
        const File *file = file_of(fd);

        return file ? fill_stat(file->inode, ret) : fail(EBADF);
}

int __wrap_fstatat64(int dir_fd, const char *path, struct stat *ret, int flags) {
        Inode *dir = begin_of(dir_fd, path);

        return dir ? fill_stat(look_up(dir, path), ret) : -1;
}

int __wrap_stat64(const char *path, struct stat *ret) {
        return __wrap_fstatat64(AT_FDCWD, path, ret, 0);
}

int __wrap_lstat64(const char *path, struct stat *ret) {
        return __wrap_fstatat64(AT_FDCWD, path, ret, AT_SYMLINK_NOFOLLOW);
}

int __wrap_faccessat(int dir_fd, const char *path, int mode, int flags) {
        struct stat unused;

        return __wrap_fstatat64(dir_fd, path, &unused, flags);
}

int __wrap_mkdirat(int dir_fd, const char *path, mode_t mode) {
        Inode *dir = begin_of(dir_fd, path);
        char base[NAME_MAX + 1];

        dir = dir ? walk(dir, path, base) : NULL;
        if (!dir)
                return fail(ENOENT);
        if (find_in(dir, base))
                return fail(EEXIST);
        if (is_full())
                return fail(ENOSPC);

        crash_here(false);
        set_name(dir, base, inode_new(S_IFDIR | mode));
        return 0;
}

int __wrap_unlinkat(int dir_fd, const char *path, int flags) {
        Inode *dir = begin_of(dir_fd, path);
        char base[NAME_MAX + 1];
        const Inode *inode;

        dir = dir ? walk(dir, path, base) : NULL;
        inode = dir ? find_in(dir, base) : NULL;
        if (!inode)
                return fail(ENOENT);

        for (size_t i = 0; i < inode->name_count; i++) {
                if (inode->names[i].now)
                        return fail(ENOTEMPTY);
        }

        crash_here(false);
        set_name(dir, base, NULL);
        return 0;
}

int __wrap_unlink(const char *path) {
        return __wrap_unlinkat(AT_FDCWD, path, 0);
}

static int move(int from_fd, const char *from, int to_fd, const char *to, bool keep, bool replace) {
        Inode *from_dir = begin_of(from_fd, from), *to_dir = begin_of(to_fd, to);
        char from_base[NAME_MAX + 1], to_base[NAME_MAX + 1];
        Inode *inode;

        from_dir = from_dir ? walk(from_dir, from, from_base) : NULL;
        to_dir = to_dir ? walk(to_dir, to, to_base) : NULL;
        inode = from_dir ? find_in(from_dir, from_base) : NULL;
        if (!inode || !to_dir)
                return fail(ENOENT);
        if (!replace && find_in(to_dir, to_base))
                return fail(EEXIST);

        crash_here(false);
        set_name(to_dir, to_base, inode);
        if (!keep)
                set_name(from_dir, from_base, NULL);
        return 0;
}

int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to) {
        return move(from_fd, from, to_fd, to, false, true);
}

int __wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags) {
        return move(from_fd, from, to_fd, to, true, false);
}

ssize_t __wrap_readlinkat(int dir_fd, const char *path, char *buffer, size_t size) {
        Inode *dir = begin_of(dir_fd, path);
        const Inode *inode = dir ? look_up(dir, path) : NULL;

        if (!inode || !S_ISLNK(inode->mode))
                return fail(inode ? EINVAL : ENOENT);

        size = MIN(size, inode->size);
        memcpy(buffer, inode->data, size);
        return (ssize_t) size;
}

int __wrap_flock(int fd, int operation) {
        File *file = file_of(fd);

        if (!file)
                return fail(EBADF);
        if (file->inode->locked && file->inode->locked != sim.current)
                return fail(EWOULDBLOCK);

        file->inode->locked = sim.current;
        return 0;
}

char *__wrap_realpath(const char *path, char *resolved) {
        if (!look_up(sim.current->host->disk, path)) {
                errno = ENOENT;
                return NULL;
        }
        if (!resolved)
                return strdup(path);

        (void) text_copy(resolved, PATH_MAX, path);
        return resolved;
}

char *__wrap___realpath_chk(const char *path, char *resolved, size_t size) {
        return __wrap_realpath(path, resolved);
}

/* --- directories that are read: the file itself stands for the stream --- */

DIR *__wrap_fdopendir(int fd) {
        File *file = file_of(fd);

        if (!file) {
                errno = EBADF;
                return NULL;
        }

        file->listed = 0;
        return (DIR *) (void *) file;
}

DIR *__wrap_opendir(const char *path) {
        int fd = __wrap_openat64(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);

        return fd < 0 ? NULL : __wrap_fdopendir(fd);
}

struct dirent *__wrap_readdir64(DIR *dir) {
        File *file = (File *) (void *) dir;

        while (file->listed < file->inode->name_count) {
                const Name *name = &file->inode->names[file->listed++];

                if (!name->now)
                        continue;

                (void) text_copy(file->entry.d_name, sizeof(file->entry.d_name), name->name);
                return &file->entry;
        }

        return NULL;
}

int __wrap_dirfd(DIR *dir) {
        return FD_BASE + (int) ((File *) (void *) dir - files);
}

int __wrap_closedir(DIR *dir) {
        return __wrap_close(__wrap_dirfd(dir));
}
/* NOLINTEND(bugprone-reserved-identifier, readability-identifier-naming) */
