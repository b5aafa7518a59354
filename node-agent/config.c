/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/config.h"

// clang-format off
#define PLACE(member) offsetof(AgentConfig, member), sizeof(((AgentConfig *) NULL)->member)

const ConfigField agent_config_fields[] = {
        { "coordinator", CONFIG_ENDPOINT, PLACE(coordinator), .help = "ADDRESS:PORT of rollpatchd" },
        { "coordinator_key", CONFIG_SHA256, PLACE(coordinator_key),
          .help = "public key of rollpatchd: who does not hold it is not listened to" },
        { "signing_key", CONFIG_SHA256, PLACE(signing_key),
          .help = "public key that plans are signed with: what is not is never run" },
        { "cluster",     CONFIG_NAME,     PLACE(cluster),     .help = "its name, as in rollpatchd.yaml" },
        { "name",        CONFIG_NAME,     PLACE(name),        .standard = "",
          .help = "of this node in plans; not set: the host name in lower case" },
        { "state_dir",   CONFIG_PATH,     PLACE(state_dir),   .standard = "/var/lib/rollpatch",
          .help = "what this node has done; whoever removes it makes every step unknown, and this node a stranger" },
        { "join",        CONFIG_PATH,     PLACE(join),        .standard = "/etc/rollpatch/join",
          .help = "join token, 0600; removed once the coordinator has taken this node in" },
        { "probe",       CONFIG_PATH,     PLACE(probe),       .standard = LIBEXECDIR "/rollpatch-probe",
          .help = "program that downloads and asks" },
        { "step",        CONFIG_PATH,     PLACE(step),        .standard = LIBEXECDIR "/rollpatch-step",
          .help = "program that runs the script inside its unit" },
        { "root",        CONFIG_PATH,     PLACE(root),        .standard = "/",
          .help = "where the node's own files are; another one is for tests" },
        { "spread",      CONFIG_SPAN,     PLACE(spread),      .max = USEC_PER_HOUR, .standard = "10s",
          .help = "the first connection is made after a random wait of at most this" },
        {},
};
// clang-format on
