/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/finding.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/text.h"

/* The machine of job.c played at random against a disk, a systemd and a rollpatch-step of a few
 * lines each: whoever dies between any two writes, a script is executed once, and what was told
 * stays true. systemd may execute a call long after whoever made it has died. */

#define GAMES 20000
#define TURNS 60
#define CALLS 4

typedef struct World {
        uint64_t random;
        unsigned boot;

        StepFacts disk;
        uint64_t order; /* 0: none */
        unsigned order_boot;

        uint64_t calls[CALLS]; /* fences that systemd was asked to start and has not looked at */
        size_t call_count;
        uint64_t unit; /* fence of the unit's process; 0: no unit */
        bool unit_started;

        bool alive; /* the node agent */
        Job job;
        usec_t now;
        char last_nonce[ID_TEXT_MAX];
        bool start_heard; /* since the agent's start */
        uint64_t nonces;

        unsigned executions;
        uint64_t declined; /* highest fence that was told as declined */
} World;

/* xorshift: the same game for the same seed, everywhere */
static uint64_t draw(World *w, uint64_t limit) {
        w->random ^= w->random << 13;
        w->random ^= w->random >> 7;
        w->random ^= w->random << 17;
        return w->random % limit;
}

static void format_boot(unsigned boot, char buffer[static ID_TEXT_MAX]) {
        (void) text_format(buffer, ID_TEXT_MAX, "%032x", boot);
}

/* --- systemd and rollpatch-step --- */

static void step_begins(World *w) {
        if (w->order != w->unit || w->order_boot != w->boot || w->disk.started_fence) {
                w->unit = 0; /* refuses */
                return;
        }

        w->disk.started_fence = w->unit;
        format_boot(w->boot, w->disk.started_boot);
        w->unit_started = true;
        w->executions++;
        assert_true(w->executions == 1);
        assert_true(w->unit > w->declined);
}

static void step_ends(World *w) {
        /* or is killed, and leaves nothing */
        if (draw(w, 4) > 0) {
                w->disk.result = true;
                w->disk.terminated = draw(w, 5) == 0;
        }
        w->unit = 0;
        w->unit_started = false;
}

static void systemd_moves(World *w) {
        if (w->unit && !w->unit_started) {
                step_begins(w);
        } else if (w->unit && draw(w, 2)) {
                step_ends(w);
        } else if (!w->unit && w->call_count > 0) {
                w->unit = w->calls[0];
                w->call_count--;
                memmove(&w->calls[0], &w->calls[1], w->call_count * sizeof(w->calls[0]));
        } else if (w->call_count > 0) {
                w->call_count--; /* the unit exists */
        }
}

/* Between any two steps of the node agent. */
static bool interrupted(World *w) {
        while (draw(w, 4) == 0)
                systemd_moves(w);

        if (draw(w, 20) > 0)
                return false;

        w->alive = false;
        return true;
}

/* --- the shell --- */

static int write_intent(World *w) {
        if (draw(w, 8) == 0)
                return -1;
        w->disk.intent_fence = w->job.fence;
        format_boot(w->boot, w->disk.intent_boot);
        if (interrupted(w))
                return -1;
        if (draw(w, 8) == 0) {
                w->disk.intent_fence = 0;
                return -1;
        }

        w->order = w->job.fence;
        w->order_boot = w->boot;
        return interrupted(w) ? -1 : 0;
}

static int write_declined(World *w) {
        if (interrupted(w))
                return -1;
        w->order = 0;
        if (interrupted(w) || w->disk.started_fence || draw(w, 8) == 0)
                return -1;

        w->disk.declined_fence = w->job.fence;
        return interrupted(w) ? -1 : 0;
}

static int write_down(World *w, const JobInput *input, JobWrite what) {
        switch (what) {
        case JOB_WRITE_NOTHING:
                return 0;
        case JOB_WRITE_STAGE:
                w->disk.stage = true;
                return 0;
        case JOB_WRITE_SCRIPT:
                w->disk.script = true;
                return 0;
        case JOB_WRITE_SLOT:
                if (draw(w, 8) == 0)
                        return -1;
                w->disk.slot_fence = input->fence;
                return interrupted(w) ? -1 : 0;
        case JOB_WRITE_INTENT:
                return write_intent(w);
        case JOB_WRITE_DECLINED:
                return write_declined(w);
        }

        return -1;
}

static void tell(World *w) {
        NodeStep state = w->job.state;

        if (state == NODE_STEP_DECLINED) {
                assert_true(!w->disk.started_fence);
                w->declined = w->job.fence > w->declined ? w->job.fence : w->declined;
        }
        if (job_is_over(state))
                assert_true(w->executions == 1 && !w->unit_started);
        if (state == NODE_STEP_ENDED)
                assert_true(w->disk.result);
        if (state == NODE_STEP_STAGED || state == NODE_STEP_READY || state == NODE_STEP_LOOKING)
                assert_true(w->executions == 0);
}

