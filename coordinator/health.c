/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/health.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "coordinator/excuse.h"
#include "coordinator/frameworks.h"
#include "coordinator/marathon.h"
#include "coordinator/member.h"
#include "coordinator/retry.h"

/* --- taking in --- */

static Health *make_health(Facts *facts, size_t node) {
        NodeFacts *known = &facts->nodes[node];

        if (known->health)
                return known->health;

        known->health = calloc(1, sizeof(Health));
        if (known->health)
                facts->asked[facts->asked_count++] = node;

        return known->health;
}

void health_free(Health *health) {
        for (size_t i = 0; health && i < CHECK_COUNT; i++)
                window_reset(&health->windows[i]);

        free(health);
}

const Health *health_of(const Facts *facts, size_t node) {
        return facts->nodes[node].health;
}

static void forget(NodeFacts *facts) {
        for (size_t i = 0; facts->health && i < CHECK_COUNT; i++)
                window_reset(&facts->health->windows[i]);
}

static void note_resumed(const State *state, Facts *facts, usec_t now) {
        for (size_t i = 0; state->steps[STEP_VERIFYING] > 0 && i < state->node_count; i++) {
                if (state->nodes[i].step.state == STEP_VERIFYING)
                        facts->nodes[i].changed = now; /* its time stood while the run did */
        }
}

/* A script has ended since. */
static bool proves_anew(const Event *event) {
        return event->kind == EVENT_STEP && (event->step.event == STEP_EVENT_SUCCEEDED ||
                                             event->step.event == STEP_EVENT_RECHECKED);
}

static bool has_booted(const Event *event, const Node *node) {
        return event->kind == EVENT_NODE && node->booted_at == event->at;
}

void health_note(const State *state, Facts *facts, const Event *event, usec_t now) {
        const Node *node = state_find_node_const(state, event_node(event));

        if (event->kind == EVENT_RUN && event->run.event == RUN_EVENT_RESUMED)
                note_resumed(state, facts, now);
        if (!node)
                return;

        if (proves_anew(event) || has_booted(event, node))
                forget(&facts->nodes[node - state->nodes]);

        /* What was asked before says nothing now: no need to wait for the next turn of slow ones.
         */
        if (proves_anew(event))
                facts_wish(facts, (size_t) (node - state->nodes), ++facts->wishes, now);
}

/* Asked before the node's script was known to have ended: about what is no more. Or, by the node
 * itself, compared with another step than its present one, or with none: it says nothing of this
 * one, however late it comes. */
static bool is_outdated(
                const State *state,
                const Facts *facts,
                size_t index,
                const CheckRow *row,
                const Sample *sample,
                usec_t now) {
        usec_t asked = span_sub(now, span_add(sample->age, sample->took));
        const Node *node = &state->nodes[index];

        if (row->asker == ASKER_SELF && strcmp(sample->step, watched_step(state, node)) != 0)
                return true;

        return node->step.state == STEP_VERIFYING && asked < facts->nodes[index].changed;
}

static size_t find_by_address(const State *state, const char *address) {
        for (size_t i = 0; i < state->node_count; i++) {
                if (state->nodes[i].role != ROLE_MASTER &&
                    strcmp(state->nodes[i].address, address) == 0)
                        return i;
        }

        return SIZE_MAX;
}

static bool says_now(const Sample *sample, const char *name, uint64_t want) {
        uint64_t value;

        return sample_number(sample, name, &value) && value == want;
}

/* All others serve: what a good master's Exhibitor says while one is bad. */
static bool all_but_one_serve(const State *state, const Sample *sample) {
        uint64_t masters = state_master_count(state, NULL);
        uint64_t serving;

        return masters > 0 && says_now(sample, "listed", masters) &&
               sample_number(sample, "serving", &serving) && serving + 1 >= masters;
}

/* By what this master's replica sees of the others. */
static bool all_but_one_keep_the_registry(const State *state, const Sample *sample) {
        uint64_t masters = state_master_count(state, NULL);
        uint64_t size;

        return masters > 0 && sample_number(sample, "ensemble_size", &size) && size + 1 >= masters;
}

