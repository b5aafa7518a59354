/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/saved-state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"
#include "coordinator/archive.h"
#include "coordinator/store.h"

#define LOG_NAME       "log.db"
#define CONFIG_NAME_IN "rollpatchd.yaml"
#define PATH_TEXT_MAX  4096

/* --- saving --- */

static int add_log(int fd, const char *state_dir, const char *scratch, Error *error) {
        auto_close int copy = -EBADF;
        struct stat st;
        int r;

        r = store_copy(state_dir, scratch, error);
        if (r < 0)
                return r;

        copy = open(scratch, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (copy < 0 || fstat(copy, &st) < 0) {
                r = error_errnof(error, errno, "%s", scratch);
        } else {
                r = archive_add(fd, LOG_NAME, copy, NULL, (size_t) st.st_size, error);
        }

        (void) unlink(scratch);
        return r;
}

/* Loaded, so that a damaged key is found out now and not when it is needed. */
static int add_key(int fd, KeyKind kind, int dir, const char *name, Error *error) {
        char text[KEY_FILE_SIZE + 1];
        AUTO(KeyPair) *pair = NULL;
        int r;

        r = key_pair_load(kind, dir, name, &pair, error);
        if (r < 0)
                return r;

        key_pair_encode(pair, text);
        r = archive_add(fd, name, -EBADF, text, KEY_FILE_SIZE, error);
        explicit_bzero(text, sizeof(text));
        return r;
}

static int add_config(int fd, const char *path, Error *error) {
        auto_free char *text = NULL;
        size_t size;
        int r;

        r = file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &text, &size, error);
        return r < 0 ? r : archive_add(fd, CONFIG_NAME_IN, -EBADF, text, size, error);
}

static int fill(int fd, const char *config, const char *scratch, Error *error) {
        ConfigErrors errors = {};
        DaemonConfig daemon = {};
        auto_close int dir = -EBADF;
        int r;

        if (config_load(daemon_config_fields, config, &daemon, sizeof(daemon), &errors) < 0)
                return error_setf(error, ERROR_INVALID, "%s", errors.text);

        dir = open(daemon.state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return error_errnof(error, errno, "%s", daemon.state_dir);

        r = add_config(fd, config, error);
        if (r >= 0)
                r = add_key(fd, KEY_CHANNEL, dir, CHANNEL_KEY_FILE, error);
        if (r >= 0)
                r = add_key(fd, KEY_SIGNING, dir, SIGNING_KEY_FILE, error);
        if (r >= 0)
                r = add_log(fd, daemon.state_dir, scratch, error);

        return r < 0 ? r : archive_end(fd, error);
}

static int sync_parent(const char *path, Error *error) {
        const char *slash = strrchr(path, '/');
        char parent[PATH_TEXT_MAX];
        auto_close int fd = -EBADF;

        if (!slash) {
                (void) text_copy(parent, sizeof(parent), ".");
        } else {
                (void) text_format(
                                parent, sizeof(parent), "%.*s", MAX((int) (slash - path), 1), path);
        }

        fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return error_errnof(error, errno, "%s", parent);

        return dir_sync(fd, error);
}

int saved_state_make(const char *config, const char *path, Error *error) {
        char scratch[PATH_TEXT_MAX];
        auto_close int fd = -EBADF;
        int r;

        if (!text_format(scratch, sizeof(scratch), "%s.log", path))
                return error_setf(error, ERROR_TOO_BIG, "%s: the path is too long", path);

        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 && errno == EEXIST)
                return error_setf(error, ERROR_CONFLICT, "%s: exists already; not touched", path);
        if (fd < 0)
                return error_errnof(error, errno, "%s", path);

        r = fill(fd, config, scratch, error);
        if (r >= 0 && fsync(fd) < 0)
                r = error_errnof(error, errno, "%s: syncing", path);
        if (r >= 0)
                r = sync_parent(path, error);
        if (r < 0)
                (void) unlink(path);

        return r;
}

/* --- checking --- */

typedef struct Check {
        SavedState saved;
        State *state;
        char dir[64]; /* where the log is unpacked */
        bool has_log, has_channel, has_signing, has_config;
} Check;

static int check_key(KeyKind kind, int fd, size_t size, char *fingerprint, Error *error) {
        char text[KEY_FILE_SIZE + 1] = "";
        AUTO(KeyPair) *pair = NULL;
        int r;

        if (size != KEY_FILE_SIZE || read(fd, text, KEY_FILE_SIZE) != KEY_FILE_SIZE)
                return error_setf(error, ERROR_INVALID, "is no key");

        r = key_pair_decode(kind, text, size, &pair, error);
        explicit_bzero(text, sizeof(text));
        if (r >= 0 && fingerprint)
                key_fingerprint(pair->public, fingerprint);

        return r;
}

