/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/cleanup.h"
#include "common/error.h"
#include "node-agent/step-record.h"

/* What a node knows of its steps, on disk: a directory of mode 0700 with
 *
 *   journal-id   random, made with the directory: another one means that the journal was wiped
 *   epoch        the highest coordinator epoch that has claimed this node
 *   steps/ID/stage      the STAGE order (JSON)
 *   steps/ID/script     verified, 0500
 *   steps/ID/slot       highest fence adopted (JSON)
 *   steps/ID/declined   fence and reason: will never start under this or a lower one (JSON)
 *   steps/ID/intent     fence, boot, journal cursor, unit (JSON)
 *   steps/ID/order-F    the permission to start under fence F, while there is one
 *   steps/ID/started    the same file: rollpatch-step has taken the order. Never removed
 *   steps/ID/result     how the script ended; written by rollpatch-step, like `output`
 *   steps/ID/found      instead of all these but `slot`: the unit was there, in which boot (JSON)
 *
 * Every function that writes returns 0 only when it is on disk, synced. Each takes as long as a few
 * fsyncs. One process at a time: the directory is locked. */

typedef struct StepJournal StepJournal;

#define STEPS_MAX STEPS_CLAIM_MAX

/* Makes the directory when it is missing (its parent must exist). ERROR_BLOCKED: another process
 * has it. */
int step_journal_open(const char *path, StepJournal **ret, Error *error);

void step_journal_free(StepJournal *journal);
DEFINE_AUTO(StepJournal, step_journal_free)

const char *step_journal_get_id(const StepJournal *journal);
const char *step_journal_get_path(const StepJournal *journal);
uint64_t step_journal_get_epoch(const StepJournal *journal); /* 0: never claimed */
int step_journal_put_epoch(StepJournal *journal, uint64_t epoch, Error *error);

/* --- one step --- */

void step_journal_read(const StepJournal *journal, const char *step, StepRecord *ret);

/* A new step, or the same one again. */
int step_journal_put_stage(StepJournal *journal, const Stage *stage, Error *error);

/* A step of which nothing is known but that its unit is there: the journal was wiped while it ran,
 * or somebody else has started it. */
int step_journal_put_found(
                StepJournal *journal, const char *step, const Found *found, Error *error);

int step_journal_put_script(
                StepJournal *journal,
                const char *step,
                const void *data,
                size_t size,
                Error *error);
/* Whether the script on disk still is the one that was staged, and it; the caller frees `ret`,
 * which may be NULL. */
int step_journal_load_script(
                const StepJournal *journal, const Stage *stage, char **ret, Error *error);

int step_journal_put_slot(StepJournal *journal, const char *step, uint64_t fence, Error *error);

/* Intent, then the order. On failure neither is left, as far as the disk allows. */
int step_journal_put_intent(
                StepJournal *journal, const char *step, const Intent *intent, Error *error);

/* Takes back every order, then looks for the marker. -ESTALE (ERROR_CONFLICT): the step has been
 * started. Otherwise nobody will ever start it under `fence` or a lower one, and that is written.
 */
int step_journal_decline(
                StepJournal *journal,
                const char *step,
                uint64_t fence,
                const char *reason,
                Error *error);

/* A piece of `output`. */
typedef struct OutputPiece {
        uint64_t offset; /* of the piece, from the beginning */
        uint64_t total;  /* bytes there are now; more may follow while the script runs */
        size_t size;     /* bytes of the piece */
} OutputPiece;

/* At most `size` bytes from `offset` on; with `from_end` from so far back from the end, or from the
 * beginning when there are less. False: the script has printed nothing that was kept. */
bool step_journal_read_output(
                const StepJournal *journal,
                const char *step,
                uint64_t offset,
                bool from_end,
                char *buffer,
                size_t size,
                OutputPiece *ret);

/* The directory of a step, for what others read or write there. */
int step_journal_step_path(
                const StepJournal *journal,
                const char *step,
                char *buffer,
                size_t size,
                Error *error);

/* Names of all steps, oldest first. More than STEPS_MAX, or a name that is no step id, is an error:
 * a step that is not known of might be started again. */
int step_journal_list(
                const StepJournal *journal,
                char ret[STEPS_MAX][STEP_ID_MAX],
                size_t *ret_count,
                Error *error);

/* Removes a step, all or nothing. */
int step_journal_forget(StepJournal *journal, const char *step, Error *error);
