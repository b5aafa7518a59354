/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "coordinator/coordinator.h"
#include "node-agent/agent.h"
#include "node-agent/identity.h"
#include "proto/keys.h"
#include "tests/sim/sim.h"

/* Hosts, the DC/OS on them, and what is true. Nothing here knows what rollpatch believes. */

#define VERSION_PATH  "/opt/mesosphere/etc/dcos-version.json"
#define PROGRESS_PATH "/opt/mesosphere/install_progress"
#define SCRIPT_LINE   "pkgpanda activate --no-block"

Sim sim;

static char channel_key[KEY_TEXT_MAX], signing_key[KEY_TEXT_MAX];

/* --- what is true --- */

static bool is_serving(const Host *host) {
        return host->up && !host->broken && !host->cut && !host->activating &&
               sim.now >= host->well_from;
}

bool host_answers(const Host *host) {
        return is_serving(host);
}

bool host_is_truly_well(const Host *host) {
        return is_serving(host) && !host->ill;
}

bool host_is_well(const Host *host) {
        if (sim.now < host->flap_until && chance_of(&sim.chance, 30))
                return false;

        return host_is_truly_well(host) || (host->up && sim.now < host->lie_until);
}

size_t cluster_masters_well(void) {
        size_t count = 0;

        for (size_t i = 0; i < sim.host_count; i++) {
                count += !sim.hosts[i].is_coordinator && sim.hosts[i].role == ROLE_MASTER &&
                         host_is_truly_well(&sim.hosts[i]);
        }

        return count;
}

bool cluster_can_reach(const Host *from, const Host *to) {
        return from->up && to->up && !from->cut && !to->cut;
}

Host *cluster_by_address(const char *address) {
        for (size_t i = 0; i < sim.host_count; i++) {
                if (strcmp(sim.hosts[i].address, address) == 0)
                        return &sim.hosts[i];
        }

        return NULL;
}

typedef struct Leadership {
        Host *host;
        usec_t from; /* of whoever follows */
} Leadership;

static Leadership mesos, zookeeper;

/* Whoever leads goes on doing so for as long as it serves and there is a quorum. */
static Host *leader_of(Leadership *leadership, usec_t gap) {
        if (leadership->host && is_serving(leadership->host) &&
            cluster_masters_well() > MASTERS / 2)
                return sim.now >= leadership->from ? leadership->host : NULL;

        leadership->host = NULL;
        for (size_t i = 0; cluster_masters_well() > MASTERS / 2 && i < sim.host_count; i++) {
                Host *host = &sim.hosts[(i + sim.seed) % sim.host_count];

                if (host->is_coordinator || host->role != ROLE_MASTER || !is_serving(host))
                        continue;

                leadership->host = host;
                leadership->from = sim.now + gap;
                break;
        }

        return NULL;
}

Host *cluster_leader(void) {
        return leader_of(&mesos, USEC_PER_SEC);
}

Host *cluster_zookeeper(void) {
        return leader_of(&zookeeper, USEC_PER_SEC / 2);
}

/* --- what probes find --- */

typedef struct Answer {
        char *text;
        size_t size;
        FILE *stream;
        bool any;
} Answer;

static void begin(Answer *answer) {
        *answer = (Answer) {};
        answer->stream = open_memstream(&answer->text, &answer->size);
        assert(answer->stream);
        (void) fputs("{\"samples\":[", answer->stream);
}

static void say(Answer *answer,
                const char *check,
                const char *subject,
                const char *verdict,
                const char *numbers,
                const char *texts) {
        (void) fprintf(answer->stream,
                       "%s{\"check\":\"%s\",\"subject\":\"%s\",\"verdict\":\"%s\",\"reason\":\"%s\","
                       "\"evidence\":\"\",\"numbers\":{%s},\"texts\":{%s}}",
                       answer->any ? "," : "", check, subject, verdict,
                       strcmp(verdict, "pass") == 0 ? "" : "as it is", numbers, texts);
        answer->any = true;
}

