/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/sampler.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/text.h"
#include "node-agent/srvr.h"
#include "tests/unit/fake-systemd.h"

/* The sampler, a systemd that is a fake, a rollpatch-probe that is a script, and the link that the
 * test plays. */

#define ADDRESS  "127.84.0.1"
#define STEP     "r1-0123abcd-m1-1"
#define PERIOD   (20 * USEC_PER_MSEC)
#define PATIENCE (9 * USEC_PER_SEC)
#define SENT_MAX 64

/* Notes how it was called, and answers with the file of the name of the check. */
#define PROBE                                                                   \
        "#!/bin/sh\ntop=$(dirname \"$0\")\necho \"$*\" >> $top/calls\n"         \
        "while test -e $top/hold-$1; do sleep 0.01; done\ncat $top/answer-$1\n" \
        "case \"$*\" in *--token*) cat > $top/stdin;; esac\n"                   \
        "! grep -q '\"ok\":false' $top/answer-$1\n"

typedef struct Lab {
        sd_event *event;
        FakeSystemd *fake;
        FakeRules *rules;
        char top[64];
        char probe[96];
        char address[ADDRESS_TEXT_MAX];
        StepJournal *journal;
        SystemdBus *bus;
        Sampler *sampler;
        Watch watch;
        Sample sent[SENT_MAX];
        size_t sent_count;
        unsigned refreshes;
        bool link_is_down;
} Lab;

/* --- the lab --- */

static int send_message(const Message *message, void *userdata) {
        Lab *lab = userdata;

        if (lab->link_is_down)
                return -ENOTCONN;

        assert_int_equal(message->kind, MESSAGE_SAMPLE);
        if (lab->sent_count < SENT_MAX)
                lab->sent[lab->sent_count++] = message->sample;
        return 0;
}

static void put(const Lab *lab, const char *name, const char *text, mode_t mode) {
        char path[256];

        assert_true(text_format(path, sizeof(path), "%s/%s", lab->top, name));
        for (char *slash = path + strlen(lab->top) + 1; (slash = strchr(slash, '/')); slash++) {
                *slash = '\0';
                (void) mkdir(path, 0755);
                *slash = '/';
        }
        assert_int_equal(file_replace(AT_FDCWD, path, text, strlen(text), mode, NULL), 0);
}

static char *get(const Lab *lab, const char *name) {
        char path[256], *text = NULL;

        assert_true(text_format(path, sizeof(path), "%s/%s", lab->top, name));
        return file_read(AT_FDCWD, path, 65536, &text, NULL, NULL) < 0 ? strdup("") : text;
}

static void on_refreshed(void *userdata) {
        Lab *lab = userdata;

        lab->refreshes++;
}

static void start_parts(Lab *lab) {
        static const SamplerHandlers handlers = { send_message, on_refreshed };
        AskerOptions options = {
                .role = ROLE_MASTER,
                .root = lab->top,
                .probe = lab->probe,
                .address = lab->address,
        };
        char path[128];
        Error error = {};
        int r;

        assert_true(text_format(path, sizeof(path), "%s/state", lab->top));
        r = step_journal_open(path, &lab->journal, &error);
        if (r == 0)
                r = systemd_bus_new(lab->event, &lab->bus, &error);

        options.journal = lab->journal;
        options.bus = lab->bus;
        if (r == 0)
                r = sampler_new(lab->event, &options, &handlers, lab, &lab->sampler, &error);
        if (r < 0)
                fail_msg("%s", error.text);
}

static int setup(void **state) {
        Lab *lab = calloc(1, sizeof(*lab));
        char socket[96], text[128];

        assert_non_null(lab);
        log_open("test-sampler", LOG_CRIT);
        (void) text_copy(lab->top, sizeof(lab->top), "/dev/shm/test-sampler-XXXXXX");
        (void) text_copy(lab->address, sizeof(lab->address), ADDRESS);
        assert_non_null(mkdtemp(lab->top));
        assert_true(text_format(lab->probe, sizeof(lab->probe), "%s/probe", lab->top));
        assert_true(text_format(socket, sizeof(socket), "%s/bus", lab->top));
        assert_true(text_format(text, sizeof(text), "unix:path=%s", socket));
        assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", text, 1), 0);
        put(lab, "probe", PROBE, 0755);
        assert_true(sd_event_new(&lab->event) >= 0);
        assert_true(fake_systemd_new(lab->event, socket, &lab->fake) >= 0);
        lab->rules = fake_systemd_rules(lab->fake);
        lab->watch = (Watch) { .epoch = 1, .serial = 1, .masters = 3 };
        start_parts(lab);
        *state = lab;
        return 0;
}

