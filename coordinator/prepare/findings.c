/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/prepare/findings.h"

#include <string.h>

#include "common/text.h"

size_t findings_kept(const Findings *findings) {
        return MIN(findings->count, (size_t) FINDINGS_MAX);
}

static bool is_known(const Findings *findings, const char *what) {
        for (size_t i = 0; i < findings_kept(findings); i++) {
                if (strcmp(findings->list[i].what, what) == 0)
                        return true;
        }

        return false;
}

static void add(Findings *findings,
                bool refused,
                const char *what,
                const char *format,
                va_list arguments) PRINTF(4, 0);
static void add(Findings *findings,
                bool refused,
                const char *what,
                const char *format,
                va_list arguments) {
        Finding *finding;

        if (is_known(findings, what) || findings->count++ >= FINDINGS_MAX)
                return;

        finding = &findings->list[findings->count - 1];
        finding->refused = refused;
        text_ellipsize(finding->what, sizeof(finding->what), what);
        (void) error_setv(&finding->why, ERROR_INVALID, format, arguments);
}

void findings_refuse(Findings *findings, const char *key, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        add(findings, true, key, format, arguments);
        va_end(arguments);
}

void findings_warn(Findings *findings, const char *id, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        add(findings, false, id, format, arguments);
        va_end(arguments);
}
