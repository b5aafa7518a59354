/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-losses.h"

#include <string.h>

#include "common/text.h"

#define PREFIX  "master/task_"
#define SOURCE  "/source_"
#define REASON  "/reason_"
#define LETTERS "abcdefghijklmnopqrstuvwxyz0123456789_"

static const char *const places[] = { "losses_1", "losses_2", "losses_3", "losses_4" };

typedef struct Losses {
        char texts[ELEMENTSOF(places)][SAMPLE_TEXT_MAX];
        size_t count; /* of those that have begun */
} Losses;

/* "lost/master/slave_disconnected" of a key that is such a counter. */
static bool parse_key(const char *key, char word[static SAMPLE_TEXT_MAX]) {
        const char *kind = key + strlen(PREFIX);
        const char *source, *reason;
        size_t kind_length, source_length;

        if (!text_starts_with(key, PREFIX))
                return false;

        kind_length = strspn(kind, LETTERS);
        source = kind + kind_length;
        if (!text_starts_with(source, SOURCE))
                return false;

        source += strlen(SOURCE);
        source_length = strspn(source, LETTERS);
        reason = source + source_length;
        if (!text_starts_with(reason, REASON))
                return false;

        reason += strlen(REASON);
        return reason[0] && reason[strspn(reason, LETTERS)] == '\0' &&
               text_format(word, SAMPLE_TEXT_MAX, "%.*s/%.*s/%s", (int) kind_length, kind,
                           (int) source_length, source, reason);
}

/* What does not fit is in the evidence alone. */
static void add_word(Losses *losses, const char *word, uint64_t count) {
        char text[SAMPLE_TEXT_MAX + 32];

        (void) text_format(text, sizeof(text), "%s=%llu", word, (unsigned long long) count);
        if (strlen(text) >= SAMPLE_TEXT_MAX)
                return;

        if (losses->count > 0) {
                char *last = losses->texts[losses->count - 1];
                size_t used = strlen(last);

                if (used + 1 + strlen(text) < SAMPLE_TEXT_MAX) {
                        (void) text_format(last + used, SAMPLE_TEXT_MAX - used, " %s", text);
                        return;
                }
        }
        if (losses->count < ELEMENTSOF(losses->texts))
                (void) text_copy(losses->texts[losses->count++], SAMPLE_TEXT_MAX, text);
}

void losses_read(const Json *metrics, Sample *sample) {
        Losses losses = {};

        for (const Json *item = json_first(metrics); item; item = json_next(item)) {
                const char *key = json_key(item);
                char word[SAMPLE_TEXT_MAX];
                uint64_t count;

                if (!key || !parse_key(key, word) ||
                    json_get_u64(metrics, key, 1, JSON_NUMBER_MAX, &count, NULL) < 0)
                        continue;

                add_word(&losses, word, count);
                sample_add_evidence(sample, "%s %llu", key, (unsigned long long) count);
        }

        for (size_t i = 0; i < losses.count; i++)
                sample_add_text(sample, places[i], losses.texts[i]);
}
