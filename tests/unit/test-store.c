/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/text.h"
#include "tests/unit/filler.h"

/* What others do to the file is done with SQLite here as well: what the store makes of a log that
 * was damaged, or written by somebody else, cannot be seen through the store alone. */

#define PATH_SIZE 256

typedef struct Place {
        char dir[PATH_SIZE];
        char log[PATH_SIZE];
        char wal[PATH_SIZE];
} Place;

static int set_up(void **state) {
        Place *place = calloc(1, sizeof(Place));

        assert_non_null(place);
        (void) text_copy(place->dir, sizeof(place->dir), "/tmp/test-store-XXXXXX");
        assert_non_null(mkdtemp(place->dir));
        (void) text_format(place->log, sizeof(place->log), "%s/log.db", place->dir);
        (void) text_format(place->wal, sizeof(place->wal), "%s/log.db-wal", place->dir);
        *state = place;
        return 0;
}

static int on_remove(const char *path, const struct stat *status, int kind, struct FTW *where) {
        (void) status;
        (void) kind;
        (void) where;
        return remove(path);
}

static int tear_down(void **state) {
        Place *place = *state;

        assert_int_equal(nftw(place->dir, on_remove, 8, FTW_DEPTH | FTW_PHYS), 0);
        free(place);
        return 0;
}

static Store *open_well(const char *dir) {
        Store *store = NULL;
        Error error = {};

        if (store_open(dir, &store, &error) < 0)
                fail_msg("%s", error.text);

        return store;
}

static Event note(uint64_t number) {
        Event event;

        memset(&event, 0, sizeof(event));
        event.kind = EVENT_OPERATOR;
        event.at = 1000 + number;
        event.operator.uid = number;
        (void) text_copy(event.operator.user, USER_MAX, "ops");
        (void) text_copy(event.operator.verb, VERB_MAX, "pause");
        return event;
}

static uint64_t append_notes(Store *store, uint64_t from, uint64_t count) {
        for (uint64_t i = 0; i < count; i++) {
                Event event = note(from + i + 1);
                Error error = {};

                if (store_append(store, from + i, &event, 1, &error) < 0)
                        fail_msg("%s", error.text);
                assert_int_equal(event.seq, from + i + 1);
        }

        return from + count;
}

typedef struct Reader {
        uint64_t next; /* seq that is expected */
        uint64_t count;
        uint64_t stop; /* after so many; 0: never */
} Reader;

static int on_event(const Event *event, void *userdata, Error *error) {
        Reader *reader = userdata;

        (void) error;
        assert_int_equal(event->seq, reader->next);
        assert_int_equal(event->at, 1000 + event->seq);
        assert_int_equal(event->kind, EVENT_OPERATOR);
        assert_int_equal(event->operator.uid, event->seq);
        reader->next++;
        return ++reader->count == reader->stop ? 7 : 0;
}

static uint64_t read_notes(Store *store, uint64_t after) {
        Reader reader = { .next = after + 1 };
        Error error = {};

        if (store_read(store, after, on_event, &reader, &error) < 0)
                fail_msg("%s", error.text);

        return reader.count;
}

/* --- round trips --- */

static int on_filled(const Event *event, void *userdata, Error *error) {
        Event wanted;

        (void) userdata;
        (void) error;
        memset(&wanted, 0, sizeof(wanted));
        wanted.kind = (EventKind) ((event->seq - 1) / 2);
        wanted.seq = event->seq;
        wanted.at = event->seq;
        filler_fill(event_fields(wanted.kind), &wanted.epoch, event->seq % 2 ? MINIMAL : FULL);
        assert_memory_equal(event, &wanted, sizeof(wanted));
        return 0;
}

