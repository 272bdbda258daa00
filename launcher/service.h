/* SPDX-License-Identifier: Apache-2.0 */
/* One of the two programs: started by descriptor at its privilege, known ready by sd_notify(3), ended with its whole
 * process group. */
#ifndef VEDETTE_LAUNCHER_SERVICE_H
#define VEDETTE_LAUNCHER_SERVICE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SERVICE_MAX_ARGUMENTS = 96 };

struct service {
    const char *name;
    int program;      /* open descriptor of the executable: the path may lie where the user below cannot go */
    uid_t uid;        /* 0: started as root, drops by itself */
    gid_t gid, group; /* `group`: supplementary */
    uid_t notify_uid; /* who, besides root, may say READY */
    bool owns_stdout; /* else its stdout is our stderr */
    char *argv[SERVICE_MAX_ARGUMENTS + 1]; /* owned strings */
    size_t argc;
    char notify_path[96];
    int notify; /* datagram socket */

    pid_t pid;  /* 0: not running; its process group has the same number */
    bool ready; /* said so since the last start */
    bool ended; /* since the last start */
    int status; /* of waitpid, when ended */
};

/* Opens `folder`/`name`. 0 or -errno with words. */
int service_open(struct service *service, const char *folder, char *error, size_t error_size);

/* Adds an argument built like printf. Aborts when there are too many: a programming error. */
void service_argument(struct service *service, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Binds the notification socket in `directory`/notify. 0 or -errno. */
int service_listen(struct service *service, const char *directory);

/* Forks and executes; `mask` is the signal mask that the program gets. 0 or -errno. */
int service_start(struct service *service, const sigset_t *mask);

/* Reads what came on the notification socket. */
void service_read_notify(struct service *service);

/* After SIGCHLD: true when the service was seen to have ended just now. What is left of its group is killed, so that
 * nothing stays behind. */
bool service_reap(struct service *service);

void service_signal(struct service *service, int signal); /* the main process */
void service_kill(struct service *service);               /* SIGKILL to the group, and reaps */
void service_close(struct service *service);

/* "ended with exit code 5 (in use)", "was killed by signal 9 (Killed)". */
void service_describe_end(const struct service *service, char *text, size_t size);

#endif
