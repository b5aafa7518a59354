/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/bulk.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "tests/unit/fake-examine.h"

typedef struct Lab {
        sd_event *event;
        Bulk *bulk;
        Chunk chunk; /* sent last */
        unsigned sent;
} Lab;

static int take_chunk(const Message *message, void *userdata) {
        Lab *lab = userdata;

        assert_int_equal(message->kind, MESSAGE_CHUNK);
        lab->chunk = message->chunk;
        lab->sent++;
        return 0;
}

static int setup(void **state) {
        Lab *lab = calloc(1, sizeof(*lab));

        assert_non_null(lab);
        assert_true(sd_event_new(&lab->event) >= 0);
        lab->bulk = bulk_new(lab->event, &(BulkOptions) { .send = take_chunk, .userdata = lab });
        assert_non_null(lab->bulk);
        *state = lab;
        return 0;
}

static int teardown(void **state) {
        Lab *lab = *state;

        bulk_free(lab->bulk);
        (void) sd_event_unref(lab->event);
        free(lab);
        return 0;
}

static Read ask_for(ReadWhat what, const char *step) {
        Read read = { .request = 1, .what = what, .from_end = true };

        (void) text_copy(read.step, sizeof(read.step), step);
        return read;
}

/* The text is made once, and every piece of it comes from that. */
static void test_a_text_is_made_once(void **state) {
        Lab *lab = *state;
        Read read = ask_for(READ_JOURNAL, "r1-0123abcd-m1-1");
        unsigned before = fake_examine_count();

        bulk_handle(lab->bulk, &read);
        bulk_handle(lab->bulk, &read); /* its twin: not made yet */
        fake_examine_line("one");
        fake_examine_end();
        bulk_handle(lab->bulk, &read);
        assert_int_equal(fake_examine_count(), before + 1);
        assert_int_equal(lab->sent, 2);
        assert_true(lab->chunk.total > 0);
}

/* Another coordinator, or this one after a restart, begins with the number 1 again. */
static void test_another_text_with_the_same_number_is_another_text(void **state) {
        const Read others[] = { ask_for(READ_JOURNAL, "r1-0123abcd-m1-2"),
                                ask_for(READ_UNITS, "r1-0123abcd-m1-2") };
        Lab *lab = *state;
        Read read = ask_for(READ_JOURNAL, "r1-0123abcd-m1-1");
        unsigned before = fake_examine_count();

        bulk_handle(lab->bulk, &read);
        fake_examine_line("a line of the first step");
        fake_examine_end();
        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                bulk_handle(lab->bulk, &others[i]);
                assert_int_equal(fake_examine_count(), before + 2 + i);
                fake_examine_end();
                assert_int_equal(lab->sent, 2 + i);
                assert_string_equal(lab->chunk.step, others[i].step);
                assert_int_equal(lab->chunk.total, 0);
        }
}

static void test_the_rest_of_a_text_that_is_not_this_one_is_refused(void **state) {
        Lab *lab = *state;
        Read read = ask_for(READ_JOURNAL, "r1-0123abcd-m1-1");

        bulk_handle(lab->bulk, &read);
        fake_examine_line("a line of the first step");
        fake_examine_end();
        read = ask_for(READ_UNITS, "r1-0123abcd-m1-1");
        read.from_end = false;
        bulk_handle(lab->bulk, &read);
        assert_string_equal(lab->chunk.reason, "the text is not kept any more");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_a_text_is_made_once, setup, teardown),
                cmocka_unit_test_setup_teardown(
                                test_another_text_with_the_same_number_is_another_text, setup,
                                teardown),
                cmocka_unit_test_setup_teardown(
                                test_the_rest_of_a_text_that_is_not_this_one_is_refused, setup,
                                teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
