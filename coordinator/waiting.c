/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/waiting.h"

#include <string.h>

#include "common/span.h"
#include "common/text.h"

/* Without the secret of the token that it names, nobody has proven to have the key; then it is all
 * the same, whatever keys are named with that token. */
static bool has_proof(Denial denial) {
        return denial != DENIAL_TOKEN_UNKNOWN && denial != DENIAL_TOKEN_WRONG;
}

/* The places and the lines that a refusal is for. */
typedef struct Share {
        WaitingEntry *entries;
        size_t *count;
        size_t max;
        WaitingNews *news;
        uint64_t news_max;
} Share;

static Share share_of(Waiting *waiting, Denial denial) {
        if (has_proof(denial)) {
                return (Share) { waiting->entries, &waiting->count, WAITING_MAX, &waiting->news,
                                 WAITING_NEWS_MAX };
        }

        return (Share) { waiting->unproven, &waiting->unproven_count, WAITING_UNPROVEN_MAX,
                         &waiting->unproven_news, WAITING_UNPROVEN_NEWS_MAX };
}

static bool is_same(const WaitingEntry *entry, const EnrolRequest *request, Denial denial) {
        return has_proof(denial) ? strcmp(entry->request.key, request->key) == 0
                                 : strcmp(entry->request.token, request->token) == 0;
}

/* The entry of this request, or the one to be given up for it. */
static WaitingEntry *find_place(
                const Share *share, const EnrolRequest *request, Denial denial, bool *ret_known) {
        WaitingEntry *oldest = &share->entries[0];

        *ret_known = false;
        for (size_t i = 0; i < *share->count; i++) {
                WaitingEntry *entry = &share->entries[i];

                if (is_same(entry, request, denial)) {
                        *ret_known = true;
                        return entry;
                }
                if (entry->last < oldest->last)
                        oldest = entry;
        }

        return *share->count < share->max ? &share->entries[(*share->count)++] : oldest;
}

static bool may_tell(WaitingNews *news, uint64_t max, usec_t wall) {
        uint64_t passed = span_sub(wall, news->at) / WAITING_NEWS_SPAN;

        /* A clock that was set back gives nothing, and takes nothing. */
        if (passed > 0 || wall < news->at) {
                news->told -= MIN(passed, news->told);
                news->at = wall;
        }

        if (news->told >= max) {
                news->unwritten++;
                return false;
        }

        news->told++;
        return true;
}

static Event describe(const Enrol *enrol, const EnrolRequest *request, Denial denial) {
        Event event = { .kind = EVENT_TURNED_AWAY };
        EventTurnedAway *said = &event.turned_away;
        DenialText text;

        denial_describe(enrol, denial, request, &text);
        (void) text_copy(said->id, sizeof(said->id), enum_name(&denial_names, denial));
        (void) text_copy(said->text, sizeof(said->text), text.text);
        (void) text_copy(said->token, sizeof(said->token), request->token);
        if (has_proof(denial)) {
                (void) text_copy(said->key, sizeof(said->key), request->key);
                if (name_is_valid(request->name))
                        (void) text_copy(said->node, sizeof(said->node), request->name);
        }

        return event;
}

bool waiting_note(
                Waiting *waiting,
                const Enrol *enrol,
                const EnrolRequest *request,
                Denial denial,
                usec_t wall,
                Event *ret) {
        Share share = share_of(waiting, denial);
        bool known;
        WaitingEntry *entry = find_place(&share, request, denial, &known);
        bool news = !known || entry->denial != denial ||
                    strcmp(entry->request.name, request->name) != 0;

        if (!known)
                *entry = (WaitingEntry) { .first = wall };
        entry->request = *request;
        entry->denial = denial;
        entry->last = wall;
        entry->count++;

        if (!news || !may_tell(share.news, share.news_max, wall))
                return false;

        *ret = describe(enrol, request, denial);
        return true;
}

const WaitingEntry *waiting_find(const Waiting *waiting, const char *fingerprint) {
        for (size_t i = 0; i < waiting->count; i++) {
                const WaitingEntry *entry = &waiting->entries[i];
                char own[KEY_FINGERPRINT_MAX];
                uint8_t key[KEY_SIZE];

                if (key_parse(entry->request.key, key) < 0)
                        continue;

                key_fingerprint(key, own);
                if (strcmp(own, fingerprint) == 0)
                        return entry;
        }

        return NULL;
}

Enrolment waiting_state(const WaitingEntry *entry, const Enrol *enrol) {
        const NodeKey *known = enrol_find_key(enrol, entry->request.key);

        if (known)
                return known->state;

        return entry->denial == DENIAL_NAME_CONFLICT ? ENROLMENT_CONFLICT : ENROLMENT_PENDING;
}

bool waiting_is_open(const WaitingEntry *entry, const Enrol *enrol) {
        return !enrol_find_key(enrol, entry->request.key);
}
