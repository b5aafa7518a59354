/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/version.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "node-agent/identity.h"

#define ACTIVE       "opt/mesosphere/active"
#define PROGRESS     "opt/mesosphere/install_progress"
#define PACKAGES_MAX 512

static void auto_close_directory(DIR **directory) {
        if (*directory)
                (void) closedir(*directory);
}

bool version_has_install_progress(const char *root) {
        char path[PATH_MAX];
        struct stat st;

        return text_format(path, sizeof(path), "%s/" PROGRESS, root) && lstat(path, &st) == 0;
}

/* "/opt/mesosphere/packages/NAME--VERSION"; links of DC/OS are absolute, also below another root.
 */
static bool is_on_disk(const char *root, const char *target) {
        char path[PATH_MAX];
        struct stat st;

        return text_format(path, sizeof(path), "%s/%s", root, target) && stat(path, &st) == 0;
}

static void add_id(VersionFacts *facts, const char *target) {
        const char *slash = strrchr(target, '/');
        size_t used = strlen(facts->ids);

        if (!text_format(facts->ids + used, sizeof(facts->ids) - used, "%s\n",
                         slash ? slash + 1 : target))
                facts->ids[used] = '\0';
}

static void read_packages(const char *root, VersionFacts *facts) {
        __attribute__((cleanup(auto_close_directory))) DIR *directory = NULL;
        char path[PATH_MAX], target[PATH_MAX];
        const struct dirent *entry;

        if (text_format(path, sizeof(path), "%s/" ACTIVE, root))
                directory = opendir(path);
        facts->has_packages = directory;

        /* The stream is ours alone. NOLINTNEXTLINE(concurrency-mt-unsafe) */
        while (directory && facts->packages < PACKAGES_MAX && (entry = readdir(directory))) {
                ssize_t n = readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);

                if (n < 0)
                        continue;

                target[n] = '\0';
                facts->packages++;
                if (!is_on_disk(root, target))
                        facts->packages_missing++;
                add_id(facts, target);
        }
}

void version_read(const char *root, VersionFacts *ret) {
        *ret = (VersionFacts) { .install_progress = version_has_install_progress(root) };
        identity_read_version(root, ret->version);
        read_packages(root, ret);
}

void version_judge(const VersionFacts *facts, const char *wanted, Sample *sample) {
        sample_add_number(sample, "install_progress", facts->install_progress);
        if (facts->has_packages) {
                sample_add_number(sample, "packages", facts->packages);
                sample_add_number(sample, "packages_missing", facts->packages_missing);
        }
        if (facts->version[0])
                sample_add_text(sample, "version", facts->version);
        sample_add_evidence(sample, "%s", facts->ids);

        if (wanted[0] == '\0') {
                sample_judge(sample, VERDICT_NOT_APPLICABLE, "no version is wanted");
        } else if (facts->install_progress) {
                sample_judge(sample, VERDICT_UNKNOWN,
                             "/" PROGRESS
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
