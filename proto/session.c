/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/session.h"

#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "proto/codec.h"
#include "proto/random.h"

#define SESSION_ID_SIZE 8

void session_end_init(
                SessionEnd *end,
                const char *cluster,
                const KeyPair *own,
                const uint8_t *coordinator) {
        assert(own->kind == KEY_CHANNEL);

        *end = (SessionEnd) { .own = own };
        if (!text_copy(end->cluster, sizeof(end->cluster), cluster))
                assert(false); /* NAME_TEXT_MAX bounds every name of a cluster */
        memcpy(end->coordinator, coordinator ? coordinator : own->public, KEY_SIZE);
        mac1_key_init(&end->mac1, end->coordinator);
}

void session_wipe(Session *session) {
        secret_wipe(session, sizeof(*session));
}

bool session_is_worn(const Session *session) {
        return MAX(session->sent, session->window.highest) >= SESSION_FRAMES_MAX;
}

void greeting_wipe(Greeting *greeting) {
        secret_wipe(greeting, sizeof(*greeting));
}

void guest_wipe(Guest *guest) {
        secret_wipe(guest, sizeof(*guest));
}

static int check_kind(const Frame *frame, FrameKind want, Error *error) {
        if (frame->kind != want) {
                return error_setf(
                                error, ERROR_INVALID, "frame of kind %d, want %d",
                                (int) frame->kind, (int) want);
        }

        return 0;
}

static int read_message(
                const void *data, size_t size, MessageKind want, Message *ret, Error *error) {
        Message message;
        int r;

        r = message_decode(data, size, &message, error);
        if (r < 0)
                return r;

        if (message.kind != want) {
                return error_setf(
                                error, ERROR_INVALID, "message is '%s', want '%s'",
                                enum_name(&message_kind_names, message.kind),
                                enum_name(&message_kind_names, want));
        }

        *ret = message;
        return 0;
}

/* A handshake message with an ephemeral key of its own. */
static int write_noise(
                Noise *noise,
                const void *payload,
                size_t size,
                uint8_t message[static NOISE_MESSAGE_MAX],
                size_t *ret_size,
                Error *error) {
        uint8_t ephemeral[KEY_SIZE];
        int r;

        random_bytes(ephemeral, sizeof(ephemeral));
        r = noise_write(noise, ephemeral, payload, size, message, ret_size, error);
        secret_wipe(ephemeral, sizeof(ephemeral));
        return r;
}

/* --- node --- */

static void begin_greeting(const SessionEnd *end, const Token *token, Greeting *greeting) {
        uint8_t prologue[PROLOGUE_MAX];
        NoiseSetup setup = {
                .pattern = token ? NOISE_IKPSK1 : NOISE_IK,
                .prologue = prologue,
                .prologue_size = handshake_prologue(
                                end->cluster, token ? token->id : NULL, prologue),
                .secret = end->own->secret,
                .public = end->own->public,
                .peer = end->coordinator,
        };

        greeting_wipe(greeting);
        if (token) {
                token_psk(token, greeting->psk);
                setup.psk = greeting->psk;
        }

        noise_initiate(&greeting->noise, &setup);
}

/* JOIN: the token's secret, then the hello; HS1: the hello. */
static int write_first(
                const Token *token,
                const Message *hello,
                Greeting *greeting,
                uint8_t message[static NOISE_MESSAGE_MAX],
                size_t *ret_size,
                Error *error) {
        const size_t head = token ? TOKEN_SECRET_SIZE : 0;
        uint8_t payload[NOISE_PAYLOAD_MAX];
        size_t size;
        int r;

        if (token)
                memcpy(payload, token->secret, TOKEN_SECRET_SIZE);

        r = message_encode(hello, (char *) payload + head, sizeof(payload) - head, &size, error);
        if (r >= 0) {
                r = write_noise(&greeting->noise, payload, head + size, message, ret_size, error);
        }

        secret_wipe(payload, sizeof(payload));
        return r;
}

int session_hello(
                const SessionEnd *end,
                const Token *token,
                const Message *hello,
                Greeting *greeting,
                uint8_t buffer[static SESSION_BYTES_MAX],
                size_t *ret_size,
                Error *error) {
        uint8_t message[NOISE_MESSAGE_MAX];
        Handshake handshake = { .token = token ? token->id : NULL, .message = message };
        int r;

        assert(hello->kind == MESSAGE_HELLO);

        begin_greeting(end, token, greeting);
        r = write_first(token, hello, greeting, message, &handshake.size, error);
        if (r < 0) {
                greeting_wipe(greeting);
                return r;
        }

        *ret_size = handshake_encode(&end->mac1, &handshake, buffer);
        return 0;
}

