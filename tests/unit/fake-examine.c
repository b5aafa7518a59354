/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake-examine.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>

#include "common/text.h"

struct Examine {
        ExamineHandlers handlers;
        void *userdata;
};

static Examine *current;
static unsigned count;

int examine_start(
                const ExamineOptions *options,
                const char *step,
                usec_t limit,
                const ExamineHandlers *handlers,
                void *userdata,
                Examine **ret,
                Error *error) {
        current = calloc(1, sizeof(*current));
        assert_non_null(current);
        *current = (Examine) { *handlers, userdata };
        count++;
        *ret = current;
        return 0;
}

void examine_free(Examine *examine) {
        if (examine && examine == current)
                current = NULL;
        free(examine);
}

void note_missing(char missing[static REASON_MAX], const char *what, const char *why) {
        char before[REASON_MAX];

        (void) text_copy(before, sizeof(before), missing);
        (void) text_format(missing, REASON_MAX, "%s%s: %s; ", before, what, why);
}

unsigned fake_examine_count(void) {
        return count;
}

void fake_examine_line(const char *text) {
        JournalLine line = { .unit = "dcos-net.service", .text = text };

        assert_non_null(current);
        current->handlers.on_line(&line, current->userdata);
}

void fake_examine_end_in_step(usec_t started_at) {
        const StepRecord record = { .facts.started_fence = 1, .started_at = started_at };
        const Examined examined = { .record = &record, .missing = "" };

        assert_non_null(current);
        current->handlers.on_done(&examined, current->userdata);
}

void fake_examine_end(void) {
        const Examined examined = { .missing = "" };

        assert_non_null(current);
        current->handlers.on_done(&examined, current->userdata);
}
