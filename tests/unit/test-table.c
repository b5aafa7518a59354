/* SPDX-License-Identifier: Apache-2.0 */

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/table.h"

// clang-format off
static const TableColumn columns[] = {
        { .title = "NODE",    .key = "name"                 },
        { .title = "FENCE",   .key = "fence", .right = true },
        { .title = "MESSAGE", .key = "message"              },
        {},
};
// clang-format on

static Table *make_table(void) {
        Table *table = table_new(columns);

        assert_non_null(table);
        table_add(table, STYLE_STRONG, "m1");
        table_add_u64(table, STYLE_PLAIN, 4);
        table_add(table, STYLE_GOOD, "well since 22min");
        table_add(table, STYLE_STRONG, "master-2");
        table_add_u64(table, STYLE_PLAIN, 12345);
        table_add(table, STYLE_BAD, NULL);
        return table;
}

static char *print(const Table *table, const Look *look) {
        char *text = NULL;
        size_t size = 0;
        FILE *stream = open_memstream(&text, &size);

        assert_non_null(stream);
        assert_int_equal(table_print(table, look, stream), 0);
        assert_int_equal(fclose(stream), 0);
        return text;
}

static void test_columns_are_as_wide_as_their_widest_cell(void **state) {
        AUTO(Table) *table = make_table();
        auto_free char *text = print(table, &(Look) { .legend = true });

        assert_string_equal(
                        text, "NODE      FENCE  MESSAGE\n"
                              "m1            4  well since 22min\n"
                              "master-2  12345  -\n");
}

static void test_without_legend_there_are_only_rows(void **state) {
        AUTO(Table) *table = make_table();
        auto_free char *text = print(table, &(Look) {});

        assert_string_equal(
                        text, "m1            4  well since 22min\n"
                              "master-2  12345  -\n");
}

static void test_colour_changes_nothing_but_colour(void **state) {
        AUTO(Table) *table = make_table();
        auto_free char *text =
                        print(table, &(Look) { .legend = true, .colour = true, .width = 80 });

        assert_non_null(strstr(text, "\033[32mwell since 22min\033[0m"));
        assert_non_null(strstr(text, "\033[1;31m-\033[0m"));
        assert_non_null(strstr(text, "    4  "));
}

static void test_on_a_terminal_the_last_column_is_wrapped_between_words(void **state) {
        AUTO(Table) *table = table_new(columns);
        auto_free char *text = NULL;

        table_add(table, STYLE_PLAIN, "m1");
        table_add_u64(table, STYLE_PLAIN, 4);
        table_add(table, STYLE_PLAIN, "exhibitor serving on 2 of 3 - try: rollpatch status m1");
        text = print(table, &(Look) { .legend = true, .width = 40 });

        assert_string_equal(
                        text, "NODE  FENCE  MESSAGE\n"
                              "m1        4  exhibitor serving on 2 of 3\n"
                              "             - try: rollpatch status m1\n");
}

static void test_without_a_terminal_no_line_is_broken(void **state) {
        AUTO(Table) *table = table_new(columns);
        auto_free char *text = NULL;
        char message[400];

        for (size_t i = 0; i < sizeof(message) - 1; i++)
                message[i] = i % 8 == 7 ? ' ' : 'x';
        message[sizeof(message) - 1] = '\0';

        table_add(table, STYLE_PLAIN, "m1");
        table_add_u64(table, STYLE_PLAIN, 4);
        table_add(table, STYLE_PLAIN, message);
        text = print(table, &(Look) {});
        assert_non_null(strstr(text, message));
}

static void test_a_word_longer_than_the_terminal_loses_nothing(void **state) {
        AUTO(Table) *table = table_new(columns);
        auto_free char *text = NULL;

        table_add(table, STYLE_PLAIN, "m1");
        table_add_u64(table, STYLE_PLAIN, 4);
        table_add(table, STYLE_PLAIN, "see http://a-very-long-host-name.example.com/path and wait");
        text = print(table, &(Look) { .width = 36 });
        assert_non_null(strstr(text, "see"));
        assert_non_null(strstr(text, "wait"));
}

