/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/step-journal.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/digest.h"
#include "common/file.h"
#include "common/text.h"

#define STEP   "r1-test"
#define BOOT   "0123456789abcdef0123456789abcdef"
#define SCRIPT "#!/bin/sh\n"

typedef struct Place {
        char top[64];
        char dir[PATH_MAX]; /* the journal's */
        StepJournal *journal;
} Place;

/* --- the stage --- */

static StepJournal *open_journal(const char *dir) {
        StepJournal *journal = NULL;
        Error error = {};

        if (step_journal_open(dir, &journal, &error) < 0)
                fail_msg("%s", error.text);

        return journal;
}

static void reopen(Place *place) {
        step_journal_free(place->journal);
        place->journal = open_journal(place->dir);
}

static int setup(void **state) {
        Place *place = calloc(1, sizeof(*place));

        assert_non_null(place);
        (void) text_copy(place->top, sizeof(place->top), "/dev/shm/test-journal-XXXXXX");
        assert_non_null(mkdtemp(place->top));
        (void) text_format(place->dir, sizeof(place->dir), "%s/state", place->top);
        place->journal = open_journal(place->dir);
        *state = place;
        return 0;
}

static int teardown(void **state) {
        Place *place = *state;
        pid_t pid;
        int status;

        step_journal_free(place->journal);
        (void) umount2(place->dir, MNT_DETACH);
        pid = fork();
        if (pid == 0) {
                (void) execlp("rm", "rm", "-rf", place->top, NULL);
                _exit(127);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        free(place);
        return 0;
}

static Stage make_stage(const char *step) {
        Stage stage = { .epoch = 1,
                        .run = BOOT,
                        .cluster = "prod",
                        .node = "m1",
                        .from = "2.1.0",
                        .to = "2.1.1",
                        .url = "http://b/s",
                        .size = strlen(SCRIPT),
                        .timeout = USEC_PER_HOUR };

        (void) text_copy(stage.step, sizeof(stage.step), step);
        digest_bytes(SCRIPT, strlen(SCRIPT), stage.sha256);
        memset(stage.signature, '5', SIGNATURE_TEXT_MAX - 1);
        return stage;
}

static Intent make_intent(uint64_t fence) {
        return (Intent) { .fence = fence,
                          .boot_id = BOOT,
                          .wall = 10,
                          .boottime = 20,
                          .cursor = "s=1;i=2",
                          .unit = "rollpatch-step-" STEP ".service",
                          .note = "removed a file" };
}

static void put_stage(Place *place, const char *step) {
        Stage stage = make_stage(step);

        assert_int_equal(step_journal_put_stage(place->journal, &stage, NULL), 0);
}

static void put_all(Place *place) {
        Intent intent = make_intent(3);

        put_stage(place, STEP);
        assert_int_equal(
                        step_journal_put_script(place->journal, STEP, SCRIPT, strlen(SCRIPT), NULL),
                        0);
        assert_int_equal(step_journal_put_slot(place->journal, STEP, 3, NULL), 0);
        assert_int_equal(step_journal_put_intent(place->journal, STEP, &intent, NULL), 0);
}

static void path_of(const Place *place, const char *name, char path[static PATH_MAX]) {
        assert_true(text_format(path, PATH_MAX, "%s/steps/" STEP "/%s", place->dir, name));
}

static bool is_there(const Place *place, const char *name) {
        char path[PATH_MAX];

        path_of(place, name, path);
        return access(path, F_OK) == 0;
}

static void put_file(const Place *place, const char *name, const char *text) {
        char path[PATH_MAX];

        path_of(place, name, path);
        assert_int_equal(file_replace(AT_FDCWD, path, text, strlen(text), 0600, NULL), 0);
}

/* As rollpatch-step does it. */
static int take_order(const Place *place, const char *order) {
        char from[PATH_MAX], to[PATH_MAX];

        path_of(place, order, from);
        path_of(place, "started", to);
        return link(from, to);
}

static void put_result(const Place *place, const char *boot, unsigned terminated) {
        char text[512];

        (void) text_format(
                        text, sizeof(text),
                        "exit_status=3\nexit_signal=0\nboot_id=%s\nstarted_at=100\nended_at=200\n"
                        "terminated=%u\noutput_dropped=7\njournal_dropped=0\n",
                        boot, terminated);
        put_file(place, "result", text);
}

static StepRecord read_step(const Place *place) {
        StepRecord record;

        step_journal_read(place->journal, STEP, &record);
        return record;
}

static StepRecord read_good(const Place *place) {
        StepRecord record = read_step(place);

        if (record.facts.damaged)
                fail_msg("%s", record.damage);

        return record;
}

/* --- the journal itself --- */

static void test_a_journal_keeps_its_id_until_it_is_wiped(void **state) {
        Place *place = *state;
        char id[ID_TEXT_MAX], path[PATH_MAX];
        struct stat st;

        (void) text_copy(id, sizeof(id), step_journal_get_id(place->journal));
        assert_true(hex_is_valid(id, ID_TEXT_MAX - 1));
        assert_int_equal(stat(place->dir, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);

        reopen(place);
        assert_string_equal(step_journal_get_id(place->journal), id);

        assert_true(text_format(path, sizeof(path), "%s/journal-id", place->dir));
        assert_int_equal(unlink(path), 0);
        reopen(place);
        assert_string_not_equal(step_journal_get_id(place->journal), id);
}

static void test_the_highest_epoch_is_remembered(void **state) {
        Place *place = *state;

        assert_int_equal(step_journal_get_epoch(place->journal), 0);
        assert_int_equal(step_journal_put_epoch(place->journal, 41, NULL), 0);
        assert_int_equal(step_journal_get_epoch(place->journal), 41);
        reopen(place);
        assert_int_equal(step_journal_get_epoch(place->journal), 41);
}

static void test_a_journal_has_one_user(void **state) {
        Place *place = *state;
        StepJournal *other = NULL;
        Error error = {};

        assert_true(step_journal_open(place->dir, &other, &error) < 0);
        assert_int_equal(error.code, ERROR_BLOCKED);
        assert_non_null(strstr(error.text, place->dir));
        assert_null(other);
}

static void assert_not_guessed(Place *place, const char *name, const char *text) {
        StepJournal *journal = NULL;
        char path[PATH_MAX];
        Error error = {};

        step_journal_free(TAKE(place->journal));
        assert_true(text_format(path, sizeof(path), "%s/%s", place->dir, name));
        assert_int_equal(file_replace(AT_FDCWD, path, text, strlen(text), 0600, NULL), 0);
        assert_true(step_journal_open(place->dir, &journal, &error) < 0);
        assert_non_null(strstr(error.text, name));
        assert_null(journal);
        assert_int_equal(unlink(path), 0);
}

static void test_a_damaged_id_or_epoch_is_not_guessed(void **state) {
        static const char *const bad[] = {
                "", "\n", "12", "x\n", "1\n2\n", "-1\n", "99999999999999999999\n"
        };
        Place *place = *state;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                assert_not_guessed(place, "journal-id", bad[i]);
                assert_not_guessed(place, "epoch", bad[i]);
        }
}

/* --- steps --- */

static void test_what_is_written_is_read(void **state) {
        Place *place = *state;
        Stage stage = make_stage(STEP);
        StepRecord record;

        put_all(place);
        reopen(place);
        record = read_good(place);
        assert_true(record.facts.stage && record.facts.script);
        assert_true(job_stage_is_same(&record.stage, &stage));
        assert_int_equal(record.facts.slot_fence, 3);
        assert_int_equal(record.facts.intent_fence, 3);
        assert_string_equal(record.facts.intent_boot, BOOT);
        assert_string_equal(record.intent.cursor, "s=1;i=2");
        assert_string_equal(record.intent.note, "removed a file");
        assert_int_equal(record.intent.boottime, 20);
        assert_int_equal(record.facts.started_fence, 0);
        assert_false(record.facts.result);
        assert_true(is_there(place, "order-3"));

        assert_int_equal(take_order(place, "order-3"), 0);
        put_result(place, BOOT, 1);
        record = read_good(place);
        assert_int_equal(record.facts.started_fence, 3);
        assert_string_equal(record.facts.started_boot, BOOT);
        assert_true(record.started_at > 0);
        assert_true(record.facts.result && record.facts.terminated);
        assert_int_equal(record.result.exit_status, 3);
        assert_int_equal(record.result.started_at, 100);
        assert_int_equal(record.result.ended_at, 200);
        assert_int_equal(record.result.output_dropped, 7);
}

static void test_a_step_that_is_not_there_is_absent(void **state) {
        Place *place = *state;
        char path[PATH_MAX];
        StepRecord record = read_good(place);

        assert_false(record.facts.stage);

        /* nor is one whose directory was made, and then the power failed */
        assert_true(text_format(path, sizeof(path), "%s/steps/" STEP, place->dir));
        assert_int_equal(mkdir(path, 0700), 0);
        record = read_good(place);
        assert_false(record.facts.stage);
}

static void damage_and_check(Place *place, const char *name, const char *text) {
        auto_free char *good = NULL;
        char path[PATH_MAX];
        StepRecord record;

        path_of(place, name, path);
        assert_int_equal(file_read(AT_FDCWD, path, 1 << 16, &good, NULL, NULL), 0);
        put_file(place, name, text);
        record = read_step(place);
        if (!record.facts.damaged)
                fail_msg("%s: '%.40s' was believed", name, text);
        assert_non_null(strstr(record.damage, "steps/" STEP));
        assert_non_null(strstr(record.damage, name));

        put_file(place, name, good);
        (void) read_good(place);
}

static void damage_in_every_way(Place *place, const char *name) {
        static const char *const bad[] = { "",
                                           "\n",
                                           "{}",
                                           "[]",
                                           "{\"fence\":",
                                           "{\"fence\":0}",
                                           "exit_status=0\n",
                                           "boot_id=\n",
                                           "\x01\x02" };
        auto_free char *good = NULL, *huge = NULL;
        char path[PATH_MAX];
        size_t size;

        path_of(place, name, path);
        assert_int_equal(file_read(AT_FDCWD, path, 1 << 16, &good, NULL, NULL), 0);
        size = strlen(good);

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                damage_and_check(place, name, bad[i]);

        /* cut anywhere */
        for (size_t cut = 1; cut < size; cut++) {
                auto_free char *part = strndup(good, cut);

                assert_non_null(part);
                damage_and_check(place, name, part);
        }

        huge = malloc((1 << 20) + 1);
        assert_non_null(huge);
        memset(huge, ' ', 1 << 20);
        huge[1 << 20] = '\0';
        damage_and_check(place, name, huge);
        memcpy(huge, good, size);
        damage_and_check(place, name, huge);
}

static void test_whatever_is_damaged_is_named_and_nothing_is_guessed(void **state) {
        static const char *const names[] = { "stage",  "slot",    "declined",
                                             "intent", "started", "result" };
        Place *place = *state;

        put_all(place);
        assert_int_equal(step_journal_decline(place->journal, STEP, 3, "because", NULL), 0);
        put_file(place, "started", "boot_id=" BOOT "\nstep=" STEP "\nfence=4\n");
        put_result(place, BOOT, 0);
        (void) read_good(place);

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                damage_in_every_way(place, names[i]);
}

static void test_a_file_that_is_no_file_is_damage(void **state) {
        static const char *const names[] = { "stage",  "slot",    "declined",
                                             "intent", "started", "result" };
        Place *place = *state;
        char path[PATH_MAX];

        put_stage(place, STEP);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                path_of(place, names[i], path);
                (void) unlink(path);
                assert_int_equal(mkdir(path, 0700), 0);
                assert_true(read_step(place).facts.damaged);
                assert_int_equal(rmdir(path), 0);

                assert_int_equal(mkfifo(path, 0600), 0);
                assert_true(read_step(place).facts.damaged);
                assert_int_equal(unlink(path), 0);

                assert_int_equal(symlink("/etc/hostname", path), 0);
                assert_true(read_step(place).facts.damaged);
                assert_int_equal(unlink(path), 0);
                put_stage(place, STEP);
        }
}

