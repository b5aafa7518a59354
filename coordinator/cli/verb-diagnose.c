/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "common/text.h"
#include "coordinator/cli/ask.h"
#include "coordinator/cli/show.h"
#include "proto/schema.h"

static Style style_of(const char *class) {
        if (strcmp(class, "fatal") == 0)
                return STYLE_BAD;

        return strcmp(class, "waits") == 0 ? STYLE_WARN : STYLE_DIM;
}

/* "journal dcos-net.service, 3 times, newest 2026-11-23 04:05:06Z, cursor s=..". */
static void describe_place(const Json *finding, char *buffer, size_t size) {
        char at[TIMESTAMP_TEXT_MAX], where[REASON_MAX] = "";
        uint64_t count = doc_number(finding, "count");

        if (doc_text(finding, "cursor")[0]) {
                (void) text_format(
                                where, sizeof(where), ", cursor '%s'", doc_text(finding, "cursor"));
        } else if (doc_number(finding, "offset") > 0) {
                (void) text_format(
                                where, sizeof(where), ", offset %" PRIu64,
                                doc_number(finding, "offset"));
        }

        (void) text_format(
                        buffer, size, "%s %s, %" PRIu64 " time%s%s%s%s", doc_text(finding, "where"),
                        doc_text(finding, "place"), count, count == 1 ? "" : "s",
                        doc_number(finding, "at") ? ", newest " : "",
                        doc_number(finding, "at") ? show_time(doc_number(finding, "at"), at) : "",
                        where);
}

static void show_finding(const Show *show, const Json *finding) {
        const char *class = doc_text(finding, "class");
        char place[2 * REASON_MAX];

        describe_place(finding, place, sizeof(place));
        show_line(show, style_of(class), "%s (%s)", doc_text(finding, "id"), class);
        if (doc_text(finding, "cause")[0])
                show_line(show, STYLE_PLAIN, "  %s", doc_text(finding, "cause"));
        show_line(show, STYLE_PLAIN, "  seen: %s", doc_text(finding, "evidence"));
        show_line(show, STYLE_DIM, "  in: %s", place);
        if (doc_text(finding, "advice")[0])
                show_line(show, STYLE_PLAIN, "  try: %s", doc_text(finding, "advice"));
}

static void show_diagnosis(const Show *show, const Json *answer) {
        const Json *findings = doc_list(answer, "findings");
        char since[TIMESTAMP_TEXT_MAX];
        uint64_t found = doc_number(answer, "found"), shown = 0;

        show_line(show, STYLE_STRONG, "%s: %" PRIu64 " finding%s since %s%s%s%s",
                  doc_text(answer, "node"), found, found == 1 ? "" : "s",
                  show_time(doc_number(answer, "since"), since),
                  doc_text(answer, "step")[0] ? " (step " : "", doc_text(answer, "step"),
                  doc_text(answer, "step")[0] ? ")" : "");
        for (const Json *one = findings ? json_first(findings) : NULL; one; one = json_next(one)) {
                if (shown++ == 1)
                        show_heading(show, "What may follow from it", "");

                show_finding(show, one);
        }

        if (found > shown)
                show_line(show, STYLE_DIM, "and %" PRIu64 " more", found - shown);
        if (doc_text(answer, "missing")[0])
                show_line(show, STYLE_WARN, "not looked at: %s", doc_text(answer, "missing"));
}

int verb_diagnose(const VerbCall *call) {
        AUTO(Json) *arguments = json_new_object();
        Show show = show_open(call->options);
        AUTO(Reply) *reply = NULL;
        int status;

        if (!arguments || !json_add_string(arguments, "node", call->arguments[0]) ||
            !ask_add_wait(call->options, arguments))
                return EXIT_FAILED;

        status = ask(call->options, "diagnose", TAKE(arguments), &reply);
        if (reply)
                show_diagnosis(&show, reply->answer);

        return status;
}
