/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/text.h"
#include "coordinator/cli/ask.h"
#include "coordinator/cli/show.h"

/* --- node show --- */

static void add_key(Table *table, const Json *key) {
        const char *enrolment = doc_text(key, "enrolment");
        const char *how = doc_text(key, "how");
        const char *note = doc_text(key, "message");
        char since[TIMESTAMP_TEXT_MAX], until[TIMESTAMP_TEXT_MAX], text[256] = "";

        if (doc_flag(key, "unused")) {
                note = "announced, and not used yet";
        } else if (doc_number(key, "rekey_until")) {
                (void) text_format(
                                text, sizeof(text), "may announce another key until %s",
                                show_time(doc_number(key, "rekey_until"), until));
                note = text;
        } else if (doc_text(key, "token")[0]) {
                (void) text_format(text, sizeof(text), "join token %s", doc_text(key, "token"));
                note = text;
        }

        table_add(table, STYLE_STRONG, doc_text(key, "fingerprint"));
        table_add(table, show_style(enrolment), enrolment);
        table_add(table, STYLE_PLAIN, doc_text(key, "role"));
        table_add(table, STYLE_PLAIN, how[0] ? how : doc_text(key, "refused"));
        table_add(table, STYLE_PLAIN,
                  show_time(doc_number(key, how[0] ? "since" : "first"), since));
        table_add(table, STYLE_PLAIN, doc_text(key, "by"));
        table_add(table, STYLE_PLAIN, note);
}

int verb_node_show(const VerbCall *call) {
        // clang-format off
        static const TableColumn columns[] = {
                { .title = "FINGERPRINT", .key = "fingerprint" },
                { .title = "ENROLMENT",   .key = "enrolment"   },
                { .title = "ROLE",        .key = "role"        },
                { .title = "HOW",         .key = "how"         },
                { .title = "SINCE",       .key = "since"       },
                { .title = "BY",          .key = "by"          },
                { .title = "NOTE",        .key = "note"        },
                {},
        };
        // clang-format on
        AUTO(Json) *arguments = json_new_object();
        AUTO(Table) *table = table_new(columns);
        Show show = show_open(call->options);
        AUTO(Reply) *reply = NULL;
        const Json *keys;
        int status;

        if (!table || !arguments || !json_add_string(arguments, "node", call->arguments[0]))
                return EXIT_FAILED;

        status = ask(call->options, call->verb->name, TAKE(arguments), &reply);
        if (!reply)
                return status;

        keys = doc_list(reply->answer, "keys");
        for (const Json *key = keys ? json_first(keys) : NULL; key; key = json_next(key))
                add_key(table, key);

        show_table(&show, table);
        return status;
}

/* --- node import --- */

#define IMPORT_BYTES_MAX ((size_t) 1 << 20)

/* "m1,master,5f3a..": `line` is cut into pieces. What is in them is judged by rollpatchd. */
static bool add_line(Json *list, char *line) {
        static const char *const keys[] = { "name", "role", "key" };
        AUTO(Json) *row = json_new_object();
        char *rest = line;

        for (size_t i = 0; row && i < ELEMENTSOF(keys); i++) {
                const char *word = strsep(&rest, ",");

                if (!word || !json_add_string(row, keys[i], word))
                        return false;
        }

        return row && !rest && json_append(list, TAKE(row));
}

static int import_failed(const char *path, size_t number) {
        (void) fprintf(stderr,
                       "rollpatch: %s:%zu: want name,role,key, the key as 64 hexadecimal digits\n",
                       path, number);
        return EXIT_USAGE;
}

/* `text` is cut into pieces. */
static int read_list(const char *path, char *text, Json *list) {
        size_t number = 0;
        char *rest = text;

        for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
                number++;
                if (line[0] && line[0] != '#' && !add_line(list, line))
                        return import_failed(path, number);
        }

        return 0;
}

int verb_node_import(const VerbCall *call) {
        const char *path = call->arguments[0];
        AUTO(Json) *arguments = json_new_object();
        AUTO(Json) *list = json_new_array();
        Show show = show_open(call->options);
        auto_free char *text = NULL;
        AUTO(Reply) *reply = NULL;
        Error error = {};
        int status;

        if (!arguments || !list)
                return EXIT_FAILED;
        if (file_read(AT_FDCWD, path, IMPORT_BYTES_MAX, &text, NULL, &error) < 0)
                return ask_failed(call->options, "node-import", EXIT_USAGE, &error);

        status = read_list(path, text, list);
        if (status != 0)
                return status;
        if (!json_add(arguments, "nodes", TAKE(list)))
                return EXIT_FAILED;

        status = ask(call->options, call->verb->name, TAKE(arguments), &reply);
        if (reply)
                show_line(&show, STYLE_PLAIN, "%s", doc_text(reply->answer, "text"));

        return status;
}
