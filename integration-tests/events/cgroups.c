/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_mkdir, cgroup_rmdir, cgroup_attach_task, and what the analyzer makes of them: container_create,
 * container_remove. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include "integration-tests/events/trigger.h"

/* The unified hierarchy, mounted where only this child sees it: a machine may have it anywhere, or nowhere. */
static const char *hierarchy(void)
{
    const char *path = place("cgroup");
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        (mkdir(path, 0755) < 0 && errno != EEXIST) || mount("cgroup2", path, "cgroup2", 0, NULL) < 0)
        cannot("the unified hierarchy of cgroups");
    return path;
}

struct made {
    char directory[PATH_BYTES]; /* as this child names it */
    char path[PATH_BYTES];      /* as the kernel does */
    bool path_is_known;         /* not from inside a cgroup namespace, whose root lies anywhere */
};

static struct made name_cgroup(const char *root, const char *name)
{
    struct made made;
    char own[PATH_BYTES];
    made.path_is_known = own_cgroup(own);
    snprintf(made.path, sizeof(made.path), "/vt-%d%s", getpid(), name);
    snprintf(made.directory, sizeof(made.directory), "%s%s", root, made.path);
    return made;
}

static void make(const struct made *made)
{
    if (mkdir(made->directory, 0755) < 0)
        cannot("a cgroup");
}

static void remove_all(const struct made *made, int count)
{
    while (count-- > 0)
        if (rmdir(made[count].directory) < 0)
            cannot("the end of a cgroup");
}

static void line_path(struct line *line, const struct made *made)
{
    if (made->path_is_known)
        line_string(line, "cgroup_path", made->path);
    else
        line_any(line, "cgroup_path");
}

static void cgroup_line(const char *event, const char *what, const char *syscall, const struct made *made, ino_t id)
{
    struct line line;
    line_begin(&line, event, what);
    line_result(&line, syscall, 0);
    line_unsigned(&line, "cgroup_id", id);
    line_path(&line, made);
    line_unsigned(&line, "hierarchy_id", 0);
    line_end(&line);
}

static ino_t number_of(const struct made *made)
{
    struct stat status;
    if (stat(made->directory, &status) < 0)
        cannot("a cgroup's number");
    return status.st_ino;
}

static int made_and_below(void)
{
    const char *root = hierarchy();
    struct made made[] = {name_cgroup(root, ""), name_cgroup(root, "/below")};
    for (int i = 0; i < 2; i++) {
        make(&made[i]);
        cgroup_line("cgroup_mkdir", i == 0 ? "a cgroup" : "one below it", "mkdir|mkdirat", &made[i],
                    number_of(&made[i]));
    }
    remove_all(made, 2);
    return 0;
}

static int made_twice(void)
{
    struct made made = name_cgroup(hierarchy(), "");
    make(&made);
    cgroup_line("cgroup_mkdir", "once", "mkdir|mkdirat", &made, number_of(&made));
    if (mkdir(made.directory, 0755) == 0 || errno != EEXIST)
        cannot("a second cgroup of that name");
    remove_all(&made, 1);
    return 0;
}

static int directory_made(void)
{
    if (mkdir(place("no-cgroup-either"), 0755) < 0 || rmdir(place("no-cgroup-either")) < 0)
        cannot("a directory");
    near_miss("cgroup_mkdir", "a directory of another file system is made");
    near_miss("cgroup_rmdir", "a directory of another file system is removed");
    return 0;
}

void trigger_cgroup_mkdir(void)
{
    in_child("vt-cg-mkdir", made_and_below);
    in_child("vt-cg-twice", made_twice);
    in_child("vt-cg-none", directory_made);
}

static int removed(void)
{
    const char *root = hierarchy();
    struct made made[] = {name_cgroup(root, ""), name_cgroup(root, "/below")};
    ino_t id[2];
    for (int i = 0; i < 2; i++) {
        make(&made[i]);
        id[i] = number_of(&made[i]);
    }
    if (rmdir(made[0].directory) == 0) /* refused: one is below it. Exactly one event tells that this gave none. */
        cannot("a cgroup that is not empty");
    remove_all(made, 2);
    cgroup_line("cgroup_rmdir", "one below another", "rmdir|unlinkat", &made[1], id[1]);
    cgroup_line("cgroup_rmdir", "a cgroup", "rmdir|unlinkat", &made[0], id[0]);
    return 0;
}

