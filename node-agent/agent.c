/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/helper.h"
#include "common/log.h"
#include "common/text.h"
#include "node-agent/bulk.h"
#include "node-agent/diagnoser.h"
#include "node-agent/identity.h"
#include "node-agent/link.h"
#include "node-agent/rekey.h"
#include "node-agent/runner.h"
#include "node-agent/sampler.h"
#include "proto/random.h"

/* What makes this node the one it is, is its channel key: made at the first start, and never sent
 * anywhere. With a join token the coordinator takes it in without being asked.
 *
 * The first thing that is asked is this node's own address, because the others' last look goes
 * there and it is part of the first words. A node whose DC/OS cannot tell it now (it is being
 * activated, or is not there yet) says hello without, and once more when it is known. */

#define ADDRESS_TIMEOUT (5 * USEC_PER_SEC)
#define ADDRESS_RETRY   (10 * USEC_PER_SEC)
#define ACCURACY        (100 * USEC_PER_MSEC)
#define JITTER_FROM     (10 * USEC_PER_SEC) /* heartbeats as rare as this need not be in step */

struct Agent {
        sd_event *event;
        AgentConfig config;
        char name[NAME_TEXT_MAX];
        char boot_id[ID_TEXT_MAX];
        Role role;
        char address[ADDRESS_TEXT_MAX]; /* empty: not known */
        bool said_no_address;
        Helper *detect_ip;
        sd_event_source *address_timer;
        KeyPair *key;
        uint8_t coordinator_key[KEY_SIZE];
        uint8_t signing_key[KEY_SIZE];
        bool said_no_token;
        sd_event_source *join_watch;
        sd_event_source *redial; /* on: the link is to be made anew */
        Rekey *rekey;
        KeyPair *new_key; /* to be used from the next dial on; NULL: the same */
        StepJournal *journal;
        SystemdBus *bus;
        Runner *runner;
        Sampler *sampler;
        Diagnoser *diagnoser;
        Bulk *bulk;
        Link *link; /* NULL until the address was asked for once */
        sd_event_source *heartbeat;
        uint64_t sequence;
};

/* --- heartbeats --- */

static void announce_key(Agent *agent) {
        Message message;

        if (rekey_get_announcement(agent->rekey, &message))
                (void) link_send(agent->link, &message); /* said again with the next heartbeat */
}

static usec_t next_interval(const Agent *agent) {
        usec_t interval = link_get_heartbeat(agent->link);

        /* +-20 %, so that a fleet that was started at once does not speak at once. */
        if (interval >= JITTER_FROM)
                interval = interval - interval / 5 + random_up_to(2 * interval / 5);

        return interval;
}

static void arm_heartbeat(Agent *agent, usec_t wait) {
        (void) sd_event_source_set_time_relative(agent->heartbeat, wait);
        (void) sd_event_source_set_enabled(agent->heartbeat, SD_EVENT_ONESHOT);
}

static void send_heartbeat(Agent *agent) {
        Message message = { .kind = MESSAGE_HEARTBEAT,
                            .heartbeat = { .sequence = agent->sequence } };

        runner_fill_heartbeat(agent->runner, &message.heartbeat);
        message.heartbeat.watch = sampler_get_serial(agent->sampler);
        message.heartbeat.refreshed = sampler_get_refreshed(agent->sampler);
        message.heartbeat.login = sampler_get_login(agent->sampler);
        if (link_send(agent->link, &message) >= 0)
                agent->sequence++;

        arm_heartbeat(agent, next_interval(agent));
        announce_key(agent);
}

static int on_heartbeat_due(sd_event_source *source, uint64_t usec, void *userdata) {
        send_heartbeat(ASSERT_PTR(userdata));
        return 0;
}

/* How often to speak is part of every answer. */
static void on_heartbeat_changed(void *userdata) {
        Agent *agent = ASSERT_PTR(userdata);

        arm_heartbeat(agent, next_interval(agent));
}

/* --- the link --- */

