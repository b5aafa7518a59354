/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/systemd-bus.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "common/log.h"
#include "common/text.h"

/* A connection is being made (Subscribe is on its way), up, or down. Everything that hangs on it -
 * matches, questions - is dropped with it and made anew on the next one. A call on a connection
 * that is up and has nothing queued is written at once (sd-bus does so), which is what is_up()
 * promises. */

#define SYSTEMD           "org.freedesktop.systemd1"
#define MANAGER_PATH      "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"
#define PROPERTIES        "org.freedesktop.DBus.Properties"

#define RECONNECT_WAIT USEC_PER_SEC
#define CALL_TIMEOUT   (10 * USEC_PER_SEC)

struct SystemdBus {
        sd_event *event;
        sd_bus *bus;
        bool up;
        bool said_down; /* the loss has been logged */
        bool lists_all; /* by pattern it cannot: systemd before 230 */
        sd_bus_slot *subscription;
        sd_bus_slot *owner_match;
        sd_bus_slot *disconnected_match;
        sd_event_source *reconnect;
        UnitWatch *watches;
};

struct UnitWatch {
        SystemdBus *bus;
        UnitWatch *next;
        char unit[UNIT_MAX]; /* of many: what their names begin with */
        char *path;          /* of many: NULL */
        const UnitHandlers *handlers;
        void *userdata;
        bool asked; /* an answer is owed */
        sd_bus_slot *match;
        sd_bus_slot *question;
        sd_bus_slot *call;
};

/* --- the connection --- */

static void schedule_reconnect(SystemdBus *bus) {
        (void) sd_event_source_set_time_relative(bus->reconnect, RECONNECT_WAIT);
        (void) sd_event_source_set_enabled(bus->reconnect, SD_EVENT_ONESHOT);
}

static void say_down(SystemdBus *bus, int errnum) {
        Error error = {};

        if (bus->said_down)
                return;

        bus->said_down = true;
        (void) error_errnof(&error, errnum, "no connection to systemd");
        log_warning("%s; trying again every second", error.text);
}

static void watch_drop_slots(UnitWatch *watch) {
        watch->match = sd_bus_slot_unref(watch->match);
        watch->question = sd_bus_slot_unref(watch->question);
        watch->call = sd_bus_slot_unref(watch->call);
}

static void drop_connection(SystemdBus *bus) {
        bus->up = bus->lists_all = false;
        for (UnitWatch *watch = bus->watches; watch; watch = watch->next)
                watch_drop_slots(watch);

        bus->subscription = sd_bus_slot_unref(bus->subscription);
        bus->owner_match = sd_bus_slot_unref(bus->owner_match);
        bus->disconnected_match = sd_bus_slot_unref(bus->disconnected_match);
        bus->bus = sd_bus_close_unref(bus->bus);
}

/* Not dropped here: this runs inside of it. */
static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        SystemdBus *bus = ASSERT_PTR(userdata);

        bus->up = false;
        say_down(bus, ECONNRESET);
        schedule_reconnect(bus);
        return 0;
}

static int on_properties(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        UnitWatch *watch = ASSERT_PTR(userdata);

        watch->handlers->on_change(watch->userdata);
        return 0;
}

static void watch_add_match(UnitWatch *watch) {
        watch->match = sd_bus_slot_unref(watch->match);
        if (!watch->handlers->on_change)
                return;

        /* Without it changes are seen a little later, by asking: not worth an error. */
        (void) sd_bus_match_signal_async(
                        watch->bus->bus, &watch->match, SYSTEMD, watch->path, PROPERTIES,
                        "PropertiesChanged", on_properties, NULL, watch);
}

static void send_question(UnitWatch *watch);

static int on_subscribed(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        SystemdBus *bus = ASSERT_PTR(userdata);
        const sd_bus_error *failed = sd_bus_message_get_error(message);

        if (failed && !sd_bus_error_has_name(failed, SYSTEMD ".AlreadySubscribed")) {
                say_down(bus, sd_bus_error_get_errno(failed));
                schedule_reconnect(bus);
                return 0;
        }

        if (bus->said_down)
                log_notice("Connected to systemd again.");
        bus->said_down = false;
        bus->up = true;

        for (UnitWatch *watch = bus->watches; watch; watch = watch->next) {
                watch_add_match(watch);
                if (watch->asked) {
                        send_question(watch);
                } else if (watch->handlers->on_change) {
                        watch->handlers->on_change(watch->userdata);
                }
        }

        return 0;
}

