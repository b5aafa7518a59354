/* SPDX-License-Identifier: Apache-2.0 */
#include "common/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "common/cleanup.h"
#include "common/config-value.h"
#include "common/file.h"
#include "common/parse.h"
#include "common/text.h"

/* Walks libyaml's events along the table. A mistake is noted and what belongs to it skipped, so
 * that one run finds them all; only what is no YAML at all ends it early. Values go into a copy of
 * the record, which takes the place of the caller's when not a single mistake was found.
 *
 * Functions that return bool say whether the text still makes sense behind them. */

#define FIELDS_MAX 64
#define KEY_MAX    64
#define SHOWN_MAX  64 /* of a foreign key in a message */

typedef struct Loader {
        const ConfigField *fields;
        const char *name;
        const char *text;
        size_t length;
        char *record;
        ConfigErrors *errors;
        bool known[FIELDS_MAX]; /* has a value, or its mistake is reported: not missing */
        yaml_parser_t yaml;
} Loader;

#define AUTO_EVENT __attribute__((cleanup(yaml_event_delete))) yaml_event_t

static void add_line(ConfigErrors *errors, const char *format, ...) PRINTF(2, 3);
static void report(Loader *loader, yaml_mark_t mark, const char *format, ...) PRINTF(3, 4);
static bool load_mapping(Loader *loader, const char *prefix, yaml_mark_t mark);

/* A line that does not fit is counted, not cut. */
static void add_line(ConfigErrors *errors, const char *format, ...) {
        size_t used = strlen(errors->text);
        va_list arguments;
        int n;

        errors->count++;

        va_start(arguments, format);
        n = vsnprintf(errors->text + used, sizeof(errors->text) - used, format, arguments);
        va_end(arguments);

        if (n < 0 || (size_t) n >= sizeof(errors->text) - used)
                errors->text[used] = '\0';
}

static void report(Loader *loader, yaml_mark_t mark, const char *format, ...) {
        va_list arguments;
        Error error = {};

        va_start(arguments, format);
        (void) error_setv(&error, ERROR_INVALID, format, arguments);
        va_end(arguments);

        add_line(loader->errors, "%s:%zu:%zu: %s\n", loader->name, mark.line + 1, mark.column + 1,
                 error.text);
}

/* Where a byte is that libyaml's reader choked on: it has no mark for that. */
static yaml_mark_t find_mark(const Loader *loader, size_t offset) {
        yaml_mark_t mark = {};

        for (size_t i = 0; i < offset && i < loader->length; i++) {
                bool new_line = loader->text[i] == '\n';

                mark.line += new_line;
                mark.column = new_line ? 0 : mark.column + 1;
        }

        return mark;
}

static const char *find_line(const Loader *loader, size_t line) {
        const char *p = loader->text, *end = p + loader->length;

        for (; line > 0; line--) {
                p = memchr(p, '\n', (size_t) (end - p));
                if (!p)
                        return end;

                p++;
        }

        return p;
}

static bool is_indented_by_tab(const Loader *loader, size_t line) {
        const char *end = loader->text + loader->length;

        for (const char *p = find_line(loader, line); p < end; p++) {
                if (*p != ' ')
                        return *p == '\t';
        }

        return false;
}

static void report_syntax(Loader *loader) {
        const yaml_parser_t *yaml = &loader->yaml;
        const char *problem = yaml->problem ? yaml->problem : "out of memory";

        if (yaml->error == YAML_READER_ERROR) {
                report(loader, find_mark(loader, yaml->problem_offset), "not YAML: %s", problem);
        } else if (is_indented_by_tab(loader, yaml->problem_mark.line)) {
                report(loader, yaml->problem_mark, "not YAML: indented with a tab, want spaces");
        } else {
                report(loader, yaml->problem_mark, "not YAML: %s", problem);
        }
}

