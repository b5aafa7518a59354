/* SPDX-License-Identifier: Apache-2.0 */

/* The grant of a slot: coordinator, log, node agents with their step journals, systemd, the network
 * between them and a person, as the code does it. README.md beside this file says what stands for
 * what, what is left out, and why that is sound; scripts/model runs it.
 *
 * Each option of a process is one step that nothing can come between. What an option prints is what
 * `scripts/model --trail` shows.
 *
 * A configuration is a set of #defines; each fault has a budget, and without one it does not happen. */

/* ------------------------------------------------------------------ bounds */

#define MASTERS 3 /* the three are written out in OTHERS and ALL_MASTERS */

#ifndef AGENTS
#define AGENTS 0
#endif
#define NODES (MASTERS + AGENTS)

#ifndef COORDINATORS
#define COORDINATORS 1 /* 2: the second one is restored from a backup of the first */
#endif

#ifndef STEPS
#define STEPS 1 /* of one node: attempts, or with OWN_RUN runs of which the other log knows nothing */
#endif

#ifndef FENCES
#define FENCES 5 /* slots given, at most */
#endif

#ifndef LATE
#define LATE 0 /* messages that the network withholds, to deliver them when and as often as it likes */
#endif
#ifndef LOSSES
#define LOSSES 0 /* lost READY, START and CLAIMED; all else is repeated, or nothing follows from it */
#endif
#ifndef EXPIRIES
#define EXPIRIES 0 /* nonces whose 5 s run out before their use */
#endif
#ifndef BOUNCES
#define BOUNCES 0 /* sessions that end for no other reason */
#endif
#ifndef SILENCES
#define SILENCES 0 /* times that a node in session is not heard for long */
#endif
#ifndef CRASHES
#define CRASHES 0 /* of coordinators */
#endif
#ifndef NODE_CRASHES
#define NODE_CRASHES 0 /* of the node agent alone */
#endif
#ifndef POWER_LOSSES
#define POWER_LOSSES 0 /* of a whole host */
#endif
#ifndef WIPES
#define WIPES 0 /* journals lost while the node agent is down */
#endif
#ifndef FAILURES
#define FAILURES 0 /* scripts that end badly */
#endif
#ifndef SICKNESSES
#define SICKNESSES 0 /* masters that fall ill by themselves */
#endif
#ifndef GIVE_UPS
#define GIVE_UPS 0 /* gates after a step that do not hold in their time */
#endif
#ifndef PERSONS
#define PERSONS 0 /* things that a person does */
#endif

/* ------------------------------------------------------------------ words */

/* A step in its node's journal (node-agent/job.c). Staging is over, or has not begun. */
#define ABSENT 0
#define STAGED 1
#define READY 2
#define LOOKING 3
#define DECLINED 4
#define INTENT 5
#define RUNNING 6
#define ENDED 7
#define INTERRUPTED 8

/* A step in a coordinator's log (coordinator/step.c). `waiting` is also staging; `staged` and
 * `interrupted` are called as above. */
#define WAITING 0
#define SLOTTED 2
#define STARTED 3
#define VERIFYING 4
#define DONE 5
#define FAILED 6
#define UNKNOWN 7

/* A run (coordinator/run.c). */
#define RUN_NONE 0
#define RUN_RUNNING 1
#define RUN_PAUSED 2
#define RUN_HALTED 3
#define RUN_FINISHED 4
#define RUN_ABORTED 5

/* A nonce that a coordinator or a message has: the one that its node would take, or an old one. */
#define NONE 0
#define CURRENT 1
#define OLD 2

/* What a message says. */
#define NOTHING 0
#define CLAIM 1
#define SLOT 2
#define START 3
#define READY_SAID 4
#define REPORT 5

/* An event of a step, in the log. */
#define EV_NONE 0
#define EV_STAGED 1
#define EV_DECLINED 2
#define EV_STARTED 3
#define EV_SUCCEEDED 4
#define EV_FAILED 5
#define EV_INTERRUPTED 6
#define EV_LOST 7
#define EV_FORGOTTEN 8

/* ------------------------------------------------------------------ state */

typedef Job {
    byte state;
    byte fence;   /* adopted; synced before it is answered */
    byte order;   /* fence of the order file; 0: none */
    byte calls;   /* a bit for each fence: a call of the unit that is on its way */
    byte runs;    /* how often the script was begun, up to 2; nobody in the model asks for it */
    bool nonce;   /* a nonce that was given last, and would be taken */
    bool orphaned;/* the node agent that called is gone: "no such unit" may be said too early */
    bool to_call; /* the intent is written, systemd not called yet */
    bool marker;  /* `started` */
    bool result;
    bool failed;
    bool live;    /* the unit */
    bool homeless /* the step's directory was lost while the unit was active */
};

typedef Host {
    Job job[STEPS];
    byte epoch;
    byte session; /* with coordinator session - 1; 0: none */
    bool journal; /* which one: another id after a wipe */
    bool patched;
    bool down;    /* by us: from the begin of the script until it is well again */
    bool sick;    /* by itself */
    bool answered;/* a person answers for what its step has done; only an assertion asks */
    bool told     /* the newest answer that anybody got about it was a bad one; only an assertion asks */
};
Host node[NODES];

/* What one coordinator knows of one node. */
typedef Known {
    /* the log's fold */
    byte epoch;   /* newest acknowledged */
    byte step;    /* which one is the present, from 0 */
    byte state;
    byte fence;
    bool slot;
    bool released;
    bool journal;
    bool journal_lost;
    bool foreign;
    bool settled;
    /* facts, forgotten at a crash */
    bool heard;
    byte nonce;
    bool ordered;
    bool sent;
    byte reported;/* newest word of the present step: 0 none, 1 in hand, 2 not in hand */
    bool in_hand; /* a step that is not the present one */
    bool touched  /* by a person, and not heard for a dwell since */
};

typedef Coordinator {
    Known sees[NODES];
    bool alive;
    byte epoch;
    bool claim_held;
    byte deposed_by;
    byte fence;
    byte phase;
    byte fence_heard; /* a fact */
    bool halted       /* since the newest word of a person; only an assertion asks */
};
Coordinator co[COORDINATORS];

bool backed_up;

#if LATE > 0
typedef Message {
    byte kind;
    byte from; /* coordinator, or the one whom it is for */
    byte node;
    byte step;
    byte epoch;
    byte fence;
    byte nonce;
    byte state;
    bool failed
};
Message held;
#endif

/* what is left of each budget */
byte late = LATE, losses = LOSSES, expiries = EXPIRIES, bounces = BOUNCES, silences = SILENCES;
byte crashes = CRASHES, node_crashes = NODE_CRASHES, power_losses = POWER_LOSSES, wipes = WIPES;
byte failures = FAILURES, sicknesses = SICKNESSES, give_ups = GIVE_UPS, persons = PERSONS;

/* places to work in, no part of the state */
hidden byte i, j, event, was;
hidden byte said, said_fence, said_failed; /* of a step, by its node */
hidden byte whose, to, step, epoch, fence, nonce; /* an order: of which coordinator, to which node, ... */

/* ------------------------------------------------------------------ the properties (README.md) */

hidden byte one_master_at_a_time, at_most_once, no_halt_undone, no_start_beside_a_sick_master;
hidden byte deposed_starts_nothing, written_before_told, no_start_beside_a_failed_master;
hidden byte one_script_on_a_node;

/* ------------------------------------------------------------------ nodes */

#define IS_MASTER(n) ((n) < MASTERS)
#define J(n, s) node[n].job[s]
#define IN_HAND(x) ((x) == LOOKING || (x) == INTENT || (x) == RUNNING)
#define HAS_STARTED(x) ((x) >= INTENT)
#define IS_WELL(n) (!node[n].down && !node[n].sick)