static void test_files_that_contradict_each_other_are_damage(void **state) {
        Place *place = *state;
        char path[PATH_MAX];

        put_all(place);
        put_result(place, BOOT, 0);
        assert_non_null(strstr(read_step(place).damage, "'started' is not"));

        assert_int_equal(take_order(place, "order-3"), 0);
        (void) read_good(place);
        put_result(place, "ffffffffffffffffffffffffffffffff", 0);
        assert_non_null(strstr(read_step(place).damage, "of boot 'ffff"));

        put_result(place, BOOT, 0);
        put_file(place, "started", "boot_id=" BOOT "\nstep=r2-test\nfence=3\n");
        assert_non_null(strstr(read_step(place).damage, "r2-test"));

        path_of(place, "stage", path);
        put_file(place, "started", "boot_id=" BOOT "\nstep=" STEP "\nfence=3\n");
        assert_int_equal(unlink(path), 0);
        assert_non_null(strstr(read_step(place).damage, "'stage' is missing"));
}

static void put_found(Place *place) {
        Found found = { .boot_id = BOOT, .wall = 10, .unit = "rollpatch-step-" STEP ".service" };

        assert_int_equal(step_journal_put_found(place->journal, STEP, &found, NULL), 0);
}

static void test_a_step_that_was_found_has_its_boot_and_at_most_a_fence(void **state) {
        Place *place = *state;
        StepRecord record;

        put_found(place);
        reopen(place);
        record = read_good(place);
        assert_string_equal(record.facts.found_boot, BOOT);
        assert_false(record.facts.stage);

        assert_int_equal(step_journal_put_slot(place->journal, STEP, 9, NULL), 0);
        assert_int_equal(read_good(place).facts.slot_fence, 9);
        damage_in_every_way(place, "found");

        put_file(place, "started", "boot_id=" BOOT "\nstep=" STEP "\nfence=3\n");
        assert_non_null(strstr(read_step(place).damage, "'found' is there beside an order"));
}

