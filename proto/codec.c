/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/codec.h"

#include <inttypes.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json.h"
#include "common/text.h"
#include "proto/dispatch.h"

/* One table a kind of message; common/fields.c does the rest. The envelope, {"v":1,"kind":"slot"},
 * comes before the members of the kind, in the same object. Bounds are those of the structs, so
 * that what was decoded fits; the tables only add what a struct cannot say. tests/unit/test-codec.c
 * fills every member to its bound with text that must all be escaped, and shows that it still fits
 * into MESSAGE_BYTES_MAX. */

/* Far over what is supported, so that a node can tell what it read. */
#define MASTER_COUNT_MAX 999

#define EXIT_STATUS_MAX  255
#define EXIT_SIGNAL_MAX  127
#define STEP_TIMEOUT_MAX (7 * USEC_PER_DAY)
#define HEARTBEAT_MIN    (10 * USEC_PER_MSEC)
#define HEARTBEAT_MAX    USEC_PER_HOUR

// clang-format off
static const Field hello_fields[] = {
        F_NAME(Hello, name),
        F_ENUM(Hello, role, role_names),
        F_ID(Hello, boot_id),
        F_ID(Hello, journal_id),
        F_U64(Hello, epoch, 0, EPOCH_MAX),
        F_U64(Hello, fence, 0, FENCE_MAX),
        F_TEXT(Hello, software, .min = 1),
        F_TEXT(Hello, dcos_version, .optional = true),
        F_U64(Hello, master_count, 0, MASTER_COUNT_MAX, .optional = true),
        F_TEXT(Hello, address, .optional = true),
        F_TEXT(Hello, cluster_id, .optional = true),
        F_END
};

static const Field welcome_fields[] = {
        F_U64(Welcome, heartbeat, HEARTBEAT_MIN, HEARTBEAT_MAX),
        F_TEXT(Welcome, refused, .optional = true),
        F_BOOL(Welcome, rekey, .optional = true),
        F_END
};

static const Field claim_fields[] = {
        F_U64(Claim, epoch, 1, EPOCH_MAX),
        F_END
};

static const Field stage_fields[] = {
        F_U64(Stage, epoch, 1, EPOCH_MAX),
        F_NAME(Stage, cluster),
        F_TEXT(Stage, step),
        F_ID(Stage, run),
        F_NAME(Stage, node),
        F_TEXT(Stage, from, .min = 1),
        F_TEXT(Stage, to, .min = 1),
        F_TEXT(Stage, url, .min = 1),
        F_ID(Stage, sha256),
        F_U64(Stage, size, 1, JSON_NUMBER_MAX),
        F_U64(Stage, timeout, 1, STEP_TIMEOUT_MAX),
        F_ID(Stage, signature),
        F_END
};

static const Field slot_fields[] = {
        F_U64(Slot, epoch, 1, EPOCH_MAX),
        F_TEXT(Slot, step),
        F_U64(Slot, fence, 1, FENCE_MAX),
        F_END
};

static const Field look_fields[] = {
        F_NAME(LookTarget, name),
        F_TEXT(LookTarget, address, .min = 1),
        F_END
};

/* The list is required, also when it is empty: nobody may forget whom to look at. */
static const Field start_fields[] = {
        F_U64(Start, epoch, 1, EPOCH_MAX),
        F_TEXT(Start, step),
        F_U64(Start, fence, 1, FENCE_MAX),
        F_ID(Start, nonce),
        F_LIST(Start, look, look_count, look_fields),
        F_END
};

static const Field ask_fields[] = {
        F_U64(Ask, epoch, 1, EPOCH_MAX),
        F_TEXT(Ask, step),
        F_END
};

static const Field ack_fields[] = {
        F_ID(Ack, op),
        F_TEXT(Ack, refused, .optional = true),
        F_END
};

