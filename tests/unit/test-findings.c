/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/findings.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/text.h"

/* What a diagnosis makes of what DC/OS really prints (tests/samples/dcos/journal), of units and of
 * answers; and docs/failures.md, which is printed from the catalogue:
 * `test-findings --print > docs/failures.md`. */

#define NOW (1000 * USEC_PER_DAY)

static void note(Findings *findings, const char *unit, const char *text, usec_t at) {
        findings_note_line(
                        findings, &(SeenLine) { .where = SIGN_JOURNAL,
                                                .place = unit,
                                                .text = text,
                                                .cursor = "s=1",
                                                .at = at });
}

static Diagnosis closed(Findings *findings) {
        Diagnosis diagnosis = {};

        findings_close(findings, NOW, &diagnosis);
        return diagnosis;
}

static const Symptom *find(const Diagnosis *diagnosis, const char *id) {
        for (size_t i = 0; i < diagnosis->symptom_count; i++) {
                if (strcmp(diagnosis->symptoms[i].id, id) == 0)
                        return &diagnosis->symptoms[i];
        }

        return NULL;
}

/* --- what counts now --- */

static const char wrong_ip[] = "10.0.0.99 is not in the configured list of masters.";
static const char not_ready[] = "[ERROR] ZooKeeper not in correct mode: latent";

static UnitStatus running(const char *name) {
        UnitStatus unit = { .load = "loaded",
                            .active = "active",
                            .sub = "running",
                            .result = "success",
                            .type = "simple",
                            .restart = "always",
                            .main_pid = 7,
                            .main_start = 7 };

        (void) text_copy(unit.name, sizeof(unit.name), name);
        return unit;
}

static UnitStatus failed(const char *name) {
        UnitStatus unit = running(name);

        (void) text_copy(unit.active, sizeof(unit.active), "failed");
        (void) text_copy(unit.sub, sizeof(unit.sub), "failed");
        (void) text_copy(unit.result, sizeof(unit.result), "exit-code");
        return unit;
}

static void test_an_error_from_before_of_a_unit_that_runs_well_is_no_verdict(void **state) {
        UnitStatus units[] = { running("dcos-exhibitor.service"),
                               running("dcos-mesos-master.service") };
        UnitsInput input = { .units = units, .count = 2 };
        Findings findings;
        Diagnosis seen;

        findings_init(&findings, ROLE_MASTER);
        findings_note_units(&findings, &input);
        note(&findings, units[0].name, wrong_ip, NOW - 10 * USEC_PER_MINUTE);
        note(&findings, units[1].name, not_ready, NOW - 10 * USEC_PER_MINUTE);
        seen = closed(&findings);
        assert_int_equal(seen.symptom_count, 1);
        assert_string_equal(seen.symptoms[0].id, "exhibitor-wrong-ip");
        assert_int_equal(seen.symptoms[0].class, FAILURE_NOTE);
}

static void test_the_same_of_a_unit_that_is_not_well_or_not_known_is_one(void **state) {
        UnitStatus unit = failed("dcos-exhibitor.service");
        UnitsInput input = { .units = &unit, .count = 1 };

        for (int known = 0; known < 2; known++) {
                Findings findings;
                Diagnosis seen;

                findings_init(&findings, ROLE_MASTER);
                if (known)
                        findings_note_units(&findings, &input);
                note(&findings, unit.name, wrong_ip, NOW - 10 * USEC_PER_MINUTE);
                seen = closed(&findings);
                assert_int_equal(seen.symptom_count, 1);
                assert_int_equal(seen.symptoms[0].class, FAILURE_FATAL);
        }
}