#if STEPS == 1
#define BUSY(n, s) false
#define IS_AT_WORK(n) J(n, 0).live
#define OTHER_IS_AT_WORK(n, s) false
#define MAX_FENCE(n) J(n, 0).fence
#else
#define IS_AT_WORK(n) (J(n, 0).live || J(n, 1).live)
#define OTHER_IS_AT_WORK(n, s) J(n, 1 - (s)).live
#define BUSY(n, s) IN_HAND(J(n, 1 - (s)).state)
#define MAX_FENCE(n) (J(n, 0).fence > J(n, 1).fence -> J(n, 0).fence : J(n, 1).fence)
#endif

/* For all masters but `n`. */
#define OTHERS(n, what) \
    (((n) == 0 || what(0)) && ((n) == 1 || what(1)) && ((n) == 2 || what(2)))

#if LATE > 0
inline drop_held() {
    held.kind = NOTHING;
    held.from = 0;
    held.node = 0;
    held.step = 0;
    held.epoch = 0;
    held.fence = 0;
    held.nonce = 0;
    held.state = 0;
    held.failed = false
}
#endif

/* The nonce of this step is none any more: whoever has it has an old one. */
inline drop_nonce(n, s) {
    if
    :: J(n, s).nonce ->
        J(n, s).nonce = false;
        for (j : 0 .. COORDINATORS - 1) {
            if
            :: co[j].sees[n].nonce == CURRENT && co[j].sees[n].step == s -> co[j].sees[n].nonce = OLD
            :: else
            fi
        }
#if LATE > 0
        if
        :: held.node == n && held.step == s && held.nonce == CURRENT ->
            held.nonce = OLD;
#ifndef WITHOUT_NONCE
            /* starts nothing any more, ever: one state instead of many */
            if
            :: held.kind == START -> drop_held()
            :: else
            fi
#endif
        :: else
        fi
#endif
    :: else
    fi
}

/* runner-orders.c void_promises(): what was promised to an earlier coordinator. */
inline void_promises(n) {
    for (i : 0 .. STEPS - 1) {
        if
        :: J(n, i).state == READY || J(n, i).state == LOOKING ->
#ifndef WITHOUT_VOIDING
            J(n, i).state = STAGED;
            drop_nonce(n, i)
#else
            skip
#endif
        :: else
        fi
    }
}

/* runner-found.c: before it obeys CLAIM, SLOT or START. */
inline look_for_units(n) {
    skip;
#if WIPES > 0
    for (i : 0 .. STEPS - 1) {
        if
        :: J(n, i).live && J(n, i).state == ABSENT ->
#ifndef WITHOUT_UNIT_SEARCH
            printf("n%d: finds the unit of step %d, which no file speaks of\n", n, i);
            J(n, i).state = RUNNING;
            J(n, i).marker = true
#else
            skip
#endif
        :: else
        fi
    }
#endif
}

/* --- what the coordinator hears --- */

#define L(c, n) co[c].sees[n]
#define IS_BAD(c, n) (L(c, n).state == FAILED || L(c, n).state == INTERRUPTED || \
                      L(c, n).state == UNKNOWN)
#define IS_UNSETTLED(c, n) (IS_BAD(c, n) && !L(c, n).released)
#define BEFORE_START(c, n) (L(c, n).state <= SLOTTED)
#define MAY_RUN(c, n) (L(c, n).state <= STARTED || L(c, n).state == UNKNOWN)
#define IS_OPEN(c) (co[c].phase >= RUN_RUNNING && co[c].phase <= RUN_HALTED)
#define IS_HEARD(c, n) (co[c].alive && node[n].session == (c) + 1)

/* intake.c judge_brief(): is_void(), translate(), fit() and the table of step.c, for the node's own
 * present step. */
#ifdef WITHOUT_DECLINE_FENCE
#define IS_VOID_DECLINE(c, n, f) false
#else
#define IS_VOID_DECLINE(c, n, f) ((f) < L(c, n).fence)
#endif

#define STEP_EVENT(c, n, x, f, bad) \
    (((x) == STAGED || (x) == READY) -> (L(c, n).state == WAITING -> EV_STAGED : EV_NONE) : \
    ((x) == DECLINED -> \
        ((!IS_VOID_DECLINE(c, n, f) && L(c, n).state == WAITING) -> EV_STAGED : \
        ((!IS_VOID_DECLINE(c, n, f) && (L(c, n).state == SLOTTED || L(c, n).state == STARTED || \
                                        L(c, n).state == UNKNOWN)) -> EV_DECLINED : EV_NONE)) : \
    (((x) == INTENT || (x) == RUNNING) -> \
        ((((x) == RUNNING || !L(c, n).slot) && (BEFORE_START(c, n) || L(c, n).state == UNKNOWN)) \
             -> EV_STARTED : EV_NONE) : \
    ((x) == ENDED -> (MAY_RUN(c, n) -> ((bad) -> EV_FAILED : EV_SUCCEEDED) : EV_NONE) : \
    ((x) == INTERRUPTED -> (MAY_RUN(c, n) -> EV_INTERRUPTED : EV_NONE) : \
    ((x) == ABSENT -> \
        (L(c, n).slot -> \
            ((L(c, n).state == SLOTTED || L(c, n).state == STARTED) -> EV_LOST : EV_NONE) : \
            (L(c, n).state == STAGED -> EV_FORGOTTEN : EV_NONE)) : EV_NONE))))))

inline forget_nonce(c, n) {
    L(c, n).nonce = NONE;
    L(c, n).ordered = false;
    L(c, n).sent = false
}

/* state-apply.c apply_step(), facts.c note_node(). */
inline take_event(c, n) {
    if
    :: event == EV_STAGED -> L(c, n).state = STAGED
    :: event == EV_DECLINED -> L(c, n).state = STAGED; L(c, n).slot = false
    :: event == EV_STARTED -> L(c, n).state = STARTED; L(c, n).slot = true
    :: event == EV_SUCCEEDED -> L(c, n).state = VERIFYING; L(c, n).slot = true
    :: event == EV_FAILED -> L(c, n).state = FAILED; L(c, n).slot = true
    :: event == EV_INTERRUPTED -> L(c, n).state = INTERRUPTED; L(c, n).slot = true
    :: event == EV_LOST -> L(c, n).state = UNKNOWN
    :: event == EV_FORGOTTEN -> L(c, n).state = WAITING
    fi;
    printf("c%d: log: n%d step %d event %d -> state %d slot %d\n", c, n, L(c, n).step, event,
           L(c, n).state, L(c, n).slot);
    L(c, n).released = false;
    L(c, n).fence = (L(c, n).fence > said_fence -> L(c, n).fence : said_fence);
    co[c].fence = (co[c].fence > said_fence -> co[c].fence : said_fence);
    L(c, n).reported = 0;
    forget_nonce(c, n)
}

#ifdef OWN_RUN
#define KNOWS_STEP(c, n, s) L(c, n).settled
#else
#define KNOWS_STEP(c, n, s) (L(c, n).settled || (s) < L(c, n).step)
#endif

/* What a word about the step of another attempt or run would change (intake.c judge_foreign()). */
#define FOREIGN_AFTER(c, n, s, x) \
    (IN_HAND(x) || ((x) == INTERRUPTED && (L(c, n).foreign || !KNOWS_STEP(c, n, s))))

#if PERSONS > 0
#define REPORTED_AFTER(c, n, x) \
    ((L(c, n).state == UNKNOWN || L(c, n).slot) -> (IN_HAND(x) -> 1 : 2) : L(c, n).reported)