void trigger_cgroup_rmdir(void)
{
    in_child("vt-cg-rmdir", removed);
}

static void enter(const struct made *made, const char *pid, bool possible)
{
    char path[PATH_BYTES + 16];
    snprintf(path, sizeof(path), "%s/cgroup.procs", made->directory);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || (write(fd, pid, strlen(pid)) > 0) != possible)
        cannot("entering a cgroup");
    close(fd);
}

static int entered(void)
{
    const char *root = hierarchy();
    struct made made = name_cgroup(root, ""), outside = {.path_is_known = false};
    struct line line;
    struct who who = who_am_i();
    make(&made);
    enter(&made, "0", true);
    line_begin(&line, "cgroup_attach_task", "oneself");
    line_result(&line, "write", 0);
    line_path(&line, &made);
    line_string(&line, "comm", who.comm);
    line_int(&line, "pid", who.host_pid);
    line_end(&line);
    /* Back to where it came from, which is somewhere above. */
    snprintf(outside.directory, sizeof(outside.directory), "%s", root);
    outside.path_is_known = made.path_is_known;
    snprintf(outside.path, sizeof(outside.path), "/");
    enter(&outside, "0", true);
    line_begin(&line, "cgroup_attach_task", "out of it again, to the root");
    line_result(&line, "write", 0);
    line_path(&line, &outside);
    line_string(&line, "comm", who.comm);
    line_int(&line, "pid", who.host_pid);
    line_end(&line);
    remove_all(&made, 1);
    return 0;
}

static int not_entered(void)
{
    struct made made = name_cgroup(hierarchy(), "");
    make(&made);
    enter(&made, "-5", false);
    enter(&made, "nobody", false);
    near_miss("cgroup_attach_task", "a process that cannot be is not moved");
    remove_all(&made, 1);
    return 0;
}

void trigger_cgroup_attach_task(void)
{
    in_child("vt-cg-enter", entered);
    in_child("vt-cg-stay-out", not_entered);
}

#define ID "5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed"

/* Its own cgroup, and one that it makes below. */
static int container_lives(void)
{
    const char *root = hierarchy();
    struct made made[] = {name_cgroup(root, ""), name_cgroup(root, "/docker"), name_cgroup(root, "/docker/" ID),
                          name_cgroup(root, "/docker/" ID "/init.scope")};
    static const char *const unknown[] = {"container_image", "container_image_digest", "container_name", "pod_name",
                                          "pod_namespace"};
    struct line line;
    for (int i = 0; i < 4; i++)
        make(&made[i]);
    line_begin(&line, "container_create", "as docker names it");
    line_result(&line, "mkdir|mkdirat", 0);
    line_string(&line, "runtime", "docker");
    line_string(&line, "container_id", ID);
    line_any(&line, "ctime");
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        line_unreadable(&line, unknown[i], true);
    line_string(&line, "pod_uid", "");
    line_bool(&line, "pod_sandbox", false);
    line_end(&line);

    remove_all(made, 4);
    line_begin(&line, "container_remove", "as docker names it");
    line_result(&line, "rmdir|unlinkat", 0);
    line_string(&line, "runtime", "docker");
    line_string(&line, "container_id", ID);
    line_end(&line);
    return 0;
}

static int no_container(void)
{
    const char *root = hierarchy();
    struct made made[] = {name_cgroup(root, ""), name_cgroup(root, "/libpod-conmon-" ID ".scope"),
                          name_cgroup(root, "/docker"), name_cgroup(root, "/docker/5eed")};
    for (int i = 0; i < 4; i++)
        make(&made[i]);
    remove_all(made, 4);
    near_miss("container_create", "cgroups of a runtime that are no container's");
    near_miss("container_remove", "cgroups of a runtime that are no container's");
    return 0;
}

void trigger_container_create(void)
{
    in_child("vt-container", container_lives);
    in_child("vt-no-container", no_container);
}

void trigger_container_remove(void)
{
    /* With its making. */
}

void trigger_existing_container(void)
{
    not_possible("existing_container", "a container that was there",
                 "integration-tests/containers/run shows it with a real one");
}
