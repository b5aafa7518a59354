/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/step-journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/text.h"
#include "node-agent/script.h"
#include "node-agent/step/record.h"
#include "proto/codec.h"

/* The order of writing is the point. Whatever stops this program between two lines, the files that
 * are there say something true:
 *
 *   intent, no order, no marker    the unit was never asked for, or the order was withdrawn
 *   intent, order, no marker       the unit may be about to start: withdraw, or follow it
 *   marker                         started, for ever; the order beside it means nothing any more
 *
 * A file that cannot be understood makes the whole step damaged: no part of it is guessed. */

#define FORGOTTEN "forgotten"

struct StepJournal {
        char *path;
        int dir_fd;
        int steps_fd;
        char id[ID_TEXT_MAX];
        uint64_t epoch;
};

/* --- the directory --- */

static int no_memory(Error *error) {
        return error_setf(error, ERROR_MEMORY, "out of memory");
}

static int read_line(int dir_fd, const char *name, char *buffer, size_t size, Error *error) {
        auto_free char *text = NULL;
        size_t length;
        int r;

        r = file_read(dir_fd, name, size, &text, NULL, error);
        if (r < 0)
                return r;

        length = strlen(text);
        if (length == 0 || text[length - 1] != '\n' || strchr(text, '\n') != text + length - 1)
                return error_setf(error, ERROR_INVALID, "'%s' is not one line", name);

        text[length - 1] = '\0';
        if (!text_copy(buffer, size, text))
                return error_setf(error, ERROR_TOO_BIG, "'%s' is more than %zu bytes", name, size);

        return 0;
}

static int load_id(StepJournal *journal, Error *error) {
        char line[ID_TEXT_MAX + 1];
        int r;

        r = read_line(journal->dir_fd, "journal-id", journal->id, sizeof(journal->id), error);
        if (r == -ENOENT) {
                id_random(journal->id);
                (void) text_format(line, sizeof(line), "%s\n", journal->id);
                return file_create(journal->dir_fd, "journal-id", line, strlen(line), 0600, error);
        }
        if (r < 0)
                return r;

        if (!hex_is_valid(journal->id, ID_TEXT_MAX - 1)) {
                return error_setf(
                                error, ERROR_INVALID,
                                "'journal-id' is '%s', want %d hexadecimal digits", journal->id,
                                ID_TEXT_MAX - 1);
        }

        return 0;
}

static int load_epoch(StepJournal *journal, Error *error) {
        char line[24];
        int r;

        r = read_line(journal->dir_fd, "epoch", line, sizeof(line), error);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;

        if (parse_u64(line, 1, EPOCH_MAX, &journal->epoch) < 0)
                return error_setf(error, ERROR_INVALID, "'epoch' is '%s', want a number", line);

        return 0;
}

static int lock_directory(const StepJournal *journal, Error *error) {
        if (flock(journal->dir_fd, LOCK_EX | LOCK_NB) == 0)
                return 0;
        if (errno == EWOULDBLOCK)
                return error_setf(error, ERROR_BLOCKED, "another process uses it");

        return error_errnof(error, errno, "cannot lock it");
}

static DIR *open_list(int parent_fd, const char *name) {
        int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

        return fd < 0 ? NULL : fdopendir(fd);
}

