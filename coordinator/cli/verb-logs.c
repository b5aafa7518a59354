/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/cli/ask.h"
#include "coordinator/cli/show.h"

/* The answer is {"text":"..","lines":["..",..]}: what it is an excerpt of, and the lines. */
int verb_logs(const VerbCall *call) {
        AUTO(Json) *arguments = json_new_object();
        Show show = show_open(call->options);
        AUTO(Reply) *reply = NULL;
        const Json *lines;
        int status;

        if (!arguments || !json_add_string(arguments, "node", call->arguments[0]))
                return EXIT_FAILED;

        status = ask(call->options, "logs", TAKE(arguments), &reply);
        if (!reply)
                return status;

        if (doc_text(reply->answer, "text")[0])
                show_line(&show, STYLE_DIM, "%s", doc_text(reply->answer, "text"));

        lines = doc_list(reply->answer, "lines");
        for (const Json *line = lines ? json_first(lines) : NULL; line; line = json_next(line)) {
                show_line(&show, STYLE_PLAIN, "%s",
                          json_is_string(line) ? json_string_value(line) : doc_text(line, "text"));
        }

        return status;
}
