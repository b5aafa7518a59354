/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <syslog.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/service.h"
#include "common/text.h"
#include "node-agent/check.h"
#include "node-agent/link.h"
#include "proto/random.h"

/* Some hundred node agents in one process, as many as nanomsg has sockets for. Each has the link of
 * a real one, a session of its own, the real waiting times, and a heartbeat of its own pace. It
 * acknowledges claims and answers what it is asked, as a healthy node would: what it can read at
 * once comes at once, what it would have to ask somebody else takes up to SLOWEST_ANSWER. It has no
 * steps and no files.
 *
 *      fleet ENDPOINT CLUSTER COORDINATOR-KEY FIRST COUNT MASTERS
 *
 * The nodes are number FIRST and those after it; the first MASTERS of all are masters, at addresses
 * 10.128.0.0 and on. It says "NAME,ROLE,KEY" of each, then "ready", and does then as it is told,
 * one line a command on standard input:
 *
 *      go      all nodes dial, each after a random wait as after a boot
 *      mark    forget what "count" tells
 *      count   one line: nodes with a session that stands; nodes that have made one since the mark;
 *              microseconds from the mark to the median and to the last of these; sessions made
 */

#define FLEET_MAX 512
#define BEAT_TICK (50 * USEC_PER_MSEC)
#define LINE_SIZE 64

#define SLOWEST_ANSWER (500 * USEC_PER_MSEC)

typedef struct Fleet Fleet;

typedef struct Node {
        Fleet *fleet;
        size_t number;
        char name[NAME_TEXT_MAX];
        char id[ID_TEXT_MAX]; /* of its boot and of its journal */
        KeyPair *key;
        Link *link;
        bool is_hopeless; /* its process would be started anew */
        uint64_t epoch;
        uint64_t sequence;
        uint64_t refreshed;
        Watch watch;
        usec_t asked;          /* boot time, of the newest round of questions */
        usec_t due[WATCH_MAX]; /* of the watch's items: when the answer is there; 0: nobody asked */
        size_t due_count;
        usec_t next_heartbeat;
        usec_t up_at; /* the newest session; 0: none since the mark */
} Node;

struct Fleet {
        sd_event *event;
        const char *endpoint;
        const char *cluster;
        uint8_t coordinator[KEY_SIZE];
        size_t masters;
        size_t count;
        usec_t mark;
        uint64_t sessions; /* made since the mark */
        size_t line_size;
        char line[LINE_SIZE];
        Node nodes[FLEET_MAX];
};

static bool is_master(const Node *node) {
        return node->number < node->fleet->masters;
}

static Role role_of(const Node *node) {
        return is_master(node) ? ROLE_MASTER : ROLE_AGENT;
}

static void address_of(size_t number, char *buffer, size_t size) {
        (void) text_format(
                        buffer, size, "10.%zu.%zu.%zu", 128 + (number >> 16), number >> 8 & 255,
                        number & 255);
}

/* --- what a healthy node says --- */

/* The first node leads. */
static void fill_master(Sample *sample, const Node *node) {
        bool leads = node->number == 0;
        char leader[ADDRESS_TEXT_MAX + 8];

        if (strcmp(sample->check, "mesos-master") == 0) {
                address_of(0, leader, sizeof(leader) - 8);
                (void) text_format(leader + strlen(leader), 8, ":5050");
                sample_add_number(sample, "elected", leads);
                sample_add_number(sample, "recovered", 1);
                sample_add_text(sample, "leader", leader);
        } else if (strcmp(sample->check, "zookeeper") == 0) {
                sample_add_text(sample, "mode", leads ? "leader" : "follower");
        } else if (strcmp(sample->check, "marathon") == 0) {
                sample_add_number(sample, "leads_here", leads);
        } else if (strcmp(sample->check, "mesos-leader") == 0) {
                sample_add_number(sample, sample->subject[0] ? "listed" : "health", 1);
                sample_add_number(sample, "active", 1);
                sample_add_number(sample, "reregistered_ms", 1);
        }
}

