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

static bool is_same(const WaitingEntry *entry, const EnrolRequest *request, Denial denial) {
        if (has_proof(entry->denial) != has_proof(denial))
                return false;

        return has_proof(denial) ? strcmp(entry->request.key, request->key) == 0
                                 : strcmp(entry->request.token, request->token) == 0;
}

/* The entry of this request, or the one to be given up for it. */
static WaitingEntry *find_place(
                Waiting *waiting, const EnrolRequest *request, Denial denial, bool *ret_known) {
        WaitingEntry *oldest = &waiting->entries[0];

        *ret_known = false;
        for (size_t i = 0; i < waiting->count; i++) {
                WaitingEntry *entry = &waiting->entries[i];

                if (is_same(entry, request, denial)) {
                        *ret_known = true;
                        return entry;
                }
                if (entry->last < oldest->last)
                        oldest = entry;
        }

        return waiting->count < WAITING_MAX ? &waiting->entries[waiting->count++] : oldest;
}

static bool may_tell(Waiting *waiting, usec_t wall) {
        uint64_t passed = span_sub(wall, waiting->news_at) / WAITING_NEWS_SPAN;

        /* A clock that was set back gives nothing, and takes nothing. */
        if (passed > 0 || wall < waiting->news_at) {
                waiting->news -= MIN(passed, waiting->news);
                waiting->news_at = wall;
        }

        if (waiting->news >= WAITING_NEWS_MAX) {
                waiting->unwritten++;
                return false;
        }

        waiting->news++;
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
        bool known;
        WaitingEntry *entry = find_place(waiting, request, denial, &known);
        bool news = !known || entry->denial != denial ||
                    strcmp(entry->request.name, request->name) != 0;

        if (!known)
                *entry = (WaitingEntry) { .first = wall };
        entry->request = *request;
        entry->denial = denial;
        entry->last = wall;
        entry->count++;

        if (!news || !may_tell(waiting, wall))
                return false;

        *ret = describe(enrol, request, denial);
        return true;
}

const WaitingEntry *waiting_find(const Waiting *waiting, const char *fingerprint) {
        for (size_t i = 0; i < waiting->count; i++) {
                const WaitingEntry *entry = &waiting->entries[i];
                char own[KEY_FINGERPRINT_MAX];
                uint8_t key[KEY_SIZE];

                if (!has_proof(entry->denial) || key_parse(entry->request.key, key) < 0)
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
        return has_proof(entry->denial) && !enrol_find_key(enrol, entry->request.key);
}
