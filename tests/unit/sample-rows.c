/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/sample-rows.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/parse.h"
#include "common/text.h"
#include "tests/unit/sample-file.h"

#define RUBBISH_SIZE ((size_t) 10 * 1024 * 1024)

/* --- rows --- */

const char *row_get(const Row *row, const char *name) {
        return context_get(row->context, name);
}

uint64_t row_number(const Row *row, const char *name) {
        return context_number(row->context, name);
}

/* "HTTP/1.1 307 ...", and its Location. */
static void read_head(char *head, Reply *reply) {
        char *location = strstr(head, "\r\nLocation: ");
        char status[4] = {};
        uint64_t number;

        memcpy(status, head + strlen("HTTP/1.1 "), 3);
        assert_int_equal(parse_u64(status, 100, 599, &number), 0);
        reply->status = (unsigned) number;
        if (location) {
                location += strlen("\r\nLocation: ");
                location[strcspn(location, "\r\n")] = '\0';
                reply->location = location;
        }
}

static Reply captured(const char *name, const char *question) {
        Reply reply = { .question = question };
        char *head = sample_file_find(name, ".headers", &(size_t) { 0 });

        if (!head) {
                assert_non_null(sample_file_find(name, ".err", &reply.size));
                return (Reply) { .question = question, .failure = "connection refused" };
        }

        read_head(head, &reply);
        reply.body = sample_file_find(name, ".body", &reply.size);
        assert_true(reply.body || reply.size == 0);
        return reply;
}

Reply row_reply(const Row *row, const char *name, const char *question) {
        const char *value = row_get(row, name);
        Reply reply = { .question = question, .status = 200 };

        if (!value)
                return (Reply) { .question = question, .failure = "not asked" };

        if (text_starts_with(value, "//")) {
                reply.status = 307;
                reply.location = sample_keep(strdup(value));
                return reply;
        }

        if (text_starts_with(value, "mesos/"))
                return captured(value, question);

        reply.body = sample_file(value, &reply.size);
        if (row_get(row, "http"))
                reply.status = (unsigned) row_number(row, "http");
        return reply;
}

/* --- comparing --- */

static const char *name_of(Verdict verdict) {
        static const char *const names[VERDICT_COUNT] = { "unknown", "pass", "fail",
                                                          "not-applicable" };

        return names[verdict];
}

static void compare_word(const Row *row, const Sample *sample, char *word) {
        char *value = strchr(word, '=');
        char number[32] = {};
        const char *seen;
        uint64_t n;

        assert_non_null(value);
        *value++ = '\0';
        seen = sample_get_text(sample, word);
        if (sample_get_number(sample, word, &n)) {
                (void) text_format(number, sizeof(number), "%llu", (unsigned long long) n);
                seen = number;
        }

        if (strcmp(value, "!") == 0 ? seen != NULL : !seen || strcmp(seen, value) != 0) {
                fail_msg("%s: %s is '%s', want '%s'", row->context, word, seen ? seen : "absent",
                         value);
        }
}

static void compare(const Row *row, const Sample *sample) {
        auto_free char *says = strdup(row->says);
        char *rest = says;

        if (strcmp(name_of(sample->verdict), row->expected) != 0) {
                fail_msg("%s: %s (%s), want %s: %s", row->context, name_of(sample->verdict),
                         sample->why.text, row->expected, row->why);
        }
        if (sample->verdict == VERDICT_PASS)
                assert_string_equal(sample->why.text, "");

        for (char *word = strsep(&rest, ";"); word; word = strsep(&rest, ";")) {
                if (strcmp(word, "-") != 0)
                        compare_word(row, sample, word);
        }
}

