/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/look.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/text.h"

/* Masters of 127.83.0.0/16: each a process that answers on ZooKeeper's and Mesos' ports. */

#define GOOD \
        "Zookeeper version: 3.4.14\nLatency min/avg/max: 0/0/0\nMode: follower\nNode count: 4\n"
#define MASTERS 9
#define SILENT  NULL

typedef struct Lab {
        sd_event *event;
        pid_t pids[2 * MASTERS];
        size_t pid_count;
        LookTarget targets[MASTERS];
        size_t target_count;
        unsigned calls; /* of on_done */
        Error error;
        Look *look;
        bool frees; /* on_done frees the look */
} Lab;

static int listen_at(const char *address, uint16_t port) {
        struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

        assert_int_equal(inet_pton(AF_INET, address, &at.sin_addr), 1);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), 0);
        assert_int_equal(bind(fd, (struct sockaddr *) &at, sizeof(at)), 0);
        assert_int_equal(listen(fd, 16), 0);
        return fd;
}

/* `answer` SILENT: takes the question and says nothing. */
static _Noreturn void serve(int fd, const char *answer, bool hangs_up) {
        char question[8];

        for (;;) {
                int client = accept(fd, NULL, NULL);

                if (client < 0 || read(client, question, 4) != 4 ||
                    memcmp(question, "srvr", 4) != 0)
                        continue;
                if (answer && write(client, answer, strlen(answer)) < 0)
                        continue;
                if (answer && hangs_up)
                        (void) close(client);
        }
}

static void add_zookeeper(Lab *lab, const char *address, const char *answer, bool hangs_up) {
        int fd = listen_at(address, ZOOKEEPER_PORT);
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                serve(fd, answer, hangs_up);
        }

        (void) close(fd);
        lab->pids[lab->pid_count++] = pid;
}

/* That it accepts is all that is looked at, and the kernel does that. */
static void add_mesos(Lab *lab, const char *address) {
        int fd = listen_at(address, MESOS_PORT);
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;)
                        (void) pause();
        }

        (void) close(fd);
        lab->pids[lab->pid_count++] = pid;
}

static const char *add_target(Lab *lab, const char *address) {
        LookTarget *target = &lab->targets[lab->target_count++];

        (void) text_format(target->name, sizeof(target->name), "m%zu", lab->target_count);
        (void) text_copy(target->address, sizeof(target->address), address);
        return target->address;
}

static void add_good_master(Lab *lab) {
        char text[ADDRESS_TEXT_MAX];
        const char *address;

        (void) text_format(text, sizeof(text), "127.83.0.%zu", lab->target_count + 1);
        address = add_target(lab, text);
        add_zookeeper(lab, address, GOOD, true);
        add_mesos(lab, address);
}

static int setup(void **state) {
        Lab *lab = calloc(1, sizeof(*lab));

        assert_non_null(lab);
        assert_true(sd_event_new(&lab->event) >= 0);
        *state = lab;
        return 0;
}

static int teardown(void **state) {
        Lab *lab = *state;

        for (size_t i = 0; i < lab->pid_count; i++) {
                (void) kill(lab->pids[i], SIGKILL);
                (void) waitpid(lab->pids[i], NULL, 0);
        }
        look_free(lab->look);
        (void) sd_event_unref(lab->event);
        free(lab);
        return 0;
}

static void on_done(const Error *error, void *userdata) {
        Lab *lab = userdata;

        lab->calls++;
        lab->error = *error;
        if (lab->frees)
                look_free(TAKE(lab->look));
        (void) sd_event_exit(lab->event, 0);
}

/* The verdict, "" if it passed. */
static const char *look(Lab *lab) {
        Error error = {};

        assert_int_equal(
                        look_start(lab->event, lab->targets, lab->target_count, on_done, lab,
                                   &lab->look, &error),
                        0);
        assert_int_equal(lab->calls, 0);
        assert_true(sd_event_loop(lab->event) >= 0);
        assert_int_equal(lab->calls, 1);
        return lab->error.code == ERROR_NONE ? "" : lab->error.text;
}

static void assert_says(const char *text, const char *part) {
        if (!strstr(text, part))
                fail_msg("the look said '%s', want '%s'", text, part);
}

/* --- tests --- */

static void test_without_others_there_is_nothing_to_look_at(void **state) {
        Lab *lab = *state;

        lab->frees = true;
        assert_string_equal(look(lab), "");
}

