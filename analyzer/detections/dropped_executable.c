/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that did not come with the image: an ELF file was written in a container. The first bytes decide, not the
 * name. What is written into memory only (memfd, shared memory) is fileless_execution's when it is executed.
 *
 * What remains: a file whose first four bytes come in several writes, by a mapping, by io_uring, or by sendfile, splice
 * and copy_file_range, of which the bytes are not read; scripts.
 */
#include "analyzer/detections/detections.h"

const struct detection detection_dropped_executable = {
    .id = "TRC-1022",
    .name = "dropped_executable",
    .event_id = 6010,
    .title = "New executable dropped in a container",
    .description = "An ELF file was written in a container while it ran. Containers run what their image holds; a "
                   "program that comes later is often an attacker's tool.",
    .severity = SEVERITY_MEDIUM,
    .category = "defense-evasion",
    .technique = "Masquerading",
    .technique_id = "T1036",
    .technique_stix = "attack-pattern--42e8de7b-37b2-4258-905a-6897815e58e0",
    .mends = STRINGS("a write that failed does not fire: the result is signed here",
                     "a package manager of the system is one severity lower"),
    .triggers = {{.event = "magic_write",
                  .when = ALL_OF(PREFIX("data.bytes", "\177ELF"), IN_CONTAINER,
                                 NOT(PREFIX("data.pathname", "memfd:", "/dev/shm/", "/run/shm/"))),
                  .lower_when = BY_PACKAGE_MANAGER,
                  .data = {{.name = "path", .field = "data.pathname"}}}},
};