static void test_a_step_that_has_its_order_was_not_found(void **state) {
        Place *place = *state;

        put_stage(place, STEP);
        put_found(place);
        assert_non_null(strstr(read_step(place).damage, "'found' is there beside an order"));
}

static void test_a_script_that_was_changed_is_noticed(void **state) {
        Place *place = *state;
        Stage stage = make_stage(STEP);
        Error error = {};
        struct stat st;
        char path[PATH_MAX];

        put_all(place);
        path_of(place, "script", path);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0500);
        assert_int_equal(step_journal_load_script(place->journal, &stage, NULL, NULL), 0);

        put_file(place, "script", "#!/bin/sh ");
        assert_true(step_journal_load_script(place->journal, &stage, NULL, &error) < 0);
        assert_non_null(strstr(error.text, "sha256"));
        assert_int_equal(unlink(path), 0);
        assert_true(step_journal_load_script(place->journal, &stage, NULL, NULL) < 0);
}

static OutputPiece read_output(
                const Place *place, uint64_t offset, bool from_end, char buffer[static 8]) {
        OutputPiece piece = {};

        assert_true(step_journal_read_output(
                        place->journal, STEP, offset, from_end, buffer, 8, &piece));
        return piece;
}

static void test_the_last_bytes_of_the_output_are_read(void **state) {
        Place *place = *state;
        OutputPiece piece;
        char buffer[8];

        put_stage(place, STEP);
        assert_false(step_journal_read_output(
                        place->journal, STEP, 8, true, buffer, sizeof(buffer), &piece));
        assert_false(step_journal_read_output(
                        place->journal, "other", 8, true, buffer, sizeof(buffer), &piece));

        put_file(place, "output", "0123456789");
        piece = read_output(place, 8, true, buffer);
        assert_int_equal(piece.size, 8);
        assert_int_equal(piece.offset, 2);
        assert_int_equal(piece.total, 10);
        assert_memory_equal(buffer, "23456789", 8);

        put_file(place, "output", "abc");
        piece = read_output(place, 8, true, buffer);
        assert_int_equal(piece.size, 3);
        assert_int_equal(piece.offset, 0);
        assert_memory_equal(buffer, "abc", 3);
}

