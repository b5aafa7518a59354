/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/options.h"

#include <string.h>

static const ProbeOption *find_option(const ProbeOption *options, const char *name, size_t length) {
        for (; options->name; options++) {
                if (strlen(options->name) == length && memcmp(options->name, name, length) == 0)
                        return options;
        }

        return NULL;
}

static int parse_one(const ProbeOption *options, char *const **arguments, Error *error) {
        const char *argument = **arguments;
        const char *name = argument + strlen("--");
        const ProbeOption *option;
        const char *value;
        size_t length;

        if (strncmp(argument, "--", strlen("--")) != 0)
                return error_setf(error, ERROR_INVALID, "got '%s', want an option", argument);

        length = strcspn(name, "=");
        option = find_option(options, name, length);
        if (!option)
                return error_setf(error, ERROR_INVALID, "unknown option '%s'", argument);
        if (*option->value)
                return error_setf(error, ERROR_INVALID, "--%s is given twice", option->name);

        value = name[length] == '=' ? name + length + 1 : *++*arguments;
        if (!value || !value[0])
                return error_setf(error, ERROR_INVALID, "--%s needs a value", option->name);

        *option->value = value;
        return 0;
}

int probe_options_parse(const ProbeOption *options, char *const arguments[], Error *error) {
        int r;

        for (; *arguments; arguments++) {
                r = parse_one(options, &arguments, error);
                if (r < 0)
                        return r;
        }

        for (; options->name; options++) {
                if (!*options->value && !options->optional)
                        return error_setf(error, ERROR_INVALID, "--%s is missing", options->name);
        }

        return 0;
}
