/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/error.h"
#include "common/json.h"

/* The addresses of the masters as this node knows them. Only a static list is in a file; without
 * one there is nothing to compare with, and `ret` is untouched. `root` is "" but in tests. */
int master_list_read(const char *root, Json **ret, Error *error);
