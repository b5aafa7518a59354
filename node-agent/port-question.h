/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/span.h"

/* One question to a port: connect, say some words, read what is answered until that is enough or
 * the other side hangs up. Never waits; a failed connection is an answer like any other. */

#define PORT_ANSWER_MAX 4096

typedef struct PortQuestion PortQuestion;

#define PORT_WHAT_MAX 400

typedef struct PortWords {
        const char *what; /* begins every error: "last look: m2 zookeeper at 10.0.0.2:2181" */
        const char *address;
        uint16_t port;
        const char *words; /* NULL: that the connection is accepted is all that is asked */
        bool (*enough)(const char *answer); /* need more not be waited for; NULL: read to the end */
        usec_t timeout;
} PortWords;

/* Called once, unless freed before, and never from within port_question_start(). ERROR_NONE: the
 * answer (borrowed, terminated, cut at PORT_ANSWER_MAX - 1). May free the question. */
typedef void (*PortDone)(const Error *error, const char *answer, void *userdata);

/* An address that is none fails the question, not the call. `words->words` is borrowed for as long
 * as the question lives. */
int port_question_start(
                sd_event *event,
                const PortWords *words,
                PortDone on_done,
                void *userdata,
                PortQuestion **ret,
                Error *error);

void port_question_free(PortQuestion *question);
DEFINE_AUTO(PortQuestion, port_question_free)
