/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/answers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "coordinator/diagnoses.h"
#include "coordinator/store.h"
#include "proto/check-table.h"

/* Report, history and audit are questions to the log, not to memory: what they say is what was
 * committed. */

/* --- runs --- */

static Json *describe_made(const Event *event) {
        const EventRunMade *made = &event->run_made;
        Json *json = json_new_object();

        (void) json_add_u64(json, "number", made->number);
        (void) json_add_string(json, "id", made->id);
        (void) json_add_string(json, "from", made->from);
        (void) json_add_string(json, "to", made->to);
        (void) json_add_string(json, "url", made->url);
        (void) json_add_string(json, "sha256", made->sha256);
        (void) json_add_u64(json, "size", made->size);
        (void) json_add_string(json, "by", made->user);
        (void) json_add_u64(json, "started", event->at);
        return json;
}

typedef struct RunsReader {
        Json *runs;
        Json *newest; /* borrowed: the last of runs, not finished with yet */
        RunState state;
        char reason[REASON_MAX];
        usec_t ended;
} RunsReader;

static void close_run(RunsReader *reader) {
        if (!reader->newest)
                return;

        (void) json_add_string(reader->newest, "state", enum_name(&run_state_names, reader->state));
        (void) json_add_string(reader->newest, "why", reader->reason);
        if (reader->ended)
                (void) json_add_u64(reader->newest, "ended", reader->ended);
        (void) json_append(reader->runs, TAKE(reader->newest));
        reader->state = RUN_DRAFT;
        reader->reason[0] = '\0';
        reader->ended = 0;
}

static int on_runs(const Event *event, void *userdata, Error *error) {
        RunsReader *reader = userdata;

        (void) error;
        if (event->kind == EVENT_RUN_MADE) {
                close_run(reader);
                reader->newest = describe_made(event);
        } else if (event->kind == EVENT_RUN) {
                const RunTransition *row = run_next(reader->state, event->run.event);

                if (row)
                        reader->state = row->to;
                (void) text_copy(reader->reason, sizeof(reader->reason), event->run.reason);
                reader->ended = run_state_is_open(reader->state) ? 0 : event->at;
        }

        return 0;
}

int answer_runs(const Coordinator *coordinator, Json **ret, Error *error) {
        RunsReader reader = { .runs = json_new_array() };
        Json *json;
        int r;

        r = store_read(coordinator_get_store(coordinator), 0, on_runs, &reader, error);
        close_run(&reader);
        if (r < 0) {
                json_free(reader.runs);
                return r;
        }

        json = json_new_object();
        (void) json_add(json, "runs", reader.runs);
        *ret = json;
        return 0;
}

/* --- report --- */

/* The newest verdict on one check of one node. */
typedef struct Checked {
        char node[NAME_TEXT_MAX];
        char check[CHECK_NAME_MAX];
        Verdict verdict;
        char reason[REASON_MAX];
} Checked;

typedef struct ReportReader {
        uint64_t number; /* of the run that is asked for */
        bool inside;
        State *state; /* the fold up to here: knows attempts and roles */
        Json *run;
        Json *events;
        Json *steps;
        Checked *checked; /* owned */
        size_t checked_count;
        usec_t ended;
} ReportReader;

static void report_line(ReportReader *reader, const Event *event) {
        Json *row = json_new_object();
        char text[REASON_MAX + NAME_TEXT_MAX];

        event_describe(event, text, sizeof(text));
        (void) json_add_u64(row, "seq", event->seq);
        (void) json_add_u64(row, "at", event->at);
        (void) json_add_string(row, "type", enum_name(&event_kind_names, event->kind));
        (void) json_add_string(row, "text", text);
        if (event_node(event)[0])
                (void) json_add_string(row, "node", event_node(event));
        if (event->kind == EVENT_STEP) {
                (void) json_add_string(
                                row, "event", enum_name(&step_event_names, event->step.event));
        }
        if (event->kind == EVENT_FOUND)
                (void) json_add(row, "finding", symptom_describe(&event->found.symptom));
        if (event->kind == EVENT_STEP && event->step.tail[0])
                (void) json_add_string(row, "tail", event->step.tail);
        (void) json_append(reader->events, row);
}

static Checked *find_checked(const ReportReader *reader, const EventCheck *check) {
        for (size_t i = 0; i < reader->checked_count; i++) {
                Checked *checked = &reader->checked[i];

                if (strcmp(checked->node, check->node) == 0 &&
                    strcmp(checked->check, check->check) == 0)
                        return checked;
        }

        return NULL;
}

