/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/ask.h"

#include <arpa/inet.h>
#include <string.h>

#include "common/clock.h"
#include "common/parse.h"
#include "common/text.h"
#include "node-agent/probe/parse-token.h"

#define MASTERS_MAX   9
#define TIMEOUT_MAX   (600 * USEC_PER_SEC)
#define URL_MAX       256
#define CONNECT_ERROR "cannot connect: "

/* --- asking --- */

/* "cannot connect: Connection refused" is, after the question, "connection refused". */
static void tidy_failure(Error *error) {
        char why[ERROR_TEXT_MAX];

        if (!text_starts_with(error->text, CONNECT_ERROR))
                return;

        (void) text_copy(why, sizeof(why), error->text + strlen(CONNECT_ERROR));
        if (why[0] >= 'A' && why[0] <= 'Z')
                why[0] = (char) (why[0] - 'A' + 'a');
        (void) error_setf(error, error->code, "%s", why);
}

static int request(const Server *server, const Question *question, Asked *asked) {
        usec_t left = span_sub(server->deadline, clock_boottime());
        char url[URL_MAX];
        const HttpRequest request = {
                .url = url,
                .timeout = left,
                .body_max = question->body_max,
                .ca_file = server->ca_file,
                .cert_file = server->cert_file,
                .key_file = server->key_file,
                .post = question->post,
                .accept = question->accept,
                .authorization = server->authorization,
        };

        if (left < USEC_PER_MSEC)
                return error_setf(&asked->error, ERROR_TIMEOUT, "no time was left to ask");
        if (!text_format(url, sizeof(url), "%s%s", server->base, question->path))
                return error_setf(&asked->error, ERROR_TOO_BIG, "the URL is too long");

        return http_get(&request, &asked->response, &asked->error);
}

/* What came back may become evidence, and so may repeat nothing of what was sent in secret. */
static void hide_secret(const char *secret, Asked *asked) {
        HttpResponse *response = &asked->response;

        if (!secret)
                return;

        if (response->body)
                secret_hide(response->body, (size_t) response->size, secret);
        secret_hide(response->location, strlen(response->location), secret);
        secret_hide(response->content_type, strlen(response->content_type), secret);
        secret_hide(asked->error.text, strlen(asked->error.text), secret);
}

void asked_answer(Asked *asked, const char *question, const char *secret, int r) {
        const HttpResponse *response = &asked->response;

        hide_secret(secret, asked);
        if (r < 0)
                tidy_failure(&asked->error);

        asked->reply = (Reply) {
                .question = question,
                .failure = r < 0 ? asked->error.text : NULL,
                .status = response->status,
                .type = response->content_type,
                .location = response->location,
                .body = response->body,
                .size = (size_t) response->size,
                .with_token = secret,
        };
}

static bool is_silent(const Error *error) {
        return error->code == ERROR_UNREACHABLE || error->code == ERROR_TIMEOUT;
}

void ask_in_turn(const Server *server, const Question questions[], Asked asked[], size_t count) {
        const Error *silent = NULL;

        for (size_t i = 0; i < count; i++) {
                int r = -1;

                if (silent) {
                        asked[i].error = *silent;
                } else {
                        r = request(server, &questions[i], &asked[i]);
                }

                asked_answer(&asked[i], questions[i].name, server->secret, r);
                if (r < 0 && !silent && is_silent(&asked[i].error))
                        silent = &asked[i].error;
        }
}

void asked_note_refusal(const Asked asked[], size_t count, Sample *sample) {
        uint64_t known;

        for (size_t i = 0; i < count && !sample_get_number(sample, "login_refused", &known); i++) {
                if (reply_refuses_token(&asked[i].reply)) {
                        sample_add_number(sample, "login_refused", asked[i].reply.status);
                        return;
                }
        }
}

void asked_done(Asked asked[], size_t count) {
        for (size_t i = 0; i < count; i++)
                http_response_done(&asked[i].response);
}

/* --- options --- */

int parse_address(const char *text, Error *error) {
        struct in6_addr address;

        if (inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1)
                return 0;

        return error_setf(error, ERROR_INVALID, "got '%s', want an IP address", text);
}

int parse_masters(const char *text, uint64_t *ret, Error *error) {
        if (parse_u64(text, 0, MASTERS_MAX, ret) < 0) {
                return error_setf(
                                error, ERROR_INVALID, "--masters: got '%s', want 0 to %d", text,
                                MASTERS_MAX);
        }

        return 0;
}

int parse_timeout(const char *text, usec_t standard, usec_t *ret, Error *error) {
        uint64_t seconds = standard / USEC_PER_SEC;

        if (text && parse_u64(text, 1, TIMEOUT_MAX / USEC_PER_SEC, &seconds) < 0) {
                return error_setf(
                                error, ERROR_INVALID, "--timeout: got '%s', want 1 to %llu seconds",
                                text, (unsigned long long) (TIMEOUT_MAX / USEC_PER_SEC));
        }

        *ret = seconds * USEC_PER_SEC;
        return 0;
}

int parse_master_order(char *const arguments[], MasterOrder *ret, Error *error) {
        const char *address = NULL, *masters = NULL, *timeout = NULL, *root = NULL;
        const ProbeOption options[] = {
                { "address", &address },
                { "masters", &masters },
                { "timeout", &timeout, true },
                { "root", &root, true },
                {},
        };
        MasterOrder order = {};
        int r;

        r = probe_options_parse(options, arguments, error);
        if (r < 0)
                return r;

        r = parse_address(address, error);
        if (r < 0)
                return error_prefixf(error, "--address");

        r = parse_masters(masters, &order.masters, error);
        if (r < 0)
                return r;

        r = parse_timeout(timeout, ASK_TIMEOUT, &order.timeout, error);
        if (r < 0)
                return r;

        order.address = address;
        order.root = root ? root : "";
        *ret = order;
        return 0;
}

void server_init(
                Server *server,
                const char *scheme,
                const char *address,
                unsigned port,
                usec_t timeout) {
        bool ipv6 = strchr(address, ':');

        *server = (Server) { .since = clock_boottime() };
        server->deadline = span_add(server->since, timeout);
        (void) text_format(
                        server->base, sizeof(server->base), "%s://%s%s%s:%u", scheme,
                        ipv6 ? "[" : "", address, ipv6 ? "]" : "", port);
}

usec_t server_elapsed(const Server *server) {
        return span_sub(clock_boottime(), server->since);
}
