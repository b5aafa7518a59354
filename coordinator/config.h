/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/config.h"
#include "common/error.h"
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
        char probe[1024];  /* of these empty: not set */
        struct {
                char service_account[1024];
                char token_file[1024];
                char url[URL_MAX];
                char ca[1024];
        } login;
} DaemonConfig;

extern const ConfigField daemon_config_fields[];

bool config_has_login(const DaemonConfig *config);

/* ERROR_INVALID: it says two ways to log in, or half of one. */
int config_check_login(const DaemonConfig *config, Error *error);
