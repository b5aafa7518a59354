/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/link.h"

#include <errno.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/parse.h"
#include "common/text.h"
#include "proto/dispatch.h"
#include "proto/nn-socket.h"
#include "proto/random.h"
#include "proto/session.h"

/* The transport says neither when a connection stands nor when it is gone, and sometimes believes
 * in one that is not there at all. So only words of the coordinator count, and everything else runs
 * into a deadline, after which the link hangs up and dials again:
 *
 *      RESTING ── random wait over ──▶ DIALING ── writable: hello ──▶ GREETING ── HS2 ──▶ UP
 *         ▲                               │                             │  ▲              │
 *         │◀── not connected in 4 s ──────┘                             │  └── NOS: hello ┤
 *         │◀── hello unanswered for 4 s ────────────────────────────────┘                 │
 *         └◀── silent for three heartbeats, or not connected for 4 s ─────────────────────┘
 *
 * Before that, a link that is UP mends itself: when it sees that the connection is gone, or when a
 * heartbeat has waited too long for its answer, it dials again within the same session, and speaks
 * as soon as there is a connection. Left to itself the library waits longer after each
 * interruption, however short, and the coordinator cannot reach us before we have spoken on the new
 * connection.
 *
 * The session lives apart from these states: it stays in use until HS2 has brought a new one, and
 * its successor's first moments it still takes late words. It is renewed from UP by a new hello.
 *
 * A refusal inside HS2 is the coordinator's own: we rest, longer each time. What could come from
 * anybody does little: "unknown session" (NOS) may only make us say hello, and not often; a hint
 * about an unanswered hello is logged, and makes the rest after it longer.
 *
 * With a token the first hello is a JOIN. A token may be used up although the node is known by now
 * (config management drops the file again), so whoever is turned away tries the other kind next.
 */

#define REDIALS_MAX    5 /* in vain, in a row */
#define HEARTBEATS_MAX 3 /* unanswered */
#define EARLY_REDIALS  2 /* these come sooner: most interruptions are short */
#define TIMER_ACCURACY (10 * USEC_PER_MSEC)
#define LOOKS          4  /* at a standing connection, within its deadline */
#define REFUSALS_MAX   4U /* after so many the waiting becomes no longer */

typedef enum LinkState {
        LINK_RESTING,
        LINK_DIALING,
        LINK_GREETING,
        LINK_UP,
} LinkState;

struct Link {
        sd_event *event; /* borrowed */
        sd_event_source *timer;
        NnSocket *socket; /* NULL before the first dial */
        char endpoint[ADDRESS_TEXT_MAX + 8];
        LinkTiming timing;
        LinkHandlers handlers;
        void *userdata;

        LinkState state;
        usec_t deadline;      /* of the state; not of LINK_UP */
        usec_t looked;        /* LINK_UP: when the connection was last looked at */
        usec_t cut_since;     /* LINK_UP: since when there is no connection; 0: there is one */
        usec_t renewal_after; /* the next NOS is believed from then on */
        unsigned failures;    /* dials in vain since the coordinator's last word */

        SessionEnd end;
        Role role;       /* of this node, as the last hello said */
        bool is_joining; /* the last hello was a JOIN */
        bool is_denied;  /* it was turned away */
        bool is_hurried; /* something has changed since it was said */
        bool is_known;   /* the coordinator has taken us in */
        Greeting greeting;
        FrameHint hint;    /* about that greeting; 0: none */
        bool said_unread;  /* an answer to it could not be read: said once, anybody can send them */
        unsigned refusals; /* in a row */

        Session session; /* id 0: none */
        usec_t session_since;
        Session faded; /* the one before, until `faded_until` */
        usec_t faded_until;
        usec_t heartbeat;
        usec_t asked;  /* first heartbeat since the coordinator's last word; 0: none */
        usec_t mended; /* LINK_UP: when it last dialled again within the session */
        uint64_t used; /* number of the connection that we last spoke on */
        bool is_lost;  /* hung up since `session` was made */

        /* What is being said. Here, because of a stack every page that was ever used stays. */
        uint8_t outgoing[SESSION_BYTES_MAX];
};

