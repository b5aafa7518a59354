/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/cli/show.h"

/* The answer to `status` for people: where the run stands, why it does not move, what is not well
 * and what has not been checked (lessons 3.1). Masters are always listed; of many agents only those
 * that are in work or in trouble. */
void show_status(const Show *show, const Json *answer);

/* Everything known of one node of that answer, one check a row. */
void show_status_node(const Show *show, const Json *answer, const Json *node);

/* Whether all who were asked anew have answered; nothing when nobody was. */
void show_refresh(const Show *show, const Json *answer);

/* The node of that name in `answer`, or NULL. */
const Json *show_find_node(const Json *answer, const char *name);

/* "leader", or its role. */
const char *show_role(const Json *node);

/* "" when it says no more than the assessment does. */
const char *show_phase(const Json *node);

/* What a node says or is waited for, its link in front when that is not well. */
#define MESSAGE_TEXT_MAX 1024
void show_node_message(const Json *answer, const Json *node, char buffer[static MESSAGE_TEXT_MAX]);

/* "MESSAGE - try: TRY" of a problem or a finding. */
void show_problem_message(const Json *problem, char buffer[static MESSAGE_TEXT_MAX]);
