/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/macro.h"
#include "common/span.h"
#include "proto/message.h"

/* A whole cluster in one process: the real rollpatchd (coordinator.c and all below it), the real
 * rollpatch-agent (agent.c and all below it) and the real rollpatch-step (its main()), on hosts
 * that are made up. What is replaced, at link time, is the machine alone: sd-event, the clock, the
 * disk (system calls), randomness, nanomsg, systemd, SQLite, programs that are started, ports, the
 * journal, and the control socket. One seed decides everything.
 *
 *   loop.c      sd-event, and whose turn it is
 *   disk.c      files that survive a crash, and of a power loss what was synced
 *   wire.c      nanomsg, and what happens to messages
 *   units.c     systemd, and rollpatch-step with its script
 *   machine.c   clocks, randomness, log, probes, ports, journal, control socket
 *   store.c     the event log
 *   cluster.c   hosts, and what is true of them
 *   faults.c    what goes wrong, and when
 *   operator.c  what persons do
 *   oracle.c    what must be true, by the hosts alone
 *   run.c       one seed */

#define HOSTS_MAX   8
#define MASTERS     3
#define PATCH_FROM  "2.1.0"
#define PATCH_TO    "2.1.1"
#define CLUSTER     "sim"
#define STATE_DIR   "/var/lib/rollpatch"
#define SCRIPTS_MAX 64

/* --- chance --- */

typedef struct Chance {
        uint64_t state;
} Chance;

uint64_t chance_u64(Chance *chance);
uint64_t chance_below(Chance *chance, uint64_t limit); /* 0..limit-1; of 0: 0 */
uint64_t chance_between(Chance *chance, uint64_t from, uint64_t to);
bool chance_of(Chance *chance, unsigned percent);

/* --- processes --- */

typedef enum ProgramKind {
        PROGRAM_COORDINATOR,
        PROGRAM_AGENT,
        PROGRAM_STEP,
} ProgramKind;
#define PROGRAM_COUNT (PROGRAM_STEP + 1)

typedef struct Host Host;
typedef struct sd_event Loop;

/* What a process has of its own dies with it: loop, file descriptors, connections. Its memory is
 * left where it is; a seed is a process of the real machine, which ends soon. */
typedef struct Process {
        Host *host;
        ProgramKind kind;
        bool alive;
        bool exits; /* it has asked for its own end */
        Loop *loop;
        jmp_buf home; /* out of whatever it does, when it dies */
        void *object; /* Coordinator or Agent */
        struct StepRun *step;
} Process;

/* --- hosts --- */

/* What becomes of a script. */
typedef enum Fate {
        FATE_GOOD,
        FATE_FAILS,      /* non-zero, and nothing was changed */
        FATE_BREAKS,     /* zero, and DC/OS does not come up */
        FATE_FAILS_LATE, /* non-zero, DC/OS is patched and well */
        FATE_HANGS,      /* for long, then good */
} Fate;

typedef struct Script {
        char step[STEP_ID_MAX];
        unsigned started;
        usec_t at;
        bool ended;
} Script;

struct Host {
        char name[NAME_TEXT_MAX];
        char address[ADDRESS_TEXT_MAX];
        Role role;
        bool is_coordinator;
        size_t index;

        /* the machine */
        bool up;
        usec_t booted; /* simulated time */
        int64_t wall_offset;
        char boot_id[ID_TEXT_MAX];
        struct Inode *disk;
        struct Log *log; /* of a coordinator */
        Process *daemon;
        bool daemon_wanted; /* systemd starts it again when it dies */
        struct Unit *unit;  /* the step's, newest; or NULL */
        struct UnitStart *newest_start;
        usec_t bus_busy; /* systemd answers in the order in which it was asked */

        /* DC/OS */
        bool broken;     /* by a fault or by a script, until somebody mends it */
        bool ill;        /* not well, but ZooKeeper and Mesos answer on their ports */
        bool activating; /* install_progress is there */
        bool patched;    /* has PATCH_TO on its disk */
        bool script_runs;
        usec_t well_from;     /* services are up from then on; USEC_INFINITY: not now */
        usec_t services_from; /* when they were started last */
        usec_t last_well;
        usec_t registered; /* of an agent, at the leader */

        /* what the oracle keeps */
        Script scripts[SCRIPTS_MAX];
        size_t script_count;
        bool down_by_us; /* from the start of a script until it was well again */

