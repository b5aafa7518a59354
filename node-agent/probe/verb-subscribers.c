/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>

#include "common/file.h"
#include "common/text.h"
#include "node-agent/probe/ask.h"
#include "node-agent/probe/parse-marathon.h"

/* Reads what Marathon is started with. Most of these files are not there, and are read by the unit
 * or by marathon.sh when they are (reference 14.4). */
static const char *const places[] = {
        /* the first one is what starts Marathon */
        "opt/mesosphere/bin/marathon.sh",
        "opt/mesosphere/etc/marathon",
        "opt/mesosphere/etc/marathon-extras",
        "var/lib/dcos/marathon/environment",
        "etc/systemd/system/dcos-marathon.service.d/*.conf",
        "run/systemd/system/dcos-marathon.service.d/*.conf",
};

#define SCRIPT_MAX ((size_t) 1024 * 1024)

/* In packages these are links. */
static void look_at(const char *path, bool may_be_empty, Sample *sample) {
        auto_free char *real = realpath(path, NULL);
        auto_free char *text = NULL;
        Error error = {};
        size_t size;

        if (!real) {
                sample_doubt(sample, "%s: cannot be found", path);
        } else if (file_read(AT_FDCWD, real, SCRIPT_MAX, &text, &size, &error) < 0) {
                sample_doubt(sample, "%s", error.text);
        } else if (size > 0 || !may_be_empty) {
                marathon_script_look(path, text, size, sample);
        }
}

/* A folder that is not there is no reason to stop; one that cannot be read is. */
static int on_glob_error(const char *path, int errnum) {
        return errnum != ENOENT && errnum != ENOTDIR;
}

/* How many files there are; -EIO: nobody can say. */
static int look_at_all(const char *root, Sample *sample) {
        int count = 0;

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                char pattern[PATH_MAX];
                glob_t found = {};
                int r;

                if (!text_format(pattern, sizeof(pattern), "%s/%s", root, places[i]))
                        return -EIO;

                // NOLINTNEXTLINE(concurrency-mt-unsafe): the only thread
                r = glob(pattern, GLOB_NOSORT, on_glob_error, &found);
                if (r != 0 && r != GLOB_NOMATCH)
                        sample_doubt(sample, "%s: cannot be read", pattern);
                for (size_t file = 0; r == 0 && file < found.gl_pathc; file++, count++)
                        look_at(found.gl_pathv[file], i > 0, sample);
                globfree(&found);
        }

        return count;
}

ProbeExit probe_subscribers(char *const arguments[], Json *answer, Error *error) {
        const char *root = NULL, *timeout = NULL;
        const ProbeOption options[] = { { "root", &root, true },
                                        { "timeout", &timeout, true },
                                        {} };
        usec_t limit = ASK_TIMEOUT;
        Sample sample;
        int count;

        if (probe_options_parse(options, arguments, error) < 0 ||
            parse_timeout(timeout, ASK_TIMEOUT, &limit, error) < 0)
                return PROBE_USAGE;

        sample_init(&sample, "subscribers", "");
        count = look_at_all(root ? root : "", &sample);
        if (count < 0)
                sample_doubt(&sample, "--root is too long");
        if (count == 0) {
                sample_close_not_applicable(&sample, "there is no marathon.sh");
        } else {
                sample_close(&sample);
        }
        if (samples_print(&sample, 1, answer))
                return PROBE_OK;

        (void) error_setf(error, ERROR_MEMORY, "no memory for the answer");
        return PROBE_FAILED;
}