#else
#define REPORTED_AFTER(c, n, x) L(c, n).reported
#endif

/* Kept only where it says more than the log. */
inline note_fence(c, heard_of) {
    co[c].fence_heard = (co[c].fence_heard > heard_of -> co[c].fence_heard : heard_of);
    co[c].fence_heard = (co[c].fence_heard > co[c].fence -> co[c].fence_heard : 0)
}

inline say(n, s) {
    said = J(n, s).state;
    said_fence = J(n, s).fence;
    said_failed = J(n, s).failed
}

/* A report, or one line of CLAIMED. */
inline hear_step(c, n, s) {
    note_fence(c, said_fence);
    if
    :: L(c, n).step == s && co[c].phase != RUN_NONE ->
        L(c, n).reported = REPORTED_AFTER(c, n, said);
        event = STEP_EVENT(c, n, said, said_fence, said_failed);
        if
        :: event != EV_NONE -> take_event(c, n)
        :: else
        fi
    :: else ->
        L(c, n).foreign = FOREIGN_AFTER(c, n, s, said);
        L(c, n).in_hand = IN_HAND(said)
    fi
}

#define IS_NEWS(c, n, s) \
    ((L(c, n).step == s && co[c].phase != RUN_NONE) \
         -> (STEP_EVENT(c, n, J(n, s).state, J(n, s).fence, J(n, s).failed) != EV_NONE || \
             L(c, n).reported != REPORTED_AFTER(c, n, J(n, s).state)) \
         : (J(n, s).state != ABSENT && \
            (L(c, n).foreign != FOREIGN_AFTER(c, n, s, J(n, s).state) || \
             L(c, n).in_hand != IN_HAND(J(n, s).state))))

#ifdef WITHOUT_CLAIM
#define IS_CLAIMED(c, n) (L(c, n).epoch == co[c].epoch || (n) == 2)
#else
#define IS_CLAIMED(c, n) (L(c, n).epoch == co[c].epoch)
#endif
#define IS_COMPLETE(c) (IS_CLAIMED(c, 0) && IS_CLAIMED(c, 1) && IS_CLAIMED(c, 2))

/* A new epoch: state-apply.c apply_epoch(), facts.c facts_note(). */
inline begin_epoch(c) {
    co[c].epoch = epoch;
    assert(epoch < 15); /* no property: a bound that must never be met */
    co[c].claim_held = false;
    co[c].deposed_by = 0;
    for (j : 0 .. NODES - 1) {
        forget_nonce(c, j)
    }
}

/* intake.c intake_epoch() */
inline hear_epoch(c) {
    if
    :: epoch > co[c].epoch && co[c].claim_held ->
#ifndef WITHOUT_DEPOSITION
        if
        :: epoch > co[c].deposed_by ->
            co[c].deposed_by = epoch;
            printf("c%d: log: deposed by epoch %d\n", c, epoch)
        :: else
        fi
#else
        skip
#endif
    :: epoch > co[c].epoch && !co[c].claim_held ->
        epoch++;
        begin_epoch(c);
        printf("c%d: log: epoch %d\n", c, co[c].epoch)
    :: else
    fi
}

/* intake.c intake_claimed(): all steps, and last the acknowledgement. */
inline hear_claimed(c, n) {
    if
    :: L(c, n).epoch != co[c].epoch ->
        for (i : 0 .. STEPS - 1) {
            say(n, i);
            if
            :: said != ABSENT || (L(c, n).step == i && co[c].phase != RUN_NONE) ->
#ifdef WITHOUT_JOURNAL_ID
                if
                :: said == ABSENT && L(c, n).slot -> L(c, n).state = WAITING; L(c, n).slot = false
                :: else -> hear_step(c, n, i)
                fi
#else
                hear_step(c, n, i)
#endif
            :: else
            fi
        }
#ifndef WITHOUT_JOURNAL_ID
        if
        :: L(c, n).journal != node[n].journal -> L(c, n).journal_lost = true
        :: else
        fi;
#endif
        L(c, n).journal = node[n].journal;
        L(c, n).epoch = co[c].epoch;
        forget_nonce(c, n);
        printf("c%d: log: n%d claimed, epoch %d\n", c, n, co[c].epoch);
        co[c].claim_held = co[c].claim_held || IS_COMPLETE(c)
    :: else
    fi;
    L(c, n).heard = true
}

/* facts.c facts_hear_ready() */
inline hear_ready(c, n) {
    if
    :: L(c, n).epoch == co[c].epoch && L(c, n).state == SLOTTED && L(c, n).step == step &&
       L(c, n).fence == fence && L(c, n).nonce != nonce ->
        L(c, n).nonce = nonce;
        L(c, n).ordered = false;
        L(c, n).sent = false;
        L(c, n).heard = true
    :: else
    fi
}

/* --- what the node hears --- */

/* runner-orders.c claim_holds(), take_order(), handle_claim(): void, sync, and only then answer. */
inline obey_claim(n) {
    look_for_units(n);
    void_promises(n);
    node[n].epoch = epoch;
    printf("n%d: epoch %d synced\n", n, epoch)
}

/* job.c job_epoch_holds() */
#ifdef WITHOUT_EPOCH
#define EPOCH_FITS(n, e) true
#else
#define EPOCH_FITS(n, e) (node[n].epoch == e)
#endif

/* job.c, rows of `slot`. Sets `event` if a nonce was given. */
inline obey_slot(n) {
    event = 0;
    if
    :: EPOCH_FITS(n, epoch) ->
        look_for_units(n);
        was = J(n, step).state;
        if
        :: !BUSY(n, step) && fence > J(n, step).fence && was >= STAGED && was <= DECLINED -> event = 1
        :: !BUSY(n, step) && fence == J(n, step).fence && (was == STAGED || was == READY) -> event = 1
        :: HAS_STARTED(was) && fence > J(n, step).fence -> J(n, step).fence = fence
#ifdef WITHOUT_FENCE
        :: !BUSY(n, step) && fence <= J(n, step).fence && was >= STAGED && was <= DECLINED -> event = 1
#endif
        :: else
        fi;
        if
        :: event == 1 ->
            drop_nonce(n, step);
            J(n, step).state = READY;
            J(n, step).fence = fence;
            J(n, step).nonce = true;
            printf("n%d: step %d ready under fence %d\n", n, step, fence)
        :: else
        fi
    :: else
    fi
}

/* job.c start_is_valid() */
#ifdef WITHOUT_NONCE
#define NONCE_FITS(n, s, kind) true
#define IS_IN_TIME(n, s) true
#else
#define NONCE_FITS(n, s, kind) (kind == CURRENT && J(n, s).nonce)
#define IS_IN_TIME(n, s) J(n, s).nonce
#endif
#ifdef WITHOUT_FENCE
#define FENCE_FITS(n, s, f) true
#else
#define FENCE_FITS(n, s, f) (J(n, s).fence == f)
#endif

inline obey_start(n) {
    if
    :: EPOCH_FITS(n, epoch) ->
        look_for_units(n);
        if
        :: J(n, step).state == READY && FENCE_FITS(n, step, fence) && NONCE_FITS(n, step, nonce) && !BUSY(n, step) ->
            J(n, step).state = LOOKING;
            printf("n%d: takes the start order of step %d, epoch %d, fence %d\n", n, step, epoch, fence)
        :: else -> printf("n%d: refuses the start order of step %d, epoch %d, fence %d\n", n, step, epoch, fence)
        fi
    :: else -> printf("n%d: refuses the start order of step %d, epoch %d\n", n, step, epoch)
    fi
}

/* ------------------------------------------------------------------ a step on its node */

