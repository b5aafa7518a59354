/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/check.h"

/* Which DC/OS this node has, by its own files, and whether an activation is under way. Which
 * packages are active: packages.h. */

#define INSTALL_PROGRESS "/opt/mesosphere/install_progress"

typedef struct VersionFacts {
        char version[VERSION_MAX]; /* empty: cannot be read, as it is during an activation */
        bool install_progress;
} VersionFacts;

/* `root` is "/" but in tests. */
void version_read(const char *root, VersionFacts *ret);

bool version_has_install_progress(const char *root);

/* `wanted` empty: there is nothing to compare with. */
void version_judge(const VersionFacts *facts, const char *wanted, Sample *sample);
