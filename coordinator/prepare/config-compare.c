/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/prepare/config-compare.h"

#include <string.h>

#define HIDDEN "**HIDDEN**"

/* What a patch may change (reference 4.1), with what holds when it is not there. */
// clang-format off
static const struct {
        const char *key;
        const char *standard;
} changeable[] = {
        { "custom_checks",             "{}"                      },
        { "dns_search",                ""                        },
        { "docker_remove_delay",       "1hrs"                    },
        { "enable_mesos_input_plugin", "true"                    },
        { "gc_delay",                  "2days"                   },
        { "http_proxy",                ""                        },
        { "https_proxy",               ""                        },
        { "no_proxy",                  ""                        },
        { "resolvers",                 "[\"8.8.8.8\", \"8.8.4.4\"]" },
        { "security",                  "permissive"              },
        { "telemetry_enabled",         "true"                    },
        { "use_proxy",                 "false"                   },
};

/* Defaults of keys that may not change, so that a key that is only written down is no difference. */
static const struct {
        const char *key;
        const char *standard;
} fixed[] = {
        { "check_time",              "true"   },
        { "dcos_l4lb_enable_ipv6",   "true"   },
        { "enable_ipv6",             "true"   },
        { "exhibitor_explicit_keys", "false"  },
        { "master_discovery",        "static" },
        { "oauth_enabled",           "true"   },
        { "rexray_config_preset",    ""       },
};

/* Of the installer, or made by the generator: no part of the configuration of a cluster. */
static const char *const ignored[] = {
        "agent_list", "log_directory", "process_timeout", "provider", "public_agent_list",
        "ssh_key_path", "ssh_port", "ssh_user",
};
// clang-format on

static bool is_ignored(const char *key) {
        for (size_t i = 0; i < ELEMENTSOF(ignored); i++) {
                if (strcmp(ignored[i], key) == 0)
                        return true;
        }

        return false;
}

static bool is_changeable(const char *key, const char **ret_standard) {
        for (size_t i = 0; i < ELEMENTSOF(changeable); i++) {
                if (strcmp(changeable[i].key, key) == 0) {
                        *ret_standard = changeable[i].standard;
                        return true;
                }
        }
        for (size_t i = 0; i < ELEMENTSOF(fixed); i++) {
                if (strcmp(fixed[i].key, key) == 0)
                        *ret_standard = fixed[i].standard;
        }

        return false;
}

typedef struct Comparison {
        bool version_changes;
        bool hidden;
        bool stricter;
        size_t changes;
        Findings *findings;
} Comparison;

/* "disabled" is no new value any more, but there are clusters that have it. */
static int strictness(const char *security) {
        static const char *const order[] = { "disabled", "permissive", "strict" };

        for (int i = 0; i < (int) ELEMENTSOF(order); i++) {
                if (strcmp(order[i], security) == 0)
                        return i;
        }

        return -1;
}

static void compare_security(Comparison *comparison, const char *old, const char *new) {
        if (strictness(old) < 0 || strictness(new) <= strictness(old)) {
                findings_refuse(comparison->findings, "security",
                                "from %.32s to %.32s is not possible, only towards stricter", old,
                                new);
        } else if (comparison->version_changes) {
                findings_refuse(comparison->findings, "security",
                                "changes together with the version: one after the other");
        } else {
                comparison->stricter = strcmp(new, "strict") == 0;
        }
}

typedef struct Change {
        const char *key;
        const char *was; /* NULL: not set, and what holds then is not known; likewise below */
        const char *is;
        bool may;
} Change;

static bool is_same(const Change *change) {
        return change->was && change->is && strcmp(change->was, change->is) == 0;
}

static void judge_change(Comparison *comparison, const Change *change) {
        comparison->changes++;
        if (!change->may || !change->was || !change->is) {
                findings_refuse(comparison->findings, change->key,
                                "must not change: it was %.64s, now %.64s",
                                change->was ? change->was : "not set",
                                change->is ? change->is : "not set");
        } else if (strcmp(change->key, "security") == 0) {
                compare_security(comparison, change->was, change->is);
        } else if (comparison->version_changes) {
                findings_refuse(comparison->findings, change->key,
                                "changes together with the version: one after the other");
        }
}

static bool is_hidden(const YamlValue *before, const YamlValue *after) {
        return before && after && strcmp(before->text, HIDDEN) == 0;
}

static void compare_key(
                Comparison *comparison, const char *key, const YamlFlat *old, const YamlFlat *new) {
        const YamlValue *before = yaml_flat_find(old, key), *after = yaml_flat_find(new, key);
        Change change = { .key = key };
        const char *standard = NULL;

        change.may = is_changeable(key, &standard);
        change.was = before ? before->text : standard;
        change.is = after ? after->text : standard;
        if (is_ignored(key) || is_same(&change))
                return;

        if (is_hidden(before, after)) {
                comparison->hidden = true;
        } else {
                judge_change(comparison, &change);
        }
}

/* Going strict is a step of its own. */
static void conclude(const Comparison *comparison) {
        if (comparison->stricter && comparison->changes > 1) {
                findings_refuse(comparison->findings, "security",
                                "nothing else may change when it becomes strict");
        } else if (comparison->stricter) {
                findings_warn(comparison->findings, "strict-irreversible",
                              "only a new installation leads back from strict");
        }
        if (comparison->hidden) {
                findings_warn(comparison->findings, "hidden-secret",
                              "the old value of a secret is hidden: it could not be compared");
        }
        if (comparison->changes == 0 && !comparison->version_changes) {
                findings_warn(comparison->findings, "no-change",
                              "same version, same configuration: there is nothing to do");
        }
}

void config_compare(
                const YamlFlat *old,
                const YamlFlat *new,
                bool version_changes,
                Findings *findings) {
        Comparison comparison = { .version_changes = version_changes, .findings = findings };

        for (size_t i = 0; i < new->count; i++)
                compare_key(&comparison, new->values[i].key, old, new);

        for (size_t i = 0; i < old->count; i++) {
                if (!yaml_flat_find(new, old->values[i].key))
                        compare_key(&comparison, old->values[i].key, old, new);
        }

        conclude(&comparison);
}
