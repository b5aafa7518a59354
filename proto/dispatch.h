/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "proto/message.h"

/* Who may say what to whom, when, and how long it may be: one row a kind of message, and no kind
 * without a row. Both programs ask here before they look at anything else in a message. There is no
 * message that says "run this": what a node runs comes with a signed plan (signed-plan.h). */

/* The coordinator, or a node by its role. */
typedef enum Party {
        PARTY_COORDINATOR,
        PARTY_MASTER,
        PARTY_AGENT,
        PARTY_PUBLIC_AGENT,
} Party;
#define PARTY_COUNT (PARTY_PUBLIC_AGENT + 1)

/* How well two parties know each other. A key that is revoked takes its sessions with it, and so
 * leaves CONTACT_NONE. */
typedef enum Contact {
        CONTACT_NONE,
        CONTACT_HANDSHAKE, /* sealed in JOIN, HS1 or HS2 */
        CONTACT_SESSION,   /* sealed in DATA of a session that stands */
} Contact;
#define CONTACT_COUNT (CONTACT_SESSION + 1)

Party party_of(Role role);

bool dispatch_allows(MessageKind kind, Party from, Party to, Contact contact);

/* In a session that is not enough: only when the node has on disk that this coordinator, by its
 * epoch, has claimed it (promise 9). */
bool dispatch_needs_claim(MessageKind kind);

/* The most bytes of JSON that a message of this kind can have. */
size_t dispatch_bytes_max(MessageKind kind);