static const Field brief_fields[] = {
        F_TEXT(StepBrief, step),
        F_ENUM(StepBrief, state, node_step_names),
        F_U64(StepBrief, fence, 0, FENCE_MAX),
        F_U64(StepBrief, exit_status, 0, EXIT_STATUS_MAX, .optional = true),
        F_U64(StepBrief, exit_signal, 0, EXIT_SIGNAL_MAX, .optional = true),
        F_END
};

static const Field claimed_fields[] = {
        F_U64(Claimed, epoch, 1, EPOCH_MAX),
        F_ID(Claimed, journal_id),
        F_LIST(Claimed, steps, step_count, brief_fields),
        F_END
};

static const Field heartbeat_fields[] = {
        F_U64(Heartbeat, sequence, 0, JSON_NUMBER_MAX),
        F_U64(Heartbeat, epoch, 0, EPOCH_MAX),
        F_TEXT(Heartbeat, step, .optional = true),
        F_ENUM(Heartbeat, state, node_step_names),
        F_U64(Heartbeat, watch, 0, JSON_NUMBER_MAX, .optional = true),
        F_U64(Heartbeat, refreshed, 0, JSON_NUMBER_MAX, .optional = true),
        F_U64(Heartbeat, login, 0, JSON_NUMBER_MAX, .optional = true),
        F_END
};

static const Field ready_fields[] = {
        F_TEXT(Ready, step),
        F_U64(Ready, fence, 1, FENCE_MAX),
        F_ID(Ready, nonce),
        F_END
};

const Field report_fields[] = {
        F_ID(Report, op),
        F_TEXT(Report, step),
        F_ID(Report, run, .optional = true),
        F_ENUM(Report, state, node_step_names),
        F_U64(Report, fence, 0, FENCE_MAX),
        F_U64(Report, exit_status, 0, EXIT_STATUS_MAX, .optional = true),
        F_U64(Report, exit_signal, 0, EXIT_SIGNAL_MAX, .optional = true),
        F_ID(Report, boot_id, .optional = true),
        F_TEXT(Report, unit, .optional = true),
        F_U64(Report, started_at, 0, JSON_NUMBER_MAX, .optional = true),
        F_U64(Report, ended_at, 0, JSON_NUMBER_MAX, .optional = true),
        F_TEXT(Report, cursor, .optional = true),
        F_TEXT(Report, reason, .optional = true),
        F_TEXT(Report, tail, .optional = true),
        F_TEXT(Report, dcos_version, .optional = true),
        F_END
};

static const Field announce_fields[] = {
        F_ID(Announce, op),
        F_ID(Announce, key),
        F_END
};

static const Field refused_fields[] = {
        F_TEXT(Refused, order, .min = 1),
        F_TEXT(Refused, step, .optional = true),
        F_ENUM(Refused, refusal, refusal_names),
        F_U64(Refused, epoch, 0, EPOCH_MAX),
        F_U64(Refused, fence, 0, FENCE_MAX),
        F_TEXT(Refused, reason, .min = 1),
        F_END
};

static const Field watch_item_fields[] = {
        F_NAME(WatchItem, check),
        F_NAME(WatchItem, subject, .optional = true),
        F_U64(WatchItem, period, 10 * USEC_PER_MSEC, USEC_PER_DAY),
        F_BOOL(WatchItem, tls, .optional = true),
        F_END
};

static const Field watch_fields[] = {
        F_U64(Watch, epoch, 1, EPOCH_MAX),
        F_U64(Watch, serial, 1, JSON_NUMBER_MAX),
        F_TEXT(Watch, step, .optional = true),
        F_TEXT(Watch, version, .optional = true),
        F_U64(Watch, masters, 0, MASTERS_MAX, .optional = true),
        F_U64(Watch, refresh, 0, JSON_NUMBER_MAX, .optional = true),
        F_LIST(Watch, items, item_count, watch_item_fields, .optional = true),
        F_END
};

static const Field login_fields[] = {
        F_U64(Login, epoch, 1, EPOCH_MAX),
        F_U64(Login, serial, 1, JSON_NUMBER_MAX),
        F_TEXT(Login, token, .min = 1),
        F_END
};

