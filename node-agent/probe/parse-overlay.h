/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/probe/reply.h"

/* /overlay-agent/overlay of a Mesos agent (and of the agent part on a master): the state of each
 * overlay network on this node. Pure. */

/* Passes if each overlay is STATUS_OK; one that has failed is a failure, one that is being
 * configured a doubt. An overlay of IPv6 alone (DC/OS' own "dcos6") fails on every node whose
 * kernel has no IPv6, and nobody misses it: that is only evidence. No overlay at all: not
 * applicable. */
void overlay_judge(const Reply *reply, Sample *sample);