static int teardown(void **state) {
        Lab *lab = *state;
        pid_t pid;

        sampler_free(lab->sampler);
        systemd_bus_free(lab->bus);
        step_journal_free(lab->journal);
        fake_systemd_free(lab->fake);
        (void) sd_event_unref(lab->event);
        pid = fork();
        if (pid == 0) {
                (void) execlp("rm", "rm", "-rf", lab->top, NULL);
                _exit(127);
        }
        (void) waitpid(pid, NULL, 0);
        free(lab);
        return 0;
}

static void add(Lab *lab, const char *check, const char *subject) {
        WatchItem *item = &lab->watch.items[lab->watch.item_count++];

        (void) text_copy(item->check, sizeof(item->check), check);
        (void) text_copy(item->subject, sizeof(item->subject), subject);
        item->period = PERIOD;
}

/* Turns until so many answers have come. */
static void wait_samples(Lab *lab, size_t count) {
        usec_t end = clock_boottime() + PATIENCE;

        while (lab->sent_count < count) {
                if (clock_boottime() > end)
                        fail_msg("waited for %zu samples, %zu came", count, lab->sent_count);
                assert_true(sd_event_run(lab->event, 20 * USEC_PER_MSEC) >= 0);
        }
}

static const Sample *ask_once(Lab *lab, const char *check) {
        add(lab, check, "");
        sampler_watch(lab->sampler, &lab->watch);
        wait_samples(lab, 1);
        assert_string_equal(lab->sent[0].check, check);
        return &lab->sent[0];
}

/* Turns for a while in which nothing is to happen. */
static void idle(Lab *lab, usec_t span) {
        usec_t end = clock_boottime() + span;

        while (clock_boottime() < end)
                assert_true(sd_event_run(lab->event, 5 * USEC_PER_MSEC) >= 0);
}

static uint64_t number(const Sample *sample, const char *name) {
        uint64_t value = 0;

        assert_true(sample_number(sample, name, &value));
        return value;
}

/* --- programs --- */

#define EXHIBITOR                                             \
        "{\"samples\":[{\"check\":\"exhibitor\",\"verdict\":" \
        "\"pass\",\"numbers\":{\"serving\":3}}]}\n"

static void test_an_answer_of_the_probe_is_sent_again_and_again(void **state) {
        Lab *lab = *state;
        auto_free char *calls = NULL;

        put(lab, "answer-exhibitor", EXHIBITOR, 0644);
        add(lab, "exhibitor", "");
        sampler_watch(lab->sampler, &lab->watch);
        assert_int_equal(sampler_get_serial(lab->sampler), 1);
        wait_samples(lab, 3);
        assert_int_equal(lab->sent[2].verdict, VERDICT_PASS);
        assert_int_equal(number(&lab->sent[2], "serving"), 3);
        assert_true(lab->sent[2].took > 0);
        calls = get(lab, "calls");
        assert_true(text_starts_with(calls, "exhibitor --address " ADDRESS " --masters 3 --root "));
}

static void test_an_answer_that_is_no_use_is_unknown(void **state) {
        static const char *const answers[] = {
                "",
                "nonsense",
                "{\"samples\":[]}",
                "{\"samples\":[{\"check\":\"units\",\"verdict\":\"pass\"}]}",
                "{\"ok\":false,\"error\":\"nobody there\"}",
        };
        Lab *lab = *state;

        for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
                put(lab, "answer-exhibitor", answers[i], 0644);
                lab->sent_count = 0;
                lab->watch.item_count = 0;
                lab->watch.serial++;
                sampler_reset(lab->sampler);
                assert_int_equal(ask_once(lab, "exhibitor")->verdict, VERDICT_UNKNOWN);
                assert_string_not_equal(lab->sent[0].reason, "");
        }
        assert_string_equal(lab->sent[0].reason, "nobody there");
}

static void test_a_probe_that_is_missing_is_unknown(void **state) {
        Lab *lab = *state;

        assert_int_equal(unlink(lab->probe), 0);
        assert_int_equal(ask_once(lab, "exhibitor")->verdict, VERDICT_UNKNOWN);
}

