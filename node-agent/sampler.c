/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/sampler.h"

#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/service.h"
#include "proto/random.h"

/* The shell round schedule.h: one timer, armed for the next task that is due, and off when there is
 * nothing to do. */

#define SELDOM (10 * USEC_PER_SEC)

struct Sampler {
        sd_event *event;
        Asker *asker;
        Schedule schedule;
        uint64_t serial;
        sd_event_source *timer;
        uint64_t refresh;   /* the newest wish to be asked at once */
        uint64_t refreshed; /* the newest one that is granted */
        const SamplerHandlers *handlers;
        void *userdata;
};

static void arm(Sampler *sampler) {
        usec_t wake = schedule_wake(&sampler->schedule);

        (void) sd_event_source_set_time(sampler->timer, wake);
        (void) sd_event_source_set_enabled(
                        sampler->timer, wake == USEC_INFINITY ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static void send_sample(Sampler *sampler, const Sample *sample) {
        Message message = { .kind = MESSAGE_SAMPLE };
        int r;

        message.sample = *sample;
        r = sampler->handlers->send(&message, sampler->userdata);
        if (r == -ENOTCONN) {
                log_debug("No link: the watch is over.");
                sampler_reset(sampler);
        }
}

/* Said once; the heartbeats repeat it. */
static void note_refreshed(Sampler *sampler) {
        if (sampler->refreshed == sampler->refresh || schedule_is_hurried(&sampler->schedule))
                return;

        sampler->refreshed = sampler->refresh;
        sampler->handlers->on_refreshed(sampler->userdata);
}

static void rest_if_seldom(const Sampler *sampler) {
        usec_t wake = schedule_wake(&sampler->schedule);

        if (!schedule_is_asking(&sampler->schedule) && wake >= clock_boottime() + SELDOM)
                service_rest();
}

/* The first that cannot be sent ends the watch, and with it this. */
static void on_answer(Question *question, const Sample samples[], size_t count, void *userdata) {
        Sampler *sampler = ASSERT_PTR(userdata);
        Task *task = schedule_find(&sampler->schedule, question);

        assert(task);
        schedule_end(task, clock_boottime());
        for (size_t i = 0; i < count && sampler->serial != 0; i++)
                send_sample(sampler, &samples[i]);

        question_free(question);
        note_refreshed(sampler);
        arm(sampler);
        rest_if_seldom(sampler);
}

static void ask_what_is_due(Sampler *sampler, usec_t now) {
        Task *task;

        while ((task = schedule_pick(&sampler->schedule, now))) {
                Question *question = question_start(sampler->asker, task, on_answer, sampler);

                schedule_begin(task, question, now);
                if (question)
                        continue;

                log_error("%s cannot be asked: out of memory.", task->check);
                schedule_end(task, now);
        }
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Sampler *sampler = ASSERT_PTR(userdata);

        ask_what_is_due(sampler, clock_boottime());
        arm(sampler);
        return 0;
}

static void replace(Sampler *sampler, const Watch *watch) {
        auto_free Schedule *dropped = calloc(1, sizeof(*dropped));

        /* The list before stays in force, and so does its serial. */
        if (!dropped) {
                log_error("A watch cannot be taken over: out of memory.");
                return;
        }

        schedule_replace(
                        &sampler->schedule, watch, clock_boottime(), random_up_to(USEC_PER_SEC),
                        dropped);
        for (size_t i = 0; i < dropped->count; i++)
                question_free(dropped->tasks[i].question);

        asker_set_watch(sampler->asker, watch);
        if (watch->item_count == 0)
                (void) asker_set_login(sampler->asker, NULL);
        sampler->serial = watch->serial;
        if (watch->refresh > sampler->refresh) {
                sampler->refresh = watch->refresh;
                schedule_hurry(&sampler->schedule, clock_boottime());
        }
        arm(sampler);
}

void sampler_watch(Sampler *sampler, const Watch *watch) {
        /* Repeated until a heartbeat has named it. */
        if (watch->serial == sampler->serial)
                return;

        log_debug("A watch of %zu items.", watch->item_count);
        replace(sampler, watch);
        note_refreshed(sampler); /* there may be nothing to ask */
}

void sampler_reset(Sampler *sampler) {
        static const Watch none;

        if (sampler->serial != 0)
                replace(sampler, &none);
        (void) asker_set_login(sampler->asker, NULL);

        sampler->refresh = sampler->refreshed = 0;
}

void sampler_login(Sampler *sampler, const Login *login) {
        if (login->serial != asker_get_login(sampler->asker) &&
            asker_set_login(sampler->asker, login) < 0)
                log_error("The token for a strict cluster cannot be kept: no memory can be locked.");
}

uint64_t sampler_get_login(const Sampler *sampler) {
        return asker_get_login(sampler->asker);
}

const Asker *sampler_get_asker(const Sampler *sampler) {
        return sampler->asker;
}

uint64_t sampler_get_serial(const Sampler *sampler) {
        return sampler->serial;
}

uint64_t sampler_get_refreshed(const Sampler *sampler) {
        return sampler->refreshed;
}

int sampler_new(sd_event *event,
                const AskerOptions *options,
                const SamplerHandlers *handlers,
                void *userdata,
                Sampler **ret,
                Error *error) {
        AUTO(Sampler) *sampler = calloc(1, sizeof(*sampler));
        int r;

        if (!sampler)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        sampler->event = event;
        sampler->handlers = handlers;
        sampler->userdata = userdata;
        sampler->asker = asker_new(event, options);
        if (!sampler->asker)
                return error_setf(error, ERROR_MEMORY, "out of memory, or no boot id");

        r = sd_event_add_time(
                        event, &sampler->timer, CLOCK_BOOTTIME, USEC_INFINITY, 10 * USEC_PER_MSEC,
                        on_timer, sampler);
        if (r < 0)
                return error_errnof(error, r, "cannot make a timer");

        (void) sd_event_source_set_description(sampler->timer, "sampler");
        *ret = TAKE(sampler);
        return 0;
}

void sampler_free(Sampler *sampler) {
        if (!sampler)
                return;

        for (size_t i = 0; i < sampler->schedule.count; i++)
                question_free(sampler->schedule.tasks[i].question);

        (void) sd_event_source_disable_unref(sampler->timer);
        asker_free(sampler->asker);
        free(sampler);
}