const LinkTiming link_timing_default = {
        .spread = 10 * USEC_PER_SEC,
        .connect = 4 * USEC_PER_SEC,
        .handshake = 4 * USEC_PER_SEC,
        .redial = 5 * USEC_PER_SEC,
        .heartbeat = 10 * USEC_PER_SEC,
        .renewal = 10 * USEC_PER_SEC,
        .poll = 200 * USEC_PER_MSEC,
        .refused = 30 * USEC_PER_SEC,
        .rekey = USEC_PER_DAY,
        .fade = USEC_PER_MINUTE,
};

/* Counted from a heartbeat that was sent, not from the last answer: who asks every 10 s and is told
 * to ask every second from now on must not wait in vain for answers to what it never asked. */
static usec_t silence_deadline(const Link *link) {
        return link->asked == 0 ? USEC_INFINITY
                                : span_add(link->asked, HEARTBEATS_MAX * link->heartbeat);
}

/* --- time --- */

/* Nobody waits for a node that is to speak seldom. Counted from the last look: what comes in must
 * not put it off. */
static usec_t next_look_up(const Link *link) {
        usec_t wait = MAX(link->timing.connect / LOOKS, link->heartbeat / 2);

        if (link->cut_since != 0)
                wait = link->timing.poll;

        return MIN(silence_deadline(link), link->looked + wait);
}

static usec_t next_look(const Link *link, usec_t now) {
        switch (link->state) {
        case LINK_RESTING:
        case LINK_GREETING:
                return link->deadline;

        case LINK_DIALING:
                return MIN(link->deadline, now + link->timing.poll);

        case LINK_UP:
                return next_look_up(link);
        }

        return now;
}

static int arm(Link *link) {
        int r;

        r = sd_event_source_set_time(link->timer, next_look(link, clock_boottime()));
        if (r < 0)
                return r;

        return sd_event_source_set_enabled(link->timer, SD_EVENT_ONESHOT);
}

static void enter(Link *link, LinkState state, usec_t deadline) {
        link->state = state;
        link->deadline = deadline;
        link->cut_since = 0;
}

/* --- the way to a session --- */

static void give_up(Link *link, usec_t now, const char *reason) {
        usec_t wait = link->timing.redial;

        link->is_lost = true;
        link->failures++;
        if (link->failures == 1) {
                log_warning("Coordinator %s: %s. Dialling again until it answers.", link->endpoint,
                            reason);
        } else {
                log_debug("Coordinator %s: %s, for the %u. time.", link->endpoint, reason,
                          link->failures);
        }

        if (link->failures > EARLY_REDIALS)
                wait *= 2;

        enter(link, LINK_RESTING, now + random_up_to(wait));
        if (link->failures > REDIALS_MAX) {
                link->failures = 0;
                link->handlers.on_hopeless(link->userdata);
        }
}

static void stop_resting(Link *link, usec_t now) {
        link->is_denied = false;
        link->refusals = 0;
        enter(link, LINK_RESTING, now);
}

/* After a refusal: no dial in vain, but there is no hurry either. */
static void rest(Link *link, usec_t now, usec_t longest) {
        unsigned doublings = link->refusals > 0 ? MIN(link->refusals - 1, REFUSALS_MAX) : 0;
        usec_t wait = MIN(link->timing.refused << doublings, longest);

        link->is_lost = true;
        link->is_denied = link->is_joining;
        enter(link, LINK_RESTING, now + wait + random_up_to(wait / 4));
        if (link->is_hurried)
                stop_resting(link, now);
}

static void on_no_answer(Link *link, usec_t now) {
        if (link->hint == 0) {
                give_up(link, now,
                        "hello was not answered; if rollpatchd runs there, coordinator_key in agent.yaml "
                        "is not its key (compare with 'rollpatch init' on the bootstrap node)");
        } else {
                rest(link, now, USEC_INFINITY);
        }
}

/* What lies in `outgoing`. */
static int send_out(Link *link, size_t size) {
        int r;

        link->used = nn_socket_made(link->socket);
        r = nn_socket_send(link->socket, NULL, link->outgoing, size);
        if (r >= 0)
                link->cut_since = 0;

        return r == -EAGAIN ? -ENOTCONN : r;
}

/* Not right after one was turned away: see above. */
static bool get_token(const Link *link, Token *ret) {
        return !link->is_known && !link->is_denied && link->handlers.get_token &&
               link->handlers.get_token(ret, link->userdata);
}

