/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-cockroach.h"

#include <errno.h>
#include <string.h>

#include "common/parse.h"
#include "common/text.h"
#include "node-agent/probe/status-table.h"

#define NODES_MAX   64
#define ADDRESS_MAX 64

/* Each node writes its numbers anew every 10 s. */
#define FRESH_FOR (60 * USEC_PER_SEC)

typedef struct CockroachNode {
        uint64_t id;               /* 0: it does not say */
        char address[ADDRESS_MAX]; /* without the port */
        bool known;                /* the numbers below */
        uint64_t unavailable;
        uint64_t underreplicated;
        usec_t updated; /* wall clock; 0: it does not say */
} CockroachNode;

typedef struct CockroachStatus {
        CockroachNode nodes[NODES_MAX];
        size_t count;
} CockroachStatus;

static int add_node(CockroachStatus *status, const CockroachNode *node, Error *error) {
        if (status->count == NODES_MAX)
                return error_setf(error, ERROR_TOO_BIG, "more than %d nodes", NODES_MAX);

        status->nodes[status->count++] = *node;
        return 0;
}

/* "10.0.0.11:26257" */
static int set_address(CockroachNode *node, const char *text, Error *error) {
        const char *port = strrchr(text, ':');

        if (!port || port == text || (size_t) (port - text) >= sizeof(node->address)) {
                return error_setf(error, ERROR_INVALID, "address is '%.64s', want HOST:PORT", text);
        }

        memcpy(node->address, text, (size_t) (port - text));
        node->address[port - text] = '\0';
        return 0;
}

/* --- over HTTP --- */

static int add_store(const Json *store, CockroachNode *node, Error *error) {
        const Json *metrics = NULL;
        uint64_t unavailable = 0, underreplicated = 0;
        int r;

        if (!json_is_object(store))
                return error_setf(error, ERROR_INVALID, "a store is no object");

        r = json_get_object(store, "metrics", &metrics, error);
        if (r == 0) {
                r = json_get_u64(metrics, "ranges.unavailable", 0, UINT32_MAX, &unavailable, error);
        }
        if (r == 0) {
                r =
                                json_get_u64(metrics, "ranges.underreplicated", 0, UINT32_MAX,
                                             &underreplicated, error);
        }
        if (r < 0)
                return r;

        node->unavailable += unavailable;
        node->underreplicated += underreplicated;
        return 0;
}

/* A node without a store has said nothing. */
static int add_stores(const Json *object, CockroachNode *node, Error *error) {
        const Json *stores = NULL;
        int r;

        r = json_get_array(object, "storeStatuses", &stores, error);
        if (r < 0)
                return r;

        for (const Json *store = json_first(stores); store; store = json_next(store)) {
                r = add_store(store, node, error);
                if (r < 0)
                        return r;
        }

        node->known = json_size(stores) > 0;
        return 0;
}

static int read_address(const Json *object, CockroachNode *node, Error *error) {
        const Json *desc = NULL, *address = NULL;
        char text[SAMPLE_TEXT_MAX];
        int r;

        r = json_get_object(object, "desc", &desc, error);
        if (r == 0 && json_get_u64(desc, "nodeId", 1, UINT32_MAX, &node->id, NULL) < 0)
                node->id = 0;
        if (r == 0)
                r = json_get_object(desc, "address", &address, error);
        if (r == 0)
                r = json_get_string(address, "addressField", text, sizeof(text), error);

        return r < 0 ? r : set_address(node, text, error);
}

/* Nanoseconds, as a text. */
static int read_updated(const Json *object, CockroachNode *node, Error *error) {
        char text[SAMPLE_TEXT_MAX];
        uint64_t nanoseconds;
        int r;

        r = json_get_string(object, "updatedAt", text, sizeof(text), error);
        if (r < 0)
                return r;
        if (parse_u64(text, 1, UINT64_MAX, &nanoseconds) < 0)
                return error_setf(error, ERROR_INVALID, "updatedAt is '%.32s'", text);

        node->updated = nanoseconds / 1000;
        return 0;
}

static int parse_node(const Json *object, CockroachNode *ret, Error *error) {
        CockroachNode node = {};
        int r;

        if (!json_is_object(object))
                return error_setf(error, ERROR_INVALID, "is no object");

        r = read_address(object, &node, error);
        if (r == 0)
                r = read_updated(object, &node, error);
        if (r == 0)
                r = add_stores(object, &node, error);
        if (r < 0)
                return r;

        *ret = node;
        return 0;
}

