/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init_namespaces and what is made of it: what a capture says of the system before anything else. Nothing has to be
 * caused; what it says can be known only in the initial pid namespace, from the first kernel thread, which lives in
 * init_task's namespaces.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "integration-tests/events/expect.h"

#define INITIAL_PID_NS 0xEFFFFFFCu /* include/linux/proc_ns.h */

static ino_t namespace_of(const char *name)
{
    char path[64];
    struct stat file;
    snprintf(path, sizeof(path), "/proc/2/ns/%s", name);
    if (stat(path, &file) < 0)
        cannot(path);
    return file.st_ino;
}

static bool is_visible(void)
{
    struct stat file;
    return stat("/proc/self/ns/pid", &file) == 0 && file.st_ino == INITIAL_PID_NS;
}

static void begin(struct line *line, const char *event)
{
    struct who who = {.mount_ns = namespace_of("mnt"), .pid_ns = INITIAL_PID_NS, .comm = "swapper/0"};
    line_begin_of(line, event, "of the first task", &who);
    line_result(line, "", 0);
}

void trigger_init_namespaces(void)
{
    static const char *const names[] = {
        "cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "time_for_children", "user", "uts"};
    struct line line;
    if (!is_visible()) {
        not_possible("init_namespaces", "of the first task", "from inside a pid namespace they cannot be known");
        return;
    }
    begin(&line, "init_namespaces");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        line_unsigned(&line, names[i], namespace_of(names[i]));
    line_end(&line);
    near_miss("init_namespaces", "of any other process");
}

void trigger_tracee_info(void)
{
    struct line line;
    if (!is_visible()) {
        not_possible("tracee_info", "of the first task", "from inside a pid namespace its namespaces cannot be known");
        return;
    }
    begin(&line, "tracee_info");
    line_any(&line, "boot_time");
    line_any(&line, "start_time");
    line_any(&line, "version");
    line_end(&line);
    near_miss("tracee_info", "of any other process");
}