/* While another master is bad, this one cannot pass what counts all N: then its own ZooKeeper and
 * units count, that all others serve, that its replica is whole, and that its database has lost
 * copies, but no range. */
static bool is_enough(const State *state, CheckId check, const Sample *sample) {
        if (sample->verdict == VERDICT_FAIL && check == CHECK_EXHIBITOR)
                return all_but_one_serve(state, sample);
        if (sample->verdict == VERDICT_FAIL && check == CHECK_MESOS_MASTER) {
                return says_now(sample, "recovered", 1) && sample_text(sample, "leader") &&
                       all_but_one_keep_the_registry(state, sample);
        }
        if (sample->verdict == VERDICT_FAIL && check == CHECK_COCKROACH)
                return says_now(sample, "unavailable", 0);

        return sample->verdict == VERDICT_PASS || sample->verdict == VERDICT_NOT_APPLICABLE;
}

/* The node that a sample of `node` speaks of. SIZE_MAX: of none that is known; or it is about the
 * cluster, and somebody else leads by now. */
static size_t find_subject(
                const State *state,
                const Facts *facts,
                size_t node,
                const CheckRow *row,
                const Sample *sample,
                usec_t now) {
        bool of_agent = row->asker == ASKER_LEADER && !(row->roles & IN(ROLE_MASTER));
        size_t subject = of_agent ? find_by_address(state, sample->subject) : node;

        if (row->asker == ASKER_LEADER && health_leader(state, facts, now) != node)
                return SIZE_MAX;
        if (subject == SIZE_MAX || !(row->roles & IN(state->nodes[subject].role)))
                return SIZE_MAX;

        return subject;
}

bool health_hear(
                const State *state,
                Facts *facts,
                size_t node,
                const Sample *sample,
                usec_t now,
                size_t *ret_subject) {
        const CheckRow *row = check_find(sample->check, sample->subject);
        size_t subject = row ? find_subject(state, facts, node, row, sample, now) : SIZE_MAX;
        Health *health;

        if (subject == SIZE_MAX || is_outdated(state, facts, subject, row, sample, now))
                return false;

        health = make_health(facts, subject);
        *ret_subject = subject;
        if (health && row->id == CHECK_MEMBER)
                member_note_away(health, sample, span_sub(now, sample->age));

        return health &&
               window_add(&health->windows[row->id], sample, is_enough(state, row->id, sample), now,
                          check_newest_max(
                                          row, state->nodes[subject].role,
                                          state_is_at_work(state)));
}

/* --- one answer of one node --- */

static usec_t dwell_of(const State *state, const Node *node) {
        const RunNumbers *numbers = &state->run.made.numbers;

        return node->role == ROLE_MASTER ? numbers->dwell_master : numbers->dwell_agent;
}

const Kept *health_answer(
                const State *state, const Facts *facts, size_t node, CheckId check, usec_t now) {
        const Health *health = health_of(facts, node);
        const Node *known = &state->nodes[node];
        usec_t newest_max =
                        check_newest_max(&check_rows[check], known->role, state_is_at_work(state));

        if (!health || !window_is_fresh(&health->windows[check], now, newest_max))
                return NULL;

        return &health->windows[check].sample;
}

/* "ADDRESS:5050" is this node's own. */
static bool names_node(const char *text, const Node *node) {
        size_t length = strlen(node->address);

        return text && length > 0 && strncmp(text, node->address, length) == 0 &&
               text[length] == ':';
}

/* --- the masters together --- */

static size_t find_only(
                const State *state,
                const Facts *facts,
                CheckId check,
                usec_t now,
                bool (*is_leader)(const Kept *sample),
                size_t *ret_count) {
        size_t found = SIZE_MAX;

        *ret_count = 0;
        for (size_t i = 0; i < state->master_count; i++) {
                const Kept *sample = health_answer(state, facts, state->masters[i], check, now);

                if (!sample || !is_leader(sample))
                        continue;

                found = state->masters[i];
                (*ret_count)++;
        }

        return *ret_count == 1 ? found : SIZE_MAX;
}

static bool is_elected(const Kept *sample) {
        return kept_says(sample, "elected", 1);
}

