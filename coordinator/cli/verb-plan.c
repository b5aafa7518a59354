/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/cli/ask.h"
#include "coordinator/cli/show-plan.h"

int verb_plan(const VerbCall *call) {
        Json *arguments = plan_arguments(call->arguments[0], call->options);
        Show show = show_open(call->options);
        AUTO(Reply) *reply = NULL;
        int status;

        if (!arguments)
                return EXIT_USAGE;

        status = ask(call->options, "plan", arguments, &reply);
        if (reply)
                show_plan(&show, reply->answer);

        return status;
}
