/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/cli/show.h"

/* What has happened between two answers to `status`, one sentence a change; `before` NULL: where
 * things stand. Numbers that merely count on ("for 12s of 60s") are no change. Returns how many
 * sentences there are; `show` NULL: only counts them. */
unsigned changes_show(const Show *show, const Json *before, const Json *after);
