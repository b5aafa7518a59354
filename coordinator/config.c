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
        {},
};
// clang-format on
