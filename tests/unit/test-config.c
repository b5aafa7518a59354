/* SPDX-License-Identifier: Apache-2.0 */
#include "common/config.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/digest.h"
#include "common/parse.h"
#include "common/span.h"
#include "common/text.h"

typedef struct Settings {
        char cluster[32];
        char node[NAME_TEXT_MAX];
        char state_dir[32];
        char listen[64];
        char url[64];
        char sha256[DIGEST_TEXT_MAX];
        uint64_t script_size;
        usec_t dwell;
        usec_t wait;
        char masters[3][NAME_TEXT_MAX];
        size_t master_count;
        bool verbose;
        uint64_t batch;
        uint64_t budget;
        char proxy[64];
        char deep[8];
} Settings;

#define PLACE(member) \
        .offset = offsetof(Settings, member), .size = sizeof(((Settings *) NULL)->member)

// clang-format off
static const ConfigField fields[] = {
        { "cluster",       CONFIG_TEXT,     PLACE(cluster),     .help = "name of the cluster" },
        { "node",          CONFIG_NAME,     PLACE(node),        .standard = "m1" },
        { "state_dir",     CONFIG_PATH,     PLACE(state_dir),   .standard = "/var/lib/x" },
        { "listen",        CONFIG_ENDPOINT, PLACE(listen),      .standard = "192.0.2.1:32070" },
        { "script.url",    CONFIG_URL,      PLACE(url),         .help = "where it is" },
        { "script.sha256", CONFIG_SHA256,   PLACE(sha256),      .standard = "" },
        { "script.size",   CONFIG_SIZE,     PLACE(script_size), .min = 1, .max = 1 << 20, .standard = "64K" },
        { "gate.dwell",    CONFIG_SPAN,     PLACE(dwell),       .min = USEC_PER_SEC, .max = USEC_PER_HOUR, .standard = "60s" },
        { "gate.wait",     CONFIG_SPAN,     PLACE(wait),        .standard = "90s" },
        { "masters",       CONFIG_NAMES,    PLACE(masters), .max = 3, .count_offset = offsetof(Settings, master_count), .standard = "[]" },
        { "verbose",       CONFIG_BOOL,     PLACE(verbose),     .standard = "false" },
        { "batch",         CONFIG_U64,      PLACE(batch),       .min = 1, .max = 50, .standard = "10" },
        { "budget",        CONFIG_U64,      PLACE(budget),      .standard = "2" },
        { "proxy",         CONFIG_URL,      PLACE(proxy),       .standard = "" },
        { "a.b.c",         CONFIG_TEXT,     PLACE(deep),        .standard = "" },
        {},
};
// clang-format on

#define DIGEST  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define MINIMAL "cluster: c1\nscript:\n  url: http://boot/x\n"

static int parse(const char *text, Settings *ret, ConfigErrors *errors) {
        return config_parse(fields, "f.yaml", text, strlen(text), ret, sizeof(*ret), errors);
}

static Settings parse_good(const char *text) {
        ConfigErrors errors = {};
        Settings settings = {};

        if (parse(text, &settings, &errors) < 0)
                fail_msg("%s", errors.text);

        assert_int_equal(errors.count, 0);
        assert_string_equal(errors.text, "");
        return settings;
}

/* Exactly these mistakes, and nothing is changed. */
static void assert_mistakes(const char *text, unsigned count, const char *want) {
        ConfigErrors errors = {};
        Settings settings, before;

        memset(&settings, 0x5a, sizeof(settings));
        memcpy(&before, &settings, sizeof(settings));

        assert_int_equal(parse(text, &settings, &errors), -EINVAL);
        assert_memory_equal(&settings, &before, sizeof(settings));
        assert_string_equal(errors.text, want);
        assert_int_equal(errors.count, count);
}

