/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/cli/ask.h"
#include "coordinator/cli/show-plan.h"
#include "coordinator/cli/watch.h"

/* Without --yes the same as `plan`, and how to go on. */
static int show_only(const VerbCall *call, Json *arguments) {
        Show show = show_open(call->options);
        AUTO(Reply) *reply = NULL;
        int status;

        status = ask(call->options, "plan", arguments, &reply);
        if (!reply)
                return status;

        show_plan(&show, reply->answer);
        if (status == EXIT_OK) {
                show_line(&show, STYLE_STRONG,
                          "nothing was done; to start this run - try: rollpatch run %s --yes",
                          call->arguments[0]);
        } else {
                show_line(&show, STYLE_BAD,
                          "nothing was done, and this run would be refused: see Findings");
        }

        return status;
}

static bool add_options(Json *arguments, const CliOptions *options) {
        return json_add_bool(arguments, "yes", options->yes) &&
               (!options->cluster || json_add_string(arguments, "cluster", options->cluster));
}

/* Of the run that was started, when the answer has it. */
static uint64_t number_of(const Reply *reply) {
        return reply ? doc_number(doc_object(reply->answer, "run"), "number") : 0;
}

int verb_run(const VerbCall *call) {
        const CliOptions *options = call->options;
        AUTO(Json) *arguments = plan_arguments(call->arguments[0], options);
        Show show = show_open(options);
        AUTO(Reply) *reply = NULL;
        int status;

        if (!arguments)
                return EXIT_USAGE;
        if (!options->yes)
                return show_only(call, TAKE(arguments));
        if (!add_options(arguments, options))
                return EXIT_FAILED;

        status = ask(options, "run", TAKE(arguments), &reply);
        if (reply)
                show_line(&show, STYLE_PLAIN, "%s", doc_text(reply->answer, "text"));
        if (status == EXIT_OK && options->wait)
                return watch_run(options, WATCH_WAIT, number_of(reply));

        return status;
}