/* systemd has gone, or has come back: old versions forget then who has subscribed. */
static int on_owner_changed(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        SystemdBus *bus = ASSERT_PTR(userdata);

        bus->up = false;
        schedule_reconnect(bus);
        return 0;
}

static int subscribe(SystemdBus *bus) {
        return sd_bus_call_method_async(
                        bus->bus, &bus->subscription, SYSTEMD, MANAGER_PATH, MANAGER_INTERFACE,
                        "Subscribe", on_subscribed, bus, "");
}

static int connect_bus(SystemdBus *bus) {
        int r;

        r = sd_bus_open_system(&bus->bus);
        if (r < 0)
                return r;

        (void) sd_bus_set_exit_on_disconnect(bus->bus, false);
        (void) sd_bus_set_method_call_timeout(bus->bus, CALL_TIMEOUT);
        r = sd_bus_attach_event(bus->bus, bus->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                return r;

        r = sd_bus_match_signal_async(
                        bus->bus, &bus->disconnected_match, NULL, "/org/freedesktop/DBus/Local",
                        "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, NULL, bus);
        if (r < 0)
                return r;

        r = sd_bus_add_match_async(
                        bus->bus, &bus->owner_match,
                        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                        "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" SYSTEMD
                        "'",
                        on_owner_changed, NULL, bus);
        if (r < 0)
                return r;

        return subscribe(bus);
}

static void answer_unknown(UnitWatch *watch, const char *why);

static int on_reconnect(sd_event_source *source, uint64_t usec, void *userdata) {
        SystemdBus *bus = ASSERT_PTR(userdata);
        bool again = bus->bus || bus->said_down;
        UnitWatch *next;
        int r;

        /* Whoever is answered may free its watch. */
        drop_connection(bus);
        for (UnitWatch *watch = bus->watches; watch && again; watch = next) {
                next = watch->next;
                answer_unknown(watch, "no connection to systemd");
        }

        r = connect_bus(bus);
        if (r < 0) {
                say_down(bus, r);
                drop_connection(bus);
                schedule_reconnect(bus);
        }

        return 0;
}

int systemd_bus_new(sd_event *event, SystemdBus **ret, Error *error) {
        AUTO(SystemdBus) *bus = calloc(1, sizeof(*bus));
        int r;

        if (!bus)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        bus->event = sd_event_ref(event);
        r = sd_event_add_time_relative(
                        event, &bus->reconnect, CLOCK_BOOTTIME, 0, USEC_PER_MSEC, on_reconnect,
                        bus);
        if (r < 0)
                return error_errnof(error, r, "systemd bus");

        (void) sd_event_source_set_description(bus->reconnect, "systemd-reconnect");
        *ret = TAKE(bus);
        return 0;
}

bool systemd_bus_is_up(const SystemdBus *bus) {
        uint64_t queued = 0;

        return bus->up && sd_bus_get_n_queued_write(bus->bus, &queued) >= 0 && queued == 0;
}

void systemd_bus_reset_failed(SystemdBus *bus, const char *unit) {
        sd_bus_message *message = NULL;

        if (!bus->up)
                return;

        if (sd_bus_message_new_method_call(
                            bus->bus, &message, SYSTEMD, MANAGER_PATH, MANAGER_INTERFACE,
                            "ResetFailedUnit") >= 0 &&
            sd_bus_message_append(message, "s", unit) >= 0 &&
            sd_bus_message_set_expect_reply(message, false) >= 0)
                (void) sd_bus_send(bus->bus, message, NULL);

        (void) sd_bus_message_unref(message);
}

void systemd_bus_free(SystemdBus *bus) {
        if (!bus)
                return;

        assert(!bus->watches);

        drop_connection(bus);
        (void) sd_event_source_disable_unref(bus->reconnect);
        (void) sd_event_unref(bus->event);
        free(bus);
}

/* --- questions --- */

typedef struct Properties {
        UnitStatus status;
        bool has_job;
} Properties;

static int read_text(sd_bus_message *message, char *buffer, size_t size) {
        const char *text;
        int r;

        r = sd_bus_message_read(message, "v", "s", &text);
        if (r >= 0)
                (void) text_copy(buffer, size, text);

        return r;
}

// clang-format off
#define TEXT(name, member) { name, "s", offsetof(UnitStatus, member), sizeof(((UnitStatus *) NULL)->member) }
#define NUMBER(name, type, member) { name, type, offsetof(UnitStatus, member), 0 }

static const struct PropertyRow {
        const char *name, *type;
        size_t offset, size;
} property_rows[] = {
        TEXT("LoadState", load),
        TEXT("ActiveState", active),
        TEXT("SubState", sub),
        TEXT("Result", result),
        TEXT("Type", type),
        TEXT("Restart", restart),
        NUMBER("ExecMainCode", "i", main_code),
        NUMBER("ExecMainStatus", "i", main_status),
        NUMBER("MainPID", "u", main_pid),
        NUMBER("NRestarts", "u", restarts),
};
// clang-format on

static int read_property(sd_bus_message *message, const char *name, Properties *properties) {
        const char *path;

        for (size_t i = 0; i < ELEMENTSOF(property_rows); i++) {
                const struct PropertyRow *row = &property_rows[i];
                char *place = (char *) &properties->status + row->offset;

                if (strcmp(name, row->name) != 0)
                        continue;
                if (row->size > 0)
                        return read_text(message, place, row->size);

                return sd_bus_message_read(message, "v", row->type, place);
        }

        if (strcmp(name, "Job") == 0) {
                properties->has_job = true;
                return sd_bus_message_read(message, "v", "(uo)", &properties->status.job, &path);
        }

        return sd_bus_message_skip(message, "v");
}

static bool are_whole(const Properties *properties) {
        return properties->status.load[0] && properties->status.active[0] && properties->has_job;
}

static int read_properties(sd_bus_message *message, Properties *ret) {
        Properties properties = {};
        const char *name;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = sd_bus_message_read(message, "s", &name);
                if (r >= 0)
                        r = read_property(message, name, &properties);
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
        }
        if (r < 0)
                return r;
        if (!are_whole(&properties))
                return -ENODATA;

        *ret = properties;
        return 0;
}

/* Gone is what systemd has no process for and nothing to do for. Everything else, also states that
 * were invented after this was written, is present. */
static bool is_gone(const char *active, uint32_t job) {
        return job == 0 && (strcmp(active, "inactive") == 0 || strcmp(active, "failed") == 0);
}

static void judge(const UnitStatus *status, UnitFacts *facts) {
        facts->status = *status;
        facts->state = is_gone(status->active, status->job) ? UNIT_GONE : UNIT_PRESENT;
        (void) text_format(
                        facts->text, sizeof(facts->text), "unit is %s, %s (%s)%s", status->load,
                        status->active, status->sub, status->job ? ", a job is waiting" : "");

        if (status->main_code == CLD_EXITED && status->main_status != 0) {
                (void) text_format(
                                facts->text + strlen(facts->text),
                                sizeof(facts->text) - strlen(facts->text), ", exit status %d",
                                status->main_status);
        }
}

static void answer(UnitWatch *watch, const UnitFacts *facts) {
        watch->asked = false;
        watch->question = sd_bus_slot_unref(watch->question);
        watch->handlers->on_facts(facts, watch->userdata);
}

static void answer_list(UnitWatch *watch, const UnitList *list, const Error *error) {
        watch->asked = false;
        watch->question = sd_bus_slot_unref(watch->question);
        watch->handlers->on_list(list, error, watch->userdata);
}

static void answer_unknown(UnitWatch *watch, const char *why) {
        UnitFacts facts = { .state = UNIT_UNKNOWN };
        Error error = {};

        if (!watch->asked)
                return;

        if (watch->path) {
                text_ellipsize(facts.text, sizeof(facts.text), why);
                answer(watch, &facts);
        } else {
                (void) error_setf(&error, ERROR_UNREACHABLE, "%s", why);
                answer_list(watch, NULL, &error);
        }
}

static int on_answer(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const sd_bus_error *failed = sd_bus_message_get_error(message);
        UnitWatch *watch = ASSERT_PTR(userdata);
        Properties properties;
        UnitFacts facts = {};

        if (failed) {
                answer_unknown(watch, failed->message ? failed->message : failed->name);
        } else if (read_properties(message, &properties) < 0) {
                answer_unknown(watch, "systemd's answer cannot be read");
        } else {
                judge(&properties.status, &facts);
                answer(watch, &facts);
        }

        return 0;
}

static int add_listed(UnitList *list, const char *name, Error *error) {
        if (list->count == UNIT_LIST_MAX) {
                return error_setf(
                                error, ERROR_TOO_BIG, "there are more than %d of them",
                                UNIT_LIST_MAX);
        }
        if (!text_copy(list->names[list->count], UNIT_MAX, name)) {
                return error_setf(
                                error, ERROR_TOO_BIG, "there is '%s', a name of more than %d bytes",
                                name, UNIT_MAX - 1);
        }

        list->count++;
        return 0;
}

/* 1: read, 0: there are no more. Everything is read into something: systemd 219 skips nothing. */
static int read_listed(
                sd_bus_message *message, const char **name, const char **active, uint32_t *job) {
        const char *description, *load, *sub, *following, *path, *job_type, *job_path;

        return sd_bus_message_read(
                        message, "(ssssssouso)", name, &description, &load, active, &sub,
                        &following, &path, job, &job_type, &job_path);
}

static int read_list(sd_bus_message *message, const char *prefix, UnitList *list, Error *error) {
        const char *name, *active;
        uint32_t job;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "(ssssssouso)");
        while (r >= 0 && (r = read_listed(message, &name, &active, &job)) > 0) {
                if (text_starts_with(name, prefix) && !is_gone(active, job) &&
                    add_listed(list, name, error) < 0)
                        return -EMSGSIZE;
        }
        if (r < 0)
                return error_setf(error, ERROR_INVALID, "systemd's answer cannot be read");

        return 0;
}

