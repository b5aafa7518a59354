/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Random ids for machines: 128 bits as 32 lower-case hexadecimal digits. */
#define ID_TEXT_MAX 33

/* From getrandom(2), which cannot fail once the machine has booted. */
void id_random(char buffer[static ID_TEXT_MAX]);

/* This boot's id, /proc/sys/kernel/random/boot_id without the dashes. Negative errno when /proc
 * cannot be read: then nobody may claim that two moments lie in the same boot. */
int id_boot(char buffer[static ID_TEXT_MAX]);
