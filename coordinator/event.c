/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/event.h"

#include <inttypes.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "proto/codec.h"

// clang-format off
static const char *const kind_names[] = {
        [EVENT_STARTED]  = "started",
        [EVENT_EPOCH]    = "epoch",
        [EVENT_DEPOSED]  = "deposed",
        [EVENT_NODE]     = "node",
        [EVENT_CLAIMED]  = "claimed",
        [EVENT_FOREIGN]  = "foreign",
        [EVENT_CLEARED]  = "cleared",
        [EVENT_WAIVED]   = "waived",
        [EVENT_RUN_MADE] = "run-made",
        [EVENT_RUN_NODE] = "run-node",
        [EVENT_RUN]      = "run",
        [EVENT_STEP]     = "step",
        [EVENT_CHECK]    = "check",
        [EVENT_ORDERED]  = "ordered",
        [EVENT_OPERATOR] = "operator",
        [EVENT_TOKEN_MADE]    = "token-made",
        [EVENT_TOKEN_REVOKED] = "token-revoked",
        [EVENT_KEY]           = "key",
        [EVENT_TURNED_AWAY]   = "turned-away",
        [EVENT_FOUND]         = "found",
        [EVENT_DIAGNOSED]     = "diagnosed",
};

static const char *const change_names[] = {
        [KEY_JOINED]    = "joined",
        [KEY_APPROVED]  = "approved",
        [KEY_IMPORTED]  = "imported",
        [KEY_REJECTED]  = "rejected",
        [KEY_REVOKED]   = "revoked",
        [KEY_OFFERED]   = "offered",
        [KEY_ANNOUNCED] = "announced",
        [KEY_REPLACED]  = "replaced",
        [KEY_PLACED]    = "placed",
};
DEFINE_ENUM_NAMES(key_change, change_names, KEY_CHANGE_COUNT);

#define OPTIONAL .optional = true

/* As wide as on the wire (proto/codec.c): what a node may say can be written down, however odd. */
#define MASTER_COUNT_MAX 999
#define EXIT_STATUS_MAX  255
#define EXIT_SIGNAL_MAX  127
#define STEP_TIMEOUT_MAX (7 * USEC_PER_DAY)

static const Field epoch_fields[] = {
        F_U64(EventEpoch, epoch, 1, EPOCH_MAX),
        F_NAME(EventEpoch, node, OPTIONAL),
        F_TEXT(EventEpoch, software, OPTIONAL),
        F_END,
};

static const Field node_fields[] = {
        F_NAME(EventNode, node),
        F_ENUM(EventNode, role, role_names),
        F_ID(EventNode, boot_id),
        F_TEXT(EventNode, address, OPTIONAL),
        F_TEXT(EventNode, dcos_version, OPTIONAL),
        F_U64(EventNode, master_count, 0, MASTER_COUNT_MAX, OPTIONAL),
        F_TEXT(EventNode, software, OPTIONAL),
        F_BOOL(EventNode, unclaimed, OPTIONAL),
        F_END,
};

static const Field claimed_fields[] = {
        F_NAME(EventClaimed, node),
        F_U64(EventClaimed, epoch, 1, EPOCH_MAX),
        F_ID(EventClaimed, journal_id),
        F_END,
};

static const Field brief_fields[] = {
        F_TEXT(StepBrief, step),
        F_ENUM(StepBrief, state, node_step_names),
        F_U64(StepBrief, fence, 0, FENCE_MAX, OPTIONAL),
        F_U64(StepBrief, exit_status, 0, EXIT_STATUS_MAX, OPTIONAL),
        F_U64(StepBrief, exit_signal, 0, EXIT_SIGNAL_MAX, OPTIONAL),
        F_END,
};

static const Field foreign_fields[] = {
        F_NAME(EventForeign, node),
        F_OBJECT(EventForeign, brief, brief_fields),
        F_END,
};

static const Field cleared_fields[] = {
        F_NAME(EventCleared, node),
        F_TEXT(EventCleared, reason),
        F_END,
};

