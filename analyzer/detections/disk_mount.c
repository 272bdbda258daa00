/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container that mounts a disk of the host reads and writes it past every file permission. Only a new mount of a
 * device counts: a bind, a remount, a move or a change of propagation, of which every start of a container is full, is
 * of something that is mounted already; file systems that have no device take any word for its name; and what the
 * runtime does before the container's first own program is the runtime's. Asking is enough, whether or not the kernel
 * gives it, one severity lower.
 *
 * What remains: a device under a name outside of /dev (a link, a detour, mknod elsewhere) with a file system that is
 * not among those listed. Through the new mount API the event is that of fsconfig, whose names are the kernel's.
 */
#include "analyzer/detections/detections.h"

enum {
    MOUNT_REMOUNT = 0x20,
    MOUNT_BIND = 0x1000,
    MOUNT_MOVE = 0x2000,
    MOUNT_PROPAGATION = 0x20000 | 0x40000 | 0x80000 | 0x100000, /* unbindable, private, slave, shared */
};

const struct detection detection_disk_mount = {
    .id = "TRC-1014",
    .name = "disk_mount",
    .event_id = 6009,
    .title = "Disk mounted in a container",
    .description = "A process in a container mounted, or tried to mount, a file system of a block device. With the "
                   "host's disk mounted, its files can be read and changed from the container.",
    .severity = SEVERITY_HIGH,
    .category = "privilege-escalation",
    .technique = "Escape to Host",
    .technique_id = "T1611",
    .technique_stix = "attack-pattern--4a5b7ade-8bb5-4853-84ed-23f262002665",
    .mends = STRINGS("a bind, a remount, a move and a change of propagation, of which every start of a container is "
                     "full, do not fire",
                     "a device under a name outside of /dev fires by the type of its file system",
                     "a refused mount says `succeeded: false` and is one severity lower"),
    .triggers = {{.event = "security_sb_mount",
                  .when = ALL_OF(
                      ANY_OF(PREFIX("data.dev_name", "/dev/"),
                             STRING("data.type", "btrfs", "erofs", "exfat", "ext2", "ext3", "ext4", "f2fs", "fuseblk",
                                    "iso9660", "msdos", "ntfs", "ntfs3", "squashfs", "udf", "vfat", "xfs")),
                      IN_CONTAINER,
                      NOT(STRING("data.type", "cgroup", "cgroup2", "devpts", "devtmpfs", "mqueue", "overlay", "proc",
                                 "ramfs", "sysfs", "tmpfs")),
                      BITS("data.flags", MOUNT_REMOUNT | MOUNT_BIND | MOUNT_MOVE | MOUNT_PROPAGATION, 0)),
                  .attempt = true}},
};
