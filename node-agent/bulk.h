/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/examine.h"

/* Answers READ about the journal and the units: the first piece makes the text, the others are read
 * from it. Without secrets; of a longer journal the end. One text at a time: a request for another
 * one replaces it, and whoever is not answered asks again. */

#define BULK_TEXT_MAX ((size_t) 1024 * 1024)

typedef struct BulkOptions {
        ExamineOptions examine;
        int (*send)(const Message *message, void *userdata);
        void *userdata; /* of `send` */
} BulkOptions;

typedef struct Bulk Bulk;

/* What `options` points to is borrowed for as long as it lives. NULL: out of memory. */
Bulk *bulk_new(sd_event *event, const BulkOptions *options);

void bulk_handle(Bulk *bulk, const Read *read);

/* Another session: its numbers of requests begin anew. */
void bulk_forget(Bulk *bulk);

void bulk_free(Bulk *bulk);
DEFINE_AUTO(Bulk, bulk_free)
