/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/error.h"
#include "coordinator/config.h"
#include "proto/keys.h"

/* What a bootstrap node needs before its first start of rollpatchd: two keys and a configuration.
 * What is there is kept: a key that was made again would be another coordinator. */

typedef struct InitWish {
        const char *config;  /* path of rollpatchd.yaml */
        DaemonConfig wanted; /* state_dir and listen may be empty: as it stands, or the defaults */
} InitWish;

typedef struct InitResult {
        DaemonConfig config; /* in force */
        bool made_config;
        bool made_channel_key;
        bool made_signing_key;
        bool log_was_there;        /* nodes may know another key */
        uint8_t channel[KEY_SIZE]; /* public halves */
        uint8_t signing[KEY_SIZE];
} InitResult;

/* "m1,m2,m3": an odd number of names. */
int init_parse_masters(const char *text, DaemonConfig *config, Error *error);

/* ERROR_CONFLICT: there is a configuration, and it says something else; nothing was changed. */
int init_run(const InitWish *wish, InitResult *ret, Error *error);
