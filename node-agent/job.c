/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/job.h"

#include <inttypes.h>
#include <string.h>

#include "common/text.h"

/* --- guards --- */

static bool fence_is_higher(const Job *job, const JobInput *input) {
        return input->fence > job->fence;
}

static bool fence_is_adopted(const Job *job, const JobInput *input) {
        return input->fence == job->fence;
}

static bool is_in_time(const Job *job, const JobInput *input) {
        return span_sub(input->now, job->nonce_since) <= START_VALIDITY;
}

static bool start_is_valid(const Job *job, const JobInput *input) {
        return fence_is_adopted(job, input) && job->nonce[0] != '\0' &&
               strcmp(job->nonce, input->nonce) == 0 && is_in_time(job, input);
}

const char *job_guard_words(JobGuard guard) {
        if (guard == fence_is_higher)
                return "fence is higher";
        if (guard == fence_is_adopted)
                return "fence is the same";
        if (guard == start_is_valid)
                return "fence and nonce are the ones given, at most 5 s ago";
        if (guard == is_in_time)
                return "nonce was given at most 5 s ago";

        return "";
}

/* --- the table --- */

// clang-format off
static const char *const event_names[] = {
        [JOB_EVENT_STAGE]         = "stage",
        [JOB_EVENT_CLAIM]         = "claim",
        [JOB_EVENT_SLOT]          = "slot",
        [JOB_EVENT_START]         = "start",
        [JOB_EVENT_ASK]           = "ask",
        [JOB_EVENT_FETCHED]       = "fetched",
        [JOB_EVENT_FETCH_FAILED]  = "fetch-failed",
        [JOB_EVENT_LOOK_PASSED]   = "look-passed",
        [JOB_EVENT_LOOK_FAILED]   = "look-failed",
        [JOB_EVENT_WRITE_FAILED]  = "write-failed",
        [JOB_EVENT_STARTED]       = "started",
        [JOB_EVENT_ENDED]         = "ended",
        [JOB_EVENT_INTERRUPTED]   = "interrupted",
        [JOB_EVENT_NEVER_STARTED] = "never-started",
};

static const char *const write_names[] = {
        [JOB_WRITE_NOTHING]  = "",
        [JOB_WRITE_STAGE]    = "stage",
        [JOB_WRITE_SCRIPT]   = "script",
        [JOB_WRITE_SLOT]     = "slot",
        [JOB_WRITE_INTENT]   = "intent",
        [JOB_WRITE_DECLINED] = "declined",
};

static const char *const act_names[] = {
        [JOB_ACT_NOTHING]    = "",
        [JOB_ACT_FETCH]      = "fetch",
        [JOB_ACT_GIVE_NONCE] = "give-nonce",
        [JOB_ACT_LOOK]       = "look",
        [JOB_ACT_CALL_UNIT]  = "call-unit",
        [JOB_ACT_REPORT]     = "report",
        [JOB_ACT_REFUSE]     = "refuse",
};

#define ABSENT      IN(NODE_STEP_ABSENT)
#define STAGING     IN(NODE_STEP_STAGING)
#define UNSTAGED    IN(NODE_STEP_STAGE_FAILED)
#define STAGED      IN(NODE_STEP_STAGED)
#define READY       IN(NODE_STEP_READY)
#define LOOKING     IN(NODE_STEP_LOOKING)
#define DECLINED    IN(NODE_STEP_DECLINED)
#define INTENT      IN(NODE_STEP_INTENT)
#define RUNNING     IN(NODE_STEP_RUNNING)
#define OVER        (IN(NODE_STEP_ENDED) | IN(NODE_STEP_INTERRUPTED))
#define STARTED     (INTENT | RUNNING | OVER) /* or may be, or may have been */
#define ANY         (IN(NODE_STEP_COUNT) - 1)

