/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/intake.h"

#include <inttypes.h>
#include <string.h>

#include "common/text.h"

/* A report is matched by its step id, whatever fence it carries (promise 8): what has happened has
 * happened. The one exception is a decline, the only report that frees a slot: a decline under an
 * older fence says nothing about the slot of today, so it is not an event.
 *
 * A step that is not the present one of its node is "foreign": one that this log did not order,
 * because it was restored or the orders were another coordinator's, or an older attempt that a
 * person has given up. It matters as long as the node has it in hand; ended without a result it
 * matters until a person has answered for it, once. */

/* It has lost what it had promised: its state was wiped, or restored from a backup. */
static bool has_forgotten(const Node *node, const Hello *hello) {
        return node && node->epoch != 0 &&
               (hello->epoch < node->epoch || strcmp(hello->journal_id, node->journal_id) != 0);
}

/* The log has it already. */
static bool is_no_news(const Node *node, const Hello *hello) {
        return node->role == hello->role && strcmp(node->boot_id, hello->boot_id) == 0 &&
               strcmp(node->address, hello->address) == 0 &&
               strcmp(node->dcos_version, hello->dcos_version) == 0 &&
               strcmp(node->software, hello->software) == 0 &&
               node->master_count == hello->master_count;
}

int intake_hello(const State *state, const Hello *hello, Event *ret) {
        const Node *node = state_find_node_const(state, hello->name);
        Event event = { .kind = EVENT_NODE, .node = { .role = hello->role } };
        EventNode *said = &event.node;

        said->unclaimed = has_forgotten(node, hello);
        if (node && !said->unclaimed && is_no_news(node, hello))
                return 0;

        said->master_count = hello->master_count;
        (void) text_copy(said->node, sizeof(said->node), hello->name);
        (void) text_copy(said->boot_id, sizeof(said->boot_id), hello->boot_id);
        (void) text_copy(said->address, sizeof(said->address), hello->address);
        (void) text_copy(said->dcos_version, sizeof(said->dcos_version), hello->dcos_version);
        (void) text_copy(said->software, sizeof(said->software), hello->software);

        *ret = event;
        return 1;
}

/* The highest epoch and fence that a message names; 0: none. */
static void find_numbers(const Message *message, uint64_t *ret_epoch, uint64_t *ret_fence) {
        *ret_epoch = 0;
        *ret_fence = 0;
        if (message->kind == MESSAGE_HELLO) {
                *ret_epoch = message->hello.epoch;
                *ret_fence = message->hello.fence;
        } else if (message->kind == MESSAGE_HEARTBEAT) {
                *ret_epoch = message->heartbeat.epoch;
        } else if (message->kind == MESSAGE_REFUSED) {
                *ret_epoch = message->refused.epoch;
                *ret_fence = message->refused.fence;
        } else if (message->kind == MESSAGE_READY) {
                *ret_fence = message->ready.fence;
        } else if (message->kind == MESSAGE_REPORT) {
                *ret_fence = message->report.fence;
        } else if (message->kind == MESSAGE_CLAIMED) {
                *ret_epoch = message->claimed.epoch;
                for (size_t i = 0; i < message->claimed.step_count; i++)
                        *ret_fence = MAX(*ret_fence, message->claimed.steps[i].fence);
        }
}

bool intake_is_plausible(const State *state, const Message *message, const char **ret_what) {
        uint64_t epoch, fence;

        find_numbers(message, &epoch, &fence);
        if (epoch > MAX(state->epoch, state->deposed_by) + NUMBER_LEAP) {
                *ret_what = "epoch";
                return false;
        }
        if (fence > state->fence + NUMBER_LEAP) {
                *ret_what = "fence";
                return false;
        }

        return true;
}

