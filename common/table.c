/* SPDX-License-Identifier: Apache-2.0 */
#include "common/table.h"

#include <errno.h>
#include <inttypes.h>
#include <libsmartcols.h>
#include <string.h>
#include <sys/ioctl.h>
#include <wchar.h>

#include "common/text.h"

/* Cells are kept here, not in libsmartcols, because the same rows must be able to become JSON. The
 * library lays the columns out. It would wrap in the middle of a word, so the last column comes to
 * it with the breaks already in: where they must be follows from the widths of the other columns.
 */

#define CELL_TEXT_MAX    2048
#define COLUMN_GAP       "  "
#define LAST_COLUMN_MIN  16 /* narrower than this it is left to the terminal */
#define TERMINAL_DEFAULT 80

typedef struct libscols_table LibTable;
typedef struct libscols_column LibColumn;
typedef struct libscols_line LibLine;
DEFINE_AUTO(LibTable, scols_unref_table)

typedef struct Cell {
        Style style;
        bool is_number;
        uint64_t number;
        char *text;
} Cell;

struct Table {
        const TableColumn *columns;
        size_t width; /* columns */
        Cell *cells;
        size_t count;
        size_t room;
        bool failed;
};

/* --- look --- */

// clang-format off
static const char *const escapes[STYLE_COUNT] = {
        [STYLE_PLAIN]  = "",
        [STYLE_STRONG] = "\033[1m",
        [STYLE_GOOD]   = "\033[32m",
        [STYLE_WARN]   = "\033[33m",
        [STYLE_BAD]    = "\033[1;31m",
        [STYLE_DIM]    = "\033[2m",
};
// clang-format on

Look look_at(FILE *stream, bool legend) {
        const char *no_color = getenv("NO_COLOR"); // NOLINT(concurrency-mt-unsafe): one thread
        const char *terminal = getenv("TERM");     // NOLINT(concurrency-mt-unsafe): one thread
        Look look = { .legend = legend };
        struct winsize size = {};

        if (isatty(fileno(stream)) != 1)
                return look;

        look.colour = !(no_color && no_color[0]) && terminal && strcmp(terminal, "dumb") != 0;
        look.width = TERMINAL_DEFAULT;
        if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
                look.width = size.ws_col;

        return look;
}

const char *look_begin(const Look *look, Style style) {
        return look->colour ? escapes[style] : "";
}

const char *look_end(const Look *look, Style style) {
        return look->colour && style != STYLE_PLAIN ? "\033[0m" : "";
}

/* --- rows --- */

Table *table_new(const TableColumn *columns) {
        Table *table = calloc(1, sizeof(*table));

        if (!table)
                return NULL;

        table->columns = columns;
        while (columns[table->width].title)
                table->width++;

        assert(table->width > 0);
        return table;
}

void table_free(Table *table) {
        if (!table)
                return;

        for (size_t i = 0; i < table->count; i++)
                free(table->cells[i].text);
        free(table->cells);
        free(table);
}

static void add_cell(Table *table, const Cell *cell) {
        if (table->count == table->room) {
                size_t room = table->room ? 2 * table->room : 64;
                Cell *cells = reallocarray(table->cells, room, sizeof(*cells));

                if (!cells) {
                        free(cell->text);
                        table->failed = true;
                        return;
                }
                table->cells = cells;
                table->room = room;
        }

        table->cells[table->count++] = *cell;
}

void table_add(Table *table, Style style, const char *text) {
        char clean[CELL_TEXT_MAX];
        Cell cell = { .style = style };

        if (text && text[0]) {
                text_ellipsize(clean, sizeof(clean), text);
                cell.text = strdup(clean);
                table->failed |= !cell.text;
        }

        add_cell(table, &cell);
}

void table_add_u64(Table *table, Style style, uint64_t value) {
        Cell cell = { .style = style, .is_number = true, .number = value };

        if (asprintf(&cell.text, "%" PRIu64, value) < 0) {
                cell.text = NULL;
                table->failed = true;
        }

        add_cell(table, &cell);
}

size_t table_rows(const Table *table) {
        return (table->count + table->width - 1) / table->width;
}

static const Cell *cell_at(const Table *table, size_t row, size_t column) {
        static const Cell empty = {};
        size_t i = row * table->width + column;

        return i < table->count ? &table->cells[i] : &empty;
}

static const char *cell_text(const Cell *cell) {
        return cell->text ? cell->text : "-";
}

/* --- as text --- */

/* On the screen, as far as the locale can tell. */
static size_t text_width(const char *text) {
        size_t length = strlen(text), width = 0;
        mbstate_t state = {};

        while (length > 0) {
                wchar_t letter;
                // NOLINTNEXTLINE(concurrency-mt-unsafe): the state is ours
                size_t n = mbrtowc(&letter, text, length, &state);
                int columns;

                if (n == 0 || n > length) { /* not of this locale: a byte is a column */
                        state = (mbstate_t) {};
                        n = 1;
                        columns = 1;
                } else
                        columns = wcwidth(letter);

                width += columns > 0 ? (size_t) columns : 0;
                text += n;
                length -= n;
        }

        return width;
}