/* The first row of state and event whose guard holds. */
const JobTransition job_transitions[] = {
        /* in which state                      what happened            and               goes to                 on disk first       then */
        { ABSENT | UNSTAGED,                   JOB_EVENT_STAGE,         NULL,             NODE_STEP_STAGING,      JOB_WRITE_STAGE,    JOB_ACT_FETCH      },
        { ANY & ~(ABSENT | UNSTAGED),          JOB_EVENT_STAGE,         NULL,             JOB_STAY,               JOB_WRITE_NOTHING,  JOB_ACT_REPORT     },
        { STAGING,                             JOB_EVENT_FETCHED,       NULL,             NODE_STEP_STAGED,       JOB_WRITE_SCRIPT,   JOB_ACT_REPORT     },
        { STAGING,                             JOB_EVENT_FETCH_FAILED,  NULL,             NODE_STEP_STAGE_FAILED, JOB_WRITE_NOTHING,  JOB_ACT_REPORT     },

        /* a decline used up its fence; whoever has (or may have) started only says so */
        { STAGED | READY | LOOKING | DECLINED, JOB_EVENT_SLOT,          fence_is_higher,  NODE_STEP_READY,        JOB_WRITE_SLOT,     JOB_ACT_GIVE_NONCE },
        { STAGED | READY,                      JOB_EVENT_SLOT,          fence_is_adopted, NODE_STEP_READY,        JOB_WRITE_NOTHING,  JOB_ACT_GIVE_NONCE },
        { LOOKING | STARTED,                   JOB_EVENT_SLOT,          fence_is_adopted, JOB_STAY,               JOB_WRITE_NOTHING,  JOB_ACT_REPORT     },
        { STARTED,                             JOB_EVENT_SLOT,          fence_is_higher,  JOB_STAY,               JOB_WRITE_SLOT,     JOB_ACT_REPORT     },

        { READY,                               JOB_EVENT_START,         start_is_valid,   NODE_STEP_LOOKING,      JOB_WRITE_NOTHING,  JOB_ACT_LOOK       },
        { LOOKING,                             JOB_EVENT_LOOK_PASSED,   is_in_time,       NODE_STEP_INTENT,       JOB_WRITE_INTENT,   JOB_ACT_CALL_UNIT  },
        { LOOKING,                             JOB_EVENT_LOOK_PASSED,   NULL,             NODE_STEP_DECLINED,     JOB_WRITE_DECLINED, JOB_ACT_REPORT     },
        { LOOKING,                             JOB_EVENT_LOOK_FAILED,   NULL,             NODE_STEP_DECLINED,     JOB_WRITE_DECLINED, JOB_ACT_REPORT     },
        { LOOKING,                             JOB_EVENT_WRITE_FAILED,  NULL,             NODE_STEP_STAGED,       JOB_WRITE_NOTHING,  JOB_ACT_REFUSE     },
        { READY | LOOKING,                     JOB_EVENT_CLAIM,         NULL,             NODE_STEP_STAGED,       JOB_WRITE_NOTHING,  JOB_ACT_NOTHING    },

        { INTENT,                              JOB_EVENT_STARTED,       NULL,             NODE_STEP_RUNNING,      JOB_WRITE_NOTHING,  JOB_ACT_REPORT     },
        { INTENT,                              JOB_EVENT_NEVER_STARTED, NULL,             NODE_STEP_DECLINED,     JOB_WRITE_DECLINED, JOB_ACT_REPORT     },
        { RUNNING,                             JOB_EVENT_ENDED,         NULL,             NODE_STEP_ENDED,        JOB_WRITE_NOTHING,  JOB_ACT_REPORT     },
        { RUNNING,                             JOB_EVENT_INTERRUPTED,   NULL,             NODE_STEP_INTERRUPTED,  JOB_WRITE_NOTHING,  JOB_ACT_REPORT     },

        { ANY,                                 JOB_EVENT_ASK,           NULL,             JOB_STAY,               JOB_WRITE_NOTHING,  JOB_ACT_REPORT     },
};
// clang-format on
const size_t job_transition_count = ELEMENTSOF(job_transitions);

DEFINE_ENUM_NAMES(job_event, event_names, JOB_EVENT_COUNT);
DEFINE_ENUM_NAMES(job_write, write_names, JOB_WRITE_COUNT);
DEFINE_ENUM_NAMES(job_act, act_names, JOB_ACT_COUNT);

/* --- refusals --- */

static JobVerdict refuse(JobMove *move, Refusal refusal, const char *reason) {
        move->refusal = refusal;
        if (reason != move->reason)
                (void) text_copy(move->reason, sizeof(move->reason), reason);

        return JOB_REFUSED;
}

static JobVerdict refuse_fence(const Job *job, const JobInput *input, JobMove *move) {
        (void) text_format(
                        move->reason, sizeof(move->reason),
                        input->fence < job->fence
                                        ? "fence is %" PRIu64 ", want %" PRIu64 " or higher"
                                        : "fence is %" PRIu64 ", want higher than %" PRIu64
                                          ": it was declined under that",
                        input->fence, job->fence);
        return refuse(move, REFUSAL_FENCE, move->reason);
}

static JobVerdict refuse_state(const Job *job, const JobInput *input, JobMove *move) {
        (void) text_format(
                        move->reason, sizeof(move->reason), "the step is %s, which allows no %s",
                        enum_name(&node_step_names, job->state),
                        enum_name(&job_event_names, input->event));
        return refuse(move, REFUSAL_STATE, move->reason);
}

static void format_age(const Job *job, const JobInput *input, char *buffer, size_t size) {
        char age[SPAN_TEXT_MAX], validity[SPAN_TEXT_MAX];

        (void) text_format(
                        buffer, size, "the nonce of the start order is %s old, want at most %s",
                        span_format(span_sub(input->now, job->nonce_since), age),
                        span_format(START_VALIDITY, validity));
}

static JobVerdict refuse_start(const Job *job, const JobInput *input, JobMove *move) {
        if (job->state != NODE_STEP_READY)
                return refuse_state(job, input, move);
        if (!fence_is_adopted(job, input))
                return refuse(move, REFUSAL_STATE, "no slot was given under this fence");
        if (strcmp(job->nonce, input->nonce) != 0)
                return refuse(move, REFUSAL_NONCE, "not the nonce that was given last");

        format_age(job, input, move->reason, sizeof(move->reason));
        return refuse(move, REFUSAL_NONCE, move->reason);
}

