/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

Sample sample_make(const char *check, const char *subject) {
        Sample sample = { .verdict = VERDICT_UNKNOWN };

        (void) text_copy(sample.check, sizeof(sample.check), check);
        (void) text_copy(sample.subject, sizeof(sample.subject), subject);
        return sample;
}

void sample_judge(Sample *sample, Verdict verdict, const char *format, ...) {
        char reason[2 * REASON_MAX];
        va_list arguments;

        va_start(arguments, format);
        // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, one line above
        (void) vsnprintf(reason, sizeof(reason), format, arguments);
        va_end(arguments);

        sample->verdict = verdict;
        text_ellipsize(sample->reason, sizeof(sample->reason), reason);
}

void sample_add_number(Sample *sample, const char *name, uint64_t value) {
        SampleNumber *number = &sample->numbers[sample->number_count];

        assert(sample->number_count < SAMPLE_NUMBERS_MAX);

        sample->number_count++;
        number->value = value;
        (void) text_copy(number->name, sizeof(number->name), name);
}

void sample_add_text(Sample *sample, const char *name, const char *text) {
        SampleText *place = &sample->texts[sample->text_count];

        assert(sample->text_count < SAMPLE_TEXTS_MAX);

        sample->text_count++;
        (void) text_copy(place->name, sizeof(place->name), name);
        text_ellipsize(place->text, sizeof(place->text), text);
}

/* A whole character at a time, so that none is cut in two. */
static void append_clean(char *buffer, size_t size, const char *text) {
        size_t place = strlen(buffer);

        while (*text != '\0') {
                size_t length = MAX(text_sequence(text), (size_t) 1);
                char character[5] = "";

                if (length >= size - place)
                        break;

                memcpy(character, text, length);
                memcpy(buffer + place, text_is_plain(character) ? character : "????", length);
                place += length;
                text += length;
        }

        buffer[place] = '\0';
}

void sample_add_evidence(Sample *sample, const char *format, ...) {
        char text[2 * EVIDENCE_MAX]; /* what is cut here lies beyond the room in any case */
        va_list arguments;

        va_start(arguments, format);
        // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, one line above
        (void) vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);

        append_clean(sample->evidence, sizeof(sample->evidence), text);
}