unsigned each_row(const char *check, void (*judge)(const Row *row, Sample *sample)) {
        char *rest = sample_file("expect.tsv", &(size_t) { 0 });
        unsigned count = 0;

        for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
                const char *name = strsep(&line, "\t");
                Row row = { .context = strsep(&line, "\t"),
                            .expected = strsep(&line, "\t"),
                            .says = strsep(&line, "\t"),
                            .why = line };
                Sample sample;

                if (strcmp(name, check) != 0)
                        continue;

                assert_non_null(row.why);
                sample_init(&sample, check, "");
                judge(&row, &sample);
                if (strcmp(check, "mesos-version") != 0 && sample.verdict != VERDICT_PASS)
                        assert_string_not_equal(sample.why.text, "");
                compare(&row, &sample);
                count++;
        }

        return count;
}

/* --- mutations --- */

unsigned count_words(const char *text, const char *word) {
        unsigned count = 0;

        for (text = strstr(text, word); text; text = strstr(text + 1, word))
                count++;

        return count;
}

/* A copy of exactly this size, so that the sanitizer sees who reads one byte more. */
static void judge_copy(const Mutation *mutation, const char *body, size_t size, Sample *sample) {
        auto_free char *copy = malloc(size > 0 ? size : 1);

        assert_non_null(copy);
        memcpy(copy, body, size);
        sample_init(sample, "mutation", "");
        mutation->judge(copy, size, sample);
        if (sample->verdict != VERDICT_PASS)
                assert_string_not_equal(sample->why.text, "");
}

static void refuse_pass(const Mutation *mutation, const char *body, size_t size) {
        Sample sample;

        judge_copy(mutation, body, size, &sample);
        if (sample.verdict == VERDICT_PASS && !mutation->may_pass(body))
                fail_msg("passes: %.512s", body);
}

static void cut(const Mutation *mutation) {
        Sample sample;

        for (size_t size = 0; size < mutation->size; size++) {
                judge_copy(mutation, mutation->body, size, &sample);
                assert_int_equal(sample.verdict, VERDICT_UNKNOWN);
        }
}

static void flip(const Mutation *mutation) {
        auto_free char *body = strdup(mutation->body);

        for (size_t i = 0; i < mutation->size * 8; i++) {
                body[i / 8] = (char) (body[i / 8] ^ (1 << i % 8));
                refuse_pass(mutation, body, mutation->size);
                body[i / 8] = mutation->body[i / 8];
        }
}

static void leave_out(const Mutation *mutation) {
        auto_free char *body = strdup(mutation->body);

        for (size_t i = 0; i < mutation->size; i++) {
                memcpy(body + i, mutation->body + i + 1, mutation->size - i);
                refuse_pass(mutation, body, mutation->size - 1);
                memcpy(body, mutation->body, mutation->size + 1);
        }
}

static void rubbish(const Mutation *mutation) {
        static const char bytes[] = { '[', ' ', (char) 0xff };
        auto_free char *body = malloc(RUBBISH_SIZE + 1);
        uint32_t noise = 1;
        Sample sample;

        assert_non_null(body);
        body[RUBBISH_SIZE] = '\0';
        for (size_t i = 0; i < sizeof(bytes); i++) {
                memset(body, bytes[i], RUBBISH_SIZE);
                judge_copy(mutation, body, RUBBISH_SIZE, &sample);
                assert_int_equal(sample.verdict, VERDICT_UNKNOWN);
        }

        for (size_t i = 0; i < RUBBISH_SIZE; i++) {
                noise = noise * 1664525U + 1013904223U;
                body[i] = (char) (noise >> 24);
        }
        judge_copy(mutation, body, RUBBISH_SIZE, &sample);
        assert_int_equal(sample.verdict, VERDICT_UNKNOWN);
}

void never_passes_by_accident(const Mutation *mutation) {
        Sample sample;

        judge_copy(mutation, mutation->body, mutation->size, &sample);
        assert_string_equal(sample.why.text, "");
        assert_int_equal(sample.verdict, VERDICT_PASS);
        assert_true(mutation->may_pass(mutation->body));

        cut(mutation);
        flip(mutation);
        leave_out(mutation);
        rubbish(mutation);
}
