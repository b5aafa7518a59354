/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/sample.h"

#include <stdio.h>
#include <string.h>

#include "common/enum-names.h"
#include "common/text.h"

// clang-format off
static const char *const verdict_table[] = {
        [VERDICT_UNKNOWN]        = "unknown",
        [VERDICT_PASS]           = "pass",
        [VERDICT_FAIL]           = "fail",
        [VERDICT_NOT_APPLICABLE] = "not-applicable",
};
// clang-format on
static_assert(ELEMENTSOF(verdict_table) == VERDICT_COUNT, "a verdict has no name");

void sample_init(Sample *sample, const char *check, const char *subject) {
        *sample = (Sample) {};
        (void) text_copy(sample->check, sizeof(sample->check), check);
        (void) text_copy(sample->subject, sizeof(sample->subject), subject);
}

void sample_fail(Sample *sample, const char *format, ...) {
        va_list arguments;

        if (sample->verdict == VERDICT_FAIL)
                return;

        sample->verdict = VERDICT_FAIL;
        va_start(arguments, format);
        (void) error_setv(&sample->why, ERROR_CONFLICT, format, arguments);
        va_end(arguments);
}

void sample_doubt(Sample *sample, const char *format, ...) {
        va_list arguments;

        if (sample->why.code != ERROR_NONE)
                return;

        va_start(arguments, format);
        (void) error_setv(&sample->why, ERROR_INVALID, format, arguments);
        va_end(arguments);
}

void sample_doubt_error(Sample *sample, const Error *error) {
        sample_doubt(sample, "%s", error->text);
}

void sample_close(Sample *sample) {
        if (sample->why.code == ERROR_NONE)
                sample->verdict = VERDICT_PASS;
}

void sample_close_not_applicable(Sample *sample, const char *why) {
        sample_doubt(sample, "%s", why);
        sample->verdict = VERDICT_NOT_APPLICABLE;
}

void sample_add_number(Sample *sample, const char *name, uint64_t value) {
        assert(sample->number_count < SAMPLE_NUMBERS_MAX);

        sample->numbers[sample->number_count].name = name;
        sample->numbers[sample->number_count++].value = value;
}

void sample_add_text(Sample *sample, const char *name, const char *text) {
        assert(sample->text_count < SAMPLE_TEXTS_MAX);

        sample->texts[sample->text_count].name = name;
        text_ellipsize(sample->texts[sample->text_count++].text, SAMPLE_TEXT_MAX, text);
}

bool sample_get_number(const Sample *sample, const char *name, uint64_t *ret) {
        for (size_t i = 0; i < sample->number_count; i++) {
                if (strcmp(sample->numbers[i].name, name) == 0) {
                        *ret = sample->numbers[i].value;
                        return true;
                }
        }

        return false;
}

const char *sample_get_text(const Sample *sample, const char *name) {
        for (size_t i = 0; i < sample->text_count; i++) {
                if (strcmp(sample->texts[i].name, name) == 0)
                        return sample->texts[i].text;
        }

        return NULL;
}

void sample_add_evidence(Sample *sample, const char *format, ...) {
        const char *separator = sample->evidence[0] ? "; " : "";
        size_t used = strlen(sample->evidence);
        char text[SAMPLE_EVIDENCE_MAX];
        va_list arguments;

        /* too little room for a word and "..." */
        if (sizeof(sample->evidence) - used < strlen("; ") + 16)
                return;

        va_start(arguments, format);
        (void) vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);

        (void) text_copy(sample->evidence + used, sizeof(sample->evidence) - used, separator);
        used += strlen(separator);
        text_ellipsize(sample->evidence + used, sizeof(sample->evidence) - used, text);
}

/* --- printing --- */

static Json *print_numbers(const Sample *sample) {
        AUTO(Json) *object = json_new_object();

        for (size_t i = 0; object && i < sample->number_count; i++) {
                if (!json_add_u64(object, sample->numbers[i].name, sample->numbers[i].value))
                        return NULL;
        }

        return TAKE(object);
}

static Json *print_texts(const Sample *sample) {
        AUTO(Json) *object = json_new_object();

        for (size_t i = 0; object && i < sample->text_count; i++) {
                if (!json_add_string(object, sample->texts[i].name, sample->texts[i].text))
                        return NULL;
        }

        return TAKE(object);
}

static bool add_part(Json *sample, const char *key, Json *part) {
        return part && json_add(sample, key, part);
}

static Json *print_sample(const Sample *sample) {
        AUTO(Json) *object = json_new_object();
        bool complete = object && json_add_string(object, "check", sample->check) &&
                        json_add_string(object, "subject", sample->subject) &&
                        json_add_string(object, "verdict", verdict_table[sample->verdict]) &&
                        json_add_string(object, "reason", sample->why.text) &&
                        json_add_string(object, "evidence", sample->evidence) &&
                        json_add_u64(object, "took", sample->took) &&
                        add_part(object, "numbers", print_numbers(sample)) &&
                        add_part(object, "texts", print_texts(sample));

        return complete ? TAKE(object) : NULL;
}

bool samples_print(const Sample samples[], size_t count, Json *answer) {
        AUTO(Json) *array = json_new_array();

        for (size_t i = 0; array && i < count; i++) {
                Json *sample = print_sample(&samples[i]);

                if (!sample || !json_append(array, sample))
                        return false;
        }

        return array && json_add(answer, "samples", TAKE(array));
}
