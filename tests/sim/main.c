/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/parse.h"
#include "tests/sim/run.h"

/* sim N [SEED]: N seeds from SEED on, each in a process of its own, on all cores. A seed that fails
 * is made short and told. sim --hunt N [SEED]: until the first that fails; says which, and how many
 * it took. sim --trace SEED [LEFT-OUT]: one seed, with all that happens. */

#define WORKERS_MAX 64
#define SHOWN_MAX   5

typedef struct Total {
        uint64_t seeds, failed, finished, events, faults, durable;
        usec_t took;
        uint64_t counts[FAULT_COUNT][PHASE_COUNT];
        Coverage coverage;
} Total;

/* --wrap makes them so: NOLINTBEGIN(bugprone-reserved-identifier, readability-identifier-naming) */
pid_t __real_fork(void);
pid_t __real_waitpid(pid_t pid, int *status, int options);
/* NOLINTEND(bugprone-reserved-identifier, readability-identifier-naming) */

static RunResult *shared(size_t count) {
        void *memory =
                        mmap(NULL, count * sizeof(RunResult), PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        assert(memory != MAP_FAILED);
        return memory;
}

static pid_t start(uint64_t seed, uint64_t left_out, bool verbose, RunResult *result) {
        pid_t child;

        memset(result, 0, sizeof(*result));
        (void) fflush(stdout);
        child = __real_fork();
        assert(child >= 0);
        if (child == 0) {
                run_seed(seed, left_out, verbose, result);
                _exit(0);
        }

        return child;
}

static void note_death(RunResult *result, int status) {
        if (result->ran)
                return;

        (void) snprintf(result->promise, sizeof(result->promise), "does not crash");
        (void) snprintf(result->failure, sizeof(result->failure), "the process died, signal %d",
                        WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void run_once(uint64_t seed, uint64_t left_out, bool verbose, RunResult *result) {
        int status = 0;

        (void) __real_waitpid(start(seed, left_out, verbose, result), &status, 0);
        note_death(result, status);
}

/* Faults are left out one by one, for as long as the same promise is broken. */
static uint64_t shorten(uint64_t seed, const RunResult *failed) {
        RunResult *result = shared(1);
        uint64_t left_out = 0;

        for (size_t i = 0; i < failed->fault_count; i++) {
                run_once(seed, left_out | UINT64_C(1) << i, false, result);
                if (strcmp(result->promise, failed->promise) == 0)
                        left_out |= UINT64_C(1) << i;
        }

        (void) munmap(result, sizeof(*result));
        return left_out;
}

static void tell_failure(uint64_t seed, const RunResult *failed, bool shows) {
        RunResult *result;
        uint64_t left_out;

        printf("seed %" PRIu64 ": promise %s: %s\n", seed, failed->promise, failed->failure);
        if (!shows)
                return;

        left_out = shorten(seed, failed);
        printf("shortened; again with: scripts/sim --trace %" PRIu64 " %" PRIu64 "\n", seed,
               left_out);
        result = shared(1);
        run_once(seed, left_out, true, result);
        (void) munmap(result, sizeof(*result));
}

static void add(Total *total, const RunResult *result) {
        total->seeds++;
        total->events += result->events;
        total->durable += result->durable;
        total->took += result->took;
        total->finished += result->finished;
        coverage_add(&total->coverage, &result->coverage);
        total->failed += result->promise[0] != '\0';
        for (size_t i = 0; i < FAULT_COUNT; i++) {
                for (size_t j = 0; j < PHASE_COUNT; j++) {
                        total->counts[i][j] += result->faults[i][j];
                        total->faults += result->faults[i][j];
                }
        }
}

static double now(void) {
        struct timespec time;

        (void) clock_gettime(CLOCK_MONOTONIC, &time);
        return (double) time.tv_sec + (double) time.tv_nsec / 1e9;
}

static void print_total(const Total *total, double took) {
        double seeds = (double) total->seeds;

        printf("\n%-24s", "fault in phase");
        for (size_t j = 0; j < PHASE_COUNT; j++)
                printf("%10s", phase_names[j]);
        printf("\n");
        for (size_t i = 0; i < FAULT_COUNT; i++) {
                printf("%-24s", fault_rows[i].name);
                for (size_t j = 0; j < PHASE_COUNT; j++)
                        printf("%10" PRIu64, total->counts[i][j]);
                printf("\n");
        }
        printf("\n");
        coverage_print(&total->coverage);
        printf("%" PRIu64
               " seeds in %.1f s: %.1f seeds/s; %.0f events, %.0f durable writes, %.1f faults "
               "and %.0f s of simulated time a seed; %.1f %% of the runs finished; %" PRIu64
               " failed\n",
               total->seeds, took, seeds / took, (double) total->events / seeds,
               (double) total->durable / seeds, (double) total->faults / seeds,
               (double) total->took / USEC_PER_SEC / seeds,
               100.0 * (double) total->finished / seeds, total->failed);
}

static int run_many(uint64_t count, uint64_t first, bool hunts) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        size_t workers = cores > 0 ? MIN((size_t) cores, (size_t) WORKERS_MAX) : 1;
        RunResult *results = shared(workers);
        struct {
                pid_t pid;
                uint64_t seed;
        } busy[WORKERS_MAX] = {};
        double begin = now();
        uint64_t next = first;
        Total total = {};

        while (total.seeds < count) {
                int status;
                pid_t ended;

                for (size_t i = 0; i < workers && next < first + count; i++) {
                        if (busy[i].pid == 0) {
                                busy[i].seed = next++;
                                busy[i].pid = start(busy[i].seed, 0, false, &results[i]);
                        }
                }

                ended = __real_waitpid(-1, &status, 0);
                for (size_t i = 0; i < workers; i++) {
                        if (busy[i].pid != ended)
                                continue;

                        busy[i].pid = 0;
                        note_death(&results[i], status);
                        add(&total, &results[i]);
                        if (results[i].promise[0] && hunts) {
                                printf("found after %" PRIu64 " seeds, by promise %s: %s\n",
                                       total.seeds, results[i].promise, results[i].failure);
                                return 1;
                        }
                        if (results[i].promise[0])
                                tell_failure(busy[i].seed, &results[i], total.failed <= SHOWN_MAX);
                }
        }

        if (!hunts)
                print_total(&total, now() - begin);
        return total.failed > 0;
}

int main(int argc, char *argv[]) {
        bool traces = argc > 2 && strcmp(argv[1], "--trace") == 0;
        bool hunts = argc > 2 && strcmp(argv[1], "--hunt") == 0;
        uint64_t count = 0, seed = 1, left_out = 0;

        if (traces) {
                if (parse_u64(argv[2], 0, UINT64_MAX, &seed) < 0 ||
                    (argc > 3 && parse_u64(argv[3], 0, UINT64_MAX, &left_out) < 0))
                        return 2;

                RunResult *result = shared(1);

                run_once(seed, left_out, true, result);
                printf("%s: %s\n", result->promise[0] ? result->promise : "all promises held",
                       result->failure);
                return result->promise[0] != '\0';
        }

        if (hunts) {
                argv++;
                argc--;
        }
        if (argc < 2 || parse_u64(argv[1], 1, UINT64_MAX, &count) < 0 ||
            (argc > 2 && parse_u64(argv[2], 0, UINT64_MAX, &seed) < 0)) {
                (void) fputs("usage: sim N [SEED] | sim --hunt N [SEED] | sim --trace SEED [LEFT-OUT]\n",
                             stderr);
                return 2;
        }

        return run_many(count, seed, hunts);
}
