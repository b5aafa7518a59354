/* SPDX-License-Identifier: Apache-2.0 */
#include "common/text.h"
#include "coordinator/cli/ask.h"
#include "coordinator/cli/show.h"
#include "coordinator/drop-in.h"
#include "coordinator/init.h"

/* Here and not in rollpatchd: it is what that one needs before it can start. */

static int status_of(ErrorCode code) {
        if (code == ERROR_INVALID)
                return EXIT_USAGE;

        return code == ERROR_CONFLICT ? EXIT_BLOCKED : EXIT_FAILED;
}

static int read_wish(const CliOptions *options, InitWish *ret, Error *error) {
        DaemonConfig *wanted = &ret->wanted;
        char address[ADDRESS_TEXT_MAX];
        uint16_t port;

        ret->config = options->config ? options->config : CONFIG_PATH_DEFAULT;
        if (!name_is_valid(options->cluster)) {
                return error_setf(
                                error, ERROR_INVALID,
                                "--cluster is '%s', want lower-case letters, digits, dots and dashes",
                                options->cluster);
        }
        if (options->listen && parse_endpoint(options->listen, address, &port) < 0) {
                return error_setf(
                                error, ERROR_INVALID, "--listen is '%s', want ADDRESS:PORT",
                                options->listen);
        }
        if (options->state_dir && options->state_dir[0] != '/') {
                return error_setf(
                                error, ERROR_INVALID, "--state-dir is '%s', want an absolute path",
                                options->state_dir);
        }

        (void) text_copy(wanted->cluster, sizeof(wanted->cluster), options->cluster);
        if (!text_copy(wanted->listen, sizeof(wanted->listen),
                       options->listen ? options->listen : "") ||
            !text_copy(wanted->state_dir, sizeof(wanted->state_dir),
                       options->state_dir ? options->state_dir : ""))
                return error_setf(error, ERROR_INVALID, "a path or address is too long");

        return init_parse_masters(options->masters, wanted, error);
}

static void add_line(Json *lines, bool made, const char *what, const char *where) {
        char text[2048];

        (void) text_format(text, sizeof(text), "%s: %s, %s", made ? "made" : "found", what, where);
        (void) json_append(lines, json_new_string(text));
}

static Json *list_lines(const InitWish *wish, const InitResult *result) {
        Json *lines = json_new_array();
        char fingerprint[KEY_FINGERPRINT_MAX];
        char where[1280];

        add_line(lines, result->made_config, "configuration", wish->config);
        key_fingerprint(result->channel, fingerprint);
        (void) text_format(
                        where, sizeof(where), "%s/" CHANNEL_KEY_FILE ", fingerprint %s",
                        result->config.state_dir, fingerprint);
        add_line(lines, result->made_channel_key, "channel key", where);
        key_fingerprint(result->signing, fingerprint);
        (void) text_format(
                        where, sizeof(where), "%s/" SIGNING_KEY_FILE ", fingerprint %s",
                        result->config.state_dir, fingerprint);
        add_line(lines, result->made_signing_key, "signing key", where);
        if (result->log_was_there && result->made_channel_key) {
                (void) json_append(
                                lines,
                                json_new_string("there is a log, and its key was gone: no node knows the new one; give all of them the agent.yaml below"));
        }

        return lines;
}

static Json *describe(const InitWish *wish, const InitResult *result) {
        Json *answer = json_new_object();
        Json *files = json_new_array();
        Json *file = json_new_object();
        char yaml[AGENT_YAML_MAX];
        char key[KEY_TEXT_MAX];

        drop_in_agent_yaml(&result->config, result->channel, result->signing, yaml);
        (void) json_add_string(file, "path", AGENT_YAML_PATH);
        (void) json_add_string(file, "mode", "0644");
        (void) json_add_string(file, "content", yaml);
        (void) json_append(files, file);
        key_to_text(result->channel, key);
        (void) json_add_string(answer, "coordinator_key", key);
        key_to_text(result->signing, key);
        (void) json_add_string(answer, "signing_key", key);
        (void) json_add_bool(
                        answer, "changed",
                        result->made_config || result->made_channel_key ||
                                        result->made_signing_key);
        (void) json_add(answer, "lines", list_lines(wish, result));
        (void) json_add(answer, "files", files);
        return answer;
}

int verb_init(const VerbCall *call) {
        const CliOptions *options = call->options;
        Show show = show_open(options);
        AUTO(Json) *answer = NULL;
        InitResult result;
        InitWish wish = {};
        Error error = {};
        const Json *lines;

        if (read_wish(options, &wish, &error) < 0 || init_run(&wish, &result, &error) < 0)
                return ask_failed(options, "init", status_of(error.code), &error);

        answer = describe(&wish, &result);
        if (options->json != JSON_OFF)
                return ask_print_answer(options, "init", EXIT_OK, TAKE(answer));

        lines = doc_list(answer, "lines");
        for (const Json *line = json_first(lines); line; line = json_next(line))
                show_line(&show, STYLE_PLAIN, "%s", json_string_value(line));

        show_line(&show, STYLE_PLAIN, "%s",
                  "Start rollpatchd, then: rollpatch token create --role master");
        show_line(&show, STYLE_PLAIN, "%s", "What config management drops on every node:");
        show_files(&show, doc_list(answer, "files"));
        return EXIT_OK;
}
