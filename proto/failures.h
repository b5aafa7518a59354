/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "proto/message.h"

/* The catalogue of what goes wrong with a node of DC/OS: how it is recognised, what it means and
 * what to do. One table: node agents look for the signs (node-agent/catalogue.h), the coordinator
 * takes the words from it, and docs/failures.md is printed from it. Pure. */

/* What is bad first, in DC/OS' own troubleshooting order: a later one may be a consequence of an
 * earlier one. */
typedef enum Component {
        COMPONENT_STEP, /* the script, and what it leaves of the node */
        COMPONENT_TIME,
        COMPONENT_EXHIBITOR,
        COMPONENT_MESOS_MASTER,
        COMPONENT_MESOS_AGENT,
        COMPONENT_MESOS_DNS,
        COMPONENT_NET,
        COMPONENT_MARATHON,
        COMPONENT_JOBS,
        COMPONENT_ADMIN_ROUTER,
        COMPONENT_DATABASE,
        COMPONENT_DOCKER,
        COMPONENT_OTHER,
} Component;
#define COMPONENT_COUNT (COMPONENT_OTHER + 1)
extern const EnumNames component_names; /* "step", "time", "exhibitor", ... */

typedef enum SignPlace {
        SIGN_OUTPUT,  /* a line that the step's script has printed */
        SIGN_JOURNAL, /* a line of the journal, of the unit `place` */
        SIGN_LOG,     /* a line of the log file `place` */
        SIGN_FILE,    /* there is a file or folder `place` */
        SIGN_LEFT,    /* the activation has put something of no package aside, in `place`.old */
        SIGN_PROCESS, /* while the script runs, a process whose command line holds `place` and
                       * `text`
                       */
        SIGN_SILENT,  /* the step's script runs, and has printed nothing */
        SIGN_UNIT,    /* the unit `place` has the property `text`: "Result=start-limit-hit" */
        SIGN_METRIC,  /* the check `place` has said a number: "recovered=0", "recovery_errors>0" */
        SIGN_ANSWER, /* the answer to the check `place` holds `text`, or says so: "version=2.0.3" */
} SignPlace;
#define SIGN_PLACE_COUNT (SIGN_ANSWER + 1)
extern const EnumNames sign_place_names; /* "output", "journal", ... */

typedef struct Sign {
        uint32_t roles; /* set of IN(role); 0: the list ends here */
        SignPlace where;
        const char *place; /* "" for SIGN_OUTPUT and SIGN_SILENT */
        const char *text;  /* part of the line, case-sensitive; "" for SIGN_FILE, _LEFT, _SILENT */
        const char *also;  /* another part, or NULL */
} Sign;

#define SIGNS_MAX 8

typedef struct Failure {
        const char *id; /* "exhibitor-wrong-ip", as in the troubleshooting documents */
        Component component;
        FailureClass class;
        usec_t patience; /* lines that come for no longer are normal, and no finding; 0: never */
        const char *cause;
        const char *advice;
        Sign signs[SIGNS_MAX + 1];
        const char *unseen; /* without signs: why nothing on a node shows it */
} Failure;

extern const Failure failures[];
extern const size_t failure_count;

/* NULL: not in this catalogue; that of another version may have it. */
const Failure *failure_find(const char *id);