/* `text` comes after a configuration that is good, in line 4. */
static void assert_mistake(const char *text, const char *want) {
        char whole[512], message[512];

        assert_true(text_format(whole, sizeof(whole), "%s%s\n", MINIMAL, text));
        assert_true(text_format(message, sizeof(message), "f.yaml:%s\n", want));
        assert_mistakes(whole, 1, message);
}

static void test_defaults_fill_what_is_not_said(void **state) {
        Settings settings = parse_good(MINIMAL);

        assert_string_equal(settings.cluster, "c1");
        assert_string_equal(settings.node, "m1");
        assert_string_equal(settings.state_dir, "/var/lib/x");
        assert_string_equal(settings.listen, "192.0.2.1:32070");
        assert_string_equal(settings.url, "http://boot/x");
        assert_string_equal(settings.sha256, "");
        assert_true(settings.script_size == 65536);
        assert_true(settings.dwell == 60 * USEC_PER_SEC);
        assert_int_equal(settings.master_count, 0);
        assert_false(settings.verbose);
        assert_true(settings.batch == 10);
        assert_true(settings.budget == 2);
}

static const char everything[] = "# comment\n"
                                 "cluster: \"a \\\"b\\\" \\\\ caf\xc3\xa9 # no comment\"\n"
                                 "node: m-2.example.com\n"
                                 "state_dir: /srv/x y\n"
                                 "listen: '[2001:db8::1]:80'\n"
                                 "script:\n"
                                 "  url: https://[::1]:8080/x?y=z#w\n"
                                 "  sha256: " DIGEST "\n"
                                 "  size: 1M\n"
                                 "gate: {dwell: 1min 30s, wait: 1d2h3min4s5ms6us}\n"
                                 "masters:\n"
                                 "  - m1\n"
                                 "  - \"m2\"\n"
                                 "  - m3\n"
                                 "verbose: yes\n"
                                 "batch: 50\n"
                                 "budget: 18446744073709551615\n"
                                 "proxy: \"\"\n"
                                 "a:\n"
                                 "  b:\n"
                                 "    c: deep\n";

static void test_every_type_is_read(void **state) {
        Settings settings = parse_good(everything);

        assert_string_equal(settings.cluster, "a \"b\" \\ caf\xc3\xa9 # no comment");
        assert_string_equal(settings.node, "m-2.example.com");
        assert_string_equal(settings.state_dir, "/srv/x y");
        assert_string_equal(settings.listen, "[2001:db8::1]:80");
        assert_string_equal(settings.url, "https://[::1]:8080/x?y=z#w");
        assert_string_equal(settings.sha256, DIGEST);
        assert_true(settings.script_size == 1 << 20);
        assert_true(settings.dwell == 90 * USEC_PER_SEC);
        assert_true(settings.wait == 26 * USEC_PER_HOUR + 3 * USEC_PER_MINUTE + 4 * USEC_PER_SEC +
                                                     5 * USEC_PER_MSEC + 6);
        assert_int_equal(settings.master_count, 3);
        assert_string_equal(settings.masters[0], "m1");
        assert_string_equal(settings.masters[1], "m2");
        assert_string_equal(settings.masters[2], "m3");
        assert_true(settings.verbose);
        assert_true(settings.batch == 50);
        assert_true(settings.budget == UINT64_MAX);
        assert_string_equal(settings.deep, "deep");
}

static void test_what_is_printed_reads_back_as_the_same(void **state) {
        static const char *const texts[] = { MINIMAL, everything };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                Settings settings = parse_good(texts[i]), again;
                auto_free char *printed = config_print(fields, &settings), *twice = NULL;

                assert_non_null(printed);
                again = parse_good(printed);
                twice = config_print(fields, &again);
                assert_string_equal(printed, twice);
                assert_memory_equal(&settings, &again, sizeof(settings));
        }
}