static const Field waived_fields[] = {
        F_TEXT(EventWaived, id),
        F_TEXT(EventWaived, user),
        F_TEXT(EventWaived, reason),
        F_END,
};

const Field run_numbers_fields[] = {
        F_U64(RunNumbers, batch_percent, 1, 100),
        F_U64(RunNumbers, batch_max, 1, 10000),
        F_U64(RunNumbers, canary, 0, 10000),
        F_U64(RunNumbers, budget, 0, 10000),
        F_U64(RunNumbers, timeout_script, 1, STEP_TIMEOUT_MAX),
        F_U64(RunNumbers, timeout_master, 0, JSON_NUMBER_MAX),
        F_U64(RunNumbers, timeout_agent, 0, JSON_NUMBER_MAX),
        F_U64(RunNumbers, dwell_master, 0, JSON_NUMBER_MAX),
        F_U64(RunNumbers, dwell_agent, 0, JSON_NUMBER_MAX),
        F_U64(RunNumbers, dwell_batch, 0, JSON_NUMBER_MAX),
        F_BOOL(RunNumbers, hold_after_masters, OPTIONAL),
        F_BOOL(RunNumbers, hold_after_canary, OPTIONAL),
        F_END,
};

static const Field run_made_fields[] = {
        F_U64(EventRunMade, number, 1, JSON_NUMBER_MAX),
        F_ID(EventRunMade, id),
        F_TEXT(EventRunMade, from, .min = 1),
        F_TEXT(EventRunMade, to, .min = 1),
        F_TEXT(EventRunMade, url, .min = 1),
        F_ID(EventRunMade, sha256),
        F_U64(EventRunMade, size, 1, JSON_NUMBER_MAX),
        F_BOOL(EventRunMade, accept_downtime, OPTIONAL),
        F_TEXT(EventRunMade, waived, OPTIONAL),
        F_OBJECT(EventRunMade, numbers, run_numbers_fields),
        F_TEXT(EventRunMade, user),
        F_END,
};

static const Field run_node_fields[] = {
        F_NAME(EventRunNode, node),
        F_ENUM(EventRunNode, role, role_names),
        F_END,
};

static const Field run_fields[] = {
        F_ENUM(EventRun, event, run_event_names),
        F_NAME(EventRun, node, OPTIONAL),
        F_TEXT(EventRun, reason, OPTIONAL),
        F_U64(EventRun, hold, 0, 3, OPTIONAL),
        F_U64(EventRun, until, 0, JSON_NUMBER_MAX, OPTIONAL),
        F_END,
};

static const Field step_fields[] = {
        F_NAME(EventStep, node),
        F_TEXT(EventStep, step),
        F_ENUM(EventStep, event, step_event_names),
        F_U64(EventStep, fence, 0, FENCE_MAX, OPTIONAL),
        F_U64(EventStep, registered_before, 0, JSON_NUMBER_MAX, OPTIONAL),
        F_U64(EventStep, tasks_before, 0, JSON_NUMBER_MAX, OPTIONAL),
        F_U64(EventStep, agents_before, 0, JSON_NUMBER_MAX, OPTIONAL),
        F_U64(EventStep, frameworks_before, 0, JSON_NUMBER_MAX, OPTIONAL),
        F_U64(EventStep, frameworks_away_before, 0, JSON_NUMBER_MAX, OPTIONAL),
        F_TEXT(EventStep, agent_id, OPTIONAL),
        F_TEXT(EventStep, losses_before, OPTIONAL),
        F_U64(EventStep, docker_start, 0, JSON_NUMBER_MAX, OPTIONAL),
        F_U64(EventStep, exit_status, 0, EXIT_STATUS_MAX, OPTIONAL),
        F_U64(EventStep, exit_signal, 0, EXIT_SIGNAL_MAX, OPTIONAL),
        F_U64(EventStep, started_at, 0, JSON_NUMBER_MAX, OPTIONAL),
        F_U64(EventStep, ended_at, 0, JSON_NUMBER_MAX, OPTIONAL),
        F_ID(EventStep, boot_id, OPTIONAL),
        F_TEXT(EventStep, unit, OPTIONAL),
        F_TEXT(EventStep, cursor, OPTIONAL),
        F_TEXT(EventStep, reason, OPTIONAL),
        F_TEXT(EventStep, tail, OPTIONAL),
        F_END,
};

