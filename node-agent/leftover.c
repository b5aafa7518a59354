/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/leftover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "node-agent/identity.h"

#define PACKAGES "/opt/mesosphere/packages/"

typedef struct Folder {
        const char *root, *name;
        int before; /* as the activation has put it aside */
        int now;
} Folder;

static bool is_file(int directory, const char *name) {
        struct stat st;

        return fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* No link to a package: a file, or a link elsewhere. Folders are nobody's edits. */
static bool is_foreign(int directory, const char *name) {
        char target[PATH_MAX];
        ssize_t n = readlinkat(directory, name, target, sizeof(target) - 1);

        if (n < 0)
                return is_file(directory, name);

        target[n] = '\0';
        return !strstr(target, PACKAGES);
}

/* Units of packages are links to their copies beside the folder, so their names must tell. Packages
 * are never removed by themselves: the one that had it is there. */
static bool is_of_package(const Folder *folder, const char *name) {
        char pattern[PATH_MAX + NAME_MAX + 1], top[PATH_MAX];
        glob_t found = {};
        bool good;

        if (!identity_path(top, folder->root, &PACKAGES[1]) ||
            !text_format(pattern, sizeof(pattern), "%s*/%s*/%s", top,
                         strrchr(folder->name, '/') + 1, name))
                return true;

        /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
        good = glob(pattern, GLOB_NOSORT, NULL, &found) != GLOB_NOMATCH;
        globfree(&found);
        return good;
}

static bool is_lost(const Folder *folder, const char *name) {
        return is_foreign(folder->before, name) && !is_foreign(folder->now, name) &&
               (is_file(folder->before, name) || !is_of_package(folder, name));
}

static bool make_path(const Folder *folder, const char *suffix, char path[static PATH_MAX]) {
        char name[PATH_MAX];

        return text_format(name, sizeof(name), "%s%s", folder->name + 1, suffix) &&
               identity_path(path, folder->root, name);
}

void leftover_each(
                const char *root,
                const char *name,
                void (*on_name)(const char *name, void *userdata),
                void *userdata) {
        Folder folder = { .root = root, .name = name };
        char path_now[PATH_MAX], path_before[PATH_MAX];
        auto_close int now = -EBADF;
        const struct dirent *entry;
        DIR *before;

        if (!make_path(&folder, "", path_now) || !make_path(&folder, ".old", path_before))
                return;

        now = open(path_now, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        before = now < 0 ? NULL : opendir(path_before);
        if (!before)
                return;

        folder.now = now;
        folder.before = dirfd(before);
        /* The stream is ours alone. NOLINTNEXTLINE(concurrency-mt-unsafe) */
        while ((entry = readdir(before))) {
                if (is_lost(&folder, entry->d_name))
                        on_name(entry->d_name, userdata);
        }

        (void) closedir(before);
}
