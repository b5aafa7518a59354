/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/message.h"

#include <inttypes.h>
#include <string.h>

#include "common/digest.h"
#include "common/text.h"

// clang-format off
static const char *const role_table[] = {
        [ROLE_MASTER]       = "master",
        [ROLE_AGENT]        = "agent",
        [ROLE_PUBLIC_AGENT] = "public-agent",
};

static const char *const node_step_table[] = {
        [NODE_STEP_ABSENT]       = "absent",
        [NODE_STEP_STAGING]      = "staging",
        [NODE_STEP_STAGE_FAILED] = "stage-failed",
        [NODE_STEP_STAGED]       = "staged",
        [NODE_STEP_READY]        = "ready",
        [NODE_STEP_LOOKING]      = "looking",
        [NODE_STEP_DECLINED]     = "declined",
        [NODE_STEP_INTENT]       = "intent",
        [NODE_STEP_RUNNING]      = "running",
        [NODE_STEP_ENDED]        = "ended",
        [NODE_STEP_INTERRUPTED]  = "interrupted",
};

static const char *const refusal_table[] = {
        [REFUSAL_EPOCH]     = "epoch",
        [REFUSAL_FENCE]     = "fence",
        [REFUSAL_STATE]     = "state",
        [REFUSAL_NONCE]     = "nonce",
        [REFUSAL_INVALID]   = "invalid",
        [REFUSAL_FAILED]    = "failed",
        [REFUSAL_UNCLAIMED] = "unclaimed",
};

static const char *const message_kind_table[] = {
        [MESSAGE_HELLO]     = "hello",
        [MESSAGE_WELCOME]   = "welcome",
        [MESSAGE_CLAIM]     = "claim",
        [MESSAGE_STAGE]     = "stage",
        [MESSAGE_SLOT]      = "slot",
        [MESSAGE_START]     = "start",
        [MESSAGE_ASK]       = "ask",
        [MESSAGE_ACK]       = "ack",
        [MESSAGE_CLAIMED]   = "claimed",
        [MESSAGE_HEARTBEAT] = "heartbeat",
        [MESSAGE_READY]     = "ready",
        [MESSAGE_REPORT]    = "report",
        [MESSAGE_REFUSED]   = "refused",
        [MESSAGE_WATCH]     = "watch",
        [MESSAGE_SAMPLE]    = "sample",
        [MESSAGE_READ]      = "read",
        [MESSAGE_CHUNK]     = "chunk",
        [MESSAGE_ANNOUNCE]  = "announce",
        [MESSAGE_DIAGNOSE]  = "diagnose",
        [MESSAGE_DIAGNOSIS] = "diagnosis",
        [MESSAGE_LOGIN]     = "login",
};

static const char *const failure_class_table[] = {
        [FAILURE_NOTE]  = "note",
        [FAILURE_WAITS] = "waits",
        [FAILURE_FATAL] = "fatal",
};

static const char *const read_what_table[] = {
        [READ_OUTPUT]  = "output",
        [READ_JOURNAL] = "journal",
        [READ_UNITS]   = "units",
};

static const char *const verdict_table[] = {
        [VERDICT_UNKNOWN]        = "unknown",
        [VERDICT_PASS]           = "pass",
        [VERDICT_FAIL]           = "fail",
        [VERDICT_NOT_APPLICABLE] = "not-applicable",
};
// clang-format on

DEFINE_ENUM_NAMES(verdict, verdict_table, VERDICT_COUNT);

DEFINE_ENUM_NAMES(role, role_table, ROLE_COUNT);
DEFINE_ENUM_NAMES(node_step, node_step_table, NODE_STEP_COUNT);
DEFINE_ENUM_NAMES(refusal, refusal_table, REFUSAL_COUNT);
DEFINE_ENUM_NAMES(message_kind, message_kind_table, MESSAGE_KIND_COUNT);
DEFINE_ENUM_NAMES(failure_class, failure_class_table, FAILURE_CLASS_COUNT);
DEFINE_ENUM_NAMES(read_what, read_what_table, READ_WHAT_COUNT);