#define IS_BADLY_OVER(n, s) \
    (J(n, s).state == INTERRUPTED || (J(n, s).state == ENDED && J(n, s).failed))
#if STEPS == 1
#define IS_SETTLED(n) (!IS_BADLY_OVER(n, 0) || node[n].answered)
#else
#define IS_SETTLED(n) ((!IS_BADLY_OVER(n, 0) && !IS_BADLY_OVER(n, 1)) || node[n].answered)
#endif
#define IS_UP(n) (!node[n].down)
#define IS_UNTOLD(n) (!node[n].told)

#if COORDINATORS == 1
#define IS_SUPERSEDED(n) false
#define WAS_COMMITTED(n, f) (co[0].fence >= (f))
#else
#define SUPERSEDES(c, n) (co[c].alive && co[c].claim_held && co[c].epoch > node[n].epoch)
#define IS_SUPERSEDED(n) (SUPERSEDES(0, n) || SUPERSEDES(1, n))
#define WAS_COMMITTED(n, f) (co[0].fence >= (f) || co[1].fence >= (f))
#endif

/* What must be true of a master whose intent has just been written. */
inline check_intent(n, s) {
    if
    :: IS_MASTER(n) ->
        no_start_beside_a_sick_master = OTHERS(n, IS_UNTOLD);
        assert(no_start_beside_a_sick_master);
        no_start_beside_a_failed_master = OTHERS(n, IS_SETTLED);
        assert(no_start_beside_a_failed_master);
        deposed_starts_nothing = !IS_SUPERSEDED(n);
        assert(deposed_starts_nothing)
    :: else
    fi;
    written_before_told = WAS_COMMITTED(n, J(n, s).fence);
    assert(written_before_told)
}

#ifdef WITHOUT_LAST_LOOK
#define LOOK_PASSES(n) true
#else
#define LOOK_PASSES(n) (!IS_MASTER(n) || OTHERS(n, IS_WELL))
#endif

/* "There is no such unit" may be said of one whose call waits in a queue still: after a restart of the
 * node agent (adr/0002). */
#define MAY_BE_GONE(n, s) (J(n, s).calls == 0 || J(n, s).orphaned)

#ifdef WITHOUT_MARKER
#define TAKES_ORDER(n, s, f) true
#else
#define TAKES_ORDER(n, s, f) (J(n, s).order == (f) && !J(n, s).marker)
#endif

#if COORDINATORS == 1
#define IS_SENT(n, s) IS_SENT_BY(0, n, s)
#else
#define IS_SENT(n, s) (IS_SENT_BY(0, n, s) || IS_SENT_BY(1, n, s))
#endif
#define IS_SENT_BY(c, n, s) (L(c, n).sent && L(c, n).nonce == CURRENT && L(c, n).step == (s))

/* node-agent/runner.c, runner-unit.c, finding.c and node-agent/step/main.c */
proctype Step(byte n; byte s) {
    byte f;

    do
    /* look.c and, because its answer is the intent or the decline, JOB_WRITE_INTENT */
    :: d_step {
        J(n, s).state == LOOKING && IS_IN_TIME(n, s) && LOOK_PASSES(n) ->
#ifndef WITHOUT_LAST_LOOK
        for (i : 0 .. MASTERS - 1) {
            node[i].told = node[i].told && (i == n || !IS_MASTER(n))
        }
#endif
        drop_nonce(n, s);
        J(n, s).state = INTENT;
        J(n, s).order = J(n, s).fence;
        J(n, s).to_call = true;
        printf("n%d: last look passed, intent of step %d under fence %d synced\n", n, s,
               J(n, s).fence);
        check_intent(n, s)
       }
    :: d_step {
        J(n, s).state == LOOKING && !(IS_IN_TIME(n, s) && LOOK_PASSES(n)) ->
        for (i : 0 .. MASTERS - 1) {
            node[i].told = (i == n || !IS_MASTER(n) -> node[i].told : !IS_WELL(i))
        }
        drop_nonce(n, s);
        J(n, s).state = DECLINED;
        printf("n%d: declines step %d under fence %d\n", n, s, J(n, s).fence)
       }

    /* runner-unit.c entry_call_unit() */
    :: d_step {
        J(n, s).to_call ->
        J(n, s).to_call = false;
        J(n, s).orphaned = false;
        J(n, s).calls = J(n, s).calls | (1 << J(n, s).order);
        printf("n%d: calls the unit of step %d\n", n, s)
       }

    /* systemd carries a call out, and rollpatch-step links the order to the marker: step/main.c
     * take_order() */
    :: d_step {
        J(n, s).calls != 0 ->
        f = (J(n, s).calls & 2 -> 1 : (J(n, s).calls & 4 -> 2 : (J(n, s).calls & 8 -> 3 :
            (J(n, s).calls & 16 -> 4 : (J(n, s).calls & 32 -> 5 : (J(n, s).calls & 64 -> 6 : 7))))));
        J(n, s).calls = J(n, s).calls & (255 - (1 << f));
        J(n, s).orphaned = J(n, s).orphaned && J(n, s).calls != 0;
        if
        :: !J(n, s).live && TAKES_ORDER(n, s, f) && J(n, s).state != ABSENT ->
            J(n, s).marker = true;
            J(n, s).order = 0;
            J(n, s).live = true;
            J(n, s).runs = (J(n, s).runs < 2 -> J(n, s).runs + 1 : 2);
            printf("n%d: THE SCRIPT of step %d begins, time %d\n", n, s, J(n, s).runs);
            at_most_once = J(n, s).runs == 1;
            assert(at_most_once);
            one_script_on_a_node = !OTHER_IS_AT_WORK(n, s);
            assert(one_script_on_a_node);
            one_master_at_a_time = !IS_MASTER(n) || OTHERS(n, IS_UP);
            node[n].down = true;
            assert(one_master_at_a_time)
        :: else -> printf("n%d: a call of step %d under fence %d starts nothing\n", n, s, f)
        fi;
        f = 0
       }

    /* the script ends */
    :: d_step {
        J(n, s).live ->
        J(n, s).live = false;
        J(n, s).result = !J(n, s).homeless;
        node[n].patched = true;
        printf("n%d: the script of step %d ends well\n", n, s)
       }
    :: d_step {
        J(n, s).live && failures > 0 ->
        failures--;
        J(n, s).live = false;
        J(n, s).result = !J(n, s).homeless;
        J(n, s).failed = true;
        node[n].answered = false;
        printf("n%d: the script of step %d fails\n", n, s)
       }

    /* runner-unit.c on_facts(): asks systemd, then reads the files, then judges both */
    :: d_step {
        J(n, s).state == INTENT && J(n, s).marker ->
        J(n, s).state = RUNNING;
        printf("n%d: sees the marker of step %d\n", n, s)
       }
    :: d_step {
        J(n, s).state == INTENT && !J(n, s).marker && !J(n, s).live && !J(n, s).to_call &&
        MAY_BE_GONE(n, s) ->
#ifndef WITHOUT_WITHDRAWAL
        J(n, s).order = 0;
#endif
        J(n, s).state = DECLINED;
        printf("n%d: withdraws the order of step %d, and declines under fence %d\n", n, s,
               J(n, s).fence)
       }
    :: d_step {
        J(n, s).state == RUNNING && !J(n, s).live ->
        J(n, s).state = (J(n, s).result -> ENDED : INTERRUPTED);
        printf("n%d: step %d is over: state %d\n", n, s, J(n, s).state)
       }

    /* Five seconds, on the node's own clock: at any time, as often as the bound says; and always in the
     * end, if the start order that was sent does not come. */
    :: d_step {
        J(n, s).nonce && (expiries > 0 || (J(n, s).state == READY && IS_SENT(n, s))) ->
        expiries = (expiries > 0 -> expiries - 1 : 0);
        drop_nonce(n, s);
        printf("n%d: the nonce of step %d has run out\n", n, s)
       }
    od
}

