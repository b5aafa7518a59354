/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

#define SD_JOURNAL_SUPPRESS_LOCATION

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>

#include "common/cleanup.h"
#include "common/text.h"

#define LINE_MAX_BYTES 2048
#define FIELD_MAX      320
#define FIELDS_MAX     6

/* The one thing a program has only one of. Before log_open(): stderr, as a daemon would. */
static struct {
        const char *program;
        int max_priority;
        bool journal;
} output = { .max_priority = LOG_INFO };

/* stderr may have been redirected since systemd set the variable, so it is compared. */
static bool stderr_is_journal(void) {
        /* Before any thread, and nobody changes it. NOLINTNEXTLINE(concurrency-mt-unsafe) */
        const char *stream = getenv("JOURNAL_STREAM");
        char own[64];
        struct stat st;

        if (!stream || fstat(STDERR_FILENO, &st) < 0)
                return false;

        return text_format(own, sizeof(own), "%ju:%ju", (uintmax_t) st.st_dev,
                           (uintmax_t) st.st_ino) &&
               strcmp(own, stream) == 0;
}

void log_open(const char *program, int max_priority) {
        output.program = program;
        output.max_priority = max_priority;
        output.journal = stderr_is_journal();
}

typedef struct Fields {
        char text[FIELDS_MAX][FIELD_MAX];
        struct iovec vector[FIELDS_MAX + 1];
        int count;
} Fields;

static void add_field(Fields *fields, const char *name, const char *value) {
        char *text = fields->text[fields->count];

        if (!value || value[0] == '\0')
                return;

        (void) text_format(text, FIELD_MAX, "%s=%s", name, value);
        fields->vector[fields->count++] = (struct iovec) { text, strlen(text) };
}

static bool log_to_journal(int priority, const LogContext *context, const char *line) {
        char message[LINE_MAX_BYTES + sizeof("MESSAGE=")], number[12];
        Fields fields = {};

        (void) text_format(message, sizeof(message), "MESSAGE=%s", line);
        (void) text_format(number, sizeof(number), "%d", priority);

        add_field(&fields, "PRIORITY", number);
        add_field(&fields, "SYSLOG_IDENTIFIER", output.program);
        if (context) {
                add_field(&fields, "ROLLPATCH_NODE", context->node);
                add_field(&fields, "ROLLPATCH_RUN", context->run);
                add_field(&fields, "ROLLPATCH_STEP", context->step);
        }
        fields.vector[fields.count++] = (struct iovec) { message, strlen(message) };

        return sd_journal_sendv(fields.vector, fields.count) >= 0;
}

static const char *get_prefix(int priority) {
        if (priority <= LOG_ERR)
                return "error: ";
        if (priority == LOG_WARNING)
                return "warning: ";

        return priority == LOG_DEBUG ? "debug: " : "";
}

static void log_line(int priority, const LogContext *context, const char *text) {
        char line[LINE_MAX_BYTES];

        text_ellipsize(line, sizeof(line), text);

        /* A journal that is down must not swallow what we say. */
        if (!output.journal || !log_to_journal(priority, context, line))
                (void) fprintf(stderr, "%s%s\n", get_prefix(priority), line);
}

void log_message(int priority, const LogContext *context, const char *format, ...) {
        int saved_errno = errno;
        auto_free char *text = NULL;
        va_list arguments;
        char *rest, *line;
        int n;

        if (priority > output.max_priority)
                return;

        va_start(arguments, format);
        n = vasprintf(&text, format, arguments);
        va_end(arguments);

        if (n < 0) {
                text = NULL;
                log_line(priority, context, format);
        }

        rest = text;
        while ((line = strsep(&rest, "\n"))) {
                if (line[0] != '\0')
                        log_line(priority, context, line);
        }

        errno = saved_errno;
}
