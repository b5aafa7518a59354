/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/probe/reply.h"

/* What Marathon says. Each fills a sample; what is only doubtful about a constraint is evidence,
 * and is counted as "warnings". Pure. */

/* /v2/info: "version", "leader", and whether it is "elected". Passes if it knows a leader. */
void marathon_info_judge(const Reply *reply, Sample *sample);

/* /v2/leader. That there is none is an answer. */
void marathon_leader_judge(const Reply *reply, Sample *sample);

/* /v2/deployments. Passes if there is none: one that is cut short may never end. */
void marathon_deployments_judge(const Reply *reply, Sample *sample);

/* /v2/apps and /v2/pods. Pass if Marathon takes each of their constraints. */
void marathon_apps_judge(const Reply *reply, Sample *sample);
void marathon_pods_judge(const Reply *reply, Sample *sample);

/* Whether Marathon at `address` is the one that leads; so it is if the leader's name is none that
 * could be compared. */
bool marathon_leads_at(const Reply *leader, const char *address);

/* Together they are one check, judged reply by reply: each is as large as the site has it, and gone
 * before the next is asked for. These say what speaks against a pass, and close nothing. */

/* Both questions name the same leader. True, and "leads_here" 1: where it runs, so that it is asked
 * for the rest; a pass of others says nothing of what was not asked there. */
bool marathon_take_leader(
                const Reply *info, const Reply *leader, const char *address, Sample *sample);

/* It takes each constraint. */
void marathon_take_apps(const Reply *reply, Sample *sample);
void marathon_take_pods(const Reply *reply, Sample *sample);

/* The last of them. "only_deployments" 1: there is nothing else. */
void marathon_take_deployments(const Reply *reply, Sample *sample);

/* The text of marathon.sh, or of a file that it reads: fails if events are sent to subscribers, by
 * an option that Marathon no longer knows and does not start with. Not necessarily terminated. */
void marathon_script_judge(const char *text, size_t size, Sample *sample);

/* The same of one file of several: fails or doubts, and does not close the sample. */
void marathon_script_look(const char *name, const char *text, size_t size, Sample *sample);
