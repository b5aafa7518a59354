/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/error.h"
#include "common/json.h"

/* How a node's Mesos wants to be asked, by the configuration of DC/OS on that node. Pure. */

typedef enum Security {
        SECURITY_OPEN,       /* no word of it: open DC/OS, or "disabled" */
        SECURITY_PERMISSIVE, /* Mesos answers http, and wants no token for reading */
        SECURITY_STRICT,     /* Mesos answers https alone, and wants a token */
} Security;

/* Of bootstrap-config.json or expanded.config.json. 1: it says so; 0: it says nothing of it;
 * negative: it says something that is not known, or is no JSON object. */
int security_read(const char *text, size_t size, Security *ret, Error *error);