/* Says hello. The state stays as it is when the connection is not there yet. */
static void greet(Link *link, usec_t now) {
        Message hello = { .kind = MESSAGE_HELLO };
        Error error = {};
        size_t size;
        Token token;
        int r;

        link->handlers.fill_hello(&hello.hello, link->userdata);
        link->role = hello.hello.role;
        link->hint = 0;
        link->is_hurried = false;
        link->said_unread = false;
        link->is_joining = get_token(link, &token);
        r =
                        session_hello(&link->end, link->is_joining ? &token : NULL, &hello,
                                      &link->greeting, link->outgoing, &size, &error);
        token_wipe(&token);
        if (r < 0) {
                log_error("Cannot say hello to the coordinator: %s.", error.text);
                give_up(link, now, "no hello could be made");
                return;
        }

        if (send_out(link, size) >= 0)
                enter(link, LINK_GREETING, now + link->timing.handshake);
}

/* --- what the coordinator says --- */

static void follow_heartbeat(Link *link, const Welcome *welcome) {
        if (link->heartbeat == welcome->heartbeat)
                return;

        link->heartbeat = welcome->heartbeat;
        if (link->handlers.on_heartbeat)
                link->handlers.on_heartbeat(link->userdata);
}

static void on_refused(Link *link, const Welcome *welcome) {
        const char *reason = welcome->refused;
        usec_t now = clock_boottime();

        if (link->refusals == 0) {
                log_error("The coordinator %s refuses this node: %s. Asking again from time to time.",
                          link->endpoint, reason);
        } else {
                log_debug("Refused for the %u. time: %s.", link->refusals + 1, reason);
        }

        link->is_known = false;
        link->refusals++;
        rest(link, now, welcome->heartbeat);
        if (link->handlers.on_refused)
                link->handlers.on_refused(link->userdata);
}

static void on_welcome(Link *link, const Frame *frame) {
        usec_t now = clock_boottime();
        Session old = link->session;
        Message welcome;
        Error error = {};

        if (link->state != LINK_GREETING)
                return;

        if (session_welcomed(&link->greeting, &link->session, frame, &welcome, &error) < 0) {
                if (!link->said_unread)
                        log_warning("The coordinator's welcome cannot be read: %s.", error.text);
                link->said_unread = true;
        } else if (welcome.welcome.refused[0]) {
                on_refused(link, &welcome.welcome);
        } else {
                link->faded = old;
                link->faded_until = now + link->timing.fade;
                link->session_since = now;
                link->refusals = 0;
                link->is_lost = false;
                link->asked = 0;
                enter(link, LINK_UP, USEC_INFINITY);
                log_info("A session with the coordinator %s stands.", link->endpoint);
                follow_heartbeat(link, &welcome.welcome);
                link->handlers.on_up(link->userdata);
        }

        session_wipe(&old);
}

/* Each once: whoever sent it can send many. */
static void on_hint(Link *link, FrameHint hint) {
        static const char *const texts[] = {
                [FRAME_HINT_VERSION] =
                                "is older than this node agent; upgrade the coordinator first",
                [FRAME_HINT_TOKEN] =
                                "does not know the join token, or it has expired or was used up; "
                                "drop a new one ('rollpatch token create') at /etc/rollpatch/join",
                [FRAME_HINT_SEAL] =
                                "cannot open our hello; compare 'cluster' in agent.yaml with its "
                                "own, and the join token with what 'rollpatch token create' said",
        };

        if (link->state != LINK_GREETING || link->hint != 0)
                return;

        link->hint = hint;
        log_warning("Whoever answers at %s says that it %s.", link->endpoint, texts[hint]);
}

static void open_data(Link *link, const Frame *frame, Message *ret, Error *error) {
        Session *session = &link->session;
        bool newest;

        if (frame->session != session->id && clock_boottime() < link->faded_until)
                session = &link->faded;

        (void) session_open(session, frame, ret, &newest, error);
}

/* Only whom the coordinator has taken in gets DATA from it. */
static void note_known(Link *link) {
        if (link->is_known)
                return;

        link->is_known = true;
        if (link->handlers.on_enrolled)
                link->handlers.on_enrolled(link->userdata);
}

