/* SPDX-License-Identifier: Apache-2.0 */

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "common/span.h"

/* Tests do not wait for half a minute; and they look into the server. */
#define CONTROL_REQUEST_TIME (500 * USEC_PER_MSEC)
#define CONTROL_ANSWER_TIME  (500 * USEC_PER_MSEC)
#define CONTROL_LATER_TIME   (600 * USEC_PER_MSEC)
#include "coordinator/control.c" // NOLINT(bugprone-suspicious-include): see above

#include <fcntl.h>
#include <sys/resource.h>

#define BIG_BODY     ((size_t) 1024 * 1024) /* more than a socket takes at once */
#define RECEIVED_MAX (BIG_BODY + 4096)

typedef struct Fixture {
        sd_event *event;
        Control *control;
        char folder[64];
        char path[80];
        unsigned calls;
        ControlPeer peer;
        char *body; /* member "body" of the next answer, if any */
        int status;
        char received[RECEIVED_MAX];
} Fixture;

/* Verb "refuse" is refused, everything else answered with the arguments it had. */
static int on_request(
                const char *verb,
                const Json *arguments,
                const ControlPeer *peer,
                Json **ret_answer,
                Error *error,
                void *userdata) {
        Fixture *f = userdata;

        f->calls++;
        f->peer = *peer;
        if (strcmp(verb, "later") == 0 || strcmp(verb, "at-once") == 0) {
                if (strcmp(verb, "at-once") == 0)
                        control_answer(f->control, peer->ticket, EXIT_OK, json_new_object(), NULL);
                return CONTROL_LATER;
        }
        if (strcmp(verb, "refuse") == 0) {
                (void) error_setf(error, ERROR_UNSAFE, "m2 is not well");
                return EXIT_UNSAFE;
        }

        *ret_answer = json_copy(arguments);
        if (f->body)
                assert_true(json_add_string(*ret_answer, "body", f->body));
        return f->status;
}

static int set_up(void **state) {
        Fixture *f = calloc(1, sizeof(*f));
        Error error = {};

        assert_non_null(f);
        (void) text_copy(f->folder, sizeof(f->folder), "/tmp/rollpatch-test-control-XXXXXX");
        assert_non_null(mkdtemp(f->folder));
        (void) text_format(f->path, sizeof(f->path), "%s/control", f->folder);
        assert_int_equal(sd_event_new(&f->event), 0);
        assert_int_equal(control_new(f->event, f->path, on_request, f, &f->control, &error), 0);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        Fixture *f = *state;

        control_free(f->control);
        (void) sd_event_unref(f->event);
        (void) unlink(f->path);
        (void) rmdir(f->folder);
        free(f->body);
        free(f);
        return 0;
}

/* --- clients --- */

/* Until nothing is left to do at once. */
static void turn(Fixture *f) {
        int r;

        do {
                r = sd_event_run(f->event, 0);
        } while (r > 0);
}

/* Lets time pass until the next thing happens. */
static void turn_later(Fixture *f) {
        assert_true(sd_event_run(f->event, 10 * USEC_PER_SEC) > 0);
        turn(f);
}

