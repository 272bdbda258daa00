/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program that the kernel runs first for every dynamic executable, changed: opened for writing, or put in place by
 * a rename or a link. The names are those that C libraries have for it; a library that only begins with "ld" is
 * another file. A package manager of the system is one severity lower, by its whole path, and not when it was written
 * since a container started: it installs such files, but also whatever package it is given.
 *
 * What remains: a rename, link or symbolic link through a symbolic link to the directory, or by a name relative to a
 * directory in linkat(2), shows the caller's name only; a file system or file mounted over the place; io_uring.
 */
#include "analyzer/detections/detections.h"

/* glibc's, with and without its version, musl's and uClibc's. */
#define LOADER "ld(?:64|-linux[^/]*|-musl-[^/]*|-uClibc[^/]*|-[0-9.]+)?\\.so(?:\\.[0-9]+)?$"

const struct detection detection_default_loader_mod = {
    .id = "TRC-1012",
    .name = "default_loader_mod",
    .event_id = 6022,
    .title = "Dynamic loader modified",
    .description = "The dynamic loader was opened for writing or replaced. It runs first in every dynamic program, so "
                   "that whoever changes it runs in all of them.",
    .severity = SEVERITY_HIGH,
    .category = "defense-evasion",
    .technique = "Hijack Execution Flow",
    .technique_id = "T1574",
    .technique_stix = "attack-pattern--aedfca76-3b30-4866-b2aa-0f1d7fd1e4b6",
    .mends = STRINGS("`/lib64/`, `/lib32/` and `/libx32/` are watched: its first filter misses them",
                     "libraries whose names begin with ld (libldap is none, ldb.so is one) do not fire",
                     "a rename by a name with detours (`//`, `/./`, `/x/../`) fires",
                     "a hard or symbolic link made at the place fires, and a directory put in its place",
                     "a descriptor that cannot write (O_PATH) is no write",
                     "a package manager of the system is one severity lower"),
    .triggers = {{.event = "security_file_open",
                  /* The prefixes are what the kernel looks for. */
                  .when = ALL_OF(PREFIX("data.pathname", "/lib/", "/lib32/", "/lib64/", "/libx32/", "/usr/lib/",
                                        "/usr/lib32/", "/usr/lib64/", "/usr/libx32/"),
                                 REGEX("data.pathname", "^/(?:usr/)?lib(?:32|64|x32)?/(?:.*/)?" LOADER), WRITE_OPEN),
                  .lower_when = BY_PACKAGE_MANAGER},
                 COMES_TO(FROM_ROOT "(?:usr/" DETOUR ")?lib(?:32|64|x32)?/" FOLDERS LOADER, BY_PACKAGE_MANAGER)},
};
