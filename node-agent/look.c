/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/look.h"

#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "node-agent/port-question.h"

/* One question for each port of each target. The first that fails decides; what is still open at
 * the deadline has failed. Without a target there is nobody to be called back by, and a source of
 * its own tells that the look has passed. */

typedef struct Question {
        Look *look;
        const LookTarget *target;
        const char *service;
        uint16_t port;
        const char *words; /* NULL: that it accepts the connection is all we want */
        char what[PORT_WHAT_MAX];
        PortQuestion *question;
        bool passed;
} Question;

struct Look {
        LookTarget targets[MASTERS_MAX];
        Question questions[2 * MASTERS_MAX];
        size_t question_count;
        sd_event_source *nobody;
        LookDone on_done;
        void *userdata;
};

static void decide(Look *look, const Error *error) {
        for (size_t i = 0; i < look->question_count; i++)
                port_question_free(TAKE(look->questions[i].question));

        look->on_done(error, look->userdata);
}

static bool all_passed(const Look *look) {
        for (size_t i = 0; i < look->question_count; i++) {
                if (!look->questions[i].passed)
                        return false;
        }

        return true;
}

static void refuse_answer(const Question *question, const char *answer, Error *error) {
        const char *mode = strstr(answer, "Mode: ");
        char shown[80];

        text_ellipsize(shown, sizeof(shown), mode ? mode : answer);
        (void) error_setf(
                        error, ERROR_BLOCKED, "%s: answers '%s', want 'Mode: leader' or 'follower'",
                        question->what, shown);
}

static void on_answer(const Error *failed, const char *answer, void *userdata) {
        Question *question = ASSERT_PTR(userdata);
        Error error = *failed;

        if (error.code == ERROR_NONE && question->words && !srvr_serves(answer))
                refuse_answer(question, answer, &error);

        question->passed = error.code == ERROR_NONE;
        if (!question->passed || all_passed(question->look))
                decide(question->look, &error);
}

static int on_nobody(sd_event_source *source, void *userdata) {
        decide(ASSERT_PTR(userdata), &(Error) {});
        return 0;
}

static int question_start(Question *question, sd_event *event, Error *error) {
        const char *address = question->target->address;
        bool ipv6 = strchr(address, ':');

        (void) text_format(
                        question->what, sizeof(question->what), "last look: %s %s at %s%s%s:%u",
                        question->target->name, question->service, ipv6 ? "[" : "", address,
                        ipv6 ? "]" : "", question->port);
        return port_question_start(
                        event,
                        &(PortWords) { .what = question->what,
                                       .address = address,
                                       .port = question->port,
                                       .words = question->words,
                                       .enough = srvr_serves,
                                       .timeout = LOOK_TIMEOUT },
                        on_answer, question, &question->question, error);
}

static void add_question(
                Look *look,
                const LookTarget *target,
                const char *service,
                uint16_t port,
                const char *words) {
        look->questions[look->question_count++] = (Question) {
                .look = look,
                .target = target,
                .service = service,
                .port = port,
                .words = words,
        };
}

static int start(Look *look, sd_event *event, Error *error) {
        int r = 0;

        if (look->question_count == 0) {
                r = sd_event_add_defer(event, &look->nobody, on_nobody, look);
                return r < 0 ? error_errnof(error, r, "last look") : 0;
        }

        for (size_t i = 0; r == 0 && i < look->question_count; i++)
                r = question_start(&look->questions[i], event, error);

        return r;
}

int look_start(sd_event *event,
               const LookTarget targets[],
               size_t count,
               LookDone on_done,
               void *userdata,
               Look **ret,
               Error *error) {
        AUTO(Look) *look = calloc(1, sizeof(*look));
        int r;

        assert(count <= MASTERS_MAX);

        if (!look)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        look->on_done = on_done;
        look->userdata = userdata;
        for (size_t i = 0; i < count; i++) {
                look->targets[i] = targets[i];
                add_question(look, &look->targets[i], "zookeeper", ZOOKEEPER_PORT, SRVR_WORDS);
                add_question(look, &look->targets[i], "mesos", MESOS_PORT, NULL);
        }

        r = start(look, event, error);
        if (r < 0)
                return r;

        *ret = TAKE(look);
        return 0;
}

void look_free(Look *look) {
        if (!look)
                return;

        for (size_t i = 0; i < look->question_count; i++)
                port_question_free(look->questions[i].question);

        (void) sd_event_source_disable_unref(look->nobody);
        free(look);
}
