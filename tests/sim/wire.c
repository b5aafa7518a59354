/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/nn-socket.h"
#include "tests/sim/sim.h"

/* nanomsg's place: connections that are made anew by themselves, routes that lead nowhere once they
 * have ended, and nobody who says so. In between, whatever a fault wants. */

#define DIAL_AGAIN  (300 * USEC_PER_MSEC)
#define PLAIN_WORDS "rollpatch-step" /* would be seen in any message that is not encrypted */

typedef struct Connection {
        uint64_t id;
        NnSocket *node, *coordinator; /* either NULL: it has ended */
        usec_t busy_until[2];         /* in order, but for faults */
} Connection;

struct NnSocket {
        NnSocket *next;
        Process *process; /* NULL: closed */
        bool listens;
        NnReceive on_receive;
        void *userdata;
        Connection *connection; /* of a node; NULL: none now */
        uint64_t made;
        uint64_t dials; /* a dial that is older than this is void */
};

typedef struct Parcel {
        Connection *connection;
        bool to_node;
        size_t size;
        unsigned char body[];
} Parcel;

static NnSocket *sockets;
static Connection *connections[4096];
static uint64_t connection_count;

static void hang_up(Connection *connection) {
        if (!connection)
                return;
        if (connection->node)
                connection->node->connection = NULL;

        connection->node = connection->coordinator = NULL;
}

static NnSocket *find_listener(const Host *host) {
        for (NnSocket *socket = sockets; socket; socket = socket->next) {
                if (socket->process && socket->listens && socket->process->host == host)
                        return socket;
        }

        return NULL;
}

static void dial(void *what, uint64_t number);

static void dial_later(NnSocket *socket, usec_t wait) {
        world_at(sim.now + wait, dial, socket, ++socket->dials);
}

static void dial(void *what, uint64_t number) {
        NnSocket *socket = what;
        const Host *to = socket->process ? &sim.hosts[socket->process->host->serves] : NULL;
        NnSocket *listener = to ? find_listener(to) : NULL;
        Connection *connection;

        if (!to || socket->dials != number || socket->connection)
                return;
        if (!listener || !cluster_can_reach(socket->process->host, to)) {
                dial_later(socket, DIAL_AGAIN);
                return;
        }

        connection = calloc(1, sizeof(*connection));
        assert(connection && connection_count < ELEMENTSOF(connections));
        connection->id = ++connection_count;
        connection->node = socket;
        connection->coordinator = listener;
        connections[connection->id - 1] = connection;
        socket->connection = connection;
        socket->made++;
}

static NnSocket *socket_new(NnReceive on_receive, void *userdata) {
        NnSocket *socket = calloc(1, sizeof(*socket));

        assert(socket);
        socket->process = sim.current;
        socket->on_receive = on_receive;
        socket->userdata = userdata;
        socket->next = sockets;
        sockets = socket;
        return socket;
}

int nn_socket_listen(
                sd_event *event,
                const char *endpoint,
                NnReceive on_receive,
                void *userdata,
                NnSocket **ret,
                Error *error) {
        *ret = socket_new(on_receive, userdata);
        (*ret)->listens = true;
        return 0;
}

static usec_t latency(void) {
        return chance_between(&sim.chance, 100, 2000);
}

int nn_socket_dial(
                sd_event *event,
                const char *endpoint,
                NnReceive on_receive,
                void *userdata,
                NnSocket **ret,
                Error *error) {
        *ret = socket_new(on_receive, userdata);
        dial_later(*ret, latency());
        return 0;
}

int nn_socket_redial(NnSocket *socket, Error *error) {
        hang_up(socket->connection);
        dial_later(socket, latency());
        return 0;
}

int nn_socket_rebind(NnSocket *socket, Error *error) {
        return 0;
}

uint64_t nn_socket_counted(const NnSocket *socket) {
        return 0;
}

void nn_socket_connections(const NnSocket *socket, uint64_t *ret_counted, uint64_t *ret_real) {
        *ret_counted = *ret_real = 0;
}

bool nn_socket_is_writable(const NnSocket *socket) {
        return socket->connection;
}

uint64_t nn_socket_made(const NnSocket *socket) {
        return socket->made;
}

