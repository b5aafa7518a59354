/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/filler.h"

#include <string.h>

static bool is_never_empty(const Field *field) {
        return field->type == FIELD_NAME ||
               (field->type == FIELD_TEXT && strcmp(field->key, "step") == 0);
}

static void fill_text(const Field *field, char *text, Filling filling) {
        size_t length = field->size - 1;
        char letter = 'a';

        if (filling == MINIMAL && field->optional)
                return;
        if (filling == MINIMAL && field->type != FIELD_ID)
                length = is_never_empty(field) ? 1 : field->min;
        if (field->type == FIELD_TEXT && strcmp(field->key, "step") != 0)
                letter = '"';
        if (field->type == FIELD_BASE64)
                length -= length % 4;

        memset(text, letter, length);
        text[length] = '\0';
}

static void fill_enum(const Field *field, char *member, Filling filling) {
        unsigned longest = 0;

        for (unsigned i = 1; filling == FULL && i < field->names->count; i++) {
                if (strlen(field->names->names[i]) > strlen(field->names->names[longest]))
                        longest = i;
        }

        memcpy(member, &longest, sizeof(longest));
}

static void fill_list(const Field *field, char *record, Filling filling) {
        size_t count = filling == FULL ? field->max : field->min;

        for (size_t i = 0; i < count; i++)
                filler_fill(field->fields, record + field->offset + i * field->size, filling);

        memcpy(record + field->count_offset, &count, sizeof(count));
}

static void fill_member(const Field *field, char *record, Filling filling) {
        char *member = record + field->offset;
        uint64_t number = filling == FULL ? field->max : field->min;

        switch (field->type) {
        case FIELD_TEXT:
        case FIELD_BASE64:
        case FIELD_NAME:
        case FIELD_ID:
                fill_text(field, member, filling);
                break;
        case FIELD_U64:
                memcpy(member, &number, sizeof(number));
                break;
        case FIELD_BOOL:
                *member = (char) ((filling == FULL) == field->optional); /* "false" is longer */
                break;
        case FIELD_ENUM:
                fill_enum(field, member, filling);
                break;
        case FIELD_LIST:
                fill_list(field, record, filling);
                break;
        case FIELD_OBJECT:
                filler_fill(field->fields, member, filling);
                break;
        }
}

void filler_fill(const Field *fields, void *record, Filling filling) {
        for (const Field *field = fields; field->key; field++)
                fill_member(field, record, filling);
}