static int note_check(ReportReader *reader, const EventCheck *check) {
        Checked *checked = find_checked(reader, check);

        if (!checked) {
                checked = reallocarray(reader->checked, reader->checked_count + 1, sizeof(Checked));
                if (!checked)
                        return -ENOMEM;

                reader->checked = checked;
                checked = &reader->checked[reader->checked_count++];
                (void) text_copy(checked->node, sizeof(checked->node), check->node);
                (void) text_copy(checked->check, sizeof(checked->check), check->check);
        }

        checked->verdict = check->verdict;
        (void) text_copy(checked->reason, sizeof(checked->reason), check->reason);
        return 0;
}

/* The attempt that ends here, as one row: asked when another begins, and at the end. */
static void report_step(ReportReader *reader, const Node *node) {
        const Step *step = &node->step;
        char message[REASON_MAX];
        Json *row;

        if (!step->id[0])
                return;

        row = json_new_object();
        (void) json_add_string(row, "node", node->name);
        (void) json_add_string(row, "role", enum_name(&role_names, node->role));
        (void) json_add_string(row, "step", step->id);
        (void) json_add_u64(row, "attempt", step->attempt);
        (void) json_add_string(row, "state", enum_name(&step_state_names, step->state));
        (void) json_add_u64(row, "fence", step->fence);
        (void) json_add_u64(row, "declines", step->declines);
        if (step->slotted_at)
                (void) json_add_u64(row, "slotted", step->slotted_at);
        if (step->started_at)
                (void) json_add_u64(row, "started", step->started_at);
        if (step->ended_at) {
                (void) json_add_u64(row, "ended", step->ended_at);
        }
        if (step->exit_unknown) {
                (void) json_add_bool(row, "exit_unknown", true);
        } else if (step->ended_at) {
                (void) json_add_u64(row, "exit_status", step->exit_status);
                (void) json_add_u64(row, "exit_signal", step->exit_signal);
        }
        (void) json_add_string(row, "unit", step->unit);
        (void) text_format(
                        message, sizeof(message), "%s%s", step->released ? "released: " : "",
                        step->as_found && !step->reason[0]
                                        ? "had this version already: its script was not run"
                                        : step->reason);
        (void) json_add_string(row, "message", message);
        (void) json_append(reader->steps, row);
}

static bool is_new_attempt(const Event *event) {
        return event->kind == EVENT_STEP && (event->step.event == STEP_EVENT_RETRIED ||
                                             event->step.event == STEP_EVENT_UNQUARANTINED);
}

static bool is_end_of_run(const Event *event) {
        return event->kind == EVENT_RUN &&
               (event->run.event == RUN_EVENT_FINISHED || event->run.event == RUN_EVENT_ABORTED);
}

static int report_event(ReportReader *reader, const Event *event) {
        if (event->kind == EVENT_RUN_MADE) {
                reader->inside = event->run_made.number == reader->number;
                if (reader->inside)
                        reader->run = describe_made(event);
        }

        if (!reader->inside)
                return 0;

        if (is_new_attempt(event))
                report_step(reader, state_find_node_const(reader->state, event->step.node));

        if (event->kind != EVENT_RUN_NODE && event->kind != EVENT_CLAIMED)
                report_line(reader, event);

        return event->kind == EVENT_CHECK ? note_check(reader, &event->check) : 0;
}

static int on_report(const Event *event, void *userdata, Error *error) {
        ReportReader *reader = userdata;
        bool was_inside = reader->inside;

        /* The next run makes its nodes' steps anew: what they were is reported before. */
        if (was_inside && event->kind == EVENT_RUN_MADE)
                return 1;

        if (report_event(reader, event) < 0)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        if (reader->inside && is_end_of_run(event))
                reader->ended = event->at;

        return state_apply(reader->state, event, error);
}

/* As they went down; those that did not, in the order of the plan. */
static int compare_steps(const void *a, const void *b) {
        const Step *left = &(*(const Node *const *) a)->step;
        const Step *right = &(*(const Node *const *) b)->step;
        usec_t begun = left->slotted_at ? left->slotted_at : USEC_INFINITY;
        usec_t other = right->slotted_at ? right->slotted_at : USEC_INFINITY;

        if (begun != other)
                return begun < other ? -1 : 1;

        return left->order < right->order ? -1 : left->order > right->order;
}

/* NULL: out of memory. The caller frees it. */
static const Node **sort_nodes(const State *state) {
        const Node **nodes = calloc(state->node_count + 1, sizeof(Node *));

        for (size_t i = 0; nodes && i < state->node_count; i++)
                nodes[i] = &state->nodes[i];

        if (nodes)
                qsort(nodes, state->node_count, sizeof(Node *), compare_steps);

        return nodes;
}

static bool is_before_its_turn(const Step *step) {
        return step->state == STEP_WAITING || step->state == STEP_STAGING ||
               step->state == STEP_STAGED;
}

