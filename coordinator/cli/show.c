/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/cli/show.h"

#include <stdarg.h>
#include <string.h>

#include "common/text.h"

#define LINE_TEXT_MAX 4096

Show show_open(const CliOptions *options) {
        return (Show) { .stream = stdout, .look = look_at(stdout, !options->no_legend) };
}

void show_line(const Show *show, Style style, const char *format, ...) {
        char text[LINE_TEXT_MAX], clean[LINE_TEXT_MAX];
        va_list arguments;

        va_start(arguments, format);
        // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, one line above
        (void) vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);

        text_ellipsize(clean, sizeof(clean), text);
        (void) fprintf(show->stream, "%s%s%s\n", look_begin(&show->look, style), clean,
                       look_end(&show->look, style));
}

static void show_lines(const Show *show, const char *text) {
        while (*text) {
                size_t length = strcspn(text, "\n");

                show_line(show, STYLE_PLAIN, "%.*s", (int) length, text);
                text += length + (text[length] == '\n' ? 1 : 0);
        }
}

void show_files(const Show *show, const Json *files) {
        for (const Json *file = files ? json_first(files) : NULL; file; file = json_next(file)) {
                show_line(show, STYLE_PLAIN, "%s", "");
                show_line(show, STYLE_DIM, "# %s, mode %s", doc_text(file, "path"),
                          doc_text(file, "mode"));
                show_lines(show, doc_text(file, "content"));
        }
}

void show_table(const Show *show, const Table *table) {
        if (table_rows(table) > 0 && table_print(table, &show->look, show->stream) < 0)
                show_line(show, STYLE_BAD, "(out of memory for this table)");
}

void show_heading(const Show *show, const char *title, const char *text) {
        char clean[LINE_TEXT_MAX];

        text_ellipsize(clean, sizeof(clean), text);
        (void) fprintf(show->stream, "%s= %s =%s%s%s\n", look_begin(&show->look, STYLE_STRONG),
                       title, look_end(&show->look, STYLE_STRONG), clean[0] ? "   " : "", clean);
}

/* --- reading --- */

const char *doc_text(const Json *object, const char *key) {
        const char *text = json_string_value(json_find(object, key));

        return text ? text : "";
}

uint64_t doc_number(const Json *object, const char *key) {
        const Json *member = json_find(object, key);
        double value = json_is_number(member) ? json_number_value(member) : 0;

        if (!(value > 0)) /* not a number either */
                return 0;

        return value < (double) JSON_NUMBER_MAX ? (uint64_t) value : JSON_NUMBER_MAX;
}

bool doc_flag(const Json *object, const char *key) {
        const Json *member = json_find(object, key);

        return json_is_bool(member) && json_bool_value(member);
}

const Json *doc_list(const Json *object, const char *key) {
        const Json *member = json_find(object, key);

        return json_is_array(member) ? member : NULL;
}

const Json *doc_object(const Json *object, const char *key) {
        const Json *member = json_find(object, key);

        return json_is_object(member) ? member : NULL;
}

const char *doc_join(
                const Json *object,
                const char *key,
                size_t max,
                char buffer[static LIST_TEXT_MAX]) {
        const Json *list = doc_list(object, key);
        size_t total = list ? json_size(list) : 0, used = 0, shown = 0;

        buffer[0] = '\0';
        for (const Json *item = list ? json_first(list) : NULL; item && shown < max;
             item = json_next(item), shown++) {
                const char *text = json_string_value(item);

                (void) text_format(
                                buffer + used, LIST_TEXT_MAX - used, "%s%s", shown ? ", " : "",
                                text ? text : "?");
                used = strlen(buffer);
        }

        if (total > shown) {
                (void) text_format(
                                buffer + used, LIST_TEXT_MAX - used, " and %zu more",
                                total - shown);
        }
        return buffer;
}

/* --- times --- */

const char *show_span(usec_t now, usec_t since, char buffer[static SPAN_TEXT_MAX]) {
        usec_t span = span_sub(now, since);

        if (since == 0) {
                (void) text_copy(buffer, SPAN_TEXT_MAX, "-");
                return buffer;
        }

        return span_format(span - span % USEC_PER_SEC, buffer);
}

const char *show_age(usec_t now, usec_t since, char buffer[static SPAN_TEXT_MAX]) {
        (void) show_span(now, since, buffer);
        buffer[strcspn(buffer, " ")] = '\0';
        return buffer;
}

const char *show_time(usec_t wall, char buffer[static TIMESTAMP_TEXT_MAX]) {
        if (wall == 0) {
                (void) text_copy(buffer, TIMESTAMP_TEXT_MAX, "-");
                return buffer;
        }

        (void) timestamp_format(wall, buffer);
        if (strlen(buffer) > strlen("2026-11-23T04:05:06")) {
                buffer[strlen("2026-11-23")] = ' ';
                (void) text_copy(buffer + strlen("2026-11-23 04:05:06"), 2, "Z");
        }

        return buffer;
}

/* --- words --- */

// clang-format off
static const struct { const char *word; Style style; } styles[] = {
        { "Done",        STYLE_GOOD   },
        { "enrolled",    STYLE_GOOD   },
        { "good",        STYLE_GOOD   },
        { "Finished",    STYLE_GOOD   },
        { "pass",        STYLE_GOOD   },
        { "Running",     STYLE_STRONG },
        { "Verifying",   STYLE_STRONG },
        { "Pending",     STYLE_DIM    },
        { "Idle",        STYLE_DIM    },
        { "Paused",      STYLE_WARN   },
        { "Held",        STYLE_WARN   },
        { "Quarantined", STYLE_WARN   },
        { "pending",     STYLE_WARN   },
        { "Warning",     STYLE_WARN   },
        { "unknown",     STYLE_WARN   },
        { "stale",       STYLE_WARN   },
        { "Failed",      STYLE_BAD    },
        { "Blocked",     STYLE_BAD    },
        { "Halted",      STYLE_BAD    },
        { "Aborted",     STYLE_BAD    },
        { "Error",       STYLE_BAD    },
        { "fail",        STYLE_BAD    },
        { "lost",        STYLE_BAD    },
        { "conflict",    STYLE_BAD    },
        { "rejected",    STYLE_BAD    },
        { "revoked",     STYLE_BAD    },
};
// clang-format on

Style show_style(const char *word) {
        for (size_t i = 0; i < ELEMENTSOF(styles); i++) {
                if (strcmp(styles[i].word, word) == 0)
                        return styles[i].style;
        }

        return STYLE_PLAIN;
}

const char *show_capital(const char *text, char buffer[static WORD_TEXT_MAX]) {
        (void) text_copy(buffer, WORD_TEXT_MAX, text);
        if (buffer[0] >= 'a' && buffer[0] <= 'z')
                buffer[0] = (char) (buffer[0] - 'a' + 'A');
        return buffer;
}
