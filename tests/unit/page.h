/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdio.h>

/* A page in docs/ that is printed from a table in the code: `test-NAME --print > docs/PAGE`. */

/* The page is what `print` prints. Skipped where SOURCE_ROOT does not say where the page is. */
void page_compare(const char *path, void (*print)(FILE *file));

/* The exit status of a test program that was asked to print its page; -1: it was not. */
int page_print(int argc, char *const argv[], void (*print)(FILE *file));
