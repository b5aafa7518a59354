/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/text.h"
#include "coordinator/enrol-judge.h"

/* What is said of a denial, on both sides. In the rows {node}, {role}, {key}, {token} are what the
 * request said, {bound} is the name that its key is bound to, {other} the fingerprint of the key
 * that its name is bound to. */

// clang-format off
static const struct {
        const char *text;
        const char *advice;
        const char *node;
} rows[] = {
        [DENIAL_NONE] = { "", "", "" },
        [DENIAL_TOKEN_UNKNOWN] = {
                "a node shows join token {token}, which this coordinator has not made",
                "rollpatch token list",
                "join token {token} is not known to this coordinator: was it made by another one? put a new one into the join file" },
        [DENIAL_TOKEN_WRONG] = {
                "a node shows the id of join token {token} without its secret",
                "rollpatch token revoke {token}, if that goes on",
                "the secret of join token {token} is not the right one: put the whole token into the join file again" },
        [DENIAL_NAME_INVALID] = {
                "key {key} gives a name that is none",
                "set name: in agent.yaml on that node; lower-case letters, digits, dots and dashes",
                "this node's name is not usable: set name: in agent.yaml; lower-case letters, digits, dots and dashes" },
        [DENIAL_KEY_REJECTED] = {
                "{node} has key {key}, which was rejected",
                "rollpatch node approve {key}, if that was a mistake",
                "this node's key {key} was rejected by an operator: ask them" },
        [DENIAL_KEY_REVOKED] = {
                "{node} has key {key}, which was revoked",
                "remove the key file on that node and let it join again, with a new token",
                "this node's key {key} was revoked: remove the key file, put a new join token into the join file, and restart rollpatch-agent" },
        [DENIAL_NAME_CHANGED] = {
                "the key of {bound} says that its node is now called {node}",
                "set name: {bound} in agent.yaml there; or rollpatch node revoke {bound}, and let it join again as {node}",
                "this node's key is enrolled as {bound}, and not as {node}: set name: {bound} in agent.yaml, or ask the operator to revoke it" },
        [DENIAL_ROLE_CHANGED] = {
                "{node} says that its role is {role} now, and was let in with another",
                "rollpatch node show {node}; if it is right: rollpatch node revoke {node}, and let it join again with a token for {role}",
                "this node was enrolled with another role than {role}: ask the operator to revoke it, then join again" },
        [DENIAL_TOKEN_REVOKED] = {
                "{node} shows join token {token}, which was revoked",
                "rollpatch token create --role {role}",
                "join token {token} was revoked: put a new one into the join file" },
        [DENIAL_TOKEN_EXPIRED] = {
                "{node} shows join token {token}, which has expired",
                "rollpatch token create --role {role}",
                "join token {token} has expired: put a new one into the join file" },
        [DENIAL_TOKEN_USED_UP] = {
                "{node} shows join token {token}, whose uses are used up",
                "rollpatch token create --role {role} --uses N",
                "join token {token} is used up: put a new one into the join file" },
        [DENIAL_TOKEN_ROLE] = {
                "{node} has the role {role} and shows join token {token}, which is for another role",
                "rollpatch token create --role {role}",
                "join token {token} is not for the role {role}: put one that is into the join file" },
        [DENIAL_TOKEN_NAME] = {
                "{node} shows join token {token}, which is for other names",
                "rollpatch token list; rollpatch token create --role {role} --name {node}",
                "join token {token} is not for a node called {node}: put another one into the join file" },
        [DENIAL_MASTER_UNLISTED] = {
                "{node} says that it is a master, and is not in the list of masters",
                "add it to masters: in rollpatchd.yaml and restart rollpatchd, if it is one",
                "{node} is not in the coordinator's list of masters: the operator must add it to masters: in rollpatchd.yaml" },
        [DENIAL_MASTER_LISTED] = {
                "{node} is in the list of masters, and says that its role is {role}",
                "a master must not be patched as {role}: correct masters: in rollpatchd.yaml, or the role on the node",
                "{node} is a master by the coordinator's list, and {role} by its own files: one of them is wrong" },
        [DENIAL_NAME_CONFLICT] = {
                "key {key} says that it is {node}, which has the key {other}",
                "was it installed anew? rollpatch node revoke {node} --reason TEXT, then let it join; otherwise somebody poses as it",
                "the name {node} belongs to another key already: ask the operator to revoke that one, or set another name: in agent.yaml" },
        [DENIAL_CLUSTER_MIXED] = {
                "{node} belongs to another DC/OS cluster: its /var/lib/dcos/cluster-id is not ours",
                "compare that file on {node} and on a master",
                "this node's /var/lib/dcos/cluster-id is not that of the coordinator's cluster: the agent.yaml of another cluster was put here" },
        [DENIAL_JOURNAL_IMPLAUSIBLE] = {
                "{node} names an epoch or a fence that no coordinator of this cluster can have given: its step journal is damaged or another cluster's, or it lies",
                "look at /var/lib/rollpatch on {node}; rollpatch node revoke {node} --reason TEXT, if it lies",
                "the epoch or fence in this node's step journal is far beyond any that this coordinator has given: the journal is damaged, or belongs to another cluster; ask the operator" },
        [DENIAL_KEY_PENDING] = {
                "{node} asks to be let in as {role}, with key {key}",
                "compare the fingerprint with the one in the journal of that node; then: rollpatch node approve {key}",
                "waiting to be approved; the operator says: rollpatch node approve {key}" },
};
// clang-format on
static_assert(ELEMENTSOF(rows) == DENIAL_COUNT, "a denial without words");

