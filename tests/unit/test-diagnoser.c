/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/diagnoser.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/text.h"
#include "tests/unit/fake-examine.h"

/* The diagnoser and a rollpatch-probe that is a script; nothing else is there. */

#define TOKEN    "eyJ0ZXN0.token"
#define PATIENCE (9 * USEC_PER_SEC)
#define MINUTES  (5 * USEC_PER_MINUTE)

/* Keeps what it was told on stdin. What dcos-check-runner says is known only when the file `runner`
 * is there. */
#define PROBE                                                      \
        "#!/bin/sh\ntop=$(dirname \"$0\")\n"                       \
        "case \"$*\" in *--token*) cat > $top/stdin-$1;; esac\n"   \
        "test $1 = check-runner || exec echo '{\"samples\":[]}'\n" \
        "until test -e $top/runner; do sleep 0.05; done\n"         \
        "cat $top/runner\n"

#define RUNNER                                                                             \
        "{\"samples\":[{\"check\":\"check-runner\",\"subject\":\"\",\"verdict\":\"fail\"," \
        "\"reason\":\"docker: command [docker] exceeded timeout 30s and was killed\"}]}"

typedef struct Lab {
        sd_event *event;
        char top[64];
        char probe[96];
        StepJournal *journal;
        SystemdBus *bus;
        Asker *asker; /* of the watch, which has the token */
        Diagnoser *diagnoser;
        Diagnosis answer;
        bool answered;
} Lab;

static int take_answer(const Message *message, void *userdata) {
        Lab *lab = userdata;

        assert_int_equal(message->kind, MESSAGE_DIAGNOSIS);
        lab->answer = message->diagnosis;
        lab->answered = true;
        return 0;
}

static void start_parts(Lab *lab) {
        DiagnoserOptions options = { .send = take_answer, .userdata = lab };
        Error error = {};

        if (step_journal_open(lab->top, &lab->journal, &error) < 0 ||
            systemd_bus_new(lab->event, &lab->bus, &error) < 0)
                fail_msg("%s", error.text);

        options.asker = (AskerOptions) {
                .journal = lab->journal,
                .bus = lab->bus,
                .role = ROLE_MASTER,
                .root = lab->top,
                .probe = lab->probe,
                .address = "127.84.0.2",
        };
        options.examine = (ExamineOptions) { .journal = lab->journal,
                                             .role = ROLE_MASTER,
                                             .root = lab->top };
        lab->asker = asker_new(lab->event, &options.asker);
        assert_non_null(lab->asker);
        options.login_of = lab->asker;
        lab->diagnoser = diagnoser_new(lab->event, &options);
        assert_non_null(lab->diagnoser);
}

static int setup(void **state) {
        Lab *lab = calloc(1, sizeof(*lab));

        assert_non_null(lab);
        log_open("test-diagnoser", LOG_CRIT);
        (void) text_copy(lab->top, sizeof(lab->top), "/dev/shm/test-diagnoser-XXXXXX");
        assert_non_null(mkdtemp(lab->top));
        assert_true(text_format(lab->probe, sizeof(lab->probe), "%s/probe", lab->top));
        assert_int_equal(file_replace(AT_FDCWD, lab->probe, PROBE, strlen(PROBE), 0755, NULL), 0);
        assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent", 1), 0);
        assert_true(sd_event_new(&lab->event) >= 0);
        start_parts(lab);
        *state = lab;
        return 0;
}

