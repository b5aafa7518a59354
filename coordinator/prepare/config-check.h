/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/yaml-flat.h"
#include "coordinator/prepare/findings.h"

/* A config.yaml of DC/OS by itself: what the generator would refuse is found before it is started,
 * and what would do damage later. Not complete: a key that is not known here is left to the
 * generator. Pure. */

/* `enterprise`: the variant of the generator; the other one knows fewer keys. */
void config_check(const YamlFlat *config, bool enterprise, Findings *findings);
