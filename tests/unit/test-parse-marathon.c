/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-marathon.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/text.h"
#include "tests/unit/sample-file.h"

/* All that Marathon is asked, together; each answer by itself is in the manifest of samples. */

typedef struct MarathonReplies {
        Reply info, leader;
        bool leads_here;
        Reply apps, pods, deployments;
} MarathonReplies;

/* As the verb does. */
static void judge(const MarathonReplies *replies, Sample *sample) {
        const char *address = replies->leads_here ? "10.0.0.12" : "10.0.0.1";

        sample_init(sample, "marathon", "");
        if (marathon_take_leader(&replies->info, &replies->leader, address, sample)) {
                marathon_take_apps(&replies->apps, sample);
                marathon_take_pods(&replies->pods, sample);
                marathon_take_deployments(&replies->deployments, sample);
        }
        sample_close(sample);
}

static Reply reply_of(const char *question, const char *file) {
        Reply reply = { .question = question, .status = 200 };

        reply.body = sample_file(file, &reply.size);
        return reply;
}

static MarathonReplies good(void) {
        return (MarathonReplies) {
                .info = reply_of("/v2/info", "dcos/marathon-info.json"),
                .leader = reply_of("/v2/leader", "dcos/marathon-leader.json"),
                .leads_here = true,
                .apps = reply_of("/v2/apps", "dcos/marathon-apps-valid.json"),
                .pods = reply_of("/v2/pods", "dcos/marathon-deployments-empty.json"),
                .deployments = reply_of("/v2/deployments", "dcos/marathon-deployments-empty.json"),
        };
}

static void expect(
                const MarathonReplies *replies, Verdict verdict, const char *why, uint64_t alone) {
        uint64_t only = 0;
        Sample sample;

        judge(replies, &sample);
        (void) sample_get_number(&sample, "only_deployments", &only);
        if (sample.verdict != verdict || !strstr(sample.why.text, why) || only != alone) {
                fail_msg("%d '%s', only deployments: %d", sample.verdict, sample.why.text,
                         (int) only);
        }
}

static void test_marathon_passes_when_all_that_it_says_is_good(void **state) {
        MarathonReplies replies = good();

        expect(&replies, VERDICT_PASS, "", 0);
        replies.leads_here = false;
        replies.apps = replies.pods = replies.deployments = (Reply) { .failure = "not asked" };
        expect(&replies, VERDICT_PASS, "", 0);
}

static void test_whatever_is_bad_or_unknown_is_no_pass(void **state) {
        const Reply none = { .question = "/x", .failure = "connection refused" };
        MarathonReplies replies = good();

        for (size_t i = 0; i < 5; i++) {
                MarathonReplies broken = good();
                Reply *const parts[] = { &broken.info, &broken.leader, &broken.apps, &broken.pods,
                                         &broken.deployments };

                *parts[i] = none;
                expect(&broken, VERDICT_UNKNOWN, "connection refused", 0);
        }

        replies.leader = reply_of("/v2/leader", "dcos/marathon-leader-none-404.json");
        replies.leader.status = 404;
        expect(&replies, VERDICT_FAIL, "there is no leader", 0);
}

static void test_two_answers_that_name_two_leaders_are_no_answer(void **state) {
        static const char other[] = "{\"leader\":\"10.0.0.13:8080\"}";
        MarathonReplies replies = good();

        replies.leader.body = other;
        replies.leader.size = strlen(other);
        expect(&replies, VERDICT_UNKNOWN, "/v2/leader 10.0.0.13:8080", 0);
}

/* What else is bad is not excused with them. */
static void test_deployments_are_told_apart_from_whatever_else_is_bad(void **state) {
        MarathonReplies replies = good();

        replies.deployments =
                        reply_of("/v2/deployments", "dcos/marathon-deployments-unfinished.json");
        expect(&replies, VERDICT_FAIL, "1 deployment is not finished", 1);
        replies.apps = reply_of("/v2/apps", "dcos/marathon-apps-bad-constraints.json");
        expect(&replies, VERDICT_FAIL, "", 0);
        replies = good();
        replies.deployments =
                        reply_of("/v2/deployments", "dcos/marathon-deployments-unfinished.json");
        replies.info = (Reply) { .question = "/v2/info", .failure = "connection refused" };
        expect(&replies, VERDICT_FAIL, "", 0);
}