static void test_the_output_is_read_piece_by_piece_up_to_its_end(void **state) {
        Place *place = *state;
        OutputPiece piece;
        char buffer[8];

        put_stage(place, STEP);
        put_file(place, "output", "0123456789");
        piece = read_output(place, 0, false, buffer);
        assert_int_equal(piece.size, 8);
        piece = read_output(place, 8, false, buffer);
        assert_int_equal(piece.size, 2);
        assert_memory_equal(buffer, "89", 2);
        piece = read_output(place, UINT64_MAX, false, buffer);
        assert_int_equal(piece.size, 0);
        assert_int_equal(piece.offset, 10);
}

/* --- the start protocol --- */

static void test_a_decline_withdraws_the_order_first(void **state) {
        Place *place = *state;
        StepRecord record;

        put_all(place);
        assert_int_equal(step_journal_decline(place->journal, STEP, 3, "m2 is\tdown", NULL), 0);
        assert_false(is_there(place, "order-3"));
        assert_int_equal(take_order(place, "order-3"), -1);

        record = read_good(place);
        assert_int_equal(record.facts.declined_fence, 3);
        assert_string_equal(record.declined_reason, "m2 is?down");

        /* and again under a higher fence */
        assert_int_equal(
                        step_journal_put_intent(
                                        place->journal, STEP,
                                        &(Intent) { .fence = 4,
                                                    .boot_id = BOOT,
                                                    .wall = 1,
                                                    .boottime = 1,
                                                    .unit = "u" },
                                        NULL),
                        0);
        assert_true(is_there(place, "order-4"));
        assert_int_equal(take_order(place, "order-4"), 0);
        assert_int_equal(read_good(place).facts.started_fence, 4);
}

