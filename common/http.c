/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/text.h"

/* libcurl's easy interface behind one struct in and one struct out. The callbacks stop a transfer
 * by taking fewer bytes than they were given; libcurl then says only "write error", so they leave
 * word in the Transfer why: `refused` for a failure of ours, `settled` when all that was wanted is
 * known. */

#define STATUS_OK        200
#define STATUS_REDIRECTS 300
#define STATUS_ERRORS    400
#define TIMEOUT_MAX      (7 * USEC_PER_DAY)

typedef struct curl_slist HeaderList;

DEFINE_AUTO(CURL, curl_easy_cleanup)
DEFINE_AUTO(HeaderList, curl_slist_free_all)
DEFINE_AUTO(HttpResponse, http_response_done)

typedef struct Transfer {
        CURL *curl; /* borrowed */
        const HttpRequest *request;
        HttpResponse *response;
        int fd; /* negative: the body goes to memory */
        size_t capacity;
        bool settled;
        int refused; /* 0 or negative */
        Error *error;
        char detail[CURL_ERROR_SIZE];
} Transfer;

/* --- headers --- */

static const struct {
        const char *name;
        size_t offset;
        size_t size;
} wanted_headers[] = {
        { "content-type", offsetof(HttpResponse, content_type),
          sizeof(((HttpResponse *) NULL)->content_type) },
        { "location", offsetof(HttpResponse, location), sizeof(((HttpResponse *) NULL)->location) },
        { "www-authenticate", offsetof(HttpResponse, www_authenticate),
          sizeof(((HttpResponse *) NULL)->www_authenticate) },
};

static void keep_value(char *buffer, size_t size, const char *value, size_t length) {
        while (length > 0 && (*value == ' ' || *value == '\t')) {
                value++;
                length--;
        }
        while (length > 0 && isspace((unsigned char) value[length - 1]))
                length--;

        length = MIN(length, size - 1);
        memcpy(buffer, value, length);
        buffer[length] = '\0';
}

static void keep_header(HttpResponse *response, const char *line, size_t length) {
        for (size_t i = 0; i < ELEMENTSOF(wanted_headers); i++) {
                size_t name = strlen(wanted_headers[i].name);
                char *place = (char *) response + wanted_headers[i].offset;

                if (length > name && line[name] == ':' &&
                    strncasecmp(line, wanted_headers[i].name, name) == 0) {
                        keep_value(place, wanted_headers[i].size, line + name + 1,
                                   length - name - 1);
                }
        }
}

static void forget_headers(HttpResponse *response) {
        response->content_type[0] = '\0';
        response->location[0] = '\0';
        response->www_authenticate[0] = '\0';
}

/* Of ASCII only, whatever the locale. */
static char to_lower(char c) {
        if (c >= 'A' && c <= 'Z')
                return (char) (c - 'A' + 'a');

        return c;
}

static void tidy_content_type(char *type) {
        type[strcspn(type, "; \t")] = '\0';
        for (char *c = type; *c; c++)
                *c = to_lower(*c);
}

/* Whether the transfer should go on. An error page may be long, slow or endless: nobody waits for
 * it once it is known that this is not the file. */
static bool headers_complete(Transfer *transfer) {
        bool followed;
        long status = 0;

        (void) curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
        followed = status >= STATUS_REDIRECTS && status < STATUS_ERRORS &&
                   transfer->request->redirects > 0 && transfer->response->location[0];
        tidy_content_type(transfer->response->content_type);
        transfer->settled = transfer->fd >= 0 && status > STATUS_OK && !followed;
        return !transfer->settled;
}

static size_t on_header(char *line, size_t unit, size_t count, void *userdata) {
        Transfer *transfer = ASSERT_PTR(userdata);
        size_t size = unit * count;

        if (size >= strlen("HTTP/") && memcmp(line, "HTTP/", strlen("HTTP/")) == 0) {
                forget_headers(transfer->response);
        } else if (line[0] == '\r' || line[0] == '\n') {
                return headers_complete(transfer) ? size : 0;
        } else {
                keep_header(transfer->response, line, size);
        }

        return size;
}

