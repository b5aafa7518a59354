/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/look.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/text.h"

/* One question for each port of each target. The first that fails decides; what is still open at
 * the deadline has failed. The verdict is told by a source of its own, so that nobody's sources are
 * freed while they run, and nobody is called back before look_start() has returned. */

#define ANSWER_MAX      4096
#define DESCRIPTION_MAX 400

typedef struct Question {
        Look *look;
        const LookTarget *target;
        const char *service;
        const char *words; /* NULL: that it accepts the connection is all we want */
        uint16_t port;
        int fd;
        sd_event_source *io;
        bool asked;
        bool passed;
        size_t size;
        char answer[ANSWER_MAX];
} Question;

struct Look {
        LookTarget targets[MASTERS_MAX];
        Question questions[2 * MASTERS_MAX];
        size_t question_count;
        sd_event_source *deadline;
        sd_event_source *verdict; /* armed when `error` is final */
        bool decided;
        Error error;
        LookDone on_done;
        void *userdata;
};

static void decide(Look *look) {
        look->decided = true;
        for (size_t i = 0; i < look->question_count; i++)
                look->questions[i].io = sd_event_source_disable_unref(look->questions[i].io);

        (void) sd_event_source_set_enabled(look->verdict, SD_EVENT_ONESHOT);
}

static const char *describe(const Question *question, char buffer[static DESCRIPTION_MAX]) {
        bool ipv6 = strchr(question->target->address, ':');

        (void) text_format(
                        buffer, DESCRIPTION_MAX, "last look: %s %s at %s%s%s:%u",
                        question->target->name, question->service, ipv6 ? "[" : "",
                        question->target->address, ipv6 ? "]" : "", question->port);
        return buffer;
}

static PRINTF(3, 4) void fail(Question *question, ErrorCode code, const char *format, ...) {
        char description[DESCRIPTION_MAX];
        va_list arguments;

        va_start(arguments, format);
        (void) error_setv(&question->look->error, code, format, arguments);
        va_end(arguments);

        (void) error_prefixf(&question->look->error, "%s", describe(question, description));
        decide(question->look);
}

static void fail_errno(Question *question, int errnum) {
        char description[DESCRIPTION_MAX];

        (void) error_errnof(&question->look->error, errnum, "%s", describe(question, description));
        decide(question->look);
}

static void pass(Question *question) {
        Look *look = question->look;

        question->passed = true;
        question->io = sd_event_source_disable_unref(question->io);
        for (size_t i = 0; i < look->question_count; i++) {
                if (!look->questions[i].passed)
                        return;
        }

        decide(look);
}

/* --- ZooKeeper ------------------------------------------------------------------------------- */

/* The line of a server that serves; the others say so or give another mode. */
static bool serves(const char *answer) {
        static const char *const lines[] = { "Mode: leader\n", "Mode: follower\n",
                                             "Mode: standalone\n" };

        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                const char *line = strstr(answer, lines[i]);

                if (line && (line == answer || line[-1] == '\n'))
                        return true;
        }

        return false;
}

static void fail_answer(Question *question) {
        const char *mode = strstr(question->answer, "Mode: ");
        char shown[80];

        text_ellipsize(shown, sizeof(shown), mode ? mode : question->answer);
        fail(question, ERROR_BLOCKED, "answers '%s', want 'Mode: leader' or 'follower'", shown);
}

/* It closes the connection when it has said everything. */
static void read_answer(Question *question) {
        size_t room = ANSWER_MAX - 1 - question->size;
        ssize_t n = read(question->fd, question->answer + question->size, room);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n < 0) {
                fail_errno(question, errno);
                return;
        }

        question->size += (size_t) n;
        if (serves(question->answer)) {
                pass(question);
        } else if (n == 0 || (size_t) n == room) {
                fail_answer(question);
        }
}

static void send_question(Question *question) {
        ssize_t length = (ssize_t) strlen(question->words);

        /* Four bytes always fit into a connection that has just been made. */
        if (send(question->fd, question->words, (size_t) length, MSG_NOSIGNAL) != length) {
                fail_errno(question, errno);
                return;
        }

        question->asked = true;
        (void) sd_event_source_set_io_events(question->io, EPOLLIN);
}