static void test_all_of_the_leader_is_asked_by_one_program(void **state) {
        static const char answer[] =
                        "{\"samples\":[{\"check\":\"mesos-leader\",\"verdict\":\"pass\","
                        "\"numbers\":{\"agents\":2}},{\"check\":\"mesos-leader\",\"subject\":"
                        "\"10.77.0.22\",\"verdict\":\"fail\",\"reason\":\"gone\"}]}\n";
        Lab *lab = *state;
        auto_free char *calls = NULL;
        char wanted[256];

        put(lab, "answer-mesos-leader", answer, 0644);
        add(lab, "mesos-leader", "");
        add(lab, "mesos-leader", "10.77.0.21");
        add(lab, "mesos-leader", "10.77.0.22");
        for (size_t i = 0; i < 3; i++)
                lab->watch.items[i].period = USEC_PER_MINUTE;
        lab->watch.items[2].tls = true;
        sampler_watch(lab->sampler, &lab->watch);
        wait_samples(lab, 3);

        calls = get(lab, "calls");
        (void) text_format(
                        wanted, sizeof(wanted),
                        "mesos-leader --address " ADDRESS
                        " --agents 10.77.0.21,https://10.77.0.22 --root %s\n",
                        lab->top);
        assert_string_equal(calls, wanted);
        assert_int_equal(lab->sent[0].verdict, VERDICT_PASS);
        assert_int_equal(lab->sent[1].verdict, VERDICT_UNKNOWN);
        assert_string_equal(lab->sent[1].subject, "10.77.0.21");
        assert_int_equal(lab->sent[2].verdict, VERDICT_FAIL);
}

/* --- the token --- */

#define TOKEN "eyJhbGciOiJSUzI1NiJ9.e30.cGxhbnRlZA"
#define REFUSED                                                                                     \
        "{\"samples\":[{\"check\":\"mesos-master\",\"verdict\":\"unknown\",\"reason\":\"refused\"," \
        "\"numbers\":{\"login_refused\":401}}]}\n"

static const Login the_login = { .epoch = 1, .serial = 77, .token = TOKEN };

static void test_the_token_is_given_on_stdin_and_in_no_argument(void **state) {
        Lab *lab = *state;
        auto_free char *calls = NULL, *input = NULL;

        put(lab, "answer-mesos-master", "{\"samples\":[]}\n", 0644);
        sampler_login(lab->sampler, &the_login);
        assert_int_equal(sampler_get_login(lab->sampler), 77);
        (void) ask_once(lab, "mesos-master");

        calls = get(lab, "calls");
        input = get(lab, "stdin");
        assert_non_null(strstr(calls, " --token -"));
        assert_null(strstr(calls, TOKEN));
        assert_string_equal(input, TOKEN);
}

static void test_a_check_that_needs_no_token_is_not_given_it(void **state) {
        Lab *lab = *state;
        auto_free char *calls = NULL;

        put(lab, "answer-exhibitor", EXHIBITOR, 0644);
        sampler_login(lab->sampler, &the_login);
        (void) ask_once(lab, "exhibitor");
        calls = get(lab, "calls");
        assert_null(strstr(calls, "--token"));
}

static void test_a_refusal_says_which_token_was_refused(void **state) {
        Lab *lab = *state;
        uint64_t value = 0;

        put(lab, "answer-mesos-master", REFUSED, 0644);
        sampler_login(lab->sampler, &the_login);
        (void) ask_once(lab, "mesos-master");
        assert_true(sample_number(&lab->sent[0], "login_refused", &value));
        assert_int_equal(value, 401);
        assert_true(sample_number(&lab->sent[0], "login", &value));
        assert_int_equal(value, 77);
}

static void test_the_token_is_forgotten_with_the_watch_and_with_the_session(void **state) {
        Lab *lab = *state;

        sampler_login(lab->sampler, &the_login);
        lab->watch.serial++;
        lab->watch.item_count = 0;
        sampler_watch(lab->sampler, &lab->watch);
        assert_int_equal(sampler_get_login(lab->sampler), 0);

        sampler_login(lab->sampler, &the_login);
        sampler_reset(lab->sampler);
        assert_int_equal(sampler_get_login(lab->sampler), 0);
}

