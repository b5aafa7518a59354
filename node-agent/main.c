/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "common/config.h"
#include "common/log.h"
#include "common/service.h"
#include "node-agent/agent.h"
#include "proto/nn-socket.h"

typedef struct Options {
        const char *config;
        bool check;
        bool print;
        bool verbose;
} Options;

static int usage(FILE *to) {
        (void) fputs("rollpatch-agent [OPTION...]\n\n"
                     "Node agent of rollpatch: runs this node's part of a patch, once.\n\n"
                     "  --config FILE     default /etc/rollpatch/agent.yaml\n"
                     "  --check-config    say what is wrong with the configuration, and stop\n"
                     "  --print-config    show the configuration in force, and stop\n"
                     "  --verbose         log more\n"
                     "  --version\n"
                     "  -h, --help\n",
                     to);
        return to == stdout ? 0 : 2;
}

static int parse_options(int argc, char *argv[], Options *ret) {
        static const struct option options[] = {
                { "config", required_argument, NULL, 'c' },
                { "check-config", no_argument, NULL, 'k' },
                { "print-config", no_argument, NULL, 'p' },
                { "verbose", no_argument, NULL, 'v' },
                { "version", no_argument, NULL, 'V' },
                { "help", no_argument, NULL, 'h' },
                {},
        };
        int c;

        *ret = (Options) { .config = "/etc/rollpatch/agent.yaml" };
        // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                if (c == 'c') {
                        ret->config = optarg;
                } else if (c == 'k') {
                        ret->check = true;
                } else if (c == 'p') {
                        ret->print = true;
                } else if (c == 'v') {
                        ret->verbose = true;
                } else if (c == 'V') {
                        return puts("rollpatch-agent " VERSION) < 0 ? 1 : 0;
                } else {
                        return usage(c == 'h' ? stdout : stderr);
                }
        }

        if (optind < argc) {
                (void) fprintf(stderr,
                               "rollpatch-agent: unexpected argument '%s'; see rollpatch-agent --help\n",
                               argv[optind]);
                return 2;
        }

        return -1; /* go on */
}

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
        AgentConfig config = {};
        ConfigErrors errors = {};
        Error error = {};
        Options options;
        int r;

        r = parse_options(argc, argv, &options);
        if (r >= 0)
                return r;

        log_open("rollpatch-agent", options.verbose ? LOG_DEBUG : LOG_INFO);
        if (config_load(agent_config_fields, options.config, &config, sizeof(config), &errors) <
            0) {
                (void) fputs(errors.text, stderr);
                return 2;
        }
        if (options.print) {
                auto_free char *text = config_print(agent_config_fields, &config);

                return text && fputs(text, stdout) >= 0 ? 0 : 1;
        }
        if (options.check)
                return 0;

        if (serve(&config, &error) < 0) {
                log_error("Stopped: %s.", error.text);
                return 1;
        }

        return 0;
}
