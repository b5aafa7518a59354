/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/judge.h"

#include <inttypes.h>
#include <string.h>

#include "common/text.h"
#include "coordinator/gate.h"
#include "coordinator/masters.h"
#include "coordinator/node-link.h"
#include "coordinator/settle.h"

/* --- one node --- */

void explain_unheard(const Node *node, const char *title, Why *why) {
        char advice[REASON_MAX];

        if (!node->revoked) {
                why_setf(why, "rollpatch status", "%s%s is not heard now", title, node->name);
                return;
        }

        (void) text_format(
                        advice, sizeof(advice), "rollpatch token create --role %s --name %s",
                        enum_name(&role_names, node->role), node->name);
        why_setf(why, advice,
                 "%s%s's key was revoked; nothing it says counts until it has joined again", title,
                 node->name);
}

void explain_unclaimed(const Node *node, const NodeFacts *facts, Why *why) {
        if (node->revoked) {
                explain_unheard(node, "", why);
                return;
        }

        why_setf(why, "rollpatch status", "%s has not acknowledged this coordinator%s%s",
                 node->name, facts->refusal[0] ? ": " : "", facts->refusal);
}

/* Heard now, and in this epoch: what it has said before may be another coordinator's doing. */
static bool is_ours(const State *state, const Facts *facts, size_t index, usec_t now, Why *why) {
        const Node *node = &state->nodes[index];

        if (node_link(state, facts, index, now) != LINK_FRESH) {
                explain_unheard(node, "", why);
                return false;
        }
        if (node->epoch != state->epoch) {
                explain_unclaimed(node, &facts->nodes[index], why);
                return false;
        }

        return true;
}

/* Also after a person has answered for it: that something ran once is one thing, that it runs now
 * another. */
static bool has_stranger(const Node *node, const NodeFacts *facts) {
        return facts->in_hand[0] && strcmp(facts->in_hand, node->step.id) != 0;
}

static bool journal_is_explained(
                const State *state, const Node *node, const NodeFacts *facts, Why *why) {
        char advice[REASON_MAX];
        char open[REASON_MAX];

        if (node->journal_lost || node->foreign_count > 0) {
                settle_describe(state, node, open);
                settle_advise(state, node, advice);
                why_setf(why, advice, "%s: %s", node->name, open);
                return false;
        }
        if (has_stranger(node, facts)) {
                (void) text_format(
                                advice, sizeof(advice),
                                "rollpatch status %s; then rollpatch release %s --reason TEXT",
                                node->name, node->name);
                why_setf(why, advice, "%s: step %s may run on it, which is not its present one",
                         node->name, facts->in_hand);
                return false;
        }

        return true;
}

bool node_answers_to_us(
                const State *state, const Facts *facts, size_t index, usec_t now, Why *why) {
        return is_ours(state, facts, index, now, why) &&
               journal_is_explained(state, &state->nodes[index], &facts->nodes[index], why);
}

/* --- what a person may settle --- */

static bool says_in_hand(const NodeFacts *facts) {
        StepBrief said = { .state = facts->reported };

        return facts->reported_at != 0 && brief_is_in_hand(&said);
}

bool retry_is_safe(const State *state, const Facts *facts, size_t index, usec_t now, Why *ret_why) {
        const NodeFacts *known = &facts->nodes[index];
        const Node *node = &state->nodes[index];

        if (!node_answers_to_us(state, facts, index, now, ret_why))
                return false;
        if (node->step.state != STEP_UNKNOWN)
                return true;
        if (known->reported_at == 0 || says_in_hand(known)) {
                why_setf(ret_why, "rollpatch status", "%s %s", node->name,
                         known->reported_at == 0 ? "has not said yet what it has done"
                                                 : "says that its step is under way");
                return false;
        }

        return true;
}

bool release_is_safe(
                const State *state, const Facts *facts, size_t index, usec_t now, Why *ret_why) {
        const NodeFacts *known = &facts->nodes[index];
        const Node *node = &state->nodes[index];
        char advice[REASON_MAX];

        if (node_link(state, facts, index, now) != LINK_FRESH)
                return true;

        (void) text_format(
                        advice, sizeof(advice), "rollpatch status %s; rollpatch logs %s",
                        node->name, node->name);
        if (node->step.state == STEP_STARTED || (node->step.slot && says_in_hand(known))) {
                why_setf(ret_why, advice,
                         "%s is heard, and is at it: its slot is free when it has come to its end",
                         node->name);
                return false;
        }
        if (node->step.state == STEP_SLOTTED && known->ordered) {
                why_setf(ret_why, advice,
                         "%s has just been told to start: within seconds it says whether it has",
                         node->name);
                return false;
        }

        return true;
}

