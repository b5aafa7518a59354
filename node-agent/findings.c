/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/findings.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/redact.h"
#include "common/text.h"

/* Still being said: everything that waits says so at least every 65 s (CockroachDB's start). */
#define RECENT (2 * USEC_PER_MINUTE)

void findings_init(Findings *findings, Role role) {
        *findings = (Findings) { .role = role };
}

/* --- keeping --- */

/* What says of any unit that it is bad, and not what is: one finding a unit. Where many units say
 * the same of something else it is one in all. */
static bool is_of_any_unit(const Failure *failure) {
        return failure->signs[0].where == SIGN_UNIT && strchr(failure->signs[0].place, '*');
}

static bool is_same(const FoundFailure *found, const Failure *failure, const char *place) {
        return found->failure == failure &&
               (!is_of_any_unit(failure) || strcmp(found->symptom.place, place) == 0);
}

static FoundFailure *find_or_add(Findings *findings, const Failure *failure, const char *place) {
        FoundFailure *found;

        for (size_t i = 0; i < findings->count; i++) {
                if (is_same(&findings->kept[i], failure, place))
                        return &findings->kept[i];
        }

        if (findings->count == FINDINGS_KEPT)
                return NULL;

        found = &findings->kept[findings->count++];
        found->failure = failure;
        found->component =
                        is_of_any_unit(failure) ? catalogue_component(place) : failure->component;
        return found;
}

/* What is looked for stands at the beginning of what is shown of a long line: the end of such a
 * line is what says what to do. */
static const char *begin_of(const char *text, const char *sign) {
        const char *found = strlen(text) < SYMPTOM_TEXT_MAX ? NULL : strstr(text, sign);

        return found ? found : text;
}

static void show(char *buffer, size_t size, const char *text) {
        auto_free char *clean = redact(text, strlen(text), NULL);

        if (clean)
                text_ellipsize(buffer, size, clean);
}

/* The newest place where it was seen is the one that is shown. */
static void keep(
                Findings *findings,
                const Failure *failure,
                const Sign *sign,
                const SeenLine *line) {
        FoundFailure *found = find_or_add(findings, failure, line->place);
        Symptom *symptom;

        if (!found)
                return;

        symptom = &found->symptom;
        if (symptom->count++ == 0)
                found->first_at = line->at;
        found->last_at = line->at;
        found->sign = sign;
        symptom->class = failure->class;
        symptom->offset = line->offset;
        symptom->at = line->at;
        (void) text_copy(symptom->id, sizeof(symptom->id), failure->id);
        (void) text_copy(
                        symptom->where, sizeof(symptom->where),
                        enum_name(&sign_place_names, sign->where));
        text_ellipsize(symptom->place, sizeof(symptom->place),
                       line->shown ? line->shown : line->place);
        (void) text_copy(
                        symptom->cursor, sizeof(symptom->cursor), line->cursor ? line->cursor : "");
        show(symptom->evidence, sizeof(symptom->evidence), begin_of(line->text, sign->text));
}

void findings_note_line(Findings *findings, const SeenLine *line) {
        const Sign *sign;
        const Failure *failure = catalogue_match(
                        findings->role, line->where, line->place, line->text, &sign);

        if (failure)
                keep(findings, failure, sign, line);
}

void findings_note_file(Findings *findings, const char *path) {
        const Sign *sign;
        const Failure *failure = catalogue_match(findings->role, SIGN_FILE, path, "", &sign);

        if (failure) {
                keep(findings, failure, sign, &(SeenLine) { .place = path, .text = "it is there" });
        }
}

/* --- units --- */

static bool is_old(const UnitsInput *input, const UnitStatus *unit) {
        return input->since != 0 && unit_is_running_kind(input, unit) && unit->main_start != 0 &&
               unit->main_start < input->since;
}

static bool has_property(const UnitsInput *input, const UnitStatus *unit, const char *wanted) {
        const char *value = strchr(wanted, '=') + 1;
        const char *why;

        if (text_starts_with(wanted, "health="))
                return unit_judge(input, unit, &why) == UNIT_HEALTH_BAD;
        if (text_starts_with(wanted, "start="))
                return is_old(input, unit);
        if (text_starts_with(wanted, "Result="))
                return strcmp(unit->result, value) == 0;
        if (text_starts_with(wanted, "SubState="))
                return strcmp(unit->sub, value) == 0;

        return strcmp(unit->active, value) == 0;
}

