/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cgroup v1 hierarchy runs its release_agent only for cgroups whose notify_on_release is set: the other half of that
 * way out of a container. The name decides, since a mount may have any path; on another file system it is a file like
 * any other, and the finding is one severity lower.
 *
 * What remains: the flag that a new cgroup inherits from its parent; a descriptor that was opened outside of the
 * container; io_uring.
 */
#include "analyzer/detections/detections.h"

const struct detection detection_cgroup_notify_on_release = {
    .id = "TRC-106",
    .name = "cgroup_notify_on_release",
    .event_id = 6011,
    .title = "Cgroup notify_on_release file modified in a container",
    .description =
        "A process in a container opened a file named notify_on_release for writing. With it set, the kernel runs the "
        "release_agent of a cgroup v1 hierarchy on the host and as root: a way out of the container.",
    .severity = SEVERITY_HIGH,
    .category = "privilege-escalation",
    .technique = "Escape to Host",
    .technique_id = "T1611",
    .technique_stix = "attack-pattern--4a5b7ade-8bb5-4853-84ed-23f262002665",
    .mends = STRINGS("a file of that name that is on no cgroup file system is one severity lower",
                     "a descriptor that cannot write (O_PATH) is no write"),
    .triggers = {{.event = "security_file_open",
                  .when = ALL_OF(BASENAME("data.pathname", "notify_on_release"), WRITE_OPEN, IN_CONTAINER),
                  .lower_when = NOT(ON_CGROUP_FS)}},
};
