/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/name-index.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/text.h"

#define MANY 10000U

static const char *name_of(size_t number) {
        static char name[32];

        assert_true(text_format(name, sizeof(name), "agent-%zu", number));
        return name;
}

/* How many places of the name there are that pass the comparison of names; the last one of them. */
static size_t count_of(const NameIndex *index, const char *name, size_t *ret_place) {
        size_t cursor = name_index_begin(index, name);
        size_t count = 0;
        size_t place;

        while ((place = name_index_next(index, name, &cursor)) != SIZE_MAX) {
                if (strcmp(name_of(place), name) != 0)
                        continue;

                *ret_place = place;
                count++;
        }

        return count;
}

static void fill(NameIndex *index, size_t count) {
        for (size_t i = 0; i < count; i++)
                assert_int_equal(name_index_add(index, name_of(i), i), 0);
}

static void test_an_empty_index_knows_nobody(void **state) {
        NameIndex index = {};
        size_t place;

        assert_int_equal(count_of(&index, "agent-1", &place), 0);
        name_index_done(&index);
}

static void test_each_of_ten_thousand_names_leads_to_its_place_and_others_nowhere(void **state) {
        NameIndex index = {};
        char name[32];
        size_t place;

        fill(&index, MANY);
        for (size_t i = 0; i < 2 * (size_t) MANY; i++) {
                (void) text_copy(name, sizeof(name), name_of(i));
                assert_int_equal(count_of(&index, name, &place), i < MANY);
                if (i < MANY)
                        assert_int_equal(place, i);
        }

        name_index_done(&index);
}

static void test_all_places_of_one_name_are_found_however_much_the_index_grew(void **state) {
        NameIndex index = {};
        size_t cursor;
        size_t found = 0;

        fill(&index, 100);
        for (size_t i = 100; i < 150; i++)
                assert_int_equal(name_index_add(&index, "twin", i), 0);

        cursor = name_index_begin(&index, "twin");
        while (name_index_next(&index, "twin", &cursor) != SIZE_MAX)
                found++;

        assert_int_equal(found, 50);
        name_index_done(&index);
}

static void test_a_copy_lives_by_itself(void **state) {
        NameIndex index = {};
        NameIndex copy;
        size_t place;

        fill(&index, 3);
        assert_int_equal(name_index_copy(&index, &copy), 0);
        assert_int_equal(name_index_add(&index, name_of(3), 3), 0);
        name_index_done(&index);
        assert_int_equal(count_of(&copy, "agent-2", &place), 1);
        assert_int_equal(count_of(&copy, "agent-3", &place), 0);
        name_index_done(&copy);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_an_empty_index_knows_nobody),
                cmocka_unit_test(
                                test_each_of_ten_thousand_names_leads_to_its_place_and_others_nowhere),
                cmocka_unit_test(test_all_places_of_one_name_are_found_however_much_the_index_grew),
                cmocka_unit_test(test_a_copy_lives_by_itself),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
