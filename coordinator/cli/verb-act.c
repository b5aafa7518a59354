/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "coordinator/cli/ask.h"
#include "coordinator/cli/show.h"

/* What these verbs may be given is in their rows in main.c, what they do is the coordinator's.
 * {"node", "id" or "fingerprint":"..","for":USEC,"reason":".."}, each only when it was given; the
 * answer is one sentence. */

/* What the argument is, where it is not a node. */
// clang-format off
static const struct {
        const char *verb;
        const char *key;
} subjects[] = {
        { "node approve", "fingerprint" },
        { "node reject",  "fingerprint" },
        { "token revoke", "id"          },
        { "waive",        "id"          },
};
// clang-format on

static const char *subject_of(const char *verb) {
        for (size_t i = 0; i < ELEMENTSOF(subjects); i++) {
                if (strcmp(subjects[i].verb, verb) == 0)
                        return subjects[i].key;
        }

        return "node";
}

int verb_act(const VerbCall *call) {
        const CliOptions *options = call->options;
        AUTO(Json) *arguments = json_new_object();
        Show show = show_open(options);
        AUTO(Reply) *reply = NULL;
        int status;

        if (!arguments)
                return EXIT_FAILED;
        if (call->count > 0 &&
            !json_add_string(arguments, subject_of(call->verb->name), call->arguments[0]))
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
