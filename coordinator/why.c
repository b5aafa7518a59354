/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/why.h"

#include "common/error.h"
#include "common/text.h"

void why_setf(Why *why, const char *advice, const char *format, ...) {
        Error text = {};
        va_list arguments;

        if (why->text[0])
                return;

        va_start(arguments, format);
        (void) error_setv(&text, ERROR_BLOCKED, format, arguments);
        va_end(arguments);
        (void) text_copy(why->text, sizeof(why->text), text.text);
        (void) text_copy(why->advice, sizeof(why->advice), advice);
}