static int teardown(void **state) {
        Lab *lab = *state;
        pid_t pid;

        diagnoser_free(lab->diagnoser);
        asker_free(lab->asker);
        systemd_bus_free(lab->bus);
        step_journal_free(lab->journal);
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

/* Until the questions wait for their answers. */
static void begin(Lab *lab, uint64_t request, usec_t limit) {
        diagnoser_handle(
                        lab->diagnoser,
                        &(Diagnose) { .request = request, .masters = 3, .limit = limit });
        fake_examine_end();
}

static void await_answer(Lab *lab) {
        usec_t end = clock_boottime() + PATIENCE;

        lab->answered = false;
        while (!lab->answered) {
                assert_true(clock_boottime() < end);
                assert_true(sd_event_run(lab->event, 20 * USEC_PER_MSEC) >= 0);
        }
}

static void diagnose(Lab *lab, usec_t limit) {
        begin(lab, 1, limit);
        await_answer(lab);
}

/* By the script of a step. */
static void print(const Lab *lab, const char *step, const char *text) {
        char path[128];

        assert_true(text_format(path, sizeof(path), "%s/steps", lab->top));
        (void) mkdir(path, 0755);
        assert_true(text_format(path, sizeof(path), "%s/steps/%s", lab->top, step));
        (void) mkdir(path, 0755);
        assert_true(text_format(path, sizeof(path), "%s/steps/%s/output", lab->top, step));
        assert_int_equal(file_replace(AT_FDCWD, path, text, strlen(text), 0644, NULL), 0);
}

static void runner_answers(const Lab *lab) {
        char path[128];

        assert_true(text_format(path, sizeof(path), "%s/runner", lab->top));
        assert_int_equal(file_replace(AT_FDCWD, path, RUNNER, strlen(RUNNER), 0644, NULL), 0);
}

static void test_servers_of_a_strict_cluster_are_asked_with_the_token_of_the_watch(void **state) {
        static const Login login = { .epoch = 1, .serial = 77, .token = TOKEN };
        Lab *lab = *state;
        auto_free char *seen = NULL;
        char path[128];

        assert_int_equal(asker_set_login(lab->asker, &login), 0);
        diagnose(lab, 2 * USEC_PER_SEC);
        assert_true(text_format(path, sizeof(path), "%s/stdin-mesos-master", lab->top));
        assert_int_equal(file_read(AT_FDCWD, path, 4096, &seen, NULL, NULL), 0);
        assert_string_equal(seen, TOKEN);
}

static void test_a_question_that_may_take_longer_than_the_diagnosis_is_missing(void **state) {
        Lab *lab = *state;

        diagnose(lab, USEC_PER_SEC);
        assert_non_null(strstr(lab->answer.missing, "check-runner: no answer within "));
        assert_non_null(strstr(lab->answer.missing, "it may take 45s"));
}

/* Through the whole: what lies on the disk of the node is in the answer. */
static void test_what_an_activation_has_put_aside_is_a_note(void **state) {
        static const char *const folders[] = { "opt", "opt/mesosphere", "opt/mesosphere/etc",
                                               "opt/mesosphere/etc.old" };
        Lab *lab = *state;
        char path[128];

        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                assert_true(text_format(path, sizeof(path), "%s/%s", lab->top, folders[i]));
                assert_int_equal(mkdir(path, 0755), 0);
        }
        assert_true(text_format(path, sizeof(path), "%s/%s/mesos-master", lab->top, folders[3]));
        assert_int_equal(file_replace(AT_FDCWD, path, "x", 1, 0644, NULL), 0);

        runner_answers(lab);
        diagnose(lab, 2 * USEC_PER_SEC);
        assert_int_equal(lab->answer.symptom_count, 2);
        assert_string_equal(lab->answer.symptoms[1].id, "lost-edits");
        assert_int_equal(lab->answer.symptoms[1].class, FAILURE_NOTE);
        assert_string_equal(lab->answer.symptoms[1].place, "/opt/mesosphere/etc.old/mesos-master");
}

static void test_a_script_that_runs_and_has_printed_nothing_is_named(void **state) {
        static const char step[] = "r1-0123abcd-m1-1";
        Lab *lab = *state;

        runner_answers(lab);
        for (int printed = 0; printed <= 1; printed++) {
                Diagnose order = { .request = 1, .limit = 2 * USEC_PER_SEC };
                bool found = false;

                if (printed)
                        print(lab, step, "Upgrading DC/OS master 2.1.0 -> 2.1.1\n");
                (void) text_copy(order.step, sizeof(order.step), step);
                diagnoser_handle(lab->diagnoser, &order);
                fake_examine_end_in_step(clock_wall() - 2 * USEC_PER_MINUTE);
                await_answer(lab);
                for (size_t i = 0; i < lab->answer.symptom_count; i++)
                        found = found || strcmp(lab->answer.symptoms[i].id, "script-loops") == 0;
                assert_int_equal(found, !printed);
        }
}

static void test_who_asks_while_another_waits_for_the_check_runner_is_answered(void **state) {
        unsigned before = fake_examine_count();
        Lab *lab = *state;

        begin(lab, 1, MINUTES);
        diagnoser_handle(lab->diagnoser, &(Diagnose) { .request = 1, .limit = MINUTES });
        assert_int_equal(fake_examine_count(), before + 1);
        begin(lab, 2, USEC_PER_SEC);
        await_answer(lab);
        assert_int_equal(lab->answer.request, 2);

        runner_answers(lab);
        await_answer(lab);
        assert_int_equal(lab->answer.request, 1);
        assert_int_equal(lab->answer.symptom_count, 1);
        assert_string_equal(lab->answer.symptoms[0].id, "checks-hang");
        assert_non_null(strstr(lab->answer.symptoms[0].evidence, "[docker] exceeded timeout 30s"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                                test_servers_of_a_strict_cluster_are_asked_with_the_token_of_the_watch,
                                setup, teardown),
                cmocka_unit_test_setup_teardown(
                                test_a_question_that_may_take_longer_than_the_diagnosis_is_missing,
                                setup, teardown),
                cmocka_unit_test_setup_teardown(
                                test_what_an_activation_has_put_aside_is_a_note, setup, teardown),
                cmocka_unit_test_setup_teardown(
                                test_a_script_that_runs_and_has_printed_nothing_is_named, setup,
                                teardown),
                cmocka_unit_test_setup_teardown(
                                test_who_asks_while_another_waits_for_the_check_runner_is_answered,
                                setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