static void on_data(Link *link, const Frame *frame) {
        Message message;
        Error error = {};

        open_data(link, frame, &message, &error);
        if (error.code != ERROR_NONE) {
                /* Of an older session, or once more, or somebody else's: happens, and tells
                 * nothing. */
                if (error.code != ERROR_NOT_FOUND && error.code != ERROR_CONFLICT &&
                    error.code != ERROR_DENIED)
                        log_warning("A message of the coordinator cannot be read: %s.", error.text);

                return;
        }

        if (!dispatch_allows(
                            message.kind, PARTY_COORDINATOR, party_of(link->role), CONTACT_SESSION))
                return;

        note_known(link);
        link->asked = 0;
        link->failures = 0;
        if (message.kind == MESSAGE_WELCOME) {
                follow_heartbeat(link, &message.welcome);
                if (message.welcome.rekey && link->handlers.on_rekey)
                        link->handlers.on_rekey(link->userdata);
        } else {
                link->handlers.on_message(&message, link->userdata);
        }

        message_wipe(&message);
}

/* Asks for a new session while the present one goes on. */
static void renew(Link *link, usec_t now) {
        if (now < link->renewal_after)
                return;

        link->renewal_after = now + link->timing.renewal + random_up_to(link->timing.renewal / 2);
        greet(link, now);
}

static void on_unknown_session(Link *link, const Frame *frame) {
        if (link->state == LINK_UP && frame->session == link->session.id)
                renew(link, clock_boottime());
}

static void on_receive(const Route *route, const void *body, size_t size, void *userdata) {
        Link *link = ASSERT_PTR(userdata);
        Frame frame;

        if (frame_decode(body, size, &frame, NULL) < 0)
                return;

        switch (frame.kind) {
        case FRAME_JOIN: /* only we say these */
        case FRAME_HS1:
                break;

        case FRAME_HS2:
                on_welcome(link, &frame);
                break;

        case FRAME_DATA:
                on_data(link, &frame);
                break;

        case FRAME_NOS:
                on_unknown_session(link, &frame);
                break;

        case FRAME_HINT:
                on_hint(link, frame.hint);
                break;
        }

        /* Fails only when the loop is being torn down. */
        (void) arm(link);
}

/* --- dialling --- */

static void dial(Link *link, usec_t now) {
        Error error = {};
        int r;

        r = link->socket ? nn_socket_redial(link->socket, &error)
                         : nn_socket_dial(link->event, link->endpoint, on_receive, link,
                                          &link->socket, &error);
        if (r < 0) {
                give_up(link, now, error.text);
        } else {
                enter(link, LINK_DIALING, now + link->timing.connect);
        }
}

static void look_for_connection(Link *link, usec_t now) {
        if (nn_socket_is_writable(link->socket))
                greet(link, now);

        if (link->state == LINK_DIALING && now >= link->deadline)
                give_up(link, now, "no connection");
}

/* --- the watchdog --- */

/* Dials again, and keeps the session: what comes of it is seen at the next looks. */
static void mend(Link *link, usec_t now) {
        Error error = {};

        link->mended = link->looked = now;
        if (link->cut_since == 0)
                link->cut_since = now;
        if (nn_socket_redial(link->socket, &error) < 0)
                give_up(link, now, error.text);
}

/* The library may believe in a connection that is not there, and its word is all there is. Once a
 * heartbeat at most: it may also be the coordinator that has no time, and that for all nodes. */
static bool has_waited_too_long(const Link *link, usec_t now) {
        return link->asked != 0 &&
               now - link->asked >= MIN(link->heartbeat, link->timing.connect) &&
               now - link->mended >= link->heartbeat;
}

static void look_at_connection(Link *link, usec_t now) {
        bool is_writable = nn_socket_is_writable(link->socket);

        if (is_writable && nn_socket_made(link->socket) != link->used) {
                link->cut_since = 0;
                if (link->handlers.on_mended)
                        link->handlers.on_mended(link->userdata);
        } else if (link->cut_since == 0 && (!is_writable || has_waited_too_long(link, now))) {
                mend(link, now);
        }
}

