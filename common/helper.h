/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/json.h"
#include "common/span.h"

/* Runs a short-lived program, bounded in time and output: rollpatch-probe (one question, one JSON
 * object as the answer), or detect_ip. Its stderr is ours. What it said, and what it was told, may
 * be secret: both are wiped. */

#define HELPER_OUTPUT_MAX 65536

typedef struct Helper Helper;

/* Called once, unless the helper is freed before. `status` is the exit status, 0..255, and `output`
 * (borrowed, terminated) what it printed; or negative, and `error` says why there is none: killed,
 * too slow, too much. May free the helper. */
typedef void (*HelperDone)(
                int status, const char *output, size_t size, const Error *error, void *userdata);

/* What rollpatch-probe means: 0 and its object, or the reason it gives; ERROR_DENIED where it says
 * that a person has to mend it. */
int helper_read_answer(int status, const char *output, size_t size, Json **ret, Error *error);

/* `arguments` as for execv, arguments[0] is the path of the program. */
int helper_start(
                sd_event *event,
                char *const arguments[],
                usec_t timeout,
                HelperDone on_done,
                void *userdata,
                Helper **ret,
                Error *error);

/* The same with something on its stdin; without it there is nothing to be read there. */
#define HELPER_INPUT_MAX 4096

typedef struct HelperCommand {
        char *const *arguments;
        const char *input; /* at most HELPER_INPUT_MAX bytes; NULL: none */
        usec_t timeout;
} HelperCommand;

int helper_start_with(
                sd_event *event,
                const HelperCommand *command,
                HelperDone on_done,
                void *userdata,
                Helper **ret,
                Error *error);

/* Kills the program if it still runs. */
void helper_free(Helper *helper);
DEFINE_AUTO(Helper, helper_free)
