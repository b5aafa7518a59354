/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/dcos-version.h"

#include <errno.h>
#include <string.h>

#include "common/json.h"
#include "common/text.h"

#define SCRIPT_LOOKS_FOR "version"

int dcos_version_read(const char *text, size_t size, DcosVersion *ret, Error *error) {
        AUTO(Json) *object = NULL;
        DcosVersion version = {};
        int r;

        r = json_parse(text, size, &object, error);
        if (r < 0)
                return r;
        if (!json_is_object(object))
                return error_setf(error, ERROR_INVALID, "is no JSON object");

        r = json_get_string(object, "version", version.version, sizeof(version.version), error);
        if (r < 0)
                return r;
        if (!version.version[0] || !text_is_plain(version.version))
                return error_setf(error, ERROR_INVALID, "version is no text of one line");

        r = json_get_string(
                        object, "dcos-variant", version.variant, sizeof(version.variant), error);
        if (r < 0 && r != -ENOENT)
                return r;

        *ret = version;
        return 0;
}

/* The first line that holds the word. */
static const char *find_line(const char *text, size_t size, size_t *ret_length) {
        const char *end = text + size;

        while (text < end) {
                const char *stop = memchr(text, '\n', (size_t) (end - text));
                size_t length = (size_t) ((stop ? stop : end) - text);

                *ret_length = length;
                if (memmem(text, length, SCRIPT_LOOKS_FOR, strlen(SCRIPT_LOOKS_FOR)))
                        return text;

                text += length + 1;
        }

        return NULL;
}

int dcos_version_as_script(
                const char *text, size_t size, char ret[static VERSION_MAX], Error *error) {
        size_t length = 0, quotes = 0, begin = 0;
        const char *line = find_line(text, size, &length);

        for (size_t i = 0; line && i < length; i++) {
                if (line[i] != '"')
                        continue;

                quotes++;
                if (quotes == 3)
                        begin = i + 1;
                if (quotes < 4)
                        continue;
                if (i - begin >= VERSION_MAX) {
                        return error_setf(
                                        error, ERROR_TOO_BIG, "a version of %zu bytes", i - begin);
                }

                memcpy(ret, line + begin, i - begin);
                ret[i - begin] = '\0';
                return 0;
        }

        return error_setf(error, ERROR_INVALID, "no line with a version in quotes");
}

void dcos_version_judge(
                const DcosVersion *seen, const char *target, const char *variant, Sample *sample) {
        sample_add_text(sample, "version", seen->version);
        if (strcmp(seen->version, target) != 0) {
                sample_judge(sample, VERDICT_FAIL, "version is %s, want %s", seen->version, target);
        } else if (variant[0] && strcmp(seen->variant, variant) != 0) {
                sample_judge(sample, VERDICT_FAIL, "variant is '%s', want %s", seen->variant,
                             variant);
        } else {
                sample->verdict = VERDICT_PASS;
        }
}