static void fill_hello(Hello *hello, void *userdata) {
        const Agent *agent = ASSERT_PTR(userdata);

        hello->role = agent->role;
        hello->epoch = step_journal_get_epoch(agent->journal);
        hello->fence = runner_get_fence(agent->runner);
        hello->master_count = identity_read_master_count(agent->config.root);
        identity_read_version(agent->config.root, hello->dcos_version);
        identity_read_cluster_id(agent->config.root, hello->cluster_id);
        (void) text_copy(hello->name, sizeof(hello->name), agent->name);
        (void) text_copy(hello->boot_id, sizeof(hello->boot_id), agent->boot_id);
        (void) text_copy(
                        hello->journal_id, sizeof(hello->journal_id),
                        step_journal_get_id(agent->journal));
        (void) text_copy(hello->software, sizeof(hello->software), VERSION);
        (void) text_copy(hello->address, sizeof(hello->address), agent->address);
}

static void on_up(void *userdata) {
        Agent *agent = ASSERT_PTR(userdata);

        sampler_reset(agent->sampler);
        bulk_forget(agent->bulk);
        send_heartbeat(agent);
        runner_on_up(agent->runner);
}

static void on_mended(void *userdata) {
        send_heartbeat(userdata);
}

static void on_rekey(void *userdata) {
        Agent *agent = ASSERT_PTR(userdata);

        rekey_want(agent->rekey);
        announce_key(agent);
}

/* The link cannot be made anew from within itself. */
static bool take_new_key(Agent *agent, const Ack *ack) {
        KeyPair *key;

        if (!rekey_acknowledge(agent->rekey, ack, &key))
                return false;

        key_pair_free(agent->new_key);
        agent->new_key = key;
        (void) sd_event_source_set_enabled(agent->redial, SD_EVENT_ONESHOT);
        return true;
}

/* The coordinator repeats it until it hears that we have it: at once, because heartbeats may be far
 * between. To a wish the answers come soon, and a heartbeat with them. */
static void watch(Agent *agent, const Watch *wanted) {
        bool is_new = wanted->serial != sampler_get_serial(agent->sampler);

        sampler_watch(agent->sampler, wanted);
        if (is_new && wanted->refresh <= sampler_get_refreshed(agent->sampler))
                send_heartbeat(agent);
}

/* What the runner has to do with. */
static bool is_of_a_step(const Message *message) {
        if (message->kind == MESSAGE_READ)
                return message->read.what == READ_OUTPUT;

        return message->kind != MESSAGE_WATCH && message->kind != MESSAGE_DIAGNOSE &&
               message->kind != MESSAGE_LOGIN;
}

/* Repeated, like a watch, until it is known that we have it. */
static void take_login(Agent *agent, const Login *login) {
        bool is_new = login->serial != sampler_get_login(agent->sampler);

        sampler_login(agent->sampler, login);
        if (is_new && login->serial == sampler_get_login(agent->sampler))
                send_heartbeat(agent);
}

static void take_wish(Agent *agent, const Message *message) {
        if (message->kind == MESSAGE_WATCH) {
                watch(agent, &message->watch);
        } else if (message->kind == MESSAGE_LOGIN) {
                take_login(agent, &message->login);
        } else if (message->kind == MESSAGE_DIAGNOSE) {
                diagnoser_handle(agent->diagnoser, &message->diagnose);
        } else {
                bulk_handle(agent->bulk, &message->read);
        }
}

static void on_message(const Message *message, void *userdata) {
        Agent *agent = ASSERT_PTR(userdata);

        if (message->kind == MESSAGE_ACK && take_new_key(agent, &message->ack))
                return;

        if (is_of_a_step(message)) {
                runner_handle(agent->runner, message);
        } else if (runner_order_holds(agent->runner, message)) {
                take_wish(agent, message);
        }
}

static void on_hopeless(void *userdata) {
        Agent *agent = ASSERT_PTR(userdata);

        log_error("The coordinator does not answer however often we dial; starting anew.");
        (void) sd_event_exit(agent->event, -EHOSTUNREACH);
}

static int send_message(const Message *message, void *userdata) {
        Agent *agent = ASSERT_PTR(userdata);

        return agent->link ? link_send(agent->link, message) : -ENOTCONN;
}