static Sample make_sample(const Node *node, const WatchItem *item) {
        Sample sample = sample_make(item->check, item->subject);

        sample.verdict = VERDICT_PASS;
        sample.took = 20 * USEC_PER_MSEC;
        if (strcmp(sample.check, "version") == 0)
                sample_add_text(&sample, "version", "2.1.0");
        if (is_master(node))
                fill_master(&sample, node);
        if (strcmp(sample.check, "mesos-agent") == 0)
                sample_add_number(&sample, "strict", 0);

        sample_add_number(&sample, "uptime_ms", clock_boottime() / USEC_PER_MSEC);
        sample_add_evidence(
                        &sample,
                        "%s answered as it has for days, and this is about as much as a "
                        "check has to show for it: 31 units, 0 failed, 12 ms",
                        item->check);
        return sample;
}

static void answer(Node *node, size_t item) {
        Message message = { .kind = MESSAGE_SAMPLE };

        message.sample = make_sample(node, &node->watch.items[item]);
        (void) text_copy(message.sample.step, sizeof(message.sample.step), node->watch.step);
        (void) link_send(node->link, &message);
        node->due[item] = 0;
        node->due_count--;
}

static void ask_all(Node *node, usec_t now) {
        node->asked = now;
        node->due_count = node->watch.item_count;
        for (size_t i = 0; i < node->watch.item_count; i++) {
                node->due[i] = now + random_up_to(SLOWEST_ANSWER);
                if (strcmp(node->watch.items[i].check, "version") == 0)
                        answer(node, i);
        }
}

static void send_heartbeat(Node *node, usec_t now) {
        usec_t interval = link_get_heartbeat(node->link);
        Message message = { .kind = MESSAGE_HEARTBEAT };

        message.heartbeat = (Heartbeat) {
                .sequence = node->sequence,
                .epoch = node->epoch,
                .watch = node->watch.serial,
                .refreshed = node->refreshed,
        };
        if (link_send(node->link, &message) < 0)
                return;

        node->sequence++;
        node->next_heartbeat = now + interval - interval / 5 + random_up_to(2 * interval / 5);
}

/* --- the link --- */

static void fill_hello(Hello *hello, void *userdata) {
        const Node *node = userdata;

        hello->role = role_of(node);
        hello->epoch = node->epoch;
        hello->master_count = node->fleet->masters;
        address_of(node->number, hello->address, sizeof(hello->address));
        (void) text_copy(hello->name, sizeof(hello->name), node->name);
        (void) text_copy(hello->boot_id, sizeof(hello->boot_id), node->id);
        (void) text_copy(hello->journal_id, sizeof(hello->journal_id), node->id);
        (void) text_copy(hello->software, sizeof(hello->software), VERSION);
        (void) text_copy(hello->dcos_version, sizeof(hello->dcos_version), "2.1.0");
}

static void on_up(void *userdata) {
        Node *node = userdata;

        node->watch = (Watch) {};
        node->due_count = 0;
        node->refreshed = 0;
        node->up_at = clock_boottime();
        node->fleet->sessions++;
        send_heartbeat(node, node->up_at);
}

static void claim(Node *node, uint64_t epoch) {
        Message message = { .kind = MESSAGE_CLAIMED };

        if (epoch < node->epoch)
                return;

        node->epoch = epoch;
        message.claimed.epoch = epoch;
        (void) text_copy(message.claimed.journal_id, sizeof(message.claimed.journal_id), node->id);
        (void) link_send(node->link, &message);
}

static void watch(Node *node, const Watch *wanted, usec_t now) {
        bool is_wish = wanted->refresh > node->watch.refresh;

        node->watch = *wanted;
        node->due_count = 0;
        if (is_wish) {
                ask_all(node, now);
        } else {
                send_heartbeat(node, now);
        }
}

static void on_message(const Message *message, void *userdata) {
        Node *node = userdata;

        if (message->kind == MESSAGE_CLAIM)
                claim(node, message->claim.epoch);
        if (message->kind == MESSAGE_WATCH)
                watch(node, &message->watch, clock_boottime());
}

