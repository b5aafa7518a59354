/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/question.h"

/* Asks what the coordinator wants to know, again and again, and sends each answer at once. Nothing
 * is stored: an answer that cannot be sent ends the watch, and the coordinator, which sees that in
 * the heartbeat, orders it anew when it can be reached. Without a watch it costs nothing. */

typedef struct Sampler Sampler;

/* Hands a message to the link. -ENOTCONN: there is none now. */
typedef int (*SamplerSend)(const Message *message, void *userdata);

/* What `options` points to is borrowed for as long as the sampler lives. */
int sampler_new(sd_event *event,
                const AskerOptions *options,
                SamplerSend send,
                void *userdata,
                Sampler **ret,
                Error *error);

/* In place of the watch before. Questions under way that are in both go on. */
void sampler_watch(Sampler *sampler, const Watch *watch);

/* No watch, as at the beginning of a session. */
void sampler_reset(Sampler *sampler);

uint64_t sampler_get_serial(const Sampler *sampler); /* 0: no watch */

void sampler_free(Sampler *sampler);
DEFINE_AUTO(Sampler, sampler_free)
