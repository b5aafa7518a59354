/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/cleanup.h"
#include "common/error.h"
#include "proto/check-table.h"

/* The command line by which rollpatch-probe is asked: the verb is the check's name, the options are
 * those that its row of the table lists. */

#define PROBE_ARGUMENTS_MAX 16

typedef struct ProbeCommand {
        char *arguments[PROBE_ARGUMENTS_MAX + 1];
        size_t count;
} ProbeCommand;

typedef struct ProbeCommandInput {
        const char *probe;   /* path of the program */
        const char *address; /* of this node; may be empty: not known */
        const char *root;
        Role role;
        const Watch *watch;
        const Sample *samples; /* all of one check, one a subject */
        size_t count;
        bool with_token; /* there is one, and whoever starts this gives it on stdin */
} ProbeCommandInput;

/* Fails where an option has no value: then the question cannot be asked. */
int probe_command_new(const ProbeCommandInput *input, ProbeCommand **ret, Error *error);

void probe_command_free(ProbeCommand *command);
DEFINE_AUTO(ProbeCommand, probe_command_free)
