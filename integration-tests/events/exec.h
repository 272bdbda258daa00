/* SPDX-License-Identifier: Apache-2.0 */
/* A program that is executed in a child, and what its sched_process_exec must show. */
#ifndef VEDETTE_EVENTS_EXEC_H
#define VEDETTE_EVENTS_EXEC_H

#include "integration-tests/events/trigger.h"

struct exec_case {
    const char *what;
    pid_t (*begin)(const struct exec_case *exec); /* makes the child, which calls exec_now; NULL: fork */
    void (*prepare)(void);                        /* in the child, before: descriptor 0, user, directory; may be NULL */
    int (*execute)(const struct exec_case *exec);
    void (*also)(const struct exec_case *exec, const struct who *who); /* what else it must show; may be NULL */
    const char *cmdpath, *pathname, *interp, *directory, *stdin_path;
    unsigned stdin_type;
    uid_t uid;
    const char *syscall;
    int file;                             /* a descriptor of what is executed */
    const char *const *argv, *const *env; /* as they arrive */
    const char *const *given_argv;        /* NULL: the same */
    const struct list *lists;             /* argv and env, which are long */
    const char *root;                     /* NULL: the namespace's */
    unsigned layer;
    bool is_compat;
    bool is_elsewhere; /* not in the directory of the run */
};

/* Most of a case: by its own name, in the directory of the run, with PAYLOAD and without an environment. */
struct exec_case exec_case_of(const char *what, const char *path);

/* Executes it in a child, which must end with status 0, and writes the line. Without `file` that is what `pathname`
 * names; it is closed. */
void exec_run(struct exec_case *exec);

/* For `begin`: what the child does. */
_Noreturn void exec_now(const struct exec_case *exec);

/* For `execute`. */
int exec_by_name(const struct exec_case *exec);
int exec_by_descriptor(const struct exec_case *exec);

/* For `prepare`: in the directory of the run, descriptor 0 is /dev/null. */
void exec_null_stdin(void);

/* What execve takes, for what it was given as constants: it changes nothing. */
char *const *exec_vector(const char *const *strings);

#endif
