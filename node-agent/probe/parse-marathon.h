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

typedef struct MarathonReplies {
        Reply info;
        Reply leader;
        bool leads_here;   /* the rest was asked, too: of the one that leads, where it runs */
        Reply apps;        /* /v2/apps */
        Reply pods;        /* /v2/pods */
        Reply deployments; /* /v2/deployments */
} MarathonReplies;

/* Whether Marathon at `address` is the one that leads; so it is if the leader's name is none that
 * could be compared. */
bool marathon_leads_at(const Reply *leader, const char *address);

/* All of it together. Passes if both questions name the same leader, and it takes each constraint,
 * and no deployment is under way. "only_deployments" 1: there is nothing else. "leads_here" 1: that
 * all of it was asked; a pass of others says nothing of what was not asked there. */
void marathon_judge(const MarathonReplies *replies, Sample *sample);

/* The text of marathon.sh, or of a file that it reads: fails if events are sent to subscribers, by
 * an option that Marathon no longer knows and does not start with. Not necessarily terminated. */
void marathon_script_judge(const char *text, size_t size, Sample *sample);

/* The same of one file of several: fails or doubts, and does not close the sample. */
void marathon_script_look(const char *name, const char *text, size_t size, Sample *sample);
