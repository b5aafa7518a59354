/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/package-script.h"

#include <string.h>
#include <strings.h>

#include "common/text.h"

#define PKGPANDA "pkgpanda"

/* A walk over the words of a script, line by line: what lies between blanks, and no more of a shell
 * than that. A comment, and a line that goes on in the next one, are all that is known besides. */
typedef struct Reader {
        const char *at;
        const char *end;
        size_t line;
        bool speaks; /* of pkgpanda, anywhere but in a comment */
        PackageSet *set;
        Error *error;
} Reader;

typedef struct Word {
        const char *text; /* not terminated */
        size_t length;
} Word;

/* --- words --- */

static bool is_continued(const Reader *reader) {
        return reader->end - reader->at > 1 && reader->at[0] == '\\' && reader->at[1] == '\n';
}

static bool is_blank(const Reader *reader) {
        return reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\t');
}

static void skip_blanks(Reader *reader) {
        while (is_blank(reader) || is_continued(reader)) {
                if (is_continued(reader)) {
                        reader->at++;
                        reader->line++;
                }
                reader->at++;
        }
}

static void skip_line(Reader *reader) {
        const char *newline = memchr(reader->at, '\n', (size_t) (reader->end - reader->at));

        reader->at = newline ? newline : reader->end;
}

/* False: the line is over. */
static bool next_word(Reader *reader, Word *ret) {
        const char *begin;

        skip_blanks(reader);
        if (reader->at < reader->end && *reader->at == '#')
                skip_line(reader);

        begin = reader->at;
        while (reader->at < reader->end && *reader->at != '\n' && !is_blank(reader) &&
               !is_continued(reader))
                reader->at++;

        *ret = (Word) { begin, (size_t) (reader->at - begin) };
        return ret->length > 0;
}

static bool is_text(Word word, const char *text) {
        return word.length == strlen(text) && memcmp(word.text, text, word.length) == 0;
}

static bool is_one_of(char byte, const char *bytes) {
        return byte != '\0' && strchr(bytes, byte);
}

/* In whatever writing: "$PKGPANDA", '/opt/mesosphere/bin/pkgpanda', $(pkgpanda */
static bool speaks_of_pkgpanda(Word word) {
        for (size_t i = 0; i + strlen(PKGPANDA) <= word.length; i++) {
                if (strncasecmp(word.text + i, PKGPANDA, strlen(PKGPANDA)) == 0)
                        return true;
        }

        return false;
}

static bool is_pkgpanda(Word word) {
        static const char path[] = "/" PKGPANDA;
        size_t length = strlen(path);

        return is_text(word, PKGPANDA) ||
               (word.text[0] == '/' && word.length >= length &&
                memcmp(word.text + word.length - length, path, length) == 0);
}

/* Without the quotes and brackets round it. */
static Word strip(Word word) {
        static const char marks[] = "\"'`()[]{};&|$";

        while (word.length > 0 && is_one_of(word.text[0], marks))
                word = (Word) { word.text + 1, word.length - 1 };
        while (word.length > 0 && is_one_of(word.text[word.length - 1], marks))
                word.length--;

        return word;
}

/* Verbs of pkgpanda after which other packages are active than before. */
static bool changes_packages(Word word) {
        static const char *const verbs[] = { "activate", "setup", "swap", "uninstall" };
        Word verb = strip(word);

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                if (is_text(verb, verbs[i]))
                        return true;
        }

        return false;
}

/* --- the line --- */

static int complain(const Reader *reader, const char *text) {
        return error_setf(reader->error, ERROR_INVALID, "line %zu: %s", reader->line, text);
}

/* ">&3", "2>/dev/null", "<x", "&>x" */
static bool is_redirection(Word word, bool *ret_is_whole) {
        size_t mark = 0;

        while (mark < word.length && is_one_of(word.text[mark], "0123456789&"))
                mark++;
        if (mark == word.length || !is_one_of(word.text[mark], "<>"))
                return false;

        while (mark < word.length && is_one_of(word.text[mark], "<>&|"))
                mark++;

        *ret_is_whole = mark < word.length;
        return true;
}

/* The options of `activate` that change nothing about what is activated; it takes beginnings too.
 */
static bool is_option(Word word) {
        static const char *const options[] = { "--no-block-systemd", "--no-systemd" };

        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                if (word.length > strlen("--no-") && word.length <= strlen(options[i]) &&
                    memcmp(word.text, options[i], word.length) == 0)
                        return true;
        }

        return false;
}

/* What comes after "pkgpanda activate", to the end of the command; `ret_last` is the word behind
 * it, if there is one on its line. */
static int read_ids(Reader *reader, Word *ret_last) {
        Word word;
        int r;

        while (next_word(reader, &word)) {
                bool is_whole = true;

                *ret_last = word;
                if (is_redirection(word, &is_whole)) {
                        if (!is_whole && !next_word(reader, &word))
                                return complain(reader, "a redirection leads nowhere");
                } else if (is_one_of(word.text[0], "|&;")) {
                        break;
                } else if (!is_option(word)) {
                        r = package_set_add(reader->set, word.text, word.length, reader->error);
                        if (r < 0)
                                return error_prefixf(reader->error, "line %zu", reader->line);
                }
        }

        if (reader->set->count == 0)
                return complain(reader, "'pkgpanda activate' names no packages");

        return 0;
}

static int read_line(Reader *reader) {
        Word word, before = {};
        int r;

        for (size_t place = 0; next_word(reader, &word); place++) {
                bool changes = speaks_of_pkgpanda(before) && changes_packages(word);
                bool is_plain = place == 1 && is_pkgpanda(before) && is_text(word, "activate");

                reader->speaks |= speaks_of_pkgpanda(word);
                before = word;
                if (!changes)
                        continue;

                if (!is_plain) {
                        return complain(reader,
                                        "pkgpanda changes packages, but not as a plain 'pkgpanda activate ID...'");
                }
                if (reader->set->count > 0)
                        return complain(reader, "a second 'pkgpanda activate'");

                r = read_ids(reader, &before);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int read_lines(Reader *reader) {
        int r;

        while (reader->at < reader->end) {
                r = read_line(reader);
                if (r < 0)
                        return r;

                if (reader->at < reader->end)
                        reader->at++; /* the newline */
                reader->line++;
        }

        if (reader->speaks && reader->set->count == 0) {
                return error_setf(
                                reader->error, ERROR_INVALID,
                                "pkgpanda is spoken of, but no line begins with 'pkgpanda activate'");
        }

        return 0;
}

int package_script_read(const char *data, size_t size, PackageSet *ret, Error *error) {
        Reader reader = {
                .at = data,
                .end = data + size,
                .line = 1,
                .set = ret,
                .error = error,
        };
        int r;

        /* A shell drops them, so that "pkg\0panda" is a command to it, and none to us. */
        if (memchr(data, '\0', size))
                return error_setf(error, ERROR_INVALID, "there is a NUL byte");

        ret->count = 0;
        r = read_lines(&reader);
        if (r < 0)
                return r;

        package_set_sort(ret);
        return 0;
}
