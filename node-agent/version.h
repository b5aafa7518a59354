/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/check.h"

/* Which DC/OS is active on this node, by its own files: version, packages, and whether an
 * activation is under way. */

typedef struct VersionFacts {
        char version[VERSION_MAX]; /* empty: cannot be read, as it is during an activation */
        bool has_packages;         /* the directory of active packages is there */
        size_t packages;
        size_t packages_missing; /* active, and not on the disk */
        bool install_progress;
        char ids[EVIDENCE_MAX]; /* of the active packages, one a line */
} VersionFacts;

/* `root` is "/" but in tests. */
void version_read(const char *root, VersionFacts *ret);

bool version_has_install_progress(const char *root);

/* `wanted` empty: there is nothing to compare with. */
void version_judge(const VersionFacts *facts, const char *wanted, Sample *sample);
