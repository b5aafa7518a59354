/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/finding.h"

#include <string.h>

#include "common/text.h"

static uint64_t highest_fence(const StepFacts *facts) {
        uint64_t told = MAX(facts->slot_fence, facts->declined_fence);
        uint64_t used = MAX(facts->intent_fence, facts->started_fence);

        return MAX(told, used);
}

static Finding over(const StepFacts *facts, const char *without_result) {
        if (!facts->result)
                return (Finding) { .state = NODE_STEP_INTERRUPTED, .reason = without_result };
        if (facts->terminated) {
                return (Finding) {
                        .state = NODE_STEP_INTERRUPTED,
                        .reason = "the host went down while the script ran",
                };
        }

        return (Finding) { .state = NODE_STEP_ENDED, .reason = "" };
}

static Finding judge_started(const StepFacts *facts, const char *boot_id, UnitState unit) {
        if (strcmp(facts->started_boot, boot_id) != 0)
                return over(facts, "the host was rebooted while the script ran");

        switch (unit) {
        case UNIT_UNKNOWN:
                return (Finding) { .state = NODE_STEP_RUNNING, .duty = JOB_DUTY_ASK, .reason = "" };
        case UNIT_PRESENT:
                return (Finding) { .state = NODE_STEP_RUNNING,
                                   .duty = JOB_DUTY_FOLLOW,
                                   .reason = "" };
        case UNIT_GONE:
                break;
        }

        return over(facts, "the unit has ended and left no result");
}

/* Nothing but its unit is known of it, and after that unit nothing ever will be. */
static Finding judge_found(const StepFacts *facts, const char *boot_id, UnitState unit) {
        Finding finding = {
                .state = NODE_STEP_RUNNING,
                .duty = unit == UNIT_UNKNOWN ? JOB_DUTY_ASK : JOB_DUTY_FOLLOW,
                .reason = "its unit was found running, and no file of this node speaks of it",
        };

        if (unit != UNIT_GONE && strcmp(facts->found_boot, boot_id) == 0)
                return finding;

        return (Finding) {
                .state = NODE_STEP_INTERRUPTED,
                .reason = "its unit ran without a file of this node that speaks of it, and has "
                          "ended: how is not known",
        };
}

/* An intent without a marker. In another boot nobody can take the order any more. */
static Finding judge_intent(const StepFacts *facts, const char *boot_id, UnitState unit) {
        Finding finding = { .state = NODE_STEP_INTENT, .reason = "" };

        if (strcmp(facts->intent_boot, boot_id) != 0) {
                finding.duty = JOB_DUTY_WITHDRAW;
                finding.reason = "the host was rebooted before the script was started";
                return finding;
        }

        switch (unit) {
        case UNIT_UNKNOWN:
                finding.duty = JOB_DUTY_ASK;
                break;
        case UNIT_PRESENT:
                finding.duty = JOB_DUTY_FOLLOW;
                break;
        case UNIT_GONE:
                finding.duty = JOB_DUTY_WITHDRAW;
                finding.reason = "the unit is gone and has not started the script";
                break;
        }

        return finding;
}

static Finding judge_idle(const StepFacts *facts) {
        if (!facts->script) {
                return (Finding) { .state = NODE_STEP_STAGING,
                                   .duty = JOB_DUTY_FETCH,
                                   .reason = "" };
        }
        if (facts->declined_fence > 0 && facts->declined_fence >= facts->slot_fence)
                return (Finding) { .state = NODE_STEP_DECLINED, .reason = "" };

        return (Finding) { .state = NODE_STEP_STAGED, .reason = "" };
}

/* A step that cannot be read may have been started: interrupted is the state that nobody starts
 * from and that only a person resolves. */
Finding job_judge(const StepFacts *facts, const char *boot_id, UnitState unit) {
        Finding finding;

        if (facts->damaged) {
                finding = (Finding) {
                        .state = NODE_STEP_INTERRUPTED,
                        .unknown = true,
                        .reason = "what was done is not known",
                };
        } else if (facts->found_boot[0]) {
                finding = judge_found(facts, boot_id, unit);
        } else if (!facts->stage) {
                finding = (Finding) { .state = NODE_STEP_ABSENT, .reason = "" };
        } else if (facts->started_fence > 0) {
                finding = judge_started(facts, boot_id, unit);
        } else if (facts->intent_fence > facts->declined_fence) {
                finding = judge_intent(facts, boot_id, unit);
        } else {
                finding = judge_idle(facts);
        }

        finding.fence = highest_fence(facts);
        return finding;
}

Job job_recover(const char *step, const Finding *finding) {
        Job job = {
                .state = finding->state,
                .fence = finding->fence,
                .unknown = finding->unknown,
        };

        (void) text_copy(job.step, sizeof(job.step), step);
        return job;
}

/* A marker that is new to us may be younger than systemd's answer: then "gone" was said of a unit
 * that did not exist yet. So an intent first becomes running, whatever else is there, and what has
 * become of that the next question tells. */
static bool is_started(const Finding *finding) {
        return finding->state == NODE_STEP_RUNNING || job_is_over(finding->state);
}

bool job_event_of(const Job *job, const Finding *finding, JobEvent *ret) {
        JobMove move;
        JobInput input = {};

        if (finding->unknown)
                return false;

        if (job->state == NODE_STEP_INTENT && is_started(finding)) {
                input.event = JOB_EVENT_STARTED;
        } else if (finding->state == NODE_STEP_ENDED) {
                input.event = JOB_EVENT_ENDED;
        } else if (finding->state == NODE_STEP_INTERRUPTED) {
                input.event = JOB_EVENT_INTERRUPTED;
        } else if (finding->duty == JOB_DUTY_WITHDRAW) {
                input.event = JOB_EVENT_NEVER_STARTED;
        } else {
                return false;
        }

        if (job_next(job, &input, &move) != JOB_MOVES)
                return false;

        *ret = input.event;
        return true;
}
