/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <assert.h> // IWYU pragma: export
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELEMENTSOF(array) (sizeof(array) / sizeof((array)[0]))

#define MUST_USE         __attribute__((warn_unused_result))
#define PRINTF(text, va) __attribute__((format(printf, text, va)))
#define UNUSED           __attribute__((unused))

/* The argument, asserted not to be NULL. */
#define ASSERT_PTR(pointer)                            \
        ({                                             \
                typeof(pointer) _asserted = (pointer); \
                assert(_asserted);                     \
                _asserted;                             \
        })

/* A set of states, for the `from` column of a transition table. */
#define IN(state) (UINT32_C(1) << (state))

#define MIN(a, b)                   \
        ({                          \
                typeof(a) _a = (a); \
                typeof(b) _b = (b); \
                _a < _b ? _a : _b;  \
        })
#define MAX(a, b)                   \
        ({                          \
                typeof(a) _a = (a); \
                typeof(b) _b = (b); \
                _a > _b ? _a : _b;  \
        })
