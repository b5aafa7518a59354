/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/prepare/config-check.h"

#include <arpa/inet.h>
#include <string.h>

#include "common/json.h"
#include "common/parse.h"
#include "common/text.h"

#define DNS_SEARCH_MAX   255
#define DNS_DOMAINS_MAX  6
#define LIST_SHOWN_MAX   64
#define ADDRESS_TEXT_LEN 16

/* --- one value --- */

typedef enum ValueRule {
        RULE_BOOL,
        RULE_ONE_OF, /* the words, separated by blanks */
        RULE_RANGE,
        RULE_ABSOLUTE, /* path */
        RULE_NO_SLASH, /* at its end */
        RULE_SLASH,    /* at its beginning */
        RULE_MASTERS,  /* how many there may be */
        RULE_ADDRESSES,
        RULE_RESOLVERS,
        RULE_DOMAINS,
        RULE_ZK_HOSTS,
} ValueRule;

typedef struct KeyRule {
        const char *key;
        ValueRule rule;
        bool enterprise; /* the open generator does not know it */
        const char *words;
        uint64_t min, max;
        bool or_empty;
} KeyRule;

// clang-format off
static const KeyRule rules[] = {
        { "adminrouter_grpc_proxy_port",  RULE_RANGE, .min = 1, .max = 65535 },
        { "adminrouter_tls_1_0_enabled",  RULE_BOOL },
        { "adminrouter_tls_1_1_enabled",  RULE_BOOL },
        { "adminrouter_tls_1_2_enabled",  RULE_BOOL },
        { "bootstrap_url",                RULE_NO_SLASH },
        { "calico_vxlan_port",            RULE_RANGE, .min = 1025, .max = 65535 },
        { "check_time",                   RULE_BOOL },
        { "dcos_l4lb_enable_ipv6",        RULE_BOOL },
        { "dcos_net_push_ops_timeout",    RULE_RANGE, .min = 50, .max = 120000 },
        { "dcos_overlay_config_attempts", RULE_RANGE, .min = 0, .max = 10 },
        { "dcos_overlay_mtu",             RULE_RANGE, .min = 552, .max = UINT32_MAX },
        { "diagnostics_bundles_dir",      RULE_ABSOLUTE },
        { "dns_search",                   RULE_DOMAINS },
        { "enable_ipv6",                  RULE_BOOL },
        { "enable_mesos_input_plugin",    RULE_BOOL },
        { "exhibitor_explicit_keys",      RULE_BOOL },
        { "exhibitor_storage_backend",    RULE_ONE_OF, .words = "static zookeeper shared_filesystem aws_s3 azure" },
        { "exhibitor_zk_hosts",           RULE_ZK_HOSTS },
        { "exhibitor_zk_path",            RULE_SLASH },
        { "marathon_new_group_enforce_role", RULE_ONE_OF, .words = "top off", .or_empty = true },
        { "master_discovery",             RULE_ONE_OF, .words = "static master_http_loadbalancer" },
        { "master_list",                  RULE_ADDRESSES },
        { "mesos_agent_work_dir",         RULE_ABSOLUTE },
        { "mesos_log_retention_mb",       RULE_RANGE, .min = 1024, .max = UINT32_MAX },
        { "mesos_master_work_dir",        RULE_ABSOLUTE },
        { "num_masters",                  RULE_MASTERS },
        { "oauth_enabled",                RULE_BOOL },
        { "resolvers",                    RULE_RESOLVERS },
        { "s3_prefix",                    RULE_NO_SLASH },
        { "telemetry_enabled",            RULE_BOOL },
        { "use_proxy",                    RULE_BOOL },
        { "security",                     RULE_ONE_OF, .enterprise = true, .words = "permissive strict" },
        { "fault_domain_enabled",         RULE_BOOL, .enterprise = true },
        { "exhibitor_tls_required",       RULE_BOOL, .enterprise = true },
        { "auth_cookie_secure_flag",      RULE_BOOL, .enterprise = true },
};

/* Keys of Enterprise whose values are not looked at. */
static const char *const enterprise_keys[] = {
        "superuser_username", "superuser_password_hash", "license_key_contents",
        "ca_certificate_path", "ca_certificate_key_path", "ca_certificate_chain_path",
        "zk_super_credentials", "zk_master_credentials", "zk_agent_credentials",
        "exhibitor_bootstrap_ca_url", "bouncer_expiration_auth_token_days",
        "feature_dcos_storage_enabled",
};
// clang-format on

