/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/truth/answers.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "node-agent/probe/parse-metrics.h"
#include "node-agent/probe/parse-slaves.h"

#define ASKED_AGENTS_MAX 64

typedef enum Place {
        OF_REDIRECT,
        OF_VERSION,
        OF_FLAGS,
        OF_METRICS,
        OF_STATE,
        OF_SLAVES,
        OF_SUMMARY,
        OF_HEALTH,
} Place;
#define PLACES (OF_HEALTH + 1)

static const char *const questions[PLACES] = {
        "/redirect", "/version", "/flags",         "/metrics/snapshot",
        "/state",    "/slaves",  "/state-summary", "GET_HEALTH",
};

struct Answers {
        Reply replies[PLACES];
        bool asked[PLACES];
        char *texts[2 * PLACES]; /* owned, what the replies borrow */
        size_t text_count;
};

Answers *answers_new(void) {
        Answers *answers = calloc(1, sizeof(Answers));

        for (size_t i = 0; answers && i < PLACES; i++) {
                answers->replies[i] = (Reply) { .question = questions[i], .failure = "not asked" };
        }

        return answers;
}

void answers_free(Answers *answers) {
        for (size_t i = 0; answers && i < answers->text_count; i++)
                free(answers->texts[i]);

        free(answers);
}

static size_t find_place(const char *question) {
        size_t place = 0;

        while (place < PLACES && strcmp(questions[place], question) != 0)
                place++;

        return place;
}

static char *keep(Answers *answers, char *text) {
        if (text)
                answers->texts[answers->text_count++] = text;

        return text;
}

int answers_add(Answers *answers,
                const char *question,
                unsigned status,
                const char *location,
                const char *path,
                Error *error) {
        size_t place = find_place(question);
        const char *said;
        Reply *reply;
        char *body;
        int r;

        if (place == PLACES)
                return error_setf(error, ERROR_INVALID, "'%s' is no question", question);
        if (answers->asked[place])
                return error_setf(error, ERROR_INVALID, "'%s' is answered twice", question);

        said = keep(answers, strdup(location));
        if (!said)
                return error_setf(error, ERROR_MEMORY, "no memory");

        reply = &answers->replies[place];
        answers->asked[place] = true;
        reply->status = status;
        reply->failure = status == 0 ? said : NULL;
        reply->location = status == 0 ? NULL : said;
        if (path[0] == '\0')
                return 0;

        r = file_read(AT_FDCWD, path, REPLY_LIST_BYTES_MAX, &body, &reply->size, error);
        if (r < 0)
                return r;

        reply->body = keep(answers, body);
        return 0;
}

bool answers_have(const Answers *answers, const char *question) {
        size_t place = find_place(question);

        return place < PLACES && answers->asked[place];
}

static Json *print(const Sample samples[], size_t count) {
        Json *object = json_new_object();

        if (object && samples_print(samples, count, object))
                return object;

        json_free(object);
        return NULL;
}

Json *answers_of_master(const Answers *answers, uint64_t masters) {
        const MasterReplies replies = { .metrics = answers->replies[OF_METRICS],
                                        .redirect = answers->replies[OF_REDIRECT],
                                        .flags = answers->replies[OF_FLAGS],
                                        .version = answers->replies[OF_VERSION] };
        Sample sample;

        sample_init(&sample, "mesos-master", "");
        mesos_master_judge(&replies, masters, &sample);
        return print(&sample, 1);
}

Json *answers_of_agent(const Answers *answers) {
        const AgentReplies replies = { .metrics = answers->replies[OF_METRICS],
                                       .state = answers->replies[OF_STATE],
                                       .version = answers->replies[OF_VERSION] };
        Sample sample;

        sample_init(&sample, "mesos-agent", "");
        mesos_agent_judge(&replies, &sample);
        return print(&sample, 1);
}

Json *answers_of_leader(const Answers *answers, const char *const agents[], size_t count) {
        const LeaderReplies replies = { .health = answers->replies[OF_HEALTH],
                                        .slaves = answers->replies[OF_SLAVES],
                                        .summary = answers->replies[OF_SUMMARY],
                                        .version = answers->replies[OF_VERSION],
                                        .flags = answers->replies[OF_FLAGS] };
        static Sample samples[1 + ASKED_AGENTS_MAX];

        if (count > ASKED_AGENTS_MAX)
                return NULL;

        for (size_t i = 0; i <= count; i++)
                sample_init(&samples[i], "mesos-leader", i > 0 ? agents[i - 1] : "");

        mesos_leader_judge(&replies, agents, count, samples);
        return print(samples, count + 1);
}
