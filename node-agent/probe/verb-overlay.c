/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/probe.h"

#include "node-agent/probe/access.h"
#include "node-agent/probe/parse-overlay.h"

#define AGENT_PORT 5051

typedef struct OverlayOrder {
        const char *address;
        const char *root; /* NULL: / */
        const char *token;
        usec_t timeout;
} OverlayOrder;

static int parse_order(char *const arguments[], OverlayOrder *order, Error *error) {
        const char *timeout = NULL;
        const ProbeOption options[] = {
                { "address", &order->address },
                { "timeout", &timeout, true },
                { "root", &order->root, true },
                { "token", &order->token, true },
                {},
        };
        int r;

        r = probe_options_parse(options, arguments, error);
        if (r == 0)
                r = parse_address(order->address, error);
        if (r == 0)
                r = parse_timeout(timeout, ASK_TIMEOUT, &order->timeout, error);

        return r;
}

static void ask_overlay(const OverlayOrder *order, const Access *access, Sample *sample) {
        static const Question question = {
                .path = "/overlay-agent/overlay",
                .name = "/overlay-agent/overlay",
                .body_max = REPLY_BYTES_MAX,
        };
        Asked asked = {};
        Server server;

        access_init_server(access, &server, order->address, AGENT_PORT, order->timeout);
        ask_in_turn(&server, &question, &asked, 1);
        sample->took = server_elapsed(&server);
        overlay_judge(&asked.reply, sample);
        asked_note_refusal(&asked, 1, sample);
        asked_done(&asked, 1);
}

ProbeExit probe_overlay(char *const arguments[], Json *answer, Error *error) {
        AUTO(Access) *access = NULL;
        OverlayOrder order = {};
        Error problem = {};
        Sample sample;

        if (parse_order(arguments, &order, error) < 0)
                return PROBE_USAGE;

        sample_init(&sample, "overlay", "");
        if (access_open(order.root, order.token, &access, &problem) < 0) {
                sample_doubt_error(&sample, &problem);
        } else {
                ask_overlay(&order, access, &sample);
        }

        if (samples_print(&sample, 1, answer))
                return PROBE_OK;

        (void) error_setf(error, ERROR_MEMORY, "no memory for the answer");
        return PROBE_FAILED;
}
