/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/cli/client.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/text.h"

#define ANSWER_MAX        ((size_t) 64 * 1024 * 1024) /* 10 000 nodes need about a third of it */
#define CONNECT_RETRY     (50 * USEC_PER_MSEC)
#define TERMINAL_TEXT_MAX 64

typedef struct Exchange {
        const Client *client;
        usec_t until;
        int fd;
        char *text;
        size_t length;
        size_t room;
        bool was_reset;
} Exchange;

void reply_free(Reply *reply) {
        if (!reply)
                return;

        json_free(reply->document);
        free(reply->text);
        free(reply);
}

/* --- waiting --- */

static int too_late(const Exchange *exchange, Error *error) {
        char span[SPAN_TEXT_MAX];

        return error_setf(
                        error, ERROR_TIMEOUT,
                        "rollpatchd at %s gave no answer in %s - try: journalctl -u rollpatchd",
                        exchange->client->path, span_format(exchange->client->deadline, span));
}

/* Until `fd` is ready for `events`, or `span` is over (0 events: for that only). */
static int wait_for(const Exchange *exchange, short events, usec_t span, Error *error) {
        struct pollfd fds[] = {
                { .fd = exchange->client->interrupt, .events = POLLIN },
                { .fd = events ? exchange->fd : -1, .events = events },
        };
        usec_t left = span_sub(exchange->until, clock_boottime());

        if (left == 0)
                return too_late(exchange, error);

        left = MIN(left, span);
        if (poll(fds, ELEMENTSOF(fds), (int) (left / USEC_PER_MSEC) + 1) < 0 && errno != EINTR)
                return error_errnof(error, errno, "waiting for rollpatchd");
        if (fds[0].revents) {
                (void) error_setf(error, ERROR_TIMEOUT, "interrupted");
                return -ECANCELED;
        }

        return 0;
}

/* --- there --- */

static int cannot_reach(const Client *client, int errnum, Error *error) {
        errno = errnum; /* for %m */
        return error_setf(
                        error, ERROR_UNREACHABLE, "cannot reach rollpatchd at %s: %m - %s",
                        client->path,
                        errnum == EACCES || errnum == EPERM
                                        ? "root and the group of that socket may; try: sudo"
                                        : "is it running? try: systemctl status rollpatchd");
}