static void test_the_printed_form_has_the_help_and_nests(void **state) {
        Settings settings = parse_good(MINIMAL "masters: [m1, m2]\na: {b: {c: x}}\n");
        auto_free char *printed = config_print(fields, &settings);

        assert_string_equal(
                        printed, "# name of the cluster\n"
                                 "cluster: \"c1\"\n"
                                 "node: \"m1\"\n"
                                 "state_dir: \"/var/lib/x\"\n"
                                 "listen: \"192.0.2.1:32070\"\n"
                                 "script:\n"
                                 "  # where it is\n"
                                 "  url: \"http://boot/x\"\n"
                                 "  sha256: \"\"\n"
                                 "  size: 64K\n"
                                 "gate:\n"
                                 "  dwell: 1min\n"
                                 "  wait: 90s\n"
                                 "masters: [\"m1\", \"m2\"]\n"
                                 "verbose: false\n"
                                 "batch: 10\n"
                                 "budget: 2\n"
                                 "proxy: \"\"\n"
                                 "a:\n"
                                 "  b:\n"
                                 "    c: \"x\"\n");
}

static void test_all_mistakes_are_reported_at_once(void **state) {
        assert_mistakes("node: UPPER\n"
                        "nod: m1\n"
                        "script:\n"
                        "  url: ftp://x\n"
                        "  sise: 5\n"
                        "  size: 2M\n"
                        "verbose: maybe\n"
                        "batch: 0\n"
                        "masters: [m1, M2]\n",
                        9,
                        "f.yaml:1:7: 'node' is 'UPPER', want a node name\n"
                        "f.yaml:2:1: unknown key 'nod', did you mean 'node'?\n"
                        "f.yaml:4:8: 'script.url' is 'ftp://x', want a URL that begins with http:// or "
                        "https://\n"
                        "f.yaml:5:3: unknown key 'script.sise', did you mean 'script.size'?\n"
                        "f.yaml:6:9: 'script.size' is '2M', want a size such as 4711 or 64K, 1 to 1M\n"
                        "f.yaml:7:10: 'verbose' is 'maybe', want true or false\n"
                        "f.yaml:8:8: 'batch' is '0', want a whole number, 1 to 50\n"
                        "f.yaml:9:15: 'masters' has an item 'M2', want a node name\n"
                        "f.yaml:1:1: 'cluster' is missing, want a text of one line\n");
}

static void test_what_is_required_must_be_there(void **state) {
        static const char want[] =
                        "f.yaml:1:1: 'cluster' is missing, want a text of one line\n"
                        "f.yaml:1:1: 'script.url' is missing, want a URL that begins with http:// or "
                        "https://\n";

        assert_mistakes("", 2, want);
        assert_mistakes("# nothing\n", 2, want);
        assert_mistakes("---\n...\n", 2,
                        "f.yaml:2:1: 'cluster' is missing, want a text of one line\n"
                        "f.yaml:2:1: 'script.url' is missing, want a URL that begins with http:// or "
                        "https://\n");
        assert_mistakes("{}\n", 2, want);
        assert_mistakes("cluster: c1\nscript:\n  size: 1\n", 1,
                        "f.yaml:3:3: 'script.url' is missing, want a URL that begins with http:// or "
                        "https://\n");
}

static void test_nothing_is_said_twice(void **state) {
        /* One mistake in a mapping is not also all its keys missing. */
        assert_mistakes("cluster: c1\nscript: http://boot/x\n", 1,
                        "f.yaml:2:9: 'script' is a value, want a mapping\n");
        assert_mistakes("cluster: c1\nscript: [url]\n", 1,
                        "f.yaml:2:9: 'script' is a list, want a mapping\n");
        assert_mistakes("cluster: c1\nscript:\n", 1,
                        "f.yaml:2:8: 'script' is empty, want a mapping\n");
        assert_mistakes("cluster: [c1]\nscript:\n  url: {a: {b: c}}\n", 2,
                        "f.yaml:1:10: 'cluster' is a list, want a text of one line\n"
                        "f.yaml:3:8: 'script.url' is a mapping, want a URL that begins with http:// or "
                        "https://\n");
}

