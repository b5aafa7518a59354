/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/text.h"
#include "coordinator/coordinator.h"
#include "tests/sim/sim.h"

/* What goes wrong is decided before anything begins, by the seed alone: so one fault can be left
 * out, and the others stay what they are (run.c does so to make a failing seed short). Each waits
 * for a phase of the run; a phase that does not come in time is not waited for. */

#define SLOT_HOLDER HOSTS_MAX /* whoever is being patched */
#define WAITS_FROM  (35 * USEC_PER_SEC)
#define WAITS_TO    (60 * USEC_PER_SEC)
#define KILL_WAITS  (2 * USEC_PER_SEC) /* for a write */

FaultPlan fault_plan;
uint64_t fault_counts[FAULT_COUNT][PHASE_COUNT];

const char *const phase_names[PHASE_COUNT] = {
        "idle",   "stage",  "between",   "slot",   "intent",
        "script", "exited", "verifying", "halted", "over",
};

static unsigned entered[PHASE_COUNT];
static Fault *armed; /* that kills at a write */
static Fate next_fate;

/* --- making them --- */

static FaultKind choose_kind(Chance *chance) {
        FaultKind kind = (FaultKind) chance_below(chance, FAULT_COUNT);

        /* What ends a run, or makes all that follows the same, is rarer. */
        while ((kind == FAULT_ABORT || kind == FAULT_RESTORED || kind == FAULT_WIPED) &&
               chance_of(chance, 60))
                kind = (FaultKind) chance_below(chance, FAULT_COUNT);

        return kind;
}

static Phase choose_phase(Chance *chance) {
        static const Phase often[] = {
                PHASE_STAGE,  PHASE_BETWEEN, PHASE_BETWEEN,   PHASE_SLOT,      PHASE_SLOT,
                PHASE_INTENT, PHASE_INTENT,  PHASE_SCRIPT,    PHASE_SCRIPT,    PHASE_EXITED,
                PHASE_EXITED, PHASE_HALTED,  PHASE_VERIFYING, PHASE_VERIFYING, PHASE_IDLE,
        };

        return often[chance_below(chance, ELEMENTSOF(often))];
}

static size_t choose_host(Chance *chance) {
        return chance_of(chance, 50) ? SLOT_HOLDER : 2 + chance_below(chance, MASTERS + 1);
}

void faults_make(uint64_t seed) {
        /* About so long it is in a phase. */
        static const usec_t lasts[PHASE_COUNT] = {
                [PHASE_IDLE] = 3 * USEC_PER_SEC,     [PHASE_STAGE] = 10 * USEC_PER_MSEC,
                [PHASE_BETWEEN] = 3 * USEC_PER_SEC,  [PHASE_SLOT] = 12 * USEC_PER_MSEC,
                [PHASE_INTENT] = 25 * USEC_PER_MSEC, [PHASE_SCRIPT] = 3 * USEC_PER_SEC,
                [PHASE_EXITED] = 10 * USEC_PER_MSEC, [PHASE_VERIFYING] = 5 * USEC_PER_SEC,
                [PHASE_HALTED] = 2 * USEC_PER_SEC,
        };
        Chance chance = { seed ^ UINT64_C(0x5eed5eed5eed) };

        fault_plan.count = chance_between(&chance, 5, 9);
        for (size_t i = 0; i < fault_plan.count; i++) {
                Fault *fault = &fault_plan.faults[i];

                *fault = (Fault) {
                        .kind = choose_kind(&chance),
                        .phase = choose_phase(&chance),
                        .nth = (unsigned) chance_between(&chance, 1, 3),
                        .writes = (unsigned) chance_below(&chance, 16),
                        .host = choose_host(&chance),
                        .span = chance_between(&chance, USEC_PER_SEC, 20 * USEC_PER_SEC),
                        .percent = (unsigned) chance_between(&chance, 10, 60),
                        .waits = chance_between(&chance, WAITS_FROM, WAITS_TO),
                };
                fault->after = chance_of(&chance, 40) ? 0
                                                      : chance_below(&chance, lasts[fault->phase]);
        }
}

/* --- whom --- */

static const State *state_of(const Host *host) {
        return host->daemon && host->daemon->object ? coordinator_get_state(host->daemon->object)
                                                    : NULL;
}

