/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/nn-socket.h"

#include <dirent.h>
#include <errno.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tcp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "common/parse.h"
#include "common/text.h"
#include "proto/random.h"
#include "proto/schema.h"

/* How nanomsg is used here, and why so:
 *
 * - NN_RCVFD is an eventfd that belongs to the library: it is polled, level-triggered, and never
 * read, written or closed. A wake-up takes a bounded number of messages and returns; what is left
 * wakes us again. -EAGAIN after "readable" is normal: a malformed message looks like that, and
 * draining "until -EAGAIN" with edge triggers would stall for ever behind it.
 * - Raw sockets carry a header beside the body. At the coordinator it is 8 bytes: the key of the
 *   connection and the request id, which together are the way back (Route); NN_MAXTTL 1 drops all
 *   longer ones. A node sends 4 bytes: its request id, with the highest bit set, which is how the
 *   other end knows where the header stops.
 * - Bodies are received as NN_MSG, because a buffer of our own would cut long ones silently. They
 * are aligned to nothing: users copy bytes out, they never cast.
 * - Addresses are literals. A name would start a resolver thread and could block nn_close().
 * - The library cannot be asked for its file descriptors, but they are ours all the same: the
 * listener is found among the descriptors of this process and tuned there; accepted sockets inherit
 * it.
 *
 * The process must ignore SIGPIPE and block its signals before the first call in here (the
 * library's threads inherit the mask). */

#define DRAIN_MAX 64 /* messages a wake-up, so that timers and others get their turn */

#define LISTEN_BACKLOG        4096
#define KEEPALIVE_IDLE_SEC    60
#define KEEPALIVE_PROBE_SEC   10
#define KEEPALIVE_PROBES      3
#define TCP_USER_TIMEOUT_MSEC (90 * 1000)

#define RECONNECT_MSEC            1000
#define RECONNECT_MSEC_SPREAD     500
#define RECONNECT_MAX_MSEC        8000
#define RECONNECT_MAX_MSEC_SPREAD 4000

#define REQUEST_SIZE 4

/* "tcp://" and an address with its port */
#define URL_TEXT_MAX (ADDRESS_TEXT_MAX + 16)

struct NnSocket {
        int socket;
        int endpoint; /* negative: neither bound nor connected now */
        int receive_fd;
        int send_fd; /* node only */
        bool is_listener;
        bool is_ipv6;
        uint16_t port;
        DIR *descriptors; /* listener only: ours, kept open because none may be left to open it with
                           */
        char url[URL_TEXT_MAX];
        Route request; /* node only: what stands before each body it sends */
        sd_event_source *source;
        NnReceive on_receive;
        void *userdata;
};

/* The one ancillary property there is, in the library's layout: size_t length, then the header. */
typedef struct HeaderProperty {
        struct nn_cmsghdr head;
        size_t size;
        unsigned char bytes[sizeof(Route)];
} HeaderProperty;
static_assert(sizeof(HeaderProperty) == NN_CMSG_SPACE(sizeof(size_t) + sizeof(Route)),
              "nanomsg lays its header property out differently");
static_assert(sizeof(HeaderProperty) == NN_CMSG_SPACE(sizeof(size_t) + REQUEST_SIZE),
              "a node's header must fit as well");

/* The library has error numbers of its own, far beyond what -errno may be. */
static int nn_failure(void) {
        int errnum = nn_errno();

        return errnum > 0 && errnum < 4096 ? -errnum : -EIO;
}

static int nn_failuref(Error *error, const char *what, const char *url) {
        return error_errnof(error, nn_failure(), "%s %s", what, url);
}

/* --- receiving --- */

/* -EAGAIN: nothing there, or something that was dropped. */
static int receive_one(NnSocket *socket) {
        size_t want = socket->is_listener ? sizeof(Route) : REQUEST_SIZE;
        HeaderProperty header = {};
        Route route = {};
        void *body = NULL;
        struct nn_iovec vector = { .iov_base = &body, .iov_len = NN_MSG };
        struct nn_msghdr message = {
                .msg_iov = &vector,
                .msg_iovlen = 1,
                .msg_control = &header,
                .msg_controllen = sizeof(header),
        };
        int size;

        size = nn_recvmsg(socket->socket, &message, NN_DONTWAIT);
        if (size < 0)
                return nn_failure();

        /* A header that did not fit is not written at all: then `size` is still 0. */
        if (header.head.cmsg_type == SP_HDR && header.size == want) {
                if (socket->is_listener)
                        memcpy(route.bytes, header.bytes, sizeof(route.bytes));

                socket->on_receive(&route, body, (size_t) size, socket->userdata);
        }

        (void) nn_freemsg(body);
        return 0;
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        NnSocket *socket = ASSERT_PTR(userdata);
        int r;

        for (unsigned i = 0; i < DRAIN_MAX; i++) {
                r = receive_one(socket);
                if (r == -EAGAIN || r == -EINTR)
                        return 0;

                if (r < 0)
                        return r;
        }

        return 0;
}

