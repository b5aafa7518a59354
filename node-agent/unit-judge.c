/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/unit-judge.h"

#include <inttypes.h>
#include <string.h>

#include "common/text.h"

/* After a patch many units start, fail and start again for minutes until what they wait for is
 * there: "activating" is therefore never bad, and never good. How long is too long the coordinator
 * knows.
 *
 * An answer from before is worse than none: a unit whose main process is older than the step has
 * not been restarted, and whatever it answers, the old version answers (promise 4). */

static bool is(const char *text, const char *wanted) {
        return strcmp(text, wanted) == 0;
}

static const char *suffix_of(const char *name) {
        const char *dot = strrchr(name, '.');

        return dot ? dot : "";
}

bool unit_is_excluded(const char *name) {
        return text_starts_with(name, "dcos-checks-poststart.");
}

/* --- order --- */

/* Time is not a unit; Exhibitor refuses to start without it. */
static size_t rank(const char *name) {
        static const char *const order[] = {
                "dcos-exhibitor.",          "dcos-mesos-master.", "dcos-mesos-slave.",
                "dcos-mesos-slave-public.", "dcos-mesos-dns.",    "dcos-net.",
                "dcos-marathon.",           "dcos-metronome.",    "dcos-adminrouter.",
                "dcos-adminrouter-agent.",
        };

        for (size_t i = 0; i < ELEMENTSOF(order); i++) {
                if (text_starts_with(name, order[i]))
                        return i;
        }

        return ELEMENTSOF(order);
}

int unit_compare(const char *a, const char *b) {
        size_t rank_a = rank(a), rank_b = rank(b);

        if (rank_a != rank_b)
                return rank_a < rank_b ? -1 : 1;

        return strcmp(a, b);
}

/* --- one unit --- */

static bool has_timer(const UnitsInput *input, const char *service) {
        size_t length = (size_t) (suffix_of(service) - service);

        for (size_t i = 0; i < input->count; i++) {
                const char *name = input->units[i].name;

                if (strncmp(name, service, length) == 0 && is(name + length, ".timer"))
                        return true;
        }

        return false;
}

bool unit_is_running_kind(const UnitsInput *input, const UnitStatus *unit) {
        if (!is(suffix_of(unit->name), ".service") || is(unit->type, "oneshot") ||
            has_timer(input, unit->name))
                return false;

        /* What is only started again after a failure is meant to end well. */
        return !text_starts_with(unit->restart, "on-") || is(unit->restart, "on-success");
}

/* What is down while a script runs is meant to be: it stops all units of the node. */
static UnitHealth down(const UnitsInput *input, const UnitStatus *unit) {
        return input->changing || unit->job != 0 ? UNIT_HEALTH_UNSETTLED : UNIT_HEALTH_BAD;
}

static UnitHealth judge_running(
                const UnitsInput *input, const UnitStatus *unit, const char **ret_why) {
        if (is(unit->active, "active") && is(unit->sub, "running")) {
                if (unit->main_start != 0 || input->since == 0)
                        return UNIT_HEALTH_GOOD;

                *ret_why = "its main process is not known";
                return UNIT_HEALTH_UNSETTLED;
        }
        if (is(unit->active, "active") || is(unit->active, "inactive")) {
                *ret_why = "does not run";
                return down(input, unit);
        }

        *ret_why = "changes its state";
        return UNIT_HEALTH_UNSETTLED;
}

/* Runs now and then, or once: between its runs what counts is how the last one ended. */
static UnitHealth judge_once(
                const UnitsInput *input, const UnitStatus *unit, const char **ret_why) {
        if (unit->result[0] == '\0' || is(unit->result, "success"))
                return UNIT_HEALTH_GOOD;

        *ret_why = "its last run failed";
        return is(unit->active, "inactive") ? down(input, unit) : UNIT_HEALTH_UNSETTLED;
}

static bool is_of_kind(const UnitStatus *unit, const char *suffix) {
        return is(suffix_of(unit->name), suffix);
}

static bool has_settled(const UnitStatus *unit) {
        if (is(unit->sub, "running"))
                return true;
        if (is_of_kind(unit, ".timer"))
                return is(unit->sub, "waiting");

        return !is_of_kind(unit, ".socket") || is(unit->sub, "listening");
}