int intake_epoch(
                const State *state,
                const char *node,
                uint64_t heard,
                const char *software,
                Event *ret) {
        Event event = { .kind = EVENT_EPOCH, .epoch = { .epoch = heard + 1 } };

        if (heard <= state->epoch || heard >= EPOCH_MAX)
                return 0;

        if (state->claim_held) {
                if (heard <= state->deposed_by)
                        return 0;

                event.kind = EVENT_DEPOSED;
                event.epoch.epoch = heard;
        }

        (void) text_copy(event.epoch.node, sizeof(event.epoch.node), node);
        (void) text_copy(event.epoch.software, sizeof(event.epoch.software), software);
        *ret = event;
        return 1;
}

int intake_hello_epoch(const State *state, const Hello *hello, const char *software, Event *ret) {
        const Node *node = state_find_node_const(state, hello->name);
        Event event = { .kind = EVENT_EPOCH, .epoch = { .epoch = hello->epoch + 1 } };

        if (!node || hello->epoch != state->epoch || node->epoch == state->epoch ||
            state->claim_held || hello->epoch >= EPOCH_MAX)
                return intake_epoch(state, hello->name, hello->epoch, software, ret);

        (void) text_copy(event.epoch.node, sizeof(event.epoch.node), hello->name);
        (void) text_copy(event.epoch.software, sizeof(event.epoch.software), software);
        *ret = event;
        return 1;
}

/* What the log makes of the journal's word for a step. False: nothing. */
static bool translate(NodeStep said, bool failed, StepEvent *ret) {
        switch (said) {
        case NODE_STEP_STAGED:
        case NODE_STEP_READY:
                *ret = STEP_EVENT_STAGED;
                return true;
        case NODE_STEP_STAGE_FAILED:
                *ret = STEP_EVENT_STAGE_FAILED;
                return true;
        case NODE_STEP_DECLINED:
                *ret = STEP_EVENT_DECLINED;
                return true;
        case NODE_STEP_INTENT:
        case NODE_STEP_RUNNING:
                *ret = STEP_EVENT_STARTED;
                return true;
        case NODE_STEP_ENDED:
                *ret = failed ? STEP_EVENT_SCRIPT_FAILED : STEP_EVENT_SUCCEEDED;
                return true;
        case NODE_STEP_INTERRUPTED:
                *ret = STEP_EVENT_INTERRUPTED;
                return true;
        case NODE_STEP_ABSENT:
                *ret = STEP_EVENT_FORGOTTEN;
                return true;
        case NODE_STEP_STAGING:
        case NODE_STEP_LOOKING:
                return false;
        }

        return false;
}

/* A decline of another slot than the present one says nothing. Nor does an intent under a slot:
 * that it may have been started is what a slot says. Without one it has to be taken now. */
static bool is_void(const Step *step, const StepBrief *brief) {
        if (brief->state == NODE_STEP_DECLINED)
                return brief->fence < step->fence;

        return brief->state == NODE_STEP_INTENT && step->slot;
}

static StepEvent fit(const Step *step, StepEvent event) {
        const uint32_t unstaged = IN(STEP_WAITING) | IN(STEP_STAGING);

        /* Declined under a fence that this log never gave out: it has no slot to free. */
        if (event == STEP_EVENT_DECLINED && !step->slot && (IN(step->state) & unstaged))
                return STEP_EVENT_STAGED;

        /* A journal that has lost a step that may have been started. */
        if (event == STEP_EVENT_FORGOTTEN && step->slot)
                return STEP_EVENT_LOST;

        return event;
}

/* The event that `brief` makes of the node's own present step. False: none. */
static bool judge_brief(const Node *node, const StepBrief *brief, StepEvent *ret) {
        StepEvent event;

        if (is_void(&node->step, brief) ||
            !translate(brief->state, brief->exit_status || brief->exit_signal, &event))
                return false;

        event = fit(&node->step, event);
        if (!step_next(node->step.state, event))
                return false;

        *ret = event;
        return true;
}

static Event step_event(const Node *node, StepEvent kind) {
        Event event = { .kind = EVENT_STEP, .step = { .event = kind } };

        (void) text_copy(event.step.node, sizeof(event.step.node), node->name);
        (void) text_copy(event.step.step, sizeof(event.step.step), node->step.id);
        return event;
}