/* --- our own descriptors --- */

/* The next open descriptor of this process, negative after the last. */
static int next_fd(DIR *directory) {
        const struct dirent *entry;
        uint32_t fd;

        for (;;) {
                /* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is our caller's own */
                entry = readdir(directory);
                if (!entry)
                        return -1;

                if (parse_u32(entry->d_name, 0, INT32_MAX, &fd) >= 0)
                        return (int) fd;
        }
}

/* Other threads open and close descriptors meanwhile: whatever fails is simply not one of ours. */
static bool has_local_port(int fd, uint16_t port) {
        struct sockaddr_storage address = {};
        socklen_t size = sizeof(address);
        struct sockaddr_in6 six;
        struct sockaddr_in four;

        if (getsockname(fd, (struct sockaddr *) &address, &size) < 0)
                return false;

        memcpy(&four, &address, sizeof(four));
        memcpy(&six, &address, sizeof(six));
        if (address.ss_family == AF_INET)
                return ntohs(four.sin_port) == port;

        return address.ss_family == AF_INET6 && ntohs(six.sin6_port) == port;
}

static bool is_listening(int fd) {
        socklen_t size = sizeof(int);
        int listening = 0;

        return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) >= 0 && listening;
}

static bool is_established(int fd) {
        struct tcp_info info = {};
        socklen_t size = sizeof(info);

        return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) >= 0 &&
               info.tcpi_state == TCP_ESTABLISHED;
}

/* Borrowed: the library closes it. Negative: there is none. */
static int find_listener(const NnSocket *socket) {
        int fd;

        rewinddir(socket->descriptors);
        do {
                fd = next_fd(socket->descriptors);
        } while (fd >= 0 && !(is_listening(fd) && has_local_port(fd, socket->port)));

        return fd;
}

/* Half-open peers go within 90 s, and a herd that comes all at once is not turned away. */
static int tune_listener(const NnSocket *socket, Error *error) {
        static const struct {
                int level;
                int option;
                int value;
        } options[] = {
                { SOL_SOCKET, SO_KEEPALIVE, 1 },
                { IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_SEC },
                { IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_PROBE_SEC },
                { IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES },
                { IPPROTO_TCP, TCP_USER_TIMEOUT, TCP_USER_TIMEOUT_MSEC },
        };
        int fd = find_listener(socket);

        if (fd < 0) {
                return error_setf(
                                error, ERROR_IO,
                                "listening on %s, but its descriptor cannot be found", socket->url);
        }

        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                if (setsockopt(fd, options[i].level, options[i].option, &options[i].value,
                               sizeof(options[i].value)) < 0)
                        return error_errnof(error, errno, "tuning the listener %s", socket->url);
        }

        if (listen(fd, LISTEN_BACKLOG) < 0)
                return error_errnof(error, errno, "tuning the listener %s", socket->url);

        return 0;
}

static uint64_t get_statistic(const NnSocket *socket, int statistic) {
        uint64_t value = nn_get_statistic(socket->socket, statistic);

        return value == UINT64_MAX ? 0 : value;
}

uint64_t nn_socket_counted(const NnSocket *socket) {
        return get_statistic(socket, NN_STAT_CURRENT_CONNECTIONS);
}

uint64_t nn_socket_made(const NnSocket *socket) {
        return get_statistic(socket, NN_STAT_ESTABLISHED_CONNECTIONS);
}

void nn_socket_connections(const NnSocket *socket, uint64_t *ret_counted, uint64_t *ret_real) {
        uint64_t real = 0;

        rewinddir(socket->descriptors);
        for (int fd = next_fd(socket->descriptors); fd >= 0; fd = next_fd(socket->descriptors)) {
                if (has_local_port(fd, socket->port) && is_established(fd))
                        real++;
        }

        *ret_counted = nn_socket_counted(socket);
        *ret_real = real;
}

/* --- making and ending --- */

typedef struct NnOption {
        int level;
        int option;
        int value;
} NnOption;

static int set_options(int socket, const NnOption *options, size_t count) {
        for (size_t i = 0; i < count; i++) {
                if (nn_setsockopt(socket, options[i].level, options[i].option, &options[i].value,
                                  sizeof(options[i].value)) < 0)
                        return nn_failure();
        }

        return 0;
}

