/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that cron, anacron or at will run later: their files opened for writing, or put in place by a rename or a
 * link; and the programs that write them, by the name that was executed, since batch is a script, whose own file is
 * its interpreter's. Listing (crontab -l) is no change. anacron's own time stamps and at's output are not looked at. A
 * package manager of the system is one severity lower, by its whole path, and not when it was written since a
 * container started: it installs such files, but also whatever package it is given.
 *
 * What remains: a rename, link or symbolic link through a symbolic link to the directory, or by a name relative to a
 * directory in linkat(2), shows the caller's name only; a file system or file mounted over the place; io_uring.
 */
#include "analyzer/detections/detections.h"

#define JOBS                                                                                                           \
    FROM_ROOT "(?:etc/" DETOUR                                                                                         \
              "(?:(?:ana)?crontab$|cron\\.(?:allow$|deny$|(?:d|hourly|daily|weekly|monthly|yearly)" WITHIN "))"        \
              "|var/" DETOUR "spool/" DETOUR "(?:anacron|at(?!/spool/)|cron(?!/atspool/))" WITHIN ")"

const struct detection detection_scheduled_task_mod = {
    .id = "TRC-1027",
    .name = "scheduled_task_mod",
    .event_id = 6020,
    .title = "Scheduled task modified",
    .description = "A file from which cron, anacron or at takes its jobs was opened for writing or replaced, or a "
                   "program that changes them was executed. What is put there runs later and again, often as root.",
    .severity = SEVERITY_MEDIUM,
    .category = "persistence",
    .technique = "Cron",
    .technique_id = "T1053.003",
    .technique_stix = "attack-pattern--2acf44aa-542f-4366-b4eb-55ef5747759c",
    .mends = STRINGS("`/var/spool/anacron/` is watched: it lacks its first slash there, and never matches",
                     "`/var/spool/cron/USER`, at's jobs and `/etc/cron.yearly/` are watched",
                     "`batch` fires though it is a script; listing (`crontab -l`) does not fire; `launchd`, which "
                     "Linux has not, is left out",
                     "a rename by a name with detours (`//`, `/./`, `/x/../`) fires",
                     "a hard or symbolic link made at the place fires, and a directory put in its place",
                     "a descriptor that cannot write (O_PATH) is no write",
                     "a package manager of the system is one severity lower"),
    .triggers = {{.event = "security_file_open",
                  .when = ALL_OF(
                      ANY_OF(STRING("data.pathname", "/etc/anacrontab", "/etc/cron.allow", "/etc/cron.deny",
                                    "/etc/crontab"),
                             PREFIX("data.pathname", "/etc/cron.d/", "/etc/cron.daily/", "/etc/cron.hourly/",
                                    "/etc/cron.monthly/", "/etc/cron.weekly/", "/etc/cron.yearly/",
                                    "/var/spool/anacron/", "/var/spool/at/", "/var/spool/cron/")),
                      WRITE_OPEN, NOT(PREFIX("data.pathname", "/var/spool/cron/atspool/", "/var/spool/at/spool/")),
                      NOT(ALL_OF(PREFIX("data.pathname", "/var/spool/anacron/"),
                                 STRING("process.executable", "/usr/sbin/anacron"), NOT(WRITTEN_IN_CONTAINER)))),
                  .lower_when = BY_PACKAGE_MANAGER},
                 COMES_TO(JOBS, BY_PACKAGE_MANAGER),
                 {.event = "sched_process_exec",
                  .when = ALL_OF(ANY_OF(BASENAME("data.pathname", "at", "batch", "crontab"),
                                        BASENAME("data.cmdpath", "at", "batch", "crontab")),
                                 NOT(ALL_OF(STRING("data.argv", "-l"), NOT(STRING("data.argv", "--")))))}},
};
