/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials and namespaces of a task; what must arrive is the task's own view: /proc/self/status, getresuid. */
#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "integration-tests/events/compat.h"
#include "integration-tests/events/expect.h"

enum { OTHER_USER = 4242, OTHER_GROUP = 4243, I386_SETUID16 = 23, CAP_KILL = 5 };

static unsigned long long status_number(const char *status, const char *name)
{
    const char *at = strstr(status, name);
    if (at == NULL)
        cannot(name);
    return strtoull(at + strlen(name), NULL, 16);
}

static unsigned inode_of(const char *name)
{
    char path[PATH_BYTES];
    struct stat file;
    snprintf(path, sizeof(path), "/proc/thread-self/ns/%s", name);
    if (stat(path, &file) < 0)
        cannot(path);
    return (unsigned)file.st_ino;
}

const char *own_credentials(void)
{
    static char json[4][768];
    static unsigned next;
    char *to = json[next++ % 4], status[4096];
    uid_t uid[3];
    gid_t gid[3];
    read_text("/proc/thread-self/status", status, sizeof(status));
    if (getresuid(&uid[0], &uid[1], &uid[2]) < 0 || getresgid(&gid[0], &gid[1], &gid[2]) < 0)
        cannot("getresuid");
    int bits = prctl(PR_GET_SECUREBITS);
    snprintf(to, sizeof(json[0]),
             "{\"Uid\":%u,\"Gid\":%u,\"Suid\":%u,\"Sgid\":%u,\"Euid\":%u,\"Egid\":%u,\"Fsuid\":%d,\"Fsgid\":%d,"
             "\"UserNamespace\":%u,\"SecureBits\":%d,\"CapInheritable\":%llu,\"CapPermitted\":%llu,"
             "\"CapEffective\":%llu,\"CapBounding\":%llu,\"CapAmbient\":%llu}",
             uid[0], gid[0], uid[2], gid[2], uid[1], gid[1], setfsuid((uid_t)-1), setfsgid((gid_t)-1), inode_of("user"),
             bits, status_number(status, "CapInh:\t"), status_number(status, "CapPrm:\t"),
             status_number(status, "CapEff:\t"), status_number(status, "CapBnd:\t"),
             status_number(status, "CapAmb:\t"));
    return to;
}

static void commit_line(const char *what, const char *syscall, const char *old, bool is_compat)
{
    struct line line;
    line_begin(&line, "commit_creds", what);
    if (is_compat)
        line_compat(&line);
    line_result(&line, syscall, 0);
    line_json(&line, "old_cred", old);
    line_json(&line, "new_cred", own_credentials());
    line_end(&line);
}

/* One call that gives other credentials. */
#define COMMIT(what_, syscall_, call_)                                                                                 \
    do {                                                                                                               \
        const char *old = own_credentials();                                                                           \
        if ((call_) < 0)                                                                                               \
            cannot(what_);                                                                                             \
        commit_line(what_, syscall_, old, false);                                                                      \
    } while (0)

static int commit_all(void)
{
    COMMIT("a bounding set that loses one", "prctl", prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0));
    COMMIT("secure bits", "prctl", prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP));
    COMMIT("another group", "setresgid", syscall(SYS_setresgid, OTHER_GROUP, -1, 1));
    COMMIT("another user for files", "setfsuid", setfsuid(OTHER_USER));
    COMMIT("another effective user", "setresuid", syscall(SYS_setresuid, -1, OTHER_USER, -1));
    return 0;
}

static int commit_for_good(void)
{
    COMMIT("another user, without capabilities", "setuid", syscall(SYS_setuid, OTHER_USER));
    return 0;
}

static int commit_compat(void)
{
    const char *old = own_credentials();
    if (compat_call(I386_SETUID16, (const unsigned long[6]){OTHER_USER}) != 0)
        cannot("setuid16");
    commit_line("as a 32-bit call of 16 bits", "setuid16", old, true);
    return 0;
}

static int commit_same(void)
{
    pid_t child = fork();
    if (child == 0) {
        execl(program_copy(), "program", PAYLOAD, NULL);
        _exit(1);
    }
    if (child < 0 || waitpid(child, NULL, 0) != child)
        cannot("fork");
    near_miss_of("commit_creds", "an exec that gives none", child);
    return 0;
}

static int commit_nothing(void)
{
    if (syscall(SYS_setuid, getuid()) < 0 || prctl(PR_GET_SECUREBITS) < 0 ||
        setresuid(getuid(), (uid_t)-1, getuid()) < 0)
        cannot("setuid");
    near_miss("commit_creds", "the same ones again");
    return 0;
}

void trigger_commit_creds(void)
{
    in_child("vt-creds", commit_all);
    in_child("vt-creds-good", commit_for_good);
    in_child("vt-creds-none", commit_nothing);
    in_child("vt-creds-same", commit_same);
    if (compat_is_available())
        in_child("vt-creds-16", commit_compat);
    else
        not_possible("commit_creds", "as a 32-bit call of 16 bits", "this kernel takes no 32-bit calls");
}

static void namespaces_line(const char *what, const char *syscall)
{
    struct line line;
    struct who who = who_am_i();
    line_begin(&line, "switch_task_ns", what);
    line_result(&line, syscall, 0);
    line_int(&line, "pid", who.host_tid);
    line_unsigned(&line, "new_mnt", inode_of("mnt"));
    line_unsigned(&line, "new_pid", inode_of("pid_for_children"));
    line_unsigned(&line, "new_uts", inode_of("uts"));
    line_unsigned(&line, "new_ipc", inode_of("ipc"));
    line_unsigned(&line, "new_net", inode_of("net"));
    line_unsigned(&line, "new_cgroup", inode_of("cgroup"));
    line_end(&line);
}

static int switch_all(void)
{
    int own = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
    if (own < 0 || unshare(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWCGROUP) < 0)
        cannot("unshare");
    namespaces_line("unshared", "unshare");
    if (setns(own, CLONE_NEWUTS) < 0)
        cannot("setns");
    namespaces_line("back again", "setns");
    return 0;
}

static int switch_pid(void)
{
    if (unshare(CLONE_NEWPID) < 0)
        cannot("unshare");
    /* The link is there once somebody lives in it. */
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    if (child < 0 || waitpid(child, NULL, 0) != child)
        cannot("fork");
    namespaces_line("for children", "unshare");
    return 0;
}

static int switch_nothing(void)
{
    int own = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
    if (own < 0 || unshare(CLONE_FILES) < 0 || setns(own, 0) < 0 || setns(-1, 0) == 0)
        cannot("setns");
    near_miss("switch_task_ns", "the same one, files, and none");
    return 0;
}

void trigger_switch_task_ns(void)
{
    in_child("vt-unshare", switch_all);
    in_child("vt-unshare-pid", switch_pid);
    in_child("vt-unshare-no", switch_nothing);
}

/* It has no capability; what it asks for is refused. */
static int ask(void)
{
    struct line line;
    if (syscall(SYS_setuid, OTHER_USER) < 0)
        cannot("setuid");
    long long result = result_or_error(chroot("/"));
    if (result != -EPERM)
        cannot("chroot");
    line_begin(&line, "cap_capable", "a capability that it has not");
    line_repeated(&line);
    line_result(&line, "chroot", -EPERM);
    line_int(&line, "cap", 18); /* CAP_SYS_CHROOT */
    line_end(&line);
    return 0;
}

void trigger_cap_capable(void)
{
    in_child("vt-capable", ask);
}