/* Its slot was taken by a person while nobody knew what its step did: that it does not run, it has
 * to have said itself, after that. */
static bool has_accounted(const Node *node, const NodeFacts *facts) {
        return node->step.state != STEP_UNKNOWN ||
               (facts->reported_at != 0 && !says_in_hand(facts));
}

/* --- gates --- */

bool node_is_proven(
                const State *state, const Facts *facts, size_t index, usec_t now, Why *ret_why) {
        if (!node_answers_to_us(state, facts, index, now, ret_why))
                return false;
        if (!facts->nodes[index].proven) {
                const Why *unwell = &facts->nodes[index].unwell;

                why_setf(ret_why, unwell->advice, "%s",
                         unwell->text[0] ? unwell->text : "not looked at yet");
                return false;
        }

        return true;
}

/* A master that is tried again: it may itself be what keeps the others from being well. */
static bool is_retry(const Node *node) {
        return node->role == ROLE_MASTER && node->step.attempt > 1;
}

/* Fills the facts of every known master; returns how many there are, and the candidate's place. */
static size_t collect_masters(
                const State *state,
                const Facts *facts,
                size_t candidate,
                usec_t now,
                MasterFacts *masters,
                size_t *names,
                size_t *ret_place) {
        bool again = is_retry(&state->nodes[candidate]);
        size_t count = 0;

        *ret_place = SIZE_MAX;
        for (size_t i = 0; i < state->master_count && count <= MASTERS_MAX; i++) {
                size_t master = state->masters[i];
                const Node *node = &state->nodes[master];

                if (master == candidate)
                        *ret_place = count;

                masters[count] = (MasterFacts) {
                        .claimed = node->epoch == state->epoch,
                        .fresh = node_link(state, facts, master, now) == LINK_FRESH,
                        .healthy = again ? facts->nodes[master].healthy_but_one
                                         : facts->nodes[master].healthy,
                        .slot = node->step.slot,
                        .unresolved = node_is_unresolved(node) ||
                                      has_stranger(node, &facts->nodes[master]) ||
                                      !has_accounted(node, &facts->nodes[master]),
                };
                names[count++] = master;
        }

        return count;
}

/* What is wrong with the cluster's masters as a number. */
static void explain_count(const State *state, GateVerdict verdict, Why *why) {
        uint64_t count = state_master_count(state, NULL);
        const char *reason = "";

        if (verdict == GATE_COUNT_UNKNOWN) {
                (void) state_master_count(state, &reason);
                why_setf(why, "rollpatch nodes", "the number of masters is not known: %s", reason);
        } else if (verdict == GATE_ALONE) {
                why_setf(why, "rollpatch run PLAN --yes --accept-downtime",
                         "the cluster has a single master: it is down while that is patched");
        } else {
                why_setf(why, "rollpatch nodes",
                         "%s masters have reported here than the cluster has (%" PRIu64 ")",
                         verdict == GATE_TOO_FEW ? "fewer" : "more", count);
        }
}

static void explain_unresolved(
                const State *state, const Node *node, const NodeFacts *facts, Why *why) {
        char advice[REASON_MAX];

        if (!journal_is_explained(state, node, facts, why))
                return;

        settle_advise(state, node, advice);
        if (node_is_unresolved(node)) {
                why_setf(why, advice, "master %s has an unresolved step (%s)", node->name,
                         enum_name(&step_state_names, node->step.state));
        } else {
                why_setf(why, "rollpatch status",
                         "master %s was released, and has not said since that its step does not run",
                         node->name);
        }
}

/* What is wrong with this one master. */
static void explain_blocker(
                const State *state,
                GateVerdict verdict,
                const Node *blocker,
                const NodeFacts *facts,
                Why *why) {
        const char *advice = "rollpatch status";
        const Why *unwell = &facts->unwell;

        switch (verdict) {
        case GATE_UNCLAIMED:
                explain_unclaimed(blocker, facts, why);
                return;
        case GATE_SLOT:
                why_setf(why, advice, "master %s has the slot (%s)", blocker->name,
                         enum_name(&step_state_names, blocker->step.state));
                return;
        case GATE_UNRESOLVED:
                explain_unresolved(state, blocker, facts, why);
                return;
        case GATE_BACKUP:
                why_setf(why, advice, "master %s is being backed up", blocker->name);
                return;
        case GATE_STALE:
                explain_unheard(blocker, "master ", why);
                return;
        case GATE_UNHEALTHY:
                why_setf(why, unwell->advice, "master %s is not proven healthy: %s", blocker->name,
                         unwell->text[0] ? text_without_name(unwell->text, blocker->name)
                                         : "not looked at yet");
                return;
        case GATE_OPEN:
        case GATE_COUNT_UNKNOWN:
        case GATE_TOO_FEW:
        case GATE_TOO_MANY:
        case GATE_ALONE:
                return; /* no one master's */
        }
}

