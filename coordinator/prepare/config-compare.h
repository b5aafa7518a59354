/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/yaml-flat.h"
#include "coordinator/prepare/findings.h"

/* The new configuration of DC/OS beside the one that the cluster has. A patch changes the version
 * or the configuration, never both; of the configuration only a few keys may change at all, and a
 * key that is not there has its default. The old one may be a node's user.config.yaml, where
 * secrets are hidden. Pure. */

void config_compare(
                const YamlFlat *old, const YamlFlat *new, bool version_changes, Findings *findings);