static bool next(Loader *loader, yaml_event_t *ret) {
        if (yaml_parser_parse(&loader->yaml, ret))
                return true;

        report_syntax(loader);
        return false;
}

static bool is_start(const yaml_event_t *event) {
        return event->type == YAML_MAPPING_START_EVENT || event->type == YAML_SEQUENCE_START_EVENT;
}

static bool is_end(const yaml_event_t *event) {
        return event->type == YAML_MAPPING_END_EVENT || event->type == YAML_SEQUENCE_END_EVENT;
}

/* Goes behind the value that `first` begins. */
static bool skip(Loader *loader, const yaml_event_t *first) {
        size_t depth = is_start(first);

        while (depth > 0) {
                AUTO_EVENT event = {};

                if (!next(loader, &event))
                        return false;

                depth += is_start(&event);
                depth -= is_end(&event);
        }

        return true;
}

static const char *event_text(const yaml_event_t *event) {
        return (const char *) event->data.scalar.value;
}

static bool is_null(const yaml_event_t *event) {
        static const char *const words[] = { "", "~", "null", "Null", "NULL" };

        if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
                return false;

        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                if (strcmp(event_text(event), words[i]) == 0)
                        return true;
        }

        return false;
}

static const char *kind_of(const yaml_event_t *event) {
        if (event->type == YAML_MAPPING_START_EVENT)
                return "a mapping";
        if (event->type == YAML_SCALAR_EVENT && is_null(event))
                return "empty";

        return event->type == YAML_SEQUENCE_START_EVENT ? "a list" : "a value";
}

/* Anchors, aliases and tags make a file that does not say what it seems to say. */
static const char *name_magic(const yaml_char_t *anchor, const yaml_char_t *tag) {
        if (anchor)
                return "an anchor";

        return tag ? "a tag" : NULL;
}

static const char *find_magic(const yaml_event_t *event) {
        if (event->type == YAML_ALIAS_EVENT)
                return "an alias";
        if (event->type == YAML_SCALAR_EVENT)
                return name_magic(event->data.scalar.anchor, event->data.scalar.tag);
        if (event->type == YAML_MAPPING_START_EVENT)
                return name_magic(event->data.mapping_start.anchor, event->data.mapping_start.tag);
        if (event->type == YAML_SEQUENCE_START_EVENT) {
                return name_magic(
                                event->data.sequence_start.anchor, event->data.sequence_start.tag);
        }

        return NULL;
}

/* `key` says where; true when there was any. */
static bool report_magic(Loader *loader, const yaml_event_t *event, const char *key) {
        const char *magic = find_magic(event);

        if (magic)
                report(loader, event->start_mark, "'%s' has %s, want a plain value", key, magic);

        return magic != NULL;
}

/* The text of a scalar, or NULL, reported. */
static const char *take_text(Loader *loader, const ConfigField *field, const yaml_event_t *event) {
        char want[CONFIG_WANT_MAX];

        if (event->type != YAML_SCALAR_EVENT) {
                report(loader, event->start_mark, "'%s' is %s, want %s", field->key, kind_of(event),
                       config_value_want(field, want));
        } else if (strlen(event_text(event)) != event->data.scalar.length) {
                report(loader, event->start_mark, "'%s' has a NUL byte inside", field->key);
        } else if (is_null(event)) {
                report(loader, event->start_mark, "'%s' has no value, want %s", field->key,
                       config_value_want(field, want));
        } else {
                return event_text(event);
        }

        return NULL;
}

/* --- lists --- */

typedef struct Item {
        const char *name;
        yaml_mark_t mark;
} Item;

static int compare_items(const void *a, const void *b) {
        const Item *x = a, *y = b;
        int order = strcmp(x->name, y->name);

        return order != 0 ? order
                          : (x->mark.index > y->mark.index) - (x->mark.index < y->mark.index);
}