static void on_refreshed(void *userdata) {
        send_heartbeat(userdata);
}

/* Looked for before each handshake, so that a file that is dropped later is found too. */
static bool get_token(Token *ret, void *userdata) {
        Agent *agent = ASSERT_PTR(userdata);
        Error error = {};

        if (token_load(AT_FDCWD, agent->config.join, ret, &error) >= 0)
                return true;

        if (error.code != ERROR_NOT_FOUND && !agent->said_no_token)
                log_error("The join token is not used: %s.", error.text);

        agent->said_no_token = error.code != ERROR_NOT_FOUND;
        return false;
}

static void on_enrolled(void *userdata) {
        const Agent *agent = ASSERT_PTR(userdata);

        identity_note_enrolled(agent->config.state_dir, agent->config.coordinator_key);
        if (unlink(agent->config.join) >= 0) {
                log_notice("The coordinator has taken this node in; removed %s.",
                           agent->config.join);
        } else if (errno != ENOENT) {
                log_warning("The coordinator has taken this node in, but %s cannot be removed: %m.",
                            agent->config.join);
        }
}

static void on_refused(void *userdata) {
        const Agent *agent = ASSERT_PTR(userdata);

        identity_note_enrolled(agent->config.state_dir, NULL);
}

static LinkTiming with_spread(usec_t spread) {
        LinkTiming timing = link_timing_default;

        timing.spread = spread;
        return timing;
}

static void dial(Agent *agent, usec_t spread) {
        const LinkTiming timing = with_spread(spread);
        const LinkOptions options = {
                .endpoint = agent->config.coordinator,
                .coordinator = agent->coordinator_key,
                .cluster = agent->config.cluster,
                .key = agent->new_key ? agent->new_key : agent->key,
                .timing = &timing,
        };
        static const LinkHandlers handlers = {
                .fill_hello = fill_hello,
                .on_up = on_up,
                .on_message = on_message,
                .on_hopeless = on_hopeless,
                .on_heartbeat = on_heartbeat_changed,
                .on_mended = on_mended,
                .get_token = get_token,
                .on_enrolled = on_enrolled,
                .on_refused = on_refused,
                .on_rekey = on_rekey,
        };
        Error error = {};

        link_free(TAKE(agent->link));
        if (agent->new_key) {
                key_pair_free(agent->key);
                agent->key = TAKE(agent->new_key);
        }
        if (link_new(agent->event, &options, &handlers, agent, &agent->link, &error) < 0) {
                log_error("No link: %s.", error.text);
                (void) sd_event_exit(agent->event, -EIO);
        }
}

static int on_redial(sd_event_source *source, void *userdata) {
        dial(userdata, 0);
        return 0;
}

/* Whoever drops a token, or corrects its mode, need not restart us, nor wait until we ask again. */
static int on_join_dropped(
                sd_event_source *source, const struct inotify_event *event, void *userdata) {
        Agent *agent = ASSERT_PTR(userdata);
        const char *name = strrchr(agent->config.join, '/') + 1;

        if (agent->link && event->len > 0 && strcmp(event->name, name) == 0)
                link_hurry(agent->link);

        return 0;
}

/* --- the address --- */

static void take_address(Agent *agent, const char *address) {
        bool first = !agent->link;

        if (address[0]) {
                (void) text_copy(agent->address, sizeof(agent->address), address);
                log_info("This node is %s, a %s at %s.", agent->name,
                         enum_name(&role_names, agent->role), address);
        } else {
                (void) sd_event_source_set_time_relative(agent->address_timer, ADDRESS_RETRY);
                (void) sd_event_source_set_enabled(agent->address_timer, SD_EVENT_ONESHOT);
        }

        /* An address that is known at last needs a new hello. */
        if (first || address[0])
                dial(agent, first ? agent->config.spread : 0);
}

static void miss_address(Agent *agent, const Error *error) {
        if (!agent->said_no_address) {
                log_warning("The address of this node is not known: %s; asking again.",
                            error->text);
        }

        agent->said_no_address = true;
        take_address(agent, "");
}

