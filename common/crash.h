/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Named points at which the kill tests stop a program: meson -Dcrash-points=true only; in every
 * other build the macro is nothing at all. In a test build, when $ROLLPATCH_CRASH_AT names the
 * point and $ROLLPATCH_CRASH_DIR/NAME does not exist yet: creates that file (holding the pid) and
 * then waits until NAME.go appears beside it. So a point holds once, the test sees that it was
 * reached, kills whom it wants, and lets those go on that it left alive. */

#ifdef CRASH_POINTS
void crash_point(const char *name);
#        define CRASH_POINT(name) crash_point(name)
#else
#        define CRASH_POINT(name) ((void) 0)
#endif
