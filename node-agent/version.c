/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/version.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "node-agent/identity.h"

bool version_has_install_progress(const char *root) {
        char path[PATH_MAX];
        struct stat st;

        return identity_path(path, root, &INSTALL_PROGRESS[1]) && lstat(path, &st) == 0;
}

void version_read(const char *root, VersionFacts *ret) {
        *ret = (VersionFacts) { .install_progress = version_has_install_progress(root) };
        identity_read_version(root, ret->version);
}

void version_judge(const VersionFacts *facts, const char *wanted, Sample *sample) {
        sample_add_number(sample, "install_progress", facts->install_progress);
        if (facts->version[0])
                sample_add_text(sample, "version", facts->version);

        if (wanted[0] == '\0') {
                sample_judge(sample, VERDICT_NOT_APPLICABLE, "no version is wanted");
        } else if (facts->install_progress) {
                sample_judge(sample, VERDICT_UNKNOWN,
                             INSTALL_PROGRESS
                             " is there: DC/OS is being activated, or that was cut short");
        } else if (facts->version[0] == '\0') {
                sample_judge(sample, VERDICT_UNKNOWN, "the version of DC/OS cannot be read");
        } else if (strcmp(facts->version, wanted) != 0) {
                sample_judge(sample, VERDICT_FAIL, "version is %s, want %s", facts->version,
                             wanted);
        } else {
                sample->verdict = VERDICT_PASS;
        }
}