static bool leads_zookeeper(const Kept *sample) {
        const char *mode = kept_text(sample, "mode");

        return mode && (strcmp(mode, "leader") == 0 || strcmp(mode, "standalone") == 0);
}

size_t health_zookeeper_leader(const State *state, const Facts *facts, usec_t now) {
        size_t count;

        return find_only(state, facts, CHECK_ZOOKEEPER, now, leads_zookeeper, &count);
}

size_t health_leader(const State *state, const Facts *facts, usec_t now) {
        size_t count;
        size_t leader = find_only(state, facts, CHECK_MESOS_MASTER, now, is_elected, &count);

        for (size_t i = 0; leader != SIZE_MAX && i < state->master_count; i++) {
                const Kept *sample = health_answer(
                                state, facts, state->masters[i], CHECK_MESOS_MASTER, now);
                const char *named = sample ? kept_text(sample, "leader") : NULL;

                /* Whoever names another leader: there is none that all agree on. */
                if (named && !names_node(named, &state->nodes[leader]))
                        return SIZE_MAX;
        }

        return leader;
}

/* Masters whose own replica is whole, by what each says; `others` names the rest. */
static uint64_t count_whole(
                const State *state,
                const Facts *facts,
                usec_t now,
                char others[static REASON_MAX]) {
        uint64_t whole = 0;

        others[0] = '\0';
        for (size_t i = 0; i < state->master_count; i++) {
                size_t master = state->masters[i];
                size_t used = strlen(others);

                if (kept_says(health_answer(state, facts, master, CHECK_MESOS_MASTER, now),
                              "recovered", 1)) {
                        whole++;
                } else {
                        (void) text_format(
                                        others + used, REASON_MAX - used, "%s%s",
                                        used > 0 ? ", " : "", state->nodes[master].name);
                }
        }

        return whole;
}

/* A majority of the replicas is whole: the leader's ensemble counts a dead one for 10 s, and one
 * that is empty for as long as it likes. Without a majority nothing looks different, until the
 * registry is to be written (facts 1). */
static bool has_quorum(
                const State *state, const Facts *facts, size_t leader, usec_t now, Why *why) {
        uint64_t masters = state_master_count(state, NULL);
        uint64_t want = masters / 2 + 1;
        const Kept *leads = health_answer(state, facts, leader, CHECK_MESOS_MASTER, now);
        char others[REASON_MAX];
        uint64_t whole = count_whole(state, facts, now, others);
        uint64_t ensemble;

        if (masters == 0) {
                why_setf(why, "rollpatch status",
                         "it is not known how many masters there are, so not what a quorum is");
                return false;
        }
        if (masters == 1 && kept_says(leads, "in_memory", 1))
                return true; /* nobody else has a part of it */
        if (leads && kept_number(leads, "ensemble_size", &ensemble))
                whole = MIN(whole, ensemble);
        if (whole >= want)
                return true;

        why_setf(why, "rollpatch status MASTER",
                 "the leading master %s has no quorum: %" PRIu64
                 " masters have a whole replica of the registry, want at least %" PRIu64 "%s%s",
                 state->nodes[leader].name, whole, want, others[0] ? "; not known of: " : "",
                 others);
        return false;
}

/* Whoever leads, if only by its own word, has read its registry: until then nothing that it says of
 * the cluster is true, and it may be alone in the world. */
static bool registry_is_read(
                const State *state, const Facts *facts, size_t leader, usec_t now, Why *why) {
        if (kept_says(health_answer(state, facts, leader, CHECK_MESOS_LEADER, now), "health", 1))
                return true;

        why_setf(why, "rollpatch status MASTER",
                 "the leading master %s has not said that its registry is recovered",
                 state->nodes[leader].name);
        return false;
}

static bool leads_by_its_own_word(
                const State *state, const Facts *facts, size_t index, usec_t now) {
        const Kept *own = health_answer(state, facts, index, CHECK_MESOS_MASTER, now);

        return own &&
               (is_elected(own) || names_node(kept_text(own, "leader"), &state->nodes[index]));
}

