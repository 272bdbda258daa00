/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COMMAND and its scope process. The scope process is a child subreaper: whatever COMMAND starts stays below it, so
 * that the collector finds the tree again after a restart, and those who outlive COMMAND can be named. It is apart from
 * the launcher, whose other children are not COMMAND's.
 */
#ifndef VEDETTE_LAUNCHER_COMMAND_H
#define VEDETTE_LAUNCHER_COMMAND_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
    COMMAND_EXIT_VEDETTE = 125,
    COMMAND_EXIT_CANNOT = 126,
    COMMAND_EXIT_NOT_FOUND = 127,
    COMMAND_EXIT_SIGNAL = 128,
};

struct command {
    pid_t scope; /* the scope process, 0 none */
    int go;      /* write end: COMMAND executes when a byte comes, gives up when it closes */
    int report;  /* read end; poll it */
    int pidfd;   /* COMMAND's */
    bool ended;
    int exit_code; /* when ended */
};

/*
 * Finds the file that execvp(3) would take for `name`; *ret_path is a new string. 0 or the exit code 126 or 127. Done
 * before capture, so that the search is no part of what COMMAND did.
 */
int command_find(const char *name, char **ret_path);

/* Forks both; COMMAND waits. `mask` is the signal mask COMMAND gets. 0 or -errno. */
int command_prepare(const char *path, char **argv, const sigset_t *mask, struct command *ret_command);

/* Lets COMMAND execute. */
void command_release(struct command *command);

/* Reads a report, if there is one; a failed execution is said on stderr. */
void command_read_report(struct command *command);

/* To COMMAND itself. */
void command_signal(struct command *command, int signal);

/* Says on stderr who is still alive below the scope process. */
void command_name_survivors(const struct command *command);

/* Ends the scope process (COMMAND's descendants go to init, as they would without us) and, when it was never released,
 * COMMAND. */
void command_close(struct command *command);

#endif
