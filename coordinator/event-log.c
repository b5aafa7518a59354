/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/event-log.h"

#include "common/log.h"

void event_log(const State *state, const Event *event) {
        char text[REASON_MAX];
        const char *node = event_node(event);
        LogContext context = {
                .node = node[0] ? node : NULL,
                .run = state->run.made.number > 0 ? state->run.made.id : NULL,
                .step = event->kind == EVENT_STEP ? event->step.step : NULL,
        };

        event_describe(event, text, sizeof(text));
        log_message(LOG_NOTICE, &context, "%s", text);
}
