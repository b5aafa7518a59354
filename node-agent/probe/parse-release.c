/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-release.h"

#include <errno.h>
#include <string.h>

#include "common/text.h"

#define PREFIX "mesos "

/* From the build files of the releases (reference 3.5). */
// clang-format off
static const MesosRelease releases[] = {
        { "1.13.0",  "1.8.0",  "d2a36836" },
        { "1.13.1",  "1.8.1",  "f5770dcf" },
        { "1.13.2",  "1.8.1",  "fca89344" },
        { "1.13.3",  "1.8.1",  "07d053f6" },
        { "1.13.4",  "1.8.2",  "6ecaa510" },
        { "1.13.5",  "1.8.2",  "adc958f5" },
        { "1.13.6",  "1.8.2",  "91e6cef5" },
        { "1.13.7",  "1.8.2",  "c7c716db" },
        { "1.13.9",  "1.8.2",  "bb32bf87" },
        { "1.13.10", "1.8.2",  "f8b8f1e9" },
        { "2.0.0",   "1.9.1",  "88697cb1" },
        { "2.0.1",   "1.9.1",  "95d34e7f" },
        { "2.0.2",   "1.9.1",  "4575c9b4" },
        { "2.0.3",   "1.9.1",  "b84b0a4b" },
        { "2.0.4",   "1.9.1",  "b84b0a4b" },
        { "2.0.5",   "1.9.1",  "802a50f4" },
        { "2.0.6",   "1.9.1",  "802a50f4" },
        { "2.1.0",   "1.10.0", "1ff2fcd9" },
        { "2.1.1",   "1.10.1", "8683463a" },
        { "2.1.2",   "1.10.1", "3ca3879d" },
        { "2.1.3",   "1.10.1", "3ca3879d" },
        { "2.2.0",   "1.11.0", "cb6cfe9b" },
        { "2.2.1",   "1.11.0", "cb6cfe9b" },
};
// clang-format on

static bool is_version(const char *text) {
        return text[0] >= '0' && text[0] <= '9' &&
               text[strspn(text, "0123456789.abcdefghijklmnopqrstuvwxyz-")] == '\0';
}

int mesos_build_read_text(const char *text, size_t size, MesosBuild *ret, Error *error) {
        MesosBuild build = {};
        size_t length;

        if (size <= strlen(PREFIX) || strncmp(text, PREFIX, strlen(PREFIX)) != 0)
                return error_setf(error, ERROR_INVALID, "no line 'mesos VERSION'");

        text += strlen(PREFIX);
        size -= strlen(PREFIX);
        length = text[size - 1] == '\n' ? size - 1 : size;
        if (length >= sizeof(build.version))
                return error_setf(error, ERROR_TOO_BIG, "version has %zu bytes", length);

        memcpy(build.version, text, length);
        if (strlen(build.version) != length || !is_version(build.version))
                return error_setf(error, ERROR_INVALID, "no line 'mesos VERSION'");

        *ret = build;
        return 0;
}

int mesos_build_read(const Reply *reply, MesosBuild *ret, Error *error) {
        AUTO(Json) *object = NULL;
        MesosBuild build = {};
        int r;

        r = reply_object(reply, REPLY_BYTES_MAX, &object, error);
        if (r == 0)
                r = json_get_string(object, "version", build.version, sizeof(build.version), error);
        if (r < 0)
                return r;
        if (!is_version(build.version))
                return error_setf(error, ERROR_INVALID, "%s: 'version' is none", reply->question);

        r = json_get_string(object, "git_sha", build.git_sha, sizeof(build.git_sha), error);
        if (r < 0 && r != -ENOENT)
                return r;

        *ret = build;
        return 0;
}

const MesosRelease *mesos_release_find(const char *release) {
        for (size_t i = 0; i < ELEMENTSOF(releases); i++) {
                if (strcmp(releases[i].release, release) == 0)
                        return &releases[i];
        }

        return NULL;
}

void mesos_release_compare(const MesosRelease *release, const MesosBuild *build, Sample *sample) {
        if (strcmp(release->mesos, build->version) != 0) {
                sample_fail(sample, "Mesos %.64s runs, DC/OS %s comes with %s", build->version,
                            release->release, release->mesos);
        } else if (build->git_sha[0] && !text_starts_with(build->git_sha, release->git_sha)) {
                sample_add_evidence(
                                sample, "built from %.8s, that of DC/OS %s from %s", build->git_sha,
                                release->release, release->git_sha);
        }
}
