/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-marathon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "node-agent/probe/constraint.h"

#define STATUS_NOT_FOUND 404
#define NAME_MAX_SHOWN   64

/* --- leader --- */

static void take_leader(const Json *object, const char *question, Sample *sample) {
        const Json *item = json_find(object, "leader");
        const char *leader = json_string_value(item);

        if (json_is_null(item) || (leader && !leader[0])) {
                sample_fail(sample, "%s: there is no leader", question);
        } else if (!leader) {
                sample_doubt(sample, "%s: 'leader' is missing or no text", question);
        } else {
                sample_add_text(sample, "leader", leader);
        }
}

void marathon_info_judge(const Reply *reply, Sample *sample) {
        AUTO(Json) *object = NULL;
        char version[SAMPLE_TEXT_MAX];
        Error error = {};
        bool elected;

        if (reply_object(reply, REPLY_BYTES_MAX, &object, &error) < 0 ||
            json_get_string(object, "version", version, sizeof(version), &error) < 0 ||
            json_get_bool(object, "elected", &elected, &error) < 0) {
                sample_doubt_error(sample, &error); /* not quoted: it may have passwords in it */
                return;
        }

        sample_add_text(sample, "version", version);
        sample_add_number(sample, "elected", elected);
        take_leader(object, reply->question, sample);
        sample_close(sample);
}

void marathon_leader_judge(const Reply *reply, Sample *sample) {
        AUTO(Json) *object = NULL;
        Reply none = *reply;
        Error error = {};

        reply_quote(reply, sample);

        /* Any server has a 404; only Marathon says this with it. */
        if (!reply->failure && reply->status == STATUS_NOT_FOUND) {
                none.status = 200;
                if (reply_object(&none, REPLY_BYTES_MAX, &object, NULL) == 0 &&
                    json_is_string(json_find(object, "message"))) {
                        sample_fail(sample, "%s: there is no leader", reply->question);
                        return;
                }
        }

        if (reply_object(reply, REPLY_BYTES_MAX, &object, &error) < 0) {
                sample_doubt_error(sample, &error);
                return;
        }

        take_leader(object, reply->question, sample);
        sample_close(sample);
}

/* --- deployments --- */

void marathon_deployments_judge(const Reply *reply, Sample *sample) {
        AUTO(Json) *list = NULL;
        Error error = {};

        if (reply_list(reply, REPLY_LIST_BYTES_MAX, &list, &error) < 0) {
                sample_doubt_error(sample, &error);
                reply_quote(reply, sample);
                return;
        }

        sample_add_number(sample, "deployments", json_size(list));
        if (json_size(list) > 0) {
                const char *id = json_string_value(json_find(json_first(list), "id"));

                reply_quote(reply, sample);
                sample_fail(sample, "%zu %s not finished, the first is %.64s", json_size(list),
                            json_size(list) == 1 ? "deployment is" : "deployments are",
                            id ? id : "without an id");
        }
        sample_close(sample);
}

/* --- constraints --- */

typedef struct Tally {
        uint64_t constraints, errors, warnings;
        Sample *sample;
} Tally;

static void note(Tally *tally, const char *id, const Constraint *constraint) {
        const char *why;

        tally->constraints++;
        switch (constraint_judge(constraint, &why)) {
        case CONSTRAINT_GOOD:
                return;
        case CONSTRAINT_DOUBTFUL:
                tally->warnings++;
                sample_add_evidence(tally->sample, "warning: %.*s: %s", NAME_MAX_SHOWN, id, why);
                return;
        case CONSTRAINT_BAD:
                tally->errors++;
                sample_add_evidence(tally->sample, "%.*s: %s", NAME_MAX_SHOWN, id, why);
                sample_fail(tally->sample, "%.*s: %s", NAME_MAX_SHOWN, id, why);
        }
}

static void note_shape(Tally *tally, const char *id, const char *why) {
        tally->constraints++;
        tally->errors++;
        sample_add_evidence(tally->sample, "%.*s: %s", NAME_MAX_SHOWN, id, why);
        sample_fail(tally->sample, "%.*s: %s", NAME_MAX_SHOWN, id, why);
}

