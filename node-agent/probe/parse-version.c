/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-version.h"

#include <string.h>

#include "node-agent/probe/parse-release.h"

static void compare(
                const MesosBuild *running,
                const MesosBuild *disk,
                const VersionAnswers *answers,
                Sample *sample) {
        const MesosRelease *release = answers->dcos ? mesos_release_find(answers->dcos) : NULL;

        if (disk) {
                sample_add_text(sample, "disk", disk->version);
                if (strcmp(running->version, disk->version) != 0) {
                        sample_fail(sample,
                                    "the process that answers is Mesos %.64s, on the disk lies %.64s",
                                    running->version, disk->version);
                }
        }
        if (release) {
                sample_add_text(sample, "release", release->mesos);
                mesos_release_compare(release, running, sample);
        }

        /* A process of the right file proves little where nobody knows which file is the right one.
         */
        if (release || sample->why.code != ERROR_NONE) {
                sample_close(sample);
        } else {
                sample_close_not_applicable(
                                sample,
                                "which Mesos this version of DC/OS comes with is not known");
        }
}

void mesos_version_judge(const VersionAnswers *answers, Sample *sample) {
        size_t size = answers->disk ? strlen(answers->disk) : 0;
        MesosBuild running = {}, disk = {};
        Error error = {};
        bool has_disk;

        has_disk = mesos_build_read_text(answers->disk, size, &disk, NULL) == 0;
        if (mesos_build_read(&answers->running, &running, &error) < 0) {
                sample_doubt_error(sample, &error);
                return;
        }

        sample_add_text(sample, "version", running.version);
        sample_add_evidence(
                        sample, "running %.64s, on the disk %.64s", running.version,
                        has_disk ? disk.version : "not to be read");
        compare(&running, has_disk ? &disk : NULL, answers, sample);
}
