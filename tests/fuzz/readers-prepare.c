/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "coordinator/prepare/config-check.h"
#include "coordinator/prepare/config-compare.h"
#include "coordinator/prepare/generator-output.h"
#include "tests/fuzz/target.h"

static void read_config(const char *text, size_t size) {
        Findings *findings = calloc(1, sizeof(*findings));
        AUTO(YamlFlat) *flat = NULL;
        Error error = {};

        if (findings && yaml_flat_parse(text, size, &flat, &error) == 0) {
                config_check(flat, true, findings);
                *findings = (Findings) {};
                config_check(flat, false, findings);

                /* beside itself nothing differs */
                *findings = (Findings) {};
                config_compare(flat, flat, true, findings);
                if (findings->count > 0)
                        abort();
        }
        free(findings);
}

static void read_generator(const char *text, size_t size) {
        GeneratorVersion version = {};
        Error error = {};

        for (int status = 0; status < 2; status++) {
                const GeneratorOutput output = { .output = text,
                                                 .output_size = size,
                                                 .errors = text,
                                                 .errors_size = size,
                                                 .exit_status = status,
                                                 .bootstrap_url = "http://10.0.0.5:8080" };
                GeneratorResult result;

                generator_output_read(&output, &result);
                if (!result.failure && strlen(result.uuid) != GENERATOR_UUID_MAX - 1)
                        abort();
        }
        (void) generator_version_read(text, size, &version, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const FuzzTarget targets[] = {
                { "config", read_config },
                { "generator-output", read_generator },
        };

        return fuzz_one(targets, ELEMENTSOF(targets), TARGET, data, size);
}
