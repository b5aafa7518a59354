/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/verbs.h"

/* What common/verbs.c prints about its tables, on stdout and at most 80 columns wide. */

/* `verb` NULL: of the whole program. */
void help_print(const Program *program, const Verb *verb);

/* The verbs, or what `verb` takes: one word a line, for shell completion. */
void help_print_words(const Program *program, const Verb *verb);

bool verb_takes(const Verb *verb, const Option *option);
