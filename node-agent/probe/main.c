/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "node-agent/probe/probe.h"

/* One question, one answer, then gone: parsing what other servers say, and libcurl's memory, stay
 * out of the root daemon that asks. Judgement over time is the coordinator's. */

// clang-format off
static const struct Verb {
        const char *name;
        const char *options;
        const char *help;
        ProbeAsk ask;
} verbs[] = {
        { "fetch", "--url URL --file PATH --size BYTES --sha256 HEX --deadline SECONDS",
          "Download exactly the file that is described", probe_fetch },
        { "exhibitor", "--address IP --masters N [--timeout SECONDS] [--root DIR]",
          "Ask Exhibitor whether all masters' ZooKeepers are serving", probe_exhibitor },
        { "mesos-master",
          "--address IP --masters N [--timeout SECONDS] [--age-max SECONDS]\n"
          "      [--agents-before N] [--root DIR] [--token -]",
          "Ask a Mesos master for its replica, its leader and its version", probe_mesos_master },
        { "mesos-agent",
          "--address IP [--timeout SECONDS] [--age-max SECONDS]\n"
          "      [--tasks-before N] [--root DIR] [--token -]",
          "Ask a Mesos agent whether it has recovered and is registered", probe_mesos_agent },
        { "mesos-leader",
          "--address IP [--agents IP,IP,...] [--timeout SECONDS]\n"
          "      [--root DIR] [--token -]",
          "Ask the leading Mesos master for the cluster, and for Mesos agents",
          probe_mesos_leader },
        { "mesos-tasks",
          "--address IP --agents IP,IP,... [--timeout SECONDS]\n"
          "      [--root DIR] [--token -]",
          "Compare the tasks that Mesos agents run with those that the leader knows",
          probe_mesos_tasks },
        { "mesos-version",
          "--address IP --role master|agent [--version DCOS]\n"
          "      [--timeout SECONDS] [--root DIR] [--token -]",
          "Compare the Mesos that runs with the installed one, and the release's",
          probe_mesos_version },
        { "check-runner", "[--check TYPE] [--timeout SECONDS] [--root DIR]",
          "Run dcos-check-runner, TYPE node-poststart or cluster", probe_check_runner },
        { "cluster-checks", "[--timeout SECONDS] [--root DIR]",
          "Run the site's own checks of the cluster, if there are any", probe_cluster_checks },
        { "cockroachdb", "--address IP --masters N [--timeout SECONDS] [--root DIR]",
          "Ask CockroachDB whether all copies of its ranges are there", probe_cockroach },
        { "overlay", "--address IP [--timeout SECONDS] [--root DIR] [--token -]",
          "Ask a Mesos agent for the state of its overlay networks", probe_overlay },
        { "marathon", "--address IP [--timeout SECONDS] [--root DIR] [--token -]",
          "Ask Marathon who leads, and the leader for constraints and deployments",
          probe_marathon },
        { "subscribers", "[--root DIR]",
          "Look whether Marathon is told to send its events to subscribers",
          probe_subscribers },
        { "login",
          "--account FILE | --token-file FILE [--url URL] [--ca FILE]\n"
          "      [--timeout SECONDS]",
          "Get a token of the IAM, and print it", probe_login },
};
// clang-format on

static const struct Verb *find_verb(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                if (strcmp(verbs[i].name, name) == 0)
                        return &verbs[i];
        }

        return NULL;
}

static ProbeExit show_help(void) {
        (void) printf("usage: rollpatch-probe VERB [OPTION...]\n\n"
                      "Asks one question, answers with one JSON object.\n\n");
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                (void) printf("  %s %s\n      %s\n", verbs[i].name, verbs[i].options,
                              verbs[i].help);
        }
        (void) printf("\n--token -: a token of the IAM is on stdin; it is sent over https alone.\n"
                      "\nexit status: 0 ok, 1 failed (the answer says why), 2 usage\n");
        return fflush(stdout) == 0 ? PROBE_OK : PROBE_FAILED;
}

static ProbeExit show_version(void) {
        return puts("rollpatch-probe " VERSION) >= 0 && fflush(stdout) == 0 ? PROBE_OK
                                                                            : PROBE_FAILED;
}

static ProbeExit refuse_usage(const char *verb, const char *text) {
        (void) fprintf(stderr, "rollpatch-probe%s%s: %s\n", verb ? " " : "", verb ? verb : "",
                       text);
        return PROBE_USAGE;
}

/* An answer that did not get out whole is no answer: whoever asked must not see status 0. */
static ProbeExit print_answer(const Json *answer, ProbeExit status) {
        auto_free char *text = answer ? json_print(answer) : NULL;

        if (!text || printf("%s\n", text) < 0 || fflush(stdout) != 0) {
                (void) fprintf(stderr, "rollpatch-probe: cannot write the answer\n");
                return PROBE_FAILED;
        }

        return status;
}

static ProbeExit print_failure(const Error *error) {
        AUTO(Json) *answer = json_new_object();
        bool complete = answer && json_add_bool(answer, "ok", false) &&
                        json_add_string(answer, "error", error->text) &&
                        (error->code != ERROR_DENIED || json_add_bool(answer, "denied", true));

        return print_answer(complete ? answer : NULL, PROBE_FAILED);
}

static ProbeExit ask(const struct Verb *verb, char *const arguments[]) {
        AUTO(Json) *answer = json_new_object();
        Error error = {};
        ProbeExit status;

        if (!answer)
                return print_answer(NULL, PROBE_FAILED);

        status = verb->ask(arguments, answer, &error);
        if (status == PROBE_USAGE)
                return refuse_usage(verb->name, error.text);
        if (status == PROBE_FAILED)
                return print_failure(&error);

        return print_answer(answer, PROBE_OK);
}

int main(int argc, char *argv[]) {
        const struct sigaction ignore = { .sa_handler = SIG_IGN };
        const struct Verb *verb;

        /* TLS and a closed stdout raise it; both are noticed as failed writes */
        (void) sigaction(SIGPIPE, &ignore, NULL);

        if (argc < 2)
                return refuse_usage(NULL, "a verb is missing, see --help");
        if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
                return show_help();
        if (strcmp(argv[1], "--version") == 0)
                return show_version();

        verb = find_verb(argv[1]);
        if (!verb)
                return refuse_usage(argv[1], "unknown verb, see --help");

        return ask(verb, argv + 2);
}
