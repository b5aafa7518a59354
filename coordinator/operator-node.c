/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "coordinator/judge.h"
#include "coordinator/operator-request.h"
#include "coordinator/retry.h"
#include "coordinator/settle.h"

/* The verbs that settle one node. */

typedef struct Target {
        const Node *node;
        const NodeFacts *facts;
        char reason[REASON_MAX];
} Target;

static int get_target(Request *request, Target *ret) {
        char name[NAME_TEXT_MAX];

        if (request_reason(request, ret->reason) < 0 ||
            json_get_string(request->arguments, "node", name, sizeof(name), request->error) < 0)
                return EXIT_USAGE;

        ret->node = state_find_node_const(request->state, name);
        if (!ret->node) {
                return refuse(request, ERROR_NOT_FOUND,
                              "no node '%s' has reported here; rollpatch nodes lists those that have",
                              name);
        }

        ret->facts = &coordinator_get_facts(request->coordinator)
                                      ->nodes[ret->node - request->state->nodes];
        return EXIT_OK;
}

static size_t index_of(const Request *request, const Node *node) {
        return (size_t) (node - request->state->nodes);
}

static int refuse_why(Request *request, ErrorCode code, const Why *why) {
        return refuse(request, code, "%s%s%s", why->text, why->advice[0] ? "; try: " : "",
                      why->advice);
}

static int refuse_outside(Request *request, const Node *node) {
        const Run *run = &request->state->run;

        if (run->made.number == 0 || !node->step.id[0])
                return refuse(request, ERROR_NOT_FOUND, "%s is in no open run", node->name);

        return refuse(request, ERROR_NOT_FOUND,
                      "%s is in no open run: run %" PRIu64
                      " is %s; another run looks at the node first, and does not patch it twice",
                      node->name, run->made.number, enum_name(&run_state_names, run->state));
}

/* "failed for 12min" */
static const char *describe_step(const Node *node, char buffer[static NAME_TEXT_MAX]) {
        char span[SPAN_TEXT_MAX];
        usec_t since = span_sub(clock_wall(), node->step.since);

        (void) text_format(
                        buffer, NAME_TEXT_MAX, "%s for %s",
                        enum_name(&step_state_names, node->step.state),
                        span_format(since - since % USEC_PER_SEC, span));
        return buffer;
}

/* What a halt needs when its last cause is settled. */
static const char *then_resume(const Request *request) {
        return request->state->run.state == RUN_HALTED ? "; then: rollpatch resume" : "";
}

static Event make_step_event(
                const Request *request, const Node *node, StepEvent kind, const char *reason) {
        Event event = { .kind = EVENT_STEP, .step = { .event = kind, .fence = node->step.fence } };

        (void) text_copy(event.step.node, sizeof(event.step.node), node->name);
        (void) text_copy(event.step.reason, sizeof(event.step.reason), reason);
        if (kind == STEP_EVENT_RETRIED || kind == STEP_EVENT_UNQUARANTINED) {
                state_next_step_id(request->state, node, event.step.step);
        } else {
                (void) text_copy(event.step.step, sizeof(event.step.step), node->step.id);
        }

        return event;
}

/* --- retry --- */

static int retry_as(Request *request, const Target *target, StepEvent kind) {
        const Node *node = target->node;
        const EventRunMade *made = &request->state->run.made;
        bool same = strcmp(made->from, made->to) == 0; /* another configuration: packages tell */
        Event event = make_step_event(request, node, kind, target->reason);
        char outcome[REASON_MAX];

        if (kind == STEP_EVENT_RECHECKED) {
                event.step.docker_start = node->step.docker_failed;
                (void) text_format(
                                outcome, sizeof(outcome),
                                "%s: has DC/OS %s%s already: its script is not run again, only its gate is asked%s%s",
                                node->name, made->to,
                                same ? " with the packages of the script" : "",
                                event.step.docker_start > 0
                                                ? "; that Docker was restarted is accepted"
                                                : "",
                                then_resume(request));
        } else {
                (void) text_format(
                                outcome, sizeof(outcome),
                                "%s: still has %s%s: will be patched again, as attempt %" PRIu64
                                " (step %s)%s",
                                node->name,
                                same ? "other packages than the script activates" : "DC/OS ",
                                same ? "" : made->from, node->step.attempt + 1, event.step.step,
                                then_resume(request));
        }

        return act(request, node->name, target->reason, outcome, &event);
}

/* Looks first: a node that has what the run wants already is only judged again, never patched
 * again; one of which that cannot be said is left alone. */
int operator_retry(Request *request) {
        Target target = {};
        char is[NAME_TEXT_MAX];
        Why why = {};
        int r;

        r = get_target(request, &target);
        if (r != EXIT_OK)
                return r;
        if (!node_is_in_open_run(request->state, target.node))
                return refuse_outside(request, target.node);
        if (!step_state_is_bad(target.node->step.state)) {
                return answer_text(
                                request, "%s is %s: there is nothing to retry, and nothing changed",
                                target.node->name, describe_step(target.node, is));
        }

        switch (
                        retry_choose(request->state, coordinator_get_facts(request->coordinator),
                                     index_of(request, target.node), clock_boottime(), &why)) {
        case RETRY_ANEW:
                return retry_as(request, &target, STEP_EVENT_RETRIED);
        case RETRY_JUDGE:
                return retry_as(request, &target, STEP_EVENT_RECHECKED);
        case RETRY_UNSAFE:
                return refuse_why(request, ERROR_UNSAFE, &why);
        case RETRY_BLOCKED:
                break;
        }

        return refuse_why(request, ERROR_BLOCKED, &why);
}