static void test_a_check_that_hangs_is_seen_in_what_the_poststart_unit_has_logged(void **state) {
        static const char line[] =
                        "      \"output\": \"command [/opt/mesosphere/bin/dcos-checks executable docker] "
                        "exceeded timeout 30s and was killed\",";
        UnitStatus unit = running("dcos-checks-poststart.service");
        UnitsInput input = { .units = &unit, .count = 1 };

        (void) text_copy(unit.active, sizeof(unit.active), "inactive");
        (void) text_copy(unit.sub, sizeof(unit.sub), "dead");
        (void) text_copy(unit.type, sizeof(unit.type), "oneshot");
        unit.main_pid = 0;
        for (int ago = 1; ago <= 10; ago += 9) {
                Findings findings;
                Diagnosis seen;

                findings_init(&findings, ROLE_AGENT);
                findings_note_units(&findings, &input);
                note(&findings, unit.name, line, NOW - (usec_t) ago * USEC_PER_MINUTE);
                seen = closed(&findings);
                assert_int_equal(find(&seen, "checks-hang") != NULL, ago == 1);
        }
}

static void test_the_first_bad_component_in_the_documented_order_is_named_first(void **state) {
        UnitStatus units[] = { failed("dcos-adminrouter.service"),
                               failed("dcos-marathon.service") };
        UnitsInput input = { .units = units, .count = 2 };
        static const char *const want[] = { "time-sync",   "exhibitor-wrong-ip",
                                            "dcos-net-ip", "unit-failed",
                                            "unit-failed", "waits-for-local-zk" };
        Findings findings;
        Diagnosis seen;

        findings_init(&findings, ROLE_MASTER);
        findings_note_units(&findings, &input);
        note(&findings, "dcos-mesos-master.service", not_ready, NOW);
        note(&findings, "dcos-net.service", "Bad detect_ip", NOW);
        note(&findings, "dcos-exhibitor.service", wrong_ip, NOW);
        note(&findings, "dcos-exhibitor.service",
             "Time is not synchronized / marked as bad by the kernel.", NOW);
        seen = closed(&findings);
        assert_int_equal(seen.symptom_count, ELEMENTSOF(want));
        for (size_t i = 0; i < ELEMENTSOF(want); i++)
                assert_string_equal(seen.symptoms[i].id, want[i]);
        assert_string_equal(seen.symptoms[3].place, "dcos-marathon.service");
}

static void test_a_unit_that_a_row_names_is_not_named_again(void **state) {
        UnitStatus unit = failed("dcos-net.service");
        UnitsInput input = { .units = &unit, .count = 1 };
        Findings findings;
        Diagnosis seen;

        findings_init(&findings, ROLE_AGENT);
        findings_note_units(&findings, &input);
        assert_int_equal(findings.count, 1);
        note(&findings, unit.name, "Bad detect_ip", NOW);
        seen = closed(&findings);
        assert_int_equal(seen.symptom_count, 1);
        assert_string_equal(seen.symptoms[0].id, "dcos-net-ip");
}

static void test_units_that_start_again_and_again_are_seen_also_while_they_run(void **state) {
        UnitStatus units[] = { running("dcos-cosmos.service"), running("dcos-net.service") };
        UnitsInput input = { .units = units, .count = 2 };
        Findings findings;
        Diagnosis seen;

        findings_init(&findings, ROLE_MASTER);
        findings_note_units(&findings, &input);
        for (size_t i = 0; i < 2; i++) {
                note(&findings, units[i].name,
                     "dcos-x.service: Scheduled restart job, restart counter is at 3.", NOW);
        }
        seen = closed(&findings);
        assert_int_equal(seen.symptom_count, 2);
        assert_string_equal(seen.symptoms[0].id, "unit-loops");
        assert_string_equal(seen.symptoms[0].place, "dcos-net.service");
        assert_string_equal(seen.symptoms[1].place, "dcos-cosmos.service");
}

static void test_foreign_units_and_such_as_are_not_there_are_no_findings(void **state) {
        UnitStatus units[] = { failed("backup.service"), failed("dcos-gone.service"),
                               failed("dcos-checks-poststart.service") };
        UnitsInput input = { .units = units, .count = 3 };
        Findings findings;
        Diagnosis seen;

        (void) text_copy(units[1].load, sizeof(units[1].load), "not-found");
        findings_init(&findings, ROLE_MASTER);
        findings_note_units(&findings, &input);
        note(&findings, "backup.service", "No space left on device", NOW);
        seen = closed(&findings);
        assert_int_equal(seen.symptom_count, 1);
        assert_string_equal(seen.symptoms[0].id, "poststart-unit-failed");
        assert_int_equal(seen.symptoms[0].class, FAILURE_NOTE);
}

