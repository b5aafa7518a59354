/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/drop-in.h"

#include <string.h>

#include "common/parse.h"
#include "common/text.h"

static bool is_every_address(const char *listen, uint16_t *ret_port) {
        char address[ADDRESS_TEXT_MAX];

        return parse_endpoint(listen, address, ret_port) >= 0 &&
               (strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0);
}

void drop_in_agent_yaml(
                const char *listen,
                const uint8_t coordinator[static KEY_SIZE],
                char ret[static AGENT_YAML_MAX]) {
        char endpoint[ADDRESS_TEXT_MAX + 32];
        char key[KEY_TEXT_MAX];
        uint16_t port = 0;

        if (is_every_address(listen, &port)) {
                (void) text_format(
                                endpoint, sizeof(endpoint), "<address of the bootstrap node>:%u",
                                port);
        } else {
                (void) text_copy(endpoint, sizeof(endpoint), listen);
        }

        key_to_text(coordinator, key);
        (void) text_format(
                        ret, AGENT_YAML_MAX, "coordinator: %s\ncoordinator_key: %s\n", endpoint,
                        key);
}

void drop_in_join(const Token *token, char ret[static JOIN_MAX]) {
        token_to_text(token, ret);
        (void) text_copy(ret + TOKEN_TEXT_MAX - 1, JOIN_MAX - (TOKEN_TEXT_MAX - 1), "\n");
}