static void test_an_unknown_key_is_skipped_whatever_it_holds(void **state) {
        assert_mistake("x: {a: [1, {b: c}], d: e}\nbatch: 5", "4:1: unknown key 'x'");
        assert_mistake("x:\n- 1\n- - 2\n  - 3\nbatch: 5", "4:1: unknown key 'x'");
        assert_mistake("\"\": 5", "4:1: unknown key ''");
        assert_mistake("\"a\\e[31m\": 5", "4:1: unknown key 'a?[31m'");
        assert_mistake("script.size: 5",
                       "4:1: unknown key 'script.size', want a mapping for each dot");
        assert_mistake("a: {b: {d: x}}", "4:9: unknown key 'a.b.d'");
        assert_mistake("gates: {dwell: 5s}", "4:1: unknown key 'gates', did you mean 'gate'?");
        assert_mistake("<<: {batch: 5}", "4:1: unknown key '<<'");
        assert_mistake("? [a, b]\n: 5", "4:3: seen a list as a key, want a plain word");
        assert_mistake("? {a: b}\n: [5]", "4:3: seen a mapping as a key, want a plain word");
}

static void test_a_key_may_stand_only_once(void **state) {
        assert_mistake("batch: 5\nbatch: 6", "5:1: 'batch' stands twice, first in line 4");
        assert_mistake("\"cluster\": c2", "4:1: 'cluster' stands twice, first in line 1");
        assert_mistake("script: {size: 5}", "4:1: 'script' stands twice, first in line 2");
        assert_mistake("gate:\n  dwell: 5s\n  wait: 5s\n  dwell: 6s",
                       "7:3: 'gate.dwell' stands twice, first in line 5");
        assert_mistake("a: {b: {c: x}, b: {c: y}}", "4:16: 'a.b' stands twice, first in line 4");
}

static void test_lists_are_bounded_and_of_names(void **state) {
        Settings settings = parse_good(MINIMAL "masters: []\n");

        assert_int_equal(settings.master_count, 0);
        assert_mistake("masters: [a, b, c, d]",
                       "4:20: 'masters' has too many items, want at most 3");
        assert_mistake("masters: [a, b, a]", "4:17: 'masters' has 'a' twice, first in line 4");
        assert_mistake("masters: m1", "4:10: 'masters' is a value, want a list of node names");
        assert_mistake("masters: {m1: m2}",
                       "4:10: 'masters' is a mapping, want a list of node names");
        assert_mistake("masters:", "4:9: 'masters' is empty, want a list of node names");
        assert_mistake("masters: [[m1]]", "4:11: 'masters' is a list, want a list of node names");
        assert_mistake("masters: [m1, ~]",
                       "4:15: 'masters' has no value, want a list of node names");
        assert_mistake("masters: [m1, \"\"]", "4:15: 'masters' has an item '', want a node name");
}

static void test_a_list_may_need_so_many_items(void **state) {
        // clang-format off
        static const ConfigField odd[] = {
                { "masters", CONFIG_NAMES, PLACE(masters), .min = 2, .max = 3, .count_offset = offsetof(Settings, master_count) },
                {},
        };
        // clang-format on
        static const char text[] = "masters: [m1]\n";
        ConfigErrors errors = {};
        Settings settings = {};

        assert_int_equal(
                        config_parse(odd, "f", text, strlen(text), &settings, sizeof(settings),
                                     &errors),
                        -EINVAL);
        assert_string_equal(errors.text, "f:1:10: 'masters' has 1 items, want at least 2\n");
}

static void test_values_that_are_none_are_refused(void **state) {
        static const char *const none[] = { "batch:", "batch: ~", "batch: null", "batch: Null" };

        for (size_t i = 0; i < ELEMENTSOF(none); i++) {
                ConfigErrors errors = {};
                Settings settings = {};
                char text[128];

                assert_true(text_format(text, sizeof(text), "%s%s\n", MINIMAL, none[i]));
                assert_int_equal(parse(text, &settings, &errors), -EINVAL);
                assert_non_null(strstr(
                                errors.text, "'batch' has no value, want a whole number, 1 to 50"));
        }

        /* A name may be null, if one insists. */
        assert_string_equal(parse_good(MINIMAL "node: \"null\"\n").node, "null");
}

