/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel runs what a cgroup v1 hierarchy's release_agent names, on the host and as root, when the last process
 * leaves a cgroup. A container that may mount such a hierarchy gets out that way. The name decides, since a mount may
 * have any path; on another file system it is a file like any other, and the finding is one severity lower.
 *
 * What remains: a descriptor that was opened outside of the container; io_uring. Of a rename the file system is not
 * known, and no cgroup file can be renamed to that name: it is the lower one always.
 */
#include "analyzer/detections/detections.h"

enum { CGROUP_SUPER_MAGIC = 0x27e0eb, CGROUP2_SUPER_MAGIC = 0x63677270 };

const struct detection detection_cgroup_release_agent = {
    .id = "TRC-1010",
    .name = "cgroup_release_agent",
    .event_id = 6007,
    .title = "Cgroup release agent file modified in a container",
    .description = "A process in a container opened a file named release_agent for writing, or renamed one to that "
                   "name. The kernel runs what this file of a cgroup v1 hierarchy names on the host and as root: a way "
                   "out of the container.",
    .severity = SEVERITY_HIGH,
    .category = "privilege-escalation",
    .technique = "Escape to Host",
    .technique_id = "T1611",
    .technique_stix = "attack-pattern--4a5b7ade-8bb5-4853-84ed-23f262002665",
    .mends = STRINGS("a file of that name that is on no cgroup file system is one severity lower",
                     "a descriptor that cannot write (O_PATH) is no write"),
    .triggers = {{.event = "security_file_open",
                  .when = ALL_OF(BASENAME("data.pathname", "release_agent"), WRITE_OPEN, IN_CONTAINER),
                  .lower_when = NOT(ANY_OF(NUMBER("data.fs_magic", CGROUP_SUPER_MAGIC),
                                           NUMBER("data.fs_magic", CGROUP2_SUPER_MAGIC)))},
                 {.event = "security_inode_rename",
                  .when = ALL_OF(BASENAME("data.new_path", "release_agent"), IN_CONTAINER),
                  .lower_when = IN_CONTAINER}},
};
