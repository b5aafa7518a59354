/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/enrol-judge.h"
#include "coordinator/state.h"

/* Promise 1 stands on knowing who all the masters are. Two say so, neither of whom has it from the
 * other: a person, in masters: of rollpatchd.yaml, and the masters' own DC/OS, in master_count. As
 * long as they disagree no node goes down. Pure. */

#define MASTERS_ADVICE                                                                      \
        "compare masters: in rollpatchd.yaml with /opt/mesosphere/etc/master_count on the " \
        "masters, correct the wrong one, and restart rollpatchd"

/* False, and how they disagree: also while the masters have not said how many they are. */
bool masters_are_listed(
                const State *state, const EnrolRules *rules, char ret_reason[static REASON_MAX]);
