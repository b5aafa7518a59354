/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/examine.h"
#include "node-agent/question.h"

/* Answers DIAGNOSE: looks for every sign of the catalogue there is on this node, and says what it
 * found. Two at a time, and a request that is looked into already is not begun anew; whoever gets
 * no answer asks again. Changes nothing. */

typedef struct DiagnoserOptions {
        ExamineOptions examine;
        AskerOptions asker;
        const Asker *login_of; /* whose token it asks with, as it is then; NULL: without one */
        int (*send)(const Message *message, void *userdata);
        void *userdata; /* of `send` */
} DiagnoserOptions;

typedef struct Diagnoser Diagnoser;

/* What `options` points to is borrowed for as long as it lives. NULL: out of memory. */
Diagnoser *diagnoser_new(sd_event *event, const DiagnoserOptions *options);

void diagnoser_handle(Diagnoser *diagnoser, const Diagnose *diagnose);

void diagnoser_free(Diagnoser *diagnoser);
DEFINE_AUTO(Diagnoser, diagnoser_free)
