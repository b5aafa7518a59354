/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/macro.h"

/* What cppcheck reads in place of our own common/cleanup.h. It does not know the attribute behind
 * AUTO, auto_free and auto_close and would see leaks everywhere; left undefined, they are words to
 * it that make a type of its own, which it need not see freed. */

#define DEFINE_AUTO(type, free_function)
#define TAKE(pointer) (pointer)
#define TAKE_FD(fd)   (fd)
