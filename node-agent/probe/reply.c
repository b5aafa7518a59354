/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/reply.h"

#include <string.h>

#include "common/text.h"

#define STATUS_OK           200
#define STATUS_UNAUTHORIZED 401
#define STATUS_FORBIDDEN    403
#define SHOWN_MAX           128
#define WANTS_TOKEN                                    \
        "; it wants a token, and there is none here: " \
        "see 'rollpatch status', and login: in rollpatchd.yaml"

static void copy_body(const Reply *reply, char *buffer, size_t size) {
        size_t length = MIN(reply->size, size - 1);

        if (length > 0)
                memcpy(buffer, reply->body, length);
        buffer[length] = '\0';
}

static void strip(char *text) {
        size_t length = strlen(text);

        while (length > 0 && strchr(" \r\n\t", text[length - 1]))
                text[--length] = '\0';
}

static int refuse_status(const Reply *reply, unsigned wanted, Error *error) {
        const char *what = reply->location && reply->location[0] ? reply->location : NULL;
        char body[SHOWN_MAX * 2], shown[SHOWN_MAX];

        copy_body(reply, body, sizeof(body));
        strip(body);
        text_ellipsize(shown, sizeof(shown), what ? what : body);
        return error_setf(
                        error, ERROR_INVALID, "%s: got %u%s%s%s, want %u%s", reply->question,
                        reply->status,
                        what       ? " to '"
                        : shown[0] ? " '"
                                   : "",
                        shown, shown[0] ? "'" : "", wanted,
                        reply->status == STATUS_UNAUTHORIZED ? WANTS_TOKEN : "");
}

/* To whom a token was shown, and why that is not enough: what a person wants to know is whether to
 * mend the token, or what its account may. NULL: it is neither. */
static const char *explain_denial(const Reply *reply) {
        if (reply->status == STATUS_UNAUTHORIZED && reply->with_token)
                return "the token was refused (401)";
        if (reply->status == STATUS_FORBIDDEN && reply->with_token)
                return "the service account may not read this (403)";

        return NULL;
}

bool reply_refuses_token(const Reply *reply) {
        return !reply->failure && reply->with_token && reply->status == STATUS_UNAUTHORIZED;
}

int reply_expect(const Reply *reply, unsigned status, Error *error) {
        if (reply->failure)
                return error_setf(error, ERROR_IO, "%s: %s", reply->question, reply->failure);
        if (reply->status != status && explain_denial(reply)) {
                return error_setf(
                                error, ERROR_DENIED, "%s: %s", reply->question,
                                explain_denial(reply));
        }
        if (reply->status != status)
                return refuse_status(reply, status, error);

        return 0;
}

static int reply_json(const Reply *reply, size_t max, Json **ret, Error *error) {
        const char *type = reply->type ? reply->type : "";
        int r;

        r = reply_expect(reply, STATUS_OK, error);
        if (r < 0)
                return r;

        if (reply->size == 0)
                return error_setf(error, ERROR_INVALID, "%s: empty body", reply->question);
        if (reply->size > max) {
                return error_setf(
                                error, ERROR_TOO_BIG, "%s: body is %zu bytes, want at most %zu",
                                reply->question, reply->size, max);
        }

        r = json_parse(reply->body, reply->size, ret, error);
        if (r < 0) {
                return error_prefixf(
                                error, "%s: body%s%s", reply->question, type[0] ? " of type " : "",
                                type);
        }

        return 0;
}

static int refuse_type(const Reply *reply, const Json *json, const char *wanted, Error *error) {
        return error_setf(
                        error, ERROR_INVALID, "%s: got JSON of type %s, want %s", reply->question,
                        json_type_name(json), wanted);
}

int reply_object(const Reply *reply, size_t max, Json **ret, Error *error) {
        AUTO(Json) *json = NULL;
        int r;

        r = reply_json(reply, max, &json, error);
        if (r < 0)
                return r;

        if (!json_is_object(json))
                return refuse_type(reply, json, "object", error);

        *ret = TAKE(json);
        return 0;
}

int reply_list(const Reply *reply, size_t max, Json **ret, Error *error) {
        AUTO(Json) *json = NULL;
        int r;

        r = reply_json(reply, max, &json, error);
        if (r < 0)
                return r;

        if (!json_is_array(json))
                return refuse_type(reply, json, "array", error);

        *ret = TAKE(json);
        return 0;
}

bool reply_says(const Reply *reply, unsigned status, const char *text) {
        char body[SHOWN_MAX];

        if (reply->failure || reply->status != status || reply->size >= sizeof(body))
                return false;

        copy_body(reply, body, sizeof(body));
        strip(body);
        return strcmp(body, text) == 0;
}

void reply_quote(const Reply *reply, Sample *sample) {
        char body[SAMPLE_EVIDENCE_MAX];

        if (reply->failure)
                return;

        copy_body(reply, body, sizeof(body));
        strip(body);
        if (body[0])
                sample_add_evidence(sample, "%s", body);
}
