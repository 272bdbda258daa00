/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library forced into programs before their own. An environment variable counts when it has a value: an empty one
 * loads nothing, and is how careful scripts clear it. Tracee takes the empty one too. The file counts when it is
 * opened for writing (never by a descriptor that cannot write, O_PATH) or comes to its name by a rename or a link; the
 * name is matched from a '/' on, so that my-etc/ld.so.preload is another file, and below any directory, because a
 * container's root or a chroot is one.
 *
 * What remains: a rename or link through a symbolic link to /etc, or by a name relative to it in linkat(2), shows the
 * caller's name only; a file system mounted over /etc. LD_AUDIT, which loads a library as well, is not in this
 * detection.
 */
#include "analyzer/detections/detections.h"

const struct detection detection_ld_preload = {
    .id = "TRC-107",
    .name = "ld_preload",
    .event_id = 6004,
    .title = "Library forced into programs by the dynamic loader",
    .description = "A program was started with LD_PRELOAD or LD_LIBRARY_PATH set, or /etc/ld.so.preload was written. "
                   "The dynamic loader then puts the named libraries before a program's own, so that they can change "
                   "what it does or hide what it sees.",
    .severity = SEVERITY_MEDIUM,
    .category = "persistence",
    .technique = "Hijack Execution Flow",
    .technique_id = "T1574",
    .technique_stix = "attack-pattern--aedfca76-3b30-4866-b2aa-0f1d7fd1e4b6",
    .mends = STRINGS("an empty variable, which loads nothing, does not fire",
                     "my-etc/ld.so.preload is another file: the name is matched from a `/` on",
                     "a rename by a name with detours (`//`, `/./`, `/x/../`) fires",
                     "a hard or symbolic link made at the place fires"),
    .triggers = {{.event = "sched_process_exec",
                  /* The loader parts the list at spaces and colons. */
                  .when = REGEX("data.env", "^LD_PRELOAD=[ :]*+[^ :]"),
                  .data = {{.name = "LD_PRELOAD", .field = "data.env"}}},
                 {.event = "sched_process_exec",
                  /* Here an empty part means the current directory, so a lone colon is a value. */
                  .when = REGEX("data.env", "(?s)^LD_LIBRARY_PATH=."),
                  .data = {{.name = "LD_LIBRARY_PATH", .field = "data.env"}}},
                 {.event = "security_file_open",
                  .when = ALL_OF(SUFFIX("data.pathname", "/etc/ld.so.preload"), WRITE_OPEN)},
                 COMES_TO(DETOUR_DEFINED "/etc/" DETOUR "ld\\.so\\.preload$", NULL)},
};