static void test_every_width_shows_every_letter_of_every_cell(void **state) {
        for (size_t width = 1; width < 120; width++) {
                AUTO(Table) *table = make_table();
                auto_free char *text = NULL;

                table_add(table, STYLE_PLAIN, "a");
                table_add(table, STYLE_PLAIN, "b");
                table_add(table, STYLE_PLAIN, "ten of the words here are of two or three");
                text = print(table, &(Look) { .legend = true, .width = width });

                assert_non_null(strstr(text, "master-2"));
                assert_non_null(strstr(text, "12345"));
                assert_non_null(strstr(text, "three"));
        }
}

static void test_letters_of_two_bytes_are_one_column_wide(void **state) {
        AUTO(Table) *table = table_new(columns);
        auto_free char *text = NULL;

        if (!setlocale(LC_CTYPE, "C.UTF-8"))
                skip();

        table_add(table, STYLE_PLAIN, "m\xc3\xa9");
        table_add_u64(table, STYLE_PLAIN, 4);
        table_add(table, STYLE_PLAIN, "x");
        table_add(table, STYLE_PLAIN, "m2");
        table_add_u64(table, STYLE_PLAIN, 4);
        table_add(table, STYLE_PLAIN, "y");
        text = print(table, &(Look) {});
        assert_string_equal(text, "m\xc3\xa9        4  x\nm2        4  y\n");
}

static void test_a_cell_cannot_command_the_terminal(void **state) {
        AUTO(Table) *table = table_new(columns);
        auto_free char *text = NULL;

        table_add(table, STYLE_PLAIN, "m1\033[2J\n");
        text = print(table, &(Look) {});
        assert_string_equal(text, "m1?[2J?      -  -\n");
}

static void test_json_rows_have_numbers_texts_and_nulls(void **state) {
        AUTO(Table) *table = make_table();
        AUTO(Json) *rows = table_to_json(table);
        auto_free char *text = json_print(rows);

        assert_string_equal(
                        text, "[{\"name\":\"m1\",\"fence\":4,\"message\":\"well since 22min\"},"
                              "{\"name\":\"master-2\",\"fence\":12345,\"message\":null}]");
}

static void test_a_table_without_rows_prints_nothing(void **state) {
        AUTO(Table) *table = table_new(columns);
        AUTO(Json) *rows = table_to_json(table);
        auto_free char *json = json_print(rows);
        auto_free char *text = print(table, &(Look) { .legend = true });

        assert_int_equal(table_rows(table), 0);
        assert_string_equal(json, "[]");
        assert_string_equal(text, "");
}

static void test_a_row_counts_from_its_first_cell_on(void **state) {
        AUTO(Table) *table = make_table();

        assert_int_equal(table_rows(table), 2);
        table_add(table, STYLE_PLAIN, "m3");
        assert_int_equal(table_rows(table), 3);
}

static void test_a_file_is_no_terminal(void **state) {
        FILE *file = tmpfile();
        Look look = look_at(file, true);

        assert_false(look.colour);
        assert_true(look.legend);
        assert_int_equal(look.width, 0);
        assert_string_equal(look_begin(&look, STYLE_BAD), "");
        assert_string_equal(look_end(&look, STYLE_BAD), "");
        (void) fclose(file);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_columns_are_as_wide_as_their_widest_cell),
                cmocka_unit_test(test_without_legend_there_are_only_rows),
                cmocka_unit_test(test_colour_changes_nothing_but_colour),
                cmocka_unit_test(test_on_a_terminal_the_last_column_is_wrapped_between_words),
                cmocka_unit_test(test_without_a_terminal_no_line_is_broken),
                cmocka_unit_test(test_a_word_longer_than_the_terminal_loses_nothing),
                cmocka_unit_test(test_every_width_shows_every_letter_of_every_cell),
                cmocka_unit_test(test_letters_of_two_bytes_are_one_column_wide),
                cmocka_unit_test(test_a_cell_cannot_command_the_terminal),
                cmocka_unit_test(test_json_rows_have_numbers_texts_and_nulls),
                cmocka_unit_test(test_a_table_without_rows_prints_nothing),
                cmocka_unit_test(test_a_row_counts_from_its_first_cell_on),
                cmocka_unit_test(test_a_file_is_no_terminal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
