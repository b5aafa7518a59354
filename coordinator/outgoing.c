/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/outgoing.h"

#include "common/text.h"
#include "proto/signed-plan.h"

bool outgoing_is_incomplete(MessageKind kind) {
        return kind == MESSAGE_STAGE || kind == MESSAGE_LOGIN;
}

int outgoing_complete(
                const char *cluster,
                const KeyPair *signing,
                const Iam *iam,
                Message *message,
                Error *error) {
        if (message->kind == MESSAGE_LOGIN)
                return iam_fill(iam, &message->login, error);

        (void) text_copy(message->stage.cluster, sizeof(message->stage.cluster), cluster);
        return signed_plan_sign(&message->stage, signing, error);
}