static void report_twice(Loader *loader, const ConfigField *field, Item items[], size_t count) {
        qsort(items, count, sizeof(*items), compare_items);

        for (size_t i = 1; i < count; i++) {
                if (strcmp(items[i - 1].name, items[i].name) == 0) {
                        report(loader, items[i].mark, "'%s' has '%s' twice, first in line %zu",
                               field->key, items[i].name, items[i - 1].mark.line + 1);
                }
        }
}

static bool load_item(
                Loader *loader,
                const ConfigField *field,
                const yaml_event_t *event,
                Item items[],
                size_t *count) {
        const char *text;
        Error error = {};

        if (report_magic(loader, event, field->key))
                return skip(loader, event);

        text = take_text(loader, field, event);
        if (!text)
                return skip(loader, event);

        if (config_value_append(field, text, loader->record, &error) < 0) {
                report(loader, event->start_mark, "%s", error.text);
                return true;
        }

        items[*count].name = loader->record + field->offset + *count * NAME_TEXT_MAX;
        items[*count].mark = event->start_mark;
        (*count)++;
        return true;
}

static bool load_list(Loader *loader, const ConfigField *field, yaml_mark_t mark) {
        auto_free Item *items = calloc(field->max + 1, sizeof(*items));
        size_t count = 0;

        if (!items) {
                report(loader, mark, "out of memory");
                return false;
        }

        for (;;) {
                AUTO_EVENT event = {};

                if (!next(loader, &event))
                        return false;
                if (event.type == YAML_SEQUENCE_END_EVENT)
                        break;
                if (!load_item(loader, field, &event, items, &count))
                        return false;
        }

        if (count < field->min) {
                report(loader, mark, "'%s' has %zu items, want at least %llu", field->key, count,
                       (unsigned long long) field->min);
        }

        report_twice(loader, field, items, count);
        return true;
}

/* --- keys and values --- */

static bool load_value(Loader *loader, const ConfigField *field) {
        char want[CONFIG_WANT_MAX];
        AUTO_EVENT event = {};
        const char *text;
        Error error = {};

        if (!next(loader, &event))
                return false;
        if (report_magic(loader, &event, field->key))
                return skip(loader, &event);

        if (field->type == CONFIG_NAMES) {
                if (event.type == YAML_SEQUENCE_START_EVENT)
                        return load_list(loader, field, event.start_mark);

                report(loader, event.start_mark, "'%s' is %s, want %s", field->key, kind_of(&event),
                       config_value_want(field, want));
                return skip(loader, &event);
        }

        text = take_text(loader, field, &event);
        if (!text)
                return skip(loader, &event);

        if (config_value_set(field, text, loader->record, &error) < 0)
                report(loader, event.start_mark, "%s", error.text);

        return true;
}

/* The fields below `prefix` ("script.") will not be missed any more. */
static void mark_known(Loader *loader, const char *prefix) {
        for (size_t i = 0; loader->fields[i].key; i++) {
                if (text_starts_with(loader->fields[i].key, prefix))
                        loader->known[i] = true;
        }
}

static bool load_section(Loader *loader, const char *path) {
        char prefix[KEY_MAX];
        AUTO_EVENT event = {};

        (void) text_format(prefix, sizeof(prefix), "%s.", path);

        if (!next(loader, &event))
                return false;
        if (event.type == YAML_MAPPING_START_EVENT && !find_magic(&event))
                return load_mapping(loader, prefix, event.start_mark);

        mark_known(loader, prefix);
        if (!report_magic(loader, &event, path)) {
                report(loader, event.start_mark, "'%s' is %s, want a mapping", path,
                       kind_of(&event));
        }

        return skip(loader, &event);
}

static bool skip_value(Loader *loader) {
        AUTO_EVENT event = {};

        return next(loader, &event) && skip(loader, &event);
}

