/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/master-list.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/text.h"

#define MASTER_LIST     "/opt/mesosphere/etc/master_list"
#define MASTER_LIST_MAX ((size_t) 64 * 1024)

static bool says_absent(int errnum) {
        return errnum == ENOENT || errnum == ENOTDIR;
}

/* It is a link into the active package. */
int master_list_read(const char *root, Json **ret, Error *error) {
        auto_free char *target = NULL;
        auto_free char *text = NULL;
        AUTO(Json) *names = NULL;
        char path[PATH_MAX];
        int r;

        if (!text_format(path, sizeof(path), "%s" MASTER_LIST, root))
                return error_setf(error, ERROR_TOO_BIG, "--root: too long");

        target = realpath(path, NULL);
        if (!target)
                return says_absent(errno) ? 0 : error_errnof(error, errno, "looking for %s", path);

        r = file_read(AT_FDCWD, target, MASTER_LIST_MAX, &text, NULL, error);
        if (r < 0)
                return r;

        r = json_parse(text, strlen(text), &names, error);
        if (r < 0)
                return error_prefixf(error, "%s", path);
        if (!json_is_array(names))
                return error_setf(error, ERROR_INVALID, "%s is no JSON list", path);

        *ret = TAKE(names);
        return 0;
}