static void test_evidence_is_the_newest_line_with_its_place_and_without_secrets(void **state) {
        Findings findings;
        Diagnosis seen;

        findings_init(&findings, ROLE_MASTER);
        note(&findings, "dcos-exhibitor.service", "1 is not in the configured list of masters",
             NOW - 5);
        note(&findings, "dcos-exhibitor.service",
             "2 is not in the configured list of masters, password=PLANTED", NOW);
        seen = closed(&findings);
        assert_int_equal(seen.symptoms[0].count, 2);
        assert_string_equal(seen.symptoms[0].where, "journal");
        assert_string_equal(seen.symptoms[0].place, "dcos-exhibitor.service");
        assert_string_equal(seen.symptoms[0].cursor, "s=1");
        assert_true(seen.symptoms[0].at == NOW);
        assert_string_equal(
                        seen.symptoms[0].evidence,
                        "2 is not in the configured list of masters, password=[removed]");
}

static void test_of_a_long_line_the_part_that_was_looked_for_is_shown(void **state) {
        char line[2048];
        Findings findings;
        Diagnosis seen;

        memset(line, 'x', sizeof(line));
        (void) text_copy(line + 1500, 400, "Failed to perform recovery: Hostname changed");
        findings_init(&findings, ROLE_AGENT);
        note(&findings, "dcos-mesos-slave.service", line, NOW);
        seen = closed(&findings);
        assert_true(text_starts_with(
                        seen.symptoms[0].evidence, "Failed to perform recovery: Hostname"));
}

static void test_a_fetch_is_normal_for_ten_minutes(void **state) {
        static const usec_t lasted[] = { 9 * USEC_PER_MINUTE, 11 * USEC_PER_MINUTE };

        for (size_t i = 0; i < ELEMENTSOF(lasted); i++) {
                SeenLine line = {
                        .where = SIGN_PROCESS,
                        .place = "pkgpanda",
                        .text = "python3 /opt/mesosphere/bin/pkgpanda fetch --repository-url=x"
                };
                Findings findings;
                Diagnosis seen;

                findings_init(&findings, ROLE_AGENT);
                line.at = NOW - lasted[i];
                findings_note_line(&findings, &line);
                line.at = NOW;
                findings_note_line(&findings, &line);
                seen = closed(&findings);
                assert_int_equal(seen.symptom_count, i);
                if (i > 0)
                        assert_string_equal(seen.symptoms[0].id, "fetch-hangs");
        }
}

static void test_a_release_that_loses_jobs_is_named_and_its_neighbours_are_not(void **state) {
        static const char *const versions[] = { "2.0.3", "2.0.30", "12.0.3", "2.0.4" };

        for (size_t i = 0; i < ELEMENTSOF(versions); i++) {
                Sample version = { .check = "version", .text_count = 1 };
                Findings findings;
                Diagnosis seen;

                (void) text_copy(version.texts[0].name, CHECK_NAME_MAX, "version");
                (void) text_copy(version.texts[0].text, sizeof(version.texts[0].text), versions[i]);
                findings_init(&findings, ROLE_MASTER);
                findings_note_sample(&findings, &version, NOW);
                seen = closed(&findings);
                assert_int_equal(find(&seen, "metronome-jobs-lost") != NULL, i == 0);
        }
}

static void test_a_script_is_silent_once_it_has_been_for_a_minute(void **state) {
        static const usec_t lasted[] = { 59 * USEC_PER_SEC, 60 * USEC_PER_SEC };

        for (size_t i = 0; i < ELEMENTSOF(lasted); i++) {
                SeenLine line = { .where = SIGN_SILENT,
                                  .place = "",
                                  .shown = "/steps/1/output",
                                  .text = "it has printed nothing" };
                Findings findings;
                Diagnosis seen;

                findings_init(&findings, ROLE_AGENT);
                line.at = NOW - lasted[i];
                findings_note_line(&findings, &line);
                line.at = NOW;
                findings_note_line(&findings, &line);
                seen = closed(&findings);
                assert_int_equal(find(&seen, "script-loops") != NULL, i == 1);
        }
}

