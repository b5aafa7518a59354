/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/control.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/service.h"
#include "common/span.h"
#include "common/text.h"

/* The server's half of the control socket. Whoever gets in may be slow, silent, hasty or broken;
 * none of that may cost the run a moment. So every descriptor is non-blocking, every client has one
 * timer, and there is a fixed number of clients. A client is stating its request (`answer` is NULL:
 * we wait for input), or waiting for an answer that others must give (`ticket` is set: we wait for
 * nothing but its end), or taking its answer (we wait for room); it never goes back.
 *
 * The socket is bound under PATH.new and renamed to PATH once it listens. So a socket at PATH
 * always has, or had, somebody behind it: one that refuses connections is left over from a crash
 * and may be replaced, and nobody can connect before mode 0660 is in force. */

#define CLIENTS_MAX      64
#define CONNECTS_PER_SEC 200 /* keeps us from spinning when accept4() finds no free descriptor */
#define NEW_SUFFIX       ".new"
#define PATH_LENGTH_MAX  (sizeof(((struct sockaddr_un *) NULL)->sun_path) - sizeof(NEW_SUFFIX))
#define VERB_TEXT_MAX    32
#define USER_RECORD_MAX  4096
#define LARGE            ((size_t) 1024 * 1024) /* what such an answer took is given back */

#ifndef CONTROL_REQUEST_TIME /* the tests are less patient */
#        define CONTROL_REQUEST_TIME (10 * USEC_PER_SEC)
#        define CONTROL_ANSWER_TIME  (30 * USEC_PER_SEC)
#        define CONTROL_LATER_TIME   (60 * USEC_PER_SEC)
#endif

typedef struct Client Client;
struct Client {
        Control *control;
        Client *previous;
        Client *next;
        int fd;
        sd_event_source *io;
        sd_event_source *timer; /* for the request first, then for the answer */
        struct ucred credentials;
        uint64_t ticket; /* 0: is not answered later */
        char verb[VERB_TEXT_MAX];
        char *answer;
        size_t size;
        size_t sent;
};

struct Control {
        sd_event *event;
        sd_event_source *source;
        ControlHandler handler;
        void *userdata;
        int fd;
        char path[PATH_LENGTH_MAX + 1];
        dev_t device; /* which file at `path` is ours: free must not remove a successor's */
        ino_t inode;
        Client *clients;
        size_t client_count;
        uint64_t tickets; /* given so far */
        char request[CONTROL_REQUEST_MAX];
};

typedef struct Request {
        const char *verb;
        const Json *arguments;
        char terminal[sizeof(((ControlPeer *) NULL)->terminal)];
} Request;

/* --- request and answer as text --- */

/* Members of `document` are borrowed. The verb is known, for the answer, as soon as there is one.
 */
static int request_read(Json *document, Request *ret, Error *error) {
        const char *terminal;
        const Json *verb;
        uint64_t version;
        int r;

        if (!json_is_object(document)) {
                return error_setf(
                                error, ERROR_INVALID, "request is of type %s, want object",
                                json_type_name(document));
        }

        verb = json_find(document, "verb");
        if (json_is_string(verb) && strlen(json_string_value(verb)) < VERB_TEXT_MAX)
                ret->verb = json_string_value(verb);

        r = json_get_u64(document, "version", 0, JSON_NUMBER_MAX, &version, error);
        if (r < 0)
                return r;
        if (version != CONTROL_VERSION) {
                return error_setf(
                                error, ERROR_VERSION, "request is of version %llu, want %d",
                                (unsigned long long) version, CONTROL_VERSION);
        }

        if (!ret->verb || !ret->verb[0]) {
                return error_setf(
                                error, ERROR_INVALID, "verb: want a text of 1 to %d bytes",
                                VERB_TEXT_MAX - 1);
        }

        if (!json_find(document, "arguments") &&
            !json_add(document, "arguments", json_new_object()))
                return error_setf(error, ERROR_MEMORY, "out of memory");

        terminal = json_string_value(json_find(document, "terminal"));
        text_ellipsize(ret->terminal, sizeof(ret->terminal), terminal ? terminal : "");
        return json_get_object(document, "arguments", &ret->arguments, error);
}