static void feed(World *w, const JobInput *input) {
        JobMove move;

        if (job_next(&w->job, input, &move) != JOB_MOVES)
                return;

        if (write_down(w, input, move.write) < 0) {
                if (w->alive && w->job.state == NODE_STEP_LOOKING)
                        feed(w, &(JobInput) { .event = JOB_EVENT_WRITE_FAILED });
                return;
        }

        job_apply(&w->job, input, &move);
        if (move.act == JOB_ACT_GIVE_NONCE)
                (void) text_copy(w->last_nonce, sizeof(w->last_nonce), w->job.nonce);
        if (move.act == JOB_ACT_CALL_UNIT) {
                assert_true(w->start_heard);
                if (w->call_count < CALLS)
                        w->calls[w->call_count++] = w->job.fence;
        }
        if (interrupted(w))
                return;

        tell(w);
}

/* Asks systemd, then reads the files; the world goes on in between. */
static void look_at_unit(World *w) {
        UnitState unit = w->unit || w->call_count ? UNIT_PRESENT : UNIT_GONE;
        char boot[ID_TEXT_MAX];
        Finding finding;
        JobEvent event;

        /* no answer; or a call of a predecessor that systemd has not seen yet */
        if (draw(w, 5) == 0) {
                unit = UNIT_UNKNOWN;
        } else if (!w->unit && draw(w, 2)) {
                unit = UNIT_GONE;
        }
        if (interrupted(w))
                return;

        format_boot(w->boot, boot);
        finding = job_judge(&w->disk, boot, unit);
        if (job_event_of(&w->job, &finding, &event))
                feed(w, &(JobInput) { .event = event });
}

static void agent_starts(World *w) {
        char boot[ID_TEXT_MAX];
        Finding finding;

        format_boot(w->boot, boot);
        finding = job_judge(&w->disk, boot, UNIT_UNKNOWN);
        w->job = job_recover("r1-m1", &finding);
        w->alive = true;
        w->start_heard = false;
        tell(w);
}

/* --- the coordinator, the network, and power ---------------------------------------------------
 */

static void order(World *w) {
        char nonce[ID_TEXT_MAX];
        JobInput input = { .now = w->now, .nonce = nonce };

        switch (draw(w, 6)) {
        case 0:
                input.event = JOB_EVENT_STAGE;
                break;
        case 1:
                input.event = draw(w, 6) ? JOB_EVENT_ASK : JOB_EVENT_CLAIM;
                break;
        case 2:
        case 3:
                input.event = JOB_EVENT_SLOT;
                input.fence = w->job.fence + draw(w, 3);
                (void) text_format(nonce, sizeof(nonce), "%032u", (unsigned) ++w->nonces);
                break;
        default:
                input.event = JOB_EVENT_START;
                input.fence = w->job.fence;
                input.nonce = w->last_nonce;
                w->start_heard = true;
                break;
        }

        feed(w, &input);
}

static void power_fails(World *w) {
        w->boot++;
        w->call_count = 0;
        w->unit = 0;
        w->unit_started = false;
        w->alive = false;
}

static void turn(World *w) {
        w->now += draw(w, 2 * USEC_PER_SEC);
        if (draw(w, 6) == 0)
                systemd_moves(w);

        if (draw(w, 40) == 0)
                power_fails(w);
        if (!w->alive) {
                agent_starts(w);
                return;
        }

        switch (draw(w, 5)) {
        case 0:
        case 1:
                order(w);
                break;
        case 2:
                look_at_unit(w);
                feed(w, &(JobInput) { .event = draw(w, 4) ? JOB_EVENT_FETCHED
                                                          : JOB_EVENT_FETCH_FAILED });
                break;
        case 3:
                feed(w, &(JobInput) { .event = draw(w, 4) ? JOB_EVENT_LOOK_PASSED
                                                          : JOB_EVENT_LOOK_FAILED,
                                      .now = w->now });
                break;
        default:
                look_at_unit(w);
                break;
        }
}

static void test_whoever_dies_the_script_is_executed_at_most_once(void **state) {
        unsigned executed = 0, declined = 0, ended = 0, interrupted_steps = 0;

        for (uint64_t game = 1; game <= GAMES; game++) {
                World w = { .random = game * UINT64_C(0x9e3779b97f4a7c15), .now = USEC_PER_HOUR };

                for (unsigned i = 0; i < TURNS; i++)
                        turn(&w);

                executed += w.executions;
                declined += w.declined > 0;
                ended += w.job.state == NODE_STEP_ENDED;
                interrupted_steps += w.job.state == NODE_STEP_INTERRUPTED;
        }

        /* A game in which nothing ever happens proves nothing. */
        print_message("# of %d: %u executed, %u declined, %u ended, %u interrupted\n", GAMES,
                      executed, declined, ended, interrupted_steps);
        assert_true(executed > GAMES / 20);
        assert_true(declined > GAMES / 20);
        assert_true(ended > GAMES / 50);
        assert_true(interrupted_steps > GAMES / 100);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_whoever_dies_the_script_is_executed_at_most_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
