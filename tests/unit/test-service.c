/* SPDX-License-Identifier: Apache-2.0 */
#include "common/service.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"
#include "common/span.h"

/* systemd, as far as a service can see it. */
typedef struct Manager {
        int fd;
        struct sockaddr_un address;
} Manager;

static int set_up(void **state) {
        static Manager manager;

        log_open("test", LOG_ERR);

        manager.address = (struct sockaddr_un) { .sun_family = AF_UNIX };
        (void) snprintf(manager.address.sun_path, sizeof(manager.address.sun_path),
                        "/tmp/test-service-%ld", (long) getpid());
        manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (manager.fd < 0 ||
            bind(manager.fd, (struct sockaddr *) &manager.address, sizeof(manager.address)) < 0)
                return -1;

        *state = &manager;
        return setenv("NOTIFY_SOCKET", manager.address.sun_path, 1);
}

static int tear_down(void **state) {
        Manager *manager = *state;

        (void) close(manager->fd);
        (void) unsetenv("NOTIFY_SOCKET");
        (void) unsetenv("WATCHDOG_USEC");
        (void) unsetenv("WATCHDOG_PID");
        return unlink(manager->address.sun_path);
}

static void assert_told(const Manager *manager, const char *want) {
        char heard[1024] = "";

        assert_true(recv(manager->fd, heard, sizeof(heard) - 1, 0) >= 0);
        assert_string_equal(heard, want);
}

static void assert_told_nothing(const Manager *manager) {
        char heard[64];

        assert_int_equal(recv(manager->fd, heard, sizeof(heard), 0), -1);
        assert_int_equal(errno, EAGAIN);
}

static void test_each_of_three_signals_ends_the_loop_well(void **state) {
        static const int signals[] = { SIGTERM, SIGINT, SIGHUP };

        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                AUTO(Service) *service = NULL;

                assert_int_equal(service_new(&service, NULL), 0);

                /* Blocked, so it waits for the loop instead of killing us. */
                assert_int_equal(kill(getpid(), signals[i]), 0);
                assert_int_equal(service_run(service, NULL), 0);
                assert_told(*state, "STOPPING=1");
                assert_told_nothing(*state);
        }
}

static void *get_mask(void *userdata) {
        (void) pthread_sigmask(SIG_SETMASK, NULL, userdata);
        return NULL;
}

static void test_threads_of_libraries_do_not_catch_them(void **state) {
        AUTO(Service) *service = NULL;
        sigset_t mask;
        pthread_t thread;

        assert_int_equal(service_new(&service, NULL), 0);
        assert_int_equal(pthread_create(&thread, NULL, get_mask, &mask), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(sigismember(&mask, SIGTERM), 1);
        assert_int_equal(sigismember(&mask, SIGINT), 1);
        assert_int_equal(sigismember(&mask, SIGHUP), 1);
}

static void test_a_peer_that_is_gone_does_not_kill(void **state) {
        AUTO(Service) *service = NULL;
        int ends[2];

        assert_int_equal(service_new(&service, NULL), 0);
        assert_int_equal(pipe(ends), 0);
        (void) close(ends[0]);
        assert_int_equal(write(ends[1], "x", 1), -1);
        assert_int_equal(errno, EPIPE);
        (void) close(ends[1]);
}

static void test_the_manager_is_told_in_one_line(void **state) {
        AUTO(Service) *service = NULL;
        char endless[2000];

        memset(endless, 'a', sizeof(endless));
        endless[sizeof(endless) - 1] = '\0';

        assert_int_equal(service_new(&service, NULL), 0);
        assert_told_nothing(*state);
        service_ready(service, "%d nodes", 5);
        assert_told(*state, "READY=1\nSTATUS=5 nodes");
        service_status(service, "m2:\n%s", "FDSTORE=1");
        assert_told(*state, "STATUS=m2:?FDSTORE=1");
        service_status(service, "%s", endless);
        assert_int_equal(recv(((Manager *) *state)->fd, endless, sizeof(endless), 0), 7 + 255);
}

static void test_without_a_manager_nothing_is_told_and_nothing_fails(void **state) {
        AUTO(Service) *service = NULL;

        assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
        assert_int_equal(service_new(&service, NULL), 0);
        service_ready(service, "x");
        service_status(service, "x");
        assert_int_equal(kill(getpid(), SIGTERM), 0);
        assert_int_equal(service_run(service, NULL), 0);
        assert_told_nothing(*state);
}

static int on_told(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        char heard[64] = "";

        assert_true(recv(fd, heard, sizeof(heard) - 1, 0) >= 0);
        assert_string_equal(heard, "WATCHDOG=1");
        return sd_event_exit(sd_event_source_get_event(source), 0);
}

static void test_the_watchdog_is_fed_while_the_loop_turns(void **state) {
        const Manager *manager = *state;
        AUTO(Service) *service = NULL;
        sd_event_source *source = NULL;

        assert_int_equal(setenv("WATCHDOG_USEC", "20000", 1), 0);
        assert_int_equal(service_new(&service, NULL), 0);
        assert_int_equal(
                        sd_event_add_io(service_event(service), &source, manager->fd, EPOLLIN,
                                        on_told, NULL),
                        0);
        assert_int_equal(service_run(service, NULL), 0);
        assert_told(manager, "STOPPING=1");
        (void) sd_event_source_unref(source);
}

static int on_deferred(sd_event_source *source, void *userdata) {
        return sd_event_exit(sd_event_source_get_event(source), *(int *) userdata);
}

static void test_an_exit_with_an_error_is_an_error(void **state) {
        int codes[] = { 0, -ENOMEM };

        for (size_t i = 0; i < ELEMENTSOF(codes); i++) {
                AUTO(Service) *service = NULL;
                sd_event_source *source = NULL;
                Error error = {};

                assert_int_equal(service_new(&service, NULL), 0);
                assert_int_equal(
                                sd_event_add_defer(
                                                service_event(service), &source, on_deferred,
                                                &codes[i]),
                                0);
                assert_int_equal(service_run(service, &error), codes[i]);
                assert_int_equal(error.code, i == 0 ? ERROR_NONE : ERROR_MEMORY);
                assert_told(*state, "STOPPING=1");
                (void) sd_event_source_unref(source);
        }
}

static void test_freeing_nothing_is_nothing(void **state) {
        service_free(NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                                test_each_of_three_signals_ends_the_loop_well, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_threads_of_libraries_do_not_catch_them, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_peer_that_is_gone_does_not_kill, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_the_manager_is_told_in_one_line, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_without_a_manager_nothing_is_told_and_nothing_fails, set_up,
                                tear_down),
                cmocka_unit_test_setup_teardown(
                                test_the_watchdog_is_fed_while_the_loop_turns, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_an_exit_with_an_error_is_an_error, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_freeing_nothing_is_nothing, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