/* One that is ill itself before those that only see it so: that one is to be mended. */
static size_t find_ill(
                const Facts *facts,
                const size_t *names,
                size_t count,
                size_t candidate,
                size_t blocker) {
        for (size_t i = 0; i < count; i++) {
                if (names[i] != candidate && !facts->nodes[names[i]].healthy_but_one)
                        return i;
        }

        return blocker;
}

/* The gate of promise 1 for this node as things stand, and the sentence that explains a closed one.
 */
static GateVerdict judge_masters(
                const State *state,
                const Facts *facts,
                size_t candidate,
                usec_t now,
                Why *ret_why) {
        MasterFacts masters[MASTERS_MAX + 1];
        size_t names[MASTERS_MAX + 1];
        size_t blocker;
        size_t place;
        size_t count = collect_masters(state, facts, candidate, now, masters, names, &place);
        GateVerdict verdict = others_all_good(
                        masters, count, state_master_count(state, NULL), place,
                        state->run.made.accept_downtime || place == SIZE_MAX, &blocker);

        if (verdict == GATE_OPEN)
                return verdict;
        if (verdict == GATE_UNHEALTHY)
                blocker = find_ill(facts, names, count, candidate, blocker);
        if (blocker == count) {
                explain_count(state, verdict, ret_why);
        } else {
                explain_blocker(state, verdict, &state->nodes[names[blocker]],
                                &facts->nodes[names[blocker]], ret_why);
        }

        return verdict;
}

/* --- whether it may go down --- */

/* The last look (promise 3) needs the address of every other master. */
static bool can_be_looked_at(const State *state, const Node *candidate, Why *why) {
        if (candidate->role != ROLE_MASTER)
                return true;

        for (size_t i = 0; i < state->master_count; i++) {
                const Node *other = &state->nodes[state->masters[i]];

                if (other == candidate || other->address[0])
                        continue;

                why_setf(why, "rollpatch nodes",
                         "the address of master %s is not known: nobody can look at it",
                         other->name);
                return false;
        }

        return true;
}

/* That the leading master does not have it active. */
static void explain_no_member(const Node *node, const Why *unwell, Why *why) {
        char advice[REASON_MAX];

        (void) text_format(
                        advice, sizeof(advice),
                        "%s; or, to go on without it: rollpatch quarantine %s --reason TEXT",
                        unwell->advice[0] ? unwell->advice : "rollpatch status", node->name);
        why_setf(why, advice, "%s",
                 unwell->text[0] ? unwell->text : "the agent has not been looked at yet");
}

/* The masters are of one mind, and an agent is one that the leading master has active. One that is
 * tried again may itself be why they are not: the others' own health has been judged already. */
static bool others_agree(const State *state, const Facts *facts, size_t index, Why *why) {
        const Node *node = &state->nodes[index];

        if (is_retry(node))
                return true;
        if (!facts->cluster_well) {
                why_setf(why, facts->cluster_unwell.advice, "%s",
                         facts->cluster_unwell.text[0] ? facts->cluster_unwell.text
                                                       : "the masters have not been looked at yet");
                return false;
        }
        if (node->role != ROLE_MASTER && node->step.attempt == 1 && !facts->nodes[index].member) {
                explain_no_member(node, &facts->nodes[index].unwell, why);
                return false;
        }

        return true;
}

/* `waiting` is a master, or says why nobody can tell which one. */
static void explain_claim(const State *state, const Facts *facts, const char *waiting, Why *why) {
        const Node *node = state_find_node_const(state, waiting);
        const char *refusal = node ? facts->nodes[node - state->nodes].refusal : "";

        if (node && node->revoked) {
                explain_unheard(node, "master ", why);
                return;
        }

        why_setf(why, "rollpatch status", "the claim is not complete: waiting for %s%s%s", waiting,
                 refusal[0] ? ": " : "", refusal);
}

bool may_go_down(const State *state, const Facts *facts, size_t index, usec_t now, Why *why) {
        const Node *node = &state->nodes[index];
        char unlisted[REASON_MAX];
        const char *waiting;

        if (!state_claim_is_complete(state, &waiting)) {
                explain_claim(state, facts, waiting, why);
                return false;
        }
        if (!masters_are_listed(state, &facts->rules, unlisted)) {
                why_setf(why, MASTERS_ADVICE, "%s", unlisted);
                return false;
        }

        return node_answers_to_us(state, facts, index, now, why) &&
               can_be_looked_at(state, node, why) &&
               judge_masters(state, facts, index, now, why) == GATE_OPEN &&
               others_agree(state, facts, index, why);
}
