/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/span.h"
#include "common/text.h"
#include "coordinator/answers.h"
#include "coordinator/drop-in.h"
#include "coordinator/operator-request.h"

#define TTL_DEFAULT USEC_PER_DAY
#define TTL_MAX     (365 * USEC_PER_DAY)

/* --- token create --- */

static int get_pattern(Request *request, char ret[static NAME_TEXT_MAX]) {
        int r;

        if (!json_find(request->arguments, "name"))
                return 0;

        r = json_get_string(request->arguments, "name", ret, NAME_TEXT_MAX, request->error);
        if (r < 0 || pattern_is_valid(ret))
                return r;

        return error_setf(
                        request->error, ERROR_INVALID,
                        "name is '%s', want a node name, which may have * and ? in it", ret);
}

static int get_token_terms(Request *request, EventTokenMade *made) {
        char role[VERB_MAX];
        usec_t ttl = TTL_DEFAULT;
        int value;
        int r;

        r = json_get_string(request->arguments, "role", role, sizeof(role), request->error);
        if (r < 0)
                return r;

        value = enum_value(&role_names, role);
        if (value < 0) {
                return error_setf(
                                request->error, ERROR_INVALID,
                                "role is '%s', want master, agent or public-agent", role);
        }

        made->role = (Role) value;
        made->uses = 1;
        r = request_number(request, "uses", 1, TOKEN_USES_MAX, &made->uses);
        if (r < 0)
                return r;
        r = request_number(request, "ttl", USEC_PER_SEC, TTL_MAX, &ttl);
        if (r < 0)
                return r;

        made->expires = clock_wall() + ttl;
        return get_pattern(request, made->name);
}

static Json *describe_file(const char *path, const char *mode, const char *content) {
        Json *file = json_new_object();

        (void) json_add_string(file, "path", path);
        (void) json_add_string(file, "mode", mode);
        (void) json_add_string(file, "content", content);
        return file;
}

/* The only time that the secret leaves us. */
static void describe_new_token(
                const Request *request, const EventTokenMade *made, const Token *token) {
        uint8_t channel[KEY_SIZE], signing[KEY_SIZE];
        Json *files = json_new_array();
        char yaml[AGENT_YAML_MAX];
        char join[JOIN_MAX];

        coordinator_get_public_keys(request->coordinator, channel, signing);
        drop_in_agent_yaml(coordinator_get_config(request->coordinator), channel, signing, yaml);
        drop_in_join(token, join);
        (void) json_append(files, describe_file(AGENT_YAML_PATH, "0644", yaml));
        (void) json_append(files, describe_file(JOIN_PATH, "0600", join));
        join[TOKEN_TEXT_MAX - 1] = '\0';
        (void) json_add_string(*request->answer, "token", join);
        (void) json_add_string(*request->answer, "id", made->id);
        (void) json_add_string(*request->answer, "role", enum_name(&role_names, made->role));
        (void) json_add_string(*request->answer, "name", made->name);
        (void) json_add_u64(*request->answer, "uses", made->uses);
        (void) json_add_u64(*request->answer, "expires", made->expires);
        (void) json_add(*request->answer, "files", files);
        explicit_bzero(join, sizeof(join));
}

static void fill_token(const Token *token, EventTokenMade *made) {
        uint8_t psk[KEY_SIZE];

        token_psk(token, psk);
        key_to_text(psk, made->psk);
        token_id_to_text(token->id, made->id);
        explicit_bzero(psk, sizeof(psk));
}

int operator_token_create(Request *request) {
        Event event = { .kind = EVENT_TOKEN_MADE };
        EventTokenMade *made = &event.token_made;
        char until[TIMESTAMP_TEXT_MAX];
        char outcome[REASON_MAX];
        Token token;
        int r;

        if (get_token_terms(request, made) < 0)
                return EXIT_USAGE;

        token_generate(&token);
        fill_token(&token, made);
        (void) text_copy(made->user, sizeof(made->user), request->peer->user);
        (void) text_format(
                        outcome, sizeof(outcome),
                        "join token %s: %s%s%s, %" PRIu64 " use%s, until %s", made->id,
                        enum_name(&role_names, made->role), made->name[0] ? " " : "", made->name,
                        made->uses, made->uses == 1 ? "" : "s",
                        timestamp_format(made->expires, until));
        r = act(request, "", "", outcome, &event);
        if (r == EXIT_OK)
                describe_new_token(request, made, &token);

        token_wipe(&token);
        explicit_bzero(&event, sizeof(event));
        return r;
}

/* --- the others --- */

int operator_token_list(Request *request) {
        *request->answer = answer_tokens(request->coordinator);
        return EXIT_OK;
}

int operator_token_revoke(Request *request) {
        Event event = { .kind = EVENT_TOKEN_REVOKED };
        char *id = event.token_revoked.id;
        const JoinToken *token;
        char outcome[REASON_MAX];

        if (json_get_string(request->arguments, "id", id, TOKEN_ID_TEXT_MAX, request->error) < 0)
                return EXIT_USAGE;

        token = enrol_find_token(&request->state->enrol, id);
        if (!token) {
                return refuse(request, ERROR_NOT_FOUND,
                              "no join token '%s' was made here; rollpatch token list shows them",
                              id);
        }
        if (token->revoked)
                return answer_text(request, "join token %s is revoked already", id);

        (void) text_copy(event.token_revoked.user, USER_MAX, request->peer->user);
        (void) text_format(
                        outcome, sizeof(outcome),
                        "join token %s is revoked; the %" PRIu64 " it has let in stay", id,
                        token->used);
        return act(request, "", "", outcome, &event);
}
