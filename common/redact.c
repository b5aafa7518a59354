/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redact.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/macro.h"
#include "common/text.h"

/* One pass over the text. At each place every rule may say: keep so much, and take out what
 * follows. A node agent does this in its event loop with up to 1 MiB of foreign text, so no rule
 * may look further ahead than what it then takes out, the word it stands at the beginning of, or a
 * fixed number of bytes. */

typedef struct Cut {
        size_t keep;
        size_t remove;
} Cut;

typedef struct Piece {
        const char *at;
        const char *end;
        const char *run_end; /* of the letters of BASE64 that it stands in */
        bool begins_word;    /* no letter, digit or '_' stands before it */
} Piece;

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"
#define BASE64  LETTERS DIGITS "-_"

#define KEY_LINE_MAX 64 /* of "-----BEGIN .. PRIVATE KEY-----" */

static char lower(char c) {
        return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

static bool is_one_of(char c, const char *set) {
        return c != '\0' && strchr(set, c);
}

static size_t span(const char *at, const char *end, const char *set) {
        size_t n = 0;

        while (at + n < end && is_one_of(at[n], set))
                n++;

        return n;
}

/* Up to one of the set, or to the end. */
static size_t gap(const char *at, const char *end, const char *set) {
        size_t n = 0;

        while (at + n < end && !is_one_of(at[n], set))
                n++;

        return n;
}

static bool begins(const char *at, const char *end, const char *word) {
        size_t length = strlen(word);

        if ((size_t) (end - at) < length)
                return false;

        for (size_t i = 0; i < length; i++) {
                if (lower(at[i]) != word[i])
                        return false;
        }

        return true;
}

static const char *find(const char *at, const char *end, const char *word) {
        const char *found = memmem(at, (size_t) (end - at), word, strlen(word));

        return found ? found : end;
}

/* --- rules --- */

/* "eyJ...": a header in base64, and at least one part more. */
static bool is_jwt(const Piece *piece, Cut *ret) {
        size_t header, body, signature = 0;

        if (piece->end - piece->at < 3 || strncmp(piece->at, "eyJ", 3) != 0)
                return false;

        header = (size_t) (piece->run_end - piece->at);
        if (header < 10 || piece->at + header == piece->end || piece->at[header] != '.')
                return false;

        body = span(piece->at + header + 1, piece->end, BASE64);
        if (piece->at + header + 1 + body < piece->end && piece->at[header + 1 + body] == '.')
                signature = 1 + span(piece->at + header + body + 2, piece->end, BASE64);

        *ret = (Cut) { .remove = header + 1 + body + signature };
        return true;
}

/* Without its end everything behind it is taken for the key. */
static bool is_private_key(const Piece *piece, Cut *ret) {
        const char *line, *end;

        if (!begins(piece->at, piece->end, "-----begin "))
                return false;

        line = piece->at + MIN((size_t) (piece->end - piece->at), (size_t) KEY_LINE_MAX);
        line = piece->at + gap(piece->at, line, "\n\\");
        if (find(piece->at, line, "PRIVATE KEY") == line)
                return false;

        end = find(piece->at, piece->end, "-----END ");
        if (end < piece->end)
                end = MIN(piece->end, find(end + 5, piece->end, "-----") + 5);

        *ret = (Cut) { .remove = (size_t) (end - piece->at) };
        return true;
}

/* "Authorization: token=...", up to the end of the line or of the text that quotes it. */
static bool is_header(const Piece *piece, Cut *ret) {
        static const char *const names[] = { "authorization", "proxy-authorization", "cookie",
                                             "set-cookie" };
        const char *value = NULL;

        for (size_t i = 0; !value && piece->begins_word && i < ELEMENTSOF(names); i++) {
                if (begins(piece->at, piece->end, names[i]))
                        value = piece->at + strlen(names[i]);
        }

        if (!value)
                return false;

        value += span(value, piece->end, "\\\"' ");
        if (value == piece->end || (*value != ':' && *value != '='))
                return false;

        value++;
        value += span(value, piece->end, "\\\"' ");
        *ret = (Cut) { (size_t) (value - piece->at), gap(value, piece->end, "\r\n\"'\\") };
        return true;
}

/* "Bearer abc" anywhere else. */
static bool is_bearer(const Piece *piece, Cut *ret) {
        size_t word, value;

        if (!piece->begins_word ||
            !(begins(piece->at, piece->end, "bearer ") || begins(piece->at, piece->end, "basic ")))
                return false;

        word = gap(piece->at, piece->end, " ") + 1;
        value = span(piece->at + word, piece->end, BASE64 ".+/=");
        *ret = (Cut) { word, value };
        return value >= 8;
}

/* "https://user:password@host" */
static bool is_userinfo(const Piece *piece, Cut *ret) {
        size_t user, password;

        if (!begins(piece->at, piece->end, "://"))
                return false;

        user = gap(piece->at + 3, piece->end, ":/@ \t\r\n\"'");
        if (piece->at + 3 + user == piece->end || piece->at[3 + user] != ':')
                return false;

        password = gap(piece->at + 4 + user, piece->end, "@/ \t\r\n\"'");
        *ret = (Cut) { 4 + user, password };
        return password > 0 && piece->at + 4 + user + password < piece->end &&
               piece->at[4 + user + password] == '@';
}

/* "$6$salt$hash" */
static bool is_hash(const Piece *piece, Cut *ret) {
        size_t length;

        if (piece->end - piece->at < 8 || piece->at[0] != '$' ||
            !is_one_of(piece->at[1], "12567y") ||
            find(piece->at + 2, piece->at + 5, "$") == piece->at + 5)
                return false;

        length = span(piece->at, piece->end, BASE64 "$./=,");
        *ret = (Cut) { .remove = length };
        return length >= 20;
}

static bool is_aws(const Piece *piece, Cut *ret) {
        size_t length;

        if (!piece->begins_word ||
            !(begins(piece->at, piece->end, "akia") || begins(piece->at, piece->end, "asia")))
                return false;

        length = span(piece->at, piece->end, "ABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGITS);
        *ret = (Cut) { .remove = length };
        return length == 20;
}

static bool is_telling(const char *name, size_t length) {
        static const char *const words[] = {
                "password", "passwd",      "passphrase", "secret",     "token",
                "apikey",   "api_key",     "api-key",    "access_key", "accesskey",
                "psk",      "private_key", "privatekey", "credential", "jwt",
        };

        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                for (size_t k = 0; k < length; k++) {
                        if (begins(name + k, name + length, words[i]))
                                return true;
                }
        }

        return false;
}

/* The value that stands at `at`: in quotes, which may be escaped, or a word. */
static Cut measure_value(const char *from, const char *at, const char *end) {
        size_t slashes = span(at, end, "\\");
        const char *value = at + slashes;
        char quote = '\0';
        size_t length = 0;

        if (value < end)
                quote = *value;
        if (quote != '"' && quote != '\'')
                return (Cut) { (size_t) (at - from), gap(at, end, " \t\r\n,;&\"'}])") };

        value++;
        while (value + length < end && value[length] != quote && value[length] != '\n') {
                bool escapes = value[length] == '\\' && slashes == 0 && value + length + 1 < end;

                length += escapes ? 2 : 1;
        }

        length -= slashes > 0 && length > 0 && value[length - 1] == '\\';
        return (Cut) { (size_t) (value - from), length };
}

/* "db_password = x", "\"token\": \"x\"", "--secret x". */
static bool is_setting(const Piece *piece, Cut *ret) {
        bool is_option = begins(piece->at, piece->end, "--");
        const char *at, *value;
        size_t length;

        /* First, or every letter of a long word would measure it anew. */
        if (!piece->begins_word)
                return false;

        length = span(piece->at, piece->end, BASE64 ".");
        at = piece->at + length;
        if (!is_telling(piece->at, length))
                return false;

        value = at + span(at, piece->end, "\\\"' \t");
        if (value < piece->end && (*value == ':' || *value == '=')) {
                value++;
                value += span(value, piece->end, " \t");
        } else if (!is_option || value == at) {
                return false;
        } else {
                value = at + span(at, piece->end, " \t");
        }

        *ret = measure_value(piece->at, value, piece->end);
        return ret->remove > 0;
}

/* --- all of them --- */

static bool find_cut(const Piece *piece, Cut *ret) {
        static bool (*const rules[])(const Piece *piece, Cut *ret) = {
                is_jwt,      is_private_key, is_header, is_bearer,
                is_userinfo, is_hash,        is_aws,    is_setting,
        };

        for (size_t i = 0; i < ELEMENTSOF(rules); i++) {
                if (rules[i](piece, ret) && ret->remove > 0)
                        return true;
        }

        return false;
}

/* Every cut takes at least one byte away and puts REDACTED there: the worst is all of one. */
char *redact(const char *text, size_t size, size_t *ret_size) {
        static const size_t mark = sizeof(REDACTED) - 1;
        const char *end = text + size;
        char *copy = malloc(size * (mark + 1) / 2 + mark + 1);
        size_t used = 0;
        Cut cut;

        if (!copy)
                return NULL;

        for (const char *at = text, *run_end = text; at < end;) {
                bool begins_word = at == text || !is_one_of(at[-1], LETTERS DIGITS "_-.");
                Piece piece;

                if (at >= run_end)
                        run_end = at + span(at, end, BASE64);
                piece = (Piece) { at, end, run_end, begins_word };
                if (!find_cut(&piece, &cut)) {
                        copy[used++] = *at++;
                        continue;
                }

                memcpy(copy + used, at, cut.keep);
                memcpy(copy + used + cut.keep, REDACTED, mark);
                used += cut.keep + mark;
                at += cut.keep + cut.remove;
        }

        copy[used] = '\0';
        if (ret_size)
                *ret_size = used;
        return copy;
}

void redact_text(char *text, size_t size) {
        auto_free char *copy = redact(text, strlen(text), NULL);

        (void) text_copy(text, size, copy ? copy : "");
}
