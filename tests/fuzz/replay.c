/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/text.h"
#include "tests/fuzz/target.h"

/* Feeds a target without libFuzzer: every file below the folders that are named, each cut at some
 * places and damaged at others, always the same ones; then rubbish of 10 MB, in each of which it
 * must keep to its time and to its memory. TAP. */

#define FILE_MAX     ((size_t) 1024 * 1024)
#define DAMAGE_MAX   ((size_t) 16 * 1024) /* larger ones are only fed as they are */
#define CUTS         8
#define FLIPS        16
#define RUBBISH_SIZE ((size_t) 10 * 1024 * 1024)
#define RUBBISH_TIME (20 * USEC_PER_SEC) /* sanitizers and a loaded machine included */
#define RUBBISH_KIB  (640L * 1024)

static size_t files;

static void damage(char *text, size_t size) {
        uint32_t noise = (uint32_t) size;

        for (size_t i = 0; i < CUTS; i++)
                (void) LLVMFuzzerTestOneInput((const uint8_t *) text, size * i / CUTS);

        for (size_t i = 0; size > 0 && i < FLIPS; i++) {
                size_t place;
                char before;

                noise = noise * 1664525U + 1013904223U;
                place = noise / 16 % size;
                before = text[place];
                text[place] = (char) (before ^ (1 << noise / 4 % 8));
                (void) LLVMFuzzerTestOneInput((const uint8_t *) text, size);
                text[place] = before;
        }
}

static void feed_file(const char *path) {
        auto_free char *text = NULL;
        size_t size;

        if (file_read(AT_FDCWD, path, FILE_MAX, &text, &size, NULL) < 0)
                return;

        files++;
        (void) LLVMFuzzerTestOneInput((const uint8_t *) text, size);
        if (size <= DAMAGE_MAX)
                damage(text, size);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the folders of samples are */
static void feed(const char *path) {
        struct stat st;
        DIR *dir;

        if (stat(path, &st) < 0)
                return;
        if (!S_ISDIR(st.st_mode)) {
                feed_file(path);
                return;
        }

        dir = opendir(path);
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
        for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
                char below[4096];

                if (entry->d_name[0] != '.' &&
                    text_format(below, sizeof(below), "%s/%s", path, entry->d_name))
                        feed(below);
        }

        if (dir)
                (void) closedir(dir);
}

/* --- rubbish --- */

static long peak(void) {
        struct rusage usage;

        (void) getrusage(RUSAGE_SELF, &usage);
        return usage.ru_maxrss;
}

/* One byte, or a few, again and again; or noise. */
static void fill(uint8_t *text, const char *pattern) {
        size_t length = strlen(pattern);
        uint32_t noise = 1;

        for (size_t i = 0; i < RUBBISH_SIZE; i++) {
                noise = noise * 1664525U + 1013904223U;
                text[i] = (uint8_t) (length > 0 ? (uint32_t) pattern[i % length] : noise >> 24);
        }
}

static bool rubbish(const char *first, const char *pattern) {
        auto_free uint8_t *text = malloc(RUBBISH_SIZE);
        usec_t begin = clock_boottime();
        long before = peak();

        if (!text)
                return false;

        fill(text, pattern);
        for (size_t i = 0; first[i] != '\0'; i++)
                text[i] = (uint8_t) first[i];
        (void) LLVMFuzzerTestOneInput(text, RUBBISH_SIZE);
        if (span_sub(clock_boottime(), begin) < RUBBISH_TIME && peak() - before < RUBBISH_KIB)
                return true;

        printf("# '%s%s': %ld KiB more, %llu ms\n", first, pattern, peak() - before,
               (unsigned long long) (span_sub(clock_boottime(), begin) / USEC_PER_MSEC));
        return false;
}

int main(int argc, char *argv[]) {
        static const struct {
                const char *first, *pattern;
        } kinds[] = {
                { "", "" },          { "", "[" },       { "", " " },        { "[", "0," },
                { "{", "\"a\":0," }, { "", "\t\n" },    { "", "a: [" },     { "a", "\n" },
                { "<", "html>" },    { "", "\\u0000" }, { "", "\xff\xfe" }, { "a\tb\n", "0\t0\n" },
        };
        bool good = true;

        for (int i = 1; i < argc; i++)
                feed(argv[i]);
        printf("1..2\n# %zu files\n%sok 1 - it reads every sample, cut and damaged\n", files,
               files > 100 ? "" : "not ");

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                good = rubbish(kinds[i].first, kinds[i].pattern) && good;
        printf("%sok 2 - rubbish takes it neither long nor much memory\n", good ? "" : "not ");
        return good && files > 100 ? 0 : 1;
}
