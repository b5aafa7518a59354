/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "common/macro.h"

/* A systemd of a few lines behind a D-Bus of a few lines, in the event loop of the test: clients
 * come to the socket `path`, and everything they may ask is answered as the members say now. */

typedef struct FakeSystemd FakeSystemd;

typedef struct FakeUnit {
        const char *active; /* ActiveState; "inactive" from the beginning */
        const char *load;
        unsigned job; /* 0: none */
        int exit_status;
} FakeUnit;

#define FAKE_LISTED_MAX 20

typedef struct FakeListed {
        const char *name; /* NULL: no more */
        const char *active;
        unsigned job;
} FakeListed;

typedef struct FakeRules {
        FakeUnit unit;                          /* the one unit that can be asked about */
        FakeListed listed[FAKE_LISTED_MAX + 1]; /* those that all units are; none to begin with */
        const char *start_error;                /* StartTransientUnit fails with this text */
        bool hold_start;                        /* StartTransientUnit is not answered */
        bool mute;                              /* questions are not answered */
        bool is_old;                            /* lists all units or none: no patterns */
        unsigned subscribes;                    /* counted by the fake, like those below */
        unsigned starts;
        unsigned questions;
        unsigned lists;
        unsigned lists_all; /* of those */
        unsigned resets;
        char started[4][512]; /* unit, mode, then the command line, of the last start */
} FakeRules;

int fake_systemd_new(sd_event *event, const char *path, FakeSystemd **ret);
FakeRules *fake_systemd_rules(FakeSystemd *fake);

/* Ends all connections; new ones are welcome. */
void fake_systemd_hang_up(FakeSystemd *fake);

/* "Something about the unit has changed." */
void fake_systemd_signal(FakeSystemd *fake, const char *path);

void fake_systemd_free(FakeSystemd *fake);
DEFINE_AUTO(FakeSystemd, fake_systemd_free)
