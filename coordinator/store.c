/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/text.h"

/* PRAGMA application_id of our logs: "rPch". */
#define APPLICATION_ID 0x72506368
#define PATH_MAX_BYTES 4096

struct Store {
        sqlite3 *db;
        sqlite3_stmt *insert;
        sqlite3_stmt *newest;
        int lock_fd;
        char path[PATH_MAX_BYTES];
};

DEFINE_AUTO(sqlite3_stmt, sqlite3_finalize)

static int store_fail(Store *store, const char *doing, Error *error) {
        int code = sqlite3_errcode(store->db);
        ErrorCode as = ERROR_IO;

        if (code == SQLITE_FULL) {
                as = ERROR_NO_SPACE;
        } else if (code == SQLITE_NOMEM) {
                as = ERROR_MEMORY;
        }

        return error_setf(error, as, "%s: %s: %s", store->path, doing, sqlite3_errmsg(store->db));
}

static int execute(Store *store, const char *sql, const char *doing, Error *error) {
        if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
                return store_fail(store, doing, error);

        return 0;
}

static int query_number(Store *store, const char *sql, int64_t *ret, Error *error) {
        AUTO(sqlite3_stmt) *statement = NULL;

        if (sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) != SQLITE_OK ||
            sqlite3_step(statement) != SQLITE_ROW)
                return store_fail(store, "reading", error);

        *ret = sqlite3_column_int64(statement, 0);
        return 0;
}

static bool is_foreign(int64_t application, int64_t tables) {
        return application != APPLICATION_ID && (tables > 0 || application != 0);
}

/* Looks before it touches: a log of a newer rollpatch, or any other database, stays as it is. */
static int check_schema(Store *store, bool *ret_empty, Error *error) {
        int64_t application;
        int64_t schema;
        int64_t tables;
        int r;

        r = query_number(store, "PRAGMA application_id", &application, error);
        if (r < 0)
                return r;
        r = query_number(store, "PRAGMA user_version", &schema, error);
        if (r < 0)
                return r;
        r = query_number(store, "SELECT count(*) FROM sqlite_master", &tables, error);
        if (r < 0)
                return r;

        if (is_foreign(application, tables)) {
                return error_setf(
                                error, ERROR_INVALID,
                                "%s: is a database, but not a log of rollpatch; not touched",
                                store->path);
        }
        if (schema > STORE_SCHEMA) {
                return error_setf(
                                error, ERROR_VERSION,
                                "%s: has schema %" PRId64
                                ", this rollpatchd knows up to %d; not touched; use "
                                "the rollpatchd that wrote it, or a newer one",
                                store->path, schema, STORE_SCHEMA);
        }

        *ret_empty = tables == 0;
        return 0;
}

static int make_schema(Store *store, Error *error) {
        return execute(store,
                       "BEGIN IMMEDIATE;"
                       "PRAGMA application_id = 1917870952;"
                       "PRAGMA user_version = 1;"
                       "CREATE TABLE event ("
                       "  seq INTEGER PRIMARY KEY,"
                       "  at INTEGER NOT NULL,"
                       "  kind TEXT NOT NULL,"
                       "  node TEXT NOT NULL,"
                       "  body TEXT NOT NULL"
                       ") STRICT;"
                       "CREATE TRIGGER event_is_kept BEFORE DELETE ON event BEGIN"
                       "  SELECT RAISE(ABORT, 'the log is append-only'); END;"
                       "CREATE TRIGGER event_is_final BEFORE UPDATE ON event BEGIN"
                       "  SELECT RAISE(ABORT, 'the log is append-only'); END;"
                       "COMMIT;",
                       "making the log", error);
}
static_assert(APPLICATION_ID == 1917870952, "the number in make_schema is APPLICATION_ID");

static int prepare(Store *store, Error *error) {
        if (sqlite3_prepare_v3(
                            store->db,
                            "INSERT INTO event (seq, at, kind, node, body) VALUES (?, ?, ?, ?, ?)",
                            -1, SQLITE_PREPARE_PERSISTENT, &store->insert, NULL) != SQLITE_OK ||
            sqlite3_prepare_v3(
                            store->db, "SELECT coalesce(max(seq), 0) FROM event", -1,
                            SQLITE_PREPARE_PERSISTENT, &store->newest, NULL) != SQLITE_OK)
                return store_fail(store, "preparing", error);

        return 0;
}

static int lock_directory(const char *dir, Store *store, Error *error) {
        store->lock_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (store->lock_fd < 0)
                return error_errnof(error, errno, "%s: opening the state directory", dir);

        if (flock(store->lock_fd, LOCK_EX | LOCK_NB) < 0) {
                return error_setf(
                                error, ERROR_BLOCKED,
                                "%s: another rollpatchd uses this state directory", dir);
        }

        return 0;
}

