/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/bulk.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/redact.h"
#include "common/service.h"
#include "common/text.h"

#define LIMIT (10 * USEC_PER_SEC) /* of making the text */
#define KEEP  (30 * USEC_PER_SEC) /* the text, after it was read last */

struct Bulk {
        sd_event *event;
        BulkOptions options;
        Examine *examine; /* while the text is being made */
        Read wanted;      /* the request that the text is for; its request 0: none */
        char *text;
        size_t size;
        size_t capacity;
        bool cut; /* its beginning was left out */
        bool made;
        char reason[REASON_MAX];
        sd_event_source *forget;
};

void bulk_forget(Bulk *bulk) {
        examine_free(TAKE(bulk->examine));
        free(TAKE(bulk->text));
        bulk->size = bulk->capacity = 0;
        bulk->cut = bulk->made = false;
        bulk->reason[0] = '\0';
        bulk->wanted.request = 0;
        bulk->forget = sd_event_source_disable_unref(bulk->forget);
        service_rest();
}

static int on_forget(sd_event_source *source, uint64_t usec, void *userdata) {
        bulk_forget(ASSERT_PTR(userdata));
        return 0;
}

/* --- making it --- */

/* The first half goes when it is full, up to a whole line. */
static void make_room(Bulk *bulk, size_t more) {
        size_t kept;
        char *line;

        if (bulk->size + more <= BULK_TEXT_MAX)
                return;

        line = memchr(bulk->text + bulk->size / 2, '\n', bulk->size - bulk->size / 2);
        kept = line ? (size_t) (bulk->text + bulk->size - line - 1) : 0;
        memmove(bulk->text, bulk->text + bulk->size - kept, kept);
        bulk->size = kept;
        bulk->cut = true;
}

static void append(Bulk *bulk, const char *text) {
        size_t length = strlen(text);
        char *grown;

        assert(length < BULK_TEXT_MAX / 4);

        make_room(bulk, length);
        if (bulk->size + length > bulk->capacity) {
                size_t wanted = MAX(2 * bulk->capacity, bulk->size + length);
                size_t capacity = MIN(wanted, BULK_TEXT_MAX);

                grown = realloc(bulk->text, capacity);
                if (!grown)
                        return;

                bulk->text = grown;
                bulk->capacity = capacity;
        }

        memcpy(bulk->text + bulk->size, text, length);
        bulk->size += length;
}

static void on_line(const JournalLine *line, void *userdata) {
        Bulk *bulk = ASSERT_PTR(userdata);
        char head[UNIT_MAX + TIMESTAMP_TEXT_MAX + 8], at[TIMESTAMP_TEXT_MAX];

        if (bulk->wanted.what != READ_JOURNAL)
                return;

        (void) text_format(
                        head, sizeof(head), "%s %s: ", timestamp_format(line->at, at), line->unit);
        append(bulk, head);
        append(bulk, line->text);
        append(bulk, "\n");
}

static void on_units(const UnitsInput *units, void *userdata) {
        Bulk *bulk = ASSERT_PTR(userdata);
        char row[512];

        for (size_t i = 0; bulk->wanted.what == READ_UNITS && i < units->count; i++) {
                const UnitStatus *unit = &units->units[i];

                (void) text_format(
                                row, sizeof(row),
                                "%s LoadState=%s ActiveState=%s SubState=%s Result=%s Type=%s Restart=%s ExecMainCode=%d ExecMainStatus=%d MainPID=%" PRIu32
                                " NRestarts=%" PRIu32 "\n",
                                unit->name, unit->load, unit->active, unit->sub, unit->result,
                                unit->type, unit->restart, unit->main_code, unit->main_status,
                                unit->main_pid, unit->restarts);
                append(bulk, row);
        }
}

/* Secrets may stretch over lines, so the text is cleaned as a whole. */
static void clean(Bulk *bulk) {
        size_t size = 0;
        char *text = redact(bulk->size > 0 ? bulk->text : "", bulk->size, &size);

        free(TAKE(bulk->text));
        bulk->text = text;
        bulk->size = text ? size : 0;
        bulk->capacity = bulk->size;
        if (!text)
                (void) text_copy(bulk->reason, sizeof(bulk->reason), "out of memory");
}