static void judge_array(const char *id, const Json *item, Tally *tally) {
        const char *texts[3] = {};
        size_t count = 0;

        for (const Json *part = json_first(item); part; part = json_next(part)) {
                if (count == ELEMENTSOF(texts) || !json_is_string(part)) {
                        note_shape(tally, id, "a constraint is not two or three texts");
                        return;
                }
                texts[count++] = json_string_value(part);
        }

        if (!json_is_array(item) || count < 2) {
                note_shape(tally, id, "a constraint is not two or three texts");
                return;
        }

        note(tally, id,
             &(Constraint) { .field = texts[0], .operator= texts[1], .value = texts[2] });
}

static void judge_named(const char *id, const Json *item, Tally *tally) {
        const Json *value = json_find(item, "value");
        const Constraint constraint = {
                .field = json_string_value(json_find(item, "fieldName")),
                .operator= json_string_value(json_find(item, "operator")),
                .value = json_string_value(value),
                .of_pod = true,
        };

        if (!constraint.field || !constraint.operator||(value && !constraint.value)) {
                note_shape(tally, id, "a constraint lacks fieldName or operator, or is no text");
        } else {
                note(tally, id, &constraint);
        }
}

typedef void (*ConstraintJudge)(const char *id, const Json *item, Tally *tally);

static int judge_item(
                const Json *item,
                const Json *constraints,
                ConstraintJudge judge,
                Tally *tally,
                Error *error) {
        const char *id = json_string_value(json_find(item, "id"));

        if (!id)
                return error_setf(error, ERROR_INVALID, "an item has no id");
        if (constraints && !json_is_array(constraints))
                return error_setf(error, ERROR_INVALID, "%.64s: constraints are no list", id);

        for (const Json *each = json_first(constraints); each; each = json_next(each))
                judge(id, each, tally);

        return 0;
}

static void conclude(const Reply *reply, Tally *tally, size_t items, int r, const Error *error) {
        if (r < 0) {
                sample_doubt(tally->sample, "%s: %s", reply->question, error->text);
                return;
        }

        sample_add_number(tally->sample, "items", items);
        sample_add_number(tally->sample, "constraints", tally->constraints);
        sample_add_number(tally->sample, "errors", tally->errors);
        sample_add_number(tally->sample, "warnings", tally->warnings);
        sample_close(tally->sample);
}

void marathon_apps_judge(const Reply *reply, Sample *sample) {
        Tally tally = { .sample = sample };
        AUTO(Json) *object = NULL;
        const Json *apps = NULL;
        Error error = {};
        int r;

        r = reply_object(reply, REPLY_LIST_BYTES_MAX, &object, &error);
        if (r == 0)
                r = json_get_array(object, "apps", &apps, &error);

        for (const Json *app = json_first(apps); r == 0 && app; app = json_next(app))
                r = judge_item(app, json_find(app, "constraints"), judge_array, &tally, &error);

        conclude(reply, &tally, apps ? json_size(apps) : 0, r, &error);
}

void marathon_pods_judge(const Reply *reply, Sample *sample) {
        Tally tally = { .sample = sample };
        AUTO(Json) *pods = NULL;
        Error error = {};
        int r;

        r = reply_list(reply, REPLY_LIST_BYTES_MAX, &pods, &error);
        for (const Json *pod = json_first(pods); r == 0 && pod; pod = json_next(pod)) {
                const Json *placement = json_find(json_find(pod, "scheduling"), "placement");

                r = judge_item(pod, json_find(placement, "constraints"), judge_named, &tally,
                               &error);
        }

        conclude(reply, &tally, pods ? json_size(pods) : 0, r, &error);
}

/* --- all of it --- */

bool marathon_leads_at(const Reply *reply, const char *address) {
        size_t length = strlen(address);
        const char *leader;
        Sample sample;

        sample_init(&sample, "", "");
        marathon_leader_judge(reply, &sample);
        leader = sample_get_text(&sample, "leader");
        if (!leader)
                return false;
        if (leader[0] == '[')
                leader++; /* IPv6 */

        return leader[strspn(leader, "0123456789abcdefABCDEF.:]")] != '\0' ||
               (strncmp(leader, address, length) == 0 && strchr(":]", leader[length]));
}