/* What both ends have. NN_IPV4ONLY must fit the address: a node that dials an IPv4 address without
 * it binds an IPv6 one first, which fails, and the library aborts when it tries again. */
static int set_common_options(const NnSocket *socket) {
        const NnOption options[] = {
                { NN_SOL_SOCKET, NN_RCVMAXSIZE, FRAME_BYTES_MAX },
                { NN_SOL_SOCKET, NN_IPV4ONLY, !socket->is_ipv6 },
                { NN_TCP, NN_TCP_NODELAY,
                  1 }, /* else two small messages and an answer take 43 ms */
        };

        return set_options(socket->socket, options, ELEMENTSOF(options));
}

static int set_listener_options(int socket) {
        static const NnOption options[] = {
                { NN_SOL_SOCKET, NN_MAXTTL, 1 },
        };

        return set_options(socket, options, ELEMENTSOF(options));
}

/* The library has no jitter of its own, and a fleet that comes back in step overruns the listener.
 */
static int set_node_options(int socket) {
        NnOption options[] = {
                { NN_SOL_SOCKET, NN_RECONNECT_IVL,
                  RECONNECT_MSEC + (int) random_up_to(RECONNECT_MSEC_SPREAD) },
                { NN_SOL_SOCKET, NN_RECONNECT_IVL_MAX,
                  RECONNECT_MAX_MSEC + (int) random_up_to(RECONNECT_MAX_MSEC_SPREAD) },
        };

        return set_options(socket, options, ELEMENTSOF(options));
}

static int get_fd(int socket, int option, int *ret) {
        size_t size = sizeof(*ret);

        return nn_getsockopt(socket, NN_SOL_SOCKET, option, ret, &size) < 0 ? nn_failure() : 0;
}

static int set_all_options(const NnSocket *socket) {
        int r;

        r = set_common_options(socket);
        if (r < 0)
                return r;

        return socket->is_listener ? set_listener_options(socket->socket)
                                   : set_node_options(socket->socket);
}

static int open_descriptors(NnSocket *socket) {
        socket->descriptors = opendir("/proc/self/fd");
        return socket->descriptors ? 0 : -errno;
}

static int open_socket(NnSocket *socket) {
        int r;

        socket->socket = nn_socket(AF_SP_RAW, socket->is_listener ? NN_REP : NN_REQ);
        if (socket->socket < 0)
                return nn_failure();

        r = set_all_options(socket);
        if (r < 0)
                return r;

        r = get_fd(socket->socket, NN_RCVFD, &socket->receive_fd);
        if (r < 0)
                return r;

        return socket->is_listener ? open_descriptors(socket)
                                   : get_fd(socket->socket, NN_SNDFD, &socket->send_fd);
}

static int watch(NnSocket *socket, sd_event *event) {
        int r;

        r = sd_event_add_io(
                        event, &socket->source, socket->receive_fd, EPOLLIN, on_readable, socket);
        if (r < 0)
                return r;

        (void) sd_event_source_set_description(socket->source, "nn-socket");
        return sd_event_source_set_exit_on_failure(socket->source, true);
}

/* Binds or connects, after closing what was there. */
static int attach(NnSocket *socket, Error *error) {
        if (socket->endpoint >= 0 && nn_shutdown(socket->socket, socket->endpoint) < 0)
                return nn_failuref(error, "closing", socket->url);

        socket->endpoint = socket->is_listener ? nn_bind(socket->socket, socket->url)
                                               : nn_connect(socket->socket, socket->url);
        if (socket->endpoint < 0) {
                return nn_failuref(
                                error, socket->is_listener ? "listening on" : "dialling",
                                socket->url);
        }

        return socket->is_listener ? tune_listener(socket, error) : 0;
}

static int set_address(NnSocket *socket, const char *endpoint, Error *error) {
        char address[ADDRESS_TEXT_MAX];

        if (parse_endpoint(endpoint, address, &socket->port) < 0 ||
            !text_format(socket->url, sizeof(socket->url), "tcp://%s", endpoint)) {
                return error_setf(
                                error, ERROR_INVALID,
                                "'%s' is no endpoint, want ADDRESS:PORT or [ADDRESS]:PORT",
                                endpoint);
        }

        socket->is_ipv6 = strchr(address, ':') != NULL;
        return 0;
}