/* The words that may stand where `prefix` leads. */
static size_t collect_words(
                const Loader *loader,
                const char *prefix,
                char words[static FIELDS_MAX][KEY_MAX],
                const char *ret[static FIELDS_MAX]) {
        size_t count = 0;

        for (const ConfigField *field = loader->fields; field->key; field++) {
                const char *word = field->key + strlen(prefix);

                if (!text_starts_with(field->key, prefix))
                        continue;

                (void) text_format(words[count], KEY_MAX, "%.*s", (int) strcspn(word, "."), word);
                ret[count] = words[count];
                count++;
        }

        return count;
}

static void report_unknown(Loader *loader, const char *prefix, const yaml_event_t *key) {
        char words[FIELDS_MAX][KEY_MAX], shown[SHOWN_MAX];
        const char *candidates[FIELDS_MAX], *closest;
        size_t count = collect_words(loader, prefix, words, candidates);

        text_ellipsize(shown, sizeof(shown), event_text(key));
        if (strchr(shown, '.')) {
                report(loader, key->start_mark, "unknown key '%s%s', want a mapping for each dot",
                       prefix, shown);
                return;
        }

        closest = text_closest(event_text(key), candidates, count);
        report(loader, key->start_mark, "unknown key '%s%s'%s%s%s%s", prefix, shown,
               closest ? ", did you mean '" : "", closest ? prefix : "", closest ? closest : "",
               closest ? "'?" : "");
}

/* First row of the table that is `path` itself or lies below it; -1: none. */
static int find_field(const Loader *loader, const char *path) {
        size_t length = strlen(path);

        for (size_t i = 0; loader->fields[i].key; i++) {
                const char *key = loader->fields[i].key;

                if (text_starts_with(key, path) && (key[length] == '\0' || key[length] == '.'))
                        return (int) i;
        }

        return -1;
}

/* "script.url:" is not "script:" with "url:" in it. */
static int find_entry(
                const Loader *loader,
                const char *prefix,
                const char *key,
                char path[static KEY_MAX]) {
        if (key[0] == '\0' || strchr(key, '.') || !text_format(path, KEY_MAX, "%s%s", prefix, key))
                return -1;

        return find_field(loader, path);
}

/* What stands where a plain word should; NULL: one does. */
static const char *fault_of_key(const yaml_event_t *key) {
        const char *magic = find_magic(key);

        return magic || key->type == YAML_SCALAR_EVENT ? magic : kind_of(key);
}

/* `lines` says in which line of this mapping each row was first named, 0: not yet. */
static bool load_entry(
                Loader *loader, const char *prefix, const yaml_event_t *key, size_t lines[]) {
        const char *fault = fault_of_key(key);
        const ConfigField *field;
        char path[KEY_MAX];
        int index;

        if (fault) {
                report(loader, key->start_mark, "seen %s as a key, want a plain word", fault);
                return skip(loader, key) && skip_value(loader);
        }

        index = find_entry(loader, prefix, event_text(key), path);
        if (index < 0) {
                report_unknown(loader, prefix, key);
                return skip_value(loader);
        }

        if (lines[index] > 0) {
                report(loader, key->start_mark, "'%s' stands twice, first in line %zu", path,
                       lines[index]);
                return skip_value(loader);
        }
        lines[index] = key->start_mark.line + 1;

        field = &loader->fields[index];
        if (field->key[strlen(path)] == '.')
                return load_section(loader, path);

        loader->known[index] = true;
        return load_value(loader, field);
}

static void report_missing(Loader *loader, const char *prefix, yaml_mark_t mark) {
        char want[CONFIG_WANT_MAX];

        for (size_t i = 0; loader->fields[i].key; i++) {
                const ConfigField *field = &loader->fields[i];

                if (loader->known[i] || field->standard || !text_starts_with(field->key, prefix))
                        continue;

                report(loader, mark, "'%s' is missing, want %s", field->key,
                       config_value_want(field, want));
                loader->known[i] = true;
        }
}

