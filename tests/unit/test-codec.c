/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/codec.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/unit/filler.h"

/* Most tests know nothing of the single messages: they walk the same tables as the codec, fill each
 * member to its bound or leave out what may be left out, and look at what comes back. */

static Message filled(MessageKind kind, Filling filling) {
        Message message;

        memset(&message, 0, sizeof(message)); /* padding too: messages are compared as bytes */
        message.kind = kind;
        filler_fill(message_fields(kind), &message.hello, filling);
        return message;
}

/* The text of a filled message, terminated. */
static size_t filled_text(
                MessageKind kind, Filling filling, char text[static MESSAGE_BYTES_MAX + 1]) {
        Message message = filled(kind, filling);
        Error error = {};
        size_t size = 0;

        if (message_encode(&message, text, MESSAGE_BYTES_MAX, &size, &error) < 0)
                fail_msg("%s", error.text);

        text[size] = '\0';
        return size;
}

static int decode_object(const Json *object, Error *error) {
        auto_free char *text = json_print(object);
        Message message;

        assert_non_null(text);
        return message_decode(text, strlen(text), &message, error);
}

static Json *parse(const char *text) {
        Json *json = NULL;

        assert_int_equal(json_parse(text, strlen(text), &json, NULL), 0);
        return json;
}

/* --- round trips --- */

static void round_trip(MessageKind kind, Filling filling) {
        Message message = filled(kind, filling);
        Error error = {};
        char text[MESSAGE_BYTES_MAX];
        char again[MESSAGE_BYTES_MAX];
        size_t again_size;
        Message back;
        size_t size;

        if (message_encode(&message, text, sizeof(text), &size, &error) < 0)
                fail_msg("%s", error.text);

        memset(&back, 0, sizeof(back));
        if (message_decode(text, size, &back, &error) < 0)
                fail_msg("%s", error.text);

        assert_memory_equal(&back, &message, sizeof(message));
        assert_int_equal(message_encode(&back, again, sizeof(again), &again_size, NULL), 0);
        assert_int_equal(again_size, size);
        assert_memory_equal(again, text, size);
}

static void test_every_kind_comes_back_with_all_members_full(void **state) {
        for (unsigned kind = 0; kind < MESSAGE_KIND_COUNT; kind++)
                round_trip((MessageKind) kind, FULL);
}

static void test_every_kind_comes_back_with_all_members_minimal(void **state) {
        for (unsigned kind = 0; kind < MESSAGE_KIND_COUNT; kind++)
                round_trip((MessageKind) kind, MINIMAL);
}

static void test_the_largest_of_every_kind_fits_into_one_message(void **state) {
        for (unsigned kind = 0; kind < MESSAGE_KIND_COUNT; kind++) {
                char text[MESSAGE_BYTES_MAX + 1];
                size_t size = filled_text((MessageKind) kind, FULL, text);

                print_message("# %s: at most %zu bytes\n", enum_name(&message_kind_names, kind),
                              size);
                assert_in_range(size, 1, MESSAGE_BYTES_MAX);
        }
}

static void test_a_message_looks_as_the_specification_shows_it(void **state) {
        Message slot = {
                .kind = MESSAGE_SLOT,
                .slot = { .epoch = 3, .step = "r7-1a2b3c4d-m1-1", .fence = 12 },
        };
        char text[MESSAGE_BYTES_MAX];
        size_t size;
        const char want[] = "{\"v\":1,\"kind\":\"slot\",\"epoch\":3,\"step\":\"r7-1a2b3c4d-m1-1\","
                            "\"fence\":12}";

        assert_int_equal(message_encode(&slot, text, sizeof(text), &size, NULL), 0);
        assert_int_equal(size, strlen(want));
        assert_memory_equal(text, want, size);
}

static void test_numbers_survive_up_to_their_last_digit(void **state) {
        Message claim = { .kind = MESSAGE_CLAIM, .claim = { .epoch = EPOCH_MAX } };
        char text[MESSAGE_BYTES_MAX];
        Message back;
        size_t size;

        assert_int_equal(message_encode(&claim, text, sizeof(text), &size, NULL), 0);
        assert_int_equal(message_decode(text, size, &back, NULL), 0);
        assert_true(back.claim.epoch == EPOCH_MAX);
}