/* Why there is no row. What came of an act that nobody waits for any more is nothing to refuse. */
static JobVerdict explain(const Job *job, const JobInput *input, JobMove *move) {
        switch (input->event) {
        case JOB_EVENT_SLOT:
                return job->state == NODE_STEP_DECLINED || input->fence < job->fence
                                       ? refuse_fence(job, input, move)
                                       : refuse_state(job, input, move);
        case JOB_EVENT_START:
                return input->fence < job->fence ? refuse_fence(job, input, move)
                                                 : refuse_start(job, input, move);
        case JOB_EVENT_STAGE:
        case JOB_EVENT_CLAIM:
        case JOB_EVENT_ASK:
        case JOB_EVENT_FETCHED:
        case JOB_EVENT_FETCH_FAILED:
        case JOB_EVENT_LOOK_PASSED:
        case JOB_EVENT_LOOK_FAILED:
        case JOB_EVENT_WRITE_FAILED:
        case JOB_EVENT_STARTED:
        case JOB_EVENT_ENDED:
        case JOB_EVENT_INTERRUPTED:
        case JOB_EVENT_NEVER_STARTED:
                return JOB_IGNORED;
        }

        return JOB_IGNORED;
}

/* --- the machine --- */

static const JobTransition *find_row(const Job *job, const JobInput *input) {
        for (size_t i = 0; i < job_transition_count; i++) {
                const JobTransition *row = &job_transitions[i];

                if ((row->from & IN(job->state)) && row->event == input->event &&
                    (!row->guard || row->guard(job, input)))
                        return row;
        }

        return NULL;
}

static bool is_order_to_act(JobEvent event) {
        return event == JOB_EVENT_STAGE || event == JOB_EVENT_SLOT || event == JOB_EVENT_START;
}

static bool needs_whole_node(const JobTransition *row) {
        return row->to == NODE_STEP_READY || row->to == NODE_STEP_LOOKING;
}

static void fill_move(
                const Job *job, const JobInput *input, const JobTransition *row, JobMove *move) {
        move->to = row->to == JOB_STAY ? job->state : row->to;
        move->write = row->write;
        move->act = row->act;
        if (input->event == JOB_EVENT_LOOK_PASSED && move->to == NODE_STEP_DECLINED)
                format_age(job, input, move->reason, sizeof(move->reason));
}

JobVerdict job_next(const Job *job, const JobInput *input, JobMove *ret) {
        JobMove move = {};
        const JobTransition *row;
        JobVerdict verdict = JOB_MOVES;

        row = find_row(job, input);
        if (job->unknown && is_order_to_act(input->event)) {
                verdict = refuse(&move, REFUSAL_FAILED, "the files of this step cannot be read");
        } else if (!row) {
                verdict = explain(job, input, &move);
        } else if (input->busy && needs_whole_node(row)) {
                (void) text_format(
                                move.reason, sizeof(move.reason), "step %s is in hand",
                                input->busy);
                verdict = refuse(&move, REFUSAL_STATE, move.reason);
        } else {
                fill_move(job, input, row, &move);
        }

        *ret = move;
        return verdict;
}

void job_apply(Job *job, const JobInput *input, const JobMove *move) {
        job->state = move->to;

        if (move->write == JOB_WRITE_SLOT)
                job->fence = input->fence;

        /* A nonce is good for one start order: the state that waits for it is left, it is gone. */
        if (move->act == JOB_ACT_GIVE_NONCE) {
                (void) text_copy(job->nonce, sizeof(job->nonce), input->nonce);
                job->nonce_since = input->now;
        } else if (job->state != NODE_STEP_READY) {
                job->nonce[0] = '\0';
        }
}

bool job_is_in_hand(NodeStep state) {
        return IN(state) & (LOOKING | INTENT | RUNNING);
}

bool job_is_over(NodeStep state) {
        return IN(state) & OVER;
}

/* --- orders as such --- */

bool job_epoch_holds(
                uint64_t epoch,
                uint64_t highest,
                Refusal *ret_refusal,
                char reason[static REASON_MAX]) {
        if (epoch == highest)
                return true;

        if (epoch < highest) {
                *ret_refusal = REFUSAL_EPOCH;
                (void) text_format(
                                reason, REASON_MAX,
                                "epoch is %" PRIu64 ", a coordinator of epoch %" PRIu64
                                " has claimed this node",
                                epoch, highest);
                return false;
        }

        *ret_refusal = REFUSAL_UNCLAIMED;
        (void) text_format(
                        reason, REASON_MAX,
                        "epoch %" PRIu64
                        " has not claimed this node; the last that did is %" PRIu64,
                        epoch, highest);
        return false;
}

bool job_stage_is_same(const Stage *a, const Stage *b) {
        return strcmp(a->step, b->step) == 0 && strcmp(a->run, b->run) == 0 &&
               strcmp(a->node, b->node) == 0 && strcmp(a->from, b->from) == 0 &&
               strcmp(a->to, b->to) == 0 && strcmp(a->url, b->url) == 0 &&
               strcmp(a->sha256, b->sha256) == 0 && a->size == b->size && a->timeout == b->timeout;
}