static const Field number_fields[] = {
        F_TEXT(SampleNumber, name),
        F_U64(SampleNumber, value, 0, JSON_NUMBER_MAX),
        F_END,
};

static const Field check_fields[] = {
        F_NAME(EventCheck, node),
        F_NAME(EventCheck, check),
        F_ENUM(EventCheck, verdict, verdict_names),
        F_TEXT(EventCheck, reason, OPTIONAL),
        F_TEXT(EventCheck, evidence, OPTIONAL),
        F_LIST(EventCheck, numbers, number_count, number_fields, OPTIONAL),
        F_END,
};

static const Field ordered_fields[] = {
        F_NAME(EventOrdered, node),
        F_TEXT(EventOrdered, step),
        F_U64(EventOrdered, fence, 1, FENCE_MAX),
        F_ID(EventOrdered, nonce),
        F_END,
};

static const Field operator_fields[] = {
        F_TEXT(EventOperator, user),
        F_U64(EventOperator, uid, 0, UINT32_MAX),
        F_TEXT(EventOperator, terminal, OPTIONAL),
        F_TEXT(EventOperator, verb),
        F_NAME(EventOperator, node, OPTIONAL),
        F_TEXT(EventOperator, reason, OPTIONAL),
        F_TEXT(EventOperator, outcome, OPTIONAL),
        F_END,
};

static const Field token_made_fields[] = {
        F_ID(EventTokenMade, id),
        F_ID(EventTokenMade, psk),
        F_ENUM(EventTokenMade, role, role_names),
        F_U64(EventTokenMade, expires, 1, JSON_NUMBER_MAX),
        F_U64(EventTokenMade, uses, 1, TOKEN_USES_MAX),
        F_TEXT(EventTokenMade, name, OPTIONAL),
        F_TEXT(EventTokenMade, user),
        F_END,
};

static const Field token_revoked_fields[] = {
        F_ID(EventTokenRevoked, id),
        F_TEXT(EventTokenRevoked, user),
        F_END,
};

static const Field key_fields[] = {
        F_ENUM(EventKey, change, key_change_names),
        F_NAME(EventKey, node),
        F_ID(EventKey, key),
        F_ENUM(EventKey, role, role_names),
        F_ID(EventKey, token, OPTIONAL),
        F_TEXT(EventKey, cluster_id, OPTIONAL),
        F_U64(EventKey, until, 0, JSON_NUMBER_MAX, OPTIONAL),
        F_TEXT(EventKey, user, OPTIONAL),
        F_TEXT(EventKey, reason, OPTIONAL),
        F_END,
};

static const Field turned_away_fields[] = {
        F_TEXT(EventTurnedAway, id, .min = 1),
        F_NAME(EventTurnedAway, node, OPTIONAL),
        F_ID(EventTurnedAway, key, OPTIONAL),
        F_ID(EventTurnedAway, token, OPTIONAL),
        F_TEXT(EventTurnedAway, text),
        F_END,
};

static const Field found_fields[] = {
        F_NAME(EventFound, node),
        F_TEXT(EventFound, step, OPTIONAL),
        F_OBJECT(EventFound, symptom, symptom_fields),
        F_END,
};

static const Field diagnosed_fields[] = {
        F_NAME(EventDiagnosed, node),
        F_TEXT(EventDiagnosed, step, OPTIONAL),
        F_TEXT(EventDiagnosed, cause, OPTIONAL),
        F_U64(EventDiagnosed, found, 0, JSON_NUMBER_MAX, OPTIONAL),
        F_TEXT(EventDiagnosed, missing, OPTIONAL),
        F_END,
};