/* The log is older than the node: that stands under a higher fence than the slot which it has here,
 * so it will never start under this one. Only what answers our claim says so for certain. */
static bool is_overtaken(const Step *step, const StepBrief *brief) {
        return step->state == STEP_SLOTTED && brief->fence > step->fence &&
               (IN(brief->state) & (IN(NODE_STEP_STAGED) | IN(NODE_STEP_READY)));
}

static bool judge_claimed(const Node *node, const StepBrief *brief, Event *ret) {
        StepEvent kind = STEP_EVENT_DECLINED;
        bool overtaken = is_overtaken(&node->step, brief);

        if (!overtaken && !judge_brief(node, brief, &kind))
                return false;

        *ret = step_event(node, kind);
        ret->step.fence = brief->fence;
        ret->step.exit_status = brief->exit_status;
        ret->step.exit_signal = brief->exit_signal;
        if (overtaken) {
                (void) text_format(
                                ret->step.reason, sizeof(ret->step.reason),
                                "it has been asked under fence %" PRIu64
                                " since, of which this log knows nothing",
                                brief->fence);
        }

        return true;
}

static const StepBrief *find_foreign(const Node *node, const char *step) {
        for (size_t i = 0; i < node->foreign_count; i++) {
                if (strcmp(node->foreign[i].step, step) == 0)
                        return &node->foreign[i];
        }

        return NULL;
}

/* A step that is not its present one: kept while it is unresolved, dropped when it no longer is. */
static bool judge_foreign(
                const State *state, const Node *node, const StepBrief *brief, Event *ret) {
        Event event = { .kind = EVENT_FOREIGN, .foreign = { .brief = *brief } };
        const StepBrief *kept = find_foreign(node, brief->step);
        bool matters = brief_is_in_hand(brief) ||
                       (brief_is_unresolved(brief) && !state_knows_step(state, node, brief->step));

        if (kept ? kept->state == brief->state : !matters)
                return false;

        (void) text_copy(event.foreign.node, sizeof(event.foreign.node), node->name);
        *ret = event;
        return true;
}

static bool claim_names(const Claimed *claimed, const char *step) {
        for (size_t i = 0; i < claimed->step_count; i++) {
                if (strcmp(claimed->steps[i].step, step) == 0)
                        return true;
        }

        return false;
}

/* The journal does not name the step that the log has for this node. */
static bool judge_absence(const Node *node, const Claimed *claimed, Event *ret) {
        StepBrief absent = { .state = NODE_STEP_ABSENT };
        bool wiped = node->journal_id[0] && strcmp(node->journal_id, claimed->journal_id) != 0;
        StepEvent event;

        if (!node->step.id[0] || claim_names(claimed, node->step.id) ||
            !judge_brief(node, &absent, &event))
                return false;

        *ret = step_event(node, event);
        (void) text_copy(
                        ret->step.reason, sizeof(ret->step.reason),
                        wiped ? "the node's step journal was wiped"
                              : "the node's step journal does not know this step");
        return true;
}

size_t intake_claimed(const State *state, const char *name, const Claimed *claimed, Event ret[]) {
        const Node *node = state_find_node_const(state, name);
        size_t count = 0;

        if (!node || claimed->epoch != state->epoch || node->epoch == claimed->epoch)
                return 0;

        for (size_t i = 0; i < claimed->step_count; i++) {
                const StepBrief *brief = &claimed->steps[i];

                if (strcmp(brief->step, node->step.id) != 0) {
                        count += judge_foreign(state, node, brief, &ret[count]);
                } else {
                        count += judge_claimed(node, brief, &ret[count]);
                }
        }

        count += judge_absence(node, claimed, &ret[count]);

        /* Last: as long as it is not committed, the node is asked again. */
        ret[count] = (Event) { .kind = EVENT_CLAIMED, .claimed = { .epoch = claimed->epoch } };
        (void) text_copy(ret[count].claimed.node, NAME_TEXT_MAX, name);
        (void) text_copy(ret[count].claimed.journal_id, ID_TEXT_MAX, claimed->journal_id);
        return count + 1;
}

