/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/page.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

void page_compare(const char *path, void (*print)(FILE *file)) {
        const char *root = getenv("SOURCE_ROOT");
        auto_free char *wanted = NULL;
        auto_free char *place = NULL;
        char seen[65536] = "";
        size_t size = 0;
        FILE *file;

        if (!root) {
                print_message("# skipped: SOURCE_ROOT does not say where the page is\n");
                skip();
        }

        assert_true(asprintf(&place, "%s/%s", root, path) > 0);
        file = open_memstream(&wanted, &size);
        assert_non_null(file);
        print(file);
        assert_int_equal(fclose(file), 0);

        file = fopen(place, "re");
        assert_non_null(file);
        seen[fread(seen, 1, sizeof(seen) - 1, file)] = '\0';
        assert_int_equal(fclose(file), 0);
        assert_string_equal(seen, wanted);
}

int page_print(int argc, char *const argv[], void (*print)(FILE *file)) {
        if (argc != 2 || strcmp(argv[1], "--print") != 0)
                return -1;

        print(stdout);
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
