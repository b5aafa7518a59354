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
        bool ends_key; /* the lines of base64 before it go too */
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

#define USER_MAX     256
#define KEY_TEXT_MIN 40  /* of a line of base64 that is not the last one of a key */
#define HEAD_MAX     512 /* of what a journal's line has before its text */
#define KEY_LINE_MAX 64  /* of "-----BEGIN .. PRIVATE KEY-----" */

static char lower(char c) {
        if (c >= 'A' && c <= 'Z')
                c = (char) (c - 'A' + 'a');

        return c;
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

/* What is left of a key whose beginning was cut off. */
static bool is_end_of_key(const Piece *piece, Cut *ret) {
        const char *line, *words;

        if (!begins(piece->at, piece->end, "-----end "))
                return false;

        line = piece->at + MIN((size_t) (piece->end - piece->at), (size_t) KEY_LINE_MAX);
        words = find(piece->at, line, "PRIVATE KEY");
        if (words == line)
                return false;

        line = words + strlen("PRIVATE KEY");
        *ret = (Cut) { .remove = (size_t) (line + span(line, piece->end, "-") - piece->at),
                       .ends_key = true };
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

static bool ends(const char *name, size_t length, const char *word) {
        size_t size = strlen(word);

        return length >= size && begins(name + length - size, name + length, word);
}

/* "DB_PASS", "MYSQL_PWD", "pass2", but not "bypass", and not "pass" in the midst of a name. */
static bool ends_telling(const char *name, size_t length) {
        while (length > 0 && is_one_of(name[length - 1], DIGITS "_-."))
                length--;

        return (ends(name, length, "pass") && !ends(name, length, "bypass") &&
                !ends(name, length, "compass")) ||
               (ends(name, length, "pwd") && !ends(name, length, "oldpwd"));
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

        return ends_telling(name, length);
}

/* "PWD=/root" of an environment, and "PASS: test-name" of a test. */
static bool is_ordinary(const char *name, size_t length, const char *value) {
        return (length == 3 && begins(name, name + length, "pwd") && *value == '/') ||
               (length == 4 && strncmp(name, "PASS: ", 6) == 0);
}

/* Whether a value that is in no quotes ends with the separator at `at`: "ab,cdef" goes on. */
static bool ends_value(const char *at, const char *end) {
        const char *next = at + 1;
        size_t name;

        if (next == end || is_one_of(*next, " \t\r\n,;&\"'}])\\"))
                return true;
        if (!is_one_of(*at, ",;&"))
                return false;

        name = span(next, end, BASE64 ".");
        return name > 0 && next + name < end && is_one_of(next[name], "=:");
}

static size_t measure_word(const char *at, const char *end) {
        size_t n = 0;

        while (at + n < end && !is_one_of(at[n], " \t\r\n") &&
               !(is_one_of(at[n], ",;&\"'}])") && ends_value(at + n, end)))
                n++;

        /* of the quote behind it */
        while (n > 0 && at + n < end && is_one_of(at[n], "\"'") && at[n - 1] == '\\')
                n--;

        return n;
}

/* Up to the quote that ends it; one with more backslashes before it than `slashes` is inside. */
static size_t measure_quoted(const char *at, const char *end, char quote, size_t slashes) {
        size_t n = 0, before = 0;

        for (; at + n < end && at[n] != '\n'; n++) {
                if (at[n] == quote && (slashes > 0 ? before <= slashes : before % 2 == 0))
                        return n - MIN(before, slashes);

                before = at[n] == '\\' ? before + 1 : 0;
        }

        return n;
}

/* The value that stands at `at`: in quotes, which may be escaped, or a word. */
static Cut measure_value(const char *from, const char *at, const char *end) {
        size_t slashes = span(at, end, "\\");
        const char *value = at + slashes;

        if (value == end || !is_one_of(*value, "\"'"))
                return (Cut) { (size_t) (at - from), measure_word(at, end), false };

        value++;
        return (Cut) { (size_t) (value - from), measure_quoted(value, end, value[-1], slashes),
                       false };
}

/* "--token x", and "--token", "x" of a list. NULL: no value follows. */
static const char *find_argument(const char *at, const char *end) {
        size_t quote = span(at, end, "\\\"'");
        size_t blank = span(at + quote, end, quote > 0 ? ", \t\r\n" : " \t");

        if (quote + blank == 0)
                return NULL;

        return blank > 0 ? at + quote + blank : at;
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
                if (value < piece->end && is_ordinary(piece->at, length, value))
                        return false;
        } else {
                value = is_option ? find_argument(at, piece->end) : NULL;
                if (!value)
                        return false;
        }

        *ret = measure_value(piece->at, value, piece->end);
        return ret->remove > 0;
}

/* The user of "-u user:password". NULL: there is none. */
static const char *find_user(const Piece *piece, const char **ret_password) {
        static const char *const names[] = { "--proxy-user", "--user", "-u" };
        const char *user = NULL, *end, *password;
        size_t separator;

        for (size_t i = 0; !user && piece->begins_word && i < ELEMENTSOF(names); i++) {
                if (begins(piece->at, piece->end, names[i]))
                        user = piece->at + strlen(names[i]);
        }
        if (!user)
                return NULL;

        end = user + MIN((size_t) (piece->end - user), (size_t) USER_MAX);
        separator = span(user, end, "=\\\"', \t");
        if (separator == 0 && piece->at[1] == '-')
                return NULL; /* "--username" */

        user += separator;
        password = user + gap(user, end, ":/@= \t\r\n\"'\\,");
        if (password == user || *user == '-' || password == end || *password != ':')
                return NULL;

        *ret_password = password + 1;
        return user;
}

/* "curl -u user:password"; "-u 1000:1000" of docker is a number, "-u http://a" has no user. */
static bool is_login(const Piece *piece, Cut *ret) {
        const char *password = NULL, *user = find_user(piece, &password);
        size_t length;

        if (!user || begins(password, piece->end, "//"))
                return false;

        length = is_one_of(user[-1], "\"'")
                                 ? gap(password, piece->end, (char[]) { user[-1], '\n', 0 })
                                 : measure_word(password, piece->end);
        while (length > 0 && password[length - 1] == '\\')
                length--;

        *ret = (Cut) { (size_t) (password - piece->at), length, false };
        return user + span(user, password + length, DIGITS ":") < password + length;
}

/* --- all of them --- */

static bool find_cut(const Piece *piece, Cut *ret) {
        static bool (*const rules[])(const Piece *piece, Cut *ret) = {
                is_jwt,      is_private_key, is_end_of_key, is_header, is_bearer,
                is_userinfo, is_hash,        is_aws,        is_login,  is_setting,
        };

        for (size_t i = 0; i < ELEMENTSOF(rules); i++) {
                if (rules[i](piece, ret) && ret->remove > 0)
                        return true;
        }

        return false;
}

/* The line before the place `at`: where it ends. Zero: none near enough. */
static size_t end_of_line_before(const char *text, size_t at) {
        for (size_t n = 0; at > n && n < HEAD_MAX; n++) {
                size_t here = at - n;

                if (text[here - 1] == '\n')
                        return here - 1 - (here > 1 && text[here - 2] == '\r');
                if (here > 1 && text[here - 2] == '\\' && text[here - 1] == 'n')
                        return here - 2;
        }

        return 0;
}

/* The word of base64 that ends at `end`: where it begins. */
static size_t begin_of_base64(const char *text, size_t end) {
        size_t begin = end;

        while (begin > 0 && is_one_of(text[begin - 1], LETTERS DIGITS "+/="))
                begin--;

        /* the rest of an escaped end of line */
        return begin + (begin > 0 && begin < end && text[begin - 1] == '\\' && text[begin] == 'n');
}

/* The end of a key stands at `used`: how much of the text before it is no part of the key. Its last
 * line may be short, and lines of a journal have each a head of their own. */
static size_t without_key(const char *text, size_t used) {
        size_t begin = begin_of_base64(text, used), end = used, wanted = 1;

        if (begin == used) {
                end = end_of_line_before(text, used);
                begin = begin_of_base64(text, end);
        }

        while (begin < end && end - begin >= wanted) {
                used = begin;
                wanted = KEY_TEXT_MIN;
                end = end_of_line_before(text, used);
                begin = begin_of_base64(text, end);
        }

        return used;
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

                if (cut.ends_key)
                        used = without_key(copy, used);
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
