/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/probe.h"

#include "node-agent/probe/ask.h"
#include "node-agent/probe/parse-overlay.h"

#define AGENT_PORT 5051

ProbeExit probe_overlay(char *const arguments[], Json *answer, Error *error) {
        static const Question question = {
                .path = "/overlay-agent/overlay",
                .name = "/overlay-agent/overlay",
                .body_max = REPLY_BYTES_MAX,
        };
        const char *address = NULL, *timeout = NULL;
        const ProbeOption options[] = { { "address", &address },
                                        { "timeout", &timeout, true },
                                        {} };
        usec_t limit = ASK_TIMEOUT;
        Asked asked = {};
        Server server;
        Sample sample;

        if (probe_options_parse(options, arguments, error) < 0 ||
            parse_address(address, error) < 0 ||
            parse_timeout(timeout, ASK_TIMEOUT, &limit, error) < 0)
                return PROBE_USAGE;

        server_init(&server, "http", address, AGENT_PORT, limit);
        ask_in_turn(&server, &question, &asked, 1);

        sample_init(&sample, "overlay", "");
        sample.took = server_elapsed(&server);
        overlay_judge(&asked.reply, &sample);
        asked_done(&asked, 1);
        if (samples_print(&sample, 1, answer))
                return PROBE_OK;

        (void) error_setf(error, ERROR_MEMORY, "no memory for the answer");
        return PROBE_FAILED;
}