static void test_every_event_comes_back_as_it_was_written(void **state) {
        const Place *place = *state;
        AUTO(Store) *store = open_well(place->dir);

        for (unsigned i = 0; i < 2 * EVENT_KIND_COUNT; i++) {
                Event event;

                memset(&event, 0, sizeof(event));
                event.kind = (EventKind) (i / 2);
                event.at = i + 1;
                filler_fill(event_fields(event.kind), &event.epoch, i % 2 ? FULL : MINIMAL);
                assert_int_equal(store_append(store, i, &event, 1, NULL), 0);
        }
        assert_int_equal(store_read(store, 0, on_filled, NULL, NULL), 0);
}

static void test_reading_begins_and_ends_where_it_is_told(void **state) {
        const Place *place = *state;
        AUTO(Store) *store = open_well(place->dir);
        Reader reader = { .next = 4, .stop = 3 };

        assert_int_equal(read_notes(store, 0), 0);
        (void) append_notes(store, 0, 9);
        assert_int_equal(read_notes(store, 0), 9);
        assert_int_equal(read_notes(store, 8), 1);
        assert_int_equal(read_notes(store, 9), 0);
        assert_int_equal(read_notes(store, 99), 0);
        assert_int_equal(store_read(store, 3, on_event, &reader, NULL), 7);
        assert_int_equal(reader.count, 3);
}

static int on_complaint(const Event *event, void *userdata, Error *error) {
        (void) userdata;
        return error_setf(error, ERROR_INVALID, "event %" PRIu64 " cannot be", event->seq);
}

static void test_what_the_reader_cannot_take_is_told_with_the_file(void **state) {
        const Place *place = *state;
        AUTO(Store) *store = open_well(place->dir);
        char wanted[ERROR_TEXT_MAX];
        Error error = {};

        (void) append_notes(store, 0, 1);
        (void) text_format(wanted, sizeof(wanted), "%s: event 1 cannot be", place->log);
        assert_true(store_read(store, 0, on_complaint, NULL, &error) < 0);
        assert_string_equal(error.text, wanted);
}

static void test_a_log_that_is_opened_again_goes_on_where_it_was(void **state) {
        const Place *place = *state;
        uint64_t seq = 0;

        for (unsigned round = 0; round < 3; round++) {
                AUTO(Store) *store = open_well(place->dir);

                assert_int_equal(read_notes(store, 0), seq);
                seq = append_notes(store, seq, 5);
        }
}

static void test_many_events_are_one_append_or_none(void **state) {
        const Place *place = *state;
        AUTO(Store) *store = open_well(place->dir);
        Event events[50];

        for (uint64_t i = 0; i < ELEMENTSOF(events); i++)
                events[i] = note(i + 1);

        events[49].operator.user[0] = '\a'; /* cannot be written down */
        assert_true(store_append(store, 0, events, 50, NULL) < 0);
        assert_int_equal(read_notes(store, 0), 0);
        events[49] = note(50);
        assert_int_equal(store_append(store, 0, events, 50, NULL), 0);
        assert_int_equal(read_notes(store, 0), 50);
        assert_int_equal(events[49].seq, 50);
}

static void test_an_append_after_somebody_elses_is_refused(void **state) {
        const Place *place = *state;
        AUTO(Store) *store = open_well(place->dir);
        static const uint64_t wrong[] = { 0, 1, 2, 4, 5, 1000, UINT64_MAX };

        (void) append_notes(store, 0, 3);
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                Event event = note(4);
                Error error = {};

                assert_true(store_append(store, wrong[i], &event, 1, &error) < 0);
                assert_int_equal(error.code, ERROR_CONFLICT);
                assert_int_equal(event.seq, 0);
        }
        assert_int_equal(append_notes(store, 3, 1), 4);
        assert_int_equal(read_notes(store, 0), 4);
}

/* --- who may open it --- */

static void expect_refused(const char *dir, ErrorCode code, const char *part) {
        Store *store = NULL;
        Error error = {};

        assert_true(store_open(dir, &store, &error) < 0);
        assert_null(store);
        assert_int_equal(error.code, code);
        if (!strstr(error.text, part))
                fail_msg("'%s', want '%s'", error.text, part);
}

