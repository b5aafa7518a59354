/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/status-table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/parse.h"
#include "common/text.h"

#define RECORD    "-[ RECORD "
#define BLANKS    " \t\r"
#define SHOWN_MAX 64

typedef struct Table {
        StatusRowRead on_row;
        void *userdata;
        char separator; /* 0: no header yet */
        bool records;
        StatusRow row; /* the header's names; of records also what was read of one */
        size_t rows;
        size_t columns;     /* of records: of the first one */
        uint64_t announced; /* how many rows it says there are, in the first line or in the last */
        bool announces;
} Table;

const char *status_row_get(const StatusRow *row, const char *name) {
        const char *found = NULL;

        for (size_t i = 0; i < row->count; i++) {
                if (strcmp(row->names[i], name) != 0)
                        continue;
                if (found)
                        return NULL;

                found = row->cells[i];
        }

        return found;
}

static int refuse(Error *error, const char *why, const char *line) {
        char shown[SHOWN_MAX];

        text_ellipsize(shown, sizeof(shown), line);
        return error_setf(error, ERROR_INVALID, "%s: '%s'", why, shown);
}

/* Without the blanks at both ends; cut off in place. */
static char *strip(char *text) {
        size_t length;

        text += strspn(text, BLANKS);
        length = strlen(text);
        while (length > 0 && strchr(BLANKS, text[length - 1]))
                text[--length] = '\0';

        return text;
}

/* --- cells --- */

/* One cell off the front of `rest`, as `strsep`; with quotes round it, as csv has them. */
static char *take_quoted(char **rest, char separator) {
        char *cell = *rest + 1, *to = cell, *from = cell;

        for (; *from; from++) {
                if (*from == '"' && *++from != '"')
                        break;
                *to++ = *from;
        }
        if (*from != separator && *from != '\0')
                return NULL;

        *rest = *from == separator ? from + 1 : NULL;
        *to = '\0';
        return cell;
}

static char *take_cell(char **rest, char separator) {
        const char separators[] = { separator, '\0' };
        char *cell;

        if (separator != '|' && **rest == '"')
                return take_quoted(rest, separator);

        cell = strsep(rest, separators);
        return separator == '|' ? strip(cell) : cell;
}

/* The frame of a table is no cell. */
static char *unframe(char *line) {
        size_t length;

        line = strip(line);
        length = strlen(line);
        if (length < 2 || line[0] != '|' || line[length - 1] != '|')
                return line;

        line[length - 1] = '\0';
        return line + 1;
}

static int split(char *line, char separator, const char *cells[], size_t *ret, Error *error) {
        char *rest = separator == '|' ? unframe(line) : line;
        size_t count = 0;

        while (rest) {
                char *cell;

                if (count == STATUS_COLUMNS_MAX)
                        return refuse(error, "too many columns", line);

                cell = take_cell(&rest, separator);
                if (!cell)
                        return refuse(error, "a quote does not end", line);

                cells[count++] = cell;
        }

        *ret = count;
        return 0;
}

/* --- lines --- */

static bool is_frame(const char *line) {
        return line[strspn(line, "+- ")] == '\0' && strchr(line, '+');
}

/* "# 3 rows", "(3 rows)": the count, or -ENOENT. */
static int read_count(const char *line, uint64_t *ret) {
        const char *digits = line[0] == '#' ? line + 1 : line[0] == '(' ? line + 1 : NULL;
        char number[16] = "";
        size_t length;

        if (!digits)
                return -ENOENT;

        digits += strspn(digits, " ");
        length = strspn(digits, "0123456789");
        if (length == 0 || length >= sizeof(number) || !text_starts_with(digits + length, " row"))
                return -ENOENT;

        memcpy(number, digits, length);
        return parse_u64(number, 0, UINT64_MAX, ret);
}

/* 0: none. */
static char find_separator(const char *line) {
        static const char separators[] = { '\t', '|', ',' };

        for (size_t i = 0; i < sizeof(separators); i++) {
                if (strchr(line, separators[i]))
                        return separators[i];
        }

        return '\0';
}