static int on_list_answer(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const sd_bus_error *failed = sd_bus_message_get_error(message);
        UnitWatch *watch = ASSERT_PTR(userdata);
        UnitList list = {};
        Error said = {};

        if (sd_bus_error_has_name(failed, SD_BUS_ERROR_UNKNOWN_METHOD) && !watch->bus->lists_all) {
                watch->bus->lists_all = true;
                watch->question = sd_bus_slot_unref(watch->question);
                send_question(watch);
        } else if (failed) {
                answer_unknown(watch, failed->message ? failed->message : failed->name);
        } else if (read_list(message, watch->unit, &list, &said) < 0) {
                answer_list(watch, NULL, &said);
        } else {
                answer_list(watch, &list, &said);
        }

        return 0;
}

/* All units of a node are a long answer, for which a start would wait; so they are asked for only
 * where systemd knows no patterns. What comes is sorted out in both cases. */
static int send_list_question(UnitWatch *watch) {
        char pattern[UNIT_MAX + 1];

        if (watch->bus->lists_all) {
                return sd_bus_call_method_async(
                                watch->bus->bus, &watch->question, SYSTEMD, MANAGER_PATH,
                                MANAGER_INTERFACE, "ListUnits", on_list_answer, watch, "");
        }

        (void) text_format(pattern, sizeof(pattern), "%s*", watch->unit);
        return sd_bus_call_method_async(
                        watch->bus->bus, &watch->question, SYSTEMD, MANAGER_PATH, MANAGER_INTERFACE,
                        "ListUnitsByPatterns", on_list_answer, watch, "asas", 0, 1, pattern);
}