static void send_piece(Bulk *bulk, const Read *read) {
        Message message = { .kind = MESSAGE_CHUNK, .chunk = { .request = read->request } };
        Chunk *chunk = &message.chunk;
        uint64_t offset = MIN(read->from_end ? 0 : read->offset, (uint64_t) bulk->size);
        size_t size = MIN(bulk->size - (size_t) offset, (size_t) CHUNK_BYTES_MAX);

        (void) text_copy(chunk->step, sizeof(chunk->step), read->step);
        (void) text_copy(chunk->reason, sizeof(chunk->reason), bulk->reason);
        chunk->offset = offset;
        chunk->total = bulk->size;
        if (size > 0)
                base64_encode(bulk->text + offset, size, chunk->data);

        (void) sd_event_source_set_time_relative(bulk->forget, KEEP);
        (void) sd_event_source_set_enabled(bulk->forget, SD_EVENT_ONESHOT);
        (void) bulk->options.send(&message, bulk->options.userdata);
}

static void on_done(const Examined *examined, void *userdata) {
        Bulk *bulk = ASSERT_PTR(userdata);

        if (examined->missing[0]) {
                append(bulk, "not all of it: ");
                append(bulk, examined->missing);
                append(bulk, "\n");
        }
        if (bulk->cut)
                append(bulk, "the beginning was left out\n");

        examine_free(TAKE(bulk->examine));
        clean(bulk);
        bulk->made = true;
        send_piece(bulk, &bulk->wanted);
}

static int make(Bulk *bulk, const Read *read, Error *error) {
        static const ExamineHandlers handlers = { on_units, on_line, on_done };
        int r;

        bulk_forget(bulk);
        r = sd_event_add_time_relative(
                        bulk->event, &bulk->forget, CLOCK_BOOTTIME, KEEP, USEC_PER_SEC, on_forget,
                        bulk);
        if (r < 0)
                return error_errnof(error, r, "cannot make a timer");

        bulk->wanted = *read;
        return examine_start(
                        &bulk->options.examine, read->step, LIMIT, &handlers, bulk, &bulk->examine,
                        error);
}

/* --- the whole --- */

static void refuse(const Bulk *bulk, const Read *read, const char *why) {
        Message message = { .kind = MESSAGE_CHUNK, .chunk = { .request = read->request } };

        (void) text_copy(message.chunk.step, sizeof(message.chunk.step), read->step);
        text_ellipsize(message.chunk.reason, sizeof(message.chunk.reason), why);
        (void) bulk->options.send(&message, bulk->options.userdata);
}

/* The number alone does not say: a coordinator begins with 1 again after its restart. */
static bool is_wanted(const Bulk *bulk, const Read *read) {
        const Read *wanted = &bulk->wanted;

        return wanted->request == read->request && wanted->what == read->what &&
               strcmp(wanted->step, read->step) == 0;
}

void bulk_handle(Bulk *bulk, const Read *read) {
        Error error = {};

        if (is_wanted(bulk, read)) {
                if (bulk->made)
                        send_piece(bulk, read);
                return;
        }

        /* The rest of a text that is gone. */
        if (!read->from_end) {
                (void) text_copy(error.text, sizeof(error.text), "the text is not kept any more");
        } else if (make(bulk, read, &error) >= 0) {
                return;
        } else {
                bulk_forget(bulk);
        }

        refuse(bulk, read, error.text);
}

Bulk *bulk_new(sd_event *event, const BulkOptions *options) {
        Bulk *bulk = calloc(1, sizeof(*bulk));

        if (!bulk)
                return NULL;

        bulk->event = event;
        bulk->options = *options;
        return bulk;
}

void bulk_free(Bulk *bulk) {
        if (!bulk)
                return;

        bulk_forget(bulk);
        free(bulk);
}
