/* SPDX-License-Identifier: Apache-2.0 */
#include "common/daemon-options.h"

#include <getopt.h>
#include <stdio.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/text.h"

#define EXIT_USAGE 2
#define GO_ON      (-1)

typedef struct Options {
        const char *config;
        int check; /* int as getopt wants it, like the next two */
        int print;
        int verbose;
} Options;

static void print_option(FILE *to, const char *name, const char *value, const char *help) {
        char left[64];

        (void) text_format(left, sizeof(left), "%s%s%s", name, value[0] ? " " : "", value);
        (void) fprintf(to, "  --%-15s %s\n", left, help);
}

static int usage(const DaemonProgram *program, FILE *to) {
        char standard[128];

        (void) fprintf(to, "%s [OPTION...]\n\n%s\n\n", program->name, program->summary);
        (void) text_format(standard, sizeof(standard), "default %s", program->config);
        print_option(to, "config", "FILE", standard);
        print_option(to, "check-config", "", "say what is wrong with the configuration, and stop");
        print_option(to, "print-config", "", "show the configuration in force, and stop");
        print_option(to, "verbose", "", "log more");
        (void) fputs("  --version\n  -h, --help\n", to);
        return to == stdout ? 0 : EXIT_USAGE;
}

static int take_option(const DaemonProgram *program, int c, Options *options) {
        switch (c) {
        case 0: /* a flag, set already */
                return GO_ON;
        case 'c':
                options->config = optarg;
                return GO_ON;
        case 'V':
                return printf("%s " VERSION "\n", program->name) < 0 ? 1 : 0;
        default:
                return usage(program, c == 'h' ? stdout : stderr);
        }
}

static int parse_options(const DaemonProgram *program, int argc, char *argv[], Options *options) {
        const struct option known[] = {
                { "config", required_argument, NULL, 'c' },
                { "check-config", no_argument, &options->check, true },
                { "print-config", no_argument, &options->print, true },
                { "verbose", no_argument, &options->verbose, true },
                { "version", no_argument, NULL, 'V' },
                { "help", no_argument, NULL, 'h' },
                {},
        };
        int c, r = GO_ON;

        // NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread
        while (r == GO_ON && (c = getopt_long(argc, argv, "h", known, NULL)) >= 0)
                r = take_option(program, c, options);

        if (r == GO_ON && optind < argc) {
                (void) fprintf(stderr, "%s: unexpected argument '%s'; see %s --help\n",
                               program->name, argv[optind], program->name);
                return EXIT_USAGE;
        }

        return r;
}

int daemon_begin(const DaemonProgram *program, int argc, char *argv[], void *config, size_t size) {
        Options options = { .config = program->config };
        auto_free char *text = NULL;
        ConfigErrors errors = {};
        int r;

        r = parse_options(program, argc, argv, &options);
        if (r != GO_ON)
                return r;

        log_open(program->name, options.verbose ? LOG_DEBUG : LOG_INFO);
        if (config_load(program->fields, options.config, config, size, &errors) < 0) {
                (void) fputs(errors.text, stderr);
                return EXIT_USAGE;
        }
        if (options.print) {
                text = config_print(program->fields, config);
                return text && fputs(text, stdout) >= 0 ? 0 : 1;
        }

        return options.check ? 0 : GO_ON;
}
