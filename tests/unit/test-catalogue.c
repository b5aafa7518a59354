/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/catalogue.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

/* What DC/OS really prints; NULL: nothing fatal. */
static const struct {
        Role role;
        const char *unit, *line, *id;
} lines[] = {
        { ROLE_MASTER, "dcos-exhibitor.service",
          "Time is not synchronized / marked as bad by the kernel.", "time-sync" },
        { ROLE_MASTER, "dcos-exhibitor.service",
          "ERROR: ip-detect returned 10.0.0.99. 10.0.0.99 is not in the configured list of masters.",
          "exhibitor-wrong-ip" },
        { ROLE_MASTER, "dcos-mesos-master.service", "Unable to reserve VTEP IP", "vtep" },
        { ROLE_AGENT, "dcos-net.service", "Bad detect_ip", "dcos-net-ip" },
        { ROLE_PUBLIC_AGENT, "dcos-net.service",
          "ERROR: IP address was changed 10.0.0.31 -> 10.0.0.32", "dcos-net-ip" },
        { ROLE_MASTER, "dcos-net.service",
          "sysctl: cannot stat /proc/sys/net/ipv6/conf/all/disable_ipv6: No such file or directory",
          "ipv6-off" },
        { ROLE_AGENT, "dcos-mesos-slave.service",
          "EXIT with status 1: Failed to perform recovery: Configuration change not permitted under "
          "`additive` policy: Hostname changed from 10.0.0.31 to 10.0.0.32",
          "agent-refuses-recovery" },
        { ROLE_PUBLIC_AGENT, "dcos-mesos-slave-public.service",
          "EXIT with status 1: Failed to perform recovery: Incompatible agent info detected.",
          "agent-refuses-recovery" },
        { ROLE_AGENT, "dcos-mesos-slave.service",
          "/dcos/volume0 has 12 MB net free space, expected > 100M", "disk-resources" },
        { ROLE_AGENT, "docker.service", "docker.service: Start request repeated too quickly.",
          "docker-start-limit" },
        { ROLE_AGENT, "docker.service", "start request repeated too quickly for docker.service",
          "docker-start-limit" },
        { ROLE_AGENT, "dcos-adminrouter-agent.service",
          "dcos-adminrouter-agent.service: Main process exited, code=dumped, status=4/ILL",
          "cpu-sse42" },
        { ROLE_MASTER, "dcos-telegraf.socket",
          "dcos-telegraf.socket: Socket service dcos-telegraf.service already active, refusing.",
          "telegraf-socket" },
        { ROLE_AGENT, "dcos-telegraf.service",
          "Can't migrate /a because destination /b contains files", "telegraf-migrate" },
        { ROLE_AGENT, "dcos-telegraf.service", "Can't migrate my desk", NULL },
        { ROLE_AGENT, "dcos-telegraf.service", "open /run/dcos/telegraf/sock: permission denied",
          "telegraf-perms" },
        { ROLE_AGENT, "dcos-telegraf.service", "open /etc/shadow: permission denied", NULL },
        { ROLE_AGENT, "dcos-setup.service", "ERROR: Broken past deploy. See /opt",
          "half-activated" },

        /* heals by itself */
        { ROLE_MASTER, "dcos-mesos-master.service", "[ERROR] Could not connect to exhibitor",
          NULL },
        { ROLE_MASTER, "dcos-mesos-master.service",
          "[ERROR] Expected 3 servers and 1 leader, got 2 servers and 1 leaders", NULL },
        { ROLE_MASTER, "dcos-mesos-master.service", "Lost leadership... committing suicide!",
          NULL },
        { ROLE_MASTER, "dcos-mesos-master.service",
          "EXIT with status 1: Failed to recover registrar: Failed to perform fetch", NULL },
        { ROLE_MASTER, "dcos-exhibitor.service",
          "Restarting down/not-serving ZooKeeper after 40010 ms pause [ActivityQueue-0]", NULL },
        { ROLE_MASTER, "dcos-mesos-dns.service",
          "ERROR: 2020/07/11 10:41:07 lookup zk-5.zk on 198.51.100.1:53: no such host", NULL },
        { ROLE_MASTER, "dcos-cockroach.service",
          "dcos-cockroach.service: start operation timed out. Terminating.", NULL },
        { ROLE_AGENT, "dcos-mesos-slave.service",
          "Overlay 'dcos6' has not been configured hence dropping register acknowledgment", NULL },

        /* another unit, or another role, says so */
        { ROLE_MASTER, "dcos-marathon.service", "Bad detect_ip", NULL },
        { ROLE_AGENT, "dcos-exhibitor.service",
          "10.0.0.99 is not in the configured list of masters", NULL },
        { ROLE_MASTER, "dcos-mesos-slave.service", "Failed to perform recovery", NULL },
};

static void test_fatal_lines_are_named_and_others_are_not(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                const Failure *row = catalogue_find(lines[i].role, lines[i].unit, lines[i].line);

                if (lines[i].id) {
                        assert_non_null(row);
                        assert_string_equal(row->id, lines[i].id);
                } else {
                        assert_null(row);
                }
        }
}

static void test_every_unit_of_a_role_is_listed_once(void **state) {
        for (Role role = 0; role < ROLE_COUNT; role++) {
                const char *units[CATALOGUE_UNITS_MAX];
                size_t count = catalogue_units(role, units), net = 0;

                assert_in_range(count, 1, CATALOGUE_UNITS_MAX);
                for (size_t i = 0; i < count; i++) {
                        net += strcmp(units[i], "dcos-net.service") == 0;
                        for (size_t k = 0; k < i; k++)
                                assert_string_not_equal(units[i], units[k]);
                }
                assert_int_equal(net, 1);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_fatal_lines_are_named_and_others_are_not),
                cmocka_unit_test(test_every_unit_of_a_role_is_listed_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