/* --- what is not exactly right is refused --- */

typedef enum Change {
        LEAVE_OUT,
        OTHER_TYPE,
} Change;

static bool is_optional(const Field *fields, const char *key) {
        for (const Field *field = fields; field->key; field++) {
                if (strcmp(field->key, key) == 0)
                        return field->optional;
        }

        return false; /* of the envelope */
}

static Json *changed(const Json *object, const char *key, Change change) {
        Json *copy = json_new_object();

        assert_non_null(copy);
        for (const Json *member = json_first(object); member; member = json_next(member)) {
                if (strcmp(json_key(member), key) != 0) {
                        assert_true(json_add(copy, json_key(member), json_copy(member)));
                } else if (change == OTHER_TYPE) {
                        assert_true(json_add_null(copy, key));
                }
        }

        return copy;
}

static void check_changes(MessageKind kind, const Json *object) {
        for (const Json *member = json_first(object); member; member = json_next(member)) {
                const char *key = json_key(member);
                AUTO(Json) *without = changed(object, key, LEAVE_OUT);
                AUTO(Json) *other = changed(object, key, OTHER_TYPE);
                Error error = {};
                int r;

                r = decode_object(without, &error);
                if (is_optional(message_fields(kind), key)) {
                        assert_int_equal(r, 0);
                } else {
                        assert_true(r < 0 && strstr(error.text, key));
                }

                assert_true(decode_object(other, &error) < 0);
                assert_non_null(strstr(error.text, key));
        }
}

static void test_a_message_without_one_of_its_members_is_refused(void **state) {
        for (unsigned kind = 0; kind < MESSAGE_KIND_COUNT; kind++) {
                char text[MESSAGE_BYTES_MAX + 1];
                AUTO(Json) *object = NULL;

                (void) filled_text((MessageKind) kind, FULL, text);
                object = parse(text);
                check_changes((MessageKind) kind, object);
        }
}

static void test_a_message_with_an_unknown_member_is_refused(void **state) {
        for (unsigned kind = 0; kind < MESSAGE_KIND_COUNT; kind++) {
                char text[MESSAGE_BYTES_MAX + 1];
                AUTO(Json) *object = NULL;
                Error error = {};

                (void) filled_text((MessageKind) kind, MINIMAL, text);
                object = parse(text);
                assert_true(json_add_u64(object, "colour", 7));
                assert_int_equal(decode_object(object, &error), -EINVAL);
                assert_non_null(strstr(error.text, "colour"));
        }
}

static void test_list_items_are_as_strict_as_messages(void **state) {
        static const char *const bad[] = {
                "{}",
                "7",
                "{\"step\":\"a\",\"state\":\"ended\"}",
                "{\"step\":\"a\",\"state\":\"over\",\"fence\":1}",
                "{\"step\":\"../a\",\"state\":\"ended\",\"fence\":1}",
                "{\"step\":\"\",\"state\":\"ended\",\"fence\":1}",
                "{\"step\":\"a\",\"state\":\"ended\",\"fence\":1,\"exit_status\":256}",
                "{\"step\":\"a\",\"state\":\"ended\",\"fence\":1,\"colour\":1}",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                char text[512];
                Error error = {};
                Message message;
                int size;

                size = snprintf(text, sizeof(text),
                                "{\"v\":1,\"kind\":\"claimed\",\"epoch\":1,\"journal_id\":"
                                "\"0123456789abcdef0123456789abcdef\",\"steps\":[%s]}",
                                bad[i]);
                assert_int_equal(message_decode(text, (size_t) size, &message, &error), -EINVAL);
                assert_non_null(strstr(error.text, "claimed: steps[0]"));
        }
}

