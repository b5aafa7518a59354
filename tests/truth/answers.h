/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/error.h"
#include "common/json.h"

/* What one Mesos process was asked and has answered, given to the readers of rollpatch-probe, and
 * what they say in the words of rollpatch-probe. */

typedef struct Answers Answers;

#pragma GCC visibility push(default)

Answers *answers_new(void);
void answers_free(Answers *answers);

/* `status` 0: nothing usable came back, for the reason that is in `location`. A body that cannot be
 * read, or a question that nobody knows, is an error. */
int answers_add(Answers *answers,
                const char *question,
                unsigned status,
                const char *location,
                const char *path,
                Error *error);

bool answers_have(const Answers *answers, const char *question);

/* {"samples":[...]} */
Json *answers_of_master(const Answers *answers, uint64_t masters);
Json *answers_of_agent(const Answers *answers);
Json *answers_of_leader(const Answers *answers, const char *const agents[], size_t count);

#pragma GCC visibility pop
