/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/error.h"
#include "proto/message.h"

/* What dcos_node_upgrade.sh printed, on both streams, and how it ended. That it ended with 0 says
 * nothing about the node's health. Pure. */

typedef struct ScriptOutput {
        char role[16]; /* "master", "agent", "public agent"; empty: it does not say */
        char from[VERSION_MAX];
        char to[VERSION_MAX];
        char found[VERSION_MAX]; /* of an `error` wrong-version: what the node has */
        const char *error;       /* an id of the failure catalogue; NULL: it ended well */
} ScriptOutput;

/* -EINVAL: it ended well without having said what it does, or cannot be read. One that failed for a
 * reason that is not known by name is the error "script-failed". */
int script_output_read(
                const char *text, size_t size, int exit_status, ScriptOutput *ret, Error *error);
