/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/probe.h"

#include <limits.h>
#include <unistd.h>

#include "common/text.h"
#include "node-agent/probe/mesos-order.h"
#include "node-agent/probe/parse-marathon.h"

/* All that do not lead pass on what they are asked to the one that does. So each is asked who that
 * is, which shows that it answers and that it finds it, and only where it runs for what grows with
 * the cluster: once each time, not as often as there are masters (reference 14.1). */

#define PORT        8080
#define PORT_STRICT 8443
#define SCRIPT      "/opt/mesosphere/bin/marathon.sh"

// clang-format off
static const Question leader = { "/v2/leader", "/v2/leader", NULL, REPLY_BYTES_MAX };
static const Question info   = { "/v2/info",   "/v2/info",   NULL, REPLY_BYTES_MAX };

static const struct {
        Question question;
        void (*take)(const Reply *reply, Sample *sample);
} rest[] = {
        { { "/v2/apps",        "/v2/apps",        NULL, REPLY_LIST_BYTES_MAX }, marathon_take_apps        },
        { { "/v2/pods",        "/v2/pods",        NULL, REPLY_LIST_BYTES_MAX }, marathon_take_pods        },
        { { "/v2/deployments", "/v2/deployments", NULL, REPLY_LIST_BYTES_MAX }, marathon_take_deployments },
};
// clang-format on

/* One at a time: the node agent's memory has room for one answer of a large site, not for all. */
static void ask_rest(const Server *server, Sample *sample) {
        for (size_t i = 0; i < ELEMENTSOF(rest); i++) {
                Asked asked = {};

                ask_in_turn(server, &rest[i].question, &asked, 1);
                rest[i].take(&asked.reply, sample);
                asked_done(&asked, 1);
        }
}

static void ask_marathon(const MesosOrder *order, Sample *sample) {
        const Question questions[] = { leader, info };
        Asked asked[ELEMENTSOF(questions)] = {};
        Server server;

        access_init_server(
                        order->access, &server, order->address,
                        order->access->strict ? PORT_STRICT : PORT, order->timeout);
        ask_in_turn(&server, questions, asked, ELEMENTSOF(questions));
        if (marathon_take_leader(&asked[1].reply, &asked[0].reply, order->address, sample))
                ask_rest(&server, sample);

        sample->took = server_elapsed(&server);
        sample_close(sample);
        asked_note_refusal(asked, ELEMENTSOF(asked), sample);
        asked_done(asked, ELEMENTSOF(asked));
}

/* False: it is somewhere else, or nowhere. */
static bool is_installed(const char *root) {
        char path[PATH_MAX];

        return text_format(path, sizeof(path), "%s" SCRIPT, root ? root : "") &&
               access(path, F_OK) == 0;
}

ProbeExit probe_marathon(char *const arguments[], Json *answer, Error *error) {
        MesosOrder order = {};
        AUTO(MesosOrder) *owned = &order;
        Sample sample;

        if (mesos_order_parse(arguments, VERB_ADDRESS, owned, error) < 0)
                return PROBE_USAGE;

        sample_init(&sample, "marathon", "");
        if (!is_installed(order.root)) {
                sample_close_not_applicable(&sample, "there is no marathon.sh");
        } else if (mesos_order_access(&order, &sample, 1)) {
                ask_marathon(&order, &sample);
        }

        if (samples_print(&sample, 1, answer))
                return PROBE_OK;

        (void) error_setf(error, ERROR_MEMORY, "no memory for the answer");
        return PROBE_FAILED;
}