static int come(Fixture *f) {
        struct sockaddr_un address = address_of(f->path, "");
        int fd;

        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_true(fd >= 0);
        assert_int_equal(connect(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        turn(f);
        return fd;
}

static void say(Fixture *f, int fd, const char *text, size_t size) {
        assert_int_equal(send(fd, text, size, MSG_NOSIGNAL), size);
        turn(f);
}

/* 1: a packet. 0: the end. -EAGAIN: nothing yet. */
static int hear_packet(Fixture *f, int fd, size_t *used) {
        ssize_t n = recv(fd, f->received + *used, sizeof(f->received) - *used - 1, 0);

        if (n < 0)
                return -errno;

        assert_true(n <= (ssize_t) CONTROL_PACKET_MAX);
        *used += (size_t) n;
        f->received[*used] = '\0';
        return n > 0;
}

/* All there is until the end of the connection. */
static const char *hear(Fixture *f, int fd) {
        size_t used = 0;
        int r;

        f->received[0] = '\0';
        for (unsigned i = 0; i < 10000; i++) {
                r = hear_packet(f, fd, &used);
                if (r == 0)
                        break;
                turn(f);
        }

        assert_int_equal(r, 0);
        (void) close(fd);
        return f->received;
}

static const char *ask_text(Fixture *f, const char *text, size_t size) {
        int fd = come(f);

        say(f, fd, text, size);
        return hear(f, fd);
}

static const char *ask(Fixture *f, const char *text) {
        return ask_text(f, text, strlen(text));
}

static bool is_open(int fd) {
        char letter;

        return recv(fd, &letter, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}

#define STATUS "{\"version\":1,\"verb\":\"status\",\"arguments\":{\"x\":1}}"

/* --- answers --- */

static void test_a_request_is_answered_and_the_connection_ends(void **state) {
        Fixture *f = *state;

        assert_string_equal(
                        ask(f, STATUS),
                        "{\"version\":1,\"verb\":\"status\",\"exit\":0,\"answer\":{\"x\":1}}");
        assert_int_equal(f->calls, 1);
        assert_int_equal(f->control->client_count, 0);
}

static void test_the_handler_decides_the_exit_status(void **state) {
        Fixture *f = *state;

        f->status = EXIT_BLOCKED;
        assert_string_equal(
                        ask(f, STATUS),
                        "{\"version\":1,\"verb\":\"status\",\"exit\":3,\"answer\":{\"x\":1}}");
}

static void test_a_refusal_carries_code_and_text(void **state) {
        Fixture *f = *state;

        assert_string_equal(
                        ask(f, "{\"version\":1,\"verb\":\"refuse\",\"arguments\":{}}"),
                        "{\"version\":1,\"verb\":\"refuse\",\"exit\":6,"
                        "\"error\":{\"code\":\"unsafe\",\"text\":\"m2 is not well\"}}");
}

static void test_arguments_may_be_left_out(void **state) {
        Fixture *f = *state;

        assert_string_equal(
                        ask(f, "{\"version\":1,\"verb\":\"status\"}"),
                        "{\"version\":1,\"verb\":\"status\",\"exit\":0,\"answer\":{}}");
}

static void test_a_long_answer_arrives_whole_in_packets(void **state) {
        Fixture *f = *state;
        AUTO(Json) *answer = NULL;
        const char *text;

        f->body = calloc(1, BIG_BODY);
        assert_non_null(f->body);
        memset(f->body, 'x', BIG_BODY - 1);

        text = ask(f, STATUS);
        assert_int_equal(json_parse(text, strlen(text), &answer, NULL), 0);
        assert_string_equal(
                        json_string_value(json_find(json_find(answer, "answer"), "body")), f->body);
}

/* --- answers that are put off --- */

#define LATER "{\"version\":1,\"verb\":\"later\"}"

static void test_a_request_may_be_answered_later(void **state) {
        Fixture *f = *state;
        int fd = come(f);

        say(f, fd, LATER, strlen(LATER));
        assert_true(is_open(fd));
        control_answer(f->control, f->peer.ticket, EXIT_PAUSED, json_new_object(), NULL);
        assert_string_equal(
                        hear(f, fd), "{\"version\":1,\"verb\":\"later\",\"exit\":5,\"answer\":{}}");
        assert_int_equal(f->control->client_count, 0);
}

static void test_a_put_off_answer_may_come_before_the_handler_returns(void **state) {
        Fixture *f = *state;

        assert_string_equal(
                        ask(f, "{\"version\":1,\"verb\":\"at-once\"}"),
                        "{\"version\":1,\"verb\":\"at-once\",\"exit\":0,\"answer\":{}}");
}

static void test_each_later_answer_goes_to_the_client_with_its_ticket(void **state) {
        Fixture *f = *state;
        Error error = {};
        uint64_t tickets[2];
        int fds[2];

        for (size_t i = 0; i < 2; i++) {
                fds[i] = come(f);
                say(f, fds[i], LATER, strlen(LATER));
                tickets[i] = f->peer.ticket;
        }
        assert_int_not_equal(tickets[0], tickets[1]);

        (void) error_setf(&error, ERROR_TIMEOUT, "m2 does not answer");
        control_answer(f->control, tickets[0], EXIT_FAILED, NULL, &error);
        assert_non_null(strstr(hear(f, fds[0]), "m2 does not answer"));
        assert_true(is_open(fds[1]));
        control_answer(f->control, tickets[1], EXIT_OK, json_new_object(), NULL);
        assert_non_null(strstr(hear(f, fds[1]), "\"exit\":0"));
}

static void test_an_answer_to_a_client_that_has_left_goes_nowhere(void **state) {
        Fixture *f = *state;
        int fd = come(f);

        say(f, fd, LATER, strlen(LATER));
        (void) close(fd);
        turn(f);
        assert_int_equal(f->control->client_count, 0);
        control_answer(f->control, f->peer.ticket, EXIT_OK, json_new_object(), NULL);
        control_answer(f->control, f->peer.ticket + 1000, EXIT_OK, json_new_object(), NULL);
}

static void test_a_request_that_nobody_ever_answers_ends_with_an_error(void **state) {
        Fixture *f = *state;
        int fd = come(f);

        say(f, fd, LATER, strlen(LATER));
        turn_later(f);
        assert_non_null(
                        strstr(hear(f, fd),
                               "\"verb\":\"later\",\"exit\":1,\"error\":{\"code\":\"timeout\""));
        assert_int_equal(f->control->client_count, 0);
}

/* --- who asks --- */

static void test_the_handler_is_told_who_asks_as_the_kernel_says(void **state) {
        Fixture *f = *state;

        (void) ask(f, "{\"version\":1,\"verb\":\"status\",\"terminal\":\"/dev/pts/3\"}");
        assert_int_equal(f->peer.uid, getuid());
        assert_int_equal(f->peer.pid, getpid());
        assert_string_equal(f->peer.terminal, "/dev/pts/3");
        if (getuid() == 0)
                assert_string_equal(f->peer.user, "root");
}

static void test_a_terminal_name_is_cleaned_and_cut(void **state) {
        Fixture *f = *state;
        char text[400];

        (void) ask(f, "{\"version\":1,\"verb\":\"status\",\"terminal\":\"a\\u001b[2J\\nb\"}");
        assert_string_equal(f->peer.terminal, "a?[2J?b");

        assert_true(
                        text_format(text, sizeof(text),
                                    "{\"version\":1,\"verb\":\"s\",\"terminal\":\"%0200d\"}", 0));
        (void) ask(f, text);
        assert_int_equal(strlen(f->peer.terminal), sizeof(f->peer.terminal) - 1);

        (void) ask(f, "{\"version\":1,\"verb\":\"status\",\"terminal\":7}");
        assert_string_equal(f->peer.terminal, "");
        assert_int_equal(f->calls, 3);
}

/* --- hostile clients --- */

static void test_garbage_is_answered_with_an_error_and_exit_2(void **state) {
        static const char *const texts[] = {
                "",
                " ",
                "x",
                "[]",
                "7",
                "null",
                "{",
                "{}",
                "{\"version\":1}",
                "{\"version\":0,\"verb\":\"status\"}",
                "{\"version\":2,\"verb\":\"status\"}",
                "{\"version\":\"1\",\"verb\":\"status\"}",
                "{\"version\":1,\"verb\":7}",
                "{\"version\":1,\"verb\":\"\"}",
                "{\"version\":1,\"verb\":\"a verb that is longer than any of ours\"}",
                "{\"version\":1,\"verb\":\"status\",\"arguments\":[]}",
                "{\"version\":1,\"verb\":\"status\"} more",
                "{\"version\":1,\"verb\":\"status\",\"verb\":\"run\"}",
        };
        Fixture *f = *state;

        for (size_t i = 1; i < ELEMENTSOF(texts); i++) {
                const char *answer = ask(f, texts[i]);

                if (!strstr(answer, "\"exit\":2,\"error\":{\"code\":\""))
                        fail_msg("%s -> %s", texts[i], answer);
        }

        assert_int_equal(f->calls, 0);
}

static void test_any_bytes_are_survived(void **state) {
        Fixture *f = *state;
        char bytes[256];

        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = (char) i;

        assert_non_null(strstr(ask_text(f, bytes, sizeof(bytes)), "\"exit\":2"));
        assert_non_null(strstr(ask_text(f, bytes, 1), "\"exit\":2"));
        assert_int_equal(f->calls, 0);
}

static void test_an_oversized_request_is_refused(void **state) {
        const size_t size = CONTROL_REQUEST_MAX + 1;
        auto_free char *text = malloc(size);
        Fixture *f = *state;

        assert_non_null(text);
        memset(text, ' ', size);
        memcpy(text, STATUS, strlen(STATUS)); // NOLINT(bugprone-not-null-terminated-result)
        assert_non_null(strstr(
                        ask_text(f, text, size), "\"exit\":2,\"error\":{\"code\":\"too-big\""));
        assert_int_equal(f->calls, 0);

        assert_non_null(strstr(ask_text(f, text, size - 1), "\"exit\":0"));
}

static void test_one_connection_gets_one_answer(void **state) {
        Fixture *f = *state;
        int fd = come(f);

        assert_int_equal(send(fd, STATUS, strlen(STATUS), 0), strlen(STATUS));
        assert_int_equal(send(fd, STATUS, strlen(STATUS), 0), strlen(STATUS));
        turn(f);
        assert_int_equal(f->calls, 1);
        (void) close(fd);
}

static void test_a_silent_client_is_told_that_its_time_is_over(void **state) {
        Fixture *f = *state;
        int fd = come(f);

        assert_true(is_open(fd));
        turn_later(f);
        assert_non_null(strstr(hear(f, fd), "\"exit\":2,\"error\":{\"code\":\"timeout\""));
        assert_int_equal(f->control->client_count, 0);
}

static void test_a_client_that_does_not_take_its_answer_is_dropped(void **state) {
        Fixture *f = *state;
        int fd = come(f);

        f->body = calloc(1, BIG_BODY);
        assert_non_null(f->body);
        memset(f->body, 'x', BIG_BODY - 1);
        say(f, fd, STATUS, strlen(STATUS));
        assert_int_equal(f->control->client_count, 1);

        turn_later(f);
        assert_int_equal(f->control->client_count, 0);
        (void) close(fd);
}

static void test_a_slow_client_does_not_delay_another(void **state) {
        Fixture *f = *state;
        int slow = come(f), silent = come(f);

        f->body = calloc(1, BIG_BODY);
        assert_non_null(f->body);
        memset(f->body, 'x', BIG_BODY - 1);
        say(f, slow, STATUS, strlen(STATUS));

        free(TAKE(f->body));
        assert_non_null(strstr(ask(f, STATUS), "\"exit\":0"));
        (void) close(slow);
        (void) close(silent);
}

static void test_a_client_that_goes_away_is_forgotten(void **state) {
        Fixture *f = *state;
        int fd = come(f);

        (void) close(fd);
        turn(f);
        assert_int_equal(f->control->client_count, 0);

        fd = come(f);
        assert_int_equal(send(fd, STATUS, strlen(STATUS), 0), strlen(STATUS));
        (void) close(fd);
        turn(f);
        assert_int_equal(f->control->client_count, 0);
}

static void test_one_client_more_than_there_is_room_for_is_turned_away_with_a_reason(void **state) {
        Fixture *f = *state;
        int fds[CLIENTS_MAX] = {};

        for (size_t i = 0; i < CLIENTS_MAX; i++)
                fds[i] = come(f);
        assert_int_equal(f->control->client_count, CLIENTS_MAX);

        assert_non_null(strstr(hear(f, come(f)), "64 clients are connected already"));

        (void) close(fds[0]);
        turn(f);
        assert_non_null(strstr(ask(f, STATUS), "\"exit\":0"));
        for (size_t i = 1; i < CLIENTS_MAX; i++)
                (void) close(fds[i]);
}

static void test_many_clients_are_answered_each_with_its_own(void **state) {
        Fixture *f = *state;
        int fds[CLIENTS_MAX] = {};
        char text[128];

        for (size_t i = 0; i < CLIENTS_MAX; i++)
                fds[i] = come(f);

        for (size_t i = CLIENTS_MAX; i > 0; i--) {
                assert_true(text_format(
                                text, sizeof(text),
                                "{\"version\":1,\"verb\":\"status\",\"arguments\":{\"i\":%zu}}",
                                i));
                say(f, fds[i - 1], text, strlen(text));
        }

        for (size_t i = 1; i <= CLIENTS_MAX; i++) {
                assert_true(text_format(text, sizeof(text), "\"answer\":{\"i\":%zu}}", i));
                assert_non_null(strstr(hear(f, fds[i - 1]), text));
        }
}

/* As when a flood on another socket has taken all descriptors. */
static void test_more_clients_than_the_rate_allows_are_survived_when_no_descriptor_is_left(
                void **state) {
        Fixture *f = *state;
        struct rlimit before;
        struct rlimit none;
        int clients[CONNECTS_PER_SEC / 4];
        int next = open("/dev/null", O_RDONLY | O_CLOEXEC);

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        for (size_t i = 0; i < ELEMENTSOF(clients); i++) {
                clients[i] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                assert_true(clients[i] >= 0);
        }
        none = (struct rlimit) { (rlim_t) next, before.rlim_max };
        (void) close(next);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);

        for (size_t i = 0; i < ELEMENTSOF(clients); i++) {
                struct sockaddr_un address = address_of(f->path, "");

                (void) connect(clients[i], (const struct sockaddr *) &address, sizeof(address));
                for (unsigned turns = 0; turns < 8; turns++)
                        assert_true(sd_event_run(f->event, 0) >= 0);
        }

        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        for (size_t i = 0; i < ELEMENTSOF(clients); i++)
                (void) close(clients[i]);
}

static void test_free_drops_all_clients(void **state) {
        Fixture *f = *state;
        int fd = come(f);
        char letter;

        control_free(TAKE(f->control));
        assert_int_equal(recv(fd, &letter, 1, 0), 0);
        (void) close(fd);
}

/* --- the socket --- */

static int second(Fixture *f, Control **ret, Error *error) {
        return control_new(f->event, f->path, on_request, f, ret, error);
}

static void test_only_owner_and_group_get_in(void **state) {
        Fixture *f = *state;
        struct stat info;

        assert_int_equal(lstat(f->path, &info), 0);
        assert_true(S_ISSOCK(info.st_mode));
        assert_int_equal(info.st_mode & 0777, 0660);
}

static void test_a_living_daemon_is_not_replaced(void **state) {
        Fixture *f = *state;
        Control *other = NULL;
        Error error = {};

        assert_int_equal(second(f, &other, &error), -ESTALE);
        assert_null(other);
        assert_non_null(strstr(error.text, "another rollpatchd listens there"));
        assert_non_null(strstr(ask(f, STATUS), "\"exit\":0"));
}

static void test_a_stale_socket_is_replaced(void **state) {
        Fixture *f = *state;
        struct sockaddr_un address = address_of(f->path, "");
        Error error = {};
        int fd;

        control_free(TAKE(f->control));
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        (void) close(fd);

        assert_int_equal(second(f, &f->control, &error), 0);
        assert_non_null(strstr(ask(f, STATUS), "\"exit\":0"));
}

static void test_what_is_no_socket_is_left_alone(void **state) {
        Fixture *f = *state;
        Error error = {};
        int fd;

        control_free(TAKE(f->control));
        fd = open(f->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        (void) close(fd);

        assert_int_equal(second(f, &f->control, &error), -ESTALE);
        assert_int_equal(access(f->path, F_OK), 0);
}

static void test_a_path_that_is_too_long_is_refused_with_its_length(void **state) {
        Fixture *f = *state;
        Control *control = NULL;
        char path[200];
        Error error = {};

        assert_true(text_format(path, sizeof(path), "/tmp/%0*d", (int) PATH_LENGTH_MAX - 4, 0));
        assert_int_equal(control_new(f->event, path, on_request, f, &control, &error), -EMSGSIZE);
        assert_non_null(strstr(error.text, "control path is 104 bytes, at most 103"));
        assert_null(control);
}

static void test_a_folder_that_is_not_there_is_named(void **state) {
        Fixture *f = *state;
        Control *control = NULL;
        Error error = {};

        assert_int_equal(
                        control_new(f->event, "/nowhere/control", on_request, f, &control, &error),
                        -ENOENT);
        assert_non_null(strstr(error.text, "/nowhere/control"));
}

static void test_free_removes_the_socket_but_not_a_successors(void **state) {
        Fixture *f = *state;
        struct sockaddr_un address = address_of(f->path, "");
        Error error = {};
        int fd;

        control_free(TAKE(f->control));
        assert_int_equal(access(f->path, F_OK), -1);

        assert_int_equal(second(f, &f->control, &error), 0);
        assert_int_equal(unlink(f->path), 0);
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        control_free(TAKE(f->control));
        assert_int_equal(access(f->path, F_OK), 0);
        (void) close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_a_request_is_answered_and_the_connection_ends),
                TEST(test_the_handler_decides_the_exit_status),
                TEST(test_a_refusal_carries_code_and_text),
                TEST(test_arguments_may_be_left_out),
                TEST(test_a_long_answer_arrives_whole_in_packets),
                TEST(test_a_request_may_be_answered_later),
                TEST(test_a_put_off_answer_may_come_before_the_handler_returns),
                TEST(test_each_later_answer_goes_to_the_client_with_its_ticket),
                TEST(test_an_answer_to_a_client_that_has_left_goes_nowhere),
                TEST(test_a_request_that_nobody_ever_answers_ends_with_an_error),
                TEST(test_the_handler_is_told_who_asks_as_the_kernel_says),
                TEST(test_a_terminal_name_is_cleaned_and_cut),
                TEST(test_garbage_is_answered_with_an_error_and_exit_2),
                TEST(test_any_bytes_are_survived),
                TEST(test_an_oversized_request_is_refused),
                TEST(test_one_connection_gets_one_answer),
                TEST(test_a_silent_client_is_told_that_its_time_is_over),
                TEST(test_a_client_that_does_not_take_its_answer_is_dropped),
                TEST(test_a_slow_client_does_not_delay_another),
                TEST(test_a_client_that_goes_away_is_forgotten),
                TEST(test_one_client_more_than_there_is_room_for_is_turned_away_with_a_reason),
                TEST(test_many_clients_are_answered_each_with_its_own),
                TEST(test_more_clients_than_the_rate_allows_are_survived_when_no_descriptor_is_left),
                TEST(test_free_drops_all_clients),
                TEST(test_only_owner_and_group_get_in),
                TEST(test_a_living_daemon_is_not_replaced),
                TEST(test_a_stale_socket_is_replaced),
                TEST(test_what_is_no_socket_is_left_alone),
                TEST(test_a_path_that_is_too_long_is_refused_with_its_length),
                TEST(test_a_folder_that_is_not_there_is_named),
                TEST(test_free_removes_the_socket_but_not_a_successors),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
