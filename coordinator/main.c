/* SPDX-License-Identifier: Apache-2.0 */
#include "common/daemon-options.h"
#include "common/log.h"
#include "common/service.h"
#include "coordinator/coordinator.h"
#include "proto/nn-socket.h"

static int serve(const DaemonConfig *config, Error *error) {
        AUTO(Service) *service = NULL;
        AUTO(Coordinator) *coordinator = NULL; /* freed before the loop it lives in */
        int r;

        r = service_new(&service, error);
        if (r < 0)
                return r;

        r = nn_socket_check_library(error);
        if (r < 0)
                return r;

        r = coordinator_new(service_event(service), config, &coordinator, error);
        if (r < 0)
                return r;

        log_notice("rollpatchd %s listens on %s for cluster %s.", VERSION, config->listen,
                   config->cluster);
        service_ready(service, "listening on %s for cluster %s", config->listen, config->cluster);
        return service_run(service, error);
}

int main(int argc, char *argv[]) {
        const DaemonProgram program = {
                .name = "rollpatchd",
                .summary = "Coordinator of rollpatch: lets one master at a time be patched, then the agents.",
                .config = "/etc/rollpatch/rollpatchd.yaml",
                .fields = daemon_config_fields,
        };
        DaemonConfig config = {};
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