        /* the network */
        bool cut;
        usec_t lie_until; /* one probe says good, whatever is */
        usec_t flap_until;
        usec_t mute_until; /* probes end without an answer */
        usec_t slow_until;
        usec_t full_until;     /* its disk has no room */
        usec_t unserved_until; /* whoever serves the script serves it something else */
        unsigned wire_lost, wire_twice, wire_late, wire_mixed; /* percent, while wire_until */
        usec_t wire_until;
        size_t serves; /* which coordinator its agent reaches: index among coordinators */
};

/* --- the world --- */

typedef enum Phase {
        PHASE_IDLE,      /* before there is a run */
        PHASE_STAGE,     /* nobody has a slot, not all are staged */
        PHASE_BETWEEN,   /* nobody has a slot */
        PHASE_SLOT,      /* slot given, not started */
        PHASE_INTENT,    /* intent is on the node's disk, script not started */
        PHASE_SCRIPT,    /* it runs */
        PHASE_EXITED,    /* it has ended, the coordinator has not written that down */
        PHASE_VERIFYING, /* the coordinator waits for the gate */
        PHASE_HALTED,    /* or paused, or held */
        PHASE_OVER,
} Phase;
#define PHASE_COUNT (PHASE_OVER + 1)

typedef struct Sim {
        uint64_t seed;
        usec_t now; /* of the world; no host knows it */
        usec_t begin;
        Chance chance;    /* of how long things take */
        Chance random;    /* getrandom() */
        Process *current; /* NULL: the world itself */
        Host hosts[HOSTS_MAX];
        size_t host_count;
        size_t coordinators; /* of those, the first; 2: the second is a restored one */
        Phase phase;
        bool over;     /* nothing more to do */
        bool finished; /* the newest run was finished */
        bool aborted;
        bool calm; /* no more faults: only liveness is left */
        usec_t calm_since;
        uint64_t events;
        uint64_t durable; /* writes so far */
        uint64_t asked_cpu;
        char script[512];     /* the one that is served */
        char node_list[2048]; /* as `node import` takes it: names, roles, keys */
        char failure[1024];
        const char *promise;
        bool verbose;
} Sim;

extern Sim sim;

/* Calls `act` at that time, in the world. */
typedef void (*WorldAct)(void *what, uint64_t detail);
void world_at(usec_t when, WorldAct act, void *what, uint64_t detail);
usec_t world_next(void);
bool world_turn(void); /* one of those that are due; false: none */

void sim_note(const char *format, ...) PRINTF(1, 2); /* a line of the trace */
void sim_fail(const char *promise, const char *format, ...) PRINTF(2, 3);

/* --- loop.c --- */

Loop *loop_new(Process *process);
usec_t loop_next(const Loop *loop); /* world time of the next source */
void loop_turn(Loop *loop);         /* one source that is due */

Process *process_start(Host *host, ProgramKind kind);
void process_kill(Process *process); /* does not return when it is the one that runs */

/* Runs `act` as that process; false: it has died of it. */
bool process_enter(Process *process, void (*act)(Process *process, void *userdata), void *userdata);

/* --- disk.c --- */

struct Inode *disk_new(void);
void disk_put(Host *host, const char *path, const char *text); /* durable; directories are made */
void disk_link(Host *host, const char *path, const char *target);
void disk_remove(Host *host, const char *path);
char *disk_get(Host *host, const char *path); /* NULL: not there */
bool disk_has(Host *host, const char *path);
bool disk_list(Host *host, const char *path, size_t index, char *name, size_t size);
void disk_lose_power(Host *host);
void disk_drop_process(const Process *process);

/* Before and after each change of a disk, or of the log: where a process may die. */
void crash_here(bool durable);

/* --- wire.c --- */

void wire_drop_process(const Process *process);
void wire_cut(const Host *host); /* connections of its agent end */
void wire_changed(void);         /* who can reach whom */

/* --- units.c --- */

/* rollpatch-step and its script are killed. The process that was, for its caller to leave if it is
 * the one that runs; or NULL. */
Process *units_end_step(Host *host);
void units_leave(Process *process) __attribute__((noreturn));
Process *units_step(const Host *host);
bool unit_runs(const Host *host);
void units_script_ends(Host *host, int status);
void units_start_again(Host *host); /* the command of the newest unit, by somebody's hand */