static Host *slot_holder(void) {
        const State *state = state_of(cluster_coordinator());

        for (size_t i = 0; i < sim.host_count; i++) {
                if (sim.hosts[i].script_runs || unit_runs(&sim.hosts[i]))
                        return &sim.hosts[i];
        }

        for (size_t i = 0; state && i < state->node_count; i++) {
                if (!state->nodes[i].step.slot)
                        continue;

                for (size_t j = 0; j < sim.host_count; j++) {
                        if (strcmp(sim.hosts[j].name, state->nodes[i].name) == 0)
                                return &sim.hosts[j];
                }
        }

        return &sim.hosts[2 + sim.seed % (MASTERS + 1)];
}

static Host *host_of(const Fault *fault) {
        return fault->host == SLOT_HOLDER ? slot_holder() : &sim.hosts[fault->host];
}

/* --- one that kills --- */

static ProgramKind victim_of(FaultKind kind) {
        if (kind == FAULT_KILL_COORDINATOR || kind == FAULT_POWER_COORDINATOR)
                return PROGRAM_COORDINATOR;

        return kind == FAULT_KILL_STEP ? PROGRAM_STEP : PROGRAM_AGENT;
}

static void kill_now(const Fault *fault, Host *host) {
        Process *step;

        sim_note("fault: %s on %s", fault_rows[fault->kind].name, host->name);
        if (fault->kind == FAULT_POWER_NODE || fault->kind == FAULT_POWER_COORDINATOR) {
                host_reboot(host, fault->span / 2 + 2 * USEC_PER_SEC);
        } else if (fault->kind == FAULT_KILL_STEP) {
                step = units_end_step(host);
                if (step && step == sim.current)
                        units_leave(step);
        } else if (host->daemon) {
                process_kill(host->daemon);
        }
}

static void count(const Fault *fault) {
        fault_counts[fault->kind][sim.phase]++;
}

static Host *place_of(const Fault *fault) {
        return victim_of(fault->kind) == PROGRAM_COORDINATOR ? cluster_coordinator()
                                                             : host_of(fault);
}

static bool is_near(const Fault *fault, const Process *process) {
        if (process->host != place_of(fault))
                return false;
        if (fault->kind == FAULT_POWER_NODE)
                return true; /* whoever writes */

        return process->kind == victim_of(fault->kind);
}

static void strike(Fault *fault) {
        if (armed == fault)
                armed = NULL;
        count(fault);
        kill_now(fault, place_of(fault));
}

static void tired(void *what, uint64_t unused) {
        Fault *fault = what;

        if (armed == fault)
                strike(fault);
}

void crash_here(bool durable) {
        sim.durable += durable;
        if (!armed || !sim.current || !is_near(armed, sim.current))
                return;
        if (armed->writes-- == 0)
                strike(armed);
}

/* --- the others --- */

static void rough(Host *host, const Fault *fault, unsigned *what) {
        *what = fault->percent;
        host->wire_until = sim.now + fault->span;
}

static void heal_cut(void *what, uint64_t unused) {
        Host *host = what;

        host->cut = false;
        wire_changed();
}

static void heal_sick(void *what, uint64_t unused) {
        Host *host = what;

        host->ill = false;
        if (!host->broken)
                return;

        host->broken = false;
        host->services_from = sim.now;
        host->registered = sim.now;
}

static void ask(const char *verb, const char *node) {
        char arguments[128];

        if (node) {
                (void) text_format(
                                arguments, sizeof(arguments),
                                "{\"node\":\"%s\",\"reason\":\"by hand\"}", node);
        } else {
                (void) text_copy(arguments, sizeof(arguments), "{\"reason\":\"by hand\"}");
        }
        if (node)
                oracle_settled(node);
        (void) machine_ask(cluster_coordinator(), verb, arguments, NULL, 0);
}

static void move_nodes(void *what, uint64_t all) {
        for (size_t i = 2; i < sim.host_count; i++) {
                Host *host = &sim.hosts[i];
                size_t to = all || chance_of(&sim.chance, 60);

                if (to != host->serves || chance_of(&sim.chance, 30)) {
                        host->serves = to;
                        wire_cut(host);
                }
        }
}

