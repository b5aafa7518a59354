/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/probe/reply.h"

/* Which Mesos a release of DC/OS ships. Weak evidence of a patch, since most releases of a minor
 * version ship the same one; but another one than the release's is certainly wrong. Pure. */

typedef struct MesosBuild {
        char version[SAMPLE_TEXT_MAX]; /* "1.10.1" */
        char git_sha[SAMPLE_TEXT_MAX]; /* empty: it does not say */
} MesosBuild;

/* Of "mesos 1.10.1", as the program prints it; not necessarily terminated. */
int mesos_build_read_text(const char *text, size_t size, MesosBuild *ret, Error *error);

/* Of GET /version. */
int mesos_build_read(const Reply *reply, MesosBuild *ret, Error *error);

/* What DC/OS `release` ("2.1.1") ships; NULL: that is not known. Its git_sha is the first 8 digits.
 */
typedef struct MesosRelease {
        const char *release;
        const char *mesos;
        const char *git_sha;
} MesosRelease;

const MesosRelease *mesos_release_find(const char *release);

/* Fails if it is another version. Built from another commit it may be a site's own: that is
 * evidence. */
void mesos_release_compare(const MesosRelease *release, const MesosBuild *build, Sample *sample);