static char *finish(Answer *answer) {
        (void) fputs("]}", answer->stream);
        (void) fclose(answer->stream);
        return answer->text;
}

static void say_exhibitor(const Host *host, Answer *answer) {
        bool hidden = sim.now < host->lie_until;
        size_t serving = hidden ? MASTERS : cluster_masters_well();
        char numbers[128];

        (void) text_format(
                        numbers, sizeof(numbers), "\"listed\":%d,\"serving\":%zu,\"leaders\":1",
                        MASTERS, serving);
        say(answer, "exhibitor", "", serving == MASTERS ? "pass" : "fail", numbers, "");
}

static void say_master(const Host *host, Answer *answer) {
        const Host *leader = cluster_leader();
        size_t ensemble = sim.now < host->lie_until ? MASTERS : cluster_masters_well();
        char numbers[128], texts[128] = "";

        (void) text_format(
                        numbers, sizeof(numbers),
                        "\"elected\":%d,\"recovered\":1,\"ensemble_size\":%zu", leader == host,
                        ensemble);
        if (leader)
                (void) text_format(texts, sizeof(texts), "\"leader\":\"%s:5050\"", leader->address);
        say(answer, "mesos-master", "", leader && ensemble == MASTERS ? "pass" : "fail", numbers,
            texts);
}

static void say_cockroach(const Host *host, Answer *answer) {
        bool all = cluster_masters_well() == MASTERS || sim.now < host->lie_until;

        say(answer, "cockroachdb", "", all ? "pass" : "fail",
            all ? "\"nodes\":3,\"unavailable\":0,\"underreplicated\":0"
                : "\"nodes\":3,\"unavailable\":0,\"underreplicated\":7",
            "");
}

static void say_member(const Host *agent, Answer *answer) {
        bool well = is_serving(agent);
        char numbers[160], texts[64];

        (void) text_format(
                        numbers, sizeof(numbers),
                        "\"listed\":1,\"recovered\":0,\"active\":%d,\"tasks\":2,"
                        "\"reregistered_ms\":%" PRIu64,
                        well, agent->registered / 1000 + 1);
        (void) text_format(texts, sizeof(texts), "\"id\":\"agent-%s\"", agent->name);
        say(answer, "mesos-leader", agent->address, well ? "pass" : "fail", numbers, texts);
}

static void say_tasks(const Host *agent, Answer *answer) {
        bool well = is_serving(agent);

        say(answer, "mesos-tasks", agent->address, well ? "pass" : "unknown",
            "\"tasks\":2,\"listed\":2", "");
}

/* Of each of these agents. */
static void say_each(
                Answer *answer,
                const char *agents,
                void (*say_of)(const Host *agent, Answer *answer)) {
        char list[2048];

        (void) text_copy(list, sizeof(list), agents);
        for (char *save = NULL, *item = strtok_r(list, ",", &save); item;
             item = strtok_r(NULL, ",", &save)) {
                const Host *host = cluster_by_address(item);

                if (host)
                        say_of(host, answer);
        }
}

static void say_leader(Answer *answer, const char *agents) {
        char numbers[128];
        unsigned count = 0, active = 0;

        for (size_t i = 0; i < sim.host_count; i++) {
                const Host *host = &sim.hosts[i];

                count += !host->is_coordinator && host->role != ROLE_MASTER;
                active += !host->is_coordinator && host->role != ROLE_MASTER && is_serving(host);
        }

        (void) text_format(
                        numbers, sizeof(numbers),
                        "\"health\":1,\"agents\":%u,\"agents_active\":%u,\"agents_recovered\":0,"
                        "\"ping_limit_ms\":75000,\"reregister_limit_ms\":600000",
                        count, active);
        say(answer, "mesos-leader", "", "pass", numbers, "");
        say_each(answer, agents, say_member);
}