static void note_unit(
                Findings *findings,
                const UnitStatus *unit,
                const Failure *failure,
                const Sign *sign) {
        const char *why = "";
        char text[SYMPTOM_TEXT_MAX];

        (void) unit_judge(findings->units, unit, &why);
        (void) text_format(
                        text, sizeof(text),
                        "%s%sLoadState=%s ActiveState=%s SubState=%s Result=%s ExecMainStatus=%d NRestarts=%" PRIu32,
                        why, why[0] ? ": " : "", unit->load, unit->active, unit->sub, unit->result,
                        unit->main_status, unit->restarts);
        keep(findings, failure, sign, &(SeenLine) { .place = unit->name, .text = text });
}

static bool sign_is_of(const Sign *sign, Role role, const char *unit) {
        const char *star = strchr(sign->place, '*');

        if (sign->where != SIGN_UNIT || !(sign->roles & IN(role)))
                return false;

        return star ? strncmp(sign->place, unit, (size_t) (star - sign->place)) == 0 &&
                                               !unit_is_excluded(unit)
                    : strcmp(sign->place, unit) == 0;
}

static const Sign *find_sign(
                const Findings *findings, const UnitStatus *unit, const Failure *failure) {
        for (const Sign *sign = failure->signs; sign->roles; sign++) {
                if (sign_is_of(sign, findings->role, unit->name) &&
                    has_property(findings->units, unit, sign->text))
                        return sign;
        }

        return NULL;
}

/* A unit that this node does not have at all is none that is bad. */
static void judge_unit(Findings *findings, const UnitStatus *unit) {
        bool there = strcmp(unit->load, "not-found") != 0;

        for (size_t i = 0; there && i < failure_count; i++) {
                const Sign *sign = find_sign(findings, unit, &failures[i]);

                if (sign)
                        note_unit(findings, unit, &failures[i], sign);
        }
}

void findings_note_units(Findings *findings, const UnitsInput *units) {
        findings->units = units;
        for (size_t i = 0; i < units->count; i++)
                judge_unit(findings, &units->units[i]);
}

/* --- answers --- */

/* "version=2.0.3" */
static bool says(const Sample *sample, const char *wanted) {
        char said[sizeof(SampleText) + 1];

        for (size_t i = 0; i < sample->text_count; i++) {
                (void) text_format(
                                said, sizeof(said), "%s=%s", sample->texts[i].name,
                                sample->texts[i].text);
                if (strcmp(said, wanted) == 0)
                        return true;
        }

        return false;
}

static bool answer_shows(
                const Sign *sign, const Sample *sample, char text[static SYMPTOM_TEXT_MAX]) {
        const char *found = strstr(sample->reason, sign->text) ? sample->reason : NULL;

        if (!found && strstr(sample->evidence, sign->text))
                found = sample->evidence;
        if (!found && says(sample, sign->text))
                found = sign->text;

        text_ellipsize(text, SYMPTOM_TEXT_MAX, found ? found : "");
        return found;
}

static bool sample_shows(
                const Sign *sign, const Sample *sample, char text[static SYMPTOM_TEXT_MAX]) {
        char name[CHECK_NAME_MAX];
        uint64_t value;

        if (sign->where == SIGN_ANSWER)
                return answer_shows(sign, sample, text);

        (void) text_copy(name, sizeof(name), sign->text);
        name[strcspn(name, "=>")] = '\0';
        (void) text_format(text, SYMPTOM_TEXT_MAX, "%s", "");
        if (!sample_number(sample, name, &value) || !catalogue_number_is(sign->text, value))
                return false;

        (void) text_format(
                        text, SYMPTOM_TEXT_MAX, "%s is %" PRIu64 "%s%s", name, value,
                        sample->reason[0] ? ": " : "", sample->reason);
        return true;
}

