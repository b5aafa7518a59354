/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/question.h"

/* Asks what the coordinator wants to know, again and again, and sends each answer at once. Nothing
 * is stored: an answer that cannot be sent ends the watch, and the coordinator, which sees that in
 * the heartbeat, orders it anew when it can be reached. Without a watch it costs nothing. */

typedef struct Sampler Sampler;

typedef struct SamplerHandlers {
        /* Hands a message to the link. -ENOTCONN: there is none now. */
        int (*send)(const Message *message, void *userdata);
        /* What sampler_get_refreshed() says is new: the coordinator waits for it. */
        void (*on_refreshed)(void *userdata);
} SamplerHandlers;

/* What `options` points to, and `handlers`, is borrowed for as long as the sampler lives. */
int sampler_new(sd_event *event,
                const AskerOptions *options,
                const SamplerHandlers *handlers,
                void *userdata,
                Sampler **ret,
                Error *error);

/* In place of the watch before. Questions under way that are in both go on. */
void sampler_watch(Sampler *sampler, const Watch *watch);

/* What to ask a strict cluster's servers with; forgotten with the watch. */
void sampler_login(Sampler *sampler, const Login *login);
uint64_t sampler_get_login(const Sampler *sampler); /* its serial; 0: none */

/* Whoever asks the same servers asks with what it knows. Borrowed. */
const Asker *sampler_get_asker(const Sampler *sampler);

/* No watch, as at the beginning of a session. */
void sampler_reset(Sampler *sampler);

uint64_t sampler_get_serial(const Sampler *sampler); /* 0: no watch */

/* The newest `refresh` of a watch of which all answers have been sent; 0: none in this session. */
uint64_t sampler_get_refreshed(const Sampler *sampler);

void sampler_free(Sampler *sampler);
DEFINE_AUTO(Sampler, sampler_free)
