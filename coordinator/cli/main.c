/* SPDX-License-Identifier: Apache-2.0 */

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "coordinator/cli/cli.h"
#include "coordinator/control.h"

/* The verbs of rollpatch(1) and their options. Help, man page and completion are made from, or
 * compared with, these rows. */

#define DEADLINE_DEFAULT (10 * USEC_PER_SEC)
#define PLACE(member)    offsetof(CliOptions, member)

enum {
        WATCH,
        REFRESH,
        LINES,
        ALL,
        YES,
        CLUSTER,
        ACCEPT_DOWNTIME,
        WAIT,
        SINCE,
        FOR,
        REASON,
        ROLE,
        TTL,
        USES,
        NAME,
        MASTERS,
        LISTEN,
        STATE_DIR,
        CONFIG,
        OUTPUT
};

static const char *const json_mode_texts[] = {
        [JSON_OFF] = "off",
        [JSON_LINE] = "line",
        [JSON_PRETTY] = "pretty",
};
DEFINE_ENUM_NAMES(json_mode, json_mode_texts, JSON_MODE_COUNT);

// clang-format off
static const Option options[] = {
        { "watch",           NULL,     OPTION_FLAG, IN(WATCH),           PLACE(watch),
          "Go on showing it, until the run is over" },
        { "refresh",         NULL,     OPTION_FLAG, IN(REFRESH),         PLACE(refresh),
          "Have the nodes asked anew, and wait for it" },
        { "lines",           "N",      OPTION_TEXT, IN(LINES),           PLACE(lines),
          "How many of the last lines, else 200" },
        { "all",             NULL,     OPTION_FLAG, IN(ALL),             PLACE(all),
          "All that the node has kept" },
        { "yes",             NULL,     OPTION_FLAG, IN(YES),             PLACE(yes),
          "Act; without it only the plan is shown" },
        { "cluster",         "NAME",   OPTION_TEXT, IN(CLUSTER),         PLACE(cluster),
          "Name of the cluster; asked for at its first run" },
        { "masters",         "LIST",   OPTION_TEXT, IN(MASTERS),         PLACE(masters),
          "All masters of the cluster: m1,m2,m3" },
        { "listen",          "ADDRESS:PORT", OPTION_TEXT, IN(LISTEN),    PLACE(listen),
          "Where node agents are heard, else 0.0.0.0:32070" },
        { "state-dir",       "DIR",    OPTION_TEXT, IN(STATE_DIR),       PLACE(state_dir),
          "For log and keys, else /var/lib/rollpatch" },
        { "config",          "FILE",   OPTION_TEXT, IN(CONFIG),          PLACE(config),
          "Else /etc/rollpatch/rollpatchd.yaml" },
        { "output",          "FILE",   OPTION_TEXT, IN(OUTPUT),          PLACE(output),
          "Where to write it; never over another file" },
        { "accept-downtime", NULL,     OPTION_FLAG, IN(ACCEPT_DOWNTIME), PLACE(accept_downtime),
          "Patch the only master: the cluster is down then" },
        { "wait",            NULL,     OPTION_FLAG, IN(WAIT),            PLACE(wait),
          "Tell what happens, end with the run's exit status" },
        { "since",           "SPAN",   OPTION_SPAN, IN(SINCE),           PLACE(since),
          "Only what is younger than this" },
        { "for",             "SPAN",   OPTION_SPAN, IN(FOR),             PLACE(pause),
          "End by itself after this time" },
        { "role",            "ROLE",   OPTION_TEXT, IN(ROLE),            PLACE(role),
          "master, agent or public-agent: what it lets in" },
        { "ttl",             "SPAN",   OPTION_SPAN, IN(TTL),             PLACE(ttl),
          "How long it is good for, else 1d" },
        { "uses",            "N",      OPTION_TEXT, IN(USES),            PLACE(uses),
          "How many nodes it lets in, else 1" },
        { "name",            "GLOB",   OPTION_TEXT, IN(NAME),            PLACE(name),
          "Only nodes with such names: agent-*" },
        { "reason",          "TEXT",   OPTION_TEXT, IN(REASON),          PLACE(reason),
          "Why; goes into the audit with your name" },
        { "json",            "pretty", OPTION_WORD, 0,                   PLACE(json),
          "The answer as JSON, on one line or to be read", .words = &json_mode_names },
        { "no-legend",       NULL,     OPTION_FLAG, 0,                   PLACE(no_legend),
          "No headings above tables" },
        { "timeout",         "SPAN",   OPTION_SPAN, 0,                   PLACE(timeout),
          "How long to wait for an answer, else 10s" },
        { "control",         "PATH",   OPTION_TEXT, 0,                   PLACE(control),
          "Socket of rollpatchd, else $ROLLPATCH_CONTROL" },
        {},
};

