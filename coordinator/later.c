/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/later.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/clock.h"
#include "common/text.h"
#include "coordinator/answers.h"
#include "coordinator/control.h"
#include "coordinator/diagnoses.h"
#include "coordinator/node-link.h"

#define READ_REPEAT (2 * USEC_PER_SEC) /* a piece that has not come is asked for again */
#define SHOWN_MAX   2048               /* bytes of a line of output */

static const char owes_answer[] = "it has not answered every question in time";

/* What is wanted of the nodes. */
typedef enum Want {
        WANT_CHECKS,
        WANT_TEXT,
        WANT_DIAGNOSIS,
} Want;

/* A node that is asked, and the number that its heartbeat will name. */
typedef struct Asked {
        size_t node;
        uint64_t number;
} Asked;

typedef struct Pending {
        uint64_t ticket; /* 0: free */
        Want want;
        usec_t deadline; /* boot time */

        /* WANT_CHECKS */
        Asked *asked; /* owned */
        size_t asked_count;
        size_t named;      /* the first of them were asked for by name; 0: all were wanted */
        bool wants_leader; /* there are agents among them, and the leading master is not */

        /* WANT_TEXT, WANT_DIAGNOSIS */
        size_t node;
        char step[STEP_ID_MAX];
        uint64_t request;
        usec_t limit; /* for the node; WANT_DIAGNOSIS */
        ReadWhat what;
        bool has_end;
        uint64_t next; /* offset of the next piece */
        uint64_t end;  /* as it was when the first piece came */
        uint64_t bytes;
        uint64_t lines;
        usec_t read_at; /* boot time; when the piece was asked for */
        char *data;     /* owned, `size` bytes */
        size_t size;
        size_t capacity;
} Pending;

struct Later {
        Pending pending[LATER_MAX];
        uint64_t requests; /* given so far */
        Diagnoses diagnoses;
};

Later *later_new(void) {
        return calloc(1, sizeof(Later));
}

static void pending_done(Pending *pending) {
        free(pending->asked);
        free(pending->data);
        *pending = (Pending) {};
}

void later_free(Later *later) {
        for (size_t i = 0; later && i < LATER_MAX; i++)
                pending_done(&later->pending[i]);

        free(later);
}

/* Tickets that nobody waits for any more end with their deadline, so there is room soon. */
static Pending *pending_new(Coordinator *coordinator, uint64_t ticket, usec_t wait, Error *error) {
        Later *later = coordinator_get_later(coordinator);

        for (size_t i = 0; i < LATER_MAX; i++) {
                Pending *pending = &later->pending[i];

                if (pending->ticket)
                        continue;

                *pending = (Pending) { .ticket = ticket };
                pending->deadline = span_add(clock_boottime(), MIN(wait, LATER_WAIT_MAX));
                return pending;
        }

        (void) error_setf(
                        error, ERROR_BLOCKED,
                        "%d requests wait for nodes already; ask again in some seconds", LATER_MAX);
        return NULL;
}

/* --- status --refresh --- */

static bool is_named(const Node *node, const char *const names[], size_t count) {
        for (size_t i = 0; i < count; i++) {
                if (strcmp(names[i], node->name) == 0)
                        return true;
        }

        return count == 0;
}

static int choose_nodes(
                Pending *pending, const State *state, const char *const names[], size_t count) {
        /* Room for the leading master too. */
        pending->asked = calloc(state->node_count + 1, sizeof(Asked));
        if (!pending->asked)
                return -ENOMEM;

        for (size_t i = 0; i < state->node_count; i++) {
                if (!is_named(&state->nodes[i], names, count))
                        continue;

                pending->asked[pending->asked_count++].node = i;
                pending->wants_leader =
                                pending->wants_leader || state->nodes[i].role != ROLE_MASTER;
        }

        pending->named = count == 0 ? 0 : pending->asked_count;
        return 0;
}

/* For agents the leading master's word counts too. Who that is may be known only when the masters
 * have answered. */
static void ask_leader(Coordinator *coordinator, Pending *pending) {
        size_t leader = coordinator_get_facts(coordinator)->elected;
        Asked *asked = &pending->asked[pending->asked_count];

        if (!pending->wants_leader || leader >= coordinator_get_state(coordinator)->node_count)
                return;

        pending->wants_leader = false;
        for (size_t i = 0; i < pending->asked_count; i++) {
                if (pending->asked[i].node == leader)
                        asked = &pending->asked[i];
        }

        if (asked == &pending->asked[pending->asked_count])
                pending->asked_count++;

        asked->node = leader;
        asked->number = coordinator_wish(coordinator, &leader, 1);
}

