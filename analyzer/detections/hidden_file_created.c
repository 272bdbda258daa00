/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ELF file written under a name that ls does not show: the file's own, or that of a folder below a place where
 * everybody may write. Elsewhere a folder with a dot (.cache, .cargo, .venv, .libs) is where ordinary tools put what
 * they build. The first bytes decide that it is a program.
 *
 * What remains: a file whose first four bytes come in several writes, by a mapping, by io_uring, or by sendfile,
 * splice and copy_file_range, of which the bytes are not read; a file that is renamed to a hidden name afterwards; a
 * hidden folder elsewhere. Tools that write a temporary copy beside the file under a name with a dot (rsync) fire.
 */
#include "analyzer/detections/detections.h"

const struct detection detection_hidden_file_created = {
    .id = "TRC-1015",
    .name = "hidden_file_created",
    .event_id = 6023,
    .title = "Hidden program file created",
    .description = "An ELF file was written under a hidden name, or into a hidden folder of a place where everybody "
                   "may write. Programs are hidden so that nobody comes upon them.",
    .severity = SEVERITY_MEDIUM,
    .category = "defense-evasion",
    .technique = "Hidden Files and Directories",
    .technique_id = "T1564.001",
    .technique_stix = "attack-pattern--ec8fc7e2-b356-455c-8db5-2e37be158e7d",
    .mends = STRINGS("a hidden folder anywhere in the path (.cache, .cargo, .venv) does not fire; one below /tmp, "
                     "/var/tmp, /dev or /run does",
                     "a write that failed does not fire: the result is signed here"),
    .triggers = {{.event = "magic_write",
                  .when =
                      ALL_OF(PREFIX("data.bytes", "\177ELF"),
                             REGEX("data.pathname", "^/(?:.*/)?\\.[^/]+$|^/(?:dev|run|tmp|var/tmp)/(?:.*/)?\\.[^/]"))}},
};
