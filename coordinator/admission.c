/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/admission.h"

#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "coordinator/intake.h"

/* When those come again who were turned away. Whoever waits for a person is to notice soon; the
 * others' case is changed by somebody who can restart the node agent, or drops a token, and that is
 * noticed at once. */
#define AGAIN_PENDING (10 * USEC_PER_SEC)
#define AGAIN         (10 * USEC_PER_MINUTE)

static EnrolRules get_rules(const Coordinator *c) {
        const DaemonConfig *config = coordinator_get_config(c);

        return (EnrolRules) { config->masters, config->master_count };
}

static EnrolRequest make_request(const Introduction *guest) {
        EnrolRequest request = { .role = guest->hello.role };

        key_to_text(guest->key, request.key);
        if (guest->has_token) {
                token_id_to_text(guest->token, request.token);
                request.psk_matched = true; /* or it could not have been opened */
        }

        (void) text_copy(request.name, sizeof(request.name), guest->hello.name);
        (void) text_copy(request.cluster_id, sizeof(request.cluster_id), guest->hello.cluster_id);
        return request;
}

static void note(Coordinator *c, const EnrolRequest *request, Denial denial) {
        const Enrol *enrol = &coordinator_get_state(c)->enrol;
        Event event;

        if (waiting_note(coordinator_edit_waiting(c), enrol, request, denial, clock_wall(), &event))
                (void) coordinator_commit(c, &event, 1, NULL); /* the log says why it cannot */
}

/* Also of a token that is over: then its holder is told so, and not that it is unknown. */
bool admission_find_psk(
                const Coordinator *c,
                const uint8_t token[static TOKEN_ID_SIZE],
                uint8_t ret[static KEY_SIZE]) {
        const JoinToken *known;
        char id[TOKEN_ID_TEXT_MAX];

        token_id_to_text(token, id);
        known = enrol_find_token(&coordinator_get_state(c)->enrol, id);

        return known && key_parse(known->made.psk, ret) >= 0;
}

void admission_note_false_token(
                Coordinator *c, const uint8_t token[static TOKEN_ID_SIZE], bool known) {
        EnrolRequest request = {};

        token_id_to_text(token, request.token);
        note(c, &request, known ? DENIAL_TOKEN_WRONG : DENIAL_TOKEN_UNKNOWN);
}

/* Numbers that cannot be are looked at last: strangers are turned away for being strangers. */
static void judge(
                const Coordinator *c,
                const Introduction *guest,
                const EnrolRequest *request,
                EnrolVerdict *ret) {
        const State *state = coordinator_get_state(c);
        Message hello = { .kind = MESSAGE_HELLO, .hello = guest->hello };
        EnrolRules rules = get_rules(c);
        const char *what;

        enrol_judge(&state->enrol, &rules, clock_wall(), request, ret);
        if (ret->denial == DENIAL_NONE && !intake_is_plausible(state, &hello, &what))
                *ret = (EnrolVerdict) { .denial = DENIAL_JOURNAL_IMPLAUSIBLE };
}

bool admission_identify(
                Coordinator *c,
                const Introduction *guest,
                char ret_node[static NAME_TEXT_MAX],
                TurnedAway *ret) {
        const Enrol *enrol = &coordinator_get_state(c)->enrol;
        EnrolRequest request = make_request(guest);
        EnrolVerdict verdict;
        DenialText text;

        judge(c, guest, &request, &verdict);
        if (verdict.denial == DENIAL_NONE) {
                (void) text_copy(ret_node, NAME_TEXT_MAX, verdict.node);
                return true;
        }

        note(c, &request, verdict.denial);
        denial_describe(enrol, verdict.denial, &request, &text);
        (void) text_copy(ret->reason, sizeof(ret->reason), text.node);
        ret->again = verdict.denial == DENIAL_KEY_PENDING ? AGAIN_PENDING : AGAIN;
        return false;
}

bool admission_take_in(Coordinator *c, const char *node, const Introduction *guest) {
        EnrolRequest request = make_request(guest);
        EnrolVerdict verdict;
        Error error = {};

        judge(c, guest, &request, &verdict);
        if (verdict.denial != DENIAL_NONE) {
                note(c, &request, verdict.denial);
                return false;
        }

        assert(strcmp(verdict.node, node) == 0); /* a key never changes its name */
        if (!verdict.has_event)
                return true;
        if (coordinator_commit(c, &verdict.event, 1, &error) >= 0)
                return true;

        log_warning("%s is not let in now: %s.", node, error.text);
        return false;
}

bool admission_wants_rekey(const Coordinator *c, const Node *node) {
        const State *state = coordinator_get_state(c);
        const NodeKey *key = enrol_find_node(&state->enrol, node->name);

        /* Another coordinator would not know the new key. */
        return key && key->rekey_until > clock_wall() && node->epoch == state->epoch &&
               !state->deposed_by;
}

int admission_hear_announce(
                Coordinator *c, const char *node, const Announce *announce, Error *error) {
        const Enrol *enrol = &coordinator_get_state(c)->enrol;
        Event event;
        int r;

        r = enrol_judge_rekey(enrol, clock_wall(), node, announce->key, &event, error);
        return r <= 0 ? r : coordinator_commit(c, &event, 1, error);
}

bool admission_believes(const Coordinator *c, const char *name, const Message *message, bool loud) {
        const char *what;

        if (intake_is_plausible(coordinator_get_state(c), message, &what))
                return true;

        log_message(loud ? LOG_WARNING : LOG_DEBUG, NULL,
                    "%s names a %s that no coordinator of this cluster can have given; it is damaged, or "
                    "lies, and is not listened to; try: rollpatch node revoke %s --reason TEXT",
                    name, what, name);
        return false;
}