static void test_numbers_and_texts_of_answers_are_read(void **state) {
        Sample agent = { .check = "mesos-agent",
                         .numbers = { { "registered", 1 }, { "recovery_errors", 2 } },
                         .number_count = 2 };
        Sample runner = { .check = "check-runner",
                          .evidence = "a: command [x] exceeded timeout 30s and was killed" };
        Findings findings;
        Diagnosis seen;

        findings_init(&findings, ROLE_AGENT);
        findings_note_sample(&findings, &agent, NOW);
        findings_note_sample(&findings, &runner, NOW);
        seen = closed(&findings);
        assert_int_equal(seen.symptom_count, 2);
        assert_non_null(find(&seen, "tasks-gone"));
        assert_string_equal(find(&seen, "tasks-gone")->evidence, "recovery_errors is 2");
        assert_non_null(find(&seen, "checks-hang"));
}

static void test_more_findings_than_fit_are_counted(void **state) {
        UnitStatus units[100];
        UnitsInput input = { .units = units, .count = 100 };
        Findings findings;
        Diagnosis seen;

        for (size_t i = 0; i < 100; i++) {
                char name[UNIT_MAX];
                UnitStatus unit;

                (void) text_format(name, sizeof(name), "dcos-%zu.service", i);
                unit = failed(name);
                memcpy(&units[i], &unit, sizeof(unit));
        }

        findings_init(&findings, ROLE_MASTER);
        findings_note_units(&findings, &input);
        seen = closed(&findings);
        assert_int_equal(seen.symptom_count, SYMPTOMS_MAX);
        assert_int_equal(seen.found, FINDINGS_KEPT);
}

/* --- the table --- */

static bool needs_text(SignPlace where) {
        return where != SIGN_FILE && where != SIGN_LEFT && where != SIGN_SILENT;
}

static bool needs_place(SignPlace where) {
        return where != SIGN_OUTPUT && where != SIGN_SILENT;
}

static void test_the_catalogue_is_well_formed(void **state) {
        for (size_t i = 0; i < failure_count; i++) {
                const Failure *failure = &failures[i];

                assert_ptr_equal(failure_find(failure->id), failure);
                assert_true(strlen(failure->id) < FAILURE_ID_MAX);
                assert_true(failure->cause[0] && failure->advice[0]);
                assert_int_equal(failure->signs[SIGNS_MAX].roles, 0);
                for (const Sign *sign = failure->signs; sign->roles; sign++) {
                        assert_true(strlen(sign->place) < PLACE_MAX);
                        assert_int_equal(needs_text(sign->where), sign->text[0] != '\0');
                        assert_int_equal(needs_place(sign->where), sign->place[0] != '\0');
                }
                assert_int_equal(failure->signs[0].roles == 0, failure->unseen != NULL);
        }

        assert_null(failure_find("no such failure"));
}

static void print_sign(FILE *file, const Sign *sign) {
        const char *comma = "";

        (void) fprintf(file, "<br>%s ", enum_name(&sign_place_names, sign->where));
        if (sign->place[0])
                (void) fprintf(file, "`%s` ", sign->place);
        if (sign->text[0])
                (void) fprintf(file, "`%s` ", sign->text);
        if (sign->also)
                (void) fprintf(file, "and `%s` ", sign->also);

        (void) fputs("(", file);
        for (unsigned role = 0; role < ROLE_COUNT; role++) {
                if (sign->roles & IN(role)) {
                        (void) fprintf(file, "%s%s", comma, enum_name(&role_names, role));
                        comma = ", ";
                }
        }
        (void) fputs(")", file);
}

static void print_failure(FILE *file, const Failure *failure) {
        char span[SPAN_TEXT_MAX];

        (void) fprintf(file, "| %s | %s | %s", failure->id,
                       enum_name(&component_names, failure->component),
                       enum_name(&failure_class_names, failure->class));
        if (failure->patience)
                (void) fprintf(file, ", after %s", span_format(failure->patience, span));
        (void) fprintf(file, " | %s | %s |", failure->cause, failure->advice);
        for (const Sign *sign = failure->signs; sign->roles; sign++)
                print_sign(file, sign);
        if (failure->unseen)
                (void) fprintf(file, " none: %s", failure->unseen);
        (void) fputs(" |\n", file);
}