static void test_a_second_rollpatchd_on_the_same_state_is_refused(void **state) {
        const Place *place = *state;

        {
                AUTO(Store) *store = open_well(place->dir);

                (void) append_notes(store, 0, 1);
                expect_refused(place->dir, ERROR_BLOCKED, place->dir);
                assert_int_equal(append_notes(store, 1, 1), 2);
        }

        store_free(open_well(place->dir));
}

static void test_a_directory_that_is_not_there_is_not_made(void **state) {
        const Place *place = *state;
        char dir[PATH_SIZE];

        (void) text_format(dir, sizeof(dir), "%s/none", place->dir);
        expect_refused(dir, ERROR_NOT_FOUND, dir);
        expect_refused(place->log, ERROR_NOT_FOUND, place->log);
}

/* The state directory on another disk, behind a link: that is the administrator's affair. */
static void test_a_state_directory_may_be_reached_through_a_link(void **state) {
        const Place *place = *state;
        char link[PATH_SIZE];
        char dir[PATH_SIZE];

        (void) text_format(dir, sizeof(dir), "%s/disk", place->dir);
        (void) text_format(link, sizeof(link), "%s/link", place->dir);
        assert_int_equal(mkdir(dir, 0700), 0);
        assert_int_equal(symlink("disk", link), 0);
        store_free(open_well(link));
}

static void test_a_log_that_is_a_link_is_refused(void **state) {
        const Place *place = *state;

        assert_int_equal(symlink("/tmp/elsewhere", place->log), 0);
        expect_refused(place->dir, ERROR_IO, place->log);
        assert_int_equal(access("/tmp/elsewhere", F_OK), -1);
}

