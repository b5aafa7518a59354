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

static int read_cursor(sd_journal *journal, char ret[static CURSOR_MAX], Error *error) {
        auto_free char *cursor = NULL;
        int r;

        r = sd_journal_seek_tail(journal);
        if (r >= 0)
                r = sd_journal_previous(journal);
        if (r == 0)
                return error_setf(error, ERROR_NOT_FOUND, "the journal is empty");
        if (r > 0)
                r = sd_journal_get_cursor(journal, &cursor);
        if (r < 0)
                return error_errnof(error, r, "cannot read the journal");
        if (!text_copy(ret, CURSOR_MAX, cursor))
                return error_setf(
                                error, ERROR_TOO_BIG, "the journal's cursor is more than %d bytes",
                                CURSOR_MAX);

        return 0;
}

int journal_read_cursor(char ret[static CURSOR_MAX], Error *error) {
        char cursor[CURSOR_MAX];
        sd_journal *journal;
        int r;

        r = open_journal(&journal, error);
        if (r < 0)
                return r;

        r = read_cursor(journal, cursor, error);
        sd_journal_close(journal);
        if (r < 0)
                return r;

        memcpy(ret, cursor, sizeof(cursor));
        return 0;
}

/* --- following ------------------------------------------------------------------------------- */

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
