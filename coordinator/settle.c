/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/settle.h"

#include <inttypes.h>
#include <string.h>

#include "common/text.h"

/* Nobody needs to settle it: it says itself how it ends. */
static bool ends_by_itself(const State *state, const Node *node) {
        if (node->journal_lost || node->foreign_count > 0 || step_state_is_bad(node->step.state))
                return false;

        /* A slot that an aborted run has left unused is never used any more. */
        return node->step.state != STEP_SLOTTED || state_has_open_run(state);
}

void settle_describe(const State *state, const Node *node, char text[static REASON_MAX]) {
        const Step *step = &node->step;

        if (node->journal_lost) {
                (void) text_copy(
                                text, REASON_MAX,
                                "its step journal was wiped: what it has done is not known");
        } else if (node->foreign_count > 0) {
                (void) text_format(
                                text, REASON_MAX,
                                "its step journal has step %s (%s), which is not its present one",
                                node->foreign[0].step,
                                enum_name(&node_step_names, node->foreign[0].state));
        } else {
                (void) text_format(
                                text, REASON_MAX, "its step of run %" PRIu64 " is %s%s%s%s",
                                state->run.made.number, enum_name(&step_state_names, step->state),
                                step->reason[0] ? ": " : "", step->reason,
                                ends_by_itself(state, node) ? ", and goes on to its end" : "");
        }
}

void under_way_describe(const State *state, char *text, size_t size) {
        size_t used = 0;

        text[0] = '\0';
        for (size_t i = 0; state->slots > 0 && i < state->node_count; i++) {
                const Node *node = &state->nodes[i];

                if (!node->step.slot || !ends_by_itself(state, node))
                        continue;

                (void) text_format(
                                text + used, size - used, "%s%s (%s)",
                                used ? ", " : "goes on to its end: ", node->name,
                                enum_name(&step_state_names, node->step.state));
                used = strlen(text);
        }
}

void settle_advise(const State *state, const Node *node, char advice[static REASON_MAX]) {
        const char *name = node->name;

        if (ends_by_itself(state, node)) {
                (void) text_format(advice, REASON_MAX, "rollpatch status %s", name);
        } else if (node->journal_lost || node->foreign_count > 0 ||
                   !node_is_in_open_run(state, node)) {
                (void) text_format(
                                advice, REASON_MAX,
                                "rollpatch status %s; then rollpatch release %s --reason TEXT",
                                name, name);
        } else {
                (void) text_format(
                                advice, REASON_MAX,
                                "rollpatch report; then rollpatch retry %s --reason TEXT%s%s%s",
                                name, node->role == ROLE_MASTER ? "" : ", or rollpatch quarantine ",
                                node->role == ROLE_MASTER ? "" : name,
                                node->role == ROLE_MASTER ? "" : " --reason TEXT");
        }
}