/* Each judge closes what it judges; what they say together is said here. Returns the part, for
 * what else is in it. */
static Sample take_part(
                void (*judge)(const Reply *reply, Sample *sample),
                const Reply *reply,
                Sample *sample) {
        Sample part;

        sample_init(&part, sample->check, sample->subject);
        judge(reply, &part);
        if (part.verdict == VERDICT_FAIL) {
                sample_fail(sample, "%s", part.why.text);
        } else if (part.verdict != VERDICT_PASS) {
                sample_doubt_error(sample, &part.why);
        }
        if (part.verdict != VERDICT_PASS && part.evidence[0])
                sample_add_evidence(sample, "%s", part.evidence);

        return part;
}

static void take_constraints(
                void (*judge)(const Reply *reply, Sample *sample),
                const Reply *reply,
                const char *name,
                Sample *sample) {
        Sample part = take_part(judge, reply, sample);
        uint64_t count;

        if (sample_get_number(&part, "constraints", &count))
                sample_add_number(sample, name, count);
}

void marathon_take_apps(const Reply *reply, Sample *sample) {
        take_constraints(marathon_apps_judge, reply, "constraints", sample);
}

void marathon_take_pods(const Reply *reply, Sample *sample) {
        take_constraints(marathon_pods_judge, reply, "pod_constraints", sample);
}

void marathon_take_deployments(const Reply *reply, Sample *sample) {
        bool good = sample->why.code == ERROR_NONE;
        Sample part = take_part(marathon_deployments_judge, reply, sample);
        uint64_t count;

        if (!sample_get_number(&part, "deployments", &count))
                return;

        sample_add_number(sample, "deployments", count);
        sample_add_number(sample, "only_deployments", good && count > 0);
}

bool marathon_take_leader(
                const Reply *info, const Reply *leader, const char *address, Sample *sample) {
        Sample first_part = take_part(marathon_info_judge, info, sample);
        Sample second_part = take_part(marathon_leader_judge, leader, sample);
        const char *version = sample_get_text(&first_part, "version");
        const char *first = sample_get_text(&first_part, "leader");
        const char *second = sample_get_text(&second_part, "leader");
        bool leads_here = marathon_leads_at(leader, address);

        if (version)
                sample_add_text(sample, "version", version);
        if (second) {
                sample_add_text(sample, "leader", second);
                sample_add_evidence(sample, "%s leads", second);
        }
        if (first && second && strcmp(first, second) != 0) {
                sample_doubt(sample, "%s names %.64s as leader, %s %.64s", info->question, first,
                             leader->question, second);
        }

        sample_add_number(sample, "leads_here", leads_here);
        return leads_here;
}

/* --- event subscribers --- */

static bool subscribes(const char *line) {
        static const char *const words[] = {
                "--event_subscriber",
                "MARATHON_EVENT_SUBSCRIBER",
        };

        line += strspn(line, " \t");
        for (size_t i = 0; line[0] != '#' && i < ELEMENTSOF(words); i++) {
                if (strstr(line, words[i]))
                        return true;
        }

        return false;
}

void marathon_script_look(const char *name, const char *text, size_t size, Sample *sample) {
        auto_free char *copy = NULL;
        char *rest;

        if (size == 0 || memchr(text, '\0', size)) {
                sample_doubt(sample, "%s: %s", name, size == 0 ? "is empty" : "is no text");
                return;
        }

        copy = text_duplicate(text, size);
        if (!copy) {
                sample_doubt(sample, "%s: no memory", name);
                return;
        }

        rest = copy;
        for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
                if (!subscribes(line))
                        continue;

                sample_add_evidence(sample, "%s: %.256s", name, line);
                sample_fail(sample, "%s sends events to subscribers: '%.128s'", name, line);
        }
}

void marathon_script_judge(const char *text, size_t size, Sample *sample) {
        marathon_script_look("marathon.sh", text, size, sample);
        sample_close(sample);
}