static Json *list_left(const State *state) {
        const auto_free Node **nodes = sort_nodes(state);
        Json *left = json_new_array();
        char text[REASON_MAX];

        for (size_t i = 0; nodes && i < state->node_count; i++) {
                const Node *node = nodes[i];

                if (!node->step.id[0] || node->step.state == STEP_DONE)
                        continue;

                (void) text_format(
                                text, sizeof(text), "%s is %s%s%s%s%s", node->name,
                                enum_name(&step_state_names, node->step.state),
                                node->step.released ? ", released by a person" : "",
                                is_before_its_turn(&node->step) ? ", its turn has not come" : "",
                                node->step.reason[0] ? ": " : "", node->step.reason);
                (void) json_append(left, json_new_string(text));
        }

        return left;
}

static bool is_untouched(const Node *node) {
        const uint32_t before = IN(STEP_WAITING) | IN(STEP_STAGING) | IN(STEP_STAGED) |
                                IN(STEP_SLOTTED) | IN(STEP_QUARANTINED);

        return IN(node->step.state) & before;
}

/* Of a node that was patched: what was asked of it last and could not be compared with anything. A
 * node that was not patched was not checked at all, and one that is not done has not passed. */
static Json *list_not_checked(const ReportReader *reader) {
        const auto_free Node **nodes = sort_nodes(reader->state);
        Json *list = json_new_array();
        char text[REASON_MAX + NAME_TEXT_MAX + CHECK_NAME_MAX];

        for (size_t i = 0; i < reader->checked_count; i++) {
                const Checked *checked = &reader->checked[i];
                const Node *node = state_find_node_const(reader->state, checked->node);

                if (checked->verdict != VERDICT_NOT_APPLICABLE || !node || is_untouched(node))
                        continue;

                (void) text_format(
                                text, sizeof(text), "%s on %s: %s", checked->check, checked->node,
                                checked->reason);
                (void) json_append(list, json_new_string(text));
        }

        for (size_t i = 0; nodes && i < reader->state->node_count; i++) {
                const Node *node = nodes[i];

                if (!node->step.id[0] || node->step.state == STEP_DONE)
                        continue;

                (void) text_format(
                                text, sizeof(text), "%s: %s (%s)", node->name,
                                is_untouched(node) ? "was not patched" : "its gate has not held",
                                enum_name(&step_state_names, node->step.state));
                (void) json_append(list, json_new_string(text));
        }

        return list;
}

/* What keeps nobody waiting between two masters, and is not as it should be by the newest word. */
static Json *list_notes(const ReportReader *reader) {
        Json *list = json_new_array();
        char text[REASON_MAX + NAME_TEXT_MAX + CHECK_NAME_MAX];

        for (size_t i = 0; i < reader->checked_count; i++) {
                const Checked *checked = &reader->checked[i];
                const CheckRow *row = check_find(checked->check, "");

                if (checked->verdict != VERDICT_FAIL || !row || !row->level)
                        continue;

                (void) text_format(
                                text, sizeof(text), "%s on %s: %s", checked->check, checked->node,
                                checked->reason);
                (void) json_append(list, json_new_string(text));
        }

        return list;
}

static void report_steps(ReportReader *reader) {
        const auto_free Node **nodes = sort_nodes(reader->state);

        for (size_t i = 0; nodes && i < reader->state->node_count; i++)
                report_step(reader, nodes[i]);
}

static Json *finish_report(ReportReader *reader) {
        Json *json = json_new_object();
        const Run *run = &reader->state->run;

        report_steps(reader);

        (void) json_add_string(reader->run, "state", enum_name(&run_state_names, run->state));
        (void) json_add_string(reader->run, "why", run->reason);
        if (reader->ended)
                (void) json_add_u64(reader->run, "ended", reader->ended);
        (void) json_add(json, "run", TAKE(reader->run));
        (void) json_add(json, "steps", TAKE(reader->steps));
        (void) json_add(json, "events", TAKE(reader->events));
        (void) json_add(json, "notes", list_notes(reader));
        (void) json_add(json, "not_checked", list_not_checked(reader));
        (void) json_add(json, "left_to_you", list_left(reader->state));
        return json;
}

int answer_report(const Coordinator *coordinator, uint64_t number, Json **ret, Error *error) {
        AUTO(State) *state = state_new();
        ReportReader reader = { .number = number, .state = state };
        int r;

        if (!state)
                return error_setf(error, ERROR_MEMORY, "out of memory");
        if (number == 0)
                reader.number = coordinator_get_state(coordinator)->run.made.number;

        reader.events = json_new_array();
        reader.steps = json_new_array();
        r = store_read(coordinator_get_store(coordinator), 0, on_report, &reader, error);
        if (r >= 0 && reader.run) {
                *ret = finish_report(&reader);
        } else if (r >= 0) {
                r = error_setf(error, ERROR_NOT_FOUND,
                               "there is no run %" PRIu64 "; rollpatch runs lists them all",
                               reader.number);
        }

        json_free(reader.run);
        json_free(reader.events);
        json_free(reader.steps);
        free(reader.checked);
        return r < 0 ? r : 0;
}

