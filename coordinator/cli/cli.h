/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/span.h"
#include "common/verbs.h"

/* What main.c and the verbs share. */

#define CONTROL_PATH_DEFAULT "/run/rollpatch/control"
#define CONFIG_PATH_DEFAULT  "/etc/rollpatch/rollpatchd.yaml"

typedef enum JsonMode {
        JSON_OFF,
        JSON_LINE,
        JSON_PRETTY,
} JsonMode;
#define JSON_MODE_COUNT (JSON_PRETTY + 1)
extern const EnumNames json_mode_names; /* "off", "line", "pretty" */

typedef struct CliOptions {
        int json; /* JsonMode */
        bool no_legend;
        const char *control;
        usec_t timeout; /* for each question to rollpatchd */
        bool watch;
        bool refresh;
        bool all;
        const char *lines;
        bool wait;
        bool yes;
        bool accept_downtime;
        const char *cluster;
        const char *reason;
        usec_t pause;
        usec_t since;
        const char *role;
        usec_t ttl;
        const char *uses;
        const char *name;
        const char *masters;
        const char *listen;
        const char *state_dir;
        const char *config;
        const char *output;
} CliOptions;

/* One verb each; verb_act is all those that only hand their words on and print the answer. */
int verb_act(const VerbCall *call);
int verb_audit(const VerbCall *call);
int verb_bundle(const VerbCall *call);
int verb_diagnose(const VerbCall *call);
int verb_init(const VerbCall *call);
int verb_logs(const VerbCall *call);
int verb_node_import(const VerbCall *call);
int verb_node_show(const VerbCall *call);
int verb_nodes(const VerbCall *call);
int verb_plan(const VerbCall *call);
int verb_report(const VerbCall *call);
int verb_run(const VerbCall *call);
int verb_runs(const VerbCall *call);
int verb_state_check(const VerbCall *call);
int verb_state_save(const VerbCall *call);
int verb_status(const VerbCall *call);
int verb_token_create(const VerbCall *call);
int verb_token_list(const VerbCall *call);
