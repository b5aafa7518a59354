/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/check.h"

/* /opt/mesosphere/etc/dcos-version.json: which DC/OS this node has. Pure. */

typedef struct DcosVersion {
        char version[VERSION_MAX];
        char variant[16]; /* "open" or "enterprise"; empty: it does not say */
} DcosVersion;

int dcos_version_read(const char *text, size_t size, DcosVersion *ret, Error *error);

/* What dcos_node_upgrade.sh takes for the version: what stands between the third and the fourth
 * quote of the first line with "version" in it. Only for the layout that DC/OS writes is that the
 * version; where it is not, the script refuses to run. */
int dcos_version_as_script(
                const char *text, size_t size, char ret[static VERSION_MAX], Error *error);

/* `variant` empty: any. */
void dcos_version_judge(
                const DcosVersion *seen, const char *target, const char *variant, Sample *sample);
