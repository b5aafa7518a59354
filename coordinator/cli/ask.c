/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/cli/ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

#define VERB_NAME_MAX 32

Client ask_client(const CliOptions *options) {
        return (Client) {
                .path = options->control,
                .deadline = options->timeout,
                .interrupt = -EBADF,
        };
}

bool ask_add_wait(const CliOptions *options, Json *arguments) {
        usec_t wait = MIN(options->timeout / 5 * 4, 50 * USEC_PER_SEC);

        return json_add_u64(arguments, "wait", MAX(wait, USEC_PER_MSEC));
}

static void say_error(const Error *error) {
        char clean[ERROR_TEXT_MAX];

        text_ellipsize(clean, sizeof(clean), error->text);
        (void) fprintf(stderr, "rollpatch: %s\n", clean);
}

/* Without its last member. */
static Json *new_document(const char *verb, int status) {
        AUTO(Json) *document = json_new_object();

        if (!document || !json_add_u64(document, "version", CONTROL_VERSION) ||
            !json_add_string(document, "verb", verb) ||
            !json_add_u64(document, "exit", (uint64_t) status))
                return NULL;

        return TAKE(document);
}

static void print_document(const CliOptions *options, const Json *document) {
        auto_free char *text = options->json == JSON_PRETTY ? json_print_pretty(document)
                                                            : json_print(document);

        if (text)
                (void) printf("%s\n", text);
}

static Json *error_document(const char *verb, int status, const Error *error) {
        AUTO(Json) *document = new_document(verb, status);
        AUTO(Json) *body = json_new_object();

        if (!document || !body ||
            !json_add_string(body, "code", error_code_to_string(error->code)) ||
            !json_add_string(body, "text", error->text) || !json_add(document, "error", TAKE(body)))
                return NULL;

        return TAKE(document);
}

int ask_failed(const CliOptions *options, const char *verb, int status, const Error *error) {
        AUTO(Json) *document = NULL;

        say_error(error);
        if (options->json == JSON_OFF)
                return status;

        document = error_document(verb, status, error);
        if (document)
                print_document(options, document);

        return status;
}

int ask_print_answer(const CliOptions *options, const char *verb, int status, Json *answer) {
        AUTO(Json) *document = new_document(verb, status);
        AUTO(Json) *body = answer;

        if (!document || !body || !json_add(document, "answer", TAKE(body)))
                return EXIT_FAILED;

        print_document(options, document);
        return status;
}

void ask_print_json(const CliOptions *options, const Reply *reply) {
        auto_free char *pretty = NULL;

        if (options->json == JSON_PRETTY)
                pretty = json_print_pretty(reply->document);

        (void) printf("%s\n", pretty ? pretty : reply->text);
}

static int status_of(const Error *error) {
        bool mine = error->code == ERROR_MEMORY || error->code == ERROR_TOO_BIG;

        return mine ? EXIT_FAILED : EXIT_UNREACHABLE;
}

/* "token create" is asked for as "token-create". */
static void name_of(const char *verb, char ret[static VERB_NAME_MAX]) {
        (void) text_copy(ret, VERB_NAME_MAX, verb);
        for (char *space = strchr(ret, ' '); space; space = strchr(space, ' '))
                *space = '-';
}

void ask_for_audit(const CliOptions *options, const char *verb, Json *arguments) {
        Client client = ask_client(options);
        AUTO(Reply) *reply = NULL;
        Error error = {};

        if (client_ask(&client, verb, arguments, &reply, &error) >= 0) {
                if (reply->answer)
                        return;

                error = reply->error;
        }

        (void) error_prefixf(&error, "this is not in the audit");
        say_error(&error);
}

int ask(const CliOptions *options, const char *words, Json *arguments, Reply **ret) {
        Client client = ask_client(options);
        char verb[VERB_NAME_MAX];
        AUTO(Reply) *reply = NULL;
        Error error = {};
        int status;

        name_of(words, verb);
        if (client_ask(&client, verb, arguments, &reply, &error) < 0)
                return ask_failed(options, verb, status_of(&error), &error);

        status = reply->status;
        if (!reply->answer)
                say_error(&reply->error);
        if (options->json != JSON_OFF) {
                ask_print_json(options, reply);
        } else if (reply->answer) {
                *ret = TAKE(reply);
        }

        return status;
}
