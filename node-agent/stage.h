/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "proto/message.h"

/* Fetches the script of a STAGE order and verifies it: rollpatch-probe downloads, the node agent
 * itself decides whether it is the right one. */

typedef struct Fetch Fetch;

/* Called once, unless freed before. `data` (borrowed) is the verified script; NULL: `error` says
 * why there is none. May free the fetch. */
typedef void (*FetchDone)(const char *data, size_t size, const Error *error, void *userdata);

typedef struct FetchPlaces {
        const char *probe;     /* path of rollpatch-probe */
        const char *directory; /* of the step; a file of the name "download" comes and goes there */
} FetchPlaces;

int fetch_start(sd_event *event,
                const FetchPlaces *places,
                const Stage *stage,
                FetchDone on_done,
                void *userdata,
                Fetch **ret,
                Error *error);

void fetch_free(Fetch *fetch);
DEFINE_AUTO(Fetch, fetch_free)
