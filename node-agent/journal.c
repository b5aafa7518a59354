/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "common/span.h"
#include "common/text.h"
#include "node-agent/tail.h"

/* Some file systems do not tell of changes: then sd_journal_get_timeout() says when to look again,
 * and says so anew after every look. */

#define LINES_AT_ONCE 256 /* per turn of the event loop */

struct JournalTail {
        sd_journal *journal;
        sd_event_source *io;
        sd_event_source *timer;
        size_t size;
        char lines[2 * TAIL_MAX];
};

static int open_journal(sd_journal **ret, Error *error) {
        int r;

        r = sd_journal_open(ret, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
        if (r < 0)
                return error_errnof(error, r, "cannot open the journal");

        return 0;
}

/* The entry before; where that was rotated away, the first one that is left. */
static int seek_since(sd_journal *journal, usec_t since) {
        int r;

        if (since == USEC_INFINITY) {
                r = sd_journal_seek_tail(journal);
        } else {
                r = sd_journal_seek_realtime_usec(journal, since);
        }
        if (r >= 0)
                r = sd_journal_previous(journal);
        if (r == 0 && since != USEC_INFINITY)
                r = sd_journal_next(journal);

        return r;
}

static int read_cursor(
                sd_journal *journal, usec_t since, char ret[static CURSOR_MAX], Error *error) {
        auto_free char *cursor = NULL;
        int r;

        r = seek_since(journal, since);
        if (r == 0)
                return error_setf(error, ERROR_NOT_FOUND, "the journal is empty");
        if (r > 0)
                r = sd_journal_get_cursor(journal, &cursor);
        if (r < 0)
                return error_errnof(error, r, "cannot read the journal");
        if (!text_copy(ret, CURSOR_MAX, cursor)) {
                return error_setf(
                                error, ERROR_TOO_BIG, "the journal's cursor is more than %d bytes",
                                CURSOR_MAX);
        }

        return 0;
}

int journal_find_cursor(usec_t since, char ret[static CURSOR_MAX], Error *error) {
        char cursor[CURSOR_MAX];
        sd_journal *journal;
        int r;

        r = open_journal(&journal, error);
        if (r < 0)
                return r;

        r = read_cursor(journal, since, cursor, error);
        sd_journal_close(journal);
        if (r < 0)
                return r;

        memcpy(ret, cursor, sizeof(cursor));
        return 0;
}

int journal_read_cursor(char ret[static CURSOR_MAX], Error *error) {
        return journal_find_cursor(USEC_INFINITY, ret, error);
}

/* --- following --- */

static void add_line(JournalTail *tail, const char *data, size_t size) {
        size_t room = sizeof(tail->lines) / 2;

        if (size >= room) {
                data += size - (room - 1);
                size = room - 1;
        }

        /* Twice the size of the tail, so that moving it is rare. */
        if (tail->size + size + 1 > sizeof(tail->lines)) {
                memmove(tail->lines, tail->lines + tail->size - room, room);
                tail->size = room;
        }

        memcpy(tail->lines + tail->size, data, size);
        tail->size += size;
        tail->lines[tail->size++] = '\n';
}

static void add_entry(JournalTail *tail) {
        static const size_t prefix = sizeof("MESSAGE=") - 1;
        const void *data;
        size_t size;

        if (sd_journal_get_data(tail->journal, "MESSAGE", &data, &size) >= 0 && size >= prefix)
                add_line(tail, (const char *) data + prefix, size - prefix);
}

/* False: there may be more. */
static bool read_entries(JournalTail *tail) {
        for (size_t i = 0; i < LINES_AT_ONCE; i++) {
                if (sd_journal_next(tail->journal) <= 0)
                        return true;

                add_entry(tail);
        }

        return false;
}

static void look(JournalTail *tail) {
        bool done;
        usec_t next = USEC_INFINITY;

        /* Says what has changed; that something is there to be read, it does not say. */
        (void) sd_journal_process(tail->journal);
        done = read_entries(tail);

        if (sd_journal_get_timeout(tail->journal, &next) < 0)
                next = USEC_INFINITY;
        if (!done)
                next = 0;

        (void) sd_event_source_set_time(tail->timer, next);
        (void) sd_event_source_set_enabled(
                        tail->timer, next == USEC_INFINITY ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        look(ASSERT_PTR(userdata));
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        look(ASSERT_PTR(userdata));
        return 0;
}

/* The entry at the cursor has been there before the unit; if it has been rotated away since, the
 * nearest one is not the unit's either, because only the unit's entries match. */
static int seek(JournalTail *tail, const char *unit, const char *cursor) {
        char match[UNIT_MAX + sizeof("_SYSTEMD_UNIT=")];
        int r;

        (void) text_format(match, sizeof(match), "_SYSTEMD_UNIT=%s", unit);
        r = sd_journal_add_match(tail->journal, match, 0);
        if (r < 0)
                return r;

        return cursor[0] ? sd_journal_seek_cursor(tail->journal, cursor)
                         : sd_journal_seek_head(tail->journal);
}

static int start(JournalTail *tail, sd_event *event, const char *unit, const char *cursor) {
        int fd, r;

        r = seek(tail, unit, cursor);
        if (r < 0)
                return r;

        fd = sd_journal_get_fd(tail->journal);
        if (fd < 0)
                return fd;

        r = sd_event_add_io(
                        event, &tail->io, fd, (uint32_t) sd_journal_get_events(tail->journal),
                        on_io, tail);
        if (r < 0)
                return r;

        /* sd-journal's time-outs are of this clock. */
        return sd_event_add_time(
                        event, &tail->timer, CLOCK_MONOTONIC, 0, USEC_PER_MSEC, on_timer, tail);
}

int journal_tail_new(
                sd_event *event,
                const char *unit,
                const char *cursor,
                JournalTail **ret,
                Error *error) {
        AUTO(JournalTail) *tail = calloc(1, sizeof(*tail));
        int r;

        if (!tail)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        r = open_journal(&tail->journal, error);
        if (r < 0)
                return r;

        r = start(tail, event, unit, cursor);
        if (r < 0)
                return error_errnof(error, r, "cannot follow the journal");

        (void) sd_event_source_set_priority(tail->io, SD_EVENT_PRIORITY_IDLE);
        (void) sd_event_source_set_priority(tail->timer, SD_EVENT_PRIORITY_IDLE);
        *ret = TAKE(tail);
        return 0;
}

void journal_tail_get(JournalTail *tail, char ret[static TAIL_MAX]) {
        (void) sd_journal_process(tail->journal);
        (void) read_entries(tail);
        tail_clean(ret, TAIL_MAX, tail->lines, tail->size);
}

void journal_tail_free(JournalTail *tail) {
        if (!tail)
                return;

        (void) sd_event_source_disable_unref(tail->io);
        (void) sd_event_source_disable_unref(tail->timer);
        sd_journal_close(tail->journal);
        free(tail);
}

/* --- scanning --- */

#define SCAN_LINE_MAX 4096

struct JournalScan {
        sd_journal *journal; /* NULL: at rest */
        const char *const *units;
        size_t count;
        char cursor[CURSOR_MAX]; /* where it was when it was opened */
        bool is_at_cursor;       /* nothing read since: that entry itself is not to be told */
};

static int add_match(sd_journal *journal, const char *field, const char *value) {
        char match[UNIT_MAX + 32];

        (void) text_format(match, sizeof(match), "%s=%s", field, value);
        return sd_journal_add_match(journal, match, 0);
}

/* The field UNIT can be written by anybody who logs: it counts only when systemd wrote it. */
static int add_matches(JournalScan *scan) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < scan->count; i++)
                r = add_match(scan->journal, "_SYSTEMD_UNIT", scan->units[i]);
        if (r >= 0)
                r = sd_journal_add_disjunction(scan->journal);
        for (size_t i = 0; r >= 0 && i < scan->count; i++)
                r = add_match(scan->journal, "UNIT", scan->units[i]);
        if (r >= 0)
                r = add_match(scan->journal, "_PID", "1");

        return r;
}