static void test_one_item_too_many_is_refused_both_ways(void **state) {
        Message start = filled(MESSAGE_START, FULL);
        char text[MESSAGE_BYTES_MAX + 1];
        AUTO(Json) *object = NULL;
        AUTO(Json) *longer = NULL;
        const Json *look;
        size_t size;

        start.start.look_count = MASTERS_MAX + 1;
        assert_int_equal(message_encode(&start, text, sizeof(text), &size, NULL), -EINVAL);

        (void) filled_text(MESSAGE_START, FULL, text);
        object = parse(text);
        look = json_find(object, "look");
        longer = json_copy(look);
        assert_true(json_append(longer, json_copy(json_first(look))));
        {
                AUTO(Json) *without = changed(object, "look", LEAVE_OUT);

                assert_true(json_add(without, "look", TAKE(longer)));
                assert_int_equal(decode_object(without, NULL), -EINVAL);
        }
}

static void test_step_ids_are_checked_both_ways(void **state) {
        Message ask = { .kind = MESSAGE_ASK, .ask = { .epoch = 1, .step = "a/../b" } };
        const char bad[] = "{\"v\":1,\"kind\":\"ask\",\"epoch\":1,\"step\":\"a/../b\"}";
        const char idle[] = "{\"v\":1,\"kind\":\"heartbeat\",\"sequence\":1,\"epoch\":1,"
                            "\"state\":\"absent\"}";
        char text[MESSAGE_BYTES_MAX];
        Error error = {};
        Message message;
        size_t size;

        assert_int_equal(message_encode(&ask, text, sizeof(text), &size, &error), -EINVAL);
        assert_string_equal(error.text, "ask: step: 'a/../b' is no step id");
        assert_int_equal(message_decode(bad, strlen(bad), &message, &error), -EINVAL);
        assert_int_equal(message_decode(idle, strlen(idle), &message, &error), 0);
        assert_string_equal(message.heartbeat.step, "");
}

static void test_a_newer_version_is_refused_in_plain_words(void **state) {
        const char newer[] = "{\"v\":2,\"kind\":\"brandnew\",\"colour\":7}";
        const char older[] = "{\"v\":0,\"kind\":\"claim\",\"epoch\":1}";
        Error error = {};
        Message message;

        assert_int_equal(message_decode(newer, strlen(newer), &message, &error), -EPROTONOSUPPORT);
        assert_int_equal(error.code, ERROR_VERSION);
        assert_string_equal(
                        error.text,
                        "the peer speaks version 2 of the link, this rollpatch knows up to 1; "
                        "upgrade this one");

        assert_int_equal(message_decode(older, strlen(older), &message, &error), -EPROTONOSUPPORT);
}

static void test_an_unknown_kind_is_refused_and_named(void **state) {
        const char text[] = "{\"v\":1,\"kind\":\"exec\",\"argv\":[\"sh\"]}";
        Error error = {};
        Message message;

        assert_int_equal(message_decode(text, strlen(text), &message, &error), -EINVAL);
        assert_string_equal(error.text, "unknown kind of message 'exec'");
}

static void test_only_an_object_is_a_message(void **state) {
        static const char *const bad[] = { "", "null", "7", "[]", "\"slot\"", "{}", "{} {}" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Message message;

                assert_true(message_decode(bad[i], strlen(bad[i]), &message, NULL) < 0);
        }
}

static void test_a_message_over_the_limit_is_not_even_parsed(void **state) {
        const char claim[] = "{\"v\":1,\"kind\":\"claim\",\"epoch\":1}";
        auto_free char *text = malloc(MESSAGE_BYTES_MAX + 1);
        Error error = {};
        Message message;

        assert_non_null(text);
        memset(text, ' ', MESSAGE_BYTES_MAX + 1);
        memcpy(text, claim, sizeof(claim) - 1);
        assert_int_equal(message_decode(text, MESSAGE_BYTES_MAX + 1, &message, &error), -EMSGSIZE);
        assert_int_equal(error.code, ERROR_TOO_BIG);
}

static void test_a_message_is_not_written_into_too_small_a_buffer(void **state) {
        Message message = filled(MESSAGE_CLAIM, FULL);
        char text[256];
        size_t full;
        size_t size = 42;

        assert_int_equal(message_encode(&message, text, sizeof(text), &full, NULL), 0);
        memset(text, '#', sizeof(text));
        assert_int_equal(message_encode(&message, text, full - 1, &size, NULL), -EMSGSIZE);
        assert_int_equal(size, 42);
        assert_int_equal(text[0], '#');
        assert_int_equal(message_encode(&message, text, full, &size, NULL), 0);
        assert_int_equal(text[full], '#');
}

