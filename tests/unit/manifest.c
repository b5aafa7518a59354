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
#include "tests/unit/sample-file.h"

#define ROWS 266

// clang-format off
static const struct {
        const char *reader;
        const char *program; /* "": nobody reads it, it is there to be read by people */
        unsigned rows;
} owners[] = {
        { "backup-output",        "node",    4  },
        { "check-runner",         "probe",   14 },
        { "cockroach-command",    "probe",   22 },
        { "cockroach-http",       "probe",   5  },
        { "config-check",         "prepare", 15 },
        { "config-compare",       "prepare", 18 },
        { "dcos-version",         "node",    10 },
        { "exhibitor-status",     "probe",   18 },
        { "generator-output",     "prepare", 16 },
        { "iam-login",            "probe",   4  },
        { "install-progress",     "node",    4  },
        { "journal-excerpt",      "node",    23 },
        { "marathon-apps",        "probe",   3  },
        { "marathon-deployments", "probe",   2  },
        { "marathon-info",        "probe",   2  },
        { "marathon-leader",      "probe",   2  },
        { "marathon-sh",          "probe",   2  },
        { "mesos-metrics-agent",  "probe",   5  },
        { "mesos-metrics-master", "probe",   7  },
        { "mesos-version",        "probe",   8  },
        { "node-script-output",   "node",    13 },
        { "package-list",         "node",    3  },
        { "pkgpanda-active",      "node",    8  },
        { "pkgpanda-list",        "node",    3  },
        { "reference-only",       "",        25 },
        { "system-health",        "probe",   4  },
        { "unit-list",            "node",    20 },
        { "zk-srvr",              "node",    6  },
};
// clang-format on

bool manifest_has(const ManifestRow *row, const char *word) {
        size_t length = strlen(word);

        for (const char *at = row->context; at; at = strchr(at, ';') ? strchr(at, ';') + 1 : NULL) {
                if (strncmp(at, word, length) == 0 && (at[length] == ';' || at[length] == '\0'))
                        return true;
        }

        return false;
}

const char *manifest_get(const ManifestRow *row, const char *name) {
        return context_get(row->context, name);
}

char *manifest_file(const char *name, size_t *ret_size) {
        char path[256];

        assert_true(text_format(path, sizeof(path), "dcos/%s", name));
        return sample_file(path, ret_size);
}

char *manifest_text(const ManifestRow *row, size_t *ret_size) {
        return manifest_file(row->file, ret_size);
}

static size_t find_owner(const char *reader) {
        for (size_t i = 0; i < ELEMENTSOF(owners); i++) {
                if (strcmp(owners[i].reader, reader) == 0)
                        return i;
        }

        fail_msg("nobody reads '%s'", reader);
        return 0;
}

static const ManifestReader *find_reader(
                const ManifestReader readers[], size_t count, const char *name) {
        for (size_t i = 0; i < count; i++) {
                if (strcmp(readers[i].name, name) == 0)
                        return &readers[i];
        }

        fail_msg("no reader of '%s' in this program", name);
        return readers;
}

/* Whether the row is as it should be. */
static bool check_row(const ManifestRow *row, const ManifestReader *reader) {
        char answer[MANIFEST_ANSWER_MAX] = "";

        reader->read(row, answer);
        if (strcmp(answer, row->expected) == 0)
                return true;

        print_error("%s, %s, %s: '%s', want '%s' (%s)\n", row->file, row->reader, row->context,
                    answer, row->expected, row->reason);
        return false;
}

void manifest_check(const char *program, const ManifestReader readers[], size_t count) {
        unsigned seen[ELEMENTSOF(owners)] = {}, rows = 0, wrong = 0;
        char *rest = sample_file("dcos/MANIFEST.tsv", &(size_t) { 0 });

        (void) strsep(&rest, "\n");
        for (char *line = strsep(&rest, "\n"); line && *line; line = strsep(&rest, "\n")) {
                ManifestRow row = { .file = strsep(&line, "\t"),
                                    .reader = strsep(&line, "\t"),
                                    .context = strsep(&line, "\t"),
                                    .expected = strsep(&line, "\t"),
                                    .reason = line };
                size_t owner;

                assert_non_null(row.reason);
                owner = find_owner(row.reader);
                seen[owner]++;
                rows++;
                if (strcmp(owners[owner].program, program) == 0)
                        wrong += !check_row(&row, find_reader(readers, count, row.reader));
        }

        for (size_t i = 0; i < ELEMENTSOF(owners); i++)
                assert_int_equal(seen[i], owners[i].rows);
        assert_int_equal(rows, ROWS);
        assert_int_equal(wrong, 0);
}