/* Session id and welcome, as they were sealed. */
static int read_second(
                const uint8_t *payload, size_t size, uint64_t *ret_id, Message *ret, Error *error) {
        uint64_t id = 0;
        int r;

        if (size < SESSION_ID_SIZE) {
                return error_setf(
                                error, ERROR_INVALID, "welcome has %zu bytes, want at least %d",
                                size, SESSION_ID_SIZE);
        }

        for (size_t i = 0; i < SESSION_ID_SIZE; i++)
                id = id << 8 | payload[i];

        r =
                        read_message(payload + SESSION_ID_SIZE, size - SESSION_ID_SIZE,
                                     MESSAGE_WELCOME, ret, error);
        if (r < 0)
                return r;

        if ((id == 0) != (ret->welcome.refused[0] != '\0')) {
                return error_setf(
                                error, ERROR_INVALID, "welcome has %s",
                                id == 0 ? "session id 0" : "a session, and refuses it");
        }

        *ret_id = id;
        return 0;
}

int session_welcomed(
                Greeting *greeting,
                Session *session,
                const Frame *hs2,
                Message *ret_welcome,
                Error *error) {
        uint8_t payload[NOISE_PAYLOAD_MAX];
        Message welcome;
        Session made = {};
        Noise noise;
        size_t size;
        int r;

        r = check_kind(hs2, FRAME_HS2, error);
        if (r < 0)
                return r;

        /* On a copy, because only the whole welcome ends the waiting. */
        noise = greeting->noise;
        r = noise_read(&noise, hs2->body, hs2->body_size, payload, &size, error);
        if (r >= 0)
                r = read_second(payload, size, &made.id, &welcome, error);
        if (r >= 0)
                noise_split(&noise, &made.keys);

        noise_wipe(&noise);
        if (r < 0)
                return r;

        if (made.id != 0)
                *session = made;

        session_wipe(&made);
        greeting_wipe(greeting);
        *ret_welcome = welcome;
        return 0;
}

/* --- coordinator --- */

static int read_first(
                Noise *noise,
                const Handshake *handshake,
                const uint8_t *psk,
                Hello *ret_hello,
                Error *error) {
        const size_t head = handshake->token ? TOKEN_SECRET_SIZE : 0;
        uint8_t payload[NOISE_PAYLOAD_MAX];
        Token token = {};
        Message message;
        size_t size;
        int r;

        r = noise_read(noise, handshake->message, handshake->size, payload, &size, error);
        if (r < 0)
                return r;

        if (size < head)
                return error_setf(error, ERROR_INVALID, "JOIN does not say its token's secret");

        /* Who has stolen the psk gets as far as here, and no farther (token.h). */
        memcpy(token.secret, payload, head);
        if (handshake->token && !token_is_known(&token, psk)) {
                r = error_setf(error, ERROR_DENIED, "JOIN does not know its token's secret");
        } else {
                r = read_message(payload + head, size - head, MESSAGE_HELLO, &message, error);
        }

        if (r >= 0)
                *ret_hello = message.hello;

        token_wipe(&token);
        secret_wipe(payload, sizeof(payload));
        return r;
}

int session_greet(
                const SessionEnd *end,
                const Handshake *handshake,
                const uint8_t *psk,
                Guest *ret,
                Error *error) {
        uint8_t prologue[PROLOGUE_MAX];
        Guest guest = {};
        int r;

        assert(!handshake->token == !psk);

        noise_respond(&guest.noise,
                      &(NoiseSetup) {
                                      .pattern = psk ? NOISE_IKPSK1 : NOISE_IK,
                                      .prologue = prologue,
                                      .prologue_size = handshake_prologue(
                                                      end->cluster, handshake->token, prologue),
                                      .secret = end->own->secret,
                                      .public = end->own->public,
                                      .psk = psk,
                      });
        r = read_first(&guest.noise, handshake, psk, &guest.hello, error);
        if (r >= 0)
                *ret = guest;

        guest_wipe(&guest);
        return r;
}

static int write_second(
                Guest *guest,
                uint64_t id,
                const Message *welcome,
                uint8_t buffer[static SESSION_BYTES_MAX],
                size_t *ret_size,
                Error *error) {
        uint8_t payload[NOISE_PAYLOAD_MAX], message[NOISE_MESSAGE_MAX];
        Frame frame = { .kind = FRAME_HS2, .body = message };
        size_t size;
        int r;

        assert(welcome->kind == MESSAGE_WELCOME);

        for (size_t i = 0; i < SESSION_ID_SIZE; i++)
                payload[i] = (uint8_t) (id >> (8 * (SESSION_ID_SIZE - 1 - i)));

        r =
                        message_encode(welcome, (char *) payload + SESSION_ID_SIZE,
                                       sizeof(payload) - SESSION_ID_SIZE, &size, error);
        if (r < 0)
                return r;

        r = write_noise(&guest->noise, payload, SESSION_ID_SIZE + size, message, &frame.body_size,
                        error);
        if (r < 0)
                return r;

        r = frame_encode(&frame, buffer, SESSION_BYTES_MAX, ret_size);
        assert(r >= 0);
        return 0;
}

