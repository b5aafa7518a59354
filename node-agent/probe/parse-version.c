/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-version.h"

#include <string.h>

#include "common/text.h"

#define DISK_PREFIX "mesos "

/* By the release notes (reference 3.5). */
static const char *find_release(const char *dcos) {
        // clang-format off
        static const struct {
                const char *dcos;
                const char *mesos;
        } releases[] = {
                { "1.13.0",  "1.8.0"  },
                { "1.13.1",  "1.8.1"  }, { "1.13.2", "1.8.1"  }, { "1.13.3", "1.8.1"  },
                { "1.13.4",  "1.8.2"  }, { "1.13.5", "1.8.2"  }, { "1.13.6", "1.8.2"  },
                { "1.13.7",  "1.8.2"  }, { "1.13.9", "1.8.2"  }, { "1.13.10", "1.8.2" },
                { "2.0.0",   "1.9.1"  }, { "2.0.1",  "1.9.1"  }, { "2.0.2",  "1.9.1"  },
                { "2.0.3",   "1.9.1"  }, { "2.0.4",  "1.9.1"  }, { "2.0.5",  "1.9.1"  },
                { "2.0.6",   "1.9.1"  },
                { "2.1.0",   "1.10.0" }, { "2.1.1",  "1.10.1" }, { "2.1.2",  "1.10.1" },
                { "2.1.3",   "1.10.1" },
                { "2.2.0",   "1.11.0" }, { "2.2.1",  "1.11.0" },
        };
        // clang-format on

        for (size_t i = 0; dcos && i < ELEMENTSOF(releases); i++) {
                if (strcmp(releases[i].dcos, dcos) == 0)
                        return releases[i].mesos;
        }

        return NULL;
}

/* The first line; false: it is something else. */
static bool read_disk(const char *text, char ret[static SAMPLE_TEXT_MAX]) {
        size_t length;

        if (!text || !text_starts_with(text, DISK_PREFIX))
                return false;

        text += strlen(DISK_PREFIX);
        length = strcspn(text, "\n");
        if (length == 0 || length >= SAMPLE_TEXT_MAX)
                return false;

        memcpy(ret, text, length);
        ret[length] = '\0';
        return true;
}

static bool read_running(const Reply *reply, char ret[static SAMPLE_TEXT_MAX], Sample *sample) {
        AUTO(Json) *object = NULL;
        Error error = {};
        int r;

        r = reply_object(reply, REPLY_BYTES_MAX, &object, &error);
        if (r == 0)
                r = json_get_string(object, "version", ret, SAMPLE_TEXT_MAX, &error);
        if (r < 0)
                sample_doubt_error(sample, &error);

        return r == 0;
}

static void compare(
                const char *running,
                const char *disk,
                const VersionAnswers *answers,
                Sample *sample) {
        const char *release = find_release(answers->dcos);

        if (disk) {
                sample_add_text(sample, "disk", disk);
                if (strcmp(running, disk) != 0) {
                        sample_fail(sample,
                                    "the process that answers is Mesos %.64s, on the disk lies %.64s",
                                    running, disk);
                }
        }
        if (release) {
                sample_add_text(sample, "release", release);
                if (strcmp(running, release) != 0) {
                        sample_fail(sample, "Mesos %.64s runs, DC/OS %.64s comes with %s", running,
                                    answers->dcos, release);
                }
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
        char running[SAMPLE_TEXT_MAX], disk[SAMPLE_TEXT_MAX];
        bool has_disk = read_disk(answers->disk, disk);

        if (!read_running(&answers->running, running, sample)) {
                sample_close(sample);
                return;
        }

        sample_add_text(sample, "version", running);
        sample_add_evidence(
                        sample, "running %.64s, on the disk %.64s", running,
                        has_disk ? disk : "not to be read");
        compare(running, has_disk ? disk : NULL, answers, sample);
}
