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
        (void) text_copy(c->dir, sizeof(c->dir), "/tmp/test-coordinator-XXXXXX");
        assert_non_null(mkdtemp(c->dir));
        if (store_open(c->dir, &c->store, &error) < 0)
                fail_msg("%s", error.text);

        fake_coordinator_store(c);
        return c;
}

void coordinator_free(Coordinator *c) {
        static const char *const files[] = { "log.db", "log.db-wal", "log.db-shm" };
        char path[128];

        store_free(c->store);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                (void) text_format(path, sizeof(path), "%s/%s", c->dir, files[i]);
                (void) unlink(path);
        }
        assert_int_equal(rmdir(c->dir), 0);
        lab_free(c->lab);
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

const Facts *coordinator_get_facts(const Coordinator *c) {
        return &c->lab->facts;
}

const Why *coordinator_get_why(const Coordinator *c) {
        return &c->lab->why;
}

Store *coordinator_get_store(const Coordinator *c) {
        return c->store;
}

const char *coordinator_get_log_problem(const Coordinator *c, usec_t *ret_since) {
        *ret_since = c->lab->now;
        return c->log_problem;
}