/* Those that follow from the rest, or have nothing to say here. */
static const char *simple_answer(const char *check) {
        static const struct {
                const char *check, *numbers;
        } simple[] = {
                { "mesos-version", "" },
                { "check-runner", "\"checks\":5,\"status\":0,\"only_components\":0" },
                { "cluster-checks", "" },
                { "subscribers", "" },
                { "overlay", "\"overlays\":1,\"overlays_good\":1" },
                { "mesos-agent", "\"tasks_running\":2,\"tasks_lost\":0,\"strict\":0" },
        };

        for (size_t i = 0; i < ELEMENTSOF(simple); i++) {
                if (strcmp(simple[i].check, check) == 0)
                        return simple[i].numbers;
        }

        return NULL;
}

char *cluster_probe(const Host *host, const char *check, const char *agents) {
        const char *numbers = simple_answer(check);
        Answer answer;

        if (sim.now < host->mute_until || !host_is_well(host))
                return NULL;

        begin(&answer);
        if (numbers) {
                say(&answer, check, "", "pass", numbers, "");
        } else if (strcmp(check, "exhibitor") == 0) {
                say_exhibitor(host, &answer);
        } else if (strcmp(check, "mesos-master") == 0) {
                say_master(host, &answer);
        } else if (strcmp(check, "cockroachdb") == 0) {
                say_cockroach(host, &answer);
        } else if (strcmp(check, "mesos-leader") == 0) {
                say_leader(&answer, agents);
        } else if (strcmp(check, "mesos-tasks") == 0) {
                say_each(&answer, agents, say_tasks);
        } else if (strcmp(check, "marathon") == 0) {
                say(&answer, check, "", "not-applicable", "", "");
        }

        return finish(&answer);
}

/* --- the script --- */

static void put_version(Host *host, const char *version) {
        char text[64];

        (void) text_format(text, sizeof(text), "{\"version\":\"%s\"}\n", version);
        disk_put(host, VERSION_PATH, text);
}

static void put_packages(Host *host, const char *version) {
        char id[80], path[160], target[160];

        (void) text_format(id, sizeof(id), "dcos--%s", version);
        (void) text_format(path, sizeof(path), "/opt/mesosphere/packages/%s/x", id);
        disk_put(host, path, "");
        (void) text_format(target, sizeof(target), "/opt/mesosphere/packages/%s", id);
        disk_link(host, "/opt/mesosphere/active/dcos", target);
}

static void come_up(Host *host, usec_t wait) {
        host->well_from = sim.now + wait;
        host->services_from = host->well_from;
        host->registered = host->well_from;
}

/* What it was about is on the disk. */
static void activated(Host *host) {
        host->activating = false;
        host->patched = true;
        disk_remove(host, PROGRESS_PATH);
        put_version(host, PATCH_TO);
        put_packages(host, PATCH_TO);
        come_up(host, chance_between(&sim.chance, USEC_PER_SEC / 2, 4 * USEC_PER_SEC));
}

static Script *newest_script(Host *host) {
        return &host->scripts[host->script_count - 1];
}

typedef struct ScriptRun {
        Host *host;
        usec_t boot;
        size_t number;
        Fate fate;
} ScriptRun;

static bool goes_on(const ScriptRun *run) {
        return run->host->script_runs && run->host->booted == run->boot &&
               run->host->script_count == run->number;
}

static void script_ends(void *what, uint64_t unused) {
        ScriptRun *run = what;
        Host *host = run->host;

        if (!goes_on(run))
                return;

        host->script_runs = false;
        newest_script(host)->ended = true;
        if (run->fate == FATE_FAILS || run->fate == FATE_FAILS_LATE)
                oracle_script_failed(host);
        if (run->fate == FATE_FAILS) {
                come_up(host, USEC_PER_SEC);
        } else {
                activated(host);
                host->broken = host->broken || run->fate == FATE_BREAKS;
        }

        sim_note("%s: the script has ended%s", host->name,
                 run->fate == FATE_GOOD || run->fate == FATE_HANGS ? ""
                 : run->fate == FATE_BREAKS                        ? ", DC/OS is broken"
                                                                   : " with status 1");
        units_script_ends(
                        host, run->fate == FATE_FAILS || run->fate == FATE_FAILS_LATE ? 1 << 8 : 0);
}

