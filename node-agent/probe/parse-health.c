/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-health.h"

#include <errno.h>
#include <string.h>

static int judge_unit(const Json *unit, uint64_t *sick, Sample *sample, Error *error) {
        char id[SAMPLE_TEXT_MAX];
        uint64_t health = 0;
        int r;

        if (!json_is_object(unit))
                return error_setf(error, ERROR_INVALID, "is no object");

        r = json_get_string(unit, "id", id, sizeof(id), error);
        if (r == 0)
                r = json_get_u64(unit, "health", 0, UINT32_MAX, &health, error);
        if (r < 0)
                return r;
        if (health == 0)
                return 0;

        (*sick)++;
        sample_fail(sample, "%s has health %llu, want 0", id, (unsigned long long) health);
        sample_add_evidence(sample, "%s %llu", id, (unsigned long long) health);
        return 0;
}

static int judge_units(const Json *object, Sample *sample, Error *error) {
        const Json *units = NULL;
        uint64_t sick = 0, place = 0;
        int r;

        r = json_get_array(object, "units", &units, error);
        if (r < 0)
                return r;

        for (const Json *unit = json_first(units); unit; unit = json_next(unit)) {
                r = judge_unit(unit, &sick, sample, error);
                if (r < 0)
                        return error_prefixf(error, "unit %llu", (unsigned long long) place);

                place++;
        }

        sample_add_number(sample, "units", place);
        sample_add_number(sample, "sick", sick);
        if (place == 0)
                sample_doubt(sample, "a list of no units is no answer");

        return 0;
}

/* What is wanted to be something and says that it is something else. */
static void judge_text(const Json *object, const char *key, const char *wanted, Sample *sample) {
        char text[SAMPLE_TEXT_MAX];
        Error error = {};

        if (!wanted)
                return;

        if (json_get_string(object, key, text, sizeof(text), &error) < 0) {
                sample_doubt_error(sample, &error);
        } else if (strcmp(text, wanted) != 0) {
                sample_fail(sample, "%s is %s, want %s", key, text, wanted);
        }
}

void system_health_judge(const Reply *reply, const HealthWanted *wanted, Sample *sample) {
        AUTO(Json) *object = NULL;
        Error error = {};

        if (reply_object(reply, REPLY_BYTES_MAX, &object, &error) < 0 ||
            judge_units(object, sample, &error) < 0) {
                sample_doubt(sample, "%s: %s", reply->question, error.text);
                reply_quote(reply, sample);
                return;
        }

        judge_text(object, "node_role", wanted->role, sample);
        judge_text(object, "dcos_version", wanted->version, sample);
        sample_close(sample);
}
