/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/package-set.h"
#include "node-agent/check.h"
#include "node-agent/step-journal.h"

/* Whether the active packages of this node are those that the script of its step activates. The
 * version of DC/OS is a file in one of them: it says nothing about the others, and nothing at all
 * when only the configuration has changed. */

typedef struct PackageFacts {
        bool install_progress;
        PackageSet active;
        Error active_error; /* why they cannot be read; or no code */
        size_t gone;        /* active, and not on the disk */
        char first_gone[PACKAGE_ID_MAX];
        PackageSet wanted;        /* of the script */
        Error wanted_error;       /* why they cannot be known; or no code */
        char nothing[REASON_MAX]; /* why there is nothing to compare with; or empty */
} PackageFacts;

/* The links in /opt/mesosphere/active, below `root`: what `pkgpanda active` says. */
void packages_read_active(const char *root, PackageFacts *facts);

/* What the verified script of `step` activates. `step` empty: none was run here. */
void packages_read_wanted(const StepJournal *journal, const char *step, PackageFacts *facts);

void packages_judge(const PackageFacts *facts, Sample *sample);

/* All of it. */
void packages_ask(const StepJournal *journal, const char *root, const char *step, Sample *sample);