static void test_eight_good_masters_pass(void **state) {
        Lab *lab = *state;

        for (size_t i = 0; i < MASTERS - 1; i++)
                add_good_master(lab);
        assert_string_equal(look(lab), "");
}

static void test_a_leader_and_a_standalone_serve_too(void **state) {
        Lab *lab = *state;

        for (unsigned i = 0; i < 2; i++) {
                const char *address = add_target(lab, i ? "127.83.1.1" : "127.83.1.2");

                add_zookeeper(lab, address, i ? "Mode: leader\n" : "a\nMode: standalone\n", true);
                add_mesos(lab, address);
        }
        assert_string_equal(look(lab), "");
}

static void test_an_answer_is_enough_without_a_hang_up(void **state) {
        Lab *lab = *state;
        const char *address = add_target(lab, "127.83.2.1");

        add_zookeeper(lab, address, GOOD, false);
        add_mesos(lab, address);
        assert_string_equal(look(lab), "");
}

static void test_a_zookeeper_that_is_down_is_named(void **state) {
        Lab *lab = *state;

        add_good_master(lab);
        add_mesos(lab, add_target(lab, "127.83.3.1"));
        assert_string_equal(
                        look(lab),
                        "last look: m2 zookeeper at 127.83.3.1:2181: Connection refused");
}

static void test_a_mesos_that_is_down_is_named(void **state) {
        Lab *lab = *state;

        add_good_master(lab);
        add_zookeeper(lab, add_target(lab, "127.83.4.1"), GOOD, true);
        assert_string_equal(
                        look(lab), "last look: m2 mesos at 127.83.4.1:5050: Connection refused");
}

static void test_a_zookeeper_that_does_not_serve_fails(void **state) {
        static const char *const answers[] = {
                "This ZooKeeper instance is not currently serving requests\n",
                "Mode: observer\n",
                "Mode: read-only\n",
                "Mode: leaderx\n",
                "Mode: leader", /* cut */
                "xMode: leader\n",
                "srvr is not executed because it is not in the whitelist.\n",
                "\n",
        };
        Lab *lab = *state;

        for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
                char address[ADDRESS_TEXT_MAX];

                (void) text_format(address, sizeof(address), "127.83.5.%zu", i + 1);
                lab->target_count = 0;
                lab->calls = 0;
                add_zookeeper(lab, add_target(lab, address), answers[i], true);
                add_mesos(lab, address);
                lab->frees = true;
                assert_says(look(lab), "answers '");
                (void) sd_event_unref(lab->event);
                assert_true(sd_event_new(&lab->event) >= 0);
        }
}

static void test_silence_fails_within_the_deadline_and_is_named(void **state) {
        Lab *lab = *state;
        usec_t start = clock_boottime();
        const char *address;

        add_good_master(lab);
        address = add_target(lab, "127.83.6.1");
        add_zookeeper(lab, address, SILENT, false);
        add_mesos(lab, address);
        assert_says(look(lab), "last look: m2 zookeeper at 127.83.6.1:2181: no answer within 1s");
        assert_true(clock_boottime() - start < 2 * LOOK_TIMEOUT);
}

static void test_what_is_no_address_fails_the_look(void **state) {
        Lab *lab = *state;

        (void) add_target(lab, "");
        assert_says(look(lab), "last look: m1 zookeeper at :2181: is no address");
}

static void test_a_look_that_is_freed_says_nothing_more(void **state) {
        Lab *lab = *state;
        Error error = {};

        add_good_master(lab);
        assert_int_equal(
                        look_start(lab->event, lab->targets, 1, on_done, lab, &lab->look, &error),
                        0);
        look_free(TAKE(lab->look));
        assert_int_equal(sd_event_run(lab->event, 0), 0);
        assert_int_equal(lab->calls, 0);
}

#define LOOK_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                LOOK_TEST(test_without_others_there_is_nothing_to_look_at),
                LOOK_TEST(test_eight_good_masters_pass),
                LOOK_TEST(test_a_leader_and_a_standalone_serve_too),
                LOOK_TEST(test_an_answer_is_enough_without_a_hang_up),
                LOOK_TEST(test_a_zookeeper_that_is_down_is_named),
                LOOK_TEST(test_a_mesos_that_is_down_is_named),
                LOOK_TEST(test_a_zookeeper_that_does_not_serve_fails),
                LOOK_TEST(test_silence_fails_within_the_deadline_and_is_named),
                LOOK_TEST(test_what_is_no_address_fails_the_look),
                LOOK_TEST(test_a_look_that_is_freed_says_nothing_more),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
