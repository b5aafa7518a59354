/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/units.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "node-agent/process.h"

/* A few questions at a time: the answers are some 10 KB each, and nobody is in a hurry. After the
 * first one that is not answered no more are asked, and the sample is unknown: a node of which one
 * unit is not known is not known. */

#define WANTS    "etc/systemd/system/dcos.target.wants"
#define AT_ONCE  4
#define NAME_SET "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@"

typedef struct UnitAsk {
        Units *units;
        UnitWatch *watch; /* NULL: not asking */
        size_t index;
} UnitAsk;

struct Units {
        SystemdBus *bus;
        UnitStatus status[UNITS_MAX];
        size_t count;
        size_t next; /* to be asked */
        UnitAsk asks[AT_ONCE];
        Error error;
        UnitsDone on_done;
        void *userdata;
};

/* --- names --- */

static void auto_close_directory(DIR **directory) {
        if (*directory)
                (void) closedir(*directory);
}

static int add_name(Units *units, const char *name, Error *error) {
        char shown[UNIT_MAX];

        if (name[0] == '.' || unit_is_excluded(name))
                return 0;

        text_ellipsize(shown, sizeof(shown), name);
        if (name[strspn(name, NAME_SET)] != '\0' || !strchr(name, '.') || strlen(name) >= UNIT_MAX)
                return error_setf(error, ERROR_INVALID, "/" WANTS ": '%s' is no unit", shown);
        if (units->count == UNITS_MAX) {
                return error_setf(
                                error, ERROR_TOO_BIG, "/" WANTS " holds more than %d units",
                                UNITS_MAX);
        }

        (void) text_copy(units->status[units->count++].name, UNIT_MAX, name);
        return 0;
}

static int compare(const void *a, const void *b) {
        const UnitStatus *left = a, *right = b;

        return unit_compare(left->name, right->name);
}

static int read_names(Units *units, const char *root, Error *error) {
        __attribute__((cleanup(auto_close_directory))) DIR *directory = NULL;
        const struct dirent *entry;
        char path[PATH_MAX];
        int r = 0;

        if (!text_format(path, sizeof(path), "%s/" WANTS, root))
                return error_setf(error, ERROR_TOO_BIG, "'%s' is too long", root);

        directory = opendir(path);
        if (!directory)
                return error_errnof(error, errno, "cannot read /" WANTS);

        /* The stream is ours alone. NOLINTNEXTLINE(concurrency-mt-unsafe) */
        while (r == 0 && (entry = readdir(directory)))
                r = add_name(units, entry->d_name, error);
        if (r < 0)
                return r;
        if (units->count == 0)
                return error_setf(error, ERROR_NOT_FOUND, "/" WANTS " holds no units");

        qsort(units->status, units->count, sizeof(units->status[0]), compare);
        return 0;
}

/* --- answers --- */

static void take_facts(UnitStatus *status, const UnitFacts *facts) {
        char name[UNIT_MAX];
        Error ignored = {};

        memcpy(name, status->name, sizeof(name));
        *status = facts->status;
        memcpy(status->name, name, sizeof(name));

        /* One that ended just now has no start; how its unit is seen then is for the judgement. */
        if (status->main_pid != 0)
                (void) process_read_start(status->main_pid, &status->main_start, &ignored);
}

static bool is_asking(const Units *units) {
        for (size_t i = 0; i < AT_ONCE; i++) {
                if (units->asks[i].watch)
                        return true;
        }

        return false;
}

static void ask_next(UnitAsk *ask);

static void on_facts(const UnitFacts *facts, void *userdata) {
        UnitAsk *ask = ASSERT_PTR(userdata);
        Units *units = ask->units;
        UnitStatus *status = &units->status[ask->index];

        unit_watch_free(TAKE(ask->watch));
        if (facts->state == UNIT_UNKNOWN && units->error.code == ERROR_NONE) {
                (void) error_setf(
                                &units->error, ERROR_UNREACHABLE, "%s: %s", status->name,
                                facts->text);
        } else if (facts->state != UNIT_UNKNOWN) {
                take_facts(status, facts);
        }

        ask_next(ask);
        if (!is_asking(units))
                units->on_done(units->status, units->count, &units->error, units->userdata);
}

static void ask_next(UnitAsk *ask) {
        static const UnitHandlers handlers = { .on_facts = on_facts };
        Units *units = ask->units;

        if (units->next == units->count || units->error.code != ERROR_NONE)
                return;

        ask->index = units->next++;
        if (unit_watch_new(units->bus, units->status[ask->index].name, &handlers, ask, &ask->watch,
                           &units->error) == 0)
                unit_watch_ask(ask->watch);
}

/* --- the whole --- */

static bool is_wanted(const Units *units, const char *name) {
        for (size_t i = 0; i < units->count; i++) {
                if (strcmp(units->status[i].name, name) == 0)
                        return true;
        }

        return false;
}

static void add_more(Units *units, const UnitNames *more) {
        for (size_t i = 0; more && i < more->count && units->count < UNITS_MAX; i++) {
                const char *name = more->names[i];

                if (!is_wanted(units, name))
                        (void) text_copy(units->status[units->count++].name, UNIT_MAX, name);
        }
}

static Units *units_new(SystemdBus *bus, UnitsDone on_done, void *userdata, Error *error) {
        Units *units = calloc(1, sizeof(*units));

        if (!units) {
                (void) error_setf(error, ERROR_MEMORY, "out of memory");
                return NULL;
        }

        units->bus = bus;
        units->on_done = on_done;
        units->userdata = userdata;
        return units;
}

static int ask_all(Units *units, Error *error) {
        for (size_t i = 0; i < AT_ONCE; i++) {
                units->asks[i].units = units;
                ask_next(&units->asks[i]);
        }
        if (!is_asking(units)) {
                *error = units->error;
                return error_to_errno(error->code);
        }

        return 0;
}

int units_start(SystemdBus *bus,
                const char *root,
                const UnitNames *more,
                UnitsDone on_done,
                void *userdata,
                Units **ret,
                Error *error) {
        AUTO(Units) *units = units_new(bus, on_done, userdata, error);
        int r = 0;

        if (!units)
                return -ENOMEM;

        if (root)
                r = read_names(units, root, error);
        if (r < 0)
                return r;

        add_more(units, more);
        r = ask_all(units, error);
        if (r < 0)
                return r;

        *ret = TAKE(units);
        return 0;
}

void units_free(Units *units) {
        if (!units)
                return;

        for (size_t i = 0; i < AT_ONCE; i++)
                unit_watch_free(units->asks[i].watch);
        free(units);
}
