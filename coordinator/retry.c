/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/retry.h"

#include <string.h>

#include "common/text.h"
#include "coordinator/health.h"
#include "coordinator/judge.h"

/* NULL: nothing that is true now. An answer from before the end of the step is not. */
static const Kept *newest_answer(
                const State *state, const Facts *facts, size_t index, CheckId check, usec_t now) {
        const NodeFacts *known = &facts->nodes[index];
        const Health *health = health_of(facts, index);
        const Window *window = health ? &health->windows[check] : NULL;
        usec_t newest_max = check_newest_max(&check_rows[check], state->nodes[index].role, true);

        if (!window || !window_is_fresh(window, now, newest_max) || window->newest < known->changed)
                return NULL;

        return &window->sample;
}

static void explain_unanswered(const Node *node, const char *check, const Kept *sample, Why *why) {
        bool bad = step_state_is_bad(node->step.state);
        char advice[REASON_MAX];

        (void) text_format(
                        advice, sizeof(advice), "rollpatch status %s --refresh%s%s%s", node->name,
                        bad ? "; if it stays so, rollpatch release " : "", bad ? node->name : "",
                        bad ? " --reason TEXT" : "");
        if (sample) {
                why_setf(why, advice, "%s: %s is unknown: %s", node->name, check, sample->reason);
        } else {
                why_setf(why, advice,
                         "%s: %s has not been answered since it is %s, or not just now", node->name,
                         check, enum_name(&step_state_names, node->step.state));
        }
}

/* It has the version of the run: whether it has the packages too. */
static RetryChoice choose_by_packages(
                const EventRunMade *made, const Node *node, const Kept *packages, Why *why) {
        bool same_version = strcmp(made->from, made->to) == 0;
        char advice[REASON_MAX];

        if (!packages || packages->verdict == VERDICT_UNKNOWN) {
                explain_unanswered(node, check_rows[CHECK_PACKAGES].name, packages, why);
                return RETRY_BLOCKED;
        }
        if (packages->verdict == VERDICT_PASS)
                return RETRY_JUDGE;
        if (same_version)
                return RETRY_ANEW;
        if (packages->verdict == VERDICT_NOT_APPLICABLE)
                return RETRY_JUDGE; /* nothing else to go by; the gate shows it as not checked */

        why_setf(why, check_advise(&check_rows[CHECK_PACKAGES], node, advice),
                 "%s has DC/OS %s already, so the script would refuse to run, but %s", node->name,
                 made->to, packages->reason);
        return RETRY_UNSAFE;
}

static RetryChoice choose_half_done(const Node *node, Why *why) {
        char advice[REASON_MAX];

        (void) text_format(
                        advice, sizeof(advice),
                        "cat /opt/mesosphere/install_progress; pgrep -a pkgpanda (on %s); if none "
                        "runs: rebooting %s finishes the activation",
                        node->name, node->name);
        why_setf(why, advice,
                 "%s: /opt/mesosphere/install_progress is there: DC/OS is being activated, or that "
                 "was cut short; the script must not run on top of that",
                 node->name);
        return RETRY_UNSAFE;
}

static RetryChoice choose_by_version(
                const EventRunMade *made,
                const Node *node,
                const Kept *version,
                const Kept *packages,
                Why *why) {
        const char *has = version ? kept_text(version, "version") : NULL;
        char advice[REASON_MAX];
        uint64_t progress;

        if (version && kept_number(version, "install_progress", &progress) && progress)
                return choose_half_done(node, why);
        if (!has) {
                explain_unanswered(node, check_rows[CHECK_VERSION].name, version, why);
                return RETRY_BLOCKED;
        }
        if (strcmp(has, made->to) == 0)
                return choose_by_packages(made, node, packages, why);
        if (strcmp(has, made->from) == 0)
                return RETRY_ANEW;

        why_setf(why, check_advise(&check_rows[CHECK_VERSION], node, advice),
                 "%s has DC/OS %s, neither %s nor %s: a person must look at it first", node->name,
                 has, made->from, made->to);
        return RETRY_UNSAFE;
}

RetryChoice turn_choose(
                const State *state, const Facts *facts, size_t index, usec_t now, Why *ret_why) {
        return choose_by_version(
                        &state->run.made, &state->nodes[index],
                        newest_answer(state, facts, index, CHECK_VERSION, now),
                        newest_answer(state, facts, index, CHECK_PACKAGES, now), ret_why);
}

RetryChoice retry_choose(
                const State *state, const Facts *facts, size_t index, usec_t now, Why *ret_why) {
        if (!retry_is_safe(state, facts, index, now, ret_why))
                return RETRY_BLOCKED;

        return turn_choose(state, facts, index, now, ret_why);
}
