/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/tail.h"

#include <string.h>

#include "common/macro.h"
#include "common/text.h"

/* One character of the output for each byte or well-formed sequence of the input, and never longer
 * than it; so a cut of the input to the capacity is a cut of the output. */
static size_t clean(char *buffer, const char *data, size_t size) {
        size_t length = 0;

        for (size_t i = 0, n; i < size; i += MAX(n, (size_t) 1)) {
                char sequence[5] = {};

                memcpy(sequence, data + i, MIN(size - i, sizeof(sequence) - 1));
                n = text_sequence(sequence);
                sequence[n] = '\0';

                if (n > 0 && text_is_plain(sequence)) {
                        memcpy(buffer + length, sequence, n);
                        length += n;
                } else if (data[i] != '\r') {
                        buffer[length++] = '?';
                }
        }

        return length;
}

void tail_clean(char *buffer, size_t capacity, const char *data, size_t size) {
        assert(capacity >= 8);

        if (size > capacity - 1) {
                const char *start = data + size - (capacity - 1), *line;

                line = memchr(start, '\n', capacity - 2);
                size = capacity - 1;
                data = start;
                if (line) {
                        size -= (size_t) (line + 1 - start);
                        data = line + 1;
                }
        }

        buffer[clean(buffer, data, size)] = '\0';
}
