/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/config.h"
#include "proto/keys.h"
#include "proto/token.h"

/* What config management drops on a node: two files, and nothing else (design 6). Pure. */

#define AGENT_YAML_PATH "/etc/rollpatch/agent.yaml"
#define JOIN_PATH       "/etc/rollpatch/join"
#define AGENT_YAML_MAX  1024
#define JOIN_MAX        (TOKEN_TEXT_MAX + 1)

/* The keys are the public halves. When `listen` is every address of the bootstrap node, only people
 * know the right one: the file says so, in a line that rollpatch-agent will not take. */
void drop_in_agent_yaml(
                const DaemonConfig *config,
                const uint8_t channel[static KEY_SIZE],
                const uint8_t signing[static KEY_SIZE],
                char ret[static AGENT_YAML_MAX]);

/* The caller wipes it. */
void drop_in_join(const Token *token, char ret[static JOIN_MAX]);