static const Field sample_number_fields[] = {
        F_TEXT(SampleNumber, name, .min = 1),
        F_U64(SampleNumber, value, 0, JSON_NUMBER_MAX),
        F_END
};

static const Field sample_text_fields[] = {
        F_TEXT(SampleText, name, .min = 1),
        F_TEXT(SampleText, text, .optional = true),
        F_END
};

static const Field sample_fields[] = {
        F_NAME(Sample, check),
        F_NAME(Sample, subject, .optional = true),
        F_TEXT(Sample, step, .optional = true),
        F_ENUM(Sample, verdict, verdict_names),
        F_U64(Sample, age, 0, JSON_NUMBER_MAX, .optional = true),
        F_U64(Sample, took, 0, JSON_NUMBER_MAX, .optional = true),
        F_TEXT(Sample, reason, .optional = true),
        F_TEXT(Sample, evidence, .optional = true),
        F_LIST(Sample, numbers, number_count, sample_number_fields, .optional = true),
        F_LIST(Sample, texts, text_count, sample_text_fields, .optional = true),
        F_END
};

static const Field read_fields[] = {
        F_U64(Read, request, 1, JSON_NUMBER_MAX),
        F_ENUM(Read, what, read_what_names, .optional = true),
        F_TEXT(Read, step, .optional = true),
        F_U64(Read, offset, 0, JSON_NUMBER_MAX),
        F_BOOL(Read, from_end),
        F_END
};

static const Field chunk_fields[] = {
        F_U64(Chunk, request, 1, JSON_NUMBER_MAX),
        F_TEXT(Chunk, step, .optional = true),
        F_U64(Chunk, offset, 0, JSON_NUMBER_MAX),
        F_U64(Chunk, total, 0, JSON_NUMBER_MAX),
        F_BASE64(Chunk, data, .optional = true),
        F_TEXT(Chunk, reason, .optional = true),
        F_END
};

static const Field diagnose_fields[] = {
        F_U64(Diagnose, request, 1, JSON_NUMBER_MAX),
        F_TEXT(Diagnose, step, .optional = true),
        F_U64(Diagnose, masters, 0, MASTERS_MAX, .optional = true),
        F_U64(Diagnose, limit, USEC_PER_SEC, DIAGNOSE_LIMIT_MAX),
        F_END
};

const Field symptom_fields[] = {
        F_NAME(Symptom, id),
        F_ENUM(Symptom, class, failure_class_names),
        F_TEXT(Symptom, where, .min = 1),
        F_TEXT(Symptom, place, .optional = true),
        F_TEXT(Symptom, cursor, .optional = true),
        F_U64(Symptom, offset, 0, JSON_NUMBER_MAX, .optional = true),
        F_U64(Symptom, at, 0, JSON_NUMBER_MAX, .optional = true),
        F_U64(Symptom, count, 1, JSON_NUMBER_MAX),
        F_TEXT(Symptom, evidence, .optional = true),
        F_END
};

static const Field diagnosis_fields[] = {
        F_U64(Diagnosis, request, 1, JSON_NUMBER_MAX),
        F_TEXT(Diagnosis, step, .optional = true),
        F_U64(Diagnosis, since, 0, JSON_NUMBER_MAX, .optional = true),
        F_U64(Diagnosis, found, 0, JSON_NUMBER_MAX, .optional = true),
        F_LIST(Diagnosis, symptoms, symptom_count, symptom_fields, .optional = true),
        F_TEXT(Diagnosis, missing, .optional = true),
        F_END
};