bool cluster_is_well(
                const State *state, const Facts *facts, size_t except, usec_t now, Why *ret_why) {
        const char *advice = "rollpatch status MASTER";
        size_t leader = health_leader(state, facts, now);
        char others[REASON_MAX];
        size_t zookeepers;

        (void) find_only(state, facts, CHECK_ZOOKEEPER, now, leads_zookeeper, &zookeepers);
        if (zookeepers != 1) {
                why_setf(ret_why, advice,
                         "%zu masters say that they lead ZooKeeper, want exactly 1", zookeepers);
                return false;
        }
        if (leader == SIZE_MAX) {
                (void) count_whole(state, facts, now, others);
                why_setf(ret_why, advice,
                         "the masters do not agree on one elected Mesos master%s%s",
                         others[0] ? "; no whole replica is known of: " : "", others);
                return false;
        }
        if (leader == except)
                return true; /* its word about the registry is not asked for */

        return registry_is_read(state, facts, leader, now, ret_why) &&
               has_quorum(state, facts, leader, now, ret_why);
}

/* --- gates --- */

/* Tenths of a second are enough for a person. */
static usec_t rounded(usec_t span) {
        return span - span % (100 * USEC_PER_MSEC);
}

static void explain_window(
                const Node *node,
                const CheckRow *row,
                const Window *window,
                usec_t now,
                usec_t dwell,
                usec_t newest_max,
                Why *why) {
        const char *reason = window->sample.reason;
        char advice[REASON_MAX];
        char seen[SPAN_TEXT_MAX];
        char want[SPAN_TEXT_MAX];

        (void) check_advise(row, node, advice);
        if (window->newest == 0) {
                why_setf(why, advice, "%s: %s has not been answered yet", node->name, row->name);
        } else if (window->sample.verdict == VERDICT_FAIL) {
                why_setf(why, advice, "%s: %s: %s", node->name, row->name, reason);
        } else if (window->sample.verdict == VERDICT_UNKNOWN) {
                why_setf(why, advice, "%s: %s is unknown: %s", node->name, row->name, reason);
        } else if (!window_is_fresh(window, now, newest_max)) {
                why_setf(why, advice, "%s: %s was last answered %s ago", node->name, row->name,
                         span_format(rounded(span_sub(now, window->newest)), seen));
        } else {
                why_setf(why, "", "%s: %s has been good for %s of %s", node->name, row->name,
                         span_format(rounded(span_sub(window->newest, window->since)), seen),
                         span_format(dwell, want));
        }
}

typedef enum Holding {
        HOLDS,
        HOLDS_NOT_YET, /* good, but not for long enough */
        HOLDS_NOT,
} Holding;

static Holding look_at_check(
                const State *state,
                const Facts *facts,
                size_t index,
                const CheckRow *row,
                usec_t now,
                Why *why) {
        static const Window never = {};
        const Node *node = &state->nodes[index];
        const Health *health = health_of(facts, index);
        const Window *window = health ? &health->windows[row->id] : &never;
        usec_t dwell = check_dwell(row, dwell_of(state, node));
        usec_t newest_max = check_newest_max(row, node->role, state_is_at_work(state));
        bool is_fresh = window_is_fresh(window, now, newest_max);

        if (window_holds(window, now, dwell, newest_max))
                return HOLDS;

        /* Nothing to compare with: listed as "not checked", but it keeps nobody waiting. */
        if (window->sample.verdict == VERDICT_NOT_APPLICABLE && is_fresh)
                return HOLDS;
        if (window->sample.verdict == VERDICT_FAIL && is_fresh &&
            failure_is_excused(state, facts, index, row->id, window, now))
                return HOLDS;

        explain_window(node, row, window, now, dwell, newest_max, why);
        return window->sample.verdict == VERDICT_PASS && is_fresh ? HOLDS_NOT_YET : HOLDS_NOT;
}

static bool is_asked_for(const CheckRow *row, const Node *node, bool after_step) {
        return after_step ? row->after_step && (row->roles & IN(node->role)) : row->before_others;
}

/* Those of the node's own step, or those before others'. The first that is bad is named; one that
 * only has not been good for long enough, when there is no other. */
