/* SPDX-License-Identifier: Apache-2.0 */
#include "common/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

// clang-format off
static const struct { const char *name; int value; } codes[] = {
        [ERROR_NONE]        = { "none",        0                },
        [ERROR_INVALID]     = { "invalid",     -EINVAL          },
        [ERROR_TOO_BIG]     = { "too-big",     -EMSGSIZE        },
        [ERROR_NOT_FOUND]   = { "not-found",   -ENOENT          },
        [ERROR_DENIED]      = { "denied",      -EACCES          },
        [ERROR_CONFLICT]    = { "conflict",    -ESTALE          },
        [ERROR_UNSAFE]      = { "unsafe",      -EPERM           },
        [ERROR_BLOCKED]     = { "blocked",     -EBUSY           },
        [ERROR_TIMEOUT]     = { "timeout",     -ETIMEDOUT       },
        [ERROR_NO_SPACE]    = { "no-space",    -ENOSPC          },
        [ERROR_IO]          = { "io",          -EIO             },
        [ERROR_MEMORY]      = { "memory",      -ENOMEM          },
        [ERROR_UNREACHABLE] = { "unreachable", -EHOSTUNREACH    },
        [ERROR_VERSION]     = { "version",     -EPROTONOSUPPORT },
};

/* EPERM of a system call is "not allowed to you"; ERROR_UNSAFE is only ever our own refusal. */
static const struct { int errnum; ErrorCode code; } system_codes[] = {
        { EINVAL,          ERROR_INVALID     },
        { EMSGSIZE,        ERROR_TOO_BIG     },
        { E2BIG,           ERROR_TOO_BIG     },
        { EFBIG,           ERROR_TOO_BIG     },
        { ENOENT,          ERROR_NOT_FOUND   },
        { EACCES,          ERROR_DENIED      },
        { EPERM,           ERROR_DENIED      },
        { EEXIST,          ERROR_CONFLICT    },
        { ESTALE,          ERROR_CONFLICT    },
        { EBUSY,           ERROR_BLOCKED     },
        { ETIMEDOUT,       ERROR_TIMEOUT     },
        { ENOSPC,          ERROR_NO_SPACE    },
        { EDQUOT,          ERROR_NO_SPACE    },
        { ENOMEM,          ERROR_MEMORY      },
        { ECONNREFUSED,    ERROR_UNREACHABLE },
        { ECONNRESET,      ERROR_UNREACHABLE },
        { EHOSTDOWN,       ERROR_UNREACHABLE },
        { EHOSTUNREACH,    ERROR_UNREACHABLE },
        { ENETUNREACH,     ERROR_UNREACHABLE },
        { ENOTCONN,        ERROR_UNREACHABLE },
        { EPROTONOSUPPORT, ERROR_VERSION     },
};
// clang-format on
static_assert(ELEMENTSOF(codes) == ERROR_CODE_COUNT, "a code is missing in codes");

int error_to_errno(ErrorCode code) {
        return (unsigned) code < ELEMENTSOF(codes) ? codes[code].value : -EIO;
}

const char *error_code_to_string(ErrorCode code) {
        return (unsigned) code < ELEMENTSOF(codes) ? codes[code].name : NULL;
}

int error_setv(Error *error, ErrorCode code, const char *format, va_list arguments) {
        /* Twice the room, so that a text that was cut here is still too long for `text`, and gets
         * its "...", when text_ellipsize() makes it shorter. And arguments may point into *error.
         */
        char text[2 * ERROR_TEXT_MAX] = "";

        assert(code != ERROR_NONE);

        if (!error)
                return error_to_errno(code);

        (void) vsnprintf(text, sizeof(text), format, arguments);
        error->code = code;
        text_ellipsize(error->text, sizeof(error->text), text);
        return error_to_errno(code);
}

int error_setf(Error *error, ErrorCode code, const char *format, ...) {
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = error_setv(error, code, format, arguments);
        va_end(arguments);
        return r;
}

static ErrorCode code_from_errno(int errnum) {
        for (size_t i = 0; i < ELEMENTSOF(system_codes); i++) {
                if (system_codes[i].errnum == errnum)
                        return system_codes[i].code;
        }

        return ERROR_IO;
}

int error_errnof(Error *error, int errnum, const char *format, ...) {
        char subject[ERROR_TEXT_MAX] = "", reason[128];
        va_list arguments;

        /* Nobody fails with "Success": somebody lost the reason. */
        if (errnum == 0)
                errnum = EIO;
        if (errnum < 0)
                errnum = -errnum;

        va_start(arguments, format);
        (void) vsnprintf(subject, sizeof(subject), format, arguments);
        va_end(arguments);

        return error_setf(
                        error, code_from_errno(errnum), "%s: %s", subject,
                        strerror_r(errnum, reason, sizeof(reason)));
}

int error_prefixf(Error *error, const char *format, ...) {
        char prefix[ERROR_TEXT_MAX] = "";
        ErrorCode code;
        va_list arguments;

        if (!error)
                return -EIO;

        va_start(arguments, format);
        (void) vsnprintf(prefix, sizeof(prefix), format, arguments);
        va_end(arguments);

        /* Prefixing is done on failure only: a reason that nobody gave must not turn into success.
         */
        code = error->code == ERROR_NONE ? ERROR_IO : error->code;
        return error_setf(error, code, "%s: %s", prefix, error->text);
}
