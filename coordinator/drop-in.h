/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "proto/keys.h"
#include "proto/token.h"

/* What config management drops on a node: two files, and nothing else (design 6). Pure. */

#define AGENT_YAML_PATH "/etc/rollpatch/agent.yaml"
#define JOIN_PATH       "/etc/rollpatch/join"
#define AGENT_YAML_MAX  512
#define JOIN_MAX        (TOKEN_TEXT_MAX + 1)

/* `listen` is where the coordinator listens. When that is every address of the bootstrap node, only
 * people know the right one: the file says so, in a line that rollpatch-agent will not take. */
void drop_in_agent_yaml(
                const char *listen,
                const uint8_t coordinator[static KEY_SIZE],
                char ret[static AGENT_YAML_MAX]);

/* The caller wipes it. */
void drop_in_join(const Token *token, char ret[static JOIN_MAX]);
