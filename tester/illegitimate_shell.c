/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/prctl.h>

#include "tester/place.h"
#include "tester/trigger.h"

/* The name that the kernel shows for a web server that executes a program is the server's until the program runs. */
static int execute_as(const char *server, const char *program)
{
    char path[64], payload[] = TRIGGER_PAYLOAD;
    int r = place_private_etc();
    if (r < 0)
        return r;
    snprintf(path, sizeof(path), "/etc/%s", program);
    if (symlink("/proc/self/exe", path) < 0)
        return trigger_failed(path);
    if (prctl(PR_SET_NAME, server, 0, 0, 0) < 0)
        return trigger_failed("PR_SET_NAME");
    char *argv[] = {path, payload, NULL}, *environment[] = {NULL};
    execve(path, argv, environment);
    return trigger_failed(path);
}

static int server_executes_shell(void)
{
    return execute_as("nginx", "sh");
}

static int server_executes_other(void)
{
    return execute_as("nginx", "true");
}

static int other_executes_shell(void)
{
    return execute_as("nginx-exporter", "sh");
}

static int run(void)
{
    return trigger_in_child(server_executes_shell);
}

static int no_shell(void)
{
    return trigger_in_child(server_executes_other);
}

static int no_server(void)
{
    return trigger_in_child(other_executes_shell);
}

const struct trigger trigger_illegitimate_shell = {
    .id = "TRC-1016",
    .name = "illegitimate_shell",
    .what = "a process named nginx executes a program named sh, which prints a line",
    .run = run,
    .near_misses = {{"the program is named true", no_shell}, {"the process is named nginx-exporter", no_server}},
};
