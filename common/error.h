/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdarg.h>

#include "common/macro.h"

/* A reason that reaches a person: what went wrong as a code that programs may act on, and one line
 * of text. The text is lower case without a full stop, because callers put the subject before it:
 * "m2: staging: script is 12 bytes, want 4711". It says seen and wanted, not "failed to". */

#define ERROR_TEXT_MAX 512

typedef enum ErrorCode {
        ERROR_NONE,
        ERROR_INVALID,     /* malformed input, -EINVAL */
        ERROR_TOO_BIG,     /* over a documented limit, -EMSGSIZE */
        ERROR_NOT_FOUND,   /* -ENOENT */
        ERROR_DENIED,      /* not allowed to this caller, or wrong permissions, -EACCES */
        ERROR_CONFLICT,    /* the state is not the one the caller expected, -ESTALE */
        ERROR_UNSAFE,      /* refused because it could break a promise, -EPERM */
        ERROR_BLOCKED,     /* needs a person first, -EBUSY */
        ERROR_TIMEOUT,     /* -ETIMEDOUT */
        ERROR_NO_SPACE,    /* -ENOSPC */
        ERROR_IO,          /* any other failed system call or library, -EIO */
        ERROR_MEMORY,      /* -ENOMEM */
        ERROR_UNREACHABLE, /* nobody answers there, -EHOSTUNREACH */
        ERROR_VERSION,     /* written by, or spoken by, a newer rollpatch, -EPROTONOSUPPORT */
} ErrorCode;
#define ERROR_CODE_COUNT (ERROR_VERSION + 1)

typedef struct Error {
        ErrorCode code;
        char text[ERROR_TEXT_MAX]; /* one line of UTF-8, made so by text_ellipsize() */
} Error;

/* Sets code and text and returns the code's -errno. `error` may be NULL: only the code is wanted.
 * Arguments may point into `error`. */
int error_setf(Error *error, ErrorCode code, const char *format, ...) PRINTF(3, 4);
int error_setv(Error *error, ErrorCode code, const char *format, va_list arguments) PRINTF(3, 0);

/* Like error_setf, for a failed system call: picks the code by `errnum` (positive or negative) and
 * appends ": " and the system's own text for it. */
int error_errnof(Error *error, int errnum, const char *format, ...) PRINTF(3, 4);

/* Puts "PREFIX: " before the text. Returns the code's -errno, so that a caller may `return` it;
 * never 0: without a code, or without an `error`, it is -EIO. */
int error_prefixf(Error *error, const char *format, ...) PRINTF(2, 3);

int error_to_errno(ErrorCode code); /* 0 or negative */
const char *error_code_to_string(ErrorCode code);