int intake_heartbeat(const State *state, const char *name, const Heartbeat *heartbeat, Event *ret) {
        const Node *node = state_find_node_const(state, name);
        StepBrief brief = { .state = heartbeat->state };

        (void) text_copy(brief.step, sizeof(brief.step), heartbeat->step);
        if (!node || !brief.step[0] || strcmp(brief.step, node->step.id) == 0 ||
            !brief_is_in_hand(&brief))
                return 0;

        return judge_foreign(state, node, &brief, ret);
}

bool intake_version(const Node *node, const char *version, Event *ret) {
        Event event = { .kind = EVENT_NODE, .node = { .role = node->role } };
        EventNode *said = &event.node;

        if (!version[0] || strcmp(version, node->dcos_version) == 0)
                return false;

        said->master_count = node->master_count;
        (void) text_copy(said->node, sizeof(said->node), node->name);
        (void) text_copy(said->boot_id, sizeof(said->boot_id), node->boot_id);
        (void) text_copy(said->address, sizeof(said->address), node->address);
        (void) text_copy(said->dcos_version, sizeof(said->dcos_version), version);
        (void) text_copy(said->software, sizeof(said->software), node->software);
        *ret = event;
        return true;
}

/* The version on the node's disk, read when the report was written. Only of a script that has
 * ended: a report from before may come late, and what it read then is not true any more. */
static bool judge_version(const Node *node, const Report *report, Event *ret) {
        if (report->state != NODE_STEP_ENDED && report->state != NODE_STEP_INTERRUPTED)
                return false;

        return intake_version(node, report->dcos_version, ret);
}

/* How the script ended, in words: this is what `status` gives as the reason of a halt. */
static void describe_failure(const Report *report, char reason[static REASON_MAX]) {
        const char *colon = report->reason[0] ? ": " : "";

        if (report->exit_signal) {
                (void) text_format(
                                reason, REASON_MAX, "script killed by signal %" PRIu64 "%s%s",
                                report->exit_signal, colon, report->reason);
        } else {
                (void) text_format(
                                reason, REASON_MAX, "script ended with status %" PRIu64 "%s%s",
                                report->exit_status, colon, report->reason);
        }
}

static void fill_step_event(EventStep *said, const Report *report) {
        said->fence = report->fence;
        said->exit_status = report->exit_status;
        said->exit_signal = report->exit_signal;
        said->started_at = report->started_at;
        said->ended_at = report->ended_at;
        (void) text_copy(said->boot_id, sizeof(said->boot_id), report->boot_id);
        (void) text_copy(said->unit, sizeof(said->unit), report->unit);
        (void) text_copy(said->cursor, sizeof(said->cursor), report->cursor);
        if (said->event == STEP_EVENT_SCRIPT_FAILED) {
                describe_failure(report, said->reason);
        } else {
                (void) text_copy(said->reason, sizeof(said->reason), report->reason);
        }
        (void) text_copy(said->tail, sizeof(said->tail), report->tail);
}

size_t intake_report(const State *state, const char *name, const Report *report, Event ret[]) {
        const Node *node = state_find_node_const(state, name);
        StepBrief brief = {
                .state = report->state,
                .fence = report->fence,
                .exit_status = report->exit_status,
                .exit_signal = report->exit_signal,
        };
        StepEvent kind;
        size_t count = 0;

        if (!node)
                return 0;

        (void) text_copy(brief.step, sizeof(brief.step), report->step);
        if (strcmp(report->step, node->step.id) != 0)
                return judge_foreign(state, node, &brief, ret);

        count += judge_version(node, report, &ret[count]);
        if (judge_brief(node, &brief, &kind)) {
                ret[count] = step_event(node, kind);
                fill_step_event(&ret[count].step, report);
                count++;
        }

        return count;
}
