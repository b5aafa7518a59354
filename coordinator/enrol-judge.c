/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/enrol-judge.h"

#include <fnmatch.h>
#include <string.h>

#include "common/text.h"

// clang-format off
static const char *const denial_ids[] = {
        [DENIAL_NONE]            = "none",
        [DENIAL_TOKEN_UNKNOWN]   = "token.unknown",
        [DENIAL_TOKEN_WRONG]     = "token.wrong",
        [DENIAL_NAME_INVALID]    = "name.invalid",
        [DENIAL_KEY_REJECTED]    = "key.rejected",
        [DENIAL_KEY_REVOKED]     = "key.revoked",
        [DENIAL_NAME_CHANGED]    = "name.changed",
        [DENIAL_ROLE_CHANGED]    = "role.changed",
        [DENIAL_TOKEN_REVOKED]   = "token.revoked",
        [DENIAL_TOKEN_EXPIRED]   = "token.expired",
        [DENIAL_TOKEN_USED_UP]   = "token.used-up",
        [DENIAL_TOKEN_ROLE]      = "token.role",
        [DENIAL_TOKEN_NAME]      = "token.name",
        [DENIAL_MASTER_UNLISTED] = "master.unlisted",
        [DENIAL_MASTER_LISTED]   = "master.listed",
        [DENIAL_NAME_CONFLICT]   = "name.conflict",
        [DENIAL_CLUSTER_MIXED]   = "cluster.mixed",
        [DENIAL_JOURNAL_IMPLAUSIBLE] = "journal.implausible",
        [DENIAL_KEY_PENDING]     = "key.pending",
};
// clang-format on
DEFINE_ENUM_NAMES(denial, denial_ids, DENIAL_COUNT);

bool enrol_is_listed(const EnrolRules *rules, const char *name) {
        for (size_t i = 0; i < rules->master_count; i++) {
                if (strcmp(rules->masters[i], name) == 0)
                        return true;
        }

        return false;
}

/* A node that cannot read its cluster id, because DC/OS has never been started on it, is not
 * refused for that; it is asked again with each session. */
static bool is_of_another_cluster(const Enrol *enrol, const char *cluster_id) {
        const char *ours = enrol_cluster_id(enrol);

        return cluster_id[0] && ours[0] && strcmp(cluster_id, ours) != 0;
}

/* A role decides by which rules a node is patched, so it is taken from nobody's word: a master is
 * what the list of masters says, and nothing else (promise 1). */
static Denial judge_role(const EnrolRules *rules, const char *name, Role role) {
        bool listed = enrol_is_listed(rules, name);

        if (role == ROLE_MASTER && !listed)
                return DENIAL_MASTER_UNLISTED;

        return role != ROLE_MASTER && listed ? DENIAL_MASTER_LISTED : DENIAL_NONE;
}

static Denial judge_newcomer(
                const Enrol *enrol,
                const EnrolRules *rules,
                const char *name,
                Role role,
                const char *cluster_id) {
        Denial denial = judge_role(rules, name, role);

        if (denial != DENIAL_NONE)
                return denial;
        if (enrol_find_node(enrol, name))
                return DENIAL_NAME_CONFLICT;

        return is_of_another_cluster(enrol, cluster_id) ? DENIAL_CLUSTER_MIXED : DENIAL_NONE;
}

Denial enrol_judge_entry(
                const Enrol *enrol,
                const EnrolRules *rules,
                const char *key,
                const char *name,
                Role role,
                const char *cluster_id) {
        const NodeKey *known = enrol_find_key(enrol, key);

        if (!name_is_valid(name))
                return DENIAL_NAME_INVALID;
        if (known && known->state == ENROLMENT_REVOKED)
                return DENIAL_KEY_REVOKED;

        return judge_newcomer(enrol, rules, name, role, cluster_id);
}

static Denial judge_token(const JoinToken *token, usec_t wall, const EnrolRequest *request) {
        switch (token_state(token, wall)) {
        case TOKEN_REVOKED:
                return DENIAL_TOKEN_REVOKED;
        case TOKEN_EXPIRED:
                return DENIAL_TOKEN_EXPIRED;
        case TOKEN_USED_UP:
                return DENIAL_TOKEN_USED_UP;
        case TOKEN_GOOD:
                break;
        }

        if (token->made.role != request->role)
                return DENIAL_TOKEN_ROLE;

        return token->made.name[0] && fnmatch(token->made.name, request->name, 0) != 0
                               ? DENIAL_TOKEN_NAME
                               : DENIAL_NONE;
}