static int parse_nodes(const Json *object, CockroachStatus *status, Error *error) {
        const Json *nodes = NULL;
        int r;

        r = json_get_array(object, "nodes", &nodes, error);
        if (r < 0)
                return r;

        for (const Json *item = json_first(nodes); item; item = json_next(item)) {
                CockroachNode node = {};

                r = parse_node(item, &node, error);
                if (r < 0)
                        return error_prefixf(error, "node %zu", status->count);

                r = add_node(status, &node, error);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* --- by command --- */

/* Of a fixed width, with zeros before. */
static int read_digits(const char *text, size_t length, uint64_t max, uint64_t *ret) {
        uint64_t number = 0;

        for (size_t i = 0; i < length; i++) {
                if (text[i] < '0' || text[i] > '9')
                        return -EINVAL;

                number = number * 10 + (uint64_t) (text[i] - '0');
        }

        *ret = number;
        return number <= max ? 0 : -EINVAL;
}

/* Days since 1970 (Howard Hinnant's days_from_civil, of years from 1970 on). */
static uint64_t count_days(uint64_t year, uint64_t month, uint64_t day) {
        uint64_t y = month <= 2 ? year - 1 : year;
        uint64_t of_era = y % 400, from_march = (month + 9) % 12;
        uint64_t of_year = (153 * from_march + 2) / 5 + day - 1;

        return y / 400 * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* "2020-07-11 10:40:20", with or without a fraction, in UTC, with or without saying so. */
static int read_time(const char *text, usec_t *ret) {
        static const struct {
                size_t at, length;
                uint64_t max;
        } parts[] = { { 0, 4, 9999 }, { 5, 2, 12 },  { 8, 2, 31 },
                      { 11, 2, 23 },  { 14, 2, 59 }, { 17, 2, 60 } };
        uint64_t part[ELEMENTSOF(parts)];

        if (strlen(text) < strlen("1970-01-01 00:00:00"))
                return -EINVAL;

        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                if (read_digits(text + parts[i].at, parts[i].length, parts[i].max, &part[i]) < 0)
                        return -EINVAL;
        }

        if (part[0] < 1970 || part[1] == 0 || part[2] == 0)
                return -EINVAL;

        *ret = (count_days(part[0], part[1], part[2]) * 86400 + part[3] * 3600 + part[4] * 60 +
                part[5]) *
               USEC_PER_SEC;
        return 0;
}

/* NULL in the cell: it does not say. */
static int read_ranges(
                const StatusRow *row,
                const char *name,
                uint64_t *value,
                bool *known,
                Error *error) {
        const char *cell = status_row_get(row, name);

        if (!cell)
                return error_setf(error, ERROR_INVALID, "no column '%s', or two", name);

        if (strcmp(cell, "NULL") == 0) {
                *known = false;
                return 0;
        }
        if (parse_u64(cell, 0, UINT32_MAX, value) < 0)
                return error_setf(error, ERROR_INVALID, "%s is '%.32s'", name, cell);

        return 0;
}

static int add_row(const StatusRow *row, void *userdata, Error *error) {
        CockroachStatus *status = userdata;
        const char *address = status_row_get(row, "address");
        const char *updated = status_row_get(row, "updated_at");
        const char *id = status_row_get(row, "id");
        CockroachNode node = { .known = true };
        int r;

        if (!address || !updated)
                return error_setf(error, ERROR_INVALID, "no column 'address' or 'updated_at'");

        if (!id || parse_u64(id, 1, UINT32_MAX, &node.id) < 0)
                node.id = 0;

        r = set_address(&node, address, error);
        if (r == 0)
                r = read_ranges(row, "ranges_unavailable", &node.unavailable, &node.known, error);
        if (r == 0) {
                r = read_ranges(row, "ranges_underreplicated", &node.underreplicated, &node.known,
                                error);
        }
        if (r < 0)
                return r;
        if (read_time(updated, &node.updated) < 0)
                return error_setf(error, ERROR_INVALID, "updated_at is '%.40s'", updated);

        return add_node(status, &node, error);
}

/* --- judgement --- */

/* Nobody's numbers count who is no master any more. */
static bool counts(const CockroachNode *node, const Json *names) {
        for (const Json *name = json_first(names); name; name = json_next(name)) {
                const char *text = json_string_value(name);

                if (text && strcmp(text, node->address) == 0)
                        return true;
        }

        return names == NULL;
}

static bool is_fresh(const CockroachNode *node, usec_t now) {
        return now == 0 || (node->updated <= span_add(now, FRESH_FOR) &&
                            now <= span_add(node->updated, FRESH_FOR));
}

/* Where no file has the addresses of the masters, the row of one that was replaced looks like that
 * of one that is down; only that there are too many rows tells. */
#define ADVICE_MAX 224

static const char *advise(
                const CockroachNode *node, bool too_many, char advice[static ADVICE_MAX]) {
        char id[24] = "ID";

        if (node->id > 0)
                (void) text_format(id, sizeof(id), "%llu", (unsigned long long) node->id);

        (void) text_format(
                        advice, ADVICE_MAX,
                        "; only if %s is no master any more, decommission it: " COCKROACH_PROGRAM
                        " node decommission %s",
                        node->address, id);
        return too_many ? advice : "";
}

static void judge_node(
                const CockroachNode *node,
                const CockroachWanted *wanted,
                bool too_many,
                Sample *sample) {
        char span[SPAN_TEXT_MAX], advice[ADVICE_MAX];

        sample_add_evidence(
                        sample, "%s: unavailable %llu, underreplicated %llu", node->address,
                        (unsigned long long) node->unavailable,
                        (unsigned long long) node->underreplicated);
        if (!node->known) {
                sample_doubt(sample, "%s: the numbers of its ranges are absent%s", node->address,
                             advise(node, too_many, advice));
        } else if (!is_fresh(node, wanted->now)) {
                sample_doubt(sample, "%s: its numbers are from %s ago, or from the future%s",
                             node->address, span_format(span_sub(wanted->now, node->updated), span),
                             advise(node, too_many, advice));
        } else if (node->unavailable > 0) {
                sample_fail(sample, "%s: %llu ranges are unavailable, want 0", node->address,
                            (unsigned long long) node->unavailable);
        } else if (node->underreplicated > 0) {
                sample_fail(sample, "%s: %llu ranges are underreplicated, want 0", node->address,
                            (unsigned long long) node->underreplicated);
        }
}

static bool stands_before(const CockroachStatus *status, size_t index) {
        for (size_t i = 0; i < index; i++) {
                if (strcmp(status->nodes[i].address, status->nodes[index].address) == 0)
                        return true;
        }

        return false;
}

static uint64_t count_masters(const CockroachStatus *status, const CockroachWanted *wanted) {
        uint64_t masters = 0;

        for (size_t i = 0; i < status->count; i++)
                masters += counts(&status->nodes[i], wanted->names) && !stands_before(status, i);

        return masters;
}

static void judge_status(
                const CockroachStatus *status, const CockroachWanted *wanted, Sample *sample) {
        uint64_t masters = count_masters(status, wanted), unavailable = 0, underreplicated = 0;
        bool too_many = wanted->masters > 0 && masters > wanted->masters;

        for (size_t i = 0; i < status->count; i++) {
                const CockroachNode *node = &status->nodes[i];

                if (!counts(node, wanted->names))
                        continue;

                unavailable += node->unavailable;
                underreplicated += node->underreplicated;
                judge_node(node, wanted, too_many, sample);
        }

        sample_add_number(sample, "nodes", masters);
        sample_add_number(sample, "unavailable", unavailable);
        sample_add_number(sample, "underreplicated", underreplicated);

        if (wanted->masters == 0) {
                sample_doubt(sample, "it is not known how many masters there are");
        } else if (masters != wanted->masters) {
                sample_doubt(sample, "%llu masters are in its list, want %llu",
                             (unsigned long long) masters, (unsigned long long) wanted->masters);
        }
        sample_close(sample);
}

bool cockroach_http_judge(const Reply *reply, const CockroachWanted *wanted, Sample *sample) {
        CockroachStatus status = {};
        AUTO(Json) *object = NULL;
        Error error = {};

        if (reply_object(reply, REPLY_BYTES_MAX, &object, &error) < 0 ||
            parse_nodes(object, &status, &error) < 0) {
                sample_doubt_error(sample, &error);
                reply_quote(reply, sample);
                return false;
        }

        judge_status(&status, wanted, sample);
        return true;
}

void cockroach_command_judge(
                const CockroachAnswer *answer, const CockroachWanted *wanted, Sample *sample) {
        CockroachStatus status = {};
        Error error = {};

        if (answer->errors && answer->errors[0])
                sample_add_evidence(sample, "stderr: %.512s", answer->errors);

        if (answer->failure) {
                sample_doubt(sample, "cockroach node status: %s", answer->failure);
        } else if (answer->exit_status != 0) {
                sample_doubt(sample, "cockroach node status: exit status %d: %.256s",
                             answer->exit_status, answer->errors ? answer->errors : "");
        } else if (status_table_read(answer->output, answer->size, add_row, &status, &error) < 0) {
                sample_doubt(sample, "cockroach node status: %s", error.text);
        } else {
                judge_status(&status, wanted, sample);
        }
}