static int send_either_question(UnitWatch *watch) {
        if (!watch->path)
                return send_list_question(watch);

        return sd_bus_call_method_async(
                        watch->bus->bus, &watch->question, SYSTEMD, watch->path, PROPERTIES,
                        "GetAll", on_answer, watch, "s", "");
}

static void send_question(UnitWatch *watch) {
        SystemdBus *bus = watch->bus;
        int r;

        r = send_either_question(watch);
        if (r < 0) {
                bus->up = false;
                schedule_reconnect(bus);
        }
}

/* Without a connection it is answered when one is made, or when that has failed once more. */
void unit_watch_ask(UnitWatch *watch) {
        if (watch->asked)
                return;

        watch->asked = true;
        if (watch->bus->up)
                send_question(watch);
}

/* --- the start --- */

static int on_called(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const sd_bus_error *failed = sd_bus_message_get_error(message);
        UnitWatch *watch = ASSERT_PTR(userdata);
        Error said = {};

        watch->call = sd_bus_slot_unref(watch->call);
        if (failed) {
                (void) error_setf(
                                &said, ERROR_IO, "systemd: %s",
                                failed->message ? failed->message : failed->name);
        }

        watch->handlers->on_called(&said, watch->userdata);
        return 0;
}

/* "simple", because the job of a "oneshot" would stay in the queue as long as the script runs.
 * "mixed": when the host goes down, rollpatch-step is told, and the script gets the time until
 * systemd kills everything; what the script leaves behind is killed when rollpatch-step has ended.
 */
