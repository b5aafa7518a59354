/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/stage.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/helper.h"
#include "common/text.h"
#include "node-agent/package-script.h"
#include "node-agent/script.h"

#define FETCH_TIMEOUT (2 * USEC_PER_MINUTE)
#define HELPER_MARGIN \
        (10 * USEC_PER_SEC) /* so that the helper's own time-out, with its reason, is first */

struct Fetch {
        Stage stage;
        char path[PATH_MAX];
        Helper *helper;
        FetchDone on_done;
        void *userdata;
};

/* A script of which it cannot be said what it activates would take the node down and never be
 * proven: better now than then. */
static int check_packages(const char *script, size_t size, Error *error) {
        auto_free PackageSet *packages = calloc(1, sizeof(*packages));
        int r;

        if (!packages)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        r = package_script_read(script, size, packages, error);
        return r < 0 ? error_prefixf(error, "script") : 0;
}

static int judge(
                Fetch *fetch,
                int status,
                const char *output,
                size_t size,
                char **ret,
                Error *error) {
        AUTO(Json) *answer = NULL;
        auto_free char *script = NULL;
        int r;

        r = helper_read_answer(status, output, size, &answer, error);
        if (r < 0)
                return r;

        r = script_load(AT_FDCWD, fetch->path, &fetch->stage, &script, error);
        if (r < 0)
                return r;

        r = check_packages(script, (size_t) fetch->stage.size, error);
        if (r < 0)
                return r;

        *ret = TAKE(script);
        return 0;
}

static void on_helper(
                int status, const char *output, size_t size, const Error *failed, void *userdata) {
        Fetch *fetch = ASSERT_PTR(userdata);
        auto_free char *script = NULL;
        Error error = *failed;

        if (status >= 0)
                (void) judge(fetch, status, output, size, &script, &error);

        (void) unlink(fetch->path);
        fetch->on_done(script, script ? (size_t) fetch->stage.size : 0, &error, fetch->userdata);
}

static int start_helper(Fetch *fetch, sd_event *event, const char *probe_path, Error *error) {
        char program[PATH_MAX], verb[] = "fetch";
        char size[24], deadline[24];
        char url_name[] = "--url", file_name[] = "--file", size_name[] = "--size";
        char sha256_name[] = "--sha256", deadline_name[] = "--deadline";
        char *const arguments[] = {
                program,       verb,      url_name, fetch->stage.url, file_name,
                fetch->path,   size_name, size,     sha256_name,      fetch->stage.sha256,
                deadline_name, deadline,  NULL,
        };

        if (!text_copy(program, sizeof(program), probe_path))
                return error_setf(error, ERROR_TOO_BIG, "the path of rollpatch-probe is too long");

        (void) text_format(size, sizeof(size), "%" PRIu64, fetch->stage.size);
        (void) text_format(
                        deadline, sizeof(deadline), "%" PRIu64,
                        (uint64_t) (FETCH_TIMEOUT / USEC_PER_SEC));
        return helper_start(
                        event, arguments, FETCH_TIMEOUT + HELPER_MARGIN, on_helper, fetch,
                        &fetch->helper, error);
}

int fetch_start(sd_event *event,
                const FetchPlaces *places,
                const Stage *stage,
                FetchDone on_done,
                void *userdata,
                Fetch **ret,
                Error *error) {
        AUTO(Fetch) *fetch = NULL;
        int r;

        if (stage->size > SCRIPT_BYTES_MAX) {
                return error_setf(
                                error, ERROR_TOO_BIG,
                                "script is %" PRIu64 " bytes, want at most %d", stage->size,
                                SCRIPT_BYTES_MAX);
        }

        fetch = calloc(1, sizeof(*fetch));
        if (!fetch)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        fetch->stage = *stage;
        fetch->on_done = on_done;
        fetch->userdata = userdata;
        if (!text_format(fetch->path, sizeof(fetch->path), "%s/download", places->directory))
                return error_setf(error, ERROR_TOO_BIG, "the path of the step is too long");

        r = start_helper(fetch, event, places->probe, error);
        if (r < 0)
                return r;

        *ret = TAKE(fetch);
        return 0;
}

void fetch_free(Fetch *fetch) {
        if (!fetch)
                return;

        helper_free(fetch->helper);
        free(fetch);
}