static const struct {
        const Field *fields;
        size_t size;
} kinds[] = {
        [MESSAGE_HELLO]     = { hello_fields,     sizeof(Hello)     },
        [MESSAGE_WELCOME]   = { welcome_fields,   sizeof(Welcome)   },
        [MESSAGE_CLAIM]     = { claim_fields,     sizeof(Claim)     },
        [MESSAGE_STAGE]     = { stage_fields,     sizeof(Stage)     },
        [MESSAGE_SLOT]      = { slot_fields,      sizeof(Slot)      },
        [MESSAGE_START]     = { start_fields,     sizeof(Start)     },
        [MESSAGE_ASK]       = { ask_fields,       sizeof(Ask)       },
        [MESSAGE_ACK]       = { ack_fields,       sizeof(Ack)       },
        [MESSAGE_CLAIMED]   = { claimed_fields,   sizeof(Claimed)   },
        [MESSAGE_HEARTBEAT] = { heartbeat_fields, sizeof(Heartbeat) },
        [MESSAGE_READY]     = { ready_fields,     sizeof(Ready)     },
        [MESSAGE_REPORT]    = { report_fields,    sizeof(Report)    },
        [MESSAGE_REFUSED]   = { refused_fields,   sizeof(Refused)   },
        [MESSAGE_WATCH]     = { watch_fields,     sizeof(Watch)     },
        [MESSAGE_SAMPLE]    = { sample_fields,    sizeof(Sample)    },
        [MESSAGE_READ]      = { read_fields,      sizeof(Read)      },
        [MESSAGE_CHUNK]     = { chunk_fields,     sizeof(Chunk)     },
        [MESSAGE_ANNOUNCE]  = { announce_fields,  sizeof(Announce)  },
        [MESSAGE_DIAGNOSE]  = { diagnose_fields,  sizeof(Diagnose)  },
        [MESSAGE_DIAGNOSIS] = { diagnosis_fields, sizeof(Diagnosis) },
        [MESSAGE_LOGIN]     = { login_fields,     sizeof(Login)     },
};
// clang-format on
static_assert(ELEMENTSOF(kinds) == MESSAGE_KIND_COUNT, "a kind of message has no members");

static const char *const envelope[] = { "v", "kind", NULL };

const Field *message_fields(MessageKind kind) {
        assert(kind < MESSAGE_KIND_COUNT);

        return kinds[kind].fields;
}

static int check_step(const Field *field, const char *text, Error *error) {
        char shown[STEP_ID_MAX];

        if (step_id_is_valid(text) || (field->optional && text[0] == '\0'))
                return 0;

        text_ellipsize(shown, sizeof(shown), text);
        return error_setf(error, ERROR_INVALID, "%s: '%s' is no step id", field->key, shown);
}

static int check_steps(const Field *fields, const void *record, Error *error);

static int check_list(const Field *list, const char *record, Error *error) {
        size_t count;
        int r;

        memcpy(&count, record + list->count_offset, sizeof(count));
        for (size_t i = 0; i < count; i++) {
                r = check_steps(list->fields, record + list->offset + i * list->size, error);
                if (r < 0) {
                        (void) error_prefixf(error, "%s[%zu]", list->key, i);
                        return r;
                }
        }

        return 0;
}

/* Every member called "step" is a step id: it becomes a file name and the name of a unit. */
static int check_steps(const Field *fields, const void *record, Error *error) {
        int r;

        for (const Field *field = fields; field->key; field++) {
                r = 0;
                if (field->type == FIELD_LIST) {
                        r = check_list(field, record, error);
                } else if (field->type == FIELD_TEXT && strcmp(field->key, "step") == 0) {
                        r = check_step(field, (const char *) record + field->offset, error);
                }

                if (r < 0)
                        return r;
        }

        return 0;
}

/* A list of more items than its array holds would be read beyond its end; fields_encode() says so,
 * and therefore comes before check_steps(). */
static int encode_members(const Message *message, Json *object, Error *error) {
        const Field *fields = message_fields(message->kind);
        int r;

        r = fields_encode(fields, &message->hello, object, error);
        if (r < 0)
                return r;

        return check_steps(fields, &message->hello, error);
}

static int check_size(MessageKind kind, size_t size, size_t room, Error *error) {
        size_t most = MIN(room, dispatch_bytes_max(kind));

        if (size > most) {
                return error_setf(
                                error, ERROR_TOO_BIG, "%s: message of %zu bytes, want at most %zu",
                                enum_name(&message_kind_names, kind), size, most);
        }

        return 0;
}

