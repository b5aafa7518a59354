/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/check.h"

/* /opt/mesosphere/install_progress, which is there only while DC/OS is being activated, or because
 * that was cut short. Pure. */

/* `running`: pkgpanda is at work. Without it nobody will finish what was begun: that needs a
 * person. What cannot be read is unknown in either case. */
void install_progress_judge(const char *text, size_t size, bool running, Sample *sample);