void findings_note_sample(Findings *findings, const Sample *sample, usec_t now) {
        char text[SYMPTOM_TEXT_MAX];

        for (size_t i = 0; i < failure_count; i++) {
                for (const Sign *sign = failures[i].signs; sign->roles; sign++) {
                        if ((sign->where != SIGN_METRIC && sign->where != SIGN_ANSWER) ||
                            !(sign->roles & IN(findings->role)) ||
                            strcmp(sign->place, sample->check) != 0 ||
                            !sample_shows(sign, sample, text))
                                continue;

                        keep(findings, &failures[i], sign,
                             &(SeenLine) { .place = sample->check, .text = text, .at = now });
                        break;
                }
        }
}

/* --- judging --- */

static const UnitStatus *find_unit(const Findings *findings, const char *name) {
        for (size_t i = 0; findings->units && i < findings->units->count; i++) {
                if (strcmp(findings->units->units[i].name, name) == 0)
                        return &findings->units->units[i];
        }

        return NULL;
}

/* Whose lines these are. */
static const char *unit_of(const Findings *findings, const FoundFailure *found) {
        if (found->sign->where != SIGN_LOG)
                return found->symptom.place;
        if (findings->role == ROLE_MASTER)
                return "dcos-mesos-master.service";

        return findings->role == ROLE_AGENT ? "dcos-mesos-slave.service"
                                            : "dcos-mesos-slave-public.service";
}

/* Not known is not well. */
static bool is_well(const Findings *findings, const FoundFailure *found) {
        const UnitStatus *unit = find_unit(findings, unit_of(findings, found));
        const char *why;

        return unit && unit_judge(findings->units, unit, &why) == UNIT_HEALTH_GOOD;
}

/* False: nothing to tell. */
static bool judge_lines(const Findings *findings, FoundFailure *found, usec_t now) {
        bool recent = found->last_at == 0 || span_sub(now, found->last_at) <= RECENT;

        if (span_sub(found->last_at, found->first_at) < found->failure->patience)
                return false;
        if (recent || !is_well(findings, found))
                return true;
        if (found->failure->class == FAILURE_WAITS)
                return false;

        found->symptom.class = FAILURE_NOTE;
        return true;
}

/* What no row names is left out where one does. */
static bool is_named(const Findings *findings, const FoundFailure *unnamed) {
        for (size_t i = 0; i < findings->count; i++) {
                const FoundFailure *other = &findings->kept[i];

                if (other->failure != unnamed->failure && other->symptom.class != FAILURE_NOTE &&
                    !is_of_any_unit(other->failure) &&
                    strcmp(unit_of(findings, other), unnamed->symptom.place) == 0)
                        return true;
        }

        return false;
}

static void drop(Findings *findings, size_t index) {
        findings->count--;
        memmove(&findings->kept[index], &findings->kept[index + 1],
                (findings->count - index) * sizeof(findings->kept[0]));
}

static void judge_all(Findings *findings, usec_t now) {
        for (size_t i = 0; i < findings->count;) {
                FoundFailure *found = &findings->kept[i];
                SignPlace where = found->sign->where;
                bool lasts = where == SIGN_JOURNAL || where == SIGN_LOG || where == SIGN_PROCESS ||
                             where == SIGN_SILENT;

                if (lasts && !judge_lines(findings, found, now)) {
                        drop(findings, i);
                } else {
                        i++;
                }
        }

        for (size_t i = 0; i < findings->count;) {
                const FoundFailure *found = &findings->kept[i];
                bool is_pattern =
                                found->sign->where == SIGN_UNIT && strchr(found->sign->place, '*');

                if (is_pattern && is_named(findings, found)) {
                        drop(findings, i);
                } else {
                        i++;
                }
        }
}

static int compare(const void *a, const void *b) {
        const FoundFailure *left = a, *right = b;

        if (left->symptom.class != right->symptom.class)
                return left->symptom.class > right->symptom.class ? -1 : 1;
        if (left->component != right->component)
                return left->component < right->component ? -1 : 1;
        if (left->failure != right->failure)
                return left->failure < right->failure ? -1 : 1;

        return strcmp(left->symptom.place, right->symptom.place);
}

void findings_close(Findings *findings, usec_t now, Diagnosis *ret) {
        judge_all(findings, now);
        qsort(findings->kept, findings->count, sizeof(findings->kept[0]), compare);

        ret->found = findings->count;
        ret->symptom_count = MIN(findings->count, (size_t) SYMPTOMS_MAX);
        for (size_t i = 0; i < ret->symptom_count; i++)
                ret->symptoms[i] = findings->kept[i].symptom;
}