static void on_hopeless(void *userdata) {
        Node *node = userdata;

        node->is_hopeless = true;
}

static int dial(Node *node, Error *error) {
        static const LinkHandlers handlers = {
                .fill_hello = fill_hello,
                .on_up = on_up,
                .on_message = on_message,
                .on_hopeless = on_hopeless,
        };
        const LinkOptions options = {
                .endpoint = node->fleet->endpoint,
                .coordinator = node->fleet->coordinator,
                .cluster = node->fleet->cluster,
                .key = node->key,
                .timing = &link_timing_default,
        };

        link_free(TAKE(node->link));
        node->is_hopeless = false;
        return link_new(node->fleet->event, &options, &handlers, node, &node->link, error);
}

/* --- time --- */

static usec_t shortest_period(const Watch *wanted) {
        usec_t period = USEC_INFINITY;

        for (size_t i = 0; i < wanted->item_count; i++)
                period = MIN(period, wanted->items[i].period);

        return period;
}

static void give_answers(Node *node, usec_t now) {
        if (node->due_count == 0)
                return;

        for (size_t i = 0; i < node->watch.item_count; i++) {
                if (node->due[i] != 0 && node->due[i] <= now)
                        answer(node, i);
        }

        if (node->due_count == 0 && node->refreshed != node->watch.refresh) {
                node->refreshed = node->watch.refresh;
                send_heartbeat(node, now);
        }
}