static int end_record(Table *table, Error *error) {
        if (table->rows == 0)
                return 0;
        if (table->rows == 1)
                table->columns = table->row.count;
        if (table->row.count != table->columns) {
                return error_setf(
                                error, ERROR_INVALID, "record %zu has %zu lines, the first %zu",
                                table->rows, table->row.count, table->columns);
        }

        return table->on_row(&table->row, table->userdata, error);
}

static int read_record_line(Table *table, char *line, Error *error) {
        char *bar;
        int r;

        if (text_starts_with(line, RECORD)) {
                r = end_record(table, error);
                table->row.count = 0;
                table->rows++;
                return r;
        }

        bar = strchr(line, '|');
        if (!bar || table->row.count == STATUS_COLUMNS_MAX)
                return refuse(error, "no line of a record", line);

        *bar = '\0';
        table->row.names[table->row.count] = strip(line);
        table->row.cells[table->row.count++] = strip(bar + 1);
        return 0;
}

static int read_row(Table *table, char *line, Error *error) {
        size_t count = 0;
        int r;

        r = split(line, table->separator, table->row.cells, &count, error);
        if (r < 0)
                return r;
        if (count != table->row.count) {
                return error_setf(
                                error, ERROR_INVALID, "row %zu has %zu cells, the header %zu",
                                table->rows + 1, count, table->row.count);
        }

        table->rows++;
        return table->on_row(&table->row, table->userdata, error);
}

/* What it prints in these is no table: `--format=tsv` was not heeded. */
static const char *find_foreign_format(const char *line) {
        static const struct {
                const char *begins, *format;
        } formats[] = {
                { "<table", "html" },
                { "CREATE TABLE ", "sql" },
                { "INSERT INTO ", "sql" },
        };
        const char *digits = text_starts_with(line, "# ") ? line + 2 : "";

        for (size_t i = 0; i < ELEMENTSOF(formats); i++) {
                if (text_starts_with(line, formats[i].begins))
                        return formats[i].format;
        }

        return text_starts_with(digits + strspn(digits, "0123456789"), " column") ? "raw" : NULL;
}

static int read_header(Table *table, char *line, Error *error) {
        const char *foreign = find_foreign_format(line);

        if (foreign) {
                return error_setf(
                                error, ERROR_INVALID,
                                "is in the format %s, want tsv, csv, table or records", foreign);
        }

        table->separator = find_separator(line);
        if (table->separator == '\0')
                return refuse(error, "no header of a table", line);

        return split(line, table->separator, table->row.names, &table->row.count, error);
}

static int read_line(Table *table, char *line, Error *error) {
        size_t length = strlen(line);

        if (length > 0 && line[length - 1] == '\r')
                line[length - 1] = '\0';
        if (line[strspn(line, BLANKS)] == '\0' || is_frame(line))
                return 0;

        if (read_count(line, &table->announced) == 0) {
                table->announces = true;
                return 0;
        }

        if (!table->separator && text_starts_with(line, RECORD)) {
                table->records = true;
                table->separator = '|';
        }
        if (table->records)
                return read_record_line(table, line, error);

        return table->separator ? read_row(table, line, error) : read_header(table, line, error);
}

int status_table_read(
                const char *text, size_t size, StatusRowRead on_row, void *userdata, Error *error) {
        Table table = { .on_row = on_row, .userdata = userdata };
        auto_free char *copy = NULL;
        char *rest;
        int r;

        if (size == 0)
                return error_setf(error, ERROR_INVALID, "printed nothing");
        if (text[size - 1] != '\n' || memchr(text, '\0', size))
                return error_setf(error, ERROR_INVALID, "no whole lines of text");

        copy = text_duplicate(text, size - 1);
        if (!copy)
                return error_setf(error, ERROR_MEMORY, "no memory for its output");

        rest = copy;
        while (rest) {
                r = read_line(&table, strsep(&rest, "\n"), error);
                if (r < 0)
                        return r;
        }

        if (!table.separator)
                return error_setf(error, ERROR_INVALID, "no header of a table");
        if (table.announces && table.announced != table.rows) {
                return error_setf(
                                error, ERROR_INVALID, "%zu rows, but it says %llu", table.rows,
                                (unsigned long long) table.announced);
        }

        return table.records ? end_record(&table, error) : 0;
}
