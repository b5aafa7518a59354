/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/session.h"

#include "proto/codec.h"

#define SESSION_ID_SIZE 8

static int pack(const Frame *frame,
                uint8_t *buffer,
                size_t capacity,
                size_t *ret_size,
                Error *error) {
        if (frame_encode(frame, buffer, capacity, ret_size) < 0) {
                return error_setf(
                                error, ERROR_TOO_BIG,
                                "body of %zu bytes, room for %zu with its header", frame->body_size,
                                capacity);
        }

        return 0;
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

int session_hello(
                const Message *hello,
                uint8_t *buffer,
                size_t capacity,
                size_t *ret_size,
                Error *error) {
        char text[MESSAGE_BYTES_MAX];
        Frame frame = { .kind = FRAME_HS1, .body = (const uint8_t *) text };
        int r;

        assert(hello->kind == MESSAGE_HELLO);

        r = message_encode(hello, text, sizeof(text), &frame.body_size, error);
        if (r < 0)
                return r;

        return pack(&frame, buffer, capacity, ret_size, error);
}

int session_welcomed(Session *session, const Frame *hs2, Message *ret_welcome, Error *error) {
        uint64_t id = 0;
        int r;

        r = check_kind(hs2, FRAME_HS2, error);
        if (r < 0)
                return r;

        if (hs2->body_size < SESSION_ID_SIZE) {
                return error_setf(
                                error, ERROR_INVALID, "welcome has %zu bytes, want at least %d",
                                hs2->body_size, SESSION_ID_SIZE);
        }

        for (size_t i = 0; i < SESSION_ID_SIZE; i++)
                id = id << 8 | hs2->body[i];

        if (id == 0)
                return error_setf(error, ERROR_INVALID, "welcome has session id 0");

        r =
                        read_message(hs2->body + SESSION_ID_SIZE, hs2->body_size - SESSION_ID_SIZE,
                                     MESSAGE_WELCOME, ret_welcome, error);
        if (r < 0)
                return r;

        *session = (Session) { .id = id };
        return 0;
}

int session_greet(const Frame *hs1, Message *ret_hello, Error *error) {
        int r;

        r = check_kind(hs1, FRAME_HS1, error);
        if (r < 0)
                return r;

        return read_message(hs1->body, hs1->body_size, MESSAGE_HELLO, ret_hello, error);
}

int session_accept(
                Session *session,
                uint64_t id,
                const Message *welcome,
                uint8_t *buffer,
                size_t capacity,
                size_t *ret_size,
                Error *error) {
        uint8_t body[SESSION_ID_SIZE + MESSAGE_BYTES_MAX];
        Frame frame = { .kind = FRAME_HS2, .body = body };
        size_t size;
        int r;

        assert(id != 0);
        assert(welcome->kind == MESSAGE_WELCOME);

        for (size_t i = 0; i < SESSION_ID_SIZE; i++)
                body[i] = (uint8_t) (id >> (8 * (SESSION_ID_SIZE - 1 - i)));

        r = message_encode(
                        welcome, (char *) body + SESSION_ID_SIZE, MESSAGE_BYTES_MAX, &size, error);
        if (r < 0)
                return r;

        frame.body_size = SESSION_ID_SIZE + size;
        r = pack(&frame, buffer, capacity, ret_size, error);
        if (r < 0)
                return r;

        *session = (Session) { .id = id };
        return 0;
}

int session_seal(
                Session *session,
                const Message *message,
                uint8_t *buffer,
                size_t capacity,
                size_t *ret_size,
                Error *error) {
        char text[MESSAGE_BYTES_MAX];
        Frame frame = {
                .kind = FRAME_DATA,
                .session = session->id,
                .counter = session->sent + 1,
                .body = (const uint8_t *) text,
        };
        int r;

        assert(session->id != 0);

        if (session->sent >= REPLAY_NUMBER_MAX)
                return error_setf(error, ERROR_TOO_BIG, "the session's counter is used up");

        r = message_encode(message, text, sizeof(text), &frame.body_size, error);
        if (r < 0)
                return r;

        r = pack(&frame, buffer, capacity, ret_size, error);
        if (r < 0)
                return r;

        session->sent++;
        return 0;
}

int session_open(
                Session *session, const Frame *data, Message *ret, bool *ret_newest, Error *error) {
        Message message;
        int r;

        r = check_kind(data, FRAME_DATA, error);
        if (r < 0)
                return r;

        if (session->id == 0 || data->session != session->id)
                return error_setf(error, ERROR_NOT_FOUND, "frame is of another session");

        r = replay_check(&session->window, data->counter, error);
        if (r < 0)
                return r;

        r = message_decode(data->body, data->body_size, &message, error);
        if (r < 0)
                return r;

        *ret_newest = replay_note(&session->window, data->counter);
        *ret = message;
        return 0;
}