int later_refresh(
                Coordinator *coordinator,
                uint64_t ticket,
                const char *const names[],
                size_t count,
                usec_t wait,
                Error *error) {
        Pending *pending = pending_new(coordinator, ticket, wait, error);

        if (!pending)
                return -EBUSY;

        pending->want = WANT_CHECKS;
        if (choose_nodes(pending, coordinator_get_state(coordinator), names, count) < 0) {
                pending_done(pending);
                return error_setf(error, ERROR_MEMORY, "out of memory");
        }

        for (size_t i = 0; i < pending->asked_count; i++) {
                Asked *asked = &pending->asked[i];

                asked->number = coordinator_wish(coordinator, &asked->node, 1);
        }

        ask_leader(coordinator, pending);
        return 0;
}

static const char *why_unheard(const Node *node) {
        return node->revoked ? "its key was revoked" : "it is not heard now";
}

/* Why this node owes an answer; NULL: it does not. */
static const char *what_is_owed(const Coordinator *coordinator, const Asked *asked, usec_t now) {
        const State *state = coordinator_get_state(coordinator);
        const Facts *facts = coordinator_get_facts(coordinator);

        if (facts->nodes[asked->node].refreshed >= asked->number)
                return NULL;
        if (node_link(state, facts, asked->node, now) != LINK_FRESH)
                return why_unheard(&state->nodes[asked->node]);
        if (state->nodes[asked->node].epoch != state->epoch)
                return "it has not acknowledged this coordinator";

        return owes_answer;
}

static bool is_waited_for(const Coordinator *coordinator, const Pending *pending, usec_t now) {
        for (size_t i = 0; i < pending->asked_count; i++) {
                if (what_is_owed(coordinator, &pending->asked[i], now) == owes_answer)
                        return true;
        }

        return false;
}

static Json *describe_refresh(
                const Coordinator *coordinator, const Pending *pending, usec_t now, bool *ret_all) {
        const State *state = coordinator_get_state(coordinator);
        Json *json = json_new_object();
        Json *missing = json_new_array();

        *ret_all = true;
        for (size_t i = 0; i < pending->asked_count; i++) {
                const char *owed = what_is_owed(coordinator, &pending->asked[i], now);
                Json *row;

                if (!owed)
                        continue;

                *ret_all = false;
                row = json_new_object();
                (void) json_add_string(row, "node", state->nodes[pending->asked[i].node].name);
                (void) json_add_string(row, "why", owed);
                (void) json_append(missing, row);
        }

        (void) json_add_u64(json, "asked", pending->asked_count);
        (void) json_add(json, "missing", missing);
        return json;
}

/* As if it had been asked for now. NULL: out of memory. */
static Json *make_status(const Coordinator *coordinator, const Pending *pending) {
        const State *state = coordinator_get_state(coordinator);
        auto_free const char **names = calloc(pending->named + 1, sizeof(char *));

        for (size_t i = 0; names && i < pending->named; i++)
                names[i] = state->nodes[pending->asked[i].node].name;

        return names ? answer_status(coordinator, names, pending->named, DETAIL_ALL) : NULL;
}

static bool finish_checks(Coordinator *coordinator, Pending *pending, usec_t now) {
        Error error = {};
        Json *refresh;
        Json *answer;
        bool all;

        ask_leader(coordinator, pending);
        if (now < pending->deadline && is_waited_for(coordinator, pending, now))
                return false;

        refresh = describe_refresh(coordinator, pending, now, &all);
        answer = make_status(coordinator, pending);
        if (answer)
                (void) json_add(answer, "refresh", TAKE(refresh));
        json_free(refresh);
        (void) error_setf(&error, ERROR_MEMORY, "out of memory");
        coordinator_answer(
                        coordinator, pending->ticket, all && answer ? EXIT_OK : EXIT_FAILED, answer,
                        &error);
        return true;
}

/* --- logs --- */

static void ask_for_piece(Coordinator *coordinator, Pending *pending, usec_t now) {
        Message message = { .kind = MESSAGE_READ };
        Read *read = &message.read;

        read->request = pending->request;
        read->what = pending->what;
        read->offset = pending->has_end ? pending->next : pending->bytes;
        read->from_end = !pending->has_end;
        (void) text_copy(read->step, sizeof(read->step), pending->step);
        pending->read_at = now;
        coordinator_send(coordinator, pending->node, &message);
}

int later_logs(Coordinator *coordinator,
               uint64_t ticket,
               const Node *node,
               const TextWish *wish,
               usec_t wait,
               Error *error) {
        Pending *pending = pending_new(coordinator, ticket, wait, error);

        if (!pending)
                return -EBUSY;

        pending->want = WANT_TEXT;
        pending->what = wish->what;
        pending->node = (size_t) (node - coordinator_get_state(coordinator)->nodes);
        pending->request = ++coordinator_get_later(coordinator)->requests;
        pending->bytes = wish->bytes;
        pending->lines = wish->lines;
        (void) text_copy(pending->step, sizeof(pending->step), node->step.id);
        ask_for_piece(coordinator, pending, clock_boottime());
        return 0;
}