static void test_what_was_started_cannot_be_declined(void **state) {
        Place *place = *state;
        Error error = {};

        put_all(place);
        assert_int_equal(take_order(place, "order-3"), 0);
        assert_int_equal(step_journal_decline(place->journal, STEP, 3, "", &error), -ESTALE);
        assert_int_equal(error.code, ERROR_CONFLICT);
        assert_false(is_there(place, "declined"));
        assert_int_equal(read_good(place).facts.started_fence, 3);
}

#define RACES 1000

typedef struct Race {
        atomic_int round; /* the taker may go */
        atomic_int ready; /* it waits for this round */
        atomic_int taken; /* 1: it got it, -1: it did not */
} Race;

static _Noreturn void take_orders(const Place *place, Race *race) {
        for (int i = 1; i <= RACES; i++) {
                atomic_store(&race->ready, i);
                while (atomic_load(&race->round) < i)
                        (void) sched_yield();

                /* a little later each time, so that every order of events comes up */
                for (volatile int spin = 0; spin < i % 100 * 20; spin = spin + 1)
                        ;
                atomic_store(&race->taken, take_order(place, "order-3") == 0 ? 1 : -1);
        }

        _exit(0);
}

static void test_of_start_and_withdrawal_exactly_one_wins(void **state) {
        Place *place = *state;
        Race *race =
                        mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        Intent intent = make_intent(3);
        int taken = 0, status;
        char path[PATH_MAX];
        pid_t pid;

        assert_true(race != MAP_FAILED);
        put_all(place);
        pid = fork();
        if (pid == 0)
                take_orders(place, race);

        for (int i = 1; i <= RACES; i++) {
                int r;

                assert_int_equal(step_journal_put_intent(place->journal, STEP, &intent, NULL), 0);
                while (atomic_load(&race->ready) < i)
                        (void) sched_yield();

                atomic_store(&race->taken, 0);
                atomic_store(&race->round, i);
                r = step_journal_decline(place->journal, STEP, 3, "", NULL);
                while (atomic_load(&race->taken) == 0)
                        (void) sched_yield();

                assert_int_equal(r == 0, atomic_load(&race->taken) < 0);
                assert_int_equal(is_there(place, "declined"), r == 0);
                assert_int_equal(is_there(place, "started"), r != 0);
                taken += r != 0;

                path_of(place, r == 0 ? "declined" : "started", path);
                assert_int_equal(unlink(path), 0);
        }

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        print_message("# started %d of %d times\n", taken, RACES);
        (void) munmap(race, sizeof(*race));
}