/* What the other columns leave for the last one; 0: as much as it likes. */
static size_t last_column_width(const Table *table, const Look *look) {
        size_t used = 0;

        for (size_t column = 0; column + 1 < table->width; column++) {
                size_t widest = text_width(table->columns[column].title); /* even unseen */

                for (size_t row = 0; row < table_rows(table); row++)
                        widest = MAX(widest, text_width(cell_text(cell_at(table, row, column))));
                used += widest + strlen(COLUMN_GAP);
        }

        return look->width >= used + LAST_COLUMN_MIN ? look->width - used : 0;
}

/* Turns spaces into newlines so that lines are at most `width` wide, where words allow. */
static void break_lines(char *text, size_t width) {
        char *line = text, *space = NULL;

        for (char *at = text;; at++) {
                char end = *at;

                if (end != ' ' && end != '\0')
                        continue;

                *at = '\0';
                if (text_width(line) > width && space) {
                        *space = '\n';
                        line = space + 1;
                }
                *at = end;
                if (end == '\0')
                        return;
                space = at;
        }
}

static int fill_cell(
                LibLine *line, size_t column, const Cell *cell, const Look *look, size_t width) {
        struct libscols_cell *place = scols_line_get_cell(line, column);
        char text[CELL_TEXT_MAX];
        int r;

        (void) text_copy(text, sizeof(text), cell_text(cell));
        if (width > 0)
                break_lines(text, width);

        r = scols_cell_set_data(place, text);
        if (r < 0 || !look->colour || cell->style == STYLE_PLAIN)
                return r;

        return scols_cell_set_color(place, escapes[cell->style]);
}

static int fill_row(const Table *table, size_t row, const Look *look, size_t width, LibTable *lib) {
        LibLine *line = scols_table_new_line(lib, NULL);
        int r;

        if (!line)
                return -ENOMEM;

        for (size_t column = 0; column < table->width; column++) {
                bool last = column + 1 == table->width;

                r = fill_cell(line, column, cell_at(table, row, column), look, last ? width : 0);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int make_columns(const Table *table, bool wrapped, LibTable *lib) {
        for (size_t i = 0; i < table->width; i++) {
                const TableColumn *column = &table->columns[i];
                bool wraps = wrapped && i + 1 == table->width;
                int flags = (column->right ? SCOLS_FL_RIGHT : 0) | (wraps ? SCOLS_FL_WRAP : 0);
                LibColumn *made = scols_table_new_column(lib, column->title, 0, flags);

                if (!made)
                        return -ENOMEM;
                if (wraps &&
                    scols_column_set_wrapfunc(
                                    made, scols_wrapnl_chunksize, scols_wrapnl_nextchunk, NULL))
                        return -ENOMEM;
        }

        return 0;
}

/* The library asks nothing of the terminal itself: Look has the answers. */
static void prepare(LibTable *lib, const Look *look, FILE *stream) {
        (void) scols_table_set_stream(lib, stream);
        (void) scols_table_set_column_separator(lib, COLUMN_GAP);
        (void) scols_table_enable_noencoding(lib, 1); /* cells are clean already */
        (void) scols_table_enable_noheadings(lib, !look->legend);
        (void) scols_table_enable_colors(lib, look->colour);
        (void) scols_table_set_termforce(
                        lib, look->width ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
        (void) scols_table_set_termwidth(lib, look->width);
}

static int fill_rows(const Table *table, const Look *look, size_t width, LibTable *lib) {
        int r = 0;

        for (size_t row = 0; r >= 0 && row < table_rows(table); row++)
                r = fill_row(table, row, look, width, lib);

        return r;
}

int table_print(const Table *table, const Look *look, FILE *stream) {
        size_t width = look->width ? last_column_width(table, look) : 0;
        AUTO(LibTable) *lib = scols_new_table();
        int r;

        if (!lib || table->failed)
                return -ENOMEM;

        prepare(lib, look, stream);
        r = make_columns(table, width > 0, lib);
        if (r < 0)
                return r;

        r = fill_rows(table, look, width, lib);
        if (r < 0)
                return r;

        return scols_print_table(lib) == 0 && !ferror(stream) ? 0 : -EIO;
}

/* --- as JSON --- */

static bool add_member(Json *object, const char *key, const Cell *cell) {
        if (cell->is_number)
                return json_add_u64(object, key, cell->number);
        if (cell->text)
                return json_add_string(object, key, cell->text);

        return json_add_null(object, key);
}

static Json *row_to_json(const Table *table, size_t row) {
        AUTO(Json) *object = json_new_object();

        for (size_t column = 0; object && column < table->width; column++) {
                if (!add_member(object, table->columns[column].key, cell_at(table, row, column)))
                        return NULL;
        }

        return TAKE(object);
}

Json *table_to_json(const Table *table) {
        AUTO(Json) *rows = json_new_array();

        if (!rows || table->failed)
                return NULL;

        for (size_t row = 0; row < table_rows(table); row++) {
                Json *object = row_to_json(table, row);

                if (!object || !json_append(rows, object))
                        return NULL;
        }

        return TAKE(rows);
}
