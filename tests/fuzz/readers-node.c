/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/package-list.h"
#include "common/text.h"
#include "node-agent/backup-output.h"
#include "node-agent/catalogue.h"
#include "node-agent/dcos-version.h"
#include "node-agent/install-progress.h"
#include "node-agent/package-script.h"
#include "node-agent/sample-read.h"
#include "node-agent/script-output.h"
#include "node-agent/srvr.h"
#include "node-agent/unit-list.h"
#include "tests/fuzz/target.h"

static void check_sample(const Sample *sample) {
        if (sample->verdict == VERDICT_PASS && sample->reason[0])
                abort();
        if (!text_is_plain(sample->evidence))
                abort();
}

/* --- targets --- */

static void read_backup(const char *text, size_t size) {
        const BackupEnd end = { .text = text, .size = size, .file_there = true };
        Sample sample = sample_make("fuzz", "");

        backup_judge(&end, &sample);
        check_sample(&sample);
}

static void read_journal(const char *text, size_t size) {
        char *line = text_duplicate(text, size);

        for (Role role = ROLE_MASTER; line && role <= ROLE_PUBLIC_AGENT; role++)
                (void) catalogue_find(role, "dcos-exhibitor.service", line);
        free(line);
}

static void read_packages(const char *text, size_t size) {
        char id[PACKAGE_LIST_ID_MAX];
        PackageSet *set = calloc(1, sizeof(*set));
        Error error = {};

        if (!set)
                return;

        if (package_list_read_active(text, size, set, &error) == 0)
                (void) package_set_version(set, "dcos-config");
        (void) package_list_read_downloaded(text, size, set, &error);
        (void) package_list_read_json(text, size, set, &error);
        (void) package_list_read_id(text, size, id, &error);
        free(set);
}

static void read_package_script(const char *text, size_t size) {
        PackageSet *set = calloc(1, sizeof(*set));
        Error error = {};

        if (set)
                (void) package_script_read(text, size, set, &error);
        free(set);
}

static void read_progress(const char *text, size_t size) {
        for (int running = 0; running < 2; running++) {
                Sample sample = sample_make("fuzz", "");

                install_progress_judge(text, size, running, &sample);
                if (sample.verdict == VERDICT_PASS)
                        abort();
                check_sample(&sample);
        }
}

static void read_sample(const char *text, size_t size) {
        Sample *samples = calloc(WATCH_MAX, sizeof(*samples));
        AUTO(Json) *json = NULL;
        Error error = {};
        size_t count;

        if (samples && json_parse(text, size, &json, &error) == 0)
                (void) sample_read(json, "exhibitor", samples, WATCH_MAX, &count, &error);
        free(samples);
}

static void read_script(const char *text, size_t size) {
        for (int status = 0; status < 3; status++) {
                ScriptOutput output = {};
                Error error = {};
                int r = script_output_read(text, size, status, &output, &error);

                if (r == 0 && (output.error == NULL) != (status == 0))
                        abort();
        }
}

static void read_srvr(const char *text, size_t size) {
        Sample sample = sample_make("fuzz", "");
        char *answer = text_duplicate(text, size);

        if (answer)
                srvr_judge(answer, 3, &sample);
        check_sample(&sample);
        free(answer);
}

static void read_units(const char *text, size_t size) {
        Sample sample = sample_make("fuzz", "");
        UnitNames *names = calloc(1, sizeof(*names));
        UnitList *list = calloc(1, sizeof(*list));
        Error error = {};

        if (names && list) {
                (void) unit_names_read(text, size, names, &error);
                if (unit_list_read(text, size, list, &error) == 0)
                        unit_list_judge(names, list, true, &sample);
        }
        check_sample(&sample);
        free(names);
        free(list);
}

static void read_version(const char *text, size_t size) {
        Sample sample = sample_make("fuzz", "");
        char as_script[VERSION_MAX];
        DcosVersion version = {};
        Error error = {};

        if (dcos_version_read(text, size, &version, &error) == 0)
                dcos_version_judge(&version, "2.1.1", "", &sample);
        (void) dcos_version_as_script(text, size, as_script, &error);
        check_sample(&sample);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const FuzzTarget targets[] = {
                { "backup-output", read_backup },
                { "dcos-version", read_version },
                { "install-progress", read_progress },
                { "journal-line", read_journal },
                { "node-script", read_package_script },
                { "node-script-output", read_script },
                { "packages", read_packages },
                { "probe-answer", read_sample },
                { "units", read_units },
                { "zk-srvr", read_srvr },
        };

        return fuzz_one(targets, ELEMENTSOF(targets), TARGET, data, size);
}
