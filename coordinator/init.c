/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"

#define STATE_DIR_DEFAULT "/var/lib/rollpatch"
#define CONTROL_DEFAULT   "/run/rollpatch/control"
#define LISTEN_DEFAULT    "0.0.0.0:32070"
#define PATH_TEXT_MAX     1024

/* --- masters --- */

static bool is_named(const DaemonConfig *config, const char *name) {
        for (size_t i = 0; i < config->master_count; i++) {
                if (strcmp(config->masters[i], name) == 0)
                        return true;
        }

        return false;
}

static int add_master(DaemonConfig *config, const char *name, Error *error) {
        if (!name_is_valid(name)) {
                return error_setf(error, ERROR_INVALID, "master '%s' is no name of a node", name);
        }
        if (is_named(config, name))
                return error_setf(error, ERROR_INVALID, "master %s is named twice", name);
        if (config->master_count == MASTERS_MAX) {
                return error_setf(
                                error, ERROR_INVALID, "more than %d masters are named",
                                MASTERS_MAX);
        }

        (void) text_copy(config->masters[config->master_count++], NAME_TEXT_MAX, name);
        return 0;
}

int init_parse_masters(const char *text, DaemonConfig *config, Error *error) {
        auto_free char *copy = strdup(text);
        char *rest = copy;
        int r;

        if (!copy)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        config->master_count = 0;
        for (char *name = strsep(&rest, ","); name; name = strsep(&rest, ",")) {
                r = add_master(config, name, error);
                if (r < 0)
                        return r;
        }

        if (config->master_count % 2 == 0) {
                return error_setf(
                                error, ERROR_INVALID,
                                "%zu masters are named, want 1, 3, 5, 7 or 9: all of the cluster",
                                config->master_count);
        }

        return 0;
}

/* --- the configuration --- */

static bool has_same_masters(const DaemonConfig *a, const DaemonConfig *b) {
        for (size_t i = 0; i < a->master_count; i++) {
                if (!is_named(b, a->masters[i]))
                        return false;
        }

        return a->master_count == b->master_count;
}

/* What was not asked for may be anything. */
static const char *find_difference(const DaemonConfig *found, const DaemonConfig *wanted) {
        if (strcmp(found->cluster, wanted->cluster) != 0)
                return "cluster";
        if (!has_same_masters(found, wanted))
                return "masters";
        if (wanted->state_dir[0] && strcmp(found->state_dir, wanted->state_dir) != 0)
                return "state_dir";
        if (wanted->listen[0] && strcmp(found->listen, wanted->listen) != 0)
                return "listen";

        return NULL;
}

static int read_config(const InitWish *wish, DaemonConfig *ret, Error *error) {
        ConfigErrors errors = {};
        const char *difference;

        if (config_load(daemon_config_fields, wish->config, ret, sizeof(*ret), &errors) < 0)
                return error_setf(error, ERROR_INVALID, "%s", errors.text);

        difference = find_difference(ret, &wish->wanted);
        if (difference) {
                return error_setf(
                                error, ERROR_CONFLICT,
                                "%s is there already and its '%s' is not what you say; nothing was changed; edit that file, or say what it says",
                                wish->config, difference);
        }

        return 0;
}

static void fill_defaults(DaemonConfig *config) {
        if (!config->state_dir[0])
                (void) text_copy(config->state_dir, sizeof(config->state_dir), STATE_DIR_DEFAULT);
        if (!config->listen[0])
                (void) text_copy(config->listen, sizeof(config->listen), LISTEN_DEFAULT);

        (void) text_copy(config->control, sizeof(config->control), CONTROL_DEFAULT);
}

/* The directory that a path lies in, made when it is missing. */
static int open_parent(const char *path, const char **ret_name, int *ret_fd, Error *error) {
        const char *slash = strrchr(path, '/');
        char parent[PATH_TEXT_MAX];

        if (!slash || slash == path || (size_t) (slash - path) >= sizeof(parent)) {
                return error_setf(
                                error, ERROR_INVALID,
                                "'%s' is no path in a directory, want /DIR/FILE", path);
        }

        (void) text_format(parent, sizeof(parent), "%.*s", (int) (slash - path), path);
        *ret_name = slash + 1;
        return dir_open(AT_FDCWD, parent, 0755, ret_fd, error);
}

static int write_config(const char *path, const DaemonConfig *config, Error *error) {
        auto_free char *text = config_print(daemon_config_fields, config);
        auto_close int dir = -EBADF;
        const char *name = NULL;
        int r;

        if (!text)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        r = open_parent(path, &name, &dir, error);
        if (r < 0)
                return r;

        return file_create(dir, name, text, strlen(text), 0644, error);
}

/* --- keys --- */

/* The file is on disk before anybody is told the public half. */
static int get_key(
                KeyKind kind,
                int dir,
                const char *name,
                bool *ret_made,
                uint8_t ret_public[static KEY_SIZE],
                Error *error) {
        AUTO(KeyPair) *pair = NULL;
        bool made = false;
        int r;

        r = key_pair_load(kind, dir, name, &pair, error);
        if (r == -ENOENT) {
                made = true;
                *error = (Error) {};
                r = key_pair_generate(kind, &pair, error);
                if (r >= 0)
                        r = key_pair_save(pair, dir, name, error);
        }
        if (r < 0)
                return r;

        memcpy(ret_public, pair->public, KEY_SIZE);
        *ret_made = made;
        return 0;
}

static int get_keys(InitResult *result, Error *error) {
        const char *state_dir = result->config.state_dir;
        auto_close int dir = -EBADF;
        int r;

        r = dir_open(AT_FDCWD, state_dir, 0700, &dir, error);
        if (r < 0)
                return r;

        result->log_was_there = faccessat(dir, "log.db", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
        r = get_key(KEY_CHANNEL, dir, CHANNEL_KEY_FILE, &result->made_channel_key, result->channel,
                    error);
        if (r >= 0) {
                r = get_key(KEY_SIGNING, dir, SIGNING_KEY_FILE, &result->made_signing_key,
                            result->signing, error);
        }

        return r < 0 ? error_prefixf(error, "%s", state_dir) : 0;
}

int init_run(const InitWish *wish, InitResult *ret, Error *error) {
        InitResult result = { .config = wish->wanted };
        Error own = {};
        int r;

        result.made_config = access(wish->config, F_OK) < 0 && errno == ENOENT;
        if (result.made_config) {
                fill_defaults(&result.config);
        } else {
                r = read_config(wish, &result.config, error);
                if (r < 0)
                        return r;
        }

        r = get_keys(&result, &own);
        if (r >= 0 && result.made_config)
                r = write_config(wish->config, &result.config, &own);
        if (r < 0) {
                *error = own;
                return r;
        }

        *ret = result;
        return 0;
}