/* Timers, sockets, targets. */
static UnitHealth judge_other(
                const UnitsInput *input, const UnitStatus *unit, const char **ret_why) {
        if (is(unit->active, "active") && has_settled(unit))
                return UNIT_HEALTH_GOOD;
        if (is(unit->active, "active") || is(unit->active, "inactive")) {
                *ret_why = is_of_kind(unit, ".timer") ? "does not wait for its time"
                                                      : "does not listen, or is not active";
                return down(input, unit);
        }

        *ret_why = "changes its state";
        return UNIT_HEALTH_UNSETTLED;
}

UnitHealth unit_judge(const UnitsInput *input, const UnitStatus *unit, const char **ret_why) {
        *ret_why = "";
        if (!is(unit->load, "loaded")) {
                *ret_why = "is not loaded";
                return down(input, unit);
        }
        if (is(unit->active, "failed")) {
                *ret_why = "has failed";
                return down(input, unit);
        }
        if (is(unit->active, "activating") && !is(unit->type, "oneshot")) {
                *ret_why = "is still starting";
                return UNIT_HEALTH_UNSETTLED;
        }
        if (!is(suffix_of(unit->name), ".service"))
                return judge_other(input, unit, ret_why);
        if (unit_is_running_kind(input, unit))
                return judge_running(input, unit, ret_why);

        return judge_once(input, unit, ret_why);
}

/* --- all of them --- */

/* Of a master. Those of agents go by other names. */
static bool is_front(const char *name) {
        return text_starts_with(name, "dcos-marathon.") ||
               text_starts_with(name, "dcos-adminrouter.");
}

typedef struct Tally {
        size_t count, bad, unsettled, old;
        const UnitStatus *worst[3]; /* first in order: bad, old, unsettled */
        const char *why[3];
        const UnitStatus *newest;
} Tally;

enum {
        WORST_BAD,
        WORST_OLD,
        WORST_UNSETTLED
};

static void keep_worst(Tally *tally, size_t kind, const UnitStatus *unit, const char *why) {
        const UnitStatus *worst = tally->worst[kind];

        if (worst && unit_compare(worst->name, unit->name) <= 0)
                return;

        tally->worst[kind] = unit;
        tally->why[kind] = why;
}

static bool is_old(const UnitsInput *input, const UnitStatus *unit) {
        return unit_is_running_kind(input, unit) && unit->main_start != 0 &&
               unit->main_start < input->since;
}

static void describe(
                Sample *sample, const UnitsInput *input, const UnitStatus *unit, const char *why) {
        char span[SPAN_TEXT_MAX];

        sample_add_evidence(
                        sample, "%s: %s: %s, %s (%s)", unit->name, why, unit->load, unit->active,
                        unit->sub);
        if (unit->result[0]) {
                sample_add_evidence(
                                sample, ", result %s, exit status %" PRId32, unit->result,
                                unit->main_status);
        }
        if (unit->main_start != 0) {
                sample_add_evidence(
                                sample, ", pid %" PRIu32 " for %s", unit->main_pid,
                                span_format(span_sub(input->now, unit->main_start), span));
        }
        if (unit->restarts != 0)
                sample_add_evidence(sample, ", restarts %" PRIu32, unit->restarts);

        sample_add_evidence(sample, "\n");
}

static void keep_newest(Tally *tally, const UnitStatus *unit) {
        if (unit->main_start != 0 &&
            (!tally->newest || unit->main_start > tally->newest->main_start))
                tally->newest = unit;
}

static void count_unit(
                Tally *tally, const UnitsInput *input, const UnitStatus *unit, Sample *sample) {
        const char *why;
        UnitHealth health = unit_judge(input, unit, &why);

        tally->count++;
        if (health == UNIT_HEALTH_BAD) {
                tally->bad++;
                keep_worst(tally, WORST_BAD, unit, why);
        } else if (health == UNIT_HEALTH_UNSETTLED) {
                tally->unsettled++;
                keep_worst(tally, WORST_UNSETTLED, unit, why);
        }
        if (is_old(input, unit)) {
                tally->old++;
                why = "old process still answering";
                keep_worst(tally, WORST_OLD, unit, why);
        }
        if (why[0])
                describe(sample, input, unit, why);

        if (unit_is_running_kind(input, unit))
                keep_newest(tally, unit);
}

