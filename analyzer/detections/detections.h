/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_ANALYZER_DETECTIONS_DETECTIONS_H
#define VEDETTE_ANALYZER_DETECTIONS_DETECTIONS_H

#include "analyzer/detect/detection.h"

#define DETECTION(name_) extern const struct detection detection_##name_;
#include "analyzer/detections/detections.def"

/* Values of Linux that are the same on every architecture. */
enum {
    OPEN_ACCESS_MODE = 3, /* O_ACCMODE; 3 itself opens for ioctl only */
    OPEN_READ_ONLY = 0,
    OPEN_WRITE_ONLY = 1,
    OPEN_READ_WRITE = 2,
    OPEN_PATH_ONLY = 0x200000, /* O_PATH: the descriptor can neither read nor write */
};

/* An open that may write, or read, through the descriptor. */
#define WRITE_OPEN                                                                                                     \
    BITS("data.flags", OPEN_PATH_ONLY, 0), ANY_OF(BITS("data.flags", OPEN_ACCESS_MODE, OPEN_WRITE_ONLY),               \
                                                  BITS("data.flags", OPEN_ACCESS_MODE, OPEN_READ_WRITE))
#define READ_OPEN                                                                                                      \
    BITS("data.flags", OPEN_PATH_ONLY, 0), ANY_OF(BITS("data.flags", OPEN_ACCESS_MODE, OPEN_READ_ONLY),                \
                                                  BITS("data.flags", OPEN_ACCESS_MODE, OPEN_READ_WRITE))

/* In a container that has executed a program of its own: what the runtime does before that is not the container's. */
#define IN_CONTAINER NUMBER("container.started", 1)

/*
 * A rename is known by the caller's own name below a directory's real path, so it may hold detours that lead nowhere:
 * "//", "/./", "/name/../". In a pattern that begins with DETOUR_DEFINED, DETOUR stands after each '/' and takes them;
 * a name that leads elsewhere does not match.
 */
#define DETOUR_DEFINED "(?(DEFINE)(?<detour>/|\\./|(?!\\.\\.?/)[^/]++/(?&detour)*+\\.\\./))"
#define DETOUR         "(?&detour)*+"

#endif
