/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/check.h"

/* How a backup tool of DC/OS ended. Pure. */

typedef enum BackupKind {
        BACKUP_ZOOKEEPER, /* dcos-zk backup */
        BACKUP_IAM,       /* iam-database-backup: the dump itself is its stdout */
} BackupKind;

typedef struct BackupEnd {
        BackupKind kind;
        int exit_status;
        const char *text; /* what it wrote for people, both streams; not necessarily terminated */
        size_t size;
        bool file_there; /* the backup, and it is not empty */
} BackupEnd;

/* Passes only if it says so, ended with 0, and the file is there: a claim without a file, or a file
 * without a claim, is unknown. */
void backup_judge(const BackupEnd *end, Sample *sample);