/* A node says how its step stands: a report, until it is acknowledged, or because it was asked; and
 * heartbeats. */
proctype Report(byte n; byte s) {
    byte c;

    do
    :: d_step {
        node[n].session != 0 && co[node[n].session - 1].alive &&
        IS_NEWS(node[n].session - 1, n, s) ->
        c = node[n].session - 1;
        L(c, n).heard = true;
        say(n, s);
        hear_step(c, n, s);
        c = 0
       }
    od
}

/* ------------------------------------------------------------------ what a coordinator decides */

#define ANSWERS(c, n) \
    (L(c, n).epoch == co[c].epoch && L(c, n).heard && !L(c, n).journal_lost && !L(c, n).foreign && \
     !L(c, n).in_hand)

/* judge.c has_accounted() */
#ifdef WITHOUT_ACCOUNT
#define HAS_ACCOUNTED(c, n) true
#else
#define HAS_ACCOUNTED(c, n) (L(c, n).state != UNKNOWN || L(c, n).reported == 2)
#endif

/* A gate dwells for 30 s, and its windows begin anew when a person has taken a slot. Until it opens, a
 * nonce given before has run out, and a node that is heard has said every second what it is at. */
#if PERSONS == 0 || defined(WITHOUT_DWELL)
#define HAS_DWELLED(c, n) true
#else
#define HAS_DWELLED(c, n) (!L(c, n).touched)
#endif

/* gate.c judge_other() */
#ifdef WITHOUT_SLOT
#define HAS_NO_SLOT(c, n) true
#else
#define HAS_NO_SLOT(c, n) (!L(c, n).slot)
#endif
#ifdef WITHOUT_FOREIGN_STEPS
#define IS_EXPLAINED(c, n) true
#else
#define IS_EXPLAINED(c, n) (!L(c, n).foreign && !L(c, n).in_hand)
#endif
#define IS_GOOD(c, n) \
    (IS_CLAIMED(c, n) && HAS_NO_SLOT(c, n) && !L(c, n).journal_lost && IS_EXPLAINED(c, n) && \
     !IS_UNSETTLED(c, n) && HAS_ACCOUNTED(c, n) && HAS_DWELLED(c, n) && \
     (L(c, n).heard || IS_CLAIMED_ANYHOW(n)) && IS_WELL(n))
#ifdef WITHOUT_CLAIM
#define IS_CLAIMED_ANYHOW(n) ((n) == 2)
#else
#define IS_CLAIMED_ANYHOW(n) false
#endif
#define OTHERS_GOOD(c, n) \
    (((n) == 0 || IS_GOOD(c, 0)) && ((n) == 1 || IS_GOOD(c, 1)) && ((n) == 2 || IS_GOOD(c, 2)))

/* judge.c may_go_down() */
#define MAY_GO_DOWN(c, n) (IS_COMPLETE(c) && ANSWERS(c, n) && OTHERS_GOOD(c, n))

#define DECIDES(c) (co[c].alive && co[c].deposed_by == 0)
#define NO_MASTER_HAS_SLOT(c) (!L(c, 0).slot && !L(c, 1).slot && !L(c, 2).slot)
#define IS_OVER(c, n) (L(c, n).state == DONE || IS_BAD(c, n))
#define ALL_MASTERS(c, what) (what(c, 0) && what(c, 1) && what(c, 2))
#define SOME_MASTER(c, what) (what(c, 0) || what(c, 1) || what(c, 2))
#if AGENTS == 0
#define NO_AGENT(c, what) true
#else
#define NO_AGENT(c, what) (!what(c, 3))
#endif
#define IS_UNDONE(c, n) (L(c, n).state != DONE)

/* decide.c decide_halt(), without what a person must be told of agents within the budget */
#define HALT_IS_DUE(c) \
    ((co[c].phase == RUN_RUNNING || co[c].phase == RUN_PAUSED) && \
     (SOME_MASTER(c, IS_UNSETTLED) || !NO_AGENT(c, IS_UNSETTLED)))

/* order.c next_master(), next_agent(). Leaders move, so any order may be; where the configuration says
 * nothing, it is that of the plan. */
#ifdef ANY_ORDER
#define IS_NEXT(c, n) (IS_MASTER(n) || ALL_MASTERS(c, IS_OVER))
#else
#define IS_NEXT(c, n) \
    (((n) < 1 || L(c, 0).state != STAGED) && ((n) < 2 || L(c, 1).state != STAGED) && \
     (IS_MASTER(n) || ALL_MASTERS(c, IS_OVER)))
#endif

#ifdef WITHOUT_SLOT
#define SLOT_IS_FREE(c) true
#else
#define SLOT_IS_FREE(c) NO_MASTER_HAS_SLOT(c)
#endif

#define NEXT_FENCE(c) ((co[c].fence > co[c].fence_heard -> co[c].fence : co[c].fence_heard) + 1)

inline write_order(c, n) {
    step = L(c, n).step;
    epoch = co[c].epoch;
    fence = L(c, n).fence;
    nonce = L(c, n).nonce
}

/* An order is sent to a node in session, or withheld by the network, to be delivered later. */
inline withhold(k, c, n) {
#if LATE > 0
    late--;
    held.kind = k;
    held.from = c;
    held.node = n;
    held.step = step;
    held.epoch = epoch;
    held.fence = fence;
    held.nonce = nonce;
    held.state = 0;
    held.failed = false;
    printf("net: withholds message %d of c%d to n%d\n", k, c, n)
#else
    skip
#endif
}

#define IS_NONCE_OLD(c, n) \
    (L(c, n).nonce == OLD || (L(c, n).nonce == CURRENT && !J(n, L(c, n).step).nonce))
#define CLAIM_IS_DUE(c, n) (IS_HEARD(c, n) && co[c].deposed_by == 0 && L(c, n).epoch != co[c].epoch)
#define SLOT_IS_DUE(c, n) \
    (IS_HEARD(c, n) && co[c].deposed_by == 0 && L(c, n).epoch == co[c].epoch && IS_OPEN(c) && \
     L(c, n).state == SLOTTED && L(c, n).nonce == NONE && EPOCH_FITS(n, co[c].epoch))
#define START_IS_DUE(c, n) \
    (IS_HEARD(c, n) && co[c].deposed_by == 0 && L(c, n).epoch == co[c].epoch && IS_OPEN(c) && \
     L(c, n).state == SLOTTED && L(c, n).ordered && !L(c, n).sent)

