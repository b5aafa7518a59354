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

#include "common/package-list.h"
#include "common/text.h"
#include "node-agent/backup-output.h"
#include "node-agent/dcos-version.h"
#include "node-agent/findings.h"
#include "node-agent/install-progress.h"
#include "node-agent/script-output.h"
#include "node-agent/srvr.h"
#include "node-agent/unit-list.h"
#include "tests/unit/sample-file.h"

#define NOW (1000 * USEC_PER_DAY)

static void say(char *answer, const char *format, ...) PRINTF(2, 3);
static void say(char *answer, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        assert_true(vsnprintf(answer, MANIFEST_ANSWER_MAX, format, arguments) <
                    MANIFEST_ANSWER_MAX);
        va_end(arguments);
}

static void say_verdict(char *answer, const Sample *sample) {
        assert_true((sample->verdict == VERDICT_PASS) == (sample->reason[0] == '\0'));
        say(answer, "%s", enum_name(&verdict_names, sample->verdict));
}

/* --- readers --- */

static void read_backup(const ManifestRow *row, char *answer) {
        BackupEnd end = {
                .kind = manifest_has(row, "kind=iam") ? BACKUP_IAM : BACKUP_ZOOKEEPER,
                .exit_status = (int) context_number(row->context, "exit"),
                .file_there = manifest_has(row, "file=present"),
        };
        Sample sample = sample_make(row->reader, "");

        end.text = manifest_text(row, &end.size);
        backup_judge(&end, &sample);
        say_verdict(answer, &sample);
}

static void read_version(const ManifestRow *row, char *answer) {
        char wanted_version[VERSION_MAX], variant[32], version[VERSION_MAX];
        Sample sample = sample_make(row->reader, "");
        DcosVersion found = {};
        Error error = {};
        size_t size;
        const char *text = manifest_text(row, &size);

        if (manifest_has(row, "as=node-script")) {
                assert_int_equal(dcos_version_as_script(text, size, version, &error), 0);
                say(answer, "version=%s", version);
                return;
        }

        assert_int_equal(dcos_version_read(text, size, &found, &error), 0);
        if (manifest_has(row, "parse")) {
                say(answer, "version=%s;variant=%s", found.version, found.variant);
                return;
        }

        assert_true(text_copy(wanted_version, sizeof(wanted_version), manifest_get(row, "target")));
        assert_true(text_copy(variant, sizeof(variant), manifest_get(row, "variant")));
        dcos_version_judge(&found, wanted_version, variant, &sample);
        say_verdict(answer, &sample);
}

static void read_progress(const ManifestRow *row, char *answer) {
        Sample sample = sample_make(row->reader, "");
        size_t size;
        const char *text = manifest_text(row, &size);

        install_progress_judge(text, size, manifest_has(row, "pkgpanda=running"), &sample);
        say_verdict(answer, &sample);
}

static void read_script(const ManifestRow *row, char *answer) {
        ScriptOutput output = {};
        Error error = {};
        size_t size;
        const char *text = manifest_text(row, &size);
        int exit_status = (int) context_number(row->context, "exit");

        if (script_output_read(text, size, exit_status, &output, &error) < 0) {
                say(answer, "%s", error.text);
        } else if (output.error) {
                say(answer, "error=%s%s%s", output.error, output.found[0] ? ";found=" : "",
                    output.found);
        } else {
                say(answer, "role=%s;from=%s;to=%s", output.role, output.from, output.to);
        }
}

/* --- packages --- */

static PackageSet seen, target;

static void read_target(const char *file) {
        Error error = {};
        size_t size;
        const char *text = manifest_file(file, &size);

        assert_int_equal(package_list_read_json(text, size, &target, &error), 0);
}

static void say_packages(const ManifestRow *row, char *answer) {
        const char *config = package_set_version(&seen, "dcos-config");
        const char *wanted = manifest_get(row, "target_config");
        char missing[512];

        if (manifest_has(row, "parse")) {
                say(answer, "ids=%zu%s%s", seen.count, config ? ";config=" : "",
                    config ? config : "");
        } else if (wanted) {
                say(answer, "%s", package_set_has(&seen, wanted) ? "pass" : "fail");
        } else {
                read_target(manifest_get(row, "target_list"));
                say(answer, "%s",
                    package_set_minus(&target, &seen, missing, sizeof(missing)) == 0 ? "pass"
                                                                                     : "fail");
        }
}

