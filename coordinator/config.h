/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/config.h"
#include "proto/keys.h"
#include "proto/message.h"

/* /etc/rollpatch/rollpatchd.yaml */

typedef struct DaemonConfig {
        char cluster[NAME_TEXT_MAX];
        char masters[MASTERS_MAX][NAME_TEXT_MAX];
        size_t master_count;
        char listen[ADDRESS_TEXT_MAX + 8];
        char state_dir[1024];
        char control[108]; /* a socket's path is at most 107 bytes */
} DaemonConfig;

extern const ConfigField daemon_config_fields[];
