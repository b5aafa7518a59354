/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/parse.h"
#include "common/service.h"
#include "common/text.h"
#include "node-agent/sampler.h"
#include "proto/codec.h"

/* The sampler of rollpatch-agent without link and coordinator: asks this host, for as long as it is
 * left alone, and prints every sample as a line of JSON.
 *
 *   sample-node STATE-DIR ADDRESS PERIOD-MS STEP|- VERSION|- CHECK... */

static int print_sample(const Message *message, void *userdata) {
        char buffer[MESSAGE_BYTES_MAX];
        Error error = {};
        size_t size;

        if (message_encode(message, buffer, sizeof(buffer), &size, &error) < 0) {
                log_error("A sample cannot be encoded: %s.", error.text);
                abort();
        }

        (void) printf("%.*s\n", (int) size, buffer);
        (void) fflush(stdout);
        return 0;
}

static void fill_watch(Watch *watch, char *arguments[], uint64_t period) {
        if (strcmp(arguments[0], "-") != 0)
                (void) text_copy(watch->step, sizeof(watch->step), arguments[0]);
        if (strcmp(arguments[1], "-") != 0)
                (void) text_copy(watch->version, sizeof(watch->version), arguments[1]);

        for (char **check = arguments + 2; *check && watch->item_count < WATCH_MAX; check++) {
                WatchItem *item = &watch->items[watch->item_count++];

                (void) text_copy(item->check, sizeof(item->check), *check);
                item->period = period * USEC_PER_MSEC;
        }
}

static int run(char *arguments[], Error *error) {
        static Watch watch = { .epoch = 1, .serial = 1, .masters = 1 };
        AUTO(Service) *service = NULL;
        AUTO(StepJournal) *journal = NULL;
        AUTO(SystemdBus) *bus = NULL;
        AUTO(Sampler) *sampler = NULL;
        static const SamplerHandlers handlers = { .send = print_sample };
        AskerOptions options = { .role = ROLE_MASTER,
                                 .root = "/",
                                 .probe = "/usr/local/bin/rollpatch-probe" };
        uint64_t period;
        int r;

        if (parse_u64(arguments[2], 10, 86400000, &period) < 0)
                return error_setf(error, ERROR_INVALID, "'%s' is no period", arguments[2]);

        r = service_new(&service, error);
        if (r == 0)
                r = step_journal_open(arguments[0], &journal, error);
        if (r == 0)
                r = systemd_bus_new(service_event(service), &bus, error);
        if (r < 0)
                return r;

        options.journal = journal;
        options.bus = bus;
        options.address = arguments[1];
        r = sampler_new(service_event(service), &options, &handlers, NULL, &sampler, error);
        if (r < 0)
                return r;

        fill_watch(&watch, arguments + 3, period);
        sampler_watch(sampler, &watch);
        return service_run(service, error);
}

int main(int argc, char *argv[]) {
        Error error = {};

        log_open("sample-node", LOG_INFO);
        if (argc < 7) {
                (void) fputs("sample-node: see the source for its arguments\n", stderr);
                return 2;
        }
        if (run(argv + 1, &error) < 0) {
                log_error("Stopped: %s.", error.text);
                return 1;
        }

        return 0;
}
