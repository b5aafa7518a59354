/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/event.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/cleanup.h"
#include "common/json.h"
#include "common/text.h"
#include "tests/unit/filler.h"

static Event filled(EventKind kind, Filling filling) {
        Event event;

        memset(&event, 0, sizeof(event)); /* padding too: events are compared as bytes */
        event.kind = kind;
        filler_fill(event_fields(kind), &event.epoch, filling);
        return event;
}

static char *encode(const Event *event) {
        Error error = {};
        char *body = NULL;

        if (event_encode(event, &body, &error) < 0)
                fail_msg("%s", error.text);

        return body;
}

static const char *name_of(EventKind kind) {
        return enum_name(&event_kind_names, kind);
}

/* --- round trips --- */

static void round_trip(EventKind kind, Filling filling) {
        Event event = filled(kind, filling);
        auto_free char *body = encode(&event);
        auto_free char *again = NULL;
        Error error = {};
        Event back;

        memset(&back, 0, sizeof(back));
        if (event_decode(name_of(kind), body, &back, &error) < 0)
                fail_msg("%s: %s", body, error.text);

        assert_memory_equal(&back, &event, sizeof(event));
        again = encode(&back);
        assert_string_equal(again, body);
}

static void test_every_kind_comes_back_with_all_members_full(void **state) {
        for (unsigned kind = 0; kind < EVENT_KIND_COUNT; kind++)
                round_trip((EventKind) kind, FULL);
}

static void test_every_kind_comes_back_with_all_members_minimal(void **state) {
        for (unsigned kind = 0; kind < EVENT_KIND_COUNT; kind++)
                round_trip((EventKind) kind, MINIMAL);
}

static void test_every_event_of_a_run_and_of_a_step_comes_back(void **state) {
        for (unsigned i = 0; i < STEP_EVENT_COUNT; i++) {
                Event event = filled(EVENT_STEP, MINIMAL);
                auto_free char *body = NULL;
                Event back;

                event.step.event = (StepEvent) i;
                body = encode(&event);
                assert_int_equal(event_decode("step", body, &back, NULL), 0);
                assert_int_equal(back.step.event, i);
        }
        for (unsigned i = 0; i < RUN_EVENT_COUNT; i++) {
                Event event = filled(EVENT_RUN, MINIMAL);
                auto_free char *body = NULL;
                Event back;

                event.run.event = (RunEvent) i;
                body = encode(&event);
                assert_int_equal(event_decode("run", body, &back, NULL), 0);
                assert_int_equal(back.run.event, i);
        }
}

static void test_an_event_looks_on_disk_as_it_always_has(void **state) {
        Event event = {
                .kind = EVENT_STEP,
                .step = { .node = "m1",
                          .step = "r7-1a2b3c4d-m1-1",
                          .event = STEP_EVENT_SLOTTED,
                          .fence = 12 },
        };
        auto_free char *body = encode(&event);

        assert_string_equal(
                        body,
                        "{\"node\":\"m1\",\"step\":\"r7-1a2b3c4d-m1-1\",\"event\":\"slotted\",\"fence\":12}");
}

/* --- what is refused --- */

static int decode(const char *kind, const char *body, Error *error) {
        Event event;

        memset(&event, 'x', sizeof(event));
        return event_decode(kind, body, &event, error);
}

static void test_an_unknown_kind_is_the_work_of_a_newer_rollpatch(void **state) {
        Error error = {};

        assert_true(decode("rewound", "{}", &error) < 0);
        assert_int_equal(error.code, ERROR_VERSION);
        assert_non_null(strstr(error.text, "rewound"));
        assert_true(decode("", "{}", &error) < 0);
        assert_true(decode("STARTED", "{\"epoch\":1}", &error) < 0);
}

static void test_an_unknown_member_is_refused(void **state) {
        for (unsigned kind = 0; kind < EVENT_KIND_COUNT; kind++) {
                Event event = filled((EventKind) kind, MINIMAL);
                auto_free char *body = encode(&event);
                AUTO(Json) *json = NULL;
                auto_free char *more = NULL;
                Error error = {};

                assert_int_equal(json_parse(body, strlen(body), &json, NULL), 0);
                assert_true(json_add_u64(json, "mood", 1));
                more = json_print(json);
                assert_true(decode(name_of(event.kind), more, &error) < 0);
                assert_non_null(strstr(error.text, "mood"));
                assert_non_null(strstr(error.text, name_of(event.kind)));
        }
}

/* The body without the member. */
static char *without(const char *body, const char *key) {
        AUTO(Json) *json = NULL;
        AUTO(Json) *copy = json_new_object();

        assert_int_equal(json_parse(body, strlen(body), &json, NULL), 0);
        for (const Json *member = json_first(json); member; member = json_next(member)) {
                if (strcmp(json_key(member), key) != 0)
                        assert_true(json_add(copy, json_key(member), json_copy(member)));
        }

        return json_print(copy);
}

static void test_a_member_that_is_missing_is_refused_unless_it_is_optional(void **state) {
        for (unsigned kind = 0; kind < EVENT_KIND_COUNT; kind++) {
                Event event = filled((EventKind) kind, FULL);
                auto_free char *body = encode(&event);

                for (const Field *field = event_fields(event.kind); field->key; field++) {
                        auto_free char *less = without(body, field->key);
                        Error error = {};
                        int r = decode(name_of(event.kind), less, &error);

                        assert_int_equal(r < 0, !field->optional);
                        if (r < 0)
                                assert_non_null(strstr(error.text, field->key));
                }
        }
}