/* --- release --- */

/* Who held what, since when, and when it was heard last: the person answers for that. */
static void describe_released(
                const Request *request, const Target *target, char outcome[static REASON_MAX]) {
        const Node *node = target->node;
        char is[NAME_TEXT_MAX];
        char heard[SPAN_TEXT_MAX];
        usec_t ago = span_sub(clock_boottime(), target->facts->heard);

        (void) text_format(
                        outcome, REASON_MAX,
                        "%s: released; it was %s%s (fence %" PRIu64
                        "), heard %s%s; you answer for it%s%s",
                        node->name, describe_step(node, is),
                        node->step.slot ? " and had the slot" : "", node->step.fence,
                        target->facts->heard == 0
                                        ? "not since rollpatchd started"
                                        : span_format(ago - ago % (100 * USEC_PER_MSEC), heard),
                        target->facts->heard == 0 ? "" : " ago",
                        node->role == ROLE_MASTER
                                        ? "; no other master goes down before it is proven good"
                                        : "",
                        then_resume(request));
}

static int release_journal(Request *request, const Target *target) {
        Event event = { .kind = EVENT_CLEARED };
        char outcome[REASON_MAX];

        (void) text_copy(event.cleared.node, sizeof(event.cleared.node), target->node->name);
        (void) text_copy(event.cleared.reason, sizeof(event.cleared.reason), target->reason);
        (void) text_format(
                        outcome, sizeof(outcome), "%s: you answer for what its journal cannot tell",
                        target->node->name);
        return act(request, target->node->name, target->reason, outcome, &event);
}

int operator_release(Request *request) {
        char outcome[REASON_MAX];
        Target target = {};
        Why why = {};
        Event event;
        int r;

        r = get_target(request, &target);
        if (r != EXIT_OK)
                return r;
        if (!node_is_unresolved(target.node)) {
                return answer_text(request, "%s holds nothing: nothing changed", target.node->name);
        }
        if (target.node->journal_lost || target.node->foreign_count > 0)
                return release_journal(request, &target);
        if (!release_is_safe(
                            request->state, coordinator_get_facts(request->coordinator),
                            index_of(request, target.node), clock_boottime(), &why))
                return refuse_why(request, ERROR_BLOCKED, &why);

        event = make_step_event(request, target.node, STEP_EVENT_RELEASED, target.reason);
        describe_released(request, &target, outcome);
        return act(request, target.node->name, target.reason, outcome, &event);
}

/* --- quarantine --- */

int operator_quarantine(Request *request) {
        char outcome[REASON_MAX];
        char is[NAME_TEXT_MAX];
        Target target = {};
        const Node *node;
        Event event;
        int r;

        r = get_target(request, &target);
        if (r != EXIT_OK)
                return r;

        node = target.node;
        if (node->role == ROLE_MASTER) {
                return refuse(request, ERROR_UNSAFE, "%s is a master: masters cannot be set aside",
                              node->name);
        }
        if (!node_is_in_open_run(request->state, node))
                return refuse_outside(request, node);
        if (node->step.state == STEP_QUARANTINED) {
                return answer_text(
                                request, "%s is in quarantine already: %s", node->name,
                                node->step.reason);
        }
        if (!step_next(node->step.state, STEP_EVENT_QUARANTINED)) {
                return refuse(request, ERROR_BLOCKED,
                              "%s is %s: let it end first; try: rollpatch status %s", node->name,
                              describe_step(node, is), node->name);
        }

        event = make_step_event(request, node, STEP_EVENT_QUARANTINED, target.reason);
        (void) text_format(
                        outcome, sizeof(outcome),
                        "%s: in quarantine: this run does not patch it, and counts it neither as failed nor as "
                        "serving; to take it back: rollpatch unquarantine %s --reason TEXT%s",
                        node->name, node->name, then_resume(request));
        return act(request, node->name, target.reason, outcome, &event);
}

int operator_unquarantine(Request *request) {
        char outcome[REASON_MAX];
        char is[NAME_TEXT_MAX];
        Target target = {};
        Event event;
        int r;

        r = get_target(request, &target);
        if (r != EXIT_OK)
                return r;
        if (!node_is_in_open_run(request->state, target.node))
                return refuse_outside(request, target.node);
        if (target.node->step.state != STEP_QUARANTINED) {
                return answer_text(
                                request, "%s is not in quarantine, it is %s: nothing changed",
                                target.node->name, describe_step(target.node, is));
        }

        event = make_step_event(request, target.node, STEP_EVENT_UNQUARANTINED, target.reason);
        (void) text_format(
                        outcome, sizeof(outcome),
                        "%s: back in the run; it is looked at first, and patched if it has not what the run wants",
                        target.node->name);
        return act(request, target.node->name, target.reason, outcome, &event);
}