static int check_config(int fd, size_t size, char cluster[static NAME_TEXT_MAX], Error *error) {
        auto_free char *text = calloc(size + 1, 1);
        ConfigErrors errors = {};
        DaemonConfig config = {};

        if (!text || size > CONFIG_FILE_MAX || read(fd, text, size) != (ssize_t) size)
                return error_setf(error, ERROR_INVALID, "is no configuration");
        if (config_parse(daemon_config_fields, CONFIG_NAME_IN, text, size, &config, sizeof(config),
                         &errors) < 0)
                return error_setf(error, ERROR_INVALID, "%s", errors.text);

        (void) text_copy(cluster, NAME_TEXT_MAX, config.cluster);
        return 0;
}

static int unpack_log(const char *dir, int from, size_t size, Error *error) {
        auto_close int fd = -EBADF;
        char path[128];

        (void) text_format(path, sizeof(path), "%s/" LOG_NAME, dir);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return error_errnof(error, errno, "%s", path);

        return archive_copy(from, fd, size, error);
}

static int on_file(const char *name, int fd, size_t size, void *userdata, Error *error) {
        Check *check = userdata;

        if (strcmp(name, CHANNEL_KEY_FILE) == 0) {
                check->has_channel = true;
                return check_key(KEY_CHANNEL, fd, size, check->saved.fingerprint, error);
        }
        if (strcmp(name, SIGNING_KEY_FILE) == 0) {
                check->has_signing = true;
                return check_key(KEY_SIGNING, fd, size, NULL, error);
        }
        if (strcmp(name, CONFIG_NAME_IN) == 0) {
                check->has_config = true;
                return check_config(fd, size, check->saved.cluster, error);
        }
        if (strcmp(name, LOG_NAME) == 0 && !check->has_log) {
                check->has_log = true;
                return unpack_log(check->dir, fd, size, error);
        }

        return error_setf(error, ERROR_INVALID, "belongs to no state that was saved");
}

static int on_event(const Event *event, void *userdata, Error *error) {
        Check *check = userdata;

        check->saved.events++;
        check->saved.newest = event->at;
        return state_apply(check->state, event, error);
}

static int fold_log(Check *check, Error *error) {
        AUTO(Store) *store = NULL;
        int r;

        r = store_open(check->dir, &store, error);
        if (r >= 0)
                r = store_read(store, 0, on_event, check, error);
        if (r < 0)
                return r;

        check->saved.epoch = check->state->epoch;
        check->saved.nodes = check->state->node_count;
        check->saved.runs = check->state->run_count;
        for (size_t i = 0; i < check->state->enrol.key_count; i++)
                check->saved.enrolled += check->state->enrol.keys[i].state == ENROLMENT_ENROLLED;

        return 0;
}

static int check_all(Check *check, int fd, Error *error) {
        int r;

        r = archive_read(fd, on_file, check, error);
        if (r < 0)
                return r;
        if (!check->has_log || !check->has_channel || !check->has_signing || !check->has_config) {
                return error_setf(
                                error, ERROR_INVALID, "has no %s in it",
                                !check->has_log       ? LOG_NAME
                                : !check->has_channel ? CHANNEL_KEY_FILE
                                : !check->has_signing ? SIGNING_KEY_FILE
                                                      : CONFIG_NAME_IN);
        }

        return fold_log(check, error);
}

static void remove_scratch(const char *dir) {
        static const char *const names[] = { LOG_NAME, LOG_NAME "-wal", LOG_NAME "-shm" };
        char path[128];

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                (void) text_format(path, sizeof(path), "%s/%s", dir, names[i]);
                (void) unlink(path);
        }
        (void) rmdir(dir);
}

int saved_state_check(const char *path, SavedState *ret, Error *error) {
        Check check = { .dir = "/var/tmp/rollpatch-check-XXXXXX" };
        auto_close int fd = -EBADF;
        AUTO(State) *state = state_new();
        int r;

        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return error_errnof(error, errno, "%s", path);
        if (!state || !mkdtemp(check.dir))
                return error_errnof(error, state ? errno : ENOMEM, "%s", check.dir);

        check.state = state;
        r = check_all(&check, fd, error);
        remove_scratch(check.dir);
        if (r < 0)
                return error_prefixf(error, "%s", path);

        *ret = check.saved;
        return 0;
}
