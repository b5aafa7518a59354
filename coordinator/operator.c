/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/operator.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/id.h"
#include "common/text.h"
#include "coordinator/answers.h"
#include "coordinator/judge.h"
#include "coordinator/operator-request.h"
#include "coordinator/plan.h"
#include "coordinator/settle.h"

int request_exit(ErrorCode code) {
        if (code == ERROR_INVALID || code == ERROR_TOO_BIG)
                return EXIT_USAGE;
        if (code == ERROR_UNSAFE)
                return EXIT_UNSAFE;
        if (code == ERROR_BLOCKED || code == ERROR_CONFLICT)
                return EXIT_BLOCKED;

        return EXIT_FAILED;
}

int refuse(Request *request, ErrorCode code, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        (void) error_setv(request->error, code, format, arguments);
        va_end(arguments);
        return request_exit(code);
}

int answer_text(Request *request, const char *format, ...) {
        Error text = {};
        va_list arguments;

        va_start(arguments, format);
        (void) error_setv(&text, ERROR_BLOCKED, format, arguments); /* only its text is wanted */
        va_end(arguments);

        *request->answer = json_new_object();
        (void) json_add_string(*request->answer, "text", text.text);
        return EXIT_OK;
}

Event audit_event(
                const Request *request, const char *node, const char *reason, const char *outcome) {
        Event event = { .kind = EVENT_OPERATOR, .operator= { .uid = request->peer->uid } };
        EventOperator *by = &event.operator;

        (void) text_copy(by->user, sizeof(by->user), request->peer->user);
        (void) text_copy(by->terminal, sizeof(by->terminal), request->peer->terminal);
        (void) text_copy(by->verb, sizeof(by->verb), request->verb);
        (void) text_copy(by->node, sizeof(by->node), node);
        (void) text_copy(by->reason, sizeof(by->reason), reason);
        (void) text_copy(by->outcome, sizeof(by->outcome), outcome);
        return event;
}

/* What was ordered did not get into the log: then it has not happened. */
static int refuse_unwritten(Request *request) {
        ErrorCode code = request->error->code;
        char problem[REASON_MAX];
        bool disk = code == ERROR_NO_SPACE || code == ERROR_IO;

        (void) text_copy(problem, sizeof(problem), request->error->text);
        return refuse(request, code, "nothing was changed: %s%s%s", problem,
                      disk ? "; make it writable, then say it again; try: df " : "",
                      disk ? coordinator_get_config(request->coordinator)->state_dir : "");
}

int act(Request *request,
        const char *node,
        const char *reason,
        const char *outcome,
        const Event *done) {
        Event events[2] = { audit_event(request, node, reason, outcome) };
        int r;

        if (done) {
                r = state_check(request->state, done, request->error);
                if (r < 0)
                        return EXIT_BLOCKED;
                events[1] = *done;
        }

        r = coordinator_commit(request->coordinator, events, done ? 2 : 1, request->error);
        if (r < 0)
                return refuse_unwritten(request);

        coordinator_turn(request->coordinator);
        return answer_text(request, "%s", outcome);
}

int request_reason(Request *request, char reason[static REASON_MAX]) {
        int r;

        r = json_get_string(request->arguments, "reason", reason, REASON_MAX, request->error);
        if (r >= 0 && !reason[0]) {
                r = error_setf(request->error, ERROR_INVALID,
                               "'reason' is empty, want one line for the audit");
        }

        return r;
}

int request_number(
                const Request *request,
                const char *key,
                uint64_t min,
                uint64_t max,
                uint64_t *ret) {
        if (!json_find(request->arguments, key))
                return 0;

        return json_get_u64(request->arguments, key, min, max, ret, request->error);
}

bool request_flag(const Request *request, const char *key) {
        const Json *flag = json_find(request->arguments, key);

        return flag && json_bool_value(flag);
}

/* --- run --- */

static int get_plan(Request *request, Plan **ret) {
        const Json *json;
        int r;

        r = json_get_object(request->arguments, "plan", &json, request->error);
        if (r < 0)
                return r;

        return plan_decode(json, ret, request->error);
}

