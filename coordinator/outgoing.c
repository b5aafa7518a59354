/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/outgoing.h"

#include "common/log.h"
#include "common/text.h"
#include "proto/signed-plan.h"

static bool is_incomplete(MessageKind kind) {
        return kind == MESSAGE_STAGE || kind == MESSAGE_LOGIN;
}

static int complete(const Outgoing *outgoing, Message *message, Error *error) {
        if (message->kind == MESSAGE_LOGIN)
                return iam_fill(outgoing->iam, &message->login, error);

        (void) text_copy(message->stage.cluster, sizeof(message->stage.cluster), outgoing->cluster);
        return signed_plan_sign(&message->stage, outgoing->signing, error);
}

static void send_completed(const Outgoing *outgoing, const char *node, const Message *order) {
        Message message = *order;
        Error error = {};

        if (complete(outgoing, &message, &error) < 0) {
                log_error("%s: an order cannot be given: %s.", node, error.text);
        } else {
                (void) endpoint_send(outgoing->endpoint, node, &message);
        }

        message_wipe(&message);
}

void outgoing_send(const Outgoing *outgoing, const char *node, const Message *order) {
        if (is_incomplete(order->kind)) {
                send_completed(outgoing, node, order);
        } else {
                (void) endpoint_send(outgoing->endpoint, node, order);
        }
}