#define ROW(member, table, type) { table, offsetof(Event, member), sizeof(type) }
static const struct EventRow {
        const Field *fields;
        size_t offset;
        size_t size;
} rows[] = {
        [EVENT_STARTED]  = ROW(epoch,    epoch_fields,    EventEpoch),
        [EVENT_EPOCH]    = ROW(epoch,    epoch_fields,    EventEpoch),
        [EVENT_DEPOSED]  = ROW(epoch,    epoch_fields,    EventEpoch),
        [EVENT_NODE]     = ROW(node,     node_fields,     EventNode),
        [EVENT_CLAIMED]  = ROW(claimed,  claimed_fields,  EventClaimed),
        [EVENT_FOREIGN]  = ROW(foreign,  foreign_fields,  EventForeign),
        [EVENT_CLEARED]  = ROW(cleared,  cleared_fields,  EventCleared),
        [EVENT_WAIVED]   = ROW(waived,   waived_fields,   EventWaived),
        [EVENT_RUN_MADE] = ROW(run_made, run_made_fields, EventRunMade),
        [EVENT_RUN_NODE] = ROW(run_node, run_node_fields, EventRunNode),
        [EVENT_RUN]      = ROW(run,      run_fields,      EventRun),
        [EVENT_STEP]     = ROW(step,     step_fields,     EventStep),
        [EVENT_CHECK]    = ROW(check,    check_fields,    EventCheck),
        [EVENT_ORDERED]  = ROW(ordered,  ordered_fields,  EventOrdered),
        [EVENT_OPERATOR] = ROW(operator, operator_fields, EventOperator),
        [EVENT_TOKEN_MADE]    = ROW(token_made,    token_made_fields,    EventTokenMade),
        [EVENT_TOKEN_REVOKED] = ROW(token_revoked, token_revoked_fields, EventTokenRevoked),
        [EVENT_KEY]           = ROW(key,           key_fields,           EventKey),
        [EVENT_TURNED_AWAY]   = ROW(turned_away,   turned_away_fields,   EventTurnedAway),
        [EVENT_FOUND]         = ROW(found,         found_fields,         EventFound),
        [EVENT_DIAGNOSED]     = ROW(diagnosed,     diagnosed_fields,     EventDiagnosed),
};
// clang-format on
static_assert(ELEMENTSOF(rows) == EVENT_KIND_COUNT, "a kind of event has no table");

DEFINE_ENUM_NAMES(event_kind, kind_names, EVENT_KIND_COUNT);

const Field *event_fields(EventKind kind) {
        assert(kind < EVENT_KIND_COUNT);

        return rows[kind].fields;
}

int event_encode(const Event *event, char **ret, Error *error) {
        AUTO(Json) *body = json_new_object();
        const struct EventRow *row = &rows[event->kind];
        char *text;
        int r;

        if (!body)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        r = fields_encode(row->fields, (const char *) event + row->offset, body, error);
        if (r < 0) {
                return error_prefixf(
                                error, "event '%s'", enum_name(&event_kind_names, event->kind));
        }

        text = json_print(body);
        if (!text)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        *ret = text;
        return 0;
}

int event_decode(const char *kind, const char *body, Event *ret, Error *error) {
        AUTO(Json) *json = NULL;
        Event event = {};
        int value = enum_value(&event_kind_names, kind);
        int r;

        if (value < 0) {
                return error_setf(
                                error, ERROR_VERSION,
                                "kind is '%s', which this rollpatch does not know", kind);
        }

        r = json_parse(body, strlen(body), &json, error);
        if (r < 0)
                return r;

        event.kind = (EventKind) value;
        r = fields_decode(
                        rows[value].fields, json, NULL, (char *) &event + rows[value].offset,
                        rows[value].size, error);
        if (r < 0)
                return error_prefixf(error, "kind '%s'", kind);

        *ret = event;
        return 0;
}