/* NULL: out of memory. Takes `answer`. */
static char *answer_print(const char *verb, int status, Json *answer, const Error *error) {
        AUTO(Json) *body = answer;
        AUTO(Json) *document = json_new_object();
        bool good;

        assert(answer || error);
        if (!document || !json_add_u64(document, "version", CONTROL_VERSION))
                return NULL;
        if (verb && !json_add_string(document, "verb", verb))
                return NULL;
        if (!json_add_u64(document, "exit", (uint64_t) status))
                return NULL;
        if (body)
                return json_add(document, "answer", TAKE(body)) ? json_print(document) : NULL;

        body = json_new_object();
        good = body && json_add_string(body, "code", error_code_to_string(error->code)) &&
               json_add_string(body, "text", error->text) &&
               json_add(document, "error", TAKE(body));
        return good ? json_print(document) : NULL;
}

/* --- one client --- */

static void client_free(Client *client) {
        if (client->previous) {
                client->previous->next = client->next;
        } else {
                client->control->clients = client->next;
        }
        if (client->next)
                client->next->previous = client->previous;
        client->control->client_count--;

        sd_event_source_disable_unref(client->io);
        sd_event_source_disable_unref(client->timer);
        (void) close(client->fd);
        free(client->answer);
        if (client->size > LARGE)
                service_rest();
        free(client);
}

/* A name for the audit; an account that is gone, or a directory that is down, leaves the number. */
static void peer_fill(Client *client, const char *terminal, ControlPeer *ret) {
        char record[USER_RECORD_MAX];
        struct passwd entry, *found = NULL;

        *ret = (ControlPeer) {
                .ticket = ++client->control->tickets,
                .uid = client->credentials.uid,
                .pid = client->credentials.pid,
        };
        (void) text_copy(ret->terminal, sizeof(ret->terminal), terminal);

        if (getpwuid_r(client->credentials.uid, &entry, record, sizeof(record), &found) == 0 &&
            found) {
                text_ellipsize(ret->user, sizeof(ret->user), found->pw_name);
        } else {
                (void) text_format(ret->user, sizeof(ret->user), "uid %u", client->credentials.uid);
        }
}

/* From here on the client only takes. False: nothing more to do for it. */
static bool client_answer(Client *client, char *answer) {
        if (!answer)
                return false;

        client->answer = answer;
        client->size = strlen(answer);
        return sd_event_source_set_io_events(client->io, EPOLLOUT) >= 0 &&
               sd_event_source_set_time_relative(client->timer, CONTROL_ANSWER_TIME) >= 0 &&
               sd_event_source_set_enabled(client->timer, SD_EVENT_ONESHOT) >= 0;
}

/* Until whoever has the ticket answers, only the client's end is waited for. */
static bool client_wait(Client *client) {
        return sd_event_source_set_io_events(client->io, 0) >= 0 &&
               sd_event_source_set_time_relative(client->timer, CONTROL_LATER_TIME) >= 0 &&
               sd_event_source_set_enabled(client->timer, SD_EVENT_ONESHOT) >= 0;
}

static bool client_refuse(Client *client, int status, const char *verb, const Error *error) {
        return client_answer(client, answer_print(verb, status, NULL, error));
}

static bool client_handle(Client *client, const char *text, size_t length) {
        AUTO(Json) *document = NULL;
        AUTO(Json) *answer = NULL;
        Control *control = client->control;
        Request request = {};
        ControlPeer peer;
        Error error = {};
        int status;

        if (json_parse(text, length, &document, &error) < 0 ||
            request_read(document, &request, &error) < 0)
                return client_refuse(client, EXIT_USAGE, request.verb, &error);

        /* The ticket is good from now on: the answer may be there before the handler returns. */
        peer_fill(client, request.terminal, &peer);
        client->ticket = peer.ticket;
        (void) text_copy(client->verb, sizeof(client->verb), request.verb);
        status = control->handler(
                        request.verb, request.arguments, &peer, &answer, &error, control->userdata);
        if (status == CONTROL_LATER)
                return client->answer || client_wait(client);

        client->ticket = 0;
        return client_answer(client, answer_print(request.verb, status, TAKE(answer), &error));
}

