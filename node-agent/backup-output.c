/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/backup-output.h"

#include <string.h>

#include "common/text.h"

#define ZOOKEEPER_SAYS "ZooKeeper backup taken successfully"

static bool says(const BackupEnd *end, const char *words) {
        return end->size > 0 && memmem(end->text, end->size, words, strlen(words));
}

static void quote(const BackupEnd *end, char shown[static 128]) {
        char text[256] = "";

        if (end->size > 0)
                memcpy(text, end->text, MIN(end->size, sizeof(text) - 1));
        text_ellipsize(shown, 128, text);
}

void backup_judge(const BackupEnd *end, Sample *sample) {
        char shown[128];

        quote(end, shown);
        sample_add_evidence(sample, "%s", shown);
        if (end->exit_status != 0) {
                sample_judge(sample, VERDICT_FAIL, "exit status %d: %s", end->exit_status, shown);
        } else if (end->kind == BACKUP_ZOOKEEPER && !says(end, ZOOKEEPER_SAYS)) {
                sample_judge(sample, VERDICT_UNKNOWN,
                             "it ended with 0, but did not say '" ZOOKEEPER_SAYS "'");
        } else if (!end->file_there) {
                sample_judge(sample, VERDICT_UNKNOWN, "the file of the backup is absent, or empty");
        } else {
                sample->verdict = VERDICT_PASS;
        }
}