static void test_a_verb_of_the_probe_that_is_no_check_is_not_run(void **state) {
        Lab *lab = *state;
        auto_free char *calls = NULL;

        put(lab, "answer-fetch", EXHIBITOR, 0644);
        assert_int_equal(ask_once(lab, "fetch")->verdict, VERDICT_UNKNOWN);
        assert_non_null(strstr(lab->sent[0].reason, "does not know"));
        calls = get(lab, "calls");
        assert_string_equal(calls, "");
}

static void test_without_an_address_nobody_is_asked(void **state) {
        Lab *lab = *state;

        lab->address[0] = '\0';
        add(lab, "mesos-master", "");
        add(lab, "zookeeper", "");
        sampler_watch(lab->sampler, &lab->watch);
        wait_samples(lab, 2);
        assert_int_equal(lab->sent[0].verdict, VERDICT_UNKNOWN);
        assert_int_equal(lab->sent[1].verdict, VERDICT_UNKNOWN);
}

/* --- watches --- */

/* Exhibitor is asked, and the answer does not come while the file is there. */
static void ask_and_hold(Lab *lab) {
        usec_t end = clock_boottime() + PATIENCE;

        put(lab, "hold-exhibitor", "", 0644);
        add(lab, "exhibitor", "");
        sampler_watch(lab->sampler, &lab->watch);
        for (;;) {
                auto_free char *calls = get(lab, "calls");

                if (calls[0])
                        return;
                assert_true(clock_boottime() < end);
                assert_true(sd_event_run(lab->event, 5 * USEC_PER_MSEC) >= 0);
        }
}

static void test_a_question_under_way_goes_on_under_a_new_watch(void **state) {
        Lab *lab = *state;
        char path[128];

        ask_and_hold(lab);
        lab->watch.serial = 2;
        add(lab, "version", "");
        sampler_watch(lab->sampler, &lab->watch);
        assert_int_equal(sampler_get_serial(lab->sampler), 2);
        wait_samples(lab, 3);
        for (size_t i = 0; i < 3; i++)
                assert_string_equal(lab->sent[i].check, "version");
        {
                auto_free char *calls = get(lab, "calls");

                assert_ptr_equal(strchr(calls, '\n'), strrchr(calls, '\n')); /* asked once */
        }

        /* Taken off the list, it is killed, and nothing is told of it. */
        lab->watch = (Watch) { .epoch = 1, .serial = 3 };
        sampler_watch(lab->sampler, &lab->watch);
        assert_true(text_format(path, sizeof(path), "%s/hold-exhibitor", lab->top));
        lab->sent_count = 0;
        idle(lab, 50 * USEC_PER_MSEC);
        assert_int_equal(lab->sent_count, 0);
}

/* Otherwise it would be taken for an answer about the step that has come meanwhile. */
static void test_an_answer_names_the_step_of_the_list_by_which_it_was_asked(void **state) {
        Lab *lab = *state;
        usec_t end = clock_boottime() + PATIENCE;
        char path[128];

        ask_and_hold(lab);
        lab->watch.serial = 2;
        (void) text_copy(lab->watch.step, sizeof(lab->watch.step), STEP);
        add(lab, "version", "");
        sampler_watch(lab->sampler, &lab->watch);
        wait_samples(lab, 1);
        assert_string_equal(lab->sent[0].check, "version");
        assert_string_equal(lab->sent[0].step, STEP);

        assert_true(text_format(path, sizeof(path), "%s/hold-exhibitor", lab->top));
        assert_int_equal(unlink(path), 0);
        for (lab->sent_count = 0; lab->sent_count == 0 ||
                                  strcmp(lab->sent[lab->sent_count - 1].check, "exhibitor") != 0;) {
                assert_true(lab->sent_count < SENT_MAX && clock_boottime() < end);
                assert_true(sd_event_run(lab->event, 5 * USEC_PER_MSEC) >= 0);
        }
        assert_string_equal(lab->sent[lab->sent_count - 1].step, "");
}

