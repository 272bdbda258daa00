/* SPDX-License-Identifier: Apache-2.0 */
/* Which cgroup gets no more of a ring that fills: struct throttle of shared.h. */
#ifndef VEDETTE_COLLECTOR_BPF_THROTTLE_H
#define VEDETTE_COLLECTOR_BPF_THROTTLE_H

#include "collector/bpf/core_compat.h"

/* 1: the current task's cgroup has had its share, and one more event is counted as throttled. A global function, as
 * those of watch.h. */
int throttle_holds(void);

#endif