static void script_activates(void *what, uint64_t unused) {
        ScriptRun *run = what;
        Host *host = run->host;
        usec_t takes = chance_between(&sim.chance, USEC_PER_SEC / 2, 3 * USEC_PER_SEC);

        if (!goes_on(run))
                return;

        host->well_from = USEC_INFINITY;
        if (run->fate != FATE_FAILS) {
                host->activating = true;
                disk_put(host, PROGRESS_PATH, "");
        }
        if (run->fate == FATE_HANGS)
                takes += 60 * USEC_PER_SEC;

        world_at(sim.now + takes, script_ends, run, 0);
}

void script_begin(Host *host, const char *step) {
        ScriptRun *run = calloc(1, sizeof(*run));
        Script *script;

        assert(run && host->script_count < SCRIPTS_MAX);
        sim_note("%s: the script of step %s starts", host->name, step);
        oracle_script_starts(host, step);
        script = &host->scripts[host->script_count++];
        *script = (Script) { .at = sim.now, .started = 1 };
        (void) text_copy(script->step, sizeof(script->step), step);
        host->script_runs = true;
        host->down_by_us = true;
        *run = (ScriptRun) { host, host->booted, host->script_count, faults_fate(host) };
        world_at(sim.now + chance_between(&sim.chance, USEC_PER_SEC / 5, 2 * USEC_PER_SEC),
                 script_activates, run, 0);
}

/* Killed with its unit. What it has begun, only a reboot finishes. */
void script_interrupted(Host *host) {
        sim_note("%s: the script is cut short%s", host->name,
                 host->activating ? ", with DC/OS half activated" : "");
        host->script_runs = false;
        oracle_script_failed(host);
        newest_script(host)->ended = true;
        if (!host->activating && host->well_from == USEC_INFINITY)
                come_up(host, USEC_PER_SEC);
}

/* --- power --- */

static void pkgpanda_resumes(void *what, uint64_t boot) {
        Host *host = what;

        if (!host->up || host->booted != boot || !host->activating)
                return;

        sim_note("%s: pkgpanda has finished what was begun", host->name);
        activated(host);
}

static void new_boot_id(Host *host) {
        char line[64];

        for (size_t i = 0; i < ID_TEXT_MAX - 1; i++)
                host->boot_id[i] = "0123456789abcdef"[chance_below(&sim.random, 16)];
        (void) text_format(line, sizeof(line), "%s\n", host->boot_id);
        disk_put(host, "/proc/sys/kernel/random/boot_id", line);
}

void host_boot(Host *host) {
        if (host->up)
                return;

        sim_note("%s: boots", host->name);
        host->up = true;
        host->booted = sim.now;
        new_boot_id(host);
        if (host->activating) {
                world_at(sim.now + chance_between(&sim.chance, 4 * USEC_PER_SEC, 9 * USEC_PER_SEC),
                         pkgpanda_resumes, host, host->booted);
        } else {
                come_up(host, chance_between(&sim.chance, 3 * USEC_PER_SEC, 9 * USEC_PER_SEC));
        }
        host_start_daemon(host);
        wire_changed();
}

static void boot(void *what, uint64_t unused) {
        host_boot(what);
}

void host_go_down(Host *host, usec_t until) {
        Process *daemon = host->daemon, *step;

        if (!host->up)
                return;

        sim_note("%s: loses power", host->name);
        step = units_end_step(host);
        host->up = false;
        host->unit = NULL;
        host->daemon = NULL;
        host->well_from = USEC_INFINITY;
        if (daemon && daemon != sim.current)
                process_kill(daemon);
        disk_lose_power(host);
        wire_cut(host);
        if (until != USEC_INFINITY)
                world_at(until, boot, host, 0);
        if (step && step == sim.current)
                units_leave(step);
        if (daemon && daemon == sim.current)
                process_kill(daemon);
}