static bool client_receive(Client *client) {
        Control *control = client->control;
        Error error = {};
        ssize_t n;

        /* MSG_TRUNC: the packet's true length, also when it does not fit. */
        n = recv(client->fd, control->request, sizeof(control->request), MSG_TRUNC);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR;
        if (n == 0)
                return false;

        if ((size_t) n > sizeof(control->request)) {
                (void) error_setf(
                                &error, ERROR_TOO_BIG, "request is %zd bytes, at most %zu", n,
                                CONTROL_REQUEST_MAX);
                return client_refuse(client, EXIT_USAGE, NULL, &error);
        }

        return client_handle(client, control->request, (size_t) n);
}

/* As many packets as there is room for. The end of the connection ends the answer. */
static bool client_send(Client *client) {
        while (client->sent < client->size) {
                size_t size = MIN(client->size - client->sent, CONTROL_PACKET_MAX);
                ssize_t n;

                n = send(client->fd, client->answer + client->sent, size, MSG_NOSIGNAL);
                if (n < 0)
                        return errno == EAGAIN || errno == EINTR;

                client->sent += (size_t) n;
        }

        return false;
}

static int on_client(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Client *client = ASSERT_PTR(userdata);

        bool goes_on;

        if (client->answer) {
                goes_on = client_send(client);
        } else {
                goes_on = !client->ticket && client_receive(client); /* a waiting one hangs up */
        }

        if (!goes_on)
                client_free(client);

        return 0;
}

static int on_client_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        Client *client = ASSERT_PTR(userdata);
        bool later = client->ticket != 0;
        char span[SPAN_TEXT_MAX];
        Error error = {};

        (void) error_setf(
                        &error, ERROR_TIMEOUT, "no %s came in %s", later ? "answer" : "request",
                        span_format(later ? CONTROL_LATER_TIME : CONTROL_REQUEST_TIME, span));
        if (client->answer || !client_refuse(client, later ? EXIT_FAILED : EXIT_USAGE,
                                             later ? client->verb : NULL, &error))
                client_free(client);

        return 0;
}

/* Takes `fd` on success. */
static int client_new(Control *control, int fd) {
        auto_free Client *client = calloc(1, sizeof(*client));
        socklen_t size = sizeof(client->credentials);
        int r;

        if (!client)
                return -ENOMEM;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &client->credentials, &size) < 0)
                return -errno;

        r = sd_event_add_time_relative(
                        control->event, &client->timer, CLOCK_BOOTTIME, CONTROL_REQUEST_TIME, 0,
                        on_client_timeout, client);
        if (r < 0)
                return r;

        r = sd_event_add_io(control->event, &client->io, fd, EPOLLIN, on_client, client);
        if (r < 0) {
                sd_event_source_disable_unref(client->timer);
                return r;
        }
        (void) sd_event_source_set_description(client->timer, "control-client-timer");
        (void) sd_event_source_set_description(client->io, "control-client");

        client->fd = fd;
        client->control = control;
        client->next = control->clients;
        if (client->next)
                client->next->previous = client;
        control->clients = client;
        control->client_count++;
        (void) TAKE(client);
        return 0;
}

/* --- the socket --- */

static void turn_away(int fd) {
        auto_free char *answer = NULL;
        Error error = {};

        (void) error_setf(
                        &error, ERROR_BLOCKED, "%d clients are connected already; ask again soon",
                        CLIENTS_MAX);
        answer = answer_print(NULL, EXIT_FAILED, NULL, &error);
        if (answer)
                (void) send(fd, answer, strlen(answer), MSG_NOSIGNAL);
}

static int on_connect(sd_event_source *source, int listen_fd, uint32_t revents, void *userdata) {
        Control *control = ASSERT_PTR(userdata);
        auto_close int fd = -EBADF;

        fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
                return 0;

        if (control->client_count >= CLIENTS_MAX) {
                turn_away(fd);
        } else if (client_new(control, fd) >= 0) {
                (void) TAKE_FD(fd);
        }

        return 0;
}

static int socket_open(int *ret, Error *error) {
        int fd;

        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return error_errnof(error, errno, "control socket");

        *ret = fd;
        return 0;
}

static struct sockaddr_un address_of(const char *path, const char *suffix) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        (void) text_format(address.sun_path, sizeof(address.sun_path), "%s%s", path, suffix);
        return address;
}