static void on_detect_ip(
                int status, const char *output, size_t size, const Error *failed, void *userdata) {
        Agent *agent = ASSERT_PTR(userdata);
        char address[ADDRESS_TEXT_MAX] = "";
        Error error = *failed;
        int r = status;

        if (status > 0)
                r = error_setf(&error, ERROR_IO, "detect_ip ended with status %d", status);
        if (r == 0)
                r = identity_parse_address(output, address, &error);

        helper_free(TAKE(agent->detect_ip));
        if (r < 0) {
                miss_address(agent, &error);
        } else {
                take_address(agent, address);
        }
}

static int on_ask_address(sd_event_source *source, uint64_t usec, void *userdata) {
        Agent *agent = ASSERT_PTR(userdata);
        char path[PATH_MAX];
        char *const arguments[] = { path, NULL };
        Error error = {};

        (void) identity_path(path, agent->config.root, DETECT_IP);
        if (helper_start(agent->event, arguments, ADDRESS_TIMEOUT, on_detect_ip, agent,
                         &agent->detect_ip, &error) < 0)
                miss_address(agent, &error);

        return 0;
}

/* --- the whole --- */

static int read_identity(Agent *agent, Error *error) {
        int r;

        r = id_boot(agent->boot_id);
        if (r < 0)
                return error_errnof(error, r, "cannot read the boot id");

        r = identity_read_role(agent->config.root, &agent->role, error);
        if (r < 0)
                return r;

        if (agent->config.name[0]) {
                (void) text_copy(agent->name, sizeof(agent->name), agent->config.name);
                return 0;
        }

        return identity_read_name(agent->name, error);
}

static int read_keys(Agent *agent, Error *error) {
        char fingerprint[KEY_FINGERPRINT_MAX];
        int r;

        if (key_parse(agent->config.coordinator_key, agent->coordinator_key) < 0) {
                return error_setf(
                                error, ERROR_INVALID, "coordinator_key '%s' is no public key",
                                agent->config.coordinator_key);
        }

        if (key_parse(agent->config.signing_key, agent->signing_key) < 0) {
                return error_setf(
                                error, ERROR_INVALID, "signing_key '%s' is no public key",
                                agent->config.signing_key);
        }

        r = identity_load_key(agent->config.state_dir, &agent->key, error);
        if (r < 0)
                return r;

        key_fingerprint(agent->key->public, fingerprint);
        log_info("The fingerprint of this node's key is %s.", fingerprint);
        return 0;
}

static int make_lookers(Agent *agent, const AskerOptions *asker, Error *error) {
        const ExamineOptions examine = {
                .event = agent->event,
                .journal = agent->journal,
                .bus = agent->bus,
                .role = agent->role,
                .root = agent->config.root,
                .boot_id = agent->boot_id,
        };
        const DiagnoserOptions diagnoser = {
                .examine = examine,
                .asker = *asker,
                .login_of = sampler_get_asker(agent->sampler),
                .send = send_message,
                .userdata = agent,
        };
        const BulkOptions bulk = { examine, send_message, agent };

        agent->diagnoser = diagnoser_new(agent->event, &diagnoser);
        agent->bulk = bulk_new(agent->event, &bulk);
        if (!agent->diagnoser || !agent->bulk)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        return 0;
}