static Pending *find_request(Later *later, size_t node, const Chunk *chunk) {
        for (size_t i = 0; i < LATER_MAX; i++) {
                Pending *pending = &later->pending[i];

                if (pending->ticket && pending->want == WANT_TEXT && pending->node == node &&
                    pending->request == chunk->request && strcmp(pending->step, chunk->step) == 0)
                        return pending;
        }

        return NULL;
}

static bool make_room(Pending *pending, size_t more) {
        size_t capacity = MAX(2 * pending->capacity, pending->size + more + 1);
        char *data;

        if (pending->size + more + 1 <= pending->capacity)
                return true;

        data = realloc(pending->data, capacity);
        if (!data)
                return false;

        pending->data = data;
        pending->capacity = capacity;
        return true;
}

/* Lines of foreign text, fit for a terminal: of at most `count` lines the last ones. */
static Json *split_lines(const Pending *pending) {
        Json *lines = json_new_array();
        const char *end = pending->data + pending->size;
        const char *at = pending->data;
        char line[SHOWN_MAX], shown[SHOWN_MAX];
        uint64_t found = 0;

        for (const char *back = end; pending->lines && back > at; back--) {
                if (back < end && back[-1] == '\n' && ++found == pending->lines) {
                        at = back;
                        break;
                }
        }

        while (at < end) {
                const char *stop = memchr(at, '\n', (size_t) (end - at));
                size_t length = (size_t) ((stop ? stop : end) - at);
                size_t kept = MIN(length, sizeof(line) - 1);

                memcpy(line, at, kept);
                line[kept] = '\0';
                for (char *none = line; (none = memchr(none, '\0', (size_t) (line + kept - none)));)
                        *none = '?';

                text_ellipsize(shown, sizeof(shown), line);
                (void) json_append(lines, json_new_string(shown));
                at += length + 1;
        }

        return lines;
}

static void finish_output(Coordinator *coordinator, Pending *pending) {
        const Node *node = &coordinator_get_state(coordinator)->nodes[pending->node];
        Json *answer = json_new_object();
        char unit[UNIT_MAX] = "";
        char text[REASON_MAX];

        (void) step_unit_format(unit, pending->step);
        if (pending->what != READ_OUTPUT) {
                (void) text_format(
                                text, sizeof(text), "%s: %s, %" PRIu64 " of %" PRIu64 " bytes",
                                node->name, enum_name(&read_what_names, pending->what),
                                (uint64_t) pending->size, pending->end);
        } else if (pending->end == 0) {
                (void) text_format(
                                text, sizeof(text), "%s: step %s has printed nothing", node->name,
                                pending->step);
        } else {
                (void) text_format(
                                text, sizeof(text),
                                "%s: step %s, %" PRIu64 " of %" PRIu64
                                " bytes of its output; its journal: journalctl -u %s (on the node)",
                                node->name, pending->step, (uint64_t) pending->size, pending->end,
                                unit);
        }

        (void) json_add_string(answer, "text", text);
        (void) json_add_string(answer, "source", "node");
        (void) json_add_string(answer, "step", pending->step);
        (void) json_add_u64(answer, "total", pending->end);
        (void) json_add(answer, "lines", split_lines(pending));
        coordinator_answer(coordinator, pending->ticket, EXIT_OK, answer, NULL);
        pending_done(pending);
}

/* The node cannot say: what it has reported of an output is in the log. */
static void fall_back(Coordinator *coordinator, Pending *pending, const char *why) {
        const Node *node = &coordinator_get_state(coordinator)->nodes[pending->node];
        Json *answer = NULL;
        Error error = {};

        if (pending->want != WANT_TEXT || pending->what != READ_OUTPUT) {
                (void) error_setf(&error, ERROR_UNREACHABLE, "%s: %s", node->name, why);
                coordinator_answer(coordinator, pending->ticket, EXIT_FAILED, NULL, &error);
        } else if (answer_logs(coordinator, node->name, why, &answer, &error) < 0) {
                coordinator_answer(coordinator, pending->ticket, EXIT_FAILED, NULL, &error);
        } else {
                coordinator_answer(coordinator, pending->ticket, EXIT_OK, answer, NULL);
        }

        pending_done(pending);
}

