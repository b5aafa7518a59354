/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe-command.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "node-agent/identity.h"
#include "node-agent/probe/options.h"

#define STRICT            "https://"
#define SUBJECTS_TEXT_MAX (WATCH_MAX * (SUBJECT_MAX + sizeof(STRICT)))

static_assert(AGENTS_MAX == WATCH_MAX, "all subjects of a watch are named to one program");

static bool is_strict(const Watch *watch, const Sample *sample) {
        for (size_t i = 0; i < watch->item_count; i++) {
                const WatchItem *item = &watch->items[i];

                if (item->tls && strcmp(item->check, sample->check) == 0 &&
                    strcmp(item->subject, sample->subject) == 0)
                        return true;
        }

        return false;
}

/* "10.0.0.21,https://10.0.0.22" */
static void join_subjects(const ProbeCommandInput *input, char *buffer, size_t size) {
        size_t used = 0;

        buffer[0] = '\0';
        for (size_t i = 0; i < input->count; i++) {
                const char *subject = input->samples[i].subject;

                if (subject[0] == '\0')
                        continue;

                (void) text_format(
                                buffer + used, size - used, "%s%s%s", used > 0 ? "," : "",
                                is_strict(input->watch, &input->samples[i]) ? STRICT : "", subject);
                used += strlen(buffer + used);
        }
}

void probe_command_free(ProbeCommand *command) {
        for (size_t i = 0; i < command->count; i++)
                free(command->arguments[i]);
        free(command);
}

/* False: out of memory. */
static bool add_argument(ProbeCommand *command, const char *text) {
        char *copy = strdup(text);

        assert(command->count < PROBE_ARGUMENTS_MAX);

        if (copy)
                command->arguments[command->count++] = copy;

        return copy;
}

static bool add_option(ProbeCommand *command, const char *name, const char *value) {
        return add_argument(command, name) && add_argument(command, value);
}

static int add_address(ProbeCommand *command, const ProbeCommandInput *input, Error *error) {
        if (input->address[0] == '\0')
                return error_setf(error, ERROR_NOT_FOUND, "the address of this node is not known");
        if (!add_option(command, "--address", input->address))
                return error_setf(error, ERROR_MEMORY, "out of memory");

        return 0;
}

static int add_masters(ProbeCommand *command, const ProbeCommandInput *input, Error *error) {
        uint64_t masters = input->watch->masters;
        char text[24];

        if (masters == 0)
                masters = identity_read_master_count(input->root);
        if (masters == 0) {
                return error_setf(
                                error, ERROR_NOT_FOUND, "how many masters there are is not known");
        }

        (void) text_format(text, sizeof(text), "%" PRIu64, masters);
        if (!add_option(command, "--masters", text))
                return error_setf(error, ERROR_MEMORY, "out of memory");

        return 0;
}

static int add_agents(ProbeCommand *command, const ProbeCommandInput *input, Error *error) {
        char subjects[SUBJECTS_TEXT_MAX];

        join_subjects(input, subjects, sizeof(subjects));
        if (subjects[0] && !add_option(command, "--agents", subjects))
                return error_setf(error, ERROR_MEMORY, "out of memory");

        return 0;
}

static int add_root(ProbeCommand *command, const ProbeCommandInput *input, Error *error) {
        if (strcmp(input->root, "/") != 0 && !add_option(command, "--root", input->root))
                return error_setf(error, ERROR_MEMORY, "out of memory");

        return 0;
}

static int add_role(ProbeCommand *command, const ProbeCommandInput *input, Error *error) {
        bool master = input->role == ROLE_MASTER;

        if (!add_option(command, "--role", master ? "master" : "agent"))
                return error_setf(error, ERROR_MEMORY, "out of memory");

        return 0;
}

static int add_version(ProbeCommand *command, const ProbeCommandInput *input, Error *error) {
        const char *version = input->watch->version;

        if (version[0] && !add_option(command, "--version", version))
                return error_setf(error, ERROR_MEMORY, "out of memory");

        return 0;
}

static int add_token(ProbeCommand *command, const ProbeCommandInput *input, Error *error) {
        if (input->with_token && !add_option(command, "--token", "-"))
                return error_setf(error, ERROR_MEMORY, "out of memory");

        return 0;
}

static int add_words(ProbeCommand *command, const ProbeCommandInput *input, Error *error) {
        static int (*const add[PROBE_WORD_COUNT])(
                        ProbeCommand * command, const ProbeCommandInput *input, Error *error) = {
                [WORD_ADDRESS] = add_address, [WORD_MASTERS] = add_masters,
                [WORD_AGENTS] = add_agents,   [WORD_ROLE] = add_role,
                [WORD_VERSION] = add_version, [WORD_ROOT] = add_root,
                [WORD_TOKEN] = add_token,
        };
        const CheckRow *row = check_find(input->samples[0].check, "");
        int r = 0;

        assert(row);
        for (size_t i = 0; r == 0 && i < PROBE_WORD_COUNT; i++) {
                if (row->words & IN(i))
                        r = add[i](command, input, error);
        }

        return r;
}

static int build(ProbeCommand *command, const ProbeCommandInput *input, Error *error) {
        if (!add_argument(command, input->probe) || !add_argument(command, input->samples[0].check))
                return error_setf(error, ERROR_MEMORY, "out of memory");

        return add_words(command, input, error);
}

int probe_command_new(const ProbeCommandInput *input, ProbeCommand **ret, Error *error) {
        AUTO(ProbeCommand) *command = calloc(1, sizeof(*command));
        int r;

        if (!command)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        r = build(command, input, error);
        if (r < 0)
                return r;

        *ret = TAKE(command);
        return 0;
}
