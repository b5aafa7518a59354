/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/facts.h"

/* The table of checks: what is asked, of whom, how often, and what to do about it. Pure. */

/* In the documented order of troubleshooting (reference 20): the first bad one is the one to mend.
 */
typedef enum CheckId {
        CHECK_VERSION,
        CHECK_PACKAGES,
        CHECK_EXHIBITOR,
        CHECK_ZOOKEEPER,
        CHECK_MESOS_MASTER,
        CHECK_MESOS_AGENT,
        CHECK_UNITS,
        CHECK_JOURNAL,
        CHECK_RUNNER,
        CHECK_MESOS_LEADER, /* the cluster, asked on the leading master only */
        CHECK_MEMBER,       /* one Mesos agent as the leading master sees it */
} CheckId;
#define CHECK_COUNT (CHECK_MEMBER + 1)

typedef struct CheckRow {
        CheckId id;
        const char *name; /* on the wire; CHECK_MEMBER shares "mesos-leader", with a subject */
        uint32_t roles;   /* set of IN(role) of the nodes it speaks of */
        bool slow; /* asked every 10 s, good for 15 s; its row of passes may span half the dwell */
        bool once; /* costly to ask: one fresh pass is enough, it need not span a dwell */
        bool after_step;    /* part of the gate after a node's own step */
        bool before_others; /* part of what makes a master good for the others' sake */
        const char *advice; /* what to type on that node */
} CheckRow;

extern const CheckRow check_rows[CHECK_COUNT];

/* What the leading master's own node agent alone is asked. */
bool check_is_of_cluster(const CheckRow *row);

/* The row of a sample; NULL: no such check. */
const CheckRow *check_find(const Sample *sample);

/* How often, and how old the newest may be, when `dwell` is to be spanned: at least four samples
 * fit into a dwell, eight into a short one of tests and demos, which are sampled faster (design 8
 * has the standard). */
usec_t check_period(const CheckRow *row, Role role, usec_t dwell);
usec_t check_newest_max(const CheckRow *row, Role role, bool at_work);

/* The dwell that a row of passes of this check must span. */
usec_t check_dwell(const CheckRow *row, usec_t dwell);

/* What to type, and where: "journalctl -u dcos-exhibitor (on m1)". Returns the buffer. */
const char *check_advise(const CheckRow *row, const Node *node, char advice[static REASON_MAX]);

/* What `node` is to ask now. `serial` is made of the contents: the same list has the same serial,
 * also after a restart. */
void checks_watch(const State *state, const Facts *facts, size_t index, usec_t now, Watch *ret);