/* What stands at the path already must be a socket that nobody listens on any more, or nothing. */
static int path_check(const char *path, Error *error) {
        struct sockaddr_un address = address_of(path, "");
        auto_close int fd = -EBADF;
        struct stat info;
        int r;

        if (lstat(path, &info) < 0)
                return errno == ENOENT ? 0 : error_errnof(error, errno, "'%s'", path);
        if (!S_ISSOCK(info.st_mode)) {
                return error_setf(
                                error, ERROR_CONFLICT,
                                "'%s' is in the way and no socket: leaving it alone", path);
        }

        r = socket_open(&fd, error);
        if (r < 0)
                return r;

        if (connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 &&
            errno == ECONNREFUSED)
                return 0;

        return error_setf(error, ERROR_CONFLICT, "'%s': another rollpatchd listens there", path);
}

static int control_bind(Control *control, Error *error) {
        struct sockaddr_un address = address_of(control->path, NEW_SUFFIX);
        struct stat info;

        (void) unlink(address.sun_path); /* of a crash between bind and rename */
        if (bind(control->fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return error_errnof(error, errno, "'%s'", address.sun_path);

        if (chmod(address.sun_path, 0660) < 0 || listen(control->fd, CLIENTS_MAX) < 0 ||
            lstat(address.sun_path, &info) < 0 || rename(address.sun_path, control->path) < 0) {
                int errnum = errno;

                (void) unlink(address.sun_path);
                return error_errnof(error, errnum, "'%s'", control->path);
        }

        control->device = info.st_dev;
        control->inode = info.st_ino;
        return 0;
}

/* The loop makes a clock's descriptor when the clock is first needed, and ends when it cannot: not
 * in the middle of a rush, when there may be none left. A limited rate is kept by CLOCK_MONOTONIC.
 */
static int reserve_clock(sd_event *event) {
        sd_event_source *timer = NULL;
        int r;

        r = sd_event_add_time(event, &timer, CLOCK_MONOTONIC, USEC_INFINITY, 0, NULL, NULL);
        (void) sd_event_source_disable_unref(timer);
        return r;
}

static int control_watch(Control *control) {
        int r;

        r = reserve_clock(control->event);
        if (r < 0)
                return r;

        r =
                        sd_event_add_io(control->event, &control->source, control->fd, EPOLLIN,
                                        on_connect, control);
        if (r < 0)
                return r;

        (void) sd_event_source_set_description(control->source, "control");
        r = sd_event_source_set_ratelimit(control->source, USEC_PER_SEC, CONNECTS_PER_SEC);
        if (r < 0)
                return r;

        return sd_event_source_set_exit_on_failure(control->source, true);
}

int control_new(sd_event *event,
                const char *path,
                ControlHandler handler,
                void *userdata,
                Control **ret,
                Error *error) {
        AUTO(Control) *control = NULL;
        int r;

        if (strlen(path) > PATH_LENGTH_MAX) {
                return error_setf(
                                error, ERROR_TOO_BIG,
                                "control path is %zu bytes, at most %zu: '%s'", strlen(path),
                                PATH_LENGTH_MAX, path);
        }

        r = path_check(path, error);
        if (r < 0)
                return r;

        control = calloc(1, sizeof(*control));
        if (!control)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        control->fd = -EBADF;
        control->event = sd_event_ref(event);
        control->handler = handler;
        control->userdata = userdata;
        (void) text_copy(control->path, sizeof(control->path), path);

        r = socket_open(&control->fd, error);
        if (r < 0)
                return r;
        r = control_bind(control, error);
        if (r < 0)
                return r;
        r = control_watch(control);
        if (r < 0)
                return error_errnof(error, r, "control socket");

        *ret = TAKE(control);
        return 0;
}

void control_answer(
                Control *control, uint64_t ticket, int status, Json *answer, const Error *error) {
        Client *client = control->clients;

        while (client && (client->ticket != ticket || client->answer))
                client = client->next;

        if (!client) {
                json_free(answer);
        } else if (!client_answer(client, answer_print(client->verb, status, answer, error))) {
                client_free(client);
        }
}

void control_free(Control *control) {
        struct stat info;

        if (!control)
                return;

        while (control->clients)
                client_free(control->clients);

        sd_event_source_disable_unref(control->source);
        if (control->inode != 0 && lstat(control->path, &info) == 0 &&
            info.st_dev == control->device && info.st_ino == control->inode)
                (void) unlink(control->path);
        if (control->fd >= 0)
                (void) close(control->fd);
        (void) sd_event_unref(control->event);
        free(control);
}
