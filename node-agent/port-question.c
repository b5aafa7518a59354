/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/port-question.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/text.h"

/* The verdict is told by a source of its own, so that nobody's sources are freed while they run,
 * and nobody is called back before port_question_start() has returned. */

struct PortQuestion {
        PortWords words; /* without `what` and address */
        char what[PORT_WHAT_MAX];
        int fd;
        sd_event_source *io;
        sd_event_source *deadline;
        sd_event_source *verdict; /* armed when it is decided */
        bool asked;
        bool decided;
        Error error;
        size_t size;
        char answer[PORT_ANSWER_MAX];
        PortDone on_done;
        void *userdata;
};

static void decide(PortQuestion *question) {
        question->decided = true;
        question->io = sd_event_source_disable_unref(question->io);
        question->deadline = sd_event_source_disable_unref(question->deadline);
        (void) sd_event_source_set_enabled(question->verdict, SD_EVENT_ONESHOT);
}

static void fail(PortQuestion *question, int errnum) {
        (void) error_errnof(&question->error, errnum, "%s", question->what);
        decide(question);
}

static bool is_enough(const PortQuestion *question) {
        return question->words.enough && question->words.enough(question->answer);
}

static void read_answer(PortQuestion *question) {
        size_t room = PORT_ANSWER_MAX - 1 - question->size;
        ssize_t n = read(question->fd, question->answer + question->size, room);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n < 0) {
                fail(question, errno);
                return;
        }

        /* Text ends at a NUL byte, whatever follows. */
        question->size += (size_t) n;
        if (n == 0 || (size_t) n == room || is_enough(question))
                decide(question);
}

static void send_words(PortQuestion *question) {
        ssize_t length = (ssize_t) strlen(question->words.words);

        /* A few bytes always fit into a connection that has just been made. */
        if (send(question->fd, question->words.words, (size_t) length, MSG_NOSIGNAL) != length) {
                fail(question, errno);
                return;
        }

        question->asked = true;
        (void) sd_event_source_set_io_events(question->io, EPOLLIN);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        PortQuestion *question = ASSERT_PTR(userdata);
        socklen_t length = sizeof(int);
        int failed = 0;

        if (question->asked) {
                read_answer(question);
                return 0;
        }

        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &length) < 0)
                failed = errno;
        if (failed != 0) {
                fail(question, failed);
        } else if (question->words.words) {
                send_words(question);
        } else {
                decide(question);
        }

        return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        PortQuestion *question = ASSERT_PTR(userdata);
        char span[SPAN_TEXT_MAX];

        (void) error_setf(
                        &question->error, ERROR_TIMEOUT, "%s: no answer within %s", question->what,
                        span_format(question->words.timeout, span));
        decide(question);
        return 0;
}

static int on_verdict(sd_event_source *source, void *userdata) {
        PortQuestion *question = ASSERT_PTR(userdata);

        question->on_done(&question->error, question->answer, question->userdata);
        return 0;
}

static socklen_t fill_address(const char *text, uint16_t port, struct sockaddr_storage *ret) {
        struct sockaddr_in *v4 = (struct sockaddr_in *) ret;
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) ret;

        if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
                v4->sin_family = AF_INET;
                v4->sin_port = htons(port);
                return sizeof(*v4);
        }
        if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
                v6->sin6_family = AF_INET6;
                v6->sin6_port = htons(port);
                return sizeof(*v6);
        }

        return 0;
}

/* A connection that fails at once is a failed question, like one that fails later. */
static int connect_to(PortQuestion *question, sd_event *event, const char *text) {
        struct sockaddr_storage address = {};
        socklen_t length = fill_address(text, question->words.port, &address);

        if (length == 0) {
                (void) error_setf(
                                &question->error, ERROR_INVALID, "%s: is no address",
                                question->what);
                decide(question);
                return 0;
        }

        question->fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (question->fd < 0)
                return -errno;

        if (connect(question->fd, (struct sockaddr *) &address, length) < 0 &&
            errno != EINPROGRESS) {
                fail(question, errno);
                return 0;
        }

        return sd_event_add_io(event, &question->io, question->fd, EPOLLOUT, on_io, question);
}

static int start(PortQuestion *question, sd_event *event, const char *address) {
        int r;

        r = sd_event_add_defer(event, &question->verdict, on_verdict, question);
        if (r < 0)
                return r;

        r = sd_event_source_set_enabled(question->verdict, SD_EVENT_OFF);
        if (r < 0)
                return r;

        r = sd_event_add_time_relative(
                        event, &question->deadline, CLOCK_BOOTTIME, question->words.timeout,
                        USEC_PER_MSEC, on_deadline, question);
        if (r < 0)
                return r;

        return connect_to(question, event, address);
}

int port_question_start(
                sd_event *event,
                const PortWords *words,
                PortDone on_done,
                void *userdata,
                PortQuestion **ret,
                Error *error) {
        AUTO(PortQuestion) *question = calloc(1, sizeof(*question));
        int r;

        if (!question)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        question->fd = -EBADF;
        question->words = *words;
        question->words.address = NULL;
        question->words.what = NULL;
        (void) text_copy(question->what, sizeof(question->what), words->what);
        question->on_done = on_done;
        question->userdata = userdata;

        r = start(question, event, words->address);
        if (r < 0)
                return error_errnof(error, r, "%s", words->what);

        *ret = TAKE(question);
        return 0;
}

void port_question_free(PortQuestion *question) {
        if (!question)
                return;

        (void) sd_event_source_disable_unref(question->io);
        (void) sd_event_source_disable_unref(question->deadline);
        (void) sd_event_source_disable_unref(question->verdict);
        if (question->fd >= 0)
                (void) close(question->fd);
        free(question);
}