static void test_values_out_of_bounds_are_refused(void **state) {
        assert_mistake("batch: 51", "4:8: 'batch' is '51', want a whole number, 1 to 50");
        assert_mistake("batch: -1", "4:8: 'batch' is '-1', want a whole number, 1 to 50");
        assert_mistake("batch: 5.0", "4:8: 'batch' is '5.0', want a whole number, 1 to 50");
        assert_mistake("batch: 007", "4:8: 'batch' is '007', want a whole number, 1 to 50");
        assert_mistake("batch: ten", "4:8: 'batch' is 'ten', want a whole number, 1 to 50");
        assert_mistake("batch: 99999999999999999999",
                       "4:8: 'batch' is '99999999999999999999', want a whole number, 1 to 50");
        assert_mistake("budget: -1", "4:9: 'budget' is '-1', want a whole number");
        assert_mistake("gate: {dwell: 999ms}",
                       "4:15: 'gate.dwell' is '999ms', want a span such as 90s or 5min, 1s to 1h");
        assert_mistake("gate: {dwell: 2h}",
                       "4:15: 'gate.dwell' is '2h', want a span such as 90s or 5min, 1s to 1h");
        assert_mistake("gate: {wait: soon}",
                       "4:14: 'gate.wait' is 'soon', want a span such as 90s or 5min");
        assert_mistake("state_dir: var/lib",
                       "4:12: 'state_dir' is 'var/lib', want an absolute path");
        assert_mistake("state_dir: /123456789012345678901234567890x",
                       "4:12: 'state_dir' is 32 bytes, want at most 31");
        assert_mistake("state_dir: \"\"", "4:12: 'state_dir' is '', want an absolute path");
        assert_mistake("listen: boot:80",
                       "4:9: 'listen' is 'boot:80', want ADDRESS:PORT with a literal address");
        assert_mistake("proxy: http://",
                       "4:8: 'proxy' is 'http://', want a URL that begins with http:// or https://");
        assert_mistake("proxy: http:///x",
                       "4:8: 'proxy' is 'http:///x', want a URL that begins with http:// or https://");
        assert_mistake("proxy: http://a b",
                       "4:8: 'proxy' is 'http://a b', want a URL that begins with http:// or https://");
        assert_mistake("a: {b: {c: \"x\\ny\"}}", "4:12: 'a.b.c' is 'x?y', want a text of one line");
        assert_mistake("a: {b: {c: \"x\\e\"}}", "4:12: 'a.b.c' is 'x?', want a text of one line");
        assert_mistake("a: {b: {c: \"x\\0y\"}}", "4:12: 'a.b.c' has a NUL byte inside");
        assert_mistake("a: {b: {c: 12345678}}", "4:12: 'a.b.c' is 8 bytes, want at most 7");
}

static void test_anchors_aliases_and_tags_are_refused(void **state) {
        assert_mistake("batch: &x 5", "4:8: 'batch' has an anchor, want a plain value");
        assert_mistake("batch: !!int 5", "4:8: 'batch' has a tag, want a plain value");
        assert_mistake("gate: &x {dwell: 5s}", "4:7: 'gate' has an anchor, want a plain value");
        assert_mistake("gate: !x {dwell: 5s}", "4:7: 'gate' has a tag, want a plain value");
        assert_mistake("masters: &x [m1]", "4:10: 'masters' has an anchor, want a plain value");
        assert_mistake("masters: [&x m1]", "4:11: 'masters' has an anchor, want a plain value");
        assert_mistake("masters: [!x m1]", "4:11: 'masters' has a tag, want a plain value");
        assert_mistake("&x batch: 5", "4:1: seen an anchor as a key, want a plain word");

        assert_mistakes(MINIMAL "batch: &x 5\nbudget: *x\n*x : 5\n", 3,
                        "f.yaml:4:8: 'batch' has an anchor, want a plain value\n"
                        "f.yaml:5:9: 'budget' has an alias, want a plain value\n"
                        "f.yaml:6:1: seen an alias as a key, want a plain word\n");
        assert_mistakes("&x {}\n", 1, "f.yaml:1:1: seen an anchor, want keys with values\n");
}

