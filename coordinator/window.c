/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/window.h"

#include <string.h>

/* Who answers, and under which leader: a pass of another one begins a new row. */
static bool same_text(const Kept *a, const Kept *b, const char *name) {
        const char *was = kept_text(a, name);
        const char *is = kept_text(b, name);

        return (!was && !is) || (was && is && strcmp(was, is) == 0);
}

static bool is_restarted(const Kept *was, const Kept *is) {
        uint64_t before;
        uint64_t after;

        return kept_number(was, "uptime_ms", &before) && kept_number(is, "uptime_ms", &after) &&
               after < before;
}

static bool is_continued(const Kept *was, const Kept *is) {
        return !is_restarted(was, is) && same_text(was, is, "leader") &&
               same_text(was, is, "mode") && same_text(was, is, "id");
}

static void extend_row(usec_t *since, bool is_good, bool goes_on, usec_t at) {
        if (!is_good) {
                *since = 0;
        } else if (*since == 0 || !goes_on) {
                *since = at;
        }
}

bool window_add(Window *window, const Sample *sample, bool is_enough, usec_t now, usec_t gap_max) {
        usec_t at = span_sub(now, sample->age);
        Kept kept = kept_make(sample);
        bool first = window->newest == 0;
        bool differs = first || window->sample.verdict != kept.verdict;
        bool goes_on = span_sub(at, window->newest) <= gap_max &&
                       is_continued(&window->sample, &kept);

        extend_row(&window->since, kept.verdict == VERDICT_PASS, goes_on, at);
        extend_row(&window->enough, is_enough && kept.block, goes_on, at);
        if (differs)
                window->changed = now;

        window->newest = at;
        kept_done(&window->sample);
        window->sample = kept;
        return differs;
}

void window_reset(Window *window) {
        kept_done(&window->sample);
        *window = (Window) {};
}

static bool row_holds(
                const Window *window, usec_t since, usec_t now, usec_t dwell, usec_t newest_max) {
        return since != 0 && window_is_fresh(window, now, newest_max) &&
               span_sub(window->newest, since) >= dwell;
}

bool window_holds(const Window *window, usec_t now, usec_t dwell, usec_t newest_max) {
        return row_holds(window, window->since, now, dwell, newest_max);
}

bool window_is_enough(const Window *window, usec_t now, usec_t dwell, usec_t newest_max) {
        return row_holds(window, window->enough, now, dwell, newest_max);
}
