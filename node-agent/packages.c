/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/packages.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/text.h"
#include "node-agent/identity.h"
#include "node-agent/package-script.h"
#include "node-agent/version.h"

#define ACTIVE     "/opt/mesosphere/active"
#define REPOSITORY "/opt/mesosphere/packages/"

static void auto_close_directory(DIR **directory) {
        if (*directory)
                (void) closedir(*directory);
}

/* --- active --- */

/* Links of DC/OS are absolute, also below another root. */
static bool is_on_disk(const char *root, const char *target) {
        char path[PATH_MAX];
        struct stat st;

        return identity_path(path, root, target + 1) && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* active/NAME -> /opt/mesosphere/packages/NAME--VERSION */
static int add_link(
                const char *root,
                const char *name,
                const char *target,
                PackageFacts *facts,
                Error *error) {
        const char *id = target + strlen(REPOSITORY);
        size_t length = strlen(name);
        int r;

        if (!text_starts_with(target, REPOSITORY) || strncmp(id, name, length) != 0 ||
            !text_starts_with(id + length, "--")) {
                return error_setf(
                                error, ERROR_INVALID,
                                ACTIVE "/%s is a link to '%s', want " REPOSITORY "%s--VERSION",
                                name, target, name);
        }

        r = package_set_add(&facts->active, id, strlen(id), error);
        if (r < 0)
                return error_prefixf(error, ACTIVE "/%s", name);

        if (!is_on_disk(root, target) && facts->gone++ == 0)
                (void) text_copy(facts->first_gone, sizeof(facts->first_gone), id);

        return 0;
}

static int add_entry(
                DIR *directory,
                const char *root,
                const char *name,
                PackageFacts *facts,
                Error *error) {
        char target[PATH_MAX];
        ssize_t n;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                return 0;

        n = readlinkat(dirfd(directory), name, target, sizeof(target) - 1);
        if (n < 0)
                return error_errnof(error, errno, "cannot read the link " ACTIVE "/%s", name);

        target[n] = '\0';
        return add_link(root, name, target, facts, error);
}

static int read_active(const char *root, PackageFacts *facts, Error *error) {
        __attribute__((cleanup(auto_close_directory))) DIR *directory = NULL;
        char path[PATH_MAX];
        int r = 0;

        if (identity_path(path, root, &ACTIVE[1]))
                directory = opendir(path);
        if (!directory)
                return error_errnof(error, errno, "cannot open " ACTIVE);

        while (r == 0) {
                const struct dirent *entry;

                errno = 0;
                /* The stream is ours alone. NOLINTNEXTLINE(concurrency-mt-unsafe) */
                entry = readdir(directory);
                if (!entry)
                        return errno ? error_errnof(error, errno, "cannot list " ACTIVE) : 0;

                r = add_entry(directory, root, entry->d_name, facts, error);
        }

        return r;
}

void packages_read_active(const char *root, PackageFacts *facts) {
        facts->active.count = facts->gone = 0;
        facts->active_error = (Error) {};
        facts->install_progress = version_has_install_progress(root);
        if (read_active(root, facts, &facts->active_error) == 0)
                package_set_sort(&facts->active);
}

/* --- wanted --- */

static int read_script(
                const StepJournal *journal, const Stage *stage, PackageFacts *facts, Error *error) {
        auto_free char *script = NULL;
        int r;

        r = step_journal_load_script(journal, stage, &script, error);
        if (r == 0)
                r = package_script_read(script, (size_t) stage->size, &facts->wanted, error);
        if (r < 0)
                return error_prefixf(error, "script of step %s", stage->step);

        if (facts->wanted.count == 0) {
                (void) text_format(
                                facts->nothing, sizeof(facts->nothing),
                                "the script of step %s names no packages", stage->step);
        }

        return 0;
}

static int read_step(
                const StepJournal *journal, const char *step, PackageFacts *facts, Error *error) {
        auto_free StepRecord *record = calloc(1, sizeof(*record));

        if (!record)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        step_journal_read(journal, step, record);
        if (record->facts.damaged)
                return error_setf(error, ERROR_INVALID, "step: %s", record->damage);
        if (!record->facts.stage) {
                return error_setf(
                                error, ERROR_NOT_FOUND,
                                "step %s is not in the journal of this node", step);
        }
        if (!record->facts.script && record->facts.started_fence == 0) {
                (void) text_format(
                                facts->nothing, sizeof(facts->nothing),
                                "the script of step %s was never staged here", step);
                return 0;
        }

        return read_script(journal, &record->stage, facts, error);
}

void packages_read_wanted(const StepJournal *journal, const char *step, PackageFacts *facts) {
        facts->wanted.count = 0;
        facts->wanted_error = (Error) {};
        facts->nothing[0] = '\0';
        if (step[0] == '\0') {
                (void) text_copy(facts->nothing, sizeof(facts->nothing), "no step was run here");
                return;
        }

        (void) read_step(journal, step, facts, &facts->wanted_error);
}

/* --- judgement --- */

static void add_evidence(
                const PackageSet *set, const PackageSet *but, const char *word, Sample *sample) {
        for (size_t i = 0; i < set->count; i++) {
                if (!but || !package_set_has(but, set->ids[i]))
                        sample_add_evidence(sample, "%s%s\n", word, set->ids[i]);
        }
}

static void compare(const PackageFacts *facts, Sample *sample) {
        char missing[REASON_MAX], extra[REASON_MAX];
        size_t missing_count =
                        package_set_minus(&facts->wanted, &facts->active, missing, sizeof(missing));
        size_t extra_count =
                        package_set_minus(&facts->active, &facts->wanted, extra, sizeof(extra));

        sample_add_number(sample, "wanted", facts->wanted.count);
        sample_add_number(sample, "missing", missing_count);
        sample_add_number(sample, "extra", extra_count);
        if (missing_count + extra_count > 0) {
                add_evidence(&facts->wanted, &facts->active, "missing ", sample);
                add_evidence(&facts->active, &facts->wanted, "extra ", sample);
                sample_judge(sample, VERDICT_FAIL,
                             "active are %zu packages, the script wants %zu%s%s%s%s",
                             facts->active.count, facts->wanted.count,
                             missing_count > 0 ? "; missing: " : "", missing,
                             extra_count > 0 ? "; not wanted: " : "", extra);
        } else if (facts->gone > 0) {
                sample_judge(sample, VERDICT_FAIL, "%s is active, but not on the disk%s",
                             facts->first_gone, facts->gone > 1 ? ", and others" : "");
        } else {
                sample->verdict = VERDICT_PASS;
        }
}

void packages_judge(const PackageFacts *facts, Sample *sample) {
        if (facts->active_error.code == ERROR_NONE) {
                sample_add_number(sample, "packages", facts->active.count);
                sample_add_number(sample, "gone", facts->gone);
        }

        if (facts->install_progress) {
                sample_judge(sample, VERDICT_UNKNOWN,
                             INSTALL_PROGRESS
                             " is there: DC/OS is being activated, or that was cut short");
        } else if (facts->wanted_error.code != ERROR_NONE) {
                sample_judge(sample, VERDICT_UNKNOWN, "%s", facts->wanted_error.text);
        } else if (facts->nothing[0]) {
                sample_judge(sample, VERDICT_NOT_APPLICABLE, "%s", facts->nothing);
        } else if (facts->active_error.code != ERROR_NONE) {
                sample_judge(sample, VERDICT_UNKNOWN, "%s", facts->active_error.text);
        } else {
                compare(facts, sample);
        }

        if (facts->active_error.code == ERROR_NONE)
                add_evidence(&facts->active, NULL, "", sample);
}

void packages_ask(const StepJournal *journal, const char *root, const char *step, Sample *sample) {
        auto_free PackageFacts *facts = calloc(1, sizeof(*facts));

        if (!facts) {
                sample_judge(sample, VERDICT_UNKNOWN, "out of memory");
                return;
        }

        packages_read_active(root, facts);
        packages_read_wanted(journal, step, facts);
        packages_judge(facts, sample);
}
