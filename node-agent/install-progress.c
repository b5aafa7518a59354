/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/install-progress.h"

#include <errno.h>
#include <string.h>

#include "common/json.h"

static int read_stage(const char *text, size_t size, char stage[static 32], Error *error) {
        AUTO(Json) *object = NULL;
        int r;

        r = json_parse(text, size, &object, error);
        if (r < 0)
                return r;

        return json_is_object(object) ? json_get_string(object, "stage", stage, 32, error)
                                      : error_setf(error, ERROR_INVALID, "is no JSON object");
}

void install_progress_judge(const char *text, size_t size, bool running, Sample *sample) {
        char stage[32];
        Error error = {};

        if (read_stage(text, size, stage, &error) < 0) {
                sample_judge(sample, VERDICT_UNKNOWN, "install_progress: %s", error.text);
                return;
        }

        sample_add_text(sample, "stage", stage);
        if (running) {
                sample_judge(sample, VERDICT_UNKNOWN, "DC/OS is being activated, stage %s", stage);
        } else {
                sample_judge(sample, VERDICT_FAIL,
                             "the activation of DC/OS was cut short in stage %s, and pkgpanda does "
                             "not run: a person must look",
                             stage);
        }
}
