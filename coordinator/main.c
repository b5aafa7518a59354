/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/daemon-options.h"
#include "common/log.h"
#include "common/service.h"
#include "common/text.h"
#include "coordinator/coordinator.h"
#include "proto/nn-socket.h"

/* The link is encrypted, and nodes listen to the holder of our key alone. But whoever was given the
 * public half may say here that he is any node, because this version enrols none. So it is bound
 * only where somebody has said that they are all trusted. */
static bool lab_allows(const char *lab, const char *listen) {
        char address[ADDRESS_TEXT_MAX];
        uint16_t port;

        if (parse_endpoint(listen, address, &port) < 0 || (lab && strcmp(lab, address) == 0))
                return true;

        log_error("Refusing to listen on %s: nodes are not enrolled in this version, and whoever was "
                  "given the public key may pass for any of them. On a closed test network only, say: "
                  "rollpatchd --lab %s",
                  listen, address);
        return false;
}

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
        const char *lab = NULL;
        const DaemonOption own = { "lab", "ADDRESS",
                                   "bind ADDRESS although nodes are not enrolled yet", &lab };
        const DaemonProgram program = {
                .name = "rollpatchd",
                .summary = "Coordinator of rollpatch: lets one master at a time be patched, then the agents.",
                .config = "/etc/rollpatch/rollpatchd.yaml",
                .fields = daemon_config_fields,
                .own = &own,
        };
        DaemonConfig config = {};
        Error error = {};
        int r;

        r = daemon_begin(&program, argc, argv, &config, sizeof(config));
        if (r >= 0)
                return r;

        if (!lab_allows(lab, config.listen))
                return 1;
        if (serve(&config, &error) < 0) {
                log_error("Stopped: %s.", error.text);
                return 1;
        }

        return 0;
}
