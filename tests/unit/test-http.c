/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/text.h"

/* A server in a child process: one canned answer a connection; the requests come back through a
 * pipe, each before its answer is sent. What misbehaving servers do to a download is tested in
 * tests/net/test_probe_fetch.py. */

#define REQUEST_MAX 1024

typedef struct Server {
        pid_t pid;
        int fd;
        int requests[2];
        char url[64];
} Server;

static void read_request(int fd, char *buffer, size_t size) {
        size_t used = 0;
        ssize_t n;

        while (used < size - 1 && !strstr(buffer, "\r\n\r\n")) {
                n = read(fd, buffer + used, size - 1 - used);
                if (n <= 0)
                        return;

                used += (size_t) n;
        }
}

_Noreturn static void serve(const Server *server, const char *const answers[]) {
        for (unsigned i = 0; answers[i]; i++) {
                char request[REQUEST_MAX] = {};
                int fd = accept(server->fd, NULL, NULL);

                read_request(fd, request, sizeof(request));
                if (write(server->requests[1], request, sizeof(request)) != sizeof(request))
                        _exit(1);

                (void) send(fd, answers[i], strlen(answers[i]), MSG_NOSIGNAL);
                (void) close(fd);
        }
        _exit(0);
}

static Server server_listen(void) {
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t length = sizeof(address);
        Server server = {};

        server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(server.fd >= 0);
        assert_int_equal(bind(server.fd, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(server.fd, 8), 0);
        assert_int_equal(getsockname(server.fd, (struct sockaddr *) &address, &length), 0);
        assert_int_equal(pipe2(server.requests, O_CLOEXEC | O_NONBLOCK), 0);
        assert_true(
                        text_format(server.url, sizeof(server.url), "http://127.0.0.1:%u/",
                                    (unsigned) ntohs(address.sin_port)));
        return server;
}

/* `answers` ends with NULL. */
static void server_start(Server *server, const char *const answers[]) {
        server->pid = fork();
        assert_true(server->pid >= 0);
        if (server->pid == 0)
                serve(server, answers);
}

/* The oldest request that was not asked for yet. */
static bool server_take_request(const Server *server, char ret[static REQUEST_MAX]) {
        return read(server->requests[0], ret, REQUEST_MAX) == REQUEST_MAX;
}

static void server_stop(Server *server) {
        (void) kill(server->pid, SIGKILL);
        assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
        (void) close(server->requests[0]);
        (void) close(server->requests[1]);
        (void) close(server->fd);
}

static HttpRequest request_for(const char *url) {
        return (HttpRequest) { .url = url, .timeout = 10 * USEC_PER_SEC, .body_max = 100 };
}

static void test_a_body_of_any_status_comes_whole_and_terminated(void **state) {
        Server server = server_listen();
        const HttpRequest request = request_for(server.url);
        HttpResponse response;
        Error error;

        server_start(&server, (const char *[]) { "HTTP/1.1 404 Nope\r\nContent-Length: 4\r\n"
                                                 "Content-Type: Application/JSON; charset=x\r\n\r\n"
                                                 "null",
                                                 NULL });
        assert_int_equal(http_get(&request, &response, &error), 0);
        assert_int_equal(response.status, 404);
        assert_int_equal(response.size, 4);
        assert_string_equal(response.body, "null");
        assert_string_equal(response.content_type, "application/json");
        http_response_done(&response);
        assert_null(response.body);
        server_stop(&server);
}

static void test_an_empty_body_is_an_empty_text(void **state) {
        Server server = server_listen();
        const HttpRequest request = request_for(server.url);
        HttpResponse response;

        server_start(&server, (const char *[]) { "HTTP/1.1 204 None\r\n\r\n", NULL });
        assert_int_equal(http_get(&request, &response, NULL), 0);
        assert_int_equal(response.status, 204);
        assert_string_equal(response.body, "");
        assert_string_equal(response.content_type, "");
        http_response_done(&response);
        server_stop(&server);
}

static void test_a_body_of_exactly_the_limit_is_taken_and_one_more_is_not(void **state) {
        Server server = server_listen();
        HttpRequest request = request_for(server.url);
        HttpResponse response = { .status = 7 };
        Error error = {};

        server_start(&server, (const char *[]) { "HTTP/1.0 200 OK\r\n\r\n12345",
                                                 "HTTP/1.0 200 OK\r\n\r\n12345", NULL });
        request.body_max = 4;
        assert_int_equal(http_get(&request, &response, &error), -EMSGSIZE);
        assert_int_equal(error.code, ERROR_TOO_BIG);
        assert_string_equal(error.text, "body is longer than 4 bytes");
        assert_int_equal(response.status, 7);

        request.body_max = 5;
        assert_int_equal(http_get(&request, &response, &error), 0);
        assert_string_equal(response.body, "12345");
        http_response_done(&response);
        server_stop(&server);
}

static void test_headers_are_taken_whatever_their_case_and_cut_to_their_place(void **state) {
        Server server = server_listen();
        const HttpRequest request = request_for(server.url);
        auto_free char *answer = NULL;
        HttpResponse response;
        char realm[400];

        memset(realm, 'x', sizeof(realm));
        realm[sizeof(realm) - 1] = '\0';
        assert_true(asprintf(&answer, "HTTP/1.0 401 No\r\nwww-AUTHENTICATE: \t %s  \r\n\r\n",
                             realm) > 0);
        server_start(&server, (const char *[]) { answer, NULL });
        assert_int_equal(http_get(&request, &response, NULL), 0);
        realm[sizeof(response.www_authenticate) - 1] = '\0';
        assert_string_equal(response.www_authenticate, realm);
        http_response_done(&response);
        server_stop(&server);
}

#define REDIRECT \
        "HTTP/1.0 307 Elsewhere\r\nLocation: /there\r\nContent-Type: text/html\r\n\r\nsorry"

static void test_a_redirect_is_an_answer_unless_it_may_be_followed(void **state) {
        Server server = server_listen();
        HttpRequest request = request_for(server.url);
        char asked[REQUEST_MAX];
        HttpResponse response;

        server_start(&server,
                     (const char *[]) { REDIRECT, REDIRECT, "HTTP/1.0 200 OK\r\n\r\nhere", NULL });
        assert_int_equal(http_get(&request, &response, NULL), 0);
        assert_int_equal(response.status, 307);
        assert_string_equal(response.location, "/there");
        assert_string_equal(response.body, "sorry");
        http_response_done(&response);
        assert_true(server_take_request(&server, asked));
        assert_true(text_starts_with(asked, "GET / "));
        assert_false(server_take_request(&server, asked));

        request.redirects = 1;
        assert_int_equal(http_get(&request, &response, NULL), 0);
        assert_int_equal(response.status, 200);
        assert_string_equal(response.body, "here");
        assert_string_equal(response.location, "");
        assert_string_equal(response.content_type, "");
        http_response_done(&response);
        assert_true(server_take_request(&server, asked));
        assert_true(text_starts_with(asked, "GET / "));
        assert_true(server_take_request(&server, asked));
        assert_true(text_starts_with(asked, "GET /there "));
        server_stop(&server);
}

static void test_no_more_redirects_are_followed_than_allowed(void **state) {
        Server server = server_listen();
        HttpRequest request = request_for(server.url);
        char asked[REQUEST_MAX];
        HttpResponse response;
        Error error = {};

        server_start(&server, (const char *[]) { REDIRECT, REDIRECT, REDIRECT, NULL });
        request.redirects = 1;
        assert_int_equal(http_get(&request, &response, &error), -EIO);
        assert_non_null(strstr(error.text, "redirects"));
        assert_true(server_take_request(&server, asked));
        assert_true(server_take_request(&server, asked));
        assert_false(server_take_request(&server, asked));
        server_stop(&server);
}

static void test_a_redirect_to_another_protocol_is_not_followed(void **state) {
        Server server = server_listen();
        HttpRequest request = request_for(server.url);
        HttpResponse response;
        Error error = {};

        server_start(&server,
                     (const char *[]) {
                                     "HTTP/1.0 302 Found\r\nLocation: file:///etc/hostname\r\n\r\n",
                                     NULL });
        request.redirects = 3;
        assert_int_equal(http_get(&request, &response, &error), -EINVAL);
        assert_string_equal(error.text, "want http:// or https://");
        server_stop(&server);
}

static void test_a_token_goes_to_the_first_host_and_not_to_where_it_redirects(void **state) {
        Server first = server_listen(), second = server_listen();
        HttpRequest request = request_for(first.url);
        auto_free char *redirect = NULL;
        char asked[REQUEST_MAX];
        HttpResponse response;

        assert_true(asprintf(&redirect, "HTTP/1.0 302 Found\r\nLocation: %s\r\n\r\n", second.url) >
                    0);
        server_start(&first, (const char *[]) { redirect, NULL });
        server_start(&second, (const char *[]) { "HTTP/1.0 200 OK\r\n\r\n", NULL });
        request.redirects = 1;
        request.authorization = "token=secret";
        assert_int_equal(http_get(&request, &response, NULL), 0);
        http_response_done(&response);
        assert_true(server_take_request(&first, asked));
        assert_non_null(strstr(asked, "\r\nAuthorization: token=secret\r\n"));
        assert_true(server_take_request(&second, asked));
        assert_null(strstr(asked, "secret"));
        server_stop(&first);
        server_stop(&second);
}

static void test_a_token_cannot_bring_in_a_header(void **state) {
        HttpRequest request = request_for("http://127.0.0.1:1/");
        HttpResponse response;
        Error error = {};

        request.authorization = "token=x\r\nHost: other";
        assert_int_equal(http_get(&request, &response, &error), -EINVAL);
        assert_string_equal(error.text, "authorization has a control character in it");
}

static void test_the_environment_names_no_proxy(void **state) {
        Server server = server_listen();
        const HttpRequest request = request_for(server.url);
        HttpResponse response;

        server_start(&server, (const char *[]) { "HTTP/1.0 200 OK\r\n\r\ndirect", NULL });
        assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
        assert_int_equal(setenv("all_proxy", "http://127.0.0.1:1", 1), 0);
        assert_int_equal(http_get(&request, &response, NULL), 0);
        assert_string_equal(response.body, "direct");
        http_response_done(&response);
        assert_int_equal(unsetenv("http_proxy"), 0);
        assert_int_equal(unsetenv("all_proxy"), 0);
        server_stop(&server);
}

static void test_a_failure_has_the_code_that_callers_act_on(void **state) {
        static const struct {
                const char *url;
                int r;
        } rows[] = {
                { "http://127.0.0.1:1/", -EHOSTUNREACH },
                { "file:///etc/hostname", -EINVAL },
                { "http://me:secret@127.0.0.1:1/", -EINVAL },
                { "http://", -EINVAL },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const HttpRequest request = request_for(rows[i].url);
                HttpResponse response;

                assert_int_equal(http_get(&request, &response, NULL), rows[i].r);
        }
}

static void test_a_server_that_does_not_answer_is_given_up_in_time(void **state) {
        Server server = server_listen(); /* nobody accepts: the kernel does, and that is all */
        HttpRequest request = request_for(server.url);
        HttpResponse response;
        Error error = {};

        request.timeout = 50 * USEC_PER_MSEC;
        assert_int_equal(http_get(&request, &response, &error), -ETIMEDOUT);
        assert_string_equal(error.text, "not finished within 50ms, got 0 bytes");
        (void) close(server.requests[0]);
        (void) close(server.requests[1]);
        (void) close(server.fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_body_of_any_status_comes_whole_and_terminated),
                cmocka_unit_test(test_an_empty_body_is_an_empty_text),
                cmocka_unit_test(test_a_body_of_exactly_the_limit_is_taken_and_one_more_is_not),
                cmocka_unit_test(test_headers_are_taken_whatever_their_case_and_cut_to_their_place),
                cmocka_unit_test(test_a_redirect_is_an_answer_unless_it_may_be_followed),
                cmocka_unit_test(test_no_more_redirects_are_followed_than_allowed),
                cmocka_unit_test(test_a_redirect_to_another_protocol_is_not_followed),
                cmocka_unit_test(test_a_token_goes_to_the_first_host_and_not_to_where_it_redirects),
                cmocka_unit_test(test_a_token_cannot_bring_in_a_header),
                cmocka_unit_test(test_the_environment_names_no_proxy),
                cmocka_unit_test(test_a_failure_has_the_code_that_callers_act_on),
                cmocka_unit_test(test_a_server_that_does_not_answer_is_given_up_in_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
