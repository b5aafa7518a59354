/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/error.h"
#include "common/json.h"

/* rollpatch-probe asks one question and answers with one JSON object on one line of stdout:
 *   {"ok":true,...}                  exit status 0, of fetch
 *   {"ok":true,"token":...}         exit status 0, of login: this line is a secret
 *   {"samples":[...]}                exit status 0, of the checks, also of one that fails
 *   {"ok":false,"error":"REASON"}    exit status 1; with "denied":true a person has to mend it
 * A command line that cannot be understood gets no answer, but a line on stderr and exit status 2.
 */

typedef enum ProbeExit {
        PROBE_OK = 0,
        PROBE_FAILED = 1,
        PROBE_USAGE = 2,
} ProbeExit;

/* One question. Puts its facts into `answer`; or fills `error`. Prints nothing. */
typedef ProbeExit (*ProbeAsk)(char *const arguments[], Json *answer, Error *error);

ProbeExit probe_fetch(char *const arguments[], Json *answer, Error *error);
ProbeExit probe_exhibitor(char *const arguments[], Json *answer, Error *error);
ProbeExit probe_mesos_master(char *const arguments[], Json *answer, Error *error);
ProbeExit probe_mesos_agent(char *const arguments[], Json *answer, Error *error);
ProbeExit probe_mesos_leader(char *const arguments[], Json *answer, Error *error);
ProbeExit probe_mesos_tasks(char *const arguments[], Json *answer, Error *error);
ProbeExit probe_mesos_version(char *const arguments[], Json *answer, Error *error);
ProbeExit probe_cluster_checks(char *const arguments[], Json *answer, Error *error);
ProbeExit probe_cockroach(char *const arguments[], Json *answer, Error *error);
ProbeExit probe_marathon(char *const arguments[], Json *answer, Error *error);
ProbeExit probe_subscribers(char *const arguments[], Json *answer, Error *error);
ProbeExit probe_overlay(char *const arguments[], Json *answer, Error *error);
ProbeExit probe_login(char *const arguments[], Json *answer, Error *error);
ProbeExit probe_check_runner(char *const arguments[], Json *answer, Error *error);
