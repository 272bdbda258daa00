/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fault build (cmake -DVEDETTE_FAULTS=ON; never shipped, and its --version says so) dies by SIGKILL at a numbered
 * point of fault_points.def when it is told to. In every other build a point is nothing.
 *
 * Told through a page that is mapped from the file VEDETTE_FAULTS names, before any privilege is given up: processes
 * that can open nothing any more still see it, and a death outlives who died.
 */
#ifndef VEDETTE_COMMON_BASE_FAULT_H
#define VEDETTE_COMMON_BASE_FAULT_H

#ifdef VEDETTE_FAULTS

#include <stdatomic.h>
#include <stdint.h>

enum fault_point {
#define FAULT(number, name, process, when) FAULT_##name = (number),
#include "common/base/fault_points.def"
#undef FAULT
};

enum { FAULT_LIMIT = 128, FAULT_DEEDS = 64 };

/* integration-tests/faults/page.py writes the same. */
struct fault_page {
    _Atomic uint32_t armed; /* the point to die at; 0 none, and again after the death */
    _Atomic uint32_t died;  /* the pid of who did */
    _Atomic int32_t spare;  /* how often the armed point is passed alive before */
    _Atomic uint32_t deed;  /* what the worker is to do that it should not (courier/taken_over.c); 0 none */
    _Atomic uint64_t passed[FAULT_LIMIT]; /* how often, by point */
    _Atomic int64_t result[FAULT_DEEDS];  /* of each deed: 1 it was done, -errno, or 2 it never returned */
};

/* Once, at the start of main. Without VEDETTE_FAULTS in the environment nothing ever happens. */
void fault_open(void);
void fault_point(enum fault_point point);
/* NULL without orders. */
struct fault_page *fault_orders(void);

#define FAULT_POINT(name) fault_point(FAULT_##name)

#else

#define fault_open()      ((void)0)
#define FAULT_POINT(name) ((void)0)

#endif

#endif
