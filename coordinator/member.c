/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/member.h"

#include <inttypes.h>
#include <string.h>

#include "common/text.h"
#include "coordinator/frameworks.h"
#include "coordinator/losses.h"

static const Kept *answer_of(
                const State *state, const Facts *facts, size_t index, CheckId check, usec_t now) {
        return health_answer(state, facts, index, check, now);
}

/* What the leading master says of its cluster; NULL: nobody knows who leads, or it has not said. */
static const Kept *leaders_word(const State *state, const Facts *facts, usec_t now) {
        size_t leader = health_leader(state, facts, now);

        return leader == SIZE_MAX ? NULL : answer_of(state, facts, leader, CHECK_MESOS_LEADER, now);
}

static const char *advise(const Node *node, char advice[static REASON_MAX]) {
        return check_advise(&check_rows[CHECK_MEMBER], node, advice);
}

/* --- away --- */

#define LIMIT_GUESSED (5 * USEC_PER_MINUTE) /* of DC/OS (facts 4) */

void member_note_away(Health *health, const Sample *sample, usec_t at) {
        uint64_t listed, active = 0;

        if (!sample_number(sample, "listed", &listed))
                return; /* not known: neither gone nor back */

        (void) sample_number(sample, "active", &active);
        if (listed == 1 && active == 1) {
                health->away_since = 0;
        } else if (health->away_since == 0) {
                health->away_since = at;
        }
}

/* A leader that was elected while it was away waits for it by another limit. */
bool member_is_away(
                const State *state, const Facts *facts, size_t index, usec_t now, Away *ret_away) {
        const Kept *sample = answer_of(state, facts, index, CHECK_MEMBER, now);
        const Health *health = health_of(facts, index);
        const Kept *word;
        uint64_t limit = 0;

        if (!sample || health->away_since == 0)
                return false;

        word = leaders_word(state, facts, now);
        if (word) {
                (void) kept_number(
                                word,
                                kept_says(sample, "recovered", 1) ? "reregister_limit_ms"
                                                                  : "ping_limit_ms",
                                &limit);
        }

        *ret_away = (Away) { .span = span_sub(now, health->away_since),
                             .limit = limit * USEC_PER_MSEC };
        return true;
}

bool away_is_alarming(const Away *away) {
        return away->span >= (away->limit ? away->limit : LIMIT_GUESSED) / 5 * 3;
}

void away_describe(const Away *away, char text[static REASON_MAX]) {
        char span[SPAN_TEXT_MAX], limit[SPAN_TEXT_MAX];

        (void) text_format(
                        text, REASON_MAX, ", for %s; after %s its tasks are lost",
                        span_format(away->span - away->span % USEC_PER_SEC, span),
                        away->limit ? span_format(away->limit, limit)
                                    : "a time that the leading master does not say");
}

bool agent_is_member(
                const State *state,
                const Facts *facts,
                size_t index,
                usec_t now,
                uint64_t *ret_reregistered_ms,
                Why *ret_why) {
        const Node *node = &state->nodes[index];
        const Kept *sample = answer_of(state, facts, index, CHECK_MEMBER, now);
        char advice[REASON_MAX];
        char away[REASON_MAX] = "";
        Away span;

        (void) advise(node, advice);
        if (member_is_away(state, facts, index, now, &span))
                away_describe(&span, away);
        if (!sample) {
                why_setf(ret_why, advice, "%s: the leading master has not been heard about it",
                         node->name);
                return false;
        }
        if (!kept_says(sample, "listed", 1)) {
                why_setf(ret_why, advice,
                         "%s: the leading master does not list it: it is not registered%s",
                         node->name, away);
                return false;
        }
        if (!kept_says(sample, "active", 1)) {
                why_setf(ret_why, advice, "%s: the leading master has it disconnected%s",
                         node->name, away);
                return false;
        }
        if (!kept_number(sample, "reregistered_ms", ret_reregistered_ms)) {
                why_setf(ret_why, advice, "%s: the leading master does not say when it registered",
                         node->name);
                return false;
        }

        return true;
}

