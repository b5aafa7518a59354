/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/parse.h"
#include "common/redact.h"
#include "common/text.h"
#include "coordinator/archive.h"
#include "coordinator/cli/ask.h"
#include "coordinator/cli/show.h"
#include "proto/schema.h"

/* Asks for one thing after the other, so that no node has two questions of ours at once. Every text
 * goes through redact(), whatever was taken out on its way. What cannot be got is a line in the
 * bundle, and of the answer: a bundle is asked for when things are broken. */

#define PATIENCE   (60 * USEC_PER_SEC) /* for one thing, at least */
#define NODES_MAX  64
#define MEMBER_MAX 100 /* of a file in a tar */

typedef struct Bundle {
        Client client;
        int fd;
        uint64_t files;
        Json *missing; /* texts */
        Error error;   /* of writing */
} Bundle;

static void add_text(Bundle *bundle, const char *name, const char *text) {
        size_t size = 0;
        auto_free char *clean = redact(text, strlen(text), &size);

        if (bundle->error.code != ERROR_NONE)
                return;
        if (!clean) {
                (void) error_setf(&bundle->error, ERROR_MEMORY, "out of memory");
                return;
        }

        if (archive_add(bundle->fd, name, -EBADF, clean, size, &bundle->error) >= 0)
                bundle->files++;
}

static void add_missing(Bundle *bundle, const char *name, const char *why) {
        char text[ERROR_TEXT_MAX + MEMBER_MAX + 8];

        (void) text_format(text, sizeof(text), "%s: %s", name, why);
        (void) json_append(bundle->missing, json_new_string(text));
}

/* --- asking --- */

/* Takes `arguments`. NULL: there is no answer, and that is noted under `name`. */
static Reply *get(Bundle *bundle, const char *verb, Json *arguments, const char *name) {
        AUTO(Reply) *reply = NULL;
        Error error = {};

        (void) json_add_u64(arguments, "wait", bundle->client.deadline / 6 * 5);
        if (client_ask(&bundle->client, verb, arguments, &reply, &error) >= 0) {
                if (reply->answer)
                        return TAKE(reply);

                error = reply->error;
        }

        add_missing(bundle, name, error.text);
        return NULL;
}

static Json *about(const char *node) {
        Json *arguments = json_new_object();

        (void) json_add_string(arguments, "node", node);
        return arguments;
}

static void add_document(Bundle *bundle, const char *verb, Json *arguments, const char *name) {
        AUTO(Reply) *reply = get(bundle, verb, arguments, name);
        auto_free char *text = reply ? json_print_pretty(reply->answer) : NULL;

        if (text)
                add_text(bundle, name, text);
}

static char *join_lines(const Json *lines) {
        auto_free char *text = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);

        if (!file)
                return NULL;

        for (const Json *line = lines ? json_first(lines) : NULL; line; line = json_next(line)) {
                const char *value = json_string_value(line);

                (void) fprintf(file, "%s\n", value ? value : "");
        }

        return fclose(file) == 0 ? TAKE(text) : NULL;
}

static void add_lines(Bundle *bundle, const char *node, const char *what, const char *name) {
        Json *arguments = about(node);
        AUTO(Reply) *reply = NULL;
        auto_free char *text = NULL;

        (void) json_add_string(arguments, "what", what);
        reply = get(bundle, "logs", arguments, name);
        text = reply ? join_lines(doc_list(reply->answer, "lines")) : NULL;
        if (text)
                add_text(bundle, name, text);
}

/* --- what is in it --- */

static const char *path_of(const char *node, const char *file, char buffer[static MEMBER_MAX]) {
        (void) text_format(buffer, MEMBER_MAX, "%.80s/%s", node, file);
        return buffer;
}

static void add_node(Bundle *bundle, const char *node) {
        Json *arguments = json_new_object();
        Json *nodes = json_new_array();
        char path[MEMBER_MAX];

        (void) json_append(nodes, json_new_string(node));
        (void) json_add(arguments, "nodes", nodes);
        add_document(bundle, "status", arguments, path_of(node, "answers.json", path));
        add_document(bundle, "diagnose", about(node), path_of(node, "findings.json", path));
        add_lines(bundle, node, "units", path_of(node, "units.txt", path));
        add_lines(bundle, node, "journal", path_of(node, "journal.txt", path));
        add_lines(bundle, node, "output", path_of(node, "output.txt", path));
}

/* The masters, and who has gone down and is not done: what tells how a run went wrong. */
static bool is_wanted(const Json *step) {
        return strcmp(doc_text(step, "role"), "master") == 0 ||
               (doc_number(step, "slotted") > 0 && strcmp(doc_text(step, "state"), "done") != 0);
}

static bool is_first_of_node(const Json *steps, const Json *step) {
        for (const Json *one = json_first(steps); one != step; one = json_next(one)) {
                if (strcmp(doc_text(one, "node"), doc_text(step, "node")) == 0)
                        return false;
        }

        return true;
}

