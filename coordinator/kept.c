/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/kept.h"

#include <stdlib.h>
#include <string.h>

#include "common/text.h"

static size_t size_of(const char *text) {
        return strlen(text) + 1;
}

static size_t measure(const Sample *sample, const char *evidence) {
        size_t size = sample->number_count * sizeof(KeptNumber) +
                      sample->text_count * sizeof(KeptText) + size_of(sample->reason) +
                      size_of(evidence);

        for (size_t i = 0; i < sample->number_count; i++)
                size += size_of(sample->numbers[i].name);
        for (size_t i = 0; i < sample->text_count; i++)
                size += size_of(sample->texts[i].name) + size_of(sample->texts[i].text);

        return size;
}

/* The copy; `at` moves behind it. */
static const char *put(char **at, const char *text) {
        char *copy = *at;

        *at += size_of(text);
        return memcpy(copy, text, size_of(text));
}

static void fill(Kept *kept, const Sample *sample, const char *evidence) {
        KeptNumber *numbers = kept->block;
        KeptText *texts = (KeptText *) (numbers + sample->number_count);
        char *at = (char *) (texts + sample->text_count);

        for (size_t i = 0; i < sample->number_count; i++) {
                numbers[i] = (KeptNumber) { put(&at, sample->numbers[i].name),
                                            sample->numbers[i].value };
        }
        for (size_t i = 0; i < sample->text_count; i++) {
                texts[i].name = put(&at, sample->texts[i].name);
                texts[i].text = put(&at, sample->texts[i].text);
        }

        kept->reason = put(&at, sample->reason);
        kept->evidence = put(&at, evidence);
        kept->numbers = numbers;
        kept->texts = texts;
        kept->number_count = sample->number_count;
        kept->text_count = sample->text_count;
}

Kept kept_make(const Sample *sample) {
        Kept kept = { .verdict = sample->verdict, .took = sample->took };
        char evidence[KEPT_EVIDENCE_MAX];

        (void) text_copy(evidence, sizeof(evidence), sample->evidence);
        kept.block = malloc(measure(sample, evidence));
        if (!kept.block) {
                kept.verdict = VERDICT_UNKNOWN;
                kept.reason = "the coordinator has no memory left to keep the answer";
                kept.evidence = "";
                return kept;
        }

        fill(&kept, sample, evidence);
        return kept;
}

void kept_done(Kept *kept) {
        free(kept->block);
        *kept = (Kept) {};
}

bool kept_number(const Kept *kept, const char *name, uint64_t *ret) {
        for (size_t i = 0; i < kept->number_count; i++) {
                if (strcmp(kept->numbers[i].name, name) == 0) {
                        *ret = kept->numbers[i].value;
                        return true;
                }
        }

        return false;
}

bool kept_says(const Kept *kept, const char *name, uint64_t want) {
        uint64_t value;

        return kept && kept_number(kept, name, &value) && value == want;
}

const char *kept_text(const Kept *kept, const char *name) {
        for (size_t i = 0; i < kept->text_count; i++) {
                if (strcmp(kept->texts[i].name, name) == 0)
                        return kept->texts[i].text;
        }

        return NULL;
}