/* Coordinator `c` and node `n`: decisions about it (decide.c), and what it is told (orders.c). */
proctype Link(byte c; byte n) {
    do
    /* hello (intake.c intake_hello(), intake_hello_epoch(); facts.c facts_greet()) */
    :: d_step {
        co[c].alive && node[n].session == 0 ->
        node[n].session = c + 1;
        printf("n%d: hello to c%d, epoch %d\n", n, c, node[n].epoch);
        if
        :: L(c, n).epoch != 0 &&
           (node[n].epoch < L(c, n).epoch || node[n].journal != L(c, n).journal) ->
            L(c, n).epoch = 0
        :: else
        fi;
        forget_nonce(c, n);
        L(c, n).reported = 0;
        L(c, n).in_hand = false;
        L(c, n).heard = true;
        was = MAX_FENCE(n);
        note_fence(c, was);
        if
#ifndef WITHOUT_HIGHER_EPOCH
        :: node[n].epoch == co[c].epoch && L(c, n).epoch != co[c].epoch && !co[c].claim_held ->
            epoch = node[n].epoch + 1;
            begin_epoch(c);
            printf("c%d: log: epoch %d, because n%d has ours of another\n", c, co[c].epoch, n)
#endif
        :: else -> epoch = node[n].epoch; hear_epoch(c)
        fi
       }

    /* claim, and its answer */
    :: d_step {
        CLAIM_IS_DUE(c, n) && node[n].epoch <= co[c].epoch ->
        write_order(c, n);
        obey_claim(n);
        hear_claimed(c, n)
       }
    :: d_step {
        CLAIM_IS_DUE(c, n) && node[n].epoch <= co[c].epoch && losses > 0 ->
        losses--;
        printf("net: loses the answer of n%d to a claim\n", n);
        write_order(c, n);
        obey_claim(n)
       }
    :: d_step {
        CLAIM_IS_DUE(c, n) && node[n].epoch > co[c].epoch ->
        printf("n%d: refuses the claim of c%d, epoch %d\n", n, c, co[c].epoch);
        epoch = node[n].epoch;
        hear_epoch(c)
       }
#if COORDINATORS > 1
    /* of one that has been claimed by us, and by somebody else since */
    :: d_step {
        IS_HEARD(c, n) && node[n].epoch > co[c].epoch && co[c].deposed_by < node[n].epoch ->
        epoch = node[n].epoch;
        hear_epoch(c)
       }
#endif

    /* stage: the node has it at once, and says so (Report) */
    :: d_step {
        IS_HEARD(c, n) && co[c].deposed_by == 0 && IS_OPEN(c) && L(c, n).state == WAITING &&
        L(c, n).epoch == co[c].epoch && node[n].epoch == co[c].epoch &&
        J(n, L(c, n).step).state == ABSENT ->
        J(n, L(c, n).step).state = STAGED;
        printf("n%d: step %d staged\n", n, L(c, n).step)
       }

    /* slot: committed here ... */
    :: d_step {
        DECIDES(c) && co[c].phase == RUN_RUNNING && !HALT_IS_DUE(c) && L(c, n).state == STAGED &&
        IS_NEXT(c, n) && SLOT_IS_FREE(c) && MAY_GO_DOWN(c, n) && !node[n].patched &&
        NEXT_FENCE(c) <= FENCES ->
        co[c].fence = NEXT_FENCE(c);
        L(c, n).fence = co[c].fence;
        L(c, n).state = SLOTTED;
        L(c, n).slot = true;
        L(c, n).released = false;
        L(c, n).reported = 0;
        forget_nonce(c, n);
        printf("c%d: log: n%d has the slot, step %d, fence %d\n", c, n, L(c, n).step, co[c].fence);
        no_halt_undone = !co[c].halted;
        assert(no_halt_undone)
       }
    /* ... or not needed, judge_as_found() */
    :: d_step {
        DECIDES(c) && co[c].phase == RUN_RUNNING && !HALT_IS_DUE(c) && L(c, n).state == STAGED &&
        IS_NEXT(c, n) && SLOT_IS_FREE(c) && ANSWERS(c, n) && node[n].patched ->
        L(c, n).state = VERIFYING;
        L(c, n).slot = true;
        L(c, n).reported = 0;
        printf("c%d: log: n%d has what the run wants already\n", c, n)
       }
    /* ... and told here; the answer comes, */
    :: d_step {
        SLOT_IS_DUE(c, n) ->
        write_order(c, n);
        obey_slot(n);
        if
        :: event == 1 -> nonce = CURRENT; hear_ready(c, n)
        :: else
        fi
       }
    /* or is lost, */
    :: d_step {
        SLOT_IS_DUE(c, n) && losses > 0 ->
        losses--;
        printf("net: loses the answer of n%d to a slot\n", n);
        write_order(c, n);
        obey_slot(n)
       }
#if LATE > 0
    /* or is late; or the order is. */
    :: d_step {
        SLOT_IS_DUE(c, n) && late > 0 ->
        write_order(c, n);
        obey_slot(n);
        if
        :: event == 1 -> nonce = CURRENT; withhold(READY_SAID, c, n)
        :: else
        fi
       }
    :: d_step { SLOT_IS_DUE(c, n) && late > 0 -> write_order(c, n); nonce = NONE; withhold(SLOT, c, n) }
    :: d_step { CLAIM_IS_DUE(c, n) && late > 0 -> write_order(c, n); fence = 0; step = 0; nonce = NONE; withhold(CLAIM, c, n) }
#endif

    /* start: committed here (decide_start()) ... */
    :: d_step {
        DECIDES(c) && co[c].phase == RUN_RUNNING && !HALT_IS_DUE(c) && L(c, n).state == SLOTTED &&
        L(c, n).nonce != NONE && !L(c, n).ordered && MAY_GO_DOWN(c, n) ->
        L(c, n).ordered = true;
        printf("c%d: log: n%d is ordered to start, fence %d\n", c, n, L(c, n).fence);
        no_halt_undone = !co[c].halted;
        assert(no_halt_undone)
       }
    /* ... and sent here, once for each nonce */
    :: d_step {
        START_IS_DUE(c, n) ->
        L(c, n).sent = true;
        write_order(c, n);
        obey_start(n)
       }
    :: d_step {
        START_IS_DUE(c, n) && losses > 0 ->
        losses--;
        L(c, n).sent = true;
        printf("net: loses the start order of c%d to n%d\n", c, n)
       }
#if LATE > 0
    :: d_step {
        START_IS_DUE(c, n) && late > 0 ->
        L(c, n).sent = true;
        write_order(c, n);
        withhold(START, c, n)
       }
#endif
    /* facts.c facts_expire(): a second later than on the node. Or the node has refused it. */
    :: d_step {
        co[c].alive && L(c, n).state == SLOTTED && IS_NONCE_OLD(c, n) &&
        (L(c, n).sent || !L(c, n).ordered) ->
        forget_nonce(c, n);
        printf("c%d: the nonce of n%d is void\n", c, n)
       }

    /* decide_verified() */
    :: d_step {
        DECIDES(c) && co[c].phase != RUN_NONE && L(c, n).state == VERIFYING && ANSWERS(c, n) &&
        IS_WELL(n) && node[n].patched ->
        L(c, n).state = DONE;
        L(c, n).slot = false;
        L(c, n).reported = 0;
        printf("c%d: log: n%d is done\n", c, n)
       }
    :: d_step {
        DECIDES(c) && co[c].phase != RUN_NONE && L(c, n).state == VERIFYING && give_ups > 0 &&
        co[c].phase != RUN_HALTED ->
        give_ups--;
        L(c, n).state = FAILED;
        printf("c%d: log: n%d is not proven good in its time\n", c, n)
       }

    /* decide_lost(): three minutes */
    :: d_step {
        DECIDES(c) && co[c].phase != RUN_NONE && !L(c, n).heard && silences < SILENCES &&
        L(c, n).slot && (L(c, n).state == SLOTTED || L(c, n).state == STARTED) ->
        L(c, n).state = UNKNOWN;
        L(c, n).released = false;
        L(c, n).reported = 0;
        forget_nonce(c, n);
        printf("c%d: log: n%d is lost\n", c, n)
       }

    /* a session ends, or is silent for so long that the node is not fresh any more */
    :: d_step {
        bounces > 0 && node[n].session == c + 1 ->
        bounces--;
        node[n].session = 0;
        printf("net: the session of n%d with c%d ends\n", n, c)
       }
    :: d_step {
        co[c].alive && L(c, n).heard && node[n].session != c + 1 ->
        L(c, n).heard = false;
        printf("c%d: n%d is not heard any more\n", c, n)
       }
    :: d_step {
        silences > 0 && co[c].alive && L(c, n).heard && node[n].session == c + 1 ->
        silences--;
        L(c, n).heard = false;
        printf("c%d: n%d is silent\n", c, n)
       }
    :: d_step {
        co[c].alive && !L(c, n).heard && node[n].session == c + 1 ->
        L(c, n).heard = true;
        printf("c%d: n%d is heard again\n", c, n)
       }

#if PERSONS > 0
    /* for a dwell it has said what it is at */
    :: d_step {
        L(c, n).touched && IS_HEARD(c, n) && L(c, n).heard && !J(n, 0).nonce &&
        !J(n, STEPS - 1).nonce ->
        for (i : 0 .. STEPS - 1) {
            say(n, i);
            if
            :: said != ABSENT || L(c, n).step == i -> hear_step(c, n, i)
            :: else
            fi
        }
        L(c, n).touched = false;
#if LATE > 0
        /* what was said before the dwell has come by now: the README says what hangs on this */
        if
        :: held.kind == REPORT && held.node == n -> drop_held()
        :: else
        fi;
#endif
        printf("c%d: has heard n%d for a dwell since\n", c, n)
       }

    /* operator-node.c operator_retry(), retry.c */
    :: d_step {
        persons > 0 && co[c].alive && IS_OPEN(c) && IS_BAD(c, n) && ANSWERS(c, n) &&
        (L(c, n).state != UNKNOWN || L(c, n).reported == 2) && !node[n].patched &&
        L(c, n).step + 1 < STEPS ->
        persons--;
        L(c, n).step++;
        L(c, n).state = WAITING;
        L(c, n).slot = false;
        L(c, n).released = false;
        L(c, n).reported = 0;
        node[n].answered = true;
        forget_nonce(c, n);
        L(c, n).touched = true;
        printf("person: c%d: retry n%d\n", c, n)
       }
    :: d_step {
        persons > 0 && co[c].alive && IS_OPEN(c) && IS_BAD(c, n) && ANSWERS(c, n) &&
        (L(c, n).state != UNKNOWN || L(c, n).reported == 2) && node[n].patched &&
        (L(c, n).slot || !IS_MASTER(n) || NO_MASTER_HAS_SLOT(c)) ->
        persons--;
        L(c, n).state = VERIFYING;
        L(c, n).slot = true;
        L(c, n).released = false;
        L(c, n).reported = 0;
        node[n].answered = true;
        printf("person: c%d: retry n%d: only its gate is asked\n", c, n)
       }
    /* operator_release(), judge.c release_is_safe() */
    :: d_step {
        persons > 0 && co[c].alive && (L(c, n).journal_lost || L(c, n).foreign) ->
        persons--;
        L(c, n).settled = L(c, n).settled || L(c, n).foreign;
        L(c, n).journal_lost = false;
        L(c, n).foreign = false;
        node[n].answered = true;
        printf("person: c%d: release n%d: answers for its journal\n", c, n)
       }
    :: d_step {
        persons > 0 && co[c].alive && !L(c, n).journal_lost && !L(c, n).foreign &&
        (L(c, n).slot || IS_UNSETTLED(c, n)) &&
#ifndef WITHOUT_RELEASE_RULE
        (!L(c, n).heard ||
         (L(c, n).state != STARTED && !(L(c, n).slot && L(c, n).reported == 1) &&
          !(L(c, n).state == SLOTTED && L(c, n).ordered))) &&
#endif
        co[c].phase != RUN_NONE ->
        persons--;
        L(c, n).state = (L(c, n).state == VERIFYING -> FAILED :
                        (L(c, n).state == SLOTTED || L(c, n).state == STARTED -> UNKNOWN :
                         L(c, n).state));
        L(c, n).slot = false;
        L(c, n).released = true;
        L(c, n).reported = 0;
        node[n].answered = true;
        forget_nonce(c, n);
        L(c, n).touched = true;
        printf("person: c%d: release n%d: state %d\n", c, n, L(c, n).state)
       }
#endif
    od
}

