/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake-systemd.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "common/text.h"

#define CLIENTS_MAX 8

struct FakeSystemd {
        sd_event *event;
        int fd;
        sd_event_source *io;
        sd_bus *clients[CLIENTS_MAX];
        size_t client_count;
        FakeRules rules;
};

static void note_argument(FakeRules *rules, const char *argument) {
        size_t length = strlen(rules->started[2]);

        (void) text_format(
                        rules->started[2] + length, sizeof(rules->started[2]) - length, "%s%s",
                        length > 0 ? " " : "", argument);
}

/* The first of the commands; the rest of the message does not matter any more. */
static void read_command(sd_bus_message *message, FakeRules *rules) {
        const char *path, *argument;

        if (sd_bus_message_enter_container(message, 'v', "a(sasb)") < 0 ||
            sd_bus_message_enter_container(message, 'a', "(sasb)") < 0 ||
            sd_bus_message_enter_container(message, 'r', "sasb") < 0 ||
            sd_bus_message_read(message, "s", &path) < 0 ||
            sd_bus_message_enter_container(message, 'a', "s") < 0)
                return;

        while (sd_bus_message_read(message, "s", &argument) > 0)
                note_argument(rules, argument);
}

static void read_start(sd_bus_message *message, FakeRules *rules) {
        const char *unit, *mode, *name;

        if (sd_bus_message_read(message, "ss", &unit, &mode) < 0 ||
            sd_bus_message_enter_container(message, 'a', "(sv)") < 0)
                return;

        (void) text_copy(rules->started[0], sizeof(rules->started[0]), unit);
        (void) text_copy(rules->started[1], sizeof(rules->started[1]), mode);
        rules->started[2][0] = '\0';
        while (sd_bus_message_enter_container(message, 'r', "sv") > 0) {
                if (sd_bus_message_read(message, "s", &name) < 0)
                        return;
                if (strcmp(name, "ExecStart") == 0) {
                        read_command(message, rules);
                        return;
                }
                if (sd_bus_message_skip(message, "v") < 0 ||
                    sd_bus_message_exit_container(message) < 0)
                        return;
        }
}

static int note_start(FakeSystemd *fake, sd_bus_message *message) {
        FakeRules *rules = &fake->rules;

        rules->starts++;
        read_start(message, rules);
        if (rules->hold_start)
                return 1;
        if (rules->start_error) {
                return sd_bus_reply_method_errorf(
                                message, "org.freedesktop.systemd1.UnitExists", "%s",
                                rules->start_error);
        }

        return sd_bus_reply_method_return(message, "o", "/org/freedesktop/systemd1/job/1");
}

static int tell_unit(FakeSystemd *fake, sd_bus_message *message) {
        const FakeUnit *unit = &fake->rules.unit;

        fake->rules.questions++;
        if (fake->rules.mute)
                return 1;

        return sd_bus_reply_method_return(
                        message, "a{sv}", 7, "LoadState", "s", unit->load, "ActiveState", "s",
                        unit->active, "SubState", "s", "sub", "Names", "as", 1, "a.service", "Job",
                        "(uo)", unit->job, "/", "ExecMainCode", "i", unit->exit_status ? 1 : 0,
                        "ExecMainStatus", "i", unit->exit_status);
}

static int list_units(FakeSystemd *fake, sd_bus_message *message, const char *pattern) {
        sd_bus_message *reply = NULL;
        int r;

        fake->rules.lists++;
        if (fake->rules.mute)
                return 1;

        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(ssssssouso)");
        for (const FakeListed *unit = fake->rules.listed; r >= 0 && unit->name; unit++) {
                if (fnmatch(pattern, unit->name, FNM_NOESCAPE) != 0)
                        continue;

                r = sd_bus_message_append(
                                reply, "(ssssssouso)", unit->name, "a unit", "loaded", unit->active,
                                "sub", "", "/", unit->job, "", "/");
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);

        (void) sd_bus_message_unref(reply);
        return r < 0 ? r : 1;
}

static int list_units_by_patterns(FakeSystemd *fake, sd_bus_message *message) {
        const char *state = NULL, *pattern = NULL;
        int r;

        if (fake->rules.is_old) {
                return sd_bus_reply_method_errorf(
                                message, SD_BUS_ERROR_UNKNOWN_METHOD, "Unknown method");
        }

        r = sd_bus_message_enter_container(message, 'a', "s");
        if (r >= 0)
                r = sd_bus_message_read(message, "s", &state);
        if (r >= 0)
                r = sd_bus_message_exit_container(message);
        if (r >= 0)
                r = sd_bus_message_read(message, "as", 1, &pattern);
        if (r < 0)
                return r;

        /* Any state: which mean something, is the asker's to know. */
        return state ? -EINVAL : list_units(fake, message, pattern);
}

