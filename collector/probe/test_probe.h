/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a probe on the running kernel. For the tests of the BPF programs. */
#ifndef VEDETTE_COLLECTOR_PROBE_TEST_PROBE_H
#define VEDETTE_COLLECTOR_PROBE_TEST_PROBE_H

#include "collector/drain/rings.h"

enum { TEST_SKIP = 77 };

/* For the plain flavour once can_load found VEDETTE_TEST_PLAIN set. */
extern struct probe_settings everything;

/* With every event allowed. NULL, the words printed, when it does not start. */
struct probe *start_probe(const struct probe_settings *base, enum scope_kind scope, uint32_t pid);
/* NULL when they cannot be mapped. */
struct rings *open_rings(const struct probe *probe);
void select_all(struct probe *probe, uint32_t epoch);
/* These alone, as epoch 1. */
void select_some(struct probe *probe, const uint32_t *events, size_t count);
/* Where the cgroup2 file system is; false if nowhere. */
bool find_cgroup2(char path[256]);
/* 0, or TEST_SKIP with the reason printed where no program can be loaded. */
int can_load(void);

#endif
