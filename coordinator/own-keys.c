/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/own-keys.h"

#include <errno.h>
#include <fcntl.h>

#include "common/file.h"

static int load(KeyKind kind, int dir, const char *name, KeyPair **ret, Error *error) {
        Error problem = {};
        int r;

        r = key_pair_load(kind, dir, name, ret, &problem);
        if (problem.code == ERROR_NOT_FOUND) {
                return error_setf(
                                error, ERROR_NOT_FOUND,
                                "%s is not there; for a new cluster, 'rollpatch init' makes it; for this one, "
                                "restore it from a saved state",
                                name);
        }
        if (r < 0)
                *error = problem;

        return r;
}

int own_keys_load(const char *state_dir, OwnKeys *ret, Error *error) {
        auto_close int dir = -EBADF;
        OwnKeys keys = {};
        int r;

        r = dir_open(AT_FDCWD, state_dir, 0700, &dir, error);
        if (r < 0)
                return r;

        r = load(KEY_CHANNEL, dir, CHANNEL_KEY_FILE, &keys.channel, error);
        if (r >= 0)
                r = load(KEY_SIGNING, dir, SIGNING_KEY_FILE, &keys.signing, error);
        if (r < 0) {
                own_keys_done(&keys);
                return error_prefixf(error, "%s", state_dir);
        }

        *ret = keys;
        return 0;
}

void own_keys_done(OwnKeys *keys) {
        key_pair_free(keys->channel);
        key_pair_free(keys->signing);
        *keys = (OwnKeys) {};
}
