/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <syslog.h>

#include "common/error.h"

/* Sentences for people, with fields for machines. To the journal when stderr is connected to it
 * ($JOURNAL_STREAM), else to stderr. Every line of the text becomes an entry of its own, with
 * control characters made harmless. Keeps errno. Only the shell of a program logs; pure code never
 * does. */

typedef struct LogContext {
        const char *node; /* ROLLPATCH_NODE=; NULL: not known */
        const char *run;  /* ROLLPATCH_RUN= */
        const char *step; /* ROLLPATCH_STEP= */
} LogContext;

void log_open(const char *program, int max_priority); /* LOG_INFO unless --verbose */
void log_message(int priority, const LogContext *context, const char *format, ...) PRINTF(3, 4);

/* They are called like functions. NOLINTBEGIN(readability-identifier-naming) */
#define log_debug(...)   log_message(LOG_DEBUG, NULL, __VA_ARGS__)
#define log_info(...)    log_message(LOG_INFO, NULL, __VA_ARGS__)
#define log_notice(...)  log_message(LOG_NOTICE, NULL, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, NULL, __VA_ARGS__)
#define log_error(...)   log_message(LOG_ERR, NULL, __VA_ARGS__)
/* NOLINTEND(readability-identifier-naming) */
