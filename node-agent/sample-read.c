/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/sample-read.h"

#include <string.h>

#include "common/text.h"
#include "node-agent/check.h"

/* The codec refuses what is not plain text, and a sample that cannot be sent is lost without a
 * trace: so names are held to what the codec takes, and other text is made so. */

static int check_members(
                const Json *object, const char *const known[], size_t count, Error *error) {
        for (const Json *member = json_first(object); member; member = json_next(member)) {
                const char *key = json_key(member);
                char shown[CHECK_NAME_MAX];
                bool found = false;

                for (size_t i = 0; i < count && !found; i++)
                        found = strcmp(known[i], key) == 0;
                if (found)
                        continue;

                text_ellipsize(shown, sizeof(shown), key);
                return error_setf(error, ERROR_INVALID, "unknown member '%s'", shown);
        }

        return 0;
}

/* Of a number or a text: "uptime_ms". */
static int read_name(const char *key, char ret[static CHECK_NAME_MAX], Error *error) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
        char shown[CHECK_NAME_MAX];

        text_ellipsize(shown, sizeof(shown), key);
        if (key[0] == '\0' || key[strspn(key, letters)] != '\0' ||
            !text_copy(ret, CHECK_NAME_MAX, key))
                return error_setf(error, ERROR_INVALID, "'%s' is no name of a value", shown);

        return 0;
}

/* NULL: there is none. */
static int find_object(
                const Json *object, const char *key, size_t max, const Json **ret, Error *error) {
        const Json *found = NULL;
        int r;

        if (json_find(object, key)) {
                r = json_get_object(object, key, &found, error);
                if (r < 0)
                        return r;
        }
        if (found && json_size(found) > max) {
                return error_setf(
                                error, ERROR_TOO_BIG, "%zu %s, want at most %zu", json_size(found),
                                key, max);
        }

        *ret = found;
        return 0;
}