const char *event_node(const Event *event) {
        switch (event->kind) {
        case EVENT_STARTED:
        case EVENT_EPOCH:
        case EVENT_DEPOSED:
                return event->epoch.node;
        case EVENT_NODE:
                return event->node.node;
        case EVENT_CLAIMED:
                return event->claimed.node;
        case EVENT_FOREIGN:
                return event->foreign.node;
        case EVENT_CLEARED:
                return event->cleared.node;
        case EVENT_WAIVED:
        case EVENT_RUN_MADE:
        case EVENT_TOKEN_MADE:
        case EVENT_TOKEN_REVOKED:
                return "";
        case EVENT_RUN_NODE:
                return event->run_node.node;
        case EVENT_RUN:
                return event->run.node;
        case EVENT_STEP:
                return event->step.node;
        case EVENT_CHECK:
                return event->check.node;
        case EVENT_ORDERED:
                return event->ordered.node;
        case EVENT_OPERATOR:
                return event->operator.node;
        case EVENT_KEY:
                return event->key.node;
        case EVENT_TURNED_AWAY:
                return event->turned_away.node;
        case EVENT_FOUND:
                return event->found.node;
        case EVENT_DIAGNOSED:
                return event->diagnosed.node;
        }

        return "";
}

static void describe_step(const EventStep *step, char *buffer, size_t size) {
        const char *event = enum_name(&step_event_names, step->event);
        const char *colon = step->reason[0] ? ": " : "";

        if (step->event == STEP_EVENT_SLOTTED) {
                (void) text_format(
                                buffer, size, "%s: got the slot, fence %" PRIu64 "%s%s", step->node,
                                step->fence, colon, step->reason);
        } else {
                (void) text_format(
                                buffer, size, "%s: %s%s%s", step->node, event, colon, step->reason);
        }
}

static void describe_epoch(const Event *event, char *buffer, size_t size) {
        if (event->kind == EVENT_STARTED) {
                (void) text_format(
                                buffer, size, "rollpatchd %s started, claims epoch %" PRIu64,
                                event->epoch.software, event->epoch.epoch);
        } else if (event->kind == EVENT_EPOCH) {
                (void) text_format(
                                buffer, size,
                                "%s has obeyed a later coordinator; claims epoch %" PRIu64,
                                event->epoch.node, event->epoch.epoch);
        } else {
                (void) text_format(
                                buffer, size,
                                "%s obeys another coordinator, with epoch %" PRIu64 ": stopped",
                                event->epoch.node, event->epoch.epoch);
        }
}

static void describe_operator(const EventOperator *by, char *buffer, size_t size) {
        (void) text_format(
                        buffer, size, "%s: %s%s%s%s%s%s%s", by->user, by->verb,
                        by->node[0] ? " " : "", by->node, by->reason[0] ? ", because: " : "",
                        by->reason, by->outcome[0] ? " -> " : "", by->outcome);
}

static void describe_node(const EventNode *node, char *buffer, size_t size) {
        (void) text_format(
                        buffer, size, "%s: %s, DC/OS %s, boot %.8s%s", node->node,
                        enum_name(&role_names, node->role),
                        node->dcos_version[0] ? node->dcos_version : "unknown", node->boot_id,
                        node->unclaimed ? "; no longer holds the epoch it acknowledged" : "");
}

/* Never the psk. */
static void describe_token(const Event *event, char *buffer, size_t size) {
        const EventTokenMade *made = &event->token_made;
        const EventTokenRevoked *revoked = &event->token_revoked;

        if (event->kind == EVENT_TOKEN_MADE) {
                (void) text_format(
                                buffer, size,
                                "join token %s made by %s: role %s, %" PRIu64 " uses%s%s", made->id,
                                made->user, enum_name(&role_names, made->role), made->uses,
                                made->name[0] ? ", for " : "", made->name);
        } else {
                (void) text_format(
                                buffer, size, "join token %s revoked by %s", revoked->id,
                                revoked->user);
        }
}

static void describe_key(const EventKey *said, char *buffer, size_t size) {
        (void) text_format(
                        buffer, size, "%s: key %.8s %s%s%s%s%s%s%s", said->node, said->key,
                        enum_name(&key_change_names, said->change),
                        said->token[0] ? " with join token " : "", said->token,
                        said->user[0] ? " by " : "", said->user,
                        said->reason[0] ? ", because: " : "", said->reason);
}