static void read_packages(
                const ManifestRow *row,
                int (*read)(const char *text, size_t size, PackageSet *ret, Error *error),
                char *answer) {
        Error error = {};
        size_t size;
        const char *text = manifest_text(row, &size);

        if (read(text, size, &seen, &error) < 0) {
                say(answer, "%s", error.text);
        } else {
                say_packages(row, answer);
        }
}

static void read_active(const ManifestRow *row, char *answer) {
        read_packages(row, package_list_read_active, answer);
}

static void read_downloaded(const ManifestRow *row, char *answer) {
        read_packages(row, package_list_read_downloaded, answer);
}

static void read_list(const ManifestRow *row, char *answer) {
        char id[PACKAGE_LIST_ID_MAX];
        Error error = {};
        size_t size;
        const char *text = manifest_text(row, &size);

        if (!strstr(row->file, ".latest")) {
                read_packages(row, package_list_read_json, answer);
        } else if (package_list_read_id(text, size, id, &error) < 0) {
                say(answer, "%s", error.text);
        } else {
                say(answer, "id=%s", id);
        }
}

/* --- units --- */

static UnitNames names;
static UnitList list;

static void read_units(const ManifestRow *row, char *answer) {
        Sample sample = sample_make(row->reader, "");
        const char *wants = manifest_get(row, "wants");
        Error error = {};
        size_t size;
        const char *text = wants ? manifest_file(wants, &size) : manifest_text(row, &size);

        assert_int_equal(unit_names_read(text, size, &names, &error), 0);
        if (!wants) {
                say(answer, "units=%zu", names.count);
                return;
        }

        text = manifest_text(row, &size);
        assert_int_equal(unit_list_read(text, size, &list, &error), 0);
        unit_list_judge(&names, &list, manifest_has(row, "deadline=passed"), &sample);
        say_verdict(answer, &sample);
}

static void read_srvr(const ManifestRow *row, char *answer) {
        Sample sample = sample_make(row->reader, "");

        srvr_judge(manifest_text(row, &(size_t) { 0 }), context_number(row->context, "masters"),
                   &sample);
        say_verdict(answer, &sample);
}

/* --- journal --- */

static Role role_of(const char *unit) {
        if (text_starts_with(unit, "dcos-mesos-slave-public"))
                return ROLE_PUBLIC_AGENT;

        return text_starts_with(unit, "dcos-mesos-slave") ? ROLE_AGENT : ROLE_MASTER;
}

/* "Jul 11 10:41:07 host program[1]: message" */
static const char *message_of(const char *line) {
        const char *found = strstr(line, "]: ");

        return found ? found + 3 : line;
}

static void note_lines(Findings *findings, const ManifestRow *row, const char *unit, usec_t at) {
        char *rest = manifest_text(row, &(size_t) { 0 });

        for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
                findings_note_line(
                                findings, &(SeenLine) { .where = SIGN_JOURNAL,
                                                        .place = unit,
                                                        .text = message_of(line),
                                                        .cursor = "s=1",
                                                        .at = at });
        }
}

/* Said twice, so far apart as the row says that it has lasted. */
static void read_journal(const ManifestRow *row, char *answer) {
        const char *elapsed = manifest_get(row, "elapsed"), *name;
        char unit[UNIT_MAX];
        Diagnosis diagnosis = {};
        Findings findings;
        usec_t lasted = 0;

        if (elapsed)
                assert_int_equal(span_parse(elapsed, &lasted), 0);
        name = manifest_get(row, "unit"); /* in the same place as `elapsed` */
        assert_true(text_format(
                        unit, sizeof(unit), "%s%s", name, strchr(name, '.') ? "" : ".service"));

        findings_init(&findings, role_of(name));
        note_lines(&findings, row, unit, NOW - lasted);
        if (lasted > 0)
                note_lines(&findings, row, unit, NOW);
        findings_close(&findings, NOW, &diagnosis);
        assert_true(diagnosis.symptom_count <= 1);
        say(answer, "%s", diagnosis.symptom_count == 0 ? "none" : diagnosis.symptoms[0].id);
}

static void test_every_row_is_read_as_the_manifest_says(void **state) {
        static const ManifestReader readers[] = {
                { "backup-output", read_backup },      { "dcos-version", read_version },
                { "install-progress", read_progress }, { "journal-excerpt", read_journal },
                { "node-script-output", read_script }, { "package-list", read_list },
                { "pkgpanda-active", read_active },    { "pkgpanda-list", read_downloaded },
                { "unit-list", read_units },           { "zk-srvr", read_srvr },
        };

        manifest_check("node", readers, ELEMENTSOF(readers));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_row_is_read_as_the_manifest_says),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
