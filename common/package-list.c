/* SPDX-License-Identifier: Apache-2.0 */
#include "common/package-list.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json.h"
#include "common/parse.h"
#include "common/text.h"

#define LIST_ID_DIGITS (PACKAGE_LIST_ID_MAX - 1)

/* Called for each line, without its end. */
typedef int (*LineRead)(const char *line, size_t length, void *userdata, Error *error);

static int each_line(
                const char *text, size_t size, LineRead read_line, void *userdata, Error *error) {
        const char *end = text + size;
        int r;

        for (const char *line = text; line < end;) {
                const char *stop = memchr(line, '\n', (size_t) (end - line));
                size_t length = stop ? (size_t) (stop - line) : (size_t) (end - line);

                if (!stop)
                        return error_setf(error, ERROR_INVALID, "its last line does not end");

                r = read_line(line, length, userdata, error);
                if (r < 0)
                        return r;

                line += length + 1;
        }

        return 0;
}

static int finish(PackageSet *set, Error *error) {
        if (set->count == 0)
                return error_setf(error, ERROR_INVALID, "a list of no packages is no answer");

        package_set_sort(set);
        return 0;
}

/* --- pkgpanda --- */

static int add_active(const char *line, size_t length, void *userdata, Error *error) {
        return package_set_add(userdata, line, length, error);
}

int package_list_read_active(const char *text, size_t size, PackageSet *ret, Error *error) {
        int r;

        ret->count = 0;
        r = each_line(text, size, add_active, ret, error);
        return r < 0 ? r : finish(ret, error);
}

typedef struct Groups {
        PackageSet *set;
        char name[PACKAGE_ID_MAX]; /* of the group; empty: none */
} Groups;

static int add_of_group(const Groups *groups, const char *version, size_t length, Error *error) {
        char id[PACKAGE_ID_MAX];

        if (!groups->name[0] ||
            !text_format(id, sizeof(id), "%s--%.*s", groups->name, (int) length, version))
                return error_setf(error, ERROR_INVALID, "a version stands under no name");

        return package_set_add(groups->set, id, strlen(id), error);
}

static int add_downloaded(const char *line, size_t length, void *userdata, Error *error) {
        Groups *groups = userdata;
        bool begins = length > 1 && line[length - 1] == ':';

        if (length > 2 && length < PACKAGE_ID_MAX && line[0] == ' ' && line[1] == ' ')
                return add_of_group(groups, line + 2, length - 2, error);
        if (begins && length > sizeof(groups->name))
                return error_setf(error, ERROR_TOO_BIG, "a name has %zu bytes", length);

        groups->name[0] = '\0';
        if (!begins)
                return package_set_add(groups->set, line, length, error);

        memcpy(groups->name, line, length - 1);
        groups->name[length - 1] = '\0';
        return 0;
}

int package_list_read_downloaded(const char *text, size_t size, PackageSet *ret, Error *error) {
        Groups groups = { .set = ret };
        int r;

        ret->count = 0;
        r = each_line(text, size, add_downloaded, &groups, error);
        return r < 0 ? r : finish(ret, error);
}

/* --- the generator's --- */

static int add_item(const Json *item, PackageSet *set, Error *error) {
        const Json *of_object = json_is_object(item) ? json_find(item, "id") : item;
        const char *id = json_string_value(of_object);

        if (!id)
                return error_setf(error, ERROR_INVALID, "a package has no id");

        return package_set_add(set, id, strlen(id), error);
}

int package_list_read_json(const char *text, size_t size, PackageSet *ret, Error *error) {
        AUTO(Json) *json = NULL;
        int r;

        ret->count = 0;
        r = json_parse(text, size, &json, error);
        if (r < 0)
                return r;

        if (!json_is_array(json) && !json_is_object(json))
                return error_setf(error, ERROR_INVALID, "is no list of packages");

        for (const Json *item = json_first(json); item; item = json_next(item)) {
                r = add_item(item, ret, error);
                if (r < 0)
                        return r;
        }

        return finish(ret, error);
}

int package_list_read_id(
                const char *text, size_t size, char ret[static PACKAGE_LIST_ID_MAX], Error *error) {
        char id[PACKAGE_LIST_ID_MAX];

        if (size > 0 && text[size - 1] == '\n')
                size--;
        if (size != LIST_ID_DIGITS) {
                return error_setf(
                                error, ERROR_INVALID, "has %zu bytes, want %d hexadecimal digits",
                                size, LIST_ID_DIGITS);
        }

        memcpy(id, text, size);
        id[size] = '\0';
        if (!hex_is_valid(id, LIST_ID_DIGITS))
                return error_setf(error, ERROR_INVALID, "is no package list id");

        memcpy(ret, id, sizeof(id));
        return 0;
}

/* --- asking a set --- */

const char *package_set_version(const PackageSet *set, const char *name) {
        const char *found = NULL;
        size_t length = strlen(name);

        for (size_t i = 0; i < set->count; i++) {
                if (strncmp(set->ids[i], name, length) != 0 ||
                    !text_starts_with(set->ids[i] + length, "--"))
                        continue;
                if (found)
                        return NULL;

                found = set->ids[i] + length + 2;
        }

        return found;
}