/* Compared on the leader's own clock (promise 4). */
static bool is_new(const State *state, const Facts *facts, size_t index, usec_t now, Why *why) {
        const Node *node = &state->nodes[index];
        char advice[REASON_MAX];
        uint64_t registered;

        if (!agent_is_member(state, facts, index, now, &registered, why))
                return false;

        if (registered <= node->step.registered_before) {
                why_setf(why, advise(node, advice),
                         "%s: the leading master has not registered it anew since its step",
                         node->name);
                return false;
        }

        return true;
}

/* Another id is another agent: whatever ran under the old one is lost. */
static bool is_the_same(const Node *node, const Kept *sample, Why *why) {
        const char *id = kept_text(sample, "id");
        char advice[REASON_MAX];

        if (!node->step.agent_id[0] || (id && strcmp(id, node->step.agent_id) == 0))
                return true;

        why_setf(why, advise(node, advice),
                 "%s: the leading master has it as agent %s, it was %s before its step: what ran "
                 "under that is lost",
                 node->name, id ? id : "without an id", node->step.agent_id);
        return false;
}

bool agent_is_member_again(
                const State *state, const Facts *facts, size_t index, usec_t now, Why *ret_why) {
        const Node *node = &state->nodes[index];

        if (!is_new(state, facts, index, now, ret_why))
                return false;

        return is_the_same(node, answer_of(state, facts, index, CHECK_MEMBER, now), ret_why);
}

/* By the leading master. What it has not said is not known. */
static bool is_inactive(const State *state, const Facts *facts, size_t index, usec_t now) {
        const Kept *sample = answer_of(state, facts, index, CHECK_MEMBER, now);
        uint64_t listed;

        return sample && kept_number(sample, "listed", &listed) && !kept_says(sample, "active", 1);
}

/* Those who are set aside count as there, before and after: who was not there then is not missed
 * now. One that is there all the same is among the active: twice it would stand for another. */
static bool count_agents(const State *state, const Facts *facts, usec_t now, uint64_t *ret_count) {
        const Kept *word = leaders_word(state, facts, now);

        if (!word || !kept_number(word, "agents_active", ret_count))
                return false;

        for (size_t i = 0; i < state->node_count; i++) {
                *ret_count += state->nodes[i].role != ROLE_MASTER &&
                              state->nodes[i].step.state == STEP_QUARANTINED &&
                              is_inactive(state, facts, i, now);
        }

        return true;
}

bool agents_are_back(
                const State *state, const Facts *facts, size_t index, usec_t now, Why *ret_why) {
        const Node *node = &state->nodes[index];
        uint64_t want = node->step.agents_before;
        uint64_t count;

        if (want == 0)
                return true;
        if (!count_agents(state, facts, now, &count)) {
                why_setf(ret_why, "rollpatch status MASTER",
                         "the leading master has not said how many agents are active");
                return false;
        }
        if (count < want) {
                why_setf(ret_why,
                         "rollpatch status; or, to go on without one: rollpatch quarantine NODE "
                         "--reason TEXT",
                         "%" PRIu64 " of the agents that were active before the step of %s are not",
                         want - count, node->name);
                return false;
        }

        return true;
}

void member_note_before(
                const State *state, const Facts *facts, size_t node, usec_t now, EventStep *step) {
        const Kept *sample = answer_of(state, facts, node, CHECK_MEMBER, now);
        const char *id = sample ? kept_text(sample, "id") : NULL;

        losses_note(state, facts, now, step->losses_before);
        if (state->nodes[node].role == ROLE_MASTER) {
                uint64_t count;

                frameworks_note_before(state, facts, now, step);
                if (count_agents(state, facts, now, &count))
                        step->agents_before = count;
                return;
        }

        step->registered_before = facts->nodes[node].registered_ms;
        if (id)
                (void) text_copy(step->agent_id, sizeof(step->agent_id), id);
        if (sample)
                (void) kept_number(sample, "tasks", &step->tasks_before);
}