/* --- body --- */

static int keep_in_memory(Transfer *transfer, const char *data, size_t size) {
        HttpResponse *response = transfer->response;
        size_t needed = (size_t) response->size + size + 1;
        char *body;

        if (needed > transfer->capacity) {
                size_t capacity = MAX(needed, transfer->capacity * 2);

                body = realloc(response->body, capacity);
                if (!body) {
                        return error_setf(
                                        transfer->error, ERROR_MEMORY,
                                        "no memory for a body of %zu bytes", capacity);
                }

                response->body = body;
                transfer->capacity = capacity;
        }

        memcpy(response->body + response->size, data, size);
        response->body[response->size + size] = '\0';
        return 0;
}

static int write_to_file(const Transfer *transfer, const char *data, size_t size) {
        ssize_t n;

        while (size > 0) {
                n = write(transfer->fd, data, size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_errnof(transfer->error, errno, "writing the body");

                data += n;
                size -= (size_t) n;
        }

        return 0;
}

static int refuse_longer(const Transfer *transfer) {
        const char *type = transfer->response->content_type;

        return error_setf(
                        transfer->error, ERROR_TOO_BIG, "body%s%s is longer than %llu bytes",
                        type[0] ? " of type " : "", type,
                        (unsigned long long) transfer->request->body_max);
}

static size_t on_body(char *data, size_t unit, size_t count, void *userdata) {
        Transfer *transfer = ASSERT_PTR(userdata);
        HttpResponse *response = transfer->response;
        size_t size = unit * count;

        if (size > transfer->request->body_max - response->size) {
                transfer->refused = refuse_longer(transfer);
        } else if (transfer->fd >= 0) {
                transfer->refused = write_to_file(transfer, data, size);
        } else {
                transfer->refused = keep_in_memory(transfer, data, size);
        }
        if (transfer->refused < 0)
                return 0;

        response->size += size;
        return size;
}

/* --- failures --- */

// clang-format off
static const struct { CURLcode curl; ErrorCode code; const char *text; } failures[] = {
        /* what libcurl says              is                 in our words; NULL: its are better */
        { CURLE_URL_MALFORMAT,            ERROR_INVALID,     NULL },
        { CURLE_UNSUPPORTED_PROTOCOL,     ERROR_INVALID,     "want http:// or https://" },
        { CURLE_LOGIN_DENIED,             ERROR_INVALID,     "a user name has no place in a URL" },
        { CURLE_COULDNT_RESOLVE_HOST,     ERROR_UNREACHABLE, NULL },
        { CURLE_PEER_FAILED_VERIFICATION, ERROR_DENIED,      NULL },
        { CURLE_SSL_CACERT_BADFILE,       ERROR_NOT_FOUND,   NULL },
        { CURLE_GOT_NOTHING,              ERROR_IO,          "closed without an answer" },
        { CURLE_OUT_OF_MEMORY,            ERROR_MEMORY,      NULL },
};
// clang-format on

static int fail_timeout(const Transfer *transfer) {
        const HttpRequest *request = transfer->request;
        usec_t limit = request->timeout;
        char span[SPAN_TEXT_MAX];
        curl_off_t connected = 0;

        (void) curl_easy_getinfo(transfer->curl, CURLINFO_CONNECT_TIME_T, &connected);
        if (connected == 0) {
                if (request->connect_timeout > 0)
                        limit = MIN(limit, request->connect_timeout);
                return error_setf(
                                transfer->error, ERROR_TIMEOUT, "no connection within %s",
                                span_format(limit, span));
        }

        return error_setf(
                        transfer->error, ERROR_TIMEOUT, "not finished within %s, got %llu bytes",
                        span_format(limit, span), (unsigned long long) transfer->response->size);
}

static int fail_cut(const Transfer *transfer) {
        curl_off_t length = -1;

        (void) curl_easy_getinfo(transfer->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
        if (length < 0) {
                return error_setf(
                                transfer->error, ERROR_IO,
                                "connection closed in the middle, after %llu bytes",
                                (unsigned long long) transfer->response->size);
        }

        return error_setf(
                        transfer->error, ERROR_IO, "connection closed after %llu of %lld bytes",
                        (unsigned long long) transfer->response->size, (long long) length);
}

static int fail_connect(const Transfer *transfer) {
        const char *why = NULL;
        long errnum = 0;

        (void) curl_easy_getinfo(transfer->curl, CURLINFO_OS_ERRNO, &errnum);
        if (errnum > 0)
                why = strerrordesc_np((int) errnum);

        return error_setf(
                        transfer->error, ERROR_UNREACHABLE, "cannot connect: %s",
                        why ? why : transfer->detail);
}

static int fail_otherwise(const Transfer *transfer, CURLcode code) {
        const char *said = transfer->detail[0] ? transfer->detail : curl_easy_strerror(code);
        ErrorCode error_code = ERROR_IO;
        char text[CURL_ERROR_SIZE] = {};

        for (size_t i = 0; i < ELEMENTSOF(failures); i++) {
                if (failures[i].curl == code) {
                        error_code = failures[i].code;
                        said = failures[i].text ? failures[i].text : said;
                }
        }

        (void) text_copy(text, sizeof(text), said);
        if (to_lower(text[1]) == text[1]) /* not "SSL ...", "URL ..." */
                text[0] = to_lower(text[0]);

        return error_setf(transfer->error, error_code, "%s", text);
}

static int transfer_failed(const Transfer *transfer, CURLcode code) {
        if (transfer->refused < 0)
                return transfer->refused;
        if (code == CURLE_OPERATION_TIMEDOUT)
                return fail_timeout(transfer);
        if (code == CURLE_PARTIAL_FILE)
                return fail_cut(transfer);
        if (code == CURLE_COULDNT_CONNECT)
                return fail_connect(transfer);

        return fail_otherwise(transfer, code);
}

/* --- the request --- */

static int add_header(HeaderList **headers, const char *line, Error *error) {
        HeaderList *longer = curl_slist_append(*headers, line);

        if (!longer)
                return error_setf(error, ERROR_MEMORY, "no memory for a header");

        *headers = longer;
        return 0;
}

static int add_authorization(HeaderList **headers, const char *value, Error *error) {
        auto_free char *line = NULL;

        for (const char *c = value; *c; c++) {
                if (iscntrl((unsigned char) *c)) {
                        return error_setf(
                                        error, ERROR_INVALID,
                                        "authorization has a control character in it");
                }
        }

        if (asprintf(&line, "Authorization: %s", value) < 0) {
                line = NULL;
                return error_setf(error, ERROR_MEMORY, "no memory for a header");
        }

        return add_header(headers, line, error);
}

static int make_headers(const HttpRequest *request, HeaderList **ret, Error *error) {
        AUTO(HeaderList) *headers = NULL;
        int r;

        if (request->post) {
                r = add_header(&headers, "Content-Type: application/json", error);
                if (r < 0)
                        return r;
        }

        if (request->accept) {
                char line[128];

                if (!text_format(line, sizeof(line), "Accept: %s", request->accept)) {
                        return error_setf(
                                        error, ERROR_TOO_BIG,
                                        "the type that is wanted is too long");
                }

                r = add_header(&headers, line, error);
                if (r < 0)
                        return r;
        }

        if (request->authorization) {
                r = add_authorization(&headers, request->authorization, error);
                if (r < 0)
                        return r;
        }

        *ret = TAKE(headers);
        return 0;
}

static long to_msec(usec_t span) {
        return (long) (MIN(span, TIMEOUT_MAX) / USEC_PER_MSEC);
}

#define SET(option, value) failed |= curl_easy_setopt(curl, option, value) != CURLE_OK

/* QUICK_EXIT: a name server that does not answer must not hold us longer than the timeout. */
static int set_limits(CURL *curl, const HttpRequest *request) {
        usec_t connect_timeout =
                        request->connect_timeout > 0 ? request->connect_timeout : request->timeout;
        int failed = 0;

        SET(CURLOPT_PROTOCOLS_STR, "http,https");
        SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
        SET(CURLOPT_PROXY, "");
        SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
        SET(CURLOPT_NOSIGNAL, 1L);
        SET(CURLOPT_QUICK_EXIT, 1L);
        SET(CURLOPT_TIMEOUT_MS, to_msec(request->timeout));
        SET(CURLOPT_CONNECTTIMEOUT_MS, to_msec(connect_timeout));
        SET(CURLOPT_MAXREDIRS, (long) request->redirects);
        SET(CURLOPT_FOLLOWLOCATION, request->redirects > 0 ? 1L : 0L);
        return failed;
}

static int set_options(Transfer *transfer, HeaderList *headers) {
        const HttpRequest *request = transfer->request;
        CURL *curl = transfer->curl;
        int failed = set_limits(curl, request);

        SET(CURLOPT_URL, request->url);
        SET(CURLOPT_USERAGENT, "rollpatch");
        SET(CURLOPT_HTTPHEADER, headers);
        if (request->ca_file)
                SET(CURLOPT_CAINFO, request->ca_file);
        if (request->cert_file)
                SET(CURLOPT_SSLCERT, request->cert_file);
        if (request->key_file)
                SET(CURLOPT_SSLKEY, request->key_file);
        if (request->post)
                SET(CURLOPT_POSTFIELDS, request->post);
        SET(CURLOPT_ERRORBUFFER, transfer->detail);
        SET(CURLOPT_HEADERFUNCTION, on_header);
        SET(CURLOPT_HEADERDATA, transfer);
        SET(CURLOPT_WRITEFUNCTION, on_body);
        SET(CURLOPT_WRITEDATA, transfer);
        if (failed)
                return error_setf(transfer->error, ERROR_IO, "libcurl refuses an option");

        return 0;
}

static int http_perform(const HttpRequest *request, int fd, HttpResponse *response, Error *error) {
        AUTO(HeaderList) *headers = NULL;
        AUTO(CURL) *curl = curl_easy_init();
        Transfer transfer = {
                .curl = curl, .request = request, .response = response, .fd = fd, .error = error
        };
        CURLcode code;
        long status = 0;
        int r;

        assert(request->timeout >= USEC_PER_MSEC);

        if (!curl)
                return error_setf(error, ERROR_MEMORY, "no memory for libcurl");

        r = make_headers(request, &headers, error);
        if (r < 0)
                return r;

        r = set_options(&transfer, headers);
        if (r < 0)
                return r;

        code = curl_easy_perform(curl);
        if (code != CURLE_OK && !transfer.settled)
                return transfer_failed(&transfer, code);

        (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        response->status = (unsigned) status;
        return 0;
}

int http_get(const HttpRequest *request, HttpResponse *ret, Error *error) {
        HttpResponse response = {};
        AUTO(HttpResponse) *owned = &response;
        int r;

        /* so that an empty body is an empty text, not NULL */
        response.body = calloc(1, 1);
        if (!response.body)
                return error_setf(error, ERROR_MEMORY, "no memory for a body");

        r = http_perform(request, -EBADF, &response, error);
        if (r < 0)
                return r;

        *ret = *TAKE(owned);
        return 0;
}

int http_download(const HttpRequest *request, int fd, HttpResponse *ret, Error *error) {
        HttpResponse response = {};
        int r;

        assert(fd >= 0);

        r = http_perform(request, fd, &response, error);
        if (r < 0)
                return r;

        *ret = response;
        return 0;
}

void http_response_done(HttpResponse *response) {
        free(response->body);
        response->body = NULL;
}