static void test_what_is_no_mapping_is_refused(void **state) {
        assert_mistakes("- a\n- b\n", 1, "f.yaml:1:1: seen a list, want keys with values\n");
        assert_mistakes("word\n", 1, "f.yaml:1:1: seen a value, want keys with values\n");
        assert_mistakes("\"\"\n", 1, "f.yaml:1:1: seen a value, want keys with values\n");
}

static void test_a_second_document_is_refused(void **state) {
        assert_mistake("---\nbatch: 5", "4:1: a second document begins, want one");
        assert_mistake("...\n---\n", "5:1: a second document begins, want one");
        assert_string_equal(parse_good("%YAML 1.1\n---\n" MINIMAL "...\n").cluster, "c1");
}

static void test_what_is_no_yaml_is_refused_where_it_ends(void **state) {
        assert_mistake("\tbatch: 5", "4:1: not YAML: indented with a tab, want spaces");
        assert_mistake("gate:\n\tdwell: 5s", "5:1: not YAML: indented with a tab, want spaces");
        assert_mistake("masters: [m1", "5:1: not YAML: did not find expected ',' or ']'");
        assert_mistake("batch: \"5", "5:1: not YAML: found unexpected end of stream");
        assert_mistake("node: a: b",
                       "4:8: not YAML: mapping values are not allowed in this context");
        assert_mistake("batch: \x01", "4:8: not YAML: control characters are not allowed");
        assert_mistake("batch: \xff", "4:8: not YAML: invalid leading UTF-8 octet");
}

static void test_mistakes_before_the_end_of_sense_are_kept(void **state) {
        assert_mistakes("batch: 0\nbudget: x\nmasters: [\n", 3,
                        "f.yaml:1:8: 'batch' is '0', want a whole number, 1 to 50\n"
                        "f.yaml:2:9: 'budget' is 'x', want a whole number\n"
                        "f.yaml:4:1: not YAML: did not find expected node content\n");
}

static void test_more_mistakes_than_fit_are_still_counted(void **state) {
        enum {
                COUNT = 1000
        };
        auto_free char *text = calloc(COUNT, 16);
        ConfigErrors errors = {};
        Settings settings = {};
        size_t length = 0;

        assert_non_null(text);
        for (unsigned i = 0; i < COUNT; i++)
                length += (size_t) snprintf(text + length, 16, "x%u: 1\n", i);

        assert_int_equal(parse(text, &settings, &errors), -EINVAL);
        assert_int_equal(errors.count, COUNT + 2);
        assert_true(strlen(errors.text) > sizeof(errors.text) - 100);
        assert_int_equal(errors.text[strlen(errors.text) - 1], '\n');
}

static void test_the_text_need_not_be_terminated(void **state) {
        static const char text[] = MINIMAL "batch: 5";
        auto_free char *exact = malloc(sizeof(text) - 1);
        ConfigErrors errors = {};
        Settings settings = {};

        assert_non_null(exact);
        memcpy(exact, text, sizeof(text) - 1);
        assert_int_equal(
                        config_parse(fields, "f", exact, sizeof(text) - 1, &settings,
                                     sizeof(settings), &errors),
                        0);
        assert_true(settings.batch == 5);
}

/* --- files --- */

static char *make_file(const char *text, size_t size) {
        char path[] = "/tmp/test-config-XXXXXX";
        auto_close int fd = mkostemp(path, O_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, size), size);
        return strdup(path);
}

