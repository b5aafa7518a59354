/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "common/error.h"

/* A nanomsg socket as an sd-event source (transport 1, 2, 7). Raw REP on the coordinator, raw REQ
 * on a node. The only file that knows nanomsg; another library could take its place behind these
 * few functions.
 *
 * What it cannot promise: that anything arrives. Sends to a dead or stuck peer are silently
 * dropped. A connected socket is no sign of life. The level above repeats until it is answered, and
 * calls socket_redial() when a peer stays silent. The library may abort() the process at any time.
 */

typedef struct NnSocket NnSocket;

/* The way back to a peer: valid until its connection ends, then it silently leads nowhere. */
typedef struct Route {
        unsigned char bytes[8];
} Route;

/* `body` is borrowed for the call. A node gets a zero route. */
typedef void (*NnReceive)(const Route *route, const void *body, size_t size, void *userdata);

/* Coordinator: binds tcp://ENDPOINT (literal address) and tunes the listener: keepalive 60/10/3,
 * user timeout 90 s, backlog 4096 (transport 3.6). */
int nn_socket_listen(
                sd_event *event,
                const char *endpoint,
                NnReceive on_receive,
                void *userdata,
                NnSocket **ret,
                Error *error);

/* Coordinator: closes the endpoint and binds it again on the same socket; peers reconnect. Frees
 * the dead connections that the library keeps after a reset during its handshake (transport 3.4).
 */
int nn_socket_rebind(NnSocket *socket, Error *error);

/* Connections that the library counts, and those that the kernel has established on our port; the
 * latter takes some microseconds each. */
uint64_t nn_socket_counted(const NnSocket *socket);
void nn_socket_connections(const NnSocket *socket, uint64_t *ret_counted, uint64_t *ret_real);

/* Node: dials tcp://ENDPOINT. */
int nn_socket_dial(
                sd_event *event,
                const char *endpoint,
                NnReceive on_receive,
                void *userdata,
                NnSocket **ret,
                Error *error);

/* Node: drops the connection, whatever the library thinks of it, and dials anew. */
int nn_socket_redial(NnSocket *socket, Error *error);

/* Node: whether the library could take a message now. False: surely not connected. True means
 * nothing (transport 3.4). */
bool nn_socket_is_writable(const NnSocket *socket);

/* Node: how many connections have been made, by the library itself too; it tells nobody. */
uint64_t nn_socket_made(const NnSocket *socket);

/* `route` is NULL on a node. 0: handed to the library, which is all that can be known. -EAGAIN: not
 * connected (node only). */
int nn_socket_send(NnSocket *socket, const Route *route, const void *body, size_t size);

/* To be called at start: refuses libraries that are not 1.1.x. 1.2.1 aborts on our messages. */
int nn_socket_check_library(Error *error);

void nn_socket_free(NnSocket *socket);
DEFINE_AUTO(NnSocket, nn_socket_free)