static void look_after(Node *node, usec_t now) {
        if (node->is_hopeless && dial(node, NULL) < 0)
                node->is_hopeless = true;
        if (span_sub(now, node->asked) >= shortest_period(&node->watch))
                ask_all(node, now);
        give_answers(node, now);
        if (now >= node->next_heartbeat && link_is_up(node->link))
                send_heartbeat(node, now);
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata) {
        Fleet *fleet = userdata;
        usec_t now = clock_boottime();

        for (size_t i = 0; i < fleet->count; i++) {
                if (fleet->nodes[i].link)
                        look_after(&fleet->nodes[i], now);
        }

        (void) sd_event_source_set_time(source, now + BEAT_TICK);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* --- commands --- */

static int compare_times(const void *a, const void *b) {
        usec_t left = *(const usec_t *) a;
        usec_t right = *(const usec_t *) b;

        return left == right ? 0 : left < right ? -1 : 1;
}

static void count(const Fleet *fleet) {
        usec_t times[FLEET_MAX] = {};
        size_t up = 0;
        size_t made = 0;

        for (size_t i = 0; i < fleet->count; i++) {
                const Node *node = &fleet->nodes[i];

                up += node->link && link_is_up(node->link);
                if (node->up_at != 0)
                        times[made++] = node->up_at - fleet->mark;
        }

        qsort(times, made, sizeof(usec_t), compare_times);
        (void) printf("%zu %zu %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", up, made,
                      made ? times[made / 2] : 0, made ? times[made - 1] : 0, fleet->sessions);
}

static void mark(Fleet *fleet) {
        fleet->mark = clock_boottime();
        fleet->sessions = 0;
        for (size_t i = 0; i < fleet->count; i++)
                fleet->nodes[i].up_at = 0;
}

static int go(Fleet *fleet) {
        Error error = {};

        mark(fleet);
        for (size_t i = 0; i < fleet->count; i++) {
                if (dial(&fleet->nodes[i], &error) < 0) {
                        log_error("%s", error.text);
                        return -EIO;
                }
        }

        return 0;
}

static int obey(Fleet *fleet, const char *command) {
        int r = 0;

        if (strcmp(command, "go") == 0) {
                r = go(fleet);
        } else if (strcmp(command, "mark") == 0) {
                mark(fleet);
        } else if (strcmp(command, "count") == 0) {
                count(fleet);
        } else {
                log_error("unknown command '%s'", command);
                return -EINVAL;
        }

        (void) fflush(stdout);
        return r;
}

static int on_input(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Fleet *fleet = userdata;
        char *end;
        ssize_t n;
        int r = 0;

        n = read(fd, fleet->line + fleet->line_size, LINE_SIZE - fleet->line_size);
        if (n <= 0)
                return sd_event_exit(fleet->event, n < 0 ? -errno : 0);

        fleet->line_size += (size_t) n;
        while (r >= 0 && (end = memchr(fleet->line, '\n', fleet->line_size))) {
                size_t size = (size_t) (end - fleet->line) + 1;

                *end = '\0';
                r = obey(fleet, fleet->line);
                fleet->line_size -= size;
                memmove(fleet->line, fleet->line + size, fleet->line_size);
        }

        return r < 0 ? sd_event_exit(fleet->event, r) : 0;
}

/* --- the whole --- */

static int make_node(Fleet *fleet, Node *node, size_t number, Error *error) {
        char key[KEY_TEXT_MAX];
        int r;

        node->fleet = fleet;
        node->number = number;
        (void) text_format(
                        node->name, sizeof(node->name), is_master(node) ? "m%zu" : "a%05zu",
                        number + 1);
        (void) text_format(
                        node->id, sizeof(node->id), "%016" PRIx64 "%016" PRIx64, random_u64(),
                        random_u64());
        r = key_pair_generate(KEY_CHANNEL, &node->key, error);
        if (r < 0)
                return r;

        key_to_text(node->key->public, key);
        (void) printf("%s,%s,%s\n", node->name, enum_name(&role_names, role_of(node)), key);
        return 0;
}

static int prepare(Fleet *fleet, char *argv[], Error *error) {
        uint32_t first;
        uint32_t number;
        uint32_t masters;
        int r;

        if (key_parse(argv[3], fleet->coordinator) < 0 ||
            parse_u32(argv[4], 0, UINT16_MAX, &first) < 0 ||
            parse_u32(argv[5], 1, FLEET_MAX, &number) < 0 ||
            parse_u32(argv[6], 0, MASTERS_MAX, &masters) < 0)
                return error_setf(error, ERROR_INVALID, "the arguments are wrong");

        fleet->endpoint = argv[1];
        fleet->cluster = argv[2];
        fleet->masters = masters;
        for (fleet->count = 0; fleet->count < number; fleet->count++) {
                r = make_node(fleet, &fleet->nodes[fleet->count], first + fleet->count, error);
                if (r < 0)
                        return r;
        }

        (void) printf("ready\n");
        (void) fflush(stdout);
        return 0;
}

static int run(Fleet *fleet, Service *service, char *argv[], Error *error) {
        int r;

        fleet->event = service_event(service);
        r = prepare(fleet, argv, error);
        if (r < 0)
                return r;

        r = sd_event_add_io(fleet->event, NULL, STDIN_FILENO, EPOLLIN, on_input, fleet);
        if (r < 0)
                return error_errnof(error, r, "standard input");

        r = sd_event_add_time_relative(
                        fleet->event, NULL, CLOCK_BOOTTIME, BEAT_TICK, BEAT_TICK / 5, on_tick,
                        fleet);
        if (r < 0)
                return error_errnof(error, r, "timer");

        return service_run(service, error);
}

int main(int argc, char *argv[]) {
        static Fleet fleet;
        AUTO(Service) *service = NULL;
        Error error = {};
        int r;

        if (argc != 7) {
                (void) fprintf(stderr, "usage: fleet ENDPOINT CLUSTER KEY FIRST COUNT MASTERS\n");
                return 2;
        }

        log_open("fleet", LOG_ERR);
        r = service_new(&service, &error);
        if (r >= 0)
                r = run(&fleet, service, argv, &error);
        if (r < 0)
                log_error("%s", error.text);

        for (size_t i = 0; i < fleet.count; i++) {
                link_free(fleet.nodes[i].link);
                key_pair_free(fleet.nodes[i].key);
        }

        return r < 0;
}
