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

/* Below the root, by whatever detours; then what follows. */
#define FROM_ROOT DETOUR_DEFINED "^/(?:\\.\\./|(?&detour))*+"
/* After a folder's name: the folder itself, or something in it. */
#define WITHIN "(?:/*+$|/(?&detour)*+(?!\\.\\.?(?:/|$))[^/])"
/* Any folders, none too. */
#define FOLDERS "(?:(?&detour)|(?!\\.\\.?/)[^/]++/)*+"

/*
 * A name that matches is given to something else: by a rename, by being the other half of an exchange, by a hard or a
 * symbolic link.
 */
#define COMES_TO(pattern, lower)                                                                                       \
    {.event = "security_inode_rename", .when = REGEX("data.new_path", pattern), .lower_when = (lower)},                \
        {.event = "renameat2",                                                                                         \
         .when = ALL_OF(BITS("data.flags", EXCHANGE, EXCHANGE), REGEX("data.oldpath", pattern)),                       \
         .lower_when = (lower)},                                                                                       \
        {.event = "security_inode_symlink", .when = REGEX("data.linkpath", pattern), .lower_when = (lower)},           \
        {.event = "link", .when = REGEX("data.newpath", pattern), .lower_when = (lower)},                              \
    {                                                                                                                  \
        .event = "linkat", .when = REGEX("data.newpath", pattern), .lower_when = (lower)                               \
    }

enum { EXCHANGE = 2 }; /* RENAME_EXCHANGE of renameat2(2) */

/* Values of <linux/magic.h>; 0 is a file system that could not be read, which must not hide anything. */
#define ON_FILE_SYSTEM(...)                                                                                            \
    (&(const struct predicate){                                                                                        \
        .op = PREDICATE_NUMBERS,                                                                                       \
        .field = "data.fs_magic",                                                                                      \
        .numbers = (const int64_t[]){__VA_ARGS__},                                                                     \
        .n_numbers = sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t),                                         \
    })
#define ON_CGROUP_FS ON_FILE_SYSTEM(0x27e0eb, 0x63677270) /* v1 and v2 */
#define ON_PROCFS    ON_FILE_SYSTEM(0x9fa0, 0)
#define ON_DEBUGFS   ON_FILE_SYSTEM(0x64626720, 0)

/* The acting program was written after its container had started: in an image's place, but not the image's. */
#define WRITTEN_IN_CONTAINER NUMBER("process.overlay_layer", 2)

/* By whole path, below folders that only root writes: an attacker's copy elsewhere is not let through. */
#define BY_PROGRAM(...) ALL_OF(STRING("process.executable", __VA_ARGS__), NOT(WRITTEN_IN_CONTAINER))
#define BY_DEBUGGER                                                                                                    \
    ALL_OF(ANY_OF(STRING("process.executable", "/usr/bin/gdb", "/usr/bin/gdb-multiarch", "/usr/bin/gdbserver",         \
                         "/usr/bin/lldb-server", "/usr/bin/ltrace", "/usr/bin/rr", "/usr/bin/strace"),                 \
                  REGEX("process.executable", "^/usr/lib/llvm-[0-9]+/bin/lldb(?:-server)?$")),                         \
           NOT(WRITTEN_IN_CONTAINER))
#define BY_PACKAGE_MANAGER                                                                                             \
    BY_PROGRAM("/sbin/apk", "/usr/bin/apk", "/usr/bin/dnf5", "/usr/bin/dpkg", "/usr/bin/microdnf", "/usr/bin/pacman",  \
               "/usr/bin/rpm", "/usr/bin/zypper")

#endif
