/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "common/error.h"
#include "common/span.h"

/* One blocking HTTP request, for programs that live no longer than the question: rollpatch-probe
 * and the command line. Daemons never link this.
 *
 * Promised: it ends by `timeout`, whatever the server does, name resolution included; it stores no
 * byte over `body_max`; it talks http and https and nothing else, to the host of the URL and to no
 * proxy, whatever the environment says; a redirect is followed only when asked, else it is an
 * answer like any other. Certificates are always verified.
 *
 * Not promised: that the body is complete when the server gave no length. Whoever needs to know
 * compares with what it should be. The program must ignore SIGPIPE: TLS may raise it. */

typedef struct HttpRequest {
        const char *url;           /* http:// or https://, without user name and password */
        usec_t timeout;            /* for everything together, at least a millisecond */
        usec_t connect_timeout;    /* 0: only `timeout` */
        uint64_t body_max;         /* bytes */
        unsigned redirects;        /* how many may be followed */
        const char *ca_file;       /* PEM; NULL: the system's */
        const char *cert_file;     /* PEM, to show to a server that asks; NULL: none */
        const char *key_file;      /* PEM, of `cert_file` */
        const char *post;          /* JSON to POST, for http_get only; NULL: GET */
        const char *accept;        /* type of the answer that is wanted; NULL: any */
        const char *authorization; /* value of the Authorization header ("token=..."); NULL: none */
} HttpRequest;

/* Values of headers are cut to their arrays. */
typedef struct HttpResponse {
        unsigned status;
        char content_type[128];     /* "text/html": lower case, without parameters; empty: none */
        char location[512];         /* of a redirect */
        char www_authenticate[256]; /* how to log in, of a 401 */
        uint64_t size;              /* of the body */
        char *body;                 /* terminated; NULL after http_download */
} HttpResponse;

/* The body into memory, whatever the status. The caller ends with http_response_done().
 * Errors do not name the URL; the caller prefixes it. ERROR_TIMEOUT, ERROR_TOO_BIG,
 * ERROR_UNREACHABLE (no connection), ERROR_DENIED (certificate), ERROR_INVALID (URL), ERROR_IO. */
int http_get(const HttpRequest *request, HttpResponse *ret, Error *error);

/* The body of a 200 to `fd`, from its present position on. Any other status ends it once the
 * headers are there, with 0, and nothing is written. On failure part of the body may have been
 * written. */
int http_download(const HttpRequest *request, int fd, HttpResponse *ret, Error *error);

void http_response_done(HttpResponse *response);