static Holding look_at_checks(
                const State *state,
                const Facts *facts,
                size_t index,
                bool after_step,
                usec_t now,
                Why *ret_why) {
        Holding worst = HOLDS;

        for (size_t i = 0; i < CHECK_COUNT && worst != HOLDS_NOT; i++) {
                Why why = {};
                Holding holding = HOLDS;

                if (is_asked_for(&check_rows[i], &state->nodes[index], after_step))
                        holding = look_at_check(state, facts, index, &check_rows[i], now, &why);
                if (holding <= worst)
                        continue;

                *ret_why = why;
                worst = holding;
        }

        return worst;
}

bool master_is_healthy(
                const State *state, const Facts *facts, size_t index, usec_t now, Why *ret_why) {
        if (look_at_checks(state, facts, index, false, now, ret_why) != HOLDS)
                return false;

        return !leads_by_its_own_word(state, facts, index, now) ||
               registry_is_read(state, facts, index, now, ret_why);
}

static bool front_is_well(const State *state, const Facts *facts, usec_t now, Why *why) {
        if (!masters_are_level(state, facts, now))
                return true;

        for (size_t i = 0; i < CHECK_COUNT; i++) {
                if (!check_rows[i].level)
                        continue;

                for (size_t j = 0; j < state->master_count; j++) {
                        if (look_at_check(state, facts, state->masters[j], &check_rows[i], now,
                                          why) != HOLDS)
                                return false;
                }
        }

        return marathon_is_asked(state, facts, now, why);
}

/* What the others say of it, and of each other. */
static bool cluster_holds(
                const State *state, const Facts *facts, size_t index, usec_t now, Why *ret_why) {
        const Node *node = &state->nodes[index];

        if (node->role != ROLE_MASTER && !agent_is_member_again(state, facts, index, now, ret_why))
                return false;

        /* An agent too: registered with a leader that cannot write it down is not registered. */
        return cluster_is_well(state, facts, SIZE_MAX, now, ret_why) &&
               agents_are_back(state, facts, index, now, ret_why) &&
               (node->role != ROLE_MASTER || (front_is_well(state, facts, now, ret_why) &&
                                              frameworks_are_back(state, facts, now, ret_why)));
}

/* What is bad is named, whoever says so; that nothing has been good for long enough, when there is
 * nothing else. */
bool gate_holds(const State *state, const Facts *facts, size_t index, usec_t now, Why *ret_why) {
        Why young = {};
        Holding holding;

        /* What it answers to an older list was compared with nothing, or with another step: such
         * answers are dropped, so there may be none yet. */
        if (facts->nodes[index].watching != facts->nodes[index].watch) {
                why_setf(ret_why, "rollpatch status",
                         "%s: it has not taken over what it is asked since its step",
                         state->nodes[index].name);
                return false;
        }

        holding = look_at_checks(state, facts, index, true, now, &young);
        if (holding != HOLDS_NOT && !cluster_holds(state, facts, index, now, ret_why))
                return false;
        if (holding != HOLDS)
                *ret_why = young;

        return holding == HOLDS;
}

bool agent_is_wished_for(const State *state, const Facts *facts, size_t index) {
        return state->nodes[index].role != ROLE_MASTER && facts->nodes[index].refresh;
}

/* Few of its role are staged before it. */
static bool is_soon_next(const State *state, size_t index) {
        const Node *node = &state->nodes[index];
        size_t ahead = 0;

        for (size_t i = 0; i < state->node_count && ahead < LOOK_AHEAD; i++) {
                ahead += state->nodes[i].role == node->role &&
                         state->nodes[i].step.state == STEP_STAGED &&
                         state->nodes[i].step.order < node->step.order;
        }

        return ahead < LOOK_AHEAD;
}

bool agent_is_looked_at(const State *state, size_t index) {
        const Node *node = &state->nodes[index];

        if (node->role == ROLE_MASTER)
                return false;
        if (node->step.slot)
                return true;

        return node->step.state == STEP_STAGED && node_is_in_open_run(state, node) &&
               is_soon_next(state, index);
}

/* --- what the core looks at --- */

