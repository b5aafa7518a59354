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
                const DaemonConfig *config,
                const uint8_t channel[static KEY_SIZE],
                const uint8_t signing[static KEY_SIZE],
                char ret[static AGENT_YAML_MAX]) {
        char endpoint[ADDRESS_TEXT_MAX + 32];
        char channel_text[KEY_TEXT_MAX];
        char signing_text[KEY_TEXT_MAX];
        uint16_t port = 0;

        if (is_every_address(config->listen, &port)) {
                (void) text_format(
                                endpoint, sizeof(endpoint), "<address of the bootstrap node>:%u",
                                port);
        } else {
                (void) text_copy(endpoint, sizeof(endpoint), config->listen);
        }

        key_to_text(channel, channel_text);
        key_to_text(signing, signing_text);
        (void) text_format(
                        ret, AGENT_YAML_MAX,
                        "cluster: %s\ncoordinator: %s\ncoordinator_key: %s\nsigning_key: %s\n",
                        config->cluster, endpoint, channel_text, signing_text);
}

void drop_in_join(const Token *token, char ret[static JOIN_MAX]) {
        token_to_text(token, ret);
        (void) text_copy(ret + TOKEN_TEXT_MAX - 1, JOIN_MAX - (TOKEN_TEXT_MAX - 1), "\n");
}
