/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/step-record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/text.h"
#include "node-agent/step/record.h"
#include "proto/codec.h"

#define JSON_BYTES_MAX 65536

// clang-format off
const Field fence_fields[] = {
        F_U64(FenceNote, fence, 1, FENCE_MAX),
        F_TEXT(FenceNote, reason, .optional = true),
        F_END
};

const Field intent_fields[] = {
        F_U64(Intent, fence, 1, FENCE_MAX),
        F_ID(Intent, boot_id),
        F_U64(Intent, wall, 1, JSON_NUMBER_MAX),
        F_U64(Intent, boottime, 1, JSON_NUMBER_MAX),
        F_TEXT(Intent, cursor, .optional = true),
        F_TEXT(Intent, unit),
        F_TEXT(Intent, note, .optional = true),
        F_END
};

const Field found_fields[] = {
        F_ID(Found, boot_id),
        F_U64(Found, wall, 1, JSON_NUMBER_MAX),
        F_TEXT(Found, unit),
        F_END
};
// clang-format on

/* --- one file --- */

static int no_memory(Error *error) {
        return error_setf(error, ERROR_MEMORY, "out of memory");
}

int step_file_put(
                int step_fd,
                const char *name,
                const Field *fields,
                const void *record,
                Error *error) {
        AUTO(Json) *object = json_new_object();
        auto_free char *text = NULL;
        int r;

        if (!object)
                return no_memory(error);

        r = fields_encode(fields, record, object, error);
        if (r < 0)
                return error_prefixf(error, "'%s'", name);

        text = json_print(object);
        if (!text)
                return no_memory(error);

        return file_replace(step_fd, name, text, strlen(text), 0600, error);
}

static int get_json(
                int dir_fd,
                const char *name,
                const Field *fields,
                void *ret,
                size_t size,
                Error *error) {
        AUTO(Json) *object = NULL;
        auto_free char *text = NULL;
        int r;

        r = file_read(dir_fd, name, JSON_BYTES_MAX, &text, NULL, error);
        if (r < 0)
                return r;

        r = json_parse(text, strlen(text), &object, error);
        if (r < 0)
                return error_prefixf(error, "'%s'", name);
        if (!json_is_object(object)) {
                return error_setf(
                                error, ERROR_INVALID, "'%s' is %s, want an object", name,
                                json_type_name(object));
        }

        r = fields_decode(fields, object, NULL, ret, size, error);
        if (r < 0)
                return error_prefixf(error, "'%s'", name);

        return 0;
}

/* 1: read, 0: not there. */
static int find_json(
                int dir_fd,
                const char *name,
                const Field *fields,
                void *ret,
                size_t size,
                Error *error) {
        int r;

        r = get_json(dir_fd, name, fields, ret, size, error);
        if (r == -ENOENT)
                return 0;

        return r < 0 ? r : 1;
}

static int find_record(
                int dir_fd,
                const char *name,
                const char *const keys[],
                size_t count,
                char ret[][RECORD_VALUE_MAX],
                Error *error) {
        auto_free char *text = NULL;
        int r;

        r = file_read(dir_fd, name, RECORD_BYTES_MAX, &text, NULL, error);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;

        r = record_parse(text, keys, count, ret, error);
        if (r < 0)
                return error_prefixf(error, "'%s'", name);

        return 1;
}

/* --- reading --- */

static int read_stage(int fd, const char *step, StepRecord *record, Error *error) {
        int r;

        r = find_json(fd, "stage", message_fields(MESSAGE_STAGE), &record->stage,
                      sizeof(record->stage), error);
        if (r > 0 && strcmp(record->stage.step, step) != 0) {
                return error_setf(
                                error, ERROR_INVALID, "'stage': is of step '%s', want '%s'",
                                record->stage.step, step);
        }

        record->facts.stage = r > 0;
        return r;
}

static int read_fence(int fd, const char *name, FenceNote *ret, Error *error) {
        return find_json(fd, name, fence_fields, ret, sizeof(*ret), error);
}

static int read_intent(int fd, StepRecord *record, Error *error) {
        int r;

        r = find_json(fd, "intent", intent_fields, &record->intent, sizeof(record->intent), error);
        if (r > 0) {
                record->facts.intent_fence = record->intent.fence;
                memcpy(record->facts.intent_boot, record->intent.boot_id, ID_TEXT_MAX);
        }

        return r;
}

static int read_found(int fd, StepRecord *record, Error *error) {
        Found found = {};
        int r;

        r = find_json(fd, "found", found_fields, &found, sizeof(found), error);
        if (r > 0)
                memcpy(record->facts.found_boot, found.boot_id, ID_TEXT_MAX);

        return r;
}