/* --- machine.c --- */

void machine_init(void);
usec_t host_boottime(const Host *host);
usec_t host_to_world(const Host *host, usec_t boottime);

/* One request to the coordinator of that host, as the command line makes it. The exit status; -1:
 * nobody listens. `ret_error` may be NULL. */
int machine_ask(const Host *host,
                const char *verb,
                const char *arguments,
                char *ret_error,
                size_t size);

/* --- store.c --- */

void store_copy_log(const Host *from, Host *to, uint64_t behind);

/* --- cluster.c --- */

void cluster_make(void);
bool host_is_well(const Host *host);
bool host_answers(const Host *host);       /* ZooKeeper and Mesos on their ports */
bool host_is_truly_well(const Host *host); /* the same, without what a fault hides */
bool cluster_can_reach(const Host *from, const Host *to);
Host *cluster_by_address(const char *address);
Host *cluster_leader(void); /* of Mesos; NULL */
Host *cluster_zookeeper(void);
size_t cluster_masters_well(void);
void host_boot(Host *host);
void host_go_down(Host *host, usec_t until);
void host_reboot(Host *host, usec_t down);
void host_mend(Host *host);
void host_start_daemon(Host *host);
void script_begin(Host *host, const char *step);
void script_interrupted(Host *host);
Host *cluster_coordinator(void); /* the one whose word counts */

/* JSON of rollpatch-probe for `check`; NULL: no answer. */
char *cluster_probe(const Host *host, const char *check, const char *agents);

/* --- faults.c --- */

typedef enum FaultKind {
        FAULT_KILL_COORDINATOR,
        FAULT_KILL_AGENT,
        FAULT_KILL_STEP,
        FAULT_POWER_NODE,
        FAULT_POWER_COORDINATOR,
        FAULT_VANISH,
        FAULT_REBOOT_BY_HAND,
        FAULT_LOSE,
        FAULT_TWICE,
        FAULT_MIX,
        FAULT_DELAY,
        FAULT_CUT,
        FAULT_REDIAL,
        FAULT_SICK,
        FAULT_SLOW,
        FAULT_LIE,
        FAULT_FLAP,
        FAULT_MUTE,
        FAULT_SCRIPT_FAILS,
        FAULT_SCRIPT_BREAKS,
        FAULT_SCRIPT_FAILS_LATE,
        FAULT_SCRIPT_HANGS,
        FAULT_PAUSE,
        FAULT_RESUME,
        FAULT_RETRY,
        FAULT_RELEASE,
        FAULT_ABORT,
        FAULT_QUARANTINE,
        FAULT_RESTORED,
        FAULT_CLOCK,
        FAULT_FULL,
        FAULT_WIPED,
        FAULT_FETCH,
        FAULT_AGAIN,
} FaultKind;
#define FAULT_COUNT (FAULT_AGAIN + 1)

typedef struct Fault {
        FaultKind kind;
        Phase phase;     /* happens in it */
        unsigned nth;    /* the how manieth time it is entered */
        usec_t after;    /* that long after */
        unsigned writes; /* so many writes after that; of those that kill */
        size_t host;
        usec_t span;
        unsigned percent;
        usec_t waits; /* at most so long for its phase */
        bool left_out;
        bool fired;
} Fault;

#define FAULTS_MAX 16

typedef struct FaultPlan {
        Fault faults[FAULTS_MAX];
        size_t count;
} FaultPlan;

extern FaultPlan fault_plan;
typedef struct FaultRow {
        const char *name;
        void (*act)(const Fault *fault, Host *host);
} FaultRow;

extern const FaultRow fault_rows[FAULT_COUNT];
extern const char *const phase_names[PHASE_COUNT];
extern uint64_t fault_counts[FAULT_COUNT][PHASE_COUNT];

void faults_make(uint64_t seed);
void faults_begin(void);
void faults_phase(Phase phase); /* it has been entered */
Fate faults_fate(Host *host);
void faults_end(void);

/* --- operator.c --- */

void operator_begin(void);

/* --- oracle.c --- */

void oracle_script_starts(Host *host, const char *step);
void oracle_script_failed(const Host *host);
void oracle_resumed(void); /* a person has said so, and was not refused */
void oracle_look(void);
void oracle_end(void);
void oracle_settled(const char *node);
void oracle_decided(Host *host, const char *kind, const char *body);