static const Verb verbs[] = {
        { "status",       "[NODE...]", 0, ANY_ARGS, IN(WATCH) | IN(REFRESH), 0, verb_status,
          "Show where the run stands" },
        { "nodes",        "[SELECTOR]", 0, 1, 0, 0,                     verb_nodes,
          "List the nodes, their links and keys" },
        { "plan",         "FILE", 1, 1, IN(ACCEPT_DOWNTIME), 0,         verb_plan,
          "Show what a run would do, and do nothing" },
        { "run",          "FILE", 1, 1, IN(YES) | IN(CLUSTER) | IN(ACCEPT_DOWNTIME) | IN(WAIT), 0, verb_run,
          "Start a run; without --yes only show it" },
        { "runs",         "",     0, 0, 0, 0,                           verb_runs,
          "List the runs of this cluster" },
        { "report",       "[RUN]", 0, 1, 0, 0,                          verb_report,
          "Tell what a run did, and what it left to you" },
        { "audit",        "",     0, 0, IN(SINCE), 0,                   verb_audit,
          "List who did what, when and why" },
        { "logs",         "NODE", 1, 1, IN(LINES) | IN(ALL), 0,          verb_logs,
          "Show what a node's step has printed" },
        { "diagnose",     "NODE", 1, 1, 0, 0,                           verb_diagnose,
          "Say by name what is wrong with a node, and why" },
        { "bundle",       "NODE|RUN", 1, 1, IN(OUTPUT), 0,              verb_bundle,
          "Collect what support asks for, without secrets" },
        { "pause",        "",     0, 0, IN(FOR), IN(REASON),            verb_act,
          "Start no further node; let running ones end" },
        { "resume",       "",     0, 0, 0, 0,                           verb_act,
          "End a pause, a hold, or a settled halt" },
        { "abort",        "",     0, 0, 0, IN(REASON),                  verb_act,
          "End the run; steps under way go on" },
        { "retry",        "NODE", 1, 1, 0, IN(REASON),                  verb_act,
          "Look at a failed node again, then patch it" },
        { "release",      "NODE", 1, 1, 0, IN(REASON),                  verb_act,
          "Take the slot from a node that you answer for" },
        { "quarantine",   "NODE", 1, 1, 0, IN(REASON),                  verb_act,
          "Set an agent aside: not patched, not counted" },
        { "unquarantine", "NODE", 1, 1, 0, IN(REASON),                  verb_act,
          "Take a node back into the run" },
        { "waive",        "ID",   1, 1, 0, IN(REASON),                  verb_act,
          "Let the next run pass a finding that can be waived" },
        { "init",         "",     0, 0, IN(LISTEN) | IN(STATE_DIR) | IN(CONFIG), IN(CLUSTER) | IN(MASTERS), verb_init,
          "Make the coordinator's keys and configuration, once" },
        { "token create", "",     0, 0, IN(TTL) | IN(USES) | IN(NAME), IN(ROLE), verb_token_create,
          "Make a join token, and show it this once" },
        { "token list",   "",     0, 0, 0, 0,                           verb_token_list,
          "List the join tokens, and what is left of them" },
        { "token revoke", "ID",   1, 1, 0, 0,                           verb_act,
          "Let nobody in with this token any more" },
        { "node show",    "NODE", 1, 1, 0, 0,                           verb_node_show,
          "Show the keys that a node has and has had" },
        { "node approve", "FINGERPRINT", 1, 1, IN(REASON), 0,           verb_act,
          "Let a node in; compare the fingerprint first" },
        { "node reject",  "FINGERPRINT", 1, 1, 0, IN(REASON),           verb_act,
          "Turn a node away, until it is approved" },
        { "node revoke",  "NODE", 1, 1, 0, IN(REASON),                  verb_act,
          "Hear nothing of a node any more; its key is void" },
        { "node rekey",   "NODE", 1, 1, IN(REASON), 0,                  verb_act,
          "Have a node make itself another key" },
        { "node import",  "FILE", 1, 1, 0, 0,                           verb_node_import,
          "Let in all nodes of a list: name,role,key" },
        { "state save",   "FILE", 1, 1, IN(CONFIG), 0,                  verb_state_save,
          "Save log, keys and configuration into one file" },
        { "state check",  "FILE", 1, 1, 0, 0,                           verb_state_check,
          "Read a saved state, and say what is in it" },
        {},
};
// clang-format on

static const Program program = {
        .name = "rollpatch",
        .version = VERSION,
        .summary = "Patch a live DC/OS cluster, one proven master at a time.",
        .verbs = verbs,
        .options = options,
};

int main(int argc, char *argv[]) {
        const char *control =
                        getenv("ROLLPATCH_CONTROL"); // NOLINT(concurrency-mt-unsafe): one thread
        CliOptions arguments = {
                .control = control && control[0] ? control : CONTROL_PATH_DEFAULT,
                .timeout = DEADLINE_DEFAULT,
        };
        int status;

        (void) setlocale(LC_CTYPE, ""); // NOLINT(concurrency-mt-unsafe): one thread
        status = program_run(&program, argc, argv, &arguments);

        if (fflush(stdout) != 0 || ferror(stdout)) {
                (void) fprintf(stderr, "rollpatch: cannot write to stdout\n");
                return status ? status : EXIT_FAILED;
        }

        return status;
}
