/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/error.h"
#include "node-agent/probe/parse-login.h"

/* libjwt, and all that is known of it. */

/* What the IAM wants of a service account: {"uid":...,"exp":...} signed with the account's key,
 * RS256. `expiry`: seconds since 1970. The caller wipes `ret`. */
int sign_jwt(const LoginAccount *account,
             uint64_t expiry,
             char ret[static LOGIN_TOKEN_MAX],
             Error *error);