static Json *describe_plan(
                const Request *request, const Plan *plan, const Finding *findings, size_t count) {
        Json *json = json_new_object();
        Json *nodes = json_new_array();
        Json *rows = json_new_array();

        for (size_t i = 0; i < plan->node_count; i++) {
                const Node *node = state_find_node_const(request->state, plan->nodes[i].name);
                Json *row = node ? answer_node(request->coordinator, node) : json_new_object();

                if (!node)
                        (void) json_add_string(row, "name", plan->nodes[i].name);
                (void) json_add_u64(row, "order", i + 1);
                (void) json_append(nodes, row);
        }

        for (size_t i = 0; i < count; i++) {
                Json *row = json_new_object();

                (void) json_add_string(row, "id", findings[i].id);
                (void) json_add_string(row, "level", findings[i].blocks ? "block" : "warn");
                (void) json_add_string(row, "message", findings[i].text);
                (void) json_add_string(row, "try", findings[i].advice);
                (void) json_append(rows, row);
        }

        (void) json_add_string(json, "cluster", plan->cluster);
        (void) json_add_string(json, "from", plan->made.from);
        (void) json_add_string(json, "to", plan->made.to);
        (void) json_add_string(json, "url", plan->made.url);
        (void) json_add_string(json, "sha256", plan->made.sha256);
        (void) json_add_u64(json, "size", plan->made.size);
        (void) json_add(json, "nodes", nodes);
        (void) json_add(json, "findings", rows);
        return json;
}

static int verb_plan(Request *request) {
        AUTO(Plan) *plan = NULL;
        Finding findings[FINDINGS_MAX];
        size_t count;

        if (get_plan(request, &plan) < 0)
                return EXIT_USAGE;

        count = plan_check(
                        plan, request->state, coordinator_get_config(request->coordinator)->cluster,
                        &coordinator_get_facts(request->coordinator)->rules,
                        request_flag(request, "accept_downtime"), findings);
        *request->answer = describe_plan(request, plan, findings, count);

        for (size_t i = 0; i < count; i++) {
                if (findings[i].blocks)
                        return request_exit(findings[i].code);
        }

        return EXIT_OK;
}

/* The same plan again means: go on with the run that is open. */
static int answer_open_run(Request *request, const Plan *plan) {
        const Run *run = &request->state->run;

        if (strcmp(run->made.to, plan->made.to) == 0 &&
            strcmp(run->made.sha256, plan->made.sha256) == 0) {
                return answer_text(
                                request,
                                "run %" PRIu64
                                " (%s -> %s) is open already and %s; nothing changed; try: rollpatch status",
                                run->made.number, run->made.from, run->made.to,
                                enum_name(&run_state_names, run->state));
        }

        return refuse(request, ERROR_BLOCKED,
                      "run %" PRIu64
                      " (%s -> %s) is open and %s; end it first: rollpatch abort --reason TEXT",
                      run->made.number, run->made.from, run->made.to,
                      enum_name(&run_state_names, run->state));
}

static void fill_run(const Request *request, const Plan *plan, Event *events, const char *outcome) {
        EventRunMade *made = &events[1].run_made;

        events[0] = audit_event(request, "", "", outcome);
        events[1] = (Event) { .kind = EVENT_RUN_MADE, .run_made = plan->made };
        made->number = request->state->run.made.number + 1;
        if (plan_is_below_floors(made))
                (void) text_copy(made->waived, sizeof(made->waived), request->state->waiver);
        made->accept_downtime = request_flag(request, "accept_downtime");
        id_random(made->id);
        (void) text_copy(made->user, sizeof(made->user), request->peer->user);

        for (size_t i = 0; i < plan->node_count; i++) {
                Event *event = &events[2 + i];

                *event = (Event) { .kind = EVENT_RUN_NODE,
                                   .run_node = { .role = plan->nodes[i].role } };
                (void) text_copy(event->run_node.node, NAME_TEXT_MAX, plan->nodes[i].name);
        }

        events[2 + plan->node_count] =
                        (Event) { .kind = EVENT_RUN, .run = { .event = RUN_EVENT_STARTED } };
}

static int make_run(Request *request, const Plan *plan) {
        size_t count = plan->node_count + 3;
        auto_free Event *events = calloc(count, sizeof(Event));
        char outcome[REASON_MAX];
        Json *run;

        if (!events)
                return refuse(request, ERROR_MEMORY, "out of memory");

        (void) text_format(
                        outcome, sizeof(outcome), "run %" PRIu64 " started: %s -> %s, %zu nodes",
                        request->state->run.made.number + 1, plan->made.from, plan->made.to,
                        plan->node_count);
        fill_run(request, plan, events, outcome);
        if (coordinator_commit(request->coordinator, events, count, request->error) < 0)
                return refuse_unwritten(request);

        coordinator_turn(request->coordinator);
        run = json_new_object();
        (void) json_add_u64(run, "number", request->state->run.made.number);
        (void) answer_text(request, "%s", outcome);
        (void) json_add(*request->answer, "run", run);
        return EXIT_OK;
}