static int socket_new(
                NnSocket template,
                sd_event *event,
                const char *endpoint,
                NnSocket **ret,
                Error *error) {
        AUTO(NnSocket) *socket = NULL;
        int r;

        socket = malloc(sizeof(*socket));
        if (!socket)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        *socket = template;
        r = set_address(socket, endpoint, error);
        if (r < 0)
                return r;

        r = open_socket(socket);
        if (r >= 0)
                r = watch(socket, event);

        if (r < 0)
                return error_errnof(error, r, "making a socket for %s", socket->url);

        r = attach(socket, error);
        if (r < 0)
                return r;

        *ret = TAKE(socket);
        return 0;
}

int nn_socket_listen(
                sd_event *event,
                const char *endpoint,
                NnReceive on_receive,
                void *userdata,
                NnSocket **ret,
                Error *error) {
        NnSocket template = {
                .socket = -1,
                .endpoint = -1,
                .is_listener = true,
                .on_receive = on_receive,
                .userdata = userdata,
        };

        return socket_new(template, event, endpoint, ret, error);
}

int nn_socket_dial(
                sd_event *event,
                const char *endpoint,
                NnReceive on_receive,
                void *userdata,
                NnSocket **ret,
                Error *error) {
        uint64_t id = random_u64();
        NnSocket template = {
                .socket = -1,
                .endpoint = -1,
                .on_receive = on_receive,
                .userdata = userdata,
        };

        memcpy(template.request.bytes, &id, REQUEST_SIZE);
        template.request.bytes[0] |= 0x80; /* here ends the header */
        return socket_new(template, event, endpoint, ret, error);
}

int nn_socket_rebind(NnSocket *socket, Error *error) {
        assert(socket->is_listener);

        return attach(socket, error);
}

int nn_socket_redial(NnSocket *socket, Error *error) {
        assert(!socket->is_listener);

        return attach(socket, error);
}

void nn_socket_free(NnSocket *socket) {
        if (!socket)
                return;

        (void) sd_event_source_disable_unref(socket->source);
        if (socket->socket >= 0)
                (void) nn_close(socket->socket);
        if (socket->descriptors)
                (void) closedir(socket->descriptors);

        free(socket);
}

/* --- sending --- */

bool nn_socket_is_writable(const NnSocket *socket) {
        struct pollfd poller = { .fd = socket->send_fd, .events = POLLIN };

        assert(!socket->is_listener);

        return poll(&poller, 1, 0) == 1;
}

int nn_socket_send(NnSocket *socket, const Route *route, const void *body, size_t size) {
        size_t header_size = socket->is_listener ? sizeof(Route) : REQUEST_SIZE;
        const Route *from = socket->is_listener ? ASSERT_PTR(route) : &socket->request;
        HeaderProperty header = {
                .head = {
                        .cmsg_len = NN_CMSG_SPACE(sizeof(size_t) + header_size),
                        .cmsg_level = PROTO_SP,
                        .cmsg_type = SP_HDR,
                },
                .size = header_size,
        };
        /* NOLINTNEXTLINE(performance-no-int-to-ptr): the library only reads what it sends */
        struct nn_iovec vector = { .iov_base = (void *) (uintptr_t) body, .iov_len = size };
        struct nn_msghdr message = {
                .msg_iov = &vector,
                .msg_iovlen = 1,
                .msg_control = &header,
                .msg_controllen = sizeof(header),
        };

        memcpy(header.bytes, from->bytes, header_size);
        return nn_sendmsg(socket->socket, &message, NN_DONTWAIT) < 0 ? nn_failure() : 0;
}

/* --- the library --- */

/* Which library runs is asked of the library itself: nn_symbol() tells the interface version it was
 * built with, whatever header we were built with. 5 is that of all 1.x up to 1.1.5. 1.2 has 6, and
 * within it the releases that abort on our messages cannot be told from the one that does not; so
 * anything but 5 is refused. */
#define LIBRARY_INTERFACE 5

int nn_socket_check_library(Error *error) {
        const char *name;
        int value = 0;

        for (int i = 0; (name = nn_symbol(i, &value)); i++) {
                if (strcmp(name, "NN_VERSION_CURRENT") == 0)
                        break;
        }

        if (!name) {
                return error_setf(
                                error, ERROR_VERSION,
                                "libnanomsg does not tell its version, want 1.1.x (libnanomsg.so.%d)",
                                LIBRARY_INTERFACE);
        }

        if (value != LIBRARY_INTERFACE) {
                return error_setf(
                                error, ERROR_VERSION,
                                "libnanomsg.so.%d is in use, want 1.1.x (libnanomsg.so.%d): "
                                "1.2.1 aborts on messages of more than 31 bytes",
                                value, LIBRARY_INTERFACE);
        }

        return 0;
}
