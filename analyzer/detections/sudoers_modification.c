/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may become root, changed: opened for writing, or put in place by a rename or a link. The paths are the kernel's.
 * A package manager of the system is one severity lower, by its whole path, and not when it was written since a
 * container started: it installs such files, but also whatever package it is given.
 *
 * What remains: a rename, link or symbolic link through a symbolic link to the directory, or by a name relative to a
 * directory in linkat(2), shows the caller's name only; a file system or file mounted over the place; io_uring.
 */
#include "analyzer/detections/detections.h"

#define SUDOERS FROM_ROOT "(?:usr/" DETOUR ")?etc/" DETOUR "sudoers(?:$|\\.d" WITHIN ")"

const struct detection detection_sudoers_modification = {
    .id = "TRC-1028",
    .name = "sudoers_modification",
    .event_id = 6019,
    .title = "Sudoers file modified",
    .description = "The rules of sudo were opened for writing or replaced. Whoever writes them can run commands as "
                   "root, now and later.",
    .severity = SEVERITY_MEDIUM,
    .category = "privilege-escalation",
    .technique = "Sudo and Sudo Caching",
    .technique_id = "T1548.003",
    .technique_stix = "attack-pattern--1365fe3b-0f50-455d-b4da-266ce31c23b0",
    .mends = STRINGS("a rename by a name with detours (`//`, `/./`, `/x/../`) fires",
                     "a hard or symbolic link made at the place fires, and a directory put in its place",
                     "`/usr/etc/sudoers` (openSUSE) is watched; macOS's `/private/etc` is not",
                     "a descriptor that cannot write (O_PATH) is no write",
                     "a package manager of the system is one severity lower"),
    .triggers = {{.event = "security_file_open",
                  .when = ALL_OF(ANY_OF(STRING("data.pathname", "/etc/sudoers", "/usr/etc/sudoers"),
                                        PREFIX("data.pathname", "/etc/sudoers.d/", "/usr/etc/sudoers.d/")),
                                 WRITE_OPEN),
                  .lower_when = BY_PACKAGE_MANAGER},
                 COMES_TO(SUDOERS, BY_PACKAGE_MANAGER)},
};