/* What concerns the whole run. */
proctype Run(byte c) {
    do
    :: d_step {
        DECIDES(c) && HALT_IS_DUE(c) ->
        co[c].phase = RUN_HALTED;
        co[c].halted = true;
        printf("c%d: log: halted\n", c)
       }
    /* decide_disturbed(): it may halt, and then must not go on */
    :: d_step {
        DECIDES(c) && (co[c].phase == RUN_RUNNING || co[c].phase == RUN_PAUSED) &&
        silences < SILENCES && !NO_MASTER_HAS_SLOT(c) &&
        !(L(c, 0).heard && L(c, 1).heard && L(c, 2).heard) ->
        co[c].phase = RUN_HALTED;
        co[c].halted = true;
        printf("c%d: log: halted, a master is not heard\n", c)
       }
    :: d_step {
        DECIDES(c) && co[c].phase == RUN_RUNNING && !SOME_MASTER(c, IS_UNDONE) &&
        NO_AGENT(c, IS_UNDONE) ->
        co[c].phase = RUN_FINISHED;
        printf("c%d: log: finished\n", c)
       }

    /* A crash and a restart: coordinator.c open_log(), claim_epoch(). The log is what it was, the
     * facts are gone, and so are all sessions. */
    :: d_step {
        crashes > 0 && co[c].alive ->
        crashes--;
        printf("c%d: crashes and starts again\n", c);
#ifdef WITHOUT_COMMIT
        for (i : 0 .. NODES - 1) {
            if
            :: L(c, i).state == SLOTTED ->
                L(c, i).state = STAGED;
                L(c, i).slot = false;
                L(c, i).fence--;
                co[c].fence--
            :: else
            fi
        }
#endif
#ifdef WITHOUT_HALT_COMMIT
        co[c].phase = (co[c].phase == RUN_HALTED -> RUN_RUNNING : co[c].phase);
#endif
        for (i : 0 .. NODES - 1) {
            L(c, i).heard = false;
            L(c, i).reported = 0;
            L(c, i).in_hand = false;
            node[i].session = (node[i].session == c + 1 -> 0 : node[i].session)
        }
        co[c].fence_heard = 0;
        epoch = (co[c].deposed_by > co[c].epoch -> co[c].deposed_by : co[c].epoch) + 1;
        begin_epoch(c);
        printf("c%d: log: epoch %d\n", c, co[c].epoch)
       }

#if PERSONS > 0
    :: d_step {
        persons > 0 && co[c].alive && co[c].phase == RUN_RUNNING ->
        persons--;
        co[c].phase = RUN_PAUSED;
        printf("person: c%d: pause\n", c)
       }
    /* operator.c verb_resume() */
    :: d_step {
        persons > 0 && co[c].alive &&
        (co[c].phase == RUN_PAUSED ||
         (co[c].phase == RUN_HALTED && !SOME_MASTER(c, IS_UNSETTLED) && NO_AGENT(c, IS_UNSETTLED))) ->
        persons--;
        co[c].phase = RUN_RUNNING;
        co[c].halted = false;
        printf("person: c%d: resume\n", c)
       }
    :: d_step {
        persons > 0 && co[c].alive && IS_OPEN(c) ->
        persons--;
        co[c].phase = RUN_ABORTED;
        printf("person: c%d: abort\n", c)
       }
#endif
    od
}

/* ------------------------------------------------------------------ what befalls a host */