/* Whoever closes a database last moves what stands in its write-ahead log into it: not before it is
 * known that it is ours to touch. (Without a write-ahead log closing leaves nothing behind, and
 * must not.) */
static void keep_untouched(Store *store, bool yes) {
        char wal[PATH_MAX_BYTES + 4];
        bool pending = text_format(wal, sizeof(wal), "%s-wal", store->path) &&
                       access(wal, F_OK) == 0;

        (void) sqlite3_db_config(
                        store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, (int) (yes && pending), NULL);
}

static int open_database(Store *store, Error *error) {
        int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW;
        bool empty = false;
        int r;

        if (sqlite3_open_v2(store->path, &store->db, flags, NULL) != SQLITE_OK)
                return store_fail(store, "opening", error);

        (void) sqlite3_extended_result_codes(store->db, 0);
        (void) sqlite3_busy_timeout(store->db, 2000);

        keep_untouched(store, true);
        r = check_schema(store, &empty, error);
        if (r < 0)
                return r;

        keep_untouched(store, false);
        r = execute(store,
                    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -512;",
                    "setting up", error);
        if (r < 0)
                return r;

        if (empty) {
                r = make_schema(store, error);
                if (r < 0)
                        return r;
        }

        return prepare(store, error);
}

int store_open(const char *dir, Store **ret, Error *error) {
        AUTO(Store) *store = calloc(1, sizeof(Store));
        auto_free char *real = realpath(dir, NULL);
        mode_t mask;
        int r;

        if (!store)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        /* A link on the way to the directory is the administrator's; one in it that is called
         * log.db is not, and SQLite can only refuse both. */
        store->lock_fd = -EBADF;
        if (!real)
                return error_errnof(error, errno, "%s: opening the state directory", dir);
        if (!text_format(store->path, sizeof(store->path), "%s/log.db", real))
                return error_setf(error, ERROR_TOO_BIG, "%s: the path is too long", dir);

        r = lock_directory(dir, store, error);
        if (r < 0)
                return r;

        mask = umask(0077);
        r = open_database(store, error);
        (void) umask(mask);
        if (r < 0)
                return r;

        *ret = TAKE(store);
        return 0;
}

static int newest_seq(Store *store, uint64_t *ret, Error *error) {
        int r = sqlite3_step(store->newest);
        int64_t seq = sqlite3_column_int64(store->newest, 0);

        (void) sqlite3_reset(store->newest);
        if (r != SQLITE_ROW)
                return store_fail(store, "reading", error);

        *ret = (uint64_t) seq;
        return 0;
}

static int insert_event(Store *store, const Event *event, uint64_t seq, Error *error) {
        auto_free char *body = NULL;
        int r;

        r = event_encode(event, &body, error);
        if (r < 0)
                return r;

        (void) sqlite3_bind_int64(store->insert, 1, (sqlite3_int64) seq);
        (void) sqlite3_bind_int64(store->insert, 2, (sqlite3_int64) event->at);
        (void) sqlite3_bind_text(
                        store->insert, 3, enum_name(&event_kind_names, event->kind), -1,
                        SQLITE_STATIC);
        (void) sqlite3_bind_text(store->insert, 4, event_node(event), -1, SQLITE_STATIC);
        (void) sqlite3_bind_text(store->insert, 5, body, -1, SQLITE_STATIC);

        r = sqlite3_step(store->insert);
        if (r != SQLITE_DONE) {
                r = store_fail(store, "appending", error);
        } else {
                r = 0;
        }

        (void) sqlite3_reset(store->insert);
        (void) sqlite3_clear_bindings(store->insert);
        return r;
}

static int append_all(
                Store *store, uint64_t expected, const Event *events, size_t count, Error *error) {
        uint64_t newest = 0;
        int r;

        r = newest_seq(store, &newest, error);
        if (r < 0)
                return r;

        if (newest != expected) {
                return error_setf(
                                error, ERROR_CONFLICT,
                                "%s: newest event is %" PRIu64 ", expected %" PRIu64
                                "; somebody else has written here",
                                store->path, newest, expected);
        }

        for (size_t i = 0; i < count; i++) {
                r = insert_event(store, &events[i], expected + 1 + i, error);
                if (r < 0)
                        return r;
        }

        return execute(store, "COMMIT", "committing", error);
}

int store_append(Store *store, uint64_t expected_seq, Event *events, size_t count, Error *error) {
        int r;

        assert(count > 0 && count <= STORE_BATCH_MAX);

        /* A rollback that has failed before must not keep every later append from beginning. */
        if (!sqlite3_get_autocommit(store->db))
                (void) execute(store, "ROLLBACK", "rolling back", NULL);

        r = execute(store, "BEGIN IMMEDIATE", "beginning", error);
        if (r < 0)
                return r;

        r = append_all(store, expected_seq, events, count, error);
        if (r < 0) {
                /* After some failures SQLite has rolled back by itself. */
                if (!sqlite3_get_autocommit(store->db))
                        (void) execute(store, "ROLLBACK", "rolling back", NULL);

                return r;
        }

        for (size_t i = 0; i < count; i++)
                events[i].seq = expected_seq + 1 + i;

        return 0;
}