/* --- damage --- */

/* Exactly `size` bytes, so that a sanitizer sees a read beyond them. */
static int decode_exact(const char *bytes, size_t size, Message *message) {
        auto_free char *copy = malloc(size > 0 ? size : 1);

        assert_non_null(copy);
        memcpy(copy, bytes, size);
        return message_decode(copy, size, message, NULL);
}

static void test_a_message_cut_anywhere_is_refused(void **state) {
        for (unsigned kind = 0; kind < MESSAGE_KIND_COUNT; kind++) {
                char text[MESSAGE_BYTES_MAX + 1];
                size_t size = filled_text((MessageKind) kind, MINIMAL, text);

                for (size_t cut = 0; cut < size; cut++) {
                        Message message = { .kind = MESSAGE_ACK };

                        assert_true(decode_exact(text, cut, &message) < 0);
                        assert_int_equal(message.kind, MESSAGE_ACK);
                }
        }
}

/* What is accepted in spite of the damage must be something that could have been sent. */
static void check_damaged(const char *text, size_t size) {
        Message message;

        memset(&message, 0, sizeof(message));
        if (decode_exact(text, size, &message) >= 0) {
                char again[MESSAGE_BYTES_MAX];
                size_t again_size;

                assert_int_equal(
                                message_encode(&message, again, sizeof(again), &again_size, NULL),
                                0);
        }
}

static void test_flipped_bits_never_break_the_decoder(void **state) {
        for (unsigned kind = 0; kind < MESSAGE_KIND_COUNT; kind++) {
                char text[MESSAGE_BYTES_MAX + 1];
                size_t size = filled_text((MessageKind) kind, MINIMAL, text);

                for (size_t i = 0; i < size * 8; i++) {
                        text[i / 8] = (char) (text[i / 8] ^ (1 << (i % 8)));
                        check_damaged(text, size);
                        text[i / 8] = (char) (text[i / 8] ^ (1 << (i % 8)));
                }
        }
}

static void test_any_other_byte_never_breaks_the_decoder(void **state) {
        static const char bytes[] = { 0, '"', '\\', '{', '}', '[', ']', '-', '9', (char) 0xff };
        char text[MESSAGE_BYTES_MAX + 1];
        size_t size = filled_text(MESSAGE_REPORT, MINIMAL, text);

        for (size_t i = 0; i < size; i++) {
                for (size_t k = 0; k < ELEMENTSOF(bytes); k++) {
                        char kept = text[i];

                        text[i] = bytes[k];
                        check_damaged(text, size);
                        text[i] = kept;
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_kind_comes_back_with_all_members_full),
                cmocka_unit_test(test_every_kind_comes_back_with_all_members_minimal),
                cmocka_unit_test(test_the_largest_of_every_kind_fits_into_one_message),
                cmocka_unit_test(test_a_message_looks_as_the_specification_shows_it),
                cmocka_unit_test(test_numbers_survive_up_to_their_last_digit),
                cmocka_unit_test(test_a_message_without_one_of_its_members_is_refused),
                cmocka_unit_test(test_a_message_with_an_unknown_member_is_refused),
                cmocka_unit_test(test_list_items_are_as_strict_as_messages),
                cmocka_unit_test(test_one_item_too_many_is_refused_both_ways),
                cmocka_unit_test(test_step_ids_are_checked_both_ways),
                cmocka_unit_test(test_a_newer_version_is_refused_in_plain_words),
                cmocka_unit_test(test_an_unknown_kind_is_refused_and_named),
                cmocka_unit_test(test_only_an_object_is_a_message),
                cmocka_unit_test(test_a_message_over_the_limit_is_not_even_parsed),
                cmocka_unit_test(test_a_message_is_not_written_into_too_small_a_buffer),
                cmocka_unit_test(test_a_message_cut_anywhere_is_refused),
                cmocka_unit_test(test_flipped_bits_never_break_the_decoder),
                cmocka_unit_test(test_any_other_byte_never_breaks_the_decoder),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
