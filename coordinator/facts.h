/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/enrol-judge.h"
#include "coordinator/ration.h"
#include "coordinator/state.h"
#include "coordinator/why.h"

/* What is true only now and only in this process: who was heard when, nonces, what was sent. A
 * restart forgets it all and asks again (promise 6), so nothing here may be needed to know whether
 * a step has been started. Moments are boot time of the coordinator's host. Pure. */

/* What is to be done to a node, by what it has (retry.h). */
typedef enum RetryChoice {
        RETRY_BLOCKED, /* it cannot be said now what the node has */
        RETRY_UNSAFE,  /* it has something that a person must look at first */
        RETRY_ANEW,    /* it has not what the run wants: the script is for that */
        RETRY_JUDGE,   /* it has it already: only its gate is asked */
} RetryChoice;

typedef struct NodeFacts {
        usec_t heard;     /* newest valid message; 0: not since this start */
        usec_t greeted;   /* newest session; 0: none since this start */
        usec_t changed;   /* newest transition of its step, or this start */
        usec_t heartbeat; /* how often it was last told to speak; 0: not told */

        /* What the samples say, as judged at the newest turn (health.h). As long as nobody looks:
         * no. */
        struct Health *health;  /* owned; NULL: nothing was ever asked */
        bool judged;            /* what follows may say something else than no */
        bool healthy;           /* a master that is good for the others' sake */
        bool healthy_but_one;   /* the same, as far as it can be while one other is bad: for a retry
                                   of that one */
        bool proven;            /* the gate after its step holds */
        bool member;            /* an agent that the leading master has active */
        uint64_t registered_ms; /* when it registered there last, leader's clock */
        Why unwell;             /* why it is not healthy, or not proven while that is wanted */
        RetryChoice choice;
        usec_t watch_at;
        usec_t told_at;    /* when it was last told how often to speak */
        uint64_t watch;    /* serial of the list of questions that it is to have */
        uint64_t watching; /* serial that it says it has */
        uint64_t refresh; /* the newest wish of a person to have it asked at once; 0: none lately */
        usec_t refresh_since;
        uint64_t refreshed; /* the newest wish that it says it has granted, in this session */
        uint64_t login;     /* serial of the token that it says it has; 0: none */
        usec_t login_at;    /* when it was last told the present one; 0: not yet */
        bool owes_login;    /* it is to have it, and has not said so */

        char in_hand[STEP_ID_MAX]; /* the step that it says may run; or empty */
        NodeStep reported;         /* what it said of its present step last */
        usec_t reported_at; /* boot time; 0: nothing in this session, or since the newest transition
                             */

        /* The node's offer to be started, good for one start order. */
        char nonce[ID_TEXT_MAX]; /* empty: none */
        usec_t nonce_since;
        uint64_t nonce_fence;
        bool ordered; /* a start order with this nonce is committed */
        usec_t ordered_at;

        /* The newest order sent, to know when to repeat it. */
        MessageKind sent;
        char sent_step[STEP_ID_MAX];
        uint64_t sent_fence;
        usec_t sent_at;               /* 0: nothing */
        char sent_nonce[ID_TEXT_MAX]; /* of the newest start order: never sent twice */

        Ration ration;

        char refusal[REASON_MAX]; /* newest, for people; empty once something was accepted */
        usec_t quiet_until;       /* no order before this: the last one was refused */
} NodeFacts;

typedef struct Facts {
        EnrolRules rules; /* which masters there are, by rollpatchd.yaml; borrowed */
        NodeFacts *nodes; /* index as in State.nodes */
        usec_t *due;   /* the same: until then it has nothing to be told, unless it is touched, see
                          tell.h */
        size_t *asked; /* nodes that have a `health`, `asked_count` of them */
        size_t asked_count;
        size_t count;
        size_t space;         /* of all three */
        bool agents_judged;   /* some of them may be `judged` */
        size_t told_to;       /* the agent whose turn it is to be told something, see tell.h */
        size_t masters;       /* as many as there were when all nodes were last touched */
        usec_t started;       /* when this process began to listen */
        uint64_t fence_heard; /* highest fence any node has named */
        uint64_t wishes;      /* of persons to have nodes asked at once, so far */
        size_t wished;        /* nodes that have a `refresh` */
        uint64_t login;       /* serial of the token that nodes with questions are to have; 0: none
                               */
        size_t elected;       /* the leading Mesos master; SIZE_MAX: nobody can say */
        size_t zookeeper;     /* the master that leads ZooKeeper; SIZE_MAX: nobody can say */
        bool cluster_well;    /* the masters together are of one mind */
        Why cluster_unwell;
} Facts;

/* Makes room for the nodes that the state has gained. */
int facts_grow(Facts *facts, const State *state, usec_t now);
void facts_done(Facts *facts);

/* Keeps up with an event that has been applied, and makes room for a node that it has brought:
 * -ENOMEM. */
int facts_note(Facts *facts, const State *state, const Event *event, usec_t now);

/* A node that the state knows has begun a new session: what was said in the old one is void. */
void facts_greet(Facts *facts, const State *state, const Hello *hello, usec_t now);

/* What a node that the state knows says besides facts for the log. Of a heartbeat: whether it says
 * anything new. */
void facts_hear_claimed(Facts *facts, const Claimed *claimed);
bool facts_hear_heartbeat(
                Facts *facts,
                const State *state,
                size_t node,
                const Heartbeat *heartbeat,
                usec_t now);
void facts_hear_ready(
                Facts *facts, const State *state, size_t node, const Ready *ready, usec_t now);
void facts_hear_report(
                Facts *facts, const State *state, size_t node, const Report *report, usec_t now);
void facts_hear_refused(Facts *facts, size_t node, const Refused *refused, usec_t now);

/* Something has happened to it that may matter for what it is to be told. */
void facts_touch(Facts *facts, size_t node);
void facts_touch_all(Facts *facts);

#define START_ORDER_LIFE (5 * USEC_PER_SEC) /* on the node's own clock, from its nonce on */
#define REFUSED_PAUSE    (2 * USEC_PER_SEC) /* so that a full disk is not asked at full speed */

/* There is another token, or none any more. */
void facts_set_login(Facts *facts, uint64_t serial);

#define REFRESH_LIFE USEC_PER_MINUTE /* so long a node is asked, also outside a run */

/* A person wants this node to be asked at once; `number` is of facts->wishes. */
void facts_wish(Facts *facts, size_t node, uint64_t number, usec_t now);

/* A nonce that is too old to start anything, and a start order that was not taken in its life, are
 * void: the node is asked for a new nonce. And a person's wish is forgotten after a while. */
void facts_expire(Facts *facts, size_t node, usec_t now);