void nn_socket_free(NnSocket *socket) {
        if (!socket)
                return;

        hang_up(socket->connection);
        for (uint64_t i = 0; socket->listens && i < connection_count; i++) {
                if (connections[i]->coordinator == socket)
                        hang_up(connections[i]);
        }
        socket->process = NULL;
}

void wire_drop_process(const Process *process) {
        for (NnSocket *socket = sockets; socket; socket = socket->next) {
                if (socket->process == process)
                        nn_socket_free(socket);
        }
        wire_changed();
}

void wire_cut(const Host *host) {
        for (NnSocket *socket = sockets; socket; socket = socket->next) {
                if (socket->process && !socket->listens && socket->process->host == host)
                        hang_up(socket->connection);
        }
        wire_changed();
}

static bool stands(const Connection *connection) {
        return connection->coordinator && cluster_can_reach(
                                                          connection->node->process->host,
                                                          connection->coordinator->process->host);
}

/* The library notices, and dials again. */
void wire_changed(void) {
        for (NnSocket *socket = sockets; socket; socket = socket->next) {
                if (!socket->process || socket->listens)
                        continue;
                if (socket->connection && !stands(socket->connection))
                        hang_up(socket->connection);
                if (!socket->connection)
                        dial_later(socket, latency() + DIAL_AGAIN / 2);
        }
}

/* --- messages --- */

static void receive(Process *process, void *userdata) {
        const Parcel *parcel = userdata;
        const NnSocket *socket = parcel->to_node ? parcel->connection->node
                                                 : parcel->connection->coordinator;
        Route route = {};

        if (!parcel->to_node)
                memcpy(route.bytes, &parcel->connection->id, sizeof(route.bytes));

        socket->on_receive(&route, parcel->body, parcel->size, socket->userdata);
}

static void arrive(void *what, uint64_t unused) {
        Parcel *parcel = what;
        const NnSocket *socket = parcel->to_node ? parcel->connection->node
                                                 : parcel->connection->coordinator;

        if (socket && socket->process) {
                Process *process = socket->process;

                sim.events++;
                if (process_enter(process, receive, parcel) && process->exits)
                        process_kill(process);
        }
        free(parcel);
}

static const Host *node_of(const Connection *connection) {
        return connection->node->process->host;
}

static void post(Connection *connection, bool to_node, const void *body, size_t size) {
        const Host *host = node_of(connection);
        bool rough = sim.now < host->wire_until;
        usec_t when = sim.now + latency();
        Parcel *parcel;

        if (rough && chance_of(&sim.chance, host->wire_lost))
                return;

        parcel = malloc(sizeof(*parcel) + size);
        assert(parcel);
        *parcel = (Parcel) { .connection = connection, .to_node = to_node, .size = size };
        memcpy(parcel->body, body, size);

        if (rough && chance_of(&sim.chance, host->wire_late))
                when += chance_between(&sim.chance, 500 * USEC_PER_MSEC, 7 * USEC_PER_SEC);
        if (rough && chance_of(&sim.chance, host->wire_mixed)) {
                when += chance_below(&sim.chance, 400 * USEC_PER_MSEC);
        } else {
                when = MAX(when, connection->busy_until[to_node] + 1);
                connection->busy_until[to_node] = when;
        }
        world_at(when, arrive, parcel, 0);
}

/* Promise 13. */
static void read_along(const void *body, size_t size) {
        if (memmem(body, size, PLAIN_WORDS, strlen(PLAIN_WORDS)) ||
            memmem(body, size, "\"step\"", 6))
                sim_fail("13 no plaintext", "a message of %zu bytes can be read", size);
}

static void post_all(Connection *connection, bool to_node, const void *body, size_t size) {
        const Host *host = node_of(connection);

        read_along(body, size);
        post(connection, to_node, body, size);
        if (sim.now < host->wire_until && chance_of(&sim.chance, host->wire_twice))
                post(connection, to_node, body, size);
}

int nn_socket_send(NnSocket *socket, const Route *route, const void *body, size_t size) {
        Connection *connection = socket->connection;
        uint64_t id = 0;

        if (!route) {
                if (!connection)
                        return -EAGAIN;
                post_all(connection, false, body, size);
                return 0;
        }

        memcpy(&id, route->bytes, sizeof(id));
        connection = id > 0 && id <= connection_count ? connections[id - 1] : NULL;
        if (connection && connection->node && connection->coordinator == socket)
                post_all(connection, true, body, size);

        return 0;
}
