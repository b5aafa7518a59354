/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/error.h"
#include "common/parse.h"
#include "common/span.h"
#include "proto/schema.h"

/* When to log in to the IAM of a strict cluster, when again, and when to give up; what that is done
 * with, and the token itself, are elsewhere (iam.h). Moments are boot time, and come in. Pure.
 *
 * A token is renewed when half of its life is over. What fails is tried again after a pause that
 * grows; who was not let in, or whose file others may read, once more and then not for an hour.
 * When a server refuses the token, there is one new login; when it refuses that one too, none until
 * the next renewal. */

#define LOGIN_PAUSE     (10 * USEC_PER_SEC) /* after the first failure */
#define LOGIN_PAUSE_MAX (10 * USEC_PER_MINUTE)
#define LOGIN_GIVEN_UP  USEC_PER_HOUR      /* after the second denial in a row */
#define LOGIN_LIFE      (5 * USEC_PER_DAY) /* of a token that does not say; the IAM's own default */
#define LOGIN_LIFE_MAX  (365 * USEC_PER_DAY)
#define LOGIN_HEED      USEC_PER_MINUTE /* a refusal that is not repeated for so long is over */

typedef struct LoginPlan {
        bool wanted; /* it is configured */
        bool asking;
        usec_t next;     /* to log in at */
        usec_t expires;  /* of the token */
        uint64_t serial; /* of the token; 0: there is none */

        unsigned failures; /* in a row */
        unsigned denials;  /* at their end */
        usec_t failing_since;
        char failure[REASON_MAX]; /* the newest; empty: none */

        bool has_insisted;    /* logged in again because of a refusal, since the last renewal */
        bool insists;         /* the login that is due, or under way, is such a one */
        usec_t refused_since; /* 0: nobody refuses it */
        usec_t refused_at;
        char refused_by[NAME_TEXT_MAX];
} LoginPlan;

void login_init(LoginPlan *login, bool wanted, usec_t now);

bool login_is_due(const LoginPlan *login, usec_t now);
void login_begin(LoginPlan *login);

/* How the one that was begun has ended. `life` is what the token has left, and not 0. */
void login_succeed(LoginPlan *login, uint64_t serial, usec_t life, usec_t now);
void login_fail(LoginPlan *login, const Error *error, usec_t now);

/* True, once: the token is over and must not be shown any more. */
bool login_expire(LoginPlan *login, usec_t now);

/* A server of this node did not take the token of that serial. */
void login_refuse(LoginPlan *login, const char *node, uint64_t serial, usec_t now);

/* What a person must know; false: nothing. */
bool login_get_problem(
                const LoginPlan *login, usec_t now, char ret[static REASON_MAX], usec_t *ret_since);