static void conclude(const Tally *tally, const UnitsInput *input, Sample *sample) {
        size_t kind = tally->bad > 0 ? WORST_BAD : tally->old > 0 ? WORST_OLD : WORST_UNSETTLED;
        const UnitStatus *worst = tally->worst[kind];
        Verdict verdict = VERDICT_FAIL;

        if (!worst) {
                sample->verdict = VERDICT_PASS;
                return;
        }

        /* While the script runs, the old processes do so rightly for a while. */
        if (kind == WORST_UNSETTLED || (kind == WORST_OLD && input->changing))
                verdict = VERDICT_UNKNOWN;

        sample_add_text(sample, "worst", worst->name);
        sample_judge(sample, verdict,
                     "%s: %s; of %zu units %zu bad, %zu with an old process, %zu on their way",
                     worst->name, tally->why[kind], tally->count, tally->bad, tally->old,
                     tally->unsettled);
}

void units_judge(const UnitsInput *input, Sample *sample) {
        Tally tally = {};
        char span[SPAN_TEXT_MAX];

        /* "All are good" is true of none, too. */
        if (input->count == 0) {
                sample_judge(sample, VERDICT_UNKNOWN, "there are no units of DC/OS to look at");
                return;
        }

        for (size_t i = 0; i < input->count; i++) {
                if (is_front(input->units[i].name) == input->front)
                        count_unit(&tally, input, &input->units[i], sample);
        }
        if (tally.count == 0) {
                sample_judge(sample, input->front ? VERDICT_NOT_APPLICABLE : VERDICT_UNKNOWN,
                             "there are no units of this kind to look at");
                return;
        }

        sample_add_number(sample, "units", tally.count);
        sample_add_number(sample, "bad", tally.bad);
        sample_add_number(sample, "started_before", tally.old);
        if (tally.newest) {
                usec_t age = span_sub(input->now, tally.newest->main_start);

                sample_add_number(sample, "newest_age_ms", age / USEC_PER_MSEC);
                sample_add_evidence(
                                sample, "newest process: %s, for %s\n", tally.newest->name,
                                span_format(age, span));
        }

        conclude(&tally, input, sample);
}

/* --- Docker --- */

static bool was_restarted(const UnitsInput *input, const UnitStatus *docker) {
        return input->since != 0 && is(docker->load, "loaded") && is(docker->active, "active") &&
               docker->main_start >= input->since;
}

/* Whatever is known of the process of a unit that is not loaded is not of this unit. */
static Verdict judge_docker(
                const UnitsInput *input, const UnitStatus *docker, const char **ret_why) {
        if (is(docker->load, "not-found")) {
                *ret_why = "there is no " DOCKER_UNIT " to look at";
                return VERDICT_NOT_APPLICABLE;
        }
        if (!is(docker->load, "loaded")) {
                *ret_why = DOCKER_UNIT " is there, but is masked or cannot be loaded";
                return VERDICT_FAIL;
        }
        if (is(docker->active, "failed") || is(docker->active, "inactive")) {
                *ret_why = "docker does not run";
                return VERDICT_FAIL;
        }
        if (!is(docker->active, "active") || docker->main_start == 0) {
                *ret_why = "docker changes its state, or its process is not known";
                return VERDICT_UNKNOWN;
        }
        if (was_restarted(input, docker)) {
                *ret_why = "docker was restarted after the step began, its containers have ended: see "
                           "why, then accept what was lost: rollpatch retry NODE --reason TEXT";
                return VERDICT_FAIL;
        }

        return VERDICT_PASS;
}

void docker_judge(const UnitsInput *input, Sample *sample) {
        const UnitStatus *docker = input->units;
        const char *why = "";
        Verdict verdict;

        assert(input->count == 1);

        verdict = judge_docker(input, docker, &why);
        if (verdict == VERDICT_PASS) {
                sample->verdict = VERDICT_PASS;
        } else {
                sample_judge(sample, verdict, "%s", why);
        }

        describe(sample, input, docker, why[0] ? why : "runs");
        if (docker->main_start != 0)
                sample_add_number(sample, "start_ms", docker->main_start / USEC_PER_MSEC);
        if (was_restarted(input, docker))
                sample_add_number(sample, "restarted", 1);
}
