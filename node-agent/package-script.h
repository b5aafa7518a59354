/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/package-set.h"

/* Which packages dcos_node_upgrade.sh activates. The generator writes all ids, the same for every
 * role, into one line of it: "pkgpanda activate [--no-block] ID... [>&3]"; they replace whatever
 * was active before. A changed configuration of the same version differs in them alone, in
 * dcos-config--setup_... and dcos-metadata--setup_...; the version proves nothing there. Pure. */

/* 0: `ret` holds them, in order; none: the script does not speak of pkgpanda, so there is nothing
 * to compare with. Whatever else might activate packages, or cannot be read for certain, is an
 * error that names the line: a shell is not guessed at. On failure `ret` holds rubbish. */
int package_script_read(const char *data, size_t size, PackageSet *ret, Error *error);
