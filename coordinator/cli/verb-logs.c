/* SPDX-License-Identifier: Apache-2.0 */
#include "common/parse.h"
#include "coordinator/cli/ask.h"
#include "coordinator/cli/show.h"

#define LINES_DEFAULT 200

/* 0: all. */
static int read_lines(const CliOptions *options, uint64_t *ret) {
        *ret = options->all ? 0 : LINES_DEFAULT;
        if (!options->lines)
                return 0;
        if (!options->all && parse_u64(options->lines, 1, 1000000, ret) >= 0)
                return 0;

        (void) fprintf(stderr, "rollpatch: --lines wants a number of 1 to 1000000%s\n",
                       options->all ? ", and not --all too" : "");
        return EXIT_USAGE;
}

/* The answer is {"text":"..","lines":["..",..]}: what it is an excerpt of, and the lines. */
int verb_logs(const VerbCall *call) {
        AUTO(Json) *arguments = json_new_object();
        Show show = show_open(call->options);
        AUTO(Reply) *reply = NULL;
        const Json *lines;
        uint64_t count;
        int status;

        status = read_lines(call->options, &count);
        if (status != 0)
                return status;
        if (!arguments || !json_add_string(arguments, "node", call->arguments[0]) ||
            !ask_add_wait(call->options, arguments))
                return EXIT_FAILED;
        if (count > 0 && !json_add_u64(arguments, "lines", count))
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