/* --- audit --- */

typedef struct AuditReader {
        Json *entries;
        usec_t since;
} AuditReader;

/* What people have done; and what keys have done by themselves: asked, joined, been replaced. */
static EventOperator audit_of(const Event *event, bool *ret_belongs) {
        EventOperator entry = {};

        *ret_belongs = true;
        if (event->kind == EVENT_OPERATOR) {
                entry = event->operator;
        } else if (event->kind == EVENT_TURNED_AWAY) {
                (void) text_copy(entry.verb, sizeof(entry.verb), "(turned away)");
                (void) text_copy(entry.node, sizeof(entry.node), event->turned_away.node);
                (void) text_copy(entry.reason, sizeof(entry.reason), event->turned_away.id);
                (void) text_copy(entry.outcome, sizeof(entry.outcome), event->turned_away.text);
        } else if (event->kind == EVENT_KEY && !event->key.user[0]) {
                (void) text_format(
                                entry.verb, sizeof(entry.verb), "(%s)",
                                enum_name(&key_change_names, event->key.change));
                (void) text_copy(entry.node, sizeof(entry.node), event->key.node);
                event_describe(event, entry.outcome, sizeof(entry.outcome));
        } else {
                *ret_belongs = false;
        }

        return entry;
}

static int on_audit(const Event *event, void *userdata, Error *error) {
        AuditReader *reader = userdata;
        bool belongs;
        EventOperator entry = audit_of(event, &belongs);
        Json *row;

        (void) error;
        if (!belongs || event->at < reader->since)
                return 0;

        row = json_new_object();
        (void) json_add_u64(row, "seq", event->seq);
        (void) json_add_u64(row, "at", event->at);
        (void) json_add_string(row, "user", entry.user);
        (void) json_add_u64(row, "uid", entry.uid);
        (void) json_add_string(row, "terminal", entry.terminal);
        (void) json_add_string(row, "verb", entry.verb);
        (void) json_add_string(row, "arguments", entry.node);
        (void) json_add_string(row, "reason", entry.reason);
        (void) json_add_string(row, "outcome", entry.outcome);
        (void) json_append(reader->entries, row);
        return 0;
}

int answer_audit(const Coordinator *coordinator, usec_t since, Json **ret, Error *error) {
        AuditReader reader = { .entries = json_new_array(), .since = since };
        Json *json;
        int r;

        r = store_read(coordinator_get_store(coordinator), 0, on_audit, &reader, error);
        if (r < 0) {
                json_free(reader.entries);
                return r;
        }

        json = json_new_object();
        (void) json_add(json, "entries", reader.entries);
        *ret = json;
        return 0;
}

/* --- logs --- */

typedef struct LogsReader {
        const char *node;
        EventStep newest; /* with lines */
        usec_t at;
} LogsReader;

static int on_logs(const Event *event, void *userdata, Error *error) {
        LogsReader *reader = userdata;

        (void) error;
        if (event->kind == EVENT_STEP && strcmp(event->step.node, reader->node) == 0 &&
            event->step.tail[0]) {
                reader->newest = event->step;
                reader->at = event->at;
        }

        return 0;
}

static Json *split_lines(const char *text) {
        Json *lines = json_new_array();
        char line[TAIL_MAX];

        while (*text) {
                const char *end = strchrnul(text, '\n');
                size_t length = MIN((size_t) (end - text), sizeof(line) - 1);

                memcpy(line, text, length);
                line[length] = '\0';
                (void) json_append(lines, json_new_string(line));
                text = *end ? end + 1 : end;
        }

        return lines;
}

int answer_logs(const Coordinator *coordinator,
                const char *node,
                const char *why,
                Json **ret,
                Error *error) {
        LogsReader reader = { .node = node };
        char at[TIMESTAMP_TEXT_MAX];
        char text[REASON_MAX];
        Json *json;
        int r;

        r = store_read(coordinator_get_store(coordinator), 0, on_logs, &reader, error);
        if (r < 0)
                return r;

        if (reader.at) {
                (void) text_format(
                                text, sizeof(text),
                                "%s: %s; these are the last lines of step %s, as reported %s; all of them: journalctl -u %s (on the node)",
                                node, why, reader.newest.step, timestamp_format(reader.at, at),
                                reader.newest.unit);
        } else {
                (void) text_format(
                                text, sizeof(text),
                                "%s: %s, and it has reported no output of a step", node, why);
        }

        json = json_new_object();
        (void) json_add_string(json, "text", text);
        (void) json_add_string(json, "source", "log");
        (void) json_add(json, "lines", split_lines(reader.newest.tail));
        *ret = json;
        return 0;
}