static const char words[] =
                "# What goes wrong with a node of DC/OS, and what to do\n"
                "\n"
                "Printed from the table in the code (`proto/failures.c`) by\n"
                "`test-findings --print > docs/failures.md`, and compared with it by that test.\n"
                "`rollpatch diagnose NODE` looks for all of these on the node; by itself it is done after every\n"
                "failure, halt and time-out.\n"
                "\n"
                "- *fatal*: does not get well by itself. *waits*: heals once what it waits for is well, and is named\n"
                "  only while it is still being said. *note*: nothing has to be done for the patch's sake.\n"
                "- Looked at is what came since the step began, or the last hour. A fatal line is a note when its\n"
                "  unit runs well again and it was not said for two minutes.\n"
                "- What is fatal comes before what waits, and of each class the first in the documented order of\n"
                "  components comes first: later ones may be its consequences.\n"
                "- A process is looked for while the script runs, and whether it is *silent*, a file while it does not; what\n"
                "  a script has printed that ended well counts for nothing. *left* is what was in that folder, of no\n"
                "  package, and what the newest activation has put aside with it, in FOLDER.old.\n"
                "- `dcos-*` is every unit in `dcos.target.wants`; `health=bad` is a unit that is failed, or should run\n"
                "  and does not; `start=old` one whose process is older than the step.\n"
                "\n"
                "| id | component | class | cause | what to do | signs |\n"
                "|---|---|---|---|---|---|\n";

static void print_page(FILE *file) {
        (void) fputs(words, file);
        for (size_t i = 0; i < failure_count; i++)
                print_failure(file, &failures[i]);
}

static void test_docs_failures_md_is_what_the_table_says(void **state) {
        const char *root = getenv("SOURCE_ROOT");
        auto_free char *wanted = NULL, *seen = NULL;
        char path[512];
        size_t size = 0;
        FILE *file;

        assert_non_null(root);
        file = open_memstream(&wanted, &size);
        assert_non_null(file);
        print_page(file);
        assert_int_equal(fclose(file), 0);

        assert_true(text_format(path, sizeof(path), "%s/docs/failures.md", root));
        assert_int_equal(file_read(AT_FDCWD, path, 262144, &seen, &size, NULL), 0);
        assert_string_equal(seen, wanted);
}

int main(int argc, char *argv[]) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_an_error_from_before_of_a_unit_that_runs_well_is_no_verdict),
                cmocka_unit_test(test_the_same_of_a_unit_that_is_not_well_or_not_known_is_one),
                cmocka_unit_test(
                                test_a_check_that_hangs_is_seen_in_what_the_poststart_unit_has_logged),
                cmocka_unit_test(
                                test_the_first_bad_component_in_the_documented_order_is_named_first),
                cmocka_unit_test(test_a_unit_that_a_row_names_is_not_named_again),
                cmocka_unit_test(
                                test_units_that_start_again_and_again_are_seen_also_while_they_run),
                cmocka_unit_test(test_foreign_units_and_such_as_are_not_there_are_no_findings),
                cmocka_unit_test(
                                test_evidence_is_the_newest_line_with_its_place_and_without_secrets),
                cmocka_unit_test(test_of_a_long_line_the_part_that_was_looked_for_is_shown),
                cmocka_unit_test(test_a_fetch_is_normal_for_ten_minutes),
                cmocka_unit_test(
                                test_a_release_that_loses_jobs_is_named_and_its_neighbours_are_not),
                cmocka_unit_test(test_a_script_is_silent_once_it_has_been_for_a_minute),
                cmocka_unit_test(test_numbers_and_texts_of_answers_are_read),
                cmocka_unit_test(test_more_findings_than_fit_are_counted),
                cmocka_unit_test(test_the_catalogue_is_well_formed),
                cmocka_unit_test(test_docs_failures_md_is_what_the_table_says),
        };

        if (argc > 1 && strcmp(argv[1], "--print") == 0) {
                print_page(stdout);
                return 0;
        }

        return cmocka_run_group_tests(tests, NULL, NULL);
}
