/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/excuse.h"

#include <string.h>

#include "common/text.h"
#include "coordinator/health.h"

/* --- between masters --- */

static const char *version_of(const State *state, const Facts *facts, size_t node, usec_t now) {
        const Kept *sample = health_answer(state, facts, node, CHECK_VERSION, now);
        const char *said = sample ? kept_text(sample, "version") : NULL;

        return said ? said : state->nodes[node].dcos_version;
}

/* A run that was given up leaves masters of two versions, and the next one has all of them staged.
 * What nobody knows of is not of another version. */
static bool versions_differ(const State *state, const Facts *facts, usec_t now) {
        const EventRunMade *made = &state->run.made;
        const char *first = "";

        for (size_t i = 0; strcmp(made->from, made->to) != 0 && i < state->master_count; i++) {
                const char *version = version_of(state, facts, state->masters[i], now);

                if (first[0] && version[0] && strcmp(version, first) != 0)
                        return true;
                if (version[0])
                        first = version;
        }

        return false;
}

bool master_steps_are_level(const State *state) {
        size_t patched = 0, in_run = 0;

        for (size_t i = 0; i < state->master_count; i++) {
                const Step *step = &state->nodes[state->masters[i]].step;
                bool is_patched = step->state == STEP_VERIFYING || step->state == STEP_DONE;

                if (step->slot && !is_patched)
                        return false;

                in_run += step->id[0] != '\0';
                patched += step->id[0] && is_patched;
        }

        return patched == 0 || patched == in_run;
}

bool masters_are_level(const State *state, const Facts *facts, usec_t now) {
        return master_steps_are_level(state) && !versions_differ(state, facts, now);
}

/* The units that dcos-check-runner has DC/OS count there are those of `units` and of `front`: what
 * is left of it is Marathon and Admin Router. */
static bool is_between_masters(
                const State *state,
                const Facts *facts,
                size_t node,
                const Kept *sample,
                usec_t now) {
        return state->nodes[node].role == ROLE_MASTER && kept_says(sample, "only_components", 1) &&
               !masters_are_level(state, facts, now);
}

/* --- Marathon --- */

/* Before the run a deployment is waited for; what the site deploys after it is its own affair, also
 * when the first step is to be tried once more. */
static bool only_deploys(const State *state, const Kept *sample) {
        return kept_says(sample, "only_deployments", 1) && state->run.begun;
}

/* --- Docker --- */

/* Docker was restarted, which nothing undoes: its process stays younger than the step. Whoever has
 * the node judged again has seen it and accepts what was lost, of this one start; another is news.
 */
static uint64_t docker_start(const Kept *sample) {
        uint64_t start = 0;

        if (!kept_says(sample, "restarted", 1) || !kept_number(sample, "start_ms", &start))
                return 0;

        return start;
}

/* Another failure that comes first hides it: nobody was shown it then. */
uint64_t excuse_docker_start(
                const State *state,
                const Facts *facts,
                size_t node,
                const char *named,
                usec_t now) {
        const char *check = check_rows[CHECK_DOCKER].name;
        const Kept *sample = health_answer(state, facts, node, CHECK_DOCKER, now);

        if (!sample || !text_starts_with(named, check) ||
            !text_starts_with(named + strlen(check), ": "))
                return 0;

        return docker_start(sample);
}

static bool is_accepted(const Step *step, const Kept *sample) {
        return step->docker_accepted > 0 && docker_start(sample) == step->docker_accepted;
}

bool failure_is_excused(
                const State *state,
                const Facts *facts,
                size_t node,
                CheckId check,
                const Window *window,
                usec_t now) {
        const Kept *sample = &window->sample;

        if (check == CHECK_RUNNER)
                return is_between_masters(state, facts, node, sample, now);
        if (check == CHECK_MARATHON)
                return only_deploys(state, sample);

        return check == CHECK_DOCKER && is_accepted(&state->nodes[node].step, sample);
}
