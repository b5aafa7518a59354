/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "coordinator/answers.h"
#include "coordinator/later.h"
#include "coordinator/operator-request.h"

/* How long to wait for nodes. The command line gives up a little later than we do. */
static int get_wait(const Request *request, usec_t *ret) {
        *ret = LATER_WAIT;
        return request_number(request, "wait", USEC_PER_MSEC, LATER_WAIT_MAX, ret);
}

static int refresh(Request *request, const char *const names[], size_t count) {
        usec_t wait;

        if (get_wait(request, &wait) < 0)
                return EXIT_USAGE;
        if (later_refresh(request->coordinator, request->peer->ticket, names, count, wait,
                          request->error) < 0)
                return request_exit(request->error->code);

        coordinator_turn(request->coordinator);
        return CONTROL_LATER;
}

int operator_status(Request *request) {
        const Json *nodes = json_find(request->arguments, "nodes");
        size_t count = nodes && json_is_array(nodes) ? json_size(nodes) : 0;
        auto_free const char **names = calloc(count + 1, sizeof(char *));
        size_t i = 0;

        if (!names)
                return refuse(request, ERROR_MEMORY, "out of memory");

        for (const Json *item = count ? json_first(nodes) : NULL; item; item = json_next(item)) {
                names[i] = json_string_value(item);
                if (!names[i] || !state_find_node_const(request->state, names[i])) {
                        return refuse(request, ERROR_NOT_FOUND,
                                      "no node '%s' has reported here; rollpatch nodes lists those that have",
                                      names[i] ? names[i] : "?");
                }
                i++;
        }

        if (request_flag(request, "refresh"))
                return refresh(request, names, count);

        *request->answer =
                        answer_status(request->coordinator, names, count,
                                      request_flag(request, "brief") ? DETAIL_BRIEF : DETAIL_ALL);
        return EXIT_OK;
}

int operator_nodes(Request *request) {
        char selector[NAME_TEXT_MAX] = "";

        if (json_find(request->arguments, "selector") &&
            json_get_string(request->arguments, "selector", selector, sizeof(selector),
                            request->error) < 0)
                return EXIT_USAGE;

        *request->answer = answer_nodes(request->coordinator, selector);
        return EXIT_OK;
}

int operator_report(Request *request) {
        uint64_t number = 0;

        if (request_number(request, "run", 1, JSON_NUMBER_MAX, &number) < 0)
                return EXIT_USAGE;

        if (answer_report(request->coordinator, number, request->answer, request->error) < 0)
                return request_exit(request->error->code);

        return EXIT_OK;
}

/* NULL: refused. */
static const Node *get_node(Request *request, int *ret_status) {
        char name[NAME_TEXT_MAX];
        const Node *node;

        if (json_get_string(request->arguments, "node", name, sizeof(name), request->error) < 0) {
                *ret_status = EXIT_USAGE;
                return NULL;
        }

        node = state_find_node_const(request->state, name);
        if (!node) {
                *ret_status = refuse(
                                request, ERROR_NOT_FOUND, "no node '%s' has reported here", name);
        }

        return node;
}

/* "journal", "units"; without it the output of the step. */
static int get_what(const Request *request, ReadWhat *ret) {
        char text[16];
        int value, r;

        *ret = READ_OUTPUT;
        if (!json_find(request->arguments, "what"))
                return 0;

        r = json_get_string(request->arguments, "what", text, sizeof(text), request->error);
        if (r < 0)
                return r;

        value = enum_value(&read_what_names, text);
        if (value < 0)
                return error_setf(request->error, ERROR_INVALID, "'what' is '%s'", text);

        *ret = (ReadWhat) value;
        return 0;
}

/* What the node has on its disk; what it has reported is asked for only when it cannot say. */
int operator_logs(Request *request) {
        TextWish wish = {};
        const Node *node;
        int status = EXIT_OK;
        usec_t wait;

        if (get_wait(request, &wait) < 0 || get_what(request, &wish.what) < 0 ||
            request_number(request, "lines", 1, JSON_NUMBER_MAX, &wish.lines) < 0)
                return EXIT_USAGE;

        node = get_node(request, &status);
        if (!node)
                return status;
        if (wish.what == READ_OUTPUT && !node->step.id[0]) {
                return refuse(request, ERROR_NOT_FOUND,
                              "%s has no step: it has been in no run; rollpatch runs lists them",
                              node->name);
        }

        wish.bytes = wish.lines ? LOGS_BYTES : LOGS_BYTES_ALL;
        if (later_logs(request->coordinator, request->peer->ticket, node, &wish, wait,
                       request->error) < 0)
                return request_exit(request->error->code);

        coordinator_turn(request->coordinator);
        return CONTROL_LATER;
}

int operator_diagnose(Request *request) {
        const Node *node;
        int status = EXIT_OK;
        usec_t wait;

        if (get_wait(request, &wait) < 0)
                return EXIT_USAGE;

        node = get_node(request, &status);
        if (!node)
                return status;
        if (later_diagnose(request->coordinator, request->peer->ticket, node, wait,
                           request->error) < 0)
                return request_exit(request->error->code);

        coordinator_turn(request->coordinator);
        return CONTROL_LATER;
}

int operator_runs(Request *request) {
        if (answer_runs(request->coordinator, request->answer, request->error) < 0)
                return request_exit(request->error->code);

        return EXIT_OK;
}

int operator_audit(Request *request) {
        uint64_t since = 0;

        if (request_number(request, "since", 0, JSON_NUMBER_MAX, &since) < 0)
                return EXIT_USAGE;

        if (answer_audit(request->coordinator, since, request->answer, request->error) < 0)
                return request_exit(request->error->code);

        return EXIT_OK;
}
