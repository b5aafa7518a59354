/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/manifest.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "coordinator/prepare/config-check.h"
#include "coordinator/prepare/config-compare.h"
#include "coordinator/prepare/generator-output.h"
#include "tests/unit/sample-file.h"

#define OLD "config-2.1-enterprise.yaml"

static YamlFlat *flat_of(const char *file) {
        YamlFlat *flat = NULL;
        Error error = {};
        size_t size;
        const char *text = manifest_file(file, &size);

        if (yaml_flat_parse(text, size, &flat, &error) < 0)
                fail_msg("%s: %s", file, error.text);
        return flat;
}

/* "finding=2of4": that one, and there are exactly four; otherwise there is at most one. */
static void say_findings(const ManifestRow *row, const Findings *findings, char *answer) {
        const char *which = manifest_get(row, "finding");
        size_t place = which ? (size_t) (which[0] - '1') : 0;
        size_t want = which ? (size_t) (which[3] - '0') : findings->count > 0;

        if (findings->count != want) {
                (void) snprintf(answer, MANIFEST_ANSWER_MAX, "%zu findings:", findings->count);
                for (size_t i = 0; i < findings_kept(findings); i++) {
                        (void) snprintf(answer + strlen(answer),
                                        MANIFEST_ANSWER_MAX - strlen(answer), " %s",
                                        findings->list[i].what);
                }
        } else if (want == 0) {
                (void) text_copy(answer, MANIFEST_ANSWER_MAX, "accept");
        } else {
                (void) text_format(
                                answer, MANIFEST_ANSWER_MAX, "%s:%s",
                                findings->list[place].refused ? "refuse" : "warn",
                                findings->list[place].what);
        }
}

static void read_check(const ManifestRow *row, char *answer) {
        AUTO(YamlFlat) *flat = flat_of(row->file);
        Findings findings = {};

        config_check(flat, manifest_has(row, "variant=ee"), &findings);
        say_findings(row, &findings, answer);
}

static void read_compare(const ManifestRow *row, char *answer) {
        bool is_old = manifest_has(row, "as=old");
        AUTO(YamlFlat) *old = flat_of(is_old ? row->file : OLD);
        AUTO(YamlFlat) *new = flat_of(is_old ? manifest_get(row, "new") : row->file);
        Findings findings = {};

        config_compare(old, new, manifest_has(row, "version change"), &findings);
        say_findings(row, &findings, answer);
}

static void read_version(const ManifestRow *row, char *answer) {
        GeneratorVersion version = {};
        Error error = {};
        size_t size;
        const char *text = manifest_text(row, &size);

        assert_int_equal(generator_version_read(text, size, &version, &error), 0);
        (void) text_format(
                        answer, MANIFEST_ANSWER_MAX, "version=%s;variant=%s", version.version,
                        version.variant);
}

static void read_generator(const ManifestRow *row, char *answer) {
        GeneratorOutput output = { .exit_status = (int) context_number(row->context, "exit") };
        const char *other = manifest_get(row, "stdout");
        GeneratorResult result;
        char url[128];

        if (manifest_has(row, "option=--version")) {
                read_version(row, answer);
                return;
        }

        if (other && strcmp(other, "empty") != 0)
                output.output = manifest_file(other, &output.output_size);
        if (manifest_has(row, "stream=stderr")) {
                output.errors = manifest_text(row, &output.errors_size);
        } else {
                output.output = manifest_text(row, &output.output_size);
        }

        assert_true(text_copy(url, sizeof(url), manifest_get(row, "bootstrap_url")));
        output.bootstrap_url = url;
        generator_output_read(&output, &result);
        if (manifest_has(row, "script_file=absent"))
                generator_result_without_file(&result);

        (void) text_format(
                        answer, MANIFEST_ANSWER_MAX, "%s=%s", result.failure ? "error" : "url",
                        result.failure ? result.failure : result.url);
}

static void test_every_row_is_read_as_the_manifest_says(void **state) {
        static const ManifestReader readers[] = {
                { "config-check", read_check },
                { "config-compare", read_compare },
                { "generator-output", read_generator },
        };

        manifest_check("prepare", readers, ELEMENTSOF(readers));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_row_is_read_as_the_manifest_says),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
