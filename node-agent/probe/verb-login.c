/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/parse.h"
#include "common/text.h"
#include "node-agent/probe/access.h"
#include "node-agent/probe/parse-token.h"
#include "node-agent/probe/sign-jwt.h"

/* Logs in to the IAM of the cluster: shows that it holds the key of a service account, and is given
 * a token. Or the token is in a file that somebody else renews. What is secret is in memory that is
 * not dumped, and is wiped; nothing is sent but over https. */

#define LOGIN_TIMEOUT    (20 * USEC_PER_SEC)
#define SIGNED_FOR       (4 * USEC_PER_MINUTE) /* the IAM takes at most 5 */
#define ACCOUNT_FILE_MAX ((size_t) 32 * 1024)
#define BODY_MAX         (LOGIN_TOKEN_MAX + 2 * LOGIN_TEXT_MAX)

typedef struct LoginOrder {
        const char *account; /* files; one of them */
        const char *token_file;
        const char *url; /* NULL: as the account says */
        const char *ca;  /* NULL: the system's */
        usec_t timeout;
} LoginOrder;

/* All that is secret; on the heap, and wiped. */
typedef struct Login {
        char text[ACCOUNT_FILE_MAX];
        LoginAccount account;
        char signed_login[LOGIN_TOKEN_MAX];
        char body[BODY_MAX];
        char token[LOGIN_TOKEN_MAX];
} Login;

static void login_free(Login *login) {
        if (!login)
                return;

        explicit_bzero(login, sizeof(*login));
        free(login);
}

DEFINE_AUTO(Login, login_free)

static int parse_order(char *const arguments[], LoginOrder *ret, Error *error) {
        LoginOrder order = {};
        const char *timeout = NULL;
        const ProbeOption options[] = {
                { "account", &order.account, true }, { "token-file", &order.token_file, true },
                { "url", &order.url, true },         { "ca", &order.ca, true },
                { "timeout", &timeout, true },       {},
        };
        int r;

        r = probe_options_parse(options, arguments, error);
        if (r < 0)
                return r;
        if (!order.account == !order.token_file) {
                return error_setf(error, ERROR_INVALID, "want either --account or --token-file");
        }

        r = parse_timeout(timeout, LOGIN_TIMEOUT, &order.timeout, error);
        if (r < 0)
                return r;

        *ret = order;
        return 0;
}

static int read_secret(const char *path, Login *login, size_t *ret_size, Error *error) {
        int r;

        r = file_read_private(
                        AT_FDCWD, path, login->text, sizeof(login->text) - 1, ret_size, error);
        if (r < 0)
                return r;

        login->text[*ret_size] = '\0';
        return 0;
}

/* --- a token file --- */

static int read_token_file(const LoginOrder *order, Login *login, Error *error) {
        size_t size;
        int r;

        r = read_secret(order->token_file, login, &size, error);
        if (r < 0)
                return r;

        while (size > 0 && strchr(" \r\n\t", login->text[size - 1]))
                login->text[--size] = '\0';
        if (!token_is_valid(login->text) ||
            !text_copy(login->token, sizeof(login->token), login->text)) {
                return error_setf(
                                error, ERROR_INVALID, "%s: want a token of the IAM (a JWT) alone",
                                order->token_file);
        }

        return 0;
}

/* --- a service account --- */

static int write_body(Login *login, Error *error) {
        AUTO(Json) *object = json_new_object();
        char *text = NULL;
        bool fits;

        if (!object || !json_add_string(object, "uid", login->account.uid) ||
            !json_add_string(object, "token", login->signed_login))
                return error_setf(error, ERROR_MEMORY, "out of memory");

        text = json_print(object);
        if (!text)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        fits = text_copy(login->body, sizeof(login->body), text);
        explicit_bzero(text, strlen(text));
        free(text);
        return fits ? 0 : error_setf(error, ERROR_TOO_BIG, "the login is too long");
}

static int prepare(const LoginOrder *order, Login *login, Error *error) {
        uint64_t expiry = (clock_wall() + SIGNED_FOR) / USEC_PER_SEC;
        size_t size;
        int r;

        r = read_secret(order->account, login, &size, error);
        if (r < 0)
                return r;

        r = login_account_read(login->text, size, &login->account, error);
        if (r == 0)
                r = login_account_check_key(&login->account, error);
        if (r == 0)
                r = sign_jwt(&login->account, expiry, login->signed_login, error);
        if (r < 0)
                return error_prefixf(error, "%s", order->account);

        return write_body(login, error);
}

static int check_url(const char *url, Error *error) {
        if (text_starts_with(url, "https://"))
                return 0;

        return error_setf(error, ERROR_INVALID, "'%s' is no place for a login, want https://", url);
}

static int read_reply(const Asked *asked, const char *url, Login *login, Error *error) {
        const Reply *reply = &asked->reply;

        if (!reply->failure && reply->status == 401) {
                return error_setf(
                                error, ERROR_DENIED,
                                "%s: the IAM does not let the service account '%s' in (401)", url,
                                login->account.uid);
        }
        if (login_token_read(reply, login->token, error) < 0) {
                if (asked->error.code == ERROR_DENIED)
                        error->code = ERROR_DENIED; /* who answers is not who he should be */
                return error_prefixf(error, "%s", url);
        }

        return 0;
}

static int ask_iam(const LoginOrder *order, Login *login, Error *error) {
        const char *url = order->url ? order->url : login->account.endpoint;
        const HttpRequest request = {
                .url = url,
                .timeout = order->timeout,
                .body_max = REPLY_BYTES_MAX,
                .ca_file = order->ca,
                .post = login->body,
        };
        Asked asked = {};
        int r;

        r = check_url(url, error);
        if (r < 0)
                return r;

        r = http_get(&request, &asked.response, &asked.error);
        asked_answer(&asked, "login", login->signed_login, r);
        asked.reply.with_token = false; /* it is the way to one */
        r = read_reply(&asked, url, login, error);
        if (asked.response.body)
                explicit_bzero(asked.response.body, (size_t) asked.response.size);
        asked_done(&asked, 1);
        return r;
}

/* --- the whole --- */

static int get_token(const LoginOrder *order, Login *login, Error *error) {
        int r;

        if (order->token_file)
                return read_token_file(order, login, error);

        r = prepare(order, login, error);
        return r < 0 ? r : ask_iam(order, login, error);
}

ProbeExit probe_login(char *const arguments[], Json *answer, Error *error) {
        AUTO(Login) *login = calloc(1, sizeof(*login));
        LoginOrder order = {};
        uint64_t expiry;

        if (parse_order(arguments, &order, error) < 0)
                return PROBE_USAGE;
        if (!login) {
                (void) error_setf(error, ERROR_MEMORY, "out of memory");
                return PROBE_FAILED;
        }

        access_hide_process();
        if (get_token(&order, login, error) < 0)
                return PROBE_FAILED;

        if (!json_add_bool(answer, "ok", true) ||
            (token_get_expiry(login->token, &expiry) && !json_add_u64(answer, "expires", expiry)) ||
            !json_add_string(answer, "token", login->token)) {
                (void) error_setf(error, ERROR_MEMORY, "no memory for the answer");
                return PROBE_FAILED;
        }

        return PROBE_OK;
}
