/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/verbs.h"

/* What common/verbs.c prints about its tables, on stdout and at most 80 columns wide. */

/* `verb` NULL: of the whole program, or of the verbs "GROUP ..." when `group` is not NULL. */
void help_print(const Program *program, const char *group, const Verb *verb);

/* What may come next, one word a line, for shell completion: first words of verbs, second words of
 * the verbs "GROUP ...", or what `verb` takes. */
void help_print_words(const Program *program, const char *group, const Verb *verb);

/* The first verb "GROUP ..."; NULL: there is no such group. */
const Verb *help_first_of(const Program *program, const char *group);

bool verb_takes(const Verb *verb, const Option *option);
