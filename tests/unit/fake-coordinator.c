/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake-coordinator.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>

#include "common/clock.h"
#include "common/text.h"
#include "coordinator/iam.h"

static const Lab *clock_lab;

usec_t clock_boottime(void) {
        return clock_lab->now;
}

usec_t clock_wall(void) {
        return clock_lab->wall;
}

Coordinator *fake_coordinator_new(Lab *lab) {
        Coordinator *c = calloc(1, sizeof(Coordinator));
        Error error = {};

        assert_non_null(c);
        c->lab = lab;
        clock_lab = lab;
        (void) text_copy(c->config.cluster, sizeof(c->config.cluster), "prod");
        (void) text_copy(c->config.state_dir, sizeof(c->config.state_dir), "/var/lib/rollpatch");
        (void) text_copy(c->dir, sizeof(c->dir), "/tmp/test-coordinator-XXXXXX");
        assert_non_null(mkdtemp(c->dir));
        if (store_open(c->dir, &c->store, &error) < 0)
                fail_msg("%s", error.text);

        c->later = later_new();
        assert_non_null(c->later);
        if (iam_new(NULL, &c->config, &c->iam, &error) < 0)
                fail_msg("%s", error.text);
        fake_coordinator_store(c);
        return c;
}

void coordinator_free(Coordinator *c) {
        static const char *const files[] = { "log.db", "log.db-wal", "log.db-shm",
                                             CHANNEL_KEY_FILE };
        char path[128];

        store_free(c->store);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                (void) text_format(path, sizeof(path), "%s/%s", c->dir, files[i]);
                (void) unlink(path);
        }
        assert_int_equal(rmdir(c->dir), 0);
        lab_free(c->lab);
        later_free(c->later);
        iam_free(c->iam);
        json_free(c->answer);
        free(c);
}

void fake_coordinator_store(Coordinator *c) {
        Error error = {};

        for (; c->stored < c->lab->count; c->stored++) {
                Event event = c->lab->log[c->stored];

                if (store_append(c->store, c->stored, &event, 1, &error) < 0)
                        fail_msg("%s", error.text);
        }
}

int coordinator_commit(Coordinator *c, Event *events, size_t count, Error *error) {
        int r;

        if (c->full)
                return error_setf(error, ERROR_NO_SPACE, "log.db: committing: disk is full");

        for (size_t i = 0; i < count; i++)
                events[i].at = c->lab->wall;

        r = state_check_all(c->lab->state, events, count, error);
        if (r < 0)
                return r;

        for (size_t i = 0; i < count; i++)
                lab_commit(c->lab, &events[i]);

        fake_coordinator_store(c);
        return 0;
}

void coordinator_turn(Coordinator *c) {
        c->turns++;
        (void) lab_turn(c->lab);
        fake_coordinator_store(c);
}

const DaemonConfig *coordinator_get_config(const Coordinator *c) {
        return &c->config;
}

const State *coordinator_get_state(const Coordinator *c) {
        return c->lab->state;
}

void coordinator_get_public_keys(
                const Coordinator *c,
                uint8_t ret_channel[static KEY_SIZE],
                uint8_t ret_signing[static KEY_SIZE]) {
        memset(ret_channel, 0x5f, KEY_SIZE);
        memset(ret_signing, 0x3c, KEY_SIZE);
}

Waiting *coordinator_edit_waiting(Coordinator *c) {
        return &c->waiting;
}

const Facts *coordinator_get_facts(const Coordinator *c) {
        return &c->lab->facts;
}

const Why *coordinator_get_why(const Coordinator *c) {
        return &c->lab->why;
}

const Waiting *coordinator_get_waiting(const Coordinator *c) {
        return &c->waiting;
}

EndpointCounters coordinator_get_link(const Coordinator *c) {
        return c->link;
}

const Iam *coordinator_get_iam(const Coordinator *c) {
        return c->iam;
}

Store *coordinator_get_store(const Coordinator *c) {
        return c->store;
}

Later *coordinator_get_later(Coordinator *c) {
        return c->later;
}

uint64_t coordinator_wish(Coordinator *c, const size_t nodes[], size_t count) {
        c->lab->facts.wishes++;
        for (size_t i = 0; i < count; i++)
                facts_wish(&c->lab->facts, nodes[i], c->lab->facts.wishes, c->lab->now);

        return c->lab->facts.wishes;
}

void coordinator_send(Coordinator *c, size_t node, const Message *message) {
        c->sent_to = node;
        c->sent = *message;
        c->sent_count++;
}

void coordinator_answer(
                Coordinator *c, uint64_t ticket, int status, Json *answer, const Error *error) {
        json_free(c->answer);
        c->answered = ticket;
        c->status = status;
        c->answer = answer;
        c->error = error ? *error : (Error) {};
}

const char *coordinator_get_log_problem(const Coordinator *c, usec_t *ret_since) {
        *ret_since = c->lab->now;
        return c->log_problem;
}
