/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "coordinator/cli/ask.h"
#include "coordinator/cli/show.h"

/* pause, resume, abort, retry, release, quarantine, unquarantine, waive: what they may be given is
 * in their rows in main.c, what they do is the coordinator's. {"node" or
 * "id":"..","for":USEC,"reason":".."}, each only when it was given; the answer is one sentence. */
int verb_act(const VerbCall *call) {
        const CliOptions *options = call->options;
        const char *key = strcmp(call->verb->name, "waive") == 0 ? "id" : "node";
        AUTO(Json) *arguments = json_new_object();
        Show show = show_open(options);
        AUTO(Reply) *reply = NULL;
        int status;

        if (!arguments)
                return EXIT_FAILED;
        if (call->count > 0 && !json_add_string(arguments, key, call->arguments[0]))
                return EXIT_FAILED;
        if (options->pause > 0 && !json_add_u64(arguments, "for", options->pause))
                return EXIT_FAILED;
        if (options->reason && !json_add_string(arguments, "reason", options->reason))
                return EXIT_FAILED;

        status = ask(options, call->verb->name, TAKE(arguments), &reply);
        if (reply)
                show_line(&show, STYLE_PLAIN, "%s", doc_text(reply->answer, "text"));

        return status;
}