typedef struct Word {
        const char *name;
        const char *value;
} Word;

static const char *find_word(const Word words[], const char *name, size_t length) {
        for (; words->name; words++) {
                if (strncmp(words->name, name, length) == 0 && words->name[length] == '\0')
                        return words->value;
        }

        assert(false);
        return "";
}

static void expand(const char *row, const Word words[], char buffer[static REASON_MAX]) {
        size_t used = 0;

        buffer[0] = '\0';
        while (*row && used < REASON_MAX - 1) {
                size_t plain = strcspn(row, "{");

                (void) text_format(buffer + used, REASON_MAX - used, "%.*s", (int) plain, row);
                row += plain;
                if (*row == '{') {
                        size_t length = strcspn(++row, "}");

                        used = strlen(buffer);
                        (void) text_copy(
                                        buffer + used, REASON_MAX - used,
                                        find_word(words, row, length));
                        row += length + 1;
                }

                used = strlen(buffer);
        }
}

/* Short in text for people; what is no key has none. */
static void fingerprint_of(const char *key, char ret[static KEY_FINGERPRINT_MAX]) {
        uint8_t bytes[KEY_SIZE];

        if (key_parse(key, bytes) < 0) {
                (void) text_copy(ret, KEY_FINGERPRINT_MAX, "-");
        } else {
                key_fingerprint(bytes, ret);
        }
}

void denial_describe(
                const Enrol *enrol, Denial denial, const EnrolRequest *request, DenialText *ret) {
        const NodeKey *known = enrol_find_key(enrol, request->key);
        const NodeKey *holder = enrol_find_node(enrol, request->name);
        char fingerprint[KEY_FINGERPRINT_MAX];
        char other[KEY_FINGERPRINT_MAX];
        const Word words[] = {
                { "node", name_is_valid(request->name) ? request->name : "a node" },
                { "role", enum_name(&role_names, request->role) },
                { "key", fingerprint },
                { "token", request->token },
                { "bound", known ? known->node : "" },
                { "other", other },
                {},
        };

        fingerprint_of(request->key, fingerprint);
        fingerprint_of(holder ? holder->key : "", other);
        expand(rows[denial].text, words, ret->text);
        expand(rows[denial].advice, words, ret->advice);
        expand(rows[denial].node, words, ret->node);
}