static int read_row(sqlite3_stmt *row, Event *ret, Error *error) {
        const char *kind = (const char *) sqlite3_column_text(row, 2);
        const char *body = (const char *) sqlite3_column_text(row, 3);
        int64_t seq = sqlite3_column_int64(row, 0);
        int64_t at = sqlite3_column_int64(row, 1);
        int r;

        if (!kind || !body || seq <= 0 || at < 0)
                return error_setf(error, ERROR_INVALID, "event %" PRId64 ": is damaged", seq);

        r = event_decode(kind, body, ret, error);
        if (r < 0)
                return error_prefixf(error, "event %" PRId64, seq);

        ret->seq = (uint64_t) seq;
        ret->at = (usec_t) at;
        return 0;
}

int store_read(Store *store, uint64_t after, StoreEach each, void *userdata, Error *error) {
        AUTO(sqlite3_stmt) *rows = NULL;
        Event event;
        int r;

        if (sqlite3_prepare_v2(
                            store->db,
                            "SELECT seq, at, kind, body FROM event WHERE seq > ? ORDER BY seq", -1,
                            &rows, NULL) != SQLITE_OK)
                return store_fail(store, "reading", error);

        (void) sqlite3_bind_int64(rows, 1, (sqlite3_int64) after);
        while ((r = sqlite3_step(rows)) == SQLITE_ROW) {
                r = read_row(rows, &event, error);
                if (r == 0)
                        r = each(&event, userdata, error);
                if (r < 0)
                        return error_prefixf(error, "%s", store->path);
                if (r > 0)
                        return r;
        }

        if (r != SQLITE_DONE)
                return store_fail(store, "reading", error);

        return 0;
}

static int copy_into(Store *store, sqlite3 *target, const char *path, Error *error) {
        sqlite3_backup *backup = sqlite3_backup_init(target, "main", store->db, "main");
        int r;

        if (!backup)
                return error_setf(error, ERROR_IO, "%s: copying: %s", path, sqlite3_errmsg(target));

        r = sqlite3_backup_step(backup, -1);
        (void) sqlite3_backup_finish(backup);
        if (r != SQLITE_DONE) {
                return error_setf(
                                error, r == SQLITE_FULL ? ERROR_NO_SPACE : ERROR_IO,
                                "%s: copying: %s", path, sqlite3_errstr(r));
        }

        return 0;
}

int store_save(Store *store, const char *path, Error *error) {
        sqlite3 *target = NULL;
        mode_t mask;
        int r;

        if (access(path, F_OK) == 0)
                return error_setf(error, ERROR_CONFLICT, "%s: exists already; not touched", path);

        mask = umask(0077);
        r = sqlite3_open_v2(path, &target, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
        (void) umask(mask);
        if (r != SQLITE_OK) {
                r = error_setf(error, ERROR_IO, "%s: opening: %s", path, sqlite3_errstr(r));
        } else {
                r = copy_into(store, target, path, error);
        }

        (void) sqlite3_close(target);
        if (r < 0)
                (void) unlink(path);

        return r;
}

static int open_for_reading(const char *dir, Store *store, Error *error) {
        auto_free char *real = realpath(dir, NULL);
        bool empty;
        int r;

        if (!real)
                return error_errnof(error, errno, "%s: opening the state directory", dir);
        if (!text_format(store->path, sizeof(store->path), "%s/log.db", real))
                return error_setf(error, ERROR_TOO_BIG, "%s: the path is too long", dir);
        if (sqlite3_open_v2(store->path, &store->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW,
                            NULL) != SQLITE_OK)
                return store_fail(store, "opening", error);

        (void) sqlite3_busy_timeout(store->db, 2000);
        r = check_schema(store, &empty, error);
        if (r < 0)
                return r;
        if (empty)
                return error_setf(error, ERROR_INVALID, "%s: is empty", store->path);

        return 0;
}

int store_copy(const char *dir, const char *path, Error *error) {
        AUTO(Store) *store = calloc(1, sizeof(Store));
        int r;

        if (!store)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        store->lock_fd = -EBADF;
        r = open_for_reading(dir, store, error);
        return r < 0 ? r : store_save(store, path, error);
}

void store_free(Store *store) {
        if (!store)
                return;

        (void) sqlite3_finalize(store->insert);
        (void) sqlite3_finalize(store->newest);
        (void) sqlite3_close(store->db);
        if (store->lock_fd >= 0)
                (void) close(store->lock_fd);
        free(store);
}