void host_reboot(Host *host, usec_t down) {
        host_go_down(host, sim.now + down);
}

/* By a person, who knows how. */
void host_mend(Host *host) {
        sim_note("%s: is mended by hand", host->name);
        host->broken = host->ill = false;
        host->cut = false;
        host->lie_until = host->flap_until = host->mute_until = host->slow_until = 0;
        host->full_until = host->unserved_until = 0;
        host->wire_until = 0;
        wire_changed();
        if (!host->up) {
                host_boot(host);
        } else if (host->activating && !host->script_runs) {
                host_reboot(host, 5 * USEC_PER_SEC);
        } else if (!host->script_runs && host->well_from == USEC_INFINITY) {
                come_up(host, USEC_PER_SEC);
        }
}

/* --- programs --- */

static void make_coordinator(Process *process, void *userdata) {
        Coordinator *coordinator = NULL;
        DaemonConfig config = { .cluster = CLUSTER,
                                .listen = "10.0.0.1:32070",
                                .state_dir = STATE_DIR,
                                .control = "/run/rollpatch/control" };
        Error error = {};

        for (size_t i = 0; i < sim.host_count; i++) {
                const Host *host = &sim.hosts[i];
                char *listed = config.masters[config.master_count];

                if (host->is_coordinator || host->role != ROLE_MASTER)
                        continue;

                (void) text_copy(listed, NAME_TEXT_MAX, host->name);
                config.master_count++;
        }

        if (coordinator_new(process->loop, &config, &coordinator, &error) < 0) {
                sim_note("%s: rollpatchd does not start: %s", process->host->name, error.text);
                process->exits = true;
        }
        process->object = coordinator;
}

static void make_agent(Process *process, void *userdata) {
        AgentConfig config = { .coordinator = "10.0.0.1:32070",
                               .cluster = CLUSTER,
                               .state_dir = STATE_DIR,
                               .join = "/etc/rollpatch/join",
                               .probe = "/probe",
                               .step = "/step",
                               .root = "/" };
        Agent *agent = NULL;
        Error error = {};

        (void) text_copy(config.name, sizeof(config.name), process->host->name);
        (void) text_copy(config.coordinator_key, sizeof(config.coordinator_key), channel_key);
        (void) text_copy(config.signing_key, sizeof(config.signing_key), signing_key);
        if (agent_new(process->loop, &config, &agent, &error) < 0) {
                sim_note("%s: rollpatch-agent does not start: %s", process->host->name, error.text);
                process->exits = true;
        }
        process->object = agent;
}

static void start_daemon(void *what, uint64_t boot_time) {
        Host *host = what;
        Process *process;

        if (!host->up || host->booted != boot_time || host->daemon || !host->daemon_wanted)
                return;

        process = process_start(host, host->is_coordinator ? PROGRAM_COORDINATOR : PROGRAM_AGENT);
        host->daemon = process;
        sim_note("%s: %s starts", host->name,
                 host->is_coordinator ? "rollpatchd" : "rollpatch-agent");
        if (process_enter(process, host->is_coordinator ? make_coordinator : make_agent, NULL) &&
            process->exits)
                process_kill(process);
}

void host_start_daemon(Host *host) {
        usec_t wait = chance_between(&sim.chance, 100 * USEC_PER_MSEC, 2 * USEC_PER_SEC);

        if (sim.now < host->booted + 3 * USEC_PER_SEC)
                wait += 3 * USEC_PER_SEC;
        world_at(sim.now + wait, start_daemon, host, host->booted);
}

/* The newest: it is the one that a person has started and works with. */
Host *cluster_coordinator(void) {
        return &sim.hosts[sim.coordinators - 1];
}

/* --- the beginning --- */

static Host *add_host(const char *name, Role role, bool is_coordinator) {
        Host *host = &sim.hosts[sim.host_count];

        *host = (Host) { .index = sim.host_count,
                         .role = role,
                         .is_coordinator = is_coordinator,
                         .up = true,
                         .booted = sim.now,
                         .daemon_wanted = true };
        sim.host_count++;
        (void) text_copy(host->name, sizeof(host->name), name);
        (void) text_format(host->address, sizeof(host->address), "10.0.0.%zu", sim.host_count);
        host->disk = disk_new();
        new_boot_id(host);
        return host;
}

