/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/srvr.h"

#include <inttypes.h>
#include <string.h>

#include "common/text.h"

#define MODE "Mode: "

/* What stands behind MODE at the beginning of a line; NULL: no line begins with it. */
static const char *find_mode(const char *answer) {
        const char *mode = strstr(answer, MODE);

        while (mode && mode != answer && mode[-1] != '\n')
                mode = strstr(mode + 1, MODE);

        return mode ? mode + strlen(MODE) : NULL;
}

bool srvr_read_mode(const char *answer, char ret[static SRVR_MODE_MAX]) {
        const char *mode = find_mode(answer);
        size_t length;

        if (!mode)
                return false;

        length = strcspn(mode, "\n");
        if (mode[length] != '\n' || length == 0 || length >= SRVR_MODE_MAX)
                return false;

        memcpy(ret, mode, length);
        ret[length] = '\0';
        return true;
}

static bool is_member(const char *mode) {
        return strcmp(mode, "leader") == 0 || strcmp(mode, "follower") == 0;
}

bool srvr_serves(const char *answer) {
        char mode[SRVR_MODE_MAX];

        return srvr_read_mode(answer, mode) && (is_member(mode) || strcmp(mode, "standalone") == 0);
}

void srvr_judge(const char *answer, uint64_t masters, Sample *sample) {
        bool serves = srvr_serves(answer);
        char mode[SRVR_MODE_MAX], shown[128];

        sample_add_evidence(sample, "%s", answer);
        if (!srvr_read_mode(answer, mode)) {
                text_ellipsize(shown, sizeof(shown), answer);
                sample_judge(sample, answer[0] ? VERDICT_FAIL : VERDICT_UNKNOWN,
                             "zookeeper answers '%s', want 'Mode: leader' or 'follower'", shown);
                return;
        }

        sample_add_text(sample, "mode", mode);
        if (is_member(mode) || (serves && masters == 1)) {
                sample->verdict = VERDICT_PASS;
        } else if (serves && masters == 0) {
                sample_judge(sample, VERDICT_UNKNOWN,
                             "zookeeper is standalone, and how many masters there are is not known");
        } else {
                sample_judge(sample, VERDICT_FAIL,
                             "zookeeper is '%s', want 'leader' or 'follower' of %" PRIu64
                             " masters",
                             mode, masters);
        }
}
