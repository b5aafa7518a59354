/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/probe/reply.h"

/* Which Mesos runs, against which one lies on the disk, and which one the release notes name. Most
 * patches change none of them, so a right version proves little; a wrong one proves that something
 * else runs than what was installed. Pure. */

typedef struct VersionAnswers {
        Reply running;    /* /version of the process */
        const char *disk; /* "mesos 1.10.1\n", what --version printed; NULL: it could not be run */
        const char *dcos; /* the version of DC/OS that is to be there; NULL: not known */
} VersionAnswers;

/* Fails where they differ. Passes if the release is known, and is that; else it is not applicable.
 */
void mesos_version_judge(const VersionAnswers *answers, Sample *sample);