/* On another host, with the old keys; the old one lives on, and some nodes still talk to it. */
static void restore(const Fault *fault, Host *host) {
        if (sim.coordinators == 2)
                return;

        store_copy_log(&sim.hosts[0], &sim.hosts[1], fault->percent);
        sim.coordinators = 2;
        host_boot(&sim.hosts[1]);
        move_nodes(NULL, false);
        world_at(sim.now + fault->span / 2, move_nodes, NULL, false);
        world_at(sim.now + fault->span, move_nodes, NULL, true);
}

/* By somebody who thought that it was in the way. */
static void wipe(const Fault *fault, Host *host) {
        disk_remove(host, STATE_DIR "/steps");
        disk_remove(host, STATE_DIR "/journal-id");
        disk_remove(host, STATE_DIR "/epoch");
        if (host->daemon)
                process_kill(host->daemon);
}

static void vanish(const Fault *fault, Host *host) {
        host_go_down(host, sim.now + (fault->percent > 55 ? 10 : 2) * fault->span);
}

static void reboot_by_hand(const Fault *fault, Host *host) {
        host_reboot(host, 5 * USEC_PER_SEC);
}

static void lose(const Fault *fault, Host *host) {
        rough(host, fault, &host->wire_lost);
}

static void send_twice(const Fault *fault, Host *host) {
        rough(host, fault, &host->wire_twice);
}

static void mix_up(const Fault *fault, Host *host) {
        rough(host, fault, &host->wire_mixed);
}

static void delay(const Fault *fault, Host *host) {
        rough(host, fault, &host->wire_late);
}

static void cut_off(const Fault *fault, Host *host) {
        host->cut = true;
        wire_changed();
        world_at(sim.now + fault->span, heal_cut, host, 0);
}

static void redial(const Fault *fault, Host *host) {
        wire_cut(host);
}

static void make_sick(const Fault *fault, Host *host) {
        host->ill = fault->percent < 35;
        host->broken = !host->ill;
        world_at(sim.now + fault->span, heal_sick, host, 0);
}

static void slow_down(const Fault *fault, Host *host) {
        host->slow_until = sim.now + fault->span;
}

static void lie(const Fault *fault, Host *host) {
        host->lie_until = sim.now + fault->span;
}

static void flap(const Fault *fault, Host *host) {
        host->flap_until = sim.now + fault->span;
}

static void mute(const Fault *fault, Host *host) {
        host->mute_until = sim.now + fault->span;
}

static void script_fails(const Fault *fault, Host *host) {
        next_fate = FATE_FAILS;
}

static void script_breaks(const Fault *fault, Host *host) {
        next_fate = FATE_BREAKS;
}

static void script_fails_late(const Fault *fault, Host *host) {
        next_fate = FATE_FAILS_LATE;
}

static void script_hangs(const Fault *fault, Host *host) {
        next_fate = FATE_HANGS;
}

static void say_pause(const Fault *fault, Host *host) {
        ask("pause", NULL);
}

static void say_resume(const Fault *fault, Host *host) {
        ask("resume", NULL);
}

static void say_retry(const Fault *fault, Host *host) {
        ask("retry", host->name);
}

static void say_release(const Fault *fault, Host *host) {
        ask("release", host->name);
}

static void say_abort(const Fault *fault, Host *host) {
        ask("abort", NULL);
}

static void say_quarantine(const Fault *fault, Host *host) {
        ask("quarantine", "a1");
}

static void jump(const Fault *fault, Host *host) {
        host->wall_offset += ((int64_t) fault->percent - 35) * 400 * (int64_t) USEC_PER_SEC;
}

static void fill_disk(const Fault *fault, Host *host) {
        host->full_until = sim.now + fault->span / 2;
}

static void serve_wrong(const Fault *fault, Host *host) {
        host->unserved_until = sim.now + fault->span;
}

static void start_again(const Fault *fault, Host *host) {
        units_start_again(host);
}

