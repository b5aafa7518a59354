/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include "common/macro.h"

/* Ownership in one word: AUTO(Type) frees with type's own free function, auto_free with free(),
 * auto_close closes a file descriptor, TAKE hands the thing on and leaves nothing behind. Always
 * initialise on the same line: an uninitialised one would be freed on an early return. */

/* NOLINTBEGIN(bugprone-macro-parentheses): a type cannot stand in parentheses */
#define DEFINE_AUTO(type, free_function)                             \
        UNUSED static inline void auto_free_##type(type **pointer) { \
                if (*pointer)                                        \
                        free_function(*pointer);                     \
        }
/* NOLINTEND(bugprone-macro-parentheses) */

#define AUTO(type) __attribute__((cleanup(auto_free_##type))) type

UNUSED static inline void auto_free_memory(void *pointer) {
        free(*(void **) pointer);
}

UNUSED static inline void auto_close_fd(const int *fd) {
        if (*fd >= 0)
                (void) close(*fd);
}

#define auto_free  __attribute__((cleanup(auto_free_memory)))
#define auto_close __attribute__((cleanup(auto_close_fd)))

#define TAKE(pointer)                                 \
        ({                                            \
                typeof(pointer) *_place = &(pointer); \
                typeof(pointer) _taken = *_place;     \
                *_place = NULL;                       \
                _taken;                               \
        })

#define TAKE_FD(fd)                   \
        ({                            \
                int *_place = &(fd);  \
                int _taken = *_place; \
                *_place = -EBADF;     \
                _taken;               \
        })