static int read_numbers(const Json *object, Sample *sample, Error *error) {
        const Json *numbers = NULL;
        int r;

        r = find_object(object, "numbers", SAMPLE_NUMBERS_MAX, &numbers, error);
        if (r < 0)
                return r;

        for (const Json *member = json_first(numbers); member; member = json_next(member)) {
                SampleNumber *number = &sample->numbers[sample->number_count++];
                const char *key = json_key(member);

                r = read_name(key, number->name, error);
                if (r == 0)
                        r = json_get_u64(numbers, key, 0, JSON_NUMBER_MAX, &number->value, error);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int read_texts(const Json *object, Sample *sample, Error *error) {
        const Json *texts = NULL;
        int r;

        r = find_object(object, "texts", SAMPLE_TEXTS_MAX, &texts, error);
        if (r < 0)
                return r;

        for (const Json *member = json_first(texts); member; member = json_next(member)) {
                SampleText *text = &sample->texts[sample->text_count++];
                const char *key = json_key(member);

                r = read_name(key, text->name, error);
                if (r < 0)
                        return r;
                if (!json_is_string(member)) {
                        return error_setf(
                                        error, ERROR_INVALID, "text '%s' is %s", key,
                                        json_type_name(member));
                }

                text_ellipsize(text->text, sizeof(text->text), json_string_value(member));
        }

        return 0;
}

/* For people: absent is empty. NULL: it is no text. */
static const char *find_prose(const Json *object, const char *key) {
        const Json *member = json_find(object, key);

        return member ? json_string_value(member) : "";
}

static int read_prose(const Json *object, Sample *sample, Error *error) {
        const char *reason = find_prose(object, "reason");
        const char *evidence = find_prose(object, "evidence");

        if (!reason || !evidence) {
                return error_setf(
                                error, ERROR_INVALID, "'%s' is no text",
                                reason ? "evidence" : "reason");
        }

        text_ellipsize(sample->reason, sizeof(sample->reason), reason);
        sample_add_evidence(sample, "%s", evidence);
        return 0;
}

static int read_verdict(const Json *object, Verdict *ret, Error *error) {
        char text[CHECK_NAME_MAX], shown[CHECK_NAME_MAX];
        int value, r;

        r = json_get_string(object, "verdict", text, sizeof(text), error);
        if (r < 0)
                return r;

        value = enum_value(&verdict_names, text);
        if (value < 0) {
                text_ellipsize(shown, sizeof(shown), text);
                return error_setf(error, ERROR_INVALID, "'%s' is no verdict", shown);
        }

        *ret = (Verdict) value;
        return 0;
}

/* The codec holds a subject to the rules of names. */
static int read_subject(const Json *object, char ret[static SUBJECT_MAX], Error *error) {
        char subject[SUBJECT_MAX] = "";
        int r;

        if (json_find(object, "subject")) {
                r = json_get_string(object, "subject", subject, sizeof(subject), error);
                if (r < 0)
                        return r;
        }
        if (subject[0] && !name_is_valid(subject))
                return error_setf(error, ERROR_INVALID, "'subject' is no name");

        memcpy(ret, subject, sizeof(subject));
        return 0;
}

static int check_head(const Json *object, const char *check, Error *error) {
        static const char *const known[] = { "check",    "subject", "verdict", "reason",
                                             "evidence", "took",    "numbers", "texts" };
        char name[CHECK_NAME_MAX];
        int r;

        if (!json_is_object(object))
                return error_setf(error, ERROR_INVALID, "is %s", json_type_name(object));

        r = check_members(object, known, ELEMENTSOF(known), error);
        if (r == 0)
                r = json_get_string(object, "check", name, sizeof(name), error);
        if (r < 0)
                return r;
        if (strcmp(name, check) != 0)
                return error_setf(error, ERROR_INVALID, "is of another check than '%s'", check);

        return 0;
}

static int read_took(const Json *object, uint64_t *ret, Error *error) {
        if (!json_find(object, "took"))
                return 0;

        return json_get_u64(object, "took", 0, JSON_NUMBER_MAX, ret, error);
}

static int read_one(const Json *object, const char *check, Sample *sample, Error *error) {
        int r;

        r = check_head(object, check, error);
        if (r < 0)
                return r;

        *sample = sample_make(check, "");
        r = read_subject(object, sample->subject, error);
        if (r == 0)
                r = read_verdict(object, &sample->verdict, error);
        if (r == 0)
                r = read_took(object, &sample->took, error);
        if (r == 0)
                r = read_prose(object, sample, error);
        if (r == 0)
                r = read_numbers(object, sample, error);
        if (r == 0)
                r = read_texts(object, sample, error);

        return r;
}

/* Two answers to one question are none. */
static int check_once(const Sample samples[], size_t count, Error *error) {
        for (size_t i = 0; i < count; i++) {
                if (strcmp(samples[i].subject, samples[count].subject) == 0) {
                        return error_setf(
                                        error, ERROR_INVALID, "'%s' has two samples",
                                        samples[i].subject);
                }
        }

        return 0;
}

int sample_read(const Json *answer,
                const char *check,
                Sample samples[],
                size_t max,
                size_t *ret_count,
                Error *error) {
        static const char *const known[] = { "samples" };
        const Json *list = NULL;
        size_t count = 0;
        int r;

        if (!json_is_object(answer)) {
                return error_setf(
                                error, ERROR_INVALID, "is %s, want an object",
                                json_type_name(answer));
        }

        r = check_members(answer, known, ELEMENTSOF(known), error);
        if (r == 0)
                r = json_get_array(answer, "samples", &list, error);
        if (r < 0)
                return r;
        if (json_size(list) > max) {
                return error_setf(
                                error, ERROR_TOO_BIG, "%zu samples, want at most %zu",
                                json_size(list), max);
        }

        for (const Json *item = json_first(list); item; item = json_next(item)) {
                r = read_one(item, check, &samples[count], error);
                if (r == 0)
                        r = check_once(samples, count, error);
                if (r < 0)
                        return error_prefixf(error, "samples[%zu]", count);

                count++;
        }

        *ret_count = count;
        return 0;
}