static int check_confirmation(Request *request) {
        char cluster[NAME_TEXT_MAX] = "";

        if (!request_flag(request, "yes"))
                return refuse(request, ERROR_INVALID, "a run changes the cluster: say --yes");

        if (request->state->run.made.number > 0)
                return EXIT_OK;

        if (json_find(request->arguments, "cluster") &&
            json_get_string(request->arguments, "cluster", cluster, sizeof(cluster),
                            request->error) < 0)
                return EXIT_USAGE;

        if (strcmp(cluster, coordinator_get_config(request->coordinator)->cluster) != 0) {
                return refuse(request, ERROR_UNSAFE,
                              "this is the first run on this cluster: say --cluster %s if that is the one",
                              coordinator_get_config(request->coordinator)->cluster);
        }

        return EXIT_OK;
}

static int verb_run(Request *request) {
        AUTO(Plan) *plan = NULL;
        Finding findings[FINDINGS_MAX];
        size_t count;
        int r;

        if (get_plan(request, &plan) < 0)
                return EXIT_USAGE;

        r = check_confirmation(request);
        if (r != EXIT_OK)
                return r;

        if (state_has_open_run(request->state))
                return answer_open_run(request, plan);

        count = plan_check(
                        plan, request->state, coordinator_get_config(request->coordinator)->cluster,
                        &coordinator_get_facts(request->coordinator)->rules,
                        request_flag(request, "accept_downtime"), findings);
        for (size_t i = 0; i < count; i++) {
                if (findings[i].blocks) {
                        return refuse(request, findings[i].code, "%s%s%s", findings[i].text,
                                      findings[i].advice[0] ? "; try: " : "", findings[i].advice);
                }
        }

        return make_run(request, plan);
}

/* --- steering --- */

static Event make_run_event(RunEvent kind, const char *reason) {
        Event event = { .kind = EVENT_RUN, .run = { .event = kind } };

        (void) text_copy(event.run.reason, sizeof(event.run.reason), reason);
        return event;
}

/* "until resumed", or "for 12min more" */
static const char *describe_pause(usec_t until, char buffer[static NAME_TEXT_MAX]) {
        usec_t left = span_sub(until, clock_wall());
        char span[SPAN_TEXT_MAX];

        if (until == 0)
                return "until resumed";

        (void) text_format(
                        buffer, NAME_TEXT_MAX, "for %s more",
                        span_format(left - left % USEC_PER_SEC, span));
        return buffer;
}

static int verb_pause(Request *request) {
        const Run *run = &request->state->run;
        char outcome[REASON_MAX];
        char reason[REASON_MAX];
        char until[NAME_TEXT_MAX];
        Event event;
        uint64_t span = 0;

        if (request_reason(request, reason) < 0)
                return EXIT_USAGE;
        if (!state_has_open_run(request->state))
                return refuse(request, ERROR_NOT_FOUND, "no run is open");
        if (run->state == RUN_PAUSED) {
                return answer_text(
                                request,
                                "run %" PRIu64 " is paused already, %s: %s; nothing changed",
                                run->made.number, describe_pause(run->until, until), run->reason);
        }
        if (!run_next(run->state, RUN_EVENT_PAUSED)) {
                return refuse(request, ERROR_BLOCKED,
                              "run %" PRIu64 " is %s and starts no further node anyway",
                              run->made.number, enum_name(&run_state_names, run->state));
        }
        if (request_number(request, "for", USEC_PER_SEC, 365 * USEC_PER_DAY, &span) < 0)
                return EXIT_USAGE;

        event = make_run_event(RUN_EVENT_PAUSED, reason);
        event.run.until = span ? clock_wall() + span : 0;
        (void) text_format(
                        outcome, sizeof(outcome), "paused, %s; steps under way go on to their end",
                        describe_pause(event.run.until, until));
        return act(request, "", reason, outcome, &event);
}

static int verb_resume(Request *request) {
        const Run *run = &request->state->run;
        const Node *node = state_find_unsettled(request->state);
        Event event = make_run_event(RUN_EVENT_RESUMED, "by an operator");
        char advice[REASON_MAX];

        if (!state_has_open_run(request->state))
                return refuse(request, ERROR_NOT_FOUND, "no run is open");
        if (run->state == RUN_RUNNING)
                return answer_text(request, "run %" PRIu64 " is running already", run->made.number);

        /* A pause or a hold may end with agents that went wrong, as long as the budget has room. */
        if (node && run->state == RUN_HALTED) {
                settle_advise(request->state, node, advice);
                return refuse(request, ERROR_BLOCKED,
                              "%s is %s%s%s, that is not settled yet; try: %s", node->name,
                              enum_name(&step_state_names, node->step.state),
                              node->step.reason[0] ? ": " : "", node->step.reason, advice);
        }

        return act(request, "", "", "resumed", &event);
}

