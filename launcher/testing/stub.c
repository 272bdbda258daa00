/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for both programs in the launcher's tests: says what it is in "<folder>/log", and behaves as "<folder>/<its
 * name>.conf" wants: exit=N       ends with N before it is ready stop=N       ends with N on SIGTERM die_once     is
 * killed as soon as it is ready, the first time stay_dead    is killed as soon as it is ready, and from then on ends
 * with 1 before it is
 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "common/base/notify.h"

static char folder[PATH_MAX];
static const char *name;

static void note(const char *text)
{
    char path[PATH_MAX + 16];
    snprintf(path, sizeof(path), "%s/log", folder);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    dprintf(fd, "%s: %s\n", name, text);
    close(fd);
}

static void note_identity(int argc, char **argv)
{
    char text[4096];
    gid_t groups[8];
    int n = getgroups(8, groups);
    snprintf(text, sizeof(text), "uid=%d gid=%d groups=%d:%d no_new_privs=%d home=%s", (int)getuid(), (int)getgid(), n,
             n > 0 ? (int)groups[0] : -1, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
             getenv("HOME") != NULL ? "inherited" : "none");
    note(text);
    for (int i = 1; i < argc; i++)
        note(argv[i]);
}

static bool configured(const char *key, int *ret_value)
{
    char path[PATH_MAX * 2], line[64];
    snprintf(path, sizeof(path), "%s/%s.conf", folder, name);
    FILE *file = fopen(path, "re");
    bool found = false;
    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
        found = strncmp(line, key, strlen(key)) == 0;
        if (found && ret_value != NULL && strchr(line, '=') != NULL)
            *ret_value = (int)strtol(strchr(line, '=') + 1, NULL, 10);
    }
    if (file != NULL)
        fclose(file);
    return found;
}

/* True the first time only. */
static bool first_life(void)
{
    char path[PATH_MAX * 2];
    snprintf(path, sizeof(path), "%s/%s.died", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return false;
    close(fd);
    return true;
}

int main(int argc, char **argv)
{
    umask(0);
    ssize_t length = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
    if (length < 0)
        return 1;
    folder[length] = '\0';
    char *slash = strrchr(folder, '/');
    *slash = '\0';
    name = strcmp(slash + 1, "vedette-analyzer") == 0 ? "vedette-analyzer" : "vedette-collector";
    note_identity(argc, argv);

    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    int code = 0;
    if (configured("exit", &code))
        return code;
    bool die_once = configured("die_once", NULL), stay_dead = configured("stay_dead", NULL);
    bool first = (die_once || stay_dead) && first_life();
    if (stay_dead && !first)
        return 1;
    printf("%s\n", name);
    fflush(stdout);
    int notify = notify_open();
    notify_send(notify, "STATUS=starting\nREADY=1");
    if (first)
        raise(SIGKILL);
    int signal;
    sigwait(&term, &signal);
    note("stopped");
    code = 0;
    configured("stop", &code);
    return code;
}
