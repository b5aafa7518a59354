/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What somebody had put into a folder of DC/OS, beside or instead of what packages have there, and
 * the newest activation has put aside: it moves FOLDER to FOLDER.old, and makes FOLDER anew of
 * links to the files of packages.
 *
 * Calls for each name that is in FOLDER.old and of no package, and in FOLDER no more. */
void leftover_each(
                const char *root,
                const char *name,
                void (*on_name)(const char *entry, void *userdata),
                void *userdata);
