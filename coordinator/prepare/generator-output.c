/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/prepare/generator-output.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json.h"
#include "common/parse.h"
#include "common/text.h"

#define SCRIPT  "/dcos_node_upgrade.sh"
#define UPGRADE "/upgrade/"
#define ESCAPE  '\033'

static const char *const url_lines[] = {
        "Node upgrade script URL: ", "Node patch script URL: ", /* the documents' wording */
};

// clang-format off
static const struct {
        const char *id;
        const char *text;
} failures[] = {
        { "no-docker",   "docker should be installed and running"           },
        { "no-config",   "No config file found at"                          },
        { "no-version",  "Must provide the version of the cluster"          },
        { "tls",         "Failed to bootstrap Exhibitor TLS"                },
};
// clang-format on

/* Without colours, and without what moves the cursor. Returns the end. */
static void strip(char *text) {
        char *to = text;

        for (const char *from = text; *from; from++) {
                if (*from == ESCAPE && from[1] == '[') {
                        from += 2;
                        from += strspn(from, "0123456789;?");
                        if (*from == '\0')
                                break;
                } else if (*from != '\r') {
                        *to++ = *from;
                }
        }
        *to = '\0';
}

static char *copy_text(const char *text, size_t size) {
        char *copy = text_duplicate(text, size);

        if (copy)
                strip(copy);
        return copy;
}

/* Of one line. */
static bool take_url(const char *line, char ret[static GENERATOR_URL_MAX]) {
        for (size_t i = 0; i < ELEMENTSOF(url_lines); i++) {
                const char *url = line + strlen(url_lines[i]);
                size_t length;

                if (!text_starts_with(line, url_lines[i]))
                        continue;

                length = strcspn(url, "\n");
                if (length >= GENERATOR_URL_MAX)
                        return false;

                memcpy(ret, url, length);
                ret[length] = '\0';
                return true;
        }

        return false;
}

static const char *next_line(const char *line) {
        const char *end = strchr(line, '\n');

        return end ? end + 1 : NULL;
}

/* The last line that says it. */
static bool find_url(const char *text, char ret[static GENERATOR_URL_MAX]) {
        bool found = false;

        for (const char *line = text; line; line = next_line(line))
                found = take_url(line, ret) || found;

        return found;
}

/* A line "parameter: message". */
static bool has_message(const char *text) {
        for (const char *line = text; line; line = next_line(line)) {
                size_t length = strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789_");

                if (length > 0 && text_starts_with(line + length, ": "))
                        return true;
        }

        return false;
}

static void fail(GeneratorResult *result, const char *id, const char *why) {
        result->failure = id;
        (void) error_setf(&result->why, ERROR_INVALID, "%s", why);
}

static void name_failure(const char *output, const char *errors, GeneratorResult *ret) {
        for (size_t i = 0; i < ELEMENTSOF(failures); i++) {
                if (strstr(output, failures[i].text) || strstr(errors, failures[i].text)) {
                        fail(ret, failures[i].id, failures[i].text);
                        return;
                }
        }

        if (has_message(errors)) {
                fail(ret, "validation", "the generator refuses the configuration");
        } else {
                fail(ret, "generator-failed",
                     "the generator failed, for a reason not known by name");
        }
}

/* BOOTSTRAP-URL/upgrade/UUID/dcos_node_upgrade.sh */
static void judge_url(const char *bootstrap_url, GeneratorResult *ret) {
        size_t length = strlen(bootstrap_url);
        const char *rest = ret->url + length;

        if (!text_starts_with(ret->url, "http://") && !text_starts_with(ret->url, "https://")) {
                fail(ret, "no-url", "what should be the URL of the node script is none");
                return;
        }
        if (length == 0 || !text_starts_with(ret->url, bootstrap_url) ||
            !text_starts_with(rest, UPGRADE)) {
                fail(ret, "url-prefix", "the URL of the node script is not below bootstrap_url");
                return;
        }

        rest += strlen(UPGRADE);
        (void) text_copy(ret->uuid, sizeof(ret->uuid), rest);
        if (!hex_is_valid(ret->uuid, sizeof(ret->uuid) - 1) ||
            strcmp(rest + sizeof(ret->uuid) - 1, SCRIPT) != 0)
                fail(ret, "no-url", "what should be the URL of the node script is none");
}

void generator_output_read(const GeneratorOutput *output, GeneratorResult *ret) {
        auto_free char *out = copy_text(output->output, output->output_size);
        auto_free char *err = copy_text(output->errors, output->errors_size);

        *ret = (GeneratorResult) {};
        if (!out || !err) {
                fail(ret, "generator-failed", "no memory for what the generator printed");
        } else if (output->exit_status != 0) {
                name_failure(out, err, ret);
        } else if (!find_url(out, ret->url)) {
                fail(ret, "no-url", "the generator ended with 0, but named no node script");
        } else {
                judge_url(output->bootstrap_url, ret);
        }
}

void generator_result_without_file(GeneratorResult *result) {
        if (!result->failure)
                fail(result, "no-script-file", "the node script that it names is not there");
}

int generator_version_read(const char *text, size_t size, GeneratorVersion *ret, Error *error) {
        AUTO(Json) *object = NULL;
        GeneratorVersion version = {};
        int r;

        r = json_parse(text, size, &object, error);
        if (r == 0 && !json_is_object(object))
                r = error_setf(error, ERROR_INVALID, "is no JSON object");
        if (r == 0) {
                r = json_get_string(
                                object, "version", version.version, sizeof(version.version), error);
        }
        if (r == 0) {
                r = json_get_string(
                                object, "variant", version.variant, sizeof(version.variant), error);
        }
        if (r < 0)
                return r;

        *ret = version;
        return 0;
}
