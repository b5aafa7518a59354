/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/catalogue.h"

#include <string.h>

#include "common/parse.h"
#include "common/text.h"

/* "dcos-*": every unit of DC/OS. */
static bool is_pattern(const char *place) {
        return strchr(place, '*');
}

static bool place_fits(const char *pattern, const char *place) {
        return is_pattern(pattern) ? strncmp(pattern, place, strlen(pattern) - 1) == 0
                                   : strcmp(pattern, place) == 0;
}

static bool is_in_line(const Sign *sign, const char *line) {
        return strstr(line, sign->text) && (!sign->also || strstr(line, sign->also));
}

static bool is_fatal_at_once(const Failure *failure) {
        return failure->class == FAILURE_FATAL && failure->patience == 0;
}

/* A pattern catches what no row names; for a verdict the row must name the unit. */
static bool is_verdict(const Failure *failure, const Sign *sign, Role role) {
        return is_fatal_at_once(failure) && sign->where == SIGN_JOURNAL &&
               (sign->roles & IN(role)) && !is_pattern(sign->place);
}

const Failure *catalogue_find(Role role, const char *unit, const char *line) {
        for (size_t i = 0; i < failure_count; i++) {
                for (const Sign *sign = failures[i].signs; sign->roles; sign++) {
                        if (is_verdict(&failures[i], sign, role) &&
                            strcmp(sign->place, unit) == 0 && is_in_line(sign, line))
                                return &failures[i];
                }
        }

        return NULL;
}

static size_t add_place(
                const char *ret[static CATALOGUE_UNITS_MAX], size_t count, const char *place) {
        for (size_t i = 0; i < count; i++) {
                if (strcmp(ret[i], place) == 0)
                        return count;
        }

        assert(count < CATALOGUE_UNITS_MAX);
        ret[count] = place;
        return count + 1;
}

size_t catalogue_units(Role role, const char *ret[static CATALOGUE_UNITS_MAX]) {
        size_t count = 0;

        for (size_t i = 0; i < failure_count; i++) {
                for (const Sign *sign = failures[i].signs; sign->roles; sign++) {
                        if (is_verdict(&failures[i], sign, role))
                                count = add_place(ret, count, sign->place);
                }
        }

        return count;
}

const Failure *catalogue_match(
                Role role, SignPlace where, const char *place, const char *line, const Sign **ret) {
        for (size_t i = 0; i < failure_count; i++) {
                for (const Sign *sign = failures[i].signs; sign->roles; sign++) {
                        if (sign->where != where || !(sign->roles & IN(role)) ||
                            !place_fits(sign->place, place) || !is_in_line(sign, line))
                                continue;

                        *ret = sign;
                        return &failures[i];
                }
        }

        return NULL;
}

bool catalogue_number_is(const char *text, uint64_t value) {
        const char *sign = text + strcspn(text, "=>");
        uint64_t wanted = 0;

        if (parse_u64(sign + 1, 0, UINT64_MAX, &wanted) < 0)
                return false;

        return *sign == '>' ? value > wanted : value == wanted;
}

size_t catalogue_places(Role role, SignPlace where, const char *ret[static CATALOGUE_UNITS_MAX]) {
        size_t count = 0;

        for (size_t i = 0; i < failure_count; i++) {
                for (const Sign *sign = failures[i].signs; sign->roles; sign++) {
                        if (sign->where == where && (sign->roles & IN(role)) &&
                            !is_pattern(sign->place))
                                count = add_place(ret, count, sign->place);
                }
        }

        return count;
}

Component catalogue_component(const char *unit) {
        static const struct {
                const char *prefix;
                Component component;
        } units[] = {
                { "dcos-setup.", COMPONENT_STEP },
                { "dcos-exhibitor.", COMPONENT_EXHIBITOR },
                { "dcos-mesos-master.", COMPONENT_MESOS_MASTER },
                { "dcos-mesos-slave", COMPONENT_MESOS_AGENT },
                { "dcos-mesos-dns.", COMPONENT_MESOS_DNS },
                { "dcos-net", COMPONENT_NET },
                { "dcos-marathon.", COMPONENT_MARATHON },
                { "dcos-metronome.", COMPONENT_JOBS },
                { "dcos-adminrouter", COMPONENT_ADMIN_ROUTER },
                { "dcos-cockroach", COMPONENT_DATABASE },
                { "dcos-etcd.", COMPONENT_DATABASE },
                { "docker.", COMPONENT_DOCKER },
        };

        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                if (text_starts_with(unit, units[i].prefix))
                        return units[i].component;
        }

        return COMPONENT_OTHER;
}
