/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/error.h"

/* What dcos_generate_config.sh printed: the address of the node script is the only sign that there
 * is one. It ends with 0 without one, too. Pure. */

#define GENERATOR_URL_MAX  512
#define GENERATOR_UUID_MAX 33

typedef struct GeneratorOutput {
        const char *output; /* stdout, not necessarily terminated */
        size_t output_size;
        const char *errors; /* stderr, likewise */
        size_t errors_size;
        int exit_status;
        const char *bootstrap_url; /* of config.yaml */
} GeneratorOutput;

typedef struct GeneratorResult {
        const char *failure; /* an id, "no-docker"; NULL: there is a script */
        Error why;
        char url[GENERATOR_URL_MAX];
        char uuid[GENERATOR_UUID_MAX]; /* its file is serve/upgrade/UUID/dcos_node_upgrade.sh */
} GeneratorResult;

void generator_output_read(const GeneratorOutput *output, GeneratorResult *ret);

/* The caller looks whether the script is there: without it the URL leads nowhere. */
void generator_result_without_file(GeneratorResult *result);

typedef struct GeneratorVersion {
        char version[64];
        char variant[16];
} GeneratorVersion;

/* Of --version. */
int generator_version_read(const char *text, size_t size, GeneratorVersion *ret, Error *error);