/* A name that is too long keeps its beginning, for people, and gets a digest of the whole for the
 * machine: 64 bits of it, because thousands of nodes may share a long beginning. */
#define SHORT_DIGEST 16

static void shorten_name(char *buffer, size_t room, const char *name) {
        char digest[DIGEST_TEXT_MAX];
        size_t kept = room - 1 - SHORT_DIGEST;

        digest_bytes(name, strlen(name), digest);
        memcpy(buffer, name, kept);
        buffer[kept] = '-';
        memcpy(buffer + kept + 1, digest, SHORT_DIGEST);
        buffer[room] = '\0';
}

bool step_id_format(
                char buffer[static STEP_ID_MAX],
                uint64_t run_number,
                const char *run_id,
                const char *node,
                uint64_t attempt) {
        char prefix[32];
        char suffix[24];
        char name[STEP_ID_MAX];
        size_t room;

        if (!name_is_valid(node) || !hex_is_valid(run_id, ID_TEXT_MAX - 1))
                return false;

        /* At most 31 and 21 characters, so that at least 27 are left for the name. */
        (void) text_format(prefix, sizeof(prefix), "r%" PRIu64 "-%.8s-", run_number, run_id);
        (void) text_format(suffix, sizeof(suffix), "-%" PRIu64, attempt);
        room = STEP_ID_MAX - 1 - strlen(prefix) - strlen(suffix);
        if (!text_copy(name, room + 1, node))
                shorten_name(name, room, node);

        return text_format(buffer, STEP_ID_MAX, "%s%s%s", prefix, name, suffix);
}

bool step_id_is_valid(const char *text) {
        /* A node name of at most 79 characters: both are file names, and parts of unit names. */
        return strlen(text) < STEP_ID_MAX && name_is_valid(text);
}

bool step_unit_format(char buffer[static UNIT_MAX], const char *step) {
        return step_id_is_valid(step) &&
               text_format(buffer, UNIT_MAX, "rollpatch-step-%s.service", step);
}

typedef struct OrderPlace {
        size_t epoch; /* offsets in Message; 0: no order */
        size_t step;  /* 0: is about none */
} OrderPlace;

// clang-format off
static const OrderPlace orders[MESSAGE_KIND_COUNT] = {
        [MESSAGE_STAGE] = { offsetof(Message, stage.epoch), offsetof(Message, stage.step) },
        [MESSAGE_SLOT]  = { offsetof(Message, slot.epoch),  offsetof(Message, slot.step)  },
        [MESSAGE_START] = { offsetof(Message, start.epoch), offsetof(Message, start.step) },
        [MESSAGE_ASK]   = { offsetof(Message, ask.epoch),   offsetof(Message, ask.step)   },
        [MESSAGE_WATCH] = { offsetof(Message, watch.epoch), 0 }, /* its step is where to look from */
        [MESSAGE_LOGIN] = { offsetof(Message, login.epoch), 0 },
};
// clang-format on

const char *message_order(const Message *order, uint64_t *ret_epoch) {
        OrderPlace place = orders[order->kind];
        const char *bytes = (const char *) order;

        *ret_epoch = 0;
        if (place.epoch != 0)
                memcpy(ret_epoch, bytes + place.epoch, sizeof(*ret_epoch));

        return place.step != 0 ? bytes + place.step : "";
}

void message_wipe(Message *message) {
        if (message->kind == MESSAGE_LOGIN)
                explicit_bzero(message->login.token, sizeof(message->login.token));
}

bool sample_number(const Sample *sample, const char *name, uint64_t *ret) {
        for (size_t i = 0; i < sample->number_count; i++) {
                if (strcmp(sample->numbers[i].name, name) == 0) {
                        *ret = sample->numbers[i].value;
                        return true;
                }
        }

        return false;
}

const char *sample_text(const Sample *sample, const char *name) {
        for (size_t i = 0; i < sample->text_count; i++) {
                if (strcmp(sample->texts[i].name, name) == 0)
                        return sample->texts[i].text;
        }

        return NULL;
}