static int say_hello(Exchange *exchange, Error *error) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        const Client *client = exchange->client;
        int r;

        if (!text_copy(address.sun_path, sizeof(address.sun_path), client->path))
                return cannot_reach(client, ENAMETOOLONG, error);

        exchange->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (exchange->fd < 0)
                return cannot_reach(client, errno, error);

        while (connect(exchange->fd, (const struct sockaddr *) &address, sizeof(address)) < 0) {
                /* its queue is full; a Unix socket cannot be polled for that */
                if (errno != EAGAIN && errno != EINTR)
                        return cannot_reach(client, errno, error);

                r = wait_for(exchange, 0, CONNECT_RETRY, error);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int send_request(Exchange *exchange, const char *text, Error *error) {
        size_t length = strlen(text);
        int r;

        if (length > CONTROL_REQUEST_MAX) {
                return error_setf(
                                error, ERROR_TOO_BIG, "request is %zu bytes, at most %zu", length,
                                CONTROL_REQUEST_MAX);
        }

        while (send(exchange->fd, text, length, MSG_NOSIGNAL) < 0) {
                if (errno == EPIPE) /* it may have said why before it closed */
                        return 0;
                if (errno != EAGAIN && errno != EINTR)
                        return cannot_reach(exchange->client, errno, error);

                r = wait_for(exchange, POLLOUT, USEC_INFINITY, error);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* --- and back --- */

static int make_room(Exchange *exchange, Error *error) {
        char *text;

        if (exchange->room - exchange->length > CONTROL_PACKET_MAX)
                return 0;
        if (exchange->room >= ANSWER_MAX) {
                return error_setf(
                                error, ERROR_TOO_BIG, "rollpatchd's answer is over %zu bytes",
                                ANSWER_MAX);
        }

        text = realloc(exchange->text, 2 * exchange->room + 2 * CONTROL_PACKET_MAX);
        if (!text)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        exchange->text = text;
        exchange->room = 2 * exchange->room + 2 * CONTROL_PACKET_MAX;
        return 0;
}

/* 1: more may come. 0: that was all. A server that closes before it has read our request makes the
 * first read fail; what it sent before that is there nevertheless. */
static int receive_packet(Exchange *exchange, Error *error) {
        ssize_t n;
        int r;

        r = make_room(exchange, error);
        if (r < 0)
                return r;

        n = recv(exchange->fd, exchange->text + exchange->length, CONTROL_PACKET_MAX, 0);
        if (n < 0 && errno == ECONNRESET && !exchange->was_reset) {
                exchange->was_reset = true;
                return 1;
        }
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
                r = wait_for(exchange, POLLIN, USEC_INFINITY, error);
                return r < 0 ? r : 1;
        }
        if (n < 0)
                return cannot_reach(exchange->client, errno, error);

        assert(exchange->text);
        exchange->length += (size_t) n;
        exchange->text[exchange->length] = '\0';
        return n > 0;
}

static int receive_answer(Exchange *exchange, Error *error) {
        int r;

        do {
                r = receive_packet(exchange, error);
        } while (r > 0);

        if (r == 0 && exchange->length == 0) {
                return error_setf(
                                error, ERROR_UNREACHABLE,
                                "rollpatchd at %s closed the connection without an answer - "
                                "try: journalctl -u rollpatchd",
                                exchange->client->path);
        }

        return r;
}

/* --- text and JSON --- */

/* Takes `arguments`. NULL: out of memory. */
static char *request_print(const char *verb, Json *arguments) {
        AUTO(Json) *members = arguments;
        AUTO(Json) *document = json_new_object();
        char terminal[TERMINAL_TEXT_MAX] = "";

        if (ttyname_r(STDIN_FILENO, terminal, sizeof(terminal)) != 0)
                terminal[0] = '\0';

        if (!document || !json_add_u64(document, "version", CONTROL_VERSION) ||
            !json_add_string(document, "verb", verb) ||
            !json_add_string(document, "terminal", terminal))
                return NULL;
        if (!json_add(document, "arguments", members ? TAKE(members) : json_new_object()))
                return NULL;

        return json_print(document);
}

static int reply_read_error(const Json *document, Error *ret, Error *error) {
        const Json *member;
        int r;

        r = json_get_object(document, "error", &member, error);
        if (r < 0)
                return r;

        /* the code is for programs; they get the document itself */
        return json_get_string(member, "text", ret->text, sizeof(ret->text), error);
}

static int reply_parse(Reply *reply, size_t length, Error *error) {
        uint64_t version, status;
        int r;

        r = json_parse(reply->text, length, &reply->document, error);
        if (r < 0)
                return r;
        if (!json_is_object(reply->document)) {
                return error_setf(
                                error, ERROR_INVALID, "type is %s, want object",
                                json_type_name(reply->document));
        }

        r = json_get_u64(reply->document, "version", 0, JSON_NUMBER_MAX, &version, error);
        if (r < 0)
                return r;
        if (version != CONTROL_VERSION) {
                return error_setf(
                                error, ERROR_VERSION, "version is %" PRIu64 ", want %d", version,
                                CONTROL_VERSION);
        }

        r = json_get_u64(reply->document, "exit", 0, 255, &status, error);
        if (r < 0)
                return r;

        reply->status = (int) status;
        if (!json_find(reply->document, "answer") && status == EXIT_OK)
                reply->status = EXIT_FAILED;
        if (!json_find(reply->document, "answer"))
                return reply_read_error(reply->document, &reply->error, error);

        return json_get_object(reply->document, "answer", &reply->answer, error);
}

static int exchange_run(Exchange *exchange, const char *request, Error *error) {
        int r;

        r = say_hello(exchange, error);
        if (r < 0)
                return r;
        r = send_request(exchange, request, error);
        if (r < 0)
                return r;

        return receive_answer(exchange, error);
}

int client_ask(const Client *client, const char *verb, Json *arguments, Reply **ret, Error *error) {
        auto_free char *request = request_print(verb, arguments);
        AUTO(Reply) *reply = calloc(1, sizeof(*reply));
        Exchange exchange = {
                .client = client,
                .until = span_add(clock_boottime(), client->deadline),
                .fd = -EBADF,
        };
        int r;

        if (!request || !reply)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        r = exchange_run(&exchange, request, error);
        reply->text = exchange.text;
        if (exchange.fd >= 0)
                (void) close(exchange.fd);
        if (r < 0)
                return r;

        r = reply_parse(reply, exchange.length, error);
        if (r < 0)
                return error_prefixf(error, "rollpatchd's answer");

        *ret = TAKE(reply);
        return 0;
}