/* --- sockets --------------------------------------------------------------------------------- */

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Question *question = ASSERT_PTR(userdata);
        socklen_t length = sizeof(int);
        int failed = 0;

        if (question->asked) {
                read_answer(question);
                return 0;
        }

        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &length) < 0)
                failed = errno;
        if (failed != 0) {
                fail_errno(question, failed);
        } else if (question->words) {
                send_question(question);
        } else {
                pass(question);
        }

        return 0;
}

static socklen_t fill_address(const Question *question, struct sockaddr_storage *ret) {
        struct sockaddr_in *v4 = (struct sockaddr_in *) ret;
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) ret;

        if (inet_pton(AF_INET, question->target->address, &v4->sin_addr) == 1) {
                v4->sin_family = AF_INET;
                v4->sin_port = htons(question->port);
                return sizeof(*v4);
        }
        if (inet_pton(AF_INET6, question->target->address, &v6->sin6_addr) == 1) {
                v6->sin6_family = AF_INET6;
                v6->sin6_port = htons(question->port);
                return sizeof(*v6);
        }

        return 0;
}

/* A connection that fails at once is a failed look, like one that fails later. */
static int question_start(Question *question, sd_event *event) {
        struct sockaddr_storage address = {};
        socklen_t length = fill_address(question, &address);

        if (length == 0) {
                fail(question, ERROR_INVALID, "is no address");
                return 0;
        }

        question->fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (question->fd < 0)
                return -errno;

        if (connect(question->fd, (struct sockaddr *) &address, length) < 0 &&
            errno != EINPROGRESS) {
                fail_errno(question, errno);
                return 0;
        }

        return sd_event_add_io(event, &question->io, question->fd, EPOLLOUT, on_io, question);
}

/* --- the whole ------------------------------------------------------------------------------- */

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Look *look = ASSERT_PTR(userdata);
        char span[SPAN_TEXT_MAX];

        for (size_t i = 0; i < look->question_count && !look->decided; i++) {
                if (look->questions[i].passed)
                        continue;

                fail(&look->questions[i], ERROR_TIMEOUT, "no answer within %s",
                     span_format(LOOK_TIMEOUT, span));
        }

        return 0;
}

static int on_verdict(sd_event_source *source, void *userdata) {
        Look *look = ASSERT_PTR(userdata);

        look->deadline = sd_event_source_disable_unref(look->deadline);
        look->on_done(&look->error, look->userdata);
        return 0;
}

static void add_question(
                Look *look,
                const LookTarget *target,
                const char *service,
                const char *words,
                uint16_t port) {
        look->questions[look->question_count++] = (Question) {
                .look = look,
                .target = target,
                .service = service,
                .words = words,
                .port = port,
                .fd = -EBADF,
        };
}

static int start(Look *look, sd_event *event) {
        int r;

        r = sd_event_add_defer(event, &look->verdict, on_verdict, look);
        if (r < 0)
                return r;

        r = sd_event_source_set_enabled(
                        look->verdict, look->question_count > 0 ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
        if (r < 0)
                return r;

        r = sd_event_add_time_relative(
                        event, &look->deadline, CLOCK_BOOTTIME, LOOK_TIMEOUT, USEC_PER_MSEC,
                        on_deadline, look);

        for (size_t i = 0; r >= 0 && i < look->question_count && !look->decided; i++)
                r = question_start(&look->questions[i], event);

        return r;
}

int look_start(sd_event *event,
               const LookTarget targets[],
               size_t count,
               LookDone on_done,
               void *userdata,
               Look **ret,
               Error *error) {
        AUTO(Look) *look = calloc(1, sizeof(*look));
        int r;

        assert(count <= MASTERS_MAX);

        if (!look)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        look->on_done = on_done;
        look->userdata = userdata;
        for (size_t i = 0; i < count; i++) {
                look->targets[i] = targets[i];
                add_question(look, &look->targets[i], "zookeeper", "srvr", ZOOKEEPER_PORT);
                add_question(look, &look->targets[i], "mesos", NULL, MESOS_PORT);
        }

        r = start(look, event);
        if (r < 0)
                return error_errnof(error, r, "last look");

        *ret = TAKE(look);
        return 0;
}

void look_free(Look *look) {
        if (!look)
                return;

        for (size_t i = 0; i < look->question_count; i++) {
                (void) sd_event_source_disable_unref(look->questions[i].io);
                if (look->questions[i].fd >= 0)
                        (void) close(look->questions[i].fd);
        }
        (void) sd_event_source_disable_unref(look->deadline);
        (void) sd_event_source_disable_unref(look->verdict);
        free(look);
}