static Denial judge_known(const Enrol *enrol, const NodeKey *known, const EnrolRequest *request) {
        if (known->state == ENROLMENT_REJECTED)
                return DENIAL_KEY_REJECTED;
        if (known->state != ENROLMENT_ENROLLED)
                return DENIAL_KEY_REVOKED;
        if (strcmp(known->node, request->name) != 0)
                return DENIAL_NAME_CHANGED;
        if (known->role != request->role)
                return DENIAL_ROLE_CHANGED;

        return is_of_another_cluster(enrol, request->cluster_id) ? DENIAL_CLUSTER_MIXED
                                                                 : DENIAL_NONE;
}

static Event key_event(
                KeyChange change,
                const char *node,
                const char *key,
                Role role,
                const char *cluster) {
        Event event = { .kind = EVENT_KEY, .key = { .change = change, .role = role } };

        (void) text_copy(event.key.node, sizeof(event.key.node), node);
        (void) text_copy(event.key.key, sizeof(event.key.key), key);
        (void) text_copy(event.key.cluster_id, sizeof(event.key.cluster_id), cluster);
        return event;
}

/* Whoever was let in once is let in again, also with the token that let it in and that has expired
 * since: the answer to its JOIN may have been lost. That costs no second use. */
static void admit_known(const NodeKey *known, const EnrolRequest *request, EnrolVerdict *verdict) {
        if (known->unused) {
                verdict->has_event = true;
                verdict->event = key_event(KEY_REPLACED, known->node, known->key, known->role, "");
        } else if (!known->cluster_id[0] && request->cluster_id[0]) {
                verdict->has_event = true;
                verdict->event =
                                key_event(KEY_PLACED, known->node, known->key, known->role,
                                          request->cluster_id);
        }
}

static Denial judge_unknown(
                const Enrol *enrol,
                const EnrolRules *rules,
                usec_t wall,
                const JoinToken *token,
                const EnrolRequest *request) {
        Denial denial = token ? judge_token(token, wall, request) : DENIAL_NONE;

        if (denial == DENIAL_NONE) {
                denial = judge_newcomer(
                                enrol, rules, request->name, request->role, request->cluster_id);
        }

        return denial == DENIAL_NONE && !token ? DENIAL_KEY_PENDING : denial;
}

static Denial judge_proof(const JoinToken *token, const EnrolRequest *request) {
        if (request->token[0] && !token)
                return DENIAL_TOKEN_UNKNOWN;
        if (request->token[0] && !request->psk_matched)
                return DENIAL_TOKEN_WRONG;

        return name_is_valid(request->name) ? DENIAL_NONE : DENIAL_NAME_INVALID;
}

void enrol_judge(
                const Enrol *enrol,
                const EnrolRules *rules,
                usec_t wall,
                const EnrolRequest *request,
                EnrolVerdict *ret) {
        const JoinToken *token = request->token[0] ? enrol_find_token(enrol, request->token) : NULL;
        const NodeKey *known = enrol_find_key(enrol, request->key);
        EnrolVerdict verdict = { .denial = judge_proof(token, request) };

        if (verdict.denial == DENIAL_NONE) {
                verdict.denial = known ? judge_known(enrol, known, request)
                                       : judge_unknown(enrol, rules, wall, token, request);
        }

        if (verdict.denial == DENIAL_NONE) {
                (void) text_copy(verdict.node, sizeof(verdict.node), request->name);
                if (known) {
                        admit_known(known, request, &verdict);
                } else {
                        verdict.has_event = true;
                        verdict.event =
                                        key_event(KEY_JOINED, request->name, request->key,
                                                  request->role, request->cluster_id);
                        (void) text_copy(
                                        verdict.event.key.token, sizeof(verdict.event.key.token),
                                        request->token);
                }
        }

        *ret = verdict;
}

int enrol_judge_rekey(
                const Enrol *enrol,
                usec_t wall,
                const char *node,
                const char *key,
                Event *ret,
                Error *error) {
        const NodeKey *known = enrol_find_key(enrol, key);
        const NodeKey *own = enrol_find_node(enrol, node);

        if (known && known->state == ENROLMENT_ENROLLED && strcmp(known->node, node) == 0)
                return 0;
        if (known) {
                return error_setf(
                                error, ERROR_DENIED,
                                "%s announces a key that is known as %s's and %s", node,
                                known->node, enum_name(&enrolment_names, known->state));
        }
        if (!own || own->rekey_until == 0 || wall >= own->rekey_until) {
                return error_setf(
                                error, ERROR_DENIED,
                                "%s announces another key, and nobody has asked for it; try: rollpatch node rekey %s",
                                node, node);
        }

        *ret = key_event(KEY_ANNOUNCED, node, key, own->role, own->cluster_id);
        return 1;
}
