/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/identity.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/json.h"
#include "common/log.h"
#include "common/text.h"

#define VERSION_FILE      "opt/mesosphere/etc/dcos-version.json"
#define CLUSTER_ID_FILE   "var/lib/dcos/cluster-id"
#define MASTER_COUNT_FILE "opt/mesosphere/etc/master_count"
#define MASTER_COUNT_MAX  999

bool identity_path(char *buffer, const char *root, const char *name) {
        return text_format(buffer, PATH_MAX, "%s/%s", strcmp(root, "/") == 0 ? "" : root, name);
}

static bool is_there(const char *root, const char *name) {
        char path[PATH_MAX];
        struct stat st;

        return identity_path(path, root, name) && stat(path, &st) == 0;
}

int identity_read_role(const char *root, Role *ret, Error *error) {
        static const struct {
                const char *marker;
                const char *name;
                Role role;
        } markers[] = {
                { "etc/mesosphere/roles/master", "master", ROLE_MASTER },
                { "etc/mesosphere/roles/slave", "slave", ROLE_AGENT },
                { "etc/mesosphere/roles/slave_public", "slave_public", ROLE_PUBLIC_AGENT },
        };
        char seen[64] = "";
        Role role = ROLE_MASTER;
        size_t count = 0;

        for (size_t i = 0; i < ELEMENTSOF(markers); i++) {
                if (!is_there(root, markers[i].marker))
                        continue;

                (void) text_format(
                                seen + strlen(seen), sizeof(seen) - strlen(seen), "%s%s",
                                count > 0 ? ", " : "", markers[i].name);
                role = markers[i].role;
                count++;
        }

        if (count != 1) {
                return error_setf(
                                error, count == 0 ? ERROR_NOT_FOUND : ERROR_CONFLICT,
                                "%s/etc/mesosphere/roles holds %s, want exactly one of master, slave, "
                                "slave_public",
                                strcmp(root, "/") == 0 ? "" : root, count == 0 ? "no role" : seen);
        }

        *ret = role;
        return 0;
}

static int make_key(int dir, KeyPair **ret, Error *error) {
        AUTO(KeyPair) *key = NULL;
        int r;

        r = key_pair_generate(KEY_CHANNEL, &key, error);
        if (r < 0)
                return r;

        r = key_pair_save(key, dir, CHANNEL_KEY_FILE, error);
        if (r < 0)
                return r;

        *ret = TAKE(key);
        return 0;
}

int identity_load_key(const char *state_dir, KeyPair **ret, Error *error) {
        auto_close int dir = -EBADF;
        Error problem = {};
        int r;

        r = dir_open(AT_FDCWD, state_dir, 0700, &dir, error);
        if (r < 0)
                return r;

        r = key_pair_load(KEY_CHANNEL, dir, CHANNEL_KEY_FILE, ret, &problem);
        if (problem.code == ERROR_NOT_FOUND)
                return make_key(dir, ret, error);

        if (r < 0) {
                r = error_setf(error, problem.code,
                               "%s: %s; without it this node is a stranger, see rollpatch-agent(8)",
                               state_dir, problem.text);
        }

        return r;
}

static int write_enrolled(int dir, const char *coordinator_key, Error *error) {
        auto_free char *old = NULL;
        char text[KEY_TEXT_MAX + 1];

        (void) text_format(text, sizeof(text), "%s\n", coordinator_key);
        if (file_read(dir, ENROLLED_FILE, sizeof(text), &old, NULL, NULL) >= 0 &&
            strcmp(old, text) == 0)
                return 0;

        return file_replace(dir, ENROLLED_FILE, text, strlen(text), 0644, error);
}

void identity_note_enrolled(const char *state_dir, const char *coordinator_key) {
        auto_close int dir = -EBADF;
        Error error = {};
        int r;

        r = dir_open(AT_FDCWD, state_dir, 0700, &dir, &error);
        if (r >= 0 && coordinator_key) {
                r = write_enrolled(dir, coordinator_key, &error);
        } else if (r >= 0 && unlinkat(dir, ENROLLED_FILE, 0) < 0 && errno != ENOENT) {
                r = error_errnof(&error, errno, "removing " ENROLLED_FILE);
        }
        if (r < 0)
                log_warning("%s: %s.", state_dir, error.text);
}