/* --- a full disk --- */

static void fill_disk(const Place *place, int *ret_fd) {
        char block[4096] = {}, path[PATH_MAX];
        int fd;

        assert_true(text_format(path, sizeof(path), "%s/much", place->dir));
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        while (write(fd, block, sizeof(block)) > 0)
                ;
        *ret_fd = fd;
}

static void use_small_disk(Place *place) {
        step_journal_free(TAKE(place->journal));
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", place->dir, "tmpfs", 0, "size=256k") < 0)
                skip();
        place->journal = open_journal(place->dir);
}

static void test_a_full_disk_leaves_no_half_intent(void **state) {
        Place *place = *state;
        Intent intent = make_intent(3);
        auto_close int fd = -EBADF;
        Error error = {};

        use_small_disk(place);
        put_stage(place, STEP);
        assert_int_equal(
                        step_journal_put_script(place->journal, STEP, SCRIPT, strlen(SCRIPT), NULL),
                        0);
        fill_disk(place, &fd);

        assert_true(step_journal_put_slot(place->journal, STEP, 3, &error) < 0);
        assert_int_equal(error.code, ERROR_NO_SPACE);
        assert_true(step_journal_put_intent(place->journal, STEP, &intent, &error) < 0);
        assert_int_equal(error.code, ERROR_NO_SPACE);
        assert_true(step_journal_decline(place->journal, STEP, 3, "", &error) < 0);
        assert_true(step_journal_put_epoch(place->journal, 5, &error) < 0);
        assert_int_equal(step_journal_get_epoch(place->journal), 0);

        /* room for one file, so that the intent is written and the order is not */
        assert_int_equal(ftruncate(fd, lseek(fd, 0, SEEK_END) - 4096), 0);
        assert_true(step_journal_put_intent(place->journal, STEP, &intent, &error) < 0);
        assert_false(is_there(place, "intent"));
        assert_false(is_there(place, "order-3"));
        assert_int_equal(read_good(place).facts.intent_fence, 0);

        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(step_journal_put_slot(place->journal, STEP, 3, NULL), 0);
        assert_int_equal(step_journal_put_intent(place->journal, STEP, &intent, NULL), 0);
        assert_true(is_there(place, "order-3"));
}

