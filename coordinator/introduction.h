/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "proto/message.h"
#include "proto/schema.h"

/* Who says hello: the key, which has been proven, and what its holder says of himself, which has
 * not. */
typedef struct Introduction {
        uint8_t key[KEY_SIZE];
        bool has_token; /* it came with JOIN, and knows the secret of this token */
        uint8_t token[TOKEN_ID_SIZE];
        Hello hello;
} Introduction;
