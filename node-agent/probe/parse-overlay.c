/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-overlay.h"

#include <errno.h>
#include <string.h>

#define STATUS_NOT_FOUND 404

typedef struct Overlay {
        char name[SAMPLE_TEXT_MAX];
        char status[SAMPLE_TEXT_MAX];
        const char *error; /* borrowed; NULL: none */
        bool ipv6_only;
} Overlay;

static int parse_overlay(const Json *object, Overlay *ret, Error *error) {
        const Json *info = NULL, *state = NULL;
        Overlay overlay = {};
        int r;

        if (!json_is_object(object))
                return error_setf(error, ERROR_INVALID, "is no object");

        r = json_get_object(object, "info", &info, error);
        if (r == 0)
                r = json_get_string(info, "name", overlay.name, sizeof(overlay.name), error);
        if (r == 0)
                r = json_get_object(object, "state", &state, error);
        if (r == 0)
                r = json_get_string(state, "status", overlay.status, sizeof(overlay.status), error);
        if (r < 0)
                return r;

        overlay.error = json_string_value(json_find(state, "error"));
        overlay.ipv6_only = !json_find(info, "subnet") && json_find(info, "subnet6");
        *ret = overlay;
        return 0;
}

static void judge_one(const Overlay *overlay, uint64_t *good, Sample *sample) {
        const char *error = overlay->error ? overlay->error : "";

        sample_add_evidence(
                        sample, "%s %s%s%.128s", overlay->name, overlay->status,
                        error[0] ? ": " : "", error);
        if (strcmp(overlay->status, "STATUS_OK") == 0) {
                (*good)++;
        } else if (strcmp(overlay->status, "STATUS_FAILED") == 0 && overlay->ipv6_only) {
                return; /* it did before the patch: a kernel without IPv6 */
        } else if (strcmp(overlay->status, "STATUS_FAILED") == 0) {
                sample_fail(sample, "overlay %s has failed: %.128s", overlay->name, error);
        } else {
                sample_doubt(sample, "overlay %s is %s, want STATUS_OK", overlay->name,
                             overlay->status);
        }
}

static int judge_overlays(const Json *object, size_t *ret_count, Sample *sample, Error *error) {
        const Json *overlays = NULL;
        uint64_t good = 0;
        size_t place = 0;
        int r;

        r = json_get_array(object, "overlays", &overlays, error);
        if (r < 0)
                return r;

        for (const Json *item = json_first(overlays); item; item = json_next(item)) {
                Overlay overlay = {};

                r = parse_overlay(item, &overlay, error);
                if (r < 0)
                        return error_prefixf(error, "overlay %zu", place);

                judge_one(&overlay, &good, sample);
                place++;
        }

        sample_add_number(sample, "overlays", place);
        sample_add_number(sample, "overlays_good", good);
        *ret_count = place;
        return 0;
}

void overlay_judge(const Reply *reply, Sample *sample) {
        AUTO(Json) *object = NULL;
        Error error = {};
        size_t count = 0;

        if (reply_says(reply, STATUS_NOT_FOUND, "404 Not Found.")) {
                sample_close_not_applicable(sample, "this Mesos has no overlay networks");
                return;
        }

        if (reply_object(reply, REPLY_BYTES_MAX, &object, &error) < 0 ||
            judge_overlays(object, &count, sample, &error) < 0) {
                sample_doubt(sample, "%s: %s", reply->question, error.text);
                return;
        }

        if (count == 0) {
                sample_close_not_applicable(sample, "this node has no overlay network");
        } else {
                sample_close(sample);
        }
}