/* Recursion goes as deep as the table's keys have dots. */
static bool load_mapping(Loader *loader, const char *prefix, yaml_mark_t mark) {
        size_t lines[FIELDS_MAX] = {};

        for (;;) {
                AUTO_EVENT key = {};

                if (!next(loader, &key))
                        return false;
                if (key.type == YAML_MAPPING_END_EVENT)
                        break;
                if (!load_entry(loader, prefix, &key, lines))
                        return false;
        }

        report_missing(loader, prefix, mark);
        return true;
}

/* --- documents --- */

static bool load_root(Loader *loader, const yaml_event_t *event) {
        if (event->type == YAML_MAPPING_START_EVENT && !find_magic(event))
                return load_mapping(loader, "", event->start_mark);

        if (event->type == YAML_SCALAR_EVENT && !find_magic(event) && is_null(event)) {
                report_missing(loader, "", event->start_mark);
                return true;
        }

        report(loader, event->start_mark, "seen %s, want keys with values",
               find_magic(event) ? find_magic(event) : kind_of(event));
        return skip(loader, event);
}

/* False: that was all. A file without a document, only comments say, is one in which everything is
 * missing. */
static bool load_event(Loader *loader, const yaml_event_t *event, size_t *documents) {
        switch ((int) event->type) {
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
                return true;
        case YAML_STREAM_END_EVENT:
                if (*documents == 0)
                        report_missing(loader, "", (yaml_mark_t) {});
                return false;
        case YAML_DOCUMENT_START_EVENT:
                if ((*documents)++ == 0)
                        return true;

                report(loader, event->start_mark, "a second document begins, want one");
                return false;
        default:
                return load_root(loader, event);
        }
}

static void load_stream(Loader *loader) {
        size_t documents = 0;
        bool more = true;

        while (more) {
                AUTO_EVENT event = {};

                more = next(loader, &event) && load_event(loader, &event, &documents);
        }
}

/* Mistakes in the table, which is ours. */
static void check_table(const ConfigField *fields) {
        size_t count = 0;

        for (const ConfigField *field = fields; field->key; field++) {
                count++;
                assert(strlen(field->key) < KEY_MAX - 1);
        }

        assert(count <= FIELDS_MAX);
}

static void fill_defaults(const ConfigField *fields, void *record) {
        int r = 0;

        for (const ConfigField *field = fields; field->key && r == 0; field++) {
                if (field->standard && field->type == CONFIG_NAMES) {
                        r = strcmp(field->standard, "[]");
                } else if (field->standard) {
                        r = config_value_set(field, field->standard, record, NULL);
                }
        }

        /* A default that breaks its own bounds is a mistake in the table. */
        assert(r == 0);
}

int config_parse(
                const ConfigField *fields,
                const char *name,
                const char *text,
                size_t length,
                void *ret,
                size_t size,
                ConfigErrors *errors) {
        auto_free char *record = calloc(1, size);
        Loader loader = {
                .fields = fields,
                .name = name,
                .text = text,
                .length = length,
                .record = record,
                .errors = errors,
        };

        *errors = (ConfigErrors) {};

        if (!record || !yaml_parser_initialize(&loader.yaml)) {
                add_line(errors, "%s: out of memory\n", name);
                return -EINVAL;
        }

        check_table(fields);
        fill_defaults(fields, record);
        yaml_parser_set_encoding(&loader.yaml, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&loader.yaml, (const unsigned char *) text, length);
        load_stream(&loader);
        yaml_parser_delete(&loader.yaml);

        if (errors->count > 0)
                return -EINVAL;

        memcpy(ret, record, size);
        return 0;
}

int config_load(const ConfigField *fields,
                const char *path,
                void *ret,
                size_t size,
                ConfigErrors *errors) {
        auto_free char *text = NULL;
        size_t length = 0;
        Error error = {};

        if (file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &text, &length, &error) < 0) {
                *errors = (ConfigErrors) {};
                add_line(errors, "%s\n", error.text);
                return -EINVAL;
        }

        return config_parse(fields, path, text, length, ret, size, errors);
}
