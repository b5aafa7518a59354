/* SPDX-License-Identifier: Apache-2.0 */

#include <inttypes.h>
#include <unistd.h>

#include "common/text.h"
#include "coordinator/cli/ask.h"
#include "coordinator/cli/show-status.h"
#include "coordinator/cli/watch.h"

/* NULL: out of memory. */
static Json *arguments_of(const VerbCall *call) {
        const CliOptions *options = call->options;
        AUTO(Json) *arguments = json_new_object();
        AUTO(Json) *nodes = json_new_array();

        if (!arguments || !nodes)
                return NULL;

        for (size_t i = 0; i < call->count; i++) {
                if (!json_append(nodes, json_new_string(call->arguments[i])))
                        return NULL;
        }
        if (call->count > 0 && !json_add(arguments, "nodes", TAKE(nodes)))
                return NULL;
        if (options->json == JSON_OFF && call->count == 0 && !options->refresh &&
            !json_add_bool(arguments, "brief", true))
                return NULL;
        if (options->refresh &&
            (!json_add_bool(arguments, "refresh", true) || !ask_add_wait(options, arguments)))
                return NULL;

        return TAKE(arguments);
}

static int show_nodes(const VerbCall *call, const Show *show, const Json *answer, int status) {
        for (size_t i = 0; i < call->count; i++) {
                const Json *node = show_find_node(answer, call->arguments[i]);
                Error error = {};

                if (node) {
                        show_status_node(show, answer, node);
                        continue;
                }

                (void) error_setf(
                                &error, ERROR_NOT_FOUND, "no node '%s' - try: rollpatch nodes",
                                call->arguments[i]);
                status = ask_failed(call->options, "status", status ? status : EXIT_FAILED, &error);
        }

        return status;
}

int verb_status(const VerbCall *call) {
        const CliOptions *options = call->options;
        Show show = show_open(options);
        AUTO(Reply) *reply = NULL;
        int status;

        if (options->watch && (call->count > 0 || options->refresh)) {
                (void) fprintf(stderr, "rollpatch: --watch shows all nodes as they are known, %s\n",
                               options->refresh ? "it does not go with --refresh"
                                                : "not single ones");
                return EXIT_USAGE;
        }
        if (options->watch)
                return watch_run(options, show.look.width ? WATCH_SCREEN : WATCH_LINES, 0);

        status = ask(options, "status", arguments_of(call), &reply);
        if (reply && call->count > 0) {
                status = show_nodes(call, &show, reply->answer, status);
        } else if (reply) {
                show_status(&show, reply->answer);
        }
        if (reply)
                show_refresh(&show, reply->answer);

        return status;
}