static bool is_word_of(const char *words, const char *text) {
        size_t length = strlen(text);

        for (const char *at = words; length > 0 && (at = strstr(at, text)); at++) {
                if ((at == words || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
                        return true;
        }

        return false;
}

static bool is_master_count(uint64_t count) {
        return count <= 9 && count % 2 == 1;
}

static bool is_ipv4(const char *text) {
        struct in_addr address;

        return inet_pton(AF_INET, text, &address) == 1;
}

/* "8.8.8.8", "8.8.8.8:53" */
static bool is_resolver(const char *text) {
        char address[ADDRESS_TEXT_LEN];
        size_t length = strcspn(text, ":");
        uint16_t port;

        if (length >= sizeof(address))
                return false;

        memcpy(address, text, length);
        address[length] = '\0';
        return is_ipv4(address) && (!text[length] || parse_port(text + length + 1, &port) == 0);
}

static bool stands_before(const Json *list, const Json *item) {
        for (const Json *each = json_first(list); each != item; each = json_next(each)) {
                if (strcmp(json_string_value(each), json_string_value(item)) == 0)
                        return true;
        }

        return false;
}

/* Addresses, none of them twice. How many there are, or 0 after a finding. */
static size_t check_list(
                const YamlValue *value, bool (*is_good)(const char *text), Findings *findings) {
        AUTO(Json) *list = NULL;

        if (json_parse(value->text, strlen(value->text), &list, NULL) < 0 || !json_is_array(list)) {
                findings_refuse(findings, value->key, "line %zu: no list", value->line);
                return 0;
        }

        for (const Json *item = json_first(list); item; item = json_next(item)) {
                const char *text = json_string_value(item);

                if (!text || !is_good(text)) {
                        findings_refuse(findings, value->key,
                                        "line %zu: '%.64s' is no IPv4 address", value->line,
                                        text ? text : "");
                        return 0;
                }
                if (stands_before(list, item)) {
                        findings_refuse(findings, value->key, "line %zu: %s stands there twice",
                                        value->line, text);
                        return 0;
                }
        }

        return json_size(list);
}

static void check_masters(const YamlValue *value, Findings *findings) {
        size_t count = check_list(value, is_ipv4, findings);

        if (!is_master_count(count)) {
                findings_refuse(findings, value->key, "line %zu: %zu masters, want 1, 3, 5, 7 or 9",
                                value->line, count);
        }
}

static bool are_domains(const char *text) {
        size_t count = 0;

        for (const char *at = text + strspn(text, " "); *at; at += strspn(at, " ")) {
                count++;
                at += strcspn(at, " ");
        }

        return strlen(text) <= DNS_SEARCH_MAX && count <= DNS_DOMAINS_MAX && !strpbrk(text, ",\n");
}

/* "10.0.0.21:2181, 10.0.0.22:2181" */
static bool are_zk_hosts(const char *text) {
        return text[0] && !text_starts_with(text, "zk://") && strchr(text, ':');
}

static bool is_in_range(const KeyRule *rule, const char *text) {
        uint64_t number;

        return parse_u64(text, rule->min, rule->max, &number) == 0;
}

static bool is_count(const char *text) {
        uint64_t count;

        return parse_u64(text, 1, 9, &count) == 0 && is_master_count(count);
}

/* NULL: it is; otherwise what it should be. */
static const char *find_wish(const KeyRule *rule, const char *text) {
        size_t length = strlen(text);

        switch (rule->rule) {
        case RULE_BOOL:
                return is_word_of("true false", text) ? NULL : "true or false";
        case RULE_ONE_OF:
                return is_word_of(rule->words, text) ? NULL : rule->words;
        case RULE_RANGE:
                return is_in_range(rule, text) ? NULL : "a number within its limits";
        case RULE_ABSOLUTE:
                return text[0] == '/' ? NULL : "an absolute path";
        case RULE_NO_SLASH:
                return length > 1 && text[length - 1] != '/' ? NULL : "no slash at its end";
        case RULE_SLASH:
                return text[0] == '/' ? NULL : "/path/to/znode";
        case RULE_MASTERS:
                return is_count(text) ? NULL : "1, 3, 5, 7 or 9";
        case RULE_DOMAINS:
                return are_domains(text) ? NULL : "at most 6 domains, separated by blanks";
        case RULE_ZK_HOSTS:
                return are_zk_hosts(text) ? NULL : "HOST:PORT,HOST:PORT, without zk://";
        case RULE_ADDRESSES:
        case RULE_RESOLVERS:
                return NULL;
        }

        return NULL;
}

static void check_value(const KeyRule *rule, const YamlValue *value, Findings *findings) {
        const char *wish = rule->or_empty && !value->text[0] ? NULL : find_wish(rule, value->text);
        char shown[LIST_SHOWN_MAX];

        if (rule->rule == RULE_ADDRESSES) {
                check_masters(value, findings);
        } else if (rule->rule == RULE_RESOLVERS) {
                (void) check_list(value, is_resolver, findings);
        } else if (wish) {
                text_ellipsize(shown, sizeof(shown), value->text);
                findings_refuse(findings, value->key, "line %zu: is '%s', want %s", value->line,
                                shown, wish);
        }
}

/* --- all of them --- */

static const KeyRule *find_rule(const char *key) {
        for (size_t i = 0; i < ELEMENTSOF(rules); i++) {
                if (strcmp(rules[i].key, key) == 0)
                        return &rules[i];
        }

        return NULL;
}

static bool is_enterprise(const char *key) {
        const KeyRule *rule = find_rule(key);

        for (size_t i = 0; i < ELEMENTSOF(enterprise_keys); i++) {
                if (strcmp(enterprise_keys[i], key) == 0)
                        return true;
        }

        return rule && rule->enterprise;
}

/* One finding, by the first of them, for all: they have one cause. */
static void check_variant(const YamlFlat *config, Findings *findings) {
        const char *first = NULL;
        size_t count = 0;

        for (size_t i = 0; i < config->count; i++) {
                if (!is_enterprise(config->values[i].key))
                        continue;

                first = first ? first : config->values[i].key;
                count++;
        }

        if (first) {
                findings_refuse(findings, first,
                                "the open generator does not know it%s: it is of DC/OS Enterprise",
                                count > 1 ? ", nor others like it" : "");
        }
}

static const char *get(const YamlFlat *config, const char *key, const char *standard) {
        const YamlValue *value = yaml_flat_find(config, key);

        return value ? value->text : standard;
}

static void check_together(const YamlFlat *config, Findings *findings) {
        const char *discovery = get(config, "master_discovery", "static");
        const char *backend = get(config, "exhibitor_storage_backend", "");

        if (!yaml_flat_find(config, "bootstrap_url"))
                findings_refuse(findings, "bootstrap_url", "it is missing");
        if (!backend[0])
                findings_refuse(findings, "exhibitor_storage_backend", "it is missing");
        if (strcmp(discovery, "static") != 0 && strcmp(backend, "static") == 0) {
                findings_refuse(findings, "exhibitor_storage_backend",
                                "is static, but master_discovery is not");
        }
}

static void check_ipv6(const YamlFlat *config, Findings *findings) {
        if (strcmp(get(config, "enable_ipv6", "true"), "true") == 0) {
                findings_warn(findings, "enable-ipv6",
                              "enable_ipv6 is true, which the documents advise against: overlay "
                              "networks");
        } else if (strcmp(get(config, "dcos_l4lb_enable_ipv6", "true"), "false") != 0) {
                findings_refuse(findings, "dcos_l4lb_enable_ipv6",
                                "must be false when enable_ipv6 is; by itself it is true");
        }
}

static void check_key(const YamlValue *value, bool enterprise, Findings *findings) {
        const KeyRule *rule = find_rule(value->key);

        if (value->kind == YAML_KIND_NULL) {
                findings_refuse(findings, value->key, "line %zu: it has no value", value->line);
        } else if (value->kind == YAML_KIND_FLOAT) {
                findings_refuse(findings, value->key,
                                "line %zu: a number that is not whole, or a date: quote it",
                                value->line);
        } else if (rule && (enterprise || !rule->enterprise)) {
                check_value(rule, value, findings);
        }
}

void config_check(const YamlFlat *config, bool enterprise, Findings *findings) {
        for (size_t i = 0; i < config->count; i++)
                check_key(&config->values[i], enterprise, findings);

        if (!enterprise)
                check_variant(config, findings);
        check_together(config, findings);
        check_ipv6(config, findings);
}