static void test_only_its_owner_can_read_the_log(void **state) {
        const Place *place = *state;
        AUTO(Store) *store = open_well(place->dir);
        struct stat status;

        (void) append_notes(store, 0, 1);
        assert_int_equal(stat(place->log, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
        assert_int_equal(stat(place->wal, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
}

/* --- what is refused untouched --- */

/* The bytes of a file; -1: there is none. */
static ssize_t slurp(const char *path, char *bytes, size_t space) {
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);

        return fd < 0 ? -1 : read(fd, bytes, space);
}

#define FILE_SPACE ((size_t) 1024 * 1024)

typedef struct Bytes {
        ssize_t log_size;
        ssize_t wal_size;
        char log[FILE_SPACE];
        char wal[FILE_SPACE];
} Bytes;

static Bytes *look(const Place *place) {
        Bytes *bytes = calloc(1, sizeof(Bytes));

        assert_non_null(bytes);
        bytes->log_size = slurp(place->log, bytes->log, FILE_SPACE);
        bytes->wal_size = slurp(place->wal, bytes->wal, FILE_SPACE);
        return bytes;
}

static void expect_untouched(const Place *place, const Bytes *before) {
        auto_free Bytes *after = look(place);

        assert_int_equal(after->log_size, before->log_size);
        assert_int_equal(after->wal_size, before->wal_size);
        assert_memory_equal(after->log, before->log, FILE_SPACE);
        assert_memory_equal(after->wal, before->wal, FILE_SPACE);
}

/* As another program would: another connection, another process. With `kill` it ends without a
 * word, so that what it did stays in the write-ahead log. */
static void meddle(const char *path, const char *sql, bool kill_it) {
        int status;
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0) {
                sqlite3 *db = NULL;

                if (sqlite3_open(path, &db) != SQLITE_OK ||
                    sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
                        _exit(1);
                if (kill_it)
                        (void) raise(SIGKILL);

                _exit(sqlite3_close(db) == SQLITE_OK ? 0 : 1);
        }

        assert_int_equal(waitpid(child, &status, 0), child);
        if (kill_it) {
                assert_true(WIFSIGNALED(status));
        } else {
                assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
}

static void test_the_log_of_a_newer_rollpatchd_is_not_touched(void **state) {
        const Place *place = *state;

        for (unsigned killed = 0; killed < 2; killed++) {
                auto_free Bytes *before = NULL;

                store_free(open_well(place->dir));
                meddle(place->log,
                       "CREATE TABLE more (a); INSERT INTO more VALUES (randomblob(9999)); PRAGMA user_version = 2",
                       killed);
                before = look(place);
                assert_int_equal(before->wal_size > 0, killed);
                expect_refused(place->dir, ERROR_VERSION, "has schema 2");
                expect_refused(place->dir, ERROR_VERSION, place->log);
                expect_untouched(place, before);
                meddle(place->log, "PRAGMA user_version = 1; DROP TABLE more", false);
        }
}

static void test_any_other_database_is_not_touched(void **state) {
        static const char *const others[] = {
                "CREATE TABLE t (a); INSERT INTO t VALUES (1)",
                "PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)",
                "PRAGMA application_id = 77; VACUUM",
                "PRAGMA application_id = 77; CREATE TABLE event (seq, at, kind, node, body)",
        };
        const Place *place = *state;

        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                for (unsigned killed = 0; killed < 2; killed++) {
                        auto_free Bytes *before = NULL;

                        meddle(place->log, others[i], killed);
                        before = look(place);
                        expect_refused(place->dir, ERROR_INVALID, "not a log of rollpatch");
                        expect_untouched(place, before);
                        assert_int_equal(unlink(place->log), 0);
                        (void) unlink(place->wal);
                }
        }
}

static void test_what_is_no_database_is_not_touched(void **state) {
        const Place *place = *state;
        auto_free Bytes *before = NULL;
        FILE *file = fopen(place->log, "we");

        assert_non_null(file);
        for (unsigned i = 0; i < 1000; i++)
                (void) fputs("this is a letter to somebody\n", file);
        assert_int_equal(fclose(file), 0);
        before = look(place);
        expect_refused(place->dir, ERROR_IO, "not a database");
        expect_untouched(place, before);
}

/* --- damage --- */

static void test_an_event_that_is_damaged_is_named_with_its_file(void **state) {
        static const struct {
                const char *sql;
                ErrorCode code;
        } rows[] = {
                { "UPDATE event SET body = '{' WHERE seq = 3", ERROR_INVALID },
                { "UPDATE event SET body = '{\"user\":\"ops\"}' WHERE seq = 3", ERROR_INVALID },
                { "UPDATE event SET kind = 'operat' WHERE seq = 3", ERROR_VERSION },
                { "UPDATE event SET at = -1 WHERE seq = 3", ERROR_INVALID },
        };
        const Place *place = *state;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char sql[256];
                char wanted[PATH_SIZE + 32];
                Reader reader = { .next = 1 };
                Error error = {};
                Store *store = open_well(place->dir);

                (void) append_notes(store, 0, 5);
                store_free(store);
                (void) text_format(
                                sql, sizeof(sql), "DROP TRIGGER event_is_final; %s", rows[i].sql);
                meddle(place->log, sql, false);

                store = open_well(place->dir);
                (void) text_format(wanted, sizeof(wanted), "%s: event 3: ", place->log);
                assert_true(store_read(store, 0, on_event, &reader, &error) < 0);
                assert_int_equal(error.code, rows[i].code);
                assert_int_equal(strncmp(error.text, wanted, strlen(wanted)), 0);
                assert_int_equal(reader.count, 2);
                store_free(store);
                assert_int_equal(unlink(place->log), 0);
        }
}

static void test_nothing_can_be_taken_back_or_changed(void **state) {
        static const char *const crimes[] = {
                "DELETE FROM event WHERE seq = 1",
                "UPDATE event SET body = '{}' WHERE seq = 1",
                "INSERT INTO event VALUES (1, 1, 'operator', '', '{}')",
        };
        const Place *place = *state;
        sqlite3 *db = NULL;
        Store *store = open_well(place->dir);

        (void) append_notes(store, 0, 1);
        store_free(store);
        assert_int_equal(sqlite3_open(place->log, &db), SQLITE_OK);
        for (size_t i = 0; i < ELEMENTSOF(crimes); i++)
                assert_int_equal(sqlite3_exec(db, crimes[i], NULL, NULL, NULL), SQLITE_CONSTRAINT);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* --- no space --- */

/* Fills what is left of the disk. */
static void fill_disk(const char *path) {
        auto_close int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        static const char bytes[4096];

        assert_true(fd >= 0);
        while (write(fd, bytes, sizeof(bytes)) > 0)
                ;
}

/* Appends until it fails. */
static uint64_t append_until_full(Store *store, uint64_t seq) {
        for (; seq < 100000; seq++) {
                Event event = note(seq + 1);
                Error error = {};

                memset(event.operator.reason, 'x', REASON_MAX - 1);
                if (store_append(store, seq, &event, 1, &error) < 0) {
                        assert_int_equal(error.code, ERROR_NO_SPACE);
                        assert_int_equal(event.seq, 0);
                        return seq;
                }
        }

        fail_msg("the disk is never full");
        return 0;
}

static void run_on_full_disk(const Place *place) {
        char filler[PATH_SIZE];
        uint64_t seq;
        Store *store = open_well(place->dir);

        (void) text_format(filler, sizeof(filler), "%s/filler", place->dir);
        seq = append_notes(store, 0, 3);
        fill_disk(filler);
        seq = append_until_full(store, seq);
        assert_int_equal(append_until_full(store, seq), seq);
        assert_int_equal(read_notes(store, 0), seq);

        /* Space again: it goes on as if nothing had been. */
        assert_int_equal(unlink(filler), 0);
        seq = append_notes(store, seq, 3);
        assert_int_equal(read_notes(store, 0), seq);
        store_free(store);

        store = open_well(place->dir);
        assert_int_equal(read_notes(store, 0), seq);
        store_free(store);
}

static void test_a_full_disk_loses_nothing_and_writes_no_half(void **state) {
        const Place *place = *state;

        if (mount("tmpfs", place->dir, "tmpfs", 0, "size=1m") < 0) {
                print_message("# skipped: no tmpfs can be mounted here: %s\n", strerror(errno));
                skip();
        }

        run_on_full_disk(place);
        assert_int_equal(umount(place->dir), 0);
}

static void test_a_log_cannot_be_made_on_a_full_disk_but_after(void **state) {
        const Place *place = *state;
        char filler[PATH_SIZE];
        Store *store = NULL;
        Error error = {};

        (void) text_format(filler, sizeof(filler), "%s/filler", place->dir);
        if (mount("tmpfs", place->dir, "tmpfs", 0, "size=64k") < 0) {
                print_message("# skipped: no tmpfs can be mounted here: %s\n", strerror(errno));
                skip();
        }

        fill_disk(filler);
        assert_true(store_open(place->dir, &store, &error) < 0);
        assert_null(store);
        assert_int_equal(unlink(filler), 0);
        store = open_well(place->dir);
        (void) append_notes(store, 0, 1);
        store_free(store);
        assert_int_equal(umount(place->dir), 0);
}

/* --- copies --- */

static void test_a_copy_of_a_log_in_use_is_a_log(void **state) {
        const Place *place = *state;
        AUTO(Store) *store = open_well(place->dir);
        AUTO(Store) *copy = NULL;
        char dir[PATH_SIZE];
        char path[PATH_SIZE + 16];
        Error error = {};

        (void) append_notes(store, 0, 20);
        (void) text_format(dir, sizeof(dir), "%s/copy", place->dir);
        (void) text_format(path, sizeof(path), "%s/log.db", dir);
        assert_int_equal(mkdir(dir, 0700), 0);
        if (store_save(store, path, &error) < 0)
                fail_msg("%s", error.text);
        (void) append_notes(store, 20, 5);

        copy = open_well(dir);
        assert_int_equal(read_notes(copy, 0), 20);
        assert_int_equal(append_notes(copy, 20, 1), 21);

        assert_true(store_save(store, path, &error) < 0);
        assert_int_equal(error.code, ERROR_CONFLICT);
        assert_int_equal(read_notes(copy, 0), 21);
        assert_int_equal(read_notes(store, 0), 25);
}

static void test_a_copy_that_fails_leaves_nothing_behind(void **state) {
        const Place *place = *state;
        AUTO(Store) *store = open_well(place->dir);
        char path[PATH_SIZE];
        Error error = {};

        (void) text_format(path, sizeof(path), "%s/none/log.db", place->dir);
        assert_true(store_save(store, path, &error) < 0);
        assert_int_equal(error.code, ERROR_IO);
        assert_true(access(path, F_OK) < 0);
        (void) append_notes(store, 0, 1);
}

/* --- death --- */

/* Appends batches of three for ever, and says after each how far it got. */
static __attribute__((noreturn)) void append_for_ever(const char *dir, int to_parent) {
        Store *store = NULL;
        Reader reader = { .next = 1 };

        if (store_open(dir, &store, NULL) < 0 || store_read(store, 0, on_event, &reader, NULL) < 0)
                _exit(1);

        for (uint64_t seq = reader.count;; seq += 3) {
                Event events[3] = { note(seq + 1), note(seq + 2), note(seq + 3) };
                uint64_t told = seq + 3;

                if (store_append(store, seq, events, 3, NULL) < 0 ||
                    write(to_parent, &told, sizeof(told)) != sizeof(told))
                        _exit(1);
        }
}

/* What was told is there, all of it, and nothing is there by halves. */
static void test_whoever_is_killed_while_appending_leaves_a_whole_log(void **state) {
        const Place *place = *state;

        for (unsigned round = 0; round < 8; round++) {
                uint64_t told = 0;
                uint64_t last = 0;
                uint64_t there;
                int pipes[2];
                pid_t child;
                Store *store;

                assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
                child = fork();
                assert_true(child >= 0);
                if (child == 0)
                        append_for_ever(place->dir, pipes[1]);

                assert_int_equal(close(pipes[1]), 0);
                for (unsigned i = 0; i <= round; i++)
                        assert_int_equal(read(pipes[0], &told, sizeof(told)), sizeof(told));
                assert_int_equal(kill(child, SIGKILL), 0);
                assert_int_equal(waitpid(child, NULL, 0), child);
                while (read(pipes[0], &last, sizeof(last)) == sizeof(last))
                        told = last;
                assert_int_equal(close(pipes[0]), 0);

                store = open_well(place->dir);
                there = read_notes(store, 0);
                assert_int_equal(there % 3, 0);
                assert_in_range(there, told, told + 3);
                store_free(store);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                                test_every_event_comes_back_as_it_was_written, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_reading_begins_and_ends_where_it_is_told, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_what_the_reader_cannot_take_is_told_with_the_file, set_up,
                                tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_log_that_is_opened_again_goes_on_where_it_was, set_up,
                                tear_down),
                cmocka_unit_test_setup_teardown(
                                test_many_events_are_one_append_or_none, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_an_append_after_somebody_elses_is_refused, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_second_rollpatchd_on_the_same_state_is_refused, set_up,
                                tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_directory_that_is_not_there_is_not_made, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_state_directory_may_be_reached_through_a_link, set_up,
                                tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_log_that_is_a_link_is_refused, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_only_its_owner_can_read_the_log, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_the_log_of_a_newer_rollpatchd_is_not_touched, set_up,
                                tear_down),
                cmocka_unit_test_setup_teardown(
                                test_any_other_database_is_not_touched, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_what_is_no_database_is_not_touched, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_an_event_that_is_damaged_is_named_with_its_file, set_up,
                                tear_down),
                cmocka_unit_test_setup_teardown(
                                test_nothing_can_be_taken_back_or_changed, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_full_disk_loses_nothing_and_writes_no_half, set_up,
                                tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_log_cannot_be_made_on_a_full_disk_but_after, set_up,
                                tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_copy_of_a_log_in_use_is_a_log, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_copy_that_fails_leaves_nothing_behind, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_whoever_is_killed_while_appending_leaves_a_whole_log, set_up,
                                tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
