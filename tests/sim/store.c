/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/coverage.h"

/* The event log: what a commit has written is there, whatever happens then; all of it or nothing.
 * Events go through event_encode() and event_decode(), as they do on their way to SQLite. */

typedef struct Row {
        usec_t at;
        EventKind kind;
        char *body;
        bool ends; /* its transaction */
} Row;

typedef struct Log {
        Row *rows;
        size_t count, space;
} Log;

struct Store {
        Host *host;
        Log *log;
};

static Log *log_of(Host *host) {
        if (!host->log)
                host->log = calloc(1, sizeof(*host->log));

        assert(host->log);
        return host->log;
}

static void add_row(Log *log, Row row) {
        if (log->count == log->space) {
                log->space = log->space ? 2 * log->space : 256;
                log->rows = realloc(log->rows, log->space * sizeof(*log->rows));
                assert(log->rows);
        }

        log->rows[log->count++] = row;
}

int store_open(const char *dir, Store **ret, Error *error) {
        Store *store = calloc(1, sizeof(*store));

        assert(store);
        store->host = sim.current->host;
        store->log = log_of(store->host);
        *ret = store;
        return 0;
}

int store_append(Store *store, uint64_t expected_seq, Event *events, size_t count, Error *error) {
        auto_free Row *rows = calloc(count, sizeof(*rows));
        int r;

        assert(rows);
        assert(expected_seq == store->log->count); /* nobody else has this log */
        for (size_t i = 0; i < count; i++) {
                r = event_encode(&events[i], &rows[i].body, error);
                if (r < 0)
                        return r;

                rows[i].kind = events[i].kind;
                rows[i].at = events[i].at;
                rows[i].ends = i + 1 == count;
                events[i].seq = expected_seq + i + 1;
        }

        crash_here(true);
        if (sim.now < store->host->full_until)
                return error_setf(error, ERROR_NO_SPACE, "database or disk is full");
        for (size_t i = 0; i < count; i++)
                add_row(store->log, rows[i]);

        for (size_t i = 0; i < count; i++)
                coverage_note_commit(store->host, &events[i]);
        for (size_t i = 0; i < count; i++) {
                oracle_decided(store->host, enum_name(&event_kind_names, rows[i].kind),
                               rows[i].body);
        }
        crash_here(true);
        return 0;
}

int store_read(Store *store, uint64_t after, StoreEach each, void *userdata, Error *error) {
        for (size_t i = after; i < store->log->count; i++) {
                const Row *row = &store->log->rows[i];
                Event event = {};
                int r;

                r = event_decode(enum_name(&event_kind_names, row->kind), row->body, &event, error);
                event.seq = i + 1;
                event.at = row->at;
                if (r == 0)
                        r = each(&event, userdata, error);
                if (r != 0)
                        return r;
        }

        return 0;
}

void store_free(Store *store) {
        free(store);
}

void store_copy_log(const Host *from, Host *to, uint64_t behind) {
        Log *log = log_of(to);

        log->count = 0;
        for (size_t i = 0; from->log && i + behind < from->log->count; i++)
                add_row(log, from->log->rows[i]);
        while (log->count > 0 && !log->rows[log->count - 1].ends)
                log->count--;
}