static void describe_found(const EventFound *said, char *buffer, size_t size) {
        const Symptom *symptom = &said->symptom;

        (void) text_format(
                        buffer, size, "%s: %s (%s): %s %s: '%s'", said->node, symptom->id,
                        enum_name(&failure_class_names, symptom->class), symptom->where,
                        symptom->place, symptom->evidence);
}

static void describe_diagnosed(const EventDiagnosed *said, char *buffer, size_t size) {
        const char *nothing = said->found > 0 ? "nothing that would be a cause was found"
                                              : "nothing of the catalogue was found";

        (void) text_format(
                        buffer, size, "%s: %s%s%s", said->node,
                        said->cause[0] ? said->cause : nothing,
                        said->missing[0] ? "; not looked at: " : "", said->missing);
}

static void describe_run(const Event *event, char *buffer, size_t size) {
        if (event->kind == EVENT_RUN_MADE) {
                (void) text_format(
                                buffer, size, "run %" PRIu64 " made by %s: %s -> %s",
                                event->run_made.number, event->run_made.user, event->run_made.from,
                                event->run_made.to);
        } else if (event->kind == EVENT_RUN_NODE) {
                (void) text_format(
                                buffer, size, "%s: in the run as %s", event->run_node.node,
                                enum_name(&role_names, event->run_node.role));
        } else {
                (void) text_format(
                                buffer, size, "run %s%s%s",
                                enum_name(&run_event_names, event->run.event),
                                event->run.reason[0] ? ": " : "", event->run.reason);
        }
}

void event_describe(const Event *event, char *buffer, size_t size) {
        switch (event->kind) {
        case EVENT_STARTED:
        case EVENT_EPOCH:
        case EVENT_DEPOSED:
                describe_epoch(event, buffer, size);
                break;
        case EVENT_NODE:
                describe_node(&event->node, buffer, size);
                break;
        case EVENT_CLAIMED:
                (void) text_format(
                                buffer, size, "%s: acknowledged epoch %" PRIu64,
                                event->claimed.node, event->claimed.epoch);
                break;
        case EVENT_FOREIGN:
                (void) text_format(
                                buffer, size, "%s: knows step %s, %s, which this log does not know",
                                event->foreign.node, event->foreign.brief.step,
                                enum_name(&node_step_names, event->foreign.brief.state));
                break;
        case EVENT_CLEARED:
                (void) text_format(
                                buffer, size, "%s: cleared by a person: %s", event->cleared.node,
                                event->cleared.reason);
                break;
        case EVENT_WAIVED:
                (void) text_format(
                                buffer, size, "%s waived for the next run: %s", event->waived.id,
                                event->waived.reason);
                break;
        case EVENT_RUN_MADE:
        case EVENT_RUN_NODE:
        case EVENT_RUN:
                describe_run(event, buffer, size);
                break;
        case EVENT_STEP:
                describe_step(&event->step, buffer, size);
                break;
        case EVENT_CHECK:
                (void) text_format(
                                buffer, size, "%s: %s is %s%s%s", event->check.node,
                                event->check.check, enum_name(&verdict_names, event->check.verdict),
                                event->check.reason[0] ? ": " : "", event->check.reason);
                break;
        case EVENT_ORDERED:
                (void) text_format(
                                buffer, size, "%s: start ordered, fence %" PRIu64,
                                event->ordered.node, event->ordered.fence);
                break;
        case EVENT_OPERATOR:
                describe_operator(&event->operator, buffer, size);
                break;
        case EVENT_TOKEN_MADE:
        case EVENT_TOKEN_REVOKED:
                describe_token(event, buffer, size);
                break;
        case EVENT_KEY:
                describe_key(&event->key, buffer, size);
                break;
        case EVENT_TURNED_AWAY:
                (void) text_format(
                                buffer, size, "turned away (%s): %s", event->turned_away.id,
                                event->turned_away.text);
                break;
        case EVENT_FOUND:
                describe_found(&event->found, buffer, size);
                break;
        case EVENT_DIAGNOSED:
                describe_diagnosed(&event->diagnosed, buffer, size);
                break;
        }
}
