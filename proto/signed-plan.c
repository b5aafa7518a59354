/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/signed-plan.h"

#include <inttypes.h>
#include <string.h>

#include "common/text.h"

#define CONTEXT  "rollpatch plan 1"
#define TEXT_MAX 2048

static int format(const Stage *stage, char ret[static TEXT_MAX], Error *error) {
        const char *const texts[] = { stage->cluster, stage->run, stage->node, stage->step,
                                      stage->from,    stage->to,  stage->url,  stage->sha256 };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                if (strchr(texts[i], '\n')) {
                        return error_setf(
                                        error, ERROR_INVALID,
                                        "the plan has a text of more than one line");
                }
        }

        if (!text_format(ret, TEXT_MAX,
                         "cluster %s\nepoch %" PRIu64
                         "\nrun %s\nnode %s\nstep %s\nfrom %s\nto %s\nscript %s\nsha256 %s\n"
                         "size %" PRIu64 "\ntimeout %" PRIu64 "\n",
                         stage->cluster, stage->epoch, stage->run, stage->node, stage->step,
                         stage->from, stage->to, stage->url, stage->sha256, stage->size,
                         stage->timeout))
                return error_setf(error, ERROR_TOO_BIG, "the plan is too long");

        return 0;
}

int signed_plan_sign(Stage *stage, const KeyPair *signing, Error *error) {
        uint8_t signature[SIGNATURE_SIZE];
        char text[TEXT_MAX];
        int r;

        r = format(stage, text, error);
        if (r < 0)
                return r;

        key_sign(signing, CONTEXT, text, strlen(text), signature);
        signature_to_text(signature, stage->signature);
        return 0;
}

int signed_plan_check(
                const Stage *stage,
                const char *cluster,
                const char *node,
                const uint8_t signing[static KEY_SIZE],
                Error *error) {
        uint8_t signature[SIGNATURE_SIZE];
        char text[TEXT_MAX];
        int r;

        if (strcmp(stage->cluster, cluster) != 0) {
                return error_setf(
                                error, ERROR_DENIED, "the plan is for cluster '%s', this is '%s'",
                                stage->cluster, cluster);
        }
        if (strcmp(stage->node, node) != 0) {
                return error_setf(
                                error, ERROR_DENIED, "the order is for node '%s', this is '%s'",
                                stage->node, node);
        }

        r = format(stage, text, error);
        if (r < 0)
                return r;

        if (signature_parse(stage->signature, signature) < 0 ||
            !key_verify(signing, CONTEXT, text, strlen(text), signature)) {
                return error_setf(
                                error, ERROR_DENIED,
                                "the plan is not signed with the signing_key of agent.yaml");
        }

        return 0;
}