static void make_keys(Process *process, void *userdata) {
        AUTO(KeyPair) *channel = NULL;
        AUTO(KeyPair) *signing = NULL;
        char text[KEY_FILE_SIZE + 1];
        int r;

        r = key_pair_generate(KEY_CHANNEL, &channel, NULL);
        assert(r >= 0);
        r = key_pair_generate(KEY_SIGNING, &signing, NULL);
        assert(r >= 0);
        for (size_t i = 0; i < 2; i++) {
                key_pair_encode(channel, text);
                disk_put(&sim.hosts[i], STATE_DIR "/" CHANNEL_KEY_FILE, text);
                key_pair_encode(signing, text);
                disk_put(&sim.hosts[i], STATE_DIR "/" SIGNING_KEY_FILE, text);
        }
        key_to_text(channel->public, channel_key);
        key_to_text(signing->public, signing_key);
}

static void make_node_key(Process *process, void *userdata) {
        AUTO(KeyPair) *channel = NULL;
        char text[KEY_FILE_SIZE + 1];
        int r;

        r = key_pair_generate(KEY_CHANNEL, &channel, NULL);
        assert(r >= 0);
        key_pair_encode(channel, text);
        disk_put(process->host, STATE_DIR "/" CHANNEL_KEY_FILE, text);
        key_to_text(channel->public, userdata);
}

static void furnish(Host *host, char key[static KEY_TEXT_MAX]) {
        Process *process = process_start(host, PROGRAM_AGENT);

        disk_put(host,
                 host->role == ROLE_MASTER ? "/etc/mesosphere/roles/master"
                                           : "/etc/mesosphere/roles/slave",
                 "");
        disk_put(host, "/opt/mesosphere/etc/master_count", "3\n");
        disk_put(host, "/opt/mesosphere/bin/detect_ip", "");
        disk_put(host, "/var/lib/dcos/cluster-id", "cluster-1\n");
        put_version(host, PATCH_FROM);
        put_packages(host, PATCH_FROM);
        (void) process_enter(process, make_node_key, key);
        host->registered = sim.now;
        host->services_from = sim.now;
        host_start_daemon(host);
}

void cluster_make(void) {
        static const char *const names[] = { "m1", "m2", "m3", "a1" };
        static const char *const coordinators[] = { "boot", "spare" };
        char *list = sim.node_list;
        size_t used;

        (void) text_format(
                        sim.script, sizeof(sim.script), "#!/bin/bash\n%s dcos--%s\nexit 0\n",
                        SCRIPT_LINE, PATCH_TO);
        mesos = zookeeper = (Leadership) {};
        for (size_t i = 0; i < ELEMENTSOF(coordinators); i++)
                add_host(coordinators[i], ROLE_MASTER, true);
        sim.coordinators = 1;
        sim.hosts[1].up = false;
        (void) process_enter(process_start(&sim.hosts[0], PROGRAM_COORDINATOR), make_keys, NULL);
        host_start_daemon(&sim.hosts[0]);

        (void) text_copy(list, sizeof(sim.node_list), "{\"nodes\":[");
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                Host *host = add_host(
                                names[i], names[i][0] == 'm' ? ROLE_MASTER : ROLE_AGENT, false);
                char key[KEY_TEXT_MAX];

                furnish(host, key);
                used = strlen(list);
                (void) text_format(
                                list + used, sizeof(sim.node_list) - used,
                                "%s{\"name\":\"%s\",\"role\":\"%s\",\"key\":\"%s\"}",
                                i > 0 ? "," : "", host->name,
                                host->role == ROLE_MASTER ? "master" : "agent", key);
        }
        used = strlen(list);
        (void) text_copy(list + used, sizeof(sim.node_list) - used, "]}");
}
