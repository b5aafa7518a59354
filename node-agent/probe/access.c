/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/access.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"
#include "node-agent/probe/parse-security.h"
#include "node-agent/probe/parse-token.h"

#define CA_BUNDLE  "/run/dcos/pki/CA/ca-bundle.crt"
#define CONFIG_MAX ((size_t) 1024 * 1024)
#define PREFIX     "token="

/* What runs, before what it was made from. */
static const char *const configs[] = {
        "/opt/mesosphere/etc/bootstrap-config.json",
        "/opt/mesosphere/etc/expanded.config.json",
};

/* --- the node's files --- */

/* They are links into the active package, and absent while that is replaced: 0. */
static int read_config(const char *root, const char *name, Security *ret, Error *error) {
        auto_free char *target = NULL;
        auto_free char *text = NULL;
        char path[PATH_MAX];
        size_t size;
        int r;

        if (!text_format(path, sizeof(path), "%s%s", root, name))
                return error_setf(error, ERROR_TOO_BIG, "--root: too long");

        target = realpath(path, NULL);
        if (!target && (errno == ENOENT || errno == ENOTDIR))
                return 0;
        if (!target)
                return error_errnof(error, errno, "looking for %s", path);

        r = file_read(AT_FDCWD, target, CONFIG_MAX, &text, &size, error);
        if (r < 0)
                return r;

        r = security_read(text, size, ret, error);
        return r < 0 ? error_prefixf(error, "%s", path) : r;
}

static int find_security(const char *root, Security *ret, Error *error) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < ELEMENTSOF(configs); i++)
                r = read_config(root, configs[i], ret, error);

        return r;
}

static int read_files(const char *root, Access *access, Error *error) {
        Security security = SECURITY_OPEN;
        int r;

        r = find_security(root, &security, error);
        if (r < 0)
                return r;

        access->strict = security == SECURITY_STRICT;
        if (!text_format(access->ca, sizeof(access->ca), "%s" CA_BUNDLE, root))
                return error_setf(error, ERROR_TOO_BIG, "--root: too long");

        return 0;
}

/* --- the token --- */

void access_hide_process(void) {
        const struct rlimit no_core = {};
        const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

        (void) prctl(PR_SET_DUMPABLE, 0);
        (void) setrlimit(RLIMIT_CORE, &no_core);

        /* Where that is not allowed, locking some would only make later memory fail. */
        if (setrlimit(RLIMIT_MEMLOCK, &all) == 0)
                (void) mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

/* To the end of what is there, or until it is too much. */
static int read_stdin(char *buffer, size_t size, size_t *ret_size, Error *error) {
        size_t used = 0;
        ssize_t n;

        do {
                n = read(STDIN_FILENO, buffer + used, size - used);
                if (n > 0)
                        used += (size_t) n;
        } while ((n > 0 && used < size) || (n < 0 && errno == EINTR));

        if (n < 0)
                return error_errnof(error, errno, "reading the token");
        if (used == size)
                return error_setf(error, ERROR_TOO_BIG, "the token is too long");

        *ret_size = used;
        return 0;
}

static int read_token(Access *access, Error *error) {
        char *token = access->authorization + strlen(PREFIX);
        size_t room = sizeof(access->authorization) - strlen(PREFIX);
        size_t size = 0;
        int r;

        access_hide_process();
        (void) mlock(access, sizeof(*access)); /* at least this */
        r = read_stdin(token, room, &size, error);
        if (r < 0)
                return r;

        while (size > 0 && token[size - 1] == '\n')
                size--;
        token[size] = '\0';
        if (!token_is_valid(token))
                return error_setf(error, ERROR_INVALID, "what is on stdin is no token");

        memcpy(access->authorization, PREFIX, strlen(PREFIX));
        return 0;
}

/* --- the whole --- */

int access_open(const char *root, const char *token, Access **ret, Error *error) {
        AUTO(Access) *access = calloc(1, sizeof(*access));
        int r;

        if (!access)
                return error_setf(error, ERROR_MEMORY, "out of memory");
        if (token && strcmp(token, "-") != 0) {
                return error_setf(
                                error, ERROR_INVALID, "--token: want '-', and the token on stdin");
        }

        r = read_files(root ? root : "", access, error);
        if (r == 0 && token)
                r = read_token(access, error);
        if (r < 0)
                return r;

        *ret = TAKE(access);
        return 0;
}

void access_free(Access *access) {
        if (!access)
                return;

        explicit_bzero(access, sizeof(*access));
        free(access);
}

void access_init_server(
                const Access *access,
                Server *server,
                const char *address,
                unsigned port,
                usec_t timeout) {
        access_init_other(access, access->strict, server, address, port, timeout);
}

void access_init_other(
                const Access *access,
                bool strict,
                Server *server,
                const char *address,
                unsigned port,
                usec_t timeout) {
        server_init(server, strict ? "https" : "http", address, port, timeout);
        if (!strict)
                return;

        server->ca_file = access->ca;
        if (access->authorization[0]) {
                server->authorization = access->authorization;
                server->secret = access->authorization + strlen(PREFIX);
        }
}
