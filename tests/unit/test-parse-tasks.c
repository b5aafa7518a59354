/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-tasks.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "tests/unit/sample-rows.h"

/* Tasks by both sides: what lasts is a difference, what passes by is none. */

#define AGENT(tasks) \
        "{\"id\":\"S1\",\"frameworks\":[{\"id\":\"F1\",\"executors\":[{\"tasks\":[" tasks "]}]}]}"
#define OWN(id)         "{\"id\":\"" id "\",\"state\":\"TASK_RUNNING\"}"
#define LISTED(id)      LISTED_AS(id, "TASK_RUNNING")
#define LEADER(tasks)   "{\"tasks\":[" tasks "]}"
#define SUMMARY(number) "{\"slaves\":[{\"id\":\"S1\",\"TASK_RUNNING\":" number "}]}"
#define LISTED_AS(id, state) \
        "{\"id\":\"" id "\",\"framework_id\":\"F1\",\"slave_id\":\"S1\",\"state\":\"" state "\"}"

static Reply reply_of(const char *question, const char *body) {
        return (Reply) { .question = question, .status = 200, .body = body, .size = strlen(body) };
}

typedef struct Answered {
        Reply state;
        Reply summary;
        Reply tasks;
} Answered;

static Answered answered(const char *state, const char *tasks, const char *summary) {
        return (Answered) { reply_of("/state", state), reply_of("/state-summary", summary),
                            reply_of("/tasks", tasks) };
}

/* As the verb does: whether another look is needed. */
static bool look_at(const Answered *replies, TaskLook *look) {
        Error error = {};
        size_t rows;

        task_look_read_agent(&replies->state, look);
        task_looks_count(&replies->summary, look, 1);
        if (task_looks_read_page(&replies->tasks, look, 1, &rows, &error) < 0)
                look->error = error;

        return look->error.code == ERROR_NONE && task_look_differs(look);
}

static Sample judge(const Answered *first, const Answered *second) {
        TaskLook looks[TASK_LOOKS] = {};
        Sample sample;
        bool again;

        sample_init(&sample, "mesos-tasks", "10.0.0.21");
        again = look_at(first, &looks[0]);
        if (again)
                (void) look_at(second, &looks[1]);
        task_looks_judge(&looks[0], again ? &looks[1] : NULL, &sample);
        task_look_done(&looks[0]);
        task_look_done(&looks[1]);
        return sample;
}

static Answered row_look(
                const Row *row, const char *state, const char *summary, const char *tasks) {
        return (Answered) { row_reply(row, state, "/state"),
                            row_reply(row, summary, "/state-summary"),
                            row_reply(row, tasks, "/tasks") };
}

static void judge_row(const Row *row, Sample *sample) {
        Answered first = row_look(row, "state", "summary", "tasks");
        Answered second = row_look(row, "state_again", "summary_again", "tasks_again");

        *sample = judge(&first, &second);
}

static void test_every_sample_gets_its_verdict(void **state) {
        assert_int_equal(each_row("mesos-tasks", judge_row), 9);
}

static void expect(
                const Answered *first, const Answered *second, Verdict verdict, const char *why) {
        Sample sample = judge(first, second);

        if (sample.verdict != verdict || !strstr(sample.why.text, why)) {
                fail_msg("'%s' (%d), want '%s' (%d)", sample.why.text, sample.verdict, why,
                         verdict);
        }
}

static void test_a_task_that_one_side_never_hears_of_is_named(void **state) {
        const Answered agent_alone =
                        answered(AGENT(OWN("web.1") "," OWN("web.2")), LEADER(LISTED("web.1")),
                                 SUMMARY("1"));
        const Answered leader_alone = answered(
                        AGENT(""), LEADER(LISTED("web.1") "," LISTED("web.2")), SUMMARY("2"));

        expect(&agent_alone, &agent_alone, VERDICT_FAIL,
               "it runs, and the leading master does not know: task web.2 of F1");
        expect(&leader_alone, &leader_alone, VERDICT_FAIL,
               "the leading master has it running, and it does not: task web.1 of F1, and 1 more");
}

/* As many on both sides, and not the same ones: which a count never shows. */
static void test_as_many_tasks_are_not_the_same_tasks(void **state) {
        const Answered other = answered(AGENT(OWN("web.1")), LEADER(LISTED("web.2")), SUMMARY("1"));

        expect(&other, &other, VERDICT_FAIL, "task web.1 of F1");
}

static void test_a_busy_agent_passes_while_tasks_come_and_go(void **state) {
        const Answered first =
                        answered(AGENT(OWN("web.1") "," OWN("job.1")),
                                 LEADER(LISTED("web.1") "," LISTED("job.2")), SUMMARY("2"));
        const Answered second =
                        answered(AGENT(OWN("web.1") "," OWN("job.3")),
                                 LEADER(LISTED("web.1") "," LISTED("job.4")), SUMMARY("2"));

        expect(&first, &second, VERDICT_PASS, "");
}