static void add_run(Bundle *bundle, uint64_t number, bool with_nodes) {
        Json *arguments = json_new_object();
        AUTO(Reply) *reply = NULL;
        auto_free char *text = NULL;
        const Json *steps;
        size_t count = 0;

        if (number > 0)
                (void) json_add_u64(arguments, "run", number);
        reply = get(bundle, "report", arguments, "report.json");
        text = reply ? json_print_pretty(reply->answer) : NULL;
        if (!text)
                return;

        add_text(bundle, "report.json", text);
        steps = with_nodes ? doc_list(reply->answer, "steps") : NULL;
        for (const Json *step = steps ? json_first(steps) : NULL; step; step = json_next(step)) {
                if (!is_wanted(step) || !is_first_of_node(steps, step))
                        continue;
                if (count++ < NODES_MAX) {
                        add_node(bundle, doc_text(step, "node"));
                } else {
                        add_missing(bundle, doc_text(step, "node"), "more than 64 nodes");
                }
        }
}

static void add_missing_list(Bundle *bundle) {
        auto_free char *text = join_lines(bundle->missing);

        if (text && json_size(bundle->missing) > 0)
                add_text(bundle, "missing.txt", text);
}

/* --- the file --- */

static const char *choose_file(const VerbCall *call, char *buffer, size_t size) {
        const CliOptions *options = call->options;

        if (options->output)
                return options->output;

        (void) text_format(
                        buffer, size, "rollpatch-bundle-%s-%" PRIu64 ".tar", call->arguments[0],
                        clock_wall() / USEC_PER_SEC);
        return buffer;
}

static int open_file(const char *file, Error *error) {
        int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd >= 0)
                return fd;
        if (errno == EEXIST) {
                return error_setf(
                                error, ERROR_CONFLICT,
                                "%s is there already and is not replaced; name another with --output",
                                file);
        }

        return error_errnof(error, errno, "cannot make %s", file);
}

static int fill(Bundle *bundle, const char *what) {
        uint64_t number;

        if (parse_u64(what, 1, JSON_NUMBER_MAX, &number) >= 0) {
                add_run(bundle, number, true);
        } else {
                add_node(bundle, what);
                add_run(bundle, 0, false);
        }

        if (bundle->error.code == ERROR_NONE && bundle->files == 0)
                (void) error_setf(&bundle->error, ERROR_NOT_FOUND, "nothing was got of '%s'", what);

        add_missing_list(bundle);
        if (bundle->error.code == ERROR_NONE && archive_end(bundle->fd, &bundle->error) >= 0 &&
            fsync(bundle->fd) < 0)
                (void) error_errnof(&bundle->error, errno, "syncing");

        return error_to_errno(bundle->error.code);
}

/* The exit status. */
static int show_bundle(const VerbCall *call, const Bundle *bundle, const char *file) {
        const CliOptions *options = call->options;
        int status = json_size(bundle->missing) == 0 ? EXIT_OK : EXIT_FAILED;
        Show show = show_open(options);
        char text[REASON_MAX];
        Json *answer;

        (void) text_format(
                        text, sizeof(text),
                        "%s: %" PRIu64 " files, without what looks like a secret", file,
                        bundle->files);
        if (options->json != JSON_OFF) {
                answer = json_new_object();
                (void) json_add_string(answer, "text", text);
                (void) json_add_string(answer, "file", file);
                (void) json_add_u64(answer, "files", bundle->files);
                (void) json_add(answer, "missing", json_copy(bundle->missing));
                return ask_print_answer(options, "bundle", status, answer);
        }

        show_line(&show, STYLE_PLAIN, "%s", text);
        for (const Json *one = json_first(bundle->missing); one; one = json_next(one))
                show_line(&show, STYLE_WARN, "missing: %s", json_string_value(one));

        return status;
}

int verb_bundle(const VerbCall *call) {
        const CliOptions *options = call->options;
        AUTO(Json) *missing = json_new_array();
        char buffer[NAME_TEXT_MAX + 64];
        const char *file = choose_file(call, buffer, sizeof(buffer));
        Bundle bundle = { .client = ask_client(options), .missing = missing };
        auto_close int fd = -EBADF;

        if (!missing)
                return EXIT_FAILED;

        fd = open_file(file, &bundle.error);
        if (fd < 0) {
                return ask_failed(
                                options, "bundle",
                                bundle.error.code == ERROR_CONFLICT ? EXIT_BLOCKED : EXIT_FAILED,
                                &bundle.error);
        }

        bundle.fd = fd;
        bundle.client.deadline = MAX(options->timeout, PATIENCE);
        if (fill(&bundle, call->arguments[0]) < 0) {
                (void) unlink(file);
                return ask_failed(options, "bundle", EXIT_FAILED, &bundle.error);
        }

        return show_bundle(call, &bundle, file);
}