static int read_started(int fd, const char *step, StepRecord *record, Error *error) {
        char values[ORDER_KEY_COUNT][RECORD_VALUE_MAX];
        StepFacts *facts = &record->facts;
        struct stat st = {};
        int r;

        r = find_record(fd, "started", order_keys, ORDER_KEY_COUNT, values, error);
        if (r <= 0)
                return r;

        if (strcmp(values[ORDER_STEP], step) != 0 ||
            !hex_is_valid(values[ORDER_BOOT_ID], ID_TEXT_MAX - 1) ||
            parse_u64(values[ORDER_FENCE], 1, FENCE_MAX, &facts->started_fence) < 0) {
                return error_setf(
                                error, ERROR_INVALID,
                                "'started': is of step '%s', boot '%s', fence '%s', want step '%s', a boot "
                                "id, a fence",
                                values[ORDER_STEP], values[ORDER_BOOT_ID], values[ORDER_FENCE],
                                step);
        }

        memcpy(facts->started_boot, values[ORDER_BOOT_ID], ID_TEXT_MAX);

        /* Making the second link was the last that happened to this file. */
        if (fstatat(fd, "started", &st, AT_SYMLINK_NOFOLLOW) == 0) {
                record->started_at = (usec_t) st.st_ctim.tv_sec * USEC_PER_SEC +
                                     (usec_t) st.st_ctim.tv_nsec / 1000;
        }
        return 1;
}

static int parse_result(char values[][RECORD_VALUE_MAX], StepResult *ret, Error *error) {
        StepResult result = {};
        uint64_t terminated = 0;
        const struct {
                size_t key;
                uint64_t max;
                uint64_t *place;
        } numbers[] = {
                { RESULT_EXIT_STATUS, 255, &result.exit_status },
                { RESULT_EXIT_SIGNAL, 127, &result.exit_signal },
                { RESULT_STARTED_AT, JSON_NUMBER_MAX, &result.started_at },
                { RESULT_ENDED_AT, JSON_NUMBER_MAX, &result.ended_at },
                { RESULT_TERMINATED, 1, &terminated },
                { RESULT_OUTPUT_DROPPED, UINT64_MAX, &result.output_dropped },
                { RESULT_JOURNAL_DROPPED, UINT64_MAX, &result.journal_dropped },
        };

        for (size_t i = 0; i < ELEMENTSOF(numbers); i++) {
                if (parse_u64(values[numbers[i].key], 0, numbers[i].max, numbers[i].place) < 0) {
                        return error_setf(
                                        error, ERROR_INVALID,
                                        "'result': %s is '%s', want at most %" PRIu64,
                                        result_keys[numbers[i].key], values[numbers[i].key],
                                        numbers[i].max);
                }
        }

        if (!hex_is_valid(values[RESULT_BOOT_ID], ID_TEXT_MAX - 1)) {
                return error_setf(
                                error, ERROR_INVALID, "'result': boot_id is '%s', want a boot id",
                                values[RESULT_BOOT_ID]);
        }

        result.terminated = terminated;
        (void) text_copy(result.boot_id, sizeof(result.boot_id), values[RESULT_BOOT_ID]);
        *ret = result;
        return 0;
}

static int read_result(int fd, StepRecord *record, Error *error) {
        char values[RESULT_KEY_COUNT][RECORD_VALUE_MAX];
        int r;

        r = find_record(fd, "result", result_keys, RESULT_KEY_COUNT, values, error);
        if (r <= 0)
                return r;

        r = parse_result(values, &record->result, error);
        if (r < 0)
                return r;

        record->facts.result = true;
        record->facts.terminated = record->result.terminated;
        return 1;
}

static bool was_ordered(const StepFacts *facts) {
        return facts->stage || facts->script || facts->declined_fence || facts->intent_fence ||
               facts->started_fence;
}

static int check_result(const StepRecord *record, Error *error) {
        const StepFacts *facts = &record->facts;

        if (!facts->result)
                return 0;
        if (facts->started_fence == 0)
                return error_setf(error, ERROR_INVALID, "'result' is there, but 'started' is not");
        if (strcmp(record->result.boot_id, facts->started_boot) != 0) {
                return error_setf(
                                error, ERROR_INVALID, "'result' is of boot '%s', 'started' of '%s'",
                                record->result.boot_id, facts->started_boot);
        }

        return 0;
}

/* A directory that was just made is empty; any other has the order that it was made for. Only a
 * fence is adopted for what was found. */
static int check_order(const StepFacts *facts, Error *error) {
        bool found = facts->found_boot[0] != '\0';

        if (found && was_ordered(facts))
                return error_setf(error, ERROR_INVALID, "'found' is there beside an order");
        if (!found && !facts->stage && (facts->slot_fence || was_ordered(facts)))
                return error_setf(error, ERROR_INVALID, "'stage' is missing");

        return 0;
}

static int check_whole(const StepRecord *record, Error *error) {
        int r;

        r = check_result(record, error);
        return r < 0 ? r : check_order(&record->facts, error);
}

int step_record_read(int step_fd, const char *step, StepRecord *record, Error *error) {
        StepFacts *facts = &record->facts;
        FenceNote slot = {}, declined = {};
        int r;

        facts->script = faccessat(step_fd, "script", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
        r = read_stage(step_fd, step, record, error);
        if (r >= 0)
                r = read_fence(step_fd, "slot", &slot, error);
        if (r >= 0)
                r = read_fence(step_fd, "declined", &declined, error);
        if (r >= 0)
                r = read_intent(step_fd, record, error);
        if (r >= 0)
                r = read_found(step_fd, record, error);

        /* Written marker first, so read result first: rollpatch-step may be at it just now. */
        if (r >= 0)
                r = read_result(step_fd, record, error);
        if (r >= 0)
                r = read_started(step_fd, step, record, error);

        facts->slot_fence = slot.fence;
        facts->declined_fence = declined.fence;
        (void) text_copy(record->declined_reason, REASON_MAX, declined.reason);
        return r < 0 ? r : check_whole(record, error);
}