static void test_a_disk_that_is_read_only_is_an_error(void **state) {
        Place *place = *state;
        Error error = {};

        use_small_disk(place);
        put_stage(place, STEP);
        assert_int_equal(mount(NULL, place->dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
        assert_true(step_journal_put_slot(place->journal, STEP, 1, &error) < 0);
        assert_true(step_journal_decline(place->journal, STEP, 1, "", &error) < 0);
        assert_true(read_good(place).facts.stage);
}

/* --- all steps --- */

static void test_steps_are_listed_from_the_oldest(void **state) {
        static const char *const names[] = { "r1-c", "r2-a", "r3-b" };
        Place *place = *state;
        char steps[STEPS_MAX][STEP_ID_MAX] = {}, path[PATH_MAX];
        size_t count = 0;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const struct timespec times[] = { { .tv_sec = 1000 + (time_t) i },
                                                  { .tv_sec = 1000 + (time_t) i } };

                put_stage(place, names[i]);
                assert_true(text_format(
                                path, sizeof(path), "%s/steps/%s/stage", place->dir, names[i]));
                assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        }

        assert_int_equal(step_journal_list(place->journal, steps, &count, NULL), 0);
        assert_int_equal(count, ELEMENTSOF(names));
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                assert_string_equal(steps[i], names[i]);
}

static void test_a_step_that_cannot_be_listed_is_not_overlooked(void **state) {
        Place *place = *state;
        char steps[STEPS_MAX][STEP_ID_MAX], name[STEP_ID_MAX], path[PATH_MAX];
        size_t count = 0;
        Error error = {};

        for (unsigned i = 0; i <= STEPS_MAX; i++) {
                (void) text_format(name, sizeof(name), "r%u-test", i);
                put_stage(place, name);
                assert_int_equal(
                                step_journal_list(place->journal, steps, &count, &error),
                                i < STEPS_MAX ? 0 : -EMSGSIZE);
        }
        assert_int_equal(count, STEPS_MAX);

        assert_int_equal(step_journal_forget(place->journal, "r7-test", NULL), 0);
        assert_int_equal(step_journal_list(place->journal, steps, &count, NULL), 0);
        assert_true(text_format(path, sizeof(path), "%s/steps/R7", place->dir));
        assert_int_equal(mkdir(path, 0700), 0);
        assert_true(step_journal_list(place->journal, steps, &count, &error) < 0);
        assert_non_null(strstr(error.text, "R7"));
}

static void test_a_step_is_forgotten_as_a_whole(void **state) {
        Place *place = *state;
        char path[PATH_MAX], from[PATH_MAX];

        put_all(place);
        assert_int_equal(step_journal_forget(place->journal, STEP, NULL), 0);
        assert_false(read_good(place).facts.stage);
        assert_true(text_format(path, sizeof(path), "%s/forgotten", place->dir));
        assert_int_equal(access(path, F_OK), -1);

        /* what was interrupted in the middle of it is finished by the next start */
        put_all(place);
        assert_true(text_format(from, sizeof(from), "%s/steps/" STEP, place->dir));
        assert_int_equal(rename(from, path), 0);
        reopen(place);
        assert_int_equal(access(path, F_OK), -1);
}

#define JOURNAL_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                JOURNAL_TEST(test_a_journal_keeps_its_id_until_it_is_wiped),
                JOURNAL_TEST(test_the_highest_epoch_is_remembered),
                JOURNAL_TEST(test_a_journal_has_one_user),
                JOURNAL_TEST(test_a_damaged_id_or_epoch_is_not_guessed),
                JOURNAL_TEST(test_what_is_written_is_read),
                JOURNAL_TEST(test_a_step_that_is_not_there_is_absent),
                JOURNAL_TEST(test_whatever_is_damaged_is_named_and_nothing_is_guessed),
                JOURNAL_TEST(test_a_file_that_is_no_file_is_damage),
                JOURNAL_TEST(test_files_that_contradict_each_other_are_damage),
                JOURNAL_TEST(test_a_step_that_was_found_has_its_boot_and_at_most_a_fence),
                JOURNAL_TEST(test_a_step_that_has_its_order_was_not_found),
                JOURNAL_TEST(test_a_script_that_was_changed_is_noticed),
                JOURNAL_TEST(test_the_last_bytes_of_the_output_are_read),
                JOURNAL_TEST(test_the_output_is_read_piece_by_piece_up_to_its_end),
                JOURNAL_TEST(test_a_decline_withdraws_the_order_first),
                JOURNAL_TEST(test_what_was_started_cannot_be_declined),
                JOURNAL_TEST(test_of_start_and_withdrawal_exactly_one_wins),
                JOURNAL_TEST(test_a_full_disk_leaves_no_half_intent),
                JOURNAL_TEST(test_a_disk_that_is_read_only_is_an_error),
                JOURNAL_TEST(test_steps_are_listed_from_the_oldest),
                JOURNAL_TEST(test_a_step_that_cannot_be_listed_is_not_overlooked),
                JOURNAL_TEST(test_a_step_is_forgotten_as_a_whole),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