static int call_start(UnitWatch *watch, const char *description, const UnitCommand *command) {
        return sd_bus_call_method_async(
                        watch->bus->bus, &watch->call, SYSTEMD, MANAGER_PATH, MANAGER_INTERFACE,
                        "StartTransientUnit", on_called, watch, "ssa(sv)a(sa(sv))", watch->unit,
                        "fail", 8, "Description", "s", description, "Type", "s", "simple",
                        "RemainAfterExit", "b", false, "KillMode", "s", "mixed", "StandardInput",
                        "s", "null", "StandardOutput", "s", "journal", "StandardError", "s",
                        "journal", "ExecStart", "a(sasb)", 1, command->program, 3, command->program,
                        command->arguments[0], command->arguments[1], false, 0);
}

int unit_watch_start(
                UnitWatch *watch,
                const char *description,
                const UnitCommand *command,
                Error *error) {
        int r;

        if (!systemd_bus_is_up(watch->bus))
                return error_setf(error, ERROR_UNREACHABLE, "no connection to systemd");

        watch->call = sd_bus_slot_unref(watch->call);
        r = call_start(watch, description, command);
        if (r < 0)
                return error_errnof(error, r, "cannot ask systemd for %s", watch->unit);

        return 0;
}

/* --- watches --- */

int unit_watch_new_list(
                SystemdBus *bus,
                const char *prefix,
                const UnitHandlers *handlers,
                void *userdata,
                UnitWatch **ret,
                Error *error) {
        UnitWatch *watch;

        watch = calloc(1, sizeof(*watch));
        if (!watch)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        watch->bus = bus;
        watch->handlers = handlers;
        watch->userdata = userdata;
        (void) text_copy(watch->unit, sizeof(watch->unit), prefix);
        watch->next = bus->watches;
        bus->watches = watch;
        *ret = watch;
        return 0;
}

int unit_watch_new(
                SystemdBus *bus,
                const char *unit,
                const UnitHandlers *handlers,
                void *userdata,
                UnitWatch **ret,
                Error *error) {
        auto_free char *path = NULL;
        int r;

        if (strlen(unit) >= UNIT_MAX || sd_bus_path_encode(MANAGER_PATH "/unit", unit, &path) < 0)
                return error_setf(error, ERROR_INVALID, "'%s' cannot be the name of a unit", unit);

        r = unit_watch_new_list(bus, unit, handlers, userdata, ret, error);
        if (r < 0)
                return r;

        (*ret)->path = TAKE(path);
        if (bus->up)
                watch_add_match(*ret);

        return 0;
}

void unit_watch_free(UnitWatch *watch) {
        UnitWatch **place;

        if (!watch)
                return;

        for (place = &watch->bus->watches; *place != watch; place = &(*place)->next)
                ;
        *place = watch->next;

        watch_drop_slots(watch);
        free(watch->path);
        free(watch);
}