static Reply said(const char *question, const char *body) {
        return (Reply) { .question = question, .status = 200, .body = body, .size = strlen(body) };
}

/* Marathon has taken them: a version that is newer than what we know must not stop every run. */
static void test_a_constraint_that_a_newer_version_may_take_is_a_note(void **state) {
        static const char *const constraints[] = {
                "[\"rack\", \"IS\", \"[1-3]\"]",
                "[\"rack\", \"IS\", \"{a, b}\"]",
                "[\"rack\", \"NEAR\", \"rack-1\"]",
        };

        for (size_t i = 0; i < ELEMENTSOF(constraints); i++) {
                MarathonReplies replies = good();
                char body[128];

                (void) text_format(
                                body, sizeof(body),
                                "{\"apps\":[{\"id\":\"/a\",\"constraints\":[%s]}]}",
                                constraints[i]);
                replies.apps = said("/v2/apps", body);
                expect(&replies, VERDICT_PASS, "", 0);
        }
}

/* zookeeper_config and http_config may have them, and evidence goes into the log as it is. */
static void test_nothing_of_marathons_configuration_becomes_evidence(void **state) {
#define ZOOKEEPER "\"zookeeper_config\":{\"zk\":\"zk://user:secret@zk-1:2181/marathon\"}"
        static const char *const bodies[] = {
                "{" ZOOKEEPER "}",
                "{" ZOOKEEPER ",\"version\":\"1.10.17\",\"elected\":\"yes\"}",
                "{\"zk\":\"zk://user:secret@zk-1:2181",
        };

        for (size_t i = 0; i < ELEMENTSOF(bodies); i++) {
                MarathonReplies replies = good();
                Sample sample;

                replies.info = said("/v2/info", bodies[i]);
                judge(&replies, &sample);
                assert_int_equal(sample.verdict, VERDICT_UNKNOWN);
                assert_null(strstr(sample.evidence, "secret"));
                assert_null(strstr(sample.why.text, "secret"));
        }
}

static void test_who_leads_is_asked_for_the_rest_and_nobody_else(void **state) {
        static const struct {
                const char *leader, *address;
                bool here;
        } cases[] = {
                { "10.0.0.12:8080", "10.0.0.12", true },
                { "10.0.0.12:8080", "10.0.0.1", false },
                { "10.0.0.1:8080", "10.0.0.12", false },
                { "[fd00::1]:8080", "fd00::1", true },
                { "[fd00::12]:8080", "fd00::1", false },
                { "m2.example.com:8080", "10.0.0.1", true },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char body[64];
                Reply reply = { .question = "/v2/leader", .status = 200, .body = body };

                (void) text_format(body, sizeof(body), "{\"leader\":\"%s\"}", cases[i].leader);
                reply.size = strlen(body);
                if (marathon_leads_at(&reply, cases[i].address) != cases[i].here)
                        fail_msg("%s at %s", cases[i].leader, cases[i].address);
        }
        assert_false(marathon_leads_at(&(Reply) { .failure = "silent" }, "10.0.0.1"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_marathon_passes_when_all_that_it_says_is_good),
                cmocka_unit_test(test_whatever_is_bad_or_unknown_is_no_pass),
                cmocka_unit_test(test_two_answers_that_name_two_leaders_are_no_answer),
                cmocka_unit_test(test_deployments_are_told_apart_from_whatever_else_is_bad),
                cmocka_unit_test(test_a_constraint_that_a_newer_version_may_take_is_a_note),
                cmocka_unit_test(test_nothing_of_marathons_configuration_becomes_evidence),
                cmocka_unit_test(test_who_leads_is_asked_for_the_rest_and_nobody_else),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