static void test_a_wish_to_see_it_now_is_granted_once_every_check_has_answered(void **state) {
        Lab *lab = *state;
        usec_t end;

        put(lab, "answer-exhibitor", EXHIBITOR, 0644);
        add(lab, "exhibitor", "");
        add(lab, "units", "");
        lab->watch.items[0].period = lab->watch.items[1].period = USEC_PER_HOUR;
        sampler_watch(lab->sampler, &lab->watch);
        wait_samples(lab, 2);
        assert_int_equal(sampler_get_refreshed(lab->sampler), 0);

        lab->watch.serial = 2;
        lab->watch.refresh = 5;
        sampler_watch(lab->sampler, &lab->watch);
        sampler_watch(lab->sampler, &lab->watch); /* repeated, as long as no heartbeat names it */
        end = clock_boottime() + PATIENCE;
        while (sampler_get_refreshed(lab->sampler) != 5 && clock_boottime() < end)
                assert_true(sd_event_run(lab->event, 20 * USEC_PER_MSEC) >= 0);

        assert_int_equal(sampler_get_refreshed(lab->sampler), 5);
        assert_int_equal(lab->refreshes, 1);
        assert_int_equal(lab->sent_count, 4); /* each once more, before it was said */
}

static void test_a_wish_with_nothing_to_ask_is_granted_at_once(void **state) {
        Lab *lab = *state;

        lab->watch.refresh = 9;
        sampler_watch(lab->sampler, &lab->watch);
        assert_int_equal(sampler_get_refreshed(lab->sampler), 9);
        assert_int_equal(lab->refreshes, 1);
        sampler_reset(lab->sampler);
        assert_int_equal(sampler_get_refreshed(lab->sampler), 0); /* a new session begins anew */
}

static void test_the_same_watch_again_changes_nothing(void **state) {
        Lab *lab = *state;

        (void) ask_once(lab, "version");
        lab->watch.item_count = 0; /* would stop it */
        sampler_watch(lab->sampler, &lab->watch);
        wait_samples(lab, 3);
}

static void test_without_a_link_nothing_is_kept_and_the_watch_is_over(void **state) {
        Lab *lab = *state;
        usec_t end = clock_boottime() + PATIENCE;

        (void) ask_once(lab, "version");
        lab->link_is_down = true;
        while (sampler_get_serial(lab->sampler) != 0) {
                assert_true(clock_boottime() < end);
                assert_true(sd_event_run(lab->event, 5 * USEC_PER_MSEC) >= 0);
        }

        lab->link_is_down = false;
        lab->sent_count = 0;
        idle(lab, 5 * PERIOD);
        assert_int_equal(lab->sent_count, 0);

        /* Ordered anew, it begins anew. */
        sampler_watch(lab->sampler, &lab->watch);
        wait_samples(lab, 1);
}

static void test_a_reset_ends_all_questions(void **state) {
        Lab *lab = *state;

        (void) ask_once(lab, "version");
        sampler_reset(lab->sampler);
        assert_int_equal(sampler_get_serial(lab->sampler), 0);
        lab->sent_count = 0;
        idle(lab, 5 * PERIOD);
        assert_int_equal(lab->sent_count, 0);
}

/* --- without a program --- */

static void test_the_version_is_compared_with_the_one_that_is_wanted(void **state) {
        Lab *lab = *state;

        put(lab, "opt/mesosphere/etc/dcos-version.json", "{\"version\": \"2.1.1\"}\n", 0644);
        (void) text_copy(lab->watch.version, sizeof(lab->watch.version), "2.1.1");
        assert_int_equal(ask_once(lab, "version")->verdict, VERDICT_PASS);
}

static void test_units_are_asked_of_systemd_and_judged(void **state) {
        Lab *lab = *state;
        char name[64];

        for (unsigned i = 0; i < 9; i++) {
                (void) text_format(
                                name, sizeof(name),
                                "etc/systemd/system/dcos.target.wants/dcos-%u.target", i);
                put(lab, name, "", 0644);
        }
        put(lab, "etc/systemd/system/dcos.target.wants/dcos-checks-poststart.timer", "", 0644);

        lab->rules->unit.load = "loaded";
        lab->rules->unit.active = "active";
        assert_int_equal(ask_once(lab, "units")->verdict, VERDICT_PASS);
        assert_int_equal(number(&lab->sent[0], "units"), 9);

        lab->rules->unit.active = "failed";
        lab->sent_count = 0;
        wait_samples(lab, 2);
        assert_int_equal(lab->sent[1].verdict, VERDICT_FAIL);
        assert_int_equal(number(&lab->sent[1], "bad"), 9);
        assert_string_equal(sample_text(&lab->sent[1], "worst"), "dcos-0.target");

        /* While DC/OS is being activated, what is down is not bad. */
        put(lab, "opt/mesosphere/install_progress", "{}", 0644);
        lab->sent_count = 0;
        wait_samples(lab, 2);
        assert_int_equal(lab->sent[1].verdict, VERDICT_UNKNOWN);
}

