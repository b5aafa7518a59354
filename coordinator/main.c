/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "common/config.h"
#include "common/log.h"
#include "common/service.h"
#include "common/text.h"
#include "coordinator/coordinator.h"
#include "proto/nn-socket.h"

typedef struct Options {
        const char *config;
        const char *lab;
        bool check;
        bool print;
        bool verbose;
} Options;

static int usage(FILE *to) {
        (void) fputs("rollpatchd [OPTION...]\n\n"
                     "Coordinator of rollpatch: lets one master at a time be patched, then the agents.\n\n"
                     "  --config FILE     default /etc/rollpatch/rollpatchd.yaml\n"
                     "  --lab ADDRESS     bind ADDRESS although the link is not encrypted yet\n"
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
                { "lab", required_argument, NULL, 'l' },
                { "check-config", no_argument, NULL, 'k' },
                { "print-config", no_argument, NULL, 'p' },
                { "verbose", no_argument, NULL, 'v' },
                { "version", no_argument, NULL, 'V' },
                { "help", no_argument, NULL, 'h' },
                {},
        };
        int c;

        *ret = (Options) { .config = "/etc/rollpatch/rollpatchd.yaml" };
        // NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread
        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                if (c == 'c') {
                        ret->config = optarg;
                } else if (c == 'l') {
                        ret->lab = optarg;
                } else if (c == 'k') {
                        ret->check = true;
                } else if (c == 'p') {
                        ret->print = true;
                } else if (c == 'v') {
                        ret->verbose = true;
                } else if (c == 'V') {
                        return puts("rollpatchd " VERSION) < 0 ? 1 : 0;
                } else {
                        return usage(c == 'h' ? stdout : stderr);
                }
        }

        if (optind < argc) {
                (void) fprintf(stderr,
                               "rollpatchd: unexpected argument '%s'; see rollpatchd --help\n",
                               argv[optind]);
                return 2;
        }

        return -1; /* go on */
}

/* The link carries orders that are executed as root, and this version neither encrypts nor knows
 * who speaks. So it is bound only where somebody has said that everybody who can reach it is
 * trusted. */
static bool lab_allows(const char *lab, const char *listen) {
        char address[ADDRESS_TEXT_MAX];
        uint16_t port;

        if (parse_endpoint(listen, address, &port) < 0 || (lab && strcmp(lab, address) == 0))
                return true;

        log_error("Refusing to listen on %s: the link is neither encrypted nor authenticated in this "
                  "version, and whoever reaches it may order nodes to run a script as root. On a closed "
                  "test network only, say: rollpatchd --lab %s",
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
        DaemonConfig config = {};
        ConfigErrors errors = {};
        Error error = {};
        Options options;
        int r;

        r = parse_options(argc, argv, &options);
        if (r >= 0)
                return r;

        log_open("rollpatchd", options.verbose ? LOG_DEBUG : LOG_INFO);
        if (config_load(daemon_config_fields, options.config, &config, sizeof(config), &errors) <
            0) {
                (void) fputs(errors.text, stderr);
                return 2;
        }
        if (options.print) {
                auto_free char *text = config_print(daemon_config_fields, &config);

                return text && fputs(text, stdout) >= 0 ? 0 : 1;
        }
        if (options.check)
                return 0;

        if (!lab_allows(options.lab, config.listen))
                return 1;
        if (serve(&config, &error) < 0) {
                log_error("Stopped: %s.", error.text);
                return 1;
        }

        return 0;
}
