/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

// clang-format off
#include <setjmp.h> // IWYU pragma: export
#include <stdarg.h> // IWYU pragma: export
#include <stddef.h> // IWYU pragma: export
#include <stdint.h> // IWYU pragma: export
#include <cmocka.h> // IWYU pragma: export
// clang-format on

#include "coordinator/endpoint.h"
#include "node-agent/link.h"
#include "proto/nn-socket.h"
#include "proto/session.h"

/* Both ends of the link over 127.0.0.1 in one process and one event loop; and strangers: a peer
 * that speaks nanomsg but is scripted by the test, and bare TCP. Nothing here sleeps: everything
 * waits for what it wants, in the loop, up to WAIT_MAX, and fails the test if it does not come. */

#define WAIT_MAX (20 * USEC_PER_SEC)

#define ENDPOINT_TEXT_MAX 32

typedef bool (*Condition)(void *userdata);

/* A free port of 127.0.0.1, as an endpoint. */
void pick_endpoint(char ret[static ENDPOINT_TEXT_MAX]);

sd_event *loop_new(void);
bool loop_until(sd_event *event, Condition condition, void *userdata, usec_t limit);
void loop_wait(sd_event *event, Condition condition, void *userdata); /* fails the test */
void loop_for(sd_event *event, usec_t span); /* to see that nothing happens */

/* --- the coordinator's end --- */

typedef struct Coordinator {
        Endpoint *endpoint;
        usec_t heartbeat; /* asked of every node */
        unsigned hellos;
        unsigned messages; /* but for heartbeats */
        unsigned heartbeats;
        Hello hello;
        char node[NAME_TEXT_MAX]; /* who said the last message */
        Message message;          /* but for heartbeats */
} Coordinator;

extern const EndpointLimits generous; /* no zombie check during a test */

void coordinator_start(
                Coordinator *coordinator,
                sd_event *event,
                const char *address,
                const EndpointLimits *limits);
void coordinator_stop(Coordinator *coordinator);

/* --- a node's end --- */

typedef struct Node {
        Link *link;
        const char *name;
        sd_event_source *beat;
        uint64_t sequence;
        unsigned ups;
        unsigned messages;
        unsigned hopeless;
        unsigned heartbeats; /* changes of the heartbeat */
        Message message;
} Node;

extern const LinkTiming hasty; /* everything within tenths of a second */

void node_start(Node *node,
                sd_event *event,
                const char *name,
                const char *endpoint,
                const LinkTiming *timing);
void node_beat(Node *node, sd_event *event); /* heartbeats as often as the link says */
void node_stop(Node *node);

/* --- somebody who speaks nanomsg, and what the test makes him say --- */

typedef struct Stranger {
        NnSocket *socket;
        unsigned frames;
        unsigned kinds[8]; /* by FrameKind */
        Route route;       /* of the last frame */
        Frame frame;       /* last frame; its body is in `bytes` */
        uint8_t bytes[FRAME_BYTES_MAX];
} Stranger;

void stranger_dial(
                Stranger *stranger,
                sd_event *event,
                const char *endpoint); /* waits till connected */
void stranger_listen(Stranger *stranger, sd_event *event, const char *endpoint);
void stranger_send(Stranger *stranger, const void *body, size_t size); /* to the last route */
void stranger_hello(Stranger *stranger, const char *name);
void stranger_welcome(Stranger *stranger, Session *session, uint64_t id); /* answers the last HS1 */
void stranger_say(Stranger *stranger, Session *session, const Message *message);
void stranger_stop(Stranger *stranger);

/* A session of the stranger, as node `name`, with the coordinator. */
Session stranger_join(Stranger *stranger, sd_event *event, const char *name);

/* --- bare TCP --- */

int tcp_listen(const char *endpoint); /* not blocking */
int tcp_connect(const char *endpoint);
void tcp_reset(int fd); /* closes with RST */

extern const uint8_t sp_header_req[8]; /* what nanomsg's two ends say first */
extern const uint8_t sp_header_rep[8];

Message heartbeat_message(uint64_t sequence);
Message ack_message(uint64_t number);
uint64_t ack_number(const Message *message);
