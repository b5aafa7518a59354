/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/text.h"
#include "coordinator/cli/ask.h"
#include "coordinator/cli/show.h"
#include "coordinator/saved-state.h"

/* Here and not in rollpatchd: a coordinator must be saved and looked at when it cannot start. If it
 * runs it is told, for its audit. */

static int failed(const VerbCall *call, const char *verb, const Error *error) {
        int status = error->code == ERROR_CONFLICT ? EXIT_BLOCKED : EXIT_FAILED;

        return ask_failed(call->options, verb, status, error);
}

static void describe(const SavedState *saved, char *buffer, size_t size) {
        char newest[TIMESTAMP_TEXT_MAX];

        (void) text_format(
                        buffer, size,
                        "cluster %s, coordinator %s: %" PRIu64
                        " events, the newest %s; epoch %" PRIu64 ", %" PRIu64 " nodes, %" PRIu64
                        " keys enrolled, %" PRIu64 " runs",
                        saved->cluster, saved->fingerprint, saved->events,
                        show_time(saved->newest, newest), saved->epoch, saved->nodes,
                        saved->enrolled, saved->runs);
}

static Json *document_of(const SavedState *saved, const char *text) {
        Json *answer = json_new_object();

        (void) json_add_string(answer, "text", text);
        (void) json_add_string(answer, "cluster", saved->cluster);
        (void) json_add_string(answer, "fingerprint", saved->fingerprint);
        (void) json_add_u64(answer, "events", saved->events);
        (void) json_add_u64(answer, "newest", saved->newest);
        (void) json_add_u64(answer, "epoch", saved->epoch);
        (void) json_add_u64(answer, "nodes", saved->nodes);
        (void) json_add_u64(answer, "enrolled", saved->enrolled);
        (void) json_add_u64(answer, "runs", saved->runs);
        return answer;
}

static int check(const VerbCall *call, const char *verb, const char *begin) {
        const CliOptions *options = call->options;
        Show show = show_open(options);
        char text[1024], line[1280];
        SavedState saved;
        Error error = {};

        if (saved_state_check(call->arguments[0], &saved, &error) < 0)
                return failed(call, verb, &error);

        describe(&saved, text, sizeof(text));
        (void) text_format(line, sizeof(line), "%s %s: %s", begin, call->arguments[0], text);
        if (options->json != JSON_OFF)
                return ask_print_answer(options, verb, EXIT_OK, document_of(&saved, line));

        show_line(&show, STYLE_PLAIN, "%s", line);
        return EXIT_OK;
}

int verb_state_check(const VerbCall *call) {
        return check(call, "state-check", "good:");
}

/* "FILE" as others, who are elsewhere, may name it. */
static void name_in_full(const char *file, char *buffer, size_t size) {
        auto_free char *here = file[0] == '/' ? NULL : getcwd(NULL, 0);

        (void) text_format(buffer, size, "%s%s%s", here ? here : "", here ? "/" : "", file);
}

/* Everything that an operator does is in the audit, before it is done. But no coordinator needs to
 * be saved more than one whose daemon is down, or cannot write: then it is all the same. */
static void tell_audit(const CliOptions *options, const char *file) {
        Json *arguments = json_new_object();
        char name[REASON_MAX];

        name_in_full(file, name, sizeof(name));
        (void) json_add_string(arguments, "file", name);
        ask_for_audit(options, "state-save", arguments);
}

/* Reads back what it has written: a backup that nobody has read is a hope. */
int verb_state_save(const VerbCall *call) {
        const CliOptions *options = call->options;
        Error error = {};

        tell_audit(options, call->arguments[0]);
        if (saved_state_make(
                            options->config ? options->config : CONFIG_PATH_DEFAULT,
                            call->arguments[0], &error) < 0)
                return failed(call, "state-save", &error);

        return check(call, "state-save", "saved in");
}
