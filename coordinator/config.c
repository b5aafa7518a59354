/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/config.h"

// clang-format off
#define PLACE(member) offsetof(DaemonConfig, member), sizeof(((DaemonConfig *) NULL)->member)

const ConfigField daemon_config_fields[] = {
        { "cluster",   CONFIG_NAME,     PLACE(cluster),   .help = "name of the cluster; the first run asks for it" },
        { "masters",   CONFIG_NAMES,    PLACE(masters),   .max = MASTERS_MAX,
          .count_offset = offsetof(DaemonConfig, master_count),
          .help = "all masters of the cluster: no other node is ever taken for one" },
        { "listen",    CONFIG_ENDPOINT, PLACE(listen),    .help = "ADDRESS:PORT on which node agents are heard" },
        { "state_dir", CONFIG_PATH,     PLACE(state_dir), .standard = "/var/lib/rollpatch",
          .help = "log, keys and backups" },
        { "control",   CONFIG_PATH,     PLACE(control),   .standard = "/run/rollpatch/control",
          .help = "socket of the command line" },
        { "probe",     CONFIG_PATH,     PLACE(probe),     .standard = "",
          .help = "program that logs in; not set: the installed rollpatch-probe" },
        { "login.service_account", CONFIG_PATH, PLACE(login.service_account), .standard = "",
          .help = "of a strict cluster: JSON file of the account that asks its Mesos, 0600" },
        { "login.token_file", CONFIG_PATH, PLACE(login.token_file), .standard = "",
          .help = "in place of it: a file with a token, 0600, that somebody else renews" },
        { "login.url", CONFIG_URL,      PLACE(login.url), .standard = "",
          .help = "where to log in, https; not set: as the account says" },
        { "login.ca",  CONFIG_PATH,     PLACE(login.ca),  .standard = "",
          .help = "PEM of the cluster's CA; not set: the system's" },
        {},
};
// clang-format on

bool config_has_login(const DaemonConfig *config) {
        return config->login.service_account[0] || config->login.token_file[0];
}

int config_check_login(const DaemonConfig *config, Error *error) {
        bool has_server = config->login.url[0] || config->login.ca[0];

        if (config->login.service_account[0] && config->login.token_file[0]) {
                return error_setf(
                                error, ERROR_INVALID,
                                "login: service_account and token_file are both set, want one of them");
        }
        if (has_server && !config->login.service_account[0]) {
                return error_setf(
                                error, ERROR_INVALID,
                                "login: url and ca are for a service_account, which is not set");
        }

        return 0;
}
