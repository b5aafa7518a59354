/* SPDX-License-Identifier: Apache-2.0 */
#include "common/daemon-options.h"
#include "common/log.h"
#include "common/service.h"
#include "node-agent/agent.h"
#include "proto/nn-socket.h"

static int serve(const AgentConfig *config, Error *error) {
        AUTO(Service) *service = NULL;
        AUTO(Agent) *agent = NULL; /* freed before the loop it lives in */
        int r;

        r = service_new(&service, error);
        if (r < 0)
                return r;

        r = nn_socket_check_library(error);
        if (r < 0)
                return r;

        r = agent_new(service_event(service), config, &agent, error);
        if (r < 0)
                return r;

        log_notice("rollpatch-agent %s on node %s, coordinator %s.", VERSION, agent_get_name(agent),
                   config->coordinator);
        service_ready(service, "node %s, coordinator %s", agent_get_name(agent),
                      config->coordinator);
        return service_run(service, error);
}

int main(int argc, char *argv[]) {
        static const DaemonProgram program = {
                .name = "rollpatch-agent",
                .summary = "Node agent of rollpatch: runs this node's part of a patch, once.",
                .config = "/etc/rollpatch/agent.yaml",
                .fields = agent_config_fields,
        };
        AgentConfig config = {};
        Error error = {};
        int r;

        r = daemon_begin(&program, argc, argv, &config, sizeof(config));
        if (r >= 0)
                return r;

        if (serve(&config, &error) < 0) {
                log_error("Stopped: %s.", error.text);
                return 1;
        }

        return 0;
}