int identity_read_name(char ret[static NAME_TEXT_MAX], Error *error) {
        char name[NAME_TEXT_MAX] = "";

        if (gethostname(name, sizeof(name) - 1) < 0)
                return error_errnof(error, errno, "cannot read the host name");

        for (char *p = name; *p != '\0'; p++) {
                if (*p >= 'A' && *p <= 'Z')
                        *p = (char) (*p - 'A' + 'a');
        }

        if (!name_is_valid(name)) {
                char shown[NAME_TEXT_MAX];

                text_ellipsize(shown, sizeof(shown), name);
                return error_setf(
                                error, ERROR_INVALID,
                                "the host name is '%s', want letters, digits, '.', '-'; or set 'name'",
                                shown);
        }

        memcpy(ret, name, sizeof(name));
        return 0;
}

/* In DC/OS these files are links into the active package, so links must be followed here, unlike
 * everywhere else. What is at the end of them must still be a small plain file. */
static char *read_through_links(const char *root, const char *name) {
        char path[PATH_MAX], real[PATH_MAX], *text;

        if (!identity_path(path, root, name) || !realpath(path, real) ||
            file_read(AT_FDCWD, real, 65536, &text, NULL, NULL) < 0)
                return NULL;

        return text;
}

void identity_read_version(const char *root, char ret[static VERSION_MAX]) {
        auto_free char *text = read_through_links(root, VERSION_FILE);
        AUTO(Json) *object = NULL;

        ret[0] = '\0';
        if (!text || json_parse(text, strlen(text), &object, NULL) < 0 || !json_is_object(object))
                return;

        /* A version that is too long, or no text, is not readable. */
        if (json_get_string(object, "version", ret, VERSION_MAX, NULL) < 0 || !text_is_plain(ret))
                ret[0] = '\0';
}

/* Somebody else's file: what is no name in it is not readable. */
void identity_read_cluster_id(const char *root, char ret[static CLUSTER_ID_MAX]) {
        auto_free char *text = read_through_links(root, CLUSTER_ID_FILE);

        ret[0] = '\0';
        if (!text)
                return;

        text[strcspn(text, "\n")] = '\0';
        if (!name_is_valid(text) || !text_copy(ret, CLUSTER_ID_MAX, text))
                ret[0] = '\0';
}

uint64_t identity_read_master_count(const char *root) {
        auto_free char *text = read_through_links(root, MASTER_COUNT_FILE);
        uint64_t count;

        if (!text)
                return 0;

        text[strcspn(text, "\n")] = '\0';
        return parse_u64(text, 1, MASTER_COUNT_MAX, &count) < 0 ? 0 : count;
}

int identity_parse_address(const char *output, char ret[static ADDRESS_TEXT_MAX], Error *error) {
        char address[ADDRESS_TEXT_MAX], shown[ADDRESS_TEXT_MAX];
        unsigned char binary[sizeof(struct in6_addr)];
        size_t length = strcspn(output, "\n");

        if (length < sizeof(address) && (output[length] == '\0' || output[length + 1] == '\0')) {
                memcpy(address, output, length);
                address[length] = '\0';
                if (inet_pton(AF_INET, address, binary) == 1 ||
                    inet_pton(AF_INET6, address, binary) == 1) {
                        (void) text_copy(ret, ADDRESS_TEXT_MAX, address);
                        return 0;
                }
        }

        text_ellipsize(shown, sizeof(shown), output);
        return error_setf(error, ERROR_INVALID, "detect_ip says '%s', want one address", shown);
}

int identity_remove_leftover(const char *root, Error *error) {
        char path[PATH_MAX];

        if (!identity_path(path, root, LEFTOVER_LIBRARY))
                return error_setf(error, ERROR_TOO_BIG, "'%s' is too long", root);
        if (unlink(path) == 0)
                return 1;
        if (errno == ENOENT || errno == ENOTDIR)
                return 0;

        return error_errnof(error, errno, "cannot remove '%s'", path);
}
