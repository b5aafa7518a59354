/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/text.h"
#include "node-agent/probe/ask.h"
#include "node-agent/probe/master-list.h"
#include "node-agent/probe/parse-exhibitor.h"

/* Exhibitor serves https, and asks for a client certificate, iff all three key stores are there.
 * Its certificate names localhost, not the node's address; without TLS it listens on all addresses.
 */

#define EXHIBITOR_PORT 8181
#define TLS_DIRECTORY  "/var/lib/dcos/exhibitor-tls-artifacts"

static const char *const key_stores[] = {
        "truststore.jks",
        "clientstore.jks",
        "serverstore.jks",
};

typedef struct TlsFiles {
        bool wanted;
        char ca[PATH_MAX];
        char cert[PATH_MAX];
        char key[PATH_MAX];
} TlsFiles;

static int tls_path(
                char buffer[static PATH_MAX], const char *root, const char *name, Error *error) {
        if (!text_format(buffer, PATH_MAX, "%s" TLS_DIRECTORY "/%s", root, name))
                return error_setf(error, ERROR_TOO_BIG, "--root: too long");

        return 0;
}

static bool says_absent(int errnum) {
        return errnum == ENOENT || errnum == ENOTDIR;
}

/* All of them are there, or there is nothing to speak TLS with. */
static int find_key_stores(const char *root, bool *ret, Error *error) {
        char path[PATH_MAX];
        bool all = true;

        for (size_t i = 0; i < ELEMENTSOF(key_stores); i++) {
                int r = tls_path(path, root, key_stores[i], error);

                if (r < 0)
                        return r;

                if (access(path, F_OK) == 0)
                        continue;
                if (!says_absent(errno))
                        return error_errnof(error, errno, "looking for %s", path);

                all = false;
        }

        *ret = all;
        return 0;
}

static int find_tls(const char *root, TlsFiles *ret, Error *error) {
        TlsFiles files = {};
        int r;

        r = find_key_stores(root, &files.wanted, error);
        if (r == 0)
                r = tls_path(files.ca, root, "root-cert.pem", error);
        if (r == 0)
                r = tls_path(files.cert, root, "client-cert.pem", error);
        if (r == 0)
                r = tls_path(files.key, root, "client-key.pem", error);
        if (r < 0)
                return r;

        *ret = files;
        return 0;
}

static void ask_exhibitor(const MasterOrder *order, const TlsFiles *tls, Asked *asked) {
        const Question question = {
                .path = "/exhibitor/v1/cluster/status",
                .name = "/exhibitor/v1/cluster/status",
                .body_max = REPLY_BYTES_MAX,
        };
        Server server;

        server_init(&server, tls->wanted ? "https" : "http",
                    tls->wanted ? "localhost" : order->address, EXHIBITOR_PORT, order->timeout);
        if (tls->wanted) {
                server.ca_file = tls->ca;
                server.cert_file = tls->cert;
                server.key_file = tls->key;
        }

        ask_in_turn(&server, &question, asked, 1);
}

static void judge(const MasterOrder *order, Sample *sample) {
        AUTO(Json) *names = NULL;
        TlsFiles tls = {};
        Asked asked = {};
        usec_t begin = clock_boottime();
        Error error = {};
        int r;

        r = find_tls(order->root, &tls, &error);
        if (r == 0)
                r = master_list_read(order->root, &names, &error);
        if (r < 0) {
                sample_doubt_error(sample, &error);
                return;
        }

        ask_exhibitor(order, &tls, &asked);
        sample->took = span_sub(clock_boottime(), begin);
        exhibitor_judge(&asked.reply, order->masters, names, sample);
        asked_done(&asked, 1);
}

ProbeExit probe_exhibitor(char *const arguments[], Json *answer, Error *error) {
        MasterOrder order = {};
        Sample sample;

        if (parse_master_order(arguments, &order, error) < 0)
                return PROBE_USAGE;

        sample_init(&sample, "exhibitor", "");
        judge(&order, &sample);
        if (!samples_print(&sample, 1, answer)) {
                (void) error_setf(error, ERROR_MEMORY, "no memory for the answer");
                return PROBE_FAILED;
        }

        return PROBE_OK;
}