/* The first piece says where the output ends; what is printed meanwhile is another question's. */
static void take_piece(Coordinator *coordinator, Pending *pending, const Chunk *chunk) {
        size_t size = 0;

        if (!pending->has_end) {
                pending->has_end = true;
                pending->next = chunk->offset;
                pending->end = chunk->total;
        } else if (chunk->offset != pending->next) {
                return; /* an answer to a repeated question */
        }

        if (!make_room(pending, CHUNK_BYTES_MAX)) {
                fall_back(coordinator, pending, "out of memory");
                return;
        }

        (void) base64_decode(chunk->data, pending->data + pending->size, CHUNK_BYTES_MAX, &size);
        size = (size_t) MIN((uint64_t) size, span_sub(pending->end, pending->next));
        pending->size += size;
        pending->next += size;

        if (size == 0 || pending->next >= pending->end || pending->size > LOGS_BYTES_ALL) {
                finish_output(coordinator, pending);
        } else {
                ask_for_piece(coordinator, pending, clock_boottime());
        }
}

static void hear_chunk(Coordinator *coordinator, size_t node, const Chunk *chunk) {
        Pending *pending = find_request(coordinator_get_later(coordinator), node, chunk);

        if (!pending)
                return;

        if (chunk->reason[0]) {
                fall_back(coordinator, pending, chunk->reason);
        } else {
                take_piece(coordinator, pending, chunk);
        }
}

/* --- diagnose --- */

static void ask_for_diagnosis(Coordinator *coordinator, Pending *pending, usec_t now) {
        const State *state = coordinator_get_state(coordinator);
        Message message = diagnosis_order(
                        state, &state->nodes[pending->node], pending->request, pending->limit);

        pending->read_at = now;
        coordinator_send(coordinator, pending->node, &message);
}

int later_diagnose(
                Coordinator *coordinator,
                uint64_t ticket,
                const Node *node,
                usec_t wait,
                Error *error) {
        Pending *pending = pending_new(coordinator, ticket, wait, error);

        if (!pending)
                return -EBUSY;

        pending->want = WANT_DIAGNOSIS;
        pending->node = (size_t) (node - coordinator_get_state(coordinator)->nodes);
        pending->request = ++coordinator_get_later(coordinator)->requests;
        pending->limit = MIN(wait, LATER_WAIT_MAX) / 4 * 3;
        pending->limit = MAX(pending->limit, USEC_PER_SEC);
        ask_for_diagnosis(coordinator, pending, clock_boottime());
        return 0;
}

static void hear_diagnosis(Coordinator *coordinator, size_t node, const Diagnosis *diagnosis) {
        Later *later = coordinator_get_later(coordinator);

        if (diagnoses_hear(&later->diagnoses, coordinator, node, diagnosis))
                return;

        for (size_t i = 0; i < LATER_MAX; i++) {
                Pending *pending = &later->pending[i];

                if (!pending->ticket || pending->want != WANT_DIAGNOSIS || pending->node != node ||
                    pending->request != diagnosis->request)
                        continue;

                coordinator_answer(
                                coordinator, pending->ticket, EXIT_OK,
                                diagnosis_describe(
                                                &coordinator_get_state(coordinator)->nodes[node],
                                                diagnosis),
                                NULL);
                pending_done(pending);
        }
}

/* --- both --- */

void later_hear(Coordinator *coordinator, size_t node, const Message *message) {
        if (message->kind == MESSAGE_CHUNK) {
                hear_chunk(coordinator, node, &message->chunk);
        } else {
                hear_diagnosis(coordinator, node, &message->diagnosis);
        }
}

static void ask_again(Coordinator *coordinator, Pending *pending, usec_t now) {
        if (pending->want == WANT_DIAGNOSIS) {
                ask_for_diagnosis(coordinator, pending, now);
        } else {
                ask_for_piece(coordinator, pending, now);
        }
}

static void continue_asking(Coordinator *coordinator, Pending *pending, usec_t now) {
        const State *state = coordinator_get_state(coordinator);
        const Facts *facts = coordinator_get_facts(coordinator);

        if (node_link(state, facts, pending->node, now) != LINK_FRESH) {
                fall_back(coordinator, pending, why_unheard(&state->nodes[pending->node]));
        } else if (now >= pending->deadline) {
                fall_back(coordinator, pending, "it does not answer");
        } else if (span_sub(now, pending->read_at) >= READ_REPEAT) {
                ask_again(coordinator, pending, now);
        }
}

void later_turn(Coordinator *coordinator, usec_t now) {
        Later *later = coordinator_get_later(coordinator);

        diagnoses_turn(&later->diagnoses, coordinator, now, &later->requests);
        for (size_t i = 0; i < LATER_MAX; i++) {
                Pending *pending = &later->pending[i];

                if (!pending->ticket)
                        continue;

                if (pending->want != WANT_CHECKS) {
                        continue_asking(coordinator, pending, now);
                } else if (finish_checks(coordinator, pending, now)) {
                        pending_done(pending);
                }
        }
}
