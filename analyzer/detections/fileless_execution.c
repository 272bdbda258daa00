/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that runs from memory. Tracee judges the path alone, so that deleting the file first, or a tmpfs mounted
 * elsewhere, hides it. Here a file without any name left (link count 0) on a file system that lives in memory is
 * enough, whatever its path says: that is every memfd, and every file that was unlinked between its writing and its
 * execution. The paths remain for files that still have a name.
 *
 * A script's own file is never the one that is executed: "pathname" is then its interpreter, and only "cmdpath" names
 * the script.
 *
 * What remains:
 * - a script executed by descriptor shows /dev/fd/N only; whether that is a memfd needs the collector to look it up;
 * - a named file on a tmpfs that is mounted somewhere else (/tmp of many systems) is not told from ordinary use of that
 * place;
 * - runc from 1.1.15 executes a sealed copy of itself from a memfd at every container start, and fires. It is to be
 * exempted by facts (all seals set, same size as the runner's own executable, which root owns, uid 0, outside a
 * container), which the event does not carry yet; never by the name, which anybody can copy.
 */
#include "analyzer/detections/detections.h"

enum {
    TMPFS_MAGIC = 0x01021994, /* memfd, /dev/shm, every tmpfs; values of <linux/magic.h> */
    HUGETLBFS_MAGIC = 0x958458f6,
    RAMFS_MAGIC = 0x858458f6,
};

static const int64_t memory_file_systems[] = {TMPFS_MAGIC, HUGETLBFS_MAGIC, RAMFS_MAGIC};

#define IN_MEMORY_FILE_SYSTEM                                                                                          \
    (&(const struct predicate){.op = PREDICATE_NUMBERS,                                                                \
                               .field = "data.fs_magic",                                                               \
                               .numbers = memory_file_systems,                                                         \
                               .n_numbers = sizeof(memory_file_systems) / sizeof(memory_file_systems[0])})

const struct detection detection_fileless_execution = {
    .id = "TRC-105",
    .name = "fileless_execution",
    .event_id = 6003,
    .title = "Program executed from memory",
    .description = "A program was executed from memory instead of from a file on disk: from a memfd, from a deleted "
                   "file of a memory file system, or from shared memory. Nothing is left on disk to scan or to find "
                   "afterwards.",
    .severity = SEVERITY_HIGH,
    .category = "defense-evasion",
    .technique = "Reflective Code Loading",
    .technique_id = "T1620",
    .technique_stix = "attack-pattern--4933e63b-9b77-476e-ab29-761bc5b7d15a",
    .mends = STRINGS("a file without a name left on any memory file system fires, whatever its path says: deleting it "
                     "first or another tmpfs hid it",
                     "a script in shared memory fires, by the name that was executed"),
    .triggers = {{.event = "sched_process_exec",
                  .when = ANY_OF(PREFIX("data.pathname", "memfd:", "/dev/shm/", "/run/shm/"),
                                 PREFIX("data.cmdpath", "/dev/shm/", "/run/shm/"),
                                 ALL_OF(NUMBER("data.link_count", 0), IN_MEMORY_FILE_SYSTEM))}},
};