int session_accept(
                Guest *guest,
                uint64_t id,
                const Message *welcome,
                Session *session,
                uint8_t buffer[static SESSION_BYTES_MAX],
                size_t *ret_size,
                Error *error) {
        Session made = { .id = id };
        int r;

        assert(id != 0);
        assert(!welcome->welcome.refused[0]);

        r = write_second(guest, id, welcome, buffer, ret_size, error);
        if (r >= 0) {
                noise_split(&guest->noise, &made.keys);
                *session = made;
        }

        session_wipe(&made);
        guest_wipe(guest);
        return r;
}

int session_refuse(
                Guest *guest,
                const char *reason,
                usec_t again,
                uint8_t buffer[static SESSION_BYTES_MAX],
                size_t *ret_size,
                Error *error) {
        Message welcome = {
                .kind = MESSAGE_WELCOME,
                .welcome.heartbeat = again,
        };
        int r;

        assert(reason[0]);

        text_ellipsize(welcome.welcome.refused, sizeof(welcome.welcome.refused), reason);
        r = write_second(guest, 0, &welcome, buffer, ret_size, error);
        guest_wipe(guest);
        return r;
}

/* --- both --- */

int session_seal(
                Session *session,
                const Message *message,
                uint8_t *buffer,
                size_t capacity,
                size_t *ret_size,
                Error *error) {
        Frame frame = {
                .kind = FRAME_DATA,
                .session = session->id,
                .counter = session->sent + 1,
        };
        size_t header, size, room;
        uint8_t *body;
        int r;

        assert(session->id != 0);
        assert(capacity >= FRAME_HEADER_MAX + NOISE_TAG_SIZE);

        if (session->sent >= REPLAY_NUMBER_MAX)
                return error_setf(error, ERROR_TOO_BIG, "the session's counter is used up");

        r = frame_encode(&frame, buffer, capacity, &header);
        assert(r >= 0);

        body = buffer + header;
        room = capacity - header - NOISE_TAG_SIZE;
        r = message_encode(message, (char *) body, room, &size, error);
        if (r < 0)
                return r;

        noise_seal(session->keys.send, frame.counter, buffer, header, body, size, body);
        *ret_size = header + size + NOISE_TAG_SIZE;
        session->sent++;
        return 0;
}

/* `plain` has room for the body. The header is part of what was sealed. It is written anew from
 * what was read of it, which gives the same bytes, because frame_decode() takes it in one spelling
 * only. */
static int open_body(const Session *session, const Frame *data, uint8_t *plain, Error *error) {
        const Frame clear = { .kind = FRAME_DATA,
                              .session = data->session,
                              .counter = data->counter };
        uint8_t header[FRAME_HEADER_MAX];
        size_t size = 0;
        int r;

        r = frame_encode(&clear, header, sizeof(header), &size);
        assert(r >= 0);

        if (data->body_size < NOISE_TAG_SIZE ||
            data->body_size > MESSAGE_BYTES_MAX + NOISE_TAG_SIZE ||
            !noise_open(session->keys.receive, data->counter, header, size, data->body,
                        data->body_size, plain))
                return error_setf(error, ERROR_DENIED, "frame is not authentic");

        return 0;
}

int session_open(
                Session *session, const Frame *data, Message *ret, bool *ret_newest, Error *error) {
        auto_free uint8_t *plain = NULL;
        Message message;
        bool newest;
        int r;

        r = check_kind(data, FRAME_DATA, error);
        if (r < 0)
                return r;

        if (session->id == 0 || data->session != session->id)
                return error_setf(error, ERROR_NOT_FOUND, "frame is of another session");

        r = replay_check(&session->window, data->counter, error);
        if (r < 0)
                return r;

        plain = malloc(data->body_size);
        if (!plain)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        r = open_body(session, data, plain, error);
        if (r < 0)
                return r;

        newest = replay_note(&session->window, data->counter);
        r = message_decode(plain, data->body_size - NOISE_TAG_SIZE, &message, error);
        secret_wipe(plain, data->body_size);
        if (r < 0)
                return r;

        *ret_newest = newest;
        *ret = message;
        message_wipe(&message);
        return 0;
}
