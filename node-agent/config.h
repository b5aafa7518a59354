/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/config.h"
#include "proto/keys.h"
#include "proto/message.h"

/* /etc/rollpatch/agent.yaml */

typedef struct AgentConfig {
        char coordinator[ADDRESS_TEXT_MAX + 8];
        char coordinator_key[KEY_TEXT_MAX];
        char signing_key[KEY_TEXT_MAX];
        char cluster[NAME_TEXT_MAX];
        char name[NAME_TEXT_MAX]; /* empty: the host's */
        char state_dir[1024];
        char join[1024];
        char probe[1024];
        char step[1024];
        char root[1024];
        usec_t spread;
} AgentConfig;

extern const ConfigField agent_config_fields[];
