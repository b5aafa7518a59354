/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "proto/keys.h"
#include "proto/message.h"
#include "proto/token.h"

/* The node's side of the link: dials, says hello, keeps one session and renews it, notices when
 * nobody answers, and dials again (transport 3.4, 7). Whom the coordinator refuses logs why, and
 * comes again slowly. Delivers what the coordinator says; sends when there is a
 * session. Nothing is queued for later: whoever has something that matters repeats it until it is
 * acknowledged
 * (`on_up` tells when a new session stands, a good moment to do so). */

typedef struct Link Link;

/* None of them may free the link. */
typedef struct LinkHandlers {
        void (*fill_hello)(Hello *hello, void *userdata); /* asked before each handshake */
        void (*on_up)(void *userdata);                    /* a new session stands */
        /* What the coordinator says, but for WELCOME, which only the link needs. */
        void (*on_message)(const Message *message, void *userdata);
        void (*on_hopeless)(void *userdata); /* five re-dials in vain: better restart the process */
        /* link_get_heartbeat() has changed: the next one is due that much after the last. May be
         * NULL. */
        void (*on_heartbeat)(void *userdata);
        /* The connection was dialled again within the session: the coordinator reaches us as soon
         * as it has heard us there, so a heartbeat is due now. May be NULL. */
        void (*on_mended)(void *userdata);
        /* A token to join with, if there is one: asked before each handshake until the coordinator
         * has taken this node in, and wiped by the link. May be NULL. */
        bool (*get_token)(Token *ret, void *userdata);
        /* It has taken this node in; whatever token there was is of no more use. Said again after a
         * refusal. May be NULL. */
        void (*on_enrolled)(void *userdata);
        /* It has refused this node, for sure: nobody else can say so. May be NULL. */
        void (*on_refused)(void *userdata);
        /* The coordinator wants another channel key; asked with every answer until it has one. May
         * be NULL. */
        void (*on_rekey)(void *userdata);
} LinkHandlers;

/* Waiting times; others than the default ones are for tests. */
typedef struct LinkTiming {
        usec_t spread;    /* before the first dial: random, at most this */
        usec_t connect;   /* how long there may be no connection, after a dial or later */
        usec_t handshake; /* how long a hello may stay unanswered */
        usec_t redial; /* before each further dial: random, at most this; twice after two in vain */
        usec_t heartbeat; /* until the coordinator says otherwise */
        usec_t renewal;   /* between two hellos because of "unknown session"; up to half more */
        usec_t poll;      /* how often a connection is looked for after a dial */
        usec_t refused;   /* after a refusal; twice as long after each further one, up to 16 times,
                           * and at   most as long as the coordinator says */
        usec_t rekey;     /* how old a session may become */
        usec_t fade;      /* how long a session takes late words after it was replaced */
} LinkTiming;

extern const LinkTiming link_timing_default; /* with a spread of 10 s */

/* Copied, but for the key. */
typedef struct LinkOptions {
        const char *endpoint;       /* ADDRESS:PORT of the coordinator */
        const uint8_t *coordinator; /* its public key */
        const char *cluster;
        const KeyPair *key;       /* this node's channel key, borrowed for the link's life */
        const LinkTiming *timing; /* dials after a random wait of at most its `spread` */
} LinkOptions;

int link_new(sd_event *event,
             const LinkOptions *options,
             const LinkHandlers *handlers,
             void *userdata,
             Link **ret,
             Error *error);

/* 0: handed to the transport, which promises nothing. -ENOTCONN: no session, or no connection, now.
 * -EINVAL, -EMSGSIZE: a message that breaks its own bounds. */
int link_send(Link *link, const Message *message);

/* How often the coordinator wants to hear from us; 10 s until it says otherwise. The caller sends
 * the heartbeats; the link counts the answers. */
usec_t link_get_heartbeat(const Link *link);

/* Something has changed that may end a refusal: asks again at once instead of resting. */
void link_hurry(Link *link);

/* A session stands, and no heartbeat in it has waited three heartbeats for an answer. */
bool link_is_up(const Link *link);

void link_free(Link *link);
DEFINE_AUTO(Link, link_free)
