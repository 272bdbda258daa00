/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scripts that run when the machine starts: opened for writing, or put in place by a rename or a link, of which a
 * symbolic link in rcN.d is the usual one; and update-rc.d, by the name that was executed, since it is a script, whose
 * own file is its interpreter's. A package manager of the system is one severity lower, by its whole path, and not
 * when it was written since a container started: it installs such files, but also whatever package it is given.
 *
 * What remains: a rename, link or symbolic link through a symbolic link to the directory, or by a name relative to a
 * directory in linkat(2), shows the caller's name only; a file system or file mounted over the place; io_uring.
 */
#include "analyzer/detections/detections.h"

#define BOOT_SCRIPTS FROM_ROOT "etc/" DETOUR "(?:rc\\.local$|(?:init|rc[0-6S]?)\\.d" WITHIN ")"

const struct detection detection_rcd_modification = {
    .id = "TRC-1026",
    .name = "rcd_modification",
    .event_id = 6021,
    .title = "Boot script modified",
    .description = "A script that runs at boot (rc.local, init.d, rcN.d) was opened for writing or replaced, or "
                   "update-rc.d was executed. What is put there runs as root at every start.",
    .severity = SEVERITY_MEDIUM,
    .category = "persistence",
    .technique = "RC Scripts",
    .technique_id = "T1037.004",
    .technique_stix = "attack-pattern--dca670cf-eeec-438f-8185-fd959d9ef211",
    .mends = STRINGS(
        "`/etc/rcS.d/` is watched (there it is written `rcs.d`, which no system has), and `/etc/rc0.d/`",
        "`update-rc.d` fires though it is a script", "a rename by a name with detours (`//`, `/./`, `/x/../`) fires",
        "a hard or symbolic link made at the place fires, and a directory put in its place",
        "a descriptor that cannot write (O_PATH) is no write", "a package manager of the system is one severity lower"),
    .triggers = {{.event = "security_file_open",
                  .when = ALL_OF(ANY_OF(STRING("data.pathname", "/etc/rc.local"),
                                        PREFIX("data.pathname", "/etc/init.d/", "/etc/rc.d/", "/etc/rc0.d/",
                                               "/etc/rc1.d/", "/etc/rc2.d/", "/etc/rc3.d/", "/etc/rc4.d/",
                                               "/etc/rc5.d/", "/etc/rc6.d/", "/etc/rcS.d/")),
                                 WRITE_OPEN),
                  .lower_when = BY_PACKAGE_MANAGER},
                 COMES_TO(BOOT_SCRIPTS, BY_PACKAGE_MANAGER),
                 {.event = "sched_process_exec",
                  .when = ANY_OF(BASENAME("data.pathname", "update-rc.d"), BASENAME("data.cmdpath", "update-rc.d"))}},
};
