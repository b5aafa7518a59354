/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/script-output.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/text.h"

#define BEGINS "Upgrading DC/OS "
#define ARROW  " -> "
#define FOUND  "Version found on node: "

/* The more telling first: after the first line of work the versions were right. */
// clang-format off
static const struct {
        const char *id;
        const char *text;
        const char *also; /* or NULL */
} failures[] = {
        { "bad-flag",         "Error: Unsupported flag", NULL },
        { "not-root",         "This script must be run as root", NULL },
        { "not-dcos",         "environment.export", "No such file or directory" },
        { "version-file",     "dcos-version.json", "No such file or directory" },
        { "wrong-version",    "Expecting to upgrade DC/OS from", NULL },
        { "precheck-failed",  "Cannot proceed with upgrade", NULL },
        { "no-role",          "Can't determine this node's role", NULL },
        { "script-is-html",   "syntax error near", "<" },
        { "disk-full",        "No space left on device", NULL },
        { "half-activated",   "Broken past deploy", NULL },
        { "half-activated",   "Unable to swap active packages", NULL },
        { "repo-down",        "Unable to fetch package", NULL },
        { "validation",       "Validation Error:", NULL },
        { "validation",       "Package Error:", NULL },
        { "postcheck-failed", "Node upgrade not successful", NULL },
};
// clang-format on

static const char *find_failure(const char *text) {
        for (size_t i = 0; i < ELEMENTSOF(failures); i++) {
                if (strstr(text, failures[i].text) &&
                    (!failures[i].also || strstr(text, failures[i].also)))
                        return failures[i].id;
        }

        return "script-failed";
}

/* Up to the end of the line, or to `stop`. */
static bool copy_until(const char *text, const char *stop, char *ret, size_t size) {
        size_t length = strcspn(text, "\r\n");
        const char *end = memmem(text, length, stop, strlen(stop));

        if (strlen(stop) > 0) {
                if (!end)
                        return false;

                length = (size_t) (end - text);
        }
        if (length == 0 || length >= size)
                return false;

        memcpy(ret, text, length);
        ret[length] = '\0';
        return true;
}

/* "Upgrading DC/OS public agent 2.1.0 -> 2.1.1" */
static bool read_beginning(const char *text, ScriptOutput *output) {
        static const char *const roles[] = { "master", "agent", "public agent" };
        const char *line = strstr(text, BEGINS);

        if (!line || (line != text && line[-1] != '\n'))
                return false;

        line += strlen(BEGINS);
        for (size_t i = 0; i < ELEMENTSOF(roles); i++) {
                size_t length = strlen(roles[i]);
                const char *rest = line + length + 1, *to;

                if (!text_starts_with(line, roles[i]) || line[length] != ' ')
                        continue;
                if (!copy_until(rest, ARROW, output->from, sizeof(output->from)))
                        return false;

                to = rest + strlen(output->from) + strlen(ARROW);
                return text_copy(output->role, sizeof(output->role), roles[i]) &&
                       copy_until(to, "", output->to, sizeof(output->to));
        }

        return false;
}

int script_output_read(
                const char *text, size_t size, int exit_status, ScriptOutput *ret, Error *error) {
        ScriptOutput output = {};
        auto_free char *copy = NULL;
        const char *found;
        bool begun;

        if (size > 0 && memchr(text, '\0', size))
                return error_setf(error, ERROR_INVALID, "what the script printed is no text");

        copy = text_duplicate(text, size);
        if (!copy)
                return error_setf(error, ERROR_MEMORY, "no memory for what the script printed");

        begun = read_beginning(copy, &output);
        if (exit_status == 0 && !begun) {
                return error_setf(
                                error, ERROR_INVALID,
                                "the script ended with 0, but did not say '" BEGINS "ROLE A -> B'");
        }

        if (exit_status != 0)
                output.error = find_failure(copy);
        found = strstr(copy, FOUND);
        if (found)
                (void) copy_until(found + strlen(FOUND), "", output.found, sizeof(output.found));

        *ret = output;
        return 0;
}