static int scan_start(JournalScan *scan) {
        int r;

        scan->is_at_cursor = true;
        r = add_matches(scan);
        if (r < 0)
                return r;

        /* Only whoever has the descriptor is told of new files. */
        r = sd_journal_get_fd(scan->journal);
        if (r < 0)
                return r;

        (void) sd_journal_set_data_threshold(scan->journal, SCAN_LINE_MAX);
        return sd_journal_seek_cursor(scan->journal, scan->cursor);
}

static int scan_open(JournalScan *scan, Error *error) {
        int r;

        r = open_journal(&scan->journal, error);
        if (r < 0)
                return r;

        r = scan_start(scan);
        if (r < 0)
                return error_errnof(error, r, "cannot search the journal");

        return 0;
}

int journal_scan_new(
                const char *cursor,
                const char *const units[],
                size_t count,
                JournalScan **ret,
                Error *error) {
        AUTO(JournalScan) *scan = calloc(1, sizeof(*scan));
        int r;

        if (!scan)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        scan->units = units;
        scan->count = count;
        (void) text_copy(scan->cursor, sizeof(scan->cursor), cursor);
        r = scan_open(scan, error);
        if (r < 0)
                return r;

        *ret = TAKE(scan);
        return 0;
}

/* The value of a field, cut at `size`. */
static bool read_field(sd_journal *journal, const char *field, char *buffer, size_t size) {
        size_t prefix = strlen(field) + 1, length;
        const void *data;

        if (sd_journal_get_data(journal, field, &data, &length) < 0 || length < prefix)
                return false;

        length = MIN(length - prefix, size - 1);
        memcpy(buffer, (const char *) data + prefix, length);
        buffer[length] = '\0';
        return true;
}