static void look_after_session(Link *link, usec_t now) {
        link->looked = now;
        if (link->faded.id != 0 && now >= link->faded_until)
                session_wipe(&link->faded);

        if (now >= silence_deadline(link)) {
                give_up(link, now, "silent for three heartbeats");
        } else if (link->cut_since != 0 && now - link->cut_since >= link->timing.connect) {
                give_up(link, now, "the connection is gone");
        } else if (now - link->session_since >= link->timing.rekey ||
                   session_is_worn(&link->session)) {
                renew(link, now);
        }

        if (link->state == LINK_UP)
                look_at_connection(link, now);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Link *link = ASSERT_PTR(userdata);
        usec_t now = clock_boottime();

        switch (link->state) {
        case LINK_RESTING:
                if (now >= link->deadline)
                        dial(link, now);
                break;

        case LINK_DIALING:
                look_for_connection(link, now);
                break;

        case LINK_GREETING:
                if (now >= link->deadline)
                        on_no_answer(link, now);
                break;

        case LINK_UP:
                look_after_session(link, now);
                break;
        }

        return arm(link);
}

/* --- the public side --- */

static int add_timer(Link *link, usec_t first) {
        int r;

        r = sd_event_add_time(
                        link->event, &link->timer, CLOCK_BOOTTIME, first, TIMER_ACCURACY, on_timer,
                        link);
        if (r < 0)
                return r;

        (void) sd_event_source_set_description(link->timer, "link");
        return sd_event_source_set_exit_on_failure(link->timer, true);
}

static int check_endpoint(const char *endpoint, Error *error) {
        char address[ADDRESS_TEXT_MAX];
        uint16_t port;

        if (parse_endpoint(endpoint, address, &port) < 0) {
                return error_setf(
                                error, ERROR_INVALID,
                                "'%s' is no endpoint, want ADDRESS:PORT or [ADDRESS]:PORT",
                                endpoint);
        }

        return 0;
}

int link_new(sd_event *event,
             const LinkOptions *options,
             const LinkHandlers *handlers,
             void *userdata,
             Link **ret,
             Error *error) {
        AUTO(Link) *link = NULL;
        int r;

        r = check_endpoint(options->endpoint, error);
        if (r < 0)
                return r;

        link = calloc(1, sizeof(*link));
        if (!link)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        link->event = event;
        link->timing = *options->timing;
        link->handlers = *handlers;
        link->userdata = userdata;
        link->heartbeat = link->timing.heartbeat;
        (void) text_copy(link->endpoint, sizeof(link->endpoint), options->endpoint);
        session_end_init(&link->end, options->cluster, options->key, options->coordinator);

        enter(link, LINK_RESTING, clock_boottime() + random_up_to(link->timing.spread));
        r = add_timer(link, link->deadline);
        if (r < 0)
                return error_errnof(error, r, "adding the timer of the link");

        *ret = TAKE(link);
        return 0;
}

/* The next one falls due: if the one before was not answered, the connection may be to blame. */
static int send_heartbeat(Link *link, size_t size) {
        usec_t now = clock_boottime();
        bool is_up = link->state == LINK_UP && link->cut_since == 0;
        int r = -ENOTCONN;

        if (!is_up || !has_waited_too_long(link, now))
                r = send_out(link, size);
        if (link->asked == 0)
                link->asked = now;
        if (is_up && r == -ENOTCONN) {
                mend(link, now);
                (void) arm(link);
        }

        return r;
}

int link_send(Link *link, const Message *message) {
        Error error = {};
        size_t size;
        int r;

        assert(dispatch_allows(
                        message->kind, party_of(link->role), PARTY_COORDINATOR, CONTACT_SESSION));

        if (link->session.id == 0)
                return -ENOTCONN;

        r =
                        session_seal(&link->session, message, link->outgoing,
                                     sizeof(link->outgoing), &size, &error);
        if (r < 0) {
                log_error("A message to the coordinator cannot be sent: %s.", error.text);
                return r;
        }

        return message->kind == MESSAGE_HEARTBEAT ? send_heartbeat(link, size)
                                                  : send_out(link, size);
}

usec_t link_get_heartbeat(const Link *link) {
        return link->heartbeat;
}

void link_hurry(Link *link) {
        link->is_hurried = true; /* the answer to what was said before will be an old one */
        if (link->state != LINK_RESTING)
                return;

        stop_resting(link, clock_boottime());
        (void) arm(link);
}

bool link_is_up(const Link *link) {
        return link->session.id != 0 && !link->is_lost && clock_boottime() < silence_deadline(link);
}

void link_free(Link *link) {
        if (!link)
                return;

        (void) sd_event_source_disable_unref(link->timer);
        nn_socket_free(link->socket);
        greeting_wipe(&link->greeting);
        session_wipe(&link->session);
        session_wipe(&link->faded);
        free(link);
}
