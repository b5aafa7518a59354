/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/iam.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/helper.h"
#include "common/log.h"
#include "common/text.h"
#include "proto/random.h"
#include "proto/secret.h"

#define HELPER_TIMEOUT (30 * USEC_PER_SEC) /* more than the probe gives itself */
#define WORDS_MAX      8

struct Iam {
        sd_event *event;
        const DaemonConfig *config;
        LoginPlan plan;
        Helper *helper;
        Secret *token; /* NULL: none */
};

/* --- the answer --- */

/* What it has left, by this host's clock: the IAM signs by its own. */
static int read_life(const Json *answer, usec_t wall, usec_t *ret, Error *error) {
        char span[SPAN_TEXT_MAX];
        uint64_t expires;
        usec_t end;
        int r;

        if (!json_find(answer, "expires")) {
                *ret = LOGIN_LIFE;
                return 0;
        }

        r = json_get_u64(answer, "expires", 0, JSON_NUMBER_MAX, &expires, error);
        if (r < 0)
                return r;

        end = MIN(expires, UINT64_MAX / USEC_PER_SEC) * USEC_PER_SEC;
        if (end <= wall) {
                return error_setf(
                                error, ERROR_INVALID,
                                "the token expired %s ago by this host's clock, want one that is good",
                                span_format(wall - end, span));
        }

        *ret = end - wall;
        return 0;
}

/* The same token again is no news to anybody. */
static int keep_token(Iam *iam, const char *text, uint64_t *ret_serial, Error *error) {
        AUTO(Secret) *token = NULL;
        int r;

        if (secret_equals(iam->token, text)) {
                *ret_serial = iam->plan.serial;
                return 0;
        }

        r = secret_new(text, &token, error);
        if (r < 0)
                return r;

        secret_free(iam->token);
        iam->token = TAKE(token);
        *ret_serial = (random_u64() & JSON_NUMBER_MAX) | 1;
        return 0;
}

static int read_token(Iam *iam, const Json *answer, uint64_t *ret_serial, Error *error) {
        char token[IAM_TOKEN_MAX] = "";
        int r;

        r = json_get_string(answer, "token", token, sizeof(token), error);
        if (r == 0)
                r = keep_token(iam, token, ret_serial, error);

        explicit_bzero(token, sizeof(token));
        return r;
}

static int read_answer(
                Iam *iam, int status, const char *output, size_t size, usec_t now, Error *error) {
        AUTO(Json) *answer = NULL;
        uint64_t serial = 0;
        usec_t life = 0;
        int r;

        r = helper_read_answer(status, output, size, &answer, error);
        if (r == 0)
                r = read_life(answer, clock_wall(), &life, error);
        if (r == 0)
                r = read_token(iam, answer, &serial, error);

        json_wipe_string(answer, "token");
        if (r == 0)
                login_succeed(&iam->plan, serial, life, now);

        return r;
}

static void on_answer(
                int status, const char *output, size_t size, const Error *failed, void *userdata) {
        Iam *iam = ASSERT_PTR(userdata);
        bool was_failing = iam->plan.failure[0];
        usec_t now = clock_boottime();
        Error error = *failed;

        if (status < 0 || read_answer(iam, status, output, size, now, &error) < 0) {
                if (!was_failing || strcmp(iam->plan.failure, error.text) != 0)
                        log_error("No token of the IAM: %s.", error.text);

                login_fail(&iam->plan, &error, now);
        } else {
                log_info("Logged in to the IAM.");
        }

        helper_free(TAKE(iam->helper));
}

/* --- the question --- */

typedef struct Command {
        char *words[WORDS_MAX + 1];
        size_t count;
} Command;

static void command_done(Command *command) {
        for (size_t i = 0; i < command->count; i++)
                free(command->words[i]);
}

DEFINE_AUTO(Command, command_done)

/* False: out of memory. */
static bool add(Command *command, const char *word) {
        char *copy = strdup(word);

        assert(command->count < WORDS_MAX);

        if (copy)
                command->words[command->count++] = copy;

        return copy;
}

static bool add_option(Command *command, const char *name, const char *value) {
        return value[0] == '\0' || (add(command, name) && add(command, value));
}

static bool build(const DaemonConfig *config, Command *command) {
        const char *probe = config->probe[0] ? config->probe : LIBEXECDIR "/rollpatch-probe";

        return add(command, probe) && add(command, "login") &&
               add_option(command, "--account", config->login.service_account) &&
               add_option(command, "--token-file", config->login.token_file) &&
               add_option(command, "--url", config->login.url) &&
               add_option(command, "--ca", config->login.ca);
}

static int start(Iam *iam, Error *error) {
        Command command = {};
        AUTO(Command) *owned = &command;

        if (!build(iam->config, owned))
                return error_setf(error, ERROR_MEMORY, "out of memory");

        return helper_start(
                        iam->event, command.words, HELPER_TIMEOUT, on_answer, iam, &iam->helper,
                        error);
}

static void ask(Iam *iam, usec_t now) {
        Error error = {};

        login_begin(&iam->plan);
        if (start(iam, &error) < 0) {
                log_error("No token of the IAM: %s.", error.text);
                login_fail(&iam->plan, &error, now);
        }
}

/* --- the whole --- */

void iam_turn(Iam *iam, usec_t now) {
        if (login_expire(&iam->plan, now)) {
                log_error("The token of the IAM is over, and there is no new one.");
                secret_free(TAKE(iam->token));
        }

        if (login_is_due(&iam->plan, now))
                ask(iam, now);
}

uint64_t iam_get_serial(const Iam *iam) {
        return iam->plan.serial;
}

int iam_fill(const Iam *iam, Login *login, Error *error) {
        if (!iam->token || login->serial != iam->plan.serial)
                return error_setf(error, ERROR_NOT_FOUND, "there is no such token any more");

        if (!text_copy(login->token, sizeof(login->token), secret_text(iam->token)))
                return error_setf(error, ERROR_TOO_BIG, "the token is too long");

        return 0;
}

void iam_hear(Iam *iam, const char *node, const Sample *sample, usec_t now) {
        uint64_t status, serial;

        if (sample_number(sample, "login_refused", &status) &&
            sample_number(sample, "login", &serial))
                login_refuse(&iam->plan, node, serial, now);
}

bool iam_get_problem(
                const Iam *iam,
                usec_t now,
                char ret[static REASON_MAX],
                char ret_advice[static REASON_MAX],
                usec_t *ret_since) {
        const DaemonConfig *config = iam->config;
        const char *file = config->login.token_file[0] ? config->login.token_file
                                                       : config->login.service_account;

        if (!login_get_problem(&iam->plan, now, ret, ret_since))
                return false;

        (void) text_format(
                        ret_advice, REASON_MAX,
                        "ls -l %.200s; journalctl -u rollpatchd; then, to try at once: systemctl restart rollpatchd",
                        file);
        return true;
}

int iam_new(sd_event *event, const DaemonConfig *config, Iam **ret, Error *error) {
        AUTO(Iam) *iam = NULL;
        int r;

        r = config_check_login(config, error);
        if (r < 0)
                return r;

        iam = calloc(1, sizeof(*iam));
        if (!iam)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        iam->event = event;
        iam->config = config;
        login_init(&iam->plan, config_has_login(config), clock_boottime());
        *ret = TAKE(iam);
        return 0;
}

void iam_free(Iam *iam) {
        if (!iam)
                return;

        helper_free(iam->helper);
        secret_free(iam->token);
        free(iam);
}