static bool is_dot(const char *name) {
        return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* A flat directory and what is in it. */
static int remove_directory(int parent_fd, const char *name, Error *error) {
        DIR *dir = open_list(parent_fd, name);
        struct dirent *entry;

        if (!dir && errno == ENOENT)
                return 0;
        if (!dir)
                return error_errnof(error, errno, "cannot open '%s'", name);

        /* The stream is ours alone. NOLINTNEXTLINE(concurrency-mt-unsafe) */
        while ((entry = readdir(dir))) {
                if (!is_dot(entry->d_name))
                        (void) unlinkat(dirfd(dir), entry->d_name, 0);
        }
        (void) closedir(dir);

        if (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0)
                return error_errnof(error, errno, "cannot remove '%s'", name);

        return 0;
}

static int load(StepJournal *journal, Error *error) {
        int r;

        r = dir_open(AT_FDCWD, journal->path, 0700, &journal->dir_fd, error);
        if (r < 0)
                return r;

        r = lock_directory(journal, error);
        if (r < 0)
                return r;

        if (fchmod(journal->dir_fd, 0700) < 0)
                return error_errnof(error, errno, "cannot make it private");

        r = dir_open(journal->dir_fd, "steps", 0700, &journal->steps_fd, error);
        if (r == 0)
                r = load_id(journal, error);
        if (r == 0)
                r = load_epoch(journal, error);
        if (r == 0)
                r = remove_directory(journal->dir_fd, FORGOTTEN, error);

        return r;
}

int step_journal_open(const char *path, StepJournal **ret, Error *error) {
        AUTO(StepJournal) *journal = NULL;
        int r;

        journal = malloc(sizeof(*journal));
        if (!journal)
                return no_memory(error);

        *journal = (StepJournal) { .path = strdup(path), .dir_fd = -EBADF, .steps_fd = -EBADF };
        if (!journal->path)
                return no_memory(error);

        r = load(journal, error);
        if (r < 0)
                return error_prefixf(error, "step journal %s", path);

        *ret = TAKE(journal);
        return 0;
}

void step_journal_free(StepJournal *journal) {
        if (!journal)
                return;

        if (journal->steps_fd >= 0)
                (void) close(journal->steps_fd);
        if (journal->dir_fd >= 0)
                (void) close(journal->dir_fd);
        free(journal->path);
        free(journal);
}

const char *step_journal_get_id(const StepJournal *journal) {
        return journal->id;
}

const char *step_journal_get_path(const StepJournal *journal) {
        return journal->path;
}

uint64_t step_journal_get_epoch(const StepJournal *journal) {
        return journal->epoch;
}

int step_journal_put_epoch(StepJournal *journal, uint64_t epoch, Error *error) {
        char line[24];
        int r;

        assert(epoch >= journal->epoch);

        (void) text_format(line, sizeof(line), "%" PRIu64 "\n", epoch);
        r = file_replace(journal->dir_fd, "epoch", line, strlen(line), 0600, error);
        if (r < 0)
                return r;

        journal->epoch = epoch;
        return 0;
}

/* --- files of a step --- */

static int open_step(const StepJournal *journal, const char *step, Error *error) {
        int fd;

        assert(step_id_is_valid(step));

        fd = openat(journal->steps_fd, step, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return error_errnof(error, errno, "cannot open 'steps/%s'", step);

        return fd;
}

/* In a directory of its own, which is made. */
static int put_first(
                const StepJournal *journal,
                const char *step,
                const char *name,
                const Field *fields,
                const void *record,
                Error *error) {
        auto_close int fd = -EBADF;
        int r;

        assert(step_id_is_valid(step));

        r = dir_open(journal->steps_fd, step, 0700, &fd, error);
        return r < 0 ? r : step_file_put(fd, name, fields, record, error);
}

int step_journal_put_stage(StepJournal *journal, const Stage *stage, Error *error) {
        return put_first(
                        journal, stage->step, "stage", message_fields(MESSAGE_STAGE), stage, error);
}

int step_journal_put_found(
                StepJournal *journal, const char *step, const Found *found, Error *error) {
        return put_first(journal, step, "found", found_fields, found, error);
}

int step_journal_put_script(
                StepJournal *journal,
                const char *step,
                const void *data,
                size_t size,
                Error *error) {
        auto_close int fd = open_step(journal, step, error);

        return fd < 0 ? fd : file_replace(fd, "script", data, size, 0500, error);
}

int step_journal_load_script(
                const StepJournal *journal, const Stage *stage, char **ret, Error *error) {
        auto_close int fd = open_step(journal, stage->step, error);

        return fd < 0 ? fd : script_load(fd, "script", stage, ret, error);
}

int step_journal_put_slot(StepJournal *journal, const char *step, uint64_t fence, Error *error) {
        auto_close int fd = open_step(journal, step, error);

        return fd < 0 ? fd
                      : step_file_put(fd, "slot", fence_fields, &(FenceNote) { .fence = fence },
                                      error);
}

/* --- the start protocol --- */

static void format_order_name(char buffer[static 32], uint64_t fence) {
        (void) text_format(buffer, 32, "order-%" PRIu64, fence);
}

static int put_order(int fd, const char *step, const Intent *intent, Error *error) {
        char values[ORDER_KEY_COUNT][RECORD_VALUE_MAX], text[RECORD_BYTES_MAX], name[32];

        (void) text_copy(values[ORDER_BOOT_ID], RECORD_VALUE_MAX, intent->boot_id);
        (void) text_copy(values[ORDER_STEP], RECORD_VALUE_MAX, step);
        (void) text_format(values[ORDER_FENCE], RECORD_VALUE_MAX, "%" PRIu64, intent->fence);
        if (!record_format(text, sizeof(text), order_keys, values, ORDER_KEY_COUNT)) {
                return error_setf(
                                error, ERROR_INVALID, "the order of '%s' cannot be written", step);
        }

        format_order_name(name, intent->fence);
        return file_replace(fd, name, text, strlen(text), 0600, error);
}

int step_journal_put_intent(
                StepJournal *journal, const char *step, const Intent *intent, Error *error) {
        auto_close int fd = open_step(journal, step, error);
        char name[32];
        int r;

        if (fd < 0)
                return fd;

        r = step_file_put(fd, "intent", intent_fields, intent, error);
        if (r == 0)
                r = put_order(fd, step, intent, error);
        if (r == 0)
                return 0;

        /* The order first: an intent alone starts nothing. */
        format_order_name(name, intent->fence);
        (void) unlinkat(fd, name, 0);
        (void) unlinkat(fd, "intent", 0);
        (void) dir_sync(fd, NULL);
        return r;
}

static int remove_orders(int step_fd, Error *error) {
        DIR *dir = open_list(step_fd, "."); /* a dup would share the place in the directory */
        struct dirent *entry;
        int failed = 0;

        if (!dir)
                return error_errnof(error, errno, "cannot list the step's directory");

        /* The stream is ours alone. NOLINTNEXTLINE(concurrency-mt-unsafe) */
        while ((entry = readdir(dir))) {
                if (text_starts_with(entry->d_name, "order-") &&
                    unlinkat(step_fd, entry->d_name, 0) < 0)
                        failed = errno;
        }
        (void) closedir(dir);

        if (failed)
                return error_errnof(error, failed, "cannot withdraw the order");

        return dir_sync(step_fd, error);
}

int step_journal_decline(
                StepJournal *journal,
                const char *step,
                uint64_t fence,
                const char *reason,
                Error *error) {
        auto_close int fd = open_step(journal, step, error);
        FenceNote note = { .fence = fence };
        int r;

        if (fd < 0)
                return fd;

        r = remove_orders(fd, error);
        if (r < 0)
                return r;

        /* Only now, in this order: rollpatch-step makes the marker out of the order. */
        if (faccessat(fd, "started", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return error_setf(error, ERROR_CONFLICT, "the step has been started");
        if (errno != ENOENT)
                return error_errnof(error, errno, "cannot look for 'started'");

        text_ellipsize(note.reason, sizeof(note.reason), reason);
        return step_file_put(fd, "declined", fence_fields, &note, error);
}

void step_journal_read(const StepJournal *journal, const char *step, StepRecord *ret) {
        StepRecord record = {};
        auto_close int fd = -EBADF;
        Error error = {};
        int r;

        fd = open_step(journal, step, &error);
        r = fd;
        if (fd >= 0)
                r = step_record_read(fd, step, &record, &error);

        if (r < 0 && fd != -ENOENT) {
                record.facts.damaged = true;
                (void) text_format(record.damage, sizeof(record.damage), "steps/%s: ", step);
                (void) text_copy(
                                record.damage + strlen(record.damage),
                                sizeof(record.damage) - strlen(record.damage), error.text);
        }

        *ret = record;
}

bool step_journal_read_output(
                const StepJournal *journal,
                const char *step,
                uint64_t offset,
                bool from_end,
                char *buffer,
                size_t size,
                OutputPiece *ret) {
        auto_close int dir_fd = open_step(journal, step, NULL);
        auto_close int fd = -EBADF;
        struct stat st = {};
        uint64_t total;
        ssize_t n;

        if (dir_fd < 0)
                return false;

        fd = openat(dir_fd, "output", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return false;

        total = (uint64_t) st.st_size;
        if (from_end)
                offset = total > offset ? total - offset : 0;
        offset = MIN(offset, total);

        n = pread(fd, buffer, size, (off_t) offset);
        if (n < 0)
                return false;

        *ret = (OutputPiece) { .offset = offset, .total = total, .size = (size_t) n };
        return true;
}

int step_journal_step_path(
                const StepJournal *journal,
                const char *step,
                char *buffer,
                size_t size,
                Error *error) {
        if (!text_format(buffer, size, "%s/steps/%s", journal->path, step)) {
                return error_setf(
                                error, ERROR_TOO_BIG,
                                "the path of step '%s' is more than %zu bytes", step, size - 1);
        }

        return 0;
}

/* --- all steps --- */

typedef struct Entry {
        char step[STEP_ID_MAX];
        struct timespec since;
} Entry;

static int compare_entries(const void *a, const void *b) {
        const Entry *one = a, *other = b;

        if (one->since.tv_sec != other->since.tv_sec)
                return one->since.tv_sec < other->since.tv_sec ? -1 : 1;
        if (one->since.tv_nsec != other->since.tv_nsec)
                return one->since.tv_nsec < other->since.tv_nsec ? -1 : 1;

        return strcmp(one->step, other->step);
}

static int add_entry(int steps_fd, const char *name, Entry entries[], size_t *count, Error *error) {
        char stage[STEP_ID_MAX + sizeof("/stage")];
        struct stat st = {};
        Entry *entry;

        if (is_dot(name))
                return 0;
        if (!step_id_is_valid(name)) {
                return error_setf(
                                error, ERROR_INVALID, "'steps/%s' is no step id: what is it?",
                                name);
        }
        if (*count == STEPS_MAX) {
                return error_setf(
                                error, ERROR_TOO_BIG,
                                "more than %d steps in 'steps': move old ones away", STEPS_MAX);
        }

        /* Written once, so its time is that of the step. */
        (void) text_format(stage, sizeof(stage), "%s/stage", name);
        if (fstatat(steps_fd, stage, &st, AT_SYMLINK_NOFOLLOW) < 0)
                (void) fstatat(steps_fd, name, &st, AT_SYMLINK_NOFOLLOW);

        entry = &entries[(*count)++];
        entry->since = st.st_mtim;
        (void) text_copy(entry->step, sizeof(entry->step), name);
        return 0;
}

int step_journal_list(
                const StepJournal *journal,
                char ret[STEPS_MAX][STEP_ID_MAX],
                size_t *ret_count,
                Error *error) {
        Entry entries[STEPS_MAX];
        DIR *dir = open_list(journal->steps_fd, ".");
        struct dirent *entry;
        size_t count = 0;
        int r = 0;

        if (!dir)
                return error_errnof(error, errno, "cannot list 'steps'");

        /* The stream is ours alone. NOLINTNEXTLINE(concurrency-mt-unsafe) */
        while (r == 0 && (entry = readdir(dir)))
                r = add_entry(journal->steps_fd, entry->d_name, entries, &count, error);
        (void) closedir(dir);
        if (r < 0)
                return r;

        qsort(entries, count, sizeof(entries[0]), compare_entries);
        for (size_t i = 0; i < count; i++)
                memcpy(ret[i], entries[i].step, STEP_ID_MAX);

        *ret_count = count;
        return 0;
}

/* By a rename, because half a step is a lie: without its marker it would never have been started.
 */
int step_journal_forget(StepJournal *journal, const char *step, Error *error) {
        int r;

        assert(step_id_is_valid(step));

        r = remove_directory(journal->dir_fd, FORGOTTEN, error);
        if (r < 0)
                return r;

        if (renameat(journal->steps_fd, step, journal->dir_fd, FORGOTTEN) < 0)
                return error_errnof(error, errno, "cannot forget 'steps/%s'", step);

        r = dir_sync(journal->steps_fd, error);
        if (r == 0)
                r = dir_sync(journal->dir_fd, error);
        if (r == 0)
                r = remove_directory(journal->dir_fd, FORGOTTEN, error);

        return r;
}
