/* SPDX-License-Identifier: Apache-2.0 */
/* What both programs know of canaries: their families, and how a plan asks for them and for nobody else's. */
#ifndef VEDETTE_COMMON_EVENTS_CANARIES_H
#define VEDETTE_COMMON_EVENTS_CANARIES_H

enum canary_family {
#define CANARY(family, event) CANARY_##family,
#include "common/events/canaries.def"
    CANARY_FAMILIES,
};

/* The task's name while it causes them, at most 15 bytes: what a plan's scope asks for. */
#define CANARY_COMM "vedette-canary"

/*
 * The file that it opens: readable for everybody wherever sysfs is, allowed to the courier by Landlock already
 * (get_nprocs reads its neighbours), and opened by hardly anybody else. Its name is what a plan's watch asks for.
 */
#define CANARY_FILE_NAME "kernel_max"
#define CANARY_FILE      "/sys/devices/system/cpu/" CANARY_FILE_NAME

#endif