static void test_a_file_is_loaded_and_named_in_its_mistakes(void **state) {
        auto_free char *good = make_file(MINIMAL, strlen(MINIMAL));
        auto_free char *bad = make_file("x: 1\n" MINIMAL, strlen("x: 1\n" MINIMAL));
        ConfigErrors errors = {};
        Settings settings = {};
        char want[128];

        assert_int_equal(config_load(fields, good, &settings, sizeof(settings), &errors), 0);
        assert_string_equal(settings.cluster, "c1");

        assert_int_equal(config_load(fields, bad, &settings, sizeof(settings), &errors), -EINVAL);
        assert_true(text_format(want, sizeof(want), "%s:1:1: unknown key 'x'\n", bad));
        assert_string_equal(errors.text, want);

        assert_int_equal(unlink(good), 0);
        assert_int_equal(unlink(bad), 0);
}

static void assert_not_loaded(const char *path, const char *why) {
        ConfigErrors errors = {};
        Settings settings = {};

        assert_int_equal(config_load(fields, path, &settings, sizeof(settings), &errors), -EINVAL);
        assert_int_equal(errors.count, 1);
        assert_non_null(strstr(errors.text, path));
        if (!strstr(errors.text, why))
                fail_msg("seen '%s', want '%s'", errors.text, why);
        assert_int_equal(errors.text[strlen(errors.text) - 1], '\n');
}

static void test_a_file_that_cannot_be_read_is_one_mistake(void **state) {
        auto_free char *huge = calloc(1, CONFIG_FILE_MAX + 1), *path = NULL, *closed = NULL;
        bool root = geteuid() == 0;

        assert_not_loaded("/nonexistent/f.yaml", "No such file");
        assert_not_loaded("/tmp", "not a regular file");
        assert_not_loaded("/dev/null", "not a regular file");

        assert_non_null(huge);
        memset(huge, '#', CONFIG_FILE_MAX + 1);
        path = make_file(huge, CONFIG_FILE_MAX + 1);
        assert_not_loaded(path, "is more than");
        assert_int_equal(unlink(path), 0);

        closed = make_file(MINIMAL, strlen(MINIMAL));
        assert_int_equal(chmod(closed, 0), 0);
        assert_true(!root || seteuid(65534) == 0);
        assert_not_loaded(closed, "Permission denied");
        assert_true(!root || seteuid(0) == 0);
        assert_int_equal(unlink(closed), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults_fill_what_is_not_said),
                cmocka_unit_test(test_every_type_is_read),
                cmocka_unit_test(test_what_is_printed_reads_back_as_the_same),
                cmocka_unit_test(test_the_printed_form_has_the_help_and_nests),
                cmocka_unit_test(test_all_mistakes_are_reported_at_once),
                cmocka_unit_test(test_what_is_required_must_be_there),
                cmocka_unit_test(test_nothing_is_said_twice),
                cmocka_unit_test(test_an_unknown_key_is_skipped_whatever_it_holds),
                cmocka_unit_test(test_a_key_may_stand_only_once),
                cmocka_unit_test(test_lists_are_bounded_and_of_names),
                cmocka_unit_test(test_a_list_may_need_so_many_items),
                cmocka_unit_test(test_values_that_are_none_are_refused),
                cmocka_unit_test(test_values_out_of_bounds_are_refused),
                cmocka_unit_test(test_anchors_aliases_and_tags_are_refused),
                cmocka_unit_test(test_what_is_no_mapping_is_refused),
                cmocka_unit_test(test_a_second_document_is_refused),
                cmocka_unit_test(test_what_is_no_yaml_is_refused_where_it_ends),
                cmocka_unit_test(test_mistakes_before_the_end_of_sense_are_kept),
                cmocka_unit_test(test_more_mistakes_than_fit_are_still_counted),
                cmocka_unit_test(test_the_text_need_not_be_terminated),
                cmocka_unit_test(test_a_file_is_loaded_and_named_in_its_mistakes),
                cmocka_unit_test(test_a_file_that_cannot_be_read_is_one_mistake),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