int message_encode(
                const Message *message,
                char *buffer,
                size_t capacity,
                size_t *ret_size,
                Error *error) {
        const char *kind = enum_name(&message_kind_names, message->kind);
        AUTO(Json) *object = json_new_object();
        auto_free char *text = NULL;
        size_t size;
        int r;

        assert(kind);

        if (!object || !json_add_u64(object, "v", PROTO_VERSION) ||
            !json_add_string(object, "kind", kind))
                return error_setf(error, ERROR_MEMORY, "%s: out of memory", kind);

        r = encode_members(message, object, error);
        if (r < 0) {
                (void) error_prefixf(error, "%s", kind);
                return r;
        }

        text = json_print(object);
        if (!text)
                return error_setf(error, ERROR_MEMORY, "%s: out of memory", kind);

        size = strlen(text);
        r = check_size(message->kind, size, capacity, error);
        if (r >= 0) {
                memcpy(buffer, text, size);
                *ret_size = size;
        }

        if (message->kind == MESSAGE_LOGIN) {
                explicit_bzero(text, size);
                json_wipe_string(object, "token");
        }

        return MIN(r, 0);
}

static int decode_version(const Json *object, Error *error) {
        uint64_t version;
        int r;

        r = json_get_u64(object, "v", 0, JSON_NUMBER_MAX, &version, error);
        if (r < 0)
                return r;

        if (version > PROTO_VERSION) {
                return error_setf(
                                error, ERROR_VERSION,
                                "the peer speaks version %" PRIu64
                                " of the link, this rollpatch knows up to %d; upgrade this one",
                                version, PROTO_VERSION);
        }

        if (version < PROTO_VERSION) {
                return error_setf(
                                error, ERROR_VERSION,
                                "the peer speaks version %" PRIu64
                                " of the link, want %d; upgrade the peer",
                                version, PROTO_VERSION);
        }

        return 0;
}

static int decode_kind(const Json *object, MessageKind *ret, Error *error) {
        char text[32];
        int value;
        int r;

        r = json_get_string(object, "kind", text, sizeof(text), error);
        if (r < 0)
                return r;

        value = enum_value(&message_kind_names, text);
        if (value < 0) {
                char shown[sizeof(text)];

                text_ellipsize(shown, sizeof(shown), text);
                return error_setf(error, ERROR_INVALID, "unknown kind of message '%s'", shown);
        }

        *ret = (MessageKind) value;
        return 0;
}

static int decode_object(const Json *object, size_t size, Message *ret, Error *error) {
        Message message = {};
        const Field *fields;
        int r;

        r = decode_version(object, error);
        if (r < 0)
                return r;

        r = decode_kind(object, &message.kind, error);
        if (r < 0)
                return r;

        fields = message_fields(message.kind);
        r = fields_decode(
                        fields, object, envelope, &message.hello, kinds[message.kind].size, error);
        if (r >= 0)
                r = check_steps(fields, &message.hello, error);

        if (r < 0) {
                (void) error_prefixf(error, "%s", enum_name(&message_kind_names, message.kind));
                return r;
        }

        r = check_size(message.kind, size, MESSAGE_BYTES_MAX, error);
        if (r >= 0)
                *ret = message;

        message_wipe(&message);
        return MIN(r, 0);
}

int message_decode(const void *data, size_t size, Message *ret, Error *error) {
        AUTO(Json) *object = NULL;
        int r;

        if (size == 0)
                return error_setf(error, ERROR_INVALID, "message is empty");

        if (size > (size_t) MESSAGE_BYTES_MAX) {
                return error_setf(
                                error, ERROR_TOO_BIG, "message of %zu bytes, want at most %d", size,
                                MESSAGE_BYTES_MAX);
        }

        r = json_parse(data, size, &object, error);
        if (r < 0)
                return r;

        if (!json_is_object(object)) {
                return error_setf(
                                error, ERROR_INVALID, "message is %s, want an object",
                                json_type_name(object));
        }

        r = decode_object(object, size, ret, error);
        json_wipe_string(object, "token");
        return r;
}