/* What the leader has given up is not the same as what runs. */
static void test_only_what_runs_is_compared(void **state) {
        const Answered lost =
                        answered(AGENT(OWN("web.1")),
                                 LEADER(LISTED_AS("web.1", "TASK_UNREACHABLE")), SUMMARY("0"));
        const Answered over =
                        answered(AGENT(OWN("web.1")),
                                 LEADER(LISTED("web.1") "," LISTED_AS("job.1", "TASK_FINISHED")),
                                 SUMMARY("1"));

        expect(&lost, &lost, VERDICT_FAIL, "task web.1 of F1");
        expect(&over, &over, VERDICT_PASS, "");
}

/* Whoever may see no tasks sees two lists that are the same. */
static void test_tasks_that_are_hidden_from_us_are_not_compared(void **state) {
        const Answered hidden = answered(AGENT(""), LEADER(""), SUMMARY("3"));
        const Answered unsaid = answered(AGENT(OWN("web.1")), LEADER(LISTED("web.1")), "{}");
        const Answered seen = answered(AGENT(OWN("web.1")), LEADER(LISTED("web.1")), SUMMARY("1"));

        expect(&hidden, &hidden, VERDICT_UNKNOWN, "counts 3 running tasks there, and shows 0");
        expect(&unsaid, &unsaid, VERDICT_UNKNOWN, "does not say how many");
        expect(&unsaid, &seen, VERDICT_PASS, "");
}

static void test_pages_that_overlap_count_a_task_once(void **state) {
        const Reply page = reply_of("/tasks", LEADER(LISTED("web.1")));
        TaskLook look = {};
        Error error = {};
        size_t rows;

        task_look_read_agent(
                        &(Reply) { .question = "/state",
                                   .status = 200,
                                   .body = AGENT(OWN("web.1")),
                                   .size = sizeof(AGENT(OWN("web.1"))) - 1 },
                        &look);
        look.counted = 1;
        look.is_counted = true;
        assert_int_equal(task_looks_read_page(&page, &look, 1, &rows, &error), 0);
        assert_int_equal(task_looks_read_page(&page, &look, 1, &rows, &error), 0);
        assert_int_equal(rows, 1);
        assert_false(task_look_differs(&look));
        task_look_done(&look);
}

static void judge_agent(const char *body, size_t size, Sample *sample) {
        const Answered replies = {
                { .question = "/state", .status = 200, .body = body, .size = size },
                reply_of("/state-summary", SUMMARY("1")),
                reply_of("/tasks", LEADER(LISTED("web.1")))
        };

        *sample = judge(&replies, &replies);
}

static void judge_leader(const char *body, size_t size, Sample *sample) {
        const Answered replies = {
                reply_of("/state", AGENT(OWN("web.1"))),
                reply_of("/state-summary", SUMMARY("1")),
                { .question = "/tasks", .status = 200, .body = body, .size = size }
        };

        *sample = judge(&replies, &replies);
}

static bool agent_may_pass(const char *body) {
        return count_words(body, "web.1") == 1 && count_words(body, "TASK_RUNNING") == 1 &&
               count_words(body, "\"F1\"") == 1 && count_words(body, "\"S1\"") == 1;
}

static void test_damaged_lists_never_pass(void **state) {
        static const char agent[] = AGENT(OWN("web.1"));
        static const char leader[] = LEADER(LISTED("web.1"));

        never_passes_by_accident(&(Mutation) { .body = agent,
                                               .size = strlen(agent),
                                               .judge = judge_agent,
                                               .may_pass = agent_may_pass });
        never_passes_by_accident(&(Mutation) { .body = leader,
                                               .size = strlen(leader),
                                               .judge = judge_leader,
                                               .may_pass = agent_may_pass });
}

static void test_more_tasks_than_one_agent_can_have_are_no_answer(void **state) {
        static const char one[] = OWN("t") ",";
        size_t size = (TASKS_OF_AGENT_MAX + 1) * (sizeof(one) - 1) + 256;
        char *body = calloc(1, size);
        Sample sample;

        assert_non_null(body);
        (void) text_copy(
                        body, size,
                        "{\"id\":\"S1\",\"frameworks\":[{\"id\":\"F1\",\"executors\":[{\"tasks\":[");
        for (size_t i = 0, at = strlen(body); i < TASKS_OF_AGENT_MAX; i++, at += sizeof(one) - 1)
                memcpy(body + at, one, sizeof(one));
        (void) text_copy(body + strlen(body), size - strlen(body), OWN("t") "]}]}]}");
        judge_agent(body, strlen(body), &sample);
        assert_int_equal(sample.verdict, VERDICT_UNKNOWN);
        assert_non_null(strstr(sample.why.text, "more than 20000 tasks run on one agent"));
        free(body);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_sample_gets_its_verdict),
                cmocka_unit_test(test_a_task_that_one_side_never_hears_of_is_named),
                cmocka_unit_test(test_as_many_tasks_are_not_the_same_tasks),
                cmocka_unit_test(test_a_busy_agent_passes_while_tasks_come_and_go),
                cmocka_unit_test(test_only_what_runs_is_compared),
                cmocka_unit_test(test_tasks_that_are_hidden_from_us_are_not_compared),
                cmocka_unit_test(test_pages_that_overlap_count_a_task_once),
                cmocka_unit_test(test_damaged_lists_never_pass),
                cmocka_unit_test(test_more_tasks_than_one_agent_can_have_are_no_answer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