static const char *find_unit(const JournalScan *scan, const char *field) {
        char name[UNIT_MAX];

        if (!read_field(scan->journal, field, name, sizeof(name)))
                return NULL;

        for (size_t i = 0; i < scan->count; i++) {
                if (strcmp(scan->units[i], name) == 0)
                        return scan->units[i];
        }

        return NULL;
}

/* False: nothing to tell. */
static bool read_line(JournalScan *scan, JournalLine *line, char *text, size_t size) {
        auto_free char *cursor = NULL;

        /* What is at the cursor was there before; it need not match, and then is not seen. */
        if (scan->is_at_cursor) {
                scan->is_at_cursor = false;
                if (sd_journal_test_cursor(scan->journal, scan->cursor) > 0)
                        return false;
        }

        line->unit = find_unit(scan, "_SYSTEMD_UNIT");
        if (!line->unit)
                line->unit = find_unit(scan, "UNIT");
        if (!line->unit || !read_field(scan->journal, "MESSAGE", text, size))
                return false;

        line->text = text;
        line->at = 0;
        (void) sd_journal_get_realtime_usec(scan->journal, &line->at);
        line->cursor[0] = '\0';
        if (sd_journal_get_cursor(scan->journal, &cursor) >= 0)
                (void) text_copy(line->cursor, sizeof(line->cursor), cursor);

        return true;
}

int journal_scan_read(
                JournalScan *scan,
                size_t max,
                void (*on_line)(const JournalLine *line, void *userdata),
                void *userdata,
                Error *error) {
        char text[SCAN_LINE_MAX];
        JournalLine line;
        int r;

        if (!scan->journal) {
                r = scan_open(scan, error);
                if (r < 0)
                        return r;
        }

        (void) sd_journal_process(scan->journal);
        for (size_t i = 0; i < max; i++) {
                r = sd_journal_next(scan->journal);
                if (r < 0)
                        return error_errnof(error, r, "cannot read the journal");
                if (r == 0)
                        return 0;

                if (read_line(scan, &line, text, sizeof(text)))
                        on_line(&line, userdata);
        }

        return 1;
}

/* Where its place cannot be told, it stays open. */
void journal_scan_rest(JournalScan *scan) {
        auto_free char *cursor = NULL;

        if (!scan->journal)
                return;

        if (!scan->is_at_cursor && (sd_journal_get_cursor(scan->journal, &cursor) < 0 ||
                                    !text_copy(scan->cursor, sizeof(scan->cursor), cursor)))
                return;

        sd_journal_close(scan->journal);
        scan->journal = NULL;
}

void journal_scan_free(JournalScan *scan) {
        if (!scan)
                return;

        sd_journal_close(scan->journal);
        free(scan);
}
