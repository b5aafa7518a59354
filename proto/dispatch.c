/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dispatch.h"

#include "common/macro.h"

#define COORDINATOR IN(PARTY_COORDINATOR)
#define NODES       (IN(PARTY_MASTER) | IN(PARTY_AGENT) | IN(PARTY_PUBLIC_AGENT))
#define HANDSHAKE   IN(CONTACT_HANDSHAKE)
#define SESSION     IN(CONTACT_SESSION)

typedef struct Row {
        uint32_t from;
        uint32_t to;
        uint32_t contacts;
        bool claim;
        size_t bytes; /* tests/unit/test-dispatch.c fills every member, and so counts them */
} Row;

// clang-format off
static const Row rows[] = {
        /*                      who          to whom      when                 claimed  bytes */
        [MESSAGE_HELLO]     = { NODES,       COORDINATOR, HANDSHAKE,           false,    1034 },
        [MESSAGE_WELCOME]   = { COORDINATOR, NODES,       HANDSHAKE | SESSION, false,    1095 },

        [MESSAGE_CLAIM]     = { COORDINATOR, NODES,       SESSION,             false,      47 },
        [MESSAGE_STAGE]     = { COORDINATOR, NODES,       SESSION,             true,     2273 },
        [MESSAGE_SLOT]      = { COORDINATOR, NODES,       SESSION,             true,      160 },
        [MESSAGE_START]     = { COORDINATOR, NODES,       SESSION,             true,     3849 },
        [MESSAGE_ASK]       = { COORDINATOR, NODES,       SESSION,             true,      134 },
        [MESSAGE_WATCH]     = { COORDINATOR, NODES,       SESSION,             true,     16158 },
        [MESSAGE_LOGIN]     = { COORDINATOR, NODES,       SESSION,             true,     8274 },
        [MESSAGE_ACK]       = { COORDINATOR, NODES,       SESSION,             false,    1095 },
        [MESSAGE_READ]      = { COORDINATOR, NODES,       SESSION,             false,     197 },
        [MESSAGE_DIAGNOSE]  = { COORDINATOR, NODES,       SESSION,             false,      170 },

        [MESSAGE_HEARTBEAT] = { NODES,       COORDINATOR, SESSION,             false,     270 },
        [MESSAGE_CLAIMED]   = { NODES,       COORDINATOR, SESSION,             false,   11307 },
        [MESSAGE_READY]     = { NODES,       COORDINATOR, SESSION,             true,      179 },
        [MESSAGE_REPORT]    = { NODES,       COORDINATOR, SESSION,             false,    6448 },
        [MESSAGE_REFUSED]   = { NODES,       COORDINATOR, SESSION,             false,    1292 },
        [MESSAGE_SAMPLE]    = { NODES,       COORDINATOR, SESSION,             false,   10548 },
        [MESSAGE_CHUNK]     = { NODES,       COORDINATOR, SESSION,             false,    7233 },
        [MESSAGE_ANNOUNCE]  = { NODES,       COORDINATOR, SESSION,             false,     138 },
        [MESSAGE_DIAGNOSIS] = { NODES,       COORDINATOR, SESSION,             false,   15656 },
};
// clang-format on
static_assert(ELEMENTSOF(rows) == MESSAGE_KIND_COUNT, "nobody may say a kind of message");

static const Row *row_of(MessageKind kind) {
        assert(kind < MESSAGE_KIND_COUNT);

        return &rows[kind];
}

Party party_of(Role role) {
        static const Party parties[] = {
                [ROLE_MASTER] = PARTY_MASTER,
                [ROLE_AGENT] = PARTY_AGENT,
                [ROLE_PUBLIC_AGENT] = PARTY_PUBLIC_AGENT,
        };

        assert((size_t) role < ELEMENTSOF(parties));

        return parties[role];
}

bool dispatch_allows(MessageKind kind, Party from, Party to, Contact contact) {
        const Row *row = row_of(kind);

        return (row->from & IN(from)) && (row->to & IN(to)) && (row->contacts & IN(contact));
}

bool dispatch_needs_claim(MessageKind kind) {
        return row_of(kind)->claim;
}

size_t dispatch_bytes_max(MessageKind kind) {
        return row_of(kind)->bytes;
}
