/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/json.h"

/* The control socket: AF_UNIX SOCK_SEQPACKET, because it must know who asks. One request a
 * connection, one JSON packet {"version":1,"verb":"status","arguments":{...}}; the answer is one
 * JSON document in packets of at most CONTROL_PACKET_MAX bytes, ended by the end of the connection:
 *   {"version":1,"verb":"status","exit":0,"answer":{...}}
 *   {"version":1,"verb":"run","exit":6,"error":{"code":"unsafe","text":"..."}}
 * `exit` is the exit status of the command line (design 8). */

#define CONTROL_VERSION     1
#define CONTROL_REQUEST_MAX ((size_t) 128 * 1024)
#define CONTROL_PACKET_MAX  ((size_t) 32 * 1024)

typedef enum ControlExit {
        EXIT_OK = 0,
        EXIT_FAILED = 1,
        EXIT_USAGE = 2,
        EXIT_BLOCKED = 3,     /* blocked or halted, needs a person */
        EXIT_UNREACHABLE = 4, /* coordinator not reachable (said by the command line itself) */
        EXIT_PAUSED = 5,      /* paused or held */
        EXIT_UNSAFE = 6,      /* refused as unsafe */
} ControlExit;

/* What a handler returns that will answer later, with control_answer(). */
#define CONTROL_LATER (-1)

/* Who asks, as the kernel says (SO_PEERCRED); `terminal` is what the client says, for the audit. */
typedef struct ControlPeer {
        uint64_t ticket; /* of this request, for control_answer(); never used twice */
        uint32_t uid;
        int32_t pid;
        char user[64];
        char terminal[64];
} ControlPeer;

typedef struct Control Control;

/* Answers one request. Returns the exit status. On EXIT_OK (or any exit with an answer) gives
 * `ret_answer` (an object, taken); otherwise fills `error`. What other hosts must be asked for is
 * answered CONTROL_LATER: then nothing is given, and the peer's ticket is kept. */
typedef int (*ControlHandler)(
                const char *verb,
                const Json *arguments,
                const ControlPeer *peer,
                Json **ret_answer,
                Error *error,
                void *userdata);

/* Makes the socket at `path` (mode 0660, its directory must exist), replacing a stale one; one that
 * is alive is refused. Only root and the socket's group get in. At most 64 clients at once, each at
 * most 10 s to state its request, 60 s to be answered later, and 30 s to take its answer. */
int control_new(sd_event *event,
                const char *path,
                ControlHandler handler,
                void *userdata,
                Control **ret,
                Error *error);

/* The answer to a request that was put off; of a client that is gone by now, nothing happens. Takes
 * `answer`; NULL: `error` says why there is none. */
void control_answer(
                Control *control, uint64_t ticket, int status, Json *answer, const Error *error);

void control_free(Control *control);
DEFINE_AUTO(Control, control_free)
