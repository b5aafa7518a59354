/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/package-set.h"

/* Lists of packages, as pkgpanda prints them and as the generator writes them. None of these is
 * certain to end with a terminator. Each puts its ids into `ret`, in order; an empty list is an
 * error, because no DC/OS has no packages. On failure `ret` holds rubbish. Pure. */

/* `pkgpanda active`: one id a line. */
int package_list_read_active(const char *text, size_t size, PackageSet *ret, Error *error);

/* `pkgpanda list`, of what is downloaded: "NAME--VERSION", or "NAME:" and below it "  VERSION" for
 * each. What is downloaded need not be active. */
int package_list_read_downloaded(const char *text, size_t size, PackageSet *ret, Error *error);

/* The generator's package list, ["NAME--VERSION", ...], or its cluster-package-info.json,
 * {"NAME": {"id": "NAME--VERSION", ...}, ...}. */
int package_list_read_json(const char *text, size_t size, PackageSet *ret, Error *error);

/* The generator's cluster-package-list.latest: the name of a package list, 40 hexadecimal digits.
 */
#define PACKAGE_LIST_ID_MAX 41
int package_list_read_id(
                const char *text, size_t size, char ret[static PACKAGE_LIST_ID_MAX], Error *error);

/* The version part of the id of this name ("dcos-config" -> "setup_add8..."), borrowed; NULL: none,
 * or several. It is what a patch of the configuration is proven by. */
const char *package_set_version(const PackageSet *set, const char *name);