static void test_units_are_unknown_while_there_are_none_or_systemd_is_away(void **state) {
        Lab *lab = *state;
        size_t i = 0;

        assert_int_equal(ask_once(lab, "units")->verdict, VERDICT_UNKNOWN);
        assert_non_null(strstr(lab->sent[0].reason, "dcos.target.wants"));

        put(lab, "etc/systemd/system/dcos.target.wants/dcos-net.service", "", 0644);
        lab->rules->mute = true;
        lab->sent_count = 0;
        idle(lab, 5 * PERIOD);
        i = lab->sent_count;
        fake_systemd_hang_up(lab->fake);
        wait_samples(lab, i + 1);
        assert_int_equal(lab->sent[i].verdict, VERDICT_UNKNOWN);
}

static pid_t serve_zookeeper(const char *answer) {
        struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(ZOOKEEPER_PORT) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
        pid_t pid;

        assert_int_equal(inet_pton(AF_INET, ADDRESS, &at.sin_addr), 1);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), 0);
        assert_int_equal(bind(fd, (struct sockaddr *) &at, sizeof(at)), 0);
        assert_int_equal(listen(fd, 16), 0);
        pid = fork();
        if (pid == 0) {
                char question[4];
                int client = accept(fd, NULL, NULL);

                if (read(client, question, 4) == 4 && write(client, answer, strlen(answer)) > 0)
                        _exit(0);
                _exit(1);
        }

        (void) close(fd);
        return pid;
}

static void test_zookeeper_is_asked_for_its_mode(void **state) {
        Lab *lab = *state;
        pid_t pid = serve_zookeeper("Zookeeper version: 3\nMode: follower\nNode count: 4\n");

        assert_int_equal(ask_once(lab, "zookeeper")->verdict, VERDICT_PASS);
        assert_string_equal(sample_text(&lab->sent[0], "mode"), "follower");
        assert_int_equal(waitpid(pid, NULL, 0), pid);

        /* And then nobody is there. */
        lab->sent_count = 0;
        wait_samples(lab, 1);
        assert_int_equal(lab->sent[0].verdict, VERDICT_UNKNOWN);
}

static void test_a_step_that_was_never_started_has_no_place_in_the_journal(void **state) {
        Lab *lab = *state;

        (void) text_copy(lab->watch.step, sizeof(lab->watch.step), STEP);
        assert_int_equal(ask_once(lab, "journal")->verdict, VERDICT_NOT_APPLICABLE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_an_answer_of_the_probe_is_sent_again_and_again),
                TEST(test_an_answer_that_is_no_use_is_unknown),
                TEST(test_a_probe_that_is_missing_is_unknown),
                TEST(test_all_of_the_leader_is_asked_by_one_program),
                TEST(test_the_token_is_given_on_stdin_and_in_no_argument),
                TEST(test_a_check_that_needs_no_token_is_not_given_it),
                TEST(test_a_refusal_says_which_token_was_refused),
                TEST(test_the_token_is_forgotten_with_the_watch_and_with_the_session),
                TEST(test_a_verb_of_the_probe_that_is_no_check_is_not_run),
                TEST(test_without_an_address_nobody_is_asked),
                TEST(test_a_question_under_way_goes_on_under_a_new_watch),
                TEST(test_an_answer_names_the_step_of_the_list_by_which_it_was_asked),
                TEST(test_a_wish_to_see_it_now_is_granted_once_every_check_has_answered),
                TEST(test_a_wish_with_nothing_to_ask_is_granted_at_once),
                TEST(test_the_same_watch_again_changes_nothing),
                TEST(test_without_a_link_nothing_is_kept_and_the_watch_is_over),
                TEST(test_a_reset_ends_all_questions),
                TEST(test_the_version_is_compared_with_the_one_that_is_wanted),
                TEST(test_units_are_asked_of_systemd_and_judged),
                TEST(test_units_are_unknown_while_there_are_none_or_systemd_is_away),
                TEST(test_zookeeper_is_asked_for_its_mode),
                TEST(test_a_step_that_was_never_started_has_no_place_in_the_journal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
