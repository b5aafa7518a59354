/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/losses.h"

#include <inttypes.h>
#include <string.h>

#include "common/parse.h"
#include "common/text.h"
#include "coordinator/health.h"

/* A word for each counter, as the probe says them: "lost/master/slave_disconnected=3". */

#define WORD_TEXT_MAX  128
#define WORDS_TEXT_MAX ((size_t) 512)
#define CUT            " ..."
#define UPTIME         "uptime_ms"

static const char *const places[] = { "losses_1", "losses_2", "losses_3", "losses_4" };

/* --- words --- */

/* The age of the process comes first, as another word: its counters began with it. */
static void join(const Kept *sample, char words[static WORDS_TEXT_MAX]) {
        uint64_t uptime;

        words[0] = '\0';
        if (kept_number(sample, UPTIME, &uptime))
                (void) text_format(words, WORDS_TEXT_MAX, " " UPTIME "=%" PRIu64, uptime);
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                const char *text = kept_text(sample, places[i]);
                size_t used = strlen(words);

                if (text)
                        (void) text_format(words + used, WORDS_TEXT_MAX - used, " %s", text);
        }
}

/* The next of them, and moves behind it; false: there is none. */
static bool next_word(const char **words, char name[static WORD_TEXT_MAX], uint64_t *ret) {
        for (const char *at = *words + strspn(*words, " "); *at; at += strspn(at, " ")) {
                size_t length = strcspn(at, " ");
                char word[WORD_TEXT_MAX];
                char *value;

                (void) text_format(word, sizeof(word), "%.*s", (int) length, at);
                at += length;
                value = strchr(word, '=');
                if (!value || parse_u64(value + 1, 0, JSON_NUMBER_MAX, ret) < 0)
                        continue;

                *value = '\0';
                (void) text_copy(name, WORD_TEXT_MAX, word);
                *words = at;
                return true;
        }

        return false;
}

static bool find_word(const char *words, const char *wanted, uint64_t *ret) {
        char name[WORD_TEXT_MAX];
        uint64_t value;

        while (next_word(&words, name, &value)) {
                if (strcmp(name, wanted) != 0)
                        continue;

                *ret = value;
                return true;
        }

        return false;
}

/* As Mesos calls it, which is what a person can look for. */
static void name_counter(const char *word, char text[static REASON_MAX]) {
        size_t kind = strcspn(word, "/");
        const char *source = word[kind] ? word + kind + 1 : "";
        size_t length = strcspn(source, "/");

        (void) text_format(
                        text, REASON_MAX, "task_%.*s/source_%.*s/reason_%s", (int) kind, word,
                        (int) length, source, source[length] ? source + length + 1 : "");
}

/* --- before and after --- */

/* Who leads, and what it has counted. */
static const Node *read_leader(
                const State *state,
                const Facts *facts,
                usec_t now,
                char words[static WORDS_TEXT_MAX]) {
        size_t leader = health_leader(state, facts, now);
        const Kept *sample = leader == SIZE_MAX ? NULL
                                                : health_answer(state, facts, leader,
                                                                CHECK_MESOS_MASTER, now);

        if (!sample)
                return NULL;

        join(sample, words);
        return &state->nodes[leader];
}

void losses_note(
                const State *state,
                const Facts *facts,
                usec_t now,
                char text[static LOSSES_TEXT_MAX]) {
        char words[WORDS_TEXT_MAX];
        const Node *leader = read_leader(state, facts, now, words);

        text[0] = '\0';
        if (!leader || text_format(text, LOSSES_TEXT_MAX, "%s%s", leader->name, words))
                return;

        /* No half word, and room for the mark. */
        text[LOSSES_TEXT_MAX - sizeof(CUT)] = '\0';
        *strrchr(text, ' ') = '\0';
        memcpy(text + strlen(text), CUT, sizeof(CUT));
}

/* Whether these counters go on from those; what was counted by another process says nothing. */
static bool go_on(const char *before, const char *leader, const char *words) {
        size_t length = strlen(leader);
        char name[WORD_TEXT_MAX];
        uint64_t value, was;

        if (strncmp(before, leader, length) != 0 || (before[length] && before[length] != ' '))
                return false;

        while (next_word(&words, name, &value)) {
                if (find_word(before, name, &was) && value < was)
                        return false;
        }

        return true;
}

static void add_loss(const char *name, uint64_t count, char text[static REASON_MAX]) {
        char counter[REASON_MAX];
        size_t used = strlen(text);

        name_counter(name, counter);
        (void) text_format(
                        text + used, REASON_MAX - used, "%s%s +%" PRIu64, used > 0 ? ", " : "",
                        counter, count);
}

static void describe_counted(
                const Node *leader,
                const char *before,
                const char *words,
                char text[static REASON_MAX]) {
        bool goes_on = go_on(before, leader->name, words);
        bool is_cut = strstr(before, CUT);
        char name[WORD_TEXT_MAX], losses[REASON_MAX] = "";
        uint64_t value;

        while (next_word(&words, name, &value)) {
                uint64_t was = 0;

                if (strcmp(name, UPTIME) == 0)
                        continue;
                if (goes_on && !find_word(before, name, &was) && is_cut)
                        continue; /* how many there were was not kept */
                if (value > was)
                        add_loss(name, value - was, losses);
        }

        text[0] = '\0';
        if (losses[0]) {
                (void) text_format(
                                text, REASON_MAX, "the leading master %s has counted since %s: %s",
                                leader->name, goes_on ? "before the step" : "it was elected",
                                losses);
        }
}

/* By the agent itself, whose counters begin with its process. */
static void describe_own(
                const State *state,
                const Facts *facts,
                size_t node,
                usec_t now,
                char text[static REASON_MAX]) {
        const Kept *own = health_answer(state, facts, node, CHECK_MESOS_AGENT, now);
        uint64_t before = state->nodes[node].step.tasks_before;
        uint64_t running = 0, lost = 0, failed = 0, gone = 0;

        text[0] = '\0';
        if (state->nodes[node].role == ROLE_MASTER || !own ||
            !kept_number(own, "tasks_running", &running))
                return;

        (void) kept_number(own, "tasks_lost", &lost);
        (void) kept_number(own, "tasks_failed", &failed);
        (void) kept_number(own, "tasks_gone", &gone);
        if (running >= before && lost + failed + gone == 0)
                return;

        (void) text_format(
                        text, REASON_MAX,
                        "%" PRIu64 " tasks ran before, %" PRIu64 " do now; since its start it has "
                        "counted %" PRIu64 " lost, %" PRIu64 " failed, %" PRIu64 " gone",
                        before, running, lost, failed, gone);
}

void losses_describe(
                const State *state,
                const Facts *facts,
                size_t node,
                usec_t now,
                char text[static REASON_MAX]) {
        const char *before = state->nodes[node].step.losses_before;
        char words[WORDS_TEXT_MAX], own[REASON_MAX], counted[REASON_MAX] = "";
        const Node *leader = before[0] ? read_leader(state, facts, now, words) : NULL;

        describe_own(state, facts, node, now, own);
        if (leader)
                describe_counted(leader, before, words, counted);

        (void) text_format(
                        text, REASON_MAX, "%s%s%s", own, own[0] && counted[0] ? "; " : "", counted);
}
