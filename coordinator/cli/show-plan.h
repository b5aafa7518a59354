/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/cli/show.h"

/* The answer to `plan`: what speaks against it, and the nodes in their order. */
void show_plan(const Show *show, const Json *answer);

/* Reads the plan file and makes the arguments of the verbs plan and run:
 * {"plan":{...},"accept_downtime":BOOL}. On mistakes prints all of them and returns NULL. */
Json *plan_arguments(const char *path, const CliOptions *options);