/* For a retry of the one that is bad: over the same dwell as everything else. */
static bool is_healthy_but_one(const State *state, const Facts *facts, size_t index, usec_t now) {
        const Health *health = health_of(facts, index);
        usec_t dwell = dwell_of(state, &state->nodes[index]);
        Why unused = {};

        for (size_t i = 0; i < CHECK_COUNT; i++) {
                const CheckRow *row = &check_rows[i];

                if (row->before_others &&
                    !window_is_enough(
                                    &health->windows[i], now, check_dwell(row, dwell),
                                    check_newest_max(row, ROLE_MASTER, state_is_at_work(state))))
                        return false;
        }

        return !leads_by_its_own_word(state, facts, index, now) ||
               registry_is_read(state, facts, index, now, &unused);
}

static void judge_master(const State *state, Facts *facts, size_t index, usec_t now) {
        NodeFacts *known = &facts->nodes[index];

        known->healthy = master_is_healthy(state, facts, index, now, &known->unwell);
        known->healthy_but_one = known->healthy || is_healthy_but_one(state, facts, index, now);
}

static void judge_agent(const State *state, Facts *facts, size_t index, usec_t now) {
        NodeFacts *known = &facts->nodes[index];

        known->member = agent_is_member(
                        state, facts, index, now, &known->registered_ms, &known->unwell);
}

/* Nobody looks at what the others are: not before their turn, nor after it. */
static bool is_to_be_judged(const State *state, const Node *node) {
        return state_is_at_work(state) && (node->step.state == STEP_STAGED || node->step.slot);
}

static void judge_node(const State *state, Facts *facts, size_t index, usec_t now) {
        NodeFacts *known = &facts->nodes[index];
        const Node *node = &state->nodes[index];
        Why gate = {};
        Why unused = {};

        if (node->role == ROLE_MASTER) {
                judge_master(state, facts, index, now);
        } else {
                judge_agent(state, facts, index, now);
        }

        known->judged = true;
        known->choice = turn_choose(state, facts, index, now, &unused);
        if (node->step.state == STEP_VERIFYING) {
                known->proven = gate_holds(state, facts, index, now, &gate);
                known->unwell = gate;
        }
}

static void unjudge(NodeFacts *known) {
        known->healthy = known->healthy_but_one = known->member = known->proven = false;
        known->unwell = (Why) {};
        known->choice = RETRY_BLOCKED;
        known->judged = false;
}

static void judge_agents(const State *state, Facts *facts, usec_t now) {
        facts->agents_judged = state_is_at_work(state);
        for (size_t i = 0; i < facts->asked_count; i++) {
                NodeFacts *known = &facts->nodes[facts->asked[i]];
                const Node *node = &state->nodes[facts->asked[i]];

                if (node->role == ROLE_MASTER)
                        continue;
                if (known->judged)
                        unjudge(known);
                if (is_to_be_judged(state, node))
                        judge_node(state, facts, facts->asked[i], now);
        }
}

void health_judge(const State *state, Facts *facts, usec_t now) {
        facts->elected = health_leader(state, facts, now);
        facts->zookeeper = health_zookeeper_leader(state, facts, now);
        facts->cluster_unwell = (Why) {};
        facts->cluster_well =
                        cluster_is_well(state, facts, SIZE_MAX, now, &facts->cluster_unwell) &&
                        front_is_well(state, facts, now, &facts->cluster_unwell);

        for (size_t i = 0; i < state->master_count; i++) {
                size_t master = state->masters[i];

                unjudge(&facts->nodes[master]);
                if (facts->nodes[master].health)
                        judge_node(state, facts, master, now);
        }

        if (state_is_at_work(state) || facts->agents_judged)
                judge_agents(state, facts, now);
}

Event health_event(const State *state, size_t subject, const Sample *sample) {
        Event event = { .kind = EVENT_CHECK, .check = { .verdict = sample->verdict } };
        EventCheck *check = &event.check;

        (void) text_copy(check->node, sizeof(check->node), state->nodes[subject].name);
        (void) text_copy(check->check, sizeof(check->check), sample->check);
        (void) text_copy(check->reason, sizeof(check->reason), sample->reason);
        (void) text_copy(check->evidence, sizeof(check->evidence), sample->evidence);
        check->number_count = sample->number_count;
        memcpy(check->numbers, sample->numbers, sizeof(check->numbers));
        return event;
}