static int verb_abort(Request *request) {
        char outcome[REASON_MAX];
        char reason[REASON_MAX];
        char nodes[REASON_MAX / 2];
        Event event;

        if (request_reason(request, reason) < 0)
                return EXIT_USAGE;
        if (!state_has_open_run(request->state))
                return refuse(request, ERROR_NOT_FOUND, "no run is open");

        event = make_run_event(RUN_EVENT_ABORTED, reason);
        under_way_describe(request->state, nodes, sizeof(nodes));
        (void) text_format(
                        outcome, sizeof(outcome), "aborted; %s",
                        nodes[0] ? nodes : "no step was under way");
        return act(request, "", reason, outcome, &event);
}

static int verb_waive(Request *request) {
        Event event = { .kind = EVENT_WAIVED };
        char reason[REASON_MAX];

        if (request_reason(request, reason) < 0 ||
            json_get_string(request->arguments, "id", event.waived.id, sizeof(event.waived.id),
                            request->error) < 0)
                return EXIT_USAGE;
        if (strcmp(event.waived.id, WAIVER_GATE_FLOOR) != 0) {
                return refuse(request, ERROR_UNSAFE,
                              "'%s' cannot be waived; only " WAIVER_GATE_FLOOR " can",
                              event.waived.id);
        }

        (void) text_copy(event.waived.user, sizeof(event.waived.user), request->peer->user);
        (void) text_copy(event.waived.reason, sizeof(event.waived.reason), reason);
        return act(request, "", reason, WAIVER_GATE_FLOOR " is waived for the next run", &event);
}

/* Told before it is done: whoever has the copy is the coordinator. The command copies by itself, so
 * that it can do so without us, too. */
static int verb_state_save(Request *request) {
        char file[REASON_MAX - 64], outcome[REASON_MAX];

        if (json_get_string(request->arguments, "file", file, sizeof(file), request->error) < 0)
                return EXIT_USAGE;

        (void) text_format(
                        outcome, sizeof(outcome),
                        "log, keys and configuration are to be copied to %s", file);
        return act(request, "", "", outcome, NULL);
}

// clang-format off
static const struct {
        const char *name;
        int (*answer)(Request *request);
} verbs[] = {
        { "abort",        verb_abort            },
        { "audit",        operator_audit        },
        { "diagnose",     operator_diagnose     },
        { "logs",         operator_logs         },
        { "node-approve", operator_node_approve },
        { "node-import",  operator_node_import },
        { "node-reject",  operator_node_reject },
        { "node-rekey",   operator_node_rekey  },
        { "node-revoke",  operator_node_revoke },
        { "node-show",    operator_node_show   },
        { "nodes",        operator_nodes        },
        { "pause",        verb_pause            },
        { "plan",         verb_plan             },
        { "quarantine",   operator_quarantine   },
        { "release",      operator_release      },
        { "report",       operator_report       },
        { "resume",       verb_resume           },
        { "retry",        operator_retry        },
        { "run",          verb_run              },
        { "runs",         operator_runs         },
        { "state-save",   verb_state_save       },
        { "status",       operator_status       },
        { "token-create", operator_token_create },
        { "token-list",   operator_token_list   },
        { "token-revoke", operator_token_revoke },
        { "unquarantine", operator_unquarantine },
        { "waive",        verb_waive            },
};
// clang-format on

int operator_answer(
                const char *verb,
                const Json *arguments,
                const ControlPeer *peer,
                Json **ret_answer,
                Error *error,
                void *userdata) {
        Coordinator *coordinator = userdata;
        Request request = {
                .coordinator = coordinator,
                .state = coordinator_get_state(coordinator),
                .arguments = arguments,
                .peer = peer,
                .verb = verb,
                .answer = ret_answer,
                .error = error,
        };

        /* A person answers to what is decided. What has been heard a moment ago may be on its way
         * to that: a step that failed and was settled in between would never have halted the run.
         */
        coordinator_turn(coordinator);
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                if (strcmp(verbs[i].name, verb) == 0)
                        return verbs[i].answer(&request);
        }

        return refuse(&request, ERROR_INVALID, "verb '%s' is not known to this rollpatchd", verb);
}