static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        FakeSystemd *fake = userdata;

        if (sd_bus_message_is_method_call(message, "org.freedesktop.DBus", "Hello"))
                return sd_bus_reply_method_return(message, "s", ":1.7");
        if (sd_bus_message_is_method_call(
                            message, "org.freedesktop.systemd1.Manager", "StartTransientUnit"))
                return note_start(fake, message);
        if (sd_bus_message_is_method_call(message, "org.freedesktop.DBus.Properties", "GetAll"))
                return tell_unit(fake, message);
        if (sd_bus_message_is_method_call(
                            message, "org.freedesktop.systemd1.Manager", "ListUnits")) {
                fake->rules.lists_all++;
                return list_units(fake, message, "*");
        }
        if (sd_bus_message_is_method_call(
                            message, "org.freedesktop.systemd1.Manager", "ListUnitsByPatterns"))
                return list_units_by_patterns(fake, message);
        if (sd_bus_message_is_method_call(
                            message, "org.freedesktop.systemd1.Manager", "ResetFailedUnit")) {
                fake->rules.resets++;
                return 1;
        }
        if (sd_bus_message_is_method_call(message, "org.freedesktop.systemd1.Manager", "Subscribe"))
                fake->rules.subscribes++;

        return sd_bus_reply_method_return(message, "");
}

static int add_client(FakeSystemd *fake, int fd) {
        sd_bus *bus = NULL;
        sd_id128_t id;
        int r;

        r = sd_id128_randomize(&id);
        if (r >= 0)
                r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_fd(bus, fd, fd);
        if (r >= 0)
                r = sd_bus_set_server(bus, true, id);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r >= 0)
                r = sd_bus_attach_event(bus, fake->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_bus_add_filter(bus, NULL, on_message, fake);

        fake->clients[fake->client_count++] = bus;
        return r;
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        FakeSystemd *fake = userdata;
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (client < 0)
                return -errno;
        if (fake->client_count == CLIENTS_MAX)
                return close(client);

        return add_client(fake, client);
}

int fake_systemd_new(sd_event *event, const char *path, FakeSystemd **ret) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        AUTO(FakeSystemd) *fake = calloc(1, sizeof(*fake));
        int r;

        if (!fake)
                return -ENOMEM;

        fake->fd = -EBADF;
        fake->event = event;
        fake->rules.unit = (FakeUnit) { .active = "inactive", .load = "not-found" };
        (void) text_copy(address.sun_path, sizeof(address.sun_path), path);
        fake->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fake->fd < 0 || bind(fake->fd, (struct sockaddr *) &address, sizeof(address)) < 0 ||
            listen(fake->fd, CLIENTS_MAX) < 0)
                return -errno;

        r = sd_event_add_io(event, &fake->io, fake->fd, EPOLLIN, on_client, fake);
        if (r < 0)
                return r;

        *ret = TAKE(fake);
        return 0;
}

FakeRules *fake_systemd_rules(FakeSystemd *fake) {
        return &fake->rules;
}

void fake_systemd_hang_up(FakeSystemd *fake) {
        for (size_t i = 0; i < fake->client_count; i++)
                (void) sd_bus_close_unref(fake->clients[i]);

        fake->client_count = 0;
}

void fake_systemd_signal(FakeSystemd *fake, const char *path) {
        for (size_t i = 0; i < fake->client_count; i++) {
                sd_bus_message *message = NULL;

                if (sd_bus_message_new_signal(
                                    fake->clients[i], &message, path,
                                    "org.freedesktop.DBus.Properties", "PropertiesChanged") >= 0 &&
                    sd_bus_message_set_sender(message, "org.freedesktop.systemd1") >= 0 &&
                    sd_bus_message_append(
                                    message, "sa{sv}as", "org.freedesktop.systemd1.Unit", 0, 0) >=
                                    0)
                        (void) sd_bus_send(fake->clients[i], message, NULL);
                (void) sd_bus_message_unref(message);
        }
}

void fake_systemd_free(FakeSystemd *fake) {
        if (!fake)
                return;

        fake_systemd_hang_up(fake);
        (void) sd_event_source_disable_unref(fake->io);
        (void) close(fake->fd);
        free(fake);
}
