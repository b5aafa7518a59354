/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/login.h"

#include "common/text.h"

#define DENIALS_MAX 2

void login_init(LoginPlan *login, bool wanted, usec_t now) {
        *login = (LoginPlan) { .wanted = wanted, .next = now };
}

bool login_is_due(const LoginPlan *login, usec_t now) {
        return login->wanted && !login->asking && now >= login->next;
}

void login_begin(LoginPlan *login) {
        login->asking = true;
}

void login_succeed(LoginPlan *login, uint64_t serial, usec_t life, usec_t now) {
        login->asking = false;
        login->serial = serial;
        life = MIN(life, LOGIN_LIFE_MAX);
        login->expires = now + life;
        login->next = now + MAX(life / 2, LOGIN_PAUSE);

        login->failures = login->denials = 0;
        login->failure[0] = '\0';
        login->has_insisted = login->insists;
        login->insists = false;
        if (!login->has_insisted)
                login->refused_since = 0;
}

static usec_t pause_of(const LoginPlan *login) {
        usec_t pause = LOGIN_PAUSE;

        if (login->denials >= DENIALS_MAX)
                return LOGIN_GIVEN_UP;

        for (unsigned i = 1; i < login->failures && pause < LOGIN_PAUSE_MAX; i++)
                pause *= 2;

        return MIN(pause, LOGIN_PAUSE_MAX);
}

void login_fail(LoginPlan *login, const Error *error, usec_t now) {
        if (login->failures == 0)
                login->failing_since = now;

        login->asking = false;
        login->failures++;
        login->denials = error->code == ERROR_DENIED ? login->denials + 1 : 0;
        login->next = now + pause_of(login);
        (void) text_copy(login->failure, sizeof(login->failure), error->text);
}

bool login_expire(LoginPlan *login, usec_t now) {
        if (login->serial == 0 || now < login->expires)
                return false;

        login->serial = 0;
        return true;
}

void login_refuse(LoginPlan *login, const char *node, uint64_t serial, usec_t now) {
        if (serial == 0 || serial != login->serial)
                return;

        if (login->refused_since == 0 || now - login->refused_at > LOGIN_HEED)
                login->refused_since = now;

        login->refused_at = now;
        (void) text_copy(login->refused_by, sizeof(login->refused_by), node);
        if (!login->has_insisted && !login->insists && !login->asking) {
                login->insists = true;
                login->next = now;
        }
}

static void describe_failure(const LoginPlan *login, usec_t now, char ret[static REASON_MAX]) {
        char next[SPAN_TEXT_MAX], left[SPAN_TEXT_MAX];

        (void) text_format(
                        ret, REASON_MAX,
                        "login to the IAM: %.300s; %s%s; tried %u times, again %s%s",
                        login->failure,
                        login->serial ? "the token is good for " : "there is no token",
                        login->serial ? span_format(span_sub(login->expires, now), left) : "",
                        login->failures, login->asking || now >= login->next ? "now" : "in ",
                        login->asking || now >= login->next
                                        ? ""
                                        : span_format(span_sub(login->next, now), next));
}

static void describe_refusal(const LoginPlan *login, char ret[static REASON_MAX]) {
        (void) text_format(
                        ret, REASON_MAX, "%s: the token of the IAM was refused (401)%s",
                        login->refused_by,
                        login->has_insisted
                                        ? ", and so was a new one; there is no other before the next renewal"
                                        : "; logging in again");
}

bool login_get_problem(
                const LoginPlan *login,
                usec_t now,
                char ret[static REASON_MAX],
                usec_t *ret_since) {
        if (login->failure[0]) {
                describe_failure(login, now, ret);
                *ret_since = login->failing_since;
                return true;
        }
        if (login->refused_since != 0 && span_sub(now, login->refused_at) <= LOGIN_HEED) {
                describe_refusal(login, ret);
                *ret_since = login->refused_since;
                return true;
        }

        return false;
}