static void test_a_body_that_is_cut_anywhere_is_refused(void **state) {
        for (unsigned kind = 0; kind < EVENT_KIND_COUNT; kind++) {
                Event event = filled((EventKind) kind, MINIMAL);
                auto_free char *body = encode(&event);

                for (size_t length = strlen(body); length > 0; length--) {
                        body[length - 1] = '\0';
                        assert_true(decode(name_of(event.kind), body, NULL) < 0);
                }
        }
}

static void test_values_beyond_their_bounds_are_refused_both_ways(void **state) {
        static const char *const bodies[][2] = {
                { "started", "{\"epoch\":0}" },
                { "started", "{\"epoch\":-1}" },
                { "started", "{\"epoch\":1.5}" },
                { "started", "{\"epoch\":9007199254740992}" },
                { "started", "{\"epoch\":\"1\"}" },
                { "started", "[1]" },
                { "started", "{\"epoch\":1} "
                             "x" },
                { "claimed",
                  "{\"node\":\"M1\",\"epoch\":1,\"journal_id\":\"00000000000000000000000000000000\"}" },
                { "claimed", "{\"node\":\"m1\",\"epoch\":1,\"journal_id\":\"0000\"}" },
                { "step", "{\"node\":\"m1\",\"step\":\"s\",\"event\":\"exploded\"}" },
                { "run", "{\"event\":\"started\",\"until\":true}" },
                { "run-node", "{\"node\":\"m1\",\"role\":\"bootstrap\"}" },
        };
        Event event = { .kind = EVENT_STARTED };
        char *body = NULL;

        for (size_t i = 0; i < ELEMENTSOF(bodies); i++) {
                if (decode(bodies[i][0], bodies[i][1], NULL) >= 0)
                        fail_msg("%s", bodies[i][1]);
        }

        assert_true(event_encode(&event, &body, NULL) < 0);
        assert_null(body);
}

static void test_the_result_is_untouched_when_an_event_is_refused(void **state) {
        Event event;
        Event before;

        memset(&event, 'x', sizeof(event));
        memcpy(&before, &event, sizeof(event));
        assert_true(event_decode("started", "{\"epoch\":0}", &event, NULL) < 0);
        assert_true(event_decode("nonsense", "{}", &event, NULL) < 0);
        assert_memory_equal(&event, &before, sizeof(event));
}

/* --- for people --- */

static void test_every_event_can_be_told_in_one_line_of_any_length(void **state) {
        for (unsigned kind = 0; kind < EVENT_KIND_COUNT; kind++) {
                for (unsigned filling = MINIMAL; filling <= FULL; filling++) {
                        Event event = filled((EventKind) kind, (Filling) filling);
                        char text[REASON_MAX] = "";
                        char small[8] = "";

                        event_describe(&event, text, sizeof(text));
                        event_describe(&event, small, sizeof(small));
                        assert_int_not_equal(text[0], '\0');
                        assert_int_equal(strlen(small), MIN(strlen(text), sizeof(small) - 1));
                        assert_int_equal(strncmp(text, small, sizeof(small) - 1), 0);
                }
        }
}

static void test_no_line_for_people_holds_what_a_token_is_checked_with(void **state) {
        Event event = { .kind = EVENT_TOKEN_MADE,
                        .token_made = { .id = "0011223344556677", .psk = "5ec3e7", .user = "x" } };
        char text[REASON_MAX];

        event_describe(&event, text, sizeof(text));
        assert_non_null(strstr(text, event.token_made.id));
        assert_null(strstr(text, "5ec3e7"));
}

static void test_an_event_names_the_node_it_speaks_of(void **state) {
        for (unsigned kind = 0; kind < EVENT_KIND_COUNT; kind++) {
                Event event = filled((EventKind) kind, FULL);

                bool named = false;

                for (const Field *field = event_fields(event.kind); field->key; field++)
                        named = named || strcmp(field->key, "node") == 0;

                assert_int_equal(strspn(event_node(&event), "a"), named ? NAME_TEXT_MAX - 1 : 0);
        }
}

static void test_a_slot_is_told_with_its_fence_and_a_reason_is_added(void **state) {
        Event event = {
                .kind = EVENT_STEP,
                .step = { .node = "m1", .event = STEP_EVENT_SLOTTED, .fence = 4 },
        };
        char text[REASON_MAX];

        event_describe(&event, text, sizeof(text));
        assert_string_equal(text, "m1: got the slot, fence 4");
        event.step.event = STEP_EVENT_SCRIPT_FAILED;
        (void) text_copy(event.step.reason, sizeof(event.step.reason), "status 3");
        event_describe(&event, text, sizeof(text));
        assert_string_equal(text, "m1: script-failed: status 3");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_kind_comes_back_with_all_members_full),
                cmocka_unit_test(test_every_kind_comes_back_with_all_members_minimal),
                cmocka_unit_test(test_every_event_of_a_run_and_of_a_step_comes_back),
                cmocka_unit_test(test_an_event_looks_on_disk_as_it_always_has),
                cmocka_unit_test(test_an_unknown_kind_is_the_work_of_a_newer_rollpatch),
                cmocka_unit_test(test_an_unknown_member_is_refused),
                cmocka_unit_test(test_a_member_that_is_missing_is_refused_unless_it_is_optional),
                cmocka_unit_test(test_a_body_that_is_cut_anywhere_is_refused),
                cmocka_unit_test(test_values_beyond_their_bounds_are_refused_both_ways),
                cmocka_unit_test(test_the_result_is_untouched_when_an_event_is_refused),
                cmocka_unit_test(test_every_event_can_be_told_in_one_line_of_any_length),
                cmocka_unit_test(test_no_line_for_people_holds_what_a_token_is_checked_with),
                cmocka_unit_test(test_an_event_names_the_node_it_speaks_of),
                cmocka_unit_test(test_a_slot_is_told_with_its_fence_and_a_reason_is_added),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
