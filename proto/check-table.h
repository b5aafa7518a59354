/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "proto/message.h"

/* The one table of checks: what is asked, of whom, by whom, how often, who reads the answer, where
 * it counts, what is kept of it, and what to do about a bad one. The coordinator asks by it, the
 * node agent answers by it, and docs/checks.md is printed from it (`test-check-table --print`).
 * Pure.
 *
 * A new check is a row here, a verb of rollpatch-probe by the row's name (or a reader of the node
 * agent's own), and nothing else. */

/* In the documented order of troubleshooting (reference 20): the first bad one is the one to mend.
 */
typedef enum CheckId {
        CHECK_VERSION,
        CHECK_PACKAGES,
        CHECK_EXHIBITOR,
        CHECK_ZOOKEEPER,
        CHECK_MESOS_MASTER,
        CHECK_MESOS_AGENT,
        CHECK_MESOS_VERSION,
        CHECK_UNITS,
        CHECK_FRONT,
        CHECK_MARATHON,
        CHECK_SUBSCRIBERS,
        CHECK_DOCKER,
        CHECK_JOURNAL,
        CHECK_RUNNER,
        CHECK_COCKROACH,
        CHECK_OVERLAY,
        CHECK_SITE,         /* the site's own checks of the cluster */
        CHECK_MESOS_LEADER, /* the cluster */
        CHECK_MEMBER,       /* one Mesos agent as the leading master sees it */
        CHECK_TASKS,        /* its tasks, by both sides */
} CheckId;
#define CHECK_COUNT (CHECK_TASKS + 1)

/* Those that a master is asked, of itself and of the cluster: all but those of Mesos agents. */
#define CHECK_COUNT_MASTER (CHECK_COUNT - 5)

/* How long a node waits for dcos-check-runner: more than rollpatch-probe gives it. */
#define CHECK_RUNNER_LIMIT (45 * USEC_PER_SEC)

/* Facts of one node are its own node agent's to find out; facts of the cluster only of the node
 * agent on the leading Mesos master. */
typedef enum CheckAsker {
        ASKER_SELF,
        ASKER_LEADER,
} CheckAsker;

typedef enum CheckPace {
        PACE_FAST,   /* a master every second, an agent every 5 s; passes must span the dwell */
        PACE_SLOW,   /* at most every 10 s, good for 15 s; passes may span half the dwell */
        PACE_COSTLY, /* at most every 10 s, good for 15 s; one fresh pass is enough */
} CheckPace;

typedef enum CheckReader {
        READER_PROBE,        /* rollpatch-probe, the verb of that name, one program a subject */
        READER_PROBE_JOINED, /* the same, one program for all subjects together */
        READER_DOCKER,       /* the others without a program */
        READER_FRONT,
        READER_JOURNAL,
        READER_PACKAGES,
        READER_UNITS,
        READER_VERSION,
        READER_ZOOKEEPER,
        READER_NONE, /* of a name that is not in the table */
} CheckReader;
#define CHECK_READER_COUNT (READER_NONE + 1)

/* What the verb of rollpatch-probe is told; each takes only what means something to it. */
typedef enum ProbeWord {
        WORD_ADDRESS, /* --address: this node's */
        WORD_MASTERS, /* --masters: how many there are */
        WORD_AGENTS,  /* --agents: the subjects; "https://" before one that is strict */
        WORD_ROLE,    /* --role: this node's, master or agent */
        WORD_VERSION, /* --version: of DC/OS that is to be there, where that is known */
        WORD_ROOT,    /* --root: where DC/OS is, unless that is / */
        WORD_TOKEN,   /* --token: the one of the IAM is on its stdin, where there is one */
} ProbeWord;
#define PROBE_WORD_COUNT (WORD_TOKEN + 1)

typedef struct CheckRow {
        CheckId id;
        const char *name; /* on the wire; CHECK_MEMBER shares "mesos-leader", with a subject */
        uint32_t roles;   /* set of IN(role) of the nodes it speaks of */
        CheckAsker asker;
        CheckPace pace;
        CheckReader reader;
        uint32_t words;       /* set of IN(ProbeWord) */
        bool after_step;      /* part of the gate after a node's own step */
        bool before_others;   /* part of what makes a master good for the others' sake */
        bool level;           /* counts while no master, or every master, is patched; a note in
                                 between */
        const char *judge;    /* "passes when ...", for people */
        const char *evidence; /* what is kept of the answer, for people */
        const char *advice;   /* what to type on that node */
} CheckRow;

extern const CheckRow check_rows[CHECK_COUNT];

/* The row of a sample; NULL: no such check. */
const CheckRow *check_find(const char *name, const char *subject);

/* Who reads the answers of that check. A name that the coordinator sends never becomes a verb of a
 * program by itself (promise 14). */
CheckReader check_reader(const char *name);
bool reader_needs_program(CheckReader reader);

/* Whether its program may be told the token. */
bool check_takes_token(const char *name);
