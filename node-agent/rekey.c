/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/rekey.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/crash.h"
#include "common/file.h"
#include "common/log.h"
#include "common/text.h"

struct Rekey {
        int dir;
        KeyPair *next; /* NULL: none waits */
        char op[OP_MAX];
};

int rekey_new(const char *state_dir, Rekey **ret, Error *error) {
        AUTO(Rekey) *rekey = calloc(1, sizeof(*rekey));
        Error problem = {};
        int r;

        if (!rekey)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        rekey->dir = -EBADF;
        id_random(rekey->op);
        r = dir_open(AT_FDCWD, state_dir, 0700, &rekey->dir, error);
        if (r < 0)
                return r;

        r = key_pair_load(KEY_CHANNEL, rekey->dir, NEXT_KEY_FILE, &rekey->next, &problem);
        if (r < 0 && problem.code != ERROR_NOT_FOUND)
                return error_setf(error, problem.code, "%s: %s", state_dir, problem.text);

        *ret = TAKE(rekey);
        return 0;
}

void rekey_want(Rekey *rekey) {
        AUTO(KeyPair) *next = NULL;
        Error error = {};

        if (rekey->next)
                return;

        if (key_pair_generate(KEY_CHANNEL, &next, &error) < 0 ||
            key_pair_save(next, rekey->dir, NEXT_KEY_FILE, &error) < 0) {
                log_error("The coordinator wants another key, and none can be made: %s.",
                          error.text);
                return;
        }

        CRASH_POINT("key-saved");
        log_notice("The coordinator wants another key of this node: made one.");
        rekey->next = TAKE(next);
}

bool rekey_get_announcement(const Rekey *rekey, Message *ret) {
        if (!rekey->next)
                return false;

        *ret = (Message) { .kind = MESSAGE_ANNOUNCE };
        key_to_text(rekey->next->public, ret->announce.key);
        (void) text_copy(ret->announce.op, sizeof(ret->announce.op), rekey->op);
        return true;
}

static void drop(Rekey *rekey) {
        if (unlinkat(rekey->dir, NEXT_KEY_FILE, 0) < 0)
                log_warning("Cannot remove " NEXT_KEY_FILE ": %m.");

        key_pair_free(TAKE(rekey->next));
}

/* 0: on disk, so it may be used. Renamed and not known to be on disk, it must not: the coordinator
 * voids the old key with the first use of the new one, and a loss of power may bring the old one
 * back. Until then it takes either, whichever the next start finds. */
static int put_in_place(Rekey *rekey, Error *error) {
        if (renameat(rekey->dir, NEXT_KEY_FILE, rekey->dir, CHANNEL_KEY_FILE) < 0) {
                error_errnof(error, errno, "renaming " NEXT_KEY_FILE);
                return error_prefixf(error, "it stays where it is, and is announced again");
        }

        CRASH_POINT("key-in-place");
        if (dir_sync(rekey->dir, error) < 0) {
                key_pair_free(TAKE(rekey->next));
                return error_prefixf(error, "it is used from the next start on");
        }

        return 0;
}

bool rekey_acknowledge(Rekey *rekey, const Ack *ack, KeyPair **ret) {
        char fingerprint[KEY_FINGERPRINT_MAX];
        Error error = {};

        if (!rekey->next || strcmp(ack->op, rekey->op) != 0)
                return false;

        id_random(rekey->op); /* of the next one */
        if (ack->refused[0]) {
                log_error("The coordinator does not take another key of this node: %s. The old one "
                          "stays in use.",
                          ack->refused);
                drop(rekey);
                return false;
        }

        if (put_in_place(rekey, &error) < 0) {
                log_error("The new key cannot be put in place: %s. The old one stays in use until then.",
                          error.text);
                return false;
        }

        key_fingerprint(rekey->next->public, fingerprint);
        log_notice("This node has another key now; its fingerprint is %s.", fingerprint);
        *ret = TAKE(rekey->next);
        return true;
}

void rekey_free(Rekey *rekey) {
        if (!rekey)
                return;

        key_pair_free(rekey->next);
        if (rekey->dir >= 0)
                (void) close(rekey->dir);
        free(rekey);
}
