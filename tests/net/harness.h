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

#define AUTO_EVENT __attribute__((cleanup(sd_event_unrefp))) sd_event
sd_event *loop_new(void);
bool loop_until(sd_event *event, Condition condition, void *userdata, usec_t limit);
void loop_wait(sd_event *event, Condition condition, void *userdata); /* fails the test */
void loop_for(sd_event *event, usec_t span); /* to see that nothing happens */

/* --- who is who --- */

/* The table: a name to each key, made when it is first asked for, and kept for the whole test
 * program. The coordinator lets in whose key is in it, under that name, and whoever joins with
 * `the_token`. */
const KeyPair *key_of(const char *name);
const KeyPair *coordinator_key(void);
const Token *the_token(void);
void token_revoke(bool is_revoked);
void key_revoke(const char *name, bool is_revoked);

#define CLUSTER "lab"

/* --- the coordinator's end --- */

typedef struct Coordinator {
        Endpoint *endpoint;
        usec_t heartbeat; /* asked of every node */
        usec_t again;     /* said to whom it turns away; 0: an hour */
        unsigned joins;   /* first words with a token, whatever came of them */
        unsigned hellos;
        unsigned messages; /* but for heartbeats */
        unsigned heartbeats;
        Hello hello;
        Introduction guest;       /* of the last hello */
        bool deaf;                /* takes no hello in */
        unsigned unheard;         /* hellos that were not taken in */
        bool forgetful;           /* forgets a node when it says hello */
        bool wants_rekey;         /* says so in every welcome */
        bool busy;                /* connections had better stay */
        size_t expected;          /* nodes */
        unsigned false_tokens[2]; /* unknown ones, and those whose secret was wrong */
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
        const KeyPair *key;  /* NULL: that of its name */
        const Token *token;  /* NULL: none */
        const char *cluster; /* NULL: the right one */
        unsigned enrolled;
        sd_event_source *beat;
        uint64_t sequence;
        unsigned ups;
        unsigned messages;
        unsigned hopeless;
        unsigned heartbeats; /* changes of the heartbeat */
        unsigned mended;
        Message message;
} Node;

extern const LinkTiming hasty; /* everything within tenths of a second */

/* As `key`, `token` and `cluster` say; all zeros is a node that is known. */
void node_start_as(
                Node *node,
                sd_event *event,
                const char *name,
                const char *endpoint,
                const LinkTiming *timing);
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
        usec_t heartbeat; /* asked in a welcome; 0: 50 ms */
        unsigned frames;
        unsigned kinds[8]; /* by FrameKind */
        Route route;       /* of the last frame */
        Frame frame;       /* last frame; its body is in `bytes` */
        uint8_t bytes[FRAME_BYTES_MAX];
        Frame hello; /* last JOIN or HS1; its body is in `hello_bytes` */
        uint8_t hello_bytes[SESSION_BYTES_MAX];
        Greeting greeting; /* what he said himself */
} Stranger;

void stranger_dial(
                Stranger *stranger,
                sd_event *event,
                const char *endpoint); /* waits till connected */
void stranger_listen(Stranger *stranger, sd_event *event, const char *endpoint);
void stranger_send(Stranger *stranger, const void *body, size_t size); /* to the last route */
void stranger_hello(Stranger *stranger, const char *name); /* with the key of that name */
/* Answers the last JOIN or HS1, with the coordinator's key. */
void stranger_welcome(Stranger *stranger, Session *session, uint64_t id);
void stranger_refuse(Stranger *stranger, const char *reason);
void stranger_say(Stranger *stranger, Session *session, const Message *message);
void stranger_stop(Stranger *stranger);

/* Of a stranger, for loop_wait. */
bool heard(void *userdata); /* DATA */
bool was_told_nos(void *userdata);

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