/* runner.c runner_recover(): what follows from the files alone. */
inline crash(n) {
    for (i : 0 .. STEPS - 1) {
        drop_nonce(n, i);
        J(n, i).to_call = false;
        J(n, i).orphaned = J(n, i).calls != 0;
        was = J(n, i).state;
#ifdef WITHOUT_MARKER_READING
        J(n, i).state = ((was == READY || was == LOOKING) -> STAGED :
                        ((was == RUNNING || was == ENDED) -> INTENT : was));
        J(n, i).marker = false
#else
        J(n, i).state = ((was == READY || was == LOOKING) -> STAGED :
                        ((was == INTENT && J(n, i).marker) || was == ENDED -> RUNNING : was))
#endif
#ifdef WITHOUT_INTENT_SYNC
        ;
        J(n, i).state = (J(n, i).state == INTENT -> STAGED : J(n, i).state)
#endif
    }
#ifdef WITHOUT_EPOCH_SYNC
    node[n].epoch = (node[n].epoch > 1 -> node[n].epoch - 1 : node[n].epoch);
#endif
    node[n].session = 0
}

proctype Fate(byte n) {
    do
    /* it comes back after its script: until then it is down by us */
    :: d_step {
        node[n].down && !IS_AT_WORK(n) ->
        node[n].down = false;
        printf("n%d: is well again\n", n)
       }

#if SICKNESSES > 0
    :: d_step {
        sicknesses > 0 && IS_MASTER(n) && !node[n].sick ->
        sicknesses--;
        node[n].sick = true;
        printf("n%d: falls ill\n", n)
       }
    :: d_step {
        node[n].sick ->
        node[n].sick = false;
        printf("n%d: is well by itself\n", n)
       }
    /* anybody has asked it */
    :: d_step {
        IS_MASTER(n) && node[n].told == IS_WELL(n) && node[n].session != 0 ->
        node[n].told = !IS_WELL(n)
       }
#endif

    :: d_step {
        node_crashes > 0 ->
        node_crashes--;
        printf("n%d: the node agent crashes and starts again\n", n);
        crash(n)
       }
    :: d_step {
        power_losses > 0 ->
        power_losses--;
        printf("n%d: loses power and boots again\n", n);
        for (i : 0 .. STEPS - 1) {
            J(n, i).calls = 0;
            J(n, i).live = false
        }
        crash(n)
       }
    :: d_step {
        wipes > 0 ->
        wipes--;
        printf("n%d: its journal is lost, and the node agent starts again\n", n);
        crash(n);
        for (i : 0 .. STEPS - 1) {
            J(n, i).state = ABSENT;
            J(n, i).fence = 0;
            J(n, i).order = 0;
            J(n, i).marker = false;
            J(n, i).result = false;
            J(n, i).failed = false;
            J(n, i).homeless = J(n, i).live
        }
        node[n].epoch = 0;
        node[n].journal = !node[n].journal
       }
    od
}

/* ------------------------------------------------------------------ the network */

#if LATE > 0
inline read_held() {
    whose = held.from;
    to = held.node;
    step = held.step;
    epoch = held.epoch;
    fence = held.fence;
    nonce = held.nonce
}

/* Delivered again and again for ever it would keep a node from ever using its nonce: where it is asked
 * whether a run ends, a late message comes once. */
inline delivered() {
#ifdef LATE_ONCE
    drop_held()
#else
    skip
#endif
}

inline withhold_report(n) {
    d_step {
        late > 0 && node[n].session != 0 && J(n, 0).state != ABSENT &&
        held.kind == NOTHING ->
        late--;
        held.kind = REPORT;
        held.from = node[n].session - 1;
        held.node = n;
        held.step = 0;
        held.epoch = 0;
        held.fence = J(n, 0).fence;
        held.nonce = NONE;
        held.state = J(n, 0).state;
        held.failed = J(n, 0).failed;
        printf("net: withholds a report of n%d\n", n)
    }
}

active proctype Network() {
    do
    /* what a node says, a moment ago and later */
    :: withhold_report(0)
    :: withhold_report(1)
    :: withhold_report(2)

    :: d_step {
        held.kind == CLAIM && held.epoch >= node[held.node].epoch ->
        printf("net: delivers a late claim to n%d\n", held.node);
        read_held();
        obey_claim(to);
        delivered()
       }
    :: d_step {
        held.kind == SLOT ->
        printf("net: delivers a late slot to n%d\n", held.node);
        read_held();
        obey_slot(to);
        if
        :: event == 1 && IS_HEARD(held.from, held.node) ->
            nonce = CURRENT;
            hear_ready(whose, to)
        :: else
        fi;
        delivered()
       }
    :: d_step {
        held.kind == START && J(held.node, held.step).state == READY ->
        printf("net: delivers a late start order to n%d\n", held.node);
        read_held();
        obey_start(to);
        delivered()
       }
    :: d_step {
        held.kind == READY_SAID && co[held.from].alive ->
        printf("net: delivers a late ready of n%d\n", held.node);
        read_held();
        hear_ready(whose, to);
        delivered()
       }
    :: d_step {
        held.kind == REPORT && co[held.from].alive ->
        printf("net: delivers a late report of n%d, state %d, fence %d\n", held.node, held.state,
               held.fence);
        said = held.state;
        said_fence = held.fence;
        said_failed = held.failed;
        read_held();
        hear_step(whose, to, step);
        delivered()
       }
    od
}
#endif

/* ------------------------------------------------------------------ the beginning */

#if COORDINATORS > 1
/* A copy of the log, taken at any time; and a coordinator that starts from it. */
active proctype Backup() {
    d_step {
        co[0].alive ->
        for (i : 0 .. NODES - 1) {
            L(1, i).epoch = L(0, i).epoch;
#ifndef OWN_RUN
            L(1, i).step = L(0, i).step;
            L(1, i).state = L(0, i).state;
            L(1, i).fence = L(0, i).fence;
            L(1, i).slot = L(0, i).slot;
            L(1, i).released = L(0, i).released;
            L(1, i).foreign = L(0, i).foreign;
            L(1, i).settled = L(0, i).settled;
#else
            L(1, i).step = 1;
#endif
            L(1, i).journal = L(0, i).journal;
            L(1, i).journal_lost = L(0, i).journal_lost
        }
        co[1].epoch = co[0].epoch;
        co[1].deposed_by = co[0].deposed_by;
#ifndef OWN_RUN
        co[1].fence = co[0].fence;
        co[1].phase = co[0].phase;
        co[1].halted = co[0].halted;
#else
        co[1].phase = RUN_RUNNING;
#endif
        backed_up = true;
        printf("c1: a backup of the log of c0\n")
    }
    d_step {
        !co[1].alive ->
        co[1].alive = true;
        epoch = (co[1].deposed_by > co[1].epoch -> co[1].deposed_by : co[1].epoch) + 1;
        begin_epoch(1);
        printf("c1: starts from the backup, epoch %d\n", co[1].epoch)
    }
}
#endif

init {
    d_step {
        for (i : 0 .. NODES - 1) {
            J(i, 0).state = STAGED;
            node[i].epoch = 1;
            node[i].session = 1;
            L(0, i).state = STAGED;
            L(0, i).epoch = 1;
            L(0, i).heard = true
        }
        co[0].alive = true;
        co[0].epoch = 1;
        co[0].claim_held = true;
        co[0].phase = RUN_RUNNING
    }
    atomic {
        for (i : 0 .. NODES - 1) {
            run Fate(i);
            for (j : 0 .. STEPS - 1) {
                run Step(i, j);
                run Report(i, j)
            }
        }
        for (j : 0 .. COORDINATORS - 1) {
            run Run(j);
            for (i : 0 .. NODES - 1) {
                run Link(j, i)
            }
        }
    }
}

ltl finishes { <> (co[0].phase == RUN_FINISHED) }
