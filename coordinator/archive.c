/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/archive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"

/* POSIX ustar: a header of 512 bytes, the file, zeros up to the next 512; two empty headers at the
 * end. Numbers are octal text. */
typedef struct Header {
        char name[100];
        char mode[8];
        char uid[8];
        char gid[8];
        char size[12];
        char mtime[12];
        char checksum[8];
        char type;
        char link[100];
        char magic[6];
        char version[2];
        char rest[247];
} Header;

#define BLOCK          512
#define SIZE_MAX_OCTAL 077777777777ULL
#define COPY_MAX       65536

static_assert(sizeof(Header) == BLOCK, "a header is one block");

static unsigned sum_of(const Header *header) {
        Header copy = *header;
        unsigned sum = 0;

        memset(copy.checksum, ' ', sizeof(copy.checksum));
        for (size_t i = 0; i < sizeof(copy); i++)
                sum += ((const unsigned char *) &copy)[i];

        return sum;
}

static int write_all(int fd, const void *data, size_t size, Error *error) {
        const char *bytes = data;

        while (size > 0) {
                ssize_t n = write(fd, bytes, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_errnof(error, errno, "writing");

                bytes += n;
                size -= (size_t) n;
        }

        return 0;
}

static int read_all(int fd, void *data, size_t size, Error *error) {
        char *bytes = data;

        while (size > 0) {
                ssize_t n = read(fd, bytes, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_errnof(error, errno, "reading");
                if (n == 0)
                        return error_setf(error, ERROR_INVALID, "was cut: it ends too early");

                bytes += n;
                size -= (size_t) n;
        }

        return 0;
}

int archive_copy(int from, int to, size_t size, Error *error) {
        char buffer[COPY_MAX];
        int r;

        while (size > 0) {
                size_t part = MIN(size, sizeof(buffer));

                r = read_all(from, buffer, part, error);
                if (r >= 0)
                        r = write_all(to, buffer, part, error);
                if (r < 0)
                        return r;

                size -= part;
        }

        explicit_bzero(buffer, sizeof(buffer));
        return 0;
}

static int write_header(int fd, const char *name, size_t size, Error *error) {
        Header header = { .type = '0', .magic = "ustar", .version = { '0', '0' } };

        if (size > SIZE_MAX_OCTAL || !text_copy(header.name, sizeof(header.name), name))
                return error_setf(error, ERROR_TOO_BIG, "%s: is too big for a tar", name);

        (void) text_copy(header.mode, sizeof(header.mode), "0000600");
        (void) text_copy(header.uid, sizeof(header.uid), "0000000");
        (void) text_copy(header.gid, sizeof(header.gid), "0000000");
        (void) text_copy(header.mtime, sizeof(header.mtime), "00000000000");
        (void) text_format(header.size, sizeof(header.size), "%011zo", size);
        (void) text_format(header.checksum, sizeof(header.checksum), "%06o", sum_of(&header));
        header.checksum[7] = ' ';
        return write_all(fd, &header, sizeof(header), error);
}

int archive_add(int fd, const char *name, int from, const void *data, size_t size, Error *error) {
        static const char zeros[BLOCK];
        int r;

        r = write_header(fd, name, size, error);
        if (r < 0)
                return r;

        if (from >= 0) {
                if (lseek(from, 0, SEEK_SET) < 0)
                        return error_errnof(error, errno, "%s", name);
                r = archive_copy(from, fd, size, error);
        } else {
                r = write_all(fd, data, size, error);
        }

        return r < 0 ? r : write_all(fd, zeros, (BLOCK - size % BLOCK) % BLOCK, error);
}

int archive_end(int fd, Error *error) {
        static const char zeros[2 * BLOCK];

        return write_all(fd, zeros, sizeof(zeros), error);
}

static int read_number(const char *text, size_t size, unsigned long long *ret) {
        unsigned long long number = 0;

        for (size_t i = 0; i < size && text[i] && text[i] != ' '; i++) {
                if (text[i] < '0' || text[i] > '7')
                        return -EINVAL;

                number = number * 8 + (unsigned) (text[i] - '0');
        }

        *ret = number;
        return 0;
}

/* After the first of the two empty headers. */
static int read_end(int fd, Error *error) {
        static const Header empty;
        Header header;
        int r;

        r = read_all(fd, &header, sizeof(header), error);
        if (r < 0)
                return r;
        if (memcmp(&header, &empty, sizeof(empty)) != 0)
                return error_setf(error, ERROR_INVALID, "has something behind its end");

        return 0;
}

/* 1: a file; 0: the end. */
static int read_header(int fd, Header *header, size_t *ret_size, Error *error) {
        static const Header empty;
        unsigned long long checksum;
        unsigned long long size;
        int r;

        r = read_all(fd, header, sizeof(*header), error);
        if (r < 0)
                return r;
        if (memcmp(header, &empty, sizeof(empty)) == 0)
                return read_end(fd, error);

        if (memcmp(header->magic, "ustar", sizeof(header->magic)) != 0 || header->type != '0' ||
            header->name[sizeof(header->name) - 1] != '\0' ||
            read_number(header->checksum, sizeof(header->checksum), &checksum) < 0 ||
            read_number(header->size, sizeof(header->size), &size) < 0 ||
            checksum != sum_of(header)) {
                return error_setf(
                                error, ERROR_INVALID, "is no state that was saved, or is damaged");
        }

        *ret_size = (size_t) size;
        return 1;
}

int archive_read(int fd, ArchiveEach each, void *userdata, Error *error) {
        off_t at = 0;
        int r;

        for (;;) {
                Header header;
                size_t size = 0;

                if (lseek(fd, at, SEEK_SET) < 0)
                        return error_errnof(error, errno, "seeking");

                r = read_header(fd, &header, &size, error);
                if (r <= 0)
                        return r;

                r = each(header.name, fd, size, userdata, error);
                if (r < 0)
                        return error_prefixf(error, "%s", header.name);

                at += BLOCK + (off_t) ((size + BLOCK - 1) / BLOCK * BLOCK);
        }
}