// clang-format off
/* Those that kill have no act: they wait for a write. */
const FaultRow fault_rows[FAULT_COUNT] = {
        [FAULT_KILL_COORDINATOR] = { "rollpatchd killed", NULL },
        [FAULT_KILL_AGENT] = { "rollpatch-agent killed", NULL },
        [FAULT_KILL_STEP] = { "rollpatch-step killed", NULL },
        [FAULT_POWER_NODE] = { "node loses power", NULL },
        [FAULT_POWER_COORDINATOR] = { "bootstrap loses power", NULL },
        [FAULT_VANISH] = { "node vanishes", vanish },
        [FAULT_REBOOT_BY_HAND] = { "rebooted by hand", reboot_by_hand },
        [FAULT_LOSE] = { "messages lost", lose },
        [FAULT_TWICE] = { "messages twice", send_twice },
        [FAULT_MIX] = { "messages out of order", mix_up },
        [FAULT_DELAY] = { "messages late", delay },
        [FAULT_CUT] = { "cut off", cut_off },
        [FAULT_REDIAL] = { "connection breaks", redial },
        [FAULT_SICK] = { "DC/OS sick", make_sick },
        [FAULT_SLOW] = { "probes slow", slow_down },
        [FAULT_LIE] = { "probes lie", lie },
        [FAULT_FLAP] = { "probes flap", flap },
        [FAULT_MUTE] = { "probes know nothing", mute },
        [FAULT_SCRIPT_FAILS] = { "script fails", script_fails },
        [FAULT_SCRIPT_BREAKS] = { "script breaks DC/OS", script_breaks },
        [FAULT_SCRIPT_FAILS_LATE] = { "script fails at its end", script_fails_late },
        [FAULT_SCRIPT_HANGS] = { "script hangs", script_hangs },
        [FAULT_PAUSE] = { "operator pauses", say_pause },
        [FAULT_RESUME] = { "operator resumes", say_resume },
        [FAULT_RETRY] = { "operator retries", say_retry },
        [FAULT_RELEASE] = { "operator releases", say_release },
        [FAULT_ABORT] = { "operator aborts", say_abort },
        [FAULT_QUARANTINE] = { "operator quarantines", say_quarantine },
        [FAULT_RESTORED] = { "older backup restored", restore },
        [FAULT_CLOCK] = { "clock jumps", jump },
        [FAULT_FULL] = { "disk full", fill_disk },
        [FAULT_WIPED] = { "step journal wiped", wipe },
        [FAULT_FETCH] = { "wrong script served", serve_wrong },
        [FAULT_AGAIN] = { "step started by hand", start_again },
};

// clang-format on
static bool is_killer(FaultKind kind) {
        return !fault_rows[kind].act;
}

static void fire(void *what, uint64_t unused) {
        Fault *fault = what;

        if (fault->fired || fault->left_out || sim.calm)
                return;

        fault->fired = true;
        if (is_killer(fault->kind) && fault->writes > 0 && !armed) {
                armed = fault;
                world_at(sim.now + KILL_WAITS, tired, fault, 0);
        } else if (is_killer(fault->kind)) {
                strike(fault);
        } else {
                Host *host = host_of(fault);

                sim_note("fault: %s (%s)", fault_rows[fault->kind].name, host->name);
                count(fault);
                fault_rows[fault->kind].act(fault, host);
        }
}

void faults_begin(void) {
        for (size_t i = 0; i < fault_plan.count; i++)
                world_at(sim.now + fault_plan.faults[i].waits, fire, &fault_plan.faults[i], 0);
}

void faults_phase(Phase phase) {
        entered[phase]++;
        for (size_t i = 0; i < fault_plan.count; i++) {
                Fault *fault = &fault_plan.faults[i];

                if (fault->phase == phase && fault->nth == entered[phase] && !fault->left_out)
                        world_at(sim.now + fault->after, fire, fault, 0);
        }
}

Fate faults_fate(Host *host) {
        Fate fate = next_fate;

        next_fate = FATE_GOOD;
        return fate;
}

void faults_end(void) {
        sim.calm = true;
        armed = NULL;
        next_fate = FATE_GOOD;
        move_nodes(NULL, sim.coordinators == 2);
        for (size_t i = 0; sim.coordinators == 1 && i < sim.host_count; i++)
                sim.hosts[i].serves = 0;
        for (size_t i = 0; i < sim.host_count; i++) {
                if (i != 1 || sim.coordinators == 2)
                        host_mend(&sim.hosts[i]);
        }
}
