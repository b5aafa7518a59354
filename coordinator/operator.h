/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/control.h"

/* What operators ask for and order, one function a verb. Acting verbs are idempotent, answer with
 * the state they found, and leave an audit entry in the same transaction as what they do. A
 * ControlHandler with the coordinator as userdata. */
int operator_answer(
                const char *verb,
                const Json *arguments,
                const ControlPeer *peer,
                Json **ret_answer,
                Error *error,
                void *userdata);