static int make_parts(Agent *agent, Error *error) {
        RunnerOptions options = {
                .send = send_message,
                .userdata = agent,
                .name = agent->name,
                .cluster = agent->config.cluster,
                .signing = agent->signing_key,
                .role = agent->role,
                .root = agent->config.root,
                .probe = agent->config.probe,
                .step = agent->config.step,
        };
        static const SamplerHandlers sampler_handlers = { send_message, on_refreshed };
        AskerOptions asker_options = {
                .role = agent->role,
                .root = agent->config.root,
                .probe = agent->config.probe,
                .address = agent->address,
        };
        int r;

        r = step_journal_open(agent->config.state_dir, &agent->journal, error);
        if (r < 0)
                return r;

        r = read_keys(agent, error);
        if (r < 0)
                return r;

        r = rekey_new(agent->config.state_dir, &agent->rekey, error);
        if (r < 0)
                return r;

        r = systemd_bus_new(agent->event, &agent->bus, error);
        if (r < 0)
                return r;

        options.journal = agent->journal;
        options.bus = agent->bus;
        r = runner_new(agent->event, &options, &agent->runner, error);
        if (r < 0)
                return r;

        asker_options.journal = agent->journal;
        asker_options.bus = agent->bus;
        r = sampler_new(agent->event, &asker_options, &sampler_handlers, agent, &agent->sampler,
                        error);
        if (r < 0)
                return r;

        return make_lookers(agent, &asker_options, error);
}

static int add_timers(Agent *agent) {
        int r;

        r = sd_event_add_time(
                        agent->event, &agent->heartbeat, CLOCK_BOOTTIME, USEC_INFINITY, ACCURACY,
                        on_heartbeat_due, agent);
        if (r < 0)
                return r;

        (void) sd_event_source_set_description(agent->heartbeat, "heartbeat");
        r = sd_event_source_set_exit_on_failure(agent->heartbeat, true);
        if (r < 0)
                return r;

        r = sd_event_add_time_relative(
                        agent->event, &agent->address_timer, CLOCK_BOOTTIME, 0, USEC_PER_SEC / 10,
                        on_ask_address, agent);
        if (r < 0)
                return r;

        (void) sd_event_source_set_description(agent->address_timer, "detect-ip");
        return 0;
}

static int add_redial(Agent *agent) {
        int r;

        r = sd_event_add_defer(agent->event, &agent->redial, on_redial, agent);
        if (r < 0)
                return r;

        (void) sd_event_source_set_description(agent->redial, "redial");
        return sd_event_source_set_enabled(agent->redial, SD_EVENT_OFF);
}

/* Without the directory there is nothing to be dropped; then a token is found when we ask again. */
static int watch_join(Agent *agent) {
        char directory[sizeof(agent->config.join)];
        int r;

        (void) text_copy(directory, sizeof(directory), agent->config.join);
        *(strrchr(directory, '/') + 1) = '\0';
        r = sd_event_add_inotify(
                        agent->event, &agent->join_watch, directory,
                        IN_CLOSE_WRITE | IN_MOVED_TO | IN_ATTRIB, on_join_dropped, agent);
        return r == -ENOENT || r == -ENOTDIR ? 0 : r;
}

int agent_new(sd_event *event, const AgentConfig *config, Agent **ret, Error *error) {
        AUTO(Agent) *agent = calloc(1, sizeof(*agent));
        int r;

        if (!agent)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        agent->event = sd_event_ref(event);
        agent->config = *config;

        r = read_identity(agent, error);
        if (r < 0)
                return r;

        r = make_parts(agent, error);
        if (r < 0)
                return r;

        r = add_timers(agent);
        if (r >= 0)
                r = add_redial(agent);
        if (r >= 0)
                r = watch_join(agent);
        if (r < 0)
                return error_errnof(error, r, "cannot make timers and watches");

        *ret = TAKE(agent);
        return 0;
}

const char *agent_get_name(const Agent *agent) {
        return agent->name;
}

void agent_free(Agent *agent) {
        if (!agent)
                return;

        (void) sd_event_source_disable_unref(agent->heartbeat);
        (void) sd_event_source_disable_unref(agent->address_timer);
        (void) sd_event_source_disable_unref(agent->join_watch);
        (void) sd_event_source_disable_unref(agent->redial);
        helper_free(agent->detect_ip);
        link_free(agent->link);
        diagnoser_free(agent->diagnoser);
        bulk_free(agent->bulk);
        sampler_free(agent->sampler);
        runner_free(agent->runner);
        systemd_bus_free(agent->bus);
        step_journal_free(agent->journal);
        rekey_free(agent->rekey);
        key_pair_free(agent->key);
        key_pair_free(agent->new_key);
        (void) sd_event_unref(agent->event);
        free(agent);
}
